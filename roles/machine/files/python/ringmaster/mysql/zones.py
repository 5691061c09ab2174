# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The server's tables of time zones, made from the machine's.

MariaDB comes with them empty and then knows offsets only; with a default time zone by name it does not start.
"""

from __future__ import annotations

import hashlib
import re
import subprocess
from pathlib import Path
from typing import Any

from ringmaster.core import account, below, files
from ringmaster.core.report import Failure, Report
from ringmaster.mysql.client import Client, MariaDbError, error_of
from ringmaster.mysql.settings import SERVER

ACCOUNT = "mysql"
SYSTEM = "SYSTEM"
FOLDER = Path("/usr/share/zoneinfo")
# Which release of the zones the tables were made from.
LOADED = Path("/var/lib/ringmaster/mysql-zones")
OFFSET = re.compile(r"[+-]\d{1,2}:\d{2}")
NAME = re.compile(r"[A-Za-z0-9_+-]+(/[A-Za-z0-9_+-]+){0,2}")


def is_name(zone: str) -> bool:
    """Whether a time zone is one by name: neither the machine's nor an offset, which MariaDB judges itself."""
    return zone.upper() != SYSTEM and not OFFSET.fullmatch(zone)


def exists(zone: str) -> bool:
    """Whether the tables have a zone of this name once they are loaded."""
    return bool(NAME.fullmatch(zone)) and (FOLDER / zone).is_file()


def settle(client: Client, report: Report, *, check: bool, loaded: Path = LOADED) -> None:
    """Load the tables of a running server if they are empty or the machine has newer zones. Raises MariaDbError."""
    release = hashlib.sha256((FOLDER / "tzdata.zi").read_bytes()).hexdigest()
    known = loaded.read_text().strip() if loaded.exists() else ""
    if known == release and client.one("SELECT COUNT(*) FROM mysql.time_zone_name") != "0":
        return
    report.steps.append("load the time zones")
    if check:
        return
    done = subprocess.run(
        [*client.words, "mysql"], input=_statements(), capture_output=True, check=False, env=client.environment
    )
    if done.returncode:
        raise error_of(done.stderr.decode(errors="replace"))
    if client.one("SELECT COUNT(*) FROM mysql.time_zone_name") == "0":
        raise MariaDbError("the tables of time zones are still empty after they were loaded")
    files.publish(loaded, release + "\n")


def fill(configuration: Path) -> None:
    """Load the tables while no server runs: it would not start without. Raises Failure."""
    words = [SERVER, f"--defaults-file={configuration}", "--bootstrap", "--skip-log-bin", "--skip-log-error"]
    text = b"USE mysql;\n" + _statements()
    plain: dict[str, Any] = {"text": False, "errors": None}
    done: Any = below.as_account(ACCOUNT, [*words, f"--default-time-zone={SYSTEM}"], input=text, **plain)
    if done.returncode:
        lines = [line for line in done.stderr.decode(errors="replace").strip().splitlines() if "Aborting" not in line]
        raise Failure(f"MariaDB: the time zones cannot be loaded: {'; '.join(lines[-2:])}")


def _statements() -> bytes:
    return account.run(ACCOUNT, "mariadb-tzinfo-to-sql", "--skip-write-binlog", str(FOLDER))
