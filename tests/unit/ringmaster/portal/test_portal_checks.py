# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether the queue's steward is heard, and that the database is copied whole."""

from __future__ import annotations

import datetime
import sqlite3
from pathlib import Path

import pytest
from ringmaster.portal import checks, main


@pytest.fixture
def database(tmp_path: Path) -> Path:
    place = tmp_path / "portal.sqlite3"
    with sqlite3.connect(place) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("CREATE TABLE queue_steward (id, seen)")
        connection.execute("CREATE TABLE queue_request (id, open)")
        connection.execute("INSERT INTO queue_request VALUES (1, 1), (2, 0)")
    return place


def seen(database: Path, seconds: int) -> None:
    moment = datetime.datetime.now(datetime.UTC) - datetime.timedelta(seconds=seconds)
    with sqlite3.connect(database) as connection:
        connection.execute("INSERT INTO queue_steward VALUES (1, ?)", (moment.strftime("%Y-%m-%d %H:%M:%S.%f"),))


def test_nobody_came_yet(database: Path) -> None:
    assert checks.steward(warning_seconds=90, critical_seconds=300, database=str(database)) == (
        2,
        "No steward has come yet; 1 request is open.",
    )


@pytest.mark.parametrize(("ago", "level"), [(5, 0), (120, 1), (400, 2)])
def test_the_steward_is_missed(database: Path, ago: int, level: int) -> None:
    seen(database, ago)
    assert checks.steward(warning_seconds=90, critical_seconds=300, database=str(database))[0] == level


def test_without_a_database_nothing_is_known(tmp_path: Path) -> None:
    assert checks.steward(warning_seconds=90, critical_seconds=300, database=str(tmp_path / "none"))[0] == 3


def outbox(database: Path, *mails: tuple[int, bool, str]) -> Path:
    """Put mails into an outbox: minutes since it was written, whether it is to be tried again, and its problem."""
    now = datetime.datetime.now(datetime.UTC)
    with sqlite3.connect(database) as connection:
        connection.execute("CREATE TABLE pages_mail (id INTEGER PRIMARY KEY, made, due, problem)")
        for minutes, is_due, problem in mails:
            made = (now - datetime.timedelta(minutes=minutes)).strftime("%Y-%m-%d %H:%M:%S.%f")
            connection.execute(
                "INSERT INTO pages_mail VALUES (NULL, ?, ?, ?)", (made, made if is_due else None, problem)
            )
    return database


BOGUS = "refused: {'nobody@town.example': (550, b'no such user')}"


@pytest.mark.parametrize(
    ("mails", "level", "sentence"),
    [
        ([], 0, "0 mails wait, 0 left within a day."),
        ([(5, False, ""), (1, True, "")], 0, "1 mail waits, 1 left within a day."),
        ([(30, True, "[Errno 111] Connection refused")], 1, "for 30 minutes: the mail server takes no connections."),
        (
            [(180, True, "certificate verify failed: certificate has expired (_ssl.c:1000)")],
            2,
            "certificate has expired",
        ),
        ([(30, True, "(451, b'alice@town.example: later')")], 1, "journalctl -u ringmaster-portal-mail says why."),
        ([(30, True, "")], 1, "journalctl -u ringmaster-portal-mail says why."),
        ([(3930, False, "timed out")], 1, "1 was given up."),
        ([(9, False, ""), (300, True, BOGUS)], 0, "the mail server refuses the addresses of 1."),
        ([(300, True, BOGUS)] * 3, 1, "the mail server refuses the addresses of 3."),
        ([(6000, False, "timed out"), (6000, False, BOGUS)], 0, "0 mails wait, 0 left within a day."),
    ],
)
def test_mail_leaves_or_it_is_said_why(
    database: Path, mails: list[tuple[int, bool, str]], level: int, sentence: str
) -> None:
    found, said = checks.mail(database=str(outbox(database, *mails)))
    assert (found, sentence in said) == (level, True), said
    assert "town.example" not in said, "addresses of people are no matter of monitoring"


def test_a_copy_is_whole_while_it_is_written_to(database: Path) -> None:
    target = database.parent / "backup/portal.sqlite3"
    with sqlite3.connect(database) as writer:
        writer.execute("INSERT INTO queue_request VALUES (3, 1)")
        main.copy(database, target)
        main.copy(database, target)
    with sqlite3.connect(target) as copied:
        assert copied.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert copied.execute("SELECT count(*) FROM queue_request").fetchone() == (2,)
