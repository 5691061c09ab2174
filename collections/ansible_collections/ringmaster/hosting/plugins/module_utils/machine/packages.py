# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Install Debian packages: ask dpkg what is there, and start apt only when something is missing."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Sequence
from pathlib import Path

RUNTIME_UNITS = Path("/run/systemd/system")
LISTS = Path("/var/lib/apt/lists")
LOCK_SECONDS = 300
# Configuration that somebody changed stays; nothing is asked; another apt at work is waited for.
OPTIONS = (
    "-o=Dpkg::Options::=--force-confdef",
    "-o=Dpkg::Options::=--force-confold",
    f"-o=DPkg::Lock::Timeout={LOCK_SECONDS}",
)
ENVIRONMENT = {"DEBIAN_FRONTEND": "noninteractive", "NEEDRESTART_SUSPEND": "1", "LC_ALL": "C.UTF-8"}

HELD_BACK = ("find", str(RUNTIME_UNITS), "-maxdepth", "1", "-lname", os.devnull, "-printf", r"held %f\n")
"""The command that lists units that are masked until the next boot."""

_UNKNOWN = re.compile(r"Unable to locate package (\S+)|Package '?(\S+?)'? has no installation candidate")

Run = Callable[[Sequence[str]], tuple[int, str, str]]


class PackageError(Exception):
    """apt could not install, or must not; the text says which packages and what apt said, or why not."""


def listing(names: Sequence[str]) -> list[str]:
    """Return the command that says of packages what they are; its code is 1 when one of them is unknown."""
    return ["dpkg-query", "--show", r"--showformat=${db:Status-Status} ${Package}\n", "--", *names]


def absent(listed: str, names: Sequence[str]) -> list[str]:
    """Return the packages that are not installed, in the order asked for, from what ``listing`` printed."""
    installed = {line.removeprefix("installed ") for line in listed.splitlines() if line.startswith("installed ")}
    return [name for name in dict.fromkeys(names) if name not in installed]


def missing(run: Run, names: Sequence[str]) -> list[str]:
    """Return the packages that are not installed, in the order asked for."""
    _code, out, _err = run(listing(names))
    return absent(out, names)


def refuse_beside(run: Run, unit: str, data: Path, remedy: str, unless: Path | None = None) -> None:
    """Raise PackageError while a service runs, or has data, in whose place another one would come.

    ``unit`` and ``data`` may be patterns. Nothing is refused while there is ``unless``, which the other one has.
    """
    if unless and unless.exists():
        return
    _code, states, _err = run(["systemctl", "is-active", "--", unit])
    folders = sorted(Path("/").glob(str(data.relative_to("/"))))
    holding = [str(folder) for folder in folders if folder.is_dir() and any(folder.iterdir())]
    found = []
    if any(state not in ("inactive", "failed", "unknown") for state in states.split()):
        found.append(f"{unit} runs on this machine")
    if holding:
        found.append(f"{' and '.join(holding)} {'holds' if len(holding) == 1 else 'hold'} data")
    if found:
        raise PackageError(f"{' and '.join(found)}, so nothing was changed: {remedy}")


def lists_are_older_than(seconds: float, folder: Path = LISTS, now: float | None = None) -> bool:
    """Whether apt's lists are missing or were fetched longer ago."""
    times = [path.stat().st_mtime for path in folder.glob("*_Packages*")]
    if not times:
        return True
    # The folder changes with every update; a list keeps the time its archive gave it.
    return (time.time() if now is None else now) - folder.stat().st_mtime > seconds


def held_back(units: Sequence[str], folder: Path = RUNTIME_UNITS) -> list[str]:
    """Return the units that are masked until the next boot, by us or by a run of ours that was killed."""
    return [unit for unit in units if os.path.realpath(folder / unit) == os.devnull]


def hold_back(run: Run, units: Sequence[str], *, hold: bool) -> None:
    """Keep units from being started, or let them be started again. Raises PackageError."""
    if units:
        words = ["systemctl", "mask" if hold else "unmask", "--runtime", "--quiet", "--", *units]
        code, out, err = run(words)
        if code:
            raise PackageError(f"{' '.join(words)}: {tail(err or out)}")


def install(run: Run, names: Sequence[str], *, recommends: bool, update: bool, extra: Sequence[str] = ()) -> None:
    """Install the packages; ``extra`` are further options of apt. Raises PackageError."""
    words = [f"--{'' if recommends else 'no-'}install-recommends", *extra, "--", *names]
    incomplete = fetch_lists(run) if update else ""
    code, out, err = run(["apt-get", "-qq", "-y", *OPTIONS, "install", *words])
    if code and not update:
        # The lists may name versions that the archive no longer has.
        install(run, names, recommends=recommends, update=True, extra=extra)
    elif code:
        raise refused(names, err + out, incomplete)


def refused(names: Sequence[str], said: str, incomplete: str = "") -> PackageError:
    """Return the error for what apt said of packages; ``incomplete`` is what it could not fetch of its lists."""
    unknown = sorted({found[1] or found[2] for found in _UNKNOWN.finditer(said)})
    if unknown and not incomplete:
        has = "no apt source of this machine has"
        return PackageError(f"{has} {', '.join(unknown)}, so nothing was installed: add one that has, or ask for less")
    before = f"apt-get update could not fetch everything: {incomplete}. Therefore " if incomplete else ""
    return PackageError(f"{before}apt-get install {' '.join(names)}: {tail(said)}")


def fetch_lists(run: Run) -> str:
    """Fetch apt's lists, and return what apt could not fetch, in its words: it ends well all the same.

    Their lock is one that apt does not wait for by itself.
    """
    end = time.monotonic() + LOCK_SECONDS
    while True:
        code, out, err = run(["apt-get", "-qq", *OPTIONS, "update"])
        if not code:
            return tail("\n".join(line for line in err.splitlines() if line.startswith("W: Failed")))
        if f"{LISTS}/lock" not in err or time.monotonic() > end:
            raise PackageError(f"apt-get update: {tail(err or out)}")
        time.sleep(1)


def tail(text: str) -> str:
    """Return the last lines of what a program said, in one."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return " ".join(lines[-5:])
