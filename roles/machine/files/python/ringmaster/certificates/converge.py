# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Find out what is to be made, make what this machine can make by itself, and ask for the rest."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ringmaster.certificates import openssl
from ringmaster.certificates.openssl import Failure
from ringmaster.certificates.store import Store, _run, facts_of, write

RENEW_DAYS = 30
BUNDLE = Path("/etc/ssl/certs/ringmaster.pem")


@dataclass
class Report:
    """What was (in check mode, would be) done, and what is left."""

    steps: list[str] = field(default_factory=list)
    requests: list[dict[str, str]] = field(default_factory=list)
    pending: dict[str, str] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """Return it for JSON."""
        return {"steps": self.steps, "requests": self.requests, "pending": self.pending}


def request(store: Store, question: dict[str, Any], *, check: bool) -> Report:
    """Trust the CA, make self-signed and own certificates, and return requests for the platform's."""
    report = Report()
    _trust(store, question["ca"], report, check)
    authority = hashlib.sha256(question["ca"].encode()).hexdigest()
    todo: list[tuple[dict[str, Any], str]] = []
    for entry in question["wanted"]:
        known = _known(entry, authority, question["own"])
        reason = why(store, entry, known)
        if not check:
            store.remember(entry)
        if reason:
            report.steps.append(f"install {entry['name']}: {reason}")
            todo.append((entry, reason))
        elif _is_unprotected(store, entry, check):
            report.steps.append(f"protect {entry['name']}")
    if not check:
        _make(store, todo, authority, question, report)
        report.steps += store.settle()
    for entry in question["wanted"]:
        if entry["source"] == "acme" and (reason := acme_reason(store, entry)):
            report.pending[entry["name"]] = reason
    return report


def _make(
    store: Store, todo: list[tuple[dict[str, Any], str]], authority: str, question: dict[str, Any], report: Report
) -> None:
    """Make all, as many at once as there are cores: each is a call of openssl."""

    def one(item: tuple[dict[str, Any], str]) -> dict[str, str] | None:
        entry, _reason = item
        staged = store.stage(entry["name"])
        if entry["source"] == "platform":
            text = openssl.make_request(staged, entry["names"], store.kept_key(entry))
            return {"name": entry["name"], "version": staged.name, "request": text, "authority": authority}
        try:
            known = _known(entry, authority, question["own"])
            if entry["source"] == "own":
                pair = question["own"][entry["name"]]
                (staged / "fullchain.pem").write_text(pair["certificate"].strip() + "\n")
                write(staged / "privkey.pem", pair["key"].strip() + "\n", 0o600)
                store.install(entry, staged, **known)
            else:
                openssl.make_self_signed(staged, entry["names"], store.kept_key(entry))
                store.install({**entry, "source": "selfsigned"}, staged)
        except Failure as error:
            shutil.rmtree(staged, ignore_errors=True)
            raise Failure(f"the certificate '{entry['name']}': {error}") from error
        store.forget_old(entry["name"])
        return None

    report.requests += [asked for asked in _parallel(one, todo) if asked]


def _parallel(function: Callable[[Any], Any], items: list[Any]) -> list[Any]:
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        return list(pool.map(function, items))


def install(store: Store, answer: dict[str, Any]) -> Report:
    """Put the certificates that the CA has signed into their places and reload what uses them."""
    report = Report()
    entries = {entry["name"]: entry for entry in store.wanted()}

    def one(signed: dict[str, str]) -> None:
        entry = entries[signed["name"]]
        staged = store.folder(entry["name"]) / signed["version"]
        if not staged.is_dir():
            raise Failure(f"another run has replaced the request for '{entry['name']}': run again")
        (staged / "fullchain.pem").write_text(signed["certificate"])
        store.install(entry, staged, authority=signed["authority"])
        store.forget_old(entry["name"])

    _parallel(one, answer["certificates"])
    report.steps += store.settle()
    return report


def why(store: Store, entry: dict[str, Any], known: dict[str, str]) -> str:
    """Return why a certificate is to be made now; an empty text when it is not. ACME only needs one to begin with."""
    meta = store.current(entry["name"])
    if meta is None:
        is_there = (store.home / entry["name"]).exists()
        return "it was changed by hand" if is_there else "there is none"
    if entry["source"] == "acme":
        return ""
    if meta["source"] != entry["source"]:
        return f"its source was {meta['source']}, now {entry['source']}"
    for key, value in known.items():
        if meta.get(key) != value:
            return {"authority": "the platform CA has changed", "own": "yours has changed"}[key]
    if entry["source"] == "own":
        return ""
    if meta["names"] != entry["names"]:
        return "its names have changed"
    return f"less than {RENEW_DAYS} days are left" if facts_of(meta).is_due(RENEW_DAYS) else ""


def acme_reason(store: Store, entry: dict[str, Any]) -> str:
    """Return why an ACME certificate is to be issued; an empty text when it is not."""
    meta = store.current(entry["name"])
    if meta is None or meta["source"] != "acme":
        return "not issued yet"
    if meta["names"] != entry["names"]:
        return "its names have changed"
    return f"less than {RENEW_DAYS} days are left" if facts_of(meta).is_due(RENEW_DAYS) else ""


def _known(entry: dict[str, Any], authority: str, own: dict[str, dict[str, str]]) -> dict[str, str]:
    """Return what else decides about a new certificate: the CA, or the operator's own."""
    if entry["source"] == "platform":
        return {"authority": authority}
    if entry["source"] == "own":
        pair = own[entry["name"]]
        return {"own": hashlib.sha256(f"{pair['certificate']}{pair['key']}".encode()).hexdigest()}
    return {}


def _is_unprotected(store: Store, entry: dict[str, Any], check: bool) -> bool:
    return store.protect(store.home / entry["name"], entry["group"], check=check)


def _trust(store: Store, pem: str, report: Report, check: bool) -> None:
    """Put the CA where daemons are told to look, and into the system's trust store."""
    own = store.home / "ca.pem"
    if pem and BUNDLE.exists() and all(path.exists() and path.read_text() == pem for path in (own, store.trusted)):
        return
    report.steps.append("trust the platform CA")
    if pem and not check:
        write(own, pem, 0o644)
        write(store.trusted, pem, 0o644)
        _run(["update-ca-certificates"])
