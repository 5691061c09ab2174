# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""MariaDB as its users and its neighbours see it. sql00 has MariaDB, sql01 is another VM of the same project."""

from __future__ import annotations

import hashlib
import json
import shlex
import socket
import urllib.request
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from steps import check_of, small_disk, writer
from testinfra.host import Host

PORT = 3306
CREDENTIALS = "/etc/ringmaster/credentials/mysql"
INBOX = "/etc/local/mysql"
put = writer("s-sql", INBOX)
PROGRAM = "/usr/bin/ringmaster mysql"
OBJECTS = "/etc/ringmaster/mysql/objects.json"
Eventually = Callable[..., None]


@pytest.fixture(scope="module")
def mysql(machine: Callable[[str], Host]) -> Host:
    """Return the machine with MariaDB."""
    return machine("sql00")


@pytest.fixture(scope="module")
def neighbour(machine: Callable[[str], Host]) -> Host:
    """Return another machine of the project, with MariaDB's client."""
    host = machine("sql01")
    host.check_output("command -v mariadb || DEBIAN_FRONTEND=noninteractive apt-get install -qq mariadb-client-core")
    return host


def addresses(hostvars: dict[str, dict[str, Any]], network: str) -> list[str]:
    return [hostvars["sql00"][f"ringmaster_{network}_{family}"] for family in ("ipv4", "ipv6")]


def root(host: Host, statement: str) -> str:
    return host.check_output(f"mariadb --batch --skip-column-names --execute {shlex.quote(statement)}")


def ask(host: Host, user: str, address: str, statement: str, *words: str) -> Any:
    """Run a statement as the service user does, with nothing but the file. The address stands for DNS."""
    client = " ".join(["mariadb", '--user="$MYSQL_USER"', "--batch", "--skip-column-names", *words])
    shell = f"set -a; . {CREDENTIALS}/{user}.env; MYSQL_HOST={address} {client} --execute {shlex.quote(statement)}"
    return host.run(f"sudo -u s-sql sh -c {shlex.quote(shell)}")


def converge(host: Host) -> dict[str, Any]:
    return json.loads(host.check_output(f"{PROGRAM} converge"))


@pytest.fixture
def empty_inbox(mysql: Host, eventually: Eventually) -> Iterator[None]:
    yield
    mysql.check_output(f"rm -f {INBOX}/*.cnf")
    eventually(lambda: mysql.check_output("ls /etc/ringmaster/mysql/accepted") == "")
    eventually(lambda: json.loads(mysql.check_output("cat /var/lib/ringmaster/mysql.json"))["refused"] == {})


@pytest.mark.contract("data go there and back over IPv4 and IPv6")
@pytest.mark.parametrize("family", [0, 1], ids=["ipv4", "ipv6"])
def test_session_from_another_vm_with_nothing_but_the_file(
    neighbour: Host, hostvars: dict[str, dict[str, Any]], family: int
) -> None:
    statement = (
        f"CREATE OR REPLACE TABLE shop.trip{family} (t TEXT); INSERT INTO shop.trip{family} VALUES ('Größe 🎪');"
        f" SELECT t, @@character_set_client FROM shop.trip{family}; DROP TABLE shop.trip{family}"
    )
    done = ask(neighbour, "app", addresses(hostvars, "srv")[family], statement, "--default-character-set=utf8mb4")
    assert done.stdout == "Größe 🎪\tutf8mb4\n", done.stderr


@pytest.mark.parametrize("words", [[], ['--ssl-ca="$MYSQL_SSL_CA"']], ids=["without the CA", "with the CA"])
def test_connections_are_encrypted(neighbour: Host, hostvars: dict[str, dict[str, Any]], words: list[str]) -> None:
    done = ask(neighbour, "app", addresses(hostvars, "srv")[0], "SHOW STATUS LIKE 'Ssl_version'", *words)
    assert done.stdout == "Ssl_version\tTLSv1.3\n", done.stderr


def test_a_user_can_be_refused_without_tls(neighbour: Host, hostvars: dict[str, dict[str, Any]]) -> None:
    address = addresses(hostvars, "srv")[0]
    assert ask(neighbour, "app", address, "SELECT 1", "--skip-ssl").stdout == "1\n"
    refused = ask(neighbour, "report", address, "SELECT 1", "--skip-ssl")
    assert "Access denied for user 'report'" in refused.stderr


@pytest.mark.contract("refused to strangers")
@pytest.mark.parametrize("family", [0, 1], ids=["ipv4", "ipv6"])
def test_without_password_nothing(neighbour: Host, hostvars: dict[str, dict[str, Any]], family: int) -> None:
    address = addresses(hostvars, "srv")[family]
    for user in ("root", "app", "mysql", "monitor", "prometheus", "nobody"):
        words = f"--host={address} --user={user} --skip-ssl-verify-server-cert"
        for password in ("", "guess"):
            done = neighbour.run(f"MYSQL_PWD={password} mariadb {words} --execute 'SELECT 1'")
            assert done.rc != 0
            assert "Access denied" in done.stderr


def test_root_needs_no_password_and_nobody_else_is_root(mysql: Host) -> None:
    assert root(mysql, "SELECT CURRENT_USER()") == "root@localhost"
    assert mysql.run("sudo -u s-sql mariadb --user=root --execute 'SELECT 1'").rc != 0
    assert mysql.run("sudo -u s-sql mariadb --execute 'SELECT 1'").rc != 0
    assert root(mysql, "SELECT COUNT(*) FROM mysql.global_priv WHERE user = ''") == "0"


@pytest.mark.parametrize("family", [0, 1], ids=["ipv4", "ipv6"])
def test_nothing_on_the_frontend(hostvars: dict[str, dict[str, Any]], family: int) -> None:
    with pytest.raises(OSError, match=r"refused|timed out"):
        socket.create_connection((addresses(hostvars, "fe")[family], PORT), timeout=3)


def test_listens_where_it_should_and_nowhere_else(mysql: Host, hostvars: dict[str, dict[str, Any]]) -> None:
    lines = mysql.check_output("ss -Hltnp").splitlines()
    found = {line.split()[3] for line in lines if "mariadbd" in line}
    ipv4, ipv6 = addresses(hostvars, "srv")
    assert found == {f"127.0.0.1:{PORT}", f"[::1]:{PORT}", f"{ipv4}:{PORT}", f"[{ipv6}]:{PORT}"}
    exporter = [line.split()[3] for line in lines if "prometheus-mysq" in line]
    assert exporter == [f"{ipv4}:9104"]


# user, statement, whether it may
RIGHTS = [
    ("app", "CREATE OR REPLACE TABLE shop.t (i INT PRIMARY KEY); INSERT INTO shop.t VALUES (1)", True),
    ("app", "CREATE OR REPLACE VIEW blog.v AS SELECT 1", True),
    ("app", "CREATE OR REPLACE PROCEDURE shop.p() SELECT 1; CALL shop.p()", True),
    ("app", "CREATE OR REPLACE EVENT shop.e ON SCHEDULE EVERY 1 DAY DO SELECT 1; DROP EVENT shop.e", True),
    ("app", "CREATE DATABASE other", False),
    ("app", "SELECT * FROM mysql.global_priv", False),
    ("app", "CREATE USER evil", False),
    ("app", "GRANT SELECT ON shop.* TO report", False),
    ("app", "SET GLOBAL max_connections = 10", False),
    ("app", "SELECT 1 INTO OUTFILE '/var/lib/mysql-files/x'", False),
    ("app", "INSTALL SONAME 'ha_blackhole'", False),
    ("app", "SHUTDOWN", False),
    ("app", "SELECT * FROM ringmaster.round_trip", False),
    (
        "writer",
        "INSERT INTO shop.t VALUES (2); UPDATE shop.t SET i = 3 WHERE i = 2; DELETE FROM shop.t WHERE i = 3",
        True,
    ),
    ("writer", "CALL shop.p()", True),
    ("writer", "DROP TABLE shop.t", False),
    ("writer", "ALTER TABLE shop.t ADD j INT", False),
    ("writer", "SELECT * FROM blog.v", False),
    ("report", "SELECT COUNT(*) FROM shop.t; SHOW CREATE VIEW blog.v", True),
    ("report", "INSERT INTO shop.t VALUES (9)", False),
    ("report", "CALL shop.p()", False),
    ("report", "CREATE TEMPORARY TABLE shop.x (i INT)", False),
]


@pytest.mark.parametrize(("user", "statement", "may"), RIGHTS)
def test_rights(neighbour: Host, hostvars: dict[str, dict[str, Any]], user: str, statement: str, may: bool) -> None:
    done = ask(neighbour, user, addresses(hostvars, "srv")[0], statement)
    assert (done.rc == 0) is may, done.stderr
    if not may:
        assert any(word in done.stderr for word in ("denied", "Access denied", "ERROR 1227")), done.stderr


def test_monitor_may_only_look_and_write_one_table(mysql: Host) -> None:
    def monitor(statement: str) -> Any:
        client = "mariadb --defaults-file=/etc/ringmaster/monitoring/mysql.cnf --host=127.0.0.1"
        return mysql.run(f"sudo -u ringmaster-check {client} --execute {shlex.quote(statement)}")

    assert monitor("SELECT * FROM ringmaster.round_trip; SHOW GLOBAL STATUS").rc == 0
    for statement in ("SELECT * FROM shop.t", "CREATE TABLE ringmaster.x (i INT)", "SELECT * FROM mysql.global_priv"):
        assert "denied" in monitor(statement).stderr


def test_credentials_are_for_service_users_only(mysql: Host, neighbour: Host) -> None:
    for host in (mysql, neighbour):
        file = host.file(f"{CREDENTIALS}/app.env")
        assert (file.user, file.group, file.mode) == ("root", "service", 0o640)
        assert host.run(f"sudo -u nobody cat {CREDENTIALS}/app.env").rc != 0
    assert neighbour.run("test -e /etc/ringmaster/mysql").rc != 0


def test_password_is_nowhere_else(mysql: Host) -> None:
    mysql.check_output("ringmaster-check --now")
    places = "/etc /var/log /var/lib/ringmaster /run/ringmaster /usr/lib/ringmaster"
    load = f". {CREDENTIALS}/app.env"
    search = f'{load}; grep -rslaF -e "$MYSQL_PASSWORD" {places} | grep -v ^{CREDENTIALS}/'
    assert mysql.run(search).stdout == ""
    password = mysql.check_output(f'{load}; printf %s "$MYSQL_PASSWORD"')
    for source in ("journalctl --no-pager", "cat /proc/[0-9]*/cmdline | tr '\\0' ' '"):
        assert password not in mysql.run(source).stdout


def test_is_fitted_to_the_machine(mysql: Host, hostvars: dict[str, dict[str, Any]]) -> None:
    assert hostvars["sql00"]["ringmaster_memory_mib"] == 2048
    sizes = "@@innodb_buffer_pool_size DIV 1048576, @@innodb_buffer_pool_size_max DIV 1048576, @@max_connections"
    found = root(mysql, f"SELECT {sizes}, @@log_bin, @@character_set_server")
    assert found.split("\t") == ["1072", "1640", "224", "1", "utf8mb4"]
    assert root(mysql, "SELECT @@max_allowed_packet DIV 1048576") == "32"  # mysql_settings wins
    assert "STRICT_TRANS_TABLES" in root(mysql, "SELECT @@sql_mode")


def test_a_commit_is_on_disk(mysql: Host) -> None:
    assert (
        root(mysql, "SELECT @@log_bin, @@sync_binlog, @@innodb_flush_log_at_trx_commit, @@innodb_doublewrite")
        == "1\t1\t1\tON"
    )


def test_second_run_changes_nothing(mysql: Host) -> None:
    assert converge(mysql) == {"changed": False, "steps": [], "refused": {}, "pending_restart": []}


def test_what_was_changed_by_hand_is_put_right(mysql: Host) -> None:
    root(mysql, "ALTER USER writer@'%' IDENTIFIED BY 'by hand'; GRANT FILE ON *.* TO writer@'%'")
    root(mysql, "GRANT DROP ON shop.* TO report@'%'; SET GLOBAL max_connections = 50; CREATE DATABASE byhand")
    assert json.loads(mysql.check_output(f"{PROGRAM} converge --check"))["changed"]
    assert root(mysql, "SELECT @@max_connections") == "50"
    assert converge(mysql)["steps"] == [
        "set max_connections: 50 -> 224",
        "set the password of the user writer",
        "set the rights of the user writer",
        "set the rights of the user report on shop",
    ]
    assert converge(mysql)["changed"] is False
    assert root(mysql, "SELECT COUNT(*) FROM information_schema.schemata WHERE schema_name = 'byhand'") == "1"
    root(mysql, "DROP DATABASE byhand")


@pytest.fixture
def declared(mysql: Host) -> Iterator[dict[str, Any]]:
    """Return what is declared, and declare it again afterwards."""
    text = mysql.check_output(f"cat {OBJECTS}")
    yield json.loads(text)
    declare(mysql, json.loads(text))
    converge(mysql)


def declare(host: Host, objects: dict[str, Any]) -> None:
    host.check_output(f"printf %s {shlex.quote(json.dumps(objects))} > {OBJECTS}")


def test_rotated_password(
    mysql: Host, neighbour: Host, hostvars: dict[str, dict[str, Any]], declared: dict[str, Any]
) -> None:
    """What a new generation in the ledger does: another digest here, another password in the files."""
    inner = hashlib.sha1(b"another").digest()
    user = next(user for user in declared["users"] if user["name"] == "app")
    user["digest"] = "*" + hashlib.sha1(inner).hexdigest().upper()
    declare(mysql, declared)
    assert converge(mysql)["steps"] == ["set the password of the user app"]
    address = addresses(hostvars, "srv")[0]
    assert "Access denied" in ask(neighbour, "app", address, "SELECT 1").stderr
    assert neighbour.check_output(f"MYSQL_PWD=another mariadb -h {address} -u app -NBe 'SELECT 1'") == "1"


def test_users_that_are_not_declared_any_more_are_locked(mysql: Host, declared: dict[str, Any]) -> None:
    declared["users"] = [user for user in declared["users"] if user["name"] != "writer"]
    declare(mysql, declared)
    assert converge(mysql)["steps"] == ["lock the user writer, who is not declared any more"]
    assert converge(mysql)["changed"] is False
    declared["absent_users"] = ["writer"]
    declare(mysql, declared)
    assert converge(mysql)["steps"] == ["drop the user writer"]


def test_databases_go_only_when_it_is_said(mysql: Host, declared: dict[str, Any]) -> None:
    declared["databases"].append({"name": "a_b", "character_set": "", "collation": "utf8mb4_bin", "present": True})
    declare(mysql, declared)
    assert converge(mysql)["steps"] == ["make the database a_b"]
    assert "utf8mb4_bin" in root(mysql, "SHOW CREATE DATABASE a_b")
    *declared["databases"], gone = declared["databases"]
    declare(mysql, declared)
    assert converge(mysql)["changed"] is False
    declared["databases"].append({**gone, "present": False})
    declare(mysql, declared)
    assert converge(mysql)["steps"] == ["drop the database a_b"]


def test_a_mistake_is_one_sentence(mysql: Host, declared: dict[str, Any]) -> None:
    declared["databases"].append({"name": "bad", "character_set": "klingon", "collation": "", "present": True})
    declare(mysql, declared)
    done = mysql.run(f"{PROGRAM} converge")
    assert done.rc == 1
    assert done.stderr == "MariaDB refuses to make the database bad: Unknown character set: 'klingon'\n"


@pytest.mark.contract("kill -9 is survived")
def test_comes_back_with_its_data_after_a_kill(
    mysql: Host, neighbour: Host, hostvars: dict[str, dict[str, Any]], eventually: Eventually
) -> None:
    address = addresses(hostvars, "srv")[0]
    statement = "CREATE OR REPLACE TABLE shop.survivor (i INT); INSERT INTO shop.survivor VALUES (42)"
    assert ask(neighbour, "app", address, statement).rc == 0
    before = mysql.check_output("systemctl show -P MainPID mariadb")
    mysql.check_output(f"kill -9 {before}")
    eventually(lambda: ask(neighbour, "app", address, "SELECT i FROM shop.survivor").stdout == "42\n", 60)
    assert mysql.check_output("systemctl show -P MainPID mariadb") != before


def test_stop_turns_the_check_red(mysql: Host) -> None:
    assert check_of(mysql, "mysql/login")["state"] == "ok"
    mysql.check_output("systemctl stop mariadb")
    try:
        check = check_of(mysql, "mysql/login")
        assert check["state"] == "critical"
        assert "Can't connect" in check["output"]
        assert check_of(mysql, "mysql/connections")["state"] == "unknown"
    finally:
        mysql.check_output("systemctl start mariadb")
    assert check_of(mysql, "mysql/login")["state"] == "ok"


def test_full_disk(mysql: Host, neighbour: Host, hostvars: dict[str, dict[str, Any]], eventually: Eventually) -> None:
    """Writes fail or wait and a check says why; what was committed is there once there is room."""

    def sql(statement: str) -> Any:
        # MariaDB lets a commit wait for room in the binary log.
        return ask(neighbour, "app", addresses(hostvars, "srv")[0], f"SET max_statement_time = 5; {statement}")

    assert sql("CREATE OR REPLACE TABLE shop.ledger (n INT PRIMARY KEY, text LONGTEXT)").rc == 0
    with small_disk(mysql, "mariadb", "/var/lib/mysql", 64) as fill:
        eventually(lambda: sql("SELECT 1").rc == 0)
        assert check_of(mysql, "mysql/disk")["state"] != "critical"
        fill(4)
        committed = 0
        while sql(f"INSERT INTO shop.ledger VALUES ({committed + 1}, REPEAT('ringmaster', 30000))").rc == 0:
            committed += 1
            assert committed < 200, "the disk does not get full"
        assert committed
        check = check_of(mysql, "mysql/disk")
        assert check["state"] == "critical"
        assert int(check["output"].split(" % of the disk are in use")[0]) >= 95
        mysql.check_output("rm /var/lib/mysql/ballast")
        eventually(lambda: sql("REPLACE INTO shop.ledger VALUES (0, '')").rc == 0, 120)
        # The one that was not answered may be there or not.
        assert int(sql(f"SELECT COUNT(*) FROM shop.ledger WHERE n BETWEEN 1 AND {committed}").stdout) == committed
        eventually(lambda: check_of(mysql, "mysql/login")["state"] == "ok")
    eventually(lambda: sql("SELECT COUNT(*) FROM shop.ledger WHERE n = 0").stdout == "1\n", 60)
    assert sql("DROP TABLE shop.ledger").rc == 0


def test_checks_reach_prometheus(hostvars: dict[str, dict[str, Any]]) -> None:
    ipv4, _ipv6 = addresses(hostvars, "srv")
    with urllib.request.urlopen(f"http://{ipv4}:9100/metrics", timeout=10) as answer:
        text = answer.read().decode()
    assert 'ringmaster_check_status{check="login",component="mysql"} 0' in text
    with urllib.request.urlopen(f"http://{ipv4}:9104/metrics", timeout=10) as answer:
        text = answer.read().decode()
    assert "\nmysql_up 1" in text
    # What the alert rules read.
    for metric in ("uptime", "aborted_connects", 'connection_errors_total{error="max_connections"}'):
        assert f"\nmysql_global_status_{metric} " in text


def test_renewed_certificate_is_read_without_a_restart(mysql: Host) -> None:
    process = mysql.check_output("systemctl show -P MainPID mariadb")
    mysql.check_output("systemctl reload mariadb")
    assert mysql.check_output("systemctl show -P MainPID mariadb") == process
    assert check_of(mysql, "mysql/login")["state"] == "ok"


def test_slow_statements_can_be_read_and_are_rotated(mysql: Host) -> None:
    log = "/var/log/mysql/queries.slow"
    root(mysql, "SELECT SLEEP(0.6) AS very_slow")
    assert "very_slow" in mysql.check_output(f"sudo -u s-sql cat {log}")
    assert mysql.run(f"sudo -u nobody cat {log}").rc != 0
    mysql.check_output("logrotate --force /etc/logrotate.d/ringmaster-mysql")
    assert "very_slow" not in mysql.check_output(f"cat {log}")
    root(mysql, "SELECT SLEEP(0.6) AS slow_again")
    assert "slow_again" in mysql.check_output(f"cat {log}")
    file = mysql.file(log)
    assert (file.user, file.group, file.mode) == ("mysql", "service", 0o640)
    mysql.check_output("logrotate --debug /etc/logrotate.conf 2>&1 | grep -i 'error:' && exit 1 || true")


@pytest.mark.contract("a drop-in is taken over, and a bad one left out")
@pytest.mark.usefixtures("empty_inbox")
def test_drop_in_is_taken_over_without_a_restart(mysql: Host, eventually: Eventually) -> None:
    process = mysql.check_output("systemctl show -P MainPID mariadb")
    put(mysql, "mine.cnf", "[mariadbd]\nlong-query-time = 2\ninnodb_buffer_pool_size = 800M\nevent_scheduler = ON\n")
    values = "SELECT @@log_slow_query_time, @@innodb_buffer_pool_size DIV 1048576, @@global.event_scheduler"
    eventually(lambda: root(mysql, values).split("\t") == ["2.000000", "800", "ON"])
    assert mysql.check_output("systemctl show -P MainPID mariadb") == process
    accepted = mysql.file("/etc/ringmaster/mysql/accepted/mine.cnf")
    assert (accepted.user, accepted.group, accepted.mode) == ("root", "mysql", 0o640)
    mysql.check_output(f"sudo -u s-sql rm {INBOX}/mine.cnf")
    eventually(lambda: root(mysql, values).split("\t") == ["0.500000", "1072", "OFF"])
    assert converge(mysql)["changed"] is False


@pytest.mark.contract("a restart only when asked for")
@pytest.mark.usefixtures("empty_inbox")
def test_setting_that_needs_a_restart_waits_for_it(mysql: Host, eventually: Eventually) -> None:
    put(mysql, "figures.cnf", "[mariadbd]\nperformance_schema = ON\n")
    eventually(lambda: "performance_schema (OFF, wanted ON)" in check_of(mysql, "mysql/restart")["output"])
    done = json.loads(mysql.check_output(f"{PROGRAM} converge --restart"))
    assert done["steps"] == ["restart mariadb.service"]
    assert root(mysql, "SELECT @@performance_schema") == "1"
    mysql.check_output(f"rm {INBOX}/figures.cnf")
    eventually(lambda: "performance_schema (ON, wanted OFF)" in check_of(mysql, "mysql/restart")["output"])


@pytest.mark.contract("a trial start before anything is used")
@pytest.mark.contract("a drop-in is taken over, and a bad one left out")
@pytest.mark.usefixtures("empty_inbox")
@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (
            "[mariadbd]\\nplugin_load_add = ha_blackhole\\n",
            "line 2: the variable 'plugin_load_add' is not allowed here",
        ),
        (
            "[mariadbd]\\nwait_timeout = fast\\n",
            "MariaDB refuses it: Unknown suffix 'f' used for variable 'wait_timeout'",
        ),
        ("[mariadbd]\\nsql_mode = LOOSE\\n", "MariaDB refuses it: Error while setting value 'LOOSE' to 'sql_mode'"),
        (
            "[mariadbd]\\nmax_connections = 1\\n",
            "MariaDB refuses it: option 'max_connections': unsigned value 1 adjusted",
        ),
        ("[mariadbd]\\ninnodb_buffer_pool_size = 900G\\n", "MariaDB refuses it: the buffers"),
    ],
)
def test_bad_drop_in_is_left_out_and_told(mysql: Host, eventually: Eventually, text: str, reason: str) -> None:
    put(mysql, "good.cnf", "[mariadbd]\nwait_timeout = 777\n")
    put(mysql, "bad.cnf", text.replace("\\n", "\n"))

    def told() -> bool:
        check = check_of(mysql, "mysql/drop-ins")
        return check["state"] == "warning" and "bad.cnf is left out" in check["output"] and reason in check["output"]

    eventually(told)
    assert mysql.check_output("ls /etc/ringmaster/mysql/accepted") == "good.cnf"
    assert root(mysql, "SELECT @@global.wait_timeout") == "777"
    assert check_of(mysql, "mysql/login")["state"] == "ok"


@pytest.mark.usefixtures("empty_inbox")
def test_links_are_refused(mysql: Host, eventually: Eventually) -> None:
    mysql.check_output(f"sudo -u s-sql ln -s /etc/shadow {INBOX}/link.cnf")
    eventually(lambda: "link.cnf is left out: it is a link" in check_of(mysql, "mysql/drop-ins")["output"])


def test_service_user_cannot_replace_the_platforms_files(mysql: Host) -> None:
    assert mysql.run(f"sudo -u s-sql rm -f {INBOX}/README").rc != 0
    assert mysql.run("sudo -u s-sql touch /etc/ringmaster/mysql/accepted/x.cnf").rc != 0


def test_is_confined(mysql: Host) -> None:
    """Not even the server's own account may write elsewhere; the package's start script still works."""
    wanted = {"NoNewPrivileges": "yes", "ProtectSystem": "strict", "PrivateTmp": "yes", "OOMScoreAdjust": "-600"}
    lines = mysql.check_output(f"systemctl show -p {','.join(wanted)} mariadb").splitlines()
    assert dict(line.split("=", 1) for line in lines) == wanted
    assert "debian-start" not in mysql.check_output("systemctl --failed --no-legend")


def test_listens_again_after_a_reboot(
    mysql: Host, neighbour: Host, hostvars: dict[str, dict[str, Any]], eventually: Eventually
) -> None:
    booted = mysql.check_output("stat -c %Z /proc/1")
    mysql.run("systemd-run --on-active=1 --timer-property=AccuracySec=100ms systemctl reboot")

    def has_booted() -> bool:
        try:
            return mysql.check_output("stat -c %Z /proc/1") != booted
        except RuntimeError:  # no connection
            return False

    def answers(address: str) -> bool:
        return ask(neighbour, "app", address, "SELECT 1", "--connect-timeout=2").stdout == "1\n"

    eventually(has_booted, 60)
    for address in addresses(hostvars, "srv"):
        eventually(lambda address=address: answers(address), 60)
    eventually(lambda: check_of(mysql, "mysql/login")["state"] == "ok")


def test_rotated_by_the_verb(neighbour: Host, hostvars: dict[str, dict[str, Any]], play: Callable[..., Any]) -> None:
    """The old password is refused, and the new one lies on the project's other VM."""
    address = addresses(hostvars, "srv")[0]
    read = f"sed -n s/^MYSQL_PWD=//p {CREDENTIALS}/app.env"
    old = neighbour.check_output(read)
    done = play("rotate_secret", vm="sql00", component="mysql", object="app", hosts="project_sql")
    assert done.returncode == 0, done.stdout
    assert ask(neighbour, "app", address, "SELECT 1").stdout == "1\n"
    assert old != neighbour.check_output(read)
    assert (
        "Access denied"
        in neighbour.run(f"MYSQL_PWD={shlex.quote(old)} mariadb -h {address} -u app -e 'SELECT 1'").stderr
    )
