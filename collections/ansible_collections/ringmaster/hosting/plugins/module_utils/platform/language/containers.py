# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Types of the schema that hold other values: lists, maps with free keys, and records with known ones."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from . import load
from .errors import did_you_mean, one_of
from .load import Source
from .types import Integer, Type

try:
    import yaml
except ImportError:
    yaml = None  # type: ignore[assignment]


def _key(value: Any) -> Any:
    """Return what stands for a value in a set: equal values have equal ones."""
    if isinstance(value, dict):
        return frozenset((name, _key(item)) for name, item in value.items())
    return tuple(map(_key, value)) if isinstance(value, list) else value


@dataclass(frozen=True)
class ListOf(Type):
    """A list of values, each once; an empty value counts as the empty list.

    ``filled`` says why a list must not be empty: an empty one would be read as nobody, or as everybody. ``most`` is the
    largest number of values.
    """

    item: Type
    one_is_enough: bool = False
    filled: str = ""
    hint: str = ""
    most: int = 1000

    def read(self, source: Source, node: Any, where: str) -> list[Any] | None:
        if self.filled and (load.is_null(node) or (isinstance(node, yaml.SequenceNode) and not node.value)):
            source.wrong(
                node,
                f"{where}: is empty: {self.filled}",
                found="[]",
                allowed=self.describe(),
                hint=self.hint,
                eased=True,
            )
        if load.is_null(node):
            return []
        if not isinstance(node, yaml.SequenceNode):
            if self.one_is_enough and isinstance(node, yaml.ScalarNode):
                value = self.item.read(source, node, where)
                return [] if value is None else [value]
            source.wrong(node, f"{where}: is not a list", found=load.kind_of(node), allowed=self.describe())
            return []
        result: list[Any] = []
        known: set[Any] = set()
        source.spend(len(node.value))
        if len(node.value) > self.most:
            source.wrong(
                node,
                f"{where}: has more than {self.most} entries",
                found=str(len(node.value)),
                allowed=f"at most {self.most}",
                eased=True,
            )
        if node.tag != load.LIST:
            load.check_tag(source, node, where)
        for index, child in enumerate(node.value):
            before = len(source.mistakes)
            value = self.item.read(source, child, f"{where}[{index}]")
            # Also what is wrong: indexes in the data and in the file stay the same.
            result.append(value)
            key = _key(value)
            if len(source.mistakes) == before and key in known:
                source.wrong(
                    child,
                    f"{where}: stands twice in the list",
                    found=load.kind_of(child),
                    allowed="each once",
                )
            known.add(key)
        return result

    def json_schema(self) -> dict[str, Any]:
        schema: dict[str, Any] = {
            "type": ["array", "null"],
            "items": self.item.json_schema(),
            "uniqueItems": True,
        }
        schema["maxItems"] = self.most
        if self.filled:
            schema["minItems"] = 1
        if self.one_is_enough:
            return {"anyOf": [schema, self.item.json_schema()]}
        return schema

    def describe(self) -> str:
        alone = ", or one alone" if self.one_is_enough else ""
        return f"a list: {self.item.describe()}{alone}"


@dataclass(frozen=True)
class NumberOrList(Type):
    """How many of something, or which ones."""

    number: Integer
    which: ListOf

    def read(self, source: Source, node: Any, where: str) -> int | list[Any] | None:
        if isinstance(node, yaml.SequenceNode):
            return self.which.read(source, node, where)
        if isinstance(node, yaml.ScalarNode) and not load.is_null(node):
            return self.number.read(source, node, where)
        source.wrong(node, f"{where}: is no number and no list", found=load.kind_of(node), allowed=self.describe())
        return None

    def json_schema(self) -> dict[str, Any]:
        return {"anyOf": [self.number.json_schema(), self.which.json_schema()]}

    def describe(self) -> str:
        return f"{self.number.describe()}, or {self.which.describe()}"


@dataclass(frozen=True)
class MapOf(Type):
    """A map with free keys; ``key`` checks each of them."""

    key: Type
    value: Type

    def read(self, source: Source, node: Any, where: str) -> dict[str, Any]:
        if load.is_null(node):
            return {}
        if not isinstance(node, yaml.MappingNode):
            source.wrong(node, f"{where}: is not a map", found=load.kind_of(node), allowed=self.describe())
            return {}
        result: dict[str, Any] = {}
        for key, key_node, value_node in load.pairs(source, node, where):
            if self.key.read(source, key_node, where) is None:
                continue
            result[key] = self.value.read(source, value_node, f"{where}.{key}")
        return result

    def complete(self, default: Any) -> Any:
        """Complete every value of a default."""
        return default if default is None else {name: self.value.complete(item) for name, item in default.items()}

    def json_schema(self) -> dict[str, Any]:
        schema: dict[str, Any] = {
            "type": ["object", "null"],
            "additionalProperties": self.value.json_schema(),
        }
        key = self.key.json_schema()
        if set(key) - {"type"}:
            schema["propertyNames"] = key
        return schema

    def describe(self) -> str:
        return f"a map; key: {self.key.describe()}; value: {self.value.describe()}"


@dataclass(frozen=True)
class Key:
    """One key of a record. A default of None means: absent."""

    name: str
    type: Type
    description: str
    default: Any = None
    required: bool = False
    example: str = ""
    default_text: str = ""


def _hint(name: str, node: Any, known: Iterable[str]) -> str:
    if name.startswith("x-"):
        return "keys of one's own are not read; give a value an anchor (&name) where it stands first, and use *name"
    made = {load.NULL: "nothing", load.BOOLEAN: "true or false"}.get(node.tag)
    if made and not node.style:
        return f'YAML reads it as {made}; if a word is meant, put it in quotes: "{name}"'
    return did_you_mean(name, known)


@dataclass(frozen=True)
class Record(Type):
    """A map with known keys. Reading gives a value for every key: the default where the file has none."""

    title: str
    keys: tuple[Key, ...]
    description: str = ""
    by_name: dict[str, Key] = field(init=False, compare=False, hash=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "by_name", {key.name: key for key in self.keys})

    def read(self, source: Source, node: Any, where: str) -> dict[str, Any] | None:
        label = where or source.path.name
        if node is None or load.is_null(node):
            given = []
        elif isinstance(node, yaml.MappingNode):
            given = load.pairs(source, node, label)
        else:
            source.wrong(node, f"{label}: is not a map", found=load.kind_of(node), allowed=self.describe())
            return None
        values: dict[str, Any] = {}
        for name, key_node, value_node in given:
            key = self.by_name.get(name)
            if key is None:
                source.wrong(
                    key_node,
                    f"{label}: the key '{name[:40]}' is not known",
                    found=name,
                    allowed=one_of(self.by_name, 30),
                    hint=_hint(name, key_node, self.by_name),
                )
                continue
            # An empty value means the default, but not for a key that is needed.
            if load.is_null(value_node) and not key.required:
                continue
            values[name] = key.type.read(source, value_node, f"{where}.{name}" if where else name)
        for key in self.keys:
            if key.name in values:
                continue
            if key.required and key.name not in {entry[0] for entry in given}:
                source.wrong(
                    node,
                    f"{label}: the key '{key.name}' is missing",
                    allowed=key.type.describe(),
                    hint=f"for example {key.name}: {key.example}" if key.example else "",
                )
            default = key.default
            values[key.name] = key.type.complete(default)
        return values

    def complete(self, default: Any) -> Any:
        """Give a default the keys it does not name."""
        if default is None:
            return None
        return {key.name: key.type.complete(default.get(key.name, key.default)) for key in self.keys}

    def json_schema(self) -> dict[str, Any]:
        properties = {}
        for key in self.keys:
            schema = key.type.json_schema()
            schema["description"] = key.description
            if key.example:
                schema["examples"] = [yaml.safe_load(key.example)]
            properties[key.name] = schema
        schema = {"type": "object", "additionalProperties": False, "properties": properties}
        required = [key.name for key in self.keys if key.required]
        if required:
            schema["required"] = required
        return schema

    def describe(self) -> str:
        return "a map with the keys " + one_of(self.by_name, 30)
