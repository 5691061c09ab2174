# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Make the pictures of pages that the documentation shows, in docs/images: light, dark and as a phone shows them.

``make pictures`` runs it, with the folders of code and samples in PYTHONPATH.
They show made-up figures (``large_samples.py``), and of the portal a made-up day (``shown_portal.py``).
Look at them before you commit them.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import large_samples
import look
from browser import NARROW, Browser, browser
from ringmaster.status import main
from status_samples import NOW

ROOT = Path(__file__).resolve().parents[1]
IMAGES = ROOT / "docs/images"
LIMIT = 80 * 1024
QUANTISE = ("pngquant", "--nofs", "--speed", "1", "--strip")
TALLEST = {1280: 1200, NARROW: 1500}
"""Pixels, by width: what is below is more of the same."""
COLOURS = (256, 128, 96)
"""A picture has as many as make it small enough; with fewer, states that are rare would lose theirs."""
VARIANTS = (("light", 1280, "light"), ("dark", 1280, "dark"), ("phone", NARROW, "light"))
PAGES = {
    "platform": "site/index",
    "project": "site/projects/myapp/index",
    "project-200": "site/projects/shop/index",
    "vm-ok": "site/projects/myapp/myapp00",
    "vm-trouble": "site/projects/myapp/myapp01",
    "vm-silent": "site/projects/myapp/myapp02",
    "empty": "empty/site/all/index",
}
"""Picture -> page."""


def site(folder: Path) -> None:
    """Write all pages that are shown."""
    (folder / "empty").mkdir()
    main.write(folder, main.STATIC, large_samples.platform(folder), NOW)
    main.write(folder / "empty", main.STATIC, large_samples.empty(), NOW)
    for page in folder.rglob("*.html"):
        # As the web server shows a page that is fresh.
        page.write_text(page.read_text().replace("<!--# else -->", "<!--").replace("<!--# endif -->", "-->"))
    (folder / "site/guide.html").write_text(look.guide())


OF_PORTAL = {
    "sign-in": ("", "/sign-in", [("type", "#person", "alice"), ("press", "Continue")]),
    "sign-up": ("", "/sign-up", []),
    "home": ("alice", "/", []),
    "project": ("alice", "/projects/myapp", []),
    "people": ("alice", "/projects/myapp/people", []),
    "vm": ("alice", "/vms/myapp00", []),
    "order": ("alice", "/projects/myapp/order", [("click", "[name='with.redis']"), ("click", "[value=medium]")]),
    "confirm": (
        "alice",
        "/projects/myapp/order",
        [("click", "[name='with.redis']"), ("click", "[value=medium]"), ("press", "See what")],
    ),
    "component": ("alice", "/vms/myapp00/components/redis", []),
    "signature": ("alice", "/vms/myapp00", [("press", "Retire")]),
    "request": ("alice", "/requests/{now}", []),
    "account": ("alice", "/account", []),
    "sign-ups": ("olga", "/sign-ups", []),
}
"""Picture -> who looks, page, and what is done there: ``type`` into, ``click`` on, or ``press`` a button."""
PATHS = ("collections", "roles/portal/files/portal", "tests", "tests/unit", "tests/unit/portal", "tests/unit/platform")


@contextlib.contextmanager
def portal() -> Iterator[dict[str, Any]]:
    """Run the portal with made-up things in it; give what it says of itself."""
    paths = os.pathsep.join(str(ROOT / path) for path in (*PATHS, "tests/unit/platform/verbs"))
    argv = [sys.executable, str(ROOT / "tests/unit/portal/shown_portal.py")]
    environment = {**os.environ, "PYTHONPATH": paths}
    with subprocess.Popen(argv, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout and server.stdin
        yield json.loads(server.stdout.readline())
        server.stdin.close()


def visit(session: Browser, said: dict[str, Any], name: str, width: int, scheme: str) -> None:
    """Open a page of the portal as somebody, and do there what its picture shows."""
    who, path, steps = OF_PORTAL[name]
    session.tell("Network.clearBrowserCookies")
    if who:
        cookie = {"name": said["cookie"], "value": said["tokens"][who], "url": said["address"], "path": "/"}
        session.tell("Network.setCookie", **cookie, secure=True, httpOnly=True)
    session.show(said["address"] + path.format(**said["numbers"]), width=width, prefers_color_scheme=scheme)
    for word, *more in steps:
        if word == "type":
            session.type(*more)
        elif word == "click":
            session.click(*more)
        else:
            find = (
                "[...document.querySelectorAll('button')].find(one => one.textContent.trim().startsWith(arguments[0]))"
            )
            session.run(f"document.documentElement.dataset.old = 1; {find}.id = 'pressed'", *more)
            session.click("#pressed")
            session.find("html:not([data-old]) .foot")


def take(session: Browser, address: str, name: str) -> None:
    """Write the pictures of a page."""
    for variant, width, scheme in VARIANTS:
        session.show(address, width=width, prefers_color_scheme=scheme)
        keep(session, f"{name}-{variant}", width)


def keep(session: Browser, name: str, width: int) -> None:
    """Write what is seen, as small as it may be."""
    whole = session.picture(tallest=TALLEST[width])
    for count in COLOURS:
        content = subprocess.run([*QUANTISE, str(count), "-"], input=whole, capture_output=True, check=True).stdout
        if len(content) <= LIMIT:
            break
    (IMAGES / f"{name}.png").write_bytes(content)
    print(f"{name}.png: {len(content) / 1024:.0f} KiB")


def run() -> int:
    """Take all pictures, or those whose names are given."""
    chosen = sys.argv[1:]
    with tempfile.TemporaryDirectory() as place, browser() as session:
        site(Path(place))
        for name, page in {"look": "site/guide", **{f"status-{key}": value for key, value in PAGES.items()}}.items():
            if not chosen or name in chosen:
                take(session, f"file://{place}/{page}.html", name)
        with portal() as said:
            for name in OF_PORTAL:
                for variant, width, scheme in VARIANTS:
                    if not chosen or f"portal-{name}" in chosen or "portal" in chosen:
                        visit(session, said, name, width, scheme)
                        keep(session, f"portal-{name}-{variant}", width)
    return 0


if __name__ == "__main__":
    sys.exit(run())
