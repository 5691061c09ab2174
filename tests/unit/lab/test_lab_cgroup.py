# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Control groups of machines, on folders that stand for them."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import pytest
from ansible_collections.ringmaster.hosting.plugins.module_utils.lab import cgroup

GROUP = "ringmaster/lab/hv0"
UNIFIED, HYBRID, LEGACY = ["cgroup.controllers"], ["systemd/", "unified/", "cpu/"], ["cpu/"]


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(cgroup, "CGROUPS", tmp_path)
    return tmp_path


def make(root: Path, names: list[str]) -> None:
    for name in names:
        if name.endswith("/"):
            (root / name).mkdir()
        else:
            (root / name).touch()


@pytest.mark.parametrize(
    ("host", "found"),
    [(UNIFIED, ["."]), (HYBRID, ["systemd", "unified"]), (["systemd/", "cpu/"], ["systemd"]), (LEGACY, [])],
)
def test_hierarchies(root: Path, host: list[str], found: list[str]) -> None:
    make(root, host)
    assert cgroup.hierarchies() == [root / name for name in found]
    assert cgroup.folders(GROUP) == [root / name / GROUP for name in found]


def test_a_host_without_any_is_told(root: Path) -> None:
    make(root, LEGACY)
    with pytest.raises(FileNotFoundError, match="no control groups are mounted at"):
        cgroup.create(GROUP)


def test_processes_of_all_hierarchies_and_groups_below(root: Path) -> None:
    make(root, HYBRID)
    cgroup.create(GROUP)
    with subprocess.Popen(["sleep", "60"]) as first, subprocess.Popen(["sleep", "60"]) as second:
        below = root / "systemd" / GROUP / "payload"
        below.mkdir()
        (below / "cgroup.procs").write_text(f"{first.pid}\n")
        (root / "unified" / GROUP / "cgroup.procs").write_text(f"{first.pid}\n{second.pid}\n{2**22 + 1}\n")
        assert cgroup.processes(GROUP) == {first.pid, second.pid}
        cgroup.kill(GROUP, patience=5)
        assert not cgroup.processes(GROUP)
    assert (first.returncode, second.returncode) == (-signal.SIGKILL, -signal.SIGKILL)


def test_what_does_not_end_is_named(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make(root, UNIFIED)
    cgroup.create(GROUP)
    (root / GROUP / "cgroup.procs").write_text(f"{os.getpid()}\n")
    monkeypatch.setattr(cgroup.os, "kill", lambda pid, number: None)
    with pytest.raises(TimeoutError, match=f"processes .{os.getpid()}. of {GROUP} do not end"):
        cgroup.kill(GROUP, patience=0.2)


@pytest.mark.parametrize("host", [UNIFIED, HYBRID])
def test_remove_takes_empty_parents_and_no_neighbour(root: Path, host: list[str]) -> None:
    make(root, host)
    for group in (f"{GROUP}/a/b", "ringmaster/lab/svc0", "ringmaster/other/hv0", "system"):
        cgroup.create(group)
    cgroup.remove(GROUP)
    for folder in cgroup.hierarchies():
        assert not (folder / GROUP).exists()
        assert (folder / "ringmaster/lab/svc0").exists()
    cgroup.remove("ringmaster/lab/svc0")
    for folder in cgroup.hierarchies():
        assert sorted(path.name for path in (folder / "ringmaster").iterdir()) == ["other"]
    cgroup.remove("ringmaster/other")
    for folder in cgroup.hierarchies():
        assert not (folder / "ringmaster").exists()
        assert (folder / "system").exists()
