# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How somebody gets an account: sign up and be let in by an operator, or follow an invitation and be in at once.

Who signs up stays a row here until then. An address is confirmed before anybody learns which names are free.
"""

from __future__ import annotations

import datetime
import ipaddress
import secrets
from typing import Any

from ansible_collections.ringmaster.hosting.plugins.module_utils.platform import people
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform.language import names, ssh_keys
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform.model import Description
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform.proofs import judge, statements
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform.proofs.statements import ProofError
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform.verbs import table
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform.verbs.request import Request, read_one
from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils import timezone

from ..answers import Problem
from ..queue import models as queue
from ..queue import people as queue_people
from ..queue import sessions, store
from . import mail, signatures
from .frame import only, page, posted
from .models import Invitation, SignUp

LASTS = datetime.timedelta(hours=24)
TRIES = 5
"""Wrong codes until a new one is needed."""
SIGN_UPS_OF_NETWORK = 10
"""Sign-ups an hour from one network, as large as one household or office has it."""
_LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"
FIELDS = ("full_name", "email", "ssh_key")


def sign_up(request: HttpRequest) -> HttpResponse:
    """Take name, mail address and key of somebody who wants an account."""
    only(request, "GET", "POST")
    if request.method == "GET":
        return page(request, "sign_up", None, values={}, wrong={})
    values, wrong = _read(request)
    values["note"] = posted(request, "note", 500).strip()
    if wrong:
        return page(request, "sign_up", None, status=422, values=values, wrong=wrong)
    network = _network(request.headers.get("X-Real-IP", ""))
    hour = SignUp.objects.filter(made__gte=timezone.now() - datetime.timedelta(hours=1), network=network)
    if network and hour.count() >= SIGN_UPS_OF_NETWORK:
        raise Problem(
            429, "rate-limited", "Many people have signed up from your network just now. Try again in an hour."
        )
    token = secrets.token_urlsafe(24)
    SignUp.objects.filter(email__iexact=values["email"], state=SignUp.OPEN).delete()
    SignUp.objects.filter(state=SignUp.OPEN, made__lt=timezone.now() - LASTS).delete()
    one = SignUp(token=store.digest(token), made=timezone.now(), network=network, **values)
    one.save()
    _send_code(one)
    return HttpResponseRedirect(f"/sign-up/{token}")


def _read(request: HttpRequest) -> tuple[dict[str, str], dict[str, str]]:
    """Return what was filled in, and what is wrong with it: by the same rules as the description has."""
    values = {name: " ".join(posted(request, name, 9000).split()) for name in FIELDS if name in request.POST}
    wrong = {}
    types = table.VERBS["add_user"].types
    for name, value in values.items():
        if not value:
            wrong[name] = "This is missing."
        elif name == "ssh_key":
            if problem := ssh_keys.ssh_key(value):
                wrong[name] = f"The key {problem}."
        else:
            asked = Request("add_user")
            read_one(asked, name, types[name], value)
            if asked.source.mistakes:
                mistake = asked.source.mistakes[0]
                wrong[name] = f"{mistake.message.removeprefix(name + ': ').capitalize()}; write {mistake.allowed}."
    return values, wrong


def _network(address: str) -> str:
    """Return the network that an address is of, and nothing of the address itself."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return ""
    return str(ipaddress.ip_network(f"{found}/{24 if found.version == 4 else 56}", strict=False))


def _send_code(one: SignUp) -> None:
    """Send a fresh code; to who has an account already, that. Nobody else learns which it was."""
    found = sessions.described()
    owner = next((name for name, user in found.users.items() if _is_of(user, one.email)), "")
    if owner:
        one.code = ""
        lines: tuple[str, ...] = (
            f"Somebody, probably you, wanted to sign up at {settings.HOST} with this address.",
            "",
        )
        lines += (f"It has an account already: {owner}. Sign in with your SSH key:", f"https://{settings.HOST}/sign-in")
        mail.put(one.email, "You have an account already", *lines)
    else:
        code = "".join(secrets.choice(_LETTERS) for _letter in range(8))
        one.code = store.digest(code)
        lines = (f"Your code for {settings.HOST} is", "", f"    {code[:4]}-{code[4:]}", "")
        lines += ("Type it into the page on which you signed up. It holds for a day.", "")
        lines += ("If you did not sign up, do nothing: nothing will happen.",)
        mail.put(one.email, "Your code to sign up", *lines)
    one.tries = 0
    one.save()


def _is_of(user: Any, email: str) -> bool:
    return user["state"] != "removed" and user["email"].lower() == email.lower()


def on_the_way(request: HttpRequest, token: str) -> HttpResponse:
    """Go on with a sign-up: the code of the mail, a name, and that the key is one's own."""
    only(request, "GET", "POST")
    one = SignUp.objects.filter(token=store.digest(token)).first()
    if one is None or (one.state == SignUp.OPEN and one.made < timezone.now() - LASTS):
        return page(request, "sign_up_gone", None, status=410)
    said: dict[str, Any] = {"one": one, "fingerprint": ssh_keys.fingerprint(one.ssh_key), "stage": "code"}
    if one.state != SignUp.OPEN:
        return page(request, "sign_up_step", None, **{**said, "stage": one.state})
    if one.verified is None:
        return _take_code(request, one, said)
    said |= {"stage": "name", "user": posted(request, "user", 64).strip() if request.method == "POST" else ""}
    if not said["user"]:
        return page(request, "sign_up_step", None, **said)
    found = sessions.described()
    said["wrong"] = taken(found, said["user"], one.token)
    if said["wrong"]:
        return page(request, "sign_up_step", None, status=422, **said)
    key = ssh_keys.key_blob(one.ssh_key)
    proof = signatures.posted(request, "possession")
    if proof is not None:
        try:
            judge.of_possession(sessions.place(), proof, (said["user"], key), one.email, timezone.now())
        except ProofError as error:
            said["wrong_signature"] = f"{str(error).capitalize()}. Run the new command with the key that you named."
        else:
            one.user, one.proof, one.state = said["user"], dict(proof), SignUp.WAITING
            one.save()
            _tell_operators(found, one)
            return HttpResponseRedirect(f"/sign-up/{token}")
    said["stage"] = "prove"
    said["signature"] = _possession(said["user"], key, one.email, "")
    return page(request, "sign_up_step", None, status=422 if proof else 200, **said)


def _take_code(request: HttpRequest, one: SignUp, said: dict[str, Any]) -> HttpResponse:
    if request.method == "POST" and "again" in request.POST:
        _send_code(one)
        return page(request, "sign_up_step", None, **said, sent_again=True)
    if request.method != "POST":
        return page(request, "sign_up_step", None, **said)
    code = "".join(posted(request, "code", 40).upper().replace("-", "").split())
    if one.tries < TRIES and one.code and secrets.compare_digest(store.digest(code), one.code):
        one.verified, one.code = timezone.now(), ""
        one.save()
        return HttpResponseRedirect(request.path)
    one.tries += 1
    one.save()
    too_many = "This was tried too often. Have a new code sent."
    wrong = too_many if one.tries >= TRIES else "This is not the code. Look for the newest mail, also among junk."
    return page(request, "sign_up_step", None, status=422, **said, wrong=wrong)


def _possession(user: str, key: str, email: str, invitation: str) -> signatures.Wanted:
    found = statements.make(
        statements.POSSESSION, settings.HOST, user, now=timezone.now(), key=key, email=email, invitation=invitation
    )
    return signatures.Wanted("possession", "Show that the key is yours", found)


def taken(found: Description, user: str, but: str = "") -> str:
    """Say why a name cannot be chosen; an empty text where it can."""
    if not names.is_valid("person", user):
        return f"A name of an account has {names.RULES['person'][1]}."
    others = SignUp.objects.filter(user=user, state=SignUp.WAITING).exclude(token=but)
    invited = Invitation.objects.filter(user=user).exclude(token=but).exclude(request="")
    known = {*found.users, *found.ledger.uids, *found.projects, *found.vms, *names.SYSTEM_ACCOUNTS}
    looks = {_skeleton(name) for name in found.users}
    if user in known or _skeleton(user) in looks or others.exists() or invited.exists():
        return f"{user} is taken, or looks like a name that is. Choose another one."
    return ""


def _skeleton(name: str) -> str:
    """Return a name as it looks at a glance."""
    plain = name.replace("-", "").translate(str.maketrans("1i05", "llos"))
    return plain.replace("rn", "m").replace("vv", "w")


def _tell_operators(found: Description, one: SignUp) -> None:
    for name in people.operators(found):
        lines: tuple[str, ...] = ("Somebody has signed up, has confirmed the mail address, and waits to be let in:", "")
        lines += (f"    {one.user}, {one.email}", "", f"https://{settings.HOST}/sign-ups")
        mail.put(found.users[name]["email"], "Somebody waits to be let in", *lines)


def join(request: HttpRequest, token: str) -> HttpResponse:
    """Follow an invitation: name, account and key, and a signature; the mail that brought it confirms the address."""
    only(request, "GET", "POST")
    one = Invitation.objects.filter(token=store.digest(token)).first()
    if one is None or (not one.request and one.not_after < timezone.now()):
        return page(request, "sign_up_gone", None, status=410, is_invitation=True)
    found = sessions.described()
    said: dict[str, Any] = {"one": one, "inviter": found.users.get(one.person, {}).get("full_name", one.person)}
    if one.request:
        state = queue.Request.objects.filter(id=one.request).first()
        return page(request, "join", None, **said, request_=state, is_in=people.is_active(found, one.user))
    if request.method == "GET":
        return page(request, "join", None, **said, values={}, wrong={})
    values, wrong = _read(request)
    values["user"] = posted(request, "user", 64).strip()
    if problem := taken(found, values["user"], one.token):
        wrong["user"] = problem
    if wrong or not {"full_name", "ssh_key"} <= values.keys():
        return page(request, "join", None, status=422, **said, values=values, wrong=wrong)
    proof, key = signatures.posted(request, "possession"), ssh_keys.key_blob(values["ssh_key"])
    if proof is not None:
        told = {"full_name": values["full_name"], "invitation": one.proof, "possession": proof}
        try:
            asked, _is_new = queue_people.newcomer({"newcomer": told})
        except Problem as error:
            said["wrong_signature"] = f"{str(error).capitalize()}. Run the new command with the key that you named."
        else:
            one.user, one.request = values["user"], asked.id
            one.save()
            return HttpResponseRedirect(request.path)
    digest = statements.read(one.proof["statement"]).digest
    wanted = _possession(values["user"], key, one.email, digest)
    return page(request, "join", None, status=422 if proof else 200, **said, values=values, wrong={}, signature=wanted)


def settle() -> None:
    """Tell those who were let in since; drop what has waited for nothing."""
    waiting = list(SignUp.objects.filter(state=SignUp.WAITING))
    if not waiting:
        return
    found = sessions.described()
    for one in waiting:
        if not people.is_active(found, one.user):
            continue
        one.state = SignUp.ACCEPTED
        one.save()
        if _is_of(found.users[one.user], one.email):
            lines: tuple[str, ...] = (
                f"Your account {one.user} is there. Sign in with your SSH key:",
                f"https://{settings.HOST}/sign-in",
            )
            mail.put(one.email, "Your account is there", *lines)


def find(token: str) -> SignUp:
    """Return a sign-up that waits, by its digest; raises Http404."""
    found = SignUp.objects.filter(token=token, state=SignUp.WAITING).first()
    if found is None:
        raise Http404
    return found
