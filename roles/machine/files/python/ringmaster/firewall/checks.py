# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The checks of the project's own firewall rules, and of what listens behind an open frontend."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ringmaster.core import checks
from ringmaster.firewall import exposed as listening


def inbox() -> tuple[int, str]:
    """Drop-ins in /etc/local/firewall that were left out."""
    return checks.drop_ins("firewall", ".nft", Path("/etc/local/firewall"))


def exposed(declared: Sequence[Sequence[str]]) -> tuple[int, str]:
    """Programs that anybody on the Internet can reach because the frontend is open, and that nobody declared."""
    return listening.exposed(declared)
