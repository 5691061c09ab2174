# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Webmail in a real browser: Debian's Chromium, by the WebDriver protocol. Left out where there is no chromedriver."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from outside import Person

PORT = 9515
ELEMENT = "element-6066-11e4-a52e-4f735466cecf"

pytestmark = pytest.mark.skipif(not shutil.which("chromedriver"), reason="no chromedriver (Debian: chromium-driver)")


class Browser:
    """A session of a headless Chromium that finds the mail server's name at its address."""

    def __init__(self, name: str, address: str) -> None:
        arguments = [
            "--headless=new",
            "--no-sandbox",
            "--window-size=1280,800",
            "--ignore-certificate-errors",
            f"--host-resolver-rules=MAP {name} {address}",
        ]
        wanted = {"alwaysMatch": {"goog:chromeOptions": {"args": arguments}}}
        self.path = ""
        self.path = f"/{self.ask('POST', '/session', {'capabilities': wanted})['sessionId']}"

    def ask(self, method: str, path: str, data: Any = None) -> Any:
        address = f"http://127.0.0.1:{PORT}{path if not self.path else f'/session{self.path}{path}'}"
        body = json.dumps(data or {}).encode() if method == "POST" else None
        request = urllib.request.Request(address, body, {"Content-Type": "application/json"}, method=method)
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)["value"]

    def find(self, selector: str, seconds: float = 30) -> str:
        """Return the element, as soon as it is there."""
        end = time.monotonic() + seconds
        while True:
            try:
                return self.ask("POST", "/element", {"using": "css selector", "value": selector})[ELEMENT]
            except urllib.error.HTTPError:
                assert time.monotonic() < end, f"no {selector} in {self.ask('GET', '/title')}"
                time.sleep(0.3)

    def type(self, selector: str, text: str) -> None:
        self.ask("POST", f"/element/{self.find(selector)}/value", {"text": text})

    def click(self, selector: str) -> None:
        self.ask("POST", f"/element/{self.find(selector)}/click")

    def run(self, script: str) -> Any:
        return self.ask("POST", "/execute/sync", {"script": script, "args": []})


@pytest.fixture
def browser(hostvars: dict[str, dict[str, Any]]) -> Iterator[Browser]:
    variables = hostvars["post00"]
    driver = subprocess.Popen(
        ["chromedriver", f"--port={PORT}"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    try:
        for _attempt in range(50):
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{PORT}/status", timeout=2).close()
                break
            except OSError:
                time.sleep(0.2)
        session = Browser(variables["ringmaster_fe_fqdn"], variables["ringmaster_fe_ipv4"])
        yield session
        session.ask("DELETE", "")
    finally:
        driver.terminate()
        driver.wait(10)


def test_a_message_is_written_and_read(browser: Browser, hostvars: dict[str, dict[str, Any]]) -> None:
    """``WEBMAIL_SCREENSHOT`` names a file for a picture of the received message."""
    variables = hostvars["post00"]
    server = variables["ringmaster_fe_fqdn"]
    anna = Person(variables["ringmaster_fe_ipv4"], server, "anna@post.example", "anna-secret-1")
    subject = f"From the browser {time.time():.0f}"
    browser.ask("POST", "/url", {"url": f"https://{server}/"})
    browser.type("#rcmloginuser", anna.address)
    browser.type("#rcmloginpwd", anna.password)
    browser.click("#rcmloginsubmit")
    browser.find("#messagelist")
    browser.ask("POST", "/url", {"url": f"https://{server}/?_task=mail&_action=compose&_to={anna.address}"})
    browser.type("#compose-subject", subject)
    browser.type("#composebody", "Hello Anna, this was written in webmail.")
    browser.run("rcmail.command('send', '', document.body)")
    anna.wait_for(subject)
    browser.ask("POST", "/url", {"url": f"https://{server}/?_task=mail&_mbox=INBOX"})
    browser.find("#messagelist tbody tr")
    uid = browser.run(
        "return Object.keys(rcmail.env.messages).find(u => rcmail.env.messages[u] && "
        f"document.querySelector('#' + rcmail.message_list.rows[u].id).textContent.includes({json.dumps(subject)}))"
    )
    assert uid, "the message is not in the list"
    browser.ask("POST", "/url", {"url": f"https://{server}/?_task=mail&_mbox=INBOX&_uid={uid}&_action=show"})
    browser.find("#messagebody")
    assert "written in webmail" in browser.run("return document.querySelector('#messagebody').textContent")
    picture = os.environ.get("WEBMAIL_SCREENSHOT")
    if picture:
        while browser.run("return document.querySelector('#messagestack .loading') !== null"):
            time.sleep(0.2)
        Path(picture).write_bytes(base64.b64decode(browser.ask("GET", "/screenshot")))
