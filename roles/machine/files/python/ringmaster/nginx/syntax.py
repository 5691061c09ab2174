# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The syntax of nginx's configuration: text to directives and back.

What is judged is what nginx gets: drop-ins are never copied, they are rewritten from what was read here, each
word in quotes. So a text that this reader and nginx understand differently cannot slip through.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

DEPTH_LIMIT = 6
_ESCAPES = {'"': '"', "'": "'", "\\": "\\", "t": "\t", "r": "\r", "n": "\n"}


class SyntaxMistake(Exception):
    """A text that is no configuration; the text says where and why."""


@dataclass
class Directive:
    """A directive with its words, and what its braces hold; ``block`` is None without braces."""

    name: str
    words: list[str]
    line: int
    block: list[Directive] | None = None

    def render(self, indent: str) -> Iterator[str]:
        """Yield lines that mean exactly this."""
        head = " ".join([self.name, *map(quote, self.words)])
        if self.block is None:
            yield f"{indent}{head};"
            return
        yield f"{indent}{head} {{"
        for directive in self.block:
            yield from directive.render(indent + "    ")
        yield f"{indent}}}"


def quote(word: str) -> str:
    """Return a word so that nginx reads it back as it is."""
    return '"' + word.replace("\\", "\\\\").replace('"', '\\"') + '"'


@dataclass
class _Token:
    text: str
    line: int
    is_word: bool


@dataclass
class _Reader:
    text: str
    place: int = 0
    line: int = 1
    tokens: list[_Token] = field(default_factory=list)

    def read(self) -> list[_Token]:
        while self.place < len(self.text):
            sign = self.text[self.place]
            if sign in " \t\r\n":
                self.step()
            elif sign == "#":
                while self.place < len(self.text) and self.text[self.place] != "\n":
                    self.step()
            elif sign in "{};":
                self.tokens.append(_Token(sign, self.line, False))
                self.step()
            elif sign in "\"'":
                self.quoted(sign)
            else:
                self.bare()
        return self.tokens

    def step(self) -> str:
        sign = self.text[self.place]
        self.place += 1
        self.line += sign == "\n"
        return sign

    def escape(self) -> str:
        """Read a backslash and what it stands before, as nginx does: unknown pairs stay as they are."""
        self.step()
        if self.place >= len(self.text):
            raise SyntaxMistake(f"line {self.line}: it ends with a backslash")
        sign = self.step()
        return _ESCAPES.get(sign, f"\\{sign}")

    def quoted(self, mark: str) -> None:
        begun = self.line
        self.step()
        parts: list[str] = []
        while True:
            if self.place >= len(self.text):
                raise SyntaxMistake(f"line {begun}: the quote {mark} is not closed")
            sign = self.text[self.place]
            if sign == mark:
                self.step()
                break
            parts.append(self.escape() if sign == "\\" else self.step())
        if self.place < len(self.text) and self.text[self.place] not in " \t\r\n;{)":
            raise SyntaxMistake(f"line {self.line}: a blank is missing after the quote {mark}")
        self.tokens.append(_Token("".join(parts), begun, True))

    def bare(self) -> None:
        begun = self.line
        parts: list[str] = []
        while self.place < len(self.text):
            sign = self.text[self.place]
            if sign == "{" and parts and parts[-1] == "$":
                # A variable in braces belongs to the word.
                end = self.text.find("}", self.place)
                if end < 0:
                    raise SyntaxMistake(f"line {begun}: the brace of a variable is not closed")
                while self.place <= end:
                    parts.append(self.step())
                continue
            if sign in " \t\r\n;{":
                break
            if sign == "}":
                raise SyntaxMistake(f"line {self.line}: put '}}' on its own, or the word in quotes")
            parts.append(self.escape() if sign == "\\" else self.step())
        self.tokens.append(_Token("".join(parts), begun, True))


def parse(text: str) -> list[Directive]:
    """Return the directives of a text; raises SyntaxMistake."""
    tokens = _Reader(text).read()
    found, rest = _block(tokens, 0, 0)
    if rest != len(tokens):
        raise SyntaxMistake(f"line {tokens[rest].line}: unexpected '}}'")
    return found


def _block(tokens: list[_Token], place: int, depth: int) -> tuple[list[Directive], int]:
    if depth > DEPTH_LIMIT:
        raise SyntaxMistake(f"line {tokens[place - 1].line}: braces are nested too deeply")
    found: list[Directive] = []
    words: list[_Token] = []
    while place < len(tokens):
        token = tokens[place]
        if token.is_word:
            words.append(token)
            place += 1
            continue
        if token.text == "}":
            if words:
                raise SyntaxMistake(f"line {words[-1].line}: ';' is missing")
            return found, place
        if not words:
            raise SyntaxMistake(f"line {token.line}: unexpected '{token.text}'")
        directive = Directive(words[0].text, [word.text for word in words[1:]], words[0].line)
        place += 1
        if token.text == "{":
            directive.block, place = _block(tokens, place, depth + 1)
            if place >= len(tokens):
                raise SyntaxMistake(f"line {token.line}: '{{' is not closed")
            place += 1
        found.append(directive)
        words = []
    if words:
        raise SyntaxMistake(f"line {words[-1].line}: ';' is missing")
    return found, place
