# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What stood in the description of the commit before: a rule that came later is an error for new values only.

A platform that runs has its values, and a new version of Ringmaster must not stop it for them. So a mistake that is
noted as ``eased`` becomes a warning when the same mistake is found in the description of the commit before. That is
the last commit while the folder has changes that are in none, and else the one before the last that changed the
folder (or that last one, when there is no other). Without a repository every value is new.
"""

from __future__ import annotations

import re
import subprocess
import tempfile
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path, PurePosixPath

from .git import SAFE
from .language.errors import Mistake
from .model import Description, Options

_FILES = ("100644", "100755")
_PLACES = re.compile(r"\[[0-9]+\]|\.[0-9]+(?=[.:\s])")
"""Places in lists, which move when something is put before them."""


def settle(found: Description, read: Callable[[Options], Description], *, proposed: bool) -> None:
    """Make warnings of eased mistakes that stood before.

    ``read`` reads the description of other options; ``proposed`` says that files are not yet as they were read.
    """
    if not any(mistake.eased for source in found.sources.values() for mistake in source.mistakes):
        return
    folder = found.options.source.parent
    revision = _before(folder, proposed=proposed)
    if not revision:
        return
    with tempfile.TemporaryDirectory(prefix="ringmaster-") as place:
        if not _export(folder, revision, Path(place)):
            return
        earlier = read(_inside(found.options, Path(place)))
    stood = Counter(
        _key(name, mistake) for name, source in earlier.sources.items() for mistake in source.mistakes if mistake.eased
    )
    for name, source in found.sources.items():
        kept: list[Mistake] = []
        for mistake in source.mistakes:
            if mistake.stood:
                (found.warnings if mistake.stood(earlier) else kept).append(mistake)
            elif mistake.eased and stood[_key(name, mistake)] > 0:
                stood[_key(name, mistake)] -= 1
                found.warnings.append(mistake)
            else:
                kept.append(mistake)
        source.mistakes[:] = kept


def _key(name: str, mistake: Mistake) -> tuple[str, str, str]:
    return name, _PLACES.sub("", mistake.message), mistake.found


def _inside(options: Options, place: Path) -> Options:
    try:
        ledger = place / options.ledger.relative_to(options.source.parent)
    except ValueError:
        ledger = options.ledger
    return replace(options, source=place / options.source.name, ledger=ledger, repository="")


def at(options: Options, revision: str, place: Path) -> Options | None:
    """Write the description of a branch or commit into an empty folder; return its options, None where git has none."""
    if revision.startswith("-") or not revision.isprintable():
        return None
    return _inside(options, place) if _export(options.source.parent, revision, place) else None


def _before(folder: Path, *, proposed: bool) -> str:
    """Return the commit to compare with; empty without one."""
    changed = _git(folder, "status", "--porcelain", "--", ".")
    commits = _git(folder, "log", "-2", "--format=%H", "--", ".")
    if changed is None or not commits:
        return ""
    newest_first = commits.decode().split()
    return newest_first[0 if proposed or changed.strip() else -1]


def _export(folder: Path, revision: str, place: Path) -> bool:
    """Write the folder's files as they were, without anything that git would run for them."""
    listed = _git(folder, "ls-tree", "-r", "-z", revision, "--", ".")
    entries = []
    for line in (listed or b"").split(b"\0"):
        head, _tab, name = line.partition(b"\t")
        words = head.decode().split()
        if len(words) == 3 and words[0] in _FILES and not _leaves(name.decode(errors="replace")):
            entries.append((words[2], name.decode(errors="replace")))
    if not entries:
        return False
    wanted = "".join(f"{digest}\n" for digest, _name in entries).encode()
    answer = _git(folder, "cat-file", "--batch", said=wanted)
    at = 0
    if answer is None:
        return False
    for _digest, file in entries:
        end = answer.index(b"\n", at)
        size = int(answer[at:end].split()[2])
        path = place / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(answer[end + 1 : end + 1 + size])
        at = end + 1 + size + 1
    return True


def committed(path: Path) -> str | None:
    """Return a file as the last commit has it; None when it has none."""
    raw = _git(path.parent, "show", f"HEAD:./{path.name}")
    return None if raw is None else raw.decode("utf-8", "replace")


def commit(folder: Path) -> str:
    """Return the commit that a folder's files stand at, with ``+`` where they differ from it; nothing without one."""
    head = (_git(folder, "rev-parse", "--verify", "--quiet", "--short=12", "HEAD") or b"").decode().strip()
    return head + ("+" if head and _git(folder, "status", "--porcelain", "--", ".") else "")


def _leaves(name: str) -> bool:
    path = PurePosixPath(name)
    return path.is_absolute() or ".." in path.parts


def _git(folder: Path, *arguments: str, said: bytes | None = None) -> bytes | None:
    """Return what git says; None when it fails, or is not there."""
    try:
        argv = ["git", *(word for option in SAFE for word in ("-c", option)), "-C", str(folder), *arguments]
        done = subprocess.run(argv, input=said, capture_output=True, check=False)
    except OSError:
        return None
    return done.stdout if done.returncode == 0 else None
