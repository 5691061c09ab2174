# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What openssl does for us: keys, requests, self-signed certificates, and what a certificate says."""

from __future__ import annotations

import re
import subprocess
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

SELF_SIGNED_DAYS = 3650
LONGEST_COMMON_NAME = 64
ADDRESS = re.compile(r"[0-9.]+|[0-9a-f:.]*:[0-9a-f:.]*")
BEGIN = "-----BEGIN CERTIFICATE-----"


class Failure(Exception):
    """Something cannot be done; the text says what is wrong and what to do."""


@dataclass(frozen=True)
class Facts:
    """What a certificate says: seconds since the epoch and a SHA-256 in hexadecimal digits."""

    not_before: int
    not_after: int
    fingerprint: str

    def is_due(self, renew_days: int) -> bool:
        """Whether it is to be renewed: ``renew_days`` are left, or a third of a short life."""
        left = self.not_after - time.time()
        return left < min(renew_days * 86400, (self.not_after - self.not_before) / 3)


def make_request(folder: Path, names: list[str], kept: Path | None = None) -> str:
    """Make a private key in ``folder``, or copy the ``kept`` one there, and return a request (PEM) signed with it."""
    return _request(folder, names, kept)


def make_self_signed(folder: Path, names: list[str], kept: Path | None = None) -> None:
    """Make a private key, or copy the ``kept`` one, and a certificate signed with itself in ``folder``."""
    text = _request(folder, names, kept, "-x509", "-days", str(SELF_SIGNED_DAYS))
    (folder / "fullchain.pem").write_text(text)


def _request(folder: Path, names: list[str], kept: Path | None, *more: str) -> str:
    key = folder / "privkey.pem"
    key.touch(mode=0o600)
    if kept:
        key.write_bytes(kept.read_bytes())
        which = ["-key", str(key)]
    else:
        which = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-keyout", str(key)]
    subject = f"/CN={names[0]}" if len(names[0]) <= LONGEST_COMMON_NAME else "/"
    alternatives = ",".join(f"{'IP' if ADDRESS.fullmatch(name) else 'DNS'}:{name}" for name in names)
    return run(
        *("req", "-new", "-sha256", "-noenc", *which, "-subj", subject),
        *("-addext", f"subjectAltName={alternatives}", *more),
    )


def facts(path: Path) -> Facts:
    """Return what the first certificate of a file says."""
    out = run("x509", "-in", str(path), "-noout", "-startdate", "-enddate", "-fingerprint", "-sha256")
    found = dict(line.split("=", 1) for line in out.splitlines() if "=" in line)
    digest = next((value for name, value in found.items() if name.lower().endswith("fingerprint")), "")
    return Facts(_time(found["notBefore"]), _time(found["notAfter"]), digest.replace(":", "").lower())


def _time(text: str) -> int:
    moment = datetime.strptime(text, "%b %d %H:%M:%S %Y %Z")
    return int(moment.replace(tzinfo=UTC).timestamp())


def check_pair(folder: Path) -> None:
    """Raise Failure unless the key and the first certificate of a folder belong together."""
    certificate = run("x509", "-in", str(folder / "fullchain.pem"), "-noout", "-pubkey")
    if certificate != run("pkey", "-in", str(folder / "privkey.pem"), "-pubout"):
        raise Failure("the certificate does not belong to the key (the chain must begin with your certificate)")


def run(*words: str) -> str:
    """Run openssl; return what it prints."""
    done = subprocess.run(["openssl", *words], capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    if done.returncode:
        said = [line for line in done.stderr.splitlines() if line.strip() and not set(line) <= set(".+-*")]
        raise Failure(f"openssl {words[0]}: {' | '.join(said[-2:])}")
    return done.stdout
