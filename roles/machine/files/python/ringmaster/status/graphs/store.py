# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What was asked for before: so each time only the newest points are asked for, and long spans cost as little.

It is a copy of what Prometheus has. Whatever is missing or cannot be read is asked for again.
"""

from __future__ import annotations

import json
from array import array
from collections.abc import Collection, Mapping, Sequence
from math import isnan
from pathlib import Path

from ringmaster.status.graphs.query import GAP

HEAD_LIMIT = 64 * 1024 * 1024
Key = tuple[str, str, str]
"""Machine, line, band."""


class Series:
    """The points of one graph of all machines. ``end`` is the moment of the last one, 0 where there is none.

    Each row has ``points`` 32-bit numbers, ``step`` seconds apart, NaN where there is a gap.
    """

    def __init__(self, path: Path, points: int, step: int) -> None:
        """Read what is kept; what is of another shape is nothing."""
        self._path, self.points, self.step = path, points, step
        self.end = 0
        self.rows: dict[Key, array[float]] = {}
        try:
            with path.open("rb") as stream:
                head = json.loads(stream.readline(HEAD_LIMIT))
                end = int(head["end"])
                keys = [(str(machine), str(line), str(band)) for machine, line, band in head["keys"]]
                content = array("f", stream.read())
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            return
        if (head.get("points"), head.get("step"), len(content)) == (
            points,
            step,
            points * len(keys),
        ) and not end % step:
            self.end = end
            self.rows = {key: content[points * n : points * (n + 1)] for n, key in enumerate(keys)}

    def missing(self, end: int) -> int:
        """Return how many points are not there yet up to the moment ``end``."""
        if self.end > end:  # the clock was ahead
            self.end, self.rows = 0, {}
        return min(self.points, (end - self.end) // self.step)

    def add(self, begin: int, count: int, found: Mapping[Key, Sequence[float]]) -> None:
        """Take ``count`` points from the moment ``begin`` on; the oldest ones go."""
        end = begin + (count - 1) * self.step
        passed = min(self.points, (end - self.end) // self.step)
        empty = array("f", [GAP]) * self.points
        for key in {*self.rows, *found}:
            row = self.rows.get(key, empty)[passed:] + empty[:passed]
            row[self.points - count :] = array("f", found[key]) if key in found else empty[:count]
            self.rows[key] = row
        self.end = end

    def forget_all_but(self, machines: Collection[str]) -> None:
        """Keep the rows of these machines, and no row that is nothing but gaps."""
        self.rows = {key: row for key, row in self.rows.items() if key[0] in machines and not all(map(isnan, row))}

    def keep(self) -> None:
        """Write all of it beside what is there, and exchange them."""
        keys = list(self.rows)
        head = json.dumps({"end": self.end, "points": self.points, "step": self.step, "keys": keys})
        self._path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        fresh = self._path.with_suffix(".new")
        fresh.write_bytes(b"".join([head.encode(), b"\n", *(self.rows[key].tobytes() for key in keys)]))
        fresh.replace(self._path)
