# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""True and faked frames: sent by a VM, listened for on its hypervisor's bridge. Runs there, with Python alone.

    frames.py send INTERFACE OWN_IPV4 FOREIGN_IPV4 OWN_IPV6 FOREIGN_IPV6
    frames.py listen INTERFACE SECONDS
    frames.py tap BRIDGE TAP MAC OWN_IPV4 FOREIGN_IPV4 OWN_IPV6 FOREIGN_IPV6

The last one is a network card without a VM: what it writes to its tap is to the kernel what a VM sends. It sends all
and prints what arrived each time it reads a line.

Each frame carries its name. All go to the broadcast MAC, so that a bridge hands them to its own interface, too.
"""

from __future__ import annotations

import fcntl
import ipaddress
import json
import os
import re
import socket
import struct
import subprocess
import sys
import time

BROADCAST = b"\xff" * 6
FOREIGN_MAC = bytes.fromhex("020203ffffff")
ROUTERS, NODES = (ipaddress.IPv6Address(group).packed for group in ("ff02::2", "ff02::1"))
EVERYBODY = socket.inet_aton("255.255.255.255")
ETH_P_ALL = 3
ARP, RARP, IPV4, IPV6, VLAN, LLDP = 0x0806, 0x8035, 0x0800, 0x86DD, 0x8100, 0x88CC
HOP_BY_HOP, UDP, ICMPV6 = 0, 17, 58
UNKNOWN_PORT = 4711
LAST = "own-last"
TUNSETIFF, IFF_TAP, IFF_NO_PI = 0x400454CA, 2, 0x1000


def ethernet(source: bytes, kind: int, payload: bytes) -> bytes:
    """Build a frame to everybody."""
    return BROADCAST + source + struct.pack("!H", kind) + payload


def arp(kind: int, mac: bytes, address: bytes) -> bytes:
    """Build an announcement of `address` at `mac`."""
    return struct.pack("!HHBBH", 1, IPV4, 6, 4, kind) + mac + address + bytes(6) + address


def ipv4(source: bytes, payload: bytes) -> bytes:
    """Build an IPv4 packet with UDP inside."""
    head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(payload), 1, 0, 64, UDP, 0) + source + EVERYBODY
    total = sum(struct.unpack("!10H", head))
    total = (total & 0xFFFF) + (total >> 16)
    return head[:10] + struct.pack("!H", ~total & 0xFFFF) + head[12:] + payload


def ipv6(source: bytes, payload: bytes, kind: int = ICMPV6, to: bytes = NODES) -> bytes:
    """Build an IPv6 packet."""
    return struct.pack("!IHBB", 6 << 28, len(payload), kind, 255) + source + to + payload


def udp(source: int, to: int, payload: bytes) -> bytes:
    """Build a UDP packet without checksum."""
    return struct.pack("!HHHH", source, to, 8 + len(payload), 0) + payload


def icmpv6(kind: int, body: bytes) -> bytes:
    """Build an ICMPv6 message; nobody here looks at its checksum."""
    return struct.pack("!BBHI", kind, 0, 0, 0) + body


def frames(mac: bytes, own4: bytes, foreign4: bytes, own6: bytes, foreign6: bytes) -> dict[str, bytes]:
    """Give all frames by name: names that begin with `own-` must arrive, the others must not."""
    identifier = bytes([mac[0] ^ 2]) + mac[1:3] + b"\xff\xfe" + mac[3:]
    local = b"\xfe\x80" + bytes(6) + identifier
    foreign_local = local[:-1] + bytes([local[-1] ^ 1])
    result: dict[str, bytes] = {}

    def add(name: str, kind: int, payload: bytes, source: bytes = mac) -> None:
        result[name] = ethernet(source, kind, payload)

    def tag(name: str) -> bytes:
        return f"<ringmaster:{name}>".encode()

    def plain(name: str) -> bytes:
        return udp(UNKNOWN_PORT, UNKNOWN_PORT, tag(name))

    add("own-arp", ARP, arp(1, mac, own4) + tag("own-arp"))
    add("own-ipv4", IPV4, ipv4(own4, plain("own-ipv4")))
    add("own-ipv6", IPV6, ipv6(own6, plain("own-ipv6"), UDP))
    add("own-link-local", IPV6, ipv6(local, plain("own-link-local"), UDP))
    add("own-neighbour-solicitation", IPV6, ipv6(own6, icmpv6(135, foreign6 + tag("own-neighbour-solicitation"))))
    add("own-neighbour-advertisement", IPV6, ipv6(own6, icmpv6(136, own6 + tag("own-neighbour-advertisement"))))
    add(
        "own-duplicate-address-detection",
        IPV6,
        ipv6(bytes(16), icmpv6(135, own6 + tag("own-duplicate-address-detection"))),
    )
    add("own-announcement-after-migration", RARP, arp(3, mac, bytes(4)) + tag("own-announcement-after-migration"))

    add("mac", IPV4, ipv4(own4, plain("mac")), FOREIGN_MAC)
    add("mac-ipv6", IPV6, ipv6(own6, plain("mac-ipv6"), UDP), FOREIGN_MAC)
    add("arp-address", ARP, arp(2, mac, foreign4) + tag("arp-address"))
    add("arp-mac", ARP, arp(2, FOREIGN_MAC, own4) + tag("arp-mac"))
    add("ipv4", IPV4, ipv4(foreign4, plain("ipv4")))
    add("ipv6", IPV6, ipv6(foreign6, plain("ipv6"), UDP))
    add("link-local", IPV6, ipv6(foreign_local, plain("link-local"), UDP))
    add("no-address", IPV6, ipv6(bytes(16), plain("no-address"), UDP))
    add("neighbour-advertisement", IPV6, ipv6(foreign6, icmpv6(136, foreign6 + tag("neighbour-advertisement"))))
    add("neighbours-address", IPV6, ipv6(own6, icmpv6(136, foreign6 + tag("neighbours-address"))))
    add("router-advertisement", IPV6, ipv6(local, icmpv6(134, bytes(8) + tag("router-advertisement"))))
    hidden = bytes([ICMPV6, 0, 1, 4, 0, 0, 0, 0]) + icmpv6(134, bytes(8) + tag("router-advertisement-behind-options"))
    add("router-advertisement-behind-options", IPV6, ipv6(local, hidden, HOP_BY_HOP))
    add("redirect", IPV6, ipv6(local, icmpv6(137, foreign6 + own6 + tag("redirect"))))
    add("dhcp-server", IPV4, ipv4(own4, udp(67, 68, tag("dhcp-server"))))
    add("dhcpv6-server", IPV6, ipv6(local, udp(547, 546, tag("dhcpv6-server")), UDP, ROUTERS))
    tagged = struct.pack("!HH", 7, IPV4) + ipv4(foreign4, plain("vlan-tag"))
    add("vlan-tag", VLAN, tagged)
    add("other-protocol", LLDP, tag("other-protocol"))
    add(LAST, IPV4, ipv4(own4, plain(LAST)))
    return result


def send(interface: str, *addresses: str) -> None:
    """Send every frame a few times, and print their names."""
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as link:
        link.bind((interface, 0))
        mac = link.getsockname()[4]
        made = frames(mac, *(ipaddress.ip_address(address).packed for address in addresses))
        for _ in range(3):
            for name, frame in made.items():
                if name != LAST:
                    link.send(frame.ljust(60, b"\0"))
            time.sleep(0.2)
        link.send(made[LAST])
    print(json.dumps(sorted(made)))


def listen(interface: str, seconds: str) -> None:
    """Print the names of the frames that arrive within some seconds, or until the last one did."""
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL)) as link:
        link.bind((interface, 0))
        print("listening", flush=True)
        print(json.dumps(sorted(heard(link, float(seconds)))))


def heard(link: socket.socket, seconds: float) -> set[str]:
    """Give the names of the frames that arrive within some seconds, or until a moment after the last one."""
    seen: set[str] = set()
    deadline = time.monotonic() + seconds
    while (left := deadline - time.monotonic()) > 0:
        link.settimeout(left)
        try:
            frame = link.recv(65535)
        except TimeoutError:
            break
        seen |= {name.decode() for name in re.findall(rb"<ringmaster:([a-z0-9-]+)>", frame)}
        if LAST in seen:
            deadline = min(deadline, time.monotonic() + 0.5)
    return seen


def tap(bridge: str, name: str, mac: str, *addresses: str) -> None:
    """Be the network card of a VM: send every frame and listen on the bridge, once for each line that is read."""
    device = os.open("/dev/net/tun", os.O_RDWR)
    fcntl.ioctl(device, TUNSETIFF, struct.pack("16sH22x", name.encode(), IFF_TAP | IFF_NO_PI))
    subprocess.run(["ip", "link", "set", name, "master", bridge, "up"], check=True)
    made = frames(bytes.fromhex(mac.replace(":", "")), *(ipaddress.ip_address(one).packed for one in addresses))
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL)) as link:
        link.bind((bridge, 0))
        print(json.dumps(sorted(made)), flush=True)
        for _ in sys.stdin:
            for frame in made.values():
                os.write(device, frame.ljust(60, b"\0"))
            print(json.dumps(sorted(heard(link, 2))), flush=True)


if __name__ == "__main__":
    {"send": send, "listen": listen, "tap": tap}[sys.argv[1]](*sys.argv[2:])
