# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What all pages share: who asks, what a browser may do with a page, and how it is made of its template.

A page belongs to whoever brings the cookie of a session. Writes come from pages of ours only: a customer's VM has a
name under the platform's domain, so that neither SameSite nor the domain tells its pages from ours.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ansible_collections.ringmaster.hosting.plugins.module_utils.platform import people
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform.model import Description
from django.conf import settings
from django.db import OperationalError
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme, urlencode

from ..answers import TITLES, Problem
from ..queue import models, sessions, snapshots, store

COOKIE = "__Host-ringmaster"
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self';"
    " base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types portal"
)
"""What a page may load and run: nothing but our own files, and nothing that stands in the page itself."""
PERMISSIONS = "publickey-credentials-get=(self), publickey-credentials-create=(self), camera=(), geolocation=()"
FOR_PROGRAMS = ("/api/", "/ringctl", "/steward/")
_HERE = Path(__file__).resolve()
_LOOK = _HERE.parents[5] / "machine/files/python/ringmaster/look/static"
_KINDS = {".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}
FILES = {
    path.name: (path.read_bytes(), _KINDS[path.suffix])
    for folder in (_LOOK, _HERE.parent / "static")
    for path in sorted(folder.iterdir())
    if path.suffix in _KINDS
}
"""The files of pages, kept in memory: the style sheet of all of Ringmaster's pages, and what only these have."""
VERSION = hashlib.sha256(b"".join(data for data, _kind in FILES.values())).hexdigest()[:12]


@dataclass(frozen=True)
class Asker:
    """Somebody who is signed in; everything is found through ``seen``."""

    session: models.Session
    seen: people.Seen

    @property
    def name(self) -> str:
        """The person's name."""
        return self.seen.person

    @property
    def description(self) -> Description:
        """The description that is shown."""
        return self.seen.description

    @property
    def full_name(self) -> str:
        """How the person is called."""
        return str(self.description.users[self.name]["full_name"])


class Guard:
    """Middleware: lets writes come from our own pages only, and says what a browser may do with an answer."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        """Keep what answers."""
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer."""
        if request.path.startswith(FOR_PROGRAMS):
            return self.get_response(request)
        is_write = request.method not in ("GET", "HEAD")
        answer = refused(request) if is_write and not is_from_here(request) else self.get_response(request)
        answer.setdefault("Content-Security-Policy", POLICY)
        answer["Permissions-Policy"] = PERMISSIONS
        answer["Cross-Origin-Opener-Policy"] = "same-origin"
        answer["Cross-Origin-Resource-Policy"] = "same-origin"
        answer["X-Frame-Options"] = "DENY"
        return answer

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        """Return the page for what a view has raised."""
        if request.path.startswith(FOR_PROGRAMS):
            return None
        if isinstance(error, Problem):
            if error.status == 401:
                return to_sign_in(request)
            return problem(request, error.status, TITLES[error.code], str(error))
        if isinstance(error, Http404):
            return missing(request)
        if isinstance(error, OperationalError):
            return problem(
                request, 503, TITLES["away"], "The portal's database does not answer. Try again in a moment."
            )
        return None


def is_from_here(request: HttpRequest) -> bool:
    """Tell whether a write comes from a page of ours; a sibling's page is of the same site, and is not."""
    site, origin = request.headers.get("Sec-Fetch-Site"), request.headers.get("Origin")
    if site is None and origin is None:
        return False
    return site in (None, "same-origin") and origin in (None, *settings.ORIGINS)


def refused(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Return the page for a write that comes from elsewhere, or from a page that is too old."""
    said = "This came from another site, or from a page that was open for too long. Open the page again and retry."
    return problem(request, 403, "Nothing was done", said)


def missing(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """Return the page for an address at which there is nothing for this person."""
    if request.path.startswith(FOR_PROGRAMS):
        return Problem(404, "not-found", "there is nothing at this address").response()
    said = "There is nothing at this address, or nothing that you may see. Names may have changed; start from home."
    return problem(request, 404, "Nothing here", said)


def problem(request: HttpRequest, status: int, title: str, said: str) -> HttpResponse:
    """Return a page that says what went wrong."""
    asker = None
    with contextlib.suppress(Problem, OperationalError):
        asker = current(request)
    return page(request, "problem", asker, status=status, title=title, said=said)


def current(request: HttpRequest) -> Asker | None:
    """Return who is signed in; None where nobody is. Raises Problem where the description is not here."""
    token = request.COOKIES.get(COOKIE, "")
    session = sessions.known(token) if token else None
    return Asker(session, people.visible(sessions.described(), session.person)) if session else None


def signed_in(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """Hand a view who asks; who is not signed in gets to the page for that first."""

    @functools.wraps(view)
    def inner(request: HttpRequest, *arguments: Any, **named: Any) -> HttpResponse:
        asker = current(request)
        return view(request, asker, *arguments, **named) if asker else to_sign_in(request)

    return inner


def to_sign_in(request: HttpRequest) -> HttpResponse:
    """Send somebody to sign in, and back afterwards to what was looked at."""
    back = request.get_full_path() if request.method == "GET" else "/"
    return HttpResponseRedirect("/sign-in" + (f"?{urlencode({'next': back})}" if back != "/" else ""))


def local(address: str) -> str:
    """Return an address of ours, or home where it is another one."""
    is_ours = address.startswith("/") and url_has_allowed_host_and_scheme(address, allowed_hosts=None)
    return address if is_ours else "/"


def page(request: HttpRequest, template: str, asker: Asker | None, status: int = 200, **context: Any) -> HttpResponse:
    """Return a page."""
    said = {
        "asker": asker,
        "host": settings.HOST,
        "now": timezone.now(),
        "version": VERSION,
        "is_old": asker is not None and snapshots.is_old(),
        "is_alone": asker is not None and not store.is_heard(),
        **context,
    }
    return render(request, f"pages/{template}.html", said, status=status)


def file(request: HttpRequest, name: str) -> HttpResponse:
    """Return a file of pages, which browsers keep for ever: its address changes with what is in it."""
    if name not in FILES:
        raise Http404
    data, kind = FILES[name]
    keep = "public, max-age=31536000, immutable" if request.GET.get("v") == VERSION else "public, max-age=300"
    return HttpResponse(data, content_type=kind, headers={"Cache-Control": keep})


def posted(request: HttpRequest, name: str, most: int = 20_000) -> str:
    """Return a text of a form, with line feeds alone; raises Problem where it is too long."""
    value = re.sub(r"\r\n?", "\n", request.POST.get(name, ""))
    if len(value) > most:
        raise Problem(413, "too-long", f"{name} has {len(value)} characters; at most {most} are taken")
    return value


def only(request: HttpRequest, *methods: str) -> None:
    """Refuse other methods."""
    if request.method not in methods:
        raise Problem(405, "invalid-request", "This address is not used in this way.")
