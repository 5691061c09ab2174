# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The checks of PostgreSQL. Each returns a status (0 ok, 1 warning, 2 critical, 3 unknown) and a sentence.

They log in as ringmaster_monitor, who may only look at figures: on this machine by the account they run as, over
TCP with a password.
"""

from __future__ import annotations

import json
import subprocess
import time
from pathlib import Path
from typing import Any

from ringmaster.core import checks
from ringmaster.core.checks import CRITICAL, GIB, OK, WARNING, level
from ringmaster.core.files import read_environment
from ringmaster.core.report import counted
from ringmaster.postgresql import cluster

CREDENTIALS = Path("/etc/ringmaster/monitoring/postgresql.env")
AUTHORITY = Path("/etc/ringmaster/certificates/ca.pem")
INBOX = Path("/etc/local/postgresql")
PROGRAMS = Path("/usr/lib/postgresql")
ROUND_TRIP = """
INSERT INTO ringmaster.heartbeat VALUES (1, now()) ON CONFLICT (id) DO UPDATE SET at = now()
  RETURNING to_json(now() - at < interval '1 minute')
"""


class PostgresqlError(Exception):
    """The server refuses or does not answer; the text is what it said."""


_needs_answer = checks.needs_answer("PostgreSQL", PostgresqlError)


def _ask(query: str, host: str = "/run/postgresql") -> Any:
    credentials = read_environment(CREDENTIALS)
    environment = {
        **({} if host.startswith("/") else {"PGPASSWORD": credentials["PGPASSWORD"]}),
        "PGUSER": credentials["PGUSER"],
        "PGHOST": host,
        "PGDATABASE": "postgres",
        "PGCONNECT_TIMEOUT": "5",
        "PGAPPNAME": "ringmaster-check",
        # Over the network as an application does it, so that a certificate that does not fit is seen.
        "PGSSLMODE": "disable" if host in ("127.0.0.1", "::1") or host.startswith("/") else "verify-full",
        "PGSSLROOTCERT": str(AUTHORITY),
        "PGOPTIONS": credentials["PGOPTIONS"],
        "LC_ALL": "C.UTF-8",
        "HOME": "/nonexistent",
    }
    # The program itself: the one in /usr/bin is a wrapper in Perl.
    program = max(PROGRAMS.glob("*/bin/psql"), key=lambda path: int(path.parent.parent.name))
    done = subprocess.run(
        [str(program), "-XAtq", "--no-password", "--file=-"],
        input=f"{query};\n",
        capture_output=True,
        text=True,
        check=False,
        env=environment,
    )
    if done.returncode or done.stderr.strip():
        lines = [line.strip() for line in done.stderr.splitlines() if line.strip()]
        told = lines[0].removeprefix("psql: error: ") if lines else f"psql ended with code {done.returncode}"
        raise PostgresqlError(told.removeprefix("connection to server at ").removeprefix("connection to server on "))
    return json.loads(done.stdout) if done.stdout.strip() else None


def login_and_round_trip(addresses: list[str]) -> tuple[int, str]:
    """Log in on the socket and each address; on the first, also write a row and read it back."""
    problems = []
    begun = time.monotonic()
    for number, address in enumerate(["/run/postgresql", *addresses]):
        try:
            if _ask(ROUND_TRIP if number == 0 else "SELECT to_json(true)", address) is not True:
                problems.append(f"{address} gave back something else than was written")
        except (OSError, PostgresqlError) as error:
            problems.append(f"{address}: {checks.reason(error)}")
    if problems:
        return CRITICAL, f"No round trip: {'; '.join(problems)}."
    milliseconds = 1000 * (time.monotonic() - begun)
    sentence = f"Login works on the socket and {counted(len(addresses), 'address', 'addresses')}, and the round trip"
    return OK, f"{sentence}; {milliseconds:.0f} ms in all."


@_needs_answer
def connections(warning: int, critical: int) -> tuple[int, str]:
    """Connections, in percent of what users may have."""
    now, limit = _ask("""
      SELECT json_build_array(
        (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'),
        current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int)
    """)
    in_use = counted(now, f"of {limit} connections is in use", f"of {limit} connections are in use")
    return level(100 * now / limit, warning, critical), f"{in_use}."


@_needs_answer
def transactions(warning_minutes: float, critical_minutes: float) -> tuple[int, str]:
    """The oldest open transaction: it keeps vacuum from cleaning up."""
    oldest = _ask("""
      SELECT coalesce((SELECT json_build_object('minutes', extract(epoch FROM now() - xact_start) / 60, 'user', usename,
          'database', datname, 'state', state, 'pid', pid)
        FROM pg_stat_activity WHERE xact_start IS NOT NULL AND backend_type = 'client backend'
          AND pid <> pg_backend_pid() ORDER BY xact_start LIMIT 1), 'null')
    """)
    prepared = _ask("""
      SELECT coalesce(json_agg(gid), '[]') FROM pg_prepared_xacts WHERE prepared < now() - interval '1 hour'
    """)
    if prepared:
        waiting = counted(len(prepared), "prepared transaction waits", "prepared transactions wait")
        return WARNING, f"{waiting} for more than an hour: {', '.join(prepared[:3])}."
    if oldest is None:
        return OK, "No transaction is open."
    who = f"of {oldest['user']} in {oldest['database']} (process {oldest['pid']}, {oldest['state']})"
    sentence = f"The oldest transaction, {who}, has been open for {oldest['minutes']:.0f} min."
    return level(oldest["minutes"], warning_minutes, critical_minutes), sentence


@_needs_answer
def wraparound(warning_millions: float, critical_millions: float) -> tuple[int, str]:
    """Age of the oldest transaction number and multixact: PostgreSQL stops writing before they run out."""
    place, age, kind = _ask("""
      SELECT json_build_array(datname, age, kind) FROM (
        SELECT datname, age(datfrozenxid) AS age, 'transaction' AS kind FROM pg_database
        UNION ALL SELECT datname, mxid_age(datminmxid), 'multixact' FROM pg_database) AS ages
      ORDER BY age DESC LIMIT 1
    """)
    sentence = f"The oldest {kind} number is {age / 1e6:.1f} million old, in the database {place}."
    return level(age / 1e6, warning_millions, critical_millions), sentence


@_needs_answer
def wal(warning_gib: float, critical_gib: float) -> tuple[int, str]:
    """WAL that is kept: for a replication slot whose reader is away, or because archiving fails."""
    found = _ask("""
      SELECT json_build_object(
        'size', (SELECT coalesce(sum(size), 0) FROM pg_ls_waldir()),
        'slots', (SELECT coalesce(json_agg(slot_name), '[]') FROM pg_replication_slots WHERE NOT active),
        'lost', (SELECT coalesce(json_agg(slot_name), '[]') FROM pg_replication_slots WHERE wal_status = 'lost'),
        'archive', current_setting('archive_mode') <> 'off',
        'failing', (SELECT last_failed_time > coalesce(last_archived_time, '-infinity') FROM pg_stat_archiver))
    """)
    gib = found["size"] / GIB
    parts = [f"{gib:.2f} GiB of WAL are kept"]
    status = level(gib, warning_gib, critical_gib)
    if found["slots"]:
        parts.append(f"nobody reads the replication slots {', '.join(found['slots'])}")
        status = max(status, WARNING)
    if found["lost"]:
        parts.append(f"the slots {', '.join(found['lost'])} have lost their WAL")
        status = CRITICAL
    if found["archive"]:
        parts.append("archiving fails" if found["failing"] else "archiving works")
        status = CRITICAL if found["failing"] else status
    return status, f"{'; '.join(parts)}."


def disk(folder: str, warning: int, critical: int) -> tuple[int, str]:
    """Space in use where the cluster lies, in percent: PostgreSQL refuses writes, or stops, when it is full."""
    return checks.disk(Path(folder), warning, critical)


@_needs_answer
def integrity() -> tuple[int, str]:
    """Pages whose checksum was wrong, and collations that sort differently since an update."""
    found = _ask("""
      SELECT json_build_object(
        'checksums', current_setting('data_checksums'),
        'broken', (SELECT coalesce(json_object_agg(datname, checksum_failures), '{}') FROM pg_stat_database
          WHERE checksum_failures > 0 AND datname IS NOT NULL),
        'drifted', (SELECT coalesce(json_agg(datname), '[]') FROM pg_database
          WHERE datallowconn AND datcollversion IS DISTINCT FROM pg_database_collation_actual_version(oid)))
    """)
    if found["broken"]:
        parts = [f"{number} in {place}" for place, number in found["broken"].items()]
        return CRITICAL, f"Pages with a wrong checksum were read: {', '.join(parts)}. Look at disk and backups."
    if found["drifted"]:
        names = ", ".join(found["drifted"])
        remedy = "REINDEX, then ALTER DATABASE … REFRESH COLLATION VERSION"
        return WARNING, f"Text sorts differently since an update in {names}: {remedy}."
    if found["checksums"] != "on":
        return WARNING, "The cluster has no data checksums."
    return OK, "No page had a wrong checksum, and no collation has changed."


def pitr(warning_hours: float, critical_hours: float) -> tuple[int, str]:
    """Age of the newest backup for point-in-time recovery. Runs as postgres, whose repository it is."""
    done = subprocess.run(
        ["/usr/bin/pgbackrest", "--stanza=main", "--output=json", "info"], capture_output=True, text=True, check=False
    )
    if done.returncode:
        return CRITICAL, f"pgBackRest: {(done.stderr or done.stdout).strip()[:200]}."
    (stanza,) = json.loads(done.stdout)
    if not stanza["backup"]:
        return CRITICAL, f"There is no backup for point-in-time recovery yet: {stanza['status']['message']}."
    first, last = stanza["backup"][0]["timestamp"]["stop"], stanza["backup"][-1]["timestamp"]["stop"]
    hours = (time.time() - last) / 3600
    sentence = f"The newest backup is {hours:.1f} h old; one can go back {(time.time() - first) / checks.DAY:.1f} days."
    return level(hours, warning_hours, critical_hours), sentence


def inbox() -> tuple[int, str]:
    """Drop-ins in /etc/local/postgresql that were left out."""
    return checks.drop_ins("postgresql", ".conf", INBOX)


@_needs_answer
def restart_pending(warning_days: float) -> tuple[int, str]:
    """Settings that wait for a restart of PostgreSQL."""
    run_id = _ask("SELECT to_json(extract(epoch FROM pg_postmaster_start_time())::text)")
    return checks.restart_pending("postgresql", run_id, warning_days)


def upgrade(warning_days: float) -> tuple[int, str]:
    """An upgrade to another major version that is neither confirmed nor rolled back."""
    known = cluster.upgraded()
    if not known:
        return OK, "No upgrade waits to be confirmed."
    what = f"the upgrade from {known['from']} to {known['to']}"
    days = (time.time() - known["at"]) / checks.DAY
    if known["state"] != "upgraded" and not Path(f"/proc/{known['process']}").exists():
        return CRITICAL, f"{what.capitalize()} was interrupted {days:.1f} days ago: roll it back."
    sentence = f"{what.capitalize()} has waited for {days:.1f} days to be confirmed; until then the old cluster stays."
    return WARNING if days > warning_days else OK, sentence
