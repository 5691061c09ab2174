# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates: what the CA signs, and what a machine makes of it; with the real openssl."""

from __future__ import annotations

import grp
import json
import os
import stat
import time
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.ringmaster.hosting.plugins.module_utils.certificates import authority, wanted
from cryptography import x509
from ringmaster.certificates import acme, checks, converge, openssl
from ringmaster.certificates.store import Store

GROUP = grp.getgrgid(os.getegid()).gr_name
CA = authority.create("example.org")
DAY = 86400


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    commands: list[list[str]] = []
    monkeypatch.setattr(converge, "_run", commands.append)
    return Store(home=tmp_path / "certificates", trusted=tmp_path / "trusted.crt", acme=tmp_path / "acme")


def entry(name: str = "one", **changes: Any) -> dict[str, Any]:
    [result] = wanted.normalise([{"name": name, "names": ["a.example", "2001:db8::1"], "group": GROUP, **changes}])
    return result


def ask(store: Store, *entries: dict[str, Any], ca: authority.Authority = CA, **more: Any) -> converge.Report:
    question = {"wanted": list(entries), "ca": ca.pem, "own": {}, **more}
    return converge.request(store, question, check=False)


def give(store: Store, report: converge.Report, *, ca: authority.Authority = CA, days: int = 365) -> None:
    names = {one["name"]: one["names"] for one in store.wanted()}
    answer = [{**one, "certificate": ca.sign(one["request"], names[one["name"]], days)} for one in report.requests]
    converge.install(store, {"certificates": answer})


def installed(store: Store, *entries: dict[str, Any], **more: Any) -> list[str]:
    report = ask(store, *entries, **more)
    give(store, report)
    return [step for step in report.steps if not step.startswith("trust")]


def certificate(store: Store, name: str = "one") -> x509.Certificate:
    return x509.load_pem_x509_certificate((store.home / name / "fullchain.pem").read_bytes())


def names_of(found: x509.Certificate) -> list[str]:
    extension = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return [str(name.value) for name in extension]


def test_the_key_stays_and_the_certificate_is_for_the_wanted_names(store: Store) -> None:
    report = ask(store, entry())
    assert "PRIVATE KEY" not in json.dumps(report.as_dict())
    give(store, report)
    found = certificate(store)
    found.verify_directly_issued_by(CA.certificate)
    assert names_of(found) == ["a.example", "2001:db8::1"]
    assert stat.S_IMODE((store.home / "one/privkey.pem").stat().st_mode) == 0o640
    assert ask(store, entry()).requests == []


@pytest.mark.parametrize("keep_key", [True, False])
def test_the_key_survives_a_renewal_where_asked(store: Store, keep_key: bool) -> None:
    first = entry(keep_key=keep_key)
    installed(store, first)
    before = (store.home / "one/privkey.pem").read_bytes()
    assert installed(store, entry(keep_key=keep_key, names=["b.example"])) == ["install one: its names have changed"]
    assert names_of(certificate(store)) == ["b.example"]
    assert ((store.home / "one/privkey.pem").read_bytes() == before) is keep_key


def test_names_of_a_request_do_not_count(tmp_path: Path) -> None:
    request = openssl.make_request(tmp_path, ["bank.example"])
    signed = x509.load_pem_x509_certificate(CA.sign(request, ["a.example"], 30).encode())
    assert names_of(signed) == ["a.example"]
    assert "bank" not in signed.subject.rfc4514_string()


def test_a_request_that_was_changed_is_refused(tmp_path: Path) -> None:
    request = openssl.make_request(tmp_path, ["a.example"])
    lines = request.splitlines()
    lines[2] = lines[2][::-1]
    with pytest.raises(authority.AuthorityError):
        CA.sign("\n".join(lines), ["a.example"], 30)


def test_authority_comes_back_from_its_texts() -> None:
    assert authority.load(CA.pem, authority.key_pem(CA)).certificate == CA.certificate
    with pytest.raises(authority.AuthorityError, match="do not belong together"):
        authority.load(authority.create("other").pem, authority.key_pem(CA))


def test_new_certificate_when_names_authority_or_files_change(store: Store) -> None:
    installed(store, entry())
    first = certificate(store)
    changed = entry(names=["b.example"])
    assert installed(store, changed) == ["install one: its names have changed"]
    assert names_of(certificate(store)) == ["b.example"]
    other = authority.create("other")
    report = ask(store, changed, ca=other)
    assert "install one: the platform CA has changed" in report.steps
    give(store, report, ca=other)
    (store.home / "one/fullchain.pem").write_text(CA.pem)
    assert "install one: it was changed by hand" in ask(store, changed, ca=other).steps
    assert certificate(store).serial_number != first.serial_number


def test_renewed_when_thirty_days_are_left_but_not_before(store: Store) -> None:
    report = ask(store, entry("soon"), entry("later"))
    give(store, report, days=100)
    for name, left in (("soon", 29), ("later", 31)):
        path = store.home / name / "meta.json"
        meta = json.loads(path.read_text())
        meta["not_after"] = round(time.time()) + left * DAY
        meta["not_before"] = meta["not_after"] - 365 * DAY
        path.write_text(json.dumps(meta))
    steps = ask(store, entry("soon"), entry("later")).steps
    assert steps == ["trust the platform CA", "install soon: less than 30 days are left"]


def test_short_lives_are_renewed_at_a_third() -> None:
    now = round(time.time())
    assert not openssl.Facts(now - 3 * DAY, now + 3 * DAY, "").is_due(30)
    assert openssl.Facts(now - 5 * DAY, now + DAY, "").is_due(30)


def test_check_mode_changes_nothing(store: Store) -> None:
    report = converge.request(store, {"wanted": [entry()], "ca": CA.pem, "own": {}}, check=True)
    assert report.steps == ["trust the platform CA", "install one: there is none"]
    assert not store.home.exists()


def test_own_pair_must_belong_together(store: Store, tmp_path: Path) -> None:
    for name in ("x", "y"):
        (tmp_path / name).mkdir()
        openssl.make_self_signed(tmp_path / name, ["own.example"])
    pair = {"certificate": (tmp_path / "x/fullchain.pem").read_text(), "key": (tmp_path / "x/privkey.pem").read_text()}
    own = entry(source="own")
    installed(store, own, own={"one": pair})
    before = certificate(store)
    wrong = {**pair, "key": (tmp_path / "y/privkey.pem").read_text()}
    with pytest.raises(openssl.Failure, match=r"'one'.*does not belong to the key"):
        ask(store, own, own={"one": wrong})
    assert certificate(store) == before


def test_acme_is_self_signed_first_and_keeps_what_is_good_while_it_waits(store: Store) -> None:
    waiting = entry(source="acme", names=["a.example"])
    report = ask(store, waiting)
    assert report.pending == {"one": "not issued yet"}
    assert certificate(store).issuer == certificate(store).subject
    again = ask(store, waiting)
    assert again.steps == ["trust the platform CA"]
    assert again.pending == {"one": "not issued yet"}


def test_acme_failure_pauses_and_is_told(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[str] = []

    def certbot(_store: Store, staged: Path, _request: Path) -> None:
        tried.append(staged.name)
        raise openssl.Failure("Detail: no such host")

    monkeypatch.setattr(acme, "_certbot", certbot)
    ask(store, entry(source="acme", names=["a.example"]))
    before = certificate(store)
    assert acme.renew(store) == ([], ["one: Detail: no such host"])
    assert acme.renew(store) == ([], [])
    assert acme.renew(store, force=True)[1]
    assert len(tried) == 2
    assert certificate(store) == before


def test_acme_issue_takes_the_place(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    def certbot(_store: Store, staged: Path, request: Path) -> None:
        (staged / "fullchain.pem").write_text(CA.sign(request.read_text(), ["a.example"], 90))

    monkeypatch.setattr(acme, "_certbot", certbot)
    waiting = entry(source="acme", names=["a.example"])
    ask(store, waiting)
    assert acme.renew(store) == (["issue one: not issued yet"], [])
    certificate(store).verify_directly_issued_by(CA.certificate)
    assert acme.renew(store) == ([], [])
    assert ask(store, waiting).pending == {}


def test_owed_reload_is_made_up(store: Store) -> None:
    mark = store.home.parent / "mark"
    reloading = entry(reload=[["/usr/bin/touch", str(mark)]])
    report = ask(store, reloading)
    give(store, report)
    assert mark.exists()
    mark.unlink()
    (store.folder("one") / "owed").write_text(json.dumps(reloading["reload"]))  # a run was killed before it
    ask(store, reloading)
    assert mark.exists()


@pytest.mark.parametrize(
    ("item", "told"),
    [
        ({"names": ["a"]}, "the name ''"),
        ({"name": "versions", "names": ["a"]}, "the name 'versions'"),
        ({"name": "../a", "names": ["a"]}, "the name '../a'"),
        ({"name": "a"}, "needs 'names'"),
        ({"name": "a", "names": ["a b"]}, "neither a DNS name nor an address"),
        ({"name": "a", "names": ["a\nDNS:b"]}, "neither a DNS name"),
        ({"name": "a", "names": ["*.a.example"], "source": "acme"}, "whole DNS names only"),
        ({"name": "a", "names": ["a"], "source": "letsencrypt"}, "allowed: platform"),
        ({"name": "a", "names": ["a"], "reload": ["rm -rf"]}, "'reload' takes units"),
        ({"name": "a", "names": ["a"], "unit": "x"}, "unknown key 'unit'"),
    ],
)
def test_mistakes_are_named(item: dict[str, Any], told: str) -> None:
    with pytest.raises(wanted.WantedError, match=told.replace("*", r"\*")):
        wanted.normalise([item])


def test_the_check_tells_days_and_names(store: Store) -> None:
    checks.HOME = store.home
    assert checks.age(25, 14)[0] == 0
    installed(store, entry(), entry("two"))
    for name, left in (("one", 400), ("two", 500)):
        path = store.home / name / "meta.json"
        path.write_text(json.dumps({**json.loads(path.read_text()), "not_after": time.time() + left * DAY}))
    assert checks.age(25, 14) == (0, "2 certificates are good; the first to expire is one (400 days).")
    path = store.home / "two/meta.json"
    meta = json.loads(path.read_text())
    for left, status in ((20, 1), (10, 2), (-1, 2)):
        end = time.time() + left * DAY + 60
        path.write_text(json.dumps({**meta, "not_after": end, "not_before": end - 365 * DAY}))
        found, text = checks.age(25, 14)
        assert (found, "two" in text, "one" in text.split(":")[1]) == (status, True, False)
