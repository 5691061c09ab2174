# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run a set of test items, or some of them; say which failed, and how long each took beside its usual and last run.

What an item prints is shown when it has ended, so that two do not mix; where there is one lane only, as it goes.
How each one ended is kept in build/tests/<set>.json: a run that was cut short can be gone on with (--resume).
"""

from __future__ import annotations

import argparse
import contextlib
import difflib
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from threading import Event, Lock

import items as known
from items import BIN, ROOT, Item

RECORDS = ROOT / "build/tests"
RUNNING: set[subprocess.Popen[bytes]] = set()
"""What runs now, each the first of a session of its own: so that all of it can be ended, and nothing else."""
LAST_WORDS = 60
"""Seconds that an item has after it was interrupted."""
LEFT_OUT = 77
"""Exit code of an item that this machine has no means for: it says which."""
SUMMARY = re.compile(r"(?:FAILED|ERROR) \S+::.*")
"""A line of pytest's summary: which test failed, and why."""
NOTICE = re.compile(r"^NOTICE: (.*)$", re.MULTILINE)
"""What an item says that is no fault and must not be overlooked: repeated at the end."""
REASONS, WIDTH = 5, 200
"""How many lines of what an item said are repeated at the end, and how long one is at most."""
NOTHING_SELECTED = 5
"""pytest's exit code where a folder holds only tests of the other kind, slow or not."""


class ChoiceError(Exception):
    """No item is called like this: a sentence."""


@dataclass(frozen=True)
class Result:
    """How an item ended: whether it passed, after how many seconds, at which commit; whether it was left out; and why.

    The reasons are lines of what it printed, where it failed and that was kept; the notices are those that it gave.
    """

    passed: bool
    seconds: float
    commit: str
    left_out: bool = False
    reasons: tuple[str, ...] = ()
    notices: tuple[str, ...] = ()


class Records:
    """How the items of a set ended when they last ran; safe for several threads."""

    def __init__(self, path: Path) -> None:
        """Read what is there; a file that cannot be read counts as none."""
        self._path = path
        self._lock = Lock()
        try:
            self.results = {title: Result(**values) for title, values in json.loads(path.read_text()).items()}
        except (OSError, ValueError, TypeError, AttributeError):
            self.results = {}

    def keep(self, title: str, result: Result) -> None:
        """Write at once: the next item may be the one that never ends."""
        with self._lock:
            self.results[title] = result
            self._path.parent.mkdir(parents=True, exist_ok=True)
            new = self._path.with_suffix(".new")
            new.write_text(json.dumps({name: asdict(each) for name, each in self.results.items()}, indent=1))
            new.replace(self._path)


def choose(items: Sequence[Item], words: Iterable[str]) -> list[Item]:
    """Return the items whose titles contain one of the words, all without a word; blanks do not count.

    :raises ChoiceError: for a word that no title contains.
    """
    plain = {item.title: item.title.replace(" ", "").lower() for item in items}
    wanted = [word.replace(" ", "").lower() for word in words]
    for word in wanted:
        if not any(word in title for title in plain.values()):
            parts = {part for title in plain for part in (title, title.rpartition(": ")[2])}
            near = difflib.get_close_matches(word, parts, 1)
            meant = f"did you mean '{near[0]}'?" if near else "There are:"
            listed = "" if near else "".join(f"\n  {title}" for title in plain)
            raise ChoiceError(f"no item's title contains '{word}'; {meant}{listed}")
    return [item for item in items if not wanted or any(word in plain[item.title] for word in wanted)]


def commit() -> str:
    """Return the checkout's commit, with a plus sign where files differ from it."""
    done = subprocess.run(
        ["git", "describe", "--always", "--abbrev=10", "--exclude=*", "--dirty=+"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout.strip() or "no commit"


def run(item: Item, buffered: bool, at: str) -> Result:
    """Run an item and print what it printed."""
    print(f"=== begins: {item.title}", flush=True)
    environment = {**os.environ, "PATH": f"{BIN}:{os.environ['PATH']}", "PYTHONUNBUFFERED": "1", **item.environment}
    start = time.monotonic()
    with tempfile.TemporaryFile() as output:
        kept = output if buffered else None
        with subprocess.Popen(
            item.argv,
            cwd=ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=kept,
            stderr=kept,
            start_new_session=True,
        ) as process:
            RUNNING.add(process)
            code, ended = wait(process, item.limit)
            RUNNING.discard(process)
        passed = code in (0, LEFT_OUT) or (code == NOTHING_SELECTED and "pytest" in item.argv)
        seconds = time.monotonic() - start
        output.seek(0)
        text = output.read().decode(errors="replace")
    how = "left out" if code == LEFT_OUT else "passed" if passed else "FAILED"
    print(f"{text}{ended}=== {how}: {item.title}, {seconds:.1f} s\n", flush=True)
    why = () if passed else reasons(text + ended)
    return Result(passed, seconds, at, code == LEFT_OUT, why, tuple(NOTICE.findall(text)))


def reasons(text: str) -> tuple[str, ...]:
    """Return the lines of an output that say best why it failed: pytest's summary, or else the last ones."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    named = [line for line in lines if SUMMARY.match(line)]
    return tuple(line[:WIDTH] for line in (named[:REASONS] or lines[-REASONS:]))


def wait(process: subprocess.Popen[bytes], limit: float) -> tuple[int, str]:
    """Return the exit code of a process, and what to say where it did not end within so many seconds."""
    try:
        return process.wait(limit), ""
    except subprocess.TimeoutExpired:
        end(process)
        return 1, f"=== It did not end within {limit:.0f} s: interrupted\n"


def end(process: subprocess.Popen[bytes]) -> None:
    """End a process and all that it started: it gets time to say where it was, and to take down what it made."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGINT)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(LAST_WORDS)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def table(now: dict[str, Result], usual: dict[str, float], before: dict[str, Result]) -> str:
    """Return lines of what each item took, what it usually takes and what it took last time, the slowest first.

    A mark stands where it took half as long again, and more than a few seconds: something else ran, or it got slower.
    """
    lines = [f"{'seconds':>9} {'usual':>7} {'last':>7}"]
    for title in sorted(now, key=lambda each: -now[each].seconds):
        seconds = now[title].seconds
        is_slow = title in usual and seconds > 1.5 * usual[title] + 5
        words = [f"{usual[title]:7.0f}" if title in usual else f"{'-':>7}"]
        words += [f"{before[title].seconds:7.0f}" if title in before else f"{'-':>7}"]
        notes = f"{'  slow' if is_slow else ''}{'' if now[title].passed else '  FAILED'}"
        lines.append(f"{seconds:9.1f} {' '.join(words)}  {title}{notes}")
    return "\n".join(lines)


def keep_usual(name: str, now: dict[str, Result]) -> None:
    """Take what passed in this run for the usual; items that are no more are left out."""
    file = known.USUAL
    every = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    titles = {item.title for item in known.SETS[name]()}
    taken = {title: round(result.seconds, 1) for title, result in now.items() if result.passed}
    every[name] = dict(sorted((t, s) for t, s in {**every.get(name, {}), **taken}.items() if t in titles))
    file.write_text(json.dumps(every, indent=1, sort_keys=True) + "\n", encoding="utf-8")


def main(words: Sequence[str] | None = None) -> int:
    """Run what the command line names; return 1 when an item failed, 2 when there is no such item."""
    parser = argparse.ArgumentParser(prog="tests/run", description="Run a set of tests.")
    parser.add_argument("set", choices=known.SETS)
    parser.add_argument("--only", action="append", default=[], metavar="WORD", help="items whose title contains it")
    parser.add_argument("--resume", action="store_true", help="leave out what passed when it last ran")
    parser.add_argument("--list", action="store_true", help="print the titles, run nothing")
    parser.add_argument("--keep", action="store_true", help="write what items took into tests/usual.json")
    options = parser.parse_args(words)
    try:
        chosen = choose(known.SETS[options.set](), options.only)
    except ChoiceError as error:
        print(error, file=sys.stderr)
        return 2
    if options.list:
        print("\n".join(item.title for item in chosen))
        return 0
    records, at, start = Records(RECORDS / f"{options.set}.json"), commit(), time.monotonic()
    before = dict(records.results)
    passed = [item for item in chosen if options.resume and item.title in before and before[item.title].passed]
    for item in passed:
        print(f"=== passed earlier, at {before[item.title].commit}: {item.title}")
    now = execute([item for item in chosen if item not in passed], records, at)
    if now:
        print(f"\n{table(now, known.usual(options.set), before)}")
    if options.keep:
        keep_usual(options.set, now)
    failed = {title: result.reasons for title, result in now.items() if not result.passed}
    print("".join(f"NOTICE: {notice}\n" for result in now.values() for notice in result.notices), end="")
    print("".join(f"LEFT OUT: {title}\n" for title, result in now.items() if result.left_out), end="")
    print("".join("\n  ".join([f"FAILED: {title}", *why]) + "\n" for title, why in failed.items()))
    resumed = f", {len(passed)} passed earlier" if passed else ""
    whole = options.set in known.BUDGETS and not options.only
    allowed = f" (at most {known.BUDGETS[options.set]})" if whole else ""
    print(f"{len(now) - len(failed)} passed, {len(failed)} failed{resumed}; ", end="")
    print(f"{time.monotonic() - start:.0f} s{allowed} at {at}")
    return 1 if failed or not chosen else 0


def execute(chosen: Sequence[Item], records: Records, at: str) -> dict[str, Result]:
    """Run items in their lanes, and then what may run in either; return how they ended, by title."""
    shared = deque(item for item in chosen if item.lane == known.EITHER)
    own = sorted({item.lane for item in chosen} - {known.EITHER})
    lanes = [deque(item for item in chosen if item.lane == lane) for lane in own] or [shared]
    now: dict[str, Result] = {}
    stop = Event()

    def walk(lane: deque[Item]) -> None:
        for queue in (lane, shared):
            with contextlib.suppress(IndexError):  # popleft is atomic: both lanes may take from what they share
                while not stop.is_set():
                    item = queue.popleft()
                    now[item.title] = run(item, len(lanes) > 1, at)
                    records.keep(item.title, now[item.title])

    if lanes:
        # What a shell puts into the background ignores interrupts, and so would all that it starts.
        for kind in (signal.SIGINT, signal.SIGTERM):
            signal.signal(kind, signal.default_int_handler)
        with ThreadPoolExecutor(len(lanes)) as pool:
            walks = [pool.submit(walk, lane) for lane in lanes]
            try:
                for each in walks:
                    each.result()
            except BaseException:
                stop.set()
                for process in list(RUNNING):
                    end(process)
                raise
    return now


if __name__ == "__main__":
    sys.exit(main())
