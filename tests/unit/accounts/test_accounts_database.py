# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from accounts_samples import SYSTEM
from ansible_collections.ringmaster.hosting.plugins.module_utils.accounts.database import (
    WIDTHS,
    Database,
    Table,
    problems,
)
from ansible_collections.ringmaster.hosting.plugins.module_utils.accounts.policy import (
    ADDUSER_PATH,
    LOGIN_DEFS_PATH,
    edit,
)
from hypothesis import given
from hypothesis import strategies as st

lines = st.one_of(
    st.text(alphabet=st.characters(blacklist_characters="\n", blacklist_categories=())),
    st.lists(st.text(alphabet="abc-#+$*!,/ 0189é"), min_size=1, max_size=10).map(":".join),
)
fields = st.text(alphabet="abc*!/09")


@given(st.lists(lines), st.sampled_from(sorted(WIDTHS.values())))
def test_every_text_survives_the_round_trip(found, width):
    text = "".join(line + "\n" for line in found)
    assert Table(text, width).render() == text


@given(st.lists(lines), st.lists(fields, min_size=3, max_size=3))
def test_what_is_put_is_found_and_the_rest_stays(found, values):
    text = "".join(line + "\n" for line in found)
    table = Table(text, 4)
    table.put(["somebody-new", *values])
    again = Table(table.render(), 4)
    assert again.find("somebody-new") == ["somebody-new", *values]
    again.drop(lambda record: record[0] == "somebody-new")
    assert again.render() == text


@given(st.binary())
def test_bytes_that_are_no_text_survive(data):
    text = data.decode("utf-8", "surrogateescape")
    if text and not text.endswith("\n"):
        text += "\n"
    assert Table(text, 7).render().encode("utf-8", "surrogateescape") == text.encode("utf-8", "surrogateescape")


def test_a_last_line_without_newline_gets_one():
    table = Table("a:x:1:\nb:x:2:", 4)
    table.put(["c", "x", "3", ""])
    assert table.render() == "a:x:1:\nb:x:2:\nc:x:3:\n"


@pytest.mark.parametrize("record", [["x", "y"], ["x", "a:b", "", ""], ["x", "a\nroot::0:", "", ""]])
def test_records_that_would_break_the_file_are_refused(record):
    with pytest.raises(ValueError, match="not a record"):
        Table("", 4).put(record)


def test_nis_lines_and_comments_are_no_records():
    table = Table("#c:x:1:\n+::0:\n-evil::0:\n", 4)
    assert list(table) == []


@pytest.mark.parametrize(
    ("name", "old", "new", "words"),
    [
        ("passwd", "root:x:0:", "root:x:1:", "root is missing or has not uid 0"),
        ("shadow", "root:", "toor:", "root is missing"),
        ("group", "adm:", "root:", "'root' occurs twice"),
    ],
)
def test_fatal_mistakes_are_found(name, old, new, words):
    assert problems(Database.parse(SYSTEM)) == []
    broken = SYSTEM | {name: SYSTEM[name].replace(old, new, 1)}
    assert words in "".join(problems(Database.parse(broken)))


@pytest.mark.parametrize(
    ("path", "text", "wanted"),
    [
        (LOGIN_DEFS_PATH, "A 1\nUID_MAX\t60000\nB 2\n", "A 1\nUID_MAX\t\t\t19999\nB 2\n"),
        (LOGIN_DEFS_PATH, "UID_MAX 19999\n", "UID_MAX 19999\n"),
        (LOGIN_DEFS_PATH, "#UID_MAX 60000", "#UID_MAX 60000\nUID_MAX\t\t\t19999\n"),
        (ADDUSER_PATH, "#UID_MAX=1\n", "#UID_MAX=1\nUID_MAX=19999\n"),
        (ADDUSER_PATH, "UID_MAX = 5\n", "UID_MAX=19999\n"),
        (ADDUSER_PATH, 'UID_MAX="19999"\n', 'UID_MAX="19999"\n'),
        (ADDUSER_PATH, "", "UID_MAX=19999\n"),
    ],
)
def test_single_settings_are_edited(path, text, wanted):
    once = edit(path, text, {"UID_MAX": "19999"})
    assert once == wanted
    assert edit(path, once, {"UID_MAX": "19999"}) == once
