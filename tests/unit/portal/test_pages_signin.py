# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Signing in and out, on pages without scripts."""

from __future__ import annotations

from pathlib import Path
from xml.etree.ElementTree import Element

import visitors
from callers import Steward
from portal.pages.frame import COOKIE
from portal.queue import models, store
from visitors import Visitor


def test_somebody_signs_in_by_the_command_of_the_page(portal: Steward, keys: dict[str, Path]) -> None:
    visitor = Visitor("alice", keys["alice"])
    page = visitor.open("/vms/myapp00")
    assert page.title == "Sign in"
    visitor.press("Continue", person="alice")
    assert "sign in as alice at my.town.example until" in visitor.page.words
    page = visitor.press("Sign in", session_signature=visitor.sign())
    assert page.title == "myapp00", "who was sent to sign in comes back to where he wanted to go"
    cookie = visitor.client.cookies[COOKIE]
    assert (cookie["secure"], cookie["httponly"], cookie["samesite"], cookie["path"]) == (True, True, "Lax", "/")
    assert not cookie["domain"]
    assert cookie.value not in models.Session.objects.get().token, "the cookie is kept as a digest only"


def test_windows_line_ends_in_what_is_pasted_do_no_harm(portal: Steward, keys: dict[str, Path]) -> None:
    visitor = Visitor("alice", keys["alice"])
    visitor.open("/sign-in")
    visitor.press("Continue", person="alice")
    pasted = "  \r\n" + visitor.sign().replace("\n", "\r\n") + "\r\n"
    assert visitor.press("Sign in", session_signature=pasted).title == "Hello, Alice Example"


def test_a_wrong_key_and_an_unknown_name_get_the_same_answer(portal: Steward, keys: dict[str, Path]) -> None:
    said = []
    for person, key in (("alice", "bob"), ("nobody", "bob")):
        visitor = Visitor(person, keys[key])
        visitor.open("/sign-in")
        visitor.press("Continue", person=person)
        page = visitor.press("Sign in", session_signature=visitor.sign())
        (wrong,) = [one for one in page.all("span") if "wrong" in one.get("class", "")]
        said.append("".join(wrong.itertext()).replace(person, "…"))
    assert said[0] == said[1]
    assert "Then run the new command" in said[0]
    assert not models.Session.objects.exists()


def test_what_is_no_signature_is_told_at_the_field(portal: Steward, keys: dict[str, Path]) -> None:
    visitor = Visitor("alice", keys["alice"])
    visitor.open("/sign-in")
    assert "lower-case" in visitor.press("Continue", person="Alice!").words
    visitor.press("Continue", person="alice")
    assert "That is no signature" in visitor.press("Sign in", session_signature="hello").words


def test_signed_out_nothing_is_shown(alice: Visitor) -> None:
    assert alice.open("/vms/myapp00").title == "myapp00"
    token = alice.client.cookies[COOKIE].value
    page = alice.press("Sign out")
    assert page.title == "Sign in"
    assert alice.open("/vms/myapp00").title == "Sign in"
    assert models.Session.objects.get().ended
    alice.client.cookies[COOKIE] = token
    assert alice.open("/vms/myapp00").title == "Sign in", "also for who has kept the cookie"


def test_pages_are_kept_by_no_cache(alice: Visitor) -> None:
    answer = alice.open("/").answer
    assert answer["Cache-Control"] == "no-store"
    form = alice.page.form("Sign out")
    assert form.get("method") == "post"


def test_sessions_are_listed_and_ended_by_their_owner(alice: Visitor, keys: dict[str, Path]) -> None:
    other = Visitor("alice", keys["alice"])
    other.sign_in()
    page = alice.open("/account")
    assert page.words.count("This browser") == 1 and "Firefox on Linux" in page.words
    for form in alice.page.all("form"):
        if form.get("action", "").startswith("/account/sessions/") and _is_of(form, other):
            alice.client.post(form.get("action"), visitors.fields(form), headers=visitors.OWN, secure=True)
    assert other.open("/").title == "Sign in"
    assert alice.open("/").title == "Hello, Alice Example"


def _is_of(form: Element, visitor: Visitor) -> bool:
    token = store.digest(visitor.client.cookies[COOKIE].value)
    return models.Session.objects.get(token=token).nonce in form.get("action", "")


def test_next_leads_nowhere_else(portal: Steward, keys: dict[str, Path]) -> None:
    for address in ("https://evil.example/", "//evil.example", "/\\evil.example", "javascript:alert(1)"):
        visitor = Visitor("alice", keys["alice"])
        visitor.open(f"/sign-in?next={address}")
        assert visitor.page.form("Continue")
        visitor.press("Continue", person="alice")
        assert visitor.press("Sign in", session_signature=visitor.sign()).title == "Hello, Alice Example"
