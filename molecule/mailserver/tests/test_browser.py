# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Webmail in a real browser: Debian's Chromium, by the WebDriver protocol. Left out where there is no chromedriver."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from browser import Browser, browser
from outside import Person

ROOT = Path(__file__).parents[3]
PLATFORM = ROOT / "molecule/platform"
LAB = os.environ.get("MOLECULE_LAB", "rm-molecule")

pytestmark = pytest.mark.skipif(not shutil.which("chromedriver"), reason="no chromedriver (Debian: chromium-driver)")


@pytest.fixture
def page(hostvars: dict[str, dict[str, Any]]) -> Iterator[Browser]:
    """A browser that finds the mail server's name at its address."""
    variables = hostvars["post00"]
    rule = f"MAP {variables['ringmaster_fe_fqdn']} {variables['ringmaster_fe_ipv4']}"
    with browser("--ignore-certificate-errors", f"--host-resolver-rules={rule}") as session:
        yield session


def test_a_message_is_written_and_read(page: Browser, hostvars: dict[str, dict[str, Any]]) -> None:
    """``WEBMAIL_SCREENSHOT`` names a file for a picture of the received message."""
    variables = hostvars["post00"]
    server = variables["ringmaster_fe_fqdn"]
    anna = Person(variables["ringmaster_fe_ipv4"], server, "anna@post.example", "anna-secret-1")
    subject = f"From the browser {time.time():.0f}"
    page.show(f"https://{server}/")
    page.type("#rcmloginuser", anna.address)
    page.type("#rcmloginpwd", anna.password)
    page.click("#rcmloginsubmit")
    page.find("#messagelist")
    page.show(f"https://{server}/?_task=mail&_action=compose&_to={anna.address}")
    page.type("#compose-subject", subject)
    page.type("#composebody", "Hello Anna, this was written in webmail.")
    page.run("rcmail.command('send', '', document.body)")
    anna.wait_for(subject)
    page.show(f"https://{server}/?_task=mail&_mbox=INBOX")
    page.find("#messagelist tbody tr")
    uid = page.run(
        "return Object.keys(rcmail.env.messages).find(u => rcmail.env.messages[u] && "
        f"document.querySelector('#' + rcmail.message_list.rows[u].id).textContent.includes({json.dumps(subject)}))"
    )
    assert uid, "the message is not in the list"
    page.show(f"https://{server}/?_task=mail&_mbox=INBOX&_uid={uid}&_action=show")
    page.find("#messagebody")
    assert "written in webmail" in page.run("return document.querySelector('#messagebody').textContent")
    name = os.environ.get("WEBMAIL_SCREENSHOT")
    if name:
        while page.run("return document.querySelector('#messagestack .loading') !== null"):
            time.sleep(0.2)
        Path(name).write_bytes(page.picture())


def test_the_link_that_make_open_prints_leads_to_it(
    outside_the_lab: Callable[[Callable[[], str]], str],
) -> None:
    """In this machine's own network, where the lab's is not: log-in and the list of messages, under the link's name."""

    def log_in() -> str:
        argv = [str(ROOT / ".venv/bin/python"), "bin/lab", "--lab", LAB, "--platform", str(PLATFORM), "open"]
        opened = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=False)
        assert opened.returncode == 0, opened.stdout + opened.stderr
        (link,) = set(re.findall(r"http://webmail-post00\.[a-z0-9.-]+\.localhost:\d+", opened.stdout))
        with browser() as page:
            page.show(f"{link}/")
            page.type("#rcmloginuser", "anna@post.example")
            page.type("#rcmloginpwd", "anna-secret-1")
            page.click("#rcmloginsubmit")
            page.find("#messagelist")
            assert page.run("return location.origin") == link
            return page.run("return document.cookie")

    assert "roundcube_sessid" not in outside_the_lab(log_in), "no script can read who is logged in"
