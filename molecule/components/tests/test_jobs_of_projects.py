# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Jobs of a project under a real systemd, and VMs that agree in real databases who runs one."""

from __future__ import annotations

import json
import shlex
import time
from collections.abc import Callable
from typing import Any

import pytest
from testinfra.host import Host

HOME = "/srv/s-trio"
PROGRAM = "/usr/lib/ringmaster/python"


@pytest.fixture(scope="module")
def vm(machine: Callable[[str], Host], hostvars: dict[str, dict[str, Any]]) -> Host:
    """Return the machine, which knows its name as DNS would tell it."""
    host = machine("trio00")
    line = f"{hostvars['trio00']['ringmaster_srv_ipv4']} {hostvars['trio00']['ringmaster_fqdn']}"
    host.check_output(f"grep -qF '{line}' /etc/hosts || echo '{line}' >> /etc/hosts")
    return host


def run(host: Host, job: str) -> tuple[int, str]:
    """Run a job now; return what its check says."""
    host.run(f"systemctl start job-{job}.service")
    code = (
        f"import json, sys; sys.path.insert(0, {PROGRAM!r}); from ringmaster.jobs import checks; "
        f"print(json.dumps(checks.ended({job!r})))"
    )
    status, sentence = json.loads(host.check_output(f"python3 -c {shlex.quote(code)}"))
    return status, sentence


def test_a_job_runs_as_its_user_at_home_within_its_limits(vm: Host) -> None:
    assert run(vm, "good")[0] == 0
    assert vm.file(f"{HOME}/ran").content_string.split()[-1] == "s-trio"
    uid = vm.check_output("id -u s-trio")
    assert vm.check_output("systemctl show -P Slice job-good.service") == f"user-{uid}.slice"
    assert "It ended well at" in vm.check_output("ringmaster jobs")
    # What it said is its user's to read.
    assert "it is done" in vm.check_output("sudo -u s-trio journalctl -q --no-pager -u job-good")


def test_the_calendar_runs_it(vm: Host) -> None:
    assert vm.service("job-often.timer").is_enabled
    deadline = time.monotonic() + 30
    while not vm.file(f"{HOME}/often").exists and time.monotonic() < deadline:
        time.sleep(1)
    assert vm.file(f"{HOME}/often").exists


@pytest.mark.parametrize(("job", "said"), [("bad", "It failed with code 127"), ("long", "It was ended after 1 s")])
def test_a_failure_is_said_and_counted(vm: Host, job: str, said: str) -> None:
    status, sentence = run(vm, job)
    assert (status, said in sentence) == (2, True), sentence
    metrics = vm.file("/run/ringmaster/textfile/jobs.prom").content_string
    assert f'ringmaster_job_success_timestamp_seconds{{job="{job}"}} 0\n' in metrics
    checks = json.loads(vm.file("/usr/lib/ringmaster/checks.d/jobs.json").content_string)
    assert job in {check["name"] for check in checks}


def claimed(host: Host, component: str, as_vm: str, moment: str) -> str:
    """Let a VM of another name say whether it runs a job; return what it says, or why nobody knows."""
    code = (
        f"import sys; sys.path.insert(0, {PROGRAM!r}); import socket; socket.gethostname = lambda: {as_vm!r}\n"
        f"from ringmaster.jobs import claims\n"
        f"print(claims.claim('one', {component!r}, {moment!r}))"
    )
    done = host.run(f"sudo -u s-trio python3 -c {shlex.quote(code)}")
    return done.stdout.strip() or done.stderr.strip().splitlines()[-1]


@pytest.mark.parametrize("component", ["postgresql", "redis"])
def test_one_of_several_vms_runs_it_each_time(vm: Host, component: str) -> None:
    moment = f"2026-11-30 {time.strftime('%H:%M:%S')} UTC"
    assert claimed(vm, component, "trio07", moment) == "True"
    assert claimed(vm, component, "trio08", moment) == "False"
    assert claimed(vm, component, "trio07", moment) == "True"  # it asked again, and is still the one
    assert claimed(vm, component, "trio08", "2026-12-01 00:00:00 UTC") == "True"


def test_many_at_once_and_one_of_them(vm: Host) -> None:
    code = (
        f"import sys; sys.path.insert(0, {PROGRAM!r}); import socket; socket.gethostname = lambda: sys.argv[1]\n"
        "from ringmaster.jobs import claims\n"
        "print(claims.claim('many', 'postgresql', '2026-12-02 00:00:00 UTC'))"
    )
    command = f"for vm in 1 2 3 4 5 6 7 8; do python3 -c {shlex.quote(code)} vm$vm & done; wait"
    said = vm.check_output(f"sudo -u s-trio sh -c {shlex.quote(command)}").split()
    assert sorted(said) == ["False"] * 7 + ["True"]


def test_whoever_is_second_leaves_it_out_and_nothing_is_red(vm: Host) -> None:
    due = vm.check_output(
        f"python3 -c \"import sys; sys.path.insert(0, '{PROGRAM}'); import time; from ringmaster.jobs "
        "import claims; print(claims.due('2199-12-31 03:10', time.time()))\""
    )
    assert claimed(vm, "postgresql", "another", due) == "True"
    status, sentence = run(vm, "one")
    assert (status, "Another VM ran it at" in sentence) == (0, True), sentence
    assert not vm.file(f"{HOME}/one").exists


def test_where_nobody_knows_nobody_runs_it(vm: Host) -> None:
    vm.check_output("systemctl stop postgresql@17-main.service")
    try:
        status, sentence = run(vm, "one")
    finally:
        vm.check_output("systemctl start postgresql@17-main.service")
    assert (status, "failed" in sentence) == (2, True), sentence
    assert not vm.file(f"{HOME}/one").exists
