# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an operator asks a verb for: arguments as text or data, checked by the types of the schema.

Surveys and ``-e name=value`` give text where data is meant, and an empty text where nothing was given.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ansible_collections.ringmaster.hosting.plugins.module_utils.values import sizes

from ..language import load, ssh_keys
from ..language.containers import ListOf, MapOf, NumberOrList, Record
from ..language.errors import DescriptionError, did_you_mean, one_of, sort_mistakes
from ..language.load import Source
from ..language.types import Boolean, Integer, OrWord, Size, Text, Type

try:
    import yaml
except ImportError:
    yaml = None  # type: ignore[assignment]

NONE = "none"


class RequestError(DescriptionError):
    """A verb was asked for something that cannot be. Carries every mistake."""

    def __str__(self) -> str:
        """Show all mistakes, with a sentence that counts them."""
        count = "1 mistake" if len(self.mistakes) == 1 else f"{len(self.mistakes)} mistakes"
        head = f"The request has {count}; nothing was changed."
        return "\n\n".join([head, *(mistake.render() for mistake in self.mistakes)])


@dataclass
class Request:
    """Arguments of a verb. ``values`` are as the schema reads them, ``texts`` as the file gets them."""

    verb: str
    values: dict[str, Any] = field(default_factory=dict)
    texts: dict[str, Any] = field(default_factory=dict)
    source: Source = field(init=False)

    def __post_init__(self) -> None:
        """Begin with no mistakes."""
        self.source = Source(Path(self.verb), self.verb)

    def wrong(self, message: str, *, found: str = "", allowed: str = "", hint: str = "") -> None:
        """Note that something cannot be."""
        self.source.wrong(None, message, found=found, allowed=allowed, hint=hint)

    def refuse(self) -> None:
        """Raise RequestError when there is a mistake."""
        if self.source.mistakes:
            raise RequestError(
                sort_mistakes(replace(mistake, line=0, column=0, excerpt="") for mistake in self.source.mistakes)
            )

    def known(self, argument: str, kind: str, candidates: Iterable[str]) -> bool:
        """Tell whether the argument names something that is declared; note it when it does not."""
        name = self.values.get(argument)
        return name is not None and self.find(argument, kind, name, candidates)

    def find(self, argument: str, kind: str, name: str, candidates: Iterable[str]) -> bool:
        """Tell whether a name is one of the candidates; note it when it is not."""
        if name in candidates:
            return True
        self.wrong(
            f"{argument}: the {kind} '{name[:40]}' is not known",
            found=name,
            allowed=one_of(candidates),
            hint=did_you_mean(name, candidates),
        )
        return False


def read(verb: str, types: Mapping[str, Type], required: Iterable[str], arguments: Mapping[str, Any]) -> Request:
    """Check the arguments of a verb; mistakes are noted in the result."""
    request = Request(verb)
    given = {name: value for name, value in json.loads(json.dumps(arguments, default=str)).items() if is_given(value)}
    for name in given:
        if name not in types:
            request.wrong(
                f"the argument '{name}' is not one of {verb}", allowed=one_of(types, 30), hint=did_you_mean(name, types)
            )
    for name in required:
        if name not in given:
            request.wrong(f"{name} is missing", allowed=types[name].describe())
    for name, kind in types.items():
        if name in given:
            read_one(request, name, kind, given[name])
    return request


def read_one(request: Request, name: str, kind: Type, value: Any) -> None:
    """Check one argument; it is kept in the request, or what is wrong with it is noted there."""
    before = len(request.source.mistakes)
    data = _as_data(kind, value)
    read_value = kind.read(request.source, _node(data), name)
    if len(request.source.mistakes) == before:
        request.values[name] = read_value
        request.texts[name] = sizes.render(read_value) if isinstance(kind, Size) else data


def is_given(value: Any) -> bool:
    """Tell whether an argument has a value; surveys give an empty text for what nobody filled in."""
    return value is not None and not (isinstance(value, str) and not value.strip())


def _node(data: Any) -> Any:
    loader = load.Loader(yaml.safe_dump(data, allow_unicode=True, width=float("inf")))
    try:
        return loader.get_single_node()
    finally:
        loader.dispose()


def _as_data(kind: Type, value: Any) -> Any:
    """Turn the text of a survey or a command line into the data that is meant; leave the rest to the check."""
    if isinstance(kind, MapOf) and isinstance(value, list) and all(isinstance(name, str) for name in value):
        return {name: {} for name in value}
    if not isinstance(value, str):
        # A number where the file has text, such as a full name; the check says what is wrong with it.
        return (
            str(value)
            if isinstance(value, (int, float)) and not isinstance(kind, (Integer, Boolean, NumberOrList))
            else value
        )
    text = value.strip()
    if isinstance(kind, Integer) and re.fullmatch(r"-?[0-9]{1,17}", text):
        return int(text)
    if isinstance(kind, Boolean) and text.lower() in ("true", "yes", "on", "false", "no", "off"):
        return text.lower() in ("true", "yes", "on")
    if isinstance(kind, Record) or (isinstance(kind, ListOf) and isinstance(kind.item, Record)):
        return [] if text.lower() == NONE and isinstance(kind, ListOf) else yaml_data(text)
    if isinstance(kind, OrWord):
        return text if text == kind.word else _as_data(kind.other, text)
    if isinstance(kind, NumberOrList):
        return _as_data(kind.number if re.fullmatch(r"-?[0-9]+", text) else kind.which, text)
    if isinstance(kind, ListOf):
        return _list(text, separator="\n" if _is_ssh_key(kind.item) else "[\n,]")
    if isinstance(kind, MapOf):
        return _map(text)
    return text


def _is_ssh_key(kind: Type) -> bool:
    return isinstance(kind, Text) and kind.check is ssh_keys.ssh_key


def _list(text: str, separator: str) -> Any:
    """Read a list: in JSON, one item a line, or words with commas between them; ``none`` is the empty list."""
    if text.startswith("["):
        return yaml_data(text)
    if text.lower() == NONE:
        return []
    return [item.strip() for item in re.split(separator, text) if item.strip()]


def _map(text: str) -> Any:
    """Read a map: in YAML or JSON, or names alone, each with an empty map."""
    if ":" in text:
        return yaml_data(text)
    return {name: {} for name in re.split(r"[\s,]+", text) if name}


def yaml_text(value: Any) -> str:
    """Return data as YAML, as people write it in a form."""
    return str(yaml.safe_dump(value, sort_keys=False, allow_unicode=True, default_flow_style=False)).strip()


def yaml_data(text: str) -> Any:
    """Return the data of a text in YAML; the text itself where it is none."""
    source = load.read(Path("text"), text)
    if source.mistakes or source.root is None:
        return text
    try:
        data = _meant(source, source.root)
    except (load.ExplodedError, RecursionError):
        return text
    return text if source.mistakes else data


def _meant(source: Source, node: Any) -> Any:
    """Return the data of a node, in which numbers that YAML 1.1 would change (``+10:00``, ``0755``) are text."""
    if isinstance(node, yaml.MappingNode):
        return {key: _meant(source, value) for key, _key_node, value in load.pairs(source, node, "")}
    if isinstance(node, yaml.SequenceNode):
        source.spend(len(node.value))
        return [_meant(source, item) for item in node.value]
    if node.tag.rpartition(":")[2] in ("int", "float") and not re.fullmatch(
        r"0|-?[1-9][0-9]*|-?[0-9]*\.[0-9]+", node.value
    ):
        return node.value
    return load.plain(source, node, "")
