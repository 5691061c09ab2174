# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Many machines in one process: all of 127.0.0.0/8 is this host, so one socket a port answers for every address.

Node exporters (9100), Redis exporters (9121), results of checks (9990), and the blackbox exporter (9115), which says
that everything answers. The machines named in the file ``dead`` in the working folder do not.
"""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path

SERIES = 600
DEAD = Path("dead")
CHECKS = [("host", name) for name in ("disk", "inodes", "memory", "swap", "clock", "failed-units", "reboot")]
CHECKS += [("redis", name) for name in ("login", "memory", "connections", "persistence")]
# As many series as a machine of ours has.
FIGURES = "".join(f'drill_figure{{number="{number}"}} {number}\n' for number in range(SERIES)).encode()
STATES = "".join(f'ringmaster_check_status{{component="{one}",check="{two}"}} 0\n' for one, two in CHECKS).encode()


def node() -> bytes:
    """Return what a node exporter says."""
    now = f"ringmaster_check_timestamp_seconds {time.time():.0f}\nnode_boot_time_seconds 1\n"
    idle = f'node_cpu_seconds_total{{cpu="0",mode="idle"}} {time.time():.2f}\n'
    return FIGURES + STATES + now.encode() + idle.encode()


def results() -> bytes:
    """Return what a machine says about its checks."""
    now = time.time()
    checks = [
        {"component": one, "check": two, "status": 0, "output": "It is well.", "since": now - 60} for one, two in CHECKS
    ]
    return json.dumps({"format": 1, "host": "drill", "time": now, "checks": checks}).encode()


ANSWERS = {9100: node, 9121: lambda: FIGURES, 9990: results, 9115: lambda: b"probe_success 1\n"}


async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer questions of one connection, for the address that was asked."""
    address, port = writer.get_extra_info("sockname")
    try:
        while True:
            await reader.readuntil(b"\r\n\r\n")
            dead = DEAD.exists() and address in DEAD.read_text().split()
            content = b"" if dead else ANSWERS[port]()
            status = "503 Dead" if dead else "200 OK"
            head = [f"HTTP/1.1 {status}", "Content-Type: text/plain; version=0.0.4", f"Content-Length: {len(content)}"]
            writer.write("\r\n".join([*head, "", ""]).encode() + content)
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        writer.close()


async def main() -> None:
    """Listen on all ports, for ever."""
    servers = [await asyncio.start_server(answer, "0.0.0.0", port, backlog=512) for port in ANSWERS]
    await asyncio.gather(*(server.serve_forever() for server in servers))


if __name__ == "__main__":
    asyncio.run(main())
