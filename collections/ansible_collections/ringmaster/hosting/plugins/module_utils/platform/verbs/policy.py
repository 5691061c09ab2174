# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who may do what by a verb: allowed, allowed with somebody's consent, or refused with reasons in plain words. Pure.

The judgement is by the description as it is now, so whoever writes a change asks again at that moment. It says nothing
of what the description itself forbids: the verb, and the check of the whole description, do that for everybody.

What the program that writes a request adds by itself (``requested_by``, ``email_verified_at``), it adds afterwards.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from .. import people, quotas
from ..language.ssh_keys import fingerprint, key_blob
from ..language.types import Name
from ..model import Description, Vm, build_vm
from ..schema.vm import VM
from . import guards, table
from .request import Request
from .request import read as read_request

ALLOW, ASK, REFUSE = "allow", "ask", "refuse"
OPERATOR, MANAGER = "operator", "manager"
SELF, INVITER = "self", "inviter"

OPERATORS_ONLY: Mapping[str, str] = {
    "hypervisor": "where a VM is placed",
    "image": "what a VM starts from",
    "anti_spoofing": "whether a VM may send from other addresses",
    "requested_by": "who asked for something",
    "email_verified_at": "whether a mail address was confirmed",
    "folder": "where on a machine something is written",
    guards.CONFIRMATION: "whether the last one may go",
}
"""Arguments that nobody but an operator gives, and what they say; one's own name may stand in ``requested_by``."""


@dataclass(frozen=True)
class Verdict:
    """What is said to a request. ``answer`` is ALLOW, ASK or REFUSE, ``reasons`` are sentences for people.

    ``who`` are the people of whom one has to consent, and ``consent`` is what makes them such: MANAGER or OPERATOR.
    """

    answer: str
    reasons: tuple[str, ...] = ()
    who: tuple[str, ...] = ()
    consent: str = ""

    def __bool__(self) -> bool:
        """Tell whether the request may be carried out as it is."""
        return self.answer == ALLOW


@dataclass
class Case:
    """A request while it is judged: what was asked for by whom, and what was noted against it."""

    description: Description
    seen: people.Seen
    verb: str
    request: Request
    project: str = ""
    refusals: list[str] = field(default_factory=list)
    wishes: list[tuple[str, str]] = field(default_factory=list)
    """Whose consent is needed (MANAGER or OPERATOR), and why."""

    @property
    def values(self) -> Mapping[str, Any]:
        """The arguments, as the schema reads them."""
        return self.request.values

    @property
    def person(self) -> str:
        """Who asks."""
        return self.seen.person

    @property
    def is_operator(self) -> bool:
        """Whether an operator asks."""
        return self.seen.is_operator

    def refuse(self, reason: str) -> None:
        """Note that it cannot be."""
        self.refusals.append(reason)

    def ask(self, consent: str, reason: str) -> None:
        """Note whose consent it needs."""
        self.wishes.append((consent, reason))


Condition = Callable[[Case], None]
"""Notes what stands against a request; its docstring says in the documentation what it is about."""


@dataclass(frozen=True)
class Rule:
    """Who may use a verb, beside operators: who has one of some permissions in the project, or is SELF or INVITER.

    ``conditions`` are for all but operators, ``limits`` for everybody.
    """

    may: tuple[str, ...] = ()
    conditions: tuple[Condition, ...] = ()
    limits: tuple[Condition, ...] = ()


def judge(description: Description, person: str, verb: str, arguments: Mapping[str, Any]) -> Verdict:
    """Say whether a person may use a verb with these arguments. A verb without a rule is for operators only."""
    seen = people.visible(description, person)
    if not people.is_active(description, person):
        return Verdict(REFUSE, (f"{person} has no account that can be used",))
    if verb not in table.VERBS:
        return Verdict(REFUSE, (f"there is no verb '{verb[:40]}'",))
    asked = table.VERBS[verb]
    request = read_request(verb, asked.types, asked.required, arguments)
    if request.source.mistakes:
        return Verdict(REFUSE, tuple(_sentence(mistake) for mistake in request.source.mistakes))
    case = Case(description, seen, verb, request)
    rule = RULES.get(verb, Rule())
    _find(case)
    if not case.refusals:
        _check_person(case, rule)
    if not case.refusals:
        if not case.is_operator:
            for condition in (_operators_only, *rule.conditions, _approval):
                condition(case)
        for limit in rule.limits:
            limit(case)
    return _verdict(case)


def consent(description: Description, approver: str, person: str, verb: str, arguments: Mapping[str, Any]) -> Verdict:
    """Say whether somebody's consent makes a request allowed: it is needed, and theirs counts, as things are now."""
    verdict = judge(description, person, verb, arguments)
    if verdict.answer != ASK:
        return verdict
    if approver == person:
        return Verdict(REFUSE, (f"{approver} cannot consent to what {approver} asks for",))
    if approver not in verdict.who:
        return Verdict(REFUSE, (f"the consent of {approver} does not count here", *verdict.reasons))
    return Verdict(ALLOW)


def _sentence(mistake: Any) -> str:
    more = [f"{what} {text}" for what, text in (("found", mistake.found), ("allowed", mistake.allowed)) if text]
    return "; ".join([mistake.message, *more])


def _find(case: Case) -> None:
    """Find what the arguments name, through the person: what he does not see is not known."""
    values, description = case.values, case.description
    case.project = values.get("project", "")
    types = table.VERBS[case.verb].types
    if "vm" in values and _names_a_vm(types["vm"]):
        vm = case.seen.vm(values["vm"])
        if vm is not None and not case.is_operator and values.get("project", vm.project) != vm.project:
            case.refuse(f"project: {vm.name} is no VM of {values['project']}")
        elif vm is not None:
            case.project = vm.project
        elif not (case.is_operator and values["vm"] in {**description.ledger.retired, **_machines(description)}):
            case.refuse(f"vm: the VM '{values['vm'][:40]}' is not known")
    if isinstance(types.get("project"), Name) and "project" in values and case.verb != "add_project":
        is_new = not getattr(types["project"], "refers", False)
        if case.seen.project(values["project"]) is None and not (case.is_operator and is_new):
            case.refuse(f"project: the project '{values['project'][:40]}' is not known")
    if "to" in values and not case.is_operator:
        other = case.seen.vm(values["to"])
        if other is None:
            case.refuse(f"to: the VM '{values['to'][:40]}' is not known")
        elif other.project != case.project:
            case.refuse(f"to: {other.name} is a VM of another project, which would see what is restored")


def _names_a_vm(kind: Any) -> bool:
    """Tell whether an argument names a machine that is there; the name of one to be ordered is judged by the verb."""
    return not isinstance(kind, Name) or kind.refers


def _machines(description: Description) -> dict[str, Any]:
    return {**description.hypervisors, **description.machines}


def _check_person(case: Case, rule: Rule) -> None:
    if case.is_operator:
        return
    permissions = [word for word in rule.may if word not in (SELF, INVITER)]
    if INVITER in rule.may or (SELF in rule.may and case.values.get("user") == case.person):
        return
    if case.project and case.seen.has(case.project, *permissions):
        return
    if not rule.may:
        case.refuse(f"{case.verb} is for operators only")
    elif not permissions:
        case.refuse(f"{case.verb}: everybody does this for oneself, and operators do it for others")
    else:
        case.refuse(f"{case.person} has none of these in {case.project}: {', '.join(permissions)}")


def _operators_only(case: Case) -> None:
    for argument, meaning in OPERATORS_ONLY.items():
        value = case.values.get(argument)
        if value is None or value is False or (argument == "requested_by" and value == case.person):
            continue
        case.refuse(f"{argument}: only an operator says {meaning}")


def _approval(case: Case) -> None:
    if _is_for_oneself(case):
        return
    needed = _portal(case.description).get("approvals", {}).get(case.verb)
    if needed:
        case.ask(needed, f"{case.verb} needs the consent of {_a(needed)} on this platform")


def _is_for_oneself(case: Case) -> bool:
    """Tell whether somebody gives up what is his: nobody's consent is needed for that."""
    return case.values.get("user") == case.person and case.verb == "set_permissions" and not _gains(case)


def _portal(description: Description) -> dict[str, Any]:
    return description.platform.get("portal") or {}


def _a(consent: str) -> str:
    return "another manager" if consent == MANAGER else "an operator"


def _verdict(case: Case) -> Verdict:
    if case.refusals:
        return Verdict(REFUSE, tuple(dict.fromkeys(case.refusals)))
    if not case.wishes:
        return Verdict(ALLOW)
    reasons = tuple(dict.fromkeys(reason for _consent, reason in case.wishes))
    needed = OPERATOR if any(consent == OPERATOR for consent, _reason in case.wishes) else MANAGER
    operators = people.operators(case.description)
    managers = sorted(guards.holders(case.description, case.project, MANAGER) - {case.person}) if case.project else []
    # Operators can do what managers can.
    who = tuple(dict.fromkeys([*(managers if needed == MANAGER else []), *operators]))
    if not who:
        return Verdict(REFUSE, (*reasons, "there is nobody who could consent"))
    return Verdict(ASK, reasons, who, needed)


# Conditions and limits.


def _grants(case: Case) -> None:
    """Give nobody what oneself has not; `wheel` is given as `portal.wheel` says."""
    user, gains = case.values["user"], _gains(case)
    if not gains and user == case.person:
        return
    if not case.seen.has(case.project, MANAGER):
        case.refuse(f"{case.person} is no manager of {case.project}")
        return
    record = case.description.users.get(user)
    if case.verb == "set_permissions":
        if record is None:
            case.refuse(f"user: the person '{user[:40]}' is not known")
        elif gains and record["state"] in ("locked", "removed"):
            case.refuse(f"user: {user} has no account that can be used")
    _give(case, case.project, gains)


def _give(case: Case, project: str, words: Iterable[str]) -> None:
    """Ask an operator for what the person has not, and for `wheel` unless `portal.wheel` leaves it to managers."""
    for word in words:
        if not case.seen.has(project, word):
            case.ask(OPERATOR, f"permissions: {case.person} has no {word} in {project}, and cannot give it")
        elif word == "wheel" and _portal(case.description).get("wheel") != MANAGER:
            case.ask(OPERATOR, "permissions: an operator lets people become root (wheel)")


def _gains(case: Case) -> list[str]:
    """Return what a person would have more than before."""
    record = case.description.projects.get(case.project) or {}
    current = (record.get("permissions") or {}).get(case.values.get("user"), [])
    return [word for word in case.values.get("permissions") or [] if word not in current]


def _invited(case: Case) -> None:
    """Let in whom oneself has invited, while one may give what was promised."""
    user = case.values["user"]
    record = case.description.users.get(user)
    if record is None or record["state"] != "pending" or record["requested_by"] != case.person:
        case.refuse(f"user: {user[:40]} was not invited by {case.person}")
        return
    for project, found in case.description.projects.items():
        promised = (found["permissions"] or {}).get(user)
        if promised and not case.seen.has(project, MANAGER):
            case.refuse(f"{case.person} is no manager of {project} any more")
        if case.verb == "accept_user":
            _give(case, project, promised or [])


def _of_project(case: Case) -> None:
    """Leave the quota, webhooks and images to operators; have programs run only as whom one may become."""
    values = case.values
    if "quota" in values:
        case.ask(OPERATOR, "quota: an operator says how much a project may have")
    if values.get("webhooks"):
        case.ask(OPERATOR, "webhooks: the monitoring machine would connect to whatever they name")
    if "image" in (case.request.texts.get("defaults") or {}):
        case.refuse(f"defaults.image: only an operator says {OPERATORS_ONLY['image']}")
    for key in ("checks", "jobs"):
        known = case.description.projects[case.project][key] or []
        for one in values.get(key) or []:
            if not one["command"] or one in known:
                continue
            needed = ("sudo-srv", "wheel") if one["user"] else ("login", "wheel")
            if not case.seen.has(case.project, *needed):
                case.ask(
                    OPERATOR,
                    f"{key}: the command of {one['name']} would run on VMs, "
                    f"and {case.person} has none of these in {case.project}: {', '.join(needed)}",
                )


def _quota(case: Case) -> None:
    """Stay within the project's quota."""
    record = case.description.projects.get(case.project)
    if record is None:
        return
    quota = _merged(record["quota"], case, "quota")
    if all(quota.get(limit) is None for limit in quotas.LIMITS):
        return
    vms = case.description.vms_of(case.project)
    before, after = quotas.used(vms), quotas.used(_vms_after(case, record, vms))
    for limit in quotas.exceeded(quota, after):
        if after[limit] > before[limit]:
            case.refuse(
                f"quota.{limit}: {case.project} may have {quotas.shown(limit, quota[limit])} of {quotas.called(limit)}"
                f" and would have {quotas.shown(limit, after[limit])}; an operator can raise it first (change_project)"
            )


def _merged(record: Mapping[str, Any] | None, case: Case, argument: str) -> dict[str, Any]:
    """Return a map of the project as the request would leave it: what is given empty goes, what is not given stays."""
    given = case.request.texts.get(argument) or {} if case.verb == "change_project" else {}
    return {**(record or {}), **{key: case.values[argument][key] for key in given}}


def _vms_after(case: Case, record: dict[str, Any], vms: list[Vm]) -> list[Vm]:
    """Return the VMs of the project as the request would have them."""
    values = case.values
    layers = [_merged(record["defaults"], case, "defaults"), case.description.platform.get("defaults") or {}]

    def sized(one: Mapping[str, Any]) -> Vm:
        return build_vm("", case.project, {**one, **_sizes(values)}, layers, record)

    if case.verb == "change_vm":
        return [sized(record["vms"][vm.name]) if vm.name == values["vm"] else vm for vm in vms]
    if case.verb == "order_vm":
        # Named and there already, it is not ordered twice.
        return vms if values.get("vm") in case.description.vms else [*vms, sized(VM.complete({}))]
    return [sized(record["vms"][vm.name]) for vm in vms] if "defaults" in values else vms


def _sizes(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a request says of a VM itself; components take nothing that a quota counts."""
    return {key: value for key, value in values.items() if key in VM.by_name and key != "components"}


def _last_one(case: Case) -> None:
    """Take away no last manager, root or operator, and nobody's last way in."""
    if case.values.get(guards.CONFIRMATION):
        return
    description, user = case.description, case.values["user"]
    if not people.is_active(description, user):
        return
    if case.verb == "set_permissions":
        wanted = set(case.values["permissions"])
        losing = {case.project: {word for word in guards.LASTING if word not in wanted}}
    elif case.verb in ("lock_user", "remove_user"):
        losing = {project: set(guards.LASTING) for project in description.projects}
        if people.operators(description) == [user]:
            case.refuse(f"{user} is the last operator of the platform")
    else:
        losing = {}
        if guards.ways_in(description, user) == 1 and _is_own(case):
            case.refuse(f"{user} could not log in any more: it is the last way in")
    for project, words in losing.items():
        has = (description.projects[project]["permissions"] or {}).get(user, ()) if project else ()
        for word in sorted(words.intersection(has)):
            if guards.holders(description, project, word) == {user}:
                case.refuse(f"{user} is the last {guards.LASTING[word]} of {project}")


def _is_own(case: Case) -> bool:
    """Tell whether the key or passkey that would go is one that the person has."""
    record = case.description.users[case.values["user"]]
    if "passkey" in case.values:
        return any(case.values["passkey"] in (one["name"], one["id"]) for one in record.get("passkeys") or [])
    wanted, keys = case.values["ssh_key"], record["ssh_keys"] or []
    return any(wanted == fingerprint(key) or (" " in wanted and key_blob(wanted) == key_blob(key)) for key in keys)


_VM = Rule((MANAGER,), limits=(_quota,))
_OWN = Rule((SELF,))
_OWN_LAST = Rule((SELF,), limits=(_last_one,))
_ON_VM = Rule(("sudo-srv", "wheel", MANAGER))
_RESTORE = Rule(("wheel", MANAGER))
_OPERATORS = Rule()

RULES: Mapping[str, Rule] = {
    "order_vm": _VM,
    "change_vm": _VM,
    "remove_component": Rule((MANAGER,)),
    "stop_vm": Rule((MANAGER,)),
    "start_vm": Rule((MANAGER,)),
    "retire_vm": Rule((MANAGER,)),
    "rotate_secret": Rule((MANAGER,)),
    "add_user": _OPERATORS,
    "change_user": _OWN,
    "lock_user": Rule(limits=(_last_one,)),
    "unlock_user": _OPERATORS,
    "invite_user": Rule((MANAGER,), (_grants,)),
    "accept_user": Rule((INVITER,), (_invited,)),
    "decline_user": Rule((INVITER,), (_invited,)),
    "set_web_password": _OWN,
    "clear_web_password": _OWN,
    "add_passkey": _OWN,
    "remove_passkey": _OWN_LAST,
    "add_ssh_key": _OWN,
    "revoke_key": _OWN_LAST,
    "remove_user": Rule(limits=(_last_one,)),
    "set_permissions": Rule((SELF, MANAGER), (_grants,), (_last_one,)),
    "add_service_user": Rule((MANAGER,)),
    "remove_service_user": Rule((MANAGER,)),
    "add_project": _OPERATORS,
    "change_project": Rule((MANAGER,), (_of_project,), (_quota,)),
    "remove_project": _OPERATORS,
    "restart_vm": _ON_VM,
    "snapshot_vm": _ON_VM,
    "backup_now": _ON_VM,
    "restore_files": _RESTORE,
    "restore_component": _RESTORE,
    "restore_vm": _OPERATORS,
}
"""The rule of each verb."""
