# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Faults: the module is killed at each of its steps, libvirtd dies, two run at once. Then it runs again."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import conftest as fixtures
import pytest
from ansible_collections.ringmaster.hosting.plugins.module_utils.libvirt import apply

CREATE = ["create_volume", "create_volume", "create_volume", "write_seed", "define", "set_autostart", "start"]
CHANGE: dict[str, Any] = {
    "memory_max_mib": 512,
    "root_gib": 3,
    "nics": [{**nic, "link": "down"} for nic in fixtures.samples.SPEC["nics"]],
    "seed": {"meta-data": "new"},
    "io_limits": {"tmp": {"write_iops": 9}},
}
RESTART: dict[str, Any] = {"state": "restarted", "memory_mib": 256, "root_gib": 3}


def killed_at(machine: Any, number: int, after: bool, changes: dict[str, Any]) -> None:
    """Run in a child that dies by SIGKILL before (or after) its step of that number."""

    def run() -> None:
        count = 0

        def deadly(kind: str, step: Callable[..., None]) -> Callable[..., None]:
            def wrapped(context: Any, action: Any) -> None:
                nonlocal count
                count += 1
                if count == number and not after:
                    os.kill(os.getpid(), signal.SIGKILL)
                step(context, action)
                if count == number:
                    os.kill(os.getpid(), signal.SIGKILL)

            return wrapped

        apply.TABLE = {kind: deadly(kind, step) for kind, step in apply.TABLE.items()}
        machine.one(**changes)

    process = multiprocessing.get_context("fork").Process(target=run)
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL, f"the run has no step {number}"


def assert_converged(machine: Any, changes: dict[str, Any]) -> None:
    steady = {key: value for key, value in changes.items() if key != "state"}
    done = machine.one(**steady)
    assert "msg" not in done, done["msg"]
    assert done["state"] == "running"
    again = machine.one(**steady)
    assert again["actions"] == []
    expected = {fixtures.IMAGE, *machine_volumes()}
    assert {path.name for path in (machine.folder / "pool").iterdir()} == expected


def machine_volumes() -> list[str]:
    return list(fixtures.samples.model.volume_names("myapp00", fixtures.samples.UUID).values())


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("number", range(1, len(CREATE) + 1))
def test_killed_while_creating(machine: Any, number: int, after: bool) -> None:
    """SIGKILL before or after each step: the next run ends with one VM and its disks."""
    assert [step["action"] for step in machine.one(check=True)["actions"]] == CREATE
    killed_at(machine, number, after, {})
    assert_converged(machine, {})


@pytest.mark.parametrize("number", range(1, 8))
def test_killed_while_changing(machine: Any, number: int) -> None:
    """SIGKILL before each step of a change of everything: the next run completes it."""
    machine.settle()
    assert len(machine.one(check=True, **CHANGE)["actions"]) == 7
    killed_at(machine, number, True, CHANGE)
    assert_converged(machine, CHANGE)
    live = machine.live()
    assert (live["nics.ethfe.link"], live["disks.tmp.write_iops"]) == ("down", 9)


@pytest.mark.parametrize("number", range(1, 5))
def test_killed_while_restarting(machine: Any, number: int) -> None:
    """SIGKILL before each step: the VM runs again after the next run."""
    machine.settle()
    assert len(machine.one(check=True, **RESTART)["actions"]) == 4
    killed_at(machine, number, True, RESTART)
    assert_converged(machine, RESTART)


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("number", range(1, 6))
def test_killed_while_deleting(machine: Any, number: int, after: bool) -> None:
    """The definition goes first, so that what is left over is volumes, and the next run takes them."""
    due = {"state": "absent", "delete_after": "2026-11-01"}
    machine.settle(state="stopped")
    assert len(machine.one(check=True, **due)["actions"]) == 5
    killed_at(machine, number, after, due)
    machine.settle(**due)
    assert [path.name for path in (machine.folder / "pool").iterdir()] == [fixtures.IMAGE]


def test_libvirtd_dies_between_two_runs(machine: Any, libvirtd: Path) -> None:
    """The guest goes on, and the next run finds it as it is."""
    machine.settle()
    pid = next(
        int(entry.name)
        for entry in Path("/proc").iterdir()
        if entry.name.isdigit() and is_our_libvirtd(entry, libvirtd)
    )
    os.kill(pid, signal.SIGKILL)
    fixtures.wait_for_libvirtd(libvirtd)
    assert machine.one()["actions"] == []
    machine.settle(cores=2)


def is_our_libvirtd(entry: Path, folder: Path) -> bool:
    """Tell whether a process is the libvirtd in our namespaces: it sees our folder at /run/libvirt."""
    try:
        if (entry / "comm").read_text().strip() != "libvirtd":
            return False
        return (entry / "root/run/libvirt").samefile(folder / "run/libvirt")
    except OSError:
        return False


def test_two_controllers_at_once(machine: Any) -> None:
    """Both end well, and together they create the VM once."""
    context = multiprocessing.get_context("fork")
    results: Any = context.Queue()
    processes = [context.Process(target=lambda: results.put(machine.one())) for _ in range(2)]
    for process in processes:
        process.start()
    found = [results.get(timeout=60) for _ in processes]
    for process in processes:
        process.join()
    assert [done.get("msg") for done in found] == [None, None]
    assert sorted(len(done["actions"]) for done in found) == [0, len(CREATE)]


def test_full_pool(machine: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The seed does not fit: the error names the step, and with room again the VM comes up."""

    def full(*_arguments: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(apply.storage, "write_seed", full)
    done = machine.one()
    assert "No space left on device" in done["msg"]
    monkeypatch.undo()
    assert_converged(machine, {})


def test_disk_removed_behind_the_back_while_listed(machine: Any) -> None:
    """A volume that libvirt still lists, whose file is gone, does not stop its disk from coming back."""
    machine.settle(state="stopped")
    for name in machine_volumes():
        if name.endswith((".raw", ".iso")):
            (machine.folder / "pool" / name).unlink()
    assert_converged(machine, {})


def test_pool_folder_unreadable_is_an_error(machine: Any) -> None:
    """Disks that cannot be seen are not taken for disks that are gone."""
    shutil.rmtree(machine.folder / "pool")
    assert "msg" in machine.one()
    (machine.folder / "pool").mkdir()
