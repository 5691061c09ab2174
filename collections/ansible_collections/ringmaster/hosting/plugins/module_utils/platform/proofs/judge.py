# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one judge of proofs: who asked for what, by signatures that hold against the description as it is now.

Pure, but for ``ssh-keygen`` that verifies SSH signatures. What somebody may ask for, the policy says afterwards; that a
statement counts once, the store of used ones.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from .. import people
from ..language import passkeys, ssh_keys
from ..model import Description
from ..verbs import signing, table
from . import canonical, signatures, statements
from .signatures import Place
from .statements import INVITATION, POSSESSION, REQUEST, SESSION, ProofError, Statement

MOST_CHANGES = 50
FRESH = datetime.timedelta(minutes=5)
"""How old a statement may be with which somebody signs in."""
CONFIRMED = ("wheel", "manager")
"""Permissions that an invitation gives only after whoever invited has confirmed the key."""
OWN_KEYS = ("add_ssh_key", "add_passkey")
"""Verbs by which somebody gets a key, which has to be shown to be his by a signature of its own."""

_Signed = tuple[Statement, Mapping[str, Any]]


@dataclass(frozen=True)
class Proven:
    """Who has asked, and by which key: the fingerprint of an SSH key, or the id of a passkey.

    ``kind`` is SESSION or REQUEST, ``digest`` that of the request, ``statements`` those that count as used.
    """

    person: str
    kind: str
    key: str
    digest: str = ""
    statements: tuple[Statement, ...] = ()


@dataclass(frozen=True)
class Newcomer:
    """Somebody who was invited: the changes that let him in, in the inviter's name, and what has to be confirmed."""

    person: str
    inviter: Proven
    key: str
    changes: tuple[tuple[str, dict[str, Any]], ...]
    statements: tuple[Statement, ...] = field(default=())
    confirm: str = ""

    @property
    def fingerprint(self) -> str:
        """The new key's fingerprint, as its owner sees it too."""
        return ssh_keys.fingerprint(self.key)


def of_session(found: Description, place: Place, proof: Any, now: datetime.datetime) -> Proven:
    """Judge a sign-in; the statement has to be fresh."""
    statement, signature = _statement(proof)
    statements.check(statement, [SESSION], place.host, now)
    if statement.time("made") < now - FRESH:
        raise ProofError(
            "time", f"this was signed at {statement['made']}, which is too long ago to sign in; sign again"
        )
    key = _verified(found, place, statement, signature)
    return Proven(statement.person, SESSION, key, "", (statement,))


def in_session(found: Description, place: Place, proof: Any, now: datetime.datetime) -> Proven:
    """Judge who asks something that changes nothing: somebody who is signed in."""
    statement, signature = _statement(proof)
    statements.check(statement, [SESSION], place.host, now)
    return Proven(statement.person, SESSION, _verified(found, place, statement, signature), "", (statement,))


def of_request(found: Description, place: Place, request: Any, proofs: Any, now: datetime.datetime) -> Proven:
    """Judge who asked for a request, and whether what was signed is enough for all that it changes."""
    changes, digest = _changes(request)
    if not isinstance(proofs, list) or not 0 < len(proofs) <= MOST_CHANGES + 1:
        raise ProofError("form", "a request comes with a list of proofs")
    signed = [_statement(one) for one in proofs]
    (statement, signature), others = signed[0], signed[1:]
    asks = statements.request_words(request) if statement.kind == REQUEST else ""
    statements.check(statement, [SESSION, REQUEST], place.host, now, asks)
    if statement.kind == REQUEST and statement["sha256"] != digest:
        raise ProofError("request", "something else was signed than this request")
    key = _verified(found, place, statement, signature)
    person = statement.person
    if statement.kind == SESSION:
        for verb, arguments in changes:
            reason = signing.needs(found, person, verb, arguments)
            if reason:
                raise ProofError("needs", f"{verb} needs a signature of its own: {reason}")
    wanted = [wish for verb, arguments in changes if (wish := _wanted(verb, arguments, person))]
    if len(others) != len(wanted):
        raise ProofError("possession", "each new key of one's own signs once, that it is there; nothing else signs")
    for one, wish in zip(others, wanted, strict=True):
        _check_possession(place, one, (person, wish), now)
    return Proven(person, statement.kind, key, digest, (statement, *(one for one, _by in others)))


def of_newcomer(found: Description, place: Place, given: Any, now: datetime.datetime) -> Newcomer:
    """Judge somebody who follows an invitation, by the signature of who invited, and one by the newcomer's own key.

    Whether who invited may give what was promised, the policy says of the changes, one after the other.
    """
    names = {"full_name", "invitation", "possession"}
    if not isinstance(given, dict) or given.keys() != names or not isinstance(given["full_name"], str):
        raise ProofError("form", f"a newcomer comes with {', '.join(sorted(names))}")
    invitation, by_inviter = _statement(given["invitation"])
    shown = _statement(given["possession"])
    possession = shown[0]
    statements.check(invitation, [INVITATION], place.host, now)
    key = _verified(found, place, invitation, by_inviter)
    statements.check(possession, [POSSESSION], place.host, now)
    if (possession["invitation"], possession["email"]) != (invitation.digest, invitation["email"]):
        raise ProofError("invitation", f"this invitation is for {invitation['email'][:80]}, or another one was meant")
    line, person = possession["key"], possession.person
    _check_possession(place, shown, (person, line), now)
    told = {"user": person, "ssh_keys": [line]}
    invited = {name: invitation[name] for name in ("project", "permissions", "email")}
    changes = (
        ("invite_user", {**told, **invited, "full_name": given["full_name"], "requested_by": invitation.person}),
        ("accept_user", told),
    )
    gives = [word for word in CONFIRMED if word in invitation["permissions"]]
    confirm = (
        f"{invitation.person} confirms that the key {ssh_keys.fingerprint(line)} is that of {person},"
        f" who gets {' and '.join(gives)} in {invitation['project']}"
    )
    inviter = Proven(invitation.person, INVITATION, key, invitation.digest, (invitation,))
    return Newcomer(person, inviter, line, changes, (invitation, possession), confirm if gives else "")


def of_invitation(found: Description, place: Place, proof: Any, now: datetime.datetime) -> Statement:
    """Judge an invitation by itself, before anybody follows it."""
    statement, signature = _statement(proof)
    statements.check(statement, [INVITATION], place.host, now)
    _verified(found, place, statement, signature)
    return statement


def of_possession(place: Place, proof: Any, meant: tuple[str, str], email: str, now: datetime.datetime) -> Statement:
    """Judge somebody who shows that a key is his, before he has an account and without an invitation.

    :param meant: the person and the key.
    """
    shown = _statement(proof)
    _check_possession(place, shown, meant, now)
    if (shown[0]["email"], shown[0]["invitation"]) != (email, ""):
        raise ProofError("possession", "this was signed for another mail address, or for an invitation")
    return shown[0]


def still(found: Description, proven: Proven) -> str:
    """Say why a proof that held does not hold any more; an empty text while it does."""
    if not people.is_active(found, proven.person):
        return f"{proven.person} has no account that can be used"
    keys = [ssh_keys.fingerprint(key) for key in _keys(found, proven.person)]
    ids = [one["id"] for one in found.users[proven.person]["passkeys"]]
    return "" if proven.key in (*keys, *ids) else f"the key that signed is none of {proven.person} any more"


def _statement(proof: Any) -> _Signed:
    if not isinstance(proof, dict) or proof.keys() != {"statement", "signature"}:
        raise ProofError("form", "a proof has a statement and a signature")
    signature = proof["signature"]
    if not isinstance(signature, dict) or len(signature) != 1 or not signature.keys() <= {"ssh", "passkey"}:
        raise ProofError("form", "a signature is one of ssh and passkey")
    return statements.read(proof["statement"]), signature


def _changes(request: Any) -> tuple[list[tuple[str, dict[str, Any]]], str]:
    """Return what a request asks for, and its digest."""
    if not isinstance(request, dict) or not {"changes"} <= request.keys() <= {"changes", "expect"}:
        raise ProofError("form", "a request has changes, and may have expect")
    try:
        digest = canonical.digest(request)
    except canonical.CanonicalError as error:
        code = "size" if "characters" in str(error) else "form"
        raise ProofError(code, f"the request {error}") from None
    found, changes = [], request["changes"]
    if not isinstance(changes, list) or not 0 < len(changes) <= MOST_CHANGES:
        raise ProofError("form", f"a request has a list of 1 to {MOST_CHANGES} changes")
    for one in changes:
        if not isinstance(one, dict) or one.keys() != {"verb", "arguments"} or not isinstance(one["arguments"], dict):
            raise ProofError("form", "a change has a verb, and arguments as a map")
        if one["verb"] not in (*table.VERBS, *signing.QUEUE):
            raise ProofError("form", f"there is no verb {str(one['verb'])[:40]}")
        found.append((one["verb"], one["arguments"]))
    return found, digest


def _keys(found: Description, person: str) -> Sequence[str]:
    return [*found.users[person]["ssh_keys"], *found.extra_keys.get(person, [])]


def _verified(found: Description, place: Place, statement: Statement, signature: Mapping[str, Any]) -> str:
    """Return by which key of its person a statement was signed; whoever is unknown, locked or removed has none."""
    person = statement.person
    if not people.is_active(found, person):
        raise ProofError("person", f"{person[:40]} has no account that can be used")
    if "ssh" in signature:
        namespace = f"{statement.kind}@{place.host}"
        return signatures.ssh(_keys(found, person), person, namespace, statement.text, signature["ssh"])
    known = found.users[person]["passkeys"]
    return signatures.passkey(known, person, place, statement.text, signature["passkey"])


def _wanted(verb: str, arguments: Mapping[str, Any], person: str) -> str:
    """Return the key of one's own that a change adds, as its statement names it."""
    if verb not in OWN_KEYS or arguments.get("user") != person:
        return ""
    if verb == "add_ssh_key":
        return ssh_keys.key_blob(str(arguments.get("ssh_key"))) or "?"
    return f"passkey {arguments.get('passkey_id')} {arguments.get('passkey_key')}"


def _check_possession(place: Place, proof: _Signed, meant: tuple[str, str], now: datetime.datetime) -> None:
    """Raise ProofError unless a key signed that it is to belong to a person; both are meant."""
    statement, signature = proof
    person, key = meant
    statements.check(statement, [POSSESSION], place.host, now)
    if (statement.person, statement["key"]) != meant:
        raise ProofError("possession", "the new key signed for another account, or another key did")
    if key.startswith("passkey "):
        _word, identity, public = [*key.split(" "), "", ""][:3]
        if passkeys.credential_id(identity) or passkeys.public_key(public):
            raise ProofError("possession", "what is to be added is no passkey")
        known = [{"id": identity, "key": public}]
        signatures.passkey(known, person, place, statement.text, signature.get("passkey"))
        return
    if ssh_keys.ssh_key(key) or ssh_keys.key_blob(key) != key:
        raise ProofError("possession", "what is to be added is no public SSH key: type and data, without a comment")
    # Whose name stands in the list of signers says nothing here; a name of a newcomer may be anything.
    signatures.ssh([key], "newcomer", f"{POSSESSION}@{place.host}", statement.text, signature.get("ssh"))
