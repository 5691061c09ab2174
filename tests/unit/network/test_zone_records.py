# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a DNS record may be: what is refused, and that the real checker takes everything that is not."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
from pathlib import Path
from typing import Any

import dns.zone
import pytest
from ansible_collections.ringmaster.hosting.plugins.module_utils.network import zone_records, zones
from ansible_collections.ringmaster.hosting.plugins.module_utils.values import dns_values
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st
from ringmaster.dns import loading

pytestmark = pytest.mark.thorough

ZONE = "example.org"
KEY = "ab" * 32
SETTINGS: dict[str, Any] = {
    "domain": ZONE,
    "hosts": {"svc0": ["192.0.2.1"], "myapp00": ["10.0.0.1", "2001:db8::1"], "db00": ["10.0.0.2"]},
    "networks": ["192.0.2.0/24", "10.0.0.0/24", "2001:db8::/64"],
    "name_servers": ["svc0.example.org", "ns.example.net"],
    "contact": "host.master@example.org",
    "zones": ["shop.example"],
}


def build(*records: dict[str, Any], **changes: Any) -> list[zones.Zone]:
    return zones.build(zones.Settings(**{**SETTINGS, "records": records, **changes}))


def entry(kind: str, *values: str, name: str = "x", **more: Any) -> dict[str, Any]:
    return {"name": name, "type": kind, "values": list(values), **more}


GOOD = [
    ("A", "192.0.2.1"),
    ("AAAA", "::ffff:192.0.2.1"),
    ("CAA", '0 issue "letsencrypt.org; validationmethods=dns-01"'),
    ("CNAME", "_x.example.net."),
    ("MX", "0 ."),
    ("MX", "10 mail.example.net"),
    ("NS", "ns.example.net"),
    ("SRV", "0 0 0 ."),
    ("SRV", "0 5 443 www.example.net"),
    ("SSHFP", f"4 2 {KEY}"),
    ("SSHFP", f"1 1 {KEY[:40]}"),
    ("TLSA", f"3 1 1 {KEY}"),
    ("TLSA", "0 0 0 " + "ab" * 1024),
    ("TXT", ""),
    ("TXT", "$INCLUDE /etc/shadow"),
    ("TXT", 'a"; ) ( \\ \n@ IN A 192.0.2.66\r\0é\u202e'),
    ("TXT", "\\" * 300 + '"' * 300),
    ("TXT", "é" * 2000),
]
BAD = [
    ("A", "192.0.2.1\nwww IN A 192.0.2.66"),
    ("A", "192.0.2.1 ; rest"),
    ("A", "192.0.2.256"),
    ("A", "192.0.2.01"),
    ("A", "2001:db8::1"),
    ("A", "192.0.2.1/24"),
    ("A", "\n$INCLUDE /etc/bind/rndc.key"),
    ("AAAA", "192.0.2.1"),
    ("AAAA", "fe80::1%eth0"),
    ("AAAA", "2001:db8::1 \\# 0"),
    ("CAA", '0 issue "a"\n$INCLUDE x "'),
    ("CAA", '1 issue "a"'),
    ("CAA", '0 issue "é"'),
    ("CAA", '0 issue "a\\"'),
    ("CNAME", "a.example.net b"),
    ("CNAME", "a.example.net\n"),
    ("CNAME", "a.example.net.\nx IN A 192.0.2.66"),
    ("CNAME", "$ORIGIN.example"),
    ("CNAME", "(.example"),
    ("CNAME", ".".join(["a" * 63] * 4)),
    ("CNAME", "a" * 64 + ".example"),
    ("CNAME", "192.0.2.1"),
    ("MX", "70000 a.example.net"),
    ("MX", "-1 a.example.net"),
    ("MX", "010 a.example.net"),
    ("MX", "\u0661 a.example.net"),
    ("MX", "10\na.example.net"),
    ("MX", "10 a_b.example.net"),
    ("MX", "10 192.0.2.1"),
    ("MX", "10 ."),
    ("NS", "ns_1.example.net"),
    ("NS", "."),
    ("SRV", "0 0 65536 a.example.net"),
    ("SRV", "0 0 1 _a.example.net"),
    ("SRV", "0 0 a.example.net"),
    ("SSHFP", f"4 2 {KEY[:40]}"),
    ("SSHFP", f"9 2 {KEY}"),
    ("SSHFP", f"4 2 {KEY}\n"),
    ("TLSA", f"4 1 1 {KEY}"),
    ("TLSA", f"3 1 1 {KEY}00"),
    ("TLSA", f"3 1 1 {KEY} ; x"),
    ("TLSA", "0 0 0 abc"),
    ("TLSA", "0 0 0 " + "ab" * 1025),
    ("TLSA", f"3 1 1 ({KEY}"),
    ("TXT", "é" * 2001),
    ("TXT", "\ud800"),
    ("PTR", "x y"),
    ("DNAME", "a.example.net."),
    ("A\n$INCLUDE", "x"),
    ("SOA", ". . 1 1 1 1 1"),
]
BAD_NAMES = [
    ("TXT", "a b"),
    ("TXT", "a\n$INCLUDE x"),
    ("TXT", "a;"),
    ("TXT", '"a"'),
    ("TXT", "a(b"),
    ("TXT", "a\\.b"),
    ("TXT", "$TTL"),
    ("TXT", "a..b"),
    ("TXT", ""),
    ("TXT", "b.*"),
    ("TXT", "é"),
    ("TXT", "a" * 64),
    ("TXT", ".".join(["a" * 60] * 4)),
    ("A", "a_b"),
    ("MX", "_a"),
    ("NS", "*"),
    ("NS", "*.a"),
]


@pytest.mark.parametrize(("kind", "value"), GOOD)
def test_taken(kind: str, value: str, checked: Any) -> None:
    assert dns_values.problem(kind, value) == ""
    checked(build(entry(kind, value)))


@pytest.mark.parametrize(("kind", "value"), BAD)
def test_bad_values_are_refused_in_one_line_that_names_the_record(kind: str, value: str) -> None:
    with pytest.raises(zone_records.RecordError, match=r"^DNS record x\.example\.org of type ") as caught:
        build(entry(kind, value))
    said = str(caught.value)
    assert said.isprintable()
    assert len(said) < 400


@pytest.mark.parametrize(("kind", "name"), BAD_NAMES)
def test_bad_names_are_refused(kind: str, name: str) -> None:
    with pytest.raises(zone_records.RecordError, match="the name is") as caught:
        build(entry(kind, {"A": "192.0.2.1", "MX": "0 .", "NS": "ns.example.net"}.get(kind, "x"), name=name))
    assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"contact": "a b@example.org"}, "the contact of the zones"),
        ({"contact": "a@b\n$INCLUDE x"}, "the contact of the zones"),
        ({"name_servers": ["ns.example.net. x"]}, "the name server"),
        ({"name_servers": ["_ns.example.net"]}, "the name server"),
        ({"zones": ["a\nb"]}, "the zone"),
        ({"hosts": {**SETTINGS["hosts"], "a_b": ["192.0.2.9"]}}, "a_b.example.org"),
        ({"ttl": -1}, "a ttl of -1"),
    ],
)
def test_what_else_stands_in_a_zone_file(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(zone_records.RecordError, match=said):
        build(**changes)


@pytest.mark.parametrize(
    ("records", "said"),
    [
        ([entry("MX", "10 no.example.org")], "no.example.org. has no address"),
        ([entry("MX", "10 w.example.org", name="@"), entry("CNAME", "a.example.net", name="w")], "is an alias"),
        ([entry("SRV", "0 0 1 q.w.example.org"), entry("CNAME", "a.example.net", name="*.w")], "is an alias"),
        ([entry("MX", "10 a.b.example.org"), entry("TXT", "x", name="b"), entry("A", "192.0.2.1", name="*")], "has no"),
    ],
)
def test_records_that_name_what_cannot_be_reached(records: list[dict[str, Any]], said: str, checked: Any) -> None:
    with pytest.raises(zone_records.RecordError, match=said):
        build(*records)
    found = zone_records.declared
    plain = [f"{one.name} IN {one.type} {one.data}" for record in records for one in found(record, ZONE)]
    with pytest.raises(loading.Failure):
        checked([zones.Zone("internal", ZONE, False, text=text_with(plain))])


def test_outsiders_are_not_told_of_a_mail_server_that_they_cannot_reach(checked: Any) -> None:
    built = build(entry("MX", "10 db00.example.org", "20 mail.example.net", name="@"))
    checked(built)
    found = {
        zone.view: dns.zone.from_text(zone.text.replace(zones.SERIAL, "1"), origin=ZONE, relativize=False)
        for zone in built
        if zone.name == ZONE
    }
    exchangers = {view: {str(one.exchange) for one in zone.get_rdataset("@", "MX")} for view, zone in found.items()}
    assert exchangers == {
        "internal": {"db00.example.org.", "mail.example.net."},
        "external": {"mail.example.net."},
    }


def text_with(lines: list[str]) -> str:
    text = next(zone.text for zone in build() if zone.name == ZONE)
    return text + "\n".join(lines) + "\n"


@pytest.fixture(scope="module")
def checked(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Return a function that lets the name server's own checker read zones, as the name server's machine does."""
    if not shutil.which("named-checkzone"):
        pytest.skip("named-checkzone is not here (Debian: bind9-utils)")
    path: Path = tmp_path_factory.mktemp("zones") / "zone"

    def check(built: list[zones.Zone]) -> None:
        for zone in built:
            path.write_text(zone.text.replace(zones.SERIAL, "1"))
            loading._check(zone.name, path)

    return check


HOSTILE = st.sampled_from(
    ["\n", ";", '"', "(", ")", "$INCLUDE x", "\\", "\\010", " ", "\t", "*", "@", "_", "é", "\0", ".", "..", "IN"]
)
PLAIN = st.sampled_from(["a", "b", "mail", "x" * 63, "a-b", "1", "sub", "a", "b"])
LABELS = st.one_of(
    st.sampled_from(["*", "_tcp", "x" * 64, "-a", "myapp00", "fe", "svc0"]), st.text("ab-_1", min_size=1), HOSTILE
)
SOUND = st.one_of(st.just("@"), PLAIN, PLAIN, PLAIN.map("*.{}".format), st.builds("{}.{}".format, PLAIN, PLAIN))
NAMES = st.one_of(SOUND, SOUND, SOUND, st.lists(LABELS, min_size=1, max_size=4).map(".".join))
HOSTS = st.one_of(
    st.sampled_from(["example.org", ".", "192.0.2.1", "shop.example", "svc0.example.org", "db00.example.org"]),
    SOUND.map("{}.example.org".format),
    SOUND.map("{}.example.net.".format),
    NAMES,
)
NUMBERS = st.one_of(
    st.integers(0, 65535).map(str), st.integers(-1, 70000).map(str), st.sampled_from(["00", "1e3", "0x1", "65535"])
)
TEXTS = st.one_of(st.text(max_size=600), st.lists(HOSTILE, max_size=8).map("".join))
HEX = st.one_of(st.text("0123456789abcdef", max_size=130), st.sampled_from([KEY, KEY * 2, KEY[:40]]))
VALUES = {
    "A": st.one_of(st.ip_addresses(v=4).map(str), HOSTS),
    "AAAA": st.one_of(st.ip_addresses(v=6).map(str), st.just("::FFFF:1.2.3.4"), HOSTS),
    "CAA": st.builds(
        '{} {} "{}"'.format, st.sampled_from(["0", "128", "1"]), st.sampled_from(["issue", "iodef"]), TEXTS
    ),
    "CNAME": HOSTS,
    "MX": st.builds("{} {}".format, NUMBERS, HOSTS),
    "NS": HOSTS,
    "PTR": HOSTS,
    "SRV": st.builds("{} {} {} {}".format, NUMBERS, NUMBERS, NUMBERS, HOSTS),
    "SSHFP": st.builds("{} {} {}".format, st.sampled_from("0149"), st.sampled_from("0123"), HEX),
    "TLSA": st.builds(
        "{} {} {} {}".format, st.sampled_from("034"), st.sampled_from("012"), st.sampled_from("0123"), HEX
    ),
    "TXT": TEXTS,
}
RECORDS = st.sampled_from(sorted(VALUES)).flatmap(
    lambda kind: st.fixed_dictionaries(
        {
            "name": NAMES,
            "type": st.just(kind),
            "values": st.lists(VALUES[kind], min_size=1, max_size=2),
            "zone": st.sampled_from([None, ZONE, "shop.example"]),
        },
        optional={"ttl": st.sampled_from([-1, 0, 60, 2**31 - 1, 2**31])},
    )
)


def is_taken(record: dict[str, Any]) -> bool:
    try:
        list(zone_records.declared(record, record["zone"] or ZONE))
    except zone_records.RecordError:
        return False
    return True


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(RECORDS, min_size=3, max_size=12))
def test_the_real_checker_takes_whatever_we_take(checked: Any, records: list[dict[str, Any]]) -> None:
    taken = [record for record in records if is_taken(record)]
    try:
        built = build(*taken, networks=[])
    except zone_records.RecordError as error:
        event("refused together")
        assert str(error).isprintable()
        # Each alone, then: what stands alone is what most tries would otherwise never reach.
        built = []
        for record in taken[:3]:
            with contextlib.suppress(zone_records.RecordError):
                built += build(record, networks=[])[:2]
    event(f"taken: {min(len(taken), 5)}")
    checked(built)


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(RECORDS, min_size=1, max_size=2))
def test_nothing_but_our_own_error_comes_of_anything(records: list[dict[str, Any]]) -> None:
    try:
        build(*records)
    except zone_records.RecordError as error:
        assert str(error).isprintable()


def test_the_checker_is_the_one_of_the_name_server() -> None:
    """Without it the property above would say nothing."""
    assert subprocess.run(["named-checkzone", "-v"], capture_output=True, check=False).returncode == 0
