# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Point-in-time recovery by pgBackRest: its repository, and a database as it was next to the live one."""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

from ringmaster.core import systemd
from ringmaster.core.report import Failure, Report, counted
from ringmaster.postgresql import dumps, restores, scratch, sql
from ringmaster.postgresql.sql import Places

STANZA = "--stanza=main"
REPOSITORY = Path("/var/lib/pgbackrest")
BACKUP = "ringmaster-postgresql-backup.service"
PATIENCE = 120.0
HOURS = 24 * 3600.0
MARK = "INSERT INTO ringmaster.heartbeat VALUES (0, now()) ON CONFLICT (id) DO UPDATE SET at = now();"
ARCHIVED = "SELECT to_json(last_archived_wal) FROM pg_stat_archiver"


def ensure(places: Places, report: Report, *, check: bool) -> None:
    """Make the repository and a first backup, if there is none of this version. Raises Failure."""
    verb = "upgrade" if (REPOSITORY / "backup/main/backup.info").exists() else "create"
    if verb == "upgrade" and _version(places) == places.version:
        return
    report.steps.append(f"{verb} the repository for point-in-time recovery, and make the first backup")
    if check:
        return
    done = sql.as_postgres(places, ["pgbackrest", STANZA, f"stanza-{verb}"])
    if done.returncode:
        raise Failure(f"pgbackrest stanza-{verb}: {(done.stderr or done.stdout).strip()[-300:]}")
    systemd.systemctl("start", "--no-block", BACKUP)


def _version(places: Places) -> int:
    done = sql.as_postgres(places, ["pgbackrest", STANZA, "--output=json", "info"])
    if done.returncode:
        raise Failure(f"pgbackrest info: {(done.stderr or done.stdout).strip()[-300:]}")
    (stanza,) = json.loads(done.stdout)
    return int(stanza["db"][-1]["version"])


def recover(places: Places, moment: str, database: str, target: str) -> str:
    """Bring a database, as it was at a moment, next to the live ones; return a sentence. Raises Failure."""
    if target in sql.ask_or_fail(places, "SELECT json_agg(datname) FROM pg_database"):
        raise Failure(f"there is a database {target}; name another one")
    _archive(places)
    with scratch.folder() as work:
        data = work.own / "data"
        words = ["--type=time", f"--target={moment}", "--target-action=promote", "--archive-mode=off"]
        done = sql.as_postgres(places, ["pgbackrest", STANZA, f"--pg1-path={data}", *words, "restore"])
        if done.returncode:
            raise Failure(f"pgbackrest restore: {(done.stderr or done.stdout).strip()[-500:]}")
        # A server that only recovers need not be as large as the one whose WAL it reads.
        settings = {"hot_standby": "off", "wal_level": "replica"}
        with scratch.running(places, work, data, settings, HOURS) as server:
            wanted = dumps.record(server, database)
            dumps.write(server, database, work.folder / f"{database}.dump")
        restores.create(places, work.folder, database, target, wanted)
    rows = sum(wanted["tables"].values())
    tables = counted(len(wanted["tables"]), "table")
    return f"{target} is {database} as it was at {moment}: {tables} with {counted(rows, 'row')}."


def _archive(places: Places) -> None:
    """Let the archive have all WAL up to now, and a commit after the wanted moment, where recovery can stop."""
    sql.run(places, MARK)
    name = sql.ask(places, "SELECT to_json(pg_walfile_name(pg_switch_wal()))")
    end = time.monotonic() + PATIENCE
    while (sql.ask(places, ARCHIVED) or "") < name:
        if time.monotonic() > end:
            raise Failure(f"the archive does not get {name} within {PATIENCE:.0f} s; see the check postgresql/wal")
        time.sleep(0.2)


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add what the verb takes."""
    parser.add_argument("moment", help="such as '2026-11-24 16:00:00+00'")
    parser.add_argument("database", help="as it is called")
    parser.add_argument("target", help="as it shall be called; it must not be there yet")


def run(options: argparse.Namespace) -> int:
    """Recover; print a sentence as JSON and return an exit code."""
    begun = time.monotonic()
    try:
        sentence = recover(sql.places(), options.moment, options.database, options.target)
    except (Failure, sql.SqlError) as failure:
        print(failure, file=sys.stderr)
        return 1
    print(json.dumps({"sentence": sentence, "seconds": round(time.monotonic() - begun, 3)}))
    return 0
