# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""MariaDB on the machine: the plan for databases and users, drop-ins, and what differs from the running server."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ringmaster.core.inbox import Refused
from ringmaster.core.report import Failure
from ringmaster.mysql import client, dumps, filling, objects, options, programs, settings
from ringmaster.mysql.objects import Account, Present

DIGEST = "*09E19135CEF8CA34B41DAB721009DDB04F8FB4D7"
OTHER = "*9A2990C7646090BD0CB16D2E9C36C8AD0BE4551D"


def user(name: str = "app", **more: Any) -> dict[str, Any]:
    plain = {"role": "owner", "databases": ["app"], "digest": DIGEST, "require_tls": False, "max_connections": 0}
    return {"name": name, **plain, **more}


def database(name: str = "app", **more: Any) -> dict[str, Any]:
    return {"name": name, "character_set": "", "collation": "", "present": True, **more}


def declared(
    users: list[dict[str, Any]], databases: list[dict[str, Any]], absent: tuple[str, ...] = ()
) -> dict[str, Any]:
    return {"users": users, "databases": databases, "absent_users": list(absent), "monitor": DIGEST}


def after(wanted: dict[str, Any]) -> Present:
    """Return what there is when everything was made."""
    accounts = {(one.name, one.host): one for one in objects.wanted_accounts(wanted)}
    names = [one["name"] for one in wanted["databases"] if one["present"]]
    return Present(dict.fromkeys(names, ("utf8mb4", "utf8mb4_uca1400_ai_ci")), accounts, own_table=True)


def changed(wanted: dict[str, Any], **more: Any) -> Present:
    """Return what there is when the account app is another one."""
    present = after(wanted)
    old = present.accounts["app", "%"]
    new = Account(**{**old.__dict__, **more})
    return Present(present.databases, {**present.accounts, ("app", "%"): new}, own_table=True)


WANTED = declared([user()], [database()])


def test_first_run_makes_everything() -> None:
    steps = objects.plan(WANTED, Present())
    assert [step.sentence for step in steps] == [
        "make the database app",
        "make the platform's own database",
        "make the user monitor",
        "make the user prometheus",
        "make the user app",
    ]
    create, _usage, grant = steps[-1].statements
    assert create == (
        f"CREATE USER 'app'@'%' IDENTIFIED VIA mysql_native_password USING '{DIGEST}' REQUIRE NONE "
        "WITH MAX_USER_CONNECTIONS 0 ACCOUNT UNLOCK"
    )
    assert grant.startswith("GRANT ALTER, ALTER ROUTINE, CREATE, ")
    assert grant.endswith(" ON `app`.* TO 'app'@'%'")
    assert "GRANT OPTION" not in grant


def test_second_run_changes_nothing() -> None:
    assert objects.plan(WANTED, after(WANTED), ["app"]) == []


def test_names_with_wildcards_mean_themselves() -> None:
    """`a_b` in GRANT would be a right on `axb` too."""
    steps = objects.plan(declared([user(databases=["a_b"])], [database("a_b")]), Present())
    assert steps[0].statements == ("CREATE DATABASE `a_b`",)
    assert " ON `a\\_b`.* TO " in steps[-1].statements[-1]


LOGIN = "set the login of the user app"
RIGHTS = "set the rights of the user app"
READING = frozenset({"SELECT", "GRANT OPTION"})
TABLE = [
    ({"digest": OTHER}, "set the password of the user app", ["ALTER USER"]),
    ({"require_tls": True}, LOGIN, ["ALTER USER"]),
    ({"is_locked": True}, LOGIN, ["ALTER USER"]),
    ({"plugin": "several"}, LOGIN, ["ALTER USER"]),
    ({"rights": frozenset({"FILE"})}, RIGHTS, ["REVOKE ALL PRIVILEGES, GRANT OPTION", "GRANT USAGE", "GRANT ALTER"]),
    ({"on": {}}, f"{RIGHTS} on app", ["GRANT ALTER"]),
    ({"on": {"app": READING}}, f"{RIGHTS} on app", ["REVOKE GRANT OPTION, SELECT ON", "GRANT ALTER"]),
]


@pytest.mark.parametrize(("found", "sentence", "beginnings"), TABLE)
def test_what_was_changed_by_hand_is_put_right(found: dict[str, Any], sentence: str, beginnings: list[str]) -> None:
    (step,) = objects.plan(WANTED, changed(WANTED, **found), ["app"])
    assert step.sentence == sentence
    assert len(step.statements) == len(beginnings)
    for statement, beginning in zip(step.statements, beginnings, strict=True):
        assert statement.startswith(beginning)


def test_a_right_that_is_not_declared_any_more_is_taken_away() -> None:
    found = {"app": objects.RIGHTS["owner"], "shop": frozenset({"SELECT"})}
    (step,) = objects.plan(WANTED, changed(WANTED, on=found), ["app"])
    assert step.statements == ("REVOKE SELECT ON `shop`.* FROM 'app'@'%'",)


def test_undeclared_users_are_locked_if_they_were_ours_and_left_alone_otherwise() -> None:
    present = after(declared([user(), user("old"), user("byhand")], [database()]))
    (step,) = objects.plan(WANTED, present, ["app", "old", "gone"])
    assert step.statements == ("ALTER USER 'old'@'%' ACCOUNT LOCK",)


def test_absent_users_are_dropped_once() -> None:
    wanted = declared([user()], [database()], ("old",))
    present = after(declared([user(), user("old")], [database()]))
    assert objects.plan(wanted, present, ["app", "old"])[0].statements == ("DROP USER 'old'@'%'",)
    assert objects.plan(wanted, after(WANTED), ["app", "old"]) == []


def test_absent_databases_are_dropped_and_unknown_ones_are_not() -> None:
    wanted = declared([user()], [database(), database("old", present=False)])
    present = after(declared([user()], [database(), database("old"), database("byhand")]))
    assert [step.statements for step in objects.plan(wanted, present)] == [("DROP DATABASE `old`",)]


def test_root_has_no_password_and_comes_from_nowhere_else() -> None:
    present = after(WANTED)
    wrong = {
        ("root", "localhost"): Account("root", "localhost", "several", DIGEST),
        ("root", "%"): Account("root", "%"),
        ("", "localhost"): Account("", "localhost"),
    }
    steps = objects.plan(WANTED, Present(present.databases, {**present.accounts, **wrong}, own_table=True))
    assert sorted(step.sentence for step in steps) == [
        "drop the account root at %",
        "drop the account without a name at localhost",
        "take away root's password",
    ]


def test_collation_of_new_tables() -> None:
    wanted = declared([user()], [database(character_set="utf8mb4", collation="utf8mb4_bin")])
    (step,) = objects.plan(wanted, after(WANTED))
    assert step.statements == ("ALTER DATABASE `app` CHARACTER SET utf8mb4 COLLATE utf8mb4_bin",)


def test_answers_of_the_server() -> None:
    how = {"access": 0, "plugin": "mysql_native_password", "authentication_string": DIGEST, "ssl_type": 1}
    root = {
        "plugin": "mysql_native_password",
        "authentication_string": "invalid",
        "auth_or": [{}, {"plugin": "unix_socket"}],
    }
    right = {"kind": "right", "who": "'app'@'%'", "on": "a\\_b", "right": "SELECT", "grant": "YES"}
    present = objects.parse(
        [
            {"kind": "database", "name": "a_b", "character_set": "utf8mb4", "collation": "utf8mb4_bin"},
            {"kind": "account", "name": "app", "host": "%", "how": how},
            {"kind": "account", "name": "root", "host": "localhost", "how": root},
            {"kind": "account", "name": "r", "host": "", "how": {"is_role": True}},
            right,
            {"kind": "own_table"},
        ]
    )
    app = present.accounts["app", "%"]
    assert (app.digest, app.require_tls, app.is_locked) == (DIGEST, True, False)
    assert app.on == {"a\\_b": {"SELECT", "GRANT OPTION"}}
    assert present.accounts["root", "localhost"].digest == ""
    assert ("r", "") not in present.accounts
    assert present.own_table


GOOD = ["", "# text\n; text\n\n[mariadbd]\nmax_connections = 10\n", "[mysqld]\nMax-Connections=10\nevent_scheduler\n"]
EVIL = [
    ("max_connections = 10\n", "line 1 stands before a section"),
    ("[client]\npassword = x\n", "line 1: only the sections"),
    ("[mariadbd]\n!include /etc/shadow\n", "line 2 is not 'variable = value'"),
    ("[mariadbd]\n!includedir /tmp\n", "line 2 is not"),
    ("[mariadbd]\nplugin_load_add = evil\n", "'plugin_load_add' is not allowed"),
    ("[mariadbd]\ninit-file=/tmp/x\n", "'init_file' is not allowed"),
    ("[mariadbd]\nloose_init_file=/tmp/x\n", "'loose_init_file' is not allowed"),
    ("[mariadbd]\ninit-fil=/tmp/x\n", "'init_fil' is not allowed"),
    ("[mariadbd]\nskip-grant-tables\n", "'skip_grant_tables' is not allowed"),
    ("[mariadbd]\nsecure_file_priv=\n", "'secure_file_priv' is not allowed"),
    ("[mariadbd]\ngeneral_log_file=/tmp/x\n", "'general_log_file' is not allowed"),
    ("[mariadbd]\nbind_address=*\n", "'bind_address' is not allowed"),
    # MariaDB reads pieces of 4 KiB, so that the end of this comment would be a line.
    ("[mariadbd]\n#" + "x" * 4094 + "init_file=/tmp/x\n", "line 2 is longer than 1000 bytes"),
    ("[mariadbd]\u2028init_file=/tmp/x\n", "line 1 is not"),
]


@pytest.mark.parametrize("text", GOOD)
def test_good_drop_ins(text: str) -> None:
    options.only_allowed(text)


@pytest.mark.parametrize(("text", "told"), EVIL)
def test_evil_drop_ins(text: str, told: str) -> None:
    with pytest.raises(Refused) as caught:
        options.only_allowed(text)
    assert told in str(caught.value)


def test_names_of_a_configuration() -> None:
    text = "# a = b\n[mariadbd]\nlong-query-time = 2\nmax_connections=3\n!includedir /x\n"
    assert options.names(text) == {"log_slow_query_time", "max_connections"}


@pytest.mark.parametrize(
    ("one", "other", "wanted"),
    [
        ("0.5", "0.500000", True),
        ("ON", "TRUE", True),
        ("OFF", "TRUE", False),
        ("B,A", "a,b", True),
        ("/tmp", "/tmp/", True),
        ("64", "65", False),
        ("", "OFF", False),
    ],
)
def test_same(one: str, other: str, wanted: bool) -> None:
    assert settings.same(one, other) is wanted


def live(value: str, default: str = "1", origin: str = "CONFIG") -> settings.Live:
    return settings.Live(value, default, origin, is_read_only=False)


def test_differences() -> None:
    found = settings.differences(
        {
            "max_connections": live("100"),
            "tmp_table_size": live("32", "16"),  # was in a file that is gone
            "event_scheduler": live("ON", "OFF", "SQL"),  # was in a drop-in that is gone
            "read_only": live("ON", "OFF", "SQL"),  # somebody's own
            "innodb_io_capacity": live("200", "100", "AUTO"),
            "long_query_time": live("0.5", "10"),  # named by its other name
            "log_slow_query_time": live("0.5", "10"),
            "log_bin": live("ON"),
        },
        {"max_connections": "200", "log_slow_query_time": "0.5", "log_bin": "/var/lib/mysql/binlog"},
        {"max_connections", "log_slow_query_time", "log_bin", "user"},
    )
    assert found == {
        "max_connections": ("100", "200"),
        "tmp_table_size": ("32", "16"),
        "event_scheduler": ("ON", "OFF"),
    }


def test_what_does_not_fit_the_machine() -> None:
    values = dict.fromkeys((*settings.SHARED_MEMORY, *settings.LIMITS), "1024")
    assert settings.too_large(values, 2 * 1024**3) == ""
    assert "together may have 1740 MiB" in settings.too_large(
        {**values, "key_buffer_size": str(2 * 1024**3)}, 2 * 1024**3
    )
    assert settings.too_large({**values, "max_connections": "100000"}, 2**40) == "max_connections may be at most 5000"


def test_values_in_sql() -> None:
    assert [settings.as_sql(value) for value in ("5", "0.5", "ON", "it's")] == ["5", "0.5", "'ON'", "'it''s'"]


def test_what_the_client_says() -> None:
    error = client.error_of("--------\nCREATE\n--------\n\nERROR 1007 (HY000) at line 3: Can't create database 'a'\n")
    assert (str(error), error.line) == ("Can't create database 'a'", 3)
    assert str(client.error_of("ERROR 2002 (HY000): Can't connect to 'x' (2)\n")) == "Can't connect to 'x' (2)"
    assert json.dumps(client.quoted("it's")) == "\"'it''s'\""


DUMP = r"""
INSERT INTO `a` VALUES
(1,'(x'),
(2,');\n');
INSERT INTO `a` VALUES
(3,'INSERT INTO `empty` VALUES');
INSERT INTO `we``ird (t)` VALUES
(1);
DELIMITER ;;
CREATE PROCEDURE `p`()
BEGIN
INSERT INTO `empty` VALUES
(1);
END ;;
DELIMITER ;
-- Dump completed on 2026-11-24
"""


def test_rows_of_a_dump_are_counted() -> None:
    """As mariadb-dump writes: a row in a line; what programs insert is no row."""
    counter = dumps.RowCounter(["a", "empty"])
    for line in DUMP.splitlines(keepends=True):
        assert not counter.is_complete
        counter.line(line.encode())
    assert counter.is_complete
    assert counter.rows == {"a": 3, "empty": 0, "we`ird (t)": 1}


def test_a_dump_without_its_rows_is_the_rest() -> None:
    kept = b"".join(filling.without_rows(DUMP.encode().splitlines(keepends=True))).decode()
    assert kept == "\n" + DUMP[DUMP.index("DELIMITER ;;") :]
    old = b"INSERT INTO `a` VALUES (1),(2);\nSELECT 1;\n"
    assert list(filling.without_rows(old.splitlines(keepends=True))) == [b"SELECT 1;\n"]


@pytest.mark.parametrize(
    ("on", "database", "fits"),
    [
        ("app", "app", True),
        ("app", "App", False),
        ("a\\_b", "a_b", True),
        ("a\\_b", "axb", False),
        ("a_b", "axb", True),
        ("%", "mysql", True),
        ("mysq_", "mysql", True),
        ("a%", "b", False),
        ("a.c", "abc", False),
    ],
)
def test_which_databases_rights_are_for(on: str, database: str, fits: bool) -> None:
    assert objects.fits(on, database) == fits
    assert objects.fits(objects.pattern(database), database)


@pytest.mark.parametrize(
    "text",
    [
        "USER x",
        "VIEW `v`AS SELECT 1",
        "VIEW `w` AS SELECT 1",
        "VIEW `mysql`.`v` AS SELECT 1",
        "VIEW `v`.`w` AS SELECT 1",
    ],
)
def test_a_record_that_is_another_statement_is_not_run(text: str) -> None:
    assert programs.Program("VIEW", "v", ("a", "b"), "VIEW `v` AS SELECT 1").statement(("c", "%")) == (
        "CREATE DEFINER=`c`@`%` VIEW `v` AS SELECT 1"
    )
    with pytest.raises(Failure):
        programs.Program("VIEW", "v", ("a", "b"), text).statement(("a", "b"))
