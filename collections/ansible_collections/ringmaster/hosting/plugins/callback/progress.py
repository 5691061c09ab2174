# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A calm view of a long run, and lines of JSON for programs that watch it."""

from __future__ import annotations

DOCUMENTATION = r"""
name: progress
type: stdout
short_description: One line for each play of a long run, and how long it will still take
description:
  - Shows what a run is at, a line for each play, with what changed and how long it took. On a terminal, the line of the
    play that runs shows its task, and how long the rest took in earlier runs.
  - What fails, messages of M(ansible.builtin.debug), and differences are shown in full, as by
    P(ansible.builtin.default#callback); with C(-v), results too.
  - Programs that watch a run get lines of JSON. In them are names of plays, tasks and hosts, states and times; never a
    result, a difference or an output.
author:
  - Ringmaster contributors (@ringmaster)
version_added: 0.1.0
extends_documentation_fragment:
  - ansible.builtin.default_callback
  - ansible.builtin.result_format_callback
requirements:
  - set as stdout in configuration, such as C(ANSIBLE_STDOUT_CALLBACK=ringmaster.hosting.progress)
options:
  events:
    description:
      - A file, FIFO or C(/dev/fd/N) that gets a line of JSON for each play that begins, each task that ends on a host,
        and the end of the run.
      - C(event) is V(play), V(step) or V(end); C(at) are seconds since 1970; C(number) and C(of) count plays; C(play),
        C(step) and C(host) are names; C(state) is V(ok), V(changed), V(skipped), V(ignored), V(failed) or
        V(unreachable); C(ms) is how long it took; C(left_seconds) is how long the rest took in earlier runs.
    type: str
    default: ''
    env:
      - name: RINGMASTER_PROGRESS_EVENTS
  times:
    description: The folder where times of earlier runs are kept, a file for each playbook; empty keeps none.
    type: str
    default: ~/.cache/ringmaster/progress
    env:
      - name: RINGMASTER_PROGRESS_TIMES
"""

import json
import os
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

from ansible import constants as C
from ansible.plugins.callback.default import CallbackModule as Default
from ansible_collections.ringmaster.hosting.plugins.plugin_utils.progress import Run, Times, duration, words

DEBUG = ("debug", "ansible.builtin.debug", "ansible.legacy.debug")
"""Tasks whose message is what somebody asked for."""


class CallbackModule(Default):
    """Says how far a run is. What is not overridden here is shown as by default."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "stdout"
    CALLBACK_NAME = "ringmaster.hosting.progress"

    def __init__(self) -> None:
        """Begin with nothing."""
        super().__init__()
        self._run: Run | None = None
        self._events: IO[str] | None = None
        self._began = time.monotonic()
        self._title = ""
        self._is_live = sys.stdout.isatty()

    # Ansible calls what follows.

    def v2_playbook_on_start(self, playbook: Any) -> None:
        """Learn what will be run."""
        super().v2_playbook_on_start(playbook)
        name = Path(playbook._file_name).stem
        folder, events = self.get_option("times"), self.get_option("events")
        times = Times(Path(folder).expanduser() / f"{name}.json" if folder else None)
        if events:
            self._events = _opened(events)
        plays = [play.get_name() for play in playbook.get_plays()]
        self._run = Run(plays, times, time.monotonic, time.time, self._tell)

    def v2_playbook_on_play_start(self, play: Any) -> None:
        """End the line of the play before, and begin one."""
        self._end_line()
        self._play = play
        if self._run:
            self._began = time.monotonic()
            self._title = self._run.begin(play.get_name()).name
            self._show()

    def v2_playbook_on_no_hosts_matched(self) -> None:
        """Say nothing: for most runs, some plays have no host."""
        self._title = ""
        self._erase()

    def _task_start(self, task: Any, prefix: str | None = None) -> None:
        """Keep what a banner needs, which is shown for tasks that say something."""
        if prefix is not None:
            self._task_type_cache[task._uuid] = prefix
        self._last_task_name = None  # hosts need not be at the same task
        if self._run:
            self._run.begin_task(task.get_name())
            self._show()

    def v2_runner_on_start(self, host: Any, task: Any) -> None:
        """Note when a host began."""
        if self._run:
            self._run.begin_on(host.get_name(), task._uuid)

    def v2_runner_on_ok(self, result: Any) -> None:
        """Count it; show what somebody wanted to be told."""
        told = result.task.action in DEBUG or self._run_is_verbose(result)
        if told:
            self._erase()
            super().v2_runner_on_ok(result)
        else:
            self._show_warnings(result)
        self._done(result, "changed" if result.result.get("changed", False) else "ok")

    def v2_runner_on_skipped(self, result: Any) -> None:
        """Count it."""
        self._done(result, "skipped")

    def v2_runner_on_failed(self, result: Any, ignore_errors: bool = False) -> None:
        """Show it in full, unless nobody minds."""
        if not ignore_errors:
            self._erase()
            super().v2_runner_on_failed(result, ignore_errors)
        self._done(result, "ignored" if ignore_errors else "failed")

    def v2_runner_on_unreachable(self, result: Any) -> None:
        """Show it in full."""
        self._erase()
        super().v2_runner_on_unreachable(result)
        self._done(result, "unreachable")

    def v2_runner_item_on_ok(self, result: Any) -> None:
        """Show items of what somebody wanted to be told."""
        if result.task.action in DEBUG or self._run_is_verbose(result):
            self._erase()
            super().v2_runner_item_on_ok(result)

    def v2_runner_item_on_skipped(self, result: Any) -> None:
        """Say nothing."""

    def v2_runner_item_on_failed(self, result: Any) -> None:
        """Show it in full, unless nobody minds."""
        if not result.task.ignore_errors:
            self._erase()
            super().v2_runner_item_on_failed(result)

    def v2_on_file_diff(self, result: Any) -> None:
        """Show it in full."""
        if result.result.get("diff") or result.task.loop:
            self._erase()
            super().v2_on_file_diff(result)

    def v2_playbook_on_include(self, included_file: Any) -> None:
        """Say nothing."""

    def v2_playbook_on_stats(self, stats: Any) -> None:
        """End the last line, and say how it ended; a host that failed has said why."""
        self._end_line()
        all_of = {host: stats.summarize(host) for host in sorted(stats.processed)}
        failed = [host for host, counts in all_of.items() if counts["failures"] or counts["unreachable"]]
        if self._run:
            self._run.finish(failed)
        super().v2_playbook_on_stats(stats)

    # What they use.

    def _show_warnings(self, result: Any) -> None:
        if result.result.get("warnings") or result.result.get("deprecations"):
            self._erase()
            self._handle_warnings_and_exception(result)

    def _done(self, result: Any, state: str) -> None:
        if self._run:
            name = result.task.get_name()
            self._run.done(result.host.get_name(), result.task._uuid, name, state)
            self._show()

    def _show(self) -> None:
        """Show the play that runs, on a terminal."""
        play = self._run.play if self._run else None
        if not self._is_live or not play or not self._title:
            return
        left = self._run.left() if self._run else None
        parts = [duration(time.monotonic() - self._began), play.task.rpartition(" : ")[2]]
        if left is not None:
            parts.append(f"about {duration(left)} left")
        line = f"  … {self._title}  {' · '.join(part for part in parts if part)}"
        width = max(20, self._display.columns)
        self._display.display(f"\r\033[K{line[:width]}", newline=False, screen_only=True)

    def _erase(self) -> None:
        if self._is_live:
            self._display.display("\r\033[K", newline=False, screen_only=True)

    def _end_line(self) -> None:
        """Say what the play that ran has done; nothing where it had nothing to do."""
        self._erase()
        play = self._run.play if self._run else None
        if not play or not self._title or not set(play.counts) - {"skipped"}:
            return
        bad = play.counts.get("failed", 0) + play.counts.get("unreachable", 0)
        changed = play.counts.get("changed", 0)
        mark, color = ("✗", C.COLOR_ERROR) if bad else ("✓", C.COLOR_CHANGED if changed else C.COLOR_OK)
        said = [f"{bad} failed"] if bad else []
        said += [f"{changed} changed"] if changed else []
        spent = duration(time.monotonic() - self._began)
        self._display.display(f"  {mark} {words(self._title)}  {' · '.join([*said, spent])}", color=color)
        self._title = ""

    def _tell(self, event: Mapping[str, Any]) -> None:
        if self._events is None:
            return
        try:
            self._events.write(json.dumps(event) + "\n")
        except (OSError, ValueError):
            # Whoever watched has gone; the run goes on.
            self._events = None


def _opened(place: str) -> IO[str]:
    """Open what events are written to, a line at a time; a new file is for its owner only."""
    number = os.open(place, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
    return os.fdopen(number, "w", buffering=1, encoding="utf-8")
