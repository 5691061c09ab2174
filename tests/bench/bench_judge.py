#!/usr/bin/env -S .venv/bin/python
# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What it costs the backup machine to judge what arrived, beside the pruning that it guards.

``tests/bench/bench_judge.py [MIB]`` makes a repository on this machine, half of the data random and half text, in ten
backups, of which all but three are beyond the retention. The time is that of the maintenance, as the server does it.
"""

from __future__ import annotations

import os
import random
import shutil
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "roles/machine/files/python"), str(ROOT / "tests/integration/backup")]

import debian  # noqa: E402
from ringmaster.backup_server import judge, passwords, process, prune, state  # noqa: E402
from ringmaster.backup_server.repositories import Repository  # noqa: E402
from ringmaster.backup_server.view import view  # noqa: E402

SIZE_MIB = 4096
BACKUPS = 10
KEPT = 3


def fill(home: Path, mib: int) -> None:
    """Write files of 2 MiB: half of them random, half of words."""
    words = [b"%x" % (number * 2654435761 % 2**32) for number in range(5000)]
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir()
    for number in range(mib // 2):
        text = b" ".join(random.choices(words, k=(2 << 20) // 8)) if number % 2 else os.urandom(2 << 20)
        (home / str(number)).write_bytes(text)


def main() -> None:
    """Print a table."""
    mib = int(sys.argv[1]) if len(sys.argv) > 1 else SIZE_MIB
    place = Path(tempfile.mkdtemp(prefix="ringmaster-judge-", dir="/var/tmp"))
    try:
        place.chmod(0o755)
        shutil.copytree(debian.programs(), place / "bin")
        begin = process.begin
        process.begin = lambda argv, *more, **named: begin([f"{place}/bin/{argv[0]}", *argv[1:]], *more, **named)
        process.USER = "nobody"
        for module, name in ((state, "STATE"), (judge, "LEDGERS"), (passwords, "KNOWN")):
            setattr(module, name, place / name.lower())
        folder = place / "repositories"
        folder.mkdir()
        shutil.chown(folder, "nobody", "nogroup")
        repository = Repository("vm0", folder / "vm0", "secret", memory=4096)
        repository.restic("init", "-q")
        for _backup in range(BACKUPS):
            fill(place / "home", mib // BACKUPS)
            repository.restic("backup", "-q", str(place / "home"), seconds=3600)
        key = passwords.key_of(repository)
        held = sum(status.st_size for status in repository.files("data").values()) / (1 << 20)
        rows = {}
        start = time.monotonic()
        verdict = judge.judge(repository, key, float("inf"), print)
        rows["judge all of it"] = time.monotonic() - start
        if not verdict.is_clean:
            raise SystemExit("the judge takes the truth for lies")
        start = time.monotonic()
        judge.judge(repository, key, float("inf"), print)
        rows["judge it again, where nothing has arrived"] = time.monotonic() - start
        for name in list(repository.files("snapshots"))[:-KEPT]:
            repository.place("snapshots", name).unlink()
        everything = {kind: repository.files(kind) for kind in ("index", "snapshots")}
        with view(repository, key, packs=repository.files("data"), **everything) as seen:
            start = time.monotonic()
            seen.restic("prune", "--max-unused", "10%", seconds=3600)
            rows["prune with restic alone"] = time.monotonic() - start
        start = time.monotonic()
        prune.prune(repository, key, float("inf"), print)
        rows["prune as the server does it"] = time.monotonic() - start
        print(f"A repository of {held:.0f} MiB\n| What | seconds | MiB/s |\n|---|---|---|")
        for what, seconds in rows.items():
            print(f"| {what} | {seconds:.1f} | {held / seconds:.0f} |")
    finally:
        shutil.rmtree(place)


if __name__ == "__main__":
    main()
