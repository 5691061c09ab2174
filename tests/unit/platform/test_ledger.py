# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import multiprocessing
import os
import random
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform import ledger, operations
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform.language import files
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform.language.errors import DescriptionError
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform.ledger import Ledger
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

SMALL = {"memory": "256MiB", "disk": "4GiB", "frontend_ipv4": True}


def order(platform, project: str, number: int) -> None:
    def change(data: dict[str, Any]) -> None:
        data.setdefault("vms", {})[f"{project}{number:02d}"] = dict(SMALL)

    platform.edit(f"projects/{project}.yml", change)


def test_first_allocation(platform) -> None:
    outcome = platform.allocate()
    assert platform.ledger() == {
        "format": 1,
        "vm_ids": {"myapp00": 4096},
        "uids": {"alice": 20100, "bob": 20101, "s-myapp": 20102},
        "ipv4_frontend": {"myapp00": "198.51.100.2"},
        "ipv4_srv": {"myapp00": "172.20.1.1"},
        "placements": {"myapp00": "hv0"},
        "host_keys": {},
        "confirmed_addresses": {},
        "generations": platform.ledger()["generations"],
        "retired": {},
    }
    assert platform.ledger()["generations"]["roster/myapp"].startswith("1 ")
    assert "vm_ids myapp00: 4096" in outcome.allocated


def test_second_allocation_changes_nothing(platform) -> None:
    platform.allocate()
    before = platform.snapshot()
    assert platform.allocate().files == []
    assert platform.snapshot() == before


def test_dry_run_writes_nothing_and_tells_the_same(platform) -> None:
    before = platform.snapshot()
    dry = platform.allocate(dry_run=True)
    assert platform.snapshot() == before
    real = platform.allocate()
    assert dry == real


def test_a_mistake_means_that_nothing_is_written(platform) -> None:
    platform.replace("projects/myapp.yml", "memory: 1GiB", "memory: 1GB")
    before = platform.snapshot()
    with pytest.raises(DescriptionError):
        platform.allocate()
    assert platform.snapshot() == before


def test_entries_outlive_what_they_name(platform) -> None:
    order(platform, "myapp", 1)
    platform.allocate()
    platform.edit("projects/myapp.yml", lambda data: data["vms"].pop("myapp01") and None)
    order(platform, "myapp", 2)
    platform.allocate()
    found = platform.ledger()
    assert found["vm_ids"] == {"myapp00": 4096, "myapp01": 4097, "myapp02": 4098}
    assert len(set(found["ipv4_srv"].values())) == 3


def test_roster_generation_grows_only_with_the_roster(platform) -> None:
    platform.allocate()
    first = platform.ledger()["generations"]["roster/myapp"]
    platform.replace("projects/myapp.yml", "memory: 1GiB", "memory: 2GiB")
    platform.allocate()
    assert platform.ledger()["generations"]["roster/myapp"] == first
    platform.replace("projects/myapp.yml", "bob: [login, sudo-srv]", "bob: [login]")
    platform.allocate()
    second = platform.ledger()["generations"]["roster/myapp"]
    assert (first.split()[0], second.split()[0]) == ("1", "2")
    platform.replace("projects/myapp.yml", "bob: [login]", "bob: [login, sudo-srv]")
    platform.allocate()
    assert platform.ledger()["generations"]["roster/myapp"].split()[0] == "3"


def test_host_keys_are_kept_and_written_to_known_hosts(platform, make_key) -> None:
    key, other = make_key(), make_key()
    platform.allocate(host_keys={"myapp00": [key], "hv0": [other]})
    lines = (platform.folder / "known_hosts").read_text().splitlines()
    bare = " ".join(key.split()[:2])
    assert lines[2] == (
        "myapp00,myapp00.ringmaster.example,myapp00.fe.ringmaster.example,172.20.1.1,198.51.100.2,"
        f"2001:db8:3::1000,2001:db8:2::1000 {bare}"
    )
    assert lines[1] == f"hv0,hv0.ringmaster.example,10.77.0.10 {' '.join(other.split()[:2])}"
    assert platform.allocate(host_keys={"myapp00": [key]}).files == []
    # What booted for the first time has the addresses of its seed; later ones count when they are confirmed.
    first = "198.51.100.2 2001:db8:2::1000 172.20.1.1 2001:db8:3::1000"
    assert platform.ledger()["confirmed_addresses"] == {"myapp00": first}
    platform.edit("allocations.yml", lambda data: data["ipv4_srv"].update(myapp00="172.20.1.77"))
    platform.allocate()
    assert platform.ledger()["confirmed_addresses"] == {"myapp00": first}
    assert {"172.20.1.1", "172.20.1.77"} <= set((platform.folder / "known_hosts").read_text().split()[-3].split(","))
    platform.allocate(confirmed_addresses=["myapp00"])
    assert platform.ledger()["confirmed_addresses"] == {"myapp00": first.replace("172.20.1.1 ", "172.20.1.77 ")}
    with pytest.raises(DescriptionError, match="another SSH host key"):
        platform.allocate(host_keys={"myapp00": [make_key()]})
    platform.allocate(host_keys={"myapp00": [make_key()]}, replace_host_keys=True)


def test_no_machine_gets_the_host_key_of_another_one(platform, make_key) -> None:
    """Who showed it could pass on what is meant for it, and Ansible would do it there."""
    key, other, mine = make_key(), make_key(), make_key()
    platform.allocate(host_keys={"hv0": [key]})
    outcome = platform.allocate(host_keys={"myapp00": [key], "svc0": [other]}, replace_host_keys=True)
    assert outcome.warnings == ["a host key that myapp00 shows is that of hv0: it is not recorded"]
    assert set(platform.ledger()["host_keys"]) == {"hv0", "svc0"}
    # Of two that are new, nobody knows whose it is.
    outcome = platform.allocate(host_keys={"myapp00": [mine], "hv0": [mine]}, replace_host_keys=True)
    assert len(outcome.warnings) == 2
    assert platform.ledger()["host_keys"]["hv0"] == [" ".join(key.split()[:2])]
    # Whose it is keeps it.
    assert platform.allocate(host_keys={"hv0": [key]}, replace_host_keys=True).warnings == []


def test_a_revoked_host_key_is_refused_under_every_name(platform, make_key) -> None:
    key = make_key()
    bare = " ".join(key.split()[:2])
    platform.allocate(host_keys={"myapp00": [key]})
    platform.edit("platform.yml", lambda data: data.update(revoked_host_keys=[key]))
    outcome = platform.allocate(host_keys={"svc0": [key]}, replace_host_keys=True)
    assert outcome.warnings == ["a host key that svc0 shows is revoked: it is not recorded"]
    known = platform.folder / "known_hosts"
    assert f"@revoked * {bare}" in known.read_text().splitlines()
    # Before that of the machine, as ssh-keygen finds it.
    found = subprocess.run(
        ["ssh-keygen", "-F", "myapp00", "-f", str(known)], capture_output=True, text=True, check=True
    )
    assert "REVOKED" in found.stdout


@pytest.mark.parametrize(
    ("name", "key", "message"),
    [("nobody00", None, "no VM, hypervisor"), ("myapp00", "junk", "does not start")],
)
def test_faulty_host_keys_are_refused(platform, make_key, name: str, key: str | None, message: str) -> None:
    with pytest.raises(DescriptionError, match=message):
        platform.allocate(host_keys={name: [key or make_key()]})
    assert not (platform.folder / "allocations.yml").exists()


def test_pool_exhausted(platform) -> None:
    platform.replace("platform.yml", "ipv4_pool: 172.20.1.1-172.20.3.254", "ipv4_pool: 172.20.1.1-172.20.1.1")
    order(platform, "myapp", 1)
    (mistake,) = platform.mistakes()
    assert "no IPv4 address is left on the server network for myapp01" in mistake.message
    assert mistake.file.endswith("projects/myapp.yml")
    assert mistake.line > 1


def test_nothing_fits(platform) -> None:
    platform.replace("platform.yml", "memory: 16GiB", "memory: 1GiB")
    order(platform, "myapp", 1)
    (mistake,) = platform.mistakes()
    assert "myapp01 fits on no hypervisor" in mistake.message
    assert "hv0: 0MiB of memory left" in mistake.found


names = st.text("abc", min_size=2, max_size=3)
entry_names = st.from_regex(r"[a-z][a-z0-9/._-]{0,12}", fullmatch=True) | st.sampled_from(["yes", "no", "null", "1e3"])


@given(
    st.dictionaries(entry_names, st.integers(4096, 2**24 - 1)),
    st.dictionaries(entry_names, st.lists(st.text("abc +/=", min_size=1), max_size=2)),
)
def test_render_reads_back(ids: dict[str, int], keys: dict[str, list[str]]) -> None:
    import yaml  # noqa: PLC0415

    text = Ledger(vm_ids=ids, host_keys=keys).render()
    found = yaml.safe_load(text)
    assert found["vm_ids"] == ids
    assert found["host_keys"] == keys
    assert len(text.splitlines()) == 4 + len(ledger.SECTIONS) - len(ledger.ONLY_FILLED) + len(ids) + len(keys)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(st.tuples(st.sampled_from(["order", "drop", "allocate"]), st.integers(0, 30)), max_size=12))
def test_nothing_is_given_twice(platform, steps: list[tuple[str, int]]) -> None:
    """Whatever is ordered, dropped and allocated, in any order: a value belongs to one name for ever."""
    (platform.folder / "allocations.yml").unlink(missing_ok=True)
    platform.edit("projects/myapp.yml", lambda data: data.update(vms={}))
    given_out: dict[tuple[str, Any], str] = {}
    for action, number in [*steps, ("allocate", 0)]:
        if action == "order":
            order(platform, "myapp", number)
        elif action == "drop":
            platform.edit("projects/myapp.yml", lambda data, n=number: data["vms"].pop(f"myapp{n:02d}", None) and None)
        else:
            platform.allocate()
            for section in ("vm_ids", "uids", "ipv4_frontend", "ipv4_srv"):
                for name, value in platform.ledger()[section].items():
                    assert given_out.setdefault((section, value), name) == name


def test_a_crash_leaves_the_old_file(tmp_path: Path, monkeypatch) -> None:
    path = tmp_path / "allocations.yml"
    path.write_text("old")

    def crash(*_: Any) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(os, "fsync", crash)
    with pytest.raises(OSError, match="disk full"):
        files.write_atomically(path, "new")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def _race(platform, project: str, start, told) -> None:
    plan = operations.allocation.plan

    def slow_plan(found):
        time.sleep(0.02)
        return plan(found)

    operations.allocation.plan = slow_plan
    start.wait()
    for number in range(8):
        order(platform, project, number)
        told.put(operations.allocate(platform.options).allocated)


def test_two_processes_never_get_the_same_value(platform) -> None:
    for project in ("left", "right"):
        platform.write(f"projects/{project}.yml", "description: race\n")
    context = multiprocessing.get_context("fork")
    start, told = context.Barrier(2), context.Queue()
    processes = [context.Process(target=_race, args=(platform, name, start, told)) for name in ("left", "right")]
    for process in processes:
        process.start()
    lines = [line for _ in range(16) for line in told.get(timeout=60)]
    for process in processes:
        process.join(60)
        assert process.exitcode == 0
    given_out: dict[tuple[str, str], str] = {}
    for line in lines:
        section, name, value = line.split(maxsplit=2)
        if section not in ("placements", "generations"):
            assert given_out.setdefault((section, value), name) == name, line
    assert len(platform.ledger()["vm_ids"]) == 17
    assert platform.mistakes() == []


def test_the_lock_keeps_others_out(platform) -> None:
    """Without the lock this test sees the second process finish while the first is inside."""
    context = multiprocessing.get_context("fork")
    with ledger.locked(platform.folder):
        process = context.Process(target=operations.allocate, args=(platform.options,))
        process.start()
        process.join(1)
        assert process.is_alive()
        assert not (platform.folder / "allocations.yml").exists()
    process.join(60)
    assert process.exitcode == 0
    assert platform.ledger()["vm_ids"] == {"myapp00": 4096}


def test_random_placements_never_exceed_capacity(platform) -> None:
    generator = random.Random(4)
    for index in range(3):
        platform.edit(
            "platform.yml",
            lambda data, n=index: data["hypervisors"].update(
                {f"hv{n}": {"address": f"10.77.0.{10 + n}", "memory": "8GiB", "disk": "120GiB"}}
            ),
        )
    platform.edit("platform.yml", lambda data: data["machines"]["svc0"].update(address="10.77.0.99"))
    platform.edit(
        "projects/myapp.yml",
        lambda data: data.update(
            vms={
                f"myapp{n:02d}": {"memory": f"{generator.choice([256, 512, 1024])}MiB", "disk": "4GiB"}
                for n in range(20)
            }
        ),
    )
    platform.allocate()
    assert set(platform.ledger()["placements"].values()) == {"hv0", "hv1", "hv2"}
    assert platform.mistakes() == []
