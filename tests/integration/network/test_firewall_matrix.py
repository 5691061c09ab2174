# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Everybody asks everybody: what is open must be what the policy computed from the description permits.

Two projects of two VMs each, the outside, an operator, and the gateway, with the rulesets that the roles would load.
"""

from __future__ import annotations

import ipaddress
import json
import os
import socket
import subprocess
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.ringmaster.hosting.plugins.module_utils.services import firewall
from ansible_collections.ringmaster.hosting.plugins.module_utils.values.addresses import of_machine
from namespaces import MANAGER, OUTSIDE, ROOT, UPLINK, Network, Question, ask, build, listening, run, source_of

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="network namespaces need root")

SOURCE = ROOT / "molecule/platform/platform.ringmaster.yml"
PROJECTS = ("neta", "netb")
PORTS = (22, 80, 443, 5432, 25000)
NOTHING = "table inet ringmaster {\n}\n"
FURTHER = {"frontend_extra_ipv4": 1, "server_public_ipv4": 1}
"""What one VM of each project has beside its first addresses, one of them behind a closed frontend."""
Vms = dict[str, dict[str, Any]]


def environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")}


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> tuple[Vms, dict[str, Any], str]:
    """Return the VMs' variables, the networks, and the gateway's ruleset."""
    folder = tmp_path_factory.mktemp("platform")
    copy = folder / "platform"
    subprocess.run(["cp", "-r", str(SOURCE.parent), str(copy)], check=True)
    source = copy / SOURCE.name
    (copy / "allocations.yml").unlink(missing_ok=True)
    for project, vm in (("neta", "neta00"), ("netb", "netb01")):
        file = copy / f"projects/{project}.yml"
        described = yaml.safe_load(file.read_text())
        described["vms"][vm].update(FURTHER)
        file.write_text(yaml.safe_dump(described))
    inventory = ["-i", str(source)]
    for words in (
        ["ansible-playbook", *inventory, str(ROOT / "playbooks/allocate.yml")],
        [
            "ansible-playbook",
            *inventory,
            str(Path(__file__).with_name("gateway.yml")),
            "-e",
            f"ruleset={folder}/gateway.nft",
        ],
    ):
        done = subprocess.run(
            [ROOT / ".venv/bin" / words[0], *words[1:]],
            cwd=ROOT,
            env=environment(),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
    listed = run(str(ROOT / ".venv/bin/ansible-inventory"), *inventory, "--list")
    hostvars = json.loads(listed)["_meta"]["hostvars"]
    vms = {
        name: {**variables, "inventory_hostname": name}
        for name, variables in hostvars.items()
        if variables.get("ringmaster_project") in PROJECTS
    }
    assert len(vms) == 4
    return vms, hostvars["neta00"]["ringmaster_networks"], (folder / "gateway.nft").read_text()


@pytest.fixture(scope="module")
def network(platform: tuple[Vms, dict[str, Any], str]) -> Iterator[Network]:
    vms, networks, _ruleset = platform
    made = build(vms, networks)
    with listening(made, [*vms, "outside"], PORTS):
        _wait_until_reachable(made, vms)
        yield made
    made.remove()


def _wait_until_reachable(network: Network, vms: Vms) -> None:
    """Wait until every address answers while nothing is filtered: links and neighbours of IPv6 take their time."""
    addresses = [address for vm in vms.values() for role in ("fe", "srv") for address in of_machine(vm, role)]
    pings = [Question("outside", address, "icmp", 0, OUTSIDE[":" in address]) for address in addresses]
    for _attempt in range(10):
        silent = [question.target for question, answer in ask(network, pings).items() if answer != "open"]
        if not silent:
            return
    raise AssertionError(f"these addresses do not answer without any filter: {', '.join(silent)}")


def questions(network: Network, vms: Vms) -> Iterator[tuple[Question, str, str]]:
    """Yield each question with the VM that is asked and the interface on which it is asked."""
    for target, variables in vms.items():
        for role, interface in (("fe", "ethfe"), ("srv", "ethsrv")):
            for address in of_machine(variables, role):
                askers = [(name, source_of(network, name, address)) for name in vms if name != target]
                askers.append(("outside", OUTSIDE[":" in address]))
                if ":" not in address:
                    askers.append(("outside", MANAGER))
                for machine, source in askers:
                    for port in PORTS:
                        yield Question(machine, address, "tcp", port, source), target, interface
                    yield Question(machine, address, "icmp", 0, source), target, interface


def wrong(answers: Mapping[Question, str], expected: Mapping[Question, bool]) -> list[str]:
    return [
        f"{question.machine} ({question.source}) -> {question.target} {question.protocol} {question.port}: "
        f"{answers[question]}, and the policy says {'open' if permitted else 'closed'}"
        for question, permitted in expected.items()
        if (answers[question] == "open") != permitted
    ]


def load(network: Network, platform: tuple[Vms, dict[str, Any], str], *, in_vms: bool, at_gateway: bool) -> None:
    vms, _networks, ruleset = platform
    for name, variables in vms.items():
        network.load(name, firewall.render(firewall.policy(variables)) if in_vms else NOTHING)
    network.load("gateway", ruleset if at_gateway else NOTHING)


def summary(title: str, answers: Mapping[Question, str]) -> None:
    counted = ", ".join(f"{number} {answer}" for answer, number in sorted(Counter(answers.values()).items()))
    print(f"\n{title}: {len(answers)} questions: {counted}")


@pytest.mark.parametrize("at_gateway", [False, True], ids=["VMs alone", "VMs and gateway"])
def test_every_pair_is_as_the_policy_says(
    network: Network, platform: tuple[Vms, dict[str, Any], str], at_gateway: bool
) -> None:
    vms = platform[0]
    load(network, platform, in_vms=True, at_gateway=at_gateway)
    expected = {
        question: firewall.permits(
            firewall.policy(vms[target]), interface, question.source, question.protocol, question.port
        )
        for question, target, interface in questions(network, vms)
    }
    answers = ask(network, expected)
    summary("VMs and gateway" if at_gateway else "VMs alone", answers)
    assert len(expected) > 300
    assert 0 < sum(expected.values()) < len(expected)
    assert wrong(answers, expected) == []
    # On the server network a refusal is answered, so that a mistake shows at once.
    told = {answers[one] for one, permitted in expected.items() if not permitted and one.target.startswith("172.20.")}
    assert told <= {"EHOSTUNREACH", "EACCES", "silence"}
    if not at_gateway:
        assert "silence" not in told


def test_north_south_is_held_by_the_gateway_alone(network: Network, platform: tuple[Vms, dict[str, Any], str]) -> None:
    vms = platform[0]
    load(network, platform, in_vms=False, at_gateway=True)
    expected = {
        question: question.source == MANAGER
        or firewall.permits(firewall.policy(vms[target]), interface, question.source, question.protocol, question.port)
        for question, target, interface in questions(network, vms)
        if question.machine == "outside"
    }
    answers = ask(network, expected)
    summary("gateway alone", answers)
    assert 0 < sum(expected.values()) < len(expected)
    assert wrong(answers, expected) == []


def test_without_any_filter_everything_is_open(network: Network, platform: tuple[Vms, dict[str, Any], str]) -> None:
    """The matrix would otherwise also pass where nothing is connected."""
    load(network, platform, in_vms=False, at_gateway=False)
    asked = [question for question, _target, _interface in questions(network, platform[0])]
    assert set(ask(network, asked).values()) == {"open"}


def test_private_addresses_leave_as_the_gateways(network: Network, platform: tuple[Vms, dict[str, Any], str]) -> None:
    load(network, platform, in_vms=True, at_gateway=True)
    for machine, seen in (("netb00", UPLINK[0]), ("netb01", platform[0]["netb01"]["ringmaster_fe_ipv4"])):
        with network.inside("outside"):
            server = socket.create_server((OUTSIDE[0], 8080))
        with server:
            with network.inside(machine):
                client = socket.create_connection((OUTSIDE[0], 8080), timeout=3)
            with client:
                _connection, (address, _port) = server.accept()
                _connection.close()
        assert address == seen


@pytest.mark.parametrize("source", ["172.20.1.250", "198.51.100.250", "198.19.0.250", "2001:db8:3::fa"])
def test_nobody_outside_has_an_address_of_ours(
    network: Network, platform: tuple[Vms, dict[str, Any], str], source: str
) -> None:
    load(network, platform, in_vms=True, at_gateway=True)
    target = platform[0]["neta00"]["ringmaster_srv_ipv6" if ":" in source else "ringmaster_srv_ipv4"]
    network.run(
        "outside",
        "ip",
        "addr",
        "add",
        f"{source}/{128 if ':' in source else 32}",
        "dev",
        "uplink",
        *(["nodad"] if ":" in source else []),
    )
    assert set(ask(network, [Question("outside", target, "tcp", 22, source)]).values()) == {"silence"}
    listed = json.loads(network.run("gateway", "nft", "-j", "list", "chain", "inet", "ringmaster_gateway", "martians"))
    counted = [
        statement["counter"]["packets"]
        for entry in listed["nftables"]
        for statement in entry.get("rule", {}).get("expr", [])
        if "counter" in statement
    ]
    assert sum(counted) > 0


def test_neighbours_go_on_while_the_gateway_is_down(
    network: Network, platform: tuple[Vms, dict[str, Any], str]
) -> None:
    """What the gateway does not carry is as before; what it carries is not reached, and nothing more is open."""
    vms, networks, _ruleset = platform
    load(network, platform, in_vms=True, at_gateway=True)
    prefixes = [
        ipaddress.ip_network(one[family]) for one in networks.values() for family in ("ipv4", "ipv6") if one[family]
    ]
    expected = {}
    for question, target, interface in questions(network, vms):
        ends = {ipaddress.ip_address(question.source), ipaddress.ip_address(question.target)}
        near = any(all(end in prefix for end in ends) for prefix in prefixes)
        expected[question] = near and firewall.permits(
            firewall.policy(vms[target]), interface, question.source, question.protocol, question.port
        )
    down = ["net.ipv4.ip_forward=0", "net.ipv6.conf.all.forwarding=0"]
    network.run("gateway", "sysctl", "-qw", *down)
    try:
        answers = ask(network, expected)
    finally:
        network.run("gateway", "sysctl", "-qw", *(one.replace("=0", "=1") for one in down))
    summary("gateway down", answers)
    assert 0 < sum(expected.values()) < len(expected)
    assert wrong(answers, expected) == []


def test_a_further_address_is_used_as_the_first_is(network: Network, platform: tuple[Vms, dict[str, Any], str]) -> None:
    """Out of the VM as itself, untranslated; and in, as the policy of its network says."""
    vms = platform[0]
    load(network, platform, in_vms=True, at_gateway=True)
    with network.inside("outside"):
        server = socket.create_server((OUTSIDE[0], 8081))
    with server:
        for name in ("neta00", "netb01"):
            for address in (*vms[name]["ringmaster_fe_extra_ipv4"], *vms[name]["ringmaster_srv_public_ipv4"]):
                with network.inside(name):
                    client = socket.create_connection((OUTSIDE[0], 8081), timeout=3, source_address=(address, 0))
                with client:
                    _connection, (seen, _port) = server.accept()
                    _connection.close()
                assert seen == address
    extra, public = vms["netb01"]["ringmaster_fe_extra_ipv4"][0], vms["netb01"]["ringmaster_srv_public_ipv4"][0]
    wanted = {(extra, 22): "open", (extra, 80): "silence", (public, 80): "open", (public, 5432): "silence"}
    asked = {place: Question("outside", place[0], "tcp", place[1], OUTSIDE[0]) for place in wanted}
    answers = ask(network, asked.values())
    assert {place: answers[question] for place, question in asked.items()} == wanted


def test_reload_under_load_has_no_open_moment(network: Network, platform: tuple[Vms, dict[str, Any], str]) -> None:
    """While the ruleset is loaded again and again, what is closed stays closed, and what is open stays open."""
    vms = platform[0]
    load(network, platform, in_vms=True, at_gateway=True)
    ruleset = firewall.render(firewall.policy(vms["netb00"]))
    loader = subprocess.Popen(
        ["ip", "netns", "exec", network.name("netb00"), "sh", "-c", 'while :; do printf %s "$R" | nft -f -; done'],
        env={**os.environ, "R": ruleset},
    )
    try:
        address = vms["netb00"]["ringmaster_srv_ipv4"]
        source = vms["neta01"]["ringmaster_srv_ipv4"]
        for _round in range(20):
            closed, opened = (Question("neta01", address, "tcp", port, source) for port in (5432, 443))
            answers = ask(network, [closed, opened])
            assert answers[closed] != "open"
            assert answers[opened] == "open"
    finally:
        loader.kill()
        loader.wait()
