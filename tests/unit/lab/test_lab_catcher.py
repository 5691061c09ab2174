# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Mail that leaves a lab is kept, a file each, as it was sent."""

from __future__ import annotations

import asyncio
import smtplib
from email.message import EmailMessage
from pathlib import Path

import pytest
from ansible_collections.ringmaster.hosting.plugins.module_utils.lab import catcher


async def caught(folder: Path, *messages: str) -> list[str]:
    """Send messages by Python's own client, and return what lies in the folder then."""
    server = await asyncio.start_server(catcher.Catcher(folder).serve, "127.0.0.1", 0, limit=catcher.LONGEST_LINE)
    port = server.sockets[0].getsockname()[1]

    def send() -> None:
        with smtplib.SMTP("127.0.0.1", port, timeout=10) as client:
            for text in messages:
                message = EmailMessage()
                message["From"], message["To"], message["Subject"] = "a@lab.example", "b@elsewhere.example", "Hello"
                message.set_content(text)
                client.send_message(message, "bounces@lab.example", ["b@elsewhere.example", "c@elsewhere.example"])

    async with server:
        await asyncio.to_thread(send)
    return [path.read_text() for path in sorted(folder.glob("*.eml"))]


def test_a_message_is_kept_whole_with_its_envelope(tmp_path: Path) -> None:
    one, other = asyncio.run(caught(tmp_path, "first\n.\n..dots\n", "second\n"))
    assert one.startswith("X-Envelope-From: <bounces@lab.example>")
    assert "\nX-Envelope-To: <c@elsewhere.example>\n" in one
    assert one.endswith("first\n.\n..dots\n")
    assert other.endswith("second\n")


def test_the_oldest_go_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catcher, "KEPT", 2)
    assert [text.splitlines()[-1] for text in asyncio.run(caught(tmp_path, "1\n", "2\n", "3\n"))] == ["2", "3"]


@pytest.mark.parametrize(
    "argument", ["FROM:<a@b.example>", "from:<a@b.example> size=177", "From: <a@b.example> BODY=8BITMIME"]
)
def test_an_envelope_has_addresses_and_no_options(argument: str) -> None:
    assert catcher._address(argument) == "<a@b.example>"
