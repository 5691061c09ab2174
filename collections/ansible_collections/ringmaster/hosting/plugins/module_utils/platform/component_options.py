# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The roles' argument specifications: which components there are and which options they take."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .language import load
from .language.errors import did_you_mean, one_of
from .schema.common import COMPONENTS

try:
    import yaml
except ImportError:
    yaml = None  # type: ignore[assignment]


@dataclass(frozen=True)
class Problem:
    """A faulty option: where below the component, and what is wrong with it."""

    path: tuple[str | int, ...]
    message: str
    found: str = ""
    allowed: str = ""
    hint: str = ""
    is_key: bool = False


def roles_folder() -> Path | None:
    """Return the folder of the collection's roles, as seen from this file; None inside a module's archive."""
    folder = Path(__file__).absolute().parents[3] / "roles"
    return folder if folder.is_dir() else None


class Roles:
    """Argument specifications, each read once. Options are a role's variables without its prefix."""

    def __init__(self, folder: Path | None) -> None:
        """Remember the folder; None means that options cannot be checked."""
        self.folder = folder
        self._specs: dict[str, dict[str, Any] | None] = {}

    def components(self) -> list[str]:
        """Return the components whose role is here."""
        return [name for name in COMPONENTS if self.options(name) is not None]

    def options(self, role: str) -> dict[str, Any] | None:
        """Return the specification of a role's options by name; None when the role is not here."""
        if role not in self._specs:
            self._specs[role] = self._read(role)
        return self._specs[role]

    def _read(self, role: str) -> dict[str, Any] | None:
        if self.folder is None:
            return None
        try:
            text = (self.folder / role / "meta" / "argument_specs.yml").read_text(encoding="utf-8")
        except OSError:
            return None
        specs = yaml.load(text, Loader=load.Loader) or {}
        variables = specs.get("argument_specs", {}).get("main", {}).get("options") or {}
        prefix = f"{role}_"
        return {name.removeprefix(prefix): spec or {} for name, spec in variables.items() if name.startswith(prefix)}

    def problems(self, role: str, values: dict[str, Any]) -> Iterator[Problem]:
        """Yield what is wrong with options of a role; nothing when the role is not here."""
        specs = self.options(role)
        if specs is not None:
            yield from _check_options(specs, values, ())


def _check_options(specs: dict[str, Any], values: dict[str, Any], path: tuple[str | int, ...]) -> Iterator[Problem]:
    for name, value in values.items():
        if name not in specs:
            yield Problem(
                (*path, name),
                f"the option '{name}' is not known",
                name,
                one_of(sorted(specs), 30),
                did_you_mean(name, specs),
                is_key=True,
            )
            continue
        yield from _check_value(specs[name] or {}, value, (*path, name))
    for name, spec in specs.items():
        if (spec or {}).get("required") and name not in values:
            yield Problem(path, f"the option '{name}' is missing", allowed=_describe(spec))


# Ansible turns numbers into text where text is wanted; everything else must be of its kind.
_KINDS: dict[str, tuple[type, ...]] = {
    "str": (str, int, float),
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


def _describe(spec: dict[str, Any]) -> str:
    if spec.get("choices"):
        return one_of([str(choice) for choice in spec["choices"]], 20)
    text = _NAMES.get(spec.get("type", "str"), str(spec.get("type")))
    if spec.get("type") == "list" and spec.get("elements"):
        text += f", each {_NAMES.get(spec['elements'], spec['elements'])}"
    return text


def _check_value(spec: dict[str, Any], value: Any, path: tuple[str | int, ...]) -> Iterator[Problem]:
    kind = spec.get("type", "str")
    kinds = _KINDS.get(kind)
    if value is None:
        if spec.get("required"):
            yield Problem(path, "has no value", "nothing", _describe(spec))
        return
    if kinds and (not isinstance(value, kinds) or (isinstance(value, bool) and kind != "bool")):
        yield Problem(path, f"is not {_NAMES[kind]}", str(value), _describe(spec))
        return
    if kind == "list":
        item_spec = {
            "type": spec.get("elements", "raw"),
            "options": spec.get("options"),
            "choices": spec.get("choices"),
        }
        for index, item in enumerate(value):
            yield from _check_value(item_spec, item, (*path, index))
        return
    if spec.get("choices") and value not in spec["choices"]:
        choices = [str(choice) for choice in spec["choices"]]
        yield Problem(path, "is not one of the choices", str(value), _describe(spec), did_you_mean(str(value), choices))
    if kind == "dict" and spec.get("options"):
        yield from _check_options(spec["options"], value, path)
