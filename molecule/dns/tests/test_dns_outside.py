# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The name server's addresses on the frontend: asked from outside over IPv4 and IPv6, taken away and withdrawn."""

from __future__ import annotations

import shutil
import socket
from collections.abc import Callable
from pathlib import Path

import dns.flags
import dns.message
import dns.query
import dns.rcode
import pytest
from steps import playbook
from testinfra.host import Host

ROOT = Path(__file__).parents[3]
PLATFORM = ROOT / "molecule/platform"
CONNECT = Path(__file__).with_name("connect.yml")
DOMAIN = "molecule.example"
FRONTEND = ("198.51.100.200", "2001:db8:2::200")
#: Of this namespace, and of no network of the platform.
OUTSIDE = ("198.18.0.7", "fd77::1")
FAMILIES = list(zip(FRONTEND, OUTSIDE, strict=True))
FILE = "/etc/systemd/network/05-ringmaster-fe.network"


@pytest.fixture(scope="module")
def server(machine: Callable[[str], Host]) -> Host:
    return machine("svc0")


def ask(name: str, kind: str, target: str, source: str, *, tcp: bool = False) -> dns.message.Message:
    send = dns.query.tcp if tcp else dns.query.udp
    return send(dns.message.make_query(name, kind), target, timeout=5, source=source)


def data(answer: dns.message.Message) -> set[str]:
    return {str(item) for rrset in answer.answer for item in rrset}


@pytest.mark.parametrize("tcp", [False, True])
@pytest.mark.parametrize(("target", "source"), FAMILIES)
def test_names_are_answered_from_outside_and_nothing_else(target: str, source: str, tcp: bool) -> None:
    for name, kind, expected in (
        (DOMAIN, "NS", {f"svc0.fe.{DOMAIN}.", "ns.example.net."}),
        (f"svc0.fe.{DOMAIN}", "A", {FRONTEND[0]}),
        (f"svc0.fe.{DOMAIN}", "AAAA", {FRONTEND[1]}),
        (f"status.{DOMAIN}", "A", {FRONTEND[0]}),
        (f"status.{DOMAIN}", "AAAA", {FRONTEND[1]}),
        (f"svc0.{DOMAIN}", "A", set()),
    ):
        assert data(ask(name, kind, target, source, tcp=tcp)) == expected, (name, kind)
    refused = ask("deb.debian.org", "A", target, source, tcp=tcp)
    assert refused.rcode() == dns.rcode.REFUSED
    assert not refused.flags & dns.flags.RA


def test_a_delegation_leads_to_answers() -> None:
    """As a resolver on the Internet does: the name that the NS record has, its addresses, and there the question."""
    found = data(ask(f"svc0.fe.{DOMAIN}", "A", *FAMILIES[0])) | data(ask(f"svc0.fe.{DOMAIN}", "AAAA", *FAMILIES[1]))
    assert found == set(FRONTEND)
    for address, source in FAMILIES:
        assert address in found
        assert data(ask(f"status.{DOMAIN}", "A", address, source)) == {FRONTEND[0]}


@pytest.mark.parametrize(("target", "source"), FAMILIES)
def test_all_else_of_the_machine_stays_inside(target: str, source: str) -> None:
    for port in (22, 3142, 9119, 9100, 8053):
        family = socket.AF_INET6 if ":" in target else socket.AF_INET
        with socket.socket(family, socket.SOCK_STREAM) as client:
            client.settimeout(1)
            client.bind((source, 0))
            with pytest.raises(TimeoutError):
                client.connect((target, port))


@pytest.mark.parametrize(("target", "source"), FAMILIES)
def test_answers_leave_by_the_frontend(server: Host, target: str, source: str) -> None:
    assert " dev fe " in server.check_output(f"ip route get {source} from {target}") + " "
    # Its own way to the rest of the world is as it was.
    assert " dev host0 " in server.check_output(f"ip route get {source}") + " "


def connect(source: Path) -> str:
    done = playbook(str(CONNECT), source=source)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize(
    "what",
    [
        f"ip rule del from {FRONTEND[0]}",
        f"ip -6 rule del from {FRONTEND[1]}",
        f"ip addr del {FRONTEND[0]}/24 dev fe",
        f"rm {FILE}",
    ],
)
def test_what_was_taken_away_on_the_machine_comes_back(server: Host, what: str) -> None:
    source = PLATFORM / "platform.ringmaster.yml"
    assert "changed=0" in connect(source)
    server.check_output(what)
    assert "changed=1" in connect(source)
    for target, outside in FAMILIES:
        assert data(ask(f"status.{DOMAIN}", "A", target, outside)) == {FRONTEND[0]}
    assert "changed=0" in connect(source)


def test_a_machine_that_the_description_no_longer_connects_is_as_before(server: Host, tmp_path: Path) -> None:
    copy = tmp_path / "platform"
    shutil.copytree(PLATFORM, copy)
    text = (copy / "platform.yml").read_text()
    keys = ("fe_interface", "fe_ipv4", "fe_ipv6", "srv_interface")
    kept = [line for line in text.splitlines() if line.strip().partition(":")[0] not in keys]
    assert len(kept) == len(text.splitlines()) - len(keys)
    (copy / "platform.yml").write_text("\n".join(kept) + "\n")
    source = copy / "platform.ringmaster.yml"
    source.write_text(source.read_text().replace("../../.lab", str(ROOT / ".lab")))
    try:
        assert "changed=1" in connect(source)
        assert not server.file(FILE).exists
        assert FRONTEND[0] not in server.check_output("ip addr show fe; ip rule")
        # The lab had set up this one, and its file counts again.
        assert "172.20.0.20/22" in server.check_output("ip addr show srv")
        assert "changed=0" in connect(source)
    finally:
        assert "changed=1" in connect(PLATFORM / "platform.ringmaster.yml")
    assert data(ask(f"status.{DOMAIN}", "A", *FAMILIES[0])) == {FRONTEND[0]}
