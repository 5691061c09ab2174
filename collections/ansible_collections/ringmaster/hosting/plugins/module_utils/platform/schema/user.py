# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keys of a person's file."""

from __future__ import annotations

from ..language import checks
from ..language.containers import Key, ListOf, Record
from ..language.types import Choice, Name, Text
from .common import EMAIL, MOMENT, SSH_KEY

USER = Record(
    "users/<name>.yml",
    (
        Key(
            "full_name",
            Text(
                "a name in one line without colon or comma, in one alphabet",
                pattern=r"^[^:,=]{1,100}$",
                check=checks.one_alphabet,
            ),
            "Name of the person.",
            required=True,
            example="Bob Example",
        ),
        Key("email", EMAIL, "Mail address.", required=True, example="bob@example.org"),
        Key("ssh_keys", ListOf(SSH_KEY, most=20), "Public SSH keys, one line each.", default=[]),
        Key(
            "state",
            Choice(("pending", "active", "locked", "removed")),
            "`pending`: not verified, has no account; `locked`: cannot log in; `removed`: loses the account.",
            default="active",
        ),
        Key(
            "web_password_hash",
            Text("a crypt hash, for example from mkpasswd", check=checks.crypt_hash),
            "Hash of the password for web pages of the platform.",
        ),
        Key("email_verified_at", MOMENT, "When the mail address was confirmed."),
        Key("requested_by", Name("person", refers=True), "Who asked for the account."),
    ),
    "A person. The file's name is the account's name.",
)
