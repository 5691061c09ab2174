# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks that a project puts into /etc/local/checks: commands only, as nobody with rights."""

from __future__ import annotations

import grp
import json
import pwd
from pathlib import Path

from ringmaster.check.definitions import DEFAULT_USER, Definition, DefinitionError, parse
from ringmaster.core import inbox
from ringmaster.core.checks import OK, WARNING, in_use
from ringmaster.core.inbox import Refused
from ringmaster.core.report import counted

COMPONENT = "local"
REPORT = Definition(component=COMPONENT, name="drop-ins")
KEYS = frozenset({"name", "command", "interval", "timeout", "user"})
NUMBER_LIMIT = 100


def load(folder: Path) -> tuple[list[Definition], tuple[int, str] | None]:
    """Return the accepted checks, and what there is to say of the folder: nothing when it is not there."""
    if not folder.is_dir():
        return [], None
    accepted: list[Definition] = []

    def judge(text: str) -> None:
        try:
            found = parse(_with_component(text))
        except DefinitionError as error:
            raise Refused(str(error)) from error
        taken = {definition.name for definition in accepted} | {REPORT.name}
        for definition in found:
            if definition.name in taken:
                raise Refused(f"the name '{definition.name}' is taken")
            _refuse_rights(definition.user)
        if len(accepted) + len(found) > NUMBER_LIMIT:
            raise Refused(f"there are more than {NUMBER_LIMIT} checks")
        accepted.extend(found)

    taken_in = inbox.read(folder, ".json", judge)
    if taken_in.refused:
        reasons = "; ".join(f"{name}: {reason}" for name, reason in taken_in.refused.items())
        left = counted(len(taken_in.refused), f"file of {folder} is", f"files of {folder} are")
        return accepted, (WARNING, f"{left} left out: {reasons}.")
    return accepted, (OK, in_use(len(accepted), str(folder), "check"))


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


def _refuse_rights(user: str) -> None:
    """Only the checks' own account and service users, who may do nothing that their owner may not do anyway."""
    if user == DEFAULT_USER:
        return
    try:
        is_service_user = grp.getgrgid(pwd.getpwnam(user).pw_gid).gr_name == "service"
    except KeyError:
        is_service_user = False
    if not is_service_user:
        raise Refused(f"the user '{user[:40]}' is no service user of this machine")
