# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Issue and renew certificates over ACME with certbot. It only fetches: keys, places and reloads are ours."""

from __future__ import annotations

import json
import os
import subprocess
import time
from pathlib import Path
from typing import Any

from ringmaster.certificates import openssl
from ringmaster.certificates.converge import acme_reason
from ringmaster.certificates.openssl import Failure
from ringmaster.certificates.store import Store, write

# After a failure: 20 minutes, doubled each time, at most half a day. Public CAs allow few failures an hour.
FIRST_PAUSE = 20 * 60
LONGEST_PAUSE = 12 * 3600
PATIENCE = 180


def renew(store: Store, *, force: bool = False) -> tuple[list[str], list[str]]:
    """Issue what is due and not pausing. Return what was done and what failed."""
    done: list[str] = []
    failed: list[str] = []
    for entry in store.wanted():
        if entry["source"] != "acme":
            continue
        reason = acme_reason(store, entry)
        if not reason or (not force and _pauses(store, entry)):
            continue
        try:
            _issue(store, entry)
        except (Failure, OSError, subprocess.TimeoutExpired) as error:
            _remember_failure(store, entry, str(error))
            failed.append(f"{entry['name']}: {error}")
        else:
            (store.folder(entry["name"]) / "acme.json").unlink(missing_ok=True)
            done.append(f"issue {entry['name']}: {reason}")
    done += store.settle()
    return done, failed


def _issue(store: Store, entry: dict[str, Any]) -> None:
    staged = store.stage(entry["name"])
    try:
        request = staged / "request.pem"
        request.write_text(openssl.make_request(staged, entry["names"], store.kept_key(entry)))
        _certbot(store, staged, request)
        request.unlink()
        store.install(entry, staged)
    finally:
        if (store.home / entry["name"]).exists():
            store.forget_old(entry["name"])


def _certbot(store: Store, staged: Path, request: Path) -> None:
    own_ca = store.home / "acme-ca.pem"
    environment = {**os.environ, **({"REQUESTS_CA_BUNDLE": str(own_ca)} if own_ca.exists() else {})}
    done = subprocess.run(
        [
            *("certbot", "certonly", "--non-interactive", "--config", str(store.home / "acme.ini")),
            *("--webroot", "--webroot-path", str(store.acme / "webroot"), "--csr", str(request)),
            *("--cert-path", str(staged / "cert.pem"), "--chain-path", str(staged / "chain.pem")),
            *("--fullchain-path", str(staged / "fullchain.pem")),
        ],
        capture_output=True,
        text=True,
        check=False,
        env=environment,
        stdin=subprocess.DEVNULL,
        timeout=PATIENCE,
    )
    if done.returncode or not (staged / "fullchain.pem").exists():
        raise Failure(_reason(done.stdout + "\n" + done.stderr))
    for name in ("cert.pem", "chain.pem"):
        (staged / name).unlink(missing_ok=True)


def _reason(text: str) -> str:
    """Return what certbot says is wrong, without its advice and its log's place."""
    lines = [line.strip() for line in text.splitlines()]
    details = [line for line in lines if line.startswith(("Detail:", "Type:", "Domain:"))]
    if details:
        return "; ".join(details[:6])
    noise = ("Saving debug log", "Ask for help", "Some challenges", "See the logfile", "Requesting a certificate")
    told = [line for line in lines if line and not line.startswith(noise)]
    return " ".join(told[-3:]) or "certbot failed without a word"


def _state(store: Store, entry: dict[str, Any]) -> dict[str, Any]:
    try:
        state: dict[str, Any] = json.loads((store.folder(entry["name"]) / "acme.json").read_text())
        return state if state.get("names") == entry["names"] else {}
    except (OSError, ValueError):
        return {}


def _pauses(store: Store, entry: dict[str, Any]) -> bool:
    state = _state(store, entry)
    if not state:
        return False
    pause = min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** (state["failures"] - 1))
    return time.time() - state["failed_at"] < pause


def _remember_failure(store: Store, entry: dict[str, Any], reason: str) -> None:
    failures = min(_state(store, entry).get("failures", 0) + 1, 20)
    content = {"names": entry["names"], "failures": failures, "failed_at": round(time.time()), "reason": reason}
    write(store.folder(entry["name"]) / "acme.json", json.dumps(content, indent=1) + "\n", 0o644)
