# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who asks: somebody who signed in by a proof, and brings the token that was given for it."""

from __future__ import annotations

import datetime
import json
import secrets
from collections.abc import Mapping
from typing import Any

from ansible_collections.ringmaster.hosting.plugins.module_utils.platform import people
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform.model import Description
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform.proofs import judge
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform.proofs.statements import ProofError
from django.conf import settings
from django.db import IntegrityError
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone

from ..answers import Problem
from . import models, snapshots, store


def place() -> judge.Place:
    """Return where people sign for."""
    return judge.Place(settings.HOST, settings.ORIGINS, settings.RP_ID)


def described() -> Description:
    """Return the description; raises Problem where the steward has not handed one over yet."""
    found = snapshots.current()
    if found is None:
        raise Problem(503, "away", "the platform's description is not here yet; ask again in a minute", wait=30)
    return found


def sign_in(proof: Any, agent: str = "") -> tuple[str, models.Session]:
    """Return a token and its session for a fresh proof; raises Problem.

    :param agent: what the program that signs in calls itself, for the list of sessions.
    """
    try:
        proven = judge.of_session(described(), place(), proof, timezone.now())
    except ProofError as error:
        raise Problem(403, "not-allowed", str(error)) from None
    (statement,) = proven.statements
    token = secrets.token_urlsafe(32)
    try:
        session = models.Session.objects.create(
            token=store.digest(token),
            person=proven.person,
            proof=proof,
            nonce=statement["nonce"],
            not_after=statement.time("not_after"),
            agent=agent[:200],
        )
    except IntegrityError:
        raise Problem(403, "not-allowed", "this statement was used before; sign another one") from None
    return token, session


def of(request: HttpRequest) -> models.Session:
    """Return the session of whoever asks; raises Problem."""
    word, _blank, token = request.headers.get("Authorization", "").partition(" ")
    found = _kept(token) if word == "Bearer" else None
    if found is None:
        raise Problem(401, "no-session", "there is no session for this token, or it has ended; sign in again")
    if not people.is_active(described(), found.person):
        raise Problem(401, "no-session", f"{found.person} has no account that can be used")
    return found


def known(token: str) -> models.Session | None:
    """Return the session of a token; None where it has ended, or its person has no account that can be used."""
    found = _kept(token)
    return found if found and people.is_active(described(), found.person) else None


def _kept(token: str) -> models.Session | None:
    return models.Session.objects.filter(token=store.digest(token), ended=None, not_after__gt=timezone.now()).first()


def of_person(person: str) -> QuerySet[models.Session]:
    """Return the sessions of a person that have not ended."""
    return models.Session.objects.filter(person=person, ended=None, not_after__gt=timezone.now()).order_by("-made")


def end(session: models.Session) -> None:
    """End a session; the steward is told, and takes nothing by it from then on."""
    session.ended = timezone.now()
    session.save(update_fields=["ended"])


def signed_by(proof: Any) -> tuple[str, str]:
    """Return person and kind of what a proof says, unverified; empty where it says nothing."""
    try:
        fields = json.loads(proof["statement"])
        return str(fields["person"]), str(fields["kind"])
    except (ValueError, TypeError, KeyError, RecursionError):
        return "", ""


def statement_of(proofs: list[Mapping[str, Any]]) -> str:
    """Return the digest of the statement by which a request is known; empty where the session's proof is all."""
    if proofs and signed_by(proofs[0])[1] == "request":
        return store.digest(str(proofs[0]["statement"]))
    return ""


def swept() -> None:
    """Drop sessions that ended a while ago."""
    models.Session.objects.filter(not_after__lt=timezone.now() - datetime.timedelta(days=1)).delete()
