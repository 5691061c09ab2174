# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a verb changes, and the checks that several verbs share. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .. import schema
from ..language.containers import Record
from ..model import Description
from .request import Request


@dataclass(frozen=True)
class Draft:
    """One file of the description, a patch of it (JSON Merge Patch), and the name of what it is about.

    ``gone`` says that the file goes, whatever the patch says; ``also`` are changes of other files that belong to it.
    """

    kind: str
    file: str
    patch: dict[str, Any]
    subject: str
    ledger: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """Entries of the ledger that the verb itself writes, by section."""
    gone: bool = False
    also: tuple[Draft, ...] = ()
    notes: tuple[str, ...] = ()
    """Sentences for whoever asked, such as why nothing is changed."""
    shown: Mapping[str, str] = field(default_factory=dict, repr=False)
    """What is shown once and kept nowhere, such as ``password``."""

    def all(self) -> list[Draft]:
        """Return this change of a file and those that belong to it."""
        return [self, *self.also]

    def objects(self) -> list[str]:
        """Return what it changes, such as ``vm myapp00``; what the ledger alone has counts, too."""
        if self.kind == "users":
            return [f"person {self.file}"] if self.patch or self.gone else []
        if self.gone:
            return [f"project {self.file}"]
        vms = list(self.patch.get("vms") or {})
        others = [f"project {self.file}"] if self.patch.keys() - {"vms"} else []
        if self.ledger and not self.patch:
            vms = [self.subject.partition("/")[0]]
        return [*others, *(f"vm {name}" for name in vms)]

    @property
    def record(self) -> Record:
        """The schema of the file."""
        return schema.USER if self.kind == "users" else schema.PROJECT


def is_kept(found: Description, request: Request, name: str) -> bool:
    """Find a VM that is not described or was deleted."""
    if name in found.ledger.retired:
        request.wrong(f"vm: {name} was retired on {found.ledger.retired[name]}", found=name)
        return False
    return request.known("vm", "VM", found.vms)


def check_present(found: Description, request: Request, unless: bool = False) -> bool:
    """Find a user who is not declared or was removed; ``unless`` lets those who were removed pass."""
    if not request.known("user", "person", found.users):
        return False
    name = request.values["user"]
    if found.users[name]["state"] == "removed" and not unless:
        request.wrong(f"user: {name} was removed", found=name, allowed="a user who has an account")
        return False
    return True


def check_new_account(found: Description, request: Request, argument: str, name: str) -> None:
    """Refuse a name that an account had: its uid and its files would go to somebody else."""
    if name in found.ledger.uids:
        request.wrong(
            f"{argument}: {name} was used before, and a name is never given to something else",
            found=f"uid {found.ledger.uids[name]} in the ledger",
            allowed="a name that was never used",
            hint="if it is the same one, bring its entry back from git",
        )


def check_same(request: Request, record: Mapping[str, Any], keys: tuple[str, ...], what: str, remedy: str) -> None:
    """Note every argument that differs from what exists already; ``keys`` are not compared."""
    for key, value in request.values.items():
        if key not in keys and record.get(key) != value:
            request.wrong(
                f"{key}: {what} exists already, with another value",
                found=str(request.texts[key]),
                hint=f"to change it, use {remedy}",
            )
