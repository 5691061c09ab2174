# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where figures come from: Prometheus, and each machine's own results. No answer ends the program."""

from __future__ import annotations

import json
import math
import threading
import urllib.parse
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from ringmaster.status import answers
from ringmaster.status.fetch import NotAgreed, fetch

TIMEOUT = 20.0
FIGURES_LIMIT = 64 * 1024 * 1024
MACHINE_TIMEOUT = 3.0
# So many are asked at once that those that let us wait cost the others seconds.
AT_ONCE = 128
RESULT_LIMIT = 1024 * 1024
LARGEST = 1e18
TEXT_LIMIT = 400
"""Characters of a label or a sentence of Prometheus; both may come from a machine."""
NOT_AGREED = "did not answer as agreed: "

Labels = Mapping[str, str]
# What a hostile answer takes while it is read is many times its size, so one is read at a time.
_READING = threading.Lock()


def endpoint(url: str) -> str:
    """Return ``address:port`` of an address."""
    return urllib.parse.urlsplit(url).netloc


class NoFigures(Exception):
    """Prometheus gave no answer; the text says why."""


class Prometheus:
    """Questions to Prometheus. Each raises NoFigures when there is no answer."""

    def __init__(self, url: str) -> None:
        """Take the address of its HTTP interface: ``http://address:port``."""
        self._endpoint = endpoint(url)

    def now(self, expression: str) -> list[tuple[Labels, float]]:
        """Return labels and value of each series at this moment; values that are no numbers are left out."""
        found = self._ask("query", {"query": expression}, "result")
        return [(_labels(item["metric"]), value) for item in found if (value := _number(item["value"][1])) is not None]

    def over(self, expression: str, begin: float, end: float, step: int) -> list[tuple[Labels, dict[int, float]]]:
        """Return labels and values by moment (Unix seconds) of each series; values that are no numbers are left out."""
        parameters = {"query": expression, "start": f"{begin:.0f}", "end": f"{end:.0f}", "step": str(step)}
        return [
            (
                _labels(item["metric"]),
                {int(moment): number for moment, value in item["values"] if (number := _number(value)) is not None},
            )
            for item in self._ask("query_range", parameters, "result")
        ]

    def alerts(self) -> list[dict[str, Any]]:
        """Return the alerts that fire or soon will, with their sentences."""
        return [
            {
                **alert,
                "labels": _labels(alert.get("labels") or {}),
                "annotations": _labels(alert.get("annotations") or {}),
            }
            for alert in self._ask("alerts", {}, "alerts")
        ]

    def _ask(self, what: str, parameters: Mapping[str, str], part: str) -> list[dict[str, Any]]:
        form = urllib.parse.urlencode(parameters).encode() or None
        try:
            text = fetch(self._endpoint, f"/api/v1/{what}", seconds=TIMEOUT, limit=FIGURES_LIMIT, form=form)
            content = json.loads(text)
            if content["status"] != "success":
                raise NoFigures(f"Prometheus: {_shown(content.get('error'))}")
            return list(content["data"][part])
        except NotAgreed as error:
            raise NoFigures(f"Prometheus {NOT_AGREED}{error}") from error
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise NoFigures(f"Prometheus does not answer: {why(error)}") from error


def _number(text: Any) -> float | None:
    value = float(text)
    return value if math.isfinite(value) and abs(value) < LARGEST else None


def _labels(found: Mapping[str, Any]) -> dict[str, str]:
    return {str(name): _shown(value) for name, value in found.items()}


def _shown(value: Any) -> str:
    return answers.UNPRINTABLE.sub(" ", str(value)[:TEXT_LIMIT])


def results(machines: Iterable[tuple[str, str]]) -> dict[str, dict[str, Any] | str]:
    """Ask many machines side by side for the results of their checks.

    :param machines: name and ``address:port`` of each.
    :returns: name -> ``{time, checks, planned}``, or the reason (a string) why there is nothing.
    """
    return _ask_all(machines, "/checks.json", answers.results)


def vms(hypervisors: Iterable[tuple[str, str]]) -> dict[str, dict[str, Any] | str]:
    """Ask hypervisors for their VMs: name of the hypervisor -> VM -> its record, or the reason why there is nothing."""
    return _ask_all(hypervisors, "/vms.json", answers.vms)


def _ask_all(
    machines: Iterable[tuple[str, str]], path: str, judge: Callable[[Any], dict[str, Any]]
) -> dict[str, dict[str, Any] | str]:
    wanted = list(machines)
    with ThreadPoolExecutor(max_workers=AT_ONCE) as pool:
        found = pool.map(lambda machine: _answer(machine[1], path, judge), wanted)
        return {name: answer for (name, _endpoint), answer in zip(wanted, found, strict=True)}


def _answer(endpoint: str, path: str, judge: Callable[[Any], dict[str, Any]]) -> dict[str, Any] | str:
    try:
        content = fetch(endpoint, path, seconds=MACHINE_TIMEOUT, limit=RESULT_LIMIT)
        with _READING:
            return judge(answers.parse(content))
    except NotAgreed as error:
        return f"{NOT_AGREED}{error}"
    except (OSError, ValueError) as error:  # a ValueError of the address, which the description names
        return why(error)


def why(error: Exception) -> str:
    """Say in a few words what kept somebody from answering."""
    return str(getattr(error, "strerror", None) or error) or type(error).__name__
