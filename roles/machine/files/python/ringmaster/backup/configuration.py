# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What this machine was told: where its backups go, what is backed up, and how components are dumped and restored."""

from __future__ import annotations

import json
import re
import stat
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from ringmaster.core.report import Failure

CONFIGURATION = Path("/etc/ringmaster/backup/backup.json")
DEFINITIONS = Path("/etc/ringmaster/backup.d")
DUMPS = Path("/var/backups/ringmaster")
STATE = Path("/var/lib/ringmaster/backup.json")
METRICS = Path("/var/lib/ringmaster/backup.prom")
SCRATCH = Path("/var/lib/ringmaster/proof")
LOCKS = Path("/run/ringmaster")
CACHE = Path("/var/cache/ringmaster-backup")

#: What is backed up where it exists. Crontabs belong to service users; the rest of the system is reinstalled.
STANDARD_PATHS = ("/srv", "/home", "/root", "/etc/local", "/etc/ringmaster", "/var/spool/cron/crontabs")
#: What is never backed up: caches, what a restore put aside, and keys: to the backups themselves, to vaults that are
#: backed up, and to all machines. The backup machine reads what it keeps.
STANDARD_EXCLUDES = (
    "/etc/ringmaster/backup",
    "/etc/ringmaster/backup-server",
    "/etc/ringmaster/steward/ssh-key",
    "/etc/ringmaster/steward/vault-password",
    "/root/.cache",
    "/home/*/.cache",
    "/srv/*/.cache",
    "/home/*.restored-*",
    "/srv/*.restored-*",
    "/root.restored-*",
    ".ringmaster-restore-*",
)


@dataclass(frozen=True)
class Access:
    """How to reach one repository. Holds secrets: never on a command line, never in a message."""

    repository: str
    username: str
    access_password: str = field(repr=False)
    password: str = field(repr=False)
    ca: str

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Access:
        """Make one of a JSON object; raises Failure."""
        names = [one.name for one in fields(cls)]
        missing = [name for name in names if not isinstance(values.get(name), str)]
        if missing:
            raise Failure(f"the access to the repository lacks {', '.join(missing)}")
        return cls(**{name: values[name] for name in names})


@dataclass(frozen=True)
class Configuration:
    """What role ``backup`` wrote. ``paths`` must exist, ``also`` are taken where they do. ``pause``: seconds."""

    vm: str
    access: Access
    paths: tuple[str, ...] = ()
    also: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    tries: int = 4
    pause: float = 600
    proof_limit_mib: int = 2048


@dataclass(frozen=True)
class Definition:
    """How one component is dumped, proven and restored: commands as lists, with ``{folder}`` where the dump lies."""

    component: str
    dump: tuple[str, ...] = ()
    prove: tuple[str, ...] = ()
    restore: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()

    @property
    def folder(self) -> Path:
        """The folder of its dump on this machine."""
        return DUMPS / self.component

    def command(self, words: Sequence[str], folder: Path) -> list[str]:
        """Return a command for a dump that lies in ``folder``."""
        return [word.replace("{folder}", str(folder)) for word in words]


def load(path: Path = CONFIGURATION) -> Configuration:
    """Read the configuration; raises Failure."""
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise Failure(f"{path} is missing: this machine is not backed up, or role backup has not run") from error
    except (OSError, ValueError) as error:
        raise Failure(f"{path} cannot be read: {error}") from error
    known = {one.name for one in fields(Configuration)} - {"access"}
    found: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in values.items() if name in known
    }
    return Configuration(access=Access.of(values), **found)


def definitions(folder: Path = DEFINITIONS) -> tuple[list[Definition], dict[str, str]]:
    """Return the components' definitions, and why files were left out, by file name.

    They are commands that run as root, so a file counts only if root alone can write it.
    """
    found: list[Definition] = []
    refused: dict[str, str] = {}
    for path in sorted(folder.glob("*.json")) if folder.is_dir() else []:
        try:
            found.append(_definition(path))
        except (OSError, ValueError) as error:
            refused[path.name] = str(error)
    return found, refused


def _definition(path: Path) -> Definition:
    status = path.lstat()
    if not stat.S_ISREG(status.st_mode) or status.st_uid != 0 or status.st_mode & 0o022:
        raise ValueError("not a regular file that root alone can write")
    values = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(values, dict):
        raise ValueError("not a JSON object")
    component = values.get("component")
    if not isinstance(component, str) or not re.fullmatch(r"[a-z][a-z0-9_-]{0,30}", component):
        raise ValueError(f"{component!r} is no name of a component")
    words: dict[str, tuple[str, ...]] = {}
    for key in ("dump", "prove", "restore", "paths"):
        value = values.get(key, [])
        if not isinstance(value, list) or not all(isinstance(word, str) for word in value):
            raise ValueError(f"{key} is not a list of words")
        if value and key != "paths" and not value[0].startswith("/"):
            raise ValueError(f"{key} does not begin with an absolute path")
        words[key] = tuple(value)
    return Definition(component, **words)
