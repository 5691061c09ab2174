# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lifecycle on libvirt's own test driver: no QEMU, no root."""

from __future__ import annotations

import re
from typing import Any

import libvirt_samples as samples
import pytest
from ansible_collections.ringmaster.hosting.plugins.module_utils.libvirt import connection, converge, info


def test_create_and_leave_alone(driver: Any) -> None:
    done = driver.settle()
    assert done["created"]
    assert done["state"] == "running"
    assert [step["action"] for step in done["actions"]][:4] == ["create_volume"] * 3 + ["write_seed"]


@pytest.mark.parametrize(
    "changes",
    [
        {"memory_mib": 200},
        {"memory_max_mib": 512},
        {"cores": 2},
        {"cores": 9},
        {"root_gib": 3},
        {"swap_mib": 128},
        {"protected": True},
        {"seed": {"meta-data": "other"}},
        {"autostart": False},
        {"state": "stopped"},
    ],
)
def test_change(driver: Any, changes: dict[str, Any]) -> None:
    driver.settle()
    assert driver.settle(**changes)["changed"]


def test_stop_and_start(driver: Any) -> None:
    driver.settle()
    assert driver.settle(state="stopped")["state"] == "stopped"
    assert driver.settle(state="present")["state"] == "stopped"
    assert driver.settle(state="running")["state"] == "running"


def test_restart_applies_what_is_pending(driver: Any) -> None:
    driver.settle()
    waiting = driver.settle(memory_mib=512, memory_max_mib=512)
    assert {entry["field"] for entry in waiting["pending_restart"]} == {"memory_mib", "memory_max_mib"}
    done = driver.one(memory_mib=512, memory_max_mib=512, state="restarted")
    assert done["pending_restart"] == []
    assert driver.live()["memory_mib"] == 512


def test_pending_is_told_until_the_restart(driver: Any) -> None:
    driver.settle()
    driver.settle(cores=9)
    found = info.gather(uri=driver.options.uri, names=None, host_key_timeout=0, wait_for=[], check=False)
    assert list(found["vms"]) == ["myapp00"]
    assert [entry["field"] for entry in found["pending_restart"]["myapp00"]] == ["cores"]
    with driver.domain() as domain:
        domain.destroy()
    found = info.gather(uri=driver.options.uri, names=None, host_key_timeout=0, wait_for=[], check=False)
    assert found["pending_restart"] == {}


DUE = {"delete_after": "2026-11-01"}


def volumes_of(driver: Any) -> list[str]:
    with connection.connect(driver.options.uri) as opened:
        return sorted(volume.name() for volume in opened.storagePoolLookupByName("default-pool").listAllVolumes())


def test_retired_kept_and_brought_back(driver: Any) -> None:
    driver.settle()
    disks = volumes_of(driver)
    done = driver.settle(state="retiring", delete_after="2999-01-01")
    assert [step["action"] for step in done["actions"]] == ["set_autostart", "stop"]
    assert volumes_of(driver) == disks
    assert [step["action"] for step in driver.settle()["actions"]] == ["set_autostart", "start"]


def test_deleted_after_its_grace_period(driver: Any) -> None:
    driver.settle(state="retiring", **DUE)
    driver.settle()
    done = driver.settle(state="retiring", **DUE)
    assert done["state"] == "stopped"
    kept = [name for name in volumes_of(driver) if "myapp00" not in name]
    done = driver.settle(state="absent", **DUE)
    assert [step["action"] for step in done["actions"]] == ["undefine"] + ["delete_volume"] * 4
    assert done["diff"]["before"]["disks.root.size"] == "2GiB"
    assert (done["state"], done["created"]) == ("absent", False)
    assert volumes_of(driver) == kept
    # Converged again before the description has forgotten it: it is not recreated.
    assert driver.settle(state="retiring", **DUE)["changed"] is False
    assert driver.all(driver.data(state="absent", **DUE))["deleted"] == ["myapp00"]


@pytest.mark.parametrize(
    ("before", "changes", "sentence"),
    [
        ({"state": "stopped"}, {}, "has no delete_after"),
        ({"state": "stopped"}, {"delete_after": "2999-01-01"}, "may be deleted after 2999-01-01"),
        ({"state": "running"}, DUE, "somebody may use it"),
        ({"state": "stopped", "protected": True}, DUE, "is protected"),
        ({"state": "stopped"}, {**DUE, "protected": True}, "is protected"),
        ({"state": "stopped"}, {**DUE, "hypervisor": "hv9"}, "use the verb move_vm"),
    ],
)
def test_not_deleted(driver: Any, before: dict[str, Any], changes: dict[str, Any], sentence: str) -> None:
    driver.settle(**before)
    disks = volumes_of(driver)
    assert sentence in driver.one(state="absent", **changes)["msg"]
    assert driver.all(driver.data(state="absent", **changes))["deleted"] == []
    assert volumes_of(driver) == disks
    with driver.domain() as domain:
        assert domain.name() == "myapp00"


def test_a_domain_of_that_name_that_is_not_ours_is_not_deleted(driver: Any) -> None:
    with connection.connect(driver.options.uri) as opened:
        opened.defineXML(
            "<domain type='test'><name>myapp00</name><memory>1024</memory><os><type>hvm</type></os></domain>"
        )
        pool = opened.storagePoolLookupByName("default-pool")
        pool.createXML("<volume><name>myapp00.img</name><capacity>1024</capacity></volume>")
    assert driver.one(state="absent", **DUE)["changed"] is False
    assert "myapp00.img" in volumes_of(driver)
    with connection.connect(driver.options.uri) as opened:
        assert opened.lookupByName("myapp00").name() == "myapp00"


def redefine(driver: Any, *cut: str) -> None:
    """Define the sample's domain without what matches some patterns, as somebody may do by hand."""
    with driver.domain() as domain:
        text = domain.XMLDesc(2)
    for pattern in cut:
        text, count = re.subn(pattern, "", text, flags=re.DOTALL)
        assert count, text
    with connection.connect(driver.options.uri) as opened:
        opened.lookupByUUIDString(samples.UUID).undefine()
        opened.defineXML(text)


def test_a_domain_that_lost_its_metadata_is_adopted_when_asked(driver: Any) -> None:
    driver.settle(state="stopped")
    redefine(driver, "<metadata.*</metadata>")
    assert "say adopt" in driver.one(state="stopped")["msg"]
    done = driver.settle(state="stopped", adopt=True)
    assert [step["action"] for step in done["actions"]] == ["write_seed", "define", "set_autostart"]
    assert driver.settle()["state"] == "running"


def test_a_domain_whose_devices_are_not_known_is_not_adopted(driver: Any) -> None:
    driver.settle(state="stopped")
    redefine(driver, "<metadata.*</metadata>", "<alias name='ua-(root|ethfe)'/>")
    assert "aliases ua-root, ua-ethfe" in driver.one(state="stopped", adopt=True)["msg"]


def test_one_failure_does_not_stop_the_others(driver: Any) -> None:
    other = driver.data(
        name="myapp01",
        uuid="5b0e7c1e-51a3-5d3a-9d5b-2c1f00001014",
        nics=[{"role": "ethfe", "mac": "02:01:02:00:10:14", "bridge": "br-fe"}],
    )
    broken = driver.data(name="myapp02", uuid="5b0e7c1e-51a3-5d3a-9d5b-2c1f00001015", cores=0)
    elsewhere = driver.data(hypervisor="hv9")
    done = driver.all(broken, elsewhere, other)
    assert done["failed_vms"] == ["myapp02", "myapp00"]
    assert done["created"] == ["myapp01"]
    assert done["changed"]


def test_each_vm_is_told_of_as_soon_as_it_is_done(driver: Any) -> None:
    """The lines that module vms writes into the journal."""
    lines: list[str] = []
    second = driver.data(name="myapp01", uuid="5b0e7c1e-51a3-5d3a-9d5b-2c1f00000001", root_gib=0)
    converge.converge_all(driver.options, [driver.data(), second], check=False, tell=lines.append)
    assert [line[:8] for line in lines] == ["1 of 2: ", "2 of 2: "]
    wrong, right = sorted((line[8:] for line in lines), key=lambda line: "define" in line)
    assert right.startswith("myapp00: create_volume, write_seed, define")
    assert wrong.startswith("myapp01: VM myapp01: root_gib")
    del lines[:]
    converge.converge_all(driver.options, [driver.data(cores=9)], check=True, tell=lines.append)
    assert "waits for a restart: cores" in lines[0]
    driver.settle()
    converge.converge_all(driver.options, [driver.data()], check=False, tell=lines.append)
    assert lines[-1] == "1 of 1: myapp00: as declared"


def test_foreign_domain_of_the_same_name(driver: Any) -> None:
    """Refused with the UUID of the other one; nothing is touched."""
    with connection.connect(driver.options.uri) as opened:
        xml = "<domain type='test'><name>myapp00</name><memory>1024</memory><os><type>hvm</type></os></domain>"
        uuid = opened.defineXML(xml).UUIDString()
    done = driver.one()
    assert uuid in done["msg"]
    assert not done["changed"]


def test_check_mode_changes_nothing(driver: Any) -> None:
    driver.one(check=True)
    with connection.connect(driver.options.uri) as opened:
        assert [domain.name() for domain in opened.listAllDomains()] == ["test"]


def test_other_domains_are_no_vms_of_ours(driver: Any) -> None:
    found = info.gather(
        uri=driver.options.uri,
        names=["myapp00", "test"],
        host_key_timeout=0,
        wait_for=[],
        check=False,
    )
    assert found["vms"] == {}
    assert found["absent"] == ["myapp00", "test"]


def test_unreachable_libvirt() -> None:
    with (
        pytest.raises(connection.NotReadyError, match="does not answer"),
        connection.connect("test:///none.xml"),
    ):
        pass
