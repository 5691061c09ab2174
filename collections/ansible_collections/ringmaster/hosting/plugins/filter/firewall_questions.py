# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filter ``firewall_questions``: what a machine asks others, and the answers that the description wants."""

from __future__ import annotations

DOCUMENTATION = r"""
name: firewall_questions
short_description: What a machine asks VMs, and what should be open
version_added: 0.1.0
author:
  - Ringmaster contributors (@ringmaster)
description:
  - A VM asks the next one of its own project, and one of another project. The monitoring host asks all VMs.
  - Each asks in the networks in which it has addresses itself.
options:
  _input:
    description: The host variables of all machines.
    type: dict
    required: true
  asker:
    description: The machine that asks.
    type: str
    required: true
  running:
    description: VMs that run and can be asked.
    type: list
    elements: str
    required: true
  ports:
    description: TCP ports to ask.
    type: list
    elements: int
    required: true
  everybody:
    description: Whether it asks all of them.
    type: bool
    default: false
"""

EXAMPLES = r"""
- name: Show what this machine asks
  ansible.builtin.debug:
    msg: "{{ hostvars | ringmaster.hosting.firewall_questions(asker='myapp00', running=groups.vms, ports=[22, 5432]) }}"
"""

RETURN = r"""
_value:
  description: C(vm), C(address), and the ports that should be C(open) and C(closed), for each address.
  type: list
  elements: dict
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.ringmaster.hosting.plugins.module_utils.network import firewall
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform.language import names


def targets_of(asker: str, running: Sequence[str], everybody: bool = False) -> list[str]:
    """Return whom a machine asks: all, or its neighbours in two rings, so that the work is shared by all VMs."""
    if everybody:
        return sorted(set(running) - {asker}, key=names.natural)
    if asker not in running:
        return []
    ring = sorted(running, key=names.natural)
    place = ring.index(asker)
    others = ring[place + 1 :] + ring[:place]
    own = [name for name in others if names.project_of(name) == names.project_of(asker)]
    foreign = [name for name in others if name not in own]
    # Not the next one: all VMs of a project would ask the same.
    return own[:1] + ([foreign[place % len(foreign)]] if foreign else [])


def firewall_questions(
    hostvars: Mapping[str, Any], asker: str, running: Sequence[str], ports: Sequence[int], everybody: bool = False
) -> list[dict[str, Any]]:
    """Return the questions of a machine."""
    targets = {name: hostvars[name] for name in (targets_of(asker, running, everybody) if ports else ())}
    try:
        return firewall.questions(hostvars[asker], targets, ports)
    except ValueError as error:
        raise AnsibleFilterError(f"firewall_questions: {error}") from error


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filters of this file."""
        return {"firewall_questions": firewall_questions}
