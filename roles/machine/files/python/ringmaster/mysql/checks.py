# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The checks of MariaDB. Each returns a status (0 ok, 1 warning, 2 critical, 3 unknown) and a sentence."""

from __future__ import annotations

import os
import time
from pathlib import Path

from ringmaster.core import checks
from ringmaster.core.checks import CRITICAL, OK, level
from ringmaster.core.report import counted
from ringmaster.mysql.client import Client, MariaDbError, by_file, quoted

CREDENTIALS = Path("/etc/ringmaster/monitoring/mysql.cnf")
INBOX = Path("/etc/local/mysql")
DATA = Path("/var/lib/mysql")
HOUR = 3600
# A buffer pool is judged when it had time to fill.
WARM = HOUR

_needs_answer = checks.needs_answer("MariaDB", MariaDbError)


def login_and_round_trip(addresses: list[str]) -> tuple[int, str]:
    """Log in on each address; on the first, also write a row and read it back."""
    problems = []
    begun = time.monotonic()
    name, value = quoted(os.uname().nodename), f"{time.time()}"
    for address in addresses:
        statements = ["SELECT 1"]
        if address == addresses[0]:
            statements = [
                f"REPLACE INTO ringmaster.round_trip VALUES ({name}, '{value}')",
                f"SELECT value FROM ringmaster.round_trip WHERE name = {name}",
            ]
        try:
            rows = _client(address).run(statements)
            if rows != [[value if address == addresses[0] else "1"]]:
                problems.append(f"{address} gave back something else than was written")
        except (OSError, MariaDbError) as error:
            problems.append(f"{address}: {checks.reason(error)}")
    if problems:
        return CRITICAL, f"No round trip: {'; '.join(problems)}."
    milliseconds = 1000 * (time.monotonic() - begun)
    where = counted(len(addresses), "address", "addresses")
    return OK, f"Login works on {where}, and the round trip; {milliseconds:.0f} ms in all."


@_needs_answer
def connections(warning: int, critical: int) -> tuple[int, str]:
    """Connections, in percent of max_connections."""
    status = _status(
        "Threads_connected", "Max_used_connections", "Aborted_connects", "Connection_errors_max_connections"
    )
    now, limit = status["Threads_connected"], int(_client().one("SELECT @@max_connections"))
    refused = status["Connection_errors_max_connections"]
    sentence = (
        f"{counted(now, f'of {limit} connections is', f'of {limit} connections are')} in use, "
        f"{status['Max_used_connections']} at most since the start; "
        f"{counted(refused, 'was', 'were')} refused because all were, {status['Aborted_connects']} failed to log in."
    )
    return level(100 * now / limit, warning, critical), sentence


@_needs_answer
def buffer_pool(warning: float) -> tuple[int, str]:
    """Reads that the buffer pool could not answer, in percent, since the start."""
    status = _status(
        "Innodb_buffer_pool_read_requests",
        "Innodb_buffer_pool_reads",
        "Innodb_buffer_pool_bytes_data",
        "Innodb_buffer_pool_wait_free",
        "Uptime",
    )
    size = int(_client().one("SELECT @@innodb_buffer_pool_size"))
    requests, reads = status["Innodb_buffer_pool_read_requests"], status["Innodb_buffer_pool_reads"]
    percent = 100 * reads / max(1, requests)
    full = 100 * status["Innodb_buffer_pool_bytes_data"] / size
    sentence = f"{full:.0f} % of {size // 1024**2} MiB hold data, {percent:.1f} % of the reads had to go to the disk."
    is_cold = status["Uptime"] < WARM or full < 90
    return (OK if is_cold else level(percent, warning, float("inf"))), sentence


def disk(warning: int, critical: int) -> tuple[int, str]:
    """Space in use where the data lies, in percent: MariaDB waits for ever when it is full."""
    return checks.disk(DATA, warning, critical)


@_needs_answer
def replication(warning: int, critical: int) -> tuple[int, str]:
    """Whether this server, if it is a replica, follows; and by how many seconds it is late."""
    rows = _client().run(
        [
            "SELECT connection_name, slave_io_running, slave_sql_running, IFNULL(seconds_behind_master, -1),"
            " IFNULL(last_error, '') FROM information_schema.slave_status"
        ]
    )
    if not rows:
        return OK, "This server is no replica."
    status, parts = OK, []
    for name, receives, applies, late, error in rows:
        who = f"the connection '{name}'" if name else "the replica"
        if receives != "Yes" or applies != "Yes":
            status = CRITICAL
            parts.append(f"{who} stands still{f': {error}' if error else ''}")
        else:
            status = max(status, level(float(late), warning, critical))
            parts.append(f"{who} is {late} s late")
    return status, f"{'; '.join(parts)}."


def inbox() -> tuple[int, str]:
    """Drop-ins in /etc/local/mysql that were left out."""
    return checks.drop_ins("mysql", ".cnf", INBOX)


@_needs_answer
def restart_pending(warning_days: float) -> tuple[int, str]:
    """Settings that wait for a restart of MariaDB."""
    run_id = Path("/run/systemd/units/invocation:mariadb.service")
    return checks.restart_pending("mysql", str(run_id.readlink()) if run_id.is_symlink() else "", warning_days)


def _client(address: str = "") -> Client:
    """Return the way of the account for checks, over TCP when an address is given."""
    where = [f"--host={address}"] if address else ["--socket=/run/mysqld/mysqld.sock"]
    return by_file(CREDENTIALS, *where, timeout=3)


def _status(*names: str) -> dict[str, int]:
    wanted = ", ".join(f"'{name}'" for name in names)
    rows = _client().run([f"SHOW GLOBAL STATUS WHERE variable_name IN ({wanted})"])
    return {name: int(value) for name, value in rows}
