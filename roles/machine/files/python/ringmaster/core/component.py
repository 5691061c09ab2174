# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The contract of a managed component on its machine, and the command line that all of them have."""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import json
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ringmaster.core import files, inbox
from ringmaster.core.report import Failure, Report

LOCKS = Path("/run/ringmaster")


@dataclass(frozen=True)
class Wish:
    """What a restore shall bring back: everything, or one ``object`` (also under another name).

    Data that is there is never replaced without ``replace``.
    """

    object: str | None = None
    name: str | None = None
    replace: bool = False


@dataclass(frozen=True)
class Verb:
    """What only one component can do: ``arguments`` adds its own to a parser, ``run`` returns an exit code."""

    help: str
    run: Callable[[argparse.Namespace], int]
    arguments: Callable[[argparse.ArgumentParser], object] = lambda _parser: None


@dataclass(frozen=True)
class Component:
    """What a component can do. Each function raises Failure.

    - ``converge(check, restart)`` brings the running service to its files.
    - ``validate()`` looks at the files only.
    - ``dump(folder)`` fills an empty folder with a consistent dump; returns the number of objects.
    - ``prove(folder)`` restores a dump beside the running service, checks the data, takes everything away, and
      returns a sentence; a Failure is a dump that cannot be trusted.
    - ``restore(folder, wish)`` returns a sentence.

    ``daemon`` is what it converges, where that is called otherwise: its lock and its notes have that name.
    """

    name: str
    converge: Callable[[bool, bool], Report]
    validate: Callable[[], None]
    inbox: Path | tuple[Path, ...]
    suffix: str
    dump: Callable[[Path], int] | None = None
    prove: Callable[[Path], str] | None = None
    restore: Callable[[Path, Wish], str] | None = None
    more: Mapping[str, Verb] = field(default_factory=dict)
    daemon: str = ""

    @property
    def key(self) -> str:
        """The name of its locks and notes."""
        return self.daemon or self.name

    @property
    def inboxes(self) -> tuple[Path, ...]:
        """The folders of drop-ins; a component of several daemons has several, one without any has an empty tuple."""
        return self.inbox if isinstance(self.inbox, tuple) else (self.inbox,)


def run(component: Component, words: Sequence[str] | None = None) -> int:
    """Do what the words say; return an exit code."""
    begun = time.monotonic()
    options = parser(component).parse_args(words)
    if options.verb in component.more:
        return component.more[options.verb].run(options)
    try:
        # A dump takes long and changes nothing, so that it does not hold up a converge.
        with lock(f"{component.key}.dump" if options.verb in ("dump", "prove") else component.key):
            return _VERBS[options.verb](component, options)
    except Failure as failure:
        if options.verb == "prove":
            print(json.dumps({"sentence": str(failure), "seconds": round(time.monotonic() - begun, 3)}))
        print(failure, file=sys.stderr)
        return 1


def parser(component: Component) -> argparse.ArgumentParser:
    """Return the parser of a component's verbs."""
    title = f"The component {component.name} of this machine."
    result = argparse.ArgumentParser(prog=f"ringmaster {component.name}", description=title)
    verbs = result.add_subparsers(dest="verb", required=True, metavar="VERB")
    verbs.add_parser("validate", help="check whether the configuration is valid")
    converge = verbs.add_parser("converge", help="bring the running service to its configuration")
    converge.add_argument("--check", action="store_true", help="change nothing, only tell")
    converge.add_argument("--restart", action="store_true", help="restart if settings wait for it")
    if component.inboxes:
        verbs.add_parser("inbox", help=f"take in new drop-ins of {' and '.join(map(str, component.inboxes))}")
    if component.dump:
        verbs.add_parser("dump", help="write a consistent dump").add_argument("folder", type=Path)
    if component.prove:
        prove = verbs.add_parser("prove", help="restore a dump into a scratch instance and check it")
        prove.add_argument("folder", type=Path)
    if component.restore:
        restore = verbs.add_parser("restore", help="bring data back from a dump")
        restore.add_argument("folder", type=Path)
        restore.add_argument("--object", metavar="NAME", help="only this one, such as a database")
        restore.add_argument("--as", dest="name", metavar="NAME", help="under another name")
        restore.add_argument("--replace", action="store_true", help="replace data that is there")
    for name, verb in component.more.items():
        verb.arguments(verbs.add_parser(name, help=verb.help, description=verb.help))
    return result


@contextlib.contextmanager
def lock(name: str) -> Iterator[None]:
    """Let nobody else work on the component meanwhile."""
    LOCKS.mkdir(mode=0o755, exist_ok=True)
    with os.fdopen(os.open(LOCKS / f"{name}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)) as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        yield


def _validate(component: Component, _options: argparse.Namespace) -> int:
    component.validate()
    return 0


def _converge(component: Component, options: argparse.Namespace) -> int:
    print(json.dumps(component.converge(options.check, options.restart).as_dict()))
    return 0


def _inbox(component: Component, _options: argparse.Namespace) -> int:
    """Converge until the inbox is as it was taken in: files may come while others are being tried.

    systemd watches nothing while the service of the inbox runs, and a file that comes between our last look and its end
    is not told. So ringmaster-inbox-again@ looks once more after it, when systemd watches again.
    """
    seen = LOCKS / f"{component.key}.inbox.json"
    before = _seen(seen)
    while (now := [one for folder in component.inboxes for one in inbox.signature(folder, component.suffix)]) != before:
        before = now
        # What fails half-way is tried again, also when the inbox is soon as it was.
        seen.unlink(missing_ok=True)
        report = component.converge(False, False)
        for step in report.steps:
            print(step)
        for name, reason in report.refused.items():
            print(f"{name} is left out: {reason}")
        files.replace(seen, json.dumps(now) + "\n", mode=0o600)
        time.sleep(1)
    return 0


def _seen(path: Path) -> inbox.Signature | None:
    """Return what the inbox held when it was last taken in; None when that is not known."""
    try:
        return json.loads(path.read_text())
    except (FileNotFoundError, ValueError):
        return None


def _dump(component: Component, options: argparse.Namespace) -> int:
    """Write a new folder beside the old one and exchange them when it is complete."""
    assert component.dump
    begun = time.monotonic()
    folder: Path = options.folder.absolute()
    new = folder.with_name(f".{folder.name}.new")
    _remove(new)
    new.mkdir(mode=0o700, parents=True)
    try:
        number = component.dump(new)
        if folder.exists():
            files.exchange(new, folder)
        else:
            new.rename(folder)
    finally:
        _remove(new)  # the old dump, or what came of a failed one
    _tell(begun, objects=number, bytes=files.size(folder))
    return 0


def _prove(component: Component, options: argparse.Namespace) -> int:
    assert component.prove
    begun = time.monotonic()
    _tell(begun, sentence=component.prove(_existing(options.folder)))
    return 0


def _restore(component: Component, options: argparse.Namespace) -> int:
    assert component.restore
    begun = time.monotonic()
    wish = Wish(options.object, options.name, options.replace)
    if wish.name and not wish.object:
        raise Failure("--as says how one object shall be called, so it needs --object")
    _tell(begun, sentence=component.restore(_existing(options.folder), wish))
    return 0


def _existing(folder: Path) -> Path:
    if not folder.is_dir():
        raise Failure(f"there is no dump in {folder}")
    return folder.absolute()


def _tell(begun: float, **values: Any) -> None:
    print(json.dumps({**values, "seconds": round(time.monotonic() - begun, 3)}))


def _remove(folder: Path) -> None:
    if folder.exists():
        shutil.rmtree(folder)


_VERBS: dict[str, Callable[[Component, argparse.Namespace], int]] = {
    "validate": _validate,
    "converge": _converge,
    "inbox": _inbox,
    "dump": _dump,
    "prove": _prove,
    "restore": _restore,
}
