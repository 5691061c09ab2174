# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Drop-ins of PostgreSQL: only what is on the list gets through, and nothing on the list leads out."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ringmaster.core.inbox import Refused
from ringmaster.postgresql import allowed


@given(st.text(alphabet=st.sampled_from("ab_=' \\\n\r\t#./-1wokmeinclud")))
def test_only_allowed_settings_get_through(text: str) -> None:
    try:
        allowed.judge(text)
    except Refused:
        return
    for line in text.split("\n"):
        if not allowed.EMPTY.fullmatch(line):
            found = allowed.LINE.fullmatch(line)
            assert found
            assert found["name"].lower() in allowed.ALLOWED


@pytest.mark.parametrize("word", ["command", "library", "libraries", "file", "_path", "director", "addresses", "hba"])
def test_no_allowed_setting_names_something_that_leads_out(word: str) -> None:
    exceptions = {"temp_file_limit", "log_temp_files"}
    assert {name for name in allowed.ALLOWED if word in name} <= exceptions
