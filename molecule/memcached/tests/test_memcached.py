# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""memcached as its users see it. mem00 has it, mem01 is another VM of the same project."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable
from typing import Any

import contract
import pytest
from ringmaster.memcached.client import PORT, Client, MemcachedError
from steps import check_of
from testinfra.host import Host

SETTINGS = "/etc/ringmaster/memcached/settings.json"
CONVERGE = "/usr/bin/ringmaster memcached converge"


@pytest.fixture(scope="module")
def memcached(machine: Callable[[str], Host]) -> Host:
    """Return the machine with memcached."""
    return machine("mem00")


@pytest.fixture(scope="module")
def neighbour(machine: Callable[[str], Host]) -> Host:
    """Return another machine of the project."""
    return machine("mem01")


def addresses(hostvars: dict[str, dict[str, Any]]) -> list[str]:
    return [hostvars["mem00"][f"ringmaster_srv_{family}"] for family in ("ipv4", "ipv6")]


@pytest.mark.contract("data go there and back over IPv4 and IPv6")
def test_a_value_goes_there_and_back_from_another_vm(neighbour: Host, hostvars: dict[str, dict[str, Any]]) -> None:
    for address in addresses(hostvars):
        program = f"""
import socket
with socket.create_connection(({address!r}, {PORT}), 5) as client:
    stream = client.makefile("rwb")
    stream.write(b"set test 0 60 4\\r\\nkept\\r\\nget test\\r\\n")
    stream.flush()
    print([stream.readline().decode().strip() for _ in range(4)])
"""
        said = neighbour.check_output(f"python3 -c {shlex.quote(program)}")
        assert said == "['STORED', 'VALUE test 0 4', 'kept', 'END']"


@pytest.mark.contract("refused to strangers")
def test_it_listens_where_the_firewall_lets_the_project_in_and_nowhere_else(
    memcached: Host, hostvars: dict[str, dict[str, Any]]
) -> None:
    """It has no login: a port that strangers reach would be open to them."""
    tcp = [line.split()[3] for line in memcached.check_output("ss -Hltn sport = :11211").splitlines()]
    assert len(tcp) == 4
    found = {one.rpartition(":")[0].strip("[]") for one in tcp}
    assert found == {"127.0.0.1", "::1", *addresses(hostvars)}
    assert memcached.check_output("ss -Hlun sport = :11211") == ""


@pytest.mark.contract("a restart only when asked for")
def test_memory_is_set_live_and_the_rest_waits(memcached: Host, hostvars: dict[str, dict[str, Any]]) -> None:
    text = memcached.check_output(f"cat {SETTINGS}")
    wanted = json.loads(text)
    changed = {**wanted, "memory_mib": wanted["memory_mib"] - 64, "connections": 512}
    with Client((addresses(hostvars)[0], PORT)) as client:
        client.set("test:live", "kept", 600)
    try:
        memcached.check_output(f"cat > {SETTINGS} <<'END'\n{json.dumps(changed)}\nEND")
        report = json.loads(memcached.check_output(CONVERGE))
        assert f"set memory_mib: {wanted['memory_mib']} -> {changed['memory_mib']}" in report["steps"]
        assert [one["setting"] for one in report["pending_restart"]] == ["connections"]
        assert "connections (1024, wanted 512)" in check_of(memcached, "memcached/restart")["output"]
        with Client((addresses(hostvars)[0], PORT)) as client:
            assert client.get("test:live") == "kept"
        assert json.loads(memcached.check_output(f"{CONVERGE} --restart"))["pending_restart"] == []
        with Client((addresses(hostvars)[0], PORT)) as client:
            assert client.stats("settings")["maxconns"] == "512"
            assert client.get("test:live") is None
    finally:
        memcached.check_output(f"cat > {SETTINGS} <<'END'\n{text}\nEND\n{CONVERGE} --restart")


@pytest.mark.contract("a trial start before anything is used")
def test_settings_that_it_would_not_start_with_are_refused(memcached: Host) -> None:
    text = memcached.check_output(f"cat {SETTINGS}")
    broken = {**json.loads(text), "item_kib": 10**7}
    try:
        memcached.check_output(f"cat > {SETTINGS} <<'END'\n{json.dumps(broken)}\nEND")
        done = memcached.run(CONVERGE)
        assert done.rc == 1
        assert "memcached does not accept its settings" in done.stderr
        assert check_of(memcached, "memcached/answers")["state"] == "ok"
    finally:
        memcached.check_output(f"cat > {SETTINGS} <<'END'\n{text}\nEND")
    assert json.loads(memcached.check_output(CONVERGE))["changed"] is False


@pytest.mark.contract("kill -9 is survived")
def test_it_comes_back_after_a_crash(
    memcached: Host, hostvars: dict[str, dict[str, Any]], eventually: Callable[..., None]
) -> None:
    memcached.check_output("systemctl kill -s KILL memcached")

    def answers() -> bool:
        try:
            with Client((addresses(hostvars)[1], PORT)) as client:
                return "pid" in client.stats()
        except (OSError, MemcachedError):
            return False

    eventually(answers)


def test_the_check_sees_it_stopped(memcached: Host) -> None:
    memcached.check_output("systemctl stop memcached")
    try:
        check = check_of(memcached, "memcached/answers")
        assert check["state"] == "critical"
        assert "Connection refused" in check["output"]
        assert check_of(memcached, "memcached/connections")["state"] == "unknown"
    finally:
        memcached.check_output(f"systemctl start memcached; {CONVERGE}")
    assert check_of(memcached, "memcached/answers")["state"] == "ok"


class TestContract(contract.Contract):
    """What every component owes."""

    name = "memcached"
    vm = "mem00"
    members = "project_mem"
