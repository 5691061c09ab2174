# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How requests go through the queue, each step in one transaction: handed in, handed over, reported of, ended.

The queue judges form only. Whether somebody may have what he asks for, the steward says by the description.
"""

from __future__ import annotations

import datetime
import hashlib
import json
import logging
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ansible_collections.ringmaster.hosting.plugins.module_utils.platform import rescue
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform.proofs import statements
from ansible_collections.ringmaster.hosting.plugins.module_utils.steward import ids, messages, states
from django.db import transaction
from django.utils import timezone

from ..answers import Problem
from . import models

LOG = logging.getLogger("portal")
SILENCE = datetime.timedelta(seconds=60)
"""After which another steward may take over."""
BATCH, BATCH_BYTES = 50, 2 * 1024 * 1024
"""What is handed over at once."""
UNLOOKED = datetime.timedelta(days=7)
"""After which a request that no steward has looked at has expired."""
ANSWERED = datetime.timedelta(minutes=2)
"""In which a question is answered, or never."""
WRITES_AN_HOUR, OPEN_OF_ONE, OPEN_OF_ALL = 60, 100, 5000
STEPS = 2000


# Handed in.


def submit(person: str, value: Mapping[str, Any], dedupe: str = "") -> tuple[models.Request, bool]:
    """Keep a request that was read already; tells whether it is new. The same ``dedupe`` is the same request."""
    given = messages.submission(value)
    body = json.dumps(value, separators=(",", ":"), ensure_ascii=True, sort_keys=True)
    if len(body) > messages.REQUEST_BYTES:
        raise messages.TooLongError("", f"has {len(body)} characters", allowed=f"at most {messages.REQUEST_BYTES}")
    with transaction.atomic():
        known = models.Request.objects.filter(dedupe=dedupe).first() if dedupe else None
        if known:
            if known.person != person or known.changes != [dict(vars(one)) for one in given.changes]:
                raise Problem(409, "conflict", "this key was used for another request")
            return known, False
        _refuse_too_many(person)
        made = models.Request.objects.create(
            id=ids.new(),
            person=person,
            body=body,
            changes=[dict(vars(one)) for one in given.changes],
            dedupe=dedupe or None,
            urgent=bool(given.changes) and all(one.verb in rescue.VERBS for one in given.changes),
            made=timezone.now(),
        )
    return made, True


def _refuse_too_many(person: str) -> None:
    of_one = models.Request.objects.filter(person=person)
    if of_one.filter(made__gte=timezone.now() - datetime.timedelta(hours=1)).count() >= WRITES_AN_HOUR:
        raise Problem(429, "rate-limited", f"{WRITES_AN_HOUR} requests an hour are taken from one person", wait=600)
    if (
        of_one.filter(open=True).count() >= OPEN_OF_ONE
        or models.Request.objects.filter(open=True).count() >= OPEN_OF_ALL
    ):
        raise Problem(429, "rate-limited", "too many requests wait already", wait=60)


def cancel(id_: str, person: str) -> models.Request:
    """Cancel a request, or tell the steward that somebody wants it; raises Problem where it is too late."""
    with transaction.atomic():
        found = models.Request.objects.filter(id=id_, person=person).first()
        if found is None:
            raise Problem(404, "not-found", "there is no such request of yours")
        if not found.open:
            raise Problem(409, "too-late", f"the request is {found.state} already")
        if found.sent:
            found.wish_cancel, found.wish_sent = True, 0
        else:
            found.state, found.open = states.move(found.state, states.CANCELLED, states.PERSON), False
            _forget(found)
        found.version += 1
        found.save()
    return found


# The steward.


def hello(instance: str) -> int:
    """Take a steward as the one; returns its generation. Raises Problem while another one is heard."""
    now = timezone.now()
    with transaction.atomic():
        one, _made = models.Steward.objects.get_or_create(id=1)
        if one.instance not in ("", instance) and one.seen and now - one.seen < SILENCE:
            wait = int((one.seen + SILENCE - now).total_seconds()) + 1
            raise Problem(409, "superseded", "another steward was heard a moment ago; stop one of them", wait=wait)
        one.instance, one.generation, one.seen = instance, one.generation + 1, now
        one.save()
    return one.generation


def heard(generation: int) -> None:
    """Note that the steward is there; raises Problem for one that another has followed."""
    changed = models.Steward.objects.filter(id=1, generation=generation).update(seen=timezone.now())
    if not changed:
        raise Problem(409, "superseded", "another steward has taken over this queue since")


def is_heard() -> bool:
    """Tell whether the steward was heard lately."""
    return models.Steward.objects.filter(id=1, seen__gte=timezone.now() - SILENCE).exists()


def taken(generation: int, ids_: Sequence[str], nonces: Sequence[str]) -> None:
    """Note what the steward has safely: requests, and sessions that ended."""
    models.Request.objects.filter(id__in=ids_).update(handed=generation)
    models.Session.objects.filter(nonce__in=nonces).update(told=True)


def handover(generation: int) -> dict[str, Any]:
    """Return what the steward has to know: urgent requests first, then the oldest; empty where there is nothing."""
    with transaction.atomic():
        _expire()
        requests: list[dict[str, str]] = []
        room = BATCH_BYTES
        waiting = models.Request.objects.filter(open=True).exclude(handed=generation).order_by("-urgent", "id")
        for one in waiting[:BATCH]:
            room -= len(one.body)
            if room < 0 and requests:
                break
            requests.append({"id": one.id, "body": one.body})
        models.Request.objects.filter(id__in=[one["id"] for one in requests]).update(sent=True)
        wished = models.Request.objects.filter(open=True, wish_cancel=True).exclude(wish_sent=generation)
        cancels = list(wished.values_list("id", flat=True)[:BATCH])
        models.Request.objects.filter(id__in=cancels).update(wish_sent=generation)
        ended = models.Session.objects.filter(ended__isnull=False, told=False, not_after__gte=timezone.now())
        asked = models.Question.objects.filter(open=True).exclude(handed=generation)[:10]
        questions = [{"id": one.id, "question": one.asked, "proof": one.proof} for one in asked]
        models.Question.objects.filter(id__in=[one["id"] for one in questions]).update(handed=generation)
        sessions = [{"nonce": one.nonce, "proof": one.proof} for one in ended[:BATCH]]
    found = {"requests": requests, "cancels": cancels, "sessions": sessions, "questions": questions}
    return found if any(found.values()) else {}


def _expire() -> None:
    now = timezone.now()
    for one in models.Request.objects.filter(open=True, sent=False, made__lt=now - UNLOOKED):
        one.state, one.open = states.move(one.state, states.EXPIRED, states.CLOCK), False
        one.problem = f"nobody looked at it for {UNLOOKED.days} days; ask again"
        one.version += 1
        _forget(one)
        one.save()
    late = models.Question.objects.filter(open=True, made__lt=now - ANSWERED)
    late.update(open=False, problem="there was no answer in time; ask again")


def take_reports(reports: Iterable[messages.Report], steps: Iterable[messages.Step]) -> None:
    """Keep what the steward says; what is older than what is known, or of a request that is not, changes nothing."""
    with transaction.atomic():
        for report in reports:
            found = models.Request.objects.filter(id=report.id).first()
            if found is None or report.number <= found.number:
                continue
            try:
                found.state = states.move(found.state, report.state, states.STEWARD)
            except states.MoveError as error:
                LOG.warning("request %s: %s", found.id, error)
                continue
            for name in ("about", "subject", "problem", "commit", "left", "undo", "number"):
                setattr(found, name, getattr(report, name))
            found.reasons, found.waits_for = list(report.reasons), list(report.waits_for)
            found.sent, found.version = True, found.version + 1
            if found.state in states.FINAL:
                found.open = False
                _forget(found)
            found.save()
        for step in steps:
            found = models.Request.objects.filter(id=step.id).first()
            if found is None or step.n >= STEPS:
                continue
            values = {"text": step.text, "host": step.host, "state": step.state, "ms": step.ms}
            models.Step.objects.update_or_create(request=found, n=step.n, defaults=values)
            models.Request.objects.filter(id=found.id).update(version=found.version + 1)


def take_answer(id_: str, answer: Any, problem: str) -> None:
    """Keep the answer to a question; one that came too late is dropped."""
    models.Question.objects.filter(id=id_, open=True).update(answer=answer, problem=problem, open=False)


def _forget(request: models.Request) -> None:
    """Drop what was needed to do it only: proofs, and values that were sealed for the steward."""
    request.body = ""
    request.changes = unsealed(request.changes)


def unsealed(value: Any) -> Any:
    """Return a value without what is sealed in it."""
    if isinstance(value, dict):
        return {"sealed": None} if "sealed" in value else {key: unsealed(item) for key, item in value.items()}
    if isinstance(value, list):
        return [unsealed(item) for item in value]
    return None if isinstance(value, str) and value.startswith("sealed:") else value


def digest(text: str) -> str:
    """Return the SHA-256 of a text."""
    return hashlib.sha256(text.encode()).hexdigest()


def shown(request: models.Request) -> dict[str, Any]:
    """Return a request for those who may see it."""
    return {
        "id": request.id,
        "version": request.version,
        "person": request.person,
        "state": request.state,
        "about": request.about,
        "made": statements.written(request.made),
        "changes": unsealed(request.changes),
        "subject": request.subject,
        "problem": request.problem,
        "reasons": request.reasons,
        "waits_for": request.waits_for,
        "commit": request.commit,
        "steps": list(request.steps.values("n", "text", "host", "state", "ms")),
        "left": request.left,
        "undo": request.undo,
    }
