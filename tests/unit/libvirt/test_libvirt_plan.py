# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The plan: what each change does to an absent, a stopped and a running VM."""

from __future__ import annotations

import dataclasses
from typing import Any

import libvirt_samples as samples
import pytest
from ansible_collections.ringmaster.hosting.plugins.module_utils.libvirt import model, plan, rules
from ansible_collections.ringmaster.hosting.plugins.module_utils.libvirt.apply import MAY_WAIT, TABLE
from ansible_collections.ringmaster.hosting.plugins.module_utils.libvirt.errors import HypervisorError
from ansible_collections.ringmaster.hosting.plugins.module_utils.libvirt.metadata import Pending
from ansible_collections.ringmaster.hosting.plugins.module_utils.libvirt.spec import GIB


def steps(found: model.Plan) -> list[str]:
    return [f"{action.kind} {action.target}".strip() for action in found.actions]


# What is changed -> steps for a stopped VM, steps for a running VM, fields that wait for a restart.
MATRIX: dict[str, tuple[dict[str, Any], list[str], list[str], list[str]]] = {
    "nothing": ({}, ["start myapp00"], [], []),
    "memory within the maximum": (
        {"memory_mib": 1536},
        ["define myapp00", "start myapp00"],
        ["define myapp00", "set_memory", "note_live myapp00"],
        [],
    ),
    "less memory": (
        {"memory_mib": 512},
        ["define myapp00", "start myapp00"],
        ["define myapp00", "set_memory", "note_live myapp00"],
        [],
    ),
    "memory above the maximum": (
        {"memory_mib": 4096, "memory_max_mib": 4096},
        ["define myapp00", "start myapp00"],
        ["define myapp00", "note_live myapp00"],
        ["memory_mib", "memory_max_mib"],
    ),
    "more cores in an emulated VM": (
        {"cores": 4},
        ["define myapp00", "start myapp00"],
        ["define myapp00", "note_live myapp00"],
        ["cores"],
    ),
    "cores above twice": (
        {"cores": 5},
        ["define myapp00", "start myapp00"],
        ["define myapp00", "note_live myapp00"],
        ["cores"],
    ),
    "fewer cores": (
        {"cores": 1},
        ["define myapp00", "start myapp00"],
        ["define myapp00", "note_live myapp00"],
        ["cores"],
    ),
    "larger root": ({"root_gib": 12}, ["resize_volume root", "start myapp00"], ["resize_disk root"], []),
    "larger swap and tmp": (
        {"swap_mib": 2048, "tmp_gib": 6},
        ["resize_volume swap", "resize_volume tmp", "start myapp00"],
        ["resize_disk swap", "resize_disk tmp"],
        [],
    ),
    "smaller swap": ({"swap_mib": 512}, ["start myapp00"], [], []),
    "link down": (
        {"nics__ethfe__link": "down"},
        ["define myapp00", "start myapp00"],
        ["define myapp00", "update_nic ethfe", "note_live myapp00"],
        [],
    ),
    "another bridge": (
        {"nics__ethsrv__bridge": "br-new"},
        ["define myapp00", "start myapp00"],
        ["define myapp00", "update_nic ethsrv", "note_live myapp00"],
        [],
    ),
    "MTU": (
        {"nics__ethsrv__mtu": 9000},
        ["define myapp00", "start myapp00"],
        ["define myapp00", "note_live myapp00"],
        ["nics.ethsrv.mtu"],
    ),
    "addresses of a VM that had no filter": (
        {"nics__ethfe__addresses": ["198.51.100.2", "2001:db8:2::1013"]},
        ["define myapp00", "start myapp00"],
        ["define myapp00", "update_nic ethfe", "note_live myapp00"],
        [],
    ),
    "I/O limits": (
        {"io_limits": {"root": {"read_iops": 100, "write_bytes": 10**7}}},
        ["define myapp00", "start myapp00"],
        ["define myapp00", "set_io_limits root", "note_live myapp00"],
        [],
    ),
    "protection": (
        {"protected": True},
        ["define myapp00", "start myapp00"],
        ["define myapp00", "note_live myapp00"],
        [],
    ),
    "seed": (
        {"seed": {"meta-data": "new"}},
        ["write_seed seed", "define myapp00", "start myapp00"],
        ["write_seed seed", "define myapp00", "note_live myapp00"],
        [],
    ),
    "autostart": (
        {"autostart": False},
        ["set_autostart myapp00", "start myapp00"],
        ["set_autostart myapp00"],
        [],
    ),
    "another image": ({"image": "ringmaster-new-0123456789abcdef.qcow2"}, ["start myapp00"], [], []),
    "present": ({"state": "present"}, [], [], []),
    "stopped": ({"state": "stopped"}, [], ["stop myapp00"], []),
    "restarted": ({"state": "restarted"}, ["start myapp00"], ["stop myapp00", "start myapp00"], []),
    "restarted with changes": (
        {"state": "restarted", "memory_max_mib": 4096, "root_gib": 12},
        ["define myapp00", "resize_volume root", "start myapp00"],
        ["define myapp00", "stop myapp00", "resize_volume root", "start myapp00"],
        [],
    ),
}


@pytest.mark.parametrize("case", MATRIX)
def test_matrix(case: str) -> None:
    changes, when_stopped, when_running, pending = MATRIX[case]
    wanted = samples.spec(**changes)
    assert steps(samples.make(wanted, samples.stopped())) == when_stopped
    found = samples.make(wanted, samples.running())
    assert steps(found) == when_running
    assert [entry.field for entry in found.pending] == pending
    assert not found.refusals
    assert all(entry.reason for entry in found.pending)


def test_new_vm() -> None:
    found = samples.make(samples.spec(), samples.absent())
    assert steps(found) == [
        "create_volume root",
        "create_volume swap",
        "create_volume tmp",
        "write_seed seed",
        "define myapp00",
        "set_autostart myapp00",
        "start myapp00",
    ]
    before, after = found.diff()
    assert before == {}
    assert after["disks.root.size"] == "10GiB"
    assert after["state"] == "running"
    assert "disks.root.read_iops" not in after


@pytest.mark.parametrize("left", [("root",), ("root", "swap"), ("root", "swap", "tmp", "seed")])
def test_half_made_vm_is_completed(left: tuple[str, ...]) -> None:
    """A run that was killed between its steps leaves volumes without a domain: they are used again."""
    volumes = {role: state for role, state in samples.volumes().items() if role in left}
    current = dataclasses.replace(samples.absent(), volumes={**samples.absent().volumes, **volumes})
    found = samples.make(samples.spec(), current)
    assert steps(found) == [
        *(f"create_volume {role}" for role in ("root", "swap", "tmp") if role not in left),
        "write_seed seed",
        "define myapp00",
        "set_autostart myapp00",
        "start myapp00",
    ]
    assert len(found.notes) == len(set(left) - {"seed"})


REFUSED: dict[str, tuple[dict[str, Any], model.Current, str]] = {
    "shrink": ({"root_gib": 9}, samples.running(), "never shrinks"),
    "shrink when stopped": ({"root_gib": 9}, samples.stopped(), "never shrinks"),
    "MAC": ({"nics__ethfe__mac": "02:01:02:00:10:14"}, samples.running(), "derived from site"),
    "card taken away": ({"nics": samples.SPEC["nics"][:1]}, samples.running(), "never detached"),
    "foreign domain of the same name": (
        {},
        dataclasses.replace(samples.absent(), name_taken_by="another"),
        "rename or remove it by hand",
    ),
    "rename": (
        {},
        samples.running(config=dataclasses.replace(samples.running().config, name="old00")),
        "keeps its name",
    ),
    "defined by hand": (
        {},
        samples.stopped(config=dataclasses.replace(samples.stopped().config, metadata=None)),
        "defined it by hand",
    ),
    "moved away": (
        {},
        samples.stopped(
            config=dataclasses.replace(
                samples.stopped().config, metadata=dataclasses.replace(samples.note(), moved_to="hv1")
            )
        ),
        "must not run twice",
    ),
    "placed elsewhere": ({"hypervisor": "hv1"}, samples.absent(), "move_vm"),
    "placed elsewhere, but here": ({"hypervisor": "hv1"}, samples.running(), "move_vm"),
    "no image": ({}, dataclasses.replace(samples.absent(), image_capacity=None), "import it first"),
    "image larger than the disk": (
        {"root_gib": 1},
        dataclasses.replace(samples.absent(), image_capacity=2 * GIB),
        "declare a larger disk",
    ),
    "root volume lost": ({}, samples.stopped(volumes=samples.volumes(root=0)), "hide the loss"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused_and_untouched(case: str) -> None:
    changes, current, remedy = REFUSED[case]
    found = samples.make(samples.spec(**changes), current)
    assert found.actions == ()
    assert remedy in "; ".join(str(refusal) for refusal in found.refusals)


def test_image_may_come_in_check_mode() -> None:
    current = dataclasses.replace(samples.absent(), image_capacity=None)
    found = samples.make(samples.spec(), current, dataclasses.replace(samples.ENVIRONMENT, image_may_come=True))
    assert not found.refusals
    assert found.notes == (f"image {samples.IMAGE} is not in the pool yet",)


def test_more_cores_with_kvm() -> None:
    environment = dataclasses.replace(samples.ENVIRONMENT, virtualization="kvm")
    found = samples.facts.parse_domain(samples.definition(environment=environment))
    current = samples.running(config=found, live=found)
    assert steps(samples.make(samples.spec(cores=4), current, environment)) == [
        "define myapp00",
        "set_cores",
        "note_live myapp00",
    ]
    assert samples.make(samples.spec(cores=5), current, environment).pending[0].field == "cores"


def test_restart_is_shown() -> None:
    before, after = samples.make(samples.spec(state="restarted"), samples.running()).diff()
    assert (before["state"], after["state"]) == ("running", "running, restarted")


@pytest.mark.parametrize("role", ["swap", "tmp"])
def test_lost_scratch_disk_is_made_again(role: str) -> None:
    found = samples.make(samples.spec(), samples.stopped(volumes=samples.volumes(**{role: 0})))
    assert steps(found) == [f"create_volume {role}", "start myapp00"]


def test_live_step_that_failed_is_not_repeated() -> None:
    """It waits in the running domain's metadata, and leaves it as soon as the wanted value changes."""
    failed = Pending("memory_mib", 1024, 1536, "the guest has not yet followed")
    base = samples.running().live
    live = dataclasses.replace(base, metadata=dataclasses.replace(samples.note(), pending=(failed,)))
    config = samples.stopped().config
    config = dataclasses.replace(config, fields={**config.fields, "memory_mib": 1536})
    current = samples.running(config=config, live=live)
    found = samples.make(samples.spec(memory_mib=1536), current)
    assert found.actions == ()
    assert found.pending == (failed,)
    other = samples.make(samples.spec(memory_mib=1280), current)
    assert steps(other) == ["define myapp00", "set_memory", "note_live myapp00"]
    assert other.pending == ()


def test_guest_that_has_not_followed_is_not_asked_again() -> None:
    """A VM starts with its maximum until its balloon driver is up: that is reported, and is no change."""
    base = samples.running().live
    live = dataclasses.replace(base, fields={**base.fields, "memory_mib": 2048})
    found = samples.make(samples.spec(), samples.running(live=live))
    assert found.actions == ()
    assert found.pending == ()
    assert found.notes == ("memory_mib is 2048, asked for are 1024: the guest's memory balloon has not followed yet",)


def test_guest_is_asked_when_a_run_was_killed_before_that() -> None:
    config = samples.stopped().config
    newer = dataclasses.replace(samples.note(), generation=2)
    config = dataclasses.replace(config, metadata=newer, fields={**config.fields, "memory_mib": 1536})
    found = samples.make(samples.spec(memory_mib=1536), samples.running(config=config))
    assert steps(found) == ["set_memory", "note_live myapp00"]


def test_missing_device_is_attached() -> None:
    def without(found: Any) -> Any:
        fields = {name: value for name, value in found.fields.items() if not name.startswith("disks.tmp.")}
        targets = {role: target for role, target in found.targets.items() if role != "tmp"}
        return dataclasses.replace(found, fields=fields, targets=targets)

    current = samples.running()
    current = dataclasses.replace(current, config=without(current.config), live=without(current.live))
    assert steps(samples.make(samples.spec(), current)) == [
        "define myapp00",
        "attach_disk tmp",
        "note_live myapp00",
    ]


def test_paused_vm_goes_on() -> None:
    assert steps(samples.make(samples.spec(), samples.running(state=model.PAUSED))) == ["resume myapp00"]
    assert steps(samples.make(samples.spec(state="present"), samples.running(state=model.PAUSED))) == []


def test_restart_only_when_asked() -> None:
    wanted = samples.spec(memory_mib=4096, memory_max_mib=4096)
    assert "stop myapp00" not in steps(samples.make(wanted, samples.running()))
    asked = dataclasses.replace(samples.ENVIRONMENT, restart_pending=True)
    assert steps(samples.make(wanted, samples.running(), asked)) == [
        "define myapp00",
        "stop myapp00",
        "start myapp00",
    ]
    assert steps(samples.make(samples.spec(), samples.running(), asked)) == []


@pytest.mark.parametrize(("cores", "host", "expected"), [(1, 8, 2), (3, 4, 4), (4, 2, 4), (2, 2, 2), (8, 64, 16)])
def test_cores_maximum(cores: int, host: int, expected: int) -> None:
    assert plan.cores_maximum(cores, host) == expected


def test_every_field_has_a_rule_and_every_rule_an_action() -> None:
    for name in plan.desired_fields(samples.spec(nics__ethfe__mtu=1500), samples.ENVIRONMENT, None):
        rule = rules.rule_for(name)
        assert bool(rule.live) + bool(rule.reason) + bool(rule.refuse) == 1, name
        if rule.live:
            assert rule.live in TABLE
            assert rule.live in MAY_WAIT
    with pytest.raises(HypervisorError, match="has no rule"):
        rules.rule_for("colour")
