# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Settings of Redis: each spelling that it accepts is set once, and never again."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

import pytest
from conftest import place
from ringmaster.core import below
from ringmaster.core.report import Invalid, Report
from ringmaster.redis import trial
from ringmaster.redis.client import Client, login
from ringmaster.redis.converge import _apply
from ringmaster.redis.directives import ALLOWED

ACL = "user default off resetkeys resetchannels -@all\nuser admin on >word ~* &* +@all\n"
VALUES = ["yes", "NO", "0", "007", "7", "64mb", "1K", "1gb", "-1", "Always", "EVERYSEC", "allkeys-LRU", "volatile-lfu"]
VALUES += ["AKE", "Elg", '""', "3600 1 300 100", "60 10000 3600 1", "local", "100%", "50"]
VALUES += ["normal 0 0 0 pubsub 32mb 8MB 60", "Pubsub 1k 1k 1", "slave 1mb 1mb 5", "replica 2mb 1mb 5"]


def connected(folder: Path, admin: Path) -> Client:
    end = time.monotonic() + 30
    while True:
        try:
            return login(str(folder / "socket"), admin)
        except OSError:
            if time.monotonic() > end:
                raise
            time.sleep(0.05)


def test_every_spelling_of_every_setting_is_set_once(tmp_path: Path) -> None:
    """What a start would give and what the running server says are the same words, or it waits for a restart."""
    admin = tmp_path / "admin.env"
    admin.write_text("REDIS_USERNAME=admin\nREDIS_PASSWORD=word\n")
    taken: dict[str, list[str]] = {}
    unsettled = []
    with place("redis") as folder:
        (folder / "users.acl").write_text(ACL)
        words = ["redis-server", "--port", "0", "--unixsocket", f"{folder}/socket", "--dir", str(folder)]
        words += ["--aclfile", f"{folder}/users.acl", "--logfile", f"{folder}/log"]
        process = subprocess.Popen(words, stdin=subprocess.DEVNULL, **below.identity("redis"))
        try:
            with connected(folder, admin) as client:
                known = ALLOWED & client.config().keys()  # Debian 12's Redis knows fewer
                for number, name in enumerate(sorted(known) * len(VALUES)):
                    value = VALUES[number // len(known)]
                    try:
                        then = trial.meaning(f"port 0\n{name} {value}\n", ACL, admin)
                    except Invalid:
                        continue
                    taken.setdefault(name, []).append(value)
                    left = _apply(client, then, Report(), check=False)
                    again = Report()
                    if _apply(client, then, again, check=False) != left or again.steps:
                        unsettled.append((name, value, again.steps))
        finally:
            process.terminate()
            process.wait(60)
    assert unsettled == []
    assert len(known) > 40
    assert known - taken.keys() == set()


@pytest.mark.parametrize(
    "line",
    [
        "tls-protocols nothing",
        "tls-ciphers nothing",
        "tls-ciphersuites nothing",
        "tls-cert-file /nowhere",
        "tls-dh-params-file /nowhere",
    ],
)
def test_what_only_the_tls_port_looks_at_is_refused(tmp_path: Path, line: str) -> None:
    """By the Redis of the machine, whose library knows which protocols and ciphers there are."""
    admin = tmp_path / "admin.env"
    admin.write_text("REDIS_USERNAME=admin\nREDIS_PASSWORD=word\n")
    with place("redis") as folder:
        argv = ["openssl", "req", "-x509", "-newkey", "ed25519", "-nodes", "-subj", "/CN=x", "-days", "9"]
        argv += ["-keyout", f"{folder}/key.pem", "-out", f"{folder}/cert.pem"]
        subprocess.run(argv, check=True, capture_output=True)
        (folder / "key.pem").chmod(0o644)
        lines = [f"tls-cert-file {folder}/cert.pem", f"tls-key-file {folder}/key.pem", "tls-auth-clients no"]
        lines += [f"tls-ca-cert-file {folder}/cert.pem", 'tls-protocols "TLSv1.2 TLSv1.3"']
        plain = "\n".join(["port 0", "tls-port 6390", *lines, ""])
        then = trial.meaning(plain, ACL, admin).settings
        assert (then["tls-port"], then["tls-replication"]) == ("6390", "no")
        with pytest.raises(Invalid):
            trial.meaning(f"{plain}{line}\n", ACL, admin)
