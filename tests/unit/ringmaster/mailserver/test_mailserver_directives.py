# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Drop-ins of the mail server: what is accepted, and what is refused."""

from __future__ import annotations

import pytest
from ringmaster.core.inbox import Refused
from ringmaster.mailserver import directives


@pytest.mark.parametrize(
    "text",
    [
        "relayhost = evil.example",
        "message_size_limit = $(id)",
        "message_size_limit = 1\n  smtpd_milters =",
        "message_size_limit=1\\",
        "smtpd_timeout = 5s # x\n}",
        "!include /etc/shadow",
        "message_size_limit",
    ],
)
def test_drop_ins_that_are_refused(text: str) -> None:
    with pytest.raises(Refused, match="line "):
        directives.only_allowed(text, directives.POSTFIX)


def test_drop_in_that_is_accepted() -> None:
    directives.only_allowed("# limits\n\nmessage_size_limit = 10\nsmtpd_timeout = 5m\n", directives.POSTFIX)
