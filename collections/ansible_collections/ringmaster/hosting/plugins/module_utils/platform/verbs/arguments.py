# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Judge the extra variables of a run before anything is done: each is known, and each argument is what it may be."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..language import files, load
from ..language.errors import did_you_mean, one_of, shorten
from ..language.names import RULES
from ..language.types import Name, Type
from . import playbooks, request, words

try:
    import yaml
except ImportError:
    yaml = None  # type: ignore[assignment]

LOOSE_WORDS = "_raw_params"
"""Where Ansible keeps the words of ``-e`` that have no ``=``."""

OF_AWX = re.compile(r"(awx|tower)_[a-z_]+")

IN_OTHER_WORDS = {
    "ram": "memory",
    "mem": "memory",
    "cpu": "cores",
    "cpus": "cores",
    "vcpus": "cores",
    "storage": "disk",
    "size": "disk",
    "name": "vm",
    "host": "vm",
    "machine": "vm",
    "username": "user",
    "person": "user",
    "key": "ssh_key",
    "mail": "email",
    "target": "to",
    "groups": "permissions",
}
"""What people call an argument whose name is not spelled alike."""

QUOTING = (
    "the shell takes one pair of quotes and Ansible another: -e full_name=\"'Ada Lovelace'\", "
    'or -e \'{"full_name": "Ada Lovelace"}\''
)


def not_given(names: Iterable[str], variables: Mapping[str, Any]) -> list[str]:
    """Return the arguments of playbooks that are there without a value: surveys answer so what nobody filled in."""
    names = list(names)
    droppable = playbooks.types_of(names).keys() - playbooks.narrowing(names)
    return [name for name, value in variables.items() if name in droppable and not request.is_given(value)]


def strangers(names: Iterable[str], variables: Iterable[Any]) -> list[Any]:
    """Return the variables that are no arguments of the playbooks."""
    types = playbooks.types_of(names)
    return [name for name in variables if name not in types and name != LOOSE_WORDS]


def judge(
    names: Iterable[str], variables: Mapping[str, Any], known: Iterable[str] = (), hosts: Iterable[str] = ()
) -> None:
    """Raise RequestError with all mistakes in the extra variables of playbooks.

    ``known`` are variables beside the playbooks' arguments: of roles, of Ansible, of the inventory. ``hosts`` are those
    of the inventory; none means that it was not read.
    """
    names = list(names)
    types, narrowing, others = playbooks.types_of(names), playbooks.narrowing(names), set(known)
    own = [argument for name in names for argument in playbooks.PLAYBOOKS[name].types]
    asked = request.Request(" ".join(names))
    for name in strangers(names, variables):
        if not isinstance(name, str) or not (name in others or OF_AWX.fullmatch(name)):
            _explain_stranger(asked, str(name), own, others)
    if str(variables.get(LOOSE_WORDS, "")).strip():
        loose = shorten(str(variables[LOOSE_WORDS]), 60)
        asked.wrong(f"'{loose}' stands alone in -e: a value was cut at its space, or a name has no value", hint=QUOTING)
    for name, kind in types.items():
        if name not in variables:
            continue
        if request.is_given(variables[name]):
            request.read_one(asked, name, _by_its_rule(kind), plain(variables[name]))
        elif name in narrowing:
            asked.wrong(f"{name} is empty", allowed=kind.describe(), hint="leave it out where all are meant")
    for argument in sorted({argument for name in names for argument in playbooks.PLAYBOOKS[name].refers}):
        if argument in asked.values and hosts:
            asked.known(argument, "machine", sorted(set(hosts)))
    asked.refuse()


def _explain_stranger(asked: request.Request, name: str, own: list[str], others: Iterable[str]) -> None:
    short = name[:60]
    meant = IN_OTHER_WORDS.get(short.lower(), "")
    arguments = one_of(own, 30) if own else "no arguments"
    asked.wrong(
        f"'{shorten(name, 60)}' is no argument of {asked.verb}, and no variable that is known",
        allowed=f"{arguments}; variables of roles, of the inventory and of connections",
        hint=f"did you mean '{meant}'?" if meant in own else did_you_mean(short, own) or did_you_mean(short, others),
    )


def _by_its_rule(kind: Type) -> Type:
    """Return the type that checks a name by its rule as well: it becomes a pattern of hosts before it is looked up."""
    if not isinstance(kind, Name) or kind.kind not in RULES:
        return kind
    return words.MACHINE if kind.kind == "machine" else replace(kind, refers=False)


def plain(value: Any) -> Any:
    """Return a value as JSON has it: YAML knows dates and sets as well."""
    return json.loads(json.dumps(value, default=str))


def variables_of_roles(folder: Path | None) -> set[str]:
    """Return the variables that the argument specifications of all roles name."""
    found: set[str] = set()
    for file in sorted(folder.glob("*/meta/argument_specs.yml")) if folder else ():
        specs = yaml.load(files.read_text(file), Loader=load.Loader) or {}
        for entry in specs.get("argument_specs", {}).values():
            found.update(entry.get("options") or {})
    return found
