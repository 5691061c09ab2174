# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which repositories are known to open with their newest password: to try costs a second of computing each."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

from ringmaster.backup_server.repositories import Repository
from ringmaster.backup_server.upkeep import read_state, write_state

KNOWN = Path("/var/lib/ringmaster/backup-server-passwords.json")


def is_known(repository: Repository, path: Path = KNOWN) -> bool:
    """Whether the repository was seen to open with its password."""
    return read_state(path).get(repository.name) == _digest(repository)


def remember(repositories: Iterable[Repository], path: Path = KNOWN) -> None:
    """Remember that these open with their passwords."""
    write_state({**read_state(path), **{one.name: _digest(one) for one in repositories}}, path)


def _digest(repository: Repository) -> str:
    """Return what tells a password from others, and gives nothing away of one that has 190 bits by chance."""
    return hashlib.sha256(repository.password.encode()).hexdigest()
