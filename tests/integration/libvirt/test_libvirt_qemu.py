# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Real QEMU under a private libvirtd: guests without an operating system, 0.5 s a start, no KVM."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
import time
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import libvirt_samples as samples
import pytest
from ansible_collections.ringmaster.hosting.plugins.module_utils.libvirt import (
    apply,
    connection,
    disks,
    domain_xml,
    facts,
    images,
    metadata,
    model,
    nwfilter,
    storage,
)
from ansible_collections.ringmaster.hosting.plugins.module_utils.libvirt.errors import HypervisorError
from ansible_collections.ringmaster.hosting.plugins.module_utils.libvirt.spec import GIB

IMAGE = "ringmaster-empty-0123456789abcdef.qcow2"
FRAMES = Path(__file__).parents[2] / "drills/network/frames.py"


def volume(machine: Any, role: str) -> Path:
    return machine.folder / "pool" / model.volume_names("myapp00", samples.UUID)[role]


def nics(**changes: str) -> list[dict[str, Any]]:
    return [{**nic, **changes} if nic["role"] == "ethfe" else nic for nic in samples.SPEC["nics"]]


def test_create(machine: Any) -> None:
    done = machine.settle()
    assert done["created"]
    assert done["state"] == "running"
    assert volume(machine, "swap").stat().st_blocks == 0
    assert volume(machine, "root").stat().st_size < 1024**2
    assert (machine.folder / "console/myapp00.log").exists()
    with machine.domain() as domain:
        assert domain.autostart()
        assert domain.blockInfo("vda")[0] == 2 * GIB


def test_live_changes(machine: Any) -> None:
    """Everything that can change live does, in one call, and QEMU agrees."""
    machine.settle()
    changes: dict[str, Any] = {
        "root_gib": 3,
        "tmp_gib": 2,
        "io_limits": {"root": {"read_iops": 100}},
        "nics": nics(bridge="br-new", link="down"),
    }
    done = machine.settle(**changes)
    assert done["pending_restart"] == []
    live = machine.live()
    assert live["disks.root.read_iops"] == 100
    assert (live["nics.ethfe.bridge"], live["nics.ethfe.link"]) == ("br-new", "down")
    with machine.domain() as domain:
        assert [domain.blockInfo(target)[0] // GIB for target in ("vda", "vdc")] == [3, 2]
    assert machine.settle(**{**changes, "io_limits": {}})["changed"]
    assert machine.live()["disks.root.read_iops"] == 0


def test_many_at_once(machine: Any) -> None:
    """One call makes them, and another one stops them; the results are in the order of the list."""
    many = [
        machine.data(
            name=f"myapp{number:02}",
            uuid=samples.UUID[:-2] + f"{number:02}",
            nics=[{"role": "ethsrv", "mac": f"02:01:03:00:10:{number:02}", "bridge": "br-srv"}],
        )
        for number in range(10)
    ]
    names = [one["name"] for one in many]
    made = machine.all(*many)
    assert (made["created"], made["failed_vms"]) == (names, [])
    assert machine.all(*many)["changed"] is False
    stopped = machine.all(*({**one, "state": "stopped"} for one in many))
    assert [(one["name"], one["state"]) for one in stopped["vms"]] == [(name, "stopped") for name in names]
    assert len(list((machine.folder / "pool").iterdir())) == 1 + 4 * len(many)


def test_pending_until_restart(machine: Any) -> None:
    machine.settle()
    changes: dict[str, Any] = {"memory_mib": 512, "memory_max_mib": 512, "cores": 9}
    waiting = machine.settle(**changes)
    assert [entry["field"] for entry in waiting["pending_restart"]] == [
        "memory_mib",
        "memory_max_mib",
        "cores",
    ]
    done = machine.one(**changes, state="restarted")
    assert "msg" not in done
    assert done["pending_restart"] == []
    live = machine.live()
    assert (live["memory_mib"], live["cores"]) == (512, 9)
    assert machine.settle(**changes)["changed"] is False


def test_memory_that_the_guest_does_not_follow(machine: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A guest without a balloon driver: it is asked once, and each run tells that it has not followed."""
    monkeypatch.setattr(apply, "MEMORY_WAIT", 0.2)
    machine.settle(memory_mib=256)
    done = machine.one(memory_mib=200)
    assert [step["action"] for step in done["actions"]] == ["define", "set_memory", "note_live"]
    again = machine.one(memory_mib=200)
    assert again["changed"] is False
    assert "has not followed" in again["notes"][0]
    assert machine.one(memory_mib=256)["notes"] == []


def test_lost_scratch_disk_and_lost_root(machine: Any) -> None:
    machine.settle()
    machine.settle(state="stopped")
    volume(machine, "tmp").unlink()
    done = machine.settle(state="running")
    assert [step["action"] for step in done["actions"]] == ["create_volume", "start"]
    machine.settle(state="stopped")
    volume(machine, "root").unlink()
    refused = machine.one()
    assert "hide the loss" in refused["msg"]
    assert not volume(machine, "root").exists()


def test_never_shrinks(machine: Any) -> None:
    machine.settle(root_gib=3)
    assert "never shrinks" in machine.one(root_gib=2)["msg"]
    machine.settle(root_gib=3, state="stopped")
    assert "never shrinks" in machine.one(root_gib=2, state="stopped")["msg"]
    assert machine.settle(root_gib=3, swap_mib=32, state="stopped")["changed"] is False
    assert volume(machine, "swap").stat().st_size == 64 * 1024**2


def test_undefined_by_hand_keeps_its_data(machine: Any) -> None:
    machine.settle()
    with machine.domain() as domain:
        domain.destroy()
        domain.undefine()
    log = machine.folder / "console/myapp00.log"
    log.write_text("of the earlier domain")
    done = machine.settle()
    assert log.with_name("myapp00.log.previous").read_text() == "of the earlier domain"
    assert [step["action"] for step in done["actions"]] == ["write_seed", "define", "set_autostart", "start"]
    assert any("used again" in note for note in done["notes"])


def test_device_added_live(machine: Any) -> None:
    """A disk that somebody detached comes back, and the others keep their addresses."""
    machine.settle()
    with machine.domain() as domain:
        text = domain.XMLDesc()
        domain.detachDeviceFlags(domain_xml.device_text(text, "tmp"), 2)
        before = domain_xml.device_text(text, "ethsrv")
        # Without an operating system no guest lets go of the disk: start it without.
        domain.destroy()
        domain.create()
    done = machine.settle()
    assert [step["action"] for step in done["actions"]] == ["define", "attach_disk", "note_live"]
    with machine.domain() as domain:
        after = domain_xml.device_text(domain.XMLDesc(), "ethsrv")
        address = [ET.fromstring(text).find("address").attrib for text in (before, after)]
    assert address[0] == address[1]


def test_something_added_by_hand_stays(machine: Any) -> None:
    machine.settle()
    with machine.domain() as domain:
        channel = "<channel type='unix'><target type='virtio' name='org.qemu.guest_agent.0'/></channel>"
        domain.attachDeviceFlags(channel, 2)
    machine.settle(memory_max_mib=512)
    with machine.domain() as domain:
        assert "org.qemu.guest_agent.0" in domain.XMLDesc(2)


def test_paused_guest_goes_on(machine: Any) -> None:
    machine.settle()
    with machine.domain() as domain:
        domain.suspend()
    assert machine.settle()["state"] == "running"


def test_force_is_asked_for(machine: Any) -> None:
    machine.settle()
    done = machine.all(machine.data(state="stopped"), force_stop=False)["vms"][0]
    assert "did not shut down" in done["msg"]
    with machine.domain() as domain:
        assert domain.isActive()


def test_what_does_not_stick_is_told(machine: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Read-back: a change that libvirt drops silently is an error that names the field."""
    machine.settle()
    patch = domain_xml.patch_domain

    def forgetful(text: str, changed: Any, *rest: Any) -> str:
        return patch(text, [name for name in changed if name != "memory_max_mib"], *rest)

    monkeypatch.setattr(domain_xml, "patch_domain", forgetful)
    done = machine.one(memory_max_mib=512)
    assert "did not stick" in done["msg"]
    assert "memory_max_mib" in done["msg"]


def test_images_are_immutable_and_imported_once(machine: Any, libvirtd: Path) -> None:
    def ensure(**changes: Any) -> dict[str, Any]:
        given = {
            "source": libvirtd / IMAGE,
            "name": "ringmaster-x-0123456789ab.qcow2",
            "checksum": "",
            "dry": False,
        }
        return images.ensure(uri=machine.options.uri, pool_name="ringmaster", **{**given, **changes})

    path = machine.folder / "pool/ringmaster-x-0123456789ab.qcow2"
    assert ensure(dry=True)["present"] is False
    with pytest.raises(HypervisorError, match="has SHA-256"):
        ensure(checksum="0" * 64)
    assert not path.exists()
    assert ensure()["changed"]
    assert path.stat().st_mode & 0o777 == 0o444
    assert ensure(source=Path("/none"))["changed"] is False
    # A transfer that broke off is not read-only yet: it is done again.
    path.chmod(0o600)
    path.write_bytes(b"half")
    assert ensure()["changed"]
    assert path.read_bytes() == (libvirtd / IMAGE).read_bytes()
    with pytest.raises(HypervisorError, match="digest"):
        ensure(name="debian.qcow2")


def test_images_must_be_qcow2(machine: Any, tmp_path: Path) -> None:
    raw = tmp_path / "raw-0123456789ab.img"
    raw.write_bytes(bytes(1024))
    with connection.connect(machine.options.uri) as opened:
        pool = connection.find_pool(opened, "ringmaster")
        with pytest.raises(HypervisorError, match="not a qcow2 file"):
            storage.import_image(opened, pool, "ringmaster-raw-0123456789ab.qcow2", raw)


def test_disk(machine: Any) -> None:
    def ensure(size: int, check: bool = False, **changes: Any) -> dict[str, Any]:
        given = {"name": "ringmaster-data.qcow2", "file_format": "qcow2", "image": ""}
        return disks.ensure(
            uri=machine.options.uri,
            pool_name="ringmaster",
            size=size,
            lock_directory=machine.folder,
            check=check,
            **{**given, **changes},
        )

    assert ensure(GIB, check=True)["changed"]
    assert not (machine.folder / "pool/ringmaster-data.qcow2").exists()
    assert ensure(GIB)["changed"]
    assert not ensure(GIB)["changed"]
    assert ensure(2 * GIB)["changed"]
    with pytest.raises(HypervisorError, match="never shrinks"):
        ensure(GIB)
    with pytest.raises(HypervisorError, match="starts with ringmaster-"):
        ensure(GIB, name="other.qcow2")
    machine.settle()
    root = model.volume_names("myapp00", samples.UUID)["root"]
    assert ensure(3 * GIB, name=root)["changed"]
    with machine.domain() as domain:
        assert domain.blockInfo("vda")[0] == 3 * GIB


def test_only_ours_are_deleted(machine: Any) -> None:
    with connection.connect(machine.options.uri) as opened:
        pool = connection.find_pool(opened, "ringmaster")
        foreign = pool.createXML("<volume><name>precious.img</name><capacity>1024</capacity></volume>")
        with pytest.raises(HypervisorError, match="never deleted"):
            storage.delete(foreign)
    assert (machine.folder / "pool/precious.img").exists()


def test_moved_domain_is_left_alone(machine: Any) -> None:
    machine.settle(state="stopped")
    with machine.domain() as domain:
        note = facts.parse_domain(domain.XMLDesc(2)).metadata
        text = metadata.to_plain_xml(dataclasses.replace(note, moved_to="hv1"))
        domain.setMetadata(2, text, metadata.PREFIX, metadata.NAMESPACE, 2)
    assert "must not run twice" in machine.one()["msg"]
    with machine.domain() as domain:
        assert not domain.isActive()


ADDRESSES = ["198.51.100.2", "2001:db8:2::1013"]


def with_addresses(*addresses: str, **more: Any) -> list[dict[str, Any]]:
    first, second = samples.SPEC["nics"]
    return [{**first, "addresses": list(addresses), **more}, second]


def packet_filter(libvirtd: Path) -> str:
    pid = (libvirtd / "pid").read_text()
    argv = ["nsenter", "-t", pid, "-n", "nft", "list", "ruleset", "bridge"]
    return subprocess.run(argv, capture_output=True, text=True, check=True).stdout


def test_anti_spoofing_comes_to_a_running_guest_follows_its_addresses_and_goes(machine: Any, libvirtd: Path) -> None:
    """Each step is live, and the rules in the kernel agree with it."""
    assert machine.settle()["changed"]
    assert "198.51.100.2" not in packet_filter(libvirtd)
    done = machine.all(machine.data(nics=with_addresses(*ADDRESSES)))
    assert set(done["network_filters"]) in (set(), {one.name for one in nwfilter.FILTERS})
    assert [step["action"] for step in done["vms"][0]["actions"]] == ["define", "update_nic", "note_live"]
    again = machine.all(machine.data(nics=with_addresses(*ADDRESSES)))
    assert (again["changed"], again["network_filters"], again["pending_restart"]) == (False, [], {})
    rules = packet_filter(libvirtd)
    for text in (*ADDRESSES, "fe80::1:2ff:fe00:1013", "ether saddr 02:01:02:00:10:13"):
        assert text in rules
    # A further address comes and goes while the guest runs.
    done = machine.all(machine.data(nics=with_addresses(*ADDRESSES, "198.51.100.77")))
    assert [step["action"] for step in done["vms"][0]["actions"]] == ["define", "update_nic", "note_live"]
    assert "ip saddr 198.51.100.77" in packet_filter(libvirtd)
    machine.all(machine.data(nics=with_addresses(*ADDRESSES)))
    assert "198.51.100.77" not in packet_filter(libvirtd)
    assert machine.settle(nics=with_addresses("2001:db8:2::1013"))["pending_restart"] == []
    assert machine.live()["nics.ethfe.filter"] == "ringmaster-ipv6-only"
    assert "198.51.100.2" not in packet_filter(libvirtd)
    assert machine.settle(nics=with_addresses("198.51.100.2", "198.51.100.3"))["pending_restart"] == []
    assert packet_filter(libvirtd).count("ip saddr 198.51.100.") == 2
    # A restart of the guest has it from its definition.
    machine.one(nics=with_addresses(*ADDRESSES), state="restarted")
    assert "2001:db8:2::1013" in packet_filter(libvirtd)
    machine.settle(nics=with_addresses(*ADDRESSES, anti_spoofing=False))
    assert machine.live()["nics.ethfe.filter"] == ""
    assert "2001:db8:2::1013" not in packet_filter(libvirtd)


def test_a_filter_that_somebody_changed_is_made_good(machine: Any) -> None:
    machine.settle(nics=with_addresses(*ADDRESSES))
    with connection.connect(machine.options.uri) as opened:
        old = opened.nwfilterLookupByName("ringmaster-ipv4").XMLDesc()
        opened.nwfilterDefineXML(old.replace("action='drop'", "action='accept'"))
    told = machine.all(machine.data(nics=with_addresses(*ADDRESSES)), check=True)
    assert told["network_filters"] == ["ringmaster-ipv4"]
    assert told["changed"]
    assert machine.all(machine.data(nics=with_addresses(*ADDRESSES)))["network_filters"] == ["ringmaster-ipv4"]
    assert not machine.all(machine.data(nics=with_addresses(*ADDRESSES)))["changed"]


class Tap:
    """A network card without a guest, as libvirt would give one to QEMU: the test is what sends."""

    def __init__(self, libvirtd: Path, uri: str, addresses: list[str]) -> None:
        self.mac, self.name, self.addresses = "02:01:02:00:10:13", "tap-test", addresses
        self.uri = uri
        argv = ["nsenter", "-t", (libvirtd / "pid").read_text(), "-n", sys.executable, str(FRAMES), "tap", "br-fe"]
        own4, own6 = addresses
        self.process = subprocess.Popen(
            [*argv, self.name, self.mac, own4, "198.51.100.77", own6, "2001:db8:2::77"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        self.sent = set(json.loads(self.process.stdout.readline()))

    def arrived(self) -> set[str]:
        """Send everything; give the names of what arrived on the bridge."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return set(json.loads(self.process.stdout.readline()))

    def bind(self, *addresses: str) -> None:
        """Have libvirt filter what comes from the tap, as it does for a domain's card."""
        binding = ET.Element("filterbinding")
        owner = ET.SubElement(binding, "owner")
        ET.SubElement(owner, "name").text = "nobody"
        ET.SubElement(owner, "uuid").text = samples.UUID
        ET.SubElement(binding, "portdev", name=self.name)
        ET.SubElement(binding, "mac", address=self.mac)
        binding.append(nwfilter.to_element(*nwfilter.reference(self.mac, addresses)))
        with connection.connect(self.uri) as opened:
            opened.nwfilterBindingCreateXML(ET.tostring(binding, encoding="unicode"))

    def unbind(self) -> None:
        """Have libvirt filter no more."""
        with connection.connect(self.uri) as opened:
            opened.nwfilterBindingLookupByPortDev(self.name).delete()


def test_only_true_frames_pass_the_filters(machine: Any, libvirtd: Path) -> None:
    """A faked MAC, IPv4, IPv6, ARP, RA, DHCP server and others get nowhere; all arrive without the filter."""
    tap = Tap(libvirtd, machine.options.uri, ADDRESSES)
    own = {name for name in tap.sent if name.startswith("own-")}
    # What no rule at this layer can see: a neighbour's address offered under the own one.
    unseen = {"neighbours-address"}
    try:
        assert tap.arrived() == tap.sent
        with connection.connect(machine.options.uri) as opened:
            nwfilter.ensure(opened, check=False)
        tap.bind(*ADDRESSES)
        assert tap.arrived() == own | unseen
        # What somebody flushed comes back with a reload of libvirtd, as the check's remedy says.
        inside = ["nsenter", "-t", (libvirtd / "pid").read_text(), "-n", "-m", "-p"]
        subprocess.run([*inside, "nft", "flush", "ruleset"], check=True)
        assert tap.arrived() == tap.sent
        subprocess.run([*inside, "sh", "-c", "kill -HUP $(cat /run/libvirt/libvirtd.pid)"], check=True)
        deadline = time.monotonic() + 60
        while "libvirt-I-tap-test" not in packet_filter(libvirtd):
            assert time.monotonic() < deadline
            time.sleep(0.5)
        time.sleep(1)
        assert tap.arrived() == own | unseen
        # A further address is used as the first is, and what was another one's a moment ago is its own.
        tap.unbind()
        tap.bind(*ADDRESSES, "198.51.100.77")
        assert tap.arrived() == own | unseen | {"arp-address", "ipv4"}
        tap.unbind()
        tap.bind(ADDRESSES[0])
        assert tap.arrived() == {"own-arp", "own-ipv4", "own-announcement-after-migration", "own-last"}
        tap.unbind()
        tap.bind(ADDRESSES[1])
        assert tap.arrived() == (own | unseen) - {"own-arp", "own-ipv4", "own-last"}
        tap.unbind()
        assert tap.arrived() == tap.sent
    finally:
        tap.process.kill()
        tap.process.wait()
