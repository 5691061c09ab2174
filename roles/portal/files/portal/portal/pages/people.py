# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""People of a project: who may what, invitations by mail, service users; for operators, who wants to be let in."""

from __future__ import annotations

import secrets
from typing import Any

from ansible_collections.ringmaster.hosting.plugins.module_utils.platform.language import checks, names
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform.language.ssh_keys import fingerprint
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform.proofs import statements
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform.schema.common import PERMISSIONS
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform.verbs import policy
from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils import timezone

from ..queue import store
from . import asking, facts, joining, mail, signatures
from .frame import Asker, only, page, posted, signed_in
from .models import Invitation, SignUp

MEANINGS = {
    "login": "logs in",
    "sudo-srv": "becomes a service user",
    "wheel": "is root",
    "manager": "changes the project",
    "stats": "sees figures",
}


@signed_in
def person(request: HttpRequest, asker: Asker, name: str) -> HttpResponse:
    """Show what one sees of somebody."""
    only(request, "GET")
    found = asker.seen.of_person(name)
    if found is None:
        raise Http404
    return page(request, "person", asker, person=found, name=name, is_self=name == asker.name)


@signed_in
def of_project(request: HttpRequest, asker: Asker, name: str) -> HttpResponse:
    """Show the people of a project, and take what is to be changed."""
    only(request, "GET", "POST")
    record = asker.seen.project(name)
    if record is None or not asker.seen.sees(name, "people"):
        raise Http404
    wrong: dict[str, str] = {}
    if request.method == "POST":
        answer = _change(request, asker, name, wrong)
        if answer is not None:
            return answer
    open_ = Invitation.objects.filter(project=name, request="", not_after__gt=timezone.now()).order_by("-made")
    return page(
        request,
        "people",
        asker,
        status=422 if wrong else 200,
        project=name,
        people=facts.people(asker.description, name),
        service_users=record["service_users"],
        meanings=MEANINGS.items(),
        invitations=open_,
        values={key: posted(request, key, 300) for key in ("user", "email", "service_user")} if wrong else {},
        wrong=wrong,
    )


def _change(request: HttpRequest, asker: Asker, project: str, wrong: dict[str, str]) -> HttpResponse | None:
    """Return the page that a form leads to; None after noting what is wrong with it."""
    back, what = f"/projects/{project}/people", posted(request, "what", 20)
    given = [word for word in PERMISSIONS if word in request.POST.getlist("permissions")]
    if what == "permissions":
        user = posted(request, "user", 64).strip()
        if not names.is_valid("person", user):
            wrong["user"] = "This is the name of an account, such as bob."
            return None
        changes: list[asking.Change] = [("set_permissions", {"project": project, "user": user, "permissions": given})]
        return asking.shown(request, asker, changes, back=back)
    if what in ("accept", "decline"):
        # Who follows an invitation that gives much waits for this, with the key that is shown.
        user = posted(request, "user", 64)
        keys = (
            {"ssh_keys": asker.description.users[user]["ssh_keys"]}
            if what == "accept" and user in asker.seen.people()
            else {}
        )
        return asking.shown(request, asker, [(f"{what}_user", {"user": user, **keys})], back=back)
    if what == "service_user":
        name = posted(request, "service_user", 64).strip().lower()
        name = name if name.startswith("s-") else f"s-{name}"
        if not names.is_valid("service user", name):
            wrong["service_user"] = f"It is {names.RULES['service user'][1]}."
            return None
        return asking.shown(
            request, asker, [("add_service_user", {"project": project, "service_user": name})], back=back
        )
    return _invite(request, asker, project, given, wrong)


def _invite(
    request: HttpRequest, asker: Asker, project: str, given: list[str], wrong: dict[str, str]
) -> HttpResponse | None:
    """Show what an invitation would be and have it signed, then send it."""
    email = posted(request, "email", 300).strip()
    if problem := checks.email(email):
        wrong["email"] = f"The address {problem}."
        return None
    if not given:
        wrong["permissions"] = "Choose what the person may do."
        return None
    # Whoever follows it chooses the name; the policy asks about what is given.
    asks = {"user": "newcomer", "project": project, "permissions": given, "full_name": "Newcomer", "email": email}
    verdict = policy.judge(asker.description, asker.name, "invite_user", asks)
    said: dict[str, Any] = {"project": project, "email": email, "permissions": given, "verdict": verdict}
    if verdict.answer == policy.REFUSE:
        return page(request, "invite", asker, status=403, **said, is_refused=True)
    proof = signatures.posted(request, "invitation")
    if proof is not None:
        said["wrong"] = _send(asker, project, email, given, dict(proof))
        if not said["wrong"]:
            return HttpResponseRedirect(f"/projects/{project}/people#invitations")
    made = statements.make(
        statements.INVITATION,
        settings.HOST,
        asker.name,
        now=timezone.now(),
        email=email,
        project=project,
        permissions=given,
    )
    wanted = signatures.Wanted("invitation", "An invitation is signed by you", made)
    return page(request, "invite", asker, status=422 if proof else 200, **said, signature=wanted)


def _send(asker: Asker, project: str, email: str, given: list[str], proof: dict[str, Any]) -> str:
    """Keep an invitation and send it; returns what is wrong with its signature instead."""
    if problem := signatures.wrong_invitation(asker, proof, {"email": email, "project": project, "permissions": given}):
        return problem
    token, now = secrets.token_urlsafe(24), timezone.now()
    end = statements.read(proof["statement"]).time("not_after")
    kept = {"person": asker.name, "email": email, "project": project, "permissions": given, "proof": proof}
    lines: tuple[str, ...] = (f"{asker.full_name} invites you to the project {project} at {settings.HOST}.", "")
    lines += ("Open this page, and choose a name and an SSH key for your account:", "")
    lines += (
        f"https://{settings.HOST}/join/{token}",
        "",
        "It holds for two weeks. If you do not know why, do nothing.",
    )
    if not mail.put(email, "You are invited", *lines):
        return "This address got several mails within the last hour. Invite it again later."
    Invitation.objects.create(token=store.digest(token), made=now, not_after=end, **kept)
    return ""


@signed_in
def withdraw(request: HttpRequest, asker: Asker, name: str, token: str) -> HttpResponse:
    """Take an invitation back that nobody has followed yet."""
    only(request, "POST")
    if asker.seen.project(name) is None or not asker.seen.sees(name, "people"):
        raise Http404
    Invitation.objects.filter(project=name, token=token, request="").delete()
    return HttpResponseRedirect(f"/projects/{name}/people#invitations")


@signed_in
def sign_ups(request: HttpRequest, asker: Asker) -> HttpResponse:
    """Show operators who waits to be let in, and take what they decide."""
    only(request, "GET", "POST")
    if not asker.seen.is_operator:
        raise Http404
    joining.settle()
    if request.method == "POST":
        one = joining.find(posted(request, "token", 64))
        if "decline" in request.POST:
            one.state = SignUp.DECLINED
            one.save()
            note = posted(request, "note", 500).strip()
            mail.put(
                one.email, "About your sign-up", "The operators did not let you in.", *(["", note] if note else [])
            )
            return HttpResponseRedirect("/sign-ups")
        given = {"user": one.user, "full_name": one.full_name, "email": one.email, "ssh_keys": [one.ssh_key]}
        when = statements.written(one.verified or one.made)
        changes: list[asking.Change] = [("add_user", {**given, "state": "active", "email_verified_at": when})]
        return asking.shown(request, asker, changes, back="/sign-ups")
    waiting = [(one, fingerprint(one.ssh_key)) for one in SignUp.objects.filter(state=SignUp.WAITING).order_by("made")]
    return page(request, "sign_ups", asker, waiting=waiting)
