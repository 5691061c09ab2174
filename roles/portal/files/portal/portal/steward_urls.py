# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Addresses of the steward's listener."""

from .answers import for_programs
from .queue import steward

urlpatterns = [
    for_programs("steward/v1/hello", steward.hello),
    for_programs("steward/v1/next", steward.next_),
    for_programs("steward/v1/reports", steward.reports),
    for_programs("steward/v1/answer", steward.answer),
    for_programs("steward/v1/snapshot", steward.snapshot),
]
