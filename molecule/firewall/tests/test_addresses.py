# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A changed address reaches a running machine: apply, confirm, and take it back where nobody confirms."""

from __future__ import annotations

import contextlib
import json
import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import PLATFORM
from steps import playbook
from testinfra.host import Host

ADDRESSES = Path(__file__).with_name("addresses.yml")
LEDGER = PLATFORM / "allocations.yml"
PROJECT = PLATFORM / "projects/neta.yml"
NEW = "172.20.2.77"
UNREACHABLE = "172.20.2.78"


def converge(*words: str) -> subprocess.CompletedProcess[str]:
    return playbook(str(ADDRESSES), *words)


def give(address: str) -> None:
    """Give the VM an address as an operator does who edits the ledger."""
    ledger = yaml.safe_load(LEDGER.read_text())
    ledger["ipv4_srv"]["neta00"] = address
    LEDGER.write_text(yaml.safe_dump(ledger))


def confirmed() -> str:
    return yaml.safe_load(LEDGER.read_text())["confirmed_addresses"]["neta00"].split()[2]


@pytest.fixture(scope="module")
def old(hostvars: dict[str, dict[str, Any]]) -> str:
    return hostvars["neta00"]["ringmaster_srv_ipv4"]


@pytest.fixture(scope="module")
def vm(machine: Callable[[str], Host], hostvars: dict[str, dict[str, Any]], old: str) -> Iterator[Host]:
    """Return the VM, reached by IPv6, over one connection from the beginning to the end; its address is put back."""
    done = converge()
    assert done.returncode == 0, done.stdout + done.stderr
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(hostvars["neta00"], "ansible_host", f"[{hostvars['neta00']['ringmaster_srv_ipv6']}]")
        host = machine("neta00")
    yield host
    give(old)
    done = converge()
    assert done.returncode == 0, done.stdout + done.stderr
    assert addresses(host) == {old}


def addresses(vm: Host) -> set[str]:
    found = json.loads(vm.check_output("ip -j -4 addr show ethsrv"))
    return {one["local"] for one in found[0]["addr_info"]}


def test_a_changed_address_reaches_the_running_machine(vm: Host, old: str) -> None:
    session = vm.check_output("echo $PPID $SSH_CONNECTION")
    give(NEW)
    done = converge()
    assert done.returncode == 0, done.stdout + done.stderr
    assert (addresses(vm), confirmed()) == ({NEW}, NEW)
    assert vm.check_output("ip rule").count("172.20.") == 1
    assert vm.check_output("echo $PPID $SSH_CONNECTION") == session
    again = converge()
    assert "changed=0" in next(line for line in again.stdout.splitlines() if line.startswith("neta00 "))

    # The run was cut short after the machine had taken the address, before the ledger knew.
    ledger = yaml.safe_load(LEDGER.read_text())
    ledger["confirmed_addresses"]["neta00"] = ledger["confirmed_addresses"]["neta00"].replace(NEW, old)
    LEDGER.write_text(yaml.safe_dump(ledger))
    done = converge()
    assert done.returncode == 0, done.stdout + done.stderr
    assert (addresses(vm), confirmed()) == ({NEW}, NEW)


@contextlib.contextmanager
def asked(**keys: Any) -> Iterator[None]:
    """Ask for further addresses in the description, which is put back."""
    text = PROJECT.read_text()
    described = yaml.safe_load(text)
    described["vms"]["neta00"].update(keys)
    PROJECT.write_text(yaml.safe_dump(described, sort_keys=False))
    try:
        yield
    finally:
        PROJECT.write_text(text)


def shown(vm: Host, interface: str) -> dict[str, bool]:
    """Return the IPv4 addresses of an interface in order, and whether each is a secondary one."""
    (found,) = json.loads(vm.check_output(f"ip -j -4 addr show {interface}"))
    return {one["local"]: bool(one.get("secondary")) for one in found["addr_info"]}


def test_further_addresses_come_to_the_running_machine_and_go(vm: Host, hostvars: dict[str, dict[str, Any]]) -> None:
    first, private = hostvars["neta00"]["ringmaster_fe_ipv4"], confirmed()
    session = vm.check_output("echo $PPID $SSH_CONNECTION")
    before = vm.check_output("cat /etc/systemd/network/10-eth*; ip rule; ip route show table all type unicast")
    had = yaml.safe_load(LEDGER.read_text())["confirmed_addresses"]["neta00"]
    with asked(frontend_extra_ipv4=1, server_public_ipv4=1):
        done = converge()
        assert done.returncode == 0, done.stdout + done.stderr
        ledger = yaml.safe_load(LEDGER.read_text())
        (extra,), (public,) = ledger["ipv4_frontend_extra"]["neta00"], ledger["ipv4_server_public"]["neta00"]
        assert ledger["confirmed_addresses"]["neta00"] == f"{had} {extra} {public}"
        assert shown(vm, "ethfe") == {first: False, extra: True}
        assert shown(vm, "ethsrv") == {private: False, public: False}
        assert vm.check_output("echo $PPID $SSH_CONNECTION") == session
        # What it asks itself comes from the first, and each answers those who ask it.
        assert f"src {first} " in vm.check_output("ip route get 198.18.0.7")
        for address in (first, extra, public):
            with socket.create_connection((address, 22), timeout=5) as client:
                assert client.recv(4) == b"SSH-"
        again = converge()
        assert "changed=0" in next(line for line in again.stdout.splitlines() if line.startswith("neta00 "))
        # Somebody took one away by hand: it is found and made good.
        vm.check_output(f"ip addr del {extra}/24 dev ethfe")
        done = converge()
        assert done.returncode == 0, done.stdout + done.stderr
        assert shown(vm, "ethfe") == {first: False, extra: True}
    done = converge()
    assert done.returncode == 0, done.stdout + done.stderr
    assert (shown(vm, "ethfe"), shown(vm, "ethsrv")) == ({first: False}, {private: False})
    after = vm.check_output("cat /etc/systemd/network/10-eth*; ip rule; ip route show table all type unicast")
    assert sorted(after.splitlines()) == sorted(before.splitlines())
    assert yaml.safe_load(LEDGER.read_text())["confirmed_addresses"]["neta00"] == had
    assert vm.check_output("echo $PPID $SSH_CONNECTION") == session


def test_an_address_that_nobody_reaches_is_taken_back(vm: Host) -> None:
    former = confirmed()
    before = vm.check_output("cat /etc/systemd/network/10-eth*")
    give(UNREACHABLE)
    subprocess.run(["ip", "route", "add", "unreachable", UNREACHABLE], check=True)
    try:
        done = converge("-e", "network_confirm_within=8")
    finally:
        subprocess.run(["ip", "route", "del", "unreachable", UNREACHABLE], check=True)
    assert done.returncode != 0
    assert "was not confirmed within 8 s" in done.stdout.replace("\n", " ")
    assert (addresses(vm), confirmed()) == ({former}, former)
    assert vm.check_output("cat /etc/systemd/network/10-eth*") == before
