# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What people sign: four kinds of statements, each a flat map in canonical JSON. Pure.

A statement says first, in words, what it is about; the words are made from the other fields, and another text in their
place is refused, so that nobody signs something else than what stands there. docs/reference/proofs.md explains all.
"""

from __future__ import annotations

import datetime
import hashlib
import re
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from . import canonical

LEEWAY = datetime.timedelta(minutes=5)
"""How far the clock of whoever signs may be ahead."""
_MOMENT = "%Y-%m-%dT%H:%M:%SZ"
_WORD = re.compile(r"[A-Za-z0-9@._:/+-]{1,64}")


class ProofError(Exception):
    """A proof does not hold: a word for programs, and a sentence for people."""

    def __init__(self, code: str, sentence: str) -> None:
        """Keep both."""
        super().__init__(sentence)
        self.code = code


@dataclass(frozen=True)
class Kind:
    """A kind of statement: how long it may hold, what it has beside the common fields, and the words it begins with."""

    longest: datetime.timedelta
    fields: Mapping[str, type]
    words: Callable[[Mapping[str, Any]], str]


SESSION, REQUEST, INVITATION, POSSESSION = "session", "request", "invitation", "possession"
KINDS: Mapping[str, Kind] = {
    SESSION: Kind(
        datetime.timedelta(hours=12), {}, lambda s: f"sign in as {s['person']} at {s['host']} until {s['not_after']}"
    ),
    REQUEST: Kind(datetime.timedelta(hours=24), {"sha256": str}, lambda s: f"{s['person']} asks: "),
    INVITATION: Kind(
        datetime.timedelta(days=14),
        {"email": str, "project": str, "permissions": list},
        lambda s: f"{s['person']} invites {s['email']} to {s['project']} as {', '.join(s['permissions'])}",
    ),
    POSSESSION: Kind(
        datetime.timedelta(hours=24),
        {"key": str, "email": str, "invitation": str},
        lambda s: f"this key is to belong to the account {s['person']} at {s['host']}",
    ),
}
"""All kinds. The words of a request go on with what is asked for, see ``request_words``."""

_COMMON: Mapping[str, type] = dict.fromkeys(("about", "host", "kind", "made", "nonce", "not_after", "person"), str)
_LIMITS = {"about": 32 * 1024, "key": 8192, "person": 64}
_LONGEST_WORD = 200


@dataclass(frozen=True)
class Statement:
    """A statement of known form. Nothing of it is true before it was checked, and its signature verified."""

    text: str
    fields: Mapping[str, Any]

    def __getitem__(self, name: str) -> Any:
        """Return a field."""
        return self.fields[name]

    @property
    def kind(self) -> str:
        """One of KINDS."""
        return str(self["kind"])

    @property
    def person(self) -> str:
        """Whose statement it claims to be."""
        return str(self["person"])

    @property
    def digest(self) -> str:
        """SHA-256 of the text, as 64 hexadecimal digits."""
        return hashlib.sha256(self.text.encode("ascii")).hexdigest()

    def time(self, field: str) -> datetime.datetime:
        """Return ``made`` or ``not_after`` as a time."""
        return moment(self.fields[field])


def moment(text: str) -> datetime.datetime:
    """Return the time of a text such as 2026-11-30T08:00:00Z, which has one spelling only."""
    found = datetime.datetime.strptime(text, _MOMENT).replace(tzinfo=datetime.UTC)
    if written(found) != text:
        raise ValueError(text)
    return found


def written(when: datetime.datetime) -> str:
    """Return a time as statements have it."""
    return when.astimezone(datetime.UTC).strftime(_MOMENT)


def make(
    kind: str,
    host: str,
    person: str,
    *,
    now: datetime.datetime,
    lasts: datetime.timedelta | None = None,
    asks: str = "",
    **more: Any,
) -> Statement:
    """Return a new statement to be signed; ``asks`` are the words of a request."""
    fields = {
        **more,
        "host": host,
        "kind": kind,
        "made": written(now),
        "nonce": secrets.token_urlsafe(24),
        "not_after": written(now + (KINDS[kind].longest if lasts is None else lasts)),
        "person": person,
    }
    fields["about"] = KINDS[kind].words(fields) + asks
    return read(canonical.write(fields))


def request_words(request: Mapping[str, Any]) -> str:
    """Say what a request asks for, as it stands at the beginning of its statement: verbs with their arguments."""
    return "; ".join(
        " ".join([change["verb"], *(f"{name}={_word(value)}" for name, value in sorted(change["arguments"].items()))])
        for change in request["changes"]
    )


def _word(value: Any) -> str:
    """Return a value as it is shown: a simple word as it is, and of a long value its beginning and its length."""
    if isinstance(value, str) and _WORD.fullmatch(value):
        return value
    text = canonical.write(value)
    return text if len(text) <= _LONGEST_WORD else f"{text[:_LONGEST_WORD]}... ({len(text)} characters)"


def read(text: Any) -> Statement:
    """Return a statement whose form is right; raises ProofError."""
    if not isinstance(text, str):
        raise ProofError("form", "a statement is a text")
    try:
        fields = canonical.read(text)
    except canonical.CanonicalError as error:
        raise ProofError("form", f"the statement {error}") from None
    kind = KINDS.get(str(fields.get("kind"))) if isinstance(fields, dict) else None
    if kind is None:
        raise ProofError("form", f"a statement is a map with kind: one of {', '.join(KINDS)}")
    wanted = {**_COMMON, **kind.fields}
    if fields.keys() != wanted.keys():
        odd = ", ".join(sorted(fields.keys() ^ wanted.keys()))[:200]
        raise ProofError("form", f"a statement of kind {fields['kind']} lacks fields, or has others: {odd}")
    for name, needed in wanted.items():
        if not isinstance(fields[name], needed) or len(fields[name]) > _LIMITS.get(name, 512):
            raise ProofError("form", f"{name} of a statement is no {needed.__name__}, or too long")
    if not all(isinstance(one, str) for one in fields.get("permissions", [])):
        raise ProofError("form", "permissions of an invitation are words")
    if not re.fullmatch(r"[A-Za-z0-9_-]{22,64}", fields["nonce"]):
        raise ProofError("form", "the nonce of a statement has 22 to 64 letters, digits, - and _")
    try:
        moment(fields["made"]), moment(fields["not_after"])
    except ValueError:
        raise ProofError("form", "times of a statement are written like 2026-11-30T08:00:00Z") from None
    return Statement(text, fields)


def check(statement: Statement, kinds: Sequence[str], host: str, now: datetime.datetime, asks: str = "") -> None:
    """Raise ProofError unless a statement is of one of some kinds, for this host, says what it is about, and holds."""
    if statement.kind not in kinds:
        raise ProofError("kind", f"this is a statement of kind {statement.kind}; {' or '.join(kinds)} is needed")
    if statement["host"] != host:
        raise ProofError("host", f"this was signed for {statement['host'][:80]}, and not for {host}")
    kind = KINDS[statement.kind]
    if statement["about"] != kind.words(statement.fields) + asks:
        raise ProofError("request", "the words of the statement do not say what it is about")
    made, end = statement.time("made"), statement.time("not_after")
    clock = f"the clock here says {written(now)}"
    if made > now + LEEWAY:
        raise ProofError("time", f"this was signed in the future, at {statement['made']}; {clock}")
    if now > end:
        raise ProofError("time", f"this held until {statement['not_after']}; {clock}. Sign again")
    if not datetime.timedelta(0) < end - made <= kind.longest:
        hours = int(kind.longest.total_seconds() // 3600)
        raise ProofError("time", f"a statement of kind {statement.kind} holds for {hours} hours at most")
