# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Stands for the mail servers of the Internet: takes every mail that leaves a lab, and keeps each in a file.

``python -m …module_utils.lab.catcher PORT FOLDER`` runs inside the lab's network namespace, at the address from where
'the Internet' asks, and ends with the namespace. A second one finds the port taken and ends at once.
"""

from __future__ import annotations

import asyncio
import errno
import os
import sys
import time
from collections.abc import Iterable
from pathlib import Path

from .plan import OUTSIDE_ADDRESS

ADDRESS, PORT = OUTSIDE_ADDRESS.partition("/")[0], 2525
NOBODY = 65534
LONGEST_LINE = 64 * 1024
LONGEST_MESSAGE = 32 * 1024 * 1024
KEPT = 1000
"""Messages; the oldest go first."""


class Catcher:
    """Keeps mail in a folder; files are named by when they came."""

    def __init__(self, folder: Path) -> None:
        """Keep mail there."""
        self.folder = folder
        self.number = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Talk to one client, until it goes."""
        try:
            await self._talk(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError, ValueError):
            pass  # a client that went in the middle, or sent a line without end
        finally:
            writer.close()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        sender, receivers = "", list[str]()

        async def say(line: str) -> None:
            writer.write(f"{line}\r\n".encode())
            await writer.drain()

        await say("220 catcher ESMTP")
        while line := (await reader.readline()).decode(errors="replace").strip():
            verb, _space, rest = line.partition(" ")
            match verb.upper():
                case "EHLO":
                    await say("250-catcher")
                    await say(f"250 SIZE {LONGEST_MESSAGE}")
                case "MAIL":
                    sender, receivers = _address(rest), []
                    await say("250 as you say")
                case "RCPT":
                    receivers.append(_address(rest))
                    await say("250 as you say")
                case "DATA":
                    await say("354 go on")
                    self.keep(sender, receivers, await _message(reader))
                    await say("250 kept")
                case "QUIT":
                    await say("221 good bye")
                    return
                case _:
                    await say("250 as you say")

    def keep(self, sender: str, receivers: Iterable[str], message: bytes) -> None:
        """Write a message into a file, with its envelope before it."""
        self.number += 1
        envelope = [f"X-Envelope-From: {sender}", *(f"X-Envelope-To: {one}" for one in receivers)]
        head = "".join(f"{one[:1000]}\n" for one in envelope if one.isprintable()).encode()
        # Opened by a name only: whoever we are by now may not walk there.
        name = f"{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}-{self.number:04}.eml"
        new = self.folder / f".{name}"
        new.write_bytes(head + message)
        new.replace(self.folder / name)
        for old in sorted(self.folder.glob("*.eml"))[:-KEPT]:
            old.unlink(missing_ok=True)


def _address(argument: str) -> str:
    """``FROM:<a@b.example> SIZE=177`` → ``<a@b.example>``: clients differ in how they write the rest."""
    return argument.partition(":")[2].strip().partition(" ")[0]


async def _message(reader: asyncio.StreamReader) -> bytes:
    lines, size = list[bytes](), 0
    while (line := await reader.readline()).rstrip(b"\r\n") != b".":
        size += len(line)
        if not line or size > LONGEST_MESSAGE:
            raise ValueError("no end of a message")
        lines.append(line.removeprefix(b".") if line.startswith(b"..") else line)
    return b"".join(lines).replace(b"\r\n", b"\n")


async def _run(address: str, port: int, folder: Path) -> None:
    server = await asyncio.start_server(Catcher(folder).serve, address, port, limit=LONGEST_LINE)
    async with server:
        await server.serve_forever()


def main() -> int:
    """Do what the command line says, as nobody."""
    port, folder = int(sys.argv[1]), Path(sys.argv[2])
    folder.mkdir(mode=0o755, exist_ok=True)
    os.chown(folder, NOBODY, NOBODY)
    os.chdir(folder)
    os.setgroups([])
    os.setgid(NOBODY)
    os.setuid(NOBODY)
    try:
        asyncio.run(_run(ADDRESS, port, Path()))
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
