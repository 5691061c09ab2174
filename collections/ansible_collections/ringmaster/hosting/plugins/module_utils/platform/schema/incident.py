# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keys of an incident's file."""

from __future__ import annotations

from ..language.containers import Key, ListOf, Record
from ..language.types import Choice, Name, Text
from .common import MOMENT

INCIDENT = Record(
    "incidents/<day>-<words>.yml",
    (
        Key("title", Text(), "What happened, in one line.", required=True, example="Mail was slow"),
        Key("begin", MOMENT, "When it began.", required=True, example="'2026-11-24T10:00:00Z'"),
        Key("end", MOMENT, "When it was over.", default_text="it goes on"),
        Key(
            "impact",
            Choice(("outage", "degraded", "maintenance", "information")),
            "How bad it was; `maintenance` may lie ahead.",
            default="degraded",
        ),
        Key(
            "projects",
            ListOf(Name("project", refers=True), filled="everybody would see it", hint="leave it out for everybody"),
            "Projects that are concerned; only they see it.",
            default_text="everybody",
        ),
        Key(
            "updates",
            ListOf(
                Record(
                    "update",
                    (
                        Key("at", MOMENT, "When it was written.", required=True),
                        Key("text", Text(), "What was found or done.", required=True),
                    ),
                )
            ),
            "What was found and done, oldest first.",
            default=[],
        ),
    ),
    "An incident, as the status pages show it. The file's name begins with its day.",
)
