# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two networks with VMs, a gateway and the outside, as network namespaces; and a prober that asks everything at once.

A socket stays in the namespace in which it was made. So one process can ask from everywhere at the same time, and a
matrix of a thousand questions takes as long as the slowest one.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import select
import socket
import struct
import subprocess
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

CLONE_NEWNET = 0x40000000
PATIENCE = 1.5
OUTSIDE = ("198.18.0.7", "2001:db8:ffff::7")
MANAGER = "10.77.0.7"
UPLINK = ("198.18.0.1", "2001:db8:ffff::1", "10.77.0.1")
Vars = Mapping[str, Any]


def run(*words: str, text: str | None = None) -> str:
    done = subprocess.run(words, input=text, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(words)}: {done.stderr}"
    return done.stdout


@dataclass
class Network:
    """The namespaces, by name: ``gateway``, ``outside`` and each VM."""

    prefix: str
    names: list[str] = field(default_factory=list)

    def name(self, machine: str) -> str:
        return f"{self.prefix}-{machine}"

    def add(self, machine: str) -> None:
        run("ip", "netns", "add", self.name(machine))
        self.names.append(machine)

    def run(self, machine: str, *words: str, text: str | None = None) -> str:
        return run("ip", "netns", "exec", self.name(machine), *words, text=text)

    def batch(self, machine: str, commands: Iterable[str]) -> None:
        by_family: dict[str, list[str]] = {"-4": [], "-6": []}
        for command in commands:
            by_family["-6" if ":" in command else "-4"].append(command)
        for family, some in by_family.items():
            run("ip", family, "-n", self.name(machine), "-batch", "-", text="\n".join([*some, ""]))

    def load(self, machine: str, ruleset: str) -> None:
        self.run(machine, "nft", "-f", "-", text=f"flush ruleset\n{ruleset}")

    @contextlib.contextmanager
    def inside(self, machine: str) -> Iterator[None]:
        """Make sockets in a machine's namespace."""
        libc = ctypes.CDLL(None, use_errno=True)
        with Path("/proc/self/ns/net").open() as own, Path(f"/run/netns/{self.name(machine)}").open() as other:
            assert libc.setns(other.fileno(), CLONE_NEWNET) == 0, os.strerror(ctypes.get_errno())
            try:
                yield
            finally:
                assert libc.setns(own.fileno(), CLONE_NEWNET) == 0

    def remove(self) -> None:
        for machine in self.names:
            subprocess.run(["ip", "netns", "delete", self.name(machine)], check=False)


def build(vms: Mapping[str, Vars], networks: Vars) -> Network:
    """Make all namespaces and wire them; nothing is filtered yet. Addresses and routes are a VM's real ones."""
    network = Network(f"rmnet{os.getpid()}")
    try:
        network.add("gateway")
        network.add("outside")
        network.batch("gateway", _gateway(networks, network))
        network.batch(
            "outside",
            [
                *_uplink((*OUTSIDE, MANAGER)),
                "link set lo up",
                "link set uplink up",
                *(f"route add default via {address}" for address in UPLINK[:2]),
                *(
                    f"route add {net[f]} via {UPLINK[2]} src {MANAGER} table 77"
                    for net in networks.values()
                    for f in ["ipv4"]
                ),
                f"rule add from {MANAGER} table 77",
            ],
        )
        for name, vm in vms.items():
            network.add(name)
            network.batch("gateway", _ports(name, network))
            network.batch(name, _vm(vm, networks))
            network.run(name, "sysctl", "-qw", "net.ipv4.conf.all.rp_filter=2", "net.ipv4.conf.all.arp_ignore=1")
        forwarding = ("net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1", "net.ipv4.conf.all.rp_filter=0")
        # As in the role's sysctl.conf, which is there before the bridges.
        silent = [f"net.ipv4.conf.{one}.send_redirects=0" for one in ("all", "br-fe", "br-srv")]
        network.run("gateway", "sysctl", "-qw", *forwarding, *silent)
    except BaseException:
        network.remove()
        raise
    return network


def _nodad(address_or_family: str) -> str:
    return " nodad" if ":" in address_or_family or address_or_family == "ipv6" else ""


def _uplink(addresses: Iterable[str]) -> list[str]:
    return [f"addr add {address}/{_length(address)} dev uplink{_nodad(address)}" for address in addresses]


def _length(address: str) -> int:
    return 64 if ":" in address else 24


def _gateway(networks: Vars, network: Network) -> list[str]:
    commands = ["link set lo up", f"link add uplink type veth peer name uplink netns {network.name('outside')}"]
    for bridge, key in (("br-fe", "frontend"), ("br-srv", "server")):
        commands += [f"link add {bridge} type bridge mcast_snooping 0 forward_delay 0", f"link set {bridge} up"]
        for one in (networks[key], networks.get(f"{key}_public", {})):
            for family in ("ipv4", "ipv6"):
                if one.get(family):
                    length = one[family].partition("/")[2]
                    commands.append(f"addr add {one[f'{family}_gateway']}/{length} dev {bridge}{_nodad(family)}")
    return [
        *commands,
        *_uplink(UPLINK),
        "link set uplink up",
    ]


def _ports(name: str, network: Network) -> list[str]:
    return [
        command
        for bridge, nic, short in (("br-fe", "ethfe", "f"), ("br-srv", "ethsrv", "s"))
        for command in (
            f"link add {short}{name} type veth peer name {nic} netns {network.name(name)}",
            f"link set {short}{name} master {bridge} up",
        )
    ]


def _vm(vm: Vars, networks: Vars) -> list[str]:
    """Return addresses, routes and rules as the files of role ``network`` make them (networkd.py)."""
    commands = ["link set lo up", "link set ethfe up", "link set ethsrv up"]
    routes = []
    for family in ("ipv4", "ipv6"):
        has_default = False
        for nic, role, key, table in (("ethfe", "fe", "frontend", 1002), ("ethsrv", "srv", "server", 1003)):
            address = vm.get(f"ringmaster_{role}_{family}")
            if not address:
                continue
            prefix, router = networks[key][family], networks[key][f"{family}_gateway"]
            commands.append(f"addr add {address}/{prefix.partition('/')[2]} dev {nic}{_nodad(address)}")
            if not has_default:
                routes.append(f"route add default via {router} dev {nic}")
                has_default = True
            routes += [
                f"route add {prefix} dev {nic} table {table}",
                f"route add default via {router} dev {nic} table {table}",
                f"rule add from {address} table {table}",
            ]
    for address in vm.get("ringmaster_fe_extra_ipv4", []):
        commands.append(f"addr add {address}/{networks['frontend']['ipv4'].partition('/')[2]} dev ethfe")
        routes.append(f"rule add from {address} table 1002")
    for index, address in enumerate(vm.get("ringmaster_srv_public_ipv4", [])):
        prefix, router = networks["server_public"]["ipv4"], networks["server_public"]["ipv4_gateway"]
        commands.append(f"addr add {address}/{prefix.partition('/')[2]} dev ethsrv")
        routes.append(f"rule add from {address} table 1004")
        if index == 0:
            routes += [
                f"route add {prefix} dev ethsrv table 1004",
                f"route add default via {router} dev ethsrv table 1004",
            ]
    return [*commands, *routes]


@dataclass(frozen=True)
class Question:
    """Whether a machine reaches an address; ``source`` is the address that the kernel takes, or one of its own."""

    machine: str
    target: str
    protocol: str
    port: int
    source: str = ""


def ask(network: Network, questions: Iterable[Question]) -> dict[Question, str]:
    """Ask all questions at once; return "open" or why not. TCP only connects; an ICMP question is a ping."""
    questions = list(questions)
    pending: dict[int, tuple[Question, socket.socket]] = {}
    result: dict[Question, str] = {}
    poll = select.poll()
    with contextlib.ExitStack() as stack:
        by_machine: dict[str, list[Question]] = {}
        for question in questions:
            by_machine.setdefault(question.machine, []).append(question)
        for machine, asked in by_machine.items():
            with network.inside(machine):
                for question in asked:
                    client = stack.enter_context(_client(question))
                    try:
                        _send(client, question)
                    except OSError as error:
                        result[question] = errno.errorcode.get(error.errno or 0, str(error))
                        continue
                    pending[client.fileno()] = (question, client)
                    poll.register(client, select.POLLIN if question.protocol == "icmp" else select.POLLOUT)
        quiet_until = time.monotonic() + PATIENCE
        while pending:
            # Also when the time is up: what has come meanwhile is an answer, however late a busy machine lets us look.
            ready = poll.poll(max(0, quiet_until - time.monotonic()) * 1000)
            if not ready and time.monotonic() >= quiet_until:
                break
            for number, _event in ready:
                question, client = pending[number]
                answer = _answer(client, question)
                if answer:
                    quiet_until = time.monotonic() + PATIENCE
                    result[question] = answer
                    del pending[number]
                    poll.unregister(number)
        for question, _waiting in pending.values():
            result[question] = "silence"
    return result


def source_of(network: Network, machine: str, target: str) -> str:
    """Return the address from which a machine would ask."""
    family = socket.AF_INET6 if ":" in target else socket.AF_INET
    with network.inside(machine), socket.socket(family, socket.SOCK_DGRAM) as probe:
        probe.connect((target, 9))
        return probe.getsockname()[0]


def _client(question: Question) -> socket.socket:
    six = ":" in question.target
    family = socket.AF_INET6 if six else socket.AF_INET
    if question.protocol == "icmp":
        client = socket.socket(family, socket.SOCK_RAW, socket.IPPROTO_ICMPV6 if six else socket.IPPROTO_ICMP)
    else:
        client = socket.socket(family, socket.SOCK_STREAM)
    client.setblocking(False)
    if question.source:
        client.bind((question.source, 0))
    return client


def _send(client: socket.socket, question: Question) -> None:
    if question.protocol == "icmp":
        client.connect((question.target, 0))
        kind = 128 if ":" in question.target else 8
        packet = struct.pack("!BBHHH", kind, 0, 0, client.fileno(), 1)
        if kind == 8:
            packet = packet[:2] + struct.pack("!H", 0xFFFF - (8 << 8) - client.fileno() - 1) + packet[4:]
        client.send(packet)
        return
    # With the interface of a link-local address, which follows its percent sign.
    found = socket.getaddrinfo(question.target, question.port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
    error = client.connect_ex(found[0][4])
    if error not in (0, errno.EINPROGRESS):
        raise OSError(error, os.strerror(error))


def _answer(client: socket.socket, question: Question) -> str:
    if question.protocol != "icmp":
        error = client.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        return errno.errorcode[error] if error else "open"
    try:
        packet = client.recv(2048)
    except OSError as error:
        return errno.errorcode[error.errno or 0]
    icmp = packet if ":" in question.target else packet[(packet[0] & 15) * 4 :]
    is_reply = icmp[0] == (129 if ":" in question.target else 0)
    return "open" if is_reply and struct.unpack("!H", icmp[4:6])[0] == client.fileno() else ""


@contextlib.contextmanager
def listening(network: Network, machines: Iterable[str], ports: Iterable[int]) -> Iterator[None]:
    """Accept connections on all addresses of machines."""
    with contextlib.ExitStack() as stack:
        for machine in machines:
            with network.inside(machine):
                for port in ports:
                    server = stack.enter_context(socket.socket(socket.AF_INET6, socket.SOCK_STREAM))
                    server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                    server.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
                    server.bind(("::", port))
                    server.listen(512)
        yield


ROOT = Path(__file__).parents[3]
