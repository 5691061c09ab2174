# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a mail server declares, and its accounts; what the machine makes of it: tests/unit/ringmaster."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.ringmaster.hosting.plugins.module_utils.components import mailserver
from mailserver_samples import HASH, SECRET, VM, box, objects


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"domains": [{"name": "A.example"}]}, "must be a full domain name in lower-case"),
        ({"domains": [{"name": "a.example"}] * 2}, "a.example is declared twice"),
        ({"mailboxes": box("new@c.example")}, "new@c.example is in a domain that is not declared; declared: a.example"),
        ({"mailboxes": box("info@a.example")}, "declared twice: as an alias of anna@a.example and as a mailbox"),
        ({"mailboxes": box("Anna@a.example")}, "'Anna@a.example' is no address"),
        ({"mailboxes": box("anna+x@a.example")}, "is no address"),
        ({"mailboxes": box("a b@a.example")}, "is no address"),
        ({"mailboxes": box(password_hash="secret")}, "password_hash of new@a.example is not a hash"),
        ({"mailboxes": box(password_hash=f"{HASH}:0:0")}, "is not a hash"),
        ({"mailboxes": box(quota="2GB")}, "quota of new@a.example is '2GB', which is not a size with a unit"),
        ({"mailboxes": box(send_as=["@b"])}, "must be a full domain name"),
        ({"forwards": [{"address": "team@a.example", "to": []}]}, "team@a.example goes nowhere"),
        ({"forwards": [{"address": "t@a.example", "to": ["no@a.example"]}]}, "there is no mailbox, alias or"),
        ({"domains": [{"name": "a.example"}, {"name": "b.example", "catch_all": ["no@b.example"]}]}, "catch_all of"),
        ({"users": [{"name": "monitor"}]}, "is the platform's own"),
        ({"postmaster": "no@a.example"}, "mailserver_postmaster: there is no mailbox"),
        ({"relays": [{"host": "r.example", "port": 25}]}, "the relay r.example has the port 25; allowed: 465"),
        ({"relays": [{"host": "r.example", "domains": ["c.example"]}]}, "is for c.example, which is not declared"),
        ({"relays": [{"host": "r.example"}, {"host": "s.example"}]}, "all other mail has two relays: r.example and"),
        ({"relays": [{"host": "r.example", "username": "me"}]}, "mailserver_relay_passwords has no password for it"),
    ],
)
def test_mistakes_are_named(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(mailserver.UserError) as error:
        objects(**changes)
    assert said in str(error.value)
    assert HASH not in str(error.value)


@pytest.mark.parametrize(
    "text",
    [
        *("Ops+tag@Elsewhere.example", "o'hara@elsewhere.example", "x@elsewhere.example", "_x_@elsewhere.example"),
        *("X-@elsewhere.example", "a/b@elsewhere.example", "bounce+a=b.example@elsewhere.example", "a%b@e.example"),
        *("!#$%&'*+/=?^_`{|}~-@elsewhere.example", f"{'x' * 64}@elsewhere.example", "~@elsewhere.example"),
        "x@xn--bcher-kva.example",
    ],
)
def test_forwards_go_to_any_address_elsewhere(text: str) -> None:
    found = objects(forwards=[{"address": "out@a.example", "to": [text]}])
    local, _at, domain = text.partition("@")
    assert found["forwards"]["out@a.example"] == [f"{local}@{domain.lower()}"]


@pytest.mark.parametrize(
    "text",
    [
        *("x", "@elsewhere.example", "a b@elsewhere.example", "a,b@elsewhere.example", '"a b"@elsewhere.example'),
        *(".x@elsewhere.example", "x.@elsewhere.example", "a..b@elsewhere.example", "a@b@elsewhere.example"),
        # A command line, a program, a file and a comment where lists of aliases are read.
        *("-x@elsewhere.example", "|x@elsewhere.example", "/x@elsewhere.example", "#x@elsewhere.example"),
        *(
            f"{'x' * 65}@elsewhere.example",
            "ä@elsewhere.example",
            "x@elsewhere",
            "x\n@elsewhere.example",
            "<x@e.example>",
        ),
        "x@[192.0.2.1]",
    ],
)
def test_what_is_no_address_elsewhere_is_refused(text: str) -> None:
    with pytest.raises(mailserver.UserError, match=r"(?s)the forward out@a\.example: .* is no address"):
        objects(forwards=[{"address": "out@a.example", "to": [text]}])


def test_an_application_knows_its_account() -> None:
    login, _, password = mailserver.account("app", SECRET, VM).partition(":")
    assert login == "app@post00.example.net"
    assert len(password) > 20
    with pytest.raises(ValueError, match="post00 has no account 'shop' for sending; declared: app"):
        mailserver.account("shop", SECRET, VM)
