# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A description that lives in a git repository: what is changed counts when it is pushed, and not before.

AWX runs in copies that it throws away, and several runs at once have no lock in common but the branch itself. Every
attempt begins with a fresh clone, and a rejected push means that somebody was quicker: read and allocate again. What a
clone needs of history comes from a mirror in the cache of whoever runs it, and runs on one machine wait for each other
there, so that they do not race.

git runs no hooks here, asks for nothing, and is ended when it hangs.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import random
import re
import shutil
import signal
import subprocess
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol, TypeVar

from .language.errors import DescriptionError, Mistake, printable
from .language.files import read_text, write_atomically
from .language.load import display
from .ledger import locked
from .model import Options

PATIENCE = 300.0
"""Seconds for which a push is tried again while others are quicker."""
LONGEST = 120.0
"""Seconds for one command of git: a remote that takes a connection and says nothing would hold a run for ever."""
VERDICTS = {
    "B": "signed, and was changed since",
    "U": "signed by somebody who may not",
    "E": "signed in a way that cannot be checked",
    "X": "signed by a key whose time was over",
    "Y": "signed by a key whose time was over",
    "R": "signed by a key that is revoked",
    "N": "not signed",
}
LINES = 20
"""Lines of what git says that are shown."""
SAFE = ("core.hooksPath=/dev/null", "core.fsmonitor=false", "protocol.ext.allow=never", "gc.auto=0")
"""Settings that win over those of any file: nothing of a repository runs here."""
SSH = "ssh -o BatchMode=yes -o ConnectTimeout=15 -o ServerAliveInterval=10 -o ServerAliveCountMax=3"
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
        with tempfile.TemporaryDirectory(prefix="ringmaster-") as place, _mirror(options) as mirror:
            clone = Path(place) / "clone"
            _clone(options, mirror, clone)
            _refuse_repeated(clone, credit)
            inside = _inside(options, clone)
            result = work(inside)
            result.parent = _head(clone)
            result.files = [file for file in result.files if not _is_here_already(options, inside, file)]
            if dry_run or not result.files or _push(options, clone, message(result), credit):
                if not dry_run:
                    result.commit = _head(clone)
                    result.warnings += _follow(options, clone)
                _bring_home(options, inside, result, write=not dry_run)
                return result
        # Somebody on another machine was quicker. Who comes from here waits for the lock of the mirror.
        time.sleep(random.uniform(0, 0.5))
    raise _error(options, f"every push was rejected for {PATIENCE:.0f} s; nothing was changed", "run it again")


@contextlib.contextmanager
def _mirror(options: Options) -> Iterator[Path]:
    """Hold the lock of the repository's mirror, and give its place: history that is here need not be fetched again."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "ringmaster/repositories"
    place = cache / hashlib.sha256(options.repository.encode()).hexdigest()[:32]
    for folder in (cache, place):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with locked(place):
        yield place / "mirror.git"


def _clone(options: Options, mirror: Path, clone: Path) -> None:
    """Clone the repository with what the mirror has, then let the mirror follow; a broken mirror is thrown away."""
    branch = ["--branch", options.branch] if options.branch else []
    words = ["clone", "--quiet", "--no-tags", *branch]
    known = ["--reference-if-able", str(mirror)] if mirror.is_dir() else []
    done = _run([*words, *known, "--", options.repository, str(clone)])
    if done.returncode != 0 and known:
        shutil.rmtree(mirror)
        shutil.rmtree(clone, ignore_errors=True)
        done = _run([*words, "--", options.repository, str(clone)])
    if done.returncode != 0:
        raise _error(options, f"cannot be cloned: {_said(done.stderr)}", "nothing was changed")
    refuse_unsigned(options, clone)
    if not mirror.is_dir():
        _run(["init", "--quiet", "--bare", str(mirror)])
    # Into one reference: what is reachable from it is all that a clone asks for.
    _run(["-C", str(mirror), "fetch", "--quiet", "--no-tags", str(clone), "+HEAD:refs/heads/seen"])


def refuse_unsigned(options: Options, folder: Path) -> None:
    """Raise DescriptionError for a commit that nobody has signed who may, where somebody has to."""
    if options.allowed_signers is None:
        return
    if not options.allowed_signers.is_file():
        raise _error(options, f"cannot be verified: there is no {options.allowed_signers}", "see allowed_signers_file")
    found = unsigned(folder, options.allowed_signers)
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
    ignored = _run(["-C", str(inside.source.parent), "check-ignore", "--quiet", file["path"]])
    here = _home(options, inside, file)
    return ignored.returncode == 0 and here.exists() and read_text(here) == file["after"]


def _refuse_repeated(clone: Path, credit: Credit) -> None:
    request = credit.trailers.get(REQUEST)
    if not request:
        return
    shown = f"--format=%H%x1f%(trailers:key={REQUEST},valueonly,separator=%x1e)%x1f%B%x00"
    said = _run(["-C", str(clone), "log", "--fixed-strings", f"--grep={REQUEST}: {request}", shown, "HEAD"]).stdout
    for record in said.split("\0"):
        commit, requests, message = [*record.strip("\n").split("\x1f", 2), "", ""][:3]
        if request in requests.split("\x1e"):
            raise DoneBefore(commit, message)


def _head(clone: Path) -> str:
    return _run(["-C", str(clone), "rev-parse", "HEAD"]).stdout.strip()


def _push(options: Options, clone: Path, message: str, credit: Credit = NOBODY) -> bool:
    """Commit all and push it; False when somebody else was quicker."""
    _git(options, ["-C", str(clone), "add", "--all"], "cannot be committed to")
    staged = _run(["-C", str(clone), "diff", "--cached", "--quiet"])
    if staged.returncode == 0:
        # Only what git ignores has changed.
        return True
    # Two runs that make the same change in the same second would make the same commit, and git would tell the second
    # one that its push has nothing to do: both would believe that the allocation is theirs.
    trailers = {**credit.trailers, OWN_TRAILER: str(uuid.uuid4())}
    # The last paragraph: git reads trailers there, and nowhere else.
    said = ["--message", message, "--message", "\n".join(f"{name}: {value}" for name, value in trailers.items())]
    arguments = [*_signing(options), "-C", str(clone), "commit", "--quiet", "--cleanup=verbatim", *said]
    _git(options, arguments, "cannot be committed to", credit)
    done = _run(["-C", str(clone), "push", "--quiet", "origin", "HEAD"])
    if done.returncode == 0:
        return True
    if _WAS_QUICKER.search(done.stderr) and "hook declined" not in done.stderr:
        return False
    raise _error(options, f"does not take the push: {_said(done.stderr)}", "nothing was changed")


def _signing(options: Options) -> list[str]:
    """Return git's settings that sign a commit, where a key is configured."""
    if not options.signing_key:
        return []
    if not options.signing_key.is_file():
        raise _error(options, f"cannot be signed for: there is no key {options.signing_key}", "see signing_key_file")
    key = ("gpg.format=ssh", "gpg.ssh.program=ssh-keygen", "commit.gpgSign=true")
    settings = (*key, f"user.signingKey={options.signing_key}")
    return [word for setting in settings for word in ("-c", setting)]


def unsigned(folder: Path, allowed: Path) -> str:
    """Say what is wrong with the signature of the commit that a folder stands at; nothing when it is an allowed one.

    Whoever signs a commit vouches for all that it is built upon, so that the newest one is enough.
    """
    settings = ("gpg.ssh.program=ssh-keygen", f"gpg.ssh.allowedSignersFile={allowed}", "gpg.program=false")
    words = [word for setting in settings for word in ("-c", setting)]
    said = _run([*words, "-C", str(folder), "log", "--max-count=1", "--format=%h%x1f%G?%x1f%an", "HEAD"])
    if said.returncode != 0:
        return f"its commits cannot be read: {_said(said.stderr)}"
    digest, verdict, author = said.stdout.rstrip("\n").split("\x1f", 2)
    if verdict == "G":
        return ""
    return f"its commit {digest} by {printable(author)[:60]} is {VERDICTS.get(verdict, 'not signed')}"


def _refuse_unsaved(options: Options) -> None:
    """Refuse to work beside edits that are in no commit: they would be overwritten, or forgotten."""
    folder = options.source.parent
    status = _run(["-C", str(folder), "status", "--porcelain", "--untracked-files=no", "--", "."])
    if status.returncode == 0 and status.stdout.strip():
        names = ", ".join(line[3:] for line in status.stdout.splitlines()[:5])
        raise DescriptionError(
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


def _follow(options: Options, clone: Path) -> list[str]:
    """Bring a checkout beside the source to what was pushed; one that is no checkout gets the files only.

    Returns what is left to do where it cannot follow. The change counts all the same.
    """
    folder = options.source.parent
    inside = _run(["-C", str(folder), "rev-parse", "--show-prefix"])
    tracked = _run(["-C", str(folder), "ls-files", "--error-unmatch", options.source.name])
    if inside.returncode != 0 or tracked.returncode != 0:
        return []
    done = _run(["-C", str(folder), "pull", "--quiet", "--ff-only", str(clone), "HEAD"])
    if done.returncode == 0:
        return []
    return [
        f"the change is done and pushed, but the copy in {folder} cannot follow: {_said(done.stderr)}; "
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


def _git(options: Options, arguments: list[str], what: str, credit: Credit = NOBODY) -> None:
    done = _run(arguments, credit)
    if done.returncode != 0:
        raise _error(options, f"{what}: {_said(done.stderr)}", "nothing was changed")


def _run(arguments: list[str], credit: Credit = NOBODY) -> subprocess.CompletedProcess[str]:
    names = {}
    for role in ("AUTHOR", "COMMITTER"):
        names[f"GIT_{role}_NAME"] = os.environ.get(f"GIT_{role}_NAME", "Ringmaster")
        names[f"GIT_{role}_EMAIL"] = os.environ.get(f"GIT_{role}_EMAIL", "ringmaster@localhost")
    if credit.name:
        names |= {"GIT_AUTHOR_NAME": credit.name, "GIT_AUTHOR_EMAIL": credit.email}
    environment = {**os.environ, **names, "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"}
    environment.setdefault("GIT_SSH_COMMAND", SSH)
    words = ["git", *(word for setting in SAFE for word in ("-c", setting)), *arguments]
    process = subprocess.Popen(
        words,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        env=environment,
        start_new_session=True,
    )
    try:
        out, err = process.communicate(timeout=LONGEST)
    except subprocess.TimeoutExpired:
        # With what it has started: ssh would go on holding the pipes.
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        return subprocess.CompletedProcess(words, 1, "", f"there was no answer within {LONGEST:.0f} s")
    return subprocess.CompletedProcess(words, process.returncode, out, err)


def _said(text: str) -> str:
    """Return what git said, whole but for passwords in addresses, in one line."""
    lines = [printable(line.strip()) for line in _without_password(text).splitlines() if line.strip()]
    return " / ".join(lines[-LINES:]) or "git said nothing"


def _without_password(text: str) -> str:
    return re.sub(r"//[^/@\s]*@", "//", text)


def _error(options: Options, message: str, hint: str) -> DescriptionError:
    # An address may hold a password.
    shown = f"the repository {_without_password(options.repository) or options.source.parent} {message}"
    return DescriptionError([Mistake(display(options.source), 0, 0, shown, hint=hint)])
