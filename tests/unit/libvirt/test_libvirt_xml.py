# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
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
    nwfilter,
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


FILTERED = {"nics__ethfe__addresses": ["2001:DB8:2::1013", "198.51.100.2"], "nics__ethsrv__addresses": ["172.20.1.1"]}


@pytest.mark.parametrize("name", GOLDEN)
def test_filters_come_and_go(name: str) -> None:
    """A domain without filters gets them, with other addresses later, and loses them: nothing else changes."""
    text = (samples.GOLDEN / name).read_text(encoding="utf-8")
    before = facts.parse_domain(text)
    assert (before.fields["nics.ethfe.filter"], before.fields["nics.ethfe.addresses"]) == ("", "")
    fields = ("nics.ethfe.filter", "nics.ethfe.addresses")
    for changes, expected in (
        (FILTERED, ("ringmaster-dual", "198.51.100.2, 2001:db8:2::1013, fe80::1:2ff:fe00:1013")),
        ({"nics__ethfe__addresses": ["198.51.100.9"]}, ("ringmaster-ipv4-only", "198.51.100.9")),
        ({**FILTERED, "nics__ethfe__anti_spoofing": False}, ("", "")),
    ):
        wanted = plan.desired_fields(samples.spec(**changes), samples.ENVIRONMENT, None)
        text = domain_xml.patch_domain(text, fields, wanted, samples.sources(), samples.note())
        after = facts.parse_domain(text)
        assert tuple(after.fields[field] for field in fields) == expected == tuple(wanted[field] for field in fields)
        assert {key for key in after.fields if after.fields[key] != before.fields[key]} <= set(fields)
    assert "filterref" not in text


def test_first_definition_has_the_filters() -> None:
    domain = ET.fromstring(samples.definition(samples.spec(**FILTERED)))
    cards = {card.find("alias").get("name"): card for card in domain.iterfind("devices/interface")}
    found = cards["ua-ethfe"].find("filterref")
    assert found.get("filter") == "ringmaster-dual"
    assert [(one.get("name"), one.get("value")) for one in found] == [
        ("IPV4", "198.51.100.2"),
        ("IPV6", "2001:db8:2::1013"),
        ("IPV6", "fe80::1:2ff:fe00:1013"),
    ]
    assert cards["ua-ethsrv"].find("filterref").get("filter") == "ringmaster-ipv4-only"


def test_somebodys_filter_is_read_and_replaced() -> None:
    text = samples.definition().replace(
        '<alias name="ua-ethfe" />',
        '<alias name="ua-ethfe" /><filterref filter="theirs"><parameter name="IPV4" value="10.0.0.0/8"/></filterref>',
    )
    found = facts.parse_domain(text).fields
    assert (found["nics.ethfe.filter"], found["nics.ethfe.addresses"]) == ("theirs", "10.0.0.0/8")
    live = facts.parse_domain(text)
    planned = samples.make(samples.spec(**FILTERED), samples.running(config=live, live=live))
    step = next(action for action in planned.actions if (action.kind, action.target) == ("update_nic", "ethfe"))
    assert step.after["nics.ethfe.filter"] == "ringmaster-dual"
    assert samples.make(samples.spec(), samples.running(config=live, live=live)).actions == ()


def test_bad_address_is_a_mistake() -> None:
    with pytest.raises(HypervisorError, match=r"nics\[0\]\.addresses: .*without prefix length"):
        samples.spec(nics__ethfe__addresses=["198.51.100.2/24"])


def test_each_filter_is_defined_before_it_is_referred_to() -> None:
    seen: set[str] = set()
    for one in nwfilter.FILTERS:
        assert set(one.refers) <= seen
        assert len(one.chain) <= 12, "libvirt takes no longer name"
        seen.add(one.name)


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
