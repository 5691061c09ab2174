# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From a folder to the steward's repository: at first all of it, afterwards what was changed in the folder since.

What requests have written meanwhile stays. Where both changed the same lines, nothing is taken, and the files are
named: there is one truth, which is the repository, and no edit of anybody is lost on the way there. The ledger is taken
once; from then on the steward's is the only one.
"""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path

from ..platform import git, operations
from ..platform.language.errors import DescriptionError
from ..platform.model import Options

BRANCH = "refs/heads/main"
SEEDED = "refs/ringmaster/seeded"
"""The folder as it was taken last."""
EXCLUDED = (":(exclude)secrets", ":(exclude)known_hosts")
"""What is no part of a description that others read."""


class SeedError(Exception):
    """The folder cannot be taken: why, and what to do."""


def seed(options: Options, repository: Path) -> str:
    """Bring the description's folder into a bare repository, and say what was done, if anything; raises SeedError."""
    folder = options.source.parent
    if not (repository / "HEAD").exists():
        repository.mkdir(mode=0o700, parents=True, exist_ok=True)
        _git(repository, "init", "--quiet", "--bare", "--initial-branch=main", str(repository))
    head, base = (_known(repository, name) for name in (BRANCH, SEEDED))
    tree = _tree(options, repository, base or head)
    if not head:
        first = _commit(repository, tree, f"Begin with {folder.name}")
        _valid(options, repository, first)
        _move(repository, {BRANCH: (first, ""), SEEDED: (first, "")})
        return f"the repository begins with what is in {folder}"
    if not base:
        raise SeedError(f"{repository} was not begun from a folder: clone it, change it there, and push")
    if tree == _git(repository, "rev-parse", f"{base}^{{tree}}"):
        return ""
    own = _commit(repository, tree, f"Change {folder.name}", base)
    merged = git.run(["-C", str(repository), "merge-tree", "--write-tree", "--name-only", "--no-messages", head, own])
    first_line, *others = merged.stdout.splitlines() or [""]
    if merged.returncode == 1:
        names = ", ".join(sorted(filter(None, others)))
        raise SeedError(
            f"{names}: changed in {folder}, and by requests since the folder was taken last. Nothing was taken: bring"
            f" the folder to what git -C {repository} show main:<file> says, change that, and run this again"
        )
    if merged.returncode != 0:
        raise SeedError(f"{repository}: {git.said(merged.stderr)}")
    taken = _commit(repository, first_line, f"Take what was changed in {folder.name}", head, own)
    _valid(options, repository, taken)
    _move(repository, {BRANCH: (taken, head), SEEDED: (own, base)})
    return f"what was changed in {folder} is in the repository"


def _tree(options: Options, repository: Path, before: str) -> str:
    """Write the folder as a tree; with the ledger of the commit before, where there is one."""
    folder = options.source.parent
    inside = ["--git-dir", str(repository), "--work-tree", str(folder)]
    steps = [["read-tree", "--empty"], ["-C", str(folder), *inside, "add", "--all", "--force", "--", ".", *EXCLUDED]]
    ledger = options.ledger.name
    if before:
        found = git.run(["-C", str(repository), "ls-tree", before, "--", ledger]).stdout.split()
        steps.append(["rm", "--quiet", "--cached", "--ignore-unmatch", "--", ledger])
        if len(found) == 4:
            steps.append(["update-index", "--add", "--cacheinfo", f"{found[0]},{found[2]},{ledger}"])
    for words in steps:
        done = git.run(words if words[0] == "-C" else ["-C", str(folder), *inside, *words])
        if done.returncode != 0:
            raise SeedError(f"{folder} cannot be read: {git.said(done.stderr)}")
    return _git(repository, "write-tree")


def _valid(options: Options, repository: Path, commit: str) -> None:
    """Raise SeedError for a description with mistakes: requests would wait for ever."""
    with tempfile.TemporaryDirectory(prefix="ringmaster-") as place:
        inside = ["--git-dir", str(repository), "--work-tree", place]
        done = git.run([*inside, "-C", place, "checkout", "--quiet", "--force", commit, "--", "."])
        if done.returncode != 0:
            raise SeedError(f"{repository}: {git.said(done.stderr)}")
        ledger = Path(place) / options.ledger.name
        try:
            found = operations.validate(
                replace(options, source=Path(place) / options.source.name, ledger=ledger, repository="")
            )
        except DescriptionError as error:
            raise SeedError(str(error)) from None
    if found.mistakes:
        raise SeedError("; ".join(mistake.sentence() for mistake in found.mistakes[:10]))


def _commit(repository: Path, tree: str, message: str, *parents: str) -> str:
    words = [word for one in parents for word in ("-p", one)]
    return _git(repository, "commit-tree", tree, *words, "-m", message)


def _move(repository: Path, moves: dict[str, tuple[str, str]]) -> None:
    """Move references, unless somebody else has moved them since."""
    for name, (to, since) in moves.items():
        done = git.run(["-C", str(repository), "update-ref", name, to, since or "0" * 40])
        if done.returncode != 0:
            raise SeedError(f"{repository}: somebody was quicker; run this again")


def _known(repository: Path, name: str) -> str:
    done = git.run(["-C", str(repository), "rev-parse", "--verify", "--quiet", name])
    return done.stdout.strip() if done.returncode == 0 else ""


def _git(repository: Path, *words: str) -> str:
    done = git.run(["-C", str(repository), *words])
    if done.returncode != 0:
        raise SeedError(f"{repository}: {git.said(done.stderr)}")
    return done.stdout.strip()
