# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who makes how many series, as Prometheus counts them.

Prometheus limits one answer of an exporter, not what a hundred answers add up to. Each series that was there once costs
it memory until the head of its database is cut, after three hours at most, and disk for as long as figures are kept.
"""

from __future__ import annotations

import http.client
import json
import re
import urllib.parse
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

HOURS = 3
"""What is counted together: for so long Prometheus has a series in memory, whatever becomes of it."""
TIMEOUT = 50
ANSWER = 50_000_000
DIGEST = re.compile(r"[0-9a-f]{16,64}")

Ask = Callable[[str], dict[str, float]]
Endpoints = dict[str, list[tuple[str, int]]]


class Silence(Exception):
    """Prometheus does not tell."""


class TooMany(Exception):
    """Prometheus refuses to count: it would have to look at more figures than one question may."""


def ask(query: str, port: int = 9090) -> dict[str, float]:
    """Return the value of each instance, as Prometheus on this machine answers a query.

    Raises TooMany when it refuses to look at so much, and Silence when it gives no answer that can be used.
    """
    try:
        return {str(labels.get("instance", "")): float(value) for labels, value in _found(query, port)}
    except (ValueError, TypeError, AttributeError) as error:
        raise Silence(f"Prometheus does not tell who makes series: {error!r}") from error


def converged(port: int = 9090) -> dict[str, str]:
    """Return the digest that each machine says it was converged with; raises Silence.

    Who says none, or several, says nothing: root of a machine decides what its exporters answer.
    """
    said: dict[str, set[str]] = {}
    for labels, _value in _found("ringmaster_converged_timestamp_seconds", port):
        said.setdefault(str(labels.get("instance", "")), set()).add(str(labels.get("digest", "")))
    return {
        machine: min(digests)
        for machine, digests in sorted(said.items())
        if len(digests) == 1 and machine and DIGEST.fullmatch(min(digests))
    }


def _found(query: str, port: int) -> list[tuple[dict[str, Any], Any]]:
    """Return the labels and the value of each series that Prometheus finds; raises TooMany and Silence."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT)
    try:
        connection.request("GET", f"/api/v1/query?{urllib.parse.urlencode({'query': query})}")
        response = connection.getresponse()
        answer = json.loads(response.read(ANSWER))
        if response.status == http.HTTPStatus.UNPROCESSABLE_ENTITY:
            raise TooMany(str(answer.get("error", ""))[:200])
        return [(dict(one["metric"]), one["value"][1]) for one in answer["data"]["result"]]
    except (OSError, http.client.HTTPException, ValueError, KeyError, TypeError, AttributeError) as error:
        raise Silence(f"Prometheus does not answer: {error!r}") from error
    finally:
        connection.close()


def endpoints(targets: Path) -> Endpoints:
    """Return where the exporters of each VM answer, from the list of targets that Prometheus has.

    Hypervisors and service machines are the platform's own, and are not in it.
    """
    found: Endpoints = {}
    for group in json.loads(targets.read_text(encoding="utf-8")):
        if group["labels"].get("vm"):
            for target in group["targets"]:
                host, _colon, port = target.rpartition(":")
                found.setdefault(group["labels"]["vm"], []).append((host.strip("[]"), int(port)))
    return found


def over(asked: Ask, limit: int, known: Mapping[str, Any]) -> dict[str, int]:
    """Return which of the known machines made more series than the limit within the last hours, and how many.

    The sum of what Prometheus added at each reading is never too small, and costs nothing. It counts again what it
    forgot when it was restarted, so who is above the limit by it is counted exactly. What came with a reading that
    broke off is in memory, too, but in no series that could be counted; it is looked up at each evaluation interval.
    """
    found: dict[str, int] = {}
    added = asked(f'sum by (instance) (sum_over_time(scrape_series_added{{vm!=""}}[{HOURS}h])) > {limit}')
    for name in sorted({*added} & {*known}):
        try:
            number = _counted(asked, name)
        except (TooMany, Silence):  # what cannot be counted is no reason to read on
            number = added[name]
        if number > limit:
            found[name] = int(number)
    return found


def _counted(asked: Ask, name: str) -> float:
    there = asked(f'count by (instance) (last_over_time({{instance="{name}"}}[{HOURS}h]))')
    broken = asked(
        f'sum by (instance) (sum_over_time((scrape_series_added{{instance="{name}"}} '
        f'and on (instance, job) up{{instance="{name}"}} == 0)[{HOURS}h:]))'
    )
    return there.get(name, 0) + broken.get(name, 0)
