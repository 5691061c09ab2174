# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The states of a request on its way from who asks to the machines, and who moves it from which to which. Pure.

``submitted`` and not yet looked at; ``waiting`` for somebody's consent; ``queued``, allowed and waiting for its turn;
``described``, which is a commit; ``applying``, while Ansible runs; then one of FINAL. Once the steward has taken a
request nobody else moves it: what is in git is what counts, whatever the queue thinks of it.
"""

from __future__ import annotations

from collections.abc import Mapping

SUBMITTED, WAITING, QUEUED, DESCRIBED, APPLYING = "submitted", "waiting", "queued", "described", "applying"
APPLIED, FAILED, REFUSED, CANCELLED, EXPIRED = "applied", "failed", "refused", "cancelled", "expired"

FINAL = frozenset((APPLIED, FAILED, REFUSED, CANCELLED, EXPIRED))
STATES = (SUBMITTED, WAITING, QUEUED, DESCRIBED, APPLYING, APPLIED, FAILED, REFUSED, CANCELLED, EXPIRED)
WRITTEN = frozenset((DESCRIBED, APPLYING, APPLIED, FAILED))
"""States of a request that may have a commit."""

STEWARD, PERSON, CLOCK = "steward", "person", "clock"
"""Who moves requests: the steward, the person who asked, and the queue, by its clock."""

MOVES: Mapping[str, Mapping[str, frozenset[str]]] = {
    STEWARD: {
        SUBMITTED: frozenset((WAITING, QUEUED, DESCRIBED, APPLYING, *FINAL)),
        WAITING: frozenset((QUEUED, DESCRIBED, APPLYING, *FINAL)),
        QUEUED: frozenset((WAITING, DESCRIBED, APPLYING, *FINAL)),
        DESCRIBED: frozenset((APPLYING, APPLIED, FAILED)),
        APPLYING: frozenset((APPLIED, FAILED)),
    },
    PERSON: {SUBMITTED: frozenset((CANCELLED,))},
    CLOCK: {SUBMITTED: frozenset((EXPIRED,))},
}
"""Where each may move a request from a state. The steward skips states of which the queue has not heard."""


class MoveError(ValueError):
    """A request cannot go from one state to another."""


def move(state: str, to: str, by: str) -> str:
    """Return the new state; the same one is no move, and always fine. Raises MoveError."""
    if to != state and to not in MOVES[by].get(state, frozenset()):
        raise MoveError(f"a request that is {state} is not made {to} by the {by}")
    return to
