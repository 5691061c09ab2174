# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which numbers of databases lose nothing. What the server makes of them: tests/integration/databases."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ringmaster.redis import databases


@given(st.dictionaries(st.integers(0, 10_000), st.integers(1, 10**9)), st.integers(1, 20_000))
def test_a_number_is_refused_when_a_database_with_keys_is_none_of_them(held: dict[int, int], number: int) -> None:
    info = {"used_memory": "1", "db_tag": "x"}
    info |= {f"db{one}": f"keys={count},expires=0,avg_ttl=0" for one, count in held.items()}
    assert databases.keys(info) == held
    told = databases.problem(number, held)
    assert bool(told) == any(one >= number for one in held)
    if told:
        assert f"database {max(held)} holds" in told
        assert databases.problem(max(held) + 1, held) == ""


def test_what_is_said_of_too_few() -> None:
    assert databases.problem(4, {0: 9, 5: 1, 2: 3}) == (
        "databases 4 is too few: database 5 holds 1 key, which a server with databases 0 to 3 loses. Write databases 6 "
        "or more; or let the application move or delete its keys in databases 4 and above, and write it then"
    )


@pytest.mark.parametrize("text", ["", "databases\n", "databases 4", "databases 4\ndir /\n", "databases -1\n", "x 4\n"])
def test_a_file_of_somebody_else_s_says_nothing(tmp_path: Path, text: str) -> None:
    file = tmp_path / "databases.conf"
    assert databases.in_force(file) is None
    file.write_text(text)
    assert databases.in_force(file) is None


def test_the_server_s_account_reads_what_is_in_force(tmp_path: Path) -> None:
    file = tmp_path / "databases.conf"
    os.chown(tmp_path, -1, 12345)
    databases.put_in_force(file, 20)
    found = file.stat()
    assert (found.st_gid, found.st_mode & 0o777, databases.in_force(file)) == (12345, 0o640, 20)
