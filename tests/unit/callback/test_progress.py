# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The view of a run, and the events of it that programs get: enough to follow it, and nothing that it has said."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.ringmaster.hosting.plugins.plugin_utils.progress import KEPT, Run, Times, duration, words

ROOT = Path(__file__).parents[3]
PLAYBOOK = """\
- name: Prepare the machine
  hosts: all
  gather_facts: false
  tasks:
    - name: Change it
      ansible.builtin.command: echo canary-of-output
    - name: Say it is as it was
      ansible.builtin.command: echo canary-of-output
      changed_when: false
- name: Work on others
  hosts: others
  gather_facts: false
  tasks:
    - name: Never
      ansible.builtin.command: "false"
- name: Go on
  hosts: all
  gather_facts: false
  tasks:
    - name: Tell what was asked
      ansible.builtin.debug:
        msg: the answer
    - name: Fail, and nobody minds
      ansible.builtin.command: sh -c 'echo unminded; false'
      ignore_errors: true
    - name: "Break for {{ inventory_hostname }}"
      ansible.builtin.command: sh -c 'echo canary-of-failure; false'
      when: broken | default('') == inventory_hostname
"""


class Clock:
    """Seconds that a test sets."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def begun(tmp_path: Path, clock: Clock) -> Iterator[Callable[[], tuple[Run, list[dict[str, Any]]]]]:
    """Begin a run of three plays; the times of those before are known to it."""

    def begin() -> tuple[Run, list[dict[str, Any]]]:
        events: list[dict[str, Any]] = []
        times = Times(tmp_path / "times/site.json")
        return Run(["one", "two", "three"], times, clock, clock, lambda event: events.append(dict(event))), events

    yield begin


def go(run: Run, clock: Clock, seconds: tuple[float, float, float], failed: tuple[str, ...] = ()) -> None:
    for name, spent in zip(("one", "two", "three"), seconds, strict=True):
        run.begin(name)
        clock.now += spent
    run.finish(failed)


def test_what_is_left_is_the_median_of_earlier_runs(begun, clock: Clock) -> None:
    first, events = begun()
    go(first, clock, (10, 20, 30))
    assert all("left_seconds" not in event for event in events), "nothing was known"
    for seconds in ((12, 20, 30), (1000, 20, 30)):
        go(begun()[0], clock, seconds)
    run, events = begun()
    run.begin("one")
    assert events[-1]["left_seconds"] == 12 + 20 + 30
    clock.now += 5
    assert run.left() == 7 + 20 + 30
    clock.now += 500
    assert run.left() == 20 + 30, "what takes longer than usual will not end before now"


def test_a_run_that_failed_says_nothing_about_the_next(begun, clock: Clock) -> None:
    go(begun()[0], clock, (10, 20, 30))
    go(begun()[0], clock, (1, 1, 1), failed=("myapp00",))
    run, events = begun()
    run.begin("one")
    assert events[-1]["left_seconds"] == 60


def test_a_play_that_is_not_known_makes_no_promise(begun, clock: Clock) -> None:
    go(begun()[0], clock, (10, 20, 30))
    run, events = begun()
    run.begin("another")
    assert "left_seconds" not in events[-1]


def test_only_some_runs_are_kept(begun, clock: Clock, tmp_path: Path) -> None:
    for _run in range(KEPT + 3):
        go(begun()[0], clock, (10, 20, 30))
    assert {len(found) for found in json.loads((tmp_path / "times/site.json").read_text()).values()} == {KEPT}


@pytest.mark.parametrize("text", ["", "[]", "nothing", '{"one": "x", "two": [null, "y", -1, 1e300]}', "\0"])
def test_a_file_of_times_that_cannot_be_used_says_nothing(begun, clock: Clock, tmp_path: Path, text: str) -> None:
    place = tmp_path / "times/site.json"
    place.parent.mkdir()
    place.write_text(text)
    run, events = begun()
    run.begin("one")
    assert "left_seconds" not in events[-1]
    run.finish(())
    assert json.loads(place.read_text())["one"] == [0.0]


def test_names_are_one_line_that_a_terminal_bears() -> None:
    assert words("a\x1b[31m\nb\u202e") == "a [31m b "
    assert len(words("x" * 10_000)) == 120


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0, "0 s"), (89.4, "89 s"), (90, "2 min"), (3599, "1 h 0 min"), (3900, "1 h 5 min"), (-3, "0 s")],
)
def test_durations_are_said_as_people_do(seconds: float, said: str) -> None:
    assert duration(seconds) == said


def play(tmp_path: Path, *words_: str, **environment: str) -> tuple[subprocess.CompletedProcess[str], list[Any]]:
    """Run the playbook for two hosts with the callback."""
    book, events = tmp_path / "site.yml", tmp_path / "events"
    book.write_text(PLAYBOOK)
    (tmp_path / "hosts").write_text(
        f"[all]\none\ntwo\n[others]\n[all:vars]\nansible_python_interpreter={sys.executable}\n"
    )
    done = subprocess.run(
        [str(Path(sys.executable).with_name("ansible-playbook")), "-i", "hosts", "-c", "local", "site.yml", *words_],
        cwd=tmp_path,
        env={
            **os.environ,
            "ANSIBLE_COLLECTIONS_PATH": str(ROOT / "collections"),
            "ANSIBLE_STDOUT_CALLBACK": "ringmaster.hosting.progress",
            "RINGMASTER_PROGRESS_EVENTS": str(events),
            "RINGMASTER_PROGRESS_TIMES": str(tmp_path / "times"),
            **environment,
        },
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    return done, [json.loads(line) for line in events.read_text().splitlines()] if events.is_file() else []


def test_a_run_that_goes_well_is_a_line_for_each_play(tmp_path: Path) -> None:
    done, events = play(tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    shown = done.stdout
    assert "✓ Prepare the machine  2 changed" in shown and "✓ Go on" in shown and '"msg": "the answer"' in shown
    assert "Work on others" not in shown and "canary" not in shown and "unminded" not in shown
    assert "PLAY RECAP" in shown
    steps = {(event["host"], event["step"]): event for event in events if event["event"] == "step"}
    assert steps["one", "Change it"]["state"] == "changed" and steps["two", "Say it is as it was"]["state"] == "ok"
    assert steps["one", "Fail, and nobody minds"]["state"] == "ignored"
    assert {event["state"] for (_host, step), event in steps.items() if step.startswith("Break")} == {"skipped"}
    assert all(event["ms"] > 0 for event in steps.values())
    assert events[-1]["event"] == "end" and events[-1]["state"] == "ok"
    assert "canary" not in (tmp_path / "events").read_text()
    assert (tmp_path / "events").stat().st_mode & 0o777 == 0o600
    _done, events = play(tmp_path)
    assert "left_seconds" in events[-2]


def test_a_failure_is_shown_in_full_to_people_and_by_name_to_programs(tmp_path: Path) -> None:
    done, events = play(tmp_path, "-e", "broken=two")
    assert done.returncode == 2
    assert "canary-of-failure" in done.stdout and "fatal: [two]" in done.stdout and "✗ Go on  1 failed" in done.stdout
    assert events[-1] | {"at": 0, "number": 0, "of": 0} == {
        "event": "end",
        "at": 0,
        "number": 0,
        "of": 0,
        "state": "failed",
        "hosts": ["two"],
    }
    assert "canary" not in (tmp_path / "events").read_text()


def test_who_watches_may_go_away(tmp_path: Path) -> None:
    done, _events = play(tmp_path, RINGMASTER_PROGRESS_EVENTS="/dev/full")
    assert done.returncode == 0 and "✓ Go on" in done.stdout
