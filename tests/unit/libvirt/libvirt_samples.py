# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Samples that the tests of the libvirt part share: one VM, and what may be found of it."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

from ansible_collections.ringmaster.hosting.plugins.module_utils.libvirt import domain_xml, facts, model, plan
from ansible_collections.ringmaster.hosting.plugins.module_utils.libvirt.metadata import Metadata
from ansible_collections.ringmaster.hosting.plugins.module_utils.libvirt.seed import content_hash
from ansible_collections.ringmaster.hosting.plugins.module_utils.libvirt.spec import GIB, Spec, parse_spec

GOLDEN = Path(__file__).parent / "golden"
UUID = "5b0e7c1e-51a3-5d3a-9d5b-2c1f00001013"
IMAGE = "ringmaster-trixie-0123456789abcdef.qcow2"

SPEC: dict[str, Any] = {
    "name": "myapp00",
    "uuid": UUID,
    "project": "myapp",
    "vm_id": 4115,
    "memory_mib": 1024,
    "memory_max_mib": 2048,
    "cores": 2,
    "image": IMAGE,
    "root_gib": 10,
    "swap_mib": 1024,
    "tmp_gib": 5,
    "nics": [
        {"role": "ethfe", "mac": "02:01:02:00:10:13", "bridge": "br-fe"},
        {"role": "ethsrv", "mac": "02:01:03:00:10:13", "bridge": "br-srv"},
    ],
    "seed": {"meta-data": "instance-id: x\n"},
}

ENVIRONMENT = model.Environment("qemu", 8, "hv0", console_directory="/var/log/libvirt/console")


def spec(**changes: Any) -> Spec:
    """Parse the sample with some of its keys changed; ``nics__ethfe__link`` changes a card."""
    data = copy.deepcopy(SPEC)
    for key, value in changes.items():
        if key.startswith("nics__"):
            _, role, field = key.split("__")
            next(nic for nic in data["nics"] if nic["role"] == role)[field] = value
        else:
            data[key] = value
    return parse_spec(data)


def sources() -> dict[str, domain_xml.Source]:
    """Places of the sample's volumes."""
    return {
        role: domain_xml.Source("file", f"/pool/{name}", "qcow2" if role == "root" else "raw")
        for role, name in model.volume_names("myapp00", UUID).items()
    }


def note(wanted: Spec | None = None) -> Metadata:
    """Metadata as Ringmaster writes it for the sample."""
    wanted = wanted or spec()
    return Metadata(wanted.project, wanted.vm_id, wanted.image, content_hash(wanted.seed), generation=1)


def definition(wanted: Spec | None = None, environment: model.Environment = ENVIRONMENT) -> str:
    """XML of the sample's domain as it is first defined."""
    wanted = wanted or spec()
    fields = plan.desired_fields(wanted, environment, None)
    return domain_xml.new_domain(wanted.name, wanted.uuid, fields, sources(), note(wanted))


def volumes(**sizes: int) -> dict[str, model.VolumeState]:
    """All volumes of the sample, complete; a size of 0 leaves one out."""
    capacities = {"root": 10 * GIB, "swap": GIB, "tmp": 5 * GIB, "seed": 1024**2, **sizes}
    return {
        role: model.VolumeState(name, bool(capacities[role]), bool(capacities[role]), capacities[role])
        for role, name in model.volume_names("myapp00", UUID).items()
    }


def absent() -> model.Current:
    """Nothing there but the image."""
    return model.Current(volumes(root=0, swap=0, tmp=0, seed=0), image_capacity=2 * GIB)


def stopped(**changes: Any) -> model.Current:
    """The sample, defined and switched off."""
    defaults: dict[str, Any] = {
        "volumes": volumes(),
        "config": facts.parse_domain(definition()),
        "state": model.STOPPED,
        "autostart": True,
    }
    return model.Current(**{**defaults, **changes})


def running(**changes: Any) -> model.Current:
    """The sample, running as defined."""
    live = facts.parse_domain(definition())
    return stopped(**{"live": live, "state": model.RUNNING, **changes})


def make(wanted: Spec, current: model.Current, environment: model.Environment = ENVIRONMENT) -> model.Plan:
    """Plan with the hash of the wanted seed."""
    return plan.make_plan(wanted, content_hash(wanted.seed), environment, current)
