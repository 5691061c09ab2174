# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A real BIND with the configuration of role dns, and one client that tries to take all of it."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dns.flags
import dns.message
import dns.query
import dns.rcode
import dns.update
import pytest
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar, trust_as_template
from namespaces import Network

ROOT = Path(__file__).parents[3]
ROLE = ROOT / "roles/dns"
NAMED = shutil.which("named", path="/usr/sbin:/usr/bin") or ""
pytestmark = pytest.mark.skipif(not NAMED or os.geteuid() != 0, reason="needs package bind9 and root")

SERVER, EVIL, GOOD, OUTSIDE, BLACK_HOLE = "172.20.0.20", "172.20.1.66", "172.20.1.77", "198.18.0.7", "198.18.0.99"
DOMAIN = "guarded.example"
ZONE = """\
$TTL 300
@ SOA ns hostmaster 1 3600 600 86400 60
@ NS ns
ns A 172.20.0.20
"""
LIMITS = {
    "dns_client_rate": 40,
    "dns_recursive_clients": 300,
    "dns_fetches_per_zone": 20,
    "dns_fetches_per_server": 30,
    "dns_tcp_clients": 20,
    "dns_cache_mib": 8,
}


def configuration(folder: Path, **changes: Any) -> str:
    """Render the role's template for a name server of its own."""
    loader = DataLoader()
    variables: dict[str, Any] = {"ansible_managed": "Managed"}
    for name in ("defaults", "vars"):
        variables |= loader.load_from_file(str(ROLE / name / "main.yml"), trusted_as_template=True)
    variables |= {
        "dns_listen": [SERVER],
        "dns_internal_networks": ["172.20.0.0/22"],
        "dns_validation": "no",
        "__dns_folder": str(folder),
        "__dns_zones": [
            {"name": DOMAIN, "view": view, "file": f"{view}-zone", "text": ""} for view in ("internal", "external")
        ],
        **LIMITS,
        **changes,
    }
    text = (ROLE / "templates/named.conf.j2").read_text()
    return str(Templar(loader, variables=variables).template(trust_as_template(text)))


@contextlib.contextmanager
def served(folder: Path, **changes: Any) -> Iterator[None]:
    """Run a name server in a network of its own: it has a zone, and for another one it asks a black hole."""
    slow = f'zone "slow.test" {{ type forward; forward only; forwarders {{ {BLACK_HOLE}; }}; }};'
    text = configuration(folder, **changes)
    text = text.replace("\trecursion yes;", f"\trecursion yes;\n\t{slow}")
    text = text.replace('directory "/var/cache/bind";', f'directory "{folder}"; pid-file none; session-keyfile none;')
    text += "\ncontrols { };\n"
    for view in ("internal", "external"):
        (folder / f"{view}-zone").write_text(ZONE)
    (folder / "named.conf").write_text(text)
    network = Network(f"rmdns{os.getpid()}")
    network.add("all")
    try:
        addresses = (SERVER, EVIL, GOOD, OUTSIDE, BLACK_HOLE)
        network.batch("all", ["link set lo up", *(f"addr add {one}/32 dev lo" for one in addresses)])
        with network.inside("all"), running(folder):
            yield
    finally:
        network.remove()


@contextlib.contextmanager
def running(folder: Path) -> Iterator[None]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as hole, (folder / "log").open("w") as log:
        hole.bind((BLACK_HOLE, 53))
        server = subprocess.Popen([NAMED, "-g", "-c", str(folder / "named.conf")], stdout=log, stderr=subprocess.STDOUT)
        try:
            for _attempt in range(100):
                if good_is_answered():
                    break
                assert server.poll() is None, (folder / "log").read_text()
            yield
        finally:
            server.terminate()
            server.wait()


def question(name: str, kind: str = "A") -> dns.message.Message:
    return dns.message.make_query(name, kind)


def good_is_answered() -> bool:
    """Tell whether another client gets an answer, by UDP and of the zone; it asks three times, as resolvers do."""
    for _attempt in range(3):
        with contextlib.suppress(dns.exception.Timeout):
            return bool(dns.query.udp(question(f"ns.{DOMAIN}"), SERVER, timeout=2, source=GOOD).answer)
    return False


def flood(names: list[str], seconds: float, enough: int | None = None) -> list[int]:
    """Send questions from one address, from many ports, and return the codes of the answers of some seconds.

    With ``enough`` it ends with so many answers, and waits for them much longer: a busy machine is slow to give them.
    """
    clients = []
    for _ in range(64):
        client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        client.bind((EVIL, 0))
        client.setblocking(False)
        clients.append(client)
    codes = []
    end = time.monotonic() + (seconds if enough is None else 8)
    for number, name in enumerate(names):
        with contextlib.suppress(OSError):
            clients[number % 64].sendto(question(name).to_wire(), (SERVER, 53))
    while time.monotonic() < end and (enough is None or len(codes) < enough):
        for client in clients:
            with contextlib.suppress(BlockingIOError):
                codes.append(client.recv(4096)[3] & 15)
        time.sleep(0.01)
    for client in clients:
        client.close()
    return codes


def test_names_that_nobody_answers_take_a_share_only(tmp_path: Path) -> None:
    """The attack that is called water torture: most of it fails at once, and the server goes on."""
    with served(tmp_path, dns_client_rate=1000):
        codes = flood([f"a{number}.slow.test" for number in range(250)], 2, enough=200)
        assert codes.count(dns.rcode.SERVFAIL) >= 200
        assert good_is_answered()


def test_without_the_quota_they_would_all_wait(tmp_path: Path) -> None:
    with served(tmp_path, dns_client_rate=1000, dns_fetches_per_zone=0, dns_fetches_per_server=0):
        assert len(flood([f"a{number}.slow.test" for number in range(250)], 1)) < 50


def test_one_address_gets_its_answers_a_second_and_neighbours_theirs(tmp_path: Path) -> None:
    with served(tmp_path):
        codes = flood([f"ns.{DOMAIN}"] * 400, 1)
        # What is over the rate is dropped, or says in two bytes that TCP is to be used.
        assert len(codes) < 400 - LIMITS["dns_client_rate"]
        assert good_is_answered()


def test_connections_that_say_nothing_are_ended(tmp_path: Path) -> None:
    with served(tmp_path), contextlib.ExitStack() as held:
        for _ in range(60):
            client = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
            held.callback(client.close)
            client.bind((EVIL, 0))
            client.settimeout(1)
            with contextlib.suppress(OSError):
                client.connect((SERVER, 53))
        assert good_is_answered()
        time.sleep(6)
        answer = dns.query.tcp(question(f"ns.{DOMAIN}"), SERVER, timeout=5, source=GOOD)
        assert answer.answer


@pytest.mark.parametrize("source", [EVIL, OUTSIDE])
def test_nobody_takes_over_or_changes_a_zone(tmp_path: Path, source: str) -> None:
    with served(tmp_path):
        for kind in ("AXFR", "IXFR"):
            refused = dns.query.tcp(question(DOMAIN, kind), SERVER, timeout=5, source=source)
            assert refused.rcode() in (dns.rcode.REFUSED, dns.rcode.NOTAUTH, dns.rcode.FORMERR)
            assert not refused.answer
        update = dns.update.UpdateMessage(DOMAIN)
        update.add("evil", 300, "A", EVIL)
        assert dns.query.tcp(update, SERVER, timeout=5, source=source).rcode() == dns.rcode.REFUSED
        assert not dns.query.udp(question(f"evil.{DOMAIN}"), SERVER, timeout=5, source=GOOD).answer


def test_who_is_outside_resolves_nothing_and_amplifies_nothing(tmp_path: Path) -> None:
    with served(tmp_path):
        refused = dns.query.udp(question("a.slow.test"), SERVER, timeout=5, source=OUTSIDE)
        assert refused.rcode() == dns.rcode.REFUSED
        everything = question(DOMAIN, "ANY")
        answer = dns.query.udp(everything, SERVER, timeout=5, source=OUTSIDE)
        assert len(answer.to_wire()) < 4 * len(everything.to_wire())


def test_with_forwarders_slow_zones_do_not_count_against_others(tmp_path: Path) -> None:
    text = configuration(tmp_path, dns_forwarders=["198.18.0.53"])
    assert "fetches-per" not in text
    assert "recursive-clients 300;" in text
