# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The connection to the queue: the steward calls, shows its certificate, and listens to nobody."""

from __future__ import annotations

import http.client
import json
import ssl
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from . import messages

LONGEST = 8 * 1024 * 1024
"""Bytes of an answer."""
PATIENCE = 40
"""Seconds without a byte; an answer is waited for shorter than that."""


class QueueError(Exception):
    """The queue is away, or says what cannot be: tried again later."""


class SupersededError(Exception):
    """Another steward works through the queue."""


@dataclass(frozen=True)
class Delivery:
    """What the queue hands over; what was of another form is left out, and named."""

    requests: tuple[tuple[str, str], ...] = ()
    cancels: tuple[str, ...] = ()
    sessions: tuple[tuple[str, Any], ...] = ()
    questions: tuple[tuple[str, Any, Any], ...] = ()


@dataclass
class Queue:
    """The queue at an address, ``https://<host>[:<port>]``; plain ``http`` is for sockets of this machine only."""

    address: str
    certificate: Path | None = None
    key: Path | None = None
    authority: Path | None = None
    generation: int = 0
    _connection: http.client.HTTPConnection | None = field(default=None, repr=False)

    def hello(self, instance: str) -> None:
        """Become the one steward; raises SupersededError while another one is heard."""
        answer = self._call("hello", {"instance": instance})
        generation = answer.get("generation")
        if not isinstance(generation, int) or isinstance(generation, bool):
            raise QueueError("the queue says no generation")
        self.generation = generation

    def next(self, taken: Sequence[str], ended: Sequence[str], wait: int) -> Delivery:
        """Return what is to be done; what was taken, and which sessions are known to have ended, is said first."""
        answer = self._call(
            "next", {"generation": self.generation, "wait": wait, "taken": list(taken), "ended": list(ended)}
        )
        try:
            return Delivery(
                tuple(messages.items(answer, "requests", 1000, messages.delivery)),
                tuple(messages.items(answer, "cancels", 1000, messages.identifier)),
                tuple(messages.items(answer, "sessions", 1000, _session)),
                tuple(messages.items(answer, "questions", 100, _question)),
            )
        except messages.MessageError as error:
            raise QueueError(f"the queue hands over what it may not: {error}") from None

    def report(self, reports: Sequence[messages.Report], steps: Sequence[messages.Step]) -> None:
        """Say what became of requests."""
        said = {"reports": [one.as_dict() for one in reports], "steps": [one.as_dict() for one in steps]}
        self._call("reports", {"generation": self.generation, **said})

    def answer(self, id_: str, found: Any, problem: str) -> None:
        """Answer a question."""
        self._call("answer", {"generation": self.generation, "id": id_, "answer": found, "problem": problem})

    def snapshot(self, commit: str, files: dict[str, str]) -> None:
        """Hand over the description at a commit."""
        self._call("snapshot", {"generation": self.generation, "commit": commit, "files": files})

    def close(self) -> None:
        """End the connection."""
        if self._connection:
            self._connection.close()
        self._connection = None

    def _call(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        data = json.dumps(body).encode()
        try:
            connection = self._connection = self._connection or self._connect()
            connection.request("POST", f"/steward/v1/{path}", data, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            raw = answer.read(LONGEST + 1)
            if answer.getheader("Connection") == "close" or len(raw) > LONGEST:
                self.close()
        except (OSError, http.client.HTTPException) as error:
            self.close()
            raise QueueError(f"the queue at {self.address} is away: {error or type(error).__name__}") from None
        if answer.status == 409:
            raise SupersededError("another steward works through the queue; one of them has to stop")
        if answer.status != 200:
            raise QueueError(f"the queue at {self.address} answers {path} with status {answer.status}")
        try:
            found = messages.parse(raw, LONGEST)
        except messages.MessageError as error:
            raise QueueError(f"the answer of the queue {error}") from None
        if not isinstance(found, dict):
            raise QueueError("the answer of the queue is no map")
        return found

    def _connect(self) -> http.client.HTTPConnection:
        parts = urlsplit(self.address)
        if parts.scheme != "https":
            return http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=PATIENCE)
        context = ssl.create_default_context(cafile=self.authority)
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        if self.certificate:
            context.load_cert_chain(self.certificate, self.key)
        return http.client.HTTPSConnection(parts.hostname or "", parts.port, timeout=PATIENCE, context=context)


def _session(value: Any, pointer: str) -> tuple[str, Any]:
    given = _map(value, pointer, "nonce", "proof")
    return messages.text(given["nonce"], f"{pointer}/nonce", 64), given["proof"]


def _question(value: Any, pointer: str) -> tuple[str, Any, Any]:
    given = _map(value, pointer, "id", "question", "proof")
    return messages.identifier(given["id"], f"{pointer}/id"), given["question"], given["proof"]


def _map(value: Any, pointer: str, *names: str) -> dict[str, Any]:
    if not isinstance(value, dict) or set(value) != set(names):
        raise messages.MessageError(pointer, f"is no map of {', '.join(names)}")
    return value
