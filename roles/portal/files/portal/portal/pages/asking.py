# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one way by which pages change anything: what would follow is shown first, then somebody presses the button.

Whatever a form is about, it ends here with a list of verbs and arguments. What was shown comes back with the button,
word for word; whether it is allowed is judged again, here and by the steward.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from ansible_collections.ringmaster.hosting.plugins.module_utils.platform.language import ssh_keys
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform.language.errors import DescriptionError
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform.proofs import canonical, judge, statements
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform.verbs import policy, signing
from ansible_collections.ringmaster.hosting.plugins.module_utils.services.outlook import Outlook
from ansible_collections.ringmaster.hosting.plugins.module_utils.steward import messages, states
from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils import timezone

from ..answers import Problem
from ..queue import models
from ..queue.people import handed_in, seen_by, tried
from . import signatures
from .frame import Asker, only, page, posted, signed_in
from .home import bars

Change = tuple[str, Mapping[str, Any]]
TITLES = {
    "order_vm": "Order a VM",
    "change_vm": "Change {vm}",
    "remove_component": "Take {component} out of {vm}",
    "stop_vm": "Stop {vm}",
    "start_vm": "Start {vm}",
    "retire_vm": "Retire {vm}",
    "restart_vm": "Restart {vm}",
    "backup_now": "Back up {vm} now",
    "snapshot_vm": "Take a snapshot of {vm}",
    "add_service_user": "Register {service_user}",
    "remove_service_user": "Take {service_user} away",
    "set_permissions": "Change what {user} may do in {project}",
    "add_ssh_key": "Add a key",
    "revoke_key": "Revoke a key",
    "add_passkey": "Add the passkey {passkey}",
    "remove_passkey": "Remove the passkey {passkey}",
    "change_user": "Change {user}",
    "add_user": "Let {user} in",
    "accept_user": "Let {user} in",
    "decline_user": "Decline {user}",
    "approve": "Consent",
    "decline": "Decline",
    "retry": "Apply again",
}
COUNTED = ("order_vm", "change_vm")
"""Verbs whose page shows what is left of the quota."""
DANGEROUS = ("retire_vm", "remove_component", "remove_service_user", "revoke_key", "remove_passkey", "stop_vm")
"""Verbs whose button is red."""


def title(changes: Sequence[Change]) -> str:
    """Say in a few words what changes are."""
    verb, arguments = changes[0]
    if verb == "retire_vm" and arguments.get("undo"):
        return f"Keep {arguments['vm']} after all"
    known = {name: str(value)[:80] for name, value in arguments.items()}
    try:
        said = TITLES.get(verb, verb.replace("_", " ").capitalize()).format(**known)
    except KeyError:
        said = verb.replace("_", " ").capitalize()
    return said if len(changes) == 1 else f"{said}, and {len(changes) - 1} more"


def confirm(
    request: HttpRequest,
    asker: Asker,
    changes: Sequence[Change],
    *,
    expect: Sequence[Mapping[str, Any]] = (),
    back: str = "/",
    again: bool = False,
    wrong: str = "",
    key: str = "",
    status: int = 200,
) -> HttpResponse:
    """Show what would follow from changes, and the button. Raises DescriptionError where they cannot be made.

    :param back: the page that leads here; with ``again``, its form is shown as it was filled.
    """
    value = _request(changes, expect)
    said = outlook(asker, value)
    if said.after is not None and len(changes) == 1 and changes[0][0] == "order_vm" and "vm" not in changes[0][1]:
        # By its name it is ordered once, however often the button is pressed, and it is the one that was shown.
        changes = [("order_vm", {**changes[0][1], "vm": said.subject})]
        value = _request(changes, expect)
    project = _project(asker, changes)
    counts = changes[0][0] in COUNTED and bool(project) and asker.seen.sees(project, "quota")
    record = asker.seen.project(project) if counts else None
    words = title(changes)
    if changes[0][0] == "order_vm" and said.subject:
        words = f"Order {said.subject}"
    return page(
        request,
        "confirm",
        asker,
        status=status,
        title=words,
        said=said,
        follows=_follows(said),
        is_refused=said.verdict == policy.REFUSE,
        needs_consent=said.verdict == policy.ASK,
        text=canonical.write(value),
        key=key or secrets.token_urlsafe(16),
        wanted=wanted(asker, value, said.signature),
        wrong=wrong,
        is_dangerous=changes[0][0] in DANGEROUS and not changes[0][1].get("undo"),
        quota=bars(record, [], said.after.vms_of(project)) if record and said.after else [],
        usually=usually(changes[0][0]),
        back=back,
        again=[pair for pair in _given(request) if again],
    )


def outlook(asker: Asker, value: Mapping[str, Any]) -> Outlook:
    """Return what would come of a request; raises DescriptionError with what is wrong in it."""
    verb, arguments = value["changes"][0]["verb"], value["changes"][0]["arguments"]
    person, signature = asker.name, None
    if verb in signing.QUEUE:
        # What somebody consents to is what would come of the request of the other one.
        signature = signing.needs(asker.description, asker.name, verb, {})
        target = seen_by(asker.name).filter(id=str(arguments.get("request"))).first()
        if verb != "approve" or target is None or not target.body:
            return Outlook(policy.ALLOW, signature=signature)
        person, value = target.person, json.loads(target.body)["request"]
    try:
        said = tried(person, value)
        return said if signature is None else replace(said, verdict=policy.ALLOW, signature=signature, who=())
    except Problem as error:
        cause = error.__cause__
        if isinstance(cause, DescriptionError):
            raise DescriptionError(cause.mistakes) from None
        raise


def _follows(said: Outlook) -> list[tuple[str, list[str]]]:
    """Return whom consequences are about, as people write it, with the sentences; what was asked about comes first."""
    found: dict[str, list[str]] = {}
    for one in sorted(said.consequences, key=lambda one: one.about != f"vm {said.subject}"):
        kind, _blank, name = one.about.partition(" ")
        found.setdefault(name if kind in ("vm", "person", "project") else one.about, []).append(one.sentence)
    return list(found.items())


def _request(changes: Sequence[Change], expect: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    value: dict[str, Any] = {"changes": [{"verb": verb, "arguments": dict(given)} for verb, given in changes]}
    return {**value, "expect": list(expect)} if expect else value


def _project(asker: Asker, changes: Sequence[Change]) -> str:
    arguments = changes[0][1]
    vm = asker.seen.vm(str(arguments.get("vm", "")))
    return vm.project if vm else str(arguments.get("project", ""))


def _given(request: HttpRequest) -> list[tuple[str, str]]:
    return [(name, value) for name in request.POST for value in request.POST.getlist(name) if "csrf" not in name]


def wanted(asker: Asker, value: Mapping[str, Any], reason: str) -> list[signatures.Wanted]:
    """Return the statements that have to be signed with a request: none where the sign-in is enough."""
    if not reason:
        return []
    asks, now = statements.request_words(value), timezone.now()
    found = statements.make(
        statements.REQUEST, settings.HOST, asker.name, now=now, asks=asks, sha256=canonical.digest(dict(value))
    )
    result = [signatures.Wanted("request", f"This needs a signature of its own: {reason}", found)]
    for number, change in enumerate(value["changes"]):
        verb, arguments = change["verb"], change["arguments"]
        if verb not in judge.OWN_KEYS or arguments.get("user") != asker.name:
            continue
        passkey = str(arguments.get("passkey_id", ""))
        key = f"passkey {passkey} {arguments['passkey_key']}" if passkey else ssh_keys.key_blob(arguments["ssh_key"])
        owns = statements.make(
            statements.POSSESSION, settings.HOST, asker.name, now=now, key=key, email="", invitation=""
        )
        words = f"The new {'passkey' if passkey else 'key'} signs that it is yours"
        result.append(signatures.Wanted(f"possession{number}", words, owns, "path-of-the-new-key", passkey))
    return result


def usually(verb: str) -> float:
    """Return how many seconds such requests took lately, in the middle; 0 where none is known."""
    latest = models.Request.objects.filter(state=states.APPLIED).order_by("-id").prefetch_related("steps")[:200]
    of_verb = [one for one in latest if [change["verb"] for change in one.changes] == [verb]][:20]
    took = sorted(sum(step.ms for step in one.steps.all()) / 1000 for one in of_verb)
    took = [one for one in took if one]
    return took[len(took) // 2] if took else 0


def read(text: str) -> dict[str, Any]:
    """Return the request of a form; raises MessageError."""
    value = messages.parse(text.encode(), messages.REQUEST_BYTES)
    messages.wanted(value)
    return dict(value)


@signed_in
def ask(request: HttpRequest, asker: Asker) -> HttpResponse:
    """Show what a verb of a button would do."""
    only(request, "POST")
    back = posted(request, "back", 200) or "/"
    given = {name.removeprefix("a."): value for name, value in request.POST.items() if name.startswith("a.")}
    arguments: dict[str, Any] = {
        name: value == "true" if value in ("true", "false") else value for name, value in given.items()
    }
    verb = posted(request, "verb", 40)
    if verb not in TITLES:
        raise Problem(400, "invalid-request", "There is no such button.")
    if verb in ("approve", "decline"):
        # Consent is to this very request, word for word.
        target = seen_by(asker.name).filter(id=str(arguments.get("request"))).first()
        if target is None or not target.body:
            raise Problem(404, "not-found", "There is no such request that waits for you.")
        arguments["sha256"] = canonical.digest(json.loads(target.body)["request"])
    return shown(request, asker, [(verb, arguments)], back=back)


def shown(request: HttpRequest, asker: Asker, changes: Sequence[Change], **more: Any) -> HttpResponse:
    """Show what would follow, or what is wrong where it cannot be."""
    try:
        return confirm(request, asker, changes, **more)
    except DescriptionError as error:
        mistakes = [told(one) for one in error.mistakes]
        return page(
            request,
            "impossible",
            asker,
            status=422,
            title=title(changes),
            mistakes=mistakes,
            back=more.get("back", "/"),
        )


def told(mistake: Any) -> str:
    """Say a mistake to people: what it is, what is allowed, and what to do."""
    parts = [mistake.message]
    if mistake.allowed:
        parts.append(f"allowed is {mistake.allowed}")
    text = "; ".join(parts)
    return f"{text[:1].upper()}{text[1:]}." + (
        f" {mistake.hint[:1].upper()}{mistake.hint[1:]}." if mistake.hint else ""
    )


def hand_in(request: HttpRequest, asker: Asker) -> HttpResponse:
    """Take the request that was shown, with what was signed; and go to its page."""
    value = read(posted(request, "request", messages.REQUEST_BYTES))
    changes = [(one["verb"], one["arguments"]) for one in value["changes"]]
    key, back = posted(request, "key", 64), posted(request, "back", 200)
    said = outlook(asker, value)
    if said.verdict == policy.REFUSE:
        return shown(request, asker, changes, expect=value.get("expect", ()), back=back, status=403)
    given: dict[str, Any] = {"request": value}
    names = [one.name for one in wanted(asker, value, said.signature)]
    if names:
        proofs = [signatures.posted(request, name) for name in names]
        problem = "" if all(proofs) else "Paste what the command printed."
        if not problem:
            problem = signatures.problem(asker, value, proofs)
        if problem:
            return shown(
                request, asker, changes, expect=value.get("expect", ()), back=back, wrong=problem, key=key, status=422
            )
        given["proofs"] = proofs
    found, _is_new = handed_in(asker.session, given, key)
    return HttpResponseRedirect(f"/requests/{found.id}")
