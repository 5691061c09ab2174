# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A small mail server as it is declared: for the tests of what is declared, and of what the machine makes of it."""

from __future__ import annotations

from typing import Any

from ansible_collections.ringmaster.hosting.plugins.module_utils.components import mailserver

SECRET = "a-secret-of-tests-only"
HASH = "$6$saltsalt$" + "x" * 86
VM = {
    "inventory_hostname": "post00",
    "ringmaster_project": "post",
    "ringmaster_fqdn": "post00.example.net",
    "ringmaster_project_members": [{"fqdn": "post00.example.net"}, {"fqdn": "post01.example.net"}],
    "ringmaster_fe_ipv4": "198.51.100.3",
    "ringmaster_fe_ipv6": "2001:db8:2::3",
}


def declared(**changes: Any) -> dict[str, Any]:
    return {
        "hostname": "mail.example.net",
        "domains": [{"name": "a.example"}, {"name": "b.example", "catch_all": ["ben@b.example"]}],
        "mailboxes": [
            {"address": "anna@a.example", "password_hash": HASH, "aliases": ["info@a.example"]},
            {"address": "ben@b.example", "password_hash": HASH, "quota": "0", "send_as": ["info@a.example"]},
        ],
        "forwards": [{"address": "team@a.example", "to": ["anna@a.example", "x@elsewhere.example"]}],
        "users": [{"name": "app"}],
        "postmaster": "",
        "quota": "1GiB",
        "tls_policies": {},
        "is_publicly_trusted": False,
        **changes,
    }


def objects(**changes: Any) -> dict[str, Any]:
    return mailserver.objects(declared(**changes), SECRET, VM)


def box(address: str = "new@a.example", **changes: Any) -> list[dict[str, Any]]:
    return [*declared()["mailboxes"], {"address": address, "password_hash": HASH, **changes}]
