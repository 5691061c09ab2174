# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Values of the description itself: those that cannot be, those that belong to somebody else, and valid ones."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from ansible_collections.ringmaster.hosting.plugins.module_utils.network import networkd
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform import component_options, dns_records
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform.language import names
from ansible_collections.ringmaster.hosting.plugins.module_utils.values import addresses, host_names
from hypothesis import given
from hypothesis import strategies as st

PLATFORM, BOB, PROJECT, INCIDENT = "platform.yml", "users/bob.yml", "projects/myapp.yml", "incidents/2026-11-20-x.yml"
FRONTEND4, FRONTEND6 = "    ipv4: 198.51.100.0/24\n", "    ipv6: 2001:db8:2::/64\n"
WWW, ZONE = '{name: "@", type: TXT, values: v=spf1 -all}', "ringmaster.example"
NO_GATEWAY = ("  gateway: hv0\n", "")

# file, text, replacement (^ stands before the place), what is said
REFUSED = {
    "loopback": (PLATFORM, "198.51.100.0/24", "^127.0.0.0/24", ["is loopback", "machines can have"]),
    "link-local": (PLATFORM, "198.51.100.0/24", "^169.254.0.0/24", ["is link-local"]),
    "multicast": (PLATFORM, "198.51.100.0/24", "^224.1.0.0/24", ["is multicast"]),
    "everything": (PLATFORM, "198.51.100.0/24", "^0.0.0.0/1", ["has 0.0.0.0/8 in it"]),
    "link-local in IPv6": (PLATFORM, "2001:db8:2::/64", "^fe80::/64", ["is link-local"]),
    "multicast in IPv6": (PLATFORM, "2001:db8:2::/64", "^ff02::/64", ["is multicast"]),
    "no room": (PLATFORM, "198.51.100.0/24", "^198.51.100.0/31", ["has no room", "/30 or larger"]),
    "network's own address": (
        PLATFORM,
        FRONTEND4,
        f"{FRONTEND4}    ipv4_gateway: ^198.51.100.0\n",
        ["the network itself", "such as 198.51.100.1"],
    ),
    "broadcast address": (PLATFORM, FRONTEND4, f"{FRONTEND4}    ipv4_gateway: ^198.51.100.255\n", ["broadcast"]),
    "gateway of ours outside": (
        PLATFORM,
        FRONTEND6,
        f"{FRONTEND6}    ipv6_gateway: ^fe80::1\n",
        ["services.gateway is a machine of ours", "no services.gateway"],
    ),
    "machine on a broadcast address": (PLATFORM, "172.20.0.20", "^172.20.3.255", ["broadcast"]),
    "machine by multicast": (PLATFORM, "address: 10.77.0.20", "address: ^224.0.0.1", ["is multicast"]),
    "zone of machines": (PLATFORM, "[shop.example]", "[shop.example, ^fe.ringmaster.example]", ["take names of"]),
    "zone of a VM": (PLATFORM, "[shop.example]", "[shop.example, ^a.myapp00.ringmaster.example]", ["take names of"]),
    "the platform's zone": (PLATFORM, "[shop.example]", "[shop.example, ^ringmaster.example]", ["needs no entry"]),
    "TXT with quotes": (PLATFORM, "values: v=spf1 -all", "values: ^'\"v=spf1 -all\"'", ["quotes of its own"]),
    "TXT as zone files group it": (PLATFORM, "values: v=spf1 -all", 'values: ^\'("a" "b")\'', ["quotes of its own"]),
    "TXT as zone files escape it": (
        PLATFORM,
        "values: v=spf1 -all",
        "values: ^'v=DKIM1\\; k=rsa'",
        ["as zone files write it", "would be a part of the text"],
    ),
    "two policies of SPF": (
        PLATFORM,
        "values: v=spf1 -all",
        "values: [x, ^v=spf1 -all, V=SPF1 mx]",
        ["one of two policies of SPF"],
    ),
    "alias of itself": (PLATFORM, WWW, f"^{{name: a, type: CNAME, values: A.{ZONE}}}", ["leads back to itself"]),
    "aliases in a circle": (
        PLATFORM,
        WWW,
        f"^{{name: a, type: CNAME, values: b.{ZONE}}}\n  - {{name: b, type: CNAME, values: a.{ZONE}}}",
        ["leads back to itself"],
    ),
    "below what was given away": (
        PLATFORM,
        WWW,
        "{name: a, type: NS, values: ns.c.example}\n  - ^{name: b.a, type: TXT, values: x}",
        ["lies below a.ringmaster.example, which other name servers have"],
    ),
    "name with its zone": (
        PLATFORM,
        WWW,
        f"{{name: ^a.{ZONE}, type: A, values: 192.0.2.1}}",
        ["lies below ringmaster.example again", "write a"],
    ),
    "name that is its zone": (PLATFORM, WWW, f"{{name: ^{ZONE}, type: A, values: 192.0.2.1}}", ["again", "write @"]),
    "address of no machine": (PLATFORM, WWW, "{name: a, type: A, values: ^224.0.0.1}", ["is multicast"]),
    "address of nobody": (PLATFORM, WWW, "{name: a, type: AAAA, values: ^'::'}", ["means this machine itself"]),
    "IPv4 in IPv6": (PLATFORM, WWW, "{name: a, type: AAAA, values: ^'::ffff:192.0.2.1'}", ["is IPv4 in IPv6"]),
    "no mail beside mail": (
        PLATFORM,
        WWW,
        "{name: a, type: MX, values: [^0 ., 10 m.c.example]}",
        ["says that there is no server, and stands beside one"],
    ),
    "rule for loopback": (
        PROJECT,
        "from: svc0",
        "from: ^127.0.0.1",
        ["127.0.0.1 is loopback", "nothing comes from there"],
    ),
    "rule for multicast": (PROJECT, "from: svc0", "from: ^'ff02::/16'", ["is multicast"]),
    "rule for everything by itself": (PROJECT, "from: svc0", "from: [^0.0.0.0]", ["means this machine itself"]),
    "a pattern that is none": (PROJECT, "exclude: [", "exclude: [^'/srv/[a', ", ["is no pattern"]),
    "a pattern with a sign less": (PROJECT, "exclude: [", "exclude: [^'/srv/a\\', ", ["is no pattern"]),
    "a pattern for everything": (PROJECT, "exclude: [", "exclude: [^'/*', ", ["leaves out everything", "backup: none"]),
    "a pattern for nothing": (PROJECT, "exclude: [", "exclude: [^/srv/../etc, ", ["has '..' in it"]),
    "all of a machine": (PROJECT, "exclude: [", "paths: [^//], exclude: [", ["is the whole machine"]),
    "what the kernel has": (PROJECT, "exclude: [", "paths: [^/proc/1], exclude: [", ["is the kernel's"]),
    "a path up": (PROJECT, "exclude: [", "paths: [^/srv/../opt], exclude: [", ["write the path without"]),
    "slower than dead": (
        PROJECT,
        "{tasks_max: 2000}",
        "{memory_high: ^4GiB, memory_max: 1GiB}",
        ["killed before they are slowed down", "memory_high of at most memory_max"],
    ),
    "a check longer than its interval": (
        PROJECT,
        "- {name: cron,",
        "- {name: slow, command: [/bin/true], interval: 60, timeout: ^61}\n  - {name: cron,",
        ["a run may take longer than the time until the next one"],
    ),
    "a user who fetches a page": (
        PROJECT,
        "- {name: cron,",
        "- {name: page, url: 'https://a.example/', user: ^s-myapp}\n  - {name: cron,",
        ["the monitoring host fetches the url"],
    ),
    "URL with half an escape": (PROJECT, "webhooks: []", "webhooks: [^'http://a.example/%zz']", ["has '%zz'", "%25"]),
    "URL of no address": (PROJECT, "webhooks: []", "webhooks: [^'http://256.1.1.1/']", ["ends in a number"]),
    "mail to a number": (BOB, "email: bob@ringmaster.example", "email: ^bob@c.123", ["ends in a number"]),
    "day of no calendar": (
        PROJECT,
        "memory: 1GiB",
        "state: retiring\n    delete_after: ^2026-02-30\n    memory: 1GiB",
        ["'2026-02-30' is no day of the calendar"],
    ),
    "time of no day": (BOB, "email:", "email_verified_at: ^'2026-01-01T25:00:00Z'\nemail:", ["is no time of a day"]),
    "mail that is an option": (BOB, "email: bob@", "email: ^-oQ/tmp@", ["has a name with other signs"]),
    "mail with a pipe": (
        BOB,
        "email: bob@ringmaster.example",
        "email: ^'|cmd@a.example'",
        ["has a name with other signs"],
    ),
    "mail with an escape": (BOB, "email: bob@", "email: ^a\\b@", ["has a name with other signs"]),
    "URL with quotes": (PROJECT, "webhooks: []", "webhooks: [^'http://a.example/\"']", ["the sign '\"'", "%22"]),
    "URL with port 0": (PROJECT, "webhooks: []", "webhooks: [^'http://a.example:0/']", ["the port 0"]),
    "URL without a host": (PROJECT, "webhooks: []", "webhooks: [^'http://-a.example/']", ["a host that is no name"]),
    "long domain": (PLATFORM, "[shop.example]", "[^" + ".".join(["a" * 50] * 5) + "]", ["longer than 200"]),
    "VM of many digits": (PROJECT, "  myapp00:", "  ^myapp" + "1" * 60 + ":", ["2 to 9 digits"]),
}


def put(platform, name: str, old: str, new: str) -> tuple[int, int]:
    """Replace a text; return line and column of the ^ in the new one."""
    path = platform.folder / name
    text = path.read_text()
    assert old in text
    text = text.replace(old, new, 1)
    at = text.find("^")
    path.write_text(text.replace("^", "", 1) if at >= 0 else text)
    return text[:at].count("\n") + 1, at - text.rfind("\n", 0, at)


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_is_refused_at_its_place(platform, case: str) -> None:
    name, old, new, said = REFUSED[case]
    line, column = put(platform, name, old, new)
    found = platform.mistakes()
    assert found, case
    for part in said:
        assert part in found[0].render()
    assert (found[0].line, found[0].column) == (line, column), found[0].render()


def test_an_incident_ends_after_it_begins_and_its_name_is_a_day(platform) -> None:
    text = "title: x\nbegin: '2026-11-24T10:00:00+01:00'\nend: '2026-11-24T08:59:00Z'\n"
    platform.write(INCIDENT, text)
    (mistake,) = platform.mistakes()
    assert "over before it begins" in mistake.message
    platform.write(INCIDENT, text.replace("08:59", "09:01"))
    assert platform.mistakes() == []
    platform.write("incidents/2026-02-30-x.yml", text.replace("08:59", "09:01"))
    (mistake,) = platform.mistakes()
    assert "no day of the calendar" in mistake.message


TAKEN = {
    "null MX": (PLATFORM, "values: 10 mail.ringmaster.example", "values: 0 ."),
    "no service": (
        PLATFORM,
        'name: "@", type: TXT, values: v=spf1 -all',
        "name: _imap._tcp, type: SRV, values: 0 0 0 .",
    ),
    "a name of one's own machine": (PLATFORM, WWW, "{name: a, type: A, values: 127.0.0.1}"),
    "one policy beside other text": (PLATFORM, "values: v=spf1 -all", "values: [v=spf1 -all, v=spf10, 'C:\\new']"),
    "a name server below what it has": (
        PLATFORM,
        WWW,
        f"{{name: a, type: NS, values: ns.a.{ZONE}}}\n  - {{name: ns.a, type: A, values: 192.0.2.1}}",
    ),
    "aliases in a row": (
        PLATFORM,
        WWW,
        f"{{name: a, type: CNAME, values: b.{ZONE}}}\n  - {{name: b, type: CNAME, values: c.example}}",
    ),
    "rules for everybody": (PROJECT, "from: svc0", "from: [0.0.0.0/0, '::/0']"),
    "patterns": (PROJECT, "exclude: [", "exclude: ['*.iso', '/srv/[a-c^]*/\\[x', 'x/**/y', '[^a]', "),
    "a folder beside": (PROJECT, "exclude: [", "paths: [/opt/x, /sysx], exclude: ["),
    "TXT with a quote inside": (PLATFORM, "values: v=spf1 -all", "values: 'a \"b\" c'"),
    "mail with an apostrophe": (BOB, "email: bob@", "email: o'hara+x@"),
    "URL with a query": (PROJECT, "webhooks: []", "webhooks: ['https://a:b@[2001:db8::1]:8443/x?a=b&c=%20#f']"),
}


@pytest.mark.parametrize("case", TAKEN)
def test_what_is_valid_is_taken(platform, case: str) -> None:
    put(platform, *TAKEN[case])
    assert [mistake.render() for mistake in platform.mistakes()] == []


@pytest.mark.parametrize("gateway", ["fe80::1", "2001:db8:ffff::1"])
def test_a_hosters_gateway_may_lie_outside_of_the_network(platform, gateway: str) -> None:
    put(platform, PLATFORM, *NO_GATEWAY)
    put(platform, PLATFORM, FRONTEND6, f"{FRONTEND6}    ipv6_gateway: {gateway}\n")
    put(platform, PLATFORM, FRONTEND4, f"{FRONTEND4}    ipv4_gateway: 203.0.113.1\n")
    assert [mistake.render() for mistake in platform.mistakes()] == []
    found = dns_records.hosts(platform.read(), lambda _description, _vm: {}, lambda _description, _vm: {})
    assert found["gateway.fe"] == ["203.0.113.1", *([gateway] if gateway.startswith("2") else [])]


@pytest.mark.parametrize(
    ("gateway", "on_link"), [("fe80::1", False), ("2001:db8:ffff::1", True), ("2001:db8:2::1", False)]
)
def test_a_gateway_outside_of_the_network_is_reached_on_the_link(gateway: str, on_link: bool) -> None:
    network = {"ipv6": "2001:db8:2::/64", "ipv6_gateway": gateway}
    text = networkd.render({"ringmaster_networks": {"frontend": network}, "ringmaster_fe_ipv6": "2001:db8:2::1000"})
    routes = [part for part in text["10-ethfe.network"].split("[Route]") if f"Gateway={gateway}" in part]
    assert len(routes) == 2
    assert ["GatewayOnLink=yes" in route for route in routes] == [on_link] * 2


def test_domains_are_taken_as_people_write_them(platform) -> None:
    platform.replace(PLATFORM, "[shop.example]", "[Bücher.Example.]")
    platform.replace(PLATFORM, "{shop.example: myapp", "{BÜCHER.example: myapp")
    platform.replace(PLATFORM, '{zone: shop.example, name: "@"', "{zone: BÜCHER.example, name: Käse")
    platform.replace(PLATFORM, "values: 10 mail.ringmaster.example", "values: 10 mail.Käse.example")
    found = platform.read().platform
    assert found["dns_records"][0]["values"] == ["10 mail.xn--kse-qla.example"]
    assert found["dns_zones"] == ["xn--bcher-kva.example"]
    assert found["dns_records"][0]["zone"] == "xn--bcher-kva.example"
    assert found["dns_records"][0]["name"] == "xn--kse-qla"


@given(st.text(st.characters(codec="utf-8"), max_size=80))
def test_a_host_name_is_either_refused_or_one_that_stays_the_same(text: str) -> None:
    name, problem = host_names.to_ascii(text)
    if not problem:
        assert name.isascii()
        assert name == name.lower()
        assert len(name) <= host_names.LONGEST
        assert host_names.to_ascii(name) == (name, "")


@given(st.ip_addresses(v=4), st.integers(16, 32))
def test_nonsense_is_what_no_machine_can_have(address, length: int) -> None:
    import ipaddress  # noqa: PLC0415

    network = ipaddress.ip_network((address, length), strict=False)
    never = network.is_loopback or network.is_multicast or network.is_link_local or network.is_reserved
    assert bool(addresses.nonsense(str(network))) == (
        never or network.network_address in ipaddress.ip_network("0.0.0.0/8")
    )


def test_nobody_is_called_as_an_account_that_our_roles_make() -> None:
    folder = component_options.roles_folder() or Path("roles")
    made = set()
    for path in folder.rglob("*"):
        if path.is_file() and path.suffix in (".conf", ".j2", ".yml", ".service", ".py"):
            text = path.read_text(errors="replace")
            made.update(re.findall(r"^u!? +([a-z_][a-z0-9_-]*) ", text, re.MULTILINE))
            made.update(re.findall(r"^(?:User|Group)=([a-z_][a-z0-9_-]*)$", text, re.MULTILINE))
    assert len(made) > 5
    assert {name for name in made if names.is_valid("person", name)} <= names.SYSTEM_ACCOUNTS
