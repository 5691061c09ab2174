# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What this machine reaches at others, compared with what the description permits."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from ringmaster.core.checks import OK, WARNING
from ringmaster.core.report import counted

SECONDS = 2.0
AT_ONCE = 256
SHOWN = 5
AT_MOST = 250
"""VMs that are asked at a time. What is closed is silent for SECONDS, so thousands at once would take too long."""


def reached(place: tuple[str, int]) -> bool:
    """Tell whether a firewall lets a connection in; a machine on which nobody listens refuses it by itself."""
    try:
        socket.create_connection(place, timeout=SECONDS).close()
    except ConnectionRefusedError:
        return True
    except OSError:
        return False
    return True


def _ask(places: Iterable[tuple[str, int]]) -> dict[tuple[str, int], bool]:
    wanted = list(places)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return dict(zip(wanted, pool.map(reached, wanted), strict=True))


def turn(questions: list[dict[str, Any]], number: int) -> list[dict[str, Any]]:
    """Those about the VMs whose turn it is."""
    names = sorted({one["vm"] for one in questions})
    parts = [names[begin : begin + AT_MOST] for begin in range(0, len(names), AT_MOST)]
    return [one for one in questions if one["vm"] in parts[number % len(parts)]]


def compare(questions: list[dict[str, Any]], interval: int) -> tuple[int, str]:
    """Ports that are open and should not be, and the other way round. A VM that is down is the matter of others."""
    questions = turn(questions, int(time.time()) // interval)
    heard = _ask((one["address"], one["open"][0]) for one in questions if one["open"])
    silent = {address for (address, _port), answer in heard.items() if not answer}
    asked = [
        (one, port, kind == "open")
        for one in questions
        if one["address"] not in silent
        for kind in ("open", "closed")
        for port in one[kind]
    ]
    answers = _ask((one["address"], port) for one, port, _wanted in asked)
    # A packet may have been lost: what is unexpected is asked once more.
    answers |= _ask((one["address"], port) for one, port, wanted in asked if answers[one["address"], port] != wanted)
    wrong = [
        f"{one['vm']} ({one['address']}) port {port} is {'closed' if wanted else 'open'}"
        for one, port, wanted in asked
        if answers[one["address"], port] != wanted
    ]
    if wrong:
        more = f", and {len(wrong) - SHOWN} more" if len(wrong) > SHOWN else ""
        return WARNING, f"Not as the description says, from here: {'; '.join(wrong[:SHOWN])}{more}."
    unheard = f" {counted(len(silent), 'address does', 'addresses do')} not answer." if silent else ""
    source = counted(len({one["vm"] for one in questions}), "VM")
    answered = counted(len(asked), f"answer of {source} is", f"answers of {source} are")
    return OK, f"{answered} as the description says.{unheard}"
