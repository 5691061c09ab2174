# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks that a project puts into /etc/local/checks: commands only, each with the rights of its file's owner."""

from __future__ import annotations

import grp
import json
import pwd
from dataclasses import replace
from pathlib import Path

from ringmaster.check.definitions import DEFAULT_USER, POWERLESS_USER, Definition, DefinitionError, parse
from ringmaster.core import inbox
from ringmaster.core.checks import OK, WARNING, in_use
from ringmaster.core.inbox import Refused
from ringmaster.core.report import counted

COMPONENT = "local"
REPORT = Definition(component=COMPONENT, name="drop-ins")
KEYS = frozenset({"name", "command", "interval", "timeout", "user"})
NUMBER_LIMIT = 100
REFUSED_SHOWN = 5


def load(folder: Path) -> tuple[list[Definition], tuple[int, str] | None]:
    """Return the accepted checks, and what there is to say of the folder: nothing when it is not there."""
    if not folder.is_dir():
        return [], None
    accepted: dict[str, tuple[Definition, int]] = {}
    contested: set[str] = set()

    def judge(text: str, owner: int) -> None:
        try:
            found = [_as_owner(one, owner) for one in parse(_with_component(text))]
        except DefinitionError as error:
            raise Refused(str(error)) from error
        for definition in found:
            if definition.name == REPORT.name or accepted.get(definition.name, (None, -1))[1] == owner:
                raise Refused(f"the name '{definition.name}' is taken")
        if len(found) + sum(whose == owner for _one, whose in accepted.values()) > NUMBER_LIMIT:
            raise Refused(f"there are more than {NUMBER_LIMIT} checks")
        for definition in found:
            _enter(definition, owner, accepted, contested)

    taken_in = inbox.read_owned(folder, ".json", judge)
    refused = {name: taken_in.refused[name] for name in list(taken_in.refused)[:REFUSED_SHOWN]}
    definitions = [one for name, (one, _owner) in accepted.items() if name not in contested]
    if contested:
        names = ", ".join(sorted(contested)[:REFUSED_SHOWN])
        return definitions, (WARNING, f"Files of several owners name the same checks, and none of them runs: {names}.")
    if taken_in.refused:
        reasons = "; ".join(f"{name}: {reason}" for name, reason in refused.items())
        left = counted(len(taken_in.refused), f"file of {folder} is", f"files of {folder} are")
        return definitions, (WARNING, f"{left} left out: {reasons}.")
    return definitions, (OK, in_use(len(definitions), str(folder), "check"))


def _with_component(text: str) -> str:
    """Say whose the checks are, and refuse what only the platform may say."""
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise Refused(f"it is not valid JSON ({error})") from error
    items = content if isinstance(content, list) else [content]
    for item in items:
        if not isinstance(item, dict):
            raise Refused("a check must be an object")
        for key in sorted(set(item) - KEYS):
            raise Refused(f"the key '{key}' is not allowed here; allowed: {', '.join(sorted(KEYS))}")
        item["component"] = COMPONENT
    return json.dumps(items)


def _enter(
    definition: Definition, owner: int, accepted: dict[str, tuple[Definition, int]], contested: set[str]
) -> None:
    """Take a check in. Nobody takes another one's name in silence: where root did not, none of the owners has it."""
    known = accepted.get(definition.name)
    if known is not None and owner != 0:
        if known[1] != 0:
            contested.add(definition.name)
        return
    accepted[definition.name] = (definition, owner)
    contested.discard(definition.name)


def _as_owner(definition: Definition, owner: int) -> Definition:
    """Return the check with the account that it runs as: its owner. Root may name a service user instead of none."""
    if owner == 0:
        if definition.user in (DEFAULT_USER, POWERLESS_USER):
            return replace(definition, user=POWERLESS_USER)
        if not _is_service_user(definition.user):
            raise Refused(f"the user '{definition.user[:40]}' is no service user of this machine")
        return definition
    try:
        name = pwd.getpwuid(owner).pw_name
    except KeyError:
        raise Refused(f"its owner has the number {owner} and no account") from None
    if definition.user not in (DEFAULT_USER, name):
        raise Refused(f"it belongs to '{name}' and cannot run as '{definition.user[:40]}'")
    return replace(definition, user=name)


def _is_service_user(user: str) -> bool:
    try:
        return grp.getgrgid(pwd.getpwnam(user).pw_gid).gr_name == "service"
    except (KeyError, ValueError):
        return False
