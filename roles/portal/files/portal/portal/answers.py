# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Answers in JSON, and mistakes as RFC 9457 has them: ``type``, ``title``, ``status``, ``detail``, ``errors``."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ansible_collections.ringmaster.hosting.plugins.module_utils.steward import messages
from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.db import OperationalError
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.urls import URLPattern, path
from django.views.decorators.csrf import csrf_exempt

TITLES = {
    "invalid-request": "This is not of the form that is taken",
    "no-session": "Sign in first",
    "not-allowed": "This is not allowed",
    "not-found": "There is no such thing here",
    "too-late": "It is too late for that",
    "conflict": "This was changed meanwhile",
    "superseded": "Another steward works through this queue",
    "too-long": "This is too long",
    "invalid": "The arguments are not right",
    "rate-limited": "This is too much at once",
    "away": "This cannot be answered now",
}


class Problem(Exception):
    """What ends an answer: a status, a key of TITLES, a sentence, and places in what was sent."""

    def __init__(
        self, status: int, code: str, detail: str, errors: Sequence[Mapping[str, Any]] = (), wait: int = 0
    ) -> None:
        """Keep all of it; ``wait`` are seconds after which it makes sense to ask again."""
        super().__init__(detail)
        self.status, self.code, self.detail, self.errors, self.wait = status, code, detail, errors, wait

    def response(self) -> HttpResponse:
        """Return it as an answer."""
        body: dict[str, Any] = {
            "type": f"/problems/{self.code}",
            "title": TITLES[self.code],
            "status": self.status,
            "detail": self.detail,
        }
        if self.errors:
            body["errors"] = list(self.errors)
        answer = JsonResponse(body, status=self.status, content_type="application/problem+json")
        if self.wait:
            answer["Retry-After"] = str(self.wait)
        return answer


class Problems:
    """Middleware that makes an answer of each problem, and keeps answers out of caches."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        """Keep what answers."""
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer."""
        answer = self.get_response(request)
        answer.setdefault("Cache-Control", "no-store")
        answer.setdefault("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'; base-uri 'none'")
        return answer

    def process_exception(self, _request: HttpRequest, error: Exception) -> HttpResponse | None:
        """Return the answer for what a view has raised."""
        if isinstance(error, Problem):
            return error.response()
        if isinstance(error, messages.TooLongError):
            return Problem(413, "too-long", str(error)).response()
        if isinstance(error, messages.MessageError):
            return Problem(400, "invalid-request", str(error), [error.as_dict()]).response()
        if isinstance(error, RequestDataTooBig):
            return Problem(413, "too-long", "more was sent than is taken").response()
        if isinstance(error, Http404):
            return Problem(404, "not-found", "there is nothing at this address").response()
        if isinstance(error, OperationalError):
            logging.getLogger("portal").error("the database does not answer: %s", error)
            return Problem(503, "away", "the database does not answer; ask again", wait=5).response()
        return None


def for_programs(route: str, view: Callable[..., HttpResponse]) -> URLPattern:
    """Return an address for programs, which bring a token or a certificate and never a cookie."""
    return path(route, csrf_exempt(view))


def body(request: HttpRequest, most: int) -> Any:
    """Return what was sent, as JSON; nothing longer is read than is taken. Raises MessageError."""
    try:
        length = int(request.headers.get("Content-Length") or 0)
    except ValueError:
        raise messages.MessageError("", "has a wrong Content-Length") from None
    if length > min(most, settings.DATA_UPLOAD_MAX_MEMORY_SIZE):
        raise messages.TooLongError("", f"has {length} bytes", allowed=f"at most {most}")
    if request.content_type != "application/json":
        raise messages.MessageError("", "is of another type", request.content_type[:60], "application/json")
    return messages.parse(request.body, most)


def method(request: HttpRequest, *allowed: str) -> None:
    """Refuse other methods."""
    if request.method not in allowed:
        raise Problem(405, "invalid-request", f"this address takes {', '.join(allowed)}")
