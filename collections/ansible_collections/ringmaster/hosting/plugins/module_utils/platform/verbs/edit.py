# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Change the platform description in place, by verbs: read, draft, check the whole, allocate, write."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .. import allocation, description, operations, repository, rescue
from ..language import load
from ..language.errors import DescriptionError, Mistake
from ..language.files import read_text, write_atomically
from ..language.load import Source, display, plain
from ..ledger import locked
from ..model import Description, Options
from . import effects, guards, splice, table
from .drafts import Draft
from .request import RequestError

Change = tuple[str, Mapping[str, Any]]
"""A verb and its arguments."""
Permit = Callable[[Description, int], None]
"""Is asked before each change, with the description as those before leave it, and the number of the change from 0 on.

It raises what is to end all of it.
"""


_CONFIRMABLE = tuple(name for name, verb in table.ALL.items() if guards.CONFIRMATION in verb.types)


@dataclass(frozen=True)
class Seen:
    """A value of the description as whoever asks for a change saw it: ``projects/myapp.yml``, its keys, and the value.

    None for what was not there. Asking fails where another value stands there now.
    """

    file: str
    path: tuple[str | int, ...]
    value: Any


@dataclass
class Outcome:
    """What was done: of the first verb the subject, what is new in the ledger, path, before and after of each file.

    An empty text after means that the file is gone. ``objects`` are what changed, such as ``vm myapp00``; ``follows``
    is what brings it to machines, also where nothing changed now. ``shown`` is told once and kept nowhere, by the
    number of the verb and a word such as ``password``; a dry run shows nothing. ``parent`` and ``commit`` are the
    commits before and after; both are empty where no repository is used, and ``commit`` where nothing was pushed.
    """

    subject: str
    allocated: list[str] = field(default_factory=list)
    files: list[dict[str, str]] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    subjects: list[str] = field(default_factory=list)
    objects: list[str] = field(default_factory=list)
    follows: list[effects.Run] = field(default_factory=list)
    shown: dict[int, dict[str, str]] = field(default_factory=dict, compare=False, repr=False)
    parent: str = field(default="", compare=False)
    commit: str = field(default="", compare=False)


def apply(options: Options, verb: str, arguments: Mapping[str, Any], *, dry_run: bool = False) -> Outcome:
    """Do what a verb asks for; see ``apply_many``."""
    return apply_many(options, [(verb, arguments)], dry_run=dry_run)


@load.without_collector()
def apply_many(
    options: Options,
    changes: Sequence[Change],
    *,
    credit: repository.Credit = repository.NOBODY,
    expect: Sequence[Seen] = (),
    permit: Permit | None = None,
    dry_run: bool = False,
) -> Outcome:
    """Do what several verbs ask for, all or nothing, under the platform's lock and in one commit.

    Each verb sees what those before it have changed. The description that would result is checked completely, and ids
    and addresses are found for it, before anything is written: what is wrong only in between is no mistake. Raises
    DescriptionError with all mistakes, of the requests or of the result; then nothing was changed. A dry run writes
    nothing and returns the same outcome. With a repository, all of it is done in a clone, and counts once pushed;
    ``credit`` says who is named in its commit; one whose trailer ``Request`` is in the history does nothing, and the
    outcome is that of then, without its files. Without a repository, the files are changed, and committed by whoever
    asked. ``permit`` is asked under the lock, of what would be written to; what it raises is raised.
    """
    if not changes:
        raise ValueError("there is nothing to do: no verb was given")
    try:
        return repository.carried(
            options,
            lambda inside: _apply(inside, changes, expect, permit, dry_run=dry_run),
            lambda outcome: operations.commit_message(_said(changes, outcome), outcome.allocated),
            credit=credit,
            dry_run=dry_run,
        )
    except repository.DoneBefore as done:
        return _outcome_of(done)


def _said(changes: Sequence[Change], outcome: Outcome) -> str:
    """Return what a commit says first: the verb with its subject, or how many there are and then each of them."""
    lines = [f"{verb} {subject}" for (verb, _arguments), subject in zip(changes, outcome.subjects, strict=True)]
    return lines[0] if len(lines) == 1 else "\n".join([f"{len(lines)} changes", "", *lines])


def _outcome_of(done: repository.DoneBefore) -> Outcome:
    """Return what a commit of ours says that was done."""
    lines = done.message.split("\n\n")
    said = lines[1] if lines[0].endswith(" changes") else lines[0]
    subjects = [line.partition(" ")[2] for line in said.splitlines()]
    return Outcome(subjects[0], warnings=[str(done)], subjects=subjects, commit=done.commit)


def _apply(
    options: Options, changes: Sequence[Change], expect: Sequence[Seen], permit: Permit | None, *, dry_run: bool
) -> Outcome:
    with locked(options.ledger.parent):
        is_urgent = all(verb in rescue.VERBS for verb, _arguments in changes)
        kept = description.Kept()
        rescued = rescue.read(options, may_leave_out=True, kept=kept) if is_urgent else None
        found = rescued.found if rescued else description.read_valid(options, kept)
        _refuse_unexpected(found, expect)
        faulty = rescued if rescued and rescued.texts else None
        if faulty:
            outcome = _urgent(options, faulty, changes, permit)
        else:
            outcome = _planned(options, found, changes, permit, kept)
        if dry_run:
            outcome.shown = {}
        else:
            _refuse_changed_meanwhile(outcome.files)
            publish(outcome.files)
        return outcome


def _planned(
    options: Options, found: Description, changes: Sequence[Change], permit: Permit | None, kept: description.Kept
) -> Outcome:
    """Return all that changes, with the ledger's part; raises DescriptionError for what cannot be."""
    drawn = _drawn(options, found, changes, permit, kept)
    proposed, mistakes = description.read_description(options, drawn.texts, drawn.ledger, kept)
    if mistakes:
        raise DescriptionError(mistakes)
    guards.check(found, proposed, changes, _CONFIRMABLE)
    plan = allocation.plan(proposed)
    plan.additions[:0] = _entered(found, drawn.ledger)
    mistakes = [mistake for source in proposed.sources.values() for mistake in source.mistakes]
    if mistakes:
        raise DescriptionError(mistakes)
    # In this order a crash leaves something that lacks an allocation, and the next run gives it one.
    files = [*drawn.files, *operations.files_of(proposed, plan)]
    notes = [*drawn.notes, *guards.notes(found, proposed)]
    return drawn.outcome(plan.additions, files, notes, effects.together(proposed, changes, drawn.subjects))


@dataclass
class _Drawn:
    """What verbs make of a description, one after the other: texts of files, and entries of the ledger."""

    files: list[dict[str, str]] = field(default_factory=list)
    ledger: dict[str, dict[str, str]] = field(default_factory=dict)
    subjects: list[str] = field(default_factory=list)
    objects: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    shown: dict[int, dict[str, str]] = field(default_factory=dict)

    @property
    def texts(self) -> dict[Path, str | None]:
        """The texts that files would get, None for those that go."""
        return {Path(file["path"]): file["after"] or None for file in self.files}

    def outcome(
        self, additions: list[str], files: list[dict[str, str]], warnings: list[str], follows: list[effects.Run]
    ) -> Outcome:
        """Return what is done with it."""
        found = Outcome(self.subjects[0], additions, files, warnings, self.subjects, self.objects, follows)
        found.shown = self.shown
        return found

    def take(self, draft: Draft, files: list[dict[str, str]]) -> None:
        """Add what one verb changes."""
        if draft.shown:
            self.shown[len(self.subjects)] = dict(draft.shown)
        self.notes += draft.notes
        for file in files:
            known = next((one for one in self.files if one["path"] == file["path"]), None)
            if known:
                known["after"] = file["after"]
            else:
                self.files.append(file)
        for section, entries in draft.ledger.items():
            self.ledger.setdefault(section, {}).update(entries)
        self.subjects.append(draft.subject)
        self.objects += [one for part in draft.all() for one in part.objects() if one not in self.objects]


def _drawn(
    options: Options, found: Description, changes: Sequence[Change], permit: Permit | None, kept: description.Kept
) -> _Drawn:
    """Return what all verbs make of a description; raises RequestError with the mistakes of all of them."""
    drawn = _Drawn()
    mistakes: list[Mistake] = []
    for number, (verb, arguments) in enumerate(changes):
        if permit and not mistakes:
            permit(found, number)
        try:
            draft = table.draft(found, verb, arguments)
        except RequestError as error:
            mistakes += error.mistakes
            continue
        drawn.take(draft, _described(found, draft))
        if number < len(changes) - 1:
            # What is wrong in between may be right at the end.
            found, _mistakes = description.read_description(options, drawn.texts, drawn.ledger, kept)
    if mistakes:
        raise RequestError(mistakes)
    drawn.files = [file for file in drawn.files if file["before"] != file["after"]]
    return drawn


def _refuse_unexpected(found: Description, expect: Sequence[Seen]) -> None:
    """Raise DescriptionError where the description says something else than whoever asks has seen."""
    for one in expect:
        source = found.sources.get(one.file)
        now = _value(source, one.path)
        if now != one.value:
            place = ".".join(map(str, one.path)) or one.file
            (source or found.sources["platform.yml"]).wrong(
                source.find(*one.path) if source and now is not None else None,
                f"{place}: was changed since it was shown",
                found=_shown(now),
                allowed=_shown(one.value),
                hint="look at it again, then ask once more",
            )
    mistakes = [mistake for source in found.sources.values() for mistake in source.mistakes]
    if mistakes:
        raise DescriptionError(mistakes)


def _value(source: Source | None, path: Sequence[str | int]) -> Any:
    """Return what a file says at a place; None where it says nothing."""
    if source is None or source.root is None:
        return None
    value = plain(source, source.root, "")
    for step in path:
        try:
            value = value[step]
        except (KeyError, IndexError, TypeError):
            return None
    return value


def _shown(value: Any) -> str:
    return "nothing" if value is None else splice.inline(value)


def _urgent(options: Options, rescued: rescue.Rescued, changes: Sequence[Change], permit: Permit | None) -> Outcome:
    """Return a change of sound files in spite of mistakes in others: nothing else is written with it."""
    drawn = _Drawn()
    for number, (verb, arguments) in enumerate(changes):
        if permit:
            permit(rescued.found, number)
        draft = table.draft(rescued.found, verb, arguments)
        drawn.take(draft, _described(rescued.found, draft))
    paths = set(drawn.texts)
    texts = {**rescued.texts, **drawn.texts}
    proposed, mistakes = description.read_description(options, texts)
    if not mistakes:
        guards.check(rescued.found, proposed, changes, _CONFIRMABLE)
    if mistakes or paths & set(rescued.texts):
        raise DescriptionError([*rescued.mistakes, *mistakes])
    notes = [*rescued.warnings(), *drawn.notes, *guards.notes(rescued.found, proposed)]
    return drawn.outcome([], drawn.files, notes, effects.together(proposed, changes, drawn.subjects))


def _entered(found: Description, ledger: Mapping[str, Mapping[str, str]]) -> list[str]:
    """Say what verbs write into the ledger by themselves."""
    return [
        f"{section} {name}: {value}"
        for section, entries in ledger.items()
        for name, value in entries.items()
        if getattr(found.ledger, section).get(name) != value
    ]


def publish(files: list[dict[str, str]]) -> None:
    """Write files. This is the one place where a change leaves this process."""
    for file in files:
        path = Path(file["path"])
        path.parent.mkdir(exist_ok=True)
        if file["after"]:
            write_atomically(path, file["after"])
        else:
            path.unlink(missing_ok=True)


def _described(found: Description, draft: Draft) -> list[dict[str, str]]:
    """Return path, before and after of each file that a draft changes; nothing when it changes nothing."""
    return [file for part in draft.all() for file in _described_file(found, part)]


def _described_file(found: Description, draft: Draft) -> list[dict[str, str]]:
    source = found.sources.get(f"{draft.kind}/{draft.file}.yml")
    if draft.gone:
        return [{"path": str(source.path), "before": source.form.written(source.text), "after": ""}] if source else []
    if not draft.patch:
        return []
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
