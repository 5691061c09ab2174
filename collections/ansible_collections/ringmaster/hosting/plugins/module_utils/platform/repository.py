# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A description that lives in a git repository: what is changed counts when it is pushed, and not before.

AWX runs in copies that it throws away, and several runs at once have no lock in common but the branch itself. Every
attempt begins with what the branch is now, and a rejected push means that somebody was quicker: read and allocate
again. The work is done in a clone in the cache of whoever runs it, which is brought to the branch's state before and
holds nothing else that counts; runs on one machine wait for each other there, so that they do not race.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import random
import re
import shutil
import subprocess
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol, TypeVar

from . import git
from .language.errors import DescriptionError, Mistake, printable
from .language.files import read_text, write_atomically
from .language.load import display
from .ledger import locked
from .model import Options

PATIENCE = 300.0
"""Seconds for which a push is tried again while others are quicker."""
LOOSE = 2000
"""Objects of git in the clone before they are packed."""
_SEEN = "refs/ringmaster/seen"
_WAS_QUICKER = re.compile(r"rejected|fetch first|non-fast-forward|cannot lock ref|failed to update ref")


TRAILER = re.compile(r"[A-Z][A-Za-z-]{0,39}")
OWN_TRAILER = "Ringmaster-Run"
REQUEST = "Request"
"""The trailer by which a change is known that was asked for before, and is not done once more."""


class _Outcome(Protocol):
    """What an operation returns: path, before and after of each file, what is new in the ledger, commits around it."""

    files: list[dict[str, str]]
    allocated: list[str]
    warnings: list[str]
    parent: str
    commit: str


@dataclass(frozen=True)
class Credit:
    """Who is named in a commit: the author, and trailers such as ``Request`` or ``Approved-By`` with their values.

    Raises ValueError for what would not be one line, or would say something else than it seems to.
    """

    name: str = ""
    email: str = ""
    trailers: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Judge all of it."""
        for what, text in (("the author's name", self.name), ("the author's mail address", self.email)):
            _one_line(what, text, "<>")
        if bool(self.name) != bool(self.email):
            raise ValueError("an author has a name and a mail address")
        for name, value in self.trailers.items():
            if not TRAILER.fullmatch(name) or name == OWN_TRAILER:
                raise ValueError(f"the trailer '{printable(name)[:60]}' must be a word such as Approved-By")
            _one_line(f"the trailer {name}", value, "")
            if not value.strip():
                raise ValueError(f"the trailer {name} has no value")


def _one_line(what: str, text: str, without: str) -> None:
    if len(text) > 200 or not text.isprintable() or any(sign in text for sign in without):
        raise ValueError(f"{what} must be one line of at most 200 characters: '{printable(text)[:60]}'")


class RepositoryError(DescriptionError):
    """The repository cannot be read or written now; the change itself may be right."""


class DoneBefore(Exception):
    """A request is in the history already: its commit, and what that commit says."""

    def __init__(self, commit: str, message: str) -> None:
        """Take the commit and its message."""
        super().__init__(f"this was done before, in {commit[:12]}")
        self.commit, self.message = commit, message


NOBODY = Credit()
"""Ringmaster itself, or whom git's own environment variables name."""


Result = TypeVar("Result", bound=_Outcome)


def carried(
    options: Options,
    work: Callable[[Options], Result],
    message: Callable[[Result], str],
    *,
    credit: Credit = NOBODY,
    dry_run: bool,
) -> Result:
    """Do `work` on the description: in place, or, with a repository, in a clone of it that is pushed.

    Afterwards the description beside the source is the one that was pushed; where it cannot follow, that is a warning,
    since the change counts. Raises DescriptionError when the repository cannot be read or written; then nothing counts.
    Raises DoneBefore for a credit whose trailer ``Request`` is in the history: whoever was cut short may ask again.
    """
    if not options.repository:
        return work(options)
    _refuse_unsaved(options)
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        with _clone(options) as (clone, branch):
            _refuse_repeated(clone, credit)
            inside = _inside(options, clone)
            result = work(inside)
            result.parent = _head(clone)
            result.files = [file for file in result.files if not _is_here_already(options, inside, file)]
            if dry_run or not result.files or _push(options, clone, branch, message(result), credit):
                if not dry_run:
                    result.commit = _head(clone)
                    result.warnings += _follow(options, clone)
                _bring_home(options, inside, result, write=not dry_run)
                return result
        # Somebody on another machine was quicker. Who comes from here waits for the clone's lock.
        time.sleep(random.uniform(0, 0.5))
    raise _error(options, f"every push was rejected for {PATIENCE:.0f} s; nothing was changed", "run it again")


@contextlib.contextmanager
def _clone(options: Options) -> Iterator[tuple[Path, str]]:
    """Hold the lock of the repository's clone; give its folder, which is as the branch is now, and the branch."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "ringmaster/repositories"
    place = cache / hashlib.sha256(_address(options).encode()).hexdigest()[:32]
    for folder in (cache, place):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with locked(place):
        shutil.rmtree(place / "mirror.git", ignore_errors=True)  # of an earlier version
        branch = options.branch or _default_branch(options)
        clone, fresh = place / "clone", place / "fresh"
        if not clone.is_dir() or _renew(options, clone, branch).returncode != 0:
            # It may be damaged, or a run was killed in it.
            shutil.rmtree(fresh, ignore_errors=True)
            git.run(["init", "--quiet", str(fresh)])
            done = _renew(options, fresh, branch)
            if done.returncode != 0:
                raise _error(options, f"cannot be cloned: {git.said(done.stderr)}", "nothing was changed")
            shutil.rmtree(clone, ignore_errors=True)
            fresh.rename(clone)
        refuse_unsigned(options, clone)
        yield clone, branch


def _address(options: Options) -> str:
    """Return the repository's address, from any working directory."""
    path = Path(options.repository)
    return str(path.resolve()) if path.is_dir() else options.repository


def _default_branch(options: Options) -> str:
    done = git.run(["ls-remote", "--symref", "--", _address(options), "HEAD"])
    if done.returncode != 0:
        raise _error(options, f"cannot be cloned: {git.said(done.stderr)}", "nothing was changed")
    found = re.match(r"ref: refs/heads/(\S+)\tHEAD", done.stdout)
    if not found:
        raise _error(options, "has no commit on its default branch", "push the description, or set description_branch")
    return found[1]


def _renew(options: Options, clone: Path, branch: str) -> subprocess.CompletedProcess[str]:
    """Make of a clone what the branch is now, and nothing else; the address is not written into it (passwords)."""
    inside = ["-C", str(clone)]
    steps = (
        ["fetch", "--quiet", "--no-tags", "--", _address(options), f"+refs/heads/{branch}:{_SEEN}"],
        ["reset", "--quiet", "--hard", _SEEN],
        ["clean", "--quiet", "-ffdx"],
    )
    for words in steps:
        done = git.run([*inside, *words])
        if done.returncode != 0:
            break
    return done


def refuse_unsigned(options: Options, folder: Path) -> None:
    """Raise DescriptionError for a commit that nobody has signed who may, where somebody has to."""
    if options.allowed_signers is None:
        return
    if not options.allowed_signers.is_file():
        raise _error(options, f"cannot be verified: there is no {options.allowed_signers}", "see allowed_signers_file")
    found = git.unsigned(folder, options.allowed_signers)
    if found:
        hint = "see what it changes; then revert it, or sign one on top of it (git commit --allow-empty -S)"
        raise _error(options, f"is not to be trusted: {found}", hint)


def _inside(options: Options, clone: Path) -> Options:
    folder = clone / options.folder
    source = folder / options.source.name
    if not source.is_file():
        raise _error(
            options,
            f"has no file {Path(options.folder) / options.source.name}",
            "description_folder names the folder of the platform in the repository",
        )
    try:
        ledger = folder / options.ledger.relative_to(options.source.parent)
    except ValueError:
        raise _error(options, f"does not hold the ledger {options.ledger}", "leave out the option ledger") from None
    return replace(options, source=source, ledger=ledger, repository="")


def _home(options: Options, inside: Options, file: dict[str, str]) -> Path:
    return options.source.parent / Path(file["path"]).relative_to(inside.source.parent)


def _is_here_already(options: Options, inside: Options, file: dict[str, str]) -> bool:
    """Tell whether a file that git ignores, and a clone lacks therefore, is here as it should be."""
    ignored = git.run(["-C", str(inside.source.parent), "check-ignore", "--quiet", file["path"]])
    here = _home(options, inside, file)
    return ignored.returncode == 0 and here.exists() and read_text(here) == file["after"]


def _refuse_repeated(clone: Path, credit: Credit) -> None:
    request = credit.trailers.get(REQUEST)
    if not request:
        return
    shown = f"--format=%H%x1f%(trailers:key={REQUEST},valueonly,separator=%x1e)%x1f%B%x00"
    said = git.run(["-C", str(clone), "log", "--fixed-strings", f"--grep={REQUEST}: {request}", shown, "HEAD"]).stdout
    for record in said.split("\0"):
        commit, requests, message = [*record.strip("\n").split("\x1f", 2), "", ""][:3]
        if request in requests.split("\x1e"):
            raise DoneBefore(commit, message)


def _head(clone: Path) -> str:
    return git.run(["-C", str(clone), "rev-parse", "HEAD"]).stdout.strip()


def _push(options: Options, clone: Path, branch: str, message: str, credit: Credit) -> bool:
    """Commit all and push it; False when somebody else was quicker."""
    _commit(options, clone, ["add", "--all"])
    staged = git.run(["-C", str(clone), "diff", "--cached", "--quiet"])
    if staged.returncode == 0:
        # Only what git ignores has changed.
        return True
    # Two runs that make the same change in the same second would make the same commit, and git would tell the second
    # one that its push has nothing to do: both would believe that the allocation is theirs.
    trailers = {**credit.trailers, OWN_TRAILER: str(uuid.uuid4())}
    # The last paragraph: git reads trailers there, and nowhere else.
    said = ["--message", message, "--message", "\n".join(f"{name}: {value}" for name, value in trailers.items())]
    _commit(options, clone, ["commit", "--quiet", "--cleanup=verbatim", *said], credit)
    done = git.run(["-C", str(clone), "push", "--quiet", "--", _address(options), f"HEAD:refs/heads/{branch}"])
    if done.returncode == 0:
        git.run(["-c", f"gc.auto={LOOSE}", "-c", "gc.autoDetach=false", "-C", str(clone), "gc", "--quiet", "--auto"])
        return True
    if _WAS_QUICKER.search(done.stderr) and "hook declined" not in done.stderr:
        return False
    raise _error(options, f"does not take the push: {git.said(done.stderr)}", "nothing was changed")


def _signing(options: Options) -> list[str]:
    """Return git's settings that sign a commit, where a key is configured."""
    if not options.signing_key:
        return []
    if not options.signing_key.is_file():
        raise _error(options, f"cannot be signed for: there is no key {options.signing_key}", "see signing_key_file")
    key = ("gpg.format=ssh", "gpg.ssh.program=ssh-keygen", "commit.gpgSign=true")
    settings = (*key, f"user.signingKey={options.signing_key}")
    return [word for setting in settings for word in ("-c", setting)]


def _refuse_unsaved(options: Options) -> None:
    """Refuse to work beside edits that are in no commit: they would be overwritten, or forgotten."""
    folder = options.source.parent
    status = git.run(["-C", str(folder), "status", "--porcelain", "--untracked-files=no", "--", "."])
    if status.returncode == 0 and status.stdout.strip():
        names = ", ".join(line[3:] for line in status.stdout.splitlines()[:5])
        raise RepositoryError(
            [
                Mistake(
                    display(options.source),
                    0,
                    0,
                    f"the copy here has changes that are not committed: {names}",
                    hint="commit and push them, or take them back; with description_repo a change counts when pushed",
                )
            ]
        )


def follow(options: Options) -> None:
    """Bring the checkout beside the source to what the branch is now. Raises RepositoryError where it cannot follow."""
    branch = options.branch or _default_branch(options)
    done = git.run(["-C", str(options.source.parent), "pull", "--quiet", "--ff-only", "--", _address(options), branch])
    if done.returncode != 0:
        hint = "push or drop the commits of this copy, then pull"
        raise _error(options, f"cannot be followed by {options.source.parent}: {git.said(done.stderr)}", hint)


def _follow(options: Options, clone: Path) -> list[str]:
    """Bring a checkout beside the source to what was pushed; one that is no checkout gets the files only.

    Returns what is left to do where it cannot follow. The change counts all the same.
    """
    folder = options.source.parent
    inside = git.run(["-C", str(folder), "rev-parse", "--show-prefix"])
    tracked = git.run(["-C", str(folder), "ls-files", "--error-unmatch", options.source.name])
    if inside.returncode != 0 or tracked.returncode != 0:
        return []
    done = git.run(["-C", str(folder), "pull", "--quiet", "--ff-only", str(clone), "HEAD"])
    if done.returncode == 0:
        return []
    return [
        f"the change is done and pushed, but the copy in {folder} cannot follow: {git.said(done.stderr)}; "
        "push or drop the commits of this copy, then pull; do not ask for the change again"
    ]


def _bring_home(options: Options, inside: Options, result: _Outcome, *, write: bool) -> None:
    """Name the files by their places here, and write those that git does not carry, such as known_hosts."""
    for file in result.files:
        here = _home(options, inside, file)
        file["path"] = str(here)
        if write and not file["after"]:
            here.unlink(missing_ok=True)
        elif write and (not here.exists() or read_text(here) != file["after"]):
            here.parent.mkdir(exist_ok=True)
            write_atomically(here, file["after"])


def _commit(options: Options, clone: Path, words: list[str], credit: Credit = NOBODY) -> None:
    """Run what makes a commit. A clone that cannot be committed to may be damaged: the next run makes a new one."""
    done = git.run([*_signing(options), "-C", str(clone), *words], (credit.name, credit.email))
    if done.returncode != 0:
        shutil.rmtree(clone)
        raise _error(options, f"cannot be committed to: {git.said(done.stderr)}", "nothing was changed")


def _error(options: Options, message: str, hint: str) -> RepositoryError:
    # An address may hold a password.
    shown = f"the repository {git.without_password(options.repository) or options.source.parent} {message}"
    return RepositoryError([Mistake(display(options.source), 0, 0, shown, hint=hint)])
