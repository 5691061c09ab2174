# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A turn from its beginning to its end: hooks, a backup of data that have none, the work, and what is said of it."""

from __future__ import annotations

import datetime
import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from ringmaster.core.files import publish
from ringmaster.maintenance import hooks, turns
from ringmaster.maintenance.turns import Turn, Unreachable
from ringmaster.maintenance.window import Span

HEARD = Path("/var/lib/ringmaster/turns-heard.json")
"""When the service was heard last, and since when it does not answer."""
BACKUP = Path("/var/lib/ringmaster/backup.json")
DUMPS = Path("/etc/ringmaster/backup.d")
FRESH_SECONDS = 26 * 3600
REBOOTS = 1000
"""What the work returns when the machine goes down: the turn ends after it has come up."""
AGAIN_SECONDS = 20
MOST_SECONDS = 3600


def work(turn: Turn, *, reboot: bool, act: Callable[[], int]) -> float:
    """Do the work of a turn, whatever comes of it; return in how many seconds to ask again."""
    result, sentence = hooks.run("enter", reboot=reboot)
    if result == "go" or (result == "postpone" and turn.is_last_call):
        result, sentence = _back_up(turn)
    if result != "go":
        _say(turn, result, sentence)
        return 60 if result == "retry" else 0
    try:
        code = act()
    except BaseException as error:
        _say(turn, "failed", f"the work ended with {type(error).__name__} {error}".strip())
        raise
    if code == REBOOTS:
        return 0
    hooks.run("leave", reboot=reboot)
    return _say(turn, "done", "")


def arrive() -> None:
    """Say after a reboot that the turn is over, until the service has heard it, and then how this machine is."""
    kept = turns.remembered()
    end = time.monotonic() + MOST_SECONDS
    if not kept["turn"]:
        return
    hooks.run("leave", reboot=True)
    turn = Turn(kept["turn"], kept["until"])
    while time.monotonic() < end:
        try:
            waits = float(turns.end(turn.number, "done").get("try_after", 0))
            break
        except Unreachable as error:
            unreachable(str(error))
            time.sleep(AGAIN_SECONDS)
    else:
        return
    reached()
    # What it needs, the next run of the window's timer says.
    time.sleep(waits)
    while time.monotonic() < end:
        try:
            answer = turns.report(None)
        except Unreachable:
            time.sleep(AGAIN_SECONDS)
            continue
        if isinstance(answer, Turn) or not _is_seen_to(answer):
            return
        time.sleep(float(answer.get("try_after", AGAIN_SECONDS)))


def _is_seen_to(answer: dict[str, object]) -> bool:
    held = answer.get("appointment")
    return isinstance(held, dict) and held.get("state") == "settling"


def _say(turn: Turn, result: str, sentence: str) -> float:
    """Tell the service how a turn has gone; return in how many seconds to ask again."""
    if sentence:
        print(f"<5>turn {turn.number}: {result}: {sentence}", file=sys.stderr)
    try:
        return float(turns.end(turn.number, result, sentence).get("try_after", 0))
    except Unreachable as error:
        unreachable(str(error))
        return AGAIN_SECONDS


def _back_up(turn: Turn) -> tuple[str, str]:
    """See to it that data that are dumped have a fresh backup; return what to do, and why."""
    if not any(DUMPS.glob("*.json")):
        return "go", ""
    try:
        last = float(json.loads(BACKUP.read_text()).get("last_success") or 0)
    except (OSError, ValueError):
        return "go", ""  # it has no backups, by the description
    if time.time() - last < FRESH_SECONDS:
        return "go", ""
    try:
        done = subprocess.run(
            ["systemctl", "start", "ringmaster-backup.service"],
            check=False,
            stdin=subprocess.DEVNULL,
            timeout=max(1.0, turn.left() / 2),
        )
    except subprocess.TimeoutExpired:
        return "retry", "a backup is being made first"
    return ("go", "") if done.returncode == 0 else ("retry", "the backup that is made first has failed")


def appointment() -> Span | None:
    """Return when this machine is worked on, as it was heard last."""
    found = turns.planned()
    begin, seconds = float(found.get("begin") or 0), float(found.get("seconds") or 0)
    if not begin:
        return None
    start = datetime.datetime.fromtimestamp(begin, datetime.UTC)
    return Span(start, start + datetime.timedelta(seconds=seconds))


def unreachable(reason: str) -> None:
    """Remember since when the service does not answer."""
    print(
        f"<4>the service maintenance does not answer, so nothing that people notice is done: {reason}", file=sys.stderr
    )
    publish(HEARD, json.dumps({"silent_since": time.time(), **heard()}) + "\n")


def reached() -> None:
    """Remember that the service has answered."""
    publish(HEARD, json.dumps({"heard": time.time()}) + "\n")


def heard() -> dict[str, float]:
    """Return ``heard`` and ``silent_since``, as far as they are known."""
    try:
        found = json.loads(HEARD.read_text())
        return {key: float(found[key]) for key in ("heard", "silent_since") if key in found}
    except (OSError, ValueError, TypeError):
        return {}
