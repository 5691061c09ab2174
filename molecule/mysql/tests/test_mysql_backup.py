# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Dumps of MariaDB: proven, refused when damaged, restored beside and over what is there, never unasked."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable
from typing import Any

import pytest
from steps import sandboxed
from testinfra.host import Host

DEFINITION = "/etc/ringmaster/backup.d/mysql.json"
FOLDER = "/var/backups/ringmaster/mysql"
BAD = "/var/backups/ringmaster/bad"
UNITS = {"dump": "backup/ringmaster-backup", "prove": "backup/ringmaster-backup-proof"}
DATA = """
CREATE DATABASE IF NOT EXISTS zoo; USE zoo;
CREATE OR REPLACE TABLE animals (i INT AUTO_INCREMENT PRIMARY KEY, s TEXT, b BLOB);
INSERT INTO animals (s, b) VALUES ('a\\nb', x'00ff'), ('(x', NULL), (');', NULL), ('INSERT INTO `x` VALUES', NULL);
INSERT INTO animals (s) SELECT CONCAT('animal ', seq) FROM seq_1_to_5000;
CREATE OR REPLACE TABLE `we``ird (t)` (a INT); INSERT INTO `we``ird (t)` VALUES (1), (2);
CREATE OR REPLACE TABLE old_engine (a INT) ENGINE=Aria; INSERT INTO old_engine VALUES (7);
CREATE OR REPLACE VIEW v AS SELECT COUNT(*) AS n FROM animals;
CREATE OR REPLACE PROCEDURE p() SELECT 1;
CREATE OR REPLACE TRIGGER t BEFORE INSERT ON old_engine FOR EACH ROW SET NEW.a = NEW.a + 1;
CREATE OR REPLACE EVENT e ON SCHEDULE EVERY 1 DAY DO SELECT 1;
CREATE OR REPLACE USER byhand@'%' IDENTIFIED BY 'x'; GRANT SELECT ON zoo.* TO byhand@'%';
"""


@pytest.fixture(scope="module")
def mysql(machine: Callable[[str], Host]) -> Host:
    """Return the machine with MariaDB, data in it, and a dump of them."""
    host = machine("sql00")
    sql(host, DATA)
    assert run(host, "dump")["objects"] == 3
    return host


def sql(host: Host, statement: str) -> str:
    return host.check_output(f"mariadb --batch --skip-column-names --execute {shlex.quote(statement)}")


def words(host: Host, verb: str, folder: str = FOLDER, more: str = "") -> str:
    """Return the command as role backup finds it."""
    argv = json.loads(host.check_output(f"cat {DEFINITION}"))[verb]
    return " ".join(shlex.quote(word.replace("{folder}", folder)) for word in argv) + f" {more}"


def run(host: Host, verb: str, more: str = "") -> dict[str, Any]:
    command = words(host, verb, more=more)
    if verb in UNITS:
        return json.loads(sandboxed(host, UNITS[verb], command))
    return json.loads(host.check_output(command))


def rows(host: Host, table: str) -> int:
    return int(sql(host, f"SELECT COUNT(*) FROM {table}"))


@pytest.mark.contract("a dump is proven and restored")
def test_a_dump_is_proven_and_nothing_is_left(mysql: Host) -> None:
    sentence = run(mysql, "prove")["sentence"]
    assert sentence.startswith("3 databases with ")
    assert "came back, all counted and checked; the dump is 0.0 h old." in sentence
    assert mysql.check_output("find /var/lib -maxdepth 1 -name '.mysql-proof*'") == ""
    assert mysql.check_output("pgrep -c mariadbd") == "1"
    assert mysql.file(FOLDER).mode == 0o700


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (
            "zstd -dcq zoo.sql.zst | sed '/^(7,/d' | zstd -q -o new && mv new zoo.sql.zst",
            "animals has 5003 rows, dumped were 5004",
        ),
        (
            """python3 -c 'import json; m = json.load(open("manifest.json"));"""
            """ m["databases"]["zoo"]["programs"].pop(0); json.dump(m, open("manifest.json", "w"))'""",
            "routines: 1 were dumped, 0 are there",
        ),
        ("truncate --size=2000 zoo.sql.zst", "The dump is damaged: "),
        ("rm blog.sql.zst", "The dump is damaged: "),
        ("rm manifest.json", "is no complete dump of MariaDB"),
    ],
    ids=["a row is missing", "a procedure is missing", "cut off", "a database is missing", "no record"],
)
def test_a_damaged_dump_is_found(mysql: Host, damage: str, told: str) -> None:
    mysql.check_output(f"rm -rf {BAD} && cp -a {FOLDER} {BAD} && cd {BAD} && {damage}")
    done = mysql.run(words(mysql, "prove", BAD))
    assert done.rc == 1
    assert told in json.loads(done.stdout)["sentence"]
    mysql.check_output(f"rm -r {BAD}")


def test_data_is_never_replaced_unasked(mysql: Host) -> None:
    for more in ("", "--object zoo"):
        done = mysql.run(words(mysql, "restore", more=more))
        assert done.rc == 1
        assert "there is data in " in done.stderr
        assert "or say --replace" in done.stderr
    done = mysql.run(words(mysql, "restore", more="--object nothing"))
    assert "the dump has no database nothing; it has blog, shop, zoo" in done.stderr
    done = mysql.run(words(mysql, "restore", more="--object zoo --as mysql --replace"))
    assert "'mysql' cannot be the name" in done.stderr


def test_restored_beside(mysql: Host) -> None:
    sentence = run(mysql, "restore", "--object zoo --as zoo2")["sentence"]
    assert sentence.startswith("Restored zoo as zoo2; all rows counted. Otherwise than it was: ")
    # Nobody owns it, and nobody acts as root because a dump says so.
    assert "the view v acts as zoo2_owner@localhost, and not as root@localhost" in sentence
    tables = "CHECKSUM TABLE zoo.animals, zoo2.animals, zoo.`we``ird (t)`, zoo2.`we``ird (t)`"
    sums = [line.split("\t")[1] for line in sql(mysql, tables).splitlines()]
    assert sums[0] == sums[1]
    assert sums[2] == sums[3]
    assert sql(mysql, "SELECT n FROM zoo2.v") == "5004"
    sql(mysql, "DROP DATABASE zoo2; DROP USER zoo2_owner@localhost")


@pytest.mark.contract("a dump is proven and restored")
def test_restored_over(mysql: Host) -> None:
    sql(mysql, "DELETE FROM zoo.animals WHERE i > 3; CREATE TABLE zoo.newer (i INT)")
    sentence = run(mysql, "restore", "--object zoo --replace")["sentence"]
    assert "What was there lies in /var/backups/ringmaster/mysql.replaced" in sentence
    assert rows(mysql, "zoo.animals") == 5004
    assert "newer" not in sql(mysql, "SHOW TABLES IN zoo")
    kept = mysql.check_output("zstd -dcq /var/backups/ringmaster/mysql.replaced/zoo.sql.zst")
    assert "CREATE TABLE `newer`" in kept


def test_restored_after_a_loss_of_everything(mysql: Host) -> None:
    sql(mysql, "DROP DATABASE zoo; DROP DATABASE shop; DROP DATABASE blog; DROP USER byhand@'%', writer@'%'")
    assert run(mysql, "restore")["sentence"].startswith("Restored blog, shop, zoo; all rows counted.")
    assert rows(mysql, "zoo.animals") == 5004
    assert "GRANT SELECT ON `zoo`.*" in sql(mysql, "SHOW GRANTS FOR byhand@'%'")
    report = json.loads(mysql.check_output("/usr/bin/ringmaster mysql converge"))
    assert report["steps"] == []  # the users that are declared came back with all that is declared of them


def test_a_dump_survives_one_that_fails(mysql: Host) -> None:
    before = mysql.check_output(f"cat {FOLDER}/manifest.json")
    mysql.check_output("systemctl stop mariadb")
    done = mysql.run(words(mysql, "dump"))
    mysql.check_output("systemctl start mariadb")
    assert done.rc == 1
    assert done.stderr.startswith("MariaDB cannot be dumped: Can't connect to local server")
    assert mysql.check_output(f"cat {FOLDER}/manifest.json") == before


def test_take_the_zoo_down(mysql: Host) -> None:
    sql(mysql, "DROP DATABASE zoo; DROP USER byhand@'%', zoo_owner@localhost")
