# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How mail leaves, as figures."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from ringmaster.core.figures import metric
from ringmaster.mail_out.checks import KINDS, STATE, state, waiting


def metrics(path: Path = STATE) -> Iterator[str]:
    """Yield what waits, and how many receivers, refusals and delays each machine had."""
    found = state(path)
    number, since = waiting()
    yield from metric("ringmaster_mail_out_waiting", "gauge", {"": float(number)})
    if number:
        yield from metric("ringmaster_mail_out_oldest_at_seconds", "gauge", {"": since})
    for kind in KINDS:
        values = dict(sorted(found.get(kind, {}).items()))
        yield from metric(f"ringmaster_mail_out_{kind}_total", "counter", values, "machine")
