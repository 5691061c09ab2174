# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks across files. Filled in below; each check notes its mistakes at the place they come from."""

from __future__ import annotations

from .model import Description


def check(description: Description) -> None:
    """Note every mistake that no single value shows."""
