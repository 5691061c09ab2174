# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The check of the project's own firewall rules."""

from __future__ import annotations

from pathlib import Path

from ringmaster.core import checks


def inbox() -> tuple[int, str]:
    """Drop-ins in /etc/local/firewall that were left out."""
    return checks.drop_ins("firewall", ".nft", Path("/etc/local/firewall"))
