# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a machine answers is data: the one judge of it, before the controller uses or shows it.

``parse`` reads JSON strictly, ``judge`` compares a value with what was expected, ``visible``, ``one_line`` and
``shown`` make text fit for a terminal. What is expected is written beside who asks::

    EXPECTED = Record({"changed": Flag()}, optional={"paths": ListOf(Text(r"/.*"), most=5000)})
    answer = judge(EXPECTED, parse(stdout, machine="web00"), machine="web00", what="the answer of files")
"""

from __future__ import annotations

import json
import math
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, NoReturn

SHOWN = 120
"""Characters of a bad answer that an error shows."""
DEPTH = 40
"""Levels of nested containers that an answer may have."""
SEPARATORS = 1_000_000
"""Brackets and commas that an answer may have: they, more than bytes, decide how much memory it takes when parsed."""
DIGITS = 20
"""That an integer may have: 64 bits and a sign."""

_SPECIAL = re.compile(r"[^\x20-\x7e]")
_HIDDEN = frozenset(("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"))
"""Categories of characters that are no sign on a terminal, or change what others look like."""
_UNPRINTABLE = _HIDDEN | {"Zs"}
"""These, and spaces: what str.isprintable() says no to. The blank itself is never asked about."""


class AnswerError(ValueError):
    """A machine answered what it may not: names the machine, what came, escaped and cut, and what was expected."""

    def __init__(self, machine: str, what: str, came: object, expected: str) -> None:
        super().__init__(f"{visible(machine)}: {visible(what)} is not taken: {shown(came)}; expected is {expected}")
        self.machine = machine


def visible(text: str) -> str:
    """Return text in which every control, bidirectional, unassigned or half character is written as an escape.

    Line feeds and tabs stay. A return before a line feed is dropped, so that lines stay lines.
    """
    if "\r\n" in text:
        text = text.replace("\r\n", "\n")
    return _SPECIAL.sub(lambda found: found[0] if found[0] in "\n\t" else _fit(found[0], _HIDDEN), text)


def one_line(text: str) -> str:
    """Return text on one line, in which what is hidden is written as an escape, and so is each space that is no blank.

    In a sentence about a value, a no-break space would look like the blank that is allowed.
    """
    return _SPECIAL.sub(lambda found: _fit(found[0], _UNPRINTABLE), text)


def shown(value: object, limit: int = SHOWN) -> str:
    """Return any value in quotes on one line, escaped, and cut after ``limit`` characters."""
    if isinstance(value, bytes):
        value = value[: 2 * limit].decode(errors="backslashreplace")
    if not isinstance(value, str):
        try:
            value = json.dumps(value, default=lambda other: type(other).__name__)
        except (RecursionError, ValueError, TypeError):
            value = type(value).__name__
    text = one_line(value[: limit + 1])
    return f"'{text[:limit]}…'" if len(text) > limit else f"'{text}'"


def parse(text: str | bytes, *, machine: str, what: str = "an answer") -> Any:
    """Return the value of a JSON text; raises AnswerError for anything that is not strict JSON of a sane size."""

    def refuse(expected: str) -> NoReturn:
        raise AnswerError(machine, what, text, expected) from None

    if isinstance(text, bytes):
        text = text.decode(errors="backslashreplace")
    if sum(text.count(sign) for sign in "[{,") > SEPARATORS:
        refuse(f"JSON with at most {SEPARATORS} brackets and commas")
    try:
        return json.loads(text, parse_int=_integer, parse_float=_finite, parse_constant=_constant)
    except RecursionError:
        refuse(f"JSON of at most {DEPTH} levels")
    except ValueError as error:
        refuse(f"JSON ({one_line(str(error))[:SHOWN]})")


def judge(expected: Kind, value: Any, *, machine: str, what: str = "an answer") -> Any:
    """Return a copy of what was expected, and nothing else; raises AnswerError at the first value that is not."""
    return expected.judge(value, _Place(machine, what))


@dataclass(frozen=True)
class _Place:
    machine: str
    what: str
    depth: int = 0

    def refuse(self, value: object, expected: str) -> NoReturn:
        raise AnswerError(self.machine, self.what, value, expected)

    def below(self, name: object) -> _Place:
        inner = _Place(self.machine, f"{self.what}, {str(name)[:SHOWN]}", self.depth + 1)
        if inner.depth > DEPTH:
            inner.refuse("…", f"at most {DEPTH} levels")
        return inner


class Kind:
    """What an answer, or a part of one, may be."""

    def judge(self, value: Any, place: _Place) -> Any:
        """Return what is taken of the value; refuses it by ``place.refuse``."""
        raise NotImplementedError


@dataclass(frozen=True)
class Text(Kind):
    """Text that matches a pattern as a whole, of at most ``most`` characters.

    Without a pattern it is for people only: escaped where it is not plain, and cut rather than refused.
    """

    pattern: str = ""
    most: int = 10_000
    called: str = ""
    """What an error calls it, where the pattern says little to people."""

    def judge(self, value: Any, place: _Place) -> str:
        """Return the text."""
        if not isinstance(value, str):
            place.refuse(value, self.called or "text")
        if not self.pattern:
            plain = visible(value[: self.most])
            return plain if len(value) <= self.most else f"{plain}…"
        if len(value) > self.most or visible(value) != value or not re.fullmatch(self.pattern, value):
            place.refuse(value, self.called or f"text of at most {self.most} characters like {self.pattern}")
        return value


@dataclass(frozen=True)
class Number(Kind):
    """A finite number from ``least`` to ``most``; whole unless ``fraction``."""

    least: float = -(2**63)
    most: float = 2**63
    fraction: bool = False

    def judge(self, value: Any, place: _Place) -> int | float:
        """Return the number."""
        if (
            isinstance(value, bool)
            or not isinstance(value, int | float)
            or (isinstance(value, float) and not self.fraction)
            or not self.least <= value <= self.most
        ):
            place.refuse(value, f"a {'' if self.fraction else 'whole '}number from {self.least:g} to {self.most:g}")
        return value


@dataclass(frozen=True)
class Flag(Kind):
    """True or false."""

    def judge(self, value: Any, place: _Place) -> bool:
        """Return the truth value."""
        if not isinstance(value, bool):
            place.refuse(value, "true or false")
        return value


@dataclass(frozen=True)
class Choice(Kind):
    """One of some texts, or None if that is among them."""

    of: tuple[str | None, ...]

    def judge(self, value: Any, place: _Place) -> str | None:
        """Return the one that it is."""
        if not (value is None or isinstance(value, str)) or value not in self.of:
            place.refuse(value, f"one of {', '.join(str(one) for one in self.of)}")
        return value


@dataclass(frozen=True)
class Maybe(Kind):
    """Nothing (null), or what is inside."""

    inner: Kind

    def judge(self, value: Any, place: _Place) -> Any:
        """Return None, or what is inside."""
        return None if value is None else self.inner.judge(value, place)


@dataclass(frozen=True)
class Plain(Kind):
    """Any data, which people look at and nothing else depends on: texts are escaped and cut, as ``Text()`` does."""

    most: int = 10_000

    def judge(self, value: Any, place: _Place) -> Any:
        """Return a copy."""
        if isinstance(value, str):
            return Text(most=self.most).judge(value, place)
        if isinstance(value, list):
            return [self.judge(one, place.below(index)) for index, one in enumerate(value)]
        if isinstance(value, dict):
            return {visible(str(name))[:SHOWN]: self.judge(one, place.below(name)) for name, one in value.items()}
        if value is None or isinstance(value, bool | int | float):
            return value
        place.refuse(value, "JSON")


@dataclass(frozen=True)
class ListOf(Kind):
    """A list of one kind."""

    inner: Kind
    most: int = 1000

    def judge(self, value: Any, place: _Place) -> list[Any]:
        """Return the list."""
        if not isinstance(value, list) or len(value) > self.most:
            place.refuse(value, f"a list of at most {self.most}")
        return [self.inner.judge(one, place.below(index)) for index, one in enumerate(value)]


@dataclass(frozen=True)
class MapOf(Kind):
    """A map of names that are not known before."""

    names: Text
    inner: Kind
    most: int = 1000

    def judge(self, value: Any, place: _Place) -> dict[str, Any]:
        """Return the map."""
        if not isinstance(value, dict) or len(value) > self.most:
            place.refuse(value, f"a map of at most {self.most}")
        return {
            self.names.judge(name, place.below("a name")): self.inner.judge(one, place.below(name))
            for name, one in value.items()
        }


@dataclass(frozen=True)
class Record(Kind):
    """A map of known names: all of ``needed``, any of ``optional``; others are refused, or left out if ``lenient``."""

    needed: Mapping[str, Kind] = field(default_factory=dict)
    optional: Mapping[str, Kind] = field(default_factory=dict)
    lenient: bool = False

    def judge(self, value: Any, place: _Place) -> dict[str, Any]:
        """Return the record with the names that are known."""
        if not isinstance(value, dict):
            place.refuse(value, f"a map with {', '.join(self.needed) or ', '.join(self.optional)}")
        known = {**self.needed, **self.optional}
        for name in self.needed:
            if name not in value:
                place.refuse(value, f"a map with {name}")
        for name in value:
            if name not in known and not self.lenient:
                place.refuse(name, f"only {', '.join(known)}")
        return {name: kind.judge(value[name], place.below(name)) for name, kind in known.items() if name in value}


def _integer(text: str) -> int:
    if len(text) > DIGITS:
        raise ValueError(f"a number of {len(text)} digits")
    return int(text)


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError("a number that is not finite")
    return number


def _constant(text: str) -> NoReturn:
    raise ValueError(f"{text} is no number")


@lru_cache(4096)
def _fit(sign: str, escaped: frozenset[str]) -> str:
    hidden = unicodedata.category(sign) in escaped
    return sign.encode("unicode_escape", "backslashreplace").decode() if hidden else sign
