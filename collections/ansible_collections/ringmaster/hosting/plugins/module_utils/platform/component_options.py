# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The roles' specifications of options: which components there are, and whether options are as they say.

Kinds and choices of options stand in a role's ``meta/argument_specs.yml``. What Ansible has no words for (least and
most, bytes that another program takes, names that are host names) stands beside it, in ``meta/limits.yml``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ansible_collections.ringmaster.hosting.plugins.module_utils.components.faults import Fault
from ansible_collections.ringmaster.hosting.plugins.module_utils.values import host_names

from .language import files, load
from .language.errors import did_you_mean, one_of
from .schema.common import COMPONENTS

try:
    import yaml
except ImportError:
    yaml = None  # type: ignore[assignment]

LIMITS = ("minimum", "above", "maximum", "step", "bytes", "filled", "kind", "hint")
"""What ``meta/limits.yml`` may say of an option: numbers, and what they are multiples of (``step``), the bytes of a
text, whether it must not be empty, what it is (``host``, ``address``, or ``text`` of several lines), and what helps
whoever wrote something else."""
_WHOLE = re.compile(r"0|-?[1-9][0-9]{0,17}")
_NUMBER = re.compile(r"-?(?=\.?[0-9])(0|[1-9][0-9]{0,17})?(\.[0-9]{1,17})?")
_BARE = {"int": _WHOLE, "float": _NUMBER, "bool": re.compile("true|false")}
# Ansible turns numbers into text where text is wanted; everything else must be of its kind.
_KINDS: dict[str, tuple[type, ...]] = {
    "str": (str,),
    "path": (str,),
    "int": (int,),
    "float": (int, float),
    "bool": (bool,),
    "list": (list,),
    "dict": (dict,),
}
_NAMES = {
    "str": "text",
    "path": "a path",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "list": "a list",
    "dict": "a map",
    "raw": "any value",
}


def roles_folder() -> Path | None:
    """Return the folder of the collection's roles, as seen from this file; None inside a module's archive."""
    folder = Path(__file__).absolute().parents[3] / "roles"
    return folder if folder.is_dir() else None


class Roles:
    """Specifications, each read once. Options are a role's variables without its prefix."""

    def __init__(self, folder: Path | None) -> None:
        """Remember the folder; None means that options cannot be checked."""
        self.folder = folder
        self._specs: dict[str, dict[str, Any] | None] = {}
        self._managed: dict[str, frozenset[str]] = {}

    def components(self) -> list[str]:
        """Return the components whose role is here."""
        return [name for name in COMPONENTS if self._is_here(name)]

    def _is_here(self, role: str) -> bool:
        return self.folder is not None and (self.folder / role / "meta" / "argument_specs.yml").is_file()

    def options(self, role: str) -> dict[str, Any] | None:
        """Return the specification of a role's options by name; None when the role is not here."""
        if role not in self._specs:
            self._specs[role] = self._read(role)
        return self._specs[role]

    def managed_settings(self, role: str) -> frozenset[str]:
        """Return the settings of a component's server that the platform decides."""
        if role not in self._managed:
            found = self._load(role, "vars/main.yml").get(f"__{role}_managed_settings") or []
            self._managed[role] = frozenset(map(str, found))
        return self._managed[role]

    def _load(self, role: str, name: str) -> dict[str, Any]:
        if self.folder is None:
            return {}
        try:
            text = files.read_text(self.folder / role / name)
        except OSError:
            return {}
        return yaml.load(text, Loader=load.Loader) or {}

    def _read(self, role: str) -> dict[str, Any] | None:
        if not self._is_here(role):
            return None
        specs = self._load(role, "meta/argument_specs.yml")
        variables = specs.get("argument_specs", {}).get("main", {}).get("options") or {}
        prefix = f"{role}_"
        result = {name.removeprefix(prefix): spec or {} for name, spec in variables.items() if name.startswith(prefix)}
        for path, limits in self._load(role, "meta/limits.yml").items():
            place(result, path.removeprefix(prefix)).update(limits)
        return result

    def problems(
        self, role: str, values: dict[str, Any], source: load.Source | None = None, node: Any = None
    ) -> Iterator[Fault]:
        """Yield what is wrong with options of a role; nothing when the role is not here.

        ``node`` is where ``values`` stand in ``source``. With it, text that is written without quotes stays the text
        that it is: what YAML would make of it is put right in ``values``, or refused.
        """
        specs = self.options(role)
        if specs is not None:
            found = list(_check_options(specs, values, (), _Place(source, node)))
            yield from found
            yield from _out_of_order(specs, values) if not found else ()


def value_problems(spec: dict[str, Any], value: Any) -> Iterator[Fault]:
    """Yield what is wrong with a value of one option."""
    yield from _check_value(spec, value, ("value",), _Place(None, None), {})


def place(specs: dict[str, Any], path: str) -> dict[str, Any]:
    """Return the limits of an option, to read or fill: ``users[].keys[]`` for each item, ``headers.*`` for values.

    Raises KeyError when there is no such option.
    """
    name, _dot, rest = path.partition(".")
    spec = specs[name.removesuffix("[]")]
    if rest and rest != "*":
        return place(spec["options"], rest)
    return spec.setdefault("each" if rest == "*" or name.endswith("[]") else "limits", {})


@dataclass(frozen=True)
class _Place:
    """A value's node in its file; without one nothing is known of how it is written."""

    source: load.Source | None
    node: Any

    def below(self, key: Any) -> _Place:
        """Return the place of an entry or item."""
        if self.source is None:
            return self
        found = self.source.child(self.node, key)
        return _Place(self.source if found is not None else None, found)

    @property
    def written(self) -> str | None:
        """A scalar as it is written, if that is without quotes."""
        is_bare = self.source is not None and isinstance(self.node, yaml.ScalarNode) and not self.node.style
        return self.node.value if is_bare else None

    def key_nodes(self) -> Iterator[Any]:
        """Yield the nodes of a map's keys."""
        if self.source is not None and isinstance(self.node, yaml.MappingNode):
            yield from (key for key, _value in self.node.value if isinstance(key, yaml.ScalarNode))


def in_quotes(text: str) -> str:
    """Say that a value is text: ``put it in quotes: "+10:00"``."""
    return f'put it in quotes: "{text}"'


def _check_options(
    specs: dict[str, Any], values: dict[str, Any], path: tuple[str | int, ...], here: _Place
) -> Iterator[Fault]:
    for name, value in values.items():
        if name not in specs:
            yield Fault(
                (*path, name),
                f"the option '{name}' is not known",
                name,
                one_of(sorted(specs), 30),
                did_you_mean(name, specs),
                is_key=True,
            )
            continue
        yield from _check_value(specs[name] or {}, value, (*path, name), here.below(name), values)
    for name, spec in specs.items():
        if (spec or {}).get("required") and name not in values:
            yield Fault(path, f"the option '{name}' is missing", allowed=_describe(spec))


def _hint(spec: Mapping[str, Any]) -> str:
    return str((spec.get("limits") or {}).get("hint", ""))


def _out_of_order(specs: Mapping[str, Any], values: Mapping[str, Any]) -> Iterator[Fault]:
    """Yield limits of checks that turn critical before they warn, one of them by default perhaps."""
    for name in specs:
        other = name.replace("_warning", "_critical")
        if other == name or other not in specs or values.get(name) is values.get(other) is None:
            continue
        warning, critical = (
            specs[one].get("default") if values.get(one) is None else values[one] for one in (name, other)
        )
        numbers = [one for one in (warning, critical) if isinstance(one, (int, float)) and not isinstance(one, bool)]
        if len(numbers) == 2 and warning > critical:
            path = name if values.get(name) is not None else other
            yield Fault((path,), "warns later than it turns critical", f"{warning} and {critical}", f"{name} first")


def _describe(spec: Mapping[str, Any]) -> str:
    if spec.get("choices"):
        return one_of([str(choice) for choice in spec["choices"]], 20)
    text = _NAMES.get(spec.get("type", "str"), str(spec.get("type")))
    if spec.get("type") == "list" and spec.get("elements"):
        text += f", each {_NAMES.get(spec['elements'], spec['elements'])}"
    return text + bounds(spec.get("limits") or {})


def bounds(limits: Mapping[str, Any]) -> str:
    """Say in words what limits of a number or of a text's length are, to follow what it is; empty without any."""
    said = []
    if "minimum" in limits and "maximum" in limits:
        said.append(f"from {limits['minimum']} to {limits['maximum']}")
    if "above" in limits:
        said.append(f"above {limits['above']}")
    if "maximum" in limits and "minimum" not in limits:
        said.append(f"at most {limits['maximum']}")
    if "step" in limits:
        said.append(f"a multiple of {limits['step']}")
    if "bytes" in limits:
        said.append(f"of at most {limits['bytes']} bytes")
    return f" {' and '.join(said)}" if said else ""


def _check_value(
    spec: Mapping[str, Any], value: Any, path: tuple[str | int, ...], here: _Place, holder: Any
) -> Iterator[Fault]:
    kind = spec.get("type", "str")
    if value is None:
        if spec.get("required") or isinstance(path[-1], int):
            yield Fault(path, "has no value", "nothing", _describe(spec), hint='text is put in quotes: "null"')
        return
    if kind == "str":
        meant, fault = _as_text(spec, value, path, here.written)
        if fault:
            yield fault
            return
        if meant is not value:
            holder[path[-1]] = meant
            value = meant
    kinds = _KINDS.get(kind)
    if kinds and (not isinstance(value, kinds) or (isinstance(value, bool) and kind != "bool")):
        hint = _hint(spec)
        found = str(value) if here.written is None else here.written
        if isinstance(value, str) and not here.written:
            found = f'"{value}"'
            if kind in _BARE and _BARE[kind].fullmatch(value):
                hint = f"write {value} without quotes"
        yield Fault(path, f"is not {_NAMES[kind]}", found, _describe(spec), hint)
        return
    if kind in ("int", "float") and here.written is not None:
        written = (_WHOLE if kind == "int" else _NUMBER).fullmatch(here.written)
        if not written:
            hint = f"YAML reads it as {value}; write decimal digits, and where text is meant put it in quotes"
            yield Fault(path, f"is not {_NAMES[kind]} in decimal digits", here.written, _describe(spec), hint)
            return
    if kind == "list":
        yield from _check_list(spec, value, path, here)
    elif kind == "raw" or (kind == "dict" and not spec.get("options")):
        yield from _check_free(spec, value, path, here)
    elif kind == "dict":
        yield from _check_options(spec["options"], value, path, here)
    elif spec.get("choices") and value not in spec["choices"]:
        choices = [str(choice) for choice in spec["choices"]]
        hint = _hint(spec) or did_you_mean(str(value), choices)
        yield Fault(path, "is not one of the choices", str(value), _describe(spec), hint)
    else:
        yield from _check_limits(spec, value, path, holder)


def _check_list(
    spec: Mapping[str, Any], value: list[Any], path: tuple[str | int, ...], here: _Place
) -> Iterator[Fault]:
    if not value and (spec.get("limits") or {}).get("filled"):
        yield Fault(path, f"is empty, and that is not the same as not given: {spec['limits']['filled']}", "[]")
    item_spec = {
        "type": spec.get("elements", "raw"),
        "options": spec.get("options"),
        "choices": spec.get("choices"),
        "limits": spec.get("each"),
    }
    for index, item in enumerate(value):
        yield from _check_value(item_spec, item, (*path, index), here.below(index), value)
    # By now in one form, where there are several. No option is a list in which something may stand twice.
    for index, item in enumerate(value):
        if not isinstance(item, (dict, list)) and item in value[:index]:
            yield Fault((*path, index), "stands twice in the list", str(item), "each once")


def _as_text(
    spec: Mapping[str, Any], value: Any, path: tuple[str | int, ...], written: str | None
) -> tuple[Any, Fault | None]:
    """Return the text that is meant, or what is wrong: YAML makes other values of words without quotes."""
    if isinstance(value, (str, list, dict)):
        return value, None
    if written in (spec.get("choices") or ()):
        return written, None
    text = str(value) if written is None else written
    if not isinstance(value, bool) and str(value) == text:
        return text, None
    made = str(value).lower() if isinstance(value, bool) else str(value)
    found = f"{text}, which YAML reads as {made}" if text != made else text
    return value, Fault(path, "is not text", found, _describe(spec), in_quotes(text))


def _check_free(spec: Mapping[str, Any], value: Any, path: tuple[str | int, ...], here: _Place) -> Iterator[Fault]:
    """Check what may be anything: values whose text YAML changes on the way are refused."""
    if isinstance(value, dict):
        for key in here.key_nodes():
            if not key.style and not _stays(key.value, key.tag, is_key=True):
                yield Fault(
                    (*path, key.value),
                    f"{key.value} is no text as a key",
                    key.value,
                    "a word",
                    in_quotes(key.value),
                    is_key=True,
                )
        for name, item in value.items():
            if spec.get("each") and item is not None:
                entry = {"type": "str", "limits": spec["each"]}
                yield from _check_value(entry, item, (*path, name), here.below(name), value)
            else:
                yield from _check_free({}, item, (*path, name), here.below(name))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _check_free({}, item, (*path, index), here.below(index))
    elif value is None:
        yield Fault(path, "has no value", "nothing", "a value", 'text is put in quotes: "null"')
    elif here.written is not None and not isinstance(value, str) and not _stays(here.written, here.node.tag):
        found = f"{here.written}, which YAML reads as {str(value).lower()}"
        yield Fault(
            path,
            "would not stay what is written",
            found,
            "a number, a word, or text in quotes",
            in_quotes(here.written),
        )


def _stays(written: str, tag: str, *, is_key: bool = False) -> bool:
    """Tell whether what YAML makes of a bare word says the same as the word."""
    kind = tag.rpartition(":")[2]
    if kind in ("null", "bool") and is_key:
        return False
    if kind == "bool":
        # Each server has its own words for these two; `yes` and `no` are as often meant as words.
        return written.lower() in ("true", "false", "on", "off")
    if kind == "int":
        return _WHOLE.fullmatch(written) is not None
    return kind != "float" or (_NUMBER.fullmatch(written) is not None and str(float(written)) == written)


def _check_limits(spec: Mapping[str, Any], value: Any, path: tuple[str | int, ...], holder: Any) -> Iterator[Fault]:
    limits = spec.get("limits")
    if not limits:
        return
    if isinstance(value, str):
        if limits.get("kind") == "host":
            value, problem = host_names.to_ascii(value)
            if problem:
                yield Fault(path, f"'{value[:60]}' {problem}", value, "a host name; umlauts and the like are taken")
                return
            holder[path[-1]] = value
        elif limits.get("kind") == "address" and "@" in value:
            head, at, host = value.rpartition("@")
            host, problem = host_names.to_ascii(host)
            if not problem:
                holder[path[-1]] = f"{head}{at}{host}"
        if not value.isprintable() and limits.get("kind") != "text":
            yield Fault(path, "contains a line break or a control character", ascii(value)[:60], "text in one line")
        if limits.get("filled") and not value:
            yield Fault(path, f"is empty, and that is not the same as not given: {limits['filled']}", '""')
        if "bytes" in limits and len(value.encode(errors="replace")) > limits["bytes"]:
            found = f"{len(value.encode(errors='replace'))} bytes"
            yield Fault(path, f"is longer than {limits['bytes']} bytes", found, _describe(spec))
        return
    too_small = value < limits.get("minimum", value) or ("above" in limits and value <= limits["above"])
    is_between = value % limits.get("step", 1) if isinstance(value, int) else False
    if too_small or is_between or value > limits.get("maximum", value):
        yield Fault(path, f"{value} is out of range", str(value), _describe(spec), _hint(spec))
