# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What people sign: with an SSH key, by a command that is copied; or with a passkey, by a script of the page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.ringmaster.hosting.plugins.module_utils.platform.proofs import judge
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform.proofs.statements import (
    ProofError,
    Statement,
)
from ansible_collections.ringmaster.hosting.plugins.module_utils.steward import messages
from django.http import HttpRequest
from django.utils import timezone

from ..queue import sessions
from . import frame

KEY = "~/.ssh/id_ed25519"


@dataclass(frozen=True)
class Wanted:
    """A statement that is to be signed: its name in the form, what it is for, and with which key."""

    name: str
    title: str
    statement: Statement
    key: str = KEY
    passkey: str = ""
    """The id of the passkey that has to sign; where it is empty, an SSH key or any passkey may."""

    @property
    def _command(self) -> str:
        return f"ssh-keygen -Y sign -n {self.statement.kind}@{self.statement['host']} -f {self.key}"

    @property
    def command(self) -> str:
        """The command for shells of Linux, macOS and WSL. A statement has no apostrophe (canonical form)."""
        return f"printf '%s' '{self.statement.text}' | {self._command}"

    @property
    def powershell(self) -> str:
        """The same for PowerShell, which adds a line end that counts for nothing."""
        return f"'{self.statement.text}' | {self._command}"

    @property
    def about(self) -> str:
        """What is signed, in words."""
        return str(self.statement["about"])


def posted(request: HttpRequest, name: str) -> Mapping[str, Any] | None:
    """Return the proof that was pasted into a form; None where there was none."""
    text, signature = frame.posted(request, f"{name}-statement", 40_000), frame.posted(request, f"{name}-signature")
    passkey = frame.posted(request, f"{name}-passkey")
    if text and passkey:
        return {"statement": text, "signature": {"passkey": messages.parse(passkey.encode(), messages.REQUEST_BYTES)}}
    if not text or not signature.strip():
        return None
    return {"statement": text, "signature": {"ssh": signature.strip() + "\n"}}


def problem(asker: frame.Asker, request: Any, proofs: Any) -> str:
    """Say what is wrong with the signatures of a request, as the steward would; an empty text where they hold."""
    try:
        judge.of_request(asker.description, sessions.place(), request, proofs, timezone.now())
    except ProofError as error:
        said = str(error)
        return f"{said[:1].upper()}{said[1:]}. Run the new command."
    return ""


def wrong_invitation(asker: frame.Asker, proof: Mapping[str, Any], meant: Mapping[str, Any]) -> str:
    """Say what is wrong with a signed invitation; an empty text where it holds and says what is meant."""
    try:
        statement = judge.of_invitation(asker.description, sessions.place(), proof, timezone.now())
    except ProofError as error:
        said = str(error)
        return f"{said[:1].upper()}{said[1:]}. Run the new command."
    is_meant = statement.person == asker.name and all(statement[name] == value for name, value in meant.items())
    return "" if is_meant else "Something else was signed than this invitation. Run the new command."
