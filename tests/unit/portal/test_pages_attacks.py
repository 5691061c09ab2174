# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What somebody tries who is no friend: other sites, siblings, other people's things, texts that want to be a page."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import set_up
from callers import Person, Steward
from django.test import RequestFactory
from django.urls import URLPattern, get_resolver
from portal.pages import frame
from portal.queue import models
from visitors import HOST, ORIGIN, OWN, Visitor, fields, number_of

PAGES = Path(frame.__file__).parent
EVIL = "<script>alert(1)</script><b onclick=x>\"'&"
OPEN = ("files/<str:name>", "sign-in", "sign-up", "sign-up/<str:token>", "join/<str:token>")
"""Pages for everybody."""


def addresses() -> list[str]:
    """Return the addresses of all pages, with names that are there."""
    found = []
    for one in get_resolver("portal.pages.urls").url_patterns:
        assert isinstance(one, URLPattern)
        route = str(one.pattern)
        if route in OPEN:
            continue
        name = "myapp" if route.startswith("projects/") else "bob" if route.startswith("people/") else "myapp00"
        route = route.replace("<str:component>", "redis").replace("<str:name>", name).replace("<str:token>", "x")
        found.append("/" + route.replace("<str:id_>", "01KB0000000000000000000000"))
    return found


def test_without_a_session_every_page_leads_to_sign_in(portal: Steward) -> None:
    assert len(addresses()) > 10
    stranger = Visitor()
    for address in addresses():
        assert stranger.open(address).title == "Sign in", address
        answer = stranger.client.post(address, {"verb": "stop_vm", "a.vm": "myapp00"}, headers=OWN, secure=True)
        assert answer.status_code == 403 or answer["Location"].startswith("/sign-in"), address
    assert not models.Request.objects.exists()


HEADERS: list[dict[str, str]] = [
    {"origin": "https://evil.example", "sec-fetch-site": "cross-site"},
    # A customer's VM has a name under the same domain: the same site, and not us.
    {"origin": "https://myapp00.town.example", "sec-fetch-site": "same-site"},
    {"origin": f"http://{HOST}", "sec-fetch-site": "same-site"},
    {"origin": f"{ORIGIN}:8443", "sec-fetch-site": "same-site"},
    {"origin": "null", "sec-fetch-site": "same-origin"},
    {"origin": ORIGIN, "sec-fetch-site": "none"},
    {"origin": "https://evil.example"},
    {"sec-fetch-site": "same-site"},
    {},
]


@pytest.mark.parametrize("headers", HEADERS)
def test_a_write_from_elsewhere_is_refused_though_cookie_and_token_are_right(
    alice: Visitor, headers: dict[str, str]
) -> None:
    alice.open("/vms/myapp00")
    alice.press("Stop…")
    form = alice.page.form("Stop myapp00")
    answer = alice.client.post("/requests", fields(form), headers=headers, secure=True)
    assert answer.status_code == 403
    assert not models.Request.objects.exists()


@pytest.mark.parametrize("headers", HEADERS)
def test_where_a_write_comes_from_is_judged_before_its_token(headers: dict[str, str]) -> None:
    assert not frame.is_from_here(RequestFactory().post("/requests", headers=headers))
    assert frame.is_from_here(RequestFactory().post("/requests", headers=OWN))


def test_a_write_without_the_forms_token_is_refused(alice: Visitor) -> None:
    alice.open("/vms/myapp00")
    alice.press("Stop…")
    sent = fields(alice.page.form("Stop myapp00"))
    for token in ("", "x" * 64, None):
        wrong = {**sent, "csrfmiddlewaretoken": token or ""}
        if token is None:
            del wrong["csrfmiddlewaretoken"]
        assert alice.client.post("/requests", wrong, headers=OWN, secure=True).status_code == 403
    assert not models.Request.objects.exists()


def test_cookies_are_of_this_host_alone(alice: Visitor) -> None:
    names = [name for name, morsel in alice.client.cookies.items() if morsel.value]
    assert names and all(name.startswith("__Host-") for name in names)
    for name in names:
        morsel = alice.client.cookies[name]
        assert morsel["secure"] and morsel["httponly"] and morsel["path"] == "/" and not morsel["domain"], name


def test_a_session_that_somebody_else_set_is_none(portal: Steward, alice: Visitor) -> None:
    stranger = Visitor()
    stranger.client.cookies[frame.COOKIE] = "a-token-that-an-attacker-chose-before-the-victim-signed-in"
    assert stranger.open("/").title == "Sign in"
    before = alice.client.cookies[frame.COOKIE].value
    alice.open("/")
    alice.press("Sign out")
    alice.sign_in()
    assert alice.client.cookies[frame.COOKIE].value != before


def test_a_cookie_is_no_token_and_a_token_no_cookie(alice: Visitor) -> None:
    assert alice.client.get("/api/v1/me", secure=True).status_code == 401, "the API takes no cookies"
    with_token = {"authorization": f"Bearer {alice.client.cookies[frame.COOKIE].value}"}
    assert Visitor().open("/", **with_token).title == "Sign in"


def test_what_browsers_may_do_with_pages(alice: Visitor) -> None:
    answers = [alice.open(address).answer for address in ("/", "/vms/myapp00", "/nothing", "/sign-in")]
    for answer in answers:
        policy = answer["Content-Security-Policy"]
        assert "default-src 'none'" in policy and "frame-ancestors 'none'" in policy and "base-uri 'none'" in policy
        assert "unsafe" not in policy and "http" not in policy and "*" not in policy
        assert "require-trusted-types-for 'script'" in policy
        assert answer["X-Content-Type-Options"] == "nosniff" and answer["X-Frame-Options"] == "DENY"
        assert "publickey-credentials-get=(self)" in answer["Permissions-Policy"]
        assert answer["Referrer-Policy"] == "same-origin"
        assert answer["Cache-Control"] == "no-store"
    assert not alice.open("/").all("style")
    assert not re.search(r"\s(style|on[a-z]+)=", alice.page.text)
    assert all(one.get("src") for one in alice.page.all("script"))


def test_templates_escape_everything() -> None:
    for path in (*PAGES.rglob("*.html"), *PAGES.rglob("*.py")):
        text = path.read_text()
        assert not re.search(r"\|\s*safe\b|autoescape off|mark_safe|\bsafeseq\b", text), path
        assert not re.search(r"\bstyle=|\son[a-z]+=\"|<script>|javascript:|(src|href)=\"https?:", text), path


def test_texts_of_people_stay_texts(alice: Visitor, portal: Steward, example: dict[str, str]) -> None:
    files = {**example}
    text = files["projects/myapp.yml"].replace("    memory: 1GiB\n", f"    memory: 1GiB\n    comment: {EVIL!r}\n", 1)
    files["projects/myapp.yml"] = text.replace("The example application", "<i>x</i>")
    files["users/bob.yml"] = files["users/bob.yml"].replace("Bob Example", "Bob <u>Example</u>")
    answer = portal.call("snapshot", generation=portal.generation, commit="f" * 40, files=files)
    assert answer.status_code == 200
    for address in ("/", "/projects/myapp", "/vms/myapp00", "/vms/myapp00/change", "/search?q=<script>x</script>"):
        page = alice.open(address)
        assert (
            not page.all("i") and not page.all("u") and "onclick" not in str([one.keys() for one in page.root.iter()])
        )
        assert all(one.get("src") for one in page.all("script")), address


def test_words_of_the_steward_stay_words(alice: Visitor, portal: Steward) -> None:
    alice.open("/vms/myapp00")
    alice.press("Stop…")
    number = number_of(alice.press("Stop myapp00"))
    portal.next()
    steps = [{"id": number, "n": 0, "text": EVIL, "host": "", "state": "ok", "ms": 1}]
    portal.report(number, 1, "failed", steps, problem=EVIL, reasons=(EVIL,), about=EVIL, subject="myapp00")
    for address in (f"/requests/{number}", "/", "/requests", "/vms/myapp00"):
        page = alice.open(address)
        assert all(one.get("src") for one in page.all("script")) and not page.all("b", onclick="x"), address


def test_what_is_not_ones_own_is_not_there(
    portal: Steward, alice: Visitor, keys: dict[str, Path], example: dict[str, str]
) -> None:
    secret = "description: hidden\npermissions: {olga: [login, manager]}\nvms: {secret00: {}}\n"
    files = set_up.allocated({**example, "projects/secret.yml": secret})
    answer = portal.call("snapshot", generation=portal.generation, commit="f" * 40, files=files)
    assert answer.status_code == 200
    for address in (
        "/projects/secret",
        "/projects/secret/order",
        "/projects/nothing",
        "/vms/secret00",
        "/vms/nothing00",
    ):
        page = alice.open(address)
        assert (page.status, page.title) == (404, "Nothing here"), address
    assert "secret" not in alice.open("/").words and "hidden" not in alice.open("/search?q=secret").words
    page = alice.open("/vms/myapp00")
    page.form("Stop…").find(".//input[@name='a.vm']").set("value", "secret00")  # type: ignore[union-attr]
    assert "is not known" in alice.press("Stop…").words


def test_what_was_shown_is_judged_again_when_it_comes_back(bob: Visitor, portal: Steward) -> None:
    bob.open("/vms/myapp00")
    bob.press("Restart…")
    form = bob.page.form("Restart myapp00")
    sent = fields(form)
    for text in (
        sent["request"].replace("restart_vm", "stop_vm"),
        sent["request"].replace("myapp00", "other00"),
        '{"changes":[{"arguments":{"vm":"myapp00"},"verb":"retire_vm"}]}',
    ):
        answer = bob.client.post("/requests", {**sent, "request": text}, headers=OWN, secure=True)
        assert answer.status_code == 403 and b"Why not" in answer.content, text
    for text in ("", "[]", '{"changes":[]}', '{"changes":[{"verb":"x"}]}', "x" * 70_000):
        answer = bob.client.post("/requests", {**sent, "request": text}, headers=OWN, secure=True)
        assert answer.status_code in (400, 413, 422), (text[:30], answer.status_code)
    assert not models.Request.objects.exists()


def test_a_signature_for_something_else_is_told_apart(alice: Visitor) -> None:
    alice.open("/vms/myapp00")
    alice.press("Retire…")
    signed = alice.sign()
    statement = fields(alice.page.form("Retire myapp00"))["request-statement"]
    alice.open("/vms/myapp00/components/redis")
    alice.press("Take away…")
    sent = fields(alice.page.form("Take redis out of myapp00"))
    sent |= {"request-statement": statement, "request-signature": signed}
    answer = alice.client.post("/requests", sent, headers=OWN, secure=True)
    assert answer.status_code == 422 and not models.Request.objects.exists()


def test_who_was_locked_sees_nothing_from_then_on(alice: Visitor, portal: Steward, example: dict[str, str]) -> None:
    files = {**example}
    files["users/alice.yml"] = files["users/alice.yml"].replace("state: active", "state: locked")
    portal.call("snapshot", generation=portal.generation, commit="d" * 40, files=files)
    assert alice.open("/vms/myapp00").title == "Sign in"


def test_the_session_of_a_browser_counts_for_an_hour_of_the_api_as_well(alice: Visitor) -> None:
    """One kind of session for both: ended here, it is ended there."""
    token = Person()
    token.token = alice.client.cookies[frame.COOKIE].value
    assert token.get("me").status_code == 200
    alice.open("/")
    alice.press("Sign out")
    assert token.get("me").status_code == 401


def test_large_bodies_are_not_read(alice: Visitor) -> None:
    alice.open("/account")
    form = fields(alice.page.form("Add key…"))
    answer = alice.client.post("/account", {**form, "ssh_key": "x" * 30_000}, headers=OWN, secure=True)
    assert answer.status_code == 413
