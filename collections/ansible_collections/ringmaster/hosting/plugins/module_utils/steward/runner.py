# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a playbook is run: a process of its own, with names that were checked once more, and nothing that people typed.

The process and all that it starts is one group, which is ended together. What it says goes into a file for operators;
of its progress the steps alone are read.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from ..platform.verbs import arguments
from ..platform.verbs.effects import Run
from .progress import Progress, Watch

STATUSES: Mapping[int, str] = {
    1: "Ansible could not begin",
    2: "a machine failed",
    4: "a machine could not be reached",
    6: "a machine failed, and another one could not be reached",
    99: "it was interrupted",
    250: "Ansible met an error that it did not expect",
}
"""What the exit status of ansible-playbook means."""
LOGS = 200
"""Logs of runs that are kept."""


class Process(Protocol):
    """A run that has begun."""

    def ended(self) -> str | None:
        """Return None while it goes on; then why it failed, or an empty text."""

    def progress(self) -> Sequence[Progress]:
        """Return the steps since the last time."""

    def left(self) -> int | None:
        """Return how many seconds it will take yet; None where nobody knows."""

    def stop(self) -> None:
        """End it, and all that it has started."""


class Runner(Protocol):
    """What runs playbooks."""

    def start(self, run: Run, label: str) -> Process:
        """Begin a run; the label is a word for its log."""


@dataclass
class AnsibleRunner:
    """Runs playbooks by ansible-playbook.

    ``source`` is that of the inventory, ``known`` the variables of roles, which a run may set beside its arguments, and
    ``secrets`` a file with variables for each run, as an operator names it by ``-e @FILE``.
    """

    program: str
    source: Path
    playbooks: Path
    logs: Path
    known: frozenset[str] = frozenset()
    environment: Mapping[str, str] = field(default_factory=dict)
    secrets: Path | None = None

    def argv(self, run: Run) -> list[str]:
        """Return the command; raises RequestError for anything that is no name and no word of the playbook."""
        variables = run.as_dict()["variables"]
        arguments.judge([run.playbook], variables, self.known)
        words = [self.program, "-i", str(self.source), str(self.playbooks / f"{run.playbook}.yml")]
        words += ["-e", f"@{self.secrets}"] if self.secrets else []
        return [*words, "-e", json.dumps(variables)] if variables else words

    def start(self, run: Run, label: str) -> Process:
        """Begin a run."""
        argv = self.argv(run)
        self.logs.mkdir(mode=0o700, parents=True, exist_ok=True)
        for old in sorted(self.logs.iterdir())[: -2 * LOGS]:
            old.unlink(missing_ok=True)
        log, events = self.logs / f"{label}.log", self.logs / f"{label}.events"
        progress = {"ANSIBLE_STDOUT_CALLBACK": "ringmaster.hosting.progress", "RINGMASTER_PROGRESS_EVENTS": str(events)}
        environment = {**os.environ, **progress, **self.environment}
        with os.fdopen(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600), "wb") as file:
            process = subprocess.Popen(
                argv,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                env=environment,
                cwd=self.playbooks.parent,
                start_new_session=True,
            )
        return _Running(process, events)


class _Running:
    def __init__(self, process: subprocess.Popen[bytes], events: Path) -> None:
        self._process, self._events, self._read, self._watch = process, events, 0, Watch()

    def ended(self) -> str | None:
        code = self._process.poll()
        if code is None:
            return None
        if code == 0:
            return ""
        self.progress()
        return self._watch.sentence() or STATUSES.get(code, f"it ended with status {code}")

    def progress(self) -> Sequence[Progress]:
        if self._events.exists():
            with self._events.open("rb") as file:
                file.seek(self._read)
                data = file.read(4 * 1024 * 1024)
            whole, newline, _rest = data.rpartition(b"\n")
            self._read += len(whole) + len(newline)
            self._watch.feed(whole)
        return self._watch.taken()

    def left(self) -> int | None:
        return self._watch.left

    def stop(self) -> None:
        for kind, patience in ((signal.SIGTERM, 20), (signal.SIGKILL, 5)):
            try:
                os.killpg(self._process.pid, kind)
                self._process.wait(patience)
            except ProcessLookupError:
                break
            except subprocess.TimeoutExpired:
                continue
