# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sign in by a signature of an SSH key, and sign out."""

from __future__ import annotations

from typing import Any

from ansible_collections.ringmaster.hosting.plugins.module_utils.platform.language import names
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform.proofs import statements
from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils import timezone

from ..answers import Problem
from ..queue import sessions
from . import signatures
from .frame import COOKIE, Asker, current, local, only, page, posted, signed_in


def sign_in(request: HttpRequest) -> HttpResponse:
    """Ask who comes, then for a signature, and begin a session."""
    only(request, "GET", "POST")
    if request.method == "GET":
        back = local(request.GET.get("next", "/"))
        return HttpResponseRedirect(back) if current(request) else page(request, "sign_in", None, back=back)
    back, person = local(posted(request, "next", 2000)), posted(request, "person", 64).strip()
    said: dict[str, Any] = {"back": back, "person": person}
    if not names.is_valid("person", person):
        said["wrong"] = (
            "Names of accounts have lower-case letters and digits, such as alice. It is the name in ssh alice@…"
        )
        return page(request, "sign_in", None, **said)
    given = signatures.posted(request, "session")
    if given is None:
        # Made for whatever name: nobody learns here who has an account.
        return _asked(request, person, said)
    try:
        token, session = sessions.sign_in(given, request.headers.get("User-Agent", ""))
    except Problem as error:
        return _asked(request, person, {**said, "wrong": _friendly(str(error), person)})
    sessions.swept()
    answer = HttpResponseRedirect(back)
    lasts = session.not_after - timezone.now()
    answer.set_cookie(COOKIE, token, max_age=lasts, path="/", secure=True, httponly=True, samesite="Lax")
    return answer


def _asked(request: HttpRequest, person: str, said: dict[str, Any]) -> HttpResponse:
    statement = statements.make(statements.SESSION, settings.HOST, person, now=timezone.now())
    wanted = signatures.Wanted("session", "Sign in", statement)
    return page(request, "sign_in", None, signature=wanted, **said)


def _friendly(said: str, person: str) -> str:
    """Say what to do about a signature that does not hold; the same for a wrong key and for nobody at all."""
    if "no key of" in said or "no account" in said:
        return (
            f"This signature is not one of {person}. Look whether the name is right, and whether the command names the"
            " key that you log in with: replace ~/.ssh/id_ed25519 by its path. Then run the new command."
        )
    if "passkey" in said:
        return f"This passkey is not one of {person}. Sign with another one, or with your SSH key."
    if "no SSH signature" in said:
        return "That is no signature. Copy all that the command prints, from -----BEGIN SSH SIGNATURE----- to -----END…"
    return f"{said[:1].upper()}{said[1:]}. Run the new command below."


@signed_in
def sign_out(request: HttpRequest, asker: Asker) -> HttpResponse:
    """End this session."""
    only(request, "POST")
    sessions.end(asker.session)
    answer = HttpResponseRedirect("/sign-in")
    answer.delete_cookie(COOKIE, path="/", samesite="Lax")
    # What a browser kept of pages goes with the session, also for its back button.
    answer["Clear-Site-Data"] = '"cache", "storage"'
    return answer
