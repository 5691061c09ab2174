# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Judge who sends what, for Postfix, which asks about each message."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import dataclasses
import json
import signal
import socket
import sys
from collections.abc import Sequence
from pathlib import Path

from ringmaster.mail_out.milter import LARGEST, Broken, Counts, Session
from ringmaster.mail_out.policy import Buckets, Policy, read

RULES = Path("/etc/ringmaster/mail_out/rules.json")
STATE = Path("/run/ringmaster-mail-out/state.json")
LISTENER = 3
"""The descriptor that systemd hands over."""
SECONDS = 2.0


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    result = argparse.ArgumentParser(prog="ringmaster mail_out", description=__doc__)
    result.add_argument("verb", choices=["judge"])
    result.add_argument("--rules", type=Path, default=RULES)
    result.add_argument("--state", type=Path, default=STATE)
    return result


def main(words: Sequence[str] | None = None) -> int:
    """Do what the words say; return an exit code."""
    options = parser().parse_args(words)
    policy = read(json.loads(options.rules.read_text(encoding="utf-8")))
    with socket.socket(fileno=LISTENER) as listener:
        asyncio.run(serve(listener, policy, options.state))
    return 0


async def serve(listener: socket.socket, policy: Policy, state: Path) -> None:
    """Answer until the service is stopped, and write what was counted."""
    counts, buckets = Counts(), Buckets(policy.rates)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await _talk(Session(policy, buckets, counts), reader, writer)

    server = await asyncio.start_unix_server(talk, sock=listener)
    written = ""
    while not stop.is_set():
        text = json.dumps(dataclasses.asdict(counts))
        if text != written:
            _write(state, text)
            written = text
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), SECONDS)
    server.close()
    _write(state, json.dumps(dataclasses.asdict(counts)))


def _write(state: Path, text: str) -> None:
    fresh = state.with_name(f".{state.name}.new")
    fresh.write_text(text, encoding="utf-8")
    fresh.replace(state)


async def _talk(session: Session, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while True:
            size = int.from_bytes(await reader.readexactly(4), "big")
            if not 0 < size <= LARGEST:
                raise Broken(f"a packet of {size} bytes")
            data = await reader.readexactly(size)
            if data[:1] == b"Q":
                return
            writer.write(session.answer(data[:1], data[1:]))
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        return
    except Broken as error:
        print(f"<4>Postfix sent what is not the milter protocol: {error}", file=sys.stderr)
    finally:
        writer.close()
