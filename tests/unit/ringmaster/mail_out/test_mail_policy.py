# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who may send what, as the rules say it and as Postfix hears it."""

from __future__ import annotations

import struct

import pytest
from ringmaster.mail_out import milter, policy

RULES = policy.read(
    {
        "clients": {
            "172.20.1.1": {"name": "app00", "parties": ["app00", "@app"], "kind": "vm"},
            "2001:db8:3::1000": {"name": "app00", "parties": ["app00", "@app"], "kind": "vm"},
            "172.20.1.2": {"name": "bad00", "parties": ["bad00", "@bad"], "kind": "vm"},
            "172.20.0.20": {"name": "svc0", "parties": ["svc0", "@platform"], "kind": "machine"},
        },
        "names": {
            "p.example": ["@platform"],
            "app00.p.example": ["app00"],
            "app01.p.example": ["app01"],
            "app.p.example": ["@app"],
            "shop.example": ["@app", "@shop"],
            "inner.shop.example": ["@shop"],
            "svc0.p.example": ["svc0"],
        },
        "blocked": ["bad00"],
        "rates": {"vm": 3, "machine": 100},
    }
)
APP, SERVICE = RULES.client("172.20.1.1"), RULES.client("172.20.0.20")


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("172.20.1.1", "app00"),
        ("IPv6:2001:db8:3:0::1000", "app00"),
        ("2001:DB8:3::1000", "app00"),
        ("172.20.1.2", None),
        ("172.20.1.3", None),
        ("", None),
        ("unknown", None),
    ],
)
def test_a_machine_is_known_by_its_address(address: str, name: str | None) -> None:
    found = RULES.client(address)
    assert (found.name if found else None) == name


@pytest.mark.parametrize(
    ("address", "is_its"),
    [
        ("root@app00.p.example", True),
        ("root@APP00.p.example.", True),
        ("a@deep.app00.p.example", True),
        ("a@app.p.example", True),
        ("a@shop.example", True),
        ("a@www.shop.example", True),
        # The longest name counts.
        ("a@inner.shop.example", False),
        ("a@x.inner.shop.example", False),
        ("a@app01.p.example", False),
        ("a@p.example", False),
        ("a@www.p.example", False),
        ("a@xapp00.p.example", False),
        ("a@app00.p.example.evil.example", False),
        ("a@app00.p.example@evil.example", False),
        ("@app00.p.example", False),
        ("root", False),
        ("", False),
    ],
)
def test_a_vm_writes_as_its_own_names_and_its_projects(address: str, is_its: bool) -> None:
    assert APP is not None
    assert RULES.may_send_as(APP, address) is is_its


def test_a_machine_of_the_platform_writes_as_the_platform() -> None:
    assert SERVICE is not None
    for address, is_its in (
        ("monitoring@p.example", True),
        ("a@www.p.example", True),
        ("root@svc0.p.example", True),
        ("a@app00.p.example", False),
        ("a@shop.example", False),
    ):
        assert RULES.may_send_as(SERVICE, address) is is_its


@pytest.mark.parametrize(
    ("header", "forged"),
    [
        (" A Shop <a@app00.p.example>", ""),
        (" a@app00.p.example (A Shop)", ""),
        (" a@app00.p.example,\r\n b@app.p.example", ""),
        (" boss@p.example", "boss@p.example"),
        (' "boss@p.example" <a@app00.p.example>', "boss@p.example"),
        (" a@app00.p.example (boss@p.example)", "boss@p.example"),
        (" a@app00.p.example,\r\n\tboss@p.example", "boss@p.example"),
        (" a@app00.p.example, <@app00.p.example:boss@p.example>", "@app00.p.example"),
        (" boss\r\n @p.example", "@p.example"),
        (" a@app00.p.example, boss@[10.0.0.1]", "boss@[10.0.0.1]"),
        (" a boss", "a boss"),
        ("", "nobody"),
    ],
)
def test_no_address_in_from_is_somebody_elses(header: str, forged: str) -> None:
    assert APP is not None
    assert RULES.forged(APP, header) == forged


def test_what_was_not_used_is_not_saved_up() -> None:
    assert APP is not None
    assert SERVICE is not None
    buckets = policy.Buckets({"vm": 3, "machine": 5})
    assert [buckets.take(APP, 0.0) for _number in range(4)] == [True, True, True, False]
    assert buckets.take(SERVICE, 0.0)
    # One comes back in twenty minutes; a clock that goes back gives nothing.
    assert [buckets.take(APP, at) for at in (1199.0, 1201.0, 1202.0, 100.0)] == [False, True, False, False]
    assert [buckets.take(APP, 90000.0) for _number in range(4)] == [True, True, True, False]


def session(address: str = "172.20.1.1") -> milter.Session:
    found = milter.Session(RULES, policy.Buckets(RULES.rates), milter.Counts(), clock=lambda: 1000.0)
    greeted = found.answer(b"O", struct.pack(">III", 6, 0x1FF, 0x1FFFFF))
    assert struct.unpack(">III", greeted[5:]) == (6, 1, 0x312)
    family = b"6" if ":" in address else b"4"
    assert found.answer(b"C", b"host\0" + family + b"\x30\x39" + address.encode() + b"\0") == milter.packet(b"c")
    return found


def said(answer: bytes) -> str:
    assert int.from_bytes(answer[:4], "big") == len(answer) - 4
    return answer[4:].rstrip(b"\0").decode()


def test_a_message_goes_through_with_the_machine_it_came_from() -> None:
    one = session()
    assert one.answer(b"D", b"M{mail_addr}\0x\0") == b""
    assert said(one.answer(b"M", b"<a@app00.p.example>\0SIZE=1\0")) == "c"
    assert said(one.answer(b"R", b"<friend@else.example>\0")) == "c"
    assert said(one.answer(b"L", b"From\0 a@app00.p.example\0")) == "c"
    assert said(one.answer(b"L", b"Subject\0 boss@p.example\0")) == "c"
    assert said(one.answer(b"N", b"")) == "c"
    assert b"X-Ringmaster-Machine\0app00\0" in one.answer(b"E", b"")
    assert one.counts.receivers == {"app00": 1}


def test_a_header_that_lies_counts_for_its_own_message_only() -> None:
    one = session()
    for end in (b"A", b"E"):
        one.answer(b"M", b"<a@app00.p.example>\0")
        one.answer(b"L", b"From\0 a@app00.p.example\0")
        one.answer(b"L", b"FROM \0 boss@p.example\0")
        assert said(one.answer(b"N", b"")).startswith("y550 5.7.1 app00 may not write as From: boss@p.example")
        one.answer(end, b"")
        one.answer(b"M", b"<a@app00.p.example>\0")
        assert said(one.answer(b"N", b"")) == "c"
    assert one.counts.refused == {"app00": 2}


def test_who_is_refused_hears_why_in_one_line() -> None:
    one = session()
    answer = said(one.answer(b"M", b"<b%oss\r\n250 ok\xff@p.example>\0"))
    assert answer.startswith("y550 5.7.1 app00 may not write as b%%oss??250 ok?@p.example")
    assert "\n" not in one.counts.recent["app00"][1]
    assert said(one.answer(b"M", b"<>\0")) == "c"
    for address in ("172.20.1.2", "172.20.1.9"):
        stranger = session(address)
        assert said(stranger.answer(b"M", b"<a@app00.p.example>\0")).startswith("y550 5.7.1 This machine may not")
        assert said(stranger.answer(b"R", b"<a@else.example>\0")).startswith("y550")


def test_receivers_are_counted_over_connections_and_for_each_machine() -> None:
    buckets, counts = policy.Buckets(RULES.rates), milter.Counts()
    for _number in range(2):
        one = session()
        one.buckets, one.counts = buckets, counts
        one.answer(b"M", b"<a@app00.p.example>\0")
        answers = [said(one.answer(b"R", b"<friend@else.example>\0")) for _receiver in range(2)]
    assert answers[0] == "c"
    assert answers[1].startswith("y451 4.7.1 app00 writes to more than 3 receivers an hour")
    assert (counts.receivers, counts.limited) == ({"app00": 3}, {"app00": 1})


@pytest.mark.parametrize(
    ("letter", "data"), [(b"O", b"\0\0"), (b"O", bytes(12)), (b"C", b"host\0U\0\0/run\0"), (b"C", b"")]
)
def test_what_is_not_the_protocol_ends_the_talk(letter: bytes, data: bytes) -> None:
    with pytest.raises(milter.Broken):
        milter.Session(RULES, policy.Buckets(RULES.rates), milter.Counts()).answer(letter, data)
