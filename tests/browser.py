# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A headless Chromium, spoken to by its driver: pages are opened in it and looked at."""

from __future__ import annotations

import base64
import contextlib
import json
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any

WAIT = 20.0
"""Seconds that the driver may take until it answers."""
LOADS = 30.0
"""Seconds until something stands on a page."""
ELEMENT = "element-6066-11e4-a52e-4f735466cecf"
"""The name of an element's number in the protocol."""
NARROW = 360


class Browser:
    """A session of the driver at a port of this machine."""

    def __init__(self, port: int, *further: str) -> None:
        """Begin a session.

        :param further: arguments of Chromium beside the usual ones.
        """
        arguments = [
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--hide-scrollbars",
            "--force-color-profile=srgb",
            *further,
        ]
        wanted = {"alwaysMatch": {"goog:chromeOptions": {"args": arguments}}}
        self._place = f"http://127.0.0.1:{port}/session"
        self._place = f"{self._place}/{self._ask('', {'capabilities': wanted})['sessionId']}"

    def _ask(self, path: str, data: Any = None, method: str = "POST") -> Any:
        body = json.dumps(data or {}).encode() if method == "POST" else None
        request = urllib.request.Request(
            f"{self._place}{path}", body, {"Content-Type": "application/json"}, method=method
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)["value"]

    def tell(self, command: str, **parameters: Any) -> Any:
        """Send a command of the DevTools protocol."""
        return self._ask("/goog/cdp/execute", {"cmd": command, "params": parameters})

    def show(self, address: str, *, width: int = 1280, height: int = 900, **media: str) -> None:
        """Open a page at a width of the window.

        :param media: what style sheets may ask for: ``prefers_color_scheme="dark"``.
        """
        phone = width <= 2 * NARROW
        self.tell("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=phone)
        features = [{"name": name.replace("_", "-"), "value": value} for name, value in media.items()]
        self.tell("Emulation.setEmulatedMedia", features=features)
        self._ask("/url", {"url": address})

    def find(self, selector: str) -> str:
        """Return the number of the element that a CSS selector names, as soon as it is there."""
        end = time.monotonic() + LOADS
        while True:
            try:
                return self._ask("/element", {"using": "css selector", "value": selector})[ELEMENT]
            except urllib.error.HTTPError:
                assert time.monotonic() < end, f"no {selector} on the page '{self._ask('/title', method='GET')}'"
                time.sleep(0.3)

    def type(self, selector: str, text: str) -> None:
        """Type a text into an element."""
        self._ask(f"/element/{self.find(selector)}/value", {"text": text})

    def click(self, selector: str) -> None:
        """Click on an element."""
        self._ask(f"/element/{self.find(selector)}/click")

    def run(self, script: str, *arguments: Any) -> Any:
        """Run a script in the page; return what it returns."""
        return self._ask("/execute/sync", {"script": script, "args": list(arguments)})

    def picture(self, *, tallest: int = 10_000) -> bytes:
        """Return a picture of the page from its top, as PNG, as tall as the page or as said."""
        height = min(tallest, self.run("return document.documentElement.scrollHeight"))
        width = self.run("return document.documentElement.clientWidth")
        clip = {"x": 0, "y": 0, "width": width, "height": height, "scale": 1}
        found = self.tell("Page.captureScreenshot", format="png", clip=clip, captureBeyondViewport=True)
        return base64.b64decode(found["data"])

    def end(self) -> None:
        """End the session."""
        self._ask("", method="DELETE")


@contextlib.contextmanager
def browser(*further: str, port: int = 9517) -> Iterator[Browser]:
    """Start a driver and a browser with further arguments, and end both."""
    driver = subprocess.Popen(
        ["chromedriver", f"--port={port}"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    try:
        end = time.monotonic() + WAIT
        while True:
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/status", timeout=2).close()
                break
            except OSError:
                if time.monotonic() > end:
                    raise
                time.sleep(0.1)
        session = Browser(port, *further)
        try:
            yield session
        finally:
            session.end()
    finally:
        driver.terminate()
        driver.wait(10)
