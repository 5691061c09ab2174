# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Addresses of the people's side."""

from django.urls import path

from .queue import people

urlpatterns = [
    path("ringctl", people.ringctl),
    path("api/v1/client", people.client_table),
    path("api/v1/sessions", people.sign_in),
    path("api/v1/sessions/current", people.sign_out),
    path("api/v1/me", people.me),
    path("api/v1/requests", people.requests),
    path("api/v1/requests/<str:id_>", people.one_request),
    path("api/v1/requests/<str:id_>/cancel", people.cancel),
    path("api/v1/questions", people.ask),
    path("api/v1/questions/<str:id_>", people.answered),
]
