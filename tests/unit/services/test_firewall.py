"""The firewall policy of a VM: what it permits, and that nft takes its ruleset."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.ringmaster.hosting.plugins.module_utils.services import firewall
from hypothesis import given
from hypothesis import strategies as st

MANAGEMENT, OUTSIDE, OUTSIDE6 = "10.77.0.5", "198.51.100.7", "2001:db8:ffff::7"
MEMBER, MEMBER6, STRANGER, STRANGER6 = "172.20.0.5", "2001:db8:3::1001", "172.20.0.99", "2001:db8:3::9999"
MONITOR = "172.20.0.20"
VM: dict[str, Any] = {
    "ringmaster_project": "myapp",
    "ringmaster_management_networks": ["10.77.0.0/24"],
    "ringmaster_project_addresses": [MEMBER, MEMBER6, ""],
    "ringmaster_project_firewall": {"frontend": "open", "allow": []},
    "ringmaster_components": ["postgresql", "webgateway"],
    "firewall_monitoring_addresses": [MONITOR],
    "firewall_monitoring_ports": ["9100-9999"],
}
NAME_SERVER = {"ringmaster_services": {"dns": "platform00"}, "inventory_hostname": "platform00"}
CLOSED = {"ringmaster_project_firewall": {"frontend": "closed"}}
REDIS = {"ringmaster_components": ["redis"]}


RULE = {"from": [STRANGER], "to": ["8080"], "proto": "tcp", "network": "server", "vms": ["myapp00"], "comment": "why"}
HERE = {"inventory_hostname": "myapp00"}


def allow(**rule: Any) -> dict[str, Any]:
    return {"ringmaster_project_firewall": {"frontend": "closed", "allow": [rule]}}


@pytest.mark.parametrize(
    ("change", "interface", "source", "protocol", "port", "expected"),
    [
        # The frontend is open to all, unless the project closes it.
        ({}, "ethfe", OUTSIDE, "tcp", 12345, True),
        ({}, "ethfe", OUTSIDE6, "udp", 53, True),
        (CLOSED, "ethfe", OUTSIDE, "tcp", 12345, False),
        (CLOSED, "ethfe", OUTSIDE, "tcp", 22, True),
        (CLOSED, "ethfe", OUTSIDE6, "tcp", 443, True),  # component webgateway
        ({**CLOSED, "ringmaster_components": []}, "ethfe", OUTSIDE6, "tcp", 443, False),
        (CLOSED, "ethfe", OUTSIDE, "udp", 443, False),
        (CLOSED, "ethfe", OUTSIDE, "tcp", 5432, False),
        (CLOSED, "ethfe", MEMBER, "tcp", 5432, False),
        ({"firewall_frontend": "closed"}, "ethfe", OUTSIDE, "tcp", 5432, False),
        # The server network lets in SSH, HTTP and HTTPS, and everything from the own project.
        ({}, "ethsrv", STRANGER, "tcp", 22, True),
        ({}, "ethsrv", STRANGER6, "tcp", 80, True),
        ({}, "ethsrv", OUTSIDE6, "tcp", 443, True),
        ({}, "ethsrv", STRANGER, "tcp", 5432, False),
        ({}, "ethsrv", STRANGER, "udp", 22, False),
        ({}, "ethsrv", MEMBER, "tcp", 5432, True),
        ({}, "ethsrv", MEMBER6, "udp", 999, True),
        ({}, "ethsrv", MANAGEMENT, "tcp", 5432, False),
        # Management reaches SSH on any interface, whatever its name.
        (CLOSED, "eth7", MANAGEMENT, "tcp", 22, True),
        (CLOSED, "eth7", OUTSIDE, "tcp", 22, False),
        ({}, "eth7", OUTSIDE, "tcp", 80, False),
        # Monitoring.
        ({}, "ethsrv", MONITOR, "tcp", 9100, True),
        ({}, "ethsrv", MONITOR, "tcp", 5432, False),
        ({}, "ethsrv", STRANGER, "tcp", 9100, False),
        # The name server, where it runs.
        (NAME_SERVER, "ethsrv", OUTSIDE6, "udp", 53, True),
        (NAME_SERVER, "ethsrv", STRANGER, "tcp", 53, True),
        ({**NAME_SERVER, "inventory_hostname": "myapp00"}, "ethsrv", STRANGER, "udp", 53, False),
        # Typed rules.
        (allow(**{"from": STRANGER, "to": "component:postgresql"}), "ethsrv", STRANGER, "tcp", 5432, True),
        (
            allow(**{"from": STRANGER, "to": "component:postgresql"}),
            "ethsrv",
            "172.20.0.98",
            "tcp",
            5432,
            False,
        ),
        ({**allow(**RULE), **HERE}, "ethsrv", STRANGER, "tcp", 8080, True),
        ({**allow(**RULE), **HERE}, "ethfe", STRANGER, "tcp", 8080, False),
        ({**allow(**RULE), "inventory_hostname": "myapp01"}, "ethsrv", STRANGER, "tcp", 8080, False),
        ({**allow(**{**RULE, "network": "frontend"}), **HERE}, "ethfe", STRANGER, "tcp", 8080, True),
        ({**allow(**{**RULE, "network": "frontend"}), **HERE}, "ethsrv", STRANGER, "tcp", 8080, False),
        (allow(**{"from": STRANGER, "to": "component:redis"}), "ethsrv", STRANGER, "tcp", 6379, False),
        (allow(**{"from": STRANGER, "to": "component:redis"}) | REDIS, "ethsrv", STRANGER, "tcp", 6379, True),
        # The port with TLS, to which credentials files lead.
        (allow(**{"from": STRANGER, "to": "component:redis"}) | REDIS, "ethsrv", STRANGER, "tcp", 6380, True),
        (allow(**{"from": ["198.51.100.0/24"], "to": 8080}), "ethfe", OUTSIDE, "tcp", 8080, True),
        (allow(**{"from": ["198.51.100.0/24"], "to": 8080}), "ethfe", OUTSIDE6, "tcp", 8080, False),
        (
            allow(**{"from": [OUTSIDE], "to": "8000-8100", "proto": "udp"}),
            "ethfe",
            OUTSIDE,
            "udp",
            8100,
            True,
        ),
        (
            allow(**{"from": [OUTSIDE], "to": "8000-8100", "proto": "udp"}),
            "ethfe",
            OUTSIDE,
            "tcp",
            8100,
            False,
        ),
        (allow(**{"from": [], "to": 8080}), "ethfe", OUTSIDE, "tcp", 8080, False),
        ({"firewall_allow": [{"from": STRANGER, "to": [1, 2]}]}, "ethsrv", STRANGER, "tcp", 2, True),
        # Ping, always (RFC 4890).
        (CLOSED, "ethfe", OUTSIDE, "icmp", 0, True),
    ],
)
def test_policy(  # noqa: PLR0917
    change: dict[str, Any], interface: str, source: str, protocol: str, port: int, expected: bool
) -> None:
    permissions = firewall.policy({**VM, **change})
    assert firewall.permits(permissions, interface, source, protocol, port) is expected


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ({"from": STRANGER, "to": "component:oracle"}, "no such component; known: .*mailserver, memcached"),
        ({"from": STRANGER, "to": "ssh"}, r"must be a port \(5432\), a range"),
        ({"from": STRANGER, "to": "9-8"}, "must be a port"),
        ({"from": STRANGER, "to": 70000}, "must be a port"),
        ({"from": "shop", "to": 1}, "'shop' does not appear to be an IPv4 or IPv6 network"),
        ({"from": STRANGER, "to": 1, "proto": "sctp"}, "proto must be one of tcp, udp"),
    ],
)
def test_bad_rules_are_named(rule: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        firewall.policy({**VM, **allow(**rule)})


def test_bad_frontend_is_named() -> None:
    with pytest.raises(ValueError, match="open or closed, got 'ajar'"):
        firewall.policy({**VM, "firewall_frontend": "ajar"})


def test_a_component_can_declare_its_ports() -> None:
    extra = {
        "firewall_component_ports": {"wiki": [{"port": 8080, "frontend": True}]},
        "ringmaster_components": ["wiki"],
    }
    permissions = firewall.policy({**VM, **CLOSED, **extra})
    assert firewall.permits(permissions, "ethfe", OUTSIDE, "tcp", 8080)


def test_the_table_has_a_row_for_each_permission() -> None:
    rows = firewall.table(firewall.policy(VM))
    assert rows[0] == {
        "interface": "any", "from": "10.77.0.0/24", "protocol": "tcp", "ports": "22", "reason": "management",
    }  # fmt: skip
    assert "frontend: open" in [row["reason"] for row in rows]


def test_only_our_table_is_replaced() -> None:
    text = firewall.render(firewall.policy(VM))
    assert "flush ruleset" not in text
    assert "policy drop" in text
    assert text.index("jump local") < text.index("counter drop")


def test_nothing_of_a_reason_can_become_a_rule() -> None:
    text = firewall.render([firewall.Permission('x" accept; #\n drop')])
    assert 'comment "x accept  drop"' in text


nft = pytest.mark.skipif(
    os.geteuid() != 0 or not shutil.which("nft", path="/usr/sbin:/sbin:/usr/bin"), reason="needs root and nft"
)
PORTS = st.one_of(
    st.integers(1, 65535).map(str),
    st.tuples(st.integers(1, 60000), st.integers(0, 5000)).map(lambda pair: f"{pair[0]}-{sum(pair)}"),
)


def checked(tmp: Path, text: str) -> None:
    file = tmp / "rules.nft"
    file.write_text(text)
    done = subprocess.run(
        ["unshare", "-n", "/usr/sbin/nft", "-c", "-f", str(file)], check=False, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr + text


@nft
@pytest.mark.parametrize("change", [{}, CLOSED, {"ringmaster_project_addresses": []}])
def test_nft_accepts_the_ruleset(tmp_path: Path, change: dict[str, Any]) -> None:
    checked(tmp_path, firewall.render(firewall.policy({**VM, **change})))


@nft
@given(
    st.lists(
        st.fixed_dictionaries(
            {
                "from": st.lists(
                    st.one_of(st.ip_addresses().map(str), st.just("10.0.0.0/8"), st.just("::/0")), max_size=4
                ),
                "to": st.lists(PORTS, min_size=1, max_size=4),
                "proto": st.sampled_from(["tcp", "udp"]),
            }
        ),
        max_size=3,
    )
)
def test_nft_accepts_any_typed_rules(tmp_path_factory: pytest.TempPathFactory, rules: list[dict[str, Any]]) -> None:
    text = firewall.render(firewall.policy({**VM, "firewall_allow": rules}))
    checked(tmp_path_factory.mktemp("nft"), text)


@nft
@pytest.mark.parametrize("letter", ["a", "ü", "語", "𠮷"])
def test_nft_accepts_comments_of_any_letters_and_length(tmp_path: Path, letter: str) -> None:
    rule = {"from": ["10.0.0.0/8"], "to": ["80"], "proto": "tcp", "comment": letter * 100}
    text = firewall.render(firewall.policy({**VM, "firewall_allow": [rule]}))
    assert letter * 20 in text
    checked(tmp_path, text)


def test_the_gateway_gets_the_same_permissions() -> None:
    addresses = {"ringmaster_fe_ipv6": "2001:db8:2::1000", "ringmaster_srv_ipv4": "172.20.1.1"}
    opened = firewall.edge([{**VM, **HERE, **addresses}])
    assert (opened["closed"], opened["frontend"]) == ([], [])
    assert [rule["to"] for rule in opened["server"]] == [[], ["9100-9999"]]
    closed = firewall.edge([{**VM, **HERE, **addresses, **allow(**{**RULE, "network": "both"})}])
    assert closed["closed"] == ["2001:db8:2::1000"]
    assert {(tuple(rule["from"]), tuple(rule["to"])) for rule in closed["frontend"]} == {
        (firewall.EVERYWHERE, ("22",)),
        (firewall.EVERYWHERE, ("80", "443")),
        ((STRANGER,), ("8080",)),
    }


def test_further_addresses_are_as_closed_as_the_first() -> None:
    further = {"ringmaster_fe_extra_ipv4": ["198.51.100.7"], "ringmaster_srv_public_ipv4": ["192.0.2.9"]}
    vm = {**VM, **HERE, "ringmaster_fe_ipv4": "198.51.100.2", "ringmaster_srv_ipv4": "172.20.1.1", **further}
    assert firewall.edge([vm])["closed"] == []
    closed = firewall.edge([{**vm, **allow(**{**RULE, "network": "both"})}])
    assert closed["closed"] == ["198.51.100.2", "198.51.100.7"]
    assert {tuple(rule["addresses"]) for rule in closed["frontend"]} == {("198.51.100.2", "198.51.100.7")}
    assert {tuple(rule["addresses"]) for rule in closed["server"]} == {("172.20.1.1", "192.0.2.9")}


def test_equal_permissions_of_several_vms_are_one_opening() -> None:
    some = [{**VM, "inventory_hostname": f"myapp{n:02}", "ringmaster_srv_ipv4": f"172.20.1.{n}"} for n in range(5)]
    (members, monitoring) = firewall.edge(some)["server"]
    assert len(members["addresses"]) == len(monitoring["addresses"]) == 5


def test_openings_are_lines_of_nftables_by_family() -> None:
    rule = {"from": ["10.0.0.0/8", "::/0"], "to": ["22", "80-90"], "proto": "tcp", "addresses": ["172.20.1.1", "::1"]}
    assert firewall.openings([rule]).splitlines() == [
        "\t\tip saddr { 10.0.0.0/8 } ip daddr { 172.20.1.1 } tcp dport { 22, 80-90 } accept",
        "\t\tip6 saddr { ::/0 } ip6 daddr { ::1 } tcp dport { 22, 80-90 } accept",
    ]
    (line,) = firewall.openings([{**rule, "addresses": ["172.20.1.1"], "to": [], "proto": "udp"}]).splitlines()
    assert line.endswith("meta l4proto udp accept")
    (line,) = firewall.openings([{**rule, "from": ["::/0"], "to": [], "proto": "any"}]).splitlines()
    assert line.endswith("ip6 daddr { ::1 } accept")
    assert firewall.openings([]) == ""


def test_questions_are_asked_where_the_asker_has_an_address() -> None:
    asker = {"ringmaster_srv_ipv4": "172.20.0.20", "ringmaster_srv_ipv6": ""}
    vm = {**VM, "ringmaster_srv_ipv4": MEMBER, "ringmaster_srv_ipv6": MEMBER6, "ringmaster_fe_ipv4": OUTSIDE}
    asked = firewall.questions(asker, {"myapp00": vm}, (22, 5432))
    assert asked == [{"vm": "myapp00", "address": MEMBER, "open": [22], "closed": [5432]}]
    # From a private address it is not known as whom one comes to a public one.
    vm |= {"ringmaster_fe_extra_ipv4": ["198.51.100.7"], "ringmaster_srv_public_ipv4": ["192.0.2.9"]}
    asker |= {"ringmaster_fe_ipv4": "198.51.100.8"}
    found = firewall.questions(asker, {"myapp00": vm}, (22,))
    assert [one["address"] for one in found] == [MEMBER, OUTSIDE, "198.51.100.7"]


def test_what_is_meant_to_be_reached_on_an_open_frontend() -> None:
    variables = {
        "inventory_hostname": "myapp00",
        "ringmaster_management_networks": ["10.77.0.0/24"],
        "ringmaster_components": ["redis", "webgateway"],
        "ringmaster_project_firewall": {
            "frontend": "open",
            "allow": [
                {"from": ["0.0.0.0/0"], "to": ["8000-8100"], "proto": "tcp", "network": "frontend", "vms": []},
                {"from": ["0.0.0.0/0"], "to": ["9000"], "proto": "tcp", "network": "server", "vms": []},
            ],
        },
    }
    ports = ["22", "443", "6379", "6380", "80", "8000-8100"]
    assert firewall.explained(variables) == [["tcp", port] for port in ports]
    assert firewall.explained(variables, firewall_frontend="closed") is None
