# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Mistakes in a platform description: what is wrong, where, and what to write instead."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any


class Later(str):
    """What is wrong with a value, by a rule that came later than descriptions with such values."""

    __slots__ = ()


@dataclass(frozen=True)
class Mistake:
    """One mistake. Lines and columns count from 1; line 0 means the file as a whole."""

    file: str
    line: int
    column: int
    message: str
    found: str = ""
    allowed: str = ""
    hint: str = ""
    excerpt: str = ""
    caret: int = 0
    eased: bool = False
    """Whether it is a warning only for what stands in the description of the commit before."""
    stood: Callable[[Any], bool] | None = field(default=None, compare=False, repr=False)
    """Tells whether a description had it already, where the same words do not say it: less of something may be left."""

    @property
    def position(self) -> str:
        """The place as editors and terminals understand it: ``file:line:column``."""
        return f"{self.file}:{self.line}:{self.column}" if self.line else self.file

    def render(self) -> str:
        """Show the mistake over several lines: sentence, excerpt with a caret, found, allowed, hint."""
        lines = [f"{self.position}: {self.message}"]
        if self.excerpt and self.line:
            number = str(self.line)
            caret = " " * self.caret + "^"
            lines += [f"  {number} | {self.excerpt}", f"  {' ' * len(number)} | {caret}"]
        if self.found:
            lines.append(f"    found:   {self.found}")
        if self.allowed:
            lines.append(f"    allowed: {self.allowed}")
        if self.hint:
            lines.append(f"    hint:    {self.hint}")
        return "\n".join(lines)

    def sentence(self) -> str:
        """Say the mistake in one line."""
        more = [f"{what} {text}" for what, text in (("found", self.found), ("allowed", self.allowed)) if text]
        return "; ".join([f"{self.position}: {self.message}", *more, *([self.hint] if self.hint else [])])

    def as_dict(self) -> dict[str, str | int]:
        """Return the mistake as plain data, for a module's result."""
        return {
            "file": self.file,
            "line": self.line,
            "column": self.column,
            "message": self.message,
            "found": self.found,
            "allowed": self.allowed,
            "hint": self.hint,
        }


class DescriptionError(Exception):
    """The description cannot be used. Carries every mistake that was found, not only the first."""

    def __init__(self, mistakes: Iterable[Mistake]) -> None:
        """Keep the mistakes in the order of files and lines, each once."""
        self.mistakes = sort_mistakes(mistakes)
        super().__init__(render_all(self.mistakes))


def sort_mistakes(mistakes: Iterable[Mistake]) -> list[Mistake]:
    """Order mistakes by file, line and column, and drop repetitions."""
    return sorted(dict.fromkeys(mistakes), key=lambda m: (m.file, m.line, m.column, m.message))


def summarize(mistakes: list[Mistake]) -> str:
    """Return a sentence that counts mistakes."""
    files = len({mistake.file for mistake in mistakes})
    count = "1 mistake" if len(mistakes) == 1 else f"{len(mistakes)} mistakes"
    where = "1 file" if files == 1 else f"{files} files"
    return f"The platform description has {count} in {where}; nothing was changed."


def render_all(mistakes: list[Mistake]) -> str:
    """Show all mistakes, with a sentence that counts them."""
    return "\n\n".join([summarize(mistakes), *(mistake.render() for mistake in mistakes)])


def did_you_mean(word: str, candidates: Iterable[str]) -> str:
    """Return ``did you mean 'x'?`` for the candidate nearest to a word, or an empty string."""
    known = {candidate.casefold(): candidate for candidate in candidates}
    near = difflib.get_close_matches(word.casefold(), known, n=1, cutoff=0.6)
    return f"did you mean '{known[near[0]]}'?" if near else ""


def printable(text: str) -> str:
    """Show control characters as escapes, so that a message cannot disturb a terminal."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def shorten(text: str, limit: int = 72) -> str:
    """Cut a long value for a message."""
    text = " ".join(text.split())
    return text if len(text) <= limit else text[: limit - 1] + "…"


def one_of(words: Iterable[str], limit: int = 12) -> str:
    """List alternatives for a message: ``a, b or c``; long lists are cut."""
    listed = list(words)
    if not listed:
        return "nothing: none is declared"
    if len(listed) > limit:
        return ", ".join(listed[:limit]) + f" … ({len(listed)} in all)"
    return listed[0] if len(listed) == 1 else ", ".join(listed[:-1]) + " or " + listed[-1]
