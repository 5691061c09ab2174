# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The firewall on a machine: rules of the project's own, reboot. Who reaches what: tests/integration/network."""

from __future__ import annotations

import contextlib
import json
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.ringmaster.hosting.plugins.module_utils.services import firewall
from ringmaster.reach import checks as reach
from steps import check_of, playbook, writer
from testinfra.host import Host

ROOT = Path(__file__).parents[3]
INBOX = "/etc/local/firewall"
put = writer("s-neta", INBOX)
STRANGER = "198.18.0.7"
PORT = 8080
Eventually = Callable[..., None]


@pytest.fixture(scope="module")
def vm(machine: Callable[[str], Host]) -> Host:
    return machine("neta00")


@pytest.fixture(scope="module", autouse=True)
def listener(vm: Host) -> Iterator[None]:
    """Somebody answers on the port in question, so that an answer is the firewall's."""
    vm.check_output("systemd-run --quiet --unit=listener python3 -m http.server %s --bind ::", str(PORT))
    yield
    vm.check_output("systemctl stop listener")


@pytest.fixture
def empty_inbox(vm: Host) -> Iterator[None]:
    yield
    # By hand, not by the watch: what one test leaves must not be taken for what the next one waits for.
    vm.check_output(f"rm -f {INBOX}/*.nft; /usr/bin/ringmaster firewall converge")


@pytest.fixture(scope="module")
def reaches(hostvars: dict[str, dict[str, Any]]) -> Callable[..., bool]:
    def connect(source: str = STRANGER, port: int = PORT) -> bool:
        with contextlib.suppress(OSError):
            address = hostvars["neta00"]["ringmaster_srv_ipv4"]
            socket.create_connection((address, port), timeout=2, source_address=(source, 0)).close()
            return True
        return False

    return connect


def sentence(vm: Host) -> tuple[str, str]:
    found = check_of(vm, "firewall/drop-ins")
    return found["state"], found["output"]


@pytest.mark.usefixtures("empty_inbox")
def test_a_rule_of_the_project_opens_a_port_without_root(
    vm: Host, eventually: Eventually, reaches: Callable[..., bool]
) -> None:
    assert not reaches()
    put(vm, "app.nft", f'# the application\niifname ethsrv ip saddr {STRANGER} tcp dport {PORT} accept comment "app"\n')
    eventually(reaches)
    assert sentence(vm) == ("ok", f"1 drop-in of {INBOX} is in use, none is refused.")
    accepted = vm.file("/etc/ringmaster/firewall/accepted/app.nft")
    assert (accepted.user, accepted.mode) == ("root", 0o640)
    assert vm.run("/usr/lib/ringmaster/firewall status").rc == 0
    # The platform's ruleset is reloaded, as after a change of the description: the rule stays.
    vm.check_output("/usr/lib/ringmaster/firewall load")
    assert reaches()
    vm.check_output(f"sudo -u s-neta rm {INBOX}/app.nft")
    eventually(lambda: not reaches())


@pytest.mark.usefixtures("empty_inbox")
@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("tcp dport 8080 acept\n", "line 1: 'acept' is not allowed here"),
        ("tcp dport 8080 accept\nflush ruleset\n", "line 2: 'flush' is not allowed here"),
        ("accept; flush table inet ringmaster\n", "line 1: 'accept;' is not allowed here"),
        ("tcp dport accept 8080 accept\n", "nft refuses it: syntax error"),
        ('include \\"/etc/shadow\\"\n', "line 1: 'include' is not allowed here"),
        ("tcp dport 8080 jump input\n", "'jump' is not allowed here"),
        ("tcp dport ssh accept\n", "'ssh' is not allowed here"),
        ("ip saddr deb.debian.org accept\n", "'deb.debian.org' is not allowed here"),
        ("tcp dport 8080 counter\n", "line 1: a rule ends in one of accept, drop, reject, return"),
        ("tcp dport 8080-80 accept\n", "nft refuses it:"),
    ],
)
def test_a_mistake_is_left_out_and_told(
    vm: Host, eventually: Eventually, reaches: Callable[..., bool], text: str, reason: str
) -> None:
    before = vm.check_output("nft -s list ruleset | sort")
    put(vm, "bad.nft", text)
    eventually(lambda: reason in vm.run("cat /var/lib/ringmaster/firewall.json").stdout)
    state, said = sentence(vm)
    assert state == "warning"
    assert "bad.nft is left out" in said
    assert reason in said
    assert vm.check_output("nft -s list ruleset | sort") == before
    assert not reaches()
    assert reaches(port=22, source="172.20.0.1")


@pytest.mark.usefixtures("empty_inbox")
def test_links_are_refused_and_good_files_beside_them_are_not(
    vm: Host, eventually: Eventually, reaches: Callable[..., bool]
) -> None:
    vm.check_output(f"sudo -u s-neta sh -c 'ln -s /etc/shadow {INBOX}/link.nft; mkfifo {INBOX}/pipe.nft'")
    put(vm, "good.nft", f"tcp dport {PORT} accept\n")
    eventually(reaches)
    said = sentence(vm)[1]
    assert "link.nft is left out: it is a link" in said
    assert "pipe.nft is left out: it is not a regular file" in said


def test_the_projects_rules_are_asked_last(vm: Host) -> None:
    chain = vm.check_output("nft list chain inet ringmaster input").splitlines()
    position = next(number for number, line in enumerate(chain) if "jump local" in line)
    assert all("accept" not in line for line in chain[position:])
    assert any('comment "management"' in line for line in chain[:position])


def test_a_service_user_cannot_touch_what_was_accepted(vm: Host) -> None:
    for command in (
        "touch /etc/ringmaster/firewall/accepted/x.nft",
        f"rm -f {INBOX}/README",
        "nft list ruleset",
        "/usr/lib/ringmaster/firewall load",
    ):
        assert vm.run(f"sudo -u s-neta {command}").rc != 0


def test_a_ruleset_that_cuts_ansible_off_is_taken_back(vm: Host, reaches: Callable[..., bool]) -> None:
    before = vm.check_output("nft -s list ruleset; cat /etc/ringmaster/firewall.nft")
    closed = (
        "table inet ringmaster\ndelete table inet ringmaster\ntable inet ringmaster {\n"
        "chain input {\ntype filter hook input priority filter; policy drop;\n}\nchain local {\n}\n}\n"
    )
    words = json.dumps({"__firewall_ruleset": closed, "firewall_confirm_within": 8})
    done = playbook(str(ROOT / "molecule/firewall/converge.yml"), "-e", words)
    assert done.returncode != 0
    assert "was not confirmed within 8 s and the host has taken it back" in done.stdout.replace("\n", " ")
    assert vm.check_output("nft -s list ruleset; cat /etc/ringmaster/firewall.nft") == before
    assert reaches(port=22)


def test_tables_of_others_stay(vm: Host) -> None:
    vm.check_output("nft add table inet somebodys")
    vm.check_output("/usr/lib/ringmaster/firewall load")
    assert vm.run("nft list table inet somebodys").rc == 0
    vm.check_output("nft delete table inet somebodys")


def test_the_platforms_rules_come_without_local_ones_that_no_longer_fit(vm: Host) -> None:
    local = "/etc/ringmaster/firewall/local.nft"
    vm.check_output(f"cp -p {local} /root/local.nft; echo 'add rule inet ringmaster local nonsense' > {local}")
    vm.check_output("nft delete table inet ringmaster; /usr/lib/ringmaster/firewall load")
    assert "management" in vm.check_output("nft list chain inet ringmaster input")
    vm.check_output(f"mv /root/local.nft {local}; /usr/lib/ringmaster/firewall load")


@pytest.mark.usefixtures("empty_inbox")
def test_all_of_it_is_there_after_a_reboot(vm: Host, eventually: Eventually, reaches: Callable[..., bool]) -> None:
    put(vm, "app.nft", f"tcp dport {PORT} accept\n")
    eventually(lambda: vm.run("ls /etc/ringmaster/firewall/accepted").stdout != "")
    booted = vm.check_output("stat -c %Z /proc/1")
    vm.run("systemd-run --on-active=1 --timer-property=AccuracySec=100ms systemctl reboot")

    def has_booted() -> bool:
        try:
            return vm.check_output("stat -c %Z /proc/1") != booted
        except RuntimeError:  # no connection
            return False

    eventually(has_booted, 60)
    chain = vm.check_output("nft list chain inet ringmaster local")
    assert f"tcp dport {PORT} accept" in chain
    assert vm.check_output("systemctl is-active ringmaster-firewall-inbox.path") == "active"
    vm.check_output("systemd-run --quiet --unit=listener python3 -m http.server %s --bind ::", str(PORT))


def test_the_network_check_agrees(vm: Host) -> None:
    # Here the gateway is the machine that tests, which has no role; test_vms_and_machines.py has one.
    askers = ("-e", '{"network_check_askers": [], "network_check_machine_ports": [], "vm": "neta00"}')
    done = playbook("network_check.yml", *askers)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "answers are as the description says" in done.stdout
    # Somebody opens what the description does not: the check tells.
    vm.check_output("nft insert rule inet ringmaster input tcp dport 5432 accept")
    try:
        done = playbook("network_check.yml", *askers)
        assert done.returncode != 0
        assert "port 5432: reached (refused), and the description does not allow it" in done.stdout.replace("\n", " ")
    finally:
        vm.check_output("/usr/lib/ringmaster/firewall load")


@pytest.fixture(scope="module")
def compared(hostvars: dict[str, dict[str, Any]]) -> Callable[[], tuple[int, str]]:
    """Return a function that asks the VM what a neighbour's check asks, from here."""
    here = {"ringmaster_srv_ipv4": "172.20.0.1", "ringmaster_srv_ipv6": "2001:db8:3::1"}
    vm = {**hostvars["neta00"], "inventory_hostname": "neta00"}
    questions = firewall.questions(here, {"neta00": vm}, (22, 443, 5432, 25000))
    assert [one["open"] for one in questions] == [[22, 443], [22, 443]]
    return lambda: reach.compare(questions, 900)


def test_what_is_reached_is_compared_with_the_description(
    vm: Host, hostvars: dict[str, dict[str, Any]], compared: Callable[[], tuple[int, str]]
) -> None:
    address = hostvars["neta00"]["ringmaster_srv_ipv6"]
    try:
        assert compared() == (0, "8 answers of 1 VM are as the description says.")
        vm.check_output("nft insert rule inet ringmaster input meta nfproto ipv6 tcp dport 5432 accept")
        told = f"Not as the description says, from here: neta00 ({address}) port 5432 is open."
        assert compared() == (1, told)
        vm.check_output("/usr/lib/ringmaster/firewall load")
        vm.check_output("nft insert rule inet ringmaster input meta nfproto ipv6 tcp dport 443 drop")
        assert compared() == (1, told.replace("5432 is open", "443 is closed"))
        # A VM that says nothing at all is the matter of another check.
        vm.check_output("nft insert rule inet ringmaster input meta nfproto ipv6 tcp dport 22 drop")
        assert compared() == (0, "4 answers of 1 VM are as the description says. 1 address does not answer.")
    finally:
        vm.check_output("/usr/lib/ringmaster/firewall load")


def test_the_vm_asks_its_neighbours(vm: Host) -> None:
    found = check_of(vm, "firewall/reach")
    assert found["state"] == "ok"
    assert "VMs are as the description says." in found["output"]


def test_the_policy_is_shown() -> None:
    done = playbook("show_firewall.yml", "-e", "vm=neta00")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "ethsrv     anywhere" in done.stdout
    assert "rule of the project: from netb00" in done.stdout
