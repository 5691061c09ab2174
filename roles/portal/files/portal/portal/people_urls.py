# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Addresses of the people's side."""

from django.urls import include, path

from .answers import for_programs
from .queue import people

urlpatterns = [
    for_programs("ringctl", people.ringctl),
    for_programs("api/v1/client", people.client_table),
    for_programs("api/v1/sessions", people.sign_in),
    for_programs("api/v1/sessions/current", people.sign_out),
    for_programs("api/v1/me", people.me),
    for_programs("api/v1/requests", people.requests),
    for_programs("api/v1/requests/<str:id_>", people.one_request),
    for_programs("api/v1/requests/<str:id_>/cancel", people.cancel),
    for_programs("api/v1/questions", people.ask),
    for_programs("api/v1/questions/<str:id_>", people.answered),
    path("", include("portal.pages.urls")),
]
handler404 = "portal.pages.frame.missing"
