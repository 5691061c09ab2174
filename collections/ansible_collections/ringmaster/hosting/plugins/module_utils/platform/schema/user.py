# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keys of a person's file."""

from __future__ import annotations

from ..language import checks, passkeys
from ..language.containers import Key, ListOf, Record
from ..language.types import Choice, Name, Text
from .common import EMAIL, MOMENT, SSH_KEY

_CALLED = r"[^:,={}\[\]<>|&$%#\"\\`]"
PASSKEY_NAME = Text(
    "what its owner calls it, such as laptop, without signs of programs", pattern=f"^{_CALLED}{{1,60}}$"
)
PASSKEY_WANTED = Text("the name of a passkey, or its id", pattern=f"^{_CALLED}+$", most=2 * passkeys.LONGEST_ID)
PASSKEY_ID = Text(
    "the id of a credential in base64url without padding", check=passkeys.credential_id, most=2 * passkeys.LONGEST_ID
)
PASSKEY_KEY = Text(
    "a public key of ES256, EdDSA or RS256 as COSE has it, in base64url without padding",
    check=passkeys.public_key,
    most=2 * passkeys.LONGEST_KEY,
)
PASSKEY = Record(
    "passkey",
    (
        Key("name", PASSKEY_NAME, "What its owner calls it; each of a person's has another name.", required=True),
        Key("id", PASSKEY_ID, "Id of the credential.", required=True),
        Key("key", PASSKEY_KEY, "Public key of the credential.", required=True),
        Key("added", MOMENT, "When it was added."),
    ),
)

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
            "passkeys",
            ListOf(PASSKEY, most=passkeys.MOST),
            "Passkeys, with which the person signs in to web pages of the platform; no machine takes them.",
            default=[],
        ),
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
