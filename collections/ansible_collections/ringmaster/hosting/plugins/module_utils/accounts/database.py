# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The four account files as text: parsed line by line, so that what is not ours stays byte for byte."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

WIDTHS = {"passwd": 7, "shadow": 9, "group": 4, "gshadow": 4}
MODES = {"passwd": 0o644, "shadow": 0o640, "group": 0o644, "gshadow": 0o640}
SWAP_ORDER = ("group", "gshadow", "shadow", "passwd")
"""Rights go first; a name appears in passwd last, when all that belongs to it is there."""


class Table:
    """One file. Lines that are not records of the right width are kept as they are."""

    def __init__(self, text: str, width: int) -> None:
        self.width = width
        self._lines: list[list[str] | str] = []
        for line in text.split("\n"):
            fields = line.split(":")
            self._lines.append(fields if len(fields) == width and not line.startswith(("#", "+", "-")) else line)
        if self._lines[-1] == "":
            self._lines.pop()
        self._first: dict[str, list[str]] = {}
        for record in self:
            self._first.setdefault(record[0], record)

    def render(self) -> str:
        """Return the file's text; every line ends with a newline."""
        return "".join((line if isinstance(line, str) else ":".join(line)) + "\n" for line in self._lines)

    def __iter__(self) -> Iterator[list[str]]:
        """Yield the fields of every record."""
        return (line for line in self._lines if not isinstance(line, str))

    def find(self, name: str) -> list[str] | None:
        """Return the first record of a name."""
        return self._first.get(name)

    def put(self, record: list[str]) -> None:
        """Replace the record of the same name, or append it."""
        if len(record) != self.width or any("\n" in each or ":" in each for each in record):
            raise ValueError(f"not a record of {self.width} fields: {record[0]}")
        existing = self.find(record[0])
        if existing is None:
            self._first[record[0]] = list(record)
            self._lines.append(self._first[record[0]])
        else:
            existing[:] = record

    def drop(self, unwanted: Callable[[list[str]], bool]) -> None:
        """Remove the records for which unwanted is true."""
        self._lines = [line for line in self._lines if isinstance(line, str) or not unwanted(line)]
        self._first = {}
        for record in self:
            self._first.setdefault(record[0], record)


@dataclass
class Database:
    """passwd, shadow, group and gshadow together."""

    passwd: Table
    shadow: Table
    group: Table
    gshadow: Table

    @classmethod
    def parse(cls, texts: dict[str, str]) -> Database:
        """Read the four texts, keyed by file name."""
        return cls(**{name: Table(texts[name], width) for name, width in WIDTHS.items()})

    def render(self) -> dict[str, str]:
        """Return the four texts, keyed by file name."""
        return {name: getattr(self, name).render() for name in WIDTHS}


def members(field: str) -> list[str]:
    """Split a list of names as group and gshadow hold it."""
    return [name for name in field.split(",") if name]


def problems(database: Database) -> list[str]:
    """Check what the swap must never break: unique names and a root that is root."""
    found = []
    for name in WIDTHS:
        seen: set[str] = set()
        for record in getattr(database, name):
            if record[0] in seen:
                found.append(f"{name}: {record[0]!r} occurs twice")
            seen.add(record[0])
    root = database.passwd.find("root")
    if root is None or root[2] != "0":
        found.append("passwd: root is missing or has not uid 0")
    if database.shadow.find("root") is None:
        found.append("shadow: root is missing")
    return found
