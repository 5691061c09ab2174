# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The people's side, ``/api/v1``: what ``ringctl`` and pages ask for. Everything is found through the person."""

from __future__ import annotations

import hashlib
import json
import threading
import time
from pathlib import Path
from typing import Any

from ansible_collections.ringmaster.hosting.plugins.module_utils.platform import people
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform.language.errors import DescriptionError
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform.proofs import client, judge, statements
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform.proofs.statements import ProofError
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform.verbs import edit
from ansible_collections.ringmaster.hosting.plugins.module_utils.services import outlook
from ansible_collections.ringmaster.hosting.plugins.module_utils.steward import ids, messages, questions
from django.conf import settings
from django.db.models import Q, QuerySet
from django.http import FileResponse, HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone

from ..answers import Problem, body, method
from . import models, sessions, snapshots, store

VERSION = "1"
"""Of the client that is served here."""
LONGEST_WAIT = 30
PAUSE = 0.25
MOST = 200
_TRIAL = threading.Lock()


def client_table(request: HttpRequest) -> HttpResponse:
    """Return what the client needs to know of this platform: its verbs, and the key to which values are sealed."""
    method(request, "GET")
    text = json.dumps(client.told(sessions.described(), VERSION), sort_keys=True)
    tag = f'"{hashlib.sha256(text.encode()).hexdigest()[:32]}"'
    if request.headers.get("If-None-Match") == tag:
        return HttpResponse(status=304)
    return HttpResponse(text, content_type="application/json", headers={"ETag": tag, "Cache-Control": "no-cache"})


def ringctl(request: HttpRequest) -> HttpResponse:
    """Return the client itself."""
    method(request, "GET")
    path = Path(settings.CONFIGURATION.get("ringctl", "/nowhere"))
    if not path.is_file():
        raise Problem(404, "not-found", "the client is not here")
    return FileResponse(path.open("rb"), content_type="text/x-python", filename="ringctl", as_attachment=True)


def sign_in(request: HttpRequest) -> HttpResponse:
    """Begin a session."""
    method(request, "POST")
    given = messages.keys(body(request, messages.REQUEST_BYTES), ("proof",))
    sessions.swept()
    token, session = sessions.sign_in(given["proof"], request.headers.get("User-Agent", ""))
    until = statements.written(session.not_after)
    return JsonResponse({"token": token, "person": session.person, "not_after": until}, status=201)


def sign_out(request: HttpRequest) -> HttpResponse:
    """End the session."""
    method(request, "DELETE")
    sessions.end(sessions.of(request))
    return HttpResponse(status=204)


def me(request: HttpRequest) -> HttpResponse:
    """Say who asks, and what he may where."""
    method(request, "GET")
    session = sessions.of(request)
    seen = people.visible(sessions.described(), session.person)
    projects = {name: sorted(words) for name, words in seen.permissions.items()}
    return JsonResponse({"person": session.person, "operator": seen.is_operator, "projects": projects})


def requests(request: HttpRequest) -> HttpResponse:
    """Take a request, try one, or list them."""
    method(request, "GET", "POST")
    if request.method == "GET":
        return _listed(request)
    if request.GET.get("dry_run") == "true":
        return _tried(request)
    value = body(request, messages.REQUEST_BYTES)
    if isinstance(value, dict) and "newcomer" in value:
        return _accepted(*newcomer(value))
    session = sessions.of(request)
    return _accepted(*handed_in(session, value, request.headers.get("Idempotency-Key", "")))


def handed_in(session: models.Session, value: Any, key: str = "") -> tuple[models.Request, bool]:
    """Keep what somebody who is signed in asks for; tells whether it is new. Raises Problem, MessageError.

    :param key: a word of the asker's: the same word is the same request.
    """
    value = messages.keys(value, ("request",), ("proofs",))
    given = value.get("proofs", [])
    if not isinstance(given, list):
        raise messages.MessageError("/proofs", "is no list")
    # Who asks says it by a proof; what possesses a key comes after it.
    if not given or sessions.signed_by(given[0])[1] not in ("session", "request"):
        value["proofs"] = [session.proof, *given]
    messages.submission(value)
    if sessions.signed_by(value["proofs"][0])[0] != session.person:
        raise Problem(403, "not-allowed", f"this was signed by somebody else than {session.person}")
    dedupe = sessions.statement_of(value["proofs"]) or (key and store.digest(f"{session.person}\n{key[:200]}"))
    return store.submit(session.person, value, dedupe)


def _accepted(found: models.Request, is_new: bool) -> HttpResponse:
    answer = JsonResponse(store.shown(found), status=202 if is_new else 200)
    answer["Location"] = f"/api/v1/requests/{found.id}"
    return answer


def newcomer(value: Any) -> tuple[models.Request, bool]:
    """Keep the request of somebody who has no account yet; only an invitation that holds gets as far as the queue."""
    messages.submission(value)
    try:
        found = judge.of_newcomer(sessions.described(), sessions.place(), value["newcomer"], timezone.now())
    except ProofError as error:
        raise Problem(403, "not-allowed", str(error)) from None
    return store.submit(found.person, value, found.statements[-1].digest)


def _listed(request: HttpRequest) -> HttpResponse:
    session = sessions.of(request)
    try:
        limit = max(1, min(int(request.GET.get("limit", "20")), MOST))
    except ValueError:
        raise messages.MessageError("/limit", "is no number") from None
    found = seen_by(session.person).order_by("-id")
    if after := request.GET.get("after", ""):
        found = found.filter(id__lt=after)
    rows = list(found[: limit + 1])
    more = rows[limit - 1].id if len(rows) > limit else None
    return JsonResponse({"items": [store.shown(one) for one in rows[:limit]], "next": more})


def seen_by(person: str) -> QuerySet[models.Request]:
    """Return what somebody may see: his own requests, and all of them for operators."""
    if people.visible(sessions.described(), person).is_operator:
        return models.Request.objects.all()
    return models.Request.objects.filter(Q(person=person) | Q(id__in=_asked_of(person)))


def _asked_of(person: str) -> list[str]:
    """Return the requests that wait for somebody's consent."""
    waiting = models.Request.objects.filter(open=True).exclude(waits_for=[])
    return [one.id for one in waiting.only("id", "waits_for") if person in one.waits_for]


def one_request(request: HttpRequest, id_: str) -> HttpResponse:
    """Return a request; with ``wait``, as soon as it has another version than was ``seen``."""
    method(request, "GET")
    session = sessions.of(request)
    try:
        wait, seen = (min(max(0, int(request.GET.get(name, "0"))), 2**31) for name in ("wait", "seen"))
    except ValueError:
        raise messages.MessageError("/wait", "is no number") from None
    end = time.monotonic() + min(wait, LONGEST_WAIT)
    while True:
        found = seen_by(session.person).filter(id=id_).first()
        if found is None:
            raise Problem(404, "not-found", "there is no such request for you")
        if found.version > seen or time.monotonic() >= end:
            return JsonResponse(store.shown(found))
        time.sleep(PAUSE)


def cancel(request: HttpRequest, id_: str) -> HttpResponse:
    """Cancel a request of one's own."""
    method(request, "POST")
    return JsonResponse(store.shown(store.cancel(id_, sessions.of(request).person)))


def _tried(request: HttpRequest) -> HttpResponse:
    """Say what a request would do, by the description that is here; the steward decides by the newest one."""
    session = sessions.of(request)
    value = messages.keys(body(request, messages.REQUEST_BYTES), ("request",), ("proofs",))
    said = tried(session.person, value["request"], consequences=False)
    names = ("verdict", "reasons", "who", "signature", "files", "allocated", "warnings")
    return JsonResponse({name: getattr(said, name) for name in names})


def tried(person: str, value: Any, *, consequences: bool = True) -> outlook.Outlook:
    """Return what would come of a request; one at a time, because a large description takes a second."""
    changes, expect = messages.wanted(value)
    if not _TRIAL.acquire(timeout=5):
        raise Problem(429, "rate-limited", "others try something just now", wait=5)
    try:
        return outlook.of(
            sessions.described(),
            snapshots.options(snapshots.commit()),
            person,
            [(one.verb, one.arguments) for one in changes],
            [edit.Seen(one.file, one.path, one.value) for one in expect],
            consequences=consequences,
        )
    except DescriptionError as error:
        errors = [{"message": one.message, "found": one.found, "allowed": one.allowed} for one in error.mistakes]
        raise Problem(422, "invalid", "; ".join(one["message"] for one in errors)[:2000], errors) from error
    finally:
        _TRIAL.release()


def ask(request: HttpRequest) -> HttpResponse:
    """Take a question that changes nothing."""
    method(request, "POST")
    session = sessions.of(request)
    asked = body(request, messages.REQUEST_BYTES)
    questions.question(asked)
    if models.Question.objects.filter(person=session.person, open=True).count() >= 5:
        raise Problem(429, "rate-limited", "five questions at once are taken from one person", wait=5)
    if not store.is_heard():
        raise Problem(503, "away", "the steward is not there, who would answer", wait=60)
    models.Question.objects.filter(made__lt=timezone.now() - 10 * store.ANSWERED).delete()
    made = models.Question.objects.create(
        id=ids.new(), person=session.person, asked=asked, proof=session.proof, made=timezone.now()
    )
    return JsonResponse({"id": made.id}, status=202)


def answered(request: HttpRequest, id_: str) -> HttpResponse:
    """Return the answer to a question of one's own, or that there is none yet."""
    method(request, "GET")
    session = sessions.of(request)
    end = time.monotonic() + LONGEST_WAIT
    while True:
        found = models.Question.objects.filter(id=id_, person=session.person).first()
        if found is None:
            raise Problem(404, "not-found", "there is no such question of yours")
        if not found.open or time.monotonic() >= end:
            break
        time.sleep(PAUSE)
    if found.problem:
        raise Problem(422, "invalid", found.problem)
    return JsonResponse({"id": found.id, "answer": found.answer}, status=202 if found.open else 200)
