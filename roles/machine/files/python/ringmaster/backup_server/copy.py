# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A second copy of all repositories, far from this machine.

Times are kept, because retention goes by them. What was removed here is not removed there but moved to a folder of the
month, so that whoever empties this machine does not empty the copy. What is there already is never written again: names
are hashes of contents, so a file that differs is damaged, here or there. While damage of a repository is noted, nothing
of it is moved away there either.
"""

from __future__ import annotations

import json
import subprocess
import time
from pathlib import Path
from typing import Any

from ringmaster.backup_server.repositories import CONFIGURATION, Failure
from ringmaster.backup_server.state import read_state, write_state

STATE = Path("/var/lib/ringmaster/backup-server-copy.json")
REMOVED = ".removed"
#: rsync's codes for files that vanished meanwhile: locks, and what maintenance removes.
VANISHED = 24


def run(configuration: Path = CONFIGURATION, path: Path = STATE) -> str:
    """Bring the copy up to date, remember how it went and return a sentence. Raises Failure."""
    values = json.loads(configuration.read_text(encoding="utf-8"))
    target = values.get("copy_to") or ""
    if not target:
        raise Failure("there is nowhere to copy to; role backup_server's variable backup_server_copy_to names a place")
    began = time.time()
    entry: dict[str, Any] = {"began": began, "error": ""}
    try:
        options = [*values.get("copy_options", []), *_protected()]
        # The one file that is not named after its content: a new repository in the place of an old one has its own.
        _rsync(values["folder"], target, options, "--include=/*/", "--include=/*/config", "--exclude=*")
        options = ["--ignore-existing", "--delete-after", *options]
        # Snapshots come last: one that is there needs everything else that it speaks of.
        _rsync(values["folder"], target, options, "--exclude=/*/snapshots/*")
        _rsync(values["folder"], target, options)
    except Failure as failure:
        entry["error"] = str(failure)
        raise
    finally:
        entry["seconds"] = round(time.time() - began, 3)
        before = read_state(path)
        write_state({**before, **entry, **({} if entry["error"] else {"last_success": began})}, path)
    return f"All repositories are in {target}; that took {entry['seconds']:.1f} s."


def _protected() -> list[str]:
    """Return rsync's options that keep, on the far side, all files of repositories of which damage is noted."""
    known = read_state().get("repositories", {})
    return [f"--filter=P /{name}/**" for name, entry in sorted(known.items()) if entry.keys() & {"damage", "lies"}]


def _rsync(folder: str, target: str, options: list[str], *more: str) -> None:
    # Nobody can answer a question of ssh.
    argv = ["rsync", "--archive", "--backup", f"--backup-dir={REMOVED}/{time.strftime('%Y-%m')}"]
    # Bins and views are this machine's, and so is the far side's folder of what was removed: all begin with a dot.
    argv += [
        "--exclude=/.*",
        "--exclude=/*/locks/*",
        "--exclude=*.rest-server-temp*",
        "--rsh=ssh -o BatchMode=yes",
        "--timeout=600",
    ]
    argv += [*options, *more, f"{folder.rstrip('/')}/", f"{target.rstrip('/')}/"]
    try:
        done = subprocess.run(argv, capture_output=True, text=True, errors="replace", check=False)
    except FileNotFoundError as error:
        raise Failure("rsync is not installed") from error
    if done.returncode not in (0, VANISHED):
        said = [line for line in done.stderr.splitlines() if line.strip()]
        raise Failure(f"rsync to {target} failed with code {done.returncode}: {'; '.join(said[:2])[:300]}")
