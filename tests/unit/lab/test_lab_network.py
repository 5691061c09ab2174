# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Resolvers that a lab machine is given, ends of processes, and the lab's lock."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from ansible_collections.ringmaster.hosting.plugins.module_utils.lab import cgroup, network
from ansible_collections.ringmaster.hosting.plugins.module_utils.lab import run as running
from ansible_collections.ringmaster.hosting.plugins.module_utils.lab.run import LabError, locked, run

ETC, RESOLVED = "/etc/resolv.conf", "/run/systemd/resolve/resolv.conf"
GATEWAYS = [{"dst": "default", "gateway": "192.0.2.1"}, {"dst": "default", "dev": "wg0"}]


@pytest.mark.parametrize(
    ("files", "found"),
    [
        ({ETC: "nameserver 192.0.2.53\nnameserver 2001:db8::53\n"}, ["192.0.2.53", "2001:db8::53"]),
        ({ETC: "# nameserver 192.0.2.1\nsearch x\n\tnameserver\t192.0.2.53 # ours\n"}, ["192.0.2.53"]),
        ({ETC: "nameserver 127.0.0.53\n", RESOLVED: "nameserver 192.0.2.9\n"}, ["192.0.2.9"]),
        ({ETC: "nameserver 127.0.0.1\nnameserver 192.0.2.9\n", RESOLVED: "nameserver 192.0.2.10"}, ["192.0.2.9"]),
        ({ETC: "nameserver ::1\nnameserver 0.0.0.0\nnameserver fe80::1%eth0\n"}, ["192.0.2.1"]),
        ({ETC: "nameserver\nnameserver nonsense\n", RESOLVED: ""}, ["192.0.2.1"]),
        ({}, ["192.0.2.1"]),
    ],
)
def test_nameservers(files: dict[str, str], found: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for path, text in files.items():
        place = tmp_path / path.lstrip("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)
    monkeypatch.setattr(network, "Path", lambda path: tmp_path / str(path).lstrip("/"))
    answer = subprocess.CompletedProcess([], 0, json.dumps(GATEWAYS), "")
    monkeypatch.setattr(network, "run", lambda argv: answer)
    assert network.nameservers() == found


def test_without_any_way_out_there_is_no_nameserver(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(network, "Path", lambda path: tmp_path / str(path).lstrip("/"))
    monkeypatch.setattr(network, "run", lambda argv: subprocess.CompletedProcess([], 0, "", ""))
    assert network.nameservers() == []


STUBBORN = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(flush=True); time.sleep(60)"


@pytest.mark.parametrize(("program", "status"), [("time.sleep(60)", signal.SIGTERM), (STUBBORN, signal.SIGKILL)])
def test_processes_are_ended_by_force_if_need_be(program: str, status: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "PATIENCE", 0.3)
    argv = [sys.executable, "-c", f"import time; print(flush=True); {program}"]
    with subprocess.Popen(argv, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        if program == STUBBORN:
            process.stdout.readline()
        running.end_all(lambda: [process.pid] if cgroup.lives(process.pid) else [])
    assert process.returncode == -status


def test_a_process_that_does_not_end_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "PATIENCE", 0.1)
    monkeypatch.setattr(running.os, "kill", lambda pid, number: None)
    with pytest.raises(LabError, match=r"processes \[4711\] do not end"):
        running.end_all(lambda: [4711])


def test_parents_and_life_of_processes() -> None:
    assert cgroup.parent(os.getpid()) == os.getppid()
    assert cgroup.lives(os.getpid())
    with subprocess.Popen(["true"]) as process:
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        assert not cgroup.lives(process.pid), "a zombie does not count"
    assert not cgroup.lives(process.pid)
    assert cgroup.parent(process.pid) == 0


def test_a_second_run_waits_for_what_a_killed_one_left_running(tmp_path: Path) -> None:
    holder = (
        "import sys, time; from pathlib import Path\n"
        "from ansible_collections.ringmaster.hosting.plugins.module_utils.lab.run import locked\n"
        f"with locked(Path({str(tmp_path)!r})):\n    print(flush=True); time.sleep(0.5)\n"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen([sys.executable, "-c", holder], stdout=subprocess.PIPE, env=environment) as process:
        assert process.stdout is not None
        process.stdout.readline()
        begin = time.monotonic()
        with locked(tmp_path):
            assert time.monotonic() - begin > 0.2


def test_run_tells_the_command_and_the_remedy() -> None:
    with pytest.raises(LabError, match=r"^sh -c echo bad >&2; exit 3: bad \(exit 3\)$"):
        run(["sh", "-c", "echo bad >&2; exit 3"])
    with pytest.raises(LabError, match="no-such-tool is not installed; 'make up' installs it"):
        run(["no-such-tool"])
    assert run(["sh", "-c", "exit 3"], check=False).returncode == 3
