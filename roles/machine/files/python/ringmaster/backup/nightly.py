# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One backup: the dumps of all components, then one snapshot of everything."""

from __future__ import annotations

import glob
import json
import os
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from ringmaster.backup import configuration, state
from ringmaster.backup.configuration import DUMPS, Configuration, Definition, Failure
from ringmaster.backup.restic import INCOMPLETE, Restic, wait_until_reachable

DUMP_TIMEOUT = 6 * 3600


def machine_tag() -> str:
    """Return a tag that tells this installation from an earlier one of the same name."""
    return f"machine-{Path('/etc/machine-id').read_text(encoding='ascii').strip()[:12]}"


def run(settings: Configuration, say: Callable[[str], None]) -> bool:
    """Make one backup and remember how it went; return whether it is complete. Raises Failure when another one runs."""
    with state.locked("backup"):
        started = time.time()
        was_killed = bool(state.read().get("running"))
        state.update({"running": {"since": started, "process": os.getpid()}})
        report: dict[str, Any] = {"started": started, "result": "failed", "errors": [], "dumps": {}}
        try:
            dump_all(report, say)
            report["tries"] = wait_until_reachable(settings.access, settings.tries, settings.pause, say)
            if was_killed:
                # Its lock would keep the server from maintaining the repository for half an hour.
                Restic(settings.access).run("unlock")
            snapshot(settings, report)
            report["result"] = "partial" if report["errors"] else "ok"
        except Failure as failure:
            report["errors"].append(str(failure))
        finally:
            # Also when we are stopped: a run that has ended must not look like one that still runs.
            report["seconds"] = round(time.time() - started, 3)
            changes: dict[str, Any] = {"run": report, "running": None}
            if report["result"] == "ok":
                changes["last_success"] = started
            state.update(changes)
        for error in report["errors"]:
            say(error)
        return report["result"] == "ok"


def dump_all(report: dict[str, Any], say: Callable[[str], None]) -> None:
    """Let every component write its dump. One that fails leaves its last dump where it was, and the others go on."""
    found, refused = configuration.definitions()
    report["errors"] += [f"the definition {name} is left out: {reason}" for name, reason in refused.items()]
    if found:
        DUMPS.mkdir(mode=0o711, parents=True, exist_ok=True)
    for definition in (one for one in found if one.dump):
        began = time.monotonic()
        try:
            figures = execute(definition, "dump", definition.folder, DUMP_TIMEOUT)
            result: dict[str, Any] = {"ok": True, **figures}
        except Failure as failure:
            report["errors"].append(str(failure))
            result = {"ok": False, "error": str(failure)}
        result["seconds"] = round(time.monotonic() - began, 3)
        report["dumps"][definition.component] = result
        say(f"dump of {definition.component}: {'done' if result['ok'] else 'failed'} in {result['seconds']:.1f} s")


def execute(
    definition: Definition, verb: str, folder: Path, timeout: float, extra: Sequence[str] = ()
) -> dict[str, Any]:
    """Run a component's command and return the JSON object it prints; raises Failure."""
    argv = [*definition.command(getattr(definition, verb), folder), *extra]
    try:
        done = subprocess.run(
            argv,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=timeout,
            check=False,
        )
    except OSError as error:
        raise Failure(f"{verb} of {definition.component}: {argv[0]} cannot be run: {error.strerror}") from error
    except subprocess.TimeoutExpired as error:
        raise Failure(f"{verb} of {definition.component}: not done within {timeout:.0f} s") from error
    printed = done.stdout.strip().splitlines()
    try:
        figures = json.loads(printed[-1]) if printed else {}
    except ValueError:
        figures = {}
    figures = figures if isinstance(figures, dict) else {}
    if done.returncode:
        said = done.stderr.strip().splitlines() or [str(figures.get("sentence") or f"exit code {done.returncode}")]
        raise Failure(f"{verb} of {definition.component}: {' '.join(said[-3:])[:300]}")
    return figures


def what_to_back_up(settings: Configuration, definitions: Sequence[Definition]) -> tuple[list[str], list[str]]:
    """Return the paths that exist, and those of the description or of a component that do not."""
    asked = [*settings.paths, *(path for one in definitions for path in one.paths)]
    wanted = dict.fromkeys([*configuration.STANDARD_PATHS, str(DUMPS), *settings.also, *asked])
    present = [path for path in wanted if Path(path).exists()]
    return present, [path for path in dict.fromkeys(asked) if path not in present and not glob.has_magic(path)]


def snapshot(settings: Configuration, report: dict[str, Any]) -> None:
    """Take one snapshot; raises Failure when there is none afterwards."""
    paths, missing = what_to_back_up(settings, configuration.definitions()[0])
    report["errors"] += [f"{path} is to be backed up and does not exist" for path in missing]
    excludes = [f"--exclude={pattern}" for pattern in (*configuration.STANDARD_EXCLUDES, *settings.exclude)]
    done = Restic(settings.access).run(
        "backup",
        "--host",
        settings.vm,
        "--tag",
        machine_tag(),
        # Without it, a further path would mean that every file is read again.
        "--group-by",
        "host",
        "--no-scan",
        "--exclude-caches",
        *excludes,
        "--",
        *paths,
        accept=(0, INCOMPLETE),
    )
    summary: dict[str, Any] = {}
    for line in done.stdout.splitlines():
        if '"message_type":"summary"' in line:
            summary = json.loads(line)
    if not summary.get("snapshot_id"):
        raise Failure("restic made no snapshot")
    if done.returncode == INCOMPLETE:
        report["errors"] += _unreadable(done.stderr)
    report.update(
        snapshot=summary["snapshot_id"],
        files=summary["total_files_processed"],
        files_new=summary["files_new"],
        files_changed=summary["files_changed"],
        bytes=summary["total_bytes_processed"],
        bytes_added=summary["data_added_packed"],
    )


def _unreadable(text: str) -> list[str]:
    """Return a sentence about the files that could not be read."""
    found = []
    for line in text.splitlines():
        if '"message_type":"error"' in line:
            entry = json.loads(line)
            found.append(f"{entry.get('item')}: {entry.get('error', {}).get('message', '')}")
    more = f", and {len(found) - 3} more" if len(found) > 3 else ""
    return [f"files could not be read: {'; '.join(found[:3]) or 'unknown'}{more}"]
