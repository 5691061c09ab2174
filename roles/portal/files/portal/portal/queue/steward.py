# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The steward's side, ``/steward/v1``: on a listener of its own, for the one machine whose certificate says so.

nginx asks for a certificate of the platform's authority and hands on the name in it; nothing else reaches this socket.
"""

from __future__ import annotations

import time
from typing import Any

from ansible_collections.ringmaster.hosting.plugins.module_utils.steward import messages
from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse

from ..answers import Problem, body, method
from . import snapshots, store

LONGEST_WAIT = 25
PAUSE = 0.25
"""Seconds between two looks for something to do."""
_NAME = "HTTP_X_CLIENT_NAME"


def _asked(request: HttpRequest, needed: tuple[str, ...], optional: tuple[str, ...] = (), most: int = 0) -> Any:
    """Return what the steward sent; raises Problem for anybody else."""
    if request.META.get(_NAME) != settings.STEWARD:
        raise Problem(403, "not-allowed", f"this is for {settings.STEWARD} only")
    method(request, "POST")
    return messages.keys(body(request, most or messages.REPORT_BYTES), needed, optional)


def _from_the_one(request: HttpRequest, *needed: str, optional: tuple[str, ...] = (), most: int = 0) -> Any:
    given = _asked(request, ("generation", *needed), optional, most)
    store.heard(messages.number(given["generation"], "/generation"))
    return given


def hello(request: HttpRequest) -> HttpResponse:
    """Take a steward as the one that works through the queue."""
    given = _asked(request, ("instance",))
    generation = store.hello(messages.text(given["instance"], "/instance", 64))
    return JsonResponse({"generation": generation, "silence": int(store.SILENCE.total_seconds())})


def next_(request: HttpRequest) -> HttpResponse:
    """Return what is to be done, as soon as there is something, and note what the steward has taken."""
    given = _from_the_one(request, "wait", "taken", "ended")
    generation = given["generation"]
    store.taken(
        generation,
        messages.items(given, "taken", 1000, messages.identifier),
        messages.items(given, "ended", 1000, lambda one, at: messages.text(one, at, 64)),
    )
    end = time.monotonic() + min(messages.number(given["wait"], "/wait"), LONGEST_WAIT)
    while not (found := store.handover(generation)) and time.monotonic() < end:
        time.sleep(PAUSE)
    store.heard(generation)
    return JsonResponse(found)


def reports(request: HttpRequest) -> HttpResponse:
    """Take what the steward says of requests, and steps of those that are applied."""
    given = _from_the_one(request, "reports", "steps")
    store.take_reports(
        messages.items(given, "reports", 200, messages.report), messages.items(given, "steps", 500, messages.step)
    )
    return JsonResponse({})


def answer(request: HttpRequest) -> HttpResponse:
    """Take the answer to a question."""
    given = _from_the_one(request, "id", "answer", "problem", most=messages.ANSWER_BYTES + 4096)
    problem = messages.text(given["problem"], "/problem")
    store.take_answer(messages.identifier(given["id"], "/id"), given["answer"], problem)
    return JsonResponse({})


def snapshot(request: HttpRequest) -> HttpResponse:
    """Take the description as it is at a commit."""
    given = _from_the_one(request, "commit", "files", most=snapshots.MOST)
    snapshots.take(messages.text(given["commit"], "/commit", 64), given["files"])
    return JsonResponse({})
