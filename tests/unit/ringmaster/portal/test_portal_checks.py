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


def test_a_copy_is_whole_while_it_is_written_to(database: Path) -> None:
    target = database.parent / "backup/portal.sqlite3"
    with sqlite3.connect(database) as writer:
        writer.execute("INSERT INTO queue_request VALUES (3, 1)")
        main.copy(database, target)
        main.copy(database, target)
    with sqlite3.connect(target) as copied:
        assert copied.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert copied.execute("SELECT count(*) FROM queue_request").fetchone() == (2,)
