# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What listens where the Internet reaches it, on a VM whose frontend is open: proc_net(5) says it without a program."""

from __future__ import annotations

import ipaddress
import json
import pwd
import subprocess
import sys
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from ringmaster.core.checks import OK, WARNING
from ringmaster.core.report import counted

INTERFACE = "ethfe"
TABLES = {"tcp": ("tcp", "tcp6"), "udp": ("udp", "udp6")}
WAITING = {"tcp": "0A", "udp": "07"}
"""The state of a socket that waits for others (include/net/tcp_states.h)."""
SHOWN = 5
NET = Path("/proc/net")
EPHEMERAL = Path("/proc/sys/net/ipv4/ip_local_port_range")
Port = tuple[str, int]


class Listener(NamedTuple):
    """A socket that waits: its protocol and port, the address it is bound to, and whose it is."""

    protocol: str
    port: int
    address: str
    uid: int


def exposed(declared: Sequence[Sequence[str]], interface: str = INTERFACE, net: Path = NET) -> tuple[int, str]:
    """Return a status and a sentence about what anybody can reach and nobody declared.

    :param declared: (protocol, port or range) of what components, rules and the platform offer there.
    """
    explained = {(protocol, port) for protocol, ports in declared for port in _range(ports)}
    found: dict[Port, int] = {}
    for one in listeners(net, addresses(interface)):
        if (one.protocol, one.port) not in explained:
            found.setdefault((one.protocol, one.port), one.uid)
    if not found:
        return OK, "Whatever listens for the Internet is declared."
    named = [f"{port}/{protocol} of {_name(uid)}" for (protocol, port), uid in sorted(found.items())]
    shown = ", ".join(named[:SHOWN]) + (", …" if len(named) > SHOWN else "")
    number = counted(
        len(named), "port can be reached from the Internet and is", "ports can be reached from the Internet and are"
    )
    return WARNING, (
        f"{number} not declared: {shown}. "
        "Listen on 127.0.0.1 or the server network, or allow it in the project's firewall."
    )


def listeners(net: Path, own: Collection[str]) -> Iterator[Listener]:
    """Yield the sockets that wait on every address, or on one of ``own``.

    Sockets of UDP that only wait for an answer look the same; they have ports of the ephemeral range.
    """
    low, high = map(int, EPHEMERAL.read_text().split())
    for protocol, tables in TABLES.items():
        for table in tables:
            try:
                lines = (net / table).read_text().splitlines()[1:]
            except FileNotFoundError:  # a kernel without IPv6
                continue
            for line in lines:
                words = line.split()
                address, port = _place(words[1])
                passes = protocol == "udp" and low <= port <= high
                if words[3] == WAITING[protocol] and not passes and (address in own or _is_any(address)):
                    yield Listener(protocol, port, address, int(words[7]))


def addresses(interface: str) -> set[str]:
    """Return the addresses of an interface; none where it is missing."""
    answer = subprocess.run(
        ["ip", "-json", "address", "show", "dev", interface], capture_output=True, text=True, timeout=10, check=False
    )
    found = json.loads(answer.stdout or "[]")
    return {one["local"] for link in found for one in link.get("addr_info", ()) if "local" in one}


def _place(text: str) -> tuple[str, int]:
    """Return address and port of ``0100007F:1F90``: words of 32 bits in the order of the processor."""
    address, port = text.split(":")
    size = 8
    words = [int(address[at : at + size], 16).to_bytes(4, sys.byteorder) for at in range(0, len(address), size)]
    return str(ipaddress.ip_address(b"".join(words))), int(port, 16)


def _is_any(address: str) -> bool:
    return ipaddress.ip_address(address).is_unspecified


def _range(ports: str) -> range:
    low, _dash, high = str(ports).partition("-")
    return range(int(low), int(high or low) + 1)


def _name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"uid {uid}"
