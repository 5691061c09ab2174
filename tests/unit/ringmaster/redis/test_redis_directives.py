# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Drop-ins of Redis: only what is on the list gets through, and nothing on the list leads out."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ringmaster.core import inbox
from ringmaster.redis.directives import ALLOWED

WORDS = ["hz", "MaxMemory", "dir", "Include", "rename-command", "#", '"', "\\", " ", "\t", "\r", "\n", "\xa0", "10"]


@given(st.text() | st.lists(st.sampled_from(WORDS)).map("".join))
def test_only_allowed_directives_get_through(text: str) -> None:
    try:
        inbox.only_allowed(text, ALLOWED)
    except inbox.Refused:
        return
    assert all(word in ALLOWED for _number, word, _rest in inbox.directives(text))
    # As Redis reads it: the first word of a line, apart from quotes.
    heads = [re.split(r"[ \t\r]", line.strip(" \t\r\n"))[0] for line in text.split("\n")]
    assert not {head.replace('"', "").lower() for head in heads} & {"dir", "include", "rename-command"}


@pytest.mark.parametrize("word", ["dir", "file", "path", "bind", "socket", "acl", "pass", "module", "include"])
def test_no_allowed_directive_names_something_that_leads_out(word: str) -> None:
    assert {name for name in ALLOWED if word in name} == set()
