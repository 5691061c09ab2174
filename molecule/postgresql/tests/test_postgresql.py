# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""PostgreSQL as its users and its neighbours see it.

pg00 has PostgreSQL, pg01 is another VM of the same project, mol01 is one of another project. All clients are psql with
nothing but a credentials file; the address stands for the name, which DNS gives elsewhere.
"""

from __future__ import annotations

import json
import shlex
import urllib.request
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from steps import check_of, checks_of, sandboxed, small_disk, writer
from testinfra.host import Host

PORT = 5432
CREDENTIALS = "/etc/ringmaster/credentials/postgresql"
INBOX = "/etc/local/postgresql"
put = writer("s-pg", INBOX)
PROGRAM = "/usr/bin/ringmaster postgresql"
DATA = "/var/lib/postgresql/17/main"
UNIT = "postgresql@17-main"
Eventually = Callable[..., None]
Psql = Callable[..., Any]


@pytest.fixture(scope="module")
def server(machine: Callable[[str], Host]) -> Host:
    """Return the machine with PostgreSQL."""
    return machine("pg00")


@pytest.fixture(scope="module")
def neighbour(machine: Callable[[str], Host]) -> Host:
    """Return another machine of the project."""
    return machine("pg01")


@pytest.fixture(scope="module")
def stranger(machine: Callable[[str], Host]) -> Host:
    """Return a machine of another project."""
    return machine("mol01")


@pytest.fixture(scope="module")
def place(hostvars: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Return the variables of the machine with PostgreSQL."""
    return hostvars["pg00"]


@pytest.fixture(scope="module")
def psql(neighbour: Host, place: dict[str, Any]) -> Psql:
    """Return a function that runs SQL as the service user on the other machine; it gives the command's result."""

    def run(sql: str, user: str = "app", family: str = "ipv4", host: Host = neighbour, more: str = "") -> Any:
        shell = (
            f"set -a; . {CREDENTIALS}/{user}.env; PGHOSTADDR={place[f'ringmaster_srv_{family}']}; {more} "
            f"psql -XAtq -v ON_ERROR_STOP=1 -c {shlex.quote(sql)}"
        )
        return host.run(f"sudo -u s-pg sh -c {shlex.quote(shell)}")

    return run


def good(result: Any) -> str:
    assert result.rc == 0, result.stderr
    return result.stdout.strip()


def admin(server: Host, sql: str, database: str = "postgres") -> str:
    """Run SQL as root does on the machine."""
    return server.check_output(f"psql -XAtq -v ON_ERROR_STOP=1 -U postgres -d {database} -c {shlex.quote(sql)}").strip()


def converge(host: Host, *words: str) -> dict[str, Any]:
    return json.loads(host.check_output(f"{PROGRAM} converge {' '.join(words)}"))


def pid(host: Host) -> str:
    return host.check_output(f"systemctl show -P MainPID {UNIT}")


@pytest.fixture
def empty_inbox(server: Host, eventually: Eventually) -> Iterator[None]:
    yield
    server.check_output(f"rm -f {INBOX}/*.conf")
    eventually(lambda: server.check_output("ls /etc/ringmaster/postgresql/accepted") == "")
    eventually(lambda: json.loads(server.check_output("cat /var/lib/ringmaster/postgresql.json"))["refused"] == {})


@pytest.fixture
def declared(server: Host) -> Iterator[Callable[[Callable[[dict[str, Any]], None]], dict[str, Any]]]:
    """Return a function that changes the declared objects, as a run of the role would, and converges."""
    path = "/etc/ringmaster/postgresql/component.json"
    before = server.check_output(f"cat {path}")

    def write(text: str) -> None:
        server.check_output(f"printf %s {shlex.quote(text)} > {path}")

    def change(edit: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
        content = json.loads(server.check_output(f"cat {path}"))
        edit(content["objects"])
        write(json.dumps(content))
        return converge(server)

    yield change
    write(before)
    converge(server)


@pytest.mark.contract("data go there and back over IPv4 and IPv6")
@pytest.mark.parametrize("family", ["ipv4", "ipv6"])
def test_round_trip_from_another_vm_with_nothing_but_the_file(psql: Psql, family: str) -> None:
    sql = f"CREATE TABLE trip_{family} (t text); INSERT INTO trip_{family} VALUES ('ä {family}'); TABLE trip_{family}"
    assert good(psql(sql, family=family)) == f"ä {family}"
    assert "TLSv1.3" in good(psql("\\conninfo", family=family))
    good(psql(f"DROP TABLE trip_{family}"))


def test_url_alone_is_enough(neighbour: Host, place: dict[str, Any]) -> None:
    address = place["ringmaster_srv_ipv4"]
    client = f'psql -XAtq "$DATABASE_URL&hostaddr={address}" -c "SELECT session_user"'
    shell = f". {CREDENTIALS}/app.env; export PGSSLROOTCERT; {client}"
    assert neighbour.check_output(f"sudo -u s-pg sh -c {shlex.quote(shell)}") == "app"


@pytest.mark.contract("refused to strangers")
@pytest.mark.parametrize("family", ["ipv4", "ipv6"])
def test_without_or_with_a_wrong_password_nothing(psql: Psql, family: str) -> None:
    for more, told in (
        ("unset PGPASSWORD;", "no password supplied"),
        ("PGPASSWORD=guess;", "password authentication failed"),
        ("PGUSER=postgres;", "pg_hba.conf rejects"),
        ("PGUSER=ringmaster_monitor PGDATABASE=postgres;", "pg_hba.conf rejects"),
        ("PGSSLMODE=disable;", "no pg_hba.conf entry"),
    ):
        result = psql("SELECT 1", family=family, more=more)
        assert result.rc != 0, more
        assert told in result.stderr, more


def test_certificate_is_for_this_machine_only(psql: Psql) -> None:
    result = psql("SELECT 1", more="PGHOST=other.example;")
    assert "does not match host name" in result.stderr


@pytest.mark.parametrize("family", ["ipv4", "ipv6"])
def test_another_project_gets_no_chance_to_guess(
    psql: Psql, server: Host, stranger: Host, place: dict[str, Any], family: str
) -> None:
    password = server.check_output(f". {CREDENTIALS}/app.env; echo $PGPASSWORD")
    words = f"host={place[f'ringmaster_srv_{family}']} user=app dbname=app sslmode=require connect_timeout=5"
    result = stranger.run(f"PGPASSWORD={password} psql -XAtq '{words}' -c 'SELECT 1'")
    assert result.rc != 0
    assert "no pg_hba.conf entry" in result.stderr
    assert not stranger.file(CREDENTIALS).exists


def test_listens_where_it_should_and_nowhere_else(
    server: Host, neighbour: Host, place: dict[str, Any], hostvars: dict[str, dict[str, Any]]
) -> None:
    lines = server.check_output("ss -Hltnp").splitlines()
    found = {line.split()[3] for line in lines if '"postgres"' in line}
    ipv4, ipv6 = place["ringmaster_srv_ipv4"], place["ringmaster_srv_ipv6"]
    assert found == {f"127.0.0.1:{PORT}", f"[::1]:{PORT}", f"{ipv4}:{PORT}", f"[{ipv6}]:{PORT}"}
    assert [line.split()[3] for line in lines if ":9187" in line] == [f"{ipv4}:9187"]
    for address in (place["ringmaster_fe_ipv4"], place["ringmaster_fe_ipv6"]):
        result = neighbour.run(f"psql 'host={address} user=app connect_timeout=3' -c 'SELECT 1'")
        assert "refused" in result.stderr or "timeout" in result.stderr or "unreachable" in result.stderr


def test_roles_may_what_they_are_for(psql: Psql, server: Host) -> None:
    good(psql("CREATE SCHEMA sales; CREATE TABLE sales.orders (id serial PRIMARY KEY, what text)"))
    assert admin(server, "SELECT tableowner FROM pg_tables WHERE tablename = 'orders'", "app") == "app_owner"
    good(psql("INSERT INTO sales.orders (what) VALUES ('one')", "writer"))
    assert good(psql("SELECT what FROM sales.orders", "reader")) == "one"
    for user, sql in (
        ("reader", "INSERT INTO sales.orders (what) VALUES ('two')"),
        ("reader", "SELECT nextval('sales.orders_id_seq')"),
        ("writer", "CREATE TABLE public.mine (id int)"),
        ("writer", "DROP TABLE sales.orders"),
        ("writer", "TRUNCATE sales.orders"),
    ):
        result = psql(sql, user)
        assert result.rc != 0, (user, sql)
        assert "permission denied" in result.stderr or "must be owner" in result.stderr
    good(psql("DROP SCHEMA sales CASCADE"))


def test_owner_may_not_reach_beyond_its_database(psql: Psql) -> None:
    for sql in (
        "COPY pg_catalog.pg_class TO '/tmp/x'",
        "COPY pg_catalog.pg_class TO PROGRAM 'id'",
        "SELECT pg_read_file('/etc/passwd')",
        "SELECT lo_import('/etc/passwd')",
        "CREATE ROLE evil",
        "CREATE DATABASE evil",
        "ALTER SYSTEM SET work_mem = '1GB'",
        "ALTER ROLE app SUPERUSER",
        "SELECT rolpassword FROM pg_authid",
        "CREATE EXTENSION plpython3u",
        "CREATE EXTENSION file_fdw",
        "LOAD '/tmp/x.so'",
        "SET session_preload_libraries = '/tmp/x'",
        "CREATE FUNCTION evil() RETURNS int LANGUAGE c AS '/tmp/x'",
        "SET ROLE postgres",
    ):
        assert psql(sql).rc != 0, sql
    for user, database in (("app", "postgres"), ("app", "template1"), ("reader", "other"), ("lonely", "app")):
        assert "permission denied for database" in psql("SELECT 1", user, more=f"PGDATABASE={database};").stderr


def test_second_database_sorts_by_its_language_and_extensions_are_there(psql: Psql) -> None:
    assert good(psql("SELECT string_agg(x, '' ORDER BY x) FROM unnest('{z,ä,a}'::text[]) x", "lonely")) == "aäz"
    assert good(psql("SELECT string_agg(x, '' ORDER BY x) FROM unnest('{z,ä,a}'::text[]) x")) == "azä"
    assert good(psql("SELECT similarity('word', 'word'), uuid_generate_v4() IS NOT NULL")) == "1|t"


def test_application_on_the_machine_itself_uses_the_socket_with_a_password(server: Host) -> None:
    shell = f"set -a; . {CREDENTIALS}/app.env; PGHOST=/run/postgresql psql -XAtq -c 'SELECT current_user'"
    assert server.check_output(f"sudo -u s-pg sh -c {shlex.quote(shell)}") == "app_owner"
    assert server.run("sudo -u s-pg psql -U postgres -c 'SELECT 1'").rc != 0
    assert admin(server, "SELECT current_user") == "postgres"


def test_data_has_checksums_and_is_fitted_to_the_machine(server: Host) -> None:
    assert admin(server, "SHOW data_checksums") == "on"
    assert admin(server, "SHOW shared_buffers") == "192MB"  # (1024 MiB - 256 MiB for the system) / 4
    assert admin(server, "SHOW allow_alter_system") == "off"
    assert server.check_output(f"systemctl show -P OOMScoreAdjust {UNIT}") == "-900"


def test_credentials_are_for_service_users_only(server: Host, neighbour: Host) -> None:
    for host in (server, neighbour):
        file = host.file(f"{CREDENTIALS}/app.env")
        assert (file.user, file.group, file.mode) == ("root", "service", 0o640)
        assert host.run(f"sudo -u nobody cat {CREDENTIALS}/app.env").rc != 0
    assert neighbour.run("test -e /etc/ringmaster/postgresql").rc != 0


def test_password_is_nowhere_else(server: Host) -> None:
    server.check_output("ringmaster-check --now")
    password = server.check_output(f". {CREDENTIALS}/app.env; echo $PGPASSWORD")
    monitor = server.check_output(". /etc/ringmaster/monitoring/postgresql.env; echo $PGPASSWORD")
    verifier = admin(server, "SELECT rolpassword FROM pg_authid WHERE rolname = 'app'")
    assert verifier.startswith("SCRAM-SHA-256$4096:")
    places = f"/etc /var/log /var/lib/ringmaster /run/ringmaster /usr/lib/ringmaster {DATA}"
    for secret in (password, monitor):
        found = server.run(
            f"printf %s {secret} > /root/secret; grep -rlaF -f /root/secret {places}; rm /root/secret"
        ).stdout
        assert {path for path in found.split() if not path.startswith(CREDENTIALS)} <= {
            "/etc/ringmaster/monitoring/postgresql.env"
        }
    statements = admin(server, "SELECT string_agg(query, ' ') FROM pg_stat_statements")
    for text in (statements, server.run("journalctl --no-pager").stdout, server.run("cat /proc/[0-9]*/cmdline").stdout):
        assert password not in text
        assert verifier.split("$")[2] not in text


def test_declared_changes_in_one_call(psql: Psql, server: Host, declared: Any) -> None:
    """A rotated password, another role, a user less, a database more: what a run of the role would bring."""
    verifier = admin(server, "SELECT rolpassword FROM pg_authid WHERE rolname = 'writer'")
    good(psql("CREATE TABLE kept (id int)"))

    def edit(objects: dict[str, Any]) -> None:
        roles = {role["name"]: role for role in objects["roles"]}
        roles["app"]["verifier"] = verifier
        roles["reader"]["role"] = "readwrite"
        objects["roles"] = [roles["app"], roles["reader"]]
        objects["databases"].append(
            {"name": "third", "extensions": ["hstore"], "icu_locale": "", "connection_limit": -1}
        )

    report = declared(edit)
    assert "set the password of the user app" in report["steps"]
    assert "lock the user writer, who is not declared any more" in report["steps"]
    assert "password authentication failed" in psql("SELECT 1").stderr
    assert "password authentication failed" in psql("SELECT 1", "writer").stderr
    good(psql("INSERT INTO kept VALUES (1)", "reader"))
    assert admin(server, "SELECT 'a=>1'::hstore -> 'a'", "third") == "1"
    assert converge(server)["changed"] is False

    def drop(objects: dict[str, Any]) -> None:
        objects["databases"] = [one for one in objects["databases"] if one["name"] != "third"]
        objects["drop_databases"] = ["third"]
        objects["drop_roles"] = ["writer"]

    report = declared(drop)
    assert {"drop the database third", "drop the user writer"} <= set(report["steps"])
    assert admin(server, "SELECT count(*) FROM pg_roles WHERE rolname ~ '^(third|writer)'") == "0"
    assert admin(server, "SELECT count(*) FROM kept", "app") == "1"


def test_everything_is_as_declared_after_that(psql: Psql, server: Host) -> None:
    assert converge(server)["steps"] == []
    good(psql("DROP TABLE kept"))
    assert "permission denied" in psql("CREATE TABLE kept (id int)", "reader").stderr


def test_drift_is_mended(psql: Psql, server: Host) -> None:
    admin(server, "ALTER ROLE app NOLOGIN; GRANT CONNECT ON DATABASE app TO PUBLIC; ALTER ROLE reader CREATEROLE")
    report = converge(server, "--check")
    assert psql("SELECT 1").rc != 0
    assert converge(server)["steps"] == report["steps"]
    assert report["steps"] == [
        "close the database app to others",
        "set the login of the user app",
        "set the powers of the user reader",
    ]
    good(psql("SELECT 1"))


@pytest.mark.contract("a drop-in is taken over, and a bad one left out")
@pytest.mark.usefixtures("empty_inbox")
def test_drop_in_is_taken_over_without_a_restart(server: Host, eventually: Eventually) -> None:
    before = pid(server)
    put(server, "mine.conf", "# larger sorts\nwork_mem = 33MB\nlog_min_duration_statement = '77ms' # slow\n")
    eventually(lambda: admin(server, "SHOW work_mem") == "33MB")
    assert admin(server, "SHOW log_min_duration_statement") == "77ms"
    assert pid(server) == before
    accepted = server.file("/etc/ringmaster/postgresql/accepted/mine.conf")
    assert (accepted.user, accepted.group, accepted.mode) == ("root", "postgres", 0o640)
    server.check_output(f"sudo -u s-pg rm {INBOX}/mine.conf")
    eventually(lambda: admin(server, "SHOW work_mem") != "33MB")


@pytest.mark.contract("a restart only when asked for")
@pytest.mark.usefixtures("empty_inbox")
def test_setting_that_needs_a_restart_waits_for_it(server: Host, eventually: Eventually) -> None:
    put(server, "many.conf", "max_connections = 123\n")
    eventually(lambda: "max_connections (" in check_of(server, "postgresql/restart")["output"])
    report = converge(server)
    assert [(one["setting"], one["wanted"]) for one in report["pending_restart"]] == [("max_connections", "123")]
    assert converge(server, "--restart")["pending_restart"] == []
    assert admin(server, "SHOW max_connections") == "123"
    server.check_output(f"rm {INBOX}/many.conf")
    eventually(lambda: server.check_output("ls /etc/ringmaster/postgresql/accepted") == "")
    assert converge(server, "--restart")["pending_restart"] == []
    assert admin(server, "SHOW max_connections") == "192"


@pytest.mark.contract("a trial start before anything is used")
@pytest.mark.contract("a drop-in is taken over, and a bad one left out")
@pytest.mark.usefixtures("empty_inbox")
def test_bad_drop_ins_are_left_out_and_told(server: Host, eventually: Eventually) -> None:
    """Each in a file of its own, all at once; the good one beside them is used."""
    bad = {
        "archive": ("archive_command = 'id'\n", "the setting 'archive_command' is not allowed"),
        "library": (
            "work_mem = 4MB\nshared_preload_libraries = evil\n",
            "line 2: the setting 'shared_preload_libraries'",
        ),
        "library2": ("local_preload_libraries = '/tmp/x'\n", "'local_preload_libraries' is not allowed"),
        "path": ("dynamic_library_path = '/tmp'\n", "'dynamic_library_path' is not allowed"),
        "include": ("include '/etc/shadow'\n", "'include' is not allowed"),
        "includes": ("include_if_exists = '/etc/shadow'\n", "'include_if_exists' is not allowed"),
        "hba": ("hba_file = '/tmp/hba'\n", "'hba_file' is not allowed"),
        "listen": ("listen_addresses = '*'\n", "'listen_addresses' is not allowed"),
        "ssl": ("ssl_passphrase_command = 'id'\n", "'ssl_passphrase_command' is not allowed"),
        "upper": ("Restore_Command = 'id'\n", "'Restore_Command' is not allowed"),
        "escape": ("datestyle = 'iso\\\\nx'\n", "it must be name = value"),
        "fsync": ("fsync = off\n", "'fsync' is not allowed"),
        "value": ("work_mem = fast\n", 'invalid value for parameter "work_mem"'),
        "huge": ("shared_buffers = 300GB\n", "of shared memory; this machine can give"),
        "few": ("max_connections = 1\n", "max_connections must be 10 to 1000"),
    }
    put(server, "good.conf", "work_mem = 44MB\n")
    for name, (text, _reason) in bad.items():
        put(server, f"{name}.conf", text)
    server.check_output(f"sudo -u s-pg sh -c 'ln -s /etc/shadow {INBOX}/link.conf; mkfifo {INBOX}/pipe.conf'")

    def refused() -> dict[str, str]:
        return json.loads(server.check_output("cat /var/lib/ringmaster/postgresql.json"))["refused"]

    eventually(lambda: len(refused()) == len(bad) + 2, 90)
    for name, (_text, reason) in bad.items():
        assert reason in refused()[f"{name}.conf"]
    check = check_of(server, "postgresql/drop-ins")
    assert check["state"] == "warning"
    assert "archive.conf is left out" in check["output"]
    assert server.check_output("ls /etc/ringmaster/postgresql/accepted") == "good.conf"
    assert admin(server, "SHOW work_mem") == "44MB"
    assert check_of(server, "postgresql/login")["state"] == "ok"
    assert server.run(f"sudo -u s-pg rm -f {INBOX}/README").rc != 0


@pytest.mark.usefixtures("empty_inbox")
def test_the_platform_works_whatever_a_drop_in_says(server: Host, declared: Any, eventually: Eventually) -> None:
    """Timeouts of the project do not stop us, and what it wants to have logged does not show a verifier."""
    put(
        server,
        "hard.conf",
        "statement_timeout = 50\ntransaction_timeout = 50\nlock_timeout = 50\nlog_statement = all\n"
        "log_min_duration_statement = 0\nlog_transaction_sample_rate = 1.0\nlog_min_messages = debug1\n",
    )
    eventually(lambda: admin(server, "SHOW log_statement") == "all")
    verifiers = []

    def edit(objects: dict[str, Any]) -> None:
        roles = {role["name"]: role for role in objects["roles"]}
        roles["writer"]["verifier"] = roles["reader"]["verifier"]
        verifiers.append(roles["reader"]["verifier"])

    assert declared(edit)["steps"] == ["set the password of the user writer"]
    assert check_of(server, "postgresql/login")["state"] == "ok"
    server.check_output(f"{PROGRAM} dump /var/backups/ringmaster/postgresql")
    journal = server.check_output(f"journalctl -u {UNIT} --since -2min --no-pager")
    assert "SHOW log_statement" in journal
    assert verifiers[0].split("$")[2] not in journal


@pytest.mark.contract("kill -9 is survived")
def test_comes_back_with_its_data_after_a_kill(psql: Psql, server: Host, eventually: Eventually) -> None:
    good(psql("CREATE TABLE survivor AS SELECT 42 AS n"))
    before = pid(server)
    server.check_output(f"kill -9 {before}")
    eventually(lambda: psql("TABLE survivor").stdout.strip() == "42", 40)
    assert pid(server) != before
    good(psql("DROP TABLE survivor"))


def test_stop_turns_the_check_red(server: Host) -> None:
    assert check_of(server, "postgresql/login")["state"] == "ok"
    server.check_output(f"systemctl stop {UNIT}")
    try:
        check = check_of(server, "postgresql/login")
        assert check["state"] == "critical"
        assert "No such file or directory" in check["output"]
        assert check_of(server, "postgresql/wal")["state"] == "unknown"
    finally:
        server.check_output(f"systemctl start {UNIT}")
    checks = checks_of(server)
    states = {one["check"]: one["state"] for one in checks if one["component"] == "postgresql"}
    assert set(states.values()) == {"ok"}, states
    names = {"login", "connections", "transactions", "wraparound", "wal", "disk", "integrity", "drop-ins", "restart"}
    assert names <= set(states)


def test_full_disk(psql: Psql, server: Host, eventually: Eventually) -> None:
    """Writes fail and a check says why; what was committed is there when there is room, without anybody's help."""
    good(psql("CREATE TABLE ledger (n int PRIMARY KEY, text text)"))
    with small_disk(server, UNIT, DATA, 48) as fill:
        eventually(lambda: psql("SELECT 1").rc == 0)
        assert check_of(server, "postgresql/disk")["state"] == "ok"
        fill(4)
        committed, text = 0, "(SELECT string_agg(md5(i::text), '') FROM generate_series(1, 9000) i)"
        while psql(f"INSERT INTO ledger VALUES ({committed + 1}, {text})").rc == 0:
            committed += 1
            assert committed < 200, "the disk does not get full"
        assert committed
        check = check_of(server, "postgresql/disk")
        assert check["state"] == "critical"
        assert int(check["output"].split(" % of the disk are in use")[0]) >= 95
        server.check_output(f"rm {DATA}/ballast")
        eventually(lambda: psql("INSERT INTO ledger VALUES (0)").rc == 0, 60)
        assert int(good(psql("SELECT count(*) FROM ledger WHERE n > 0"))) == committed
        eventually(lambda: check_of(server, "postgresql/login")["state"] == "ok")
    eventually(lambda: psql("SELECT count(*) FROM ledger").stdout.strip() == str(committed + 1))
    good(psql("DROP TABLE ledger"))


def test_slow_statements_are_logged(psql: Psql, server: Host, eventually: Eventually) -> None:
    good(psql("SELECT pg_sleep(0.6), 'needle in the log'"))
    journal = f"journalctl -u {UNIT} --since -1min --no-pager"
    eventually(lambda: "needle in the log" in server.check_output(journal))


def test_metrics_reach_prometheus(place: dict[str, Any], eventually: Eventually) -> None:
    address = place["ringmaster_srv_ipv4"]

    def metrics(port: int) -> str:
        with urllib.request.urlopen(f"http://{address}:{port}/metrics", timeout=20) as answer:
            return answer.read().decode()

    # The first scrape after a restart meets a connection that is gone.
    eventually(lambda: "\npg_up 1" in metrics(9187))
    text = metrics(9187)
    for name in (
        'pg_database_size_bytes{datname="app"}',
        "pg_postmaster_start_time_seconds",
        "pg_stat_database_deadlocks{",
    ):
        assert name in text
    assert 'ringmaster_check_status{check="login",component="postgresql"}' in metrics(9100)


def test_no_silent_empty_cluster(server: Host) -> None:
    """A lost disk and another version are reported; nothing is made."""
    server.check_output(f"systemctl stop {UNIT}; mv {DATA} {DATA}.away")
    try:
        result = server.run(f"{PROGRAM} converge")
        assert result.rc == 1
        assert "is gone, but this machine had a cluster of PostgreSQL 17" in result.stderr
        server.check_output("mkdir -p /var/lib/postgresql/15/main; echo 15 > /var/lib/postgresql/15/main/PG_VERSION")
        result = server.run(f"{PROGRAM} converge")
        assert result.rc == 1
        assert "there is a cluster of PostgreSQL 15" in result.stderr
        assert not server.file(DATA).exists
    finally:
        server.check_output(f"rm -rf /var/lib/postgresql/15; mv {DATA}.away {DATA}; systemctl start {UNIT}")


@pytest.mark.contract("a dump is proven and restored")
def test_dump_and_its_proof(psql: Psql, server: Host) -> None:
    good(psql("CREATE TABLE proven AS SELECT n, md5(n::text) AS text FROM generate_series(1, 5000) AS n"))
    folder = "/var/backups/ringmaster/postgresql"
    told = json.loads(sandboxed(server, "backup/ringmaster-backup", f"{PROGRAM} dump {folder}"))
    assert told["objects"] == 3
    assert told["bytes"] > 50_000
    assert server.check_output(f"stat -c %a {folder}") == "700"
    proof = json.loads(sandboxed(server, "backup/ringmaster-backup-proof", f"{PROGRAM} prove {folder}"))
    assert any(f"{rows} rows came back" in proof["sentence"] for rows in (5001, 5002))  # with those of the checks
    assert server.check_output("ls /var/lib/postgresql") == "17"


@pytest.mark.contract("a dump is proven and restored")
def test_restore_under_another_name_and_never_over_data(psql: Psql, server: Host) -> None:
    folder = "/var/backups/ringmaster/postgresql"
    good(psql("DELETE FROM proven WHERE n > 10"))
    refused = server.run(f"{PROGRAM} restore {folder} --object app")
    assert refused.rc == 1
    assert "there is data in app; restore under another name" in refused.stderr
    server.check_output(f"{PROGRAM} restore {folder} --object app --as app_before")
    assert admin(server, "SELECT count(*) FROM proven", "app_before") == "5000"
    assert good(psql("SELECT count(*) FROM proven")) == "10"
    server.check_output(f"{PROGRAM} restore {folder} --object app --replace")
    assert good(psql("SELECT count(*) FROM proven")) == "5000"
    assert good(psql("SELECT count(*) FROM proven", "reader")) == "5000"
    assert "permission denied" in psql("SELECT 1", "lonely", more="PGDATABASE=app;").stderr
    admin(server, "DROP DATABASE app_before")
    good(psql("DROP TABLE proven"))
    assert converge(server)["steps"] == []


def test_a_spoilt_dump_is_found(psql: Psql, server: Host) -> None:
    """Less rows than were counted, a dump cut short, a folder that is none."""
    good(psql("CREATE TABLE spoilt AS SELECT generate_series(1, 3) AS n"))
    folder = "/var/backups/ringmaster/spoilt"
    server.check_output(f"{PROGRAM} dump {folder}")
    server.check_output(f"sed -i 's/\\(public.spoilt\" *: *\\)3/\\14/' {folder}/manifest.json")
    proof = server.run(f"{PROGRAM} prove {folder}")
    assert proof.rc == 1
    assert "rows in public.spoilt: 4 were dumped, 3 came back" in json.loads(proof.stdout)["sentence"]
    server.check_output(f"truncate -s $(( $(stat -c %s {folder}/app.dump) / 2 )) {folder}/app.dump")
    assert "the dump of app cannot be read" in json.loads(server.run(f"{PROGRAM} prove {folder}").stdout)["sentence"]
    server.check_output(f"rm {folder}/manifest.json")
    assert "is no complete dump" in json.loads(server.run(f"{PROGRAM} prove {folder}").stdout)["sentence"]
    server.check_output(f"rm -r {folder}")
    good(psql("DROP TABLE spoilt"))


def test_a_database_as_it_was_at_another_time(psql: Psql, server: Host, eventually: Eventually) -> None:
    eventually(lambda: check_of(server, "postgresql/pitr")["state"] == "ok", 60)
    good(psql("CREATE TABLE regret AS SELECT generate_series(1, 100) AS n"))
    moment = admin(server, "SELECT now()")
    server.check_output("sleep 1")
    good(psql("DELETE FROM regret WHERE n > 1"))
    server.check_output(f"/usr/bin/ringmaster postgresql recover {shlex.quote(moment)} app app_then")
    assert admin(server, "SELECT count(*) FROM regret", "app_then") == "100"
    assert good(psql("SELECT count(*) FROM regret")) == "1"
    again = server.run(f"/usr/bin/ringmaster postgresql recover {shlex.quote(moment)} app app_then")
    assert "there is a database app_then" in again.stderr
    admin(server, "DROP DATABASE app_then")
    good(psql("DROP TABLE regret"))


def test_the_whole_server_comes_back_on_a_machine_without_data(psql: Psql, server: Host) -> None:
    """The disk is lost: the role makes an empty cluster on the new one, and the dump fills it."""
    good(psql("CREATE TABLE treasure AS SELECT generate_series(1, 1000) AS n; CREATE INDEX ON treasure (n)"))
    good(psql("CREATE TABLE private AS SELECT 1 AS n; REVOKE ALL ON private FROM app_readonly"))
    admin(server, "CREATE ROLE by_hand NOLOGIN")
    folder = "/var/backups/ringmaster/postgresql"
    server.check_output(f"{PROGRAM} dump {folder}")
    server.check_output(
        f"systemctl stop {UNIT} && rm -r {DATA} /etc/postgresql/17 /var/lib/ringmaster/postgresql.cluster"
    )
    assert "make the cluster 17/main" in converge(server)["steps"]
    assert psql("TABLE treasure").rc != 0
    told = json.loads(server.check_output(f"{PROGRAM} restore {folder}"))
    assert told["sentence"] == "Restored app, other; all rows counted."
    assert good(psql("SELECT count(*) FROM treasure", "reader")) == "1000"
    assert "permission denied" in psql("TABLE private", "reader").stderr
    assert admin(server, "SELECT count(*) FROM pg_roles WHERE rolname = 'by_hand'") == "1"
    assert good(psql("SELECT string_agg(x, '' ORDER BY x) FROM unnest('{z,ä,a}'::text[]) x", "lonely")) == "aäz"
    good(psql("DROP TABLE treasure; DROP TABLE private"))
    admin(server, "DROP ROLE by_hand")
    assert converge(server)["steps"] == []


def test_rotated_by_the_verb(psql: Psql, neighbour: Host, play: Callable[..., Any]) -> None:
    """The old password is refused, and the new one lies on the project's other VM."""
    old = neighbour.check_output(f"sed -n s/^PGPASSWORD=//p {CREDENTIALS}/app.env")
    done = play("rotate_secret", vm="pg00", component="postgresql", object="app", hosts="project_pg")
    assert done.returncode == 0, done.stdout
    assert good(psql("SELECT current_user")) == "app_owner"
    assert old != neighbour.check_output(f"sed -n s/^PGPASSWORD=//p {CREDENTIALS}/app.env")
    assert "password authentication failed" in psql("SELECT 1", more=f"PGPASSWORD={old};").stderr
