# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is remembered of runs: for the checks, for metrics, for people."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ringmaster.backup.configuration import LOCKS, METRICS, STATE, Failure

HELP = {
    "last_success_timestamp_seconds": "When the newest complete backup was begun.",
    "last_run_success": "Whether the newest run was complete.",
    "duration_seconds": "How long the newest run took.",
    "processed_bytes": "Bytes that the newest backup holds.",
    "added_bytes": "Bytes that the newest backup added to the repository.",
    "proof_last_success_timestamp_seconds": "When backups were last proven by restoring from them.",
    "proof_last_run_success": "Whether the newest proof succeeded.",
    "proof_duration_seconds": "How long the newest proof took.",
}


def read(path: Path = STATE) -> dict[str, Any]:
    """Return the state; empty when nothing has run yet or the file is broken."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def update(changes: Mapping[str, Any], path: Path = STATE, metrics: Path = METRICS) -> None:
    """Change keys of the state, atomically, and rewrite the metrics."""
    state = {**read(path), **changes}
    path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    write(path, json.dumps(state, indent=1) + "\n")
    write(metrics, render(state))


def write(path: Path, text: str, mode: int = 0o644) -> None:
    """Write a file as a whole or not at all."""
    temporary = path.with_name(f".{path.name}.new")
    with temporary.open("w", encoding="utf-8") as stream:
        os.fchmod(stream.fileno(), mode)
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())
    temporary.replace(path)


def render(state: Mapping[str, Any]) -> str:
    """Return the metrics of a state for node exporter's textfile collector."""
    run, proof = state.get("run") or {}, state.get("proof") or {}
    figures = {
        "last_success_timestamp_seconds": state.get("last_success"),
        "last_run_success": int(run["result"] == "ok") if run.get("result") else None,
        "duration_seconds": run.get("seconds"),
        "processed_bytes": run.get("bytes"),
        "added_bytes": run.get("bytes_added"),
        "proof_last_success_timestamp_seconds": state.get("last_proof"),
        "proof_last_run_success": int(proof["result"] == "ok") if proof.get("result") else None,
        "proof_duration_seconds": proof.get("seconds"),
    }
    lines = []
    for name, value in figures.items():
        if value is not None:
            full = f"ringmaster_backup_{name}"
            lines += [f"# HELP {full} {HELP[name]}", f"# TYPE {full} gauge", f"{full} {value}"]
    return "".join(f"{line}\n" for line in lines)


@contextlib.contextmanager
def locked(what: str, folder: Path = LOCKS) -> Iterator[None]:
    """Hold the lock of ``what``; raises Failure when another process has it. The kernel frees it with the process."""
    folder.mkdir(mode=0o755, parents=True, exist_ok=True)
    with os.fdopen(os.open(folder / f"{what}.lock", os.O_RDWR | os.O_CREAT, 0o600), "r+") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise Failure(f"another {what} is running: {stream.read(200).strip() or 'it has just begun'}") from error
        stream.truncate(0)
        stream.write(f"process {os.getpid()}, since {time.strftime('%Y-%m-%d %H:%M:%S %Z')}\n")
        stream.flush()
        yield
        stream.seek(0)
        stream.truncate(0)
