# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a mail server declares (domains, mailboxes, forwards, accounts of applications), checked as a whole."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Iterable, Mapping
from typing import Any
from urllib.parse import quote

from ansible_collections.ringmaster.hosting.plugins.module_utils.values import sizes

from . import mail_records
from .faults import given
from .users import CA_FILE, ComponentUsers, User, UserError

SUBMISSIONS_PORT = 465
MONITOR = "monitor"
PAGES = "/var/lib/ringmaster/mailserver/pages"
MIB = 1024 * 1024
DOMAIN = re.compile(r"(?=.{4,253}$)(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]*[a-z0-9]")
LOCAL = re.compile(r"[a-z0-9_](?:[a-z0-9._-]{0,62}[a-z0-9_])?")
# Of addresses elsewhere: all that needs no quotes (RFC 5322, dot-atom), but for what a list of aliases or a command
# line reads as its own at the beginning.
ANY_LOCAL = re.compile(r"(?![-|/#])(?=.{1,64}$)[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
# What Dovecot takes and what resists guessing; crypt(3) knows $y$ (yescrypt), $6$ (SHA-512), $2b$ (bcrypt).
HASH = re.compile(r"\$(?:y|6|2[aby]|argon2id?)\$[^\s:]{20,250}")
POLICIES = ("none", "quarantine", "reject")


class ObjectError(UserError):
    """Something declared that cannot be; the text names it, what was found and what is allowed."""


def monitor_login(hostname: str) -> str:
    """Return the mailbox to which the checks send. Its domain has no MX, so that nobody else finds it."""
    return f"monitor@check.{hostname}"


def login_of(name: str, vm: Mapping[str, Any]) -> str:
    """Return the login of an application's account; its host part is the VM, so that it is never a mailbox."""
    return f"{name}@{vm['ringmaster_fqdn']}"


def _environment(user: User, vm: Mapping[str, Any]) -> Mapping[str, str]:
    host, login = str(vm["ringmaster_fqdn"]), login_of(user.name, vm)
    return {
        "SMTP_HOST": host,
        "SMTP_PORT": str(SUBMISSIONS_PORT),
        "SMTP_TLS": "implicit",
        "SMTP_CA_FILE": CA_FILE,
        "SMTP_USERNAME": login,
        "SMTP_PASSWORD": user.password,
        "SMTP_URL": f"smtps://{quote(login, safe='')}:{quote(user.password)}@{host}:{SUBMISSIONS_PORT}",
    }


MAILSERVER = ComponentUsers(
    "mailserver",
    "mail",
    _environment,
    default_users=({"name": "app"},),
    reserved=frozenset({MONITOR}),
    roles=("sender",),
)


def objects(declared: Mapping[str, Any], platform_secret: str, vm: Mapping[str, Any]) -> dict[str, Any]:
    """Return everything that the component's program on the machine applies, as data for JSON.

    ``declared`` has domains, mailboxes, forwards, users, postmaster and quota as in the role's variables;
    ``vm`` are host variables, of which ``ringmaster_project_members`` gives the VMs that may send. Sizes become
    bytes. ``is_publicly_trusted`` says whether strangers trust the certificate. Raises ObjectError.
    """
    collected = _Objects(dict(declared))
    hostname = domain_name(str(declared["hostname"]), "mailserver_hostname")
    is_publicly_trusted = bool(declared["is_publicly_trusted"])
    policies = {name: str(one["dmarc"]) for name, one in collected.domains.items()}
    return {
        "hostname": hostname,
        "postmaster": collected.postmaster,
        "domains": collected.domains,
        "mailboxes": collected.mailboxes,
        "forwards": collected.forwards,
        "tls_policies": {str(name): str(policy) for name, policy in (declared.get("tls_policies") or {}).items()},
        "relays": _relays(declared, collected),
        "applications": _applications(declared, collected, platform_secret, vm),
        "is_publicly_trusted": is_publicly_trusted,
        "records": mail_records.as_data(mail_records.Server(hostname, policies, addresses(vm), is_publicly_trusted)),
        "has_tlsa": bool(declared.get("has_tlsa")),
        "monitor": {
            "login": monitor_login(str(declared["hostname"])),
            "password_hash": _digest(MAILSERVER.password(platform_secret, vm, MONITOR)),
        },
        "addresses": addresses(vm),
    }


def addresses(vm: Mapping[str, Any]) -> dict[str, str]:
    """Return the addresses of a mail server by family: where others reach it, else on the server network."""
    return {
        family: str(vm.get(f"ringmaster_fe_{family}") or vm.get(f"ringmaster_srv_{family}") or "")
        for family in ("ipv4", "ipv6")
    }


def pages(domains: Iterable[str], hostname: str, is_publicly_trusted: bool) -> list[dict[str, Any]]:
    """Return the virtual hosts with the pages that mail programs and other mail servers look for in each domain."""
    result = []
    for domain in domains:
        raw = [*_page("= /mail/config-v1.1.xml", "autoconfig.xml", "text/xml")]
        raw += _page("= /.well-known/autoconfig/mail/config-v1.1.xml", "autoconfig.xml", "text/xml")
        # Outlook posts its question; the answer is the same for everybody.
        raw += [
            "location ~* ^/autodiscover/autodiscover\\.xml$ {",
            f"    root {PAGES};",
            "    default_type text/xml;",
            "    error_page 405 =200 /autodiscover.xml;",
            "    try_files /autodiscover.xml =404;",
            "}",
            *_page("= /autodiscover.xml", "autodiscover.xml", "text/xml"),
        ]
        if is_publicly_trusted:
            raw += _page("= /.well-known/mta-sts.txt", "mta-sts.txt", "text/plain")
        labels = ["autodiscover", *(["mta-sts"] if is_publicly_trusted else [])]
        result.append(
            {
                "name": f"autoconfig.{domain}",
                "aliases": [f"{label}.{domain}" for label in labels],
                # Mail programs ask without TLS, too; nothing here is a secret.
                "http": "serve",
                "redirect": f"https://{hostname}/",
                "raw": "\n".join(raw),
                "check_path": "/mail/config-v1.1.xml",
                "wanted_code": 200,
            }
        )
    return result


def _page(location: str, file: str, kind: str) -> list[str]:
    return [f"location {location} {{", f"    alias {PAGES}/{file};", f"    default_type {kind};", "    types { }", "}"]


def domains_of(declared: Iterable[Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return catch_all and dmarc of each declared domain by its name. Raises ObjectError."""
    found: dict[str, dict[str, Any]] = {}
    for one in declared:
        name = domain_name(str(one["name"]), "the name of a mail domain")
        if name in found:
            raise ObjectError(f"the mail domain {name} is declared twice")
        policy = str(given(one, "dmarc", "quarantine"))
        if policy not in POLICIES:
            raise ObjectError(f"dmarc of {name} is '{policy}'; allowed: {', '.join(POLICIES)}")
        found[name] = {"catch_all": list(one.get("catch_all") or []), "dmarc": policy}
    return found


class _Objects:
    """The declared objects; each address means one thing only."""

    def __init__(self, declared: Mapping[str, Any]) -> None:
        self.domains = domains_of(declared["domains"])
        self.taken: dict[str, str] = {}
        self.mailboxes = dict(self._mailbox(one, declared["quota"]) for one in declared["mailboxes"])
        # All addresses are taken before one is looked for: the order of a list says nothing.
        forwards = [(self._forwarded(one), one) for one in declared["forwards"]]
        self.forwards = {text: self._targets(text, one) for text, one in forwards}
        for name, domain in self.domains.items():
            domain["catch_all"] = [self._target(one, f"catch_all of {name}") for one in domain["catch_all"]]
        chosen = str(declared.get("postmaster") or next(iter(self.mailboxes), ""))
        self.postmaster = self._target(chosen, "mailserver_postmaster") if chosen else ""

    def _mailbox(self, one: Mapping[str, Any], quota: str) -> tuple[str, dict[str, Any]]:
        own = self._take(str(one["address"]), "a mailbox")
        aliases = [self._take(str(alias), f"an alias of {own}") for alias in one.get("aliases") or []]
        return own, {
            "password_hash": password_hash(str(one["password_hash"]), own),
            "quota": quota_bytes(str(given(one, "quota", quota)), own),
            "aliases": aliases,
            "send_as": [sender(str(other), own) for other in one.get("send_as") or []],
            "sieve": str(one.get("sieve") or ""),
            "is_locked": one.get("state") == "locked",
        }

    def _forwarded(self, one: Mapping[str, Any]) -> str:
        """Take the address of a forward; one of a mailbox may forward as well, when it keeps a copy."""
        text = str(one["address"])
        if text in self.mailboxes and self.taken[text] == "a mailbox" and text in map(str, one.get("to") or []):
            self.taken[text] = "a mailbox that forwards"
            return text
        return self._take(text, "a forward")

    def _targets(self, text: str, one: Mapping[str, Any]) -> list[str]:
        targets = [self._target(str(target), f"the forward {text}") for target in one.get("to") or []]
        if not targets:
            raise ObjectError(f"the forward {text} goes nowhere: name addresses in 'to'")
        return targets

    def _take(self, text: str, what: str) -> str:
        own = address(text, what)
        domain = own.partition("@")[2]
        if domain not in self.domains:
            known = ", ".join(self.domains) or "none"
            raise ObjectError(f"{what}: {own} is in a domain that is not declared; declared: {known}")
        if own in self.taken:
            raise ObjectError(f"{own} is declared twice: as {self.taken[own]} and as {what}")
        self.taken[own] = what
        return own

    def _target(self, text: str, where: str) -> str:
        target = target_address(text, where)
        domain = target.partition("@")[2]
        if domain in self.domains:
            if plain_address(target) not in self.taken:
                raise ObjectError(f"{where}: there is no mailbox, alias or forward {target}")
            return target.lower()
        return target


def plain_address(text: str) -> str:
    """Return whose address it is: in lower case, without what follows a '+' in the name."""
    local, at, domain = text.lower().partition("@")
    return f"{local.partition('+')[0]}{at}{domain}"


def comes_back(start: str, forwards: Mapping[str, Iterable[str]], boxes: Collection[str]) -> bool:
    """Tell whether mail to a forward comes back to it, by forwards alone; mailboxes keep what they get."""
    seen: set[str] = set()
    waiting = [plain_address(one) for one in forwards.get(start, ())]
    while waiting:
        found = waiting.pop()
        if found == start:
            return True
        if found not in seen and found not in boxes:
            seen.add(found)
            waiting += [plain_address(one) for one in forwards.get(found, ())]
    return False


def _relays(declared: Mapping[str, Any], collected: _Objects) -> list[dict[str, Any]]:
    """Return the relays; each sender domain has one at most."""
    passwords = declared.get("relay_passwords") or {}
    own = {str(declared["hostname"]), *collected.domains}
    result: list[dict[str, Any]] = []
    taken: dict[str, str] = {}
    for one in declared.get("relays") or []:
        host, username = domain_name(str(one["host"]), "a relay's host"), str(one.get("username") or "")
        port, domains = int(given(one, "port", 587)), [str(domain) for domain in one.get("domains") or []]
        if port not in (465, 587):
            raise ObjectError(f"the relay {host} has the port {port}; allowed: 465 (TLS), 587 (STARTTLS)")
        for domain in domains or [""]:
            if domain and domain not in own:
                known = ", ".join(own)
                raise ObjectError(f"the relay {host} is for {domain}, which is not declared; declared: {known}")
            if domain in taken:
                raise ObjectError(f"{domain or 'all other mail'} has two relays: {taken[domain]} and {host}")
            taken[domain] = host
        password = str(passwords.get(host) or "")
        if username and not password:
            raise ObjectError(f"the relay {host} has a username, but mailserver_relay_passwords has no password for it")
        if re.search(r"[\x00-\x1f]", username + password) or ":" in username or " " in username:
            raise ObjectError(f"the relay {host}: username or password has a character that Postfix cannot take")
        result.append({"host": host, "port": port, "domains": domains, "username": username, "password": password})
    return result


def _applications(
    declared: Mapping[str, Any], collected: _Objects, platform_secret: str, vm: Mapping[str, Any]
) -> dict[str, dict[str, Any]]:
    """Return the accounts of applications: login to digest of the password and what they may send as.

    A derived password has 190 bits, so that a plain digest is as good as a slow one, and the same in each run.
    """
    members = [f"@{member['fqdn']}" for member in vm.get("ringmaster_project_members") or []]
    everything = [f"@{domain}" for domain in collected.domains] + members
    result = {}
    for user in MAILSERVER.checked(declared["users"], platform_secret, vm):
        senders = [sender(str(one), user.name) for one in given(user.options, "senders", everything)]
        result[login_of(user.name, vm)] = {"password_hash": _digest(user.password), "senders": senders}
    return result


def monitor_environment(hostname: str, platform_secret: str, vm: Mapping[str, Any]) -> str:
    """Return the credentials of the checks' mailbox as NAME=value lines."""
    return f"LOGIN={monitor_login(hostname)}\nPASSWORD={MAILSERVER.password(platform_secret, vm, MONITOR)}\n"


def account(name: str, platform_secret: str, vm: Mapping[str, Any]) -> str:
    """Return ``login:password`` of an application's account of a mail server. Raises UserError."""
    users = MAILSERVER.users(platform_secret, vm)
    found = next((user for user in users if user.name == name), None)
    if found is None:
        known = ", ".join(user.name for user in users) or "none"
        raise UserError(f"{vm['inventory_hostname']} has no account '{name}' for sending; declared: {known}")
    return f"{login_of(name, vm)}:{found.password}"


def _digest(password: str) -> str:
    """Return a derived password as Dovecot compares it."""
    return f"{{SHA256.HEX}}{hashlib.sha256(password.encode()).hexdigest()}"


def domain_name(text: str, what: str) -> str:
    """Return a full domain name as it is. Raises ObjectError."""
    if not DOMAIN.fullmatch(text):
        raise ObjectError(f"{what} is '{text}'; it must be a full domain name in lower-case letters (IDN as xn--…)")
    return text


def address(text: str, what: str) -> str:
    """Return an address in a domain of this server as it is. Raises ObjectError."""
    local, at, domain = text.partition("@")
    if not at or not LOCAL.fullmatch(local) or ".." in local or not DOMAIN.fullmatch(domain):
        raise ObjectError(
            f"{what}: '{text}' is no address; it must be name@domain in lower-case letters, digits and . _ -"
            " (everything after a '+' belongs to the name before it)"
        )
    return text


def target_address(text: str, where: str) -> str:
    """Return an address to which mail goes, here or elsewhere, with its domain in lower case. Raises ObjectError."""
    local, at, domain = text.rpartition("@")
    if not at or not ANY_LOCAL.fullmatch(local) or not DOMAIN.fullmatch(domain.lower()):
        raise ObjectError(
            f"{where}: '{text}' is no address; it must be name@domain, the name of letters, digits, . and any of"
            " !#$%&'*+/=?^_`{|}~-, at most 64, and the domain a full one (IDN as xn--…)"
        )
    return f"{local}@{domain.lower()}"


def sender(text: str, who: str) -> str:
    """Return what somebody may send as: an address or a whole domain (``@domain``)."""
    if text.startswith("@"):
        return f"@{domain_name(text[1:], f'a sender of {who}')}"
    return address(text, f"a sender of {who}")


def password_hash(text: str, owner: str) -> str:
    """Return the hash of a mailbox's password as it is. Raises ObjectError."""
    if not HASH.fullmatch(text):
        raise ObjectError(
            f"password_hash of {owner} is not a hash that begins with $y$, $6$, $2b$ or $argon2id$; make one with:"
            " openssl passwd -6"
        )
    return text


def quota_bytes(text: str, owner: str) -> int:
    """Return the bytes of a mailbox's size; 0 is without limit. Raises ObjectError."""
    if text == "0":
        return 0
    try:
        return sizes.parse(text) * MIB
    except ValueError as error:
        guess = sizes.suggest(text) or "2GiB"
        raise ObjectError(f"quota of {owner} is '{text}', which {error}; write {guess}, or 0 for none") from error
