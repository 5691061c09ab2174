# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What somebody has here: keys, sessions, mail address, and what the platform knows."""

from __future__ import annotations

from typing import Any

from ansible_collections.ringmaster.hosting.plugins.module_utils.platform.language.ssh_keys import fingerprint, ssh_key
from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect

from ..queue import models, sessions
from . import asking
from .frame import Asker, only, page, posted, signed_in


@signed_in
def account(request: HttpRequest, asker: Asker) -> HttpResponse:
    """Show one's own account, and take what is to be changed."""
    only(request, "GET", "POST")
    record = asker.description.users[asker.name]
    if request.method == "POST":
        return _change(request, asker, record)
    return _shown(request, asker, record, {}, {})


def _shown(request: HttpRequest, asker: Asker, record: Any, mistakes: Any, values: Any) -> HttpResponse:
    return page(
        request,
        "account",
        asker,
        status=422 if mistakes else 200,
        record=record,
        keys=[
            {"print": fingerprint(key), "name": " ".join(key.split()[2:]), "kind": key.split()[0]}
            for key in record["ssh_keys"]
        ],
        passkeys=record["passkeys"],
        rp_id=settings.RP_ID,
        sessions=sessions.of_person(asker.name),
        permissions=sorted((name, sorted(words)) for name, words in asker.seen.permissions.items()),
        requests=models.Request.objects.filter(person=asker.name).count(),
        mistakes=mistakes,
        values=values,
    )


def _change(request: HttpRequest, asker: Asker, record: Any) -> HttpResponse:
    if "ssh_key" in request.POST:
        line = " ".join(posted(request, "ssh_key", 9000).split())
        wrong = f"The key {problem}." if (problem := ssh_key(line)) else ""
        if wrong:
            return _shown(request, asker, record, {"ssh_key": wrong}, {"ssh_key": line})
        changes: list[asking.Change] = [("add_ssh_key", {"user": asker.name, "ssh_key": line})]
    elif "passkey" in request.POST:
        given = {name: posted(request, name, 2000).strip() for name in ("passkey", "passkey_id", "passkey_key")}
        changes = [("add_passkey", {"user": asker.name, **given})]
    else:
        wanted = {name: posted(request, name, 300).strip() for name in ("full_name", "email") if name in request.POST}
        changed = {name: value for name, value in wanted.items() if value and value != record[name]}
        if not changed:
            return HttpResponseRedirect("/account")
        changes = [("change_user", {"user": asker.name, **changed})]
    return asking.shown(request, asker, changes, back="/account", again=False)


@signed_in
def end(request: HttpRequest, asker: Asker, name: str) -> HttpResponse:
    """End a session of one's own."""
    only(request, "POST")
    found = sessions.of_person(asker.name).filter(nonce=name).first()
    if found is None:
        raise Http404
    sessions.end(found)
    return HttpResponseRedirect("/account")
