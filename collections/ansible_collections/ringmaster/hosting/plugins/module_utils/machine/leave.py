# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Take a component away from a machine: a last dump, then its services, checks, backup entry and credentials.

Its data and its configuration stay where they are. Standard library only: this runs on targets.
"""

from __future__ import annotations

import contextlib
import ipaddress
import json
import shutil
import socket
import struct
import subprocess
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

COMMAND = "/usr/bin/ringmaster"
WANTED = "etc/ringmaster/certificates/wanted"
UNITS = "etc/systemd/system"
CONNECTIONS = ("proc/net/tcp", "proc/net/tcp6")
ESTABLISHED = "01"


class LeaveError(Exception):
    """It cannot go now; the text says why, and what to do. Nothing was changed."""


def run(words: Sequence[str]) -> tuple[int, str]:
    """Run a program; return its exit code and what it says."""
    done = subprocess.run(words, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    return done.returncode, done.stdout + done.stderr


@dataclass
class Leaving:
    """A component on its way out. ``asked`` is what components/leaving.py says of it; ``root`` is for tests.

    ``steps`` are what was done, or in check mode would be; ``kept`` the paths that stay.
    """

    name: str
    asked: Mapping[str, Any]
    check: bool = False
    in_use: bool = False
    root: Path = Path("/")
    run: Callable[[Sequence[str]], tuple[int, str]] = run
    steps: list[str] = field(default_factory=list)
    stopped: list[str] = field(default_factory=list)

    def leave(self) -> None:
        """Do everything. Raises LeaveError; what was begun is gone on with by the next run."""
        units, files = self._units(self.asked["units"]), self._files(self.asked["files"])
        wanted = self._wanted()
        if not (units or files or wanted):
            return
        if not self.in_use:
            self._refuse_while_used()
        self._dump()
        self._stop(units)
        self._remove([*files, *wanted])
        for shared in self.asked["shared"]:
            self._leave_shared(shared, files)
        if not self.check:
            self._systemctl("daemon-reload", quiet=True)
            for unit in self.stopped:
                # What ends with an error, or did so before, would be shown as a failed unit for ever.
                self.run(["systemctl", "reset-failed", unit])

    @property
    def kept(self) -> list[str]:
        """The paths with data that are there."""
        found = [*self.asked["data"], *([self.asked["dump"]] if self.asked["dump"] else [])]
        return [path for path in found if self._place(path).exists()]

    def _place(self, path: str) -> Path:
        return self.root / path.lstrip("/")

    def _files(self, patterns: Iterable[str]) -> list[str]:
        """Return what is there of paths and patterns."""
        found = {str(path) for one in patterns for path in self.root.glob(one.lstrip("/"))}
        return ["/" + str(Path(path).relative_to(self.root)) for path in sorted(found)]

    def _units(self, patterns: Iterable[str]) -> list[str]:
        """Return the units that run or are enabled, by names in which a star may stand."""
        found: dict[str, None] = {}
        for pattern in patterns:
            _code, listed = self.run(["systemctl", "list-units", "--all", "--plain", "--no-legend", "--full", pattern])
            names = [line.split()[0] for line in listed.splitlines() if line.split()]
            names += sorted({path.name for path in (self.root / UNITS).glob(f"*.wants/{pattern}")})
            for name in dict.fromkeys(names):
                is_active = self._says("is-active", name) in ("active", "activating", "reloading")
                if is_active or self._says("is-enabled", name) in ("enabled", "enabled-runtime"):
                    found[name] = None
        return list(found)

    def _says(self, question: str, unit: str) -> str:
        _code, answer = self.run(["systemctl", question, unit])
        return answer.strip().splitlines()[0] if answer.strip() else ""

    def _wanted(self) -> list[str]:
        """Return the files that ask for certificates of the component: they are neither renewed nor checked then."""
        names = list(self.asked["certificates"])
        if self.asked["site"]:
            with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
                names += json.loads(self._place(self.asked["site"]).read_text(encoding="utf-8"))["names"]
        return [f"/{WANTED}/{name}.json" for name in names if (self.root / WANTED / f"{name}.json").is_file()]

    def _refuse_while_used(self) -> None:
        used = Counter(
            f"{self.asked['neighbours'][address]} (port {port})"
            for address, port in self._connections()
            if address in self.asked["neighbours"] and port in self.asked["ports"]
        )
        if used:
            who = ", ".join(f"{one}: {number}" for one, number in sorted(used.items()))
            raise LeaveError(
                f"{self.asked['title']} is in use; connections from {who}. Stop what uses it there, or run the "
                "playbook with -e leave_in_use=true. Nothing was changed"
            )

    def _connections(self) -> Iterator[tuple[str, int]]:
        """Yield (address of the other side, own port) of each established TCP connection."""
        for name in CONNECTIONS:
            try:
                lines = (self.root / name).read_text(encoding="ascii").splitlines()[1:]
            except OSError:
                continue
            for words in map(str.split, lines):
                if words[3] == ESTABLISHED:
                    yield _address(words[2].partition(":")[0]), int(words[1].partition(":")[2], 16)

    def _dump(self) -> None:
        """Make a last dump; it waits for one that runs. A component that does not run has its last one already."""
        folder = self.asked["dump"]
        if not folder:
            return
        entry = f"/etc/ringmaster/backup.d/{self.name}.json"
        if not self._place(entry).exists():
            return
        if not any(self._says("is-active", unit) == "active" for unit in self._units(self.asked["daemons"])):
            self.steps.append(f"make no last dump: {self.asked['title']} does not run; data stay as they are")
            return
        self.steps.append(f"dump to {folder}")
        failed = f"the last dump of {self.asked['title']} failed, so it stays"
        self._must([COMMAND, self.name, "dump", folder], failed)

    def _stop(self, units: Iterable[str]) -> None:
        for unit in units:
            self._systemctl("disable", "--now", unit)
            self.stopped.append(unit)

    def _systemctl(self, *words: str, quiet: bool = False) -> None:
        if not quiet:
            self.steps.append(" ".join(words))
        self._must(["systemctl", *words], f"systemctl {' '.join(words)}")

    def _must(self, words: Sequence[str], failed: str) -> None:
        """Run a program, but not in check mode. Raises LeaveError with what failed and what the program said."""
        if self.check:
            return
        code, said = self.run(words)
        if code:
            raise LeaveError(f"{failed}: {said.strip()}")

    def _remove(self, paths: Iterable[str]) -> None:
        """Remove files, and whole folders of ours; all of them lie in folders that root alone can write."""
        for path in paths:
            self.steps.append(f"remove {path}")
            place = self._place(path)
            if self.check:
                continue
            if place.is_dir() and not place.is_symlink():
                shutil.rmtree(place)
            else:
                place.unlink(missing_ok=True)

    def _leave_shared(self, shared: Mapping[str, Any], going: Iterable[str]) -> None:
        """Take away what others used as well, or bring it to what is left for them."""
        if [path for path in self._files([shared["users"]]) if path not in going]:
            self._must([COMMAND, shared["name"], "converge"], shared["name"])
            return
        self._stop(self._units(shared["units"]))
        self._remove(self._files(shared["files"]))


def _address(digits: str) -> str:
    """Return an address as people write it, of the kernel's hexadecimal words; IPv4 in IPv6 is IPv4."""
    words = [int(digits[start : start + 8], 16) for start in range(0, len(digits), 8)]
    packed = struct.pack(f"={len(words)}I", *words)
    if len(packed) == 4:
        return socket.inet_ntop(socket.AF_INET, packed)
    address = ipaddress.IPv6Address(packed)
    return str(address.ipv4_mapped or address)
