# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ask many TCP ports at once, and tell a firewall from a port on which nobody listens."""

from __future__ import annotations

import contextlib
import errno
import os
import select
import socket
import time
from collections.abc import Sequence
from typing import Any

#: What a failed connection says. A reset comes from the machine itself, so that the firewall let the question in.
ANSWERS = {
    0: "open",
    errno.ECONNREFUSED: "refused",
    errno.EHOSTUNREACH: "rejected",
    errno.EACCES: "rejected",
    errno.ENETUNREACH: "no way there",
    errno.EADDRNOTAVAIL: "no way there",
}
SILENCE = "silence"


def ask(questions: Sequence[tuple[str, int]], seconds: float = 3.0) -> list[dict[str, Any]]:
    """Connect to all addresses and ports at once; return ``{address, port, source, answer}`` for each, in order."""
    result: list[dict[str, Any]] = [
        {"address": address, "port": port, "source": "", "answer": SILENCE} for address, port in questions
    ]
    pending: dict[int, tuple[dict[str, Any], socket.socket]] = {}
    poll = select.poll()
    with contextlib.ExitStack() as stack:
        for entry in result:
            family = socket.AF_INET6 if ":" in entry["address"] else socket.AF_INET
            client = stack.enter_context(socket.socket(family, socket.SOCK_STREAM))
            client.setblocking(False)
            error = client.connect_ex((entry["address"], entry["port"]))
            with contextlib.suppress(OSError):
                entry["source"] = client.getsockname()[0]
            if error == errno.EINPROGRESS:
                pending[client.fileno()] = (entry, client)
                poll.register(client, select.POLLOUT)
            else:
                entry["answer"] = _answer(error)
        end = time.monotonic() + seconds
        while pending and (left := end - time.monotonic()) > 0:
            for number, _event in poll.poll(left * 1000):
                entry, client = pending.pop(number)
                poll.unregister(number)
                entry["answer"] = _answer(client.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR))
    return result


def _answer(error: int) -> str:
    return ANSWERS.get(error, os.strerror(error))
