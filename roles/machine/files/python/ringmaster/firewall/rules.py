# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a line of a drop-in may be: the matches and the verdict of one nftables rule, and nothing else.

Each line becomes the end of a command that adds a rule to the chain of the project. So a line must not be able to end
that command: only words of the list below pass, and what separates commands is none of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from ringmaster.core.inbox import Refused
from ringmaster.core.report import printable

TABLE, CHAIN = "inet ringmaster", "local"
VERDICTS = ("accept", "drop", "reject", "return")
MATCHES = (
    "iifname ethfe ethsrv meta l4proto nfproto ipv4 ipv6 ip ip6 saddr daddr tcp udp sctp th sport dport "
    "icmp icmpv6 type echo-request echo-reply destination-unreachable packet-too-big time-exceeded parameter-problem "
    "ct state new count over limit rate burst packets bytes counter != { } ,"
)
WORDS = frozenset((*MATCHES.split(), *VERDICTS))
#: Numbers, ranges, addresses, prefixes; and rates such as 10/second.
VALUE = re.compile(r"[0-9a-fA-F.:]+(/[0-9]{1,3})?(-[0-9a-fA-F.:]+)?|[0-9]+/(second|minute|hour|day)")
COMMENT = re.compile(r'\s+comment\s+"[A-Za-z0-9 .,:_/-]{0,100}"\s*$')


def lines(text: str) -> Iterator[tuple[int, str]]:
    """Yield number and text of each rule, without comments and empty lines."""
    for number, line in enumerate(text.split("\n"), start=1):
        rule = line.strip()
        if rule and not rule.startswith("#"):
            yield number, rule


def judge(text: str) -> None:
    """Raise Refused for the first line that is not a rule of the permitted form."""
    for number, rule in lines(text):
        words = re.sub(r"([{},])", r" \1 ", COMMENT.sub("", rule)).split()
        for word in words:
            if word not in WORDS and not VALUE.fullmatch(word):
                raise Refused(f"line {number}: '{printable(word)[:40]}' is not allowed here")
        if words[-1] not in VERDICTS:
            raise Refused(f"line {number}: a rule ends in one of {', '.join(VERDICTS)}")


def commands(text: str) -> str:
    """Return the commands that add the rules of a drop-in to the project's chain."""
    return "".join(f"add rule {TABLE} {CHAIN} {rule}\n" for _number, rule in lines(text))
