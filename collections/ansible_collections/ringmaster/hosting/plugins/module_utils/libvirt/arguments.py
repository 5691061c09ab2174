# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Argument specifications that the libvirt modules share, and the one place where errors end a module."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.ringmaster.hosting.plugins.module_utils.libvirt.connection import LibvirtError
from ansible_collections.ringmaster.hosting.plugins.module_utils.libvirt.console import CONSOLE_DIRECTORY
from ansible_collections.ringmaster.hosting.plugins.module_utils.libvirt.converge import Options
from ansible_collections.ringmaster.hosting.plugins.module_utils.libvirt.errors import HypervisorError
from ansible_collections.ringmaster.hosting.plugins.module_utils.libvirt.spec import NIC_ROLES, STATES


def connection_arguments() -> dict[str, Any]:
    """Options of every module that talks to libvirt."""
    return {
        "uri": {"type": "str", "default": "qemu:///system"},
        "pool": {"type": "str", "default": "ringmaster"},
    }


def domain_arguments() -> dict[str, Any]:
    """Options of the modules that change domains."""
    return {
        **connection_arguments(),
        "hypervisor": {"type": "str", "default": ""},
        "virtualization": {"type": "str", "default": "auto", "choices": ["auto", "kvm", "qemu", "test"]},
        "disk_cache": {
            "type": "str",
            "default": "none",
            "choices": ["none", "writeback", "writethrough", "directsync", "unsafe"],
        },
        "console_directory": {"type": "path", "default": CONSOLE_DIRECTORY},
        "lock_directory": {"type": "path", "default": "/run/ringmaster/locks"},
        "lock_timeout": {"type": "float", "default": 30.0},
        "stop_timeout": {"type": "float", "default": 120.0},
        "force_stop": {"type": "bool", "default": True},
        "restart_pending": {"type": "bool", "default": False},
    }


def options_from(parameters: dict[str, Any]) -> Options:
    """Build the options of a call from a module's parameters."""
    return Options(**{name: parameters[name] for name in domain_arguments()})


def vm_arguments() -> dict[str, Any]:
    """Options that describe one VM, for module ``vm``."""
    limits = {name: {"type": "int"} for name in ("read_iops", "write_iops", "read_bytes", "write_bytes")}
    return {
        "name": {"type": "str", "required": True},
        "uuid": {"type": "str", "required": True},
        "project": {"type": "str", "required": True},
        "vm_id": {"type": "int", "required": True},
        "state": {"type": "str", "default": "running", "choices": list(STATES)},
        "memory_mib": {"type": "int", "required": True},
        "memory_max_mib": {"type": "int"},
        "cores": {"type": "int", "required": True},
        "image": {"type": "str", "required": True},
        "root_gib": {"type": "int", "required": True},
        "swap_mib": {"type": "int", "required": True},
        "tmp_gib": {"type": "int", "required": True},
        "nics": {
            "type": "list",
            "elements": "dict",
            "required": True,
            "options": {
                "role": {"type": "str", "required": True, "choices": list(NIC_ROLES)},
                "mac": {"type": "str", "required": True},
                "bridge": {"type": "str", "required": True},
                "addresses": {"type": "list", "elements": "str", "default": []},
                "anti_spoofing": {"type": "bool", "default": True},
                "mtu": {"type": "int"},
                "link": {"type": "str", "default": "up", "choices": ["up", "down"]},
            },
        },
        "io_limits": {
            "type": "dict",
            "default": {},
            "options": {role: {"type": "dict", "options": limits} for role in ("root", "swap", "tmp")},
        },
        "protected": {"type": "bool", "default": False},
        "autostart": {"type": "bool", "default": True},
        "delete_after": {"type": "str"},
        "adopt": {"type": "bool", "default": False},
        "root_must_exist": {"type": "bool", "default": False},
        "seed": {"type": "dict", "default": {}},
    }


def without_none(value: Any) -> Any:
    """Drop the ``None`` that Ansible puts in place of every option that was not given."""
    if isinstance(value, dict):
        return {key: without_none(item) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return [without_none(item) for item in value]
    return value


def run_module(module: AnsibleModule, action: Callable[[AnsibleModule], dict[str, Any]]) -> None:
    """Run a module's one call and turn what a person can act on into ``fail_json``."""
    try:
        result = action(module)
    except HypervisorError as error:
        module.fail_json(msg=str(error))
    except LibvirtError as error:
        module.fail_json(msg=f"libvirt at {module.params['uri']}: {error}", exception=traceback.format_exc())
    module.exit_json(**result)
