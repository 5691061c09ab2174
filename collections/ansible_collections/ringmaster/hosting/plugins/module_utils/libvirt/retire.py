# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The end of a VM: stopped and kept for a grace period, then deleted. Pure, as the rest of the plan.

The definition goes first and the volumes after it, so that a definition never names a disk that is gone.
"""

from __future__ import annotations

import dataclasses

from ansible_collections.ringmaster.hosting.plugins.module_utils.libvirt import model, plan
from ansible_collections.ringmaster.hosting.plugins.module_utils.libvirt.model import (
    ABSENT,
    STOPPED,
    Action,
    Current,
    Environment,
    Plan,
    Refusal,
)
from ansible_collections.ringmaster.hosting.plugins.module_utils.libvirt.spec import Spec


def make_plan(spec: Spec, seed_hash: str, environment: Environment, current: Current) -> Plan:
    """Plan for any state: that of a VM that is to be kept is planned elsewhere."""
    if spec.state == "absent":
        return _deletion(spec, environment, current)
    if spec.state == "retiring":
        if current.config is None:
            # Neither made for its last days, nor recreated with empty disks after it was deleted.
            return Plan(notes=(f"{spec.name} is being retired and is not here",))
        spec = dataclasses.replace(spec, state="stopped", autostart=False)
    return plan.make_plan(spec, seed_hash, environment, current)


def _deletion(spec: Spec, environment: Environment, current: Current) -> Plan:
    refusals = [*plan.refusals_of(spec, environment, current), *_reasons_to_keep(spec, environment, current)]
    volumes = {role: volume for role, volume in current.volumes.items() if volume.listed}
    if current.config is None and not volumes:
        return Plan(notes=(f"{spec.name} is not here any more",))
    if refusals:
        return Plan(refusals=tuple(refusals))
    actions = [Action("undefine", spec.name, STOPPED, ABSENT)] if current.config else []
    actions += [
        Action("delete_volume", role, model.size_text(volume.capacity) if volume.readable else "lost")
        for role, volume in volumes.items()
    ]
    return Plan(tuple(actions))


def _reasons_to_keep(spec: Spec, environment: Environment, current: Current) -> list[Refusal]:
    reasons = []
    note = current.config.metadata if current.config else None
    if spec.protected or (note and note.protected):
        reasons.append(Refusal(f"{spec.name} is protected", "set protected: false and converge it first"))
    if not spec.delete_after:
        reasons.append(Refusal(f"{spec.name} has no delete_after", "retire it first; it is deleted after that day"))
    elif environment.today <= spec.delete_after:
        reasons.append(
            Refusal(
                f"{spec.name} may be deleted after {spec.delete_after}, and today is {environment.today}",
                "until then retiring it can be undone",
            )
        )
    if current.live is not None:
        reasons.append(
            Refusal(f"{spec.name} is {current.state}", "somebody may use it: undo the retiring, or stop it first")
        )
    return reasons
