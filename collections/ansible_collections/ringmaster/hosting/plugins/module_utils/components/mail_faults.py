# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is wrong with the options of a mail server and of a mail stub, their lists looked at as a whole."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator, Mapping
from typing import Any

from . import mailserver
from .database_faults import users
from .faults import Fault, Path, Surroundings, entries, given, tried
from .mailserver import ObjectError
from .users import NAME, NAME_IN_WORDS

_WAY = re.compile(r"(\[[^\[\]]+\]|[^\[\]:]+)(?::([1-9][0-9]{0,4}))?")
"""Where Postfix sends mail: a host, in brackets when its own address counts and not its MX."""
_LABEL = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?")
_LEVELS = ("none", "may", "encrypt", "dane", "dane-only", "fingerprint", "verify", "secure")
"""TLS security levels of Postfix (TLS_README)."""
_NEEDS_CERTIFICATE = ("fingerprint", "verify", "secure")
_PROTOCOLS = r"(!|>=|<=)?(SSLv[23]|TLSv1(\.[0-3])?)"
_ATTRIBUTES = {
    "match": re.compile(r"[^\s,=]+"),
    "protocols": re.compile(rf"{_PROTOCOLS}(:{_PROTOCOLS})*"),
    "ciphers": re.compile("null|export|low|medium|high"),
    "exclude": re.compile(r"[A-Za-z0-9@!+-]+(:[A-Za-z0-9@!+-]+)*"),
    "servername": re.compile(r"hostname|nexthop|[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?"),
    "connection_reuse": re.compile("yes|no"),
    "enable_rpk": re.compile("yes|no"),
}
"""What may follow a level, but for files; with anything else Postfix sends no mail there (smtp_tls_policy_maps)."""
_LOCAL_NAMES = frozenset({"root", "mailer-daemon", "postmaster", "abuse", "hostmaster"})
"""Whose mail on the server itself comes to the postmaster; nobody else has any there."""
_OF_EVERY_MACHINE = (".localdomain", ".localhost")


def of_mailserver(options: Mapping[str, Any], around: Surroundings) -> Iterator[Fault]:
    """Yield what is wrong with options of a mail server."""
    hostname = str(given(options, "hostname", around.hostname))
    domains: dict[str, Path] = {}
    for index, one in entries(options, "domains"):
        path: Path = ("domains", index, "name")
        name = str(one.get("name", ""))
        yield from tried(path, ObjectError, mailserver.domain_name, name, "the name of a mail domain")
        if name == hostname:
            yield Fault(
                path,
                f"{name} is the mail server's own name, and all mail to it would bounce",
                name,
                f"another hostname, such as mail.{name}, or another domain",
            )
        if name == mailserver.monitor_login(hostname).partition("@")[2]:
            yield Fault(path, f"{name} is the domain to which the server's own checks write", name, "another domain")
        if name in domains:
            yield Fault(path, f"the mail domain {name} is declared twice", allowed="each once")
        domains.setdefault(name, path)
    yield from tried(("hostname",), ObjectError, mailserver.domain_name, hostname, "hostname")
    if hostname.endswith(_OF_EVERY_MACHINE):
        yield Fault(("hostname",), f"{hostname} is a name of every machine, and of no server", hostname)
    yield from users(mailserver.MAILSERVER, options, None)
    for index, one in entries(options, "users"):
        for position, sender in enumerate(one.get("senders") or ()):
            yield from tried(("users", index, "senders", position), ObjectError, mailserver.sender, sender, "it")
    yield from _ways_out(options, hostname)
    yield from _addresses(options, set(domains), hostname)
    yield from _relays(options, hostname, set(domains))


def _ways_out(options: Mapping[str, Any], hostname: str) -> Iterator[Fault]:
    """Yield what Postfix cannot take of the server that all mail goes through, and of the domains with a TLS policy."""
    text = str(given(options, "relayhost", ""))
    if text and not _way(text):
        yield Fault(("relayhost",), f"'{text[:60]}' is no server", text, "[host], [host]:port, host or host:port")
    elif text and _way(text) == hostname:
        yield Fault(("relayhost",), f"{hostname} is this server, and mail would come back to it", text, "another one")
    for name, policy in (options.get("tls_policies") or {}).items():
        path: Path = ("tls_policies", name)
        if not _way(name) and not mailserver.DOMAIN.fullmatch(name.removeprefix(".")):
            yield Fault(path, f"'{name[:60]}' is no domain or server", name, "a domain or [host]:port", is_key=True)
        elif name != name.lower():
            yield Fault(
                path, f"Postfix looks for {name.lower()}, and never finds {name}", name, name.lower(), is_key=True
            )
        elif wrong := _policy_problem(str(policy)):
            yield Fault(path, f"'{str(policy)[:60]}' {wrong[0]}", str(policy), wrong[1])


def _way(text: str) -> str:
    """Return the host to which Postfix would send, in lower case; nothing when the text names none."""
    found = _WAY.fullmatch(text)
    if found is None or (found[2] is not None and int(found[2]) > 65535):
        return ""
    host = found[1].strip("[]")
    if found[1] != host and re.fullmatch(r"[0-9.]+|.*:.*", host):
        try:
            return str(ipaddress.ip_address(host.removeprefix("IPv6:").removeprefix("ipv6:")))
        except ValueError:
            return ""
    labels = host.split(".")
    is_name = len(host) <= 253 and all(map(_LABEL.fullmatch, labels)) and not labels[-1].isdigit()
    return host.lower() if is_name else ""


def _policy_problem(text: str) -> tuple[str, str] | None:
    """Return what Postfix does not understand of a TLS policy, and what it understands."""
    level, *rest = re.split(r"[\s,]+", text.strip())
    # match=a:b and match=a,b are the same: what stands without '=' belongs to the attribute before it.
    attributes: list[str] = []
    for word in rest:
        if "=" in word or not attributes:
            attributes.append(word)
        else:
            attributes[-1] += f":{word}"
    if level not in _LEVELS:
        return "is no policy of Postfix", f"first {', '.join(_LEVELS)}"
    for word in attributes:
        name, _sign, value = word.partition("=")
        if name not in _ATTRIBUTES or not _ATTRIBUTES[name].fullmatch(value):
            known = ", ".join(f"{one}=…" for one in _ATTRIBUTES)
            return f"has '{word[:40]}', with which Postfix sends no mail there", f"{level}, and after it {known}"
        if name == "match" and level not in _NEEDS_CERTIFICATE:
            return (
                f"compares certificates, which {level} does not look at",
                f"match with {', '.join(_NEEDS_CERTIFICATE)}",
            )
    if level == "fingerprint" and not any(word.startswith("match=") for word in attributes):
        return "compares with no fingerprint", "fingerprint match=…"
    return None


def _addresses(options: Mapping[str, Any], domains: set[str], hostname: str) -> Iterator[Fault]:
    taken: dict[str, Path] = {}
    boxes: set[str] = set()

    def take(text: str, path: Path, what: str) -> Iterator[Fault]:
        yield from tried(path, ObjectError, mailserver.address, text, what)
        domain = text.partition("@")[2]
        if "@" in text and domain not in domains:
            known = ", ".join(domains) or "none"
            yield Fault(path, f"{text} is in a domain that is not declared", domain, f"declared: {known}")
        if text in taken and not (what == "a forward" and text in boxes):
            there = ".".join(map(str, taken[text]))
            yield Fault(path, f"{text} is declared twice", f"the first one is {there}", "each address once")
        taken.setdefault(text, path)

    default = str(given(options, "quota", "2GiB"))
    yield from tried(("quota",), ObjectError, mailserver.quota_bytes, default, "a mailbox")
    for index, one in entries(options, "mailboxes"):
        here: Path = ("mailboxes", index)
        text = str(one.get("address", ""))
        yield from take(text, (*here, "address"), "a mailbox")
        boxes.add(text)
        for position, alias in enumerate(one.get("aliases") or ()):
            yield from take(str(alias), (*here, "aliases", position), f"an alias of {text}")
        for position, sender in enumerate(one.get("send_as") or ()):
            yield from tried((*here, "send_as", position), ObjectError, mailserver.sender, sender, text)
        hashed, quota = str(one.get("password_hash", "")), str(given(one, "quota", default))
        yield from tried((*here, "password_hash"), ObjectError, mailserver.password_hash, hashed, text)
        yield from tried((*here, "quota"), ObjectError, mailserver.quota_bytes, quota, text)
    forwards: dict[str, list[str]] = {}
    for index, one in entries(options, "forwards"):
        text = str(one.get("address", ""))
        yield from take(text, ("forwards", index, "address"), "a forward")
        targets = [str(target) for target in one.get("to") or ()]
        forwards.setdefault(text, targets)
        if not targets:
            yield Fault(("forwards", index), f"the forward {text} goes nowhere", allowed="addresses in 'to'")
    yield from _targets(options, domains, taken, hostname)
    reader = str(given(options, "postmaster", ""))
    ours = {f"{name}@{hostname}": [reader] for name in _LOCAL_NAMES} if reader else {}
    yield from _circles(options, {**forwards, **ours}, boxes)


def _targets(
    options: Mapping[str, Any], domains: set[str], taken: Mapping[str, Path], hostname: str
) -> Iterator[Fault]:
    """Yield addresses that mail would go to and that nobody has, in whatever order they are declared."""
    wanted: list[tuple[Path, str]] = []
    for index, one in entries(options, "forwards"):
        wanted += [(("forwards", index, "to", place), str(to)) for place, to in enumerate(one.get("to") or ())]
    for index, one in entries(options, "domains"):
        wanted += [
            (("domains", index, "catch_all", place), str(to)) for place, to in enumerate(one.get("catch_all") or ())
        ]
    if options.get("postmaster"):
        wanted.append((("postmaster",), str(options["postmaster"])))
    for path, text in wanted:
        yield from tried(path, ObjectError, mailserver.target_address, text, "it")
        local, _at, domain = mailserver.plain_address(text).rpartition("@")
        if domain == hostname and path == ("postmaster",):
            yield Fault(
                path, f"mail to {text} goes to the postmaster, and would go round", text, "a mailbox, or outside"
            )
        elif domain == hostname and local not in _LOCAL_NAMES:
            known = ", ".join(sorted(_LOCAL_NAMES))
            yield Fault(path, f"nobody on the server itself has {text}, and mail to it would bounce", text, known)
        if text.partition("@")[2] in domains and mailserver.plain_address(text) not in taken:
            yield Fault(path, f"there is no mailbox, alias or forward {text}", text, "an address that is declared")


def _circles(options: Mapping[str, Any], forwards: Mapping[str, list[str]], boxes: set[str]) -> Iterator[Fault]:
    """Yield forwards from which mail comes back to themselves, and mailboxes that a forward would empty."""
    for index, one in entries(options, "forwards"):
        start = str(one.get("address", ""))
        if start in boxes:
            if start not in forwards.get(start, ()):
                yield Fault(
                    ("forwards", index, "to"),
                    f"{start} is a mailbox, too, which would get nothing any more",
                    ", ".join(forwards.get(start, ())),
                    f"{start} itself among the addresses, to keep a copy there",
                )
            continue
        if mailserver.comes_back(start, forwards, boxes):
            yield Fault(
                ("forwards", index, "to"),
                f"mail to {start} comes back to {start}, and would bounce",
                start,
                "addresses that do not lead back",
            )


def _relays(options: Mapping[str, Any], hostname: str, domains: set[str]) -> Iterator[Fault]:
    own = {hostname, *domains}
    taken: dict[str, str] = {}
    hosts = [str(one.get("host", "")) for _index, one in entries(options, "relays")]
    for name in options.get("relay_passwords") or {}:
        if name not in hosts:
            allowed = ", ".join(hosts) or "none: there are no relays"
            yield Fault(("relay_passwords", name), f"'{name[:60]}' is no relay's host", name, allowed, is_key=True)
    for index, one in entries(options, "relays"):
        host = str(one.get("host", ""))
        yield from tried(("relays", index, "host"), ObjectError, mailserver.domain_name, host, "host")
        if host == hostname:
            yield Fault(("relays", index, "host"), f"{host} is this server, and mail would come back to it", host)
        for position, domain in enumerate(one.get("domains") or [""]):
            path: Path = ("relays", index, "domains", position) if domain else ("relays", index)
            if domain and domain not in own:
                yield Fault(path, f"the domain {domain} is not declared", str(domain), ", ".join(sorted(own)))
            if domain in taken:
                yield Fault(path, f"{domain or 'all other mail'} has two relays: {taken[domain]} and {host}")
            taken.setdefault(str(domain), host)


def of_mailstub(options: Mapping[str, Any], around: Surroundings) -> Iterator[Fault]:
    """Yield what is wrong with options of a mail stub, and with where it stands."""
    servers = [name for name, components in around.vms.items() if "mailserver" in components]
    if "mailserver" in around.vms.get(around.vm, ()):
        yield Fault(
            (),
            f"{around.vm} has the component mailserver, which takes mail from this machine, too",
            allowed="one of the two",
            is_key=True,
        )
    elif not servers and not around.has_mail_out:
        yield Fault(
            (), "there is no mail server in the project", allowed="a VM with the component mailserver", is_key=True
        )
    reader, account = options.get("local_mail"), options.get("user")
    if reader is not None:
        yield from tried(("local_mail",), ObjectError, mailserver.target_address, reader, "it")
    if account is not None and not NAME.fullmatch(account):
        yield Fault(("user",), f"'{account[:40]}' is no name of an account", account, NAME_IN_WORDS)
    if not servers and around.has_mail_out:
        for name in ("server", "login", "user"):
            if options.get(name):
                said = f"there is no mail server in the project, and the platform's takes mail without '{name}'"
                yield Fault((name,), said, str(options[name]), "nothing", is_key=True)
    if "mailserver" in around.vms.get(around.vm, ()) or not servers:
        return
    chosen = options.get("server")
    if chosen is not None and chosen not in servers:
        yield Fault(
            ("server",), f"'{chosen}' is no VM of the project with the component mailserver", chosen, ", ".join(servers)
        )
        return
    yield from _account_there(options, around, chosen or servers[0])


def _account_there(options: Mapping[str, Any], around: Surroundings, server: str) -> Iterator[Fault]:
    """Yield what keeps a stub from handing in its mail at the server: no account there, or no trust."""
    components = around.vms[server]
    there = (components.get("mailserver") if isinstance(components, Mapping) else None) or {}
    trusts = bool(given(there, "trust_project", False))
    login, name = bool(given(options, "login", not trusts)), str(given(options, "user", "app"))
    accounts = given(there, "users", mailserver.MAILSERVER.default_users)
    known = [str(one.get("name")) for one in accounts if isinstance(one, Mapping)]
    if login and name not in known:
        path: Path = ("user",) if "user" in options else ()
        allowed = ", ".join(known) or "nothing: it declares no user"
        yield Fault(path, f"the mail server of {server} has no account '{name}' to log in as", name, allowed)
    if not login and not trusts:
        yield Fault(
            ("login",),
            f"the mail server of {server} takes mail without a login only where it has trust_project: true",
            "false",
            "true, or nothing",
        )
