# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Types of single values in the schema; those that hold others are in ``containers``.

Each type reads a YAML node, notes mistakes, and describes itself. ``read`` returns the value, or None after it has
noted a mistake. ``json_schema`` and ``describe`` serve the generated JSON Schema and the reference page.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ansible_collections.ringmaster.hosting.plugins.module_utils.values import host_names, sizes

from . import load, names
from .errors import Later, did_you_mean, one_of
from .load import Source

try:
    import yaml
except ImportError:
    yaml = None  # type: ignore[assignment]


class Type:
    """A type of value."""

    def read(self, source: Source, node: Any, where: str) -> Any:
        """Return the value of a node, or None after noting what is wrong."""
        raise NotImplementedError

    def json_schema(self) -> dict[str, Any]:
        """Return the JSON Schema of the type."""
        raise NotImplementedError

    def describe(self) -> str:
        """Say in a few words what is allowed."""
        raise NotImplementedError

    def complete(self, default: Any) -> Any:
        """Return a default with all that reading would have added, and safe to change."""
        return default.copy() if isinstance(default, (list, dict)) else default

    def scalar(self, source: Source, node: Any, where: str) -> str | None:
        """Return the text of a scalar node; note anything else as a mistake."""
        if isinstance(node, yaml.ScalarNode) and not load.is_null(node):
            if node.tag not in load.PLAIN_TAGS:
                load.check_tag(source, node, where)
            return node.value
        source.wrong(
            node,
            f"{where}: a value of another kind is needed",
            found=load.kind_of(node),
            allowed=self.describe(),
        )
        return None


@dataclass(frozen=True)
class Text(Type):
    """A line of text, by default anything printable; ``check`` returns what is wrong with it, or nothing.

    ``words`` lists what is usual, for editors only: a later check knows more and says more. With
    ``may_be_number`` editors accept a number, too. ``most`` is the largest number of bytes: every text reaches programs
    that read lines into room of a fixed size.
    """

    allowed: str = "text in one line"
    pattern: str = ""
    check: Callable[[str], str] | None = None
    format: str = ""
    allow_empty: bool = False
    words: tuple[str, ...] = ()
    may_be_number: bool = False
    most: int = 1000

    def read(self, source: Source, node: Any, where: str) -> str | None:
        text = self.scalar(source, node, where)
        if text is None:
            return None
        wrong = ""
        if not text and not self.allow_empty:
            wrong = "is empty"
        elif not text.isprintable():
            wrong = "contains a line break or a control character"
        elif len(text.encode(errors="replace")) > self.most:
            wrong = Later(f"is longer than {self.most} bytes")
        elif self.pattern and not re.fullmatch(self.pattern.strip("^$"), text):
            wrong = "is not allowed here"
        elif self.check and (text or not self.allow_empty):
            wrong = self.check(text)
        if wrong:
            eased = isinstance(wrong, Later)
            source.wrong(node, f"{where}: '{text[:40]}' {wrong}", found=text, allowed=self.allowed, eased=eased)
            return text if eased else None
        return text

    def json_schema(self) -> dict[str, Any]:
        schema: dict[str, Any] = {"type": ["string", "integer"] if self.may_be_number else "string"}
        if self.pattern:
            schema["pattern"] = self.pattern
        if self.format:
            schema["format"] = self.format
        if self.words:
            schema["enum"] = list(self.words)
        return schema

    def describe(self) -> str:
        return self.allowed


@dataclass(frozen=True)
class HostName(Text):
    """A host name as people write it: in capitals, beyond ASCII, with a final dot; read as programs compare it."""

    def scalar(self, source: Source, node: Any, where: str) -> str | None:
        text = super().scalar(source, node, where)
        return text if text is None else host_names.to_ascii(text)[0]

    def json_schema(self) -> dict[str, Any]:
        return {"type": "string"}


@dataclass(frozen=True)
class Name(Type):
    """A name that follows the rule of its kind (see names.RULES); ``refers`` tells that it must exist."""

    kind: str
    refers: bool = False

    def read(self, source: Source, node: Any, where: str) -> str | None:
        text = self.scalar(source, node, where)
        if text is None:
            return None
        if not self.refers and not names.is_valid(self.kind, text):
            source.wrong(
                node,
                f"{where}: '{text[:40]}' is no name for a {self.kind}",
                found=text,
                allowed=names.RULES[self.kind][1],
                hint=self._hint(text),
            )
            return None
        return text

    def _hint(self, text: str) -> str:
        if self.kind == "service user":
            candidate = "s-" + text.lower().removeprefix("s_").removeprefix("s-").replace("_", "-")
        else:
            candidate = text.lower().replace("_", "-")
            if self.kind == "project":
                candidate = candidate.replace("-", "").rstrip("0123456789")
        return f"did you mean '{candidate}'?" if names.is_valid(self.kind, candidate) else ""

    def json_schema(self) -> dict[str, Any]:
        if self.refers:
            return {"type": "string"}
        return {"type": "string", "pattern": names.RULES[self.kind][0]}

    def describe(self) -> str:
        if self.refers:
            return f"the name of a declared {self.kind}"
        return names.RULES[self.kind][1]


@dataclass(frozen=True)
class Integer(Type):
    """A whole number within limits."""

    minimum: int
    maximum: int

    def read(self, source: Source, node: Any, where: str) -> int | None:
        text = self.scalar(source, node, where)
        if text is None:
            return None
        if not re.fullmatch(r"-?(0|[1-9][0-9]{0,17})", text) or node.style in ("'", '"'):
            source.wrong(node, f"{where}: is not a whole number", found=load.kind_of(node), allowed=self.describe())
            return None
        number = int(text)
        if not self.minimum <= number <= self.maximum:
            source.wrong(node, f"{where}: {number} is out of range", found=text, allowed=self.describe())
            return None
        return number

    def json_schema(self) -> dict[str, Any]:
        return {"type": "integer", "minimum": self.minimum, "maximum": self.maximum}

    def describe(self) -> str:
        return f"a whole number from {self.minimum} to {self.maximum}"


@dataclass(frozen=True)
class Boolean(Type):
    """true or false."""

    def read(self, source: Source, node: Any, where: str) -> bool | None:
        text = self.scalar(source, node, where)
        if text is None:
            return None
        words = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}
        if node.style in ("'", '"') or text.lower() not in words:
            hint = f"did you mean {str(words[text.lower()]).lower()} without quotes?" if text.lower() in words else ""
            source.wrong(
                node,
                f"{where}: is neither true nor false",
                found=load.kind_of(node),
                allowed="true or false",
                hint=hint,
            )
            return None
        return words[text.lower()]

    def json_schema(self) -> dict[str, Any]:
        return {"type": "boolean"}

    def describe(self) -> str:
        return "true or false"


@dataclass(frozen=True)
class Size(Type):
    """A size with unit, in MiB inside the program; ``step`` (MiB) is 1024 where whole GiB are needed."""

    minimum: int
    step: int = 1

    def read(self, source: Source, node: Any, where: str) -> int | None:
        text = self.scalar(source, node, where)
        if text is None:
            return None
        try:
            mebibytes = sizes.parse(text)
        except ValueError as error:
            guess = sizes.suggest(text)
            source.wrong(
                node,
                f"{where}: '{text[:40]}' {error}",
                found=text,
                allowed=self.describe(),
                hint=f"did you mean {guess}?" if guess else "",
            )
            return None
        if mebibytes < self.minimum:
            source.wrong(node, f"{where}: {text} is too small", found=text, allowed=self.describe())
            return None
        if mebibytes % self.step:
            guess = sizes.render(-(-mebibytes // self.step) * self.step)
            source.wrong(
                node,
                f"{where}: {text} is not a multiple of {sizes.render(self.step)}",
                found=text,
                allowed=self.describe(),
                hint=f"did you mean {guess}?",
            )
            return None
        return mebibytes

    def json_schema(self) -> dict[str, Any]:
        return {"type": "string", "pattern": sizes.SIZE_PATTERN}

    def describe(self) -> str:
        whole = ", whole GiB" if self.step == 1024 else ""
        least = sizes.render(self.minimum)
        return f"a number with unit MiB, GiB or TiB, at least {least}{whole}; for example 2GiB"


@dataclass(frozen=True)
class Choice(Type):
    """One word of a list."""

    values: tuple[str, ...]

    def read(self, source: Source, node: Any, where: str) -> str | None:
        text = self.scalar(source, node, where)
        if text is None:
            return None
        if text not in self.values:
            source.wrong(
                node,
                f"{where}: '{text[:40]}' is not one of the allowed words",
                found=text,
                allowed=one_of(self.values, 20),
                hint=did_you_mean(text, self.values),
            )
            return None
        return text

    def json_schema(self) -> dict[str, Any]:
        return {"type": "string", "enum": list(self.values)}

    def describe(self) -> str:
        return "one of " + ", ".join(self.values)


@dataclass(frozen=True)
class Anything(Type):
    """Plain data that another part checks, such as the options of a component."""

    allowed: str = "a map"

    def read(self, source: Source, node: Any, where: str) -> dict[str, Any]:
        if load.is_null(node):
            return {}
        if not isinstance(node, yaml.MappingNode):
            source.wrong(node, f"{where}: is not a map", found=load.kind_of(node), allowed=self.allowed)
            return {}
        before = len(source.mistakes)
        data = load.plain(source, node, where)
        # What cannot be read is one mistake; checks of the rest would guess.
        return data if len(source.mistakes) == before else {}

    def json_schema(self) -> dict[str, Any]:
        return {"type": ["object", "null"]}

    def describe(self) -> str:
        return self.allowed


@dataclass(frozen=True)
class OrWord(Type):
    """A value of another type, or one word in its place that says: not at all."""

    word: str
    other: Type

    def read(self, source: Source, node: Any, where: str) -> Any:
        if isinstance(node, yaml.ScalarNode) and node.value == self.word:
            return self.word
        if isinstance(node, yaml.ScalarNode) and not load.is_null(node):
            source.wrong(
                node, f"{where}: '{node.value[:40]}' has no meaning here", found=node.value, allowed=self.describe()
            )
            return None
        return self.other.read(source, node, where)

    def json_schema(self) -> dict[str, Any]:
        return {"anyOf": [{"const": self.word}, self.other.json_schema()]}

    def describe(self) -> str:
        return f"{self.word}, or {self.other.describe()}"
