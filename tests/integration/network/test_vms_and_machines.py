# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""VMs that try to reach hypervisors, service machines and management networks, by every way there is.

The gateway, a hypervisor beside it and a service machine with the rulesets of their roles, and VMs that are nobody's
friends: they route as they like, and nothing at their taps stops them.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import socket
import struct
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.ringmaster.hosting.plugins.module_utils.network import offers
from namespaces import MANAGER, OUTSIDE, ROOT, Network, Question, ask, build, listening, run

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="network namespaces need root")

#: Those of services, and what hypervisors and monitoring have beside them: VNC, libvirt, moves, NBD, exporters.
PORTS = (
    22,
    25,
    53,
    80,
    443,
    3142,
    5900,
    5901,
    8000,
    8001,
    8053,
    9090,
    9093,
    9100,
    9119,
    9990,
    10809,
    16509,
    49152,
    49215,
    111,
)
LISTED = {25, 53, 80, 443, 3142, 8000, 8001}
SVC4, SVC6, SVC_MANAGEMENT, HV0, HV1 = "172.20.0.20", "2001:db8:3::20", "10.77.0.20", "10.77.0.10", "10.77.0.11"
SVC_FRONTEND = ("198.51.100.200", "2001:db8:2::200")
GATEWAY4, GATEWAY6 = ("172.20.0.1", "198.51.100.1"), ("2001:db8:3::1", "2001:db8:2::1")
PRIVATE = ("192.168.77.1", "169.254.169.254", "100.64.0.9", "10.9.9.9")
ATTACKER, FRIEND = "neta00", "netb00"


@dataclass
class Platform:
    network: Network
    folder: Path
    hostvars: dict[str, dict[str, Any]]

    @property
    def attacker(self) -> dict[str, Any]:
        return self.hostvars[ATTACKER]

    def load(self, guarded: bool = True) -> None:
        for namespace, machine in (("svc0", "svc0"), ("gateway", "hv0"), ("hv1", "hv1")):
            text = (self.folder / f"{machine}.nft").read_text() if guarded else ""
            if guarded and machine == "hv0":
                text += (self.folder / "gateway.nft").read_text()
            self.network.load(namespace, text)

    def open(self, machine: str, target: str, ports: Sequence[int] = PORTS, source: str = "") -> set[int]:
        """Return the ports that a machine reaches."""
        asked = [Question(machine, target, "tcp", port, source) for port in ports]
        return {question.port for question, answer in ask(self.network, asked).items() if answer == "open"}


def play(source: Path, playbook: Path, **variables: Any) -> None:
    words = [word for name, value in variables.items() for word in ("-e", f"{name}={value}")]
    done = subprocess.run(
        [ROOT / ".venv/bin/ansible-playbook", "-i", source, playbook, *words],
        cwd=ROOT,
        env={name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def connect_machines(network: Network) -> None:
    """Add the service machine and a hypervisor that is no gateway; their management addresses are on wires apart."""
    for name, address in (("svc0", SVC_MANAGEMENT), ("hv1", HV1)):
        network.add(name)
        network.batch(
            "gateway",
            [
                f"link add m-{name} type veth peer name host0 netns {network.name(name)}",
                f"link set m-{name} up",
                f"addr add 10.77.0.1/32 dev m-{name}",
                f"route add {address}/32 dev m-{name}",
                f"link add s-{name} type veth peer name srv netns {network.name(name)}",
                f"link set s-{name} master br-srv up",
            ],
        )
        network.batch(
            name,
            [
                "link set lo up",
                f"addr add {address}/32 dev host0",
                "link set host0 up",
                "link set srv up",
                "route add 10.77.0.1/32 dev host0",
                "route add default via 10.77.0.1 dev host0",
            ],
        )
        network.run("outside", "ip", "route", "add", f"{address}/32", "via", "10.77.0.1", "src", MANAGER)
    network.batch(
        "gateway", [f"addr add {HV0}/32 dev uplink", *(f"addr add {one}/32 dev lo" for one in ("10.77.1.1",))]
    )
    network.batch("outside", [f"addr add {one}/32 dev lo" for one in PRIVATE])
    network.batch("gateway", [f"route add {one}/32 via {OUTSIDE[0]}" for one in PRIVATE])
    wire = f"link add f-svc0 type veth peer name fe netns {network.name('svc0')}"
    network.batch("gateway", [wire, "link set f-svc0 master br-fe up"])
    network.batch(
        "svc0",
        [
            *(
                f"addr add {SVC4}/22 dev srv",
                f"addr add {SVC6}/64 dev srv nodad",
                "route add default via 2001:db8:3::1",
            ),
            "link set fe up",
            *(f"addr add {SVC_FRONTEND[0]}/24 dev fe", f"addr add {SVC_FRONTEND[1]}/64 dev fe nodad"),
            # As the files of role machine_network make them (networkd.py).
            *(f"rule add from {one} table 1002" for one in SVC_FRONTEND),
            *(f"rule add from {one} table 1003" for one in (SVC4, SVC6)),
            *(f"route add default via {one} dev fe table 1002" for one in (GATEWAY4[1], GATEWAY6[1])),
            *(f"route add default via {one} dev srv table 1003" for one in (GATEWAY4[0], GATEWAY6[0])),
            *("route add 198.51.100.0/24 dev fe table 1002", "route add 2001:db8:2::/64 dev fe table 1002"),
            *("route add 172.20.0.0/22 dev srv table 1003", "route add 2001:db8:3::/64 dev srv table 1003"),
        ],
    )
    # Where a hypervisor only bridges, the bridge has no address.
    network.batch(
        "hv1", ["link add br-srv type bridge forward_delay 0", "link set br-srv up", "link set srv master br-srv"]
    )
    for name in ("svc0", "hv1"):
        network.run(name, "sysctl", "-qw", "net.ipv4.conf.all.rp_filter=2", "net.ipv4.conf.default.rp_filter=2")


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    folder = tmp_path_factory.mktemp("platform")
    copy = folder / "platform"
    subprocess.run(["cp", "-r", ROOT / "molecule/platform", copy], check=True)
    source = copy / "platform.ringmaster.yml"
    (copy / "allocations.yml").unlink(missing_ok=True)
    description = yaml.safe_load((copy / "platform.yml").read_text())
    description["apt_proxy"] = f"http://{SVC4}:3142"
    description["hypervisors"]["hv1"] = {"address": HV1, "memory": "64GiB", "disk": "1000GiB", "accepts_vms": False}
    description["services"] |= {"mail": "svc0", "maintenance": "svc0"}
    # The controller is on a wire of its own here.
    description["management_networks"] = ["10.77.0.0/24"]
    (copy / "platform.yml").write_text(yaml.safe_dump(description))
    play(source, ROOT / "playbooks/allocate.yml")
    play(source, Path(__file__).with_name("gateway.yml"), ruleset=folder / "gateway.nft")
    play(source, Path(__file__).with_name("guard.yml"), folder=folder)
    listed = run(str(ROOT / ".venv/bin/ansible-inventory"), "-i", str(source), "--list")
    hostvars = json.loads(listed)["_meta"]["hostvars"]
    made = build({name: hostvars[name] for name in (ATTACKER, FRIEND)}, hostvars[ATTACKER]["ringmaster_networks"])
    try:
        connect_machines(made)
        with listening(made, ["gateway", "outside", "svc0", "hv1"], PORTS):
            wait_until_reachable(made)
            yield Platform(made, folder, hostvars)
    finally:
        made.remove()


def wait_until_reachable(network: Network) -> None:
    asked = [Question(ATTACKER, target, "tcp", 22) for target in (SVC4, SVC6, *GATEWAY4, *GATEWAY6, HV0, MANAGER)]
    asked += [Question("outside", target, "tcp", 22) for target in (HV0, HV1, SVC_MANAGEMENT)]
    for _attempt in range(10):
        silent = [question.target for question, answer in ask(network, asked).items() if answer != "open"]
        if not silent:
            return
    raise AssertionError(f"not reached without any filter: {', '.join(silent)}")


def link_address(network: Network, machine: str, interface: str) -> str:
    (link,) = json.loads(network.run(machine, "ip", "-j", "addr", "show", interface))
    return next(one["local"] for one in link["addr_info"] if one["scope"] == "link")


def hardware_address(network: Network, machine: str, interface: str) -> str:
    (link,) = json.loads(network.run(machine, "ip", "-j", "link", "show", interface))
    return str(link["address"])


@contextlib.contextmanager
def by_way_of(network: Network, target: str, machine: str, interface: str) -> Iterator[None]:
    """Let the attacker put packets for a target into frames for a machine on its network, whose address it makes up."""
    made_up = "172.20.3.253"
    mac = hardware_address(network, machine, interface)
    network.run(ATTACKER, "ip", "neigh", "replace", made_up, "lladdr", mac, "dev", "ethsrv", "nud", "permanent")
    network.run(ATTACKER, "ip", "route", "replace", f"{target}/32", "via", made_up, "dev", "ethsrv", "onlink")
    try:
        yield
    finally:
        network.run(ATTACKER, "ip", "route", "del", f"{target}/32", "via", made_up, "dev", "ethsrv")
        network.run(ATTACKER, "ip", "neigh", "del", made_up, "dev", "ethsrv")


#: Where a VM tries: the target, and whose card it sends the frames to, which its own routes would not do.
WAYS = {
    "management address of the service machine, through the gateway": (SVC_MANAGEMENT, None),
    "management address of the service machine, as a neighbour": (SVC_MANAGEMENT, ("svc0", "srv")),
    "management address of the gateway": (HV0, None),
    "an address of the gateway that nobody named": ("10.77.1.1", None),
    "management address of a hypervisor, through the gateway": (HV1, None),
    "management address of a hypervisor, by its bridge": (HV1, ("hv1", "br-srv")),
    "management address of a hypervisor, by the service machine": (HV1, ("svc0", "srv")),
    "the controller, through the gateway": (MANAGER, None),
    "the controller, by the service machine": (MANAGER, ("svc0", "srv")),
    **{f"private address {one} behind the gateway": (one, None) for one in PRIVATE},
    **{f"the gateway as {one}": (one, None) for one in (*GATEWAY4, *GATEWAY6)},
}


@pytest.mark.parametrize("way", WAYS)
def test_no_way_into_management_networks(platform: Platform, way: str) -> None:
    target, neighbour = WAYS[way]
    source = platform.attacker["ringmaster_srv_ipv4"] if ":" not in target else ""
    with by_way_of(platform.network, target, *neighbour) if neighbour else contextlib.nullcontext():
        platform.load(guarded=False)
        is_way = neighbour != ("svc0", "srv") or target == SVC_MANAGEMENT
        if is_way:
            assert platform.open(ATTACKER, target, (22, 3142), source) == {22, 3142}, "there is no such way at all"
        platform.load()
        assert platform.open(ATTACKER, target, PORTS, source) == set()


@pytest.mark.parametrize("source", ["ringmaster_fe_ipv6", "ringmaster_srv_ipv6", "ringmaster_srv_ipv4"])
def test_of_a_service_machine_what_is_listed_and_nothing_else(platform: Platform, source: str) -> None:
    platform.load()
    target = SVC6 if source.endswith("6") else SVC4
    reached = platform.open(ATTACKER, target, PORTS, platform.attacker[source])
    # The cache is where `apt_proxy` says, by IPv4.
    assert reached == (LISTED - {3142} if source.endswith("6") else LISTED)


def test_neighbours_have_no_way_by_link_local_addresses(platform: Platform) -> None:
    for machine, interface in (("svc0", "srv"), ("gateway", "br-srv"), ("hv1", "br-srv")):
        target = f"{link_address(platform.network, machine, interface)}%ethsrv"
        platform.load(guarded=False)
        # A new link has its address after a moment.
        assert any(platform.open(ATTACKER, target, (22,)) for _attempt in range(5))
        platform.load()
        assert platform.open(ATTACKER, target) == set()


def test_whom_the_guard_leaves_alone(platform: Platform) -> None:
    """Operators, the platform's machines among themselves, and VMs on the Internet."""
    platform.load()
    for target in (HV0, HV1, SVC_MANAGEMENT):
        assert platform.open("outside", target, PORTS, MANAGER) == set(PORTS)
    assert platform.open("svc0", HV1) == platform.open("hv1", SVC_MANAGEMENT) == set(PORTS)
    assert platform.open("gateway", SVC4) == platform.open("gateway", SVC6) == set(PORTS)
    for address in OUTSIDE:
        assert platform.open(FRIEND, address) == set(PORTS)
    assert "open" in set(ask(platform.network, [Question(ATTACKER, SVC4, "icmp", 0)]).values())


def test_the_list_is_that_of_the_code() -> None:
    assert {offer.port for offer in offers.OFFERS} == LISTED


def received(
    network: Network, machine: str, server: socket.socket, send: Any, is_ours: Callable[[bytes], bool] = bool
) -> bytes:
    """Return what arrives at a socket when something was sent from the attacker.

    A raw socket also has what the kernels say to each other, neighbour solicitations for one: `is_ours` tells it apart.
    """
    server.settimeout(0.7)
    while True:
        try:
            server.recv(65535)
        except TimeoutError:
            break
    with network.inside(ATTACKER):
        send()
    with contextlib.suppress(TimeoutError):
        while not is_ours(packet := server.recv(65535)):
            pass
        return packet
    return b""


def raw(protocol: int, *, six: bool = False) -> socket.socket:
    return socket.socket(socket.AF_INET6 if six else socket.AF_INET, socket.SOCK_RAW, protocol)


def checksum(data: bytes) -> int:
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    total = (total & 0xFFFF) + (total >> 16)
    return ~(total + (total >> 16)) & 0xFFFF


def icmp(kind: int, code: int, body: bytes) -> bytes:
    head = struct.pack("!BBH", kind, code, 0)
    return struct.pack("!BBH", kind, code, checksum(head + body)) + body


ICMP, ICMPV6 = socket.IPPROTO_ICMP, socket.IPPROTO_ICMPV6
REDIRECT = socket.inet_aton("172.20.1.3") + bytes(28)
#: Packets for the service machine: protocol, what is sent by IPv4 or IPv6, and whether it arrives.
PACKETS: dict[str, tuple[int, bytes, bool, bool]] = {
    "ping": (ICMP, icmp(8, 0, bytes(8)), False, True),
    "ICMP redirect to another router": (ICMP, icmp(5, 1, REDIRECT), False, False),
    "ICMP router advertisement": (ICMP, icmp(9, 0, bytes(12)), False, False),
    "ICMP timestamp": (ICMP, icmp(13, 0, bytes(16)), False, False),
    "ICMP address mask": (ICMP, icmp(17, 0, bytes(8)), False, False),
    "6in4": (41, bytes(40), False, False),
    "IP in IP": (4, bytes(20), False, False),
    "GRE": (47, bytes(8), False, False),
    "SCTP": (132, bytes(12), False, False),
    "UDP-Lite": (136, struct.pack("!HHHH", 53, 53, 8, 0), False, False),
    "ping by IPv6": (ICMPV6, struct.pack("!BBHI", 128, 0, 0, 0), True, True),
    "router advertisement": (ICMPV6, struct.pack("!BBH", 134, 0, 0) + bytes(12), True, False),
    "redirect by IPv6": (ICMPV6, struct.pack("!BBH", 137, 0, 0) + bytes(36), True, False),
    "node information": (ICMPV6, struct.pack("!BBH", 139, 0, 0) + bytes(12), True, False),
    "IPv4 in IPv6": (4, bytes(20), True, False),
    "IPv6 in IPv6": (41, bytes(40), True, False),
}


@pytest.mark.parametrize("packet", PACKETS)
def test_hostile_packets_do_not_arrive(platform: Platform, packet: str) -> None:
    protocol, data, six, arrives = PACKETS[packet]
    network = platform.network

    def send() -> None:
        with raw(protocol, six=six) as client:
            if six:
                client.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_UNICAST_HOPS, 255)
                client.bind((platform.attacker["ringmaster_srv_ipv6"], 0))
            else:
                client.bind((platform.attacker["ringmaster_srv_ipv4"], 0))
            with contextlib.suppress(PermissionError):
                client.sendto(data, (SVC6 if six else SVC4, 0))

    def is_ours(received: bytes) -> bool:
        # The kernel fills in the checksum of ICMPv6.
        return received[:2] + received[4:] == data[:2] + data[4:] if six else received.endswith(data)

    with network.inside("svc0"):
        server = raw(protocol, six=six)
    with server:
        platform.load(guarded=False)
        assert received(network, "svc0", server, send, is_ours), "it is not sent at all"
        platform.load()
        assert bool(received(network, "svc0", server, send, is_ours)) == arrives


def datagram(target: tuple[str, int], source: str, data: bytes, options: bytes = b"") -> None:
    with socket.socket(socket.AF_INET6 if ":" in source else socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.bind((source, 0))
        if options:
            client.setsockopt(socket.IPPROTO_IP, socket.IP_OPTIONS, options)
        client.sendto(data, target)


@pytest.mark.parametrize("six", [False, True], ids=["IPv4", "IPv6"])
@pytest.mark.parametrize("size", [8, 4000], ids=["whole", "in fragments"])
def test_fragments_are_judged_as_the_whole(platform: Platform, six: bool, size: int) -> None:
    source = platform.attacker[f"ringmaster_srv_ipv{6 if six else 4}"]
    for port, arrives in ((4711, False), (53, True)):
        with platform.network.inside("svc0"):
            server = socket.socket(socket.AF_INET6 if six else socket.AF_INET, socket.SOCK_DGRAM)
            server.bind(("", port))
        with server:
            for guarded in (False, True):
                platform.load(guarded)
                send = lambda port=port: datagram((SVC6 if six else SVC4, port), source, bytes(size))  # noqa: E731
                got = received(platform.network, "svc0", server, send)
                assert bool(got) == (arrives or not guarded)


@pytest.mark.parametrize(("name", "kind"), [("loose", 0x83), ("strict", 0x89)])
def test_nobody_says_by_which_way_a_packet_goes(platform: Platform, name: str, kind: int) -> None:
    """Even to a port that is listed, and where somebody told the kernel to take such packets."""
    del name
    options = bytes([kind, 7, 4]) + socket.inet_aton(SVC4) + b"\0"
    source = platform.attacker["ringmaster_srv_ipv4"]
    for one in ("all", "srv"):
        platform.network.run("svc0", "sysctl", "-qw", f"net.ipv4.conf.{one}.accept_source_route=1")
    with platform.network.inside("svc0"):
        server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        server.bind(("", 53))
    with server:
        for guarded in (False, True):
            platform.load(guarded)
            got = received(platform.network, "svc0", server, lambda: datagram((SVC4, 53), source, b"asked", options))
            assert bool(got) == (not guarded)


def test_one_vm_holds_its_share_of_connections_only(platform: Platform) -> None:
    """It holds as many as it can; it gets no more, another VM is served, and what it lets go of it may have again."""
    platform.load()
    most = next(offer.connections for offer in offers.OFFERS if offer.service == "backup")
    with contextlib.ExitStack() as held:
        with platform.network.inside(ATTACKER):
            opened = []
            refused = 0
            for _ in range(most * 3):
                client = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
                client.settimeout(2)
                held.callback(client.close)
                error = client.connect_ex((SVC4, 8000))
                assert error in (0, errno.ECONNREFUSED)
                refused += error != 0
                opened += [client] * (error == 0)
        assert (len(opened), refused) == (most, most * 2)
        assert platform.open(FRIEND, SVC4, (8000,)) == {8000}
        assert platform.open(ATTACKER, SVC4, (443,)) == {443}
    time.sleep(0.3)


def test_one_vm_asks_its_share_of_questions_only(platform: Platform) -> None:
    """From one port or many: the name server hears what one address may ask, and another VM at once."""
    platform.load()
    rate = next(offer.rate for offer in offers.OFFERS if offer.rate)
    with platform.network.inside("svc0"):
        server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 24)
        server.bind(("", 53))
    heard: dict[str, int] = {}
    with server:
        server.setblocking(False)
        clients = []
        with platform.network.inside(ATTACKER):
            for _ in range(50):
                client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
                client.connect((SVC4, 53))
                clients.append(client)
        began = time.monotonic()
        for number in range(rate * 12):
            with contextlib.suppress(OSError):
                clients[number % len(clients)].send(b"?")
            with contextlib.suppress(BlockingIOError):
                heard[ATTACKER] = heard.get(ATTACKER, 0) + bool(server.recv(16))
        seconds = time.monotonic() - began
        for client in clients:
            client.close()
        time.sleep(0.2)
        with contextlib.suppress(BlockingIOError):
            while server.recv(16):
                heard[ATTACKER] += 1
        # Five seconds' worth is let in: a burst of four, and what the time of sending allows.
        assert rate <= heard[ATTACKER] <= rate * (4 + seconds) * 1.2
        assert heard[ATTACKER] < rate * 12
        assert received(platform.network, "svc0", server, lambda: None) == b""
        with platform.network.inside(FRIEND):
            datagram((SVC4, 53), platform.hostvars[FRIEND]["ringmaster_srv_ipv4"], b"friend")
        server.settimeout(1)
        assert server.recv(16) == b"friend"
