# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The owner of a MariaDB database against root who dumps, proves and restores it."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from ringmaster.core.component import Wish
from ringmaster.core.report import Failure
from ringmaster.mysql import dumps, filling, objects, restores
from ringmaster.mysql.client import Client, Login, MariaDbError, identifier, root

NAMES = [
    "two\nlines",
    "a\ttab",
    "back\\slash",
    "quo'te",
    "tick`s",
    "\\! touch {proof}",
    "x\nsystem touch {proof}\n",
    "ä",
]


@pytest.fixture
def client(mariadb: str) -> Iterator[Client]:
    """Give root's way to a server that has the databases ``app`` and ``a_b``, each with an owner."""
    one = root(mariadb)
    for name in ("app", "a_b", "axb"):
        one.run([f"CREATE DATABASE {name}"])
    # MariaDB knows the last of these since 11.3.
    rights = objects.RIGHTS["owner"] - (
        {"SHOW CREATE ROUTINE"} if one.one("SELECT VERSION()").startswith("10.") else set()
    )
    owner = ", ".join(sorted(rights))
    for name in ("app", "a_b"):
        grant = f"GRANT {owner} ON {identifier(objects.pattern(name))}.* TO '{name}'@'localhost'"
        one.run([f"CREATE USER '{name}'@'localhost' IDENTIFIED BY 'word'", grant])
    yield one
    one.run(["SET GLOBAL sql_mode = DEFAULT", "SET GLOBAL max_statement_time = 0"])
    for name in ("app", "a_b", "axb", "again"):
        one.run([f"DROP DATABASE IF EXISTS {name}"])
    for name in ("app", "a_b"):
        one.run([f"DROP USER '{name}'@'localhost'"])


def owner(socket: str, script: str, user: str = "app") -> subprocess.CompletedProcess[str]:
    words = ["mariadb", "--no-defaults", f"--socket={socket}", f"--user={user}", "--password=word", "--binary-mode"]
    return subprocess.run([*words, user], input=script, capture_output=True, text=True, check=False)


def dumped(socket: str, tmp_path: Path) -> Path:
    folder = tmp_path / "dump"
    folder.mkdir(mode=0o700)
    dumps.dump(folder, socket)
    return folder


def test_names_of_tables_are_data(mariadb: str, client: Client, tmp_path: Path) -> None:
    """One owner's names stop no other's dump, and lead to no command of the client."""
    proof = tmp_path / "taken"
    names = [name.format(proof=proof)[:64] for name in NAMES]
    for name in names:
        done = owner(mariadb, f"CREATE TABLE {identifier(name)} (i int PRIMARY KEY) COMMENT '\n\\\\! touch {proof}\n';")
        assert not done.returncode, done.stderr
    assert set(dumps.inventory(client, "app")["tables"]) == set(names)
    folder = dumped(mariadb, tmp_path)
    restores.restore(folder, Wish("app", "again"), Login(mariadb))
    assert set(dumps.inventory(client, "again")["tables"]) == set(names)
    assert not proof.exists()


@pytest.mark.parametrize("line", ["\\! touch {proof}", "system touch {proof}", "\\. {proof}.sql", "source {proof}.sql"])
def test_a_script_runs_no_program(mariadb: str, client: Client, tmp_path: Path, line: str) -> None:
    """What a dump of another program, or a mistake in mariadb-dump, would bring in."""
    proof = tmp_path / "taken"
    Path(f"{proof}.sql").write_text(f"\\! touch {proof}\n")
    script = f"SELECT 1;\n{line.format(proof=proof)}\nSELECT 2;\n".encode()
    words = ["mariadb", "--no-defaults", f"--socket={mariadb}", "--user=root", "--batch"]
    subprocess.run(words, input=script, capture_output=True, check=False)
    assert proof.exists(), "without the mode it does"
    proof.unlink()
    with tempfile.TemporaryFile() as file, pytest.raises(Failure, match="cannot be restored"):
        file.write(script)
        file.seek(0)
        filling.load(file, "app", Login(mariadb), "app")
    with pytest.raises(MariaDbError):
        client.run([line.format(proof=proof)])
    assert not proof.exists()


@pytest.mark.parametrize("mode", ["ANSI_QUOTES,NO_BACKSLASH_ESCAPES", "ORACLE", "PAD_CHAR_TO_FULL_LENGTH", ""])
def test_what_a_project_sets_for_all_changes_no_statement_of_ours(client: Client, mode: str) -> None:
    before = objects.read(client)
    client.run([f"SET GLOBAL sql_mode = '{mode}'", "SET GLOBAL max_statement_time = 0.001"])
    assert objects.read(client) == before
    assert client.one("SELECT @@sql_mode") == "STRICT_TRANS_TABLES"
    assert client.run(["SELECT 'a\\\\b', 'x\\ty\\nz', '', NULL"]) == [["a\\b", "x\ty\nz", "", "NULL"]]


def test_an_underscore_in_a_name_is_no_wildcard(mariadb: str, client: Client) -> None:
    assert not owner(mariadb, "CREATE TABLE a_b.mine (i int)", "a_b").returncode
    assert "denied" in owner(mariadb, "CREATE TABLE axb.theirs (i int)", "a_b").stderr


def test_an_owner_makes_nothing_in_the_name_of_root(mariadb: str, client: Client) -> None:
    for definer in ("root@localhost", "'mariadb.sys'@localhost", "a_b@localhost"):
        for what in (
            "VIEW v AS SELECT 1",
            "SQL SECURITY DEFINER VIEW v AS SELECT 1",
            "FUNCTION f() RETURNS int DETERMINISTIC RETURN 1",
            "PROCEDURE p() SELECT 1",
            "EVENT e ON SCHEDULE EVERY 1 DAY DO SELECT 1",
        ):
            assert "denied" in owner(mariadb, f"CREATE DEFINER={definer} {what}").stderr, (definer, what)


def test_views_routines_triggers_and_events_come_back_with_who_made_them(
    mariadb: str, client: Client, tmp_path: Path
) -> None:
    script = """CREATE TABLE t (i int PRIMARY KEY); INSERT INTO t VALUES (1);
    CREATE VIEW v AS SELECT * FROM t; CREATE FUNCTION f() RETURNS int DETERMINISTIC RETURN 1;
    CREATE TRIGGER g BEFORE INSERT ON t FOR EACH ROW SET NEW.i = 9;
    CREATE EVENT e ON SCHEDULE EVERY 1 DAY DO DELETE FROM t;"""
    assert not owner(mariadb, script).returncode
    folder = dumped(mariadb, tmp_path)
    assert "came back, all counted and checked" in restores.prove(folder)
    restores.restore(folder, Wish("app", "again"), Login(mariadb))
    for table, kind in (("views", "table"), ("triggers", "trigger"), ("events", "event")):
        where = f"FROM information_schema.{table} WHERE {kind}_schema = 'again'"
        assert client.run([f"SELECT definer {where}"]) == [["app@localhost"]]
    assert not list(Path("/var/lib").glob(".mysql-proof-*"))
