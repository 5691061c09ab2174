# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Exporters whose root is the enemy, and good ones: each address of 127.2.0.0/16 is a machine of its own.

The file ``names`` in the working folder holds the names of metrics that rules look at.
"""

from __future__ import annotations

import asyncio
import gzip
import itertools
import sys
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

GOOD = "127.2.0.1"
HEAD = "HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4\r\nConnection: close\r\n"
COMPONENTS = ("host", "redis", "project", "dns", "backup", "updates", "a\\nb", "")
VALUES = ("0", "1", "2", "3", "NaN", "+Inf", "-Inf", "1e308", "-1")
ODD = "".join("\\n" if sign == "\n" else sign for sign in "x\n[FIRING] good00 \u202e {{ .ExternalURL }} <script>")


def good() -> str:
    """Return figures of a machine whose disk is full."""
    return (
        f"ringmaster_check_timestamp_seconds {time.time():.0f}\nnode_boot_time_seconds 1\n"
        'ringmaster_check_status{component="host",check="disk"} 2\n'
        'ringmaster_check_status{component="local",check="q"} 2\n'
    )


def forged() -> str:
    """Return every metric that a rule knows, many times, with labels of others and of alerts, odd values and times."""
    lines = []
    values = itertools.cycle(VALUES)
    for name in Path("names").read_text().split():
        for component, check, severity in itertools.product(COMPONENTS, ("disk", "queue", ODD), ("critical", "none")):
            labels = {
                "component": component,
                "check": check,
                "severity": severity,
                "alertname": "MachineUnreachable",
                "instance": "good00",
                "project": "platform",
                "vm": "good00",
                "job": "ping",
                "production": "no",
            }
            text = ",".join(f'{label}="{value}"' for label, value in labels.items())
            lines.append(f"{name}{{{text}}} {next(values)}")
    lines.append('drill_past{instance="good00"} 1 1000')
    lines.append(f'drill_future{{instance="good00"}} 1 {int(time.time() + 3600) * 1000}')
    return "\n".join(lines) + "\n"


def churn() -> str:
    """Return as many series as are allowed, each time others."""
    now = time.time_ns()
    return "".join(f'drill_churn{{number="{now + number}"}} 1\n' for number in range(2000))


def spill() -> str:
    """Return more series than are allowed, each time others: the reading breaks off, and they were made."""
    now = time.time_ns()
    return "".join(f'drill_spill{{number="{now + number}"}} 1\n' for number in range(25_000))


async def at_once(text: str, headers: str = "") -> AsyncIterator[bytes]:
    yield f"{HEAD}{headers}\r\n".encode() + text.encode()


async def endless() -> AsyncIterator[bytes]:
    yield f"{HEAD}\r\n".encode()
    for number in itertools.count():
        yield "".join(f'drill_endless{{number="{number}.{part}"}} 1\n' for part in range(1000)).encode()


async def comments() -> AsyncIterator[bytes]:
    yield f"{HEAD}\r\n".encode()
    while True:
        yield b"# no sample at all\n" * 5000


async def slow() -> AsyncIterator[bytes]:
    for sign in f"{HEAD}\r\ndrill_slow 1\n" * 100:
        yield sign.encode()
        await asyncio.sleep(0.3)


async def bomb() -> AsyncIterator[bytes]:
    yield f"{HEAD}Content-Encoding: gzip\r\n\r\n".encode() + gzip.compress(b"# nothing\n" * 2_000_000, 1)


async def redirect() -> AsyncIterator[bytes]:
    yield f"HTTP/1.1 302 Found\r\nLocation: http://{GOOD}:9100/metrics\r\nConnection: close\r\n\r\n".encode()


async def own_api() -> AsyncIterator[bytes]:
    yield b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:9090/metrics\r\nConnection: close\r\n\r\n"


def labels(number: int, length: int) -> str:
    """Return a sample with so many labels of such a length."""
    return "drill_labels{" + ",".join(f'l{one}="{"x" * length}"' for one in range(number)) + "} 1\n"


MACHINES: dict[str, Callable[[], AsyncIterator[bytes]]] = {
    "good00": lambda: at_once(good()),
    "forged": lambda: at_once(forged()),
    "churn": lambda: at_once(churn()),
    "spill": lambda: at_once(spill()),
    "flood": lambda: at_once("".join(f'drill_flood{{number="{number}"}} 1\n' for number in range(50_000))),
    "endless": endless,
    "comments": comments,
    "slow": slow,
    "bomb": bomb,
    "redirect": redirect,
    "api": own_api,
    "longlabel": lambda: at_once(labels(1, 100_000)),
    "manylabels": lambda: at_once(labels(1000, 1)),
    "longname": lambda: at_once("drill_name{" + "l" * 10_000 + '="x"} 1\n'),
    "latin": lambda: at_once("drill_latin 1\n{{{\xff\n"),
    "protobuf": lambda: at_once("\x0a\x80\xff" * 1000, "Content-Type: application/vnd.google.protobuf\r\n"),
}
NAMES = list(MACHINES)


def address(name: str) -> str:
    """Return the address of a machine."""
    return f"127.2.0.{NAMES.index(name) + 1}"


async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer one question, as the machine that was asked does."""
    host, port = writer.get_extra_info("sockname")
    try:
        await reader.readuntil(b"\r\n\r\n")
        pieces = at_once("probe_success 1\n") if port == 9115 else MACHINES[NAMES[int(host.rpartition(".")[2]) - 1]]()
        async for piece in pieces:
            writer.write(piece)
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    finally:
        writer.close()


async def main() -> None:
    """Be the machines that are named, for ever."""
    places = [(address(name), 9100) for name in sys.argv[1:]] + [("127.0.0.1", 9115)] * ("good00" in sys.argv)
    servers = [await asyncio.start_server(answer, host, port, backlog=512) for host, port in places]
    await asyncio.gather(*(server.serve_forever() for server in servers))


if __name__ == "__main__":
    asyncio.run(main())
