# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lines of firewall drop-ins: none may be more than the end of one command."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ringmaster.core.inbox import Refused
from ringmaster.firewall import rules

WORDS = [
    *sorted(rules.WORDS),
    ";",
    "\\",
    "$x",
    "@set",
    "#",
    '"',
    "\n",
    "include",
    "flush",
    "table",
    "10.0.0.0/8",
    "80-90",
    "::1",
]


@pytest.mark.parametrize(
    "line",
    [
        "tcp dport 8080 accept",
        'iifname ethsrv ip saddr { 192.0.2.7, 192.0.2.64/26 } tcp dport {80,443} accept comment "the office, 2nd"',
        "ip6 saddr != 2001:db8::/32 udp dport 61000-61999 limit rate 100/second burst 5 packets accept",
        "ct state new ct count over 20 reject",
        "icmpv6 type echo-request drop",
    ],
)
def test_what_a_line_may_be(line: str) -> None:
    rules.judge(f"# comment\n\n{line}\n")
    assert rules.commands(line) == f"add rule inet ringmaster local {line}\n"


@given(st.lists(st.sampled_from(WORDS), max_size=12), st.sampled_from(["accept", "drop"]))
def test_no_line_holds_a_second_command(words: list[str], verdict: str) -> None:
    text = " ".join([*words, verdict])
    try:
        rules.judge(text)
    except Refused:
        return
    for command in rules.commands(text).splitlines():
        assert command.startswith("add rule inet ringmaster local ")
        assert not re.search(
            r"[;\\$@]|\b(include|flush|table|jump|goto)\b", command.removeprefix("add rule inet ringmaster")
        )
