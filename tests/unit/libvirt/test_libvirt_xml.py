# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Domain XML: from our fields to XML and back, and patches that leave the rest alone."""

from __future__ import annotations

import dataclasses
import xml.etree.ElementTree as ET

import libvirt_samples as samples
import pytest
from ansible_collections.ringmaster.hosting.plugins.module_utils.libvirt import (
    domain_xml,
    facts,
    metadata,
    plan,
)
from ansible_collections.ringmaster.hosting.plugins.module_utils.libvirt.errors import HypervisorError
from ansible_collections.ringmaster.hosting.plugins.module_utils.libvirt.metadata import Metadata, Pending
from hypothesis import given
from hypothesis import strategies as st

GOLDEN = sorted(path.name for path in samples.GOLDEN.glob("*.xml"))


def test_first_definition_reads_back_as_wanted() -> None:
    wanted = samples.spec(nics__ethsrv__mtu=9000, io_limits={"tmp": {"write_iops": 5}})
    found = facts.parse_domain(samples.definition(wanted))
    expected = plan.desired_fields(wanted, samples.ENVIRONMENT, None)
    assert {name: found.fields.get(name) for name in expected} == expected
    assert found.targets == {"root": "vda", "swap": "vdb", "tmp": "vdc", "seed": "sda"}
    assert found.metadata == samples.note(wanted)
    assert found.foreign == ()


def test_definition_has_what_the_contract_asks_for() -> None:
    domain = ET.fromstring(samples.definition())
    vcpu = domain.find("vcpu")
    assert (vcpu.get("current"), vcpu.text) == ("2", "4")
    assert domain.find("devices/graphics") is None
    assert domain.find("devices/channel") is None
    assert [disk.findtext("serial") for disk in domain.iterfind("devices/disk")] == [
        "root",
        "swap",
        "tmp",
        None,
    ]
    seed = domain_xml.find_device(domain, "seed")
    assert seed is not None
    assert seed.get("device") == "cdrom"
    assert seed.find("target").get("bus") == "scsi"
    assert domain.find("devices/controller[@type='scsi']").get("model") == "virtio-scsi"
    assert len(domain.findall("devices/controller[@model='pcie-root-port']")) == domain_xml.PCIE_ROOT_PORTS
    assert domain.find("devices/rng/backend").text == "/dev/urandom"
    log = domain.find("devices/serial/log")
    assert (log.get("file"), log.get("append")) == ("/var/log/libvirt/console/myapp00.log", "on")
    assert domain.find("os/type").get("machine") == "q35"
    assert domain.find("features/tcg/tb-cache") is not None
    assert domain.find("cpu") is None


def test_kvm_has_the_hosts_cpu_and_no_translation_cache() -> None:
    environment = dataclasses.replace(samples.ENVIRONMENT, virtualization="kvm")
    domain = ET.fromstring(samples.definition(environment=environment))
    assert domain.get("type") == "kvm"
    assert domain.find("cpu").get("mode") == "host-model"
    assert domain.find("features/tcg") is None


@pytest.mark.parametrize("name", GOLDEN)
def test_golden(name: str) -> None:
    """XML as libvirt 9 and 11 give it back, inactive and live: the fields are those that were declared."""
    found = facts.parse_domain((samples.GOLDEN / name).read_text(encoding="utf-8"))
    assert found.name == "myapp00"
    assert found.fields["memory_mib"] == found.fields["memory_max_mib"] == 2048
    assert (found.fields["cores"], found.fields["cores_max"]) == (1, 4 if name.startswith("libvirt9") else 2)
    assert found.fields["nics.ethfe.bridge"] == "br-fe"
    assert found.fields["nics.ethsrv.mac"].startswith("02:01:03:")
    assert found.fields["disks.swap.volume"].endswith("-swap.raw")
    assert found.fields["seed_volume"].endswith("-seed.iso")
    assert found.fields["console_log"] == "/var/log/libvirt/console/myapp00.log"
    assert found.targets == {"root": "vda", "swap": "vdb", "tmp": "vdc", "seed": "sda"}
    assert found.machine.startswith("pc-q35-")
    assert found.metadata is not None
    assert found.metadata.project == "myapp"
    assert found.foreign == ()


@pytest.mark.parametrize("name", [name for name in GOLDEN if "inactive" in name])
def test_patching_keeps_the_rest(name: str) -> None:
    text = (samples.GOLDEN / name).read_text(encoding="utf-8")
    before = facts.parse_domain(text)
    wanted = {
        **before.fields,
        "memory_mib": 512,
        "cores": 2,
        "nics.ethfe.link": "down",
        "disks.root.read_iops": 7,
    }
    changed = ["memory_mib", "cores", "nics.ethfe.link", "disks.root.read_iops"]
    patched = domain_xml.patch_domain(text, changed, wanted, samples.sources(), samples.note())
    after = facts.parse_domain(patched)
    differences = {key for key in after.fields if after.fields[key] != before.fields[key]}
    assert differences == set(changed)
    assert after.metadata == samples.note()

    def rest(source: str) -> list[tuple[str, dict[str, str]]]:
        return [(node.tag, node.attrib) for node in ET.fromstring(source).iter() if node.tag in ("address", "type")]

    assert rest(patched) == rest(text)


def test_unlimited_again_removes_the_limits() -> None:
    limited = samples.definition(samples.spec(io_limits={"root": {"read_iops": 7}}))
    fields = plan.desired_fields(samples.spec(), samples.ENVIRONMENT, None)
    patched = domain_xml.patch_domain(limited, ["disks.root.read_iops"], fields, samples.sources(), samples.note())
    assert "iotune" not in patched


def test_foreign_devices_are_kept_and_reported() -> None:
    domain = ET.fromstring(samples.definition())
    devices = domain.find("devices")
    disk = ET.SubElement(devices, "disk", type="file", device="disk")
    ET.SubElement(disk, "source", file="/srv/other.img")
    ET.SubElement(disk, "target", dev="vdx")
    text = ET.tostring(domain, encoding="unicode")
    assert facts.parse_domain(text).foreign == ("disk vdx: other.img",)
    fields = plan.desired_fields(samples.spec(memory_mib=512), samples.ENVIRONMENT, None)
    patched = domain_xml.patch_domain(text, ["memory_mib"], fields, samples.sources(), samples.note())
    assert "/srv/other.img" in patched


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("<memory>1048576</memory>", 1024),
        ("<memory unit='KiB'>1048576</memory>", 1024),
        ("<memory unit='GiB'>2</memory>", 2048),
        ("<memory unit='b'>1048576</memory>", 1),
    ],
)
def test_memory_units(text: str, expected: int) -> None:
    assert facts.to_mib(ET.fromstring(text)) == expected


def test_missing_device_is_an_error() -> None:
    with pytest.raises(HypervisorError, match="ua-ethfe"):
        domain_xml.device_text("<domain><devices/></domain>", "ethfe")


TEXT = st.text(st.characters(min_codepoint=32, max_codepoint=0x2FF), max_size=30)


@given(
    st.builds(
        Metadata,
        project=TEXT,
        vm_id=st.integers(0, 2**24),
        image=TEXT,
        seed=TEXT,
        protected=st.booleans(),
        generation=st.integers(1, 10**6),
        moved_to=TEXT,
        pending=st.lists(
            st.builds(Pending, TEXT, st.integers() | TEXT | st.none(), st.integers() | TEXT, TEXT), max_size=3
        ).map(tuple),
    )
)
def test_metadata_round_trip(note: Metadata) -> None:
    text = ET.tostring(metadata.to_element(note), encoding="unicode")
    assert metadata.from_element(ET.fromstring(text)) == note
