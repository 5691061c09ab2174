#!/usr/bin/env -S .venv/bin/python
# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How long it takes from a request to its commit in the steward's repository, and what the idle steward weighs.

``tests/bench/bench_steward.py [REQUESTS]``: requests one after the other, each signed by a passkey, each a commit that
is pushed. The goals are 1 s at the 95th percentile, and 80 MiB.
"""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "collections"), str(ROOT / "tests/unit"), str(ROOT / "tests/unit/steward")]

import askers  # noqa: E402
from desks import NAMES, Steward, git  # noqa: E402

PROGRAM = "ansible_collections.ringmaster.hosting.plugins.module_utils.steward.program"


def repository(folder: Path, people: list[askers.Asker]) -> Path:
    """Make a platform in a repository, and return the source in a checkout of it."""
    (folder / "roles").mkdir()
    source = askers.settle(folder / "platform", folder / "roles", people)
    source.write_text(f"plugin: ringmaster.hosting.platform\ndescription_repo: {folder / 'bare.git'}\n")
    (source.parent / ".gitignore").write_text("known_hosts\n")
    git(folder, "init", "-q", "--bare", "-b", "main", "bare.git")
    git(source.parent, "init", "-q", "-b", "main")
    git(source.parent, "add", "-A")
    git(source.parent, "commit", "-qm", "Begin")
    git(source.parent, "push", "-q", str(folder / "bare.git"), "HEAD:main")
    git(folder, "clone", "-q", "bare.git", "checkout")
    return folder / "checkout" / source.name


def resident(source: Path, folder: Path) -> float:
    """Return the MiB that the program has in memory, some seconds after it began with a queue that is away."""
    given = {"queue": "https://127.0.0.1:9", "host": askers.HOST, "source": str(source), "state": str(folder / "idle")}
    mail = {"server": "127.0.0.1", "port": 9, "sender": "notices@x.example", "authority": ""}
    file = folder / "steward.json"
    file.write_text(json.dumps({**given, "playbooks": str(ROOT / "playbooks"), "mail": mail}))
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "collections")}
    with subprocess.Popen(
        [sys.executable, "-m", PROGRAM, str(file)], env=environment, stderr=subprocess.DEVNULL
    ) as one:
        time.sleep(15)
        status = Path(f"/proc/{one.pid}/status").read_text()
        one.terminate()
    return int(status.partition("VmRSS:")[2].split()[0]) / 1024


def main() -> None:
    """Measure, and print a line for each figure."""
    number = int(sys.argv[1]) if len(sys.argv) > 1 else 100
    folder = Path(tempfile.mkdtemp(prefix="bench-steward-"))
    os.environ["XDG_CACHE_HOME"] = str(folder / "cache")
    try:
        people = {name: askers.Asker(name) for name in NAMES}
        source = repository(folder, list(people.values()))
        steward = Steward(folder, source, folder / "roles")
        seconds = []
        for n in range(number):
            body = people["mara"].signed(("change_project", {"project": "shop", "description": f"The {n}th"}))
            begun = time.perf_counter()
            entry = steward.ask(body)
            seconds.append(time.perf_counter() - begun)
            assert entry.commit, entry
        steward.journal.close()
        steward.used.close()
        p95 = statistics.quantiles(seconds, n=20)[-1]
        print(f"request to commit: median {statistics.median(seconds):.2f} s, p95 {p95:.2f} s of {number}")
        print(f"the idle steward: {resident(source, folder):.0f} MiB")
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
