# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a roster is made of, and the numbers that are fixed on every machine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

UID_FIRST = 20100
UID_LAST = 59999
"""Every account with a uid in this range is ours; nothing outside it is touched."""

USERS_GID = 100
SERVICE_GID = 20000
GROUPS = {
    "service": SERVICE_GID,
    "login": 20001,
    "sudo-srv": 20002,
    "wheel": 20003,
    "manager": 20004,
    "stats": 20005,
}
PERMISSIONS = ("login", "sudo-srv", "wheel", "manager", "stats")
STATES = ("active", "locked", "removed")

LOGIN_SHELL = "/bin/bash"
NO_SHELL = "/usr/sbin/nologin"


class AccountsError(Exception):
    """Something prevents the roster from being applied; the text says what and what to do."""


@dataclass(frozen=True)
class Account:
    """One wanted account: a person or a service user."""

    name: str
    uid: int
    full_name: str = ""
    state: str = "active"
    service: bool = False
    permissions: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()

    @property
    def active(self) -> bool:
        """Tell whether the account may be used."""
        return self.state == "active"

    @property
    def gid(self) -> int:
        """Return the primary group."""
        return SERVICE_GID if self.service else USERS_GID

    @property
    def home(self) -> str:
        """Return the home directory."""
        return f"/srv/{self.name}" if self.service else f"/home/{self.name}"

    @property
    def may_log_in(self) -> bool:
        """Tell whether SSH keys are put in place."""
        return self.active and not self.service and "login" in self.permissions


@dataclass(frozen=True)
class Roster:
    """The wanted accounts of one project; raw is what came in, and is kept for the next run."""

    project: str
    generation: int
    accounts: dict[str, Account]
    raw: dict[str, object] = field(repr=False, default_factory=dict)


@dataclass(frozen=True)
class Limits:
    """Resource limits of one service user, in systemd's own notation; empty means no limit."""

    memory_high: str = ""
    memory_max: str = ""
    cpu_quota: str = ""
    tasks_max: str = ""


@dataclass(frozen=True)
class Options:
    """How a roster is applied."""

    home_retention_days: int = 90
    self_heal: bool = True
    confirm_removal: bool = False
    replace_state: bool = False
    end_sessions: frozenset[str] = frozenset()
    end_service_sessions: bool = False
    limits: dict[str, Limits] = field(default_factory=dict)

    def kept(self) -> dict[str, object]:
        """Return the options that the repair timer applies again, as JSON holds them."""
        return {
            "home_retention_days": self.home_retention_days,
            "limits": {name: asdict(limits) for name, limits in self.limits.items()},
        }

    @classmethod
    def from_kept(cls, kept: Mapping[str, object]) -> Options:
        """Return the options that were kept; what is missing or of another type has its default."""
        days, limits = kept.get("home_retention_days"), kept.get("limits")
        return cls(
            home_retention_days=days if isinstance(days, int) else cls.home_retention_days,
            limits={name: Limits(**values) for name, values in limits.items()} if isinstance(limits, dict) else {},
        )


@dataclass(frozen=True)
class Paths:
    """Where things lie; root is the real root except in tests."""

    root: Path = Path("/")

    def at(self, path: str) -> Path:
        """Return an absolute path below the root."""
        return self.root / path.lstrip("/")

    @property
    def live(self) -> bool:
        """Tell whether this is the running system, with processes and sessions."""
        return self.root == Path("/")


KEYS_DIRECTORY = "/etc/ssh/authorized_keys.d"
STATE_DIRECTORY = "/var/lib/ringmaster/accounts"
STATE_FILE = f"{STATE_DIRECTORY}/roster.json"
LINGER_DIRECTORY = "/var/lib/systemd/linger"
CRONTAB_DIRECTORY = "/var/spool/cron/crontabs"
AT_DIRECTORY = "/var/spool/cron/atjobs"
