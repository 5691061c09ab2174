# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The checks of the machine through which the platform's mail leaves."""

from __future__ import annotations

import json
import re
import smtplib
import ssl
import subprocess
import time
from pathlib import Path
from typing import Any

from ringmaster.core import below, checks, smtp
from ringmaster.core.checks import CRITICAL, OK, WARNING, level
from ringmaster.core.report import counted
from ringmaster.mail_out.policy import shown

STATE = Path("/run/ringmaster-mail-out/state.json")
HOUR = 3600.0
SHOWN = 3
LONGEST = 200
KINDS = ("receivers", "refused", "limited")
NAME = re.compile(r"[a-z][a-z0-9-]{0,62}")


def waiting() -> tuple[int, float]:
    """Return how many messages wait, and since when the oldest does, as a time; 0 when none waits."""
    done = subprocess.run(
        ["postqueue", "-j"],
        env=below.ENVIRONMENT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        check=True,
        timeout=20,
    )
    came = [float(json.loads(line)["arrival_time"]) for line in done.stdout.splitlines() if line.startswith("{")]
    return len(came), min(came, default=0.0)


def state(path: Path = STATE) -> dict[str, Any]:
    """Return what was counted since the program began; nothing when it has not run yet.

    Of what its account wrote only names of machines, numbers and printable sentences are taken.
    """
    try:
        with below.parent_of(path) as (folder, name):
            found = json.loads(folder.read(name))
    except FileNotFoundError:
        return {}
    result: dict[str, Any] = {
        kind: {name: float(count) for name, count in dict(found[kind]).items() if NAME.fullmatch(name)}
        for kind in KINDS
    }
    result["recent"] = {
        name: (float(at), shown(why, LONGEST))
        for name, (at, why) in dict(found["recent"]).items()
        if NAME.fullmatch(name)
    }
    return result


def answers(name: str, addresses: list[str]) -> tuple[int, str]:
    """Whether Postfix answers with TLS, and a certificate for its name, where machines hand in mail."""
    context = ssl.create_default_context()
    for address in addresses:
        try:
            smtp.connect(name, address, 25, context, 10).quit()
        except (OSError, smtplib.SMTPException) as error:
            return CRITICAL, f"Mail cannot be handed in at {address} port 25: {checks.reason(error)}."
    return OK, f"Mail can be handed in, with TLS, at {counted(len(addresses), 'address', 'addresses')}."


def smarthost(name: str, port: int, verified: bool) -> tuple[int, str]:
    """Whether the server answers through which all mail leaves."""
    context = ssl.create_default_context()
    if not verified:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    try:
        smtp.connect(name, name, port, context, 15).quit()
    except (OSError, smtplib.SMTPException) as error:
        return CRITICAL, f"The smarthost {name} does not answer on port {port}: {checks.reason(error)}. Mail waits."
    return OK, f"The smarthost {name} answers with TLS on port {port}."


def queue(warning: int, critical: int, warning_minutes: int, critical_minutes: int) -> tuple[int, str]:
    """How many messages wait, and for how long."""
    number, since = waiting()
    if not number:
        return OK, "No message waits."
    minutes = max(0.0, time.time() - since) / 60
    sentence = f"{counted(number, 'message waits', 'messages wait')}, the oldest for {minutes:.0f} min: mailq says why."
    return max(level(number, warning, critical), level(minutes, warning_minutes, critical_minutes)), sentence


def refused() -> tuple[int, str]:
    """Whether a machine wanted to send what it may not, or more than it may, within the last hour."""
    now = time.time()
    recent = {name: why for name, (at, why) in state().get("recent", {}).items() if now - at < HOUR}
    if not recent:
        return OK, "Nobody was refused within the last hour."
    said = "; ".join(f"{name}: {recent[name]}" for name in sorted(recent)[:SHOWN])
    return WARNING, f"{counted(len(recent), 'machine was', 'machines were')} refused or slowed down: {said}."
