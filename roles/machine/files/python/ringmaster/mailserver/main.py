# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``ringmaster mailserver``: converge the running daemons, dump mailboxes, look after passwords, test the server."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from ringmaster.core import component
from ringmaster.core.component import Verb
from ringmaster.mailserver import dumps, metrics, selftest, service
from ringmaster.mailserver.converge import COMPONENT, SUFFIX, converge, reset_password, validate
from ringmaster.mailserver.places import Places

PLACES = Places()
MAILSERVER = component.Component(
    COMPONENT,
    converge=lambda check, restart: converge(PLACES, check=check, restart=restart),
    validate=lambda: validate(PLACES),
    inbox=(PLACES.postfix_inbox, PLACES.dovecot_inbox),
    suffix=SUFFIX,
    dump=lambda folder: dumps.dump(PLACES, folder),
    prove=lambda folder: dumps.prove(PLACES, folder),
    restore=lambda folder, wish: dumps.restore(PLACES, folder, wish),
    more={
        "selftest": Verb(
            "compare this server, and what the DNS says of it, with what should be",
            lambda options: selftest.run(as_data=options.json),
            lambda parser: parser.add_argument("--json", action="store_true", help="give the result as data"),
        ),
        "reset-password": Verb(
            "let the declared password of a mailbox count again",
            lambda options: reset_password(options.address),
            lambda parser: parser.add_argument("address"),
        ),
        "serve-passwords": Verb(
            "let people change the password of their mailbox (a unit runs this)", lambda _options: service.serve()
        ),
        "metrics": Verb("write the figures for monitoring (a timer runs this)", lambda _options: metrics.write()),
    },
)


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    return component.parser(MAILSERVER)


def main(words: Sequence[str] | None = None) -> int:
    """Do what the words say; return an exit code."""
    return component.run(MAILSERVER, words)
