# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where figures come from: Prometheus, and each machine's own results with their sentences."""

from __future__ import annotations

import http.client
import json
import urllib.parse
import urllib.request
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

TIMEOUT = 20.0
MACHINE_TIMEOUT = 3.0
AT_ONCE = 32
RESULT_LIMIT = 1024 * 1024

Labels = Mapping[str, str]


class NoFigures(Exception):
    """Prometheus gave no answer; the text says why."""


class Prometheus:
    """Questions to Prometheus. Each raises NoFigures when there is no answer."""

    def __init__(self, url: str) -> None:
        """Take the address of its HTTP interface."""
        self._url = url.rstrip("/")

    def now(self, expression: str) -> list[tuple[Labels, float]]:
        """Return labels and value of each series at this moment."""
        found = self._ask("query", {"query": expression})["result"]
        return [(item["metric"], float(item["value"][1])) for item in found]

    def over(self, expression: str, begin: float, end: float, step: int) -> list[tuple[Labels, dict[int, float]]]:
        """Return labels and values by moment (Unix seconds) of each series."""
        parameters = {"query": expression, "start": f"{begin:.0f}", "end": f"{end:.0f}", "step": str(step)}
        found = self._ask("query_range", parameters)["result"]
        return [(item["metric"], {int(moment): float(value) for moment, value in item["values"]}) for item in found]

    def alerts(self) -> list[dict[str, Any]]:
        """Return the alerts that fire or soon will, with their sentences."""
        return self._ask("alerts", {})["alerts"]

    def _ask(self, what: str, parameters: Mapping[str, str]) -> dict[str, Any]:
        data = urllib.parse.urlencode(parameters).encode() or None
        request = urllib.request.Request(f"{self._url}/api/v1/{what}", data)
        try:
            with urllib.request.urlopen(request, timeout=TIMEOUT) as answer:
                content = json.load(answer)
            if content["status"] != "success":
                raise NoFigures(f"Prometheus: {content.get('error')}")
            return content["data"]
        except (OSError, http.client.HTTPException, ValueError, KeyError) as error:
            reason = getattr(error, "reason", None) or error
            raise NoFigures(f"Prometheus does not answer: {reason}") from error


def results(machines: Iterable[tuple[str, str]], path: str = "/checks.json") -> dict[str, Any]:
    """Ask many machines side by side for their results.

    :param machines: name and ``address:port`` of each.
    :returns: name -> what it answered, or the reason (a string) why there is none.
    """
    wanted = list(machines)
    with ThreadPoolExecutor(max_workers=AT_ONCE) as pool:
        answers = pool.map(lambda machine: _result(machine[1], path), wanted)
        return {name: answer for (name, _endpoint), answer in zip(wanted, answers, strict=True)}


def _result(endpoint: str, path: str) -> Any:
    try:
        with urllib.request.urlopen(f"http://{endpoint}{path}", timeout=MACHINE_TIMEOUT) as answer:
            text = answer.read(RESULT_LIMIT + 1)
        if len(text) > RESULT_LIMIT:
            return "the results are longer than they can be"
        found = json.loads(text)
        return found if isinstance(found, dict) else "the results are in an unknown form"
    except (OSError, http.client.HTTPException) as error:
        return str(getattr(error, "reason", None) or error) or type(error).__name__
    except ValueError:
        return "the results are no JSON"
