# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The portal in a real browser: with its script, by keyboard alone, on a phone, and attacked by a sibling's page.

AXE_CORE may name a copy of axe.min.js (``npm pack axe-core``): then pages are judged by it as well, in light and dark.
"""

from __future__ import annotations

import json
import os
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import browser
import pytest
import yaml
from callers import Steward
from django.conf import settings
from django.core.handlers.wsgi import WSGIHandler
from listeners import Listener, closing
from portal.pages.frame import COOKIE
from portal.queue import models
from visitors import Visitor, number_of, run

pytestmark = [
    pytest.mark.thorough,
    pytest.mark.skipif(shutil.which("chromedriver") is None, reason="there is no browser to look with"),
]
AXE = os.environ.get("AXE_CORE", "")
WATCH = "addEventListener('securitypolicyviolation', event => (window.refused ??= []).push(event.blockedURI))"
STICKS_OUT = "return document.documentElement.scrollWidth - document.documentElement.clientWidth"
SMALL = """return [...document.querySelectorAll('a, button, input:not([type=hidden]), select, summary')].filter(one => {
  const place = (one.closest('label') ?? one).getBoundingClientRect();
  return place.width && getComputedStyle(one).display != 'inline' && !one.matches('.skip')
    && (place.height < 24 || place.width < 24);
}).map(one => one.outerHTML)"""
PAGES = ("/", "/projects/myapp", "/projects/myapp/people", "/projects/myapp/order", "/vms/myapp00")
PAGES = (*PAGES, "/vms/myapp00/change", "/vms/myapp00/components/postgresql", "/account", "/requests", "/people/bob")


class Server:
    """The portal behind a socket of this machine."""

    def __init__(self) -> None:
        self.listener = Listener(closing(WSGIHandler()))
        self.address = f"http://my.localhost:{self.listener.port}"


@pytest.fixture
def server(portal: Steward) -> Iterator[Server]:
    names = ("ALLOWED_HOSTS", "ORIGINS", "CSRF_TRUSTED_ORIGINS", "RP_ID")
    before = {name: getattr(settings, name) for name in names}
    settings.ALLOWED_HOSTS, settings.RP_ID = ["*"], "my.localhost"
    made = Server()
    settings.ORIGINS, settings.CSRF_TRUSTED_ORIGINS = (made.address,), [made.address]
    yield made
    made.listener.close()
    for name, value in before.items():
        setattr(settings, name, value)


@pytest.fixture(scope="module")
def session() -> Iterator[browser.Browser]:
    with browser.browser(port=9534) as found:
        found.tell("Page.addScriptToEvaluateOnNewDocument", source=WATCH)
        yield found


@pytest.fixture
def seen(session: browser.Browser) -> browser.Browser:
    session.tell("Network.clearBrowserCookies")
    return session


def press(session: browser.Browser, words: str) -> None:
    """Press the button with these words, and wait for the next page."""
    session.run("document.documentElement.dataset.old = 1")
    found = session.run(
        "const one = [...document.querySelectorAll('button')].find(b => b.textContent.trim().startsWith(arguments[0]));"
        "if (one) one.id = 'to-press'; return !!one",
        words,
    )
    assert found, (words, session.run("return document.body.innerText")[:1000])
    session.click("#to-press")
    session.find("html:not([data-old]) .foot")


def sign_in(session: browser.Browser, server: Server, person: str, key: Path, path: str = "/") -> None:
    session.show(f"{server.address}{path}")
    session.type("#person", person)
    press(session, "Continue")
    command = session.run("return document.querySelector('.copy code').textContent")
    session.run("document.querySelector('textarea').value = arguments[0]", run(command, key))
    press(session, "Sign in")


def heading(session: browser.Browser) -> str:
    return str(session.run("return document.querySelector('h1').textContent.trim()"))


def axe(session: browser.Browser) -> list[str]:
    """Return what axe finds; nothing where it is not here."""
    if not AXE:
        return []
    session.tell("Page.setBypassCSP", enabled=True)
    session.run("document.head.dataset.asked = ''")
    session.tell("Runtime.evaluate", expression=Path(AXE).read_text())
    said: Any = session.tell(
        "Runtime.evaluate",
        expression="axe.run().then(r => JSON.stringify(r.violations.map(v => [v.id, v.nodes.map(n => n.html)])))",
        awaitPromise=True,
    )
    value = said["result"]["value"]
    return [] if value == "[]" else [value]


def test_pages_are_whole_at_every_width_and_nothing_is_refused(
    seen: browser.Browser, server: Server, keys: dict[str, Path]
) -> None:
    sign_in(seen, server, "alice", keys["alice"])
    for page in PAGES:
        for width in (320, 360, 768, 1280, 2560):
            seen.show(f"{server.address}{page}", width=width)
            seen.run("document.querySelectorAll('details').forEach(one => { one.open = true })")
            assert seen.run("return document.styleSheets.length") == 2, page
            assert seen.run("return window.refused ?? []") == [], page
            assert seen.run(STICKS_OUT) <= 0, (page, width)
            assert seen.run(SMALL) == [], (page, width)
        for scheme in ("light", "dark"):
            seen.show(f"{server.address}{page}", prefers_color_scheme=scheme)
            seen.run("document.querySelectorAll('details').forEach(one => { one.open = true })")
            assert axe(seen) == [], (page, scheme)


def test_pages_for_strangers_are_whole(seen: browser.Browser, server: Server) -> None:
    for page in ("/sign-in", "/sign-up", "/sign-up/nothing", "/join/nothing", "/nothing"):
        for width in (320, 1280):
            seen.show(f"{server.address}{page}", width=width)
            seen.run("document.querySelectorAll('details').forEach(one => { one.open = true })")
            assert seen.run(STICKS_OUT) <= 0 and seen.run(SMALL) == [], (page, width)
            assert axe(seen) == [], page
            assert seen.run("return window.refused ?? []") == [], page


def test_an_order_is_followed_without_reloading(
    seen: browser.Browser, server: Server, portal: Steward, keys: dict[str, Path]
) -> None:
    sign_in(seen, server, "alice", keys["alice"], "/projects/myapp/order")
    assert heading(seen) == "Order myapp01"
    seen.click("[name='with.redis']")
    press(seen, "See what will happen")
    assert axe(seen) == []
    press(seen, "Order myapp01")
    seen.run("window.here = 1")
    number = models.Request.objects.get().id
    portal.next()
    step = {"id": number, "n": 0, "text": "Create the VM <b>", "host": "hv0", "state": "running", "ms": 0}
    portal.report(number, 1, "applying", [step], commit="c" * 40, subject="myapp00", left=20)
    seen.find("#live .num")
    assert "Create the VM <b>" in seen.run("return document.querySelector('#live').innerText")
    assert axe(seen) == []
    portal.report(number, 2, "applied", [{**step, "state": "ok", "ms": 18_000}], commit="c" * 40, subject="myapp00")
    seen.find("#live:not([data-follow])")
    assert "Done" in seen.run("return document.querySelector('#live h2').innerText")
    assert seen.run("return window.here") == 1, "it is the same page still"
    assert seen.run("return window.refused ?? []") == []


def test_everything_is_reached_by_keyboard(seen: browser.Browser, server: Server, keys: dict[str, Path]) -> None:
    sign_in(seen, server, "alice", keys["alice"], "/vms/myapp00")
    key_press(seen, "/")
    assert seen.run("return document.activeElement.name") == "q"
    seen.run("document.activeElement.blur()")
    seen.run("document.documentElement.dataset.old = 1")
    key_press(seen, "g")
    key_press(seen, "r")
    seen.find("html:not([data-old]) .foot")
    assert heading(seen) == "Requests"
    seen.show(f"{server.address}/projects/myapp/order")
    missing = seen.run(
        "return [...document.querySelectorAll('a, button, input:not([type=hidden]), select, textarea, summary')]"
        ".filter(one => one.tabIndex < 0).map(one => one.outerHTML)"
    )
    assert missing == []
    seen.run("document.querySelector('.skip').focus()")
    assert seen.run("return document.querySelector('.skip').getBoundingClientRect().left") >= 0


def key_press(session: browser.Browser, key: str) -> None:
    for kind in ("keyDown", "keyUp"):
        session.tell("Input.dispatchKeyEvent", type=kind, key=key, text=key if kind == "keyDown" else "")


def test_after_signing_out_the_back_button_shows_nothing(
    seen: browser.Browser, server: Server, keys: dict[str, Path]
) -> None:
    sign_in(seen, server, "alice", keys["alice"], "/vms/myapp00")
    press(seen, "Sign out")
    assert heading(seen) == "Sign in"
    seen.run("history.back()")
    end = threading.Event()
    end.wait(1.5)
    seen.find(".foot")
    assert "myapp00" not in heading(seen)
    assert "172.20." not in seen.run("return document.body.innerText")


EVIL = """<!DOCTYPE html><title>evil</title><form id=f method=post action="{place}/requests">
<input name=request value='{{"changes":[{{"verb":"stop_vm","arguments":{{"vm":"myapp00"}}}}]}}'></form>
<iframe id=i src="{place}/vms/myapp00"></iframe>"""


def test_a_page_of_a_sibling_gets_nothing_done(seen: browser.Browser, server: Server, keys: dict[str, Path]) -> None:
    """shop.localhost is to my.localhost what a customer's VM is to the portal: the same site, another origin."""
    sign_in(seen, server, "alice", keys["alice"])
    text = EVIL.format(place=server.address).encode()

    def page(_environ: Any, start: Any) -> list[bytes]:
        start("200 OK", [("Content-Type", "text/html")])
        return [text]

    other = Listener(page)
    try:
        evil = f"http://shop.localhost:{other.port}/"
        seen.show(evil)
        threading.Event().wait(1.0)
        assert (
            seen.run(
                "try { return document.querySelector('#i').contentDocument?.body?.innerText ?? '' } catch { return '' }"
            )
            == ""
        )
        seen.run(f"document.cookie = '{COOKIE}=tossed; domain=localhost; path=/'")
        seen.run(f"document.cookie = '{COOKIE}=tossed; path=/'")
        seen.run("document.querySelector('#f').submit()")
        seen.find(".foot")
        assert heading(seen) == "Nothing was done"
        assert not models.Request.objects.exists()
        seen.show(f"{server.address}/")
        assert heading(seen) == "Hello, Alice Example", "the cookie that was tossed does not take the place of ours"
    finally:
        other.close()


def test_two_tabs_of_one_form_ask_once(alice: Visitor) -> None:
    alice.open("/projects/myapp/order")
    page = alice.press("See what will happen")
    first = number_of(alice.press("Order myapp01"))
    alice.page = page
    assert number_of(alice.press("Order myapp01")) == first


def test_a_passkey_is_added_and_signs_in_and_signs_requests(
    seen: browser.Browser,
    server: Server,
    portal: Steward,
    keys: dict[str, Path],
    example: dict[str, str],
) -> None:
    wanted = {"protocol": "ctap2", "transport": "internal", "isUserVerified": True}
    wanted |= {"hasResidentKey": True, "hasUserVerification": True}
    authenticator = seen._ask("/webauthn/authenticator", wanted)
    try:
        sign_in(seen, server, "alice", keys["alice"], "/account")
        seen.type("#passkey", "laptop")
        press(seen, "Add passkey…")
        assert heading(seen) == "Add the passkey laptop"
        assert axe(seen) == []
        command = seen.run("return document.querySelector('.copy code').textContent")
        seen.run("document.querySelector('textarea').value = arguments[0]", run(command, keys["alice"]))
        press(seen, "Sign with the new passkey")
        body = json.loads(models.Request.objects.get().body)
        assert [next(iter(one["signature"])) for one in body["proofs"]] == ["ssh", "passkey"]
        (given,) = [one["arguments"] for one in body["request"]["changes"]]

        record = yaml.safe_load(example["users/alice.yml"])
        passkey = {"name": "laptop", "id": given["passkey_id"], "key": given["passkey_key"]}
        files = {**example, "users/alice.yml": yaml.safe_dump({**record, "passkeys": [passkey]})}
        assert portal.call("snapshot", generation=portal.generation, commit="f" * 40, files=files).status_code == 200
        seen.tell("Network.clearBrowserCookies")
        seen.show(f"{server.address}/vms/myapp00")
        seen.type("#person", "bob")
        press(seen, "Continue")
        press(seen, "Sign with a passkey")
        assert "This passkey is not one of bob" in seen.run("return document.body.innerText")
        seen.show(f"{server.address}/vms/myapp00")
        seen.type("#person", "alice")
        press(seen, "Continue")
        press(seen, "Sign with a passkey")
        assert heading(seen) == "myapp00"
        press(seen, "Retire…")
        press(seen, "Sign with a passkey")
        assert heading(seen) == "Retire myapp00"
        assert "The steward takes it up" in seen.run("return document.body.innerText")
        assert seen.run("return window.refused ?? []") == []
    finally:
        seen._ask(f"/webauthn/authenticator/{authenticator}", method="DELETE")
