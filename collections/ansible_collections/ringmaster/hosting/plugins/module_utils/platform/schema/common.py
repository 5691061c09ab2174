# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What several files of the description say: lists of words, texts, and records that stand in more than one."""

from __future__ import annotations

from ansible_collections.ringmaster.hosting.plugins.module_utils.components import catalogue
from ansible_collections.ringmaster.hosting.plugins.module_utils.machine import declared_packages
from ansible_collections.ringmaster.hosting.plugins.module_utils.values import sizes

from ..language import checks, ssh_keys
from ..language.containers import Key, ListOf, NumberOrList, Record
from ..language.types import Choice, HostName, Integer, Name, Size, Text

COMPONENTS = tuple(catalogue.COMPONENTS)
PERMISSIONS = ("login", "sudo-srv", "wheel", "manager", "stats")
RELEASES = ("trixie",)
DNS_TYPES = ("A", "AAAA", "CAA", "CNAME", "MX", "NS", "SRV", "TLSA", "TXT")
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

URL = Text("an http or https URL", check=checks.url, format="uri", most=2000)
# RFC 5321, 4.5.3.1.3: 256 bytes with the brackets around it.
EMAIL = Text("a mail address such as bob@example.org", check=checks.email, format="email", most=254)
TIMEZONE = Text("a name of the time zone database such as Europe/Berlin", check=checks.timezone)
DATE = Text(
    "a date such as 2026-11-24",
    pattern=r"^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$",
    check=checks.date,
)
MOMENT = Text(
    "a date and time with zone such as 2026-11-24T10:00:00Z",
    pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}(:[0-9]{2})?(Z|[+-][0-9]{2}:[0-9]{2})$",
    check=checks.moment,
)
# sshd(8): a line of authorized_keys has 8 kilobytes at most, which is a key of RSA with 16,384 bits.
SSH_KEY = Text(
    "a line of an OpenSSH .pub file: ed25519, ECDSA or RSA with 3072 bits or more", check=ssh_keys.ssh_key, most=8192
)
IPV4 = Text("an IPv4 address", check=checks.ipv4_address)
MOST_ADDRESSES = 16
ADDRESSES = NumberOrList(Integer(0, MOST_ADDRESSES), ListOf(IPV4, most=MOST_ADDRESSES))
DOMAIN = HostName(
    "a domain such as ringmaster.example",
    pattern=r"^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]([a-z0-9-]{0,61}[a-z0-9])?$",
    check=checks.domain,
)
FULL_NAME = HostName(
    "a whole name such as www.ringmaster.example",
    pattern=r"^([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?\.)+[a-z]([a-z0-9-]{0,61}[a-z0-9])?$",
)

DNS_RECORD = Record(
    "record",
    (
        Key(
            "name",
            HostName(
                "a name below the zone such as www, or @ for the zone itself",
                pattern=r"^(@|(\*\.)?[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?){0,9}|\*)$",
            ),
            "Name below the zone; `@` is the zone itself.",
            required=True,
            example="www",
        ),
        Key("zone", DOMAIN, "One of `dns_zones`.", default_text="the platform's domain"),
        Key("vm", Name("VM", refers=True), "A and AAAA records with this VM's frontend addresses."),
        Key("type", Choice(DNS_TYPES), "Or records of this type."),
        Key(
            "values",
            ListOf(Text(most=65535), one_is_enough=True),
            "Their values, as in a zone file; TXT without quotes.",
        ),
        Key("ttl", Integer(30, 604800), "Seconds that others may remember the records.", default_text="300"),
    ),
)
DNS_RECORDS = Key(
    "dns_records",
    ListOf(DNS_RECORD),
    "DNS records beside those of machines, which are made by themselves.",
    default=[],
)

EXCLUSION = Record(
    "exclusions",
    (
        Key("from", DATE, "First day, in the window's time zone.", required=True, example='"2026-12-21"'),
        Key("to", DATE, "Last day.", required=True, example='"2027-01-03"'),
        Key("reason", Text(most=200), "Why.", required=True, example="the shop's Christmas"),
    ),
    "Days on which no window begins.",
)
KEPT = Record(
    "keep",
    (
        Key(
            "vms",
            ListOf(Name("VM", refers=True), filled="there would be nobody to keep in service"),
            "VMs that stand in for each other.",
            required=True,
            example="[myapp01, myapp02, myapp03]",
        ),
        Key("in_service", Integer(1, 999), "How many of them stay in service.", default_text="all but one"),
    ),
    "VMs that are not worked on together.",
)

MAINTENANCE = Record(
    "maintenance",
    (
        Key(
            "days",
            ListOf(Choice(DAYS), filled="there would be no window, and updates would wait for ever"),
            "Days on which a window begins.",
            default=list(DAYS),
        ),
        Key(
            "start",
            Text("a time such as 02:00", pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$"),
            "Begin of the window.",
            default="02:00",
        ),
        Key("hours", Integer(1, 24), "Length of the window in hours.", default=4),
        Key("timezone", TIMEZONE, "Time zone of `start`.", default_text="the platform's"),
        Key(
            "notice_hours",
            Integer(0, 336),
            "Hours ahead at which a restart must have been announced.",
            default_text="`updates_notice_hours`, 24",
        ),
        Key("exclusions", ListOf(EXCLUSION, most=50), "When nothing may be restarted.", default=[]),
    ),
)
PROJECT_MAINTENANCE = Record(
    "maintenance",
    (
        *MAINTENANCE.keys,
        Key("keep", ListOf(KEPT, most=100), "VMs that stand in for each other, beside those we know of.", default=[]),
        Key(
            "ignore_checks",
            ListOf(Text("a check such as redis/memory", pattern=r"^[a-z][a-z0-9_-]*/[a-z][a-z0-9_-]*$"), most=50),
            "Checks that may be critical while other VMs are restarted.",
            default=[],
        ),
    ),
)

PACKAGES = ListOf(
    Text("the name of a Debian package: lower-case letters, digits, +, - and .", pattern=f"^{declared_packages.NAME}$")
)

SIZES = (
    Key(
        "memory",
        Size(256),
        "Memory.",
        default_text=f"the project's, the platform's, or {sizes.render(sizes.DEFAULT_MEMORY_MIB)}",
        example="2GiB",
    ),
    Key(
        "cores",
        Integer(1, 256),
        "Virtual CPUs.",
        default_text=f"the project's, the platform's, or {sizes.DEFAULT_CORES}",
        example="2",
    ),
    Key(
        "disk",
        Size(4096, 1024),
        "Size of the root disk.",
        default_text=f"the project's, the platform's, or {sizes.render(sizes.DEFAULT_DISK_MIB)}",
        example="20GiB",
    ),
    Key(
        "image",
        Name("image", refers=True),
        "Name of the image a new VM starts from.",
        default_text="`default`",
    ),
)
DEFAULTS = Record("defaults", SIZES)
