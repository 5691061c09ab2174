# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What service users run: units of their own managers, of which the machine's own list says nothing."""

from __future__ import annotations

import pwd
import re
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from ringmaster.core.checks import OK, UNKNOWN, WARNING
from ringmaster.core.report import counted
from ringmaster.host.figures import PREFIX

RUNTIME = Path("/run/user")
ASK = ("systemctl", "--user", "list-units", "--state=failed", "--plain", "--no-legend", "--no-pager", "--full")
SECONDS = 4
"""How long a manager may take to answer."""
LIMIT = 64 * 1024
"""Bytes that an answer may have."""
SHOWN = 5
UNIT = re.compile(r"[A-Za-z0-9:_.@\\-]{1,255}")


def failed(seconds: float = SECONDS) -> tuple[int, str]:
    """Return the status and a sentence about the units of all service users that have failed."""
    status, sentences, asked = OK, [], 0
    for account in running():
        asked += 1
        answer = ask(account, seconds)
        if answer is None:
            status = status or UNKNOWN
            sentences.append(f"The units of {account.pw_name} cannot be seen: its manager does not answer.")
        elif answer:
            status = WARNING
            sentences.append(
                f"{counted(len(answer), 'unit', 'units')} of {account.pw_name} {'has' if len(answer) == 1 else 'have'}"
                f" failed: {', '.join(answer[:SHOWN])}{', …' if len(answer) > SHOWN else ''}."
            )
    if sentences:
        return status, " ".join(sentences)
    return OK, "No unit of a service user has failed." if asked else "No service user runs units."


def running() -> Iterator[pwd.struct_passwd]:
    """Yield the service users that have a manager of their own, by name."""
    for account in sorted(pwd.getpwall(), key=lambda one: one.pw_name):
        if account.pw_name.startswith(PREFIX) and (RUNTIME / str(account.pw_uid) / "systemd/private").exists():
            yield account


def ask(account: pwd.struct_passwd, seconds: float) -> list[str] | None:
    """Return the names of a user's failed units as its manager says; None where it does not answer.

    The manager is the user's, and so may be the answer: it is asked with the user's rights and goes into a file of
    limited size, which nobody keeps open that others would wait for.
    """
    with tempfile.TemporaryFile() as answer:
        process = subprocess.Popen(
            ["prlimit", f"--fsize={LIMIT}", *ASK],
            user=account.pw_uid,
            group=account.pw_gid,
            extra_groups=[],
            cwd="/",
            env={"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "XDG_RUNTIME_DIR": str(RUNTIME / str(account.pw_uid))},
            stdin=subprocess.DEVNULL,
            stdout=answer,
            stderr=subprocess.DEVNULL,
        )
        try:
            code = process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            return None
        if code:
            return None
        answer.seek(0)
        text = answer.read(LIMIT).decode(errors="replace")
    names = [line.split()[0] for line in text.splitlines() if line.split()]
    return [name if UNIT.fullmatch(name) else "one with an unusual name" for name in names]
