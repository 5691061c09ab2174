# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Changes that take themselves back unless the controller confirms them over a new connection.

``arm`` keeps the old files in a folder of their own with a script that puts them back, and starts a timer
for it. ``confirm`` disarms. Whoever makes the folder ``claimed`` first has won, so that a late confirmation
and the timer cannot both act. After a reboot ``ringmaster-unconfirmed.service`` runs the scripts that are
left.
"""

from __future__ import annotations

import json
import shlex
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ansible_collections.ringmaster.hosting.plugins.module_utils.machine.file_apply import CACHES
from ansible_collections.ringmaster.hosting.plugins.module_utils.machine.file_plan import Change, FilesError

FOLDER = Path("/var/lib/ringmaster/unconfirmed")
#: States of a guarded change that ``confirm`` can find.
CONFIRMED, RUNNING, ROLLED_BACK, UNKNOWN = "confirmed", "running", "rolled_back", "unknown"

# Text in Python and no file of its own: it is filled in on the machine, where Ansible brings nothing but Python along.
SCRIPT = """#!/bin/sh
# Puts back what was before a change that nobody confirmed. "boot" as argument: services are not running yet.
cd {folder} || exit 0
if [ "$1" = boot ]; then rm -rf claimed; [ -e rolled-back ] && exit 0; fi
mkdir claimed 2>/dev/null || exit 0
put_back() {{
  rm -rf "$2.rm-back"; cp -a "$1" "$2.rm-back" || return
  # What something else made in its place meanwhile is kept.
  if [ -d "$2" ] && [ ! -L "$2" ]; then mv -T "$2" "$2.rm-left-$$"; fi
  mv -fT "$2.rm-back" "$2"
}}
# A folder stays if something else has put more than caches of Python into it.
take_away() {{ find "$1" {caches}; rmdir "$1"; }}
{steps}
if [ "$1" != boot ]; then
:
{commands}
fi
touch rolled-back
logger -t ringmaster "A change was not confirmed within {seconds} s and was taken back: {paths}"
exit 0
"""


def script(folder: Path, changes: Sequence[Change], commands: Sequence[str], seconds: int) -> str:
    """Return the shell script that undoes ``changes`` from the copies in ``folder`` and runs ``commands``."""
    steps = []
    for index, change in reversed(list(enumerate(changes))):
        path = shlex.quote(change.path)
        if change.before.kind == "absent":
            steps.append(f"{'take_away' if change.after.kind == 'directory' else 'rm -f'} {path}")
        elif change.action == "attributes":
            old = change.before
            steps.append(f"chown {old.uid}:{old.gid} {path}; chmod {old.mode:04o} {path}")
        else:
            steps.append(f"put_back {index} {path}")
    return SCRIPT.format(
        folder=shlex.quote(str(folder)),
        caches=shlex.join(CACHES),
        steps="\n".join(steps) or ":",
        commands="\n".join(shlex.join(shlex.split(command)) for command in commands),
        seconds=seconds,
        paths=" ".join(shlex.quote(change.path) for change in changes).replace('"', ""),
    )


def arm(token: str, changes: Sequence[Change], commands: Sequence[str], seconds: int, base: Path = FOLDER) -> None:
    """Keep what is there and start the timer. Raises FilesError, with nothing changed, if that fails."""
    folder = base / token
    try:
        base.mkdir(mode=0o700, parents=True, exist_ok=True)
        for old in base.iterdir():
            if (old / "rolled-back").exists():
                shutil.rmtree(old)
        folder.mkdir(mode=0o700)
        for index, change in enumerate(changes):
            if change.before.kind not in ("absent", "directory") or change.action == "remove":
                subprocess.run(["cp", "-a", "--", change.path, str(folder / str(index))], check=True)
        path = folder / "roll-back"
        path.write_text(script(folder, changes, commands, seconds), encoding="utf-8")
        _start_timer(token, path, seconds)
    except (OSError, subprocess.CalledProcessError) as error:
        shutil.rmtree(folder, ignore_errors=True)
        raise FilesError([f"cannot prepare the roll back: {error}", "Nothing was changed."]) from error


def _unit(token: str) -> str:
    return f"ringmaster-roll-back-{token}"


def _has_systemd() -> bool:
    return Path("/run/systemd/system").is_dir()


def _start_timer(token: str, path: Path, seconds: int) -> None:
    if _has_systemd():
        timer = [f"--unit={_unit(token)}", f"--on-active={seconds}s", "--timer-property=AccuracySec=1s"]
        command = ["systemd-run", "--quiet", "--collect", *timer, "/bin/sh", str(path)]
        subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
        return
    subprocess.Popen(
        ["/bin/sh", "-c", 'sleep "$1"; exec /bin/sh "$2"', "-", str(seconds), str(path)],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        start_new_session=True,
    )  # fmt: skip


def finished(token: str, result: dict[str, Any], base: Path = FOLDER) -> None:
    """Keep the module's result: the connection that should carry it may be the one that was cut."""
    temporary = base / token / "result.new"
    temporary.write_text(json.dumps(result), encoding="utf-8")
    temporary.rename(base / token / "result")


def disarm(token: str, base: Path = FOLDER) -> bool:
    """Stop the timer and forget the old files; return False if the roll back was quicker."""
    folder = base / token
    try:
        (folder / "claimed").mkdir()
    except FileExistsError:
        return False
    done = folder.with_name(f"{token}.confirmed")
    folder.rename(done)
    if _has_systemd():
        subprocess.run(["systemctl", "stop", f"{_unit(token)}.timer"], check=False, capture_output=True)
    shutil.rmtree(done)
    return True


def confirm(token: str, base: Path = FOLDER) -> tuple[str, dict[str, Any]]:
    """Confirm a change; return its state and the module's result where it is known."""
    folder = base / token
    if not folder.is_dir():
        return UNKNOWN, {}
    result = folder / "result"
    if (folder / "claimed").is_dir():
        return ROLLED_BACK if (folder / "rolled-back").exists() else RUNNING, {}
    if not result.exists():
        return RUNNING, {}
    kept = json.loads(result.read_text(encoding="utf-8"))
    return (CONFIRMED, kept) if disarm(token, base) else (RUNNING, {})
