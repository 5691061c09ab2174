# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one place where requests become commits: read, proven, judged by the description as it is, written, never twice.

Each step is noted before the next one. Whoever is killed between a commit and the note of it finds the commit again by
its trailer ``Request``. The queue is trusted in nothing: neither in who asked, nor in what, nor in that it is new.
"""

from __future__ import annotations

import datetime
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..platform import description, people, repository, rescue, standing
from ..platform.language.errors import DescriptionError
from ..platform.language.types import Boolean, Choice, Integer, Name
from ..platform.model import Description, Options
from ..platform.proofs import judge as proofs
from ..platform.proofs import statements
from ..platform.proofs.nonces import Store
from ..platform.proofs.statements import ProofError
from ..platform.verbs import edit, effects, policy, signing, table
from ..platform.verbs.effects import Run
from ..platform.verbs.words import MACHINE
from . import messages, states, undo
from .journal import DROPPED, FAILED, Entry, Journal

LOG = logging.getLogger("steward")
UNAPPROVED = datetime.timedelta(days=7)
"""After which a request that nobody consented to has expired."""
FRESH = 1.0
"""Seconds for which nobody looks whether the copy here has changed; what is written is judged by the newest one."""
PATIENCE = 10.0
"""Seconds after which what could not be read or written is tried again."""
NOT_HERE: Mapping[str, str] = {
    "set_web_password": "a password is shown once to whoever sets it, and nobody is here: an operator sets it",
}
"""Verbs that are not for requests, and why."""


class Refused(Exception):
    """A request that cannot be: its reasons."""

    def __init__(self, *reasons: str) -> None:
        """Keep the reasons."""
        super().__init__("; ".join(reasons))
        self.reasons = list(reasons)


class Asked(Exception):
    """A request that somebody has to consent to."""

    def __init__(self, verdict: policy.Verdict) -> None:
        """Keep what the policy says."""
        super().__init__("; ".join(verdict.reasons))
        self.verdict = verdict


@dataclass
class Desk:
    """Takes requests from the journal, the urgent and then the oldest first, and writes what they ask for."""

    options: Options
    place: proofs.Place
    journal: Journal
    used: Store
    now: Callable[[], datetime.datetime]

    _kept: tuple[str, Description | DescriptionError] | None = None
    _looked: float = 0.0

    # What the description says.

    def description(self) -> Description:
        """Return the description at the commit that is here; raises DescriptionError for one that is not valid."""
        if self._looked and time.monotonic() - self._looked < FRESH:
            return self.known()
        commit = standing.commit(self.options.source.parent)
        if self._kept is None or self._kept[0] != commit or not commit or commit.endswith("+"):
            try:
                repository.refuse_unsigned(self.options, self.options.source.parent)
                self._kept = (commit, description.read_valid(self.options))
            except DescriptionError as error:
                self._kept = (commit, error)
        if isinstance(self._kept[1], DescriptionError):
            raise self._kept[1]
        self._looked = time.monotonic() if commit and not commit.endswith("+") else 0.0
        return self._kept[1]

    def known(self) -> Description:
        """Return the description as it was read last, without looking whether it has changed."""
        kept = self._kept[1] if self._kept else None
        return kept if isinstance(kept, Description) else self.description()

    def follow(self) -> None:
        """Bring the copy here to what was pushed by others; raises DescriptionError."""
        if self.options.repository:
            repository.follow(self.options)
            self._looked = 0.0

    def _described_for(self, verbs: Sequence[str]) -> Description:
        """Return the description for some verbs: what takes something from people works in spite of mistakes."""
        try:
            return self.description()
        except DescriptionError:
            if verbs and all(verb in rescue.VERBS for verb in verbs):
                return rescue.read(self.options, may_leave_out=True).found
            raise

    # What is to be done.

    def take(self, id_: str, body: str) -> bool:
        """Keep what the queue hands over; tells whether it is new."""
        try:
            given = messages.submission(messages.parse(body.encode(), messages.REQUEST_BYTES))
            urgent = bool(given.changes) and all(one.verb in rescue.VERBS for one in given.changes)
        except ValueError:
            urgent = False
        return self.journal.take(id_, body, urgent=urgent)

    def work(self) -> bool:
        """Do what is next for one request; tells whether there was anything."""
        moment = self.now().timestamp()
        entry = self.journal.next(moment, states.SUBMITTED, states.QUEUED)
        if entry is None:
            return False
        try:
            self._work(entry)
        except Refused as refused:
            LOG.warning("request %s of %s is refused: %s", entry.id, entry.person or "nobody", refused)
            self.journal.save(entry.move(states.REFUSED, reasons=refused.reasons, problem="", waits_for=[]))
        except Asked as asked:
            reasons, who = list(asked.verdict.reasons), list(asked.verdict.who)
            self.journal.save(entry.move(states.WAITING, reasons=reasons, waits_for=who, problem=""))
        except DescriptionError as error:
            # Not the request is wrong, but what it is to be written into, or the way there.
            entry.retry_at = moment + PATIENCE
            entry.problem = f"this waits, because {_sentences(error)[0]}"
            LOG.error("request %s waits: %s", entry.id, error)
            self.journal.save(entry)
        return True

    def tick(self) -> None:
        """End what waits for too long, or for people who are not there any more."""
        try:
            found = self.description()
        except DescriptionError:
            return
        for entry in self.journal.of_states(states.WAITING):
            if self.now().timestamp() - entry.made > UNAPPROVED.total_seconds():
                said = f"nobody consented within {UNAPPROVED.days} days"
                self.journal.save(entry.move(states.EXPIRED, problem=said, waits_for=[]))
            elif not people.is_active(found, entry.person):
                said = f"{entry.person} has no account that can be used any more"
                self.journal.save(entry.move(states.REFUSED, reasons=[said], waits_for=[]))

    def cancel(self, id_: str) -> bool:
        """Cancel a request that is not written yet; tells whether it is past that."""
        entry = self.journal.entry(id_)
        if entry is None or entry.state in states.FINAL:
            return False
        if entry.state in states.WRITTEN:
            return True
        self.journal.save(entry.move(states.CANCELLED, waits_for=[], problem=""))
        return False

    def end_session(self, proof: Any) -> None:
        """Take nothing any more by a session that its owner has ended."""
        try:
            statement = statements.read(proof["statement"])
        except (ProofError, TypeError, KeyError):
            return
        if statement["kind"] == statements.SESSION:
            self.used.end_session(statement)

    # One request.

    def _work(self, entry: Entry) -> None:
        if not entry.verified:
            self._verify(entry)
        verbs = [verb for verb, _arguments in entry.changes]
        if verbs[0] == signing.RETRY:
            self._retry(entry)
        elif verbs[0] in signing.QUEUE:
            self._consent(entry)
        elif verbs[0] in table.OPERATIONS:
            self._operate(entry)
        else:
            self._write(entry)

    def _verify(self, entry: Entry) -> None:
        """Find out who asks for what, and use up the statements; raises Refused."""
        try:
            given = messages.submission(messages.parse(entry.body.encode(), messages.REQUEST_BYTES))
        except messages.MessageError as error:
            raise Refused(str(error)) from None
        found = self._described_for([one.verb for one in given.changes])
        try:
            if given.newcomer is not None:
                newcomer = proofs.of_newcomer(found, self.place, given.newcomer, self.now())
                proven, used = newcomer.inviter, newcomer.statements
                changes = list(newcomer.changes)
                if newcomer.confirm:
                    entry.reasons, changes = [newcomer.confirm], changes[:1]
            else:
                proven = proofs.of_request(found, self.place, given.request, list(given.proofs), self.now())
                used, changes = proven.statements, [(one.verb, dict(one.arguments)) for one in given.changes]
            _refuse_mixture(changes)
            self.used.spend(used, entry.id)
        except ProofError as error:
            raise Refused(str(error)) from None
        entry.person, entry.kind, entry.key = proven.person, proven.kind, proven.key
        entry.digest, entry.statement = proven.digest, used[0].digest
        entry.changes = changes
        entry.expect = [(one.file, list(one.path), one.value) for one in given.expect]
        entry.about = about(changes)
        entry.verified = True
        if all(policy.judge(found, entry.person, verb, arguments) for verb, arguments in changes):
            entry.move(states.QUEUED)
        self.journal.save(entry)

    def _permit(self, entry: Entry, found: Description, number: int) -> None:
        """Raise Refused or Asked unless a change may be made, by the description that it would be written into."""
        verb, arguments = entry.changes[number]
        gone = proofs.still(found, proofs.Proven(entry.person, entry.kind, entry.key, entry.digest))
        if gone:
            raise Refused(gone)
        if verb in NOT_HERE:
            raise Refused(NOT_HERE[verb])
        verdict = policy.judge(found, entry.person, verb, arguments)
        if verdict.answer == policy.REFUSE:
            raise Refused(*verdict.reasons)
        consents = (policy.consent(found, one, entry.person, verb, arguments) for one in entry.approved_by)
        if verdict.answer == policy.ASK and not any(consents):
            raise Asked(verdict)

    def _write(self, entry: Entry) -> None:
        """Make the commit, and note what follows from it."""
        before = self._described_for([verb for verb, _arguments in entry.changes])
        changes = [(verb, _with_person(verb, arguments, entry.person)) for verb, arguments in entry.changes]
        try:
            outcome = edit.apply_many(
                self.options,
                changes,
                credit=self._credit(entry, before),
                expect=[edit.Seen(file, tuple(path), value) for file, path, value in entry.expect],
                permit=lambda found, number: self._permit(entry, found, number),
            )
        except repository.RepositoryError:
            raise
        except DescriptionError as error:
            raise Refused(*_sentences(error)) from None
        self._looked = 0.0
        follows = outcome.follows
        if not outcome.parent:
            # It was done before, and the note of it is missing; perhaps the copy here lacks it as well.
            self.follow()
            follows = effects.together(
                self._described_for([verb for verb, _arguments in changes]), changes, outcome.subjects
            )
        entry.move(
            states.DESCRIBED if follows else states.APPLIED,
            commit=outcome.commit,
            subject=", ".join(outcome.subjects),
            problem="",
            waits_for=[],
            undo=undo.of(before, self.description, changes, outcome.subjects),
        )
        for warning in outcome.warnings:
            LOG.warning("request %s: %s", entry.id, warning)
        LOG.info("request %s of %s is commit %s: %s", entry.id, entry.person, entry.commit[:12], entry.about)
        self.journal.save(entry, runs=follows)

    def _credit(self, entry: Entry, found: Description) -> repository.Credit:
        """Say in the commit who asked, who consented, and by which statement."""
        trailers = {repository.REQUEST: entry.id, "Requested-By": entry.person, "Proof": entry.statement}
        if entry.approved_by:
            trailers["Approved-By"] = ", ".join(entry.approved_by)[:200]
        record = found.users.get(entry.person) or {}
        try:
            return repository.Credit(record.get("full_name", ""), record.get("email", ""), trailers)
        except ValueError:
            return repository.Credit(trailers=trailers)

    def _operate(self, entry: Entry) -> None:
        """Note what is to be done on machines; nothing but names goes there."""
        ((verb, arguments),) = entry.changes
        found = self.description()
        self._permit(entry, found, 0)
        try:
            values = table.check(found, verb, arguments)
        except DescriptionError as error:
            raise Refused(*_sentences(error)) from None
        words: dict[str, str] = {}
        for name, value in values.items():
            kind = table.VERBS[verb].types[name]
            if isinstance(kind, (Boolean, Choice, Integer)):
                words[name] = str(value).lower()
            elif not isinstance(kind, Name) and kind is not MACHINE:
                raise Refused(f"{name}: {verb} with this is done by operators only")
        runs = [Run(one.playbook, one.names, words) for one in effects.of(found, verb, arguments, "")]
        if not runs:
            raise Refused(f"{verb} has nothing to do: there is no such machine")
        self.journal.save(entry.move(states.APPLYING, problem="", waits_for=[]), runs=runs)

    def _retry(self, entry: Entry) -> None:
        """Run again what a request has left undone; it is described, and nothing is written."""
        ((_verb, arguments),) = entry.changes
        found = self.description()
        seen = people.visible(found, entry.person)
        target = self.journal.entry(str(arguments.get("request")))
        is_theirs = target is not None and (target.person == entry.person or seen.is_operator)
        if arguments.keys() != {"request"} or target is None or not is_theirs or target.state != states.FAILED:
            raise Refused("there is no such request of yours that failed")
        left = [job.run for job in self.journal.jobs_of(target.id) if job.state in (FAILED, DROPPED)]
        if not left or any(run.playbook in table.OPERATIONS for run in left):
            raise Refused("nothing of it is described; ask for it again")
        entry.commit, entry.subject = target.commit, target.subject
        self.journal.save(entry.move(states.DESCRIBED, problem="", undo=target.undo), runs=left)

    def _consent(self, entry: Entry) -> None:
        """Consent to the request of somebody else, or decline it; what is meant is what was signed."""
        ((verb, arguments),) = entry.changes
        target = self.journal.entry(str(arguments.get("request")))
        if arguments.keys() != {"request", "sha256"} or target is None or target.state != states.WAITING:
            raise Refused("there is no such request that waits for somebody's consent")
        if entry.kind != statements.REQUEST or arguments["sha256"] != target.digest or not target.digest:
            raise Refused("something else was signed than consent to this request")
        found = self._described_for([one for one, _arguments in target.changes])
        if not people.is_active(found, entry.person):
            raise Refused(f"{entry.person} has no account that can be used")
        verdicts = [policy.consent(found, entry.person, target.person, *change) for change in target.changes]
        wanted = [policy.judge(found, target.person, *change).answer == policy.ASK for change in target.changes]
        if not any(verdict for verdict, needed in zip(verdicts, wanted, strict=True) if needed):
            raise Refused(*dict.fromkeys(reason for verdict in verdicts for reason in verdict.reasons))
        entry.subject = target.id
        if verb == "decline":
            target.move(states.REFUSED, reasons=[f"{entry.person} has declined it"], waits_for=[])
        else:
            target.approved_by.append(entry.person)
            target.move(states.QUEUED, waits_for=[], retry_at=0.0)
        self.journal.save(entry.move(states.APPLIED), target)


def about(changes: Sequence[tuple[str, Mapping[str, Any]]]) -> str:
    """Say in a line what is asked for."""
    shown = [
        {"verb": verb, "arguments": {name: _shown(value) for name, value in more.items()}} for verb, more in changes
    ]
    return statements.request_words({"changes": shown})


def _shown(value: Any) -> Any:
    """Return a value without what is sealed."""
    if isinstance(value, Mapping):
        return {name: _shown(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_shown(item) for item in value]
    return "sealed" if isinstance(value, str) and value.startswith("sealed:") else value


def _refuse_mixture(changes: Sequence[tuple[str, Mapping[str, Any]]]) -> None:
    alone = {*signing.QUEUE, *table.OPERATIONS}
    if len(changes) > 1 and any(verb in alone for verb, _arguments in changes):
        raise Refused("what is done on machines, and consent, is asked for alone")


def _with_person(verb: str, arguments: Mapping[str, Any], person: str) -> dict[str, Any]:
    """Add who asked, where the description keeps it."""
    keeps = "requested_by" in table.CHANGES[verb].types if verb in table.CHANGES else False
    return {"requested_by": person, **arguments} if keeps else dict(arguments)


def _sentences(error: DescriptionError) -> list[str]:
    return [mistake.sentence() for mistake in error.mistakes] or [str(error)]
