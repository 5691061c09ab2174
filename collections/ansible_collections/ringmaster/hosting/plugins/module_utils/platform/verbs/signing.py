# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which requests need a signature of their own: those that let somebody in, or destroy something. Pure.

Others may be asked for with the signature of a sign-in. A portal that was broken into has such signatures of whoever is
signed in, and must come no further by them. What is not in this table needs a signature.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from .. import people
from ..model import Description
from . import guards, table
from .request import read as read_request

Reason = Callable[[Description, str, Mapping[str, Any]], str]
"""Says why a signature is needed, for the description, who asks, and the arguments; an empty text if it is not.

Its docstring says in the documentation when it is needed.
"""

RETRY = "retry"
QUEUE = ("approve", "decline", RETRY)
"""What is asked of the queue itself: consent to the request of somebody else, or none; to run again what failed."""


def _never(_found: Description, _person: str, _values: Mapping[str, Any]) -> str:
    """No."""
    return ""


def _always(reason: str) -> Reason:
    def rule(_found: Description, _person: str, _values: Mapping[str, Any]) -> str:
        return reason

    rule.__doc__ = f"Always: {reason}."
    return rule


def _where(**reasons: str) -> Reason:
    """Return the rule that a signature is needed where one of some arguments is given, and is not false."""

    def rule(_found: Description, _person: str, values: Mapping[str, Any]) -> str:
        return next((said for name, said in reasons.items() if values.get(name)), "")

    rule.__doc__ = f"With {', '.join(f'`{name}`' for name in reasons)}."
    return rule


def _change_vm(_found: Description, _person: str, values: Mapping[str, Any]) -> str:
    """With `protected: false` or `remove_components`."""
    if values.get("protected") is False:
        return "it takes the protection from a VM"
    return "it takes components from a VM" if values.get("remove_components") else ""


def _retire_vm(_found: Description, _person: str, values: Mapping[str, Any]) -> str:
    """Unless `undo` is given."""
    return "" if values.get("undo") else "it deletes a VM"


def _change_user(_found: Description, person: str, values: Mapping[str, Any]) -> str:
    """With `email`, or for somebody else."""
    if values.get("user") != person:
        return "it changes somebody else"
    return "it changes where mail about the account goes" if "email" in values else ""


def _set_permissions(found: Description, _person: str, values: Mapping[str, Any]) -> str:
    """When somebody gets a permission; not when one is taken."""
    record = found.projects.get(values.get("project", "")) or {}
    current = (record.get("permissions") or {}).get(values.get("user"), [])
    gains = [word for word in values.get("permissions") or [] if word not in current]
    return f"it gives {', '.join(gains)} to somebody" if gains else ""


def _restore_component(_found: Description, _person: str, values: Mapping[str, Any]) -> str:
    """Unless it comes back under another name (`as`) and replaces nothing."""
    return "" if values.get("as") and not values.get("replace") else "it may overwrite data"


_OPERATOR = _always("it is for operators")
_KEYS = _always("it changes with what somebody logs in")

RULES: Mapping[str, Reason] = {
    "order_vm": _never,
    "change_vm": _change_vm,
    "remove_component": _always("it takes a component from a VM"),
    "stop_vm": _never,
    "start_vm": _never,
    "retire_vm": _retire_vm,
    "rotate_secret": _never,
    "add_user": _OPERATOR,
    "change_user": _change_user,
    "lock_user": _OPERATOR,
    "unlock_user": _OPERATOR,
    "invite_user": _always("it lets somebody in"),
    "accept_user": _always("it lets somebody in"),
    "decline_user": _never,
    "set_web_password": _KEYS,
    "clear_web_password": _never,
    "add_passkey": _KEYS,
    "remove_passkey": _KEYS,
    "add_ssh_key": _KEYS,
    "revoke_key": _KEYS,
    "remove_user": _OPERATOR,
    "set_permissions": _set_permissions,
    "add_service_user": _never,
    "remove_service_user": _always("it takes an account away that programs run as"),
    "add_project": _OPERATOR,
    "change_project": _where(
        firewall="it changes who reaches the project's VMs",
        checks="it changes what runs on the project's VMs",
        dns_records="it changes names of the project",
        webhooks="it changes where alerts go",
        backup="it changes what is backed up, and for how long",
        status_page="it changes who sees the project's checks",
        quota="it changes how much the project may have",
    ),
    "remove_project": _OPERATOR,
    "restart_vm": _never,
    "snapshot_vm": _never,
    "backup_now": _never,
    "restore_files": _where(in_place="it overwrites files", replace="it overwrites files"),
    "restore_component": _restore_component,
    "restore_vm": _always("it overwrites a VM"),
}
"""The rule of each verb."""


def needs(found: Description, person: str, verb: str, arguments: Mapping[str, Any]) -> str:
    """Say why a request needs a signature of its own; an empty text where that of the sign-in is enough."""
    rule = RULES.get(verb)
    if verb == RETRY:
        return ""
    if rule is None:
        return "its answer counts for somebody else's request" if verb in QUEUE else "it is not known"
    asked = table.VERBS[verb]
    request = read_request(verb, asked.types, asked.required, arguments)
    if request.source.mistakes:
        return "its arguments cannot be read"
    if request.values.get(guards.CONFIRMATION):
        return "it may take the last one away"
    return rule(found, person, request.values) or _as_operator(found, person, request.values)


def _as_operator(found: Description, person: str, values: Mapping[str, Any]) -> str:
    """Ask operators for a signature where they have no permission of their own."""
    seen = people.visible(found, person)
    vm = found.vms.get(values.get("vm", ""))
    project = vm.project if vm else values.get("project", "")
    is_own = project in seen.permissions or (not project and values.get("user") == person)
    return "it is done as an operator" if seen.is_operator and not is_own else ""
