# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The ledger: ids, addresses, placements, host keys and generations that were given out, for ever.

Nothing is ever taken out, so nothing is ever given twice. The file has one entry a line, sorted, so that
changes read well in git and two branches merge or conflict visibly. It is replaced as a whole, under a lock.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from ansible_collections.ringmaster.hosting.plugins.module_utils.values.addresses import FIRST_ID

from .language import files, load, names
from .language.load import Source
from .schema.ledger import LEDGER

FIRST_UID = 20100
LAST_UID = 59999
#: Order of the addresses in an entry of ``confirmed_addresses``, and what stands for one that is not there.
ADDRESSES = ("fe_ipv4", "fe_ipv6", "srv_ipv4", "srv_ipv6")
#: Kinds of further addresses, of which a VM may have several: they follow in an entry where there is one.
FURTHER = ("fe_extra_ipv4", "srv_public_ipv4")
NONE = "-"
HEADER = """\
# Written by Ringmaster; do not edit. Commit it together with the description.
# What stands here was given out and is never given to anything else.
---
"""
_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9./_-]*")
_WORDS = frozenset(["true", "false", "yes", "no", "on", "off", "null", "y", "n"])


@dataclass
class Ledger:
    """What was given out. Addresses are bare; generations are numbers, those of rosters with a hash."""

    vm_ids: dict[str, int] = field(default_factory=dict)
    uids: dict[str, int] = field(default_factory=dict)
    ipv4_frontend: dict[str, str] = field(default_factory=dict)
    ipv4_srv: dict[str, str] = field(default_factory=dict)
    ipv4_frontend_extra: dict[str, list[str]] = field(default_factory=dict)
    ipv4_server_public: dict[str, list[str]] = field(default_factory=dict)
    placements: dict[str, str] = field(default_factory=dict)
    host_keys: dict[str, list[str]] = field(default_factory=dict)
    confirmed_addresses: dict[str, str] = field(default_factory=dict)
    generations: dict[str, str] = field(default_factory=dict)
    retired: dict[str, str] = field(default_factory=dict)

    def next_vm_id(self) -> int:
        """Return the id above the highest that was ever given."""
        return max(self.vm_ids.values(), default=FIRST_ID - 1) + 1

    def next_uid(self) -> int:
        """Return the uid above the highest that was ever given."""
        return max(self.uids.values(), default=FIRST_UID - 1) + 1

    def used_vm_names(self) -> set[str]:
        """Return every VM name that was ever used."""
        return {*self.vm_ids, *self.retired}

    def roster_generation(self, project: str, digest: str) -> int:
        """Return the generation for a roster with this hash: the recorded one, or the one that comes next."""
        number, _space, recorded = self.generations.get(f"roster/{project}", "0").partition(" ")
        return int(number) if recorded == digest else int(number) + 1

    def secret_generations(self, project: str) -> dict[str, int]:
        """Return the generations of a project's secrets, by ``vm/component/object``."""
        prefix = f"{project}/"
        return {
            name.removeprefix(prefix): int(value.split()[0])
            for name, value in self.generations.items()
            if name.startswith(prefix)
        }

    def confirmed(self, name: str) -> dict[str, str]:
        """Return the addresses by which a VM was last reached, by kind; nothing for one that never was."""
        words = self.confirmed_addresses.get(name, "").split()
        return {kind: "" if word == NONE else word for kind, word in zip(ADDRESSES, words, strict=False)}

    def confirmed_further(self, name: str) -> dict[str, list[str]]:
        """Return the further addresses by which a VM was last reached, by kind; nothing for one that never was."""
        words = self.confirmed_addresses.get(name, "").split()
        further = words[len(ADDRESSES) :]
        if not further:
            return {kind: [] for kind in FURTHER} if words else {}
        return {kind: [] if word == NONE else word.split(",") for kind, word in zip(FURTHER, further, strict=False)}

    def confirmed_everything(self, name: str) -> list[str]:
        """Return all addresses by which a VM was last reached."""
        first = [address for address in self.confirmed(name).values() if address]
        return [*first, *(address for found in self.confirmed_further(name).values() for address in found)]

    def given_ipv4(self, name: str) -> list[str]:
        """Return all IPv4 addresses that a VM was ever given."""
        first = (section.get(name) for section in (self.ipv4_srv, self.ipv4_frontend))
        further = (section.get(name) or [] for section in (self.ipv4_frontend_extra, self.ipv4_server_public))
        return [*(address for address in first if address), *(address for found in further for address in found)]

    def copy(self) -> Ledger:
        """Return a ledger that can be changed without changing this one."""
        return Ledger(**{section: dict(getattr(self, section)) for section in SECTIONS})

    def render(self) -> str:
        """Write the ledger as YAML, one entry a line, in an order that does not depend on history."""
        lines = [HEADER.rstrip("\n"), "format: 1"]
        for section in SECTIONS:
            entries = getattr(self, section)
            if not entries and section in ONLY_FILLED:
                continue
            lines.append(f"{section}:" if entries else f"{section}: {{}}")
            lines += [f"  {_word(name)}: {_value(entries[name])}" for name in sorted(entries, key=names.natural)]
        return "\n".join(lines) + "\n"


SECTIONS = (
    "vm_ids",
    "uids",
    "ipv4_frontend",
    "ipv4_srv",
    "ipv4_frontend_extra",
    "ipv4_server_public",
    "placements",
    "host_keys",
    "confirmed_addresses",
    "generations",
    "retired",
)

#: Sections that came later: a platform without them keeps the file that it has.
ONLY_FILLED = ("ipv4_frontend_extra", "ipv4_server_public")


def _word(text: str) -> str:
    return text if _PLAIN.fullmatch(text) and text.lower() not in _WORDS else json.dumps(text)


def _value(value: int | str | list[str]) -> str:
    if isinstance(value, list):
        return "[" + ", ".join(json.dumps(item) for item in value) + "]"
    return str(value) if isinstance(value, int) else _word(value)


def read(path: Path) -> tuple[Ledger, Source]:
    """Read a ledger; a missing file is an empty ledger. Mistakes are noted in the source."""
    if not path.exists() and not path.is_symlink():
        return Ledger(), Source(path, load.display(path))
    source = load.read(path, largest=files.LARGEST_WRITTEN)
    if source.mistakes:
        return Ledger(), source
    if source.root is None:
        source.wrong(
            None,
            "the ledger is empty",
            allowed="a ledger",
            hint="restore it from git, or delete the empty file if nothing was ever allocated",
        )
        return Ledger(), source
    values = LEDGER.read(source, source.root, "") or {}
    sections = {
        section: {name: value for name, value in (values.get(section) or {}).items() if value is not None}
        for section in SECTIONS
    }
    return Ledger(**sections), source


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the lock of a platform folder; other processes wait. It is the folder itself: no file stays."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        files.sweep(folder, *(folder / name for name in ("users", "projects", "incidents")))
        yield
    finally:
        # Said explicitly: closing alone would not free it while a forked child has the descriptor open.
        fcntl.flock(descriptor, fcntl.LOCK_UN)
        os.close(descriptor)
