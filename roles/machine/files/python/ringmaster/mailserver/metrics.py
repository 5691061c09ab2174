# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Figures of Postfix and rspamd for node exporter's textfile collector, written every minute.

Debian's postfix exporter reads a log file only, and ours goes to the journal; rspamd's controller, which has figures,
can also do everything else, and so stays on its socket. Dovecot tells its figures on a port of its own.
"""

from __future__ import annotations

import http.client
import json
import re
import socket
import subprocess
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from ringmaster.core import below, files

STATE = Path("/var/lib/ringmaster/mailserver/metrics.json")
CURSOR = Path("/var/lib/ringmaster/mailserver/metrics.cursor")
METRICS = Path("/run/ringmaster/textfile/mailserver.prom")
QUEUE = Path("/var/spool/postfix")
QUEUES = ("maildrop", "hold", "incoming", "active", "deferred")
CONTROLLER = "/run/rspamd/controller.sock"
DELIVERY = re.compile(r" relay=(?P<relay>[^,]+),.* status=(?P<status>sent|deferred|bounced)\b")
REFUSAL = re.compile(r"\b(?P<kind>milter-reject|reject): ")
# Forwards go once around through here; that is no delivery.
LOOP = "127.0.0.1[127.0.0.1]:10027"

Counts = dict[str, int]
NAMES = {
    **{f"deliveries {to} {status}": 0 for to in ("mailbox", "outside") for status in ("sent", "deferred", "bounced")},
    **{f"refused {by}": 0 for by in ("filter", "policy")},
}


def counted(lines: Iterable[str], before: Counts) -> Counts:
    """Return the counters with what these lines of Postfix's log say."""
    counts = {**NAMES, **before}
    for line in lines:
        if found := DELIVERY.search(line):
            if found["relay"] != LOOP:
                to = "mailbox" if "dovecot-lmtp" in found["relay"] else "outside"
                counts[f"deliveries {to} {found['status']}"] += 1
        elif found := REFUSAL.search(line):
            counts[f"refused {'filter' if found['kind'] == 'milter-reject' else 'policy'}"] += 1
    return counts


def text(counts: Counts, queues: Counts, oldest: float, rspamd: str) -> str:
    """Return the file for node exporter."""
    lines = ["# TYPE ringmaster_mail_deliveries_total counter"]
    for key, value in sorted(counts.items()):
        kind, *words = key.split()
        if kind == "deliveries":
            lines.append(f'ringmaster_mail_deliveries_total{{to="{words[0]}",status="{words[1]}"}} {value}')
    lines.append("# TYPE ringmaster_mail_refused_total counter")
    for by in ("filter", "policy"):
        lines.append(f'ringmaster_mail_refused_total{{by="{by}"}} {counts[f"refused {by}"]}')
    lines.append("# TYPE ringmaster_mail_queue_messages gauge")
    lines += [f'ringmaster_mail_queue_messages{{queue="{name}"}} {number}' for name, number in queues.items()]
    lines += ["# TYPE ringmaster_mail_queue_oldest_seconds gauge", f"ringmaster_mail_queue_oldest_seconds {oldest:.0f}"]
    lines += _of_rspamd(rspamd)
    return "\n".join([*lines, ""])


def _of_rspamd(told: str) -> Iterator[str]:
    """Yield what is rspamd's own: other names belong to other programs."""
    for line in told.splitlines():
        name = line.removeprefix("# HELP ").removeprefix("# TYPE ")
        if name.startswith("rspamd_") and not name.startswith("rspamd_config"):
            yield line


def write() -> int:
    """Write the figures; return an exit code."""
    told = _printed(
        *("journalctl", "--quiet", "--unit=postfix.service", "--output=cat", "--no-pager", f"--cursor-file={CURSOR}")
    )
    try:
        before: Counts = json.loads(STATE.read_text())
    except (FileNotFoundError, ValueError):
        before = {}
    counts = counted(told.splitlines(), before)
    files.replace(STATE, json.dumps(counts, indent=1) + "\n")
    found = {name: [changed for changed, _written, _size in below.find(QUEUE / name)] for name in QUEUES}
    times = [moment for moments in found.values() for moment in moments]
    oldest = time.time() - min(times) if times else 0.0
    files.replace(METRICS, text(counts, {name: len(moments) for name, moments in found.items()}, oldest, _asked()))
    return 0


def _asked() -> str:
    """Return the figures of rspamd; an empty text when it does not answer, which is the matter of the check ports."""
    connection = http.client.HTTPConnection("rspamd")
    connection.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.sock.settimeout(10)
    try:
        connection.sock.connect(CONTROLLER)
        connection.request("GET", "/metrics")
        return connection.getresponse().read().decode(errors="replace")
    except (OSError, http.client.HTTPException):
        return ""
    finally:
        connection.close()


def _printed(*argv: str) -> str:
    done = subprocess.run(argv, capture_output=True, text=True, errors="replace", check=False, timeout=60)
    return done.stdout if done.returncode == 0 else ""
