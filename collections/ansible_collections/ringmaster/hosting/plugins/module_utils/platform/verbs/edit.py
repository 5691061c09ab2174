# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Change the platform description in place, by a verb: read, draft, check the whole, allocate, write."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .. import allocation, description, operations, repository, rescue
from ..language.errors import DescriptionError, Mistake
from ..language.files import read_text, write_atomically
from ..language.load import display
from ..ledger import locked
from ..model import Description, Options
from . import splice, table
from .drafts import Draft


@dataclass
class Outcome:
    """What a verb did: its subject, what is new in the ledger, and path, before and after of each file."""

    subject: str
    allocated: list[str] = field(default_factory=list)
    files: list[dict[str, str]] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


def apply(options: Options, verb: str, arguments: Mapping[str, Any], *, dry_run: bool = False) -> Outcome:
    """Do what a verb asks for, under the platform's lock.

    The description that would result is checked completely, and ids and addresses are found for it, before
    anything is written. Raises DescriptionError with all mistakes; then nothing was changed. A dry run writes
    nothing and returns the same outcome. With a repository, all of it is done in a clone, and counts once pushed.
    """
    return repository.carried(
        options,
        lambda inside: _apply(inside, verb, arguments, dry_run=dry_run),
        lambda outcome: operations.commit_message(f"{verb} {outcome.subject}", outcome.allocated),
        dry_run=dry_run,
    )


def _apply(options: Options, verb: str, arguments: Mapping[str, Any], *, dry_run: bool) -> Outcome:
    with locked(options.ledger.parent):
        rescued = rescue.read(options, may_leave_out=True) if verb in rescue.VERBS else None
        found = rescued.found if rescued else description.read_valid(options)
        draft = table.draft(found, verb, arguments)
        files = _described(found, draft)
        texts: dict[Path, str | None] = {Path(f["path"]): f["after"] for f in files}
        if rescued and rescued.texts:
            outcome = _urgent(options, rescued, draft.subject, files)
            if not dry_run:
                _refuse_changed_meanwhile(outcome.files)
                publish(outcome.files)
            return outcome
        proposed, mistakes = description.read_description(options, texts, draft.ledger)
        if mistakes:
            raise DescriptionError(mistakes)
        plan = allocation.plan(proposed)
        plan.additions[:0] = _entered(found, draft)
        mistakes = [mistake for source in proposed.sources.values() for mistake in source.mistakes]
        if mistakes:
            raise DescriptionError(mistakes)
        # In this order a crash leaves something that lacks an allocation, and the next run gives it one.
        outcome = Outcome(draft.subject, plan.additions, [*files, *operations.files_of(proposed, plan)])
        if not dry_run:
            _refuse_changed_meanwhile(outcome.files)
            publish(outcome.files)
        return outcome


def _urgent(options: Options, rescued: rescue.Rescued, subject: str, files: list[dict[str, str]]) -> Outcome:
    """Return a change of one sound file in spite of mistakes in others: nothing else is written with it."""
    paths = {Path(file["path"]) for file in files}
    texts = {**rescued.texts, **{Path(file["path"]): file["after"] for file in files}}
    _proposed, mistakes = description.read_description(options, texts)
    if mistakes or paths & set(rescued.texts):
        raise DescriptionError([*rescued.mistakes, *mistakes])
    return Outcome(subject, [], files, rescued.warnings())


def _entered(found: Description, draft: Draft) -> list[str]:
    """Say what a draft writes into the ledger by itself."""
    return [
        f"{section} {name}: {value}"
        for section, entries in draft.ledger.items()
        for name, value in entries.items()
        if getattr(found.ledger, section).get(name) != value
    ]


def publish(files: list[dict[str, str]]) -> None:
    """Write files. This is the one place where a change leaves this process."""
    for file in files:
        path = Path(file["path"])
        path.parent.mkdir(exist_ok=True)
        write_atomically(path, file["after"])


def _described(found: Description, draft: Draft) -> list[dict[str, str]]:
    """Return path, before and after of the file that a draft changes; nothing when it changes nothing."""
    if not draft.patch:
        return []
    source = found.sources.get(f"{draft.kind}/{draft.file}.yml")
    if source is None:
        folder = found.folder / draft.kind
        path = folder / f"{draft.file}.yml"
        in_order = {key.name: draft.patch[key.name] for key in draft.record.keys if key.name in draft.patch}
        return [{"path": str(path), "before": "", "after": _heading(folder) + splice.render(in_order)}]
    try:
        after = source.form.written(splice.merge(source.text, draft.patch, draft.record))
    except splice.CannotSpliceError:
        source.wrong(
            None,
            "is written in a way that cannot be changed in place, for example with anchors",
            hint=f"change it in an editor: {draft.patch}",
        )
        raise DescriptionError(source.mistakes) from None
    before = source.form.written(source.text)
    if after == before:
        return []
    return [{"path": str(source.path), "before": before, "after": after}]


def _heading(folder: Path) -> str:
    """Begin a new file as its neighbours begin: with the line that tells editors its schema, if they have it."""
    for path in sorted(folder.glob("*.yml")) if folder.is_dir() else []:
        for line in read_text(path).splitlines()[:3]:
            if line.startswith("# yaml-language-server:"):
                return f"---\n{line}\n"
    return "---\n"


def _refuse_changed_meanwhile(files: list[dict[str, str]]) -> None:
    """Refuse to overwrite what somebody saved in an editor since it was read."""
    changed = []
    for file in files:
        path = Path(file["path"])
        now = read_text(path) if path.exists() else ""
        if now != file["before"]:
            changed.append(Mistake(display(path), 0, 0, "was changed by somebody else meanwhile", hint="run it again"))
    if changed:
        raise DescriptionError(changed)
