# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Questions to Prometheus about all machines at once: how much one may cost is known before it is asked."""

from __future__ import annotations

import math
import urllib.parse
from collections.abc import Iterator, Mapping
from typing import Any

from ringmaster.status import answers, sources
from ringmaster.status.fetch import NotAgreed, fetch

SECONDS = 20.0
"""For an answer, from the first packet to the last."""
BYTES = 32 * 1024 * 1024
POINTS = 200_000
"""Values that one question may ask for; a longer time is asked for in pieces."""
AT_ONCE = 5000
"""Moments of one question; Prometheus answers 11,000 at most."""
NODES = 8 * POINTS
LARGEST = 1e18
NUMBER = 40  # characters of a value
GAP = math.nan

Labels = Mapping[str, str]


class NoFigures(Exception):
    """Prometheus gave no answer that can be used; the text says why."""


def over(endpoint: str, expression: str, begin: int, points: int, step: int) -> list[tuple[Labels, list[float]]]:
    """Return labels and values of each series; a value that is none is a gap. Raises NoFigures.

    :param endpoint: ``address:port``.
    :param begin: the first moment, in Unix seconds.
    :param points: how many moments there are, ``step`` seconds apart.
    """
    end = begin + (points - 1) * step
    asked = {"query": expression, "start": str(begin), "end": str(end), "step": str(step), "timeout": f"{SECONDS:.0f}s"}
    form = urllib.parse.urlencode(asked).encode()
    try:
        content = fetch(endpoint, "/api/v1/query_range", seconds=SECONDS, limit=BYTES, form=form)
        return list(_series(answers.parse(content, NODES), begin, points, step))
    except NotAgreed as error:
        raise NoFigures(f"Prometheus {sources.NOT_AGREED}{error}") from error
    except (OSError, ValueError) as error:
        raise NoFigures(f"Prometheus does not answer: {sources.why(error)}") from error


def _series(answer: Any, begin: int, points: int, step: int) -> Iterator[tuple[Labels, list[float]]]:
    _agree(isinstance(answer, Mapping) and answer.get("status") == "success", "it is no success")
    data = answer.get("data")
    _agree(isinstance(data, Mapping) and data.get("resultType") == "matrix", "it holds no series over time")
    found = data.get("result")
    _agree(isinstance(found, list), "its result is no list")
    for one in found:
        _agree(isinstance(one, Mapping), "a series is no object")
        labels, values = one.get("metric"), one.get("values")
        _agree(isinstance(labels, Mapping) and all(isinstance(value, str) for value in labels.values()), "bad labels")
        _agree(isinstance(values, list) and len(values) <= points, "a series has more points than were asked for")
        row = [GAP] * points
        for pair in values:
            _agree(isinstance(pair, list) and len(pair) == 2, "a point is no pair")
            row[_index(pair[0], begin, points, step)] = _number(pair[1])
        yield labels, row


def _index(moment: Any, begin: int, points: int, step: int) -> int:
    _agree(type(moment) in (int, float), "a moment is no number")
    index, rest = divmod(moment - begin, step)
    _agree(rest == 0 and 0 <= index < points, "a point is of a moment that was not asked for")
    return int(index)


def _number(text: Any) -> float:
    _agree(isinstance(text, str) and len(text) <= NUMBER, "a value is no number")
    try:
        value = float(text)
    except ValueError as error:
        raise NotAgreed("a value is no number") from error
    return value if abs(value) < LARGEST else GAP  # what is no number is not below anything


def _agree(holds: object, otherwise: str) -> None:
    if not holds:
        raise NotAgreed(otherwise)
