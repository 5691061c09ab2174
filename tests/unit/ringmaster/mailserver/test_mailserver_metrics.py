# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the mail server's log is counted to."""

from __future__ import annotations

from ringmaster.mailserver import metrics

LOG = """\
4d: to=<anna@a.example>, relay=post00[private/dovecot-lmtp], delay=0.1, dsn=2.0.0, status=sent (250 2.0.0 saved)
4e: to=<x@elsewhere.example>, relay=mx.elsewhere.example[192.0.2.1]:25, delay=1, dsn=2.0.0, status=sent (250 ok)
4f: to=<x@elsewhere.example>, relay=127.0.0.1[127.0.0.1]:10027, delay=1, dsn=2.0.0, status=sent (250 ok)
4g: to=<x@gone.example>, relay=none, delay=9, dsn=4.4.1, status=deferred (connect to gone.example: timed out)
NOQUEUE: reject: RCPT from unknown[192.0.2.9]: 554 5.7.1 <x@y.example>: Relay access denied; from=<a@b.example>
4i: milter-reject: END-OF-MESSAGE from unknown[192.0.2.9]: 5.7.1 Gtube pattern; from=<a@b.example>
4j: removed
"""


def test_the_log_is_counted() -> None:
    once = metrics.counted(LOG.splitlines(), {})
    assert once == {
        "deliveries mailbox sent": 1,
        "deliveries mailbox deferred": 0,
        "deliveries mailbox bounced": 0,
        "deliveries outside sent": 1,
        "deliveries outside deferred": 1,
        "deliveries outside bounced": 0,
        "refused filter": 1,
        "refused policy": 1,
    }
    assert metrics.counted(LOG.splitlines(), once)["deliveries mailbox sent"] == 2
    told = "# TYPE rspamd_spam_total counter\nrspamd_spam_total 6\n# TYPE process_x gauge\nprocess_x 1\n# EOF\n"
    text = metrics.text(once, {"active": 2}, 7.4, told).splitlines()
    assert 'ringmaster_mail_deliveries_total{to="outside",status="deferred"} 1' in text
    assert "ringmaster_mail_queue_oldest_seconds 7" in text
    assert text[-1] == "rspamd_spam_total 6"
    assert not [line for line in text if "process_x" in line]
