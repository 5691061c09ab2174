# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Ringmaster keeps in a domain's ``<metadata>``: whose VM it is, and what waits for a restart.

The element of the persistent definition says what the VM is. The element of the running domain may
also hold ``pending`` entries; they end with the QEMU process, so a restart clears them by itself.
"""

from __future__ import annotations

import dataclasses
import json
import xml.etree.ElementTree as ET
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

NAMESPACE = "urn:ringmaster:vm:1"
PREFIX = "ringmaster"
FORMAT = 1

ET.register_namespace(PREFIX, NAMESPACE)


@dataclass(frozen=True)
class Pending:
    """One field of a running VM that differs from its declaration until the next start."""

    field: str
    live: Any
    wanted: Any
    reason: str

    def as_dict(self) -> dict[str, Any]:
        """Give the entry as a module returns it."""
        return dataclasses.asdict(self)


@dataclass(frozen=True)
class Metadata:
    """The content of our element."""

    project: str
    vm_id: int
    image: str
    seed: str = ""
    """SHA-256 of the seed's content; empty when the VM has none."""
    protected: bool = False
    generation: int = 1
    """Counts the definitions that Ringmaster wrote."""
    moved_to: str = ""
    """Name of the hypervisor that took the VM over; such a domain is never started here."""
    pending: tuple[Pending, ...] = ()


def sort_pending(entries: Iterable[Pending]) -> tuple[Pending, ...]:
    """Order entries by field, so that equal lists compare equal."""
    return tuple(sorted(entries, key=lambda entry: entry.field))


def qualified(tag: str) -> str:
    """Name of one of our elements as ElementTree writes it."""
    return f"{{{NAMESPACE}}}{tag}"


def to_element(metadata: Metadata) -> ET.Element:
    """Build the ``ringmaster:vm`` element."""
    element = ET.Element(
        qualified("vm"),
        {
            "format": str(FORMAT),
            "project": metadata.project,
            "id": str(metadata.vm_id),
            "image": metadata.image,
            "seed": metadata.seed,
            "protected": "yes" if metadata.protected else "no",
            "generation": str(metadata.generation),
        },
    )
    if metadata.moved_to:
        element.set("moved_to", metadata.moved_to)
    for entry in metadata.pending:
        ET.SubElement(
            element,
            qualified("pending"),
            {
                "field": entry.field,
                "live": json.dumps(entry.live),
                "wanted": json.dumps(entry.wanted),
                "reason": entry.reason,
            },
        )
    return element


def to_plain_xml(metadata: Metadata) -> str:
    """Give the element as text for ``virDomainSetMetadata``, which puts it into its namespace itself."""
    element = to_element(metadata)
    for node in element.iter():
        node.tag = node.tag.rpartition("}")[2]
    return ET.tostring(element, encoding="unicode")


def from_element(element: ET.Element | None) -> Metadata | None:
    """Read our element; None when the domain has none."""
    if element is None:
        return None
    return Metadata(
        project=element.get("project", ""),
        vm_id=int(element.get("id", "0")),
        image=element.get("image", ""),
        seed=element.get("seed", ""),
        protected=element.get("protected") == "yes",
        generation=int(element.get("generation", "1")),
        moved_to=element.get("moved_to", ""),
        pending=tuple(
            Pending(
                field=entry.get("field", ""),
                live=json.loads(entry.get("live", "null")),
                wanted=json.loads(entry.get("wanted", "null")),
                reason=entry.get("reason", ""),
            )
            for entry in element.findall(qualified("pending"))
        ),
    )


def from_domain(domain: ET.Element) -> Metadata | None:
    """Find and read our element in a parsed domain XML."""
    return from_element(domain.find(f"metadata/{qualified('vm')}"))
