# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The name server, asked from the server network, from outside, and by a secondary."""

from __future__ import annotations

import base64
import json
import re
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import dns.dnssec
import dns.flags
import dns.message
import dns.query
import dns.rcode
import dns.rdata
import dns.reversename
import dns.tsigkeyring
import dns.zone
import pytest
import yaml
from ansible_collections.ringmaster.hosting.plugins.module_utils.components import mail_records
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from ringmaster.mailserver import dns as mail
from testinfra.host import Host

OUTSIDE, INSIDE, SERVER = "198.18.0.7", "172.20.0.1", "172.20.0.20"
DOMAIN = "molecule.example"
SOURCES = "/etc/ringmaster/dns/zones"
PROGRAM = "/usr/bin/ringmaster dns"


@pytest.fixture(scope="session")
def address(hostvars: dict[str, dict[str, Any]]) -> set[str]:
    """Return the private address of neta00."""
    return {hostvars["neta00"]["ringmaster_srv_ipv4"]}


@pytest.fixture(scope="module")
def server(machine: Callable[[str], Host]) -> Host:
    return machine("svc0")


def ask(name: str, kind: str, source: str = OUTSIDE, *, tcp: bool = False) -> dns.message.Message:
    query = dns.message.make_query(name, kind)
    send = dns.query.tcp if tcp else dns.query.udp
    return send(query, SERVER, timeout=5, source=source)


def data(answer: dns.message.Message) -> set[str]:
    return {str(item) for rrset in answer.answer for item in rrset}


def serial(source: str = INSIDE) -> int:
    (answer,) = data(ask(DOMAIN, "SOA", source))
    return int(answer.split()[2])


def test_names_and_pointers_of_all_machines_from_the_server_network(hostvars: dict[str, dict[str, Any]]) -> None:
    asked = 0
    for name, variables in hostvars.items():
        for suffix, role in (("", "srv"), (".fe", "fe")):
            for family, kind in (("ipv4", "A"), ("ipv6", "AAAA")):
                address = variables.get(f"ringmaster_{role}_{family}") or ""
                full = f"{name}{suffix}.{DOMAIN}"
                if not address:
                    continue
                assert data(ask(full, kind, INSIDE)) == {address}
                assert data(ask(str(dns.reversename.from_address(address)), "PTR", INSIDE)) == {f"{full}."}
                asked += 1
    assert asked > 20


def test_outsiders_see_global_addresses_only(hostvars: dict[str, dict[str, Any]]) -> None:
    ours = hostvars["neta00"]
    assert data(ask(f"neta00.{DOMAIN}", "AAAA")) == {ours["ringmaster_srv_ipv6"]}
    assert data(ask(f"neta00.fe.{DOMAIN}", "A")) == {ours["ringmaster_fe_ipv4"]}
    assert data(ask(str(dns.reversename.from_address(ours["ringmaster_fe_ipv4"])), "PTR")) == {f"neta00.fe.{DOMAIN}."}
    hidden = ask(f"neta00.{DOMAIN}", "A")
    assert hidden.rcode() == dns.rcode.NOERROR
    assert data(hidden) == set()
    refused = ask(str(dns.reversename.from_address(ours["ringmaster_srv_ipv4"])), "PTR")
    assert refused.rcode() == dns.rcode.REFUSED
    assert ask(f"hv0.{DOMAIN}", "A").rcode() == dns.rcode.NXDOMAIN


def test_only_the_server_network_may_have_other_names_resolved() -> None:
    answer = ask("deb.debian.org", "A")
    assert answer.rcode() == dns.rcode.REFUSED
    assert not answer.flags & dns.flags.RA
    assert ask("deb.debian.org", "A", INSIDE).flags & dns.flags.RA
    assert data(ask("deb.debian.org", "A", INSIDE))


def test_a_vm_resolves_over_the_server_network(
    machine: Callable[[str], Host], hostvars: dict[str, dict[str, Any]]
) -> None:
    vm = machine("neta00")
    resolvers = hostvars["neta00"]["ringmaster_resolvers"]
    assert resolvers == ["172.20.0.20", "2001:db8:3::20"]
    program = """
import socket, sys
def ask(server, name):
    query = b"\\x12\\x34\\x01\\x00\\x00\\x01\\x00\\x00\\x00\\x00\\x00\\x00"
    query += b"".join(bytes([len(part)]) + part.encode() for part in name.split(".")) + b"\\x00\\x00\\x01\\x00\\x01"
    with socket.socket(socket.AF_INET6 if ":" in server else socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(5)
        client.sendto(query, (server, 53))
        return client.recv(1500)
for server in sys.argv[2:]:
    print(*[int.from_bytes(ask(server, name)[6:8], "big") for name in (sys.argv[1], "deb.debian.org")])
"""
    found = vm.check_output(f"python3 -c '{program}' neta01.{DOMAIN} {' '.join(resolvers)}")
    assert all(int(number) >= 1 for number in found.split())


def test_records_of_the_description(hostvars: dict[str, dict[str, Any]]) -> None:
    assert data(ask(f"www.{DOMAIN}", "A")) == {hostvars["neta00"]["ringmaster_fe_ipv4"]}
    assert data(ask(f"mail.{DOMAIN}", "MX", tcp=True)) == {f"10 neta00.fe.{DOMAIN}.", f"20 neta01.fe.{DOMAIN}."}
    assert data(ask(f"_dmarc.{DOMAIN}", "TXT")) == {'"v=DMARC1; p=none"'}
    assert data(ask(f"inner.{DOMAIN}", "A")) == set()
    assert data(ask(f"inner.{DOMAIN}", "A", INSIDE)) == {"172.20.1.250"}


def test_nobody_gets_a_whole_zone_without_the_key() -> None:
    for source in (OUTSIDE, INSIDE):
        with pytest.raises(dns.query.TransferError):
            dns.zone.from_xfr(dns.query.xfr(SERVER, DOMAIN, source=source, timeout=5))


def test_a_secondary_gets_the_public_view_and_is_told_of_changes(server: Host) -> None:
    configuration = server.check_output("cat /etc/bind/named.conf")
    name, secret = re.search(r'key "([^"]+)" \{ algorithm hmac-sha256; secret "([^"]+)"', configuration).groups()
    assert "also-notify { 198.18.0.7; }" in configuration
    keys = dns.tsigkeyring.from_text({name: secret})
    # Also from an address of the server network, the key gives the public view.
    for source in (OUTSIDE, INSIDE):
        zone = dns.zone.from_xfr(
            dns.query.xfr(SERVER, DOMAIN, source=source, keyring=keys, keyalgorithm="hmac-sha256", timeout=5)
        )
        assert zone.get_rdataset("neta00.fe", "A")
        assert not zone.get_rdataset("neta00", "A")
        assert zone.get_rdataset("neta00", "AAAA")


def test_the_public_view_is_signed() -> None:
    query = dns.message.make_query(f"neta00.fe.{DOMAIN}", "A", want_dnssec=True)
    answer = dns.query.udp(query, SERVER, timeout=5, source=OUTSIDE)
    keys = ask(DOMAIN, "DNSKEY", tcp=True)
    addresses, signature = answer.answer
    dns.dnssec.validate(addresses, signature, {dns.name.from_text(DOMAIN): keys.answer[0]})


@pytest.fixture
def restored(server: Host) -> Iterator[None]:
    server.check_output(f"cp -a {SOURCES} /root/zones")
    yield
    server.check_output(f"rm -r {SOURCES} && mv /root/zones {SOURCES} && {PROGRAM} load")


@pytest.mark.usefixtures("restored")
def test_serial_grows_with_the_content_only(server: Host) -> None:
    before = serial()
    assert "serial" not in server.check_output(f"{PROGRAM} load")
    assert serial() == before
    server.check_output(f"echo 'new.{DOMAIN}. IN A 172.20.1.77' >> {SOURCES}/internal/{DOMAIN}")
    assert "was not brought" in server.run(f"{PROGRAM} status").stdout
    server.check_output(f"{PROGRAM} load")
    first = serial()
    assert first > before
    assert data(ask(f"new.{DOMAIN}", "A", INSIDE)) == {"172.20.1.77"}
    # The clock is behind: still one more than before. One zone changed, so the others keep their serials.
    other = data(ask("100.51.198.in-addr.arpa", "SOA", INSIDE))
    installed = f"/var/lib/bind/ringmaster/internal/{DOMAIN}"
    server.check_output(f"sed -i 's/ {first} / 4000000000 /' {installed}")
    server.check_output(f"echo 'newer.{DOMAIN}. IN A 172.20.1.78' >> {SOURCES}/internal/{DOMAIN} && {PROGRAM} load")
    assert serial() == 4000000001
    assert data(ask("100.51.198.in-addr.arpa", "SOA", INSIDE)) == other
    server.check_output(f"sed -i 's/ 4000000001 / {first + 1} /' {installed}; rndc reload {DOMAIN} IN internal || true")


@pytest.mark.usefixtures("restored")
@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (f"x.{DOMAIN}. IN A 172.20.1.300", "bad dotted quad"),
        (f"x.{DOMAIN}. IN CNAME a.\nx.{DOMAIN}. IN A 172.20.1.3", "CNAME and other data"),
        (f"x.{DOMAIN}. IN MX 10 172.20.1.3.", "MX is an address"),
        (f"{DOMAIN}. IN NS nowhere.{DOMAIN}.", "no address records"),
        ("other.example. IN A 172.20.1.3", "out-of-zone data"),
    ],
)
def test_a_bad_zone_is_never_loaded(server: Host, line: str, reason: str, address: set[str]) -> None:
    before = serial()
    good = f"{SOURCES}/internal/1.20.172.in-addr.arpa"
    server.check_output(f"printf '%b\\n' '{line}' >> {SOURCES}/internal/{DOMAIN}")
    server.check_output(f"echo '99.1.20.172.in-addr.arpa. IN PTR x.{DOMAIN}.' >> {good}")
    done = server.run(f"{PROGRAM} load")
    assert done.rc == 1
    assert f"zone {DOMAIN} is not loaded" in done.stderr
    assert reason in done.stderr
    # Not even the zones that are right: a change is one.
    assert serial() == before
    assert data(ask("99.1.20.172.in-addr.arpa", "PTR", INSIDE)) == set()
    assert data(ask(f"neta00.{DOMAIN}", "A", INSIDE)) == address


def test_reload_under_load_loses_no_question(server: Host, address: set[str]) -> None:
    server.run("sh -c 'for n in 1 2 3 4 5; do sleep 0.3; rndc reload; done' >/dev/null 2>&1 &")
    end = time.monotonic() + 2.5
    asked = 0
    while time.monotonic() < end:
        assert data(ask(f"neta00.{DOMAIN}", "A", INSIDE)) == address
        asked += 1
        time.sleep(0.004)  # one VM may ask 500 questions a second
    assert asked > 100


def test_drift_is_found(server: Host, eventually: Callable[..., None]) -> None:
    assert server.run(f"{PROGRAM} status").rc == 0
    server.check_output("systemctl stop named")
    assert "the name server does not run" in server.run(f"{PROGRAM} status").stdout
    server.check_output(f"{PROGRAM} load")
    server.check_output("kill -9 $(systemctl show -P MainPID named)")
    eventually(lambda: server.run(f"{PROGRAM} status").rc == 0)


def test_checks(server: Host) -> None:
    definitions = json.loads(server.check_output("cat /usr/lib/ringmaster/checks.d/dns.json"))
    assert [one["name"] for one in definitions] == [
        *("zones", "answers", "recursion", "outside", "secondaries", "signatures")
    ]

    def run(name: str) -> tuple[int, str]:
        one = next(one for one in definitions if one["name"] == name)
        function = one["function"].partition(":")[2]
        arguments = one.get("arguments", {})
        call = f"import json; from ringmaster.dns import checks; print(json.dumps(checks.{function}(**{arguments!r})))"
        level, said = json.loads(server.check_output("cd /usr/lib/ringmaster/python && python3 -B -c %s", call))
        return level, said

    assert run("zones")[0] == 0
    assert re.search(r"answered on 4 addresses", run("answers")[1])
    # As the Internet sees it: the name that leads here, at the addresses on the frontend.
    assert re.search(r"answered on 2 addresses", run("outside")[1])
    assert run("recursion")[0] == 0
    level, sentence = run("signatures")
    assert (level, "signatures" in sentence) == (0, True)
    # The secondary of this scenario does not exist; it still has time to take a change over.
    assert run("secondaries")[0] == 0
    server.check_output(f"touch -d '2 hours ago' /var/lib/bind/ringmaster/external/{DOMAIN}")
    assert run("secondaries")[0] == 1
    server.check_output("systemctl stop named")
    try:
        assert run("zones") == (2, "The name server does not run.")
        assert run("answers")[0] == run("outside")[0] == 2
        assert run("recursion")[0] == 2
    finally:
        server.check_output(f"{PROGRAM} load")


def test_figures(server: Host) -> None:
    text = server.check_output("curl -sf http://172.20.0.20:9119/metrics")
    assert "\nbind_up 1" in text


def test_records_of_a_mail_server_are_served_in_our_zone(
    server: Host,
    hostvars: dict[str, dict[str, Any]],
    play: Callable[..., subprocess.CompletedProcess[str]],
    eventually: Callable[..., None],
) -> None:
    """The mail server itself does not answer here: the name server's machine has kept what it said."""
    ours = hostvars["post00"]
    host, domain = ours["ringmaster_fe_fqdn"], f"shop.{DOMAIN}"
    key = base64.b64encode(
        rsa.generate_private_key(65537, 2048).public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    ).decode()
    addresses = {family: ours[f"ringmaster_fe_{family}"] for family in ("ipv4", "ipv6")}
    declared = mail_records.Server(host, {domain: "reject"}, addresses, True, True)
    wanted = [
        mail.Record(**vars(one))
        for one in mail_records.records(declared, mail_records.Keys(dict.fromkeys((host, domain), key), "ab" * 32))
    ]
    hostile = mail.Record(f"neta01.{DOMAIN}", "A", "192.0.2.66")
    kept = "/var/lib/ringmaster/mail-records"
    text = json.dumps([vars(record) for record in [*wanted, hostile]])
    server.check_output(f"mkdir -p {kept} && printf %s '{text}' > {kept}/post00.json")
    variables = yaml.safe_load((Path(__file__).parents[1] / "converge.yml").read_text())[1]["vars"]
    # What comes by -e is data: the template in converge.yml is worked out here.
    resolvers = Path("/etc/resolv.conf").read_text()
    variables["dns_forwarders"] = re.findall(r"^nameserver ([0-9.]+)", resolvers, flags=re.MULTILINE)
    variables["mailserver_domains"] = [{"name": domain, "dmarc": "reject"}]
    variables["mailserver_certificate"] = "own"
    done = play("dns", dns_mail_hosts="neta00", **variables)
    assert done.returncode == 0, done.stdout + done.stderr
    assert hostile.value not in data(ask(hostile.name, hostile.kind, INSIDE))
    server.check_output(f"rm {kept}/post00.json")

    assert {record.kind for record in wanted} == {"A", "AAAA", "CNAME", "MX", "SRV", "TLSA", "TXT"}
    for source in (OUTSIDE, INSIDE):
        for record in wanted:
            said = record.line().split(maxsplit=4)[4]
            expected = dns.rdata.from_text("IN", record.kind, said).to_text()
            assert expected in data(ask(record.name, record.kind, source, tcp=True)), record
    # A TLSA record counts in a signed zone only.
    tlsa = dns.message.make_query(f"_25._tcp.{host}", "TLSA", want_dnssec=True)

    def signed() -> list[Any]:
        return dns.query.tcp(tlsa, SERVER, timeout=5, source=OUTSIDE).answer

    eventually(lambda: len(signed()) == 2)
    keys = ask(DOMAIN, "DNSKEY", tcp=True)
    dns.dnssec.validate(*signed(), {dns.name.from_text(DOMAIN): keys.answer[0]})


def reached(vm: Host, address: str, port: int) -> bool:
    return bool(vm.run(f"timeout 3 bash -c '</dev/tcp/{address}/{port}'").succeeded)


def test_a_vm_reaches_what_is_offered_and_nothing_else_of_the_machine(
    machine: Callable[[str], Host], server: Host
) -> None:
    """The guard, by systemd and nftables of a machine: by each of its addresses, and after it was loaded again."""
    vm = machine("neta00")
    listening = {line.split()[3].rsplit(":", 1)[1] for line in server.check_output("ss -Htln").splitlines()}
    assert {"22", "53"} <= listening
    server.check_output("systemctl restart ringmaster-guard.service && systemctl is-enabled ringmaster-guard.service")
    for address in (SERVER, "2001:db8:3::20"):
        assert reached(vm, address, 53)
        assert reached(vm, address, 3142)  # packages, see test_package_cache.py
        others = listening - {"53", "80", "443", "3142"}
        assert [port for port in sorted(others) if reached(vm, address, int(port))] == []
    assert [port for port in sorted(listening) if reached(vm, "10.77.0.20", int(port))] == []
