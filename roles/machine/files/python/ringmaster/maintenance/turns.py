# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A machine's side of its turns: it asks the service ``maintenance``, and remembers the turn that it has over a reboot.

Where there is no such service, each machine decides by itself in its part of the window.
"""

from __future__ import annotations

import base64
import contextlib
import http.client
import json
import ssl
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ringmaster.core.files import publish, replace

ACCESS = Path("/etc/ringmaster/turns.json")
TURN = Path("/var/lib/ringmaster/turn.json")
TOLD = Path("/run/ringmaster/maintenance.json")
"""What is planned for this machine: for its people and applications."""
RESULTS = Path("/run/ringmaster/checks.json")
SECONDS = 30
LARGEST = 64 * 1024
NOT_CHECKED = "host/checks"


class Unreachable(Exception):
    """The service does not answer; nothing that people notice is done."""


@dataclass(frozen=True)
class Turn:
    """The right to restart this machine, until it ends by itself."""

    number: int
    until: float
    is_last_call: bool = False
    """Whether hooks have put it off as often as they may."""

    def left(self) -> float:
        """Return how many seconds are left of it."""
        return self.until - time.time()


def is_used() -> bool:
    """Whether this machine needs a turn for what people notice."""
    return ACCESS.exists()


def ask(question: str, body: dict[str, Any]) -> dict[str, Any]:
    """Ask the service; raises Unreachable, also when it refuses."""
    try:
        access = json.loads(ACCESS.read_text())
        url = urlsplit(access["url"])
        context = ssl.create_default_context(cafile=access["ca"])
        connection = http.client.HTTPSConnection(url.hostname or "", url.port, timeout=SECONDS, context=context)
        said = base64.b64encode(f"{access['name']}:{access['password']}".encode()).decode()
        try:
            connection.request("POST", f"/v1/{question}", json.dumps(body), {"Authorization": f"Basic {said}"})
            answer = connection.getresponse()
            found = json.loads(answer.read(LARGEST))
        finally:
            connection.close()
    except (OSError, ValueError, KeyError, http.client.HTTPException) as error:
        raise Unreachable(str(error) or type(error).__name__) from error
    if answer.status != http.HTTPStatus.OK or not isinstance(found, dict):
        raise Unreachable(f"it answers with {answer.status}: {str(found)[:200]}")
    return found


def report(need: dict[str, Any] | None) -> Turn | dict[str, Any]:
    """Say what this machine needs and how it is; return its turn, or what the service said instead. Raises Unreachable.

    A turn with the number of an earlier one is none: the service has forgotten what it gave.
    """
    kept = remembered()
    body = {"need": need, "critical": critical(), "holding": kept["turn"], "highest": kept["highest"]}
    answer = ask("turn", body)
    told(answer)
    if answer.get("ended"):
        forget()
    if "turn" not in answer:
        return answer
    turn = Turn(int(answer["turn"]), float(answer["until"]), answer.get("is_last_call") is True)
    if turn.number != kept["turn"] and turn.number <= kept["highest"]:
        return {"wait": f"turn {turn.number} is not newer than {kept['highest']}", "try_after": 600}
    _remember({"turn": turn.number, "highest": max(turn.number, kept["highest"]), "until": turn.until})
    return turn


def end(turn: int, result: str, sentence: str = "") -> dict[str, Any]:
    """Say how a turn has gone, and forget it; raises Unreachable, and then it is remembered on."""
    answer = ask(f"turn/{turn}", {"result": result, "sentence": sentence[:300]})
    forget()
    return answer


def remembered() -> dict[str, Any]:
    """Return the turn that this machine has (0 is none), and the highest that it has ever had."""
    try:
        found = json.loads(TURN.read_text())
        return {"turn": int(found["turn"]), "highest": int(found["highest"]), "until": float(found["until"])}
    except (OSError, ValueError, KeyError, TypeError):
        return {"turn": 0, "highest": 0, "until": 0.0}


def forget() -> None:
    """Remember that this machine has no turn any more."""
    _remember({**remembered(), "turn": 0, "until": 0.0})


def _remember(kept: dict[str, Any]) -> None:
    TURN.parent.mkdir(parents=True, exist_ok=True)
    replace(TURN, json.dumps(kept) + "\n")


def critical() -> list[str]:
    """Return the names of the checks that are critical."""
    try:
        found = json.loads(RESULTS.read_text())["checks"]
    except (OSError, ValueError, KeyError):
        return [NOT_CHECKED]
    return sorted(f"{one['component']}/{one['check']}" for one in found if one["status"] == 2)


def told(answer: dict[str, Any]) -> None:
    """Write down for people and applications what the service said."""
    if "turn" in answer:
        before = planned()
        publish(TOLD, json.dumps({**before, "state": "running", "until": answer["until"]}, indent=1) + "\n")
        return
    held = answer.get("appointment")
    text = {**held} if isinstance(held, dict) else {"state": "none"}
    if answer.get("stopped"):
        text["stopped"] = str(answer["stopped"])
    publish(TOLD, json.dumps({**text, "asked": round(time.time())}, indent=1) + "\n")


def planned() -> dict[str, Any]:
    """Return what is planned, as it was heard last; empty when nothing was."""
    with contextlib.suppress(OSError, ValueError):
        found = json.loads(TOLD.read_text())
        if isinstance(found, dict):
            return found
    return {}
