# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pages in a real browser, served as the web server does: nothing is refused, nothing sticks out, shapes are there."""

from __future__ import annotations

import functools
import http.server
import re
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

import browser
import large_samples
import pytest
from ringmaster.status import main
from status_samples import NOW

pytestmark = [
    pytest.mark.thorough,
    pytest.mark.skipif(shutil.which("chromedriver") is None, reason="there is no browser to look with"),
]
NGINX = Path(__file__).parents[4] / "roles/status/templates/nginx.conf.j2"
PAGES = ("index", "all/index", "projects/shop/index", "projects/myapp/myapp01", "projects/myapp/myapp05", "checks")
WIDTHS = (320, 360, 768, 1280, 2560)
WATCH = "addEventListener('securitypolicyviolation', event => (window.refused ??= []).push(event.blockedURI))"
STICKS_OUT = "return document.documentElement.scrollWidth - document.documentElement.clientWidth"
SMALL = """return [...document.querySelectorAll('a, button, input')].filter(one => {
  const place = one.getBoundingClientRect();
  return getComputedStyle(one).display != 'inline' && !one.matches('.skip') && (place.height < 24 || place.width < 24);
}).map(one => one.outerHTML)"""
SHAPELESS = """return [...document.querySelectorAll('.state')].filter(one => {
  const shape = getComputedStyle(one, '::before');
  return !(parseFloat(shape.width) > 8 && (shape.clipPath != 'none' || parseFloat(shape.borderTopWidth) > 1));
}).map(one => one.outerHTML)"""


class Server(http.server.SimpleHTTPRequestHandler):
    """Serves a folder with the policy of the role's web server."""

    policy = ""

    def end_headers(self) -> None:
        self.send_header("Content-Security-Policy", self.policy)
        super().end_headers()

    def log_message(self, *_words: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("site")
    main.write(folder, main.STATIC, large_samples.platform(folder), NOW)
    (Server.policy,) = re.findall(r'Content-Security-Policy "([^"]+)"', NGINX.read_text())
    handler = functools.partial(Server, directory=str(folder / "site"))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture(scope="module")
def session() -> Iterator[browser.Browser]:
    with browser.browser() as found:
        found.tell("Page.addScriptToEvaluateOnNewDocument", source=WATCH)
        yield found


@pytest.mark.parametrize("page", PAGES)
def test_a_page_is_whole_at_every_width(session: browser.Browser, address: str, page: str) -> None:
    for width in WIDTHS:
        session.show(f"{address}/{page}.html", width=width)
        assert session.run("return document.styleSheets.length") == 1
        assert session.run("return window.refused ?? []") == [], "the policy refuses something"
        assert session.run(STICKS_OUT) <= 0, width
        assert session.run(SHAPELESS) == []
        assert session.run(SMALL) == [], "what is pressed has 24 pixels each way (WCAG 2.5.8)"


def test_what_the_policy_refuses_is_seen(session: browser.Browser, address: str) -> None:
    session.show(f"{address}/index.html")
    session.run("document.body.insertAdjacentHTML('beforeend', '<p style=\"width: 9000px\">Too broad')")
    session.run("document.body.insertAdjacentHTML('beforeend', '<img src=\"http://192.0.2.1/x.png\">')")
    assert set(session.run("return window.refused")) >= {"inline", "http://192.0.2.1/x.png"}


def test_light_and_dark_and_no_motion_follow_the_system(session: browser.Browser, address: str) -> None:
    ground = "return getComputedStyle(document.documentElement).backgroundColor"
    seen = set()
    for scheme in ("light", "dark"):
        session.show(f"{address}/index.html", prefers_color_scheme=scheme)
        seen.add(session.run(ground))
    assert len(seen) == 2
    moves = "document.querySelector('.state').classList.add('now')"
    name = "return getComputedStyle(document.querySelector('.state'), '::before').animationName"
    for wish, found in (("no-preference", "pulse"), ("reduce", "none")):
        session.show(f"{address}/index.html", prefers_reduced_motion=wish)
        session.run(moves)
        assert session.run(name) == found


def test_the_sheet_alone_reaches_by_keyboard_what_is_hidden(session: browser.Browser, address: str) -> None:
    session.show(f"{address}/index.html")
    session.run("document.querySelector('.skip').focus()")
    assert session.run("return document.querySelector('.skip').getBoundingClientRect().left") >= 0
