# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks of single values. Each returns what is wrong, to follow the value in a sentence, or nothing."""

from __future__ import annotations

import datetime
import re
import unicodedata
from urllib.parse import urlsplit

from ansible_collections.ringmaster.hosting.plugins.module_utils.components import catalogue
from ansible_collections.ringmaster.hosting.plugins.module_utils.values import addresses, host_names, time_zones

from .errors import Later

ALIKE = ("LATIN", "CYRILLIC", "GREEK", "ARMENIAN", "CHEROKEE")
"""Alphabets that share the looks of letters (Unicode Technical Standard 39, confusables)."""
LONGEST_DOMAIN = 200
"""Characters of a domain; a name has 253, with a machine's own and ``fe`` in front."""


def address(text: str) -> str:
    """Check a bare IPv4 or IPv6 address."""
    return "" if addresses.is_address(text) else "is not an IP address (without prefix length)"


def ipv4_address(text: str) -> str:
    """Check a bare IPv4 address."""
    return "" if addresses.is_address(text, 4) else "is not an IPv4 address (without prefix length)"


def ipv6_address(text: str) -> str:
    """Check a bare IPv6 address."""
    return "" if addresses.is_address(text, 6) else "is not an IPv6 address (without prefix length)"


def network(text: str) -> str:
    """Check a network prefix of either family."""
    return addresses.network_problem(text)


def ipv4_network(text: str) -> str:
    """Check an IPv4 network prefix."""
    return addresses.network_problem(text, 4)


def ipv6_network(text: str) -> str:
    """Check an IPv6 network prefix; VMs' ids need 24 bits of host part."""
    problem = addresses.network_problem(text, 6)
    if not problem and int(text.rpartition("/")[2]) > 104:
        return "is too small: an id needs 24 bits of host part (/64 is usual)"
    return problem


def ipv4_range(text: str) -> str:
    """Check a range of IPv4 addresses, ``first-last``."""
    first, separator, last = text.partition("-")
    if not separator or ipv4_address(first) or ipv4_address(last):
        return "is not a range of IPv4 addresses"
    if addresses.as_number(first) > addresses.as_number(last):
        return "ends before it begins"
    return ""


def url(text: str) -> str:
    """Check an http or https URL: a host that can be, and no sign that configurations read as their own."""
    try:
        parts = urlsplit(text)
        sound = parts.scheme in ("http", "https") and bool(parts.hostname)
        port = parts.port
    except ValueError:
        sound, port = False, None
    if not sound or re.search(r"\s", text):
        return "is not an http or https URL"
    if port == 0:
        return Later("has the port 0, which nobody can reach")
    host = parts.hostname or ""
    name, problem = host_names.to_ascii(host)
    if not addresses.is_address(host) and (problem or name != host):
        return Later("has a host that is no name of letters, digits and hyphens; write IDN as xn--…")
    if not addresses.is_address(host) and _ends_in_number(name):
        return Later("has a host that ends in a number and is no address")
    if escaped := re.search(r"%(?![0-9A-Fa-f]{2}).{0,2}", text):
        return Later(f"has {escaped[0]!r}, and a '%' of a URL stands before two hexadecimal digits (%25 is '%' itself)")
    signs = re.search(r"[^A-Za-z0-9._~:/?#\[\]@!$&()*+,;=%-]", text)
    return Later(f"has the sign {signs[0]!r}, which a URL writes as %{ord(signs[0]):02X}") if signs else ""


def _ends_in_number(host: str) -> bool:
    """Tell whether a name ends as addresses do (WHATWG's URL standard, 3.5): there is no such top-level domain."""
    return host.rpartition(".")[2].isdigit()


def email(text: str) -> str:
    """Check a mail address: one that every program takes as it is, without quoting."""
    if not re.fullmatch(r"[^@\s<>(),;:\"]+@[^@\s.]+(\.[^@\s.]+)+", text):
        return "is not a mail address"
    local, _at, host = text.rpartition("@")
    if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9._+'=&~-]{0,63}", local) or ".." in local or local.endswith("."):
        return Later("has a name with other signs than letters, digits and . _ + - ' = & ~, or one of those first")
    ascii_host, problem = host_names.to_ascii(host)
    if problem:
        return Later(f"has a domain that {problem}")
    if _ends_in_number(ascii_host):
        return Later("has a domain that ends in a number, and no mail goes there")
    return "" if ascii_host == host.lower() else Later(f"has a domain that mail programs write as {ascii_host}")


def one_alphabet(text: str) -> str:
    """Check that a name is not written in alphabets whose letters look alike: one of another one can pass for it."""
    found = {word for sign in text if sign.isalpha() for word in ALIKE if unicodedata.name(sign, "").startswith(word)}
    names = " and ".join(sorted(word.capitalize() for word in found))
    return Later(f"mixes letters of {names}, which look alike") if len(found) > 1 else ""


def date(text: str) -> str:
    """Check a day of the calendar."""
    try:
        datetime.date.fromisoformat(text)
    except ValueError:
        return Later("is no day of the calendar")
    return ""


def moment(text: str) -> str:
    """Check a time of a day of the calendar."""
    try:
        datetime.datetime.fromisoformat(text)
    except ValueError:
        return Later("is no time of a day of the calendar")
    return ""


def when(text: str | None) -> datetime.datetime | None:
    """Return the time that a text means; None for none, and for what is no time."""
    try:
        return datetime.datetime.fromisoformat(text or "")
    except ValueError:
        return None


def domain(text: str) -> str:
    """Check the length of a domain below which machines and services have names."""
    if len(text) <= LONGEST_DOMAIN:
        return ""
    return Later(f"is longer than {LONGEST_DOMAIN} characters, and names below it would not fit")


def timezone(text: str) -> str:
    """Check a name of the time zone database, as machines have it and not this controller."""
    wrong = time_zones.problem(text)
    return Later(wrong) if text in time_zones.FORMER else wrong


def port_range(text: str) -> str:
    """Check a port or a range of ports, ``8080`` or ``8000-8010``."""
    if not re.fullmatch(r"[0-9]{1,5}(-[0-9]{1,5})?", text):
        return "is neither a port nor a range of ports"
    first, _dash, last = text.partition("-")
    if not 1 <= int(first) <= 65535 or not int(first) <= int(last or first) <= 65535:
        return "is not a range of ports from 1 to 65535"
    return ""


def port_or_component(text: str) -> str:
    """Check a target of a firewall rule: a port, a range of ports or a component."""
    if text.startswith("component:"):
        name = text.removeprefix("component:")
        return "" if name in catalogue.PORTS else f"names no component: one of {', '.join(catalogue.PORTS)} is needed"
    return port_range(text)


def crypt_hash(text: str) -> str:
    """Check that a password is given as a modern crypt(3) hash and never in clear."""
    if re.fullmatch(r"\$(6|y|2[aby]|5)\$[./A-Za-z0-9$=,]{20,}", text):
        return ""
    return "is not a crypt hash"
