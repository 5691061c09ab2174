# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The private keys of DKIM: made here, never leaving but by the backup."""

from __future__ import annotations

import base64
import grp
import hashlib
import os
from collections.abc import Iterable
from pathlib import Path

from ringmaster.core.report import Report
from ringmaster.mailserver.places import SELECTOR, Places, run

BITS = 2048


def path(places: Places, domain: str) -> Path:
    """Return the file of a domain's private key; rspamd knows the same pattern."""
    return places.keys / f"{domain}.{SELECTOR}.key"


def make_missing(places: Places, domains: Iterable[str], report: Report, *, check: bool) -> None:
    """Make the keys that are not there. A key of a domain that is not declared any more stays."""
    missing = [domain for domain in domains if not path(places, domain).exists()]
    if not missing:
        return
    report.steps.append(f"make DKIM keys: {', '.join(missing)}")
    if check:
        return
    group = grp.getgrnam("_rspamd").gr_gid
    places.keys.mkdir(mode=0o750, parents=True, exist_ok=True)
    os.chown(places.keys, 0, group)
    for domain in missing:
        final = path(places, domain)
        temporary = final.with_suffix(".new")
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "w") as stream:
            stream.write(run("openssl", "genrsa", str(BITS)))
            os.fchown(stream.fileno(), 0, group)
            os.fchmod(stream.fileno(), 0o640)
        temporary.rename(final)


def public(places: Places, domains: Iterable[str]) -> dict[str, str]:
    """Return the public keys as DNS has them: domain to base64. Kept beside the key, so that openssl is asked once."""
    result = {}
    for domain in domains:
        key = path(places, domain)
        if not key.exists():
            continue
        kept = key.with_suffix(".pub")
        if not kept.exists() or kept.stat().st_mtime < key.stat().st_mtime:
            kept.write_text(public_half(key))
        result[domain] = kept.read_text()
    return result


def public_half(key: Path) -> str:
    """Return what belongs to a private key, in base64 as DNS has it. Raises Failure."""
    return "".join(run("openssl", "pkey", "-in", str(key), "-pubout").splitlines()[1:-1])


def tls_digest(places: Places) -> str:
    """Return the SHA-256 of the public key that the server shows, as a TLSA record has it; empty without one."""
    if not places.tls_key.exists():
        return ""
    return hashlib.sha256(base64.b64decode(public_half(places.tls_key))).hexdigest()
