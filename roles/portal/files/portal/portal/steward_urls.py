# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Addresses of the steward's listener."""

from django.urls import path

from .queue import steward

urlpatterns = [
    path("steward/v1/hello", steward.hello),
    path("steward/v1/next", steward.next_),
    path("steward/v1/reports", steward.reports),
    path("steward/v1/answer", steward.answer),
    path("steward/v1/snapshot", steward.snapshot),
]
