# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A public CA for the lab: pebble at the gateway's address, with a DNS of its own."""

from __future__ import annotations

import contextlib
import json
import os
import ssl
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
KEYS = ROOT / ".lab/keys"
ADDRESS = "198.51.100.1"
# Must be those of molecule/platform/group_vars/project_web.yml.
DIRECTORY_PORT = 14000
MANAGEMENT_PORT = 15000
DNS = "127.0.0.1:8053"


@dataclass
class Authority:
    """A CA that issues."""

    folder: Path

    def root(self) -> Path:
        """Return the file with its root certificate, which is a new one each time."""
        path = self.folder / "root.pem"
        path.write_bytes(self._ask("roots/0"))
        return path

    def _ask(self, what: str) -> bytes:
        listener = ssl.create_default_context(cafile=str(KEYS / "ca.pem"))
        with urllib.request.urlopen(f"https://{ADDRESS}:{MANAGEMENT_PORT}/{what}", context=listener) as answer:
            return answer.read()


@contextlib.contextmanager
def authority(folder: Path, addresses: tuple[str, str], seconds: int) -> Iterator[Authority]:
    """Run a CA whose certificates are good for ``seconds`` and which finds every name at ``addresses`` (IPv4, IPv6)."""
    _listener(folder)
    configuration = {
        "listenAddress": f"{ADDRESS}:{DIRECTORY_PORT}",
        "managementListenAddress": f"{ADDRESS}:{MANAGEMENT_PORT}",
        "certificate": str(folder / "listener.pem"),
        "privateKey": str(folder / "listener.key"),
        "httpPort": 80,
        "tlsPort": 443,
        "ocspResponderURL": "",
        "externalAccountBindingRequired": False,
        "certificateValidityPeriod": seconds,
    }
    (folder / "pebble.json").write_text(json.dumps({"pebble": configuration}))
    names = ["-defaultIPv4", addresses[0], "-defaultIPv6", addresses[1], "-dns01", DNS]
    nothing_else = ["-management", "127.0.0.1:8055", "-http01", "", "-https01", "", "-tlsalpn01", ""]
    challenges = ["pebble-challtestsrv", *names, *nothing_else]
    pebble = ["pebble", "-config", str(folder / "pebble.json"), "-dnsserver", DNS]
    # certbot asks once more when a nonce is refused, not twice; pebble refuses some on purpose otherwise.
    environment = {**os.environ, "PEBBLE_VA_NOSLEEP": "1", "PEBBLE_WFE_NONCEREJECT": "0"}
    with (folder / "log").open("wb") as log, contextlib.ExitStack() as stack:
        for argv in (challenges, pebble):
            process = subprocess.Popen(argv, stdout=log, stderr=log, env=environment)
            stack.callback(process.wait)
            stack.callback(process.terminate)
        found = Authority(folder)
        end = time.monotonic() + 10
        while True:
            try:
                found.root()
                break
            except OSError:
                assert time.monotonic() < end, (folder / "log").read_text()
                time.sleep(0.1)
        yield found


def _listener(folder: Path) -> None:
    """Make pebble's own certificate, signed by the lab's CA, which the machines trust."""
    (folder / "extensions").write_text(f"subjectAltName=IP:{ADDRESS}\n")
    for argv in (
        [
            *("req", "-new", "-newkey", "rsa:2048", "-noenc", "-subj", "/CN=pebble"),
            *("-keyout", "listener.key", "-out", "listener.csr"),
        ],
        [
            *("x509", "-req", "-in", "listener.csr", "-out", "listener.pem", "-days", "2", "-extfile", "extensions"),
            *("-CA", str(KEYS / "ca.pem"), "-CAkey", str(KEYS / "ca.key"), "-set_serial", str(time.time_ns())),
        ],
    ):
        subprocess.run(["openssl", *argv], cwd=folder, check=True, capture_output=True)
