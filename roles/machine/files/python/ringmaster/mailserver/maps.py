# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The declared objects as the maps of Postfix, Dovecot and rspamd. Pure: data in, text out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Objects = Mapping[str, Any]
# Mail to these is read by people at every domain (RFC 2142), whatever is declared.
ROLES = ("postmaster", "abuse", "hostmaster")
# Compiled by postmap; Dovecot and rspamd read the others as they are.
ADDRESSES = ("domains", "mailboxes", "aliases", "senders", "local_aliases")
POSTFIX = (*ADDRESSES, "own_senders", "tls_policies", "relay_accounts")


def compiled(objects: Objects, changed: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """Return the text of each map. ``changed`` are passwords that people changed themselves."""
    tables: dict[str, Mapping[str, str]] = {
        "domains": dict.fromkeys([*objects["domains"], objects["monitor"]["login"].partition("@")[2]], "1"),
        "mailboxes": dict.fromkeys([*owners(objects), objects["monitor"]["login"]], "1"),
        "aliases": aliases(objects),
        "senders": {address: " ".join(owners) for address, owners in senders(objects).items()},
        "own_senders": own_senders(objects),
        "local_aliases": local_aliases(objects),
        "tls_policies": tls_policies(objects),
        "relay_accounts": relay_accounts(objects),
    }
    texts = {
        name: "".join(f"{key} {value}\n" for key, value in sorted(table.items())) for name, table in tables.items()
    }
    texts["passwords"] = passwords(objects, changed)
    texts["users"] = users(objects)
    texts["catch_alls"] = catch_alls(objects)
    return texts


def owners(objects: Objects) -> dict[str, str]:
    """Return the mailbox of each address all of whose mail goes into one mailbox; ``@domain`` for a catch-all.

    Mail to them comes to Dovecot under their own name: it knows whose they are. So a vacation answers for them, as it
    answers for the mailbox itself and not for a group of people, and a full mailbox is told before mail is taken.
    """
    found = {address: address for address in objects["mailboxes"]}
    for address, mailbox in objects["mailboxes"].items():
        found.update(dict.fromkeys(mailbox["aliases"], address))
    ways = _ways(objects)
    # From forward to forward.
    while more := {
        address: found[targets[0]]
        for address, targets in ways.items()
        if address not in found and len(targets) == 1 and targets[0] in found
    }:
        found.update(more)
    # A catch-all has no name of its own under which a copy could be kept.
    return {one: box for one, box in found.items() if not one.startswith("@") or box not in objects["forwards"]}


def _ways(objects: Objects) -> dict[str, list[str]]:
    """Return where mail goes that is to forwards, to roles and, as ``@domain``, to nobody."""
    return {
        **_roles(objects),
        **objects["forwards"],
        **{f"@{name}": domain["catch_all"] for name, domain in objects["domains"].items()},
    }


def _roles(objects: Objects) -> dict[str, list[str]]:
    if not objects["postmaster"]:
        return {}
    return {f"{role}@{name}": [objects["postmaster"]] for name in objects["domains"] for role in ROLES}


def aliases(objects: Objects) -> dict[str, str]:
    """Return where mail to an address goes that is not one mailbox's."""
    owned = owners(objects)
    table: dict[str, list[str]] = {}
    for address, box in owned.items():
        name = address.partition("@")[2]
        if box in objects["forwards"]:
            # The copy stays under this name, too.
            table[address] = [address, *(one for one in objects["forwards"][box] if one != box)]
        elif f"@{name}" not in owned and objects["domains"][name]["catch_all"]:
            # The catch-all would come before it otherwise.
            table[address] = [address]
    for address, targets in _ways(objects).items():
        if targets and address not in owned:
            # By the mailboxes' names, so that nobody gets a message twice.
            table[address] = [owned.get(target, target) for target in targets]
    return {address: ", ".join(dict.fromkeys(targets)) for address, targets in table.items()}


def senders(objects: Objects) -> dict[str, list[str]]:
    """Return the logins that own a sender address. Readers look for the address first, then for ``@domain``."""
    table: dict[str, list[str]] = {}
    by_domain: dict[str, list[str]] = {}

    def own(address: str, login: str) -> None:
        if address not in table:
            by_domain.setdefault(address.partition("@")[2], []).append(address)
        owners = table.setdefault(address, [])
        if login not in owners:
            owners.append(login)

    own(objects["monitor"]["login"], objects["monitor"]["login"])
    for address, mailbox in objects["mailboxes"].items():
        for sender in (address, *mailbox["aliases"], *mailbox["send_as"]):
            own(sender, address)
    for name, domain in objects["domains"].items():
        # Whoever gets all other mail of a domain may answer it.
        for target in domain["catch_all"]:
            if target in objects["mailboxes"]:
                own(f"@{name}", target)
    for login, application in objects["applications"].items():
        for sender in application["senders"]:
            own(sender, login)
            if sender.startswith("@"):
                # An address of its own wins over its domain, so the application is named at both.
                for address in list(by_domain.get(sender[1:], ())):
                    own(address, login)
    return table


def own_senders(objects: Objects) -> dict[str, str]:
    """Return how mail leaves whose sender is ours: directly or through its relay; all others are rewritten (SRS)."""
    own = ["<>", *(f"@{name}" for name in (objects["hostname"], *objects["domains"]))]
    relays = _relays(objects)
    return {sender: _transport(relays.get(sender, relays.get("*"))) for sender in own}


def _relays(objects: Objects) -> dict[str, Mapping[str, Any]]:
    """Return the relay of each sender domain; ``*`` is for all others."""
    return {
        f"@{domain}" if domain else "*": relay for relay in objects["relays"] for domain in (relay["domains"] or [""])
    }


def _transport(relay: Mapping[str, Any] | None) -> str:
    if relay is None:
        return "smtp:"
    return f"{'relay-tls' if relay['port'] == 465 else 'smtp'}:{_next_hop(relay)}"


def _next_hop(relay: Mapping[str, Any]) -> str:
    return f"[{relay['host']}]:{relay['port']}"


def tls_policies(objects: Objects) -> dict[str, str]:
    """Return how mail must be encrypted. A relay, which gets a password, must show its certificate."""
    return {**{_next_hop(relay): "secure" for relay in objects["relays"]}, **objects["tls_policies"]}


def relay_accounts(objects: Objects) -> dict[str, str]:
    """Return login and password at relays: for the sender's domain, and for all others by the relay itself."""
    return {
        domain if domain != "*" else _next_hop(relay): f"{relay['username']}:{relay['password']}"
        for domain, relay in _relays(objects).items()
        if relay["username"]
    }


def local_aliases(objects: Objects) -> dict[str, str]:
    """Return where mail to the machine's own accounts goes."""
    return dict.fromkeys(("root", "mailer-daemon", *ROLES), objects["postmaster"] or "/var/mail/root")


def passwords(objects: Objects, changed: Mapping[str, Mapping[str, Any]]) -> str:
    """Return who may log in, for Dovecot: what people changed wins over what was declared."""
    lines = []
    for address, mailbox in objects["mailboxes"].items():
        if not mailbox["is_locked"]:
            digest = changed.get(address, {}).get("password_hash") or mailbox["password_hash"]
            lines.append(f"{address}:{_with_scheme(digest)}\n")
    own = {objects["monitor"]["login"]: objects["monitor"]}
    for login, application in {**objects["applications"], **own}.items():
        lines.append(f"{login}:{application['password_hash']}\n")
    return "".join(sorted(lines))


def users(objects: Objects) -> str:
    """Return the mailboxes with their quotas, for Dovecot, and whose other addresses are."""
    lines = [f"{objects['monitor']['login']}:::::::userdb_quota_storage_size=10M\n"]
    lines += [f"{box}:::::::{_quota(objects, box)}\n" for box in objects["mailboxes"]]
    lines += [
        f"{address}:::::::userdb_user={box} {_quota(objects, box)}\n"
        for address, box in owners(objects).items()
        if address != box and not address.startswith("@")
    ]
    return "".join(sorted(lines))


def catch_alls(objects: Objects) -> str:
    """Return whose all other addresses of a domain are, for Dovecot: looked up by the domain, after the users."""
    return "".join(
        f"{address[1:]}:::::::userdb_user={box} {_quota(objects, box)}\n"
        for address, box in sorted(owners(objects).items())
        if address.startswith("@")
    )


def _quota(objects: Objects, box: str) -> str:
    limit = objects["mailboxes"][box]["quota"]
    return f"userdb_quota_storage_size={f'{limit}B' if limit else 'unlimited'}"


def _with_scheme(digest: str) -> str:
    if digest.startswith("{"):
        return digest
    return f"{{ARGON2ID}}{digest}" if digest.startswith("$argon2id") else f"{{CRYPT}}{digest}"
