# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""PostgreSQL 15 of Debian 12 becomes Debian 13's 17 by the verb: refused, done, taken back, broken off, confirmed."""

from __future__ import annotations

import json
import shlex
import subprocess
from collections.abc import Callable
from typing import Any

import pytest
from steps import check_of
from testinfra.host import Host

PROGRAM = "/usr/bin/ringmaster postgresql"
UPGRADE = "/usr/bin/ringmaster postgresql upgrade"
RECORD = "/var/lib/ringmaster/postgresql-upgrade.json"
DATA = "/var/lib/postgresql"
ROWS = 100_000
Verb = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def server(machine: Callable[[str], Host]) -> Host:
    host = machine("upg00")
    admin(
        host,
        "DROP TABLE IF EXISTS kept;"
        f" CREATE TABLE kept AS SELECT n, md5(n::text) AS t FROM generate_series(1, {ROWS}) n",
    )
    admin(host, "ALTER TABLE kept OWNER TO app_owner; CREATE INDEX ON kept USING gin (t gin_trgm_ops)")
    return host


@pytest.fixture(scope="module")
def verb(play: Callable[..., Any]) -> Verb:
    def run(step: str, **more: Any) -> subprocess.CompletedProcess[str]:
        return play("upgrade_postgresql", vm="upg00", step=step, **more)

    return run


def admin(server: Host, sql: str, database: str = "app") -> str:
    """Run SQL as root does on the machine."""
    return server.check_output(f"psql -XAtq -v ON_ERROR_STOP=1 -U postgres -d {database} -c {shlex.quote(sql)}").strip()


def application(server: Host, sql: str) -> str:
    """Run SQL as an application does, with nothing but its file."""
    shell = (
        "set -a; . /etc/ringmaster/credentials/postgresql/app.env; PGHOST=/run/postgresql;"
        f" PGSSLMODE=disable; psql -XAtq -v ON_ERROR_STOP=1 -c {shlex.quote(sql)}"
    )
    return server.check_output(f"sudo -u s-upg sh -c {shlex.quote(shell)}").strip()


def version(server: Host) -> int:
    return int(admin(server, "SHOW server_version_num")) // 10000


def told(done: subprocess.CompletedProcess[str]) -> str:
    assert done.returncode == 0, done.stdout
    return done.stdout


def refused(done: subprocess.CompletedProcess[str], reason: str) -> None:
    assert done.returncode == 2, done.stdout
    assert reason in " ".join(done.stdout.split()), done.stdout


def test_the_older_version_is_served_whole(server: Host) -> None:
    assert version(server) == 15
    assert application(server, "SELECT count(*) FROM kept") == str(ROWS)
    for name in ("login", "wal", "integrity", "pitr", "upgrade"):
        assert check_of(server, f"postgresql/{name}")["state"] == "ok", name
    server.check_output(f"{PROGRAM} dump /var/backups/ringmaster/postgresql")
    assert "rows came back" in server.check_output(f"{PROGRAM} prove /var/backups/ringmaster/postgresql")


def test_what_makes_no_sense_is_said(server: Host, verb: Verb) -> None:
    done = verb("upwards", version=17)
    assert (done.returncode, "'upwards'" in done.stdout + done.stderr) == (1, True), done.stderr
    refused(verb("check"), "-e version=, the major version that it shall get")
    refused(verb("check", version=15), "the cluster is of PostgreSQL 15; 15 is no upgrade of that")
    refused(verb("confirm"), "no upgrade waits here to be confirmed or rolled back")
    refused(verb("roll_back"), "no upgrade waits here to be confirmed or rolled back")
    assert version(server) == 15


def test_what_pg_upgrade_cannot_carry_over_is_found_while_all_runs(server: Host, verb: Verb) -> None:
    admin(server, "CREATE TABLE odd (f regproc)")
    started = admin(server, "SELECT pg_postmaster_start_time()")
    refused(verb("check", version=17), "odd.f")
    refused(verb("upgrade", version=17), "odd.f")
    assert admin(server, "SELECT pg_postmaster_start_time()") == started
    assert server.check_output(f"ls {DATA}/17") == ""
    admin(server, "DROP TABLE odd")


def test_without_room_for_a_copy_nothing_begins(server: Host, verb: Verb) -> None:
    server.check_output(f"truncate -s 10T {DATA}/15/main/ballast")
    try:
        refused(verb("upgrade", version=17), "MiB beside the old cluster, which stays until it is confirmed")
    finally:
        server.check_output(f"rm {DATA}/15/main/ballast")
    assert version(server) == 15


def test_check_changes_nothing(server: Host, verb: Verb) -> None:
    started = admin(server, "SELECT pg_postmaster_start_time()")
    assert "PostgreSQL 15 can be upgraded to 17" in told(verb("check", version=17))
    assert admin(server, "SELECT pg_postmaster_start_time()") == started
    assert json.loads(server.check_output(f"{PROGRAM} converge"))["changed"] is False


def test_upgrade(server: Host, verb: Verb) -> None:
    assert "Upgraded from 15 to 17" in told(verb("upgrade", version=17))
    assert version(server) == 17
    assert application(server, "SELECT count(*) FROM kept") == str(ROWS)
    application(server, "CREATE TABLE young AS SELECT 1 AS n")
    assert int(admin(server, "SELECT reltuples FROM pg_class WHERE relname = 'kept'")) == ROWS
    behind = "SELECT count(*) FROM pg_available_extensions WHERE installed_version <> default_version"
    assert [admin(server, behind, place) for place in ("app", "postgres")] == ["0", "0"]
    assert admin(server, "SHOW data_checksums") == "on"
    for name in ("login", "wal", "integrity", "restart", "upgrade"):
        assert check_of(server, f"postgresql/{name}")["state"] == "ok", name
    assert "has waited for 0.0 days to be confirmed" in check_of(server, "postgresql/upgrade")["output"]
    assert json.loads(server.check_output(f"{PROGRAM} converge"))["changed"] is False


def test_it_goes_on_with_its_archive(server: Host, eventually: Callable[..., None]) -> None:
    eventually(lambda: check_of(server, "postgresql/pitr")["state"] == "ok", 60)
    eventually(lambda: check_of(server, "postgresql/wal")["state"] == "ok", 30)
    info = json.loads(server.check_output("sudo -u postgres pgbackrest --stanza=main --output=json info"))
    assert info[0]["db"][-1]["version"] == "17"
    moment = admin(server, "SELECT now()")
    server.check_output("sleep 1")
    admin(server, "DELETE FROM young")
    server.check_output(f"/usr/bin/ringmaster postgresql recover {shlex.quote(moment)} app app_then")
    assert admin(server, "SELECT count(*) FROM young", "app_then") == "1"
    admin(server, "DROP DATABASE app_then")


def test_nobody_starts_the_old_cluster_beside_it(server: Host, play: Callable[..., Any]) -> None:
    assert server.run("systemctl start postgresql@15-main").rc != 0
    before = server.check_output("cat /etc/ringmaster/postgresql/postgresql.conf")
    refused(
        play("components", hosts="upg00"),
        "the cluster was upgraded to PostgreSQL 17: set the component's version",
    )
    assert server.check_output("cat /etc/ringmaster/postgresql/postgresql.conf") == before
    assert version(server) == 17


def test_a_late_confirmation_is_told(server: Host) -> None:
    script = f"import json; p = '{RECORD}'; r = json.load(open(p)); r['at'] -= 8 * 86400; json.dump(r, open(p, 'w'))"
    server.check_output(f"python3 -c {shlex.quote(script)}")
    assert check_of(server, "postgresql/upgrade")["state"] == "warning"


def test_roll_back(server: Host, verb: Verb) -> None:
    assert "The cluster of PostgreSQL 15 is back" in told(verb("roll_back"))
    assert version(server) == 15
    assert application(server, "SELECT count(*) FROM kept") == str(ROWS)
    assert application(server, "SELECT to_regclass('young') IS NULL") == "t"
    (aside,) = server.check_output(f"ls {DATA}/17").split()
    assert aside.startswith("rolled-back-")
    assert check_of(server, "postgresql/login")["state"] == "ok"
    assert json.loads(server.check_output(f"{PROGRAM} converge"))["changed"] is False
    server.check_output(f"rm -r {DATA}/17/{aside}")


def test_an_upgrade_that_was_killed_is_told_and_rolled_back(server: Host, verb: Verb) -> None:
    server.check_output(
        f"sh -c '{UPGRADE} upgrade 17 & p=$!;"
        " while kill -0 $p && ! systemctl is-enabled postgresql@15-main | grep -q masked; do sleep 0.1; done;"
        " kill -9 $p; sleep 0.2; for q in $(pidof pg_upgrade); do kill -9 $q; done'"
    )
    check = check_of(server, "postgresql/upgrade")
    assert (check["state"], "was interrupted" in check["output"]) == ("critical", True)
    assert server.run("systemctl start postgresql@15-main").rc != 0
    refused(verb("confirm"), "the upgrade was interrupted; roll it back")
    assert "The cluster of PostgreSQL 15 is back" in told(verb("roll_back"))
    assert application(server, "SELECT count(*) FROM kept") == str(ROWS)
    assert server.check_output(f"ls {DATA}/17") == ""


def test_confirm(server: Host, verb: Verb, play: Callable[..., Any]) -> None:
    told(verb("upgrade", version=17))
    assert "PostgreSQL 17 is confirmed; the cluster of 15" in told(verb("confirm"))
    assert server.check_output(f"ls {DATA} /etc/postgresql | grep -c '^15$' || true") == "0"
    assert not server.package("postgresql-15").is_installed
    assert server.check_output("systemctl list-units --failed --no-legend 'postgresql*'") == ""
    assert application(server, "SELECT count(*) FROM kept") == str(ROWS)
    # A dump of the old version outlives its programs.
    assert "rows came back" in server.check_output(f"{PROGRAM} prove /var/backups/ringmaster/postgresql")
    refused(play("components", hosts="upg00"), "/var/lib/postgresql/17/main holds data, so nothing was changed")
    done = told(play("components", hosts="upg00", postgresql_version=17))
    assert "changed=0" in done.splitlines()[-2], done
    assert version(server) == 17
