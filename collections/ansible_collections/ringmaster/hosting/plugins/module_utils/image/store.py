# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where finished builds lie: named by digest, described by a JSON file, made under a lock.

A result is ``<folder>/<name>-<digest12><suffix>`` with ``<name>-<digest12>.json`` beside it. The JSON is
written last, so a result without it is a leftover and is removed by the next build.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ansible_collections.ringmaster.hosting.plugins.module_utils.image.errors import ImageError

PARTIAL = ".partial"


@dataclass(frozen=True)
class Shelf:
    """All results of one name in one folder."""

    folder: Path
    name: str
    suffix: str = ""

    def result(self, digest: str) -> Path:
        """Return the path of the result with this digest."""
        return self.folder / f"{self.name}-{digest[:12]}{self.suffix}"

    def record(self, digest: str) -> Path:
        """Return the path of the JSON file beside it."""
        return self.folder / f"{self.name}-{digest[:12]}.json"

    @property
    def partial(self) -> Path:
        """Folder of the build under way."""
        return self.folder / f"{self.name}{PARTIAL}"

    def records(self) -> list[dict[str, Any]]:
        """Return the descriptions of all finished results, newest first."""
        found = []
        for file in self.folder.glob(f"{self.name}-????????????.json"):
            try:
                record = json.loads(file.read_text(encoding="utf-8"))
                finished = self.result(record["digest"])
                built = float(record["built"])
            except (OSError, ValueError, KeyError, TypeError):
                continue
            if finished.exists():
                found.append((built, {**record, "path": str(finished)}))
        return [record for _built, record in sorted(found, key=lambda item: -item[0])]

    def newest(self, inputs: str) -> dict[str, Any] | None:
        """Return the newest finished result made from these inputs."""
        return next((record for record in self.records() if record.get("inputs") == inputs), None)

    @contextmanager
    def locked(self) -> Iterator[int]:
        """Hold the lock of this name; waits while another build runs. Yields the descriptor for children.

        Children inherit it: the lock of a build that was killed is held until its last process has ended.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / f"{self.name}.lock").open("w", encoding="utf-8") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield file.fileno()

    def sweep(self) -> list[str]:
        """Remove what a killed build left behind; only under the lock. Returns the removed paths."""
        leftovers = [self.partial] if self.partial.exists() else []
        for path in self.folder.glob(f"{self.name}-????????????{self.suffix}"):
            if path.suffix != ".json" and not self.record(path.name[len(self.name) + 1 :][:12]).exists():
                leftovers.append(path)
        for path in leftovers:
            remove(path)
        return [str(path) for path in leftovers]

    def publish(self, made: Path, digest: str, record: dict[str, Any]) -> dict[str, Any]:
        """Move ``made`` to its final name, then write its description. Returns the description."""
        final, file = self.result(digest), self.record(digest)
        file.unlink(missing_ok=True)
        if final.exists():
            remove(final)
        made.rename(final)
        temporary = file.with_suffix(".json.new")
        temporary.write_text(
            json.dumps({**record, "digest": digest}, indent=1, sort_keys=True) + "\n", encoding="utf-8"
        )
        temporary.rename(file)
        return {**record, "digest": digest, "path": str(final)}

    def prune(self, keep: int) -> list[str]:
        """Remove all but the newest ``keep`` results. Returns the removed paths."""
        removed = []
        for record in self.records()[keep:]:
            self.record(record["digest"]).unlink(missing_ok=True)
            remove(Path(record["path"]))
            removed.append(record["path"])
        return removed


def remove(path: Path) -> None:
    """Remove a file or a whole tree, but never look into something mounted there.

    Raises ImageError where a file system is mounted inside.
    """
    if path.is_symlink() or path.is_file():
        path.unlink()
        return
    real = os.path.realpath(path)
    for line in Path("/proc/self/mountinfo").read_text(encoding="utf-8").splitlines():
        point = line.split()[4]
        if point == real or point.startswith(real + "/"):
            raise ImageError(f"{path} cannot be removed: {point} is mounted inside. Run: umount -R {point}")
    shutil.rmtree(path)


def require_space(folder: Path, mib: int) -> None:
    """Raise ImageError unless ``folder`` (or its nearest parent) has ``mib`` MiB free."""
    there = next(p for p in (folder, *folder.parents) if p.exists())
    free = shutil.disk_usage(there).free // 2**20
    if free < mib:
        raise ImageError(
            f"Not enough disk space in {folder}: {free} MiB free, the build needs {mib} MiB. "
            "Free some space, or choose another folder."
        )


def require_root(what: str) -> None:
    """Raise ImageError unless run as root."""
    if os.geteuid() != 0:
        raise ImageError(f"{what} needs root: it installs packages into a folder. Run it as root or with become.")


def require_programs(programs: dict[str, str]) -> None:
    """Raise ImageError naming all missing programs. ``programs``: program -> Debian package."""
    path = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
    missing = {package for program, package in programs.items() if not shutil.which(program, path=path)}
    if missing:
        names = " ".join(sorted(missing))
        raise ImageError(f"Programs are missing on this machine. Run: apt-get install {names}")


def run(argv: list[str], lock: int, log: Path, *, what: str = "", stdin_text: str = "") -> None:
    """Run a program with its output going to ``log``; it inherits the descriptor of the lock.

    Raises ImageError with the last lines of what it said.
    """
    env = {**os.environ, "LC_ALL": "C.UTF-8", "DEBIAN_FRONTEND": "noninteractive"}
    env["PATH"] = env.get("PATH", "/usr/bin:/bin") + ":/usr/sbin:/sbin"
    with log.open("ab") as file:
        start = file.tell()
        done = subprocess.run(
            argv,
            input=stdin_text.encode(),
            stdout=file,
            stderr=subprocess.STDOUT,
            check=False,
            pass_fds=(lock,),
            env=env,
        )
    if done.returncode != 0:
        with log.open("rb") as file:
            file.seek(start)
            said = file.read().decode(errors="replace")
        raise ImageError(f"{explain(said, what or argv[0], done.returncode)}\nWhole log: {log}")


HINTS = (
    (r"No space left on device", "The disk is full. Free some space, or choose another folder."),
    (
        r"Unable to locate package (\S+)|Package '?(\S+?)'? has no installation candidate",
        "The release has no package {0}. Check the list of packages.",
    ),
    (
        r"NO_PUBKEY|is not signed|The following signatures",
        "The signature of a package source cannot be checked. Upgrade the package debian-archive-keyring of "
        "this machine, or name the right key with Signed-By.",
    ),
    (
        r"Failed to fetch (\S+)|Temporary failure resolving '?([^']+)'?",
        "A package source cannot be read: {0}. Check the network, apt's proxy and this machine's sources.",
    ),
)


def explain(said: str, what: str, status: int) -> str:
    """Return what went wrong and what to do, with the last lines of what the program said."""
    lines = [line for line in said.strip().splitlines() if not line.startswith("I:")]
    errors = [line for line in lines[:-15] if line.startswith(("E:", "W:", "dpkg: error"))][-5:]
    quoted = "\n".join([*errors, *lines[-15:]])
    for pattern, hint in HINTS:
        match = re.search(pattern, said)
        if match:
            found = next((group for group in match.groups() if group), "")
            return f"{hint.format(found)} ({what} failed with status {status}.) It said:\n{quoted}"
    return f"{what} failed with status {status}. It said:\n{quoted}"
