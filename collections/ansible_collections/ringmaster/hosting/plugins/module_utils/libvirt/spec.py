# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The desired state of one VM: parsing and validation of what a play hands over.

All errors of one VM are reported at once, so that a person mends them in one go.
"""

from __future__ import annotations

import ipaddress
import re
import uuid as uuidlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.ringmaster.hosting.plugins.module_utils.libvirt.errors import HypervisorError

MIB = 1024**2
GIB = 1024**3

DISK_ROLES = ("root", "swap", "tmp")
NIC_ROLES = ("ethfe", "ethsrv")
STATES = ("present", "running", "stopped", "restarted", "retiring", "absent")
LIMITS = ("read_iops", "write_iops", "read_bytes", "write_bytes")
"""I/O limits of a disk; each a number per second, 0 = unlimited."""

NAME_PATTERN = re.compile(r"^[a-z][a-z0-9-]{1,40}$")
MAC_PATTERN = re.compile(r"^[0-9a-f]{2}(:[0-9a-f]{2}){5}$")
DATE_PATTERN = re.compile(r"^([0-9]{4}-[0-9]{2}-[0-9]{2})?$")
BRIDGE_PATTERN = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._-]{0,14}$")

KNOWN_KEYS = frozenset(
    {
        "name", "uuid", "project", "vm_id", "memory_mib", "memory_max_mib", "cores", "image", "root_gib",
        "swap_mib", "tmp_gib", "nics", "protected", "seed", "autostart", "state", "hypervisor", "io_limits",
        "delete_after", "root_must_exist", "adopt",
    }
)  # fmt: skip


@dataclass(frozen=True)
class Nic:
    """One network card, known by its role (``ethfe`` or ``ethsrv``)."""

    role: str
    mac: str
    bridge: str
    addresses: tuple[str, ...] = ()
    mtu: int | None = None
    link: str = "up"
    anti_spoofing: bool = True
    """Whether the card may send from its addresses only; without addresses nothing is said about it."""

    @property
    def is_filtered(self) -> bool:
        """Whether the card gets a network filter of ours."""
        return bool(self.addresses) and self.anti_spoofing


@dataclass(frozen=True)
class Spec:
    """What one VM should be. Sizes carry their unit in the name."""

    name: str
    uuid: str
    project: str
    vm_id: int
    memory_mib: int
    memory_max_mib: int
    cores: int
    image: str
    sizes: Mapping[str, int]
    """Role of a disk -> bytes."""
    nics: tuple[Nic, ...]
    protected: bool = False
    seed: Mapping[str, str] = field(default_factory=dict)
    autostart: bool = True
    state: str = "running"
    hypervisor: str = ""
    io_limits: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    """Role of a disk -> limit -> number per second."""
    delete_after: str = ""
    """Last day of the grace period of a VM that is retired."""
    root_must_exist: bool = False
    """Define the VM over the root disk that is there, and never make one from the image."""
    adopt: bool = False
    """Take over a domain of this UUID that lacks Ringmaster's metadata."""


class _Reader:
    """Takes values out of a mapping and collects every mistake instead of stopping at the first."""

    def __init__(self, data: Mapping[str, Any], mistakes: list[str]) -> None:
        self.data = data
        self.mistakes = mistakes

    def integer(self, key: str, minimum: int, default: int | None = None) -> int:
        value = self.data.get(key)
        if value is None and default is not None:
            return default
        if isinstance(value, bool) or value is None:
            self.mistakes.append(f"{key}: found {value!r}, needs a whole number of at least {minimum}")
            return minimum
        try:
            number = int(value)
        except (TypeError, ValueError):
            number = minimum - 1
        if number < minimum:
            self.mistakes.append(f"{key}: found {value!r}, needs a whole number of at least {minimum}")
            return minimum
        return number

    def boolean(self, key: str, default: bool) -> bool:
        value = self.data.get(key, default)
        if value is None:
            return default
        if isinstance(value, bool):
            return value
        if str(value).lower() in ("yes", "true", "1"):
            return True
        if str(value).lower() in ("no", "false", "0"):
            return False
        self.mistakes.append(f"{key}: found {value!r}, needs true or false")
        return default

    def text(self, key: str, pattern: re.Pattern[str] | None = None, default: str | None = None) -> str:
        value = self.data.get(key)
        if value is None and default is not None:
            return default
        if not isinstance(value, str) or (pattern and not pattern.match(value)):
            allowed = f"text that matches {pattern.pattern}" if pattern else "text"
            self.mistakes.append(f"{key}: found {value!r}, needs {allowed}")
            return ""
        return value


def _addresses(raw: Any, mistakes: list[str]) -> tuple[str, ...]:
    try:
        return tuple(str(ipaddress.ip_address(address)) for address in raw)
    except (TypeError, ValueError):
        mistakes.append(f"addresses: found {raw!r}, needs a list of IP addresses without prefix length")
        return ()


def _nics(raw: Any, mistakes: list[str]) -> tuple[Nic, ...]:
    if not isinstance(raw, Sequence) or isinstance(raw, str) or not raw:
        mistakes.append(f"nics: found {raw!r}, needs a list of network cards with role, mac and bridge")
        return ()
    nics = []
    for index, item in enumerate(raw):
        if not isinstance(item, Mapping):
            mistakes.append(f"nics[{index}]: found {item!r}, needs keys role, mac and bridge")
            continue
        own: list[str] = []
        reader = _Reader(item, own)
        role = reader.text("role")
        if role not in NIC_ROLES:
            own.append(f"role: found {role!r}, needs one of {', '.join(NIC_ROLES)}")
        mac = str(item.get("mac", "")).lower()
        if not MAC_PATTERN.match(mac) or int(mac[:2], 16) & 1:
            own.append(f"mac: found {item.get('mac')!r}, needs a unicast address such as 02:01:02:00:10:13")
        link = reader.text("link", re.compile("^(up|down)$"), "up")
        mtu = reader.integer("mtu", 576) if item.get("mtu") is not None else None
        bridge = reader.text("bridge", BRIDGE_PATTERN)
        addresses = _addresses(item.get("addresses") or (), own)
        anti_spoofing = reader.boolean("anti_spoofing", True)
        mistakes += [f"nics[{index}].{mistake}" for mistake in own]
        nics.append(Nic(role, mac, bridge, addresses, mtu, link, anti_spoofing))
    for what in ("role", "mac"):
        values = [getattr(nic, what) for nic in nics]
        for twice in sorted({value for value in values if values.count(value) > 1}):
            mistakes.append(f"nics: {what} {twice} is given twice")
    return tuple(nics)


def _io_limits(raw: Any, mistakes: list[str]) -> dict[str, dict[str, int]]:
    limits: dict[str, dict[str, int]] = {}
    for role, values in (raw or {}).items():
        if role not in DISK_ROLES or not isinstance(values, Mapping):
            mistakes.append(f"io_limits: found {role!r}, needs one of {', '.join(DISK_ROLES)} with a mapping")
            continue
        for unknown in sorted(set(values) - set(LIMITS)):
            mistakes.append(f"io_limits.{role}: {unknown!r} is not one of {', '.join(LIMITS)}")
        own: list[str] = []
        reader = _Reader(values, own)
        limits[role] = {key: reader.integer(key, 0, 0) for key in LIMITS if key in values}
        mistakes += [f"io_limits.{role}.{mistake}" for mistake in own]
    return limits


def parse_spec(data: Mapping[str, Any]) -> Spec:
    """Check the mapping of one VM and return its :class:`Spec`.

    :raises HypervisorError: naming the VM and every mistake in its mapping.
    """
    mistakes: list[str] = []
    reader = _Reader(data, mistakes)
    for unknown in sorted(set(data) - KNOWN_KEYS):
        mistakes.append(f"{unknown}: unknown key; known are {', '.join(sorted(KNOWN_KEYS))}")
    name = reader.text("name", NAME_PATTERN)
    uuid = reader.text("uuid")
    try:
        uuid = str(uuidlib.UUID(uuid))
    except ValueError:
        mistakes.append(f"uuid: found {uuid!r}, needs a UUID")
    memory_mib = reader.integer("memory_mib", 64)
    memory_max_mib = reader.integer("memory_max_mib", 64, memory_mib)
    if memory_max_mib < memory_mib:
        mistakes.append(f"memory_max_mib: found {memory_max_mib}, needs at least memory_mib ({memory_mib})")
    state = reader.text("state", default="running")
    if state not in STATES:
        mistakes.append(f"state: found {state!r}, needs one of {', '.join(STATES)}")
    seed = data.get("seed") or {}
    if not isinstance(seed, Mapping) or not all(
        isinstance(path, str) and isinstance(text, str) for path, text in seed.items()
    ):
        mistakes.append("seed: needs a mapping of path to text")
        seed = {}
    for path in seed:
        if path.startswith("/") or ".." in path.split("/") or not path:
            mistakes.append(f"seed: path {path!r} must be relative and stay inside the seed")
    spec = Spec(
        name=name,
        uuid=uuid,
        project=reader.text("project"),
        vm_id=reader.integer("vm_id", 0),
        memory_mib=memory_mib,
        memory_max_mib=memory_max_mib,
        cores=reader.integer("cores", 1),
        image=reader.text("image"),
        sizes={
            "root": reader.integer("root_gib", 1) * GIB,
            "swap": reader.integer("swap_mib", 1) * MIB,
            "tmp": reader.integer("tmp_gib", 1) * GIB,
        },
        nics=_nics(data.get("nics"), mistakes),
        protected=reader.boolean("protected", False),
        seed=dict(seed),
        autostart=reader.boolean("autostart", True),
        state=state,
        hypervisor=reader.text("hypervisor", default=""),
        io_limits=_io_limits(data.get("io_limits"), mistakes),
        adopt=reader.boolean("adopt", False),
        root_must_exist=reader.boolean("root_must_exist", False),
        delete_after=reader.text("delete_after", DATE_PATTERN, ""),
    )
    if mistakes:
        raise HypervisorError(f"VM {data.get('name', '(without name)')}: " + "; ".join(mistakes))
    return spec
