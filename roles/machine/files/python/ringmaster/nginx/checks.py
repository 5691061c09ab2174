# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The checks of nginx. Each returns a status (0 ok, 1 warning, 2 critical, 3 unknown) and a sentence."""

from __future__ import annotations

import http.client
import json
import os
import socket
import ssl
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from ringmaster.core import checks
from ringmaster.core.checks import CRITICAL, OK
from ringmaster.core.report import counted
from ringmaster.nginx import converge as nginx

PLACES = nginx.Places()
TIMEOUT = 5.0
AT_ONCE = 4


def configuration() -> tuple[int, str]:
    """Whether nginx would start again with what is on disk."""
    done = nginx.test(PLACES.configuration)
    if done.returncode:
        return CRITICAL, f"nginx would not start again: {(done.stderr.strip().splitlines() or ['no reason'])[0]}."
    return OK, "The configuration is valid."


def workers(patience: float) -> tuple[int, str]:
    """Whether the workers that serve are younger than the configuration."""
    try:
        found = nginx.workers(nginx.master(PLACES))
    except (OSError, ValueError):
        return CRITICAL, "nginx does not run."
    if not found:
        return CRITICAL, "nginx has no workers."
    started = max(_started(pid) for pid in found)
    newest = max(path.stat().st_mtime for path in nginx.configuration_files(PLACES))
    if newest > started + 1 and time.time() - newest > patience:
        minutes = (time.time() - newest) / 60
        return (
            CRITICAL,
            f"The workers are older than the configuration of {counted(round(minutes), 'minute')} ago: not reloaded.",
        )
    return OK, f"{counted(len(found), 'worker serves', 'workers serve')} the newest configuration."


def _started(pid: int) -> float:
    """Return when a process began, in seconds since the epoch."""
    ticks = int(Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[19])
    uptime = float(Path("/proc/uptime").read_text().split()[0])
    return time.time() - uptime + ticks / os.sysconf("SC_CLK_TCK")


def vhosts() -> tuple[int, str]:
    """Whether each virtual host answers as it should, on each address."""
    asked = [
        (vhost, address)
        for path in sorted((PLACES.home / "sites").glob("*/site.json"))
        for site in [json.loads(path.read_text())]
        for vhost in site["vhosts"]
        for address in site["addresses"]
    ]
    if not asked:
        return OK, "No virtual host is declared."
    with ThreadPoolExecutor(AT_ONCE) as pool:
        answers = list(pool.map(lambda one: _ask(*one), asked))
    bad = [answer for answer in answers if answer]
    names = len({vhost["name"] for vhost, _address in asked})
    if bad:
        more = f"; and {len(bad) - 5} more" if len(bad) > 5 else ""
        return CRITICAL, f"{'; '.join(bad[:5])}{more}."
    return OK, f"{counted(names, 'virtual host answers as it', 'virtual hosts answer as they')} should."


class _Connection(http.client.HTTPConnection):
    """A connection to one address with the name of a virtual host. Certificates are another check's matter."""

    def __init__(self, address: str, port: int, name: str, tls: bool) -> None:
        super().__init__(name, port, timeout=TIMEOUT)
        self.address, self.tls = address, tls

    def connect(self) -> None:
        plain = socket.create_connection((self.address, self.port), TIMEOUT)
        if not self.tls:
            self.sock = plain
            return
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        self.sock = context.wrap_socket(plain, server_hostname=self.host)


def _ask(vhost: dict[str, Any], address: str) -> str:
    """Return what is wrong with an answer; an empty text when nothing is."""
    name = vhost["name"]
    try:
        connection = _Connection(address, 443 if vhost["tls"] else 80, name, vhost["tls"])
        try:
            connection.request("GET", vhost["path"], headers={"Host": name, "User-Agent": "ringmaster-check"})
            code = connection.getresponse().status
        finally:
            connection.close()
    except (OSError, http.client.HTTPException) as error:
        return f"{name} does not answer on {address}: {checks.reason(error)}"
    if vhost["code"] and code != vhost["code"]:
        return f"{name} answers {code} on {address}, not {vhost['code']}"
    return f"{name} answers {code} on {address}" if not vhost["code"] and code >= 500 else ""


def inbox() -> tuple[int, str]:
    """Drop-ins in /etc/local/nginx that were left out."""
    return checks.drop_ins("nginx", nginx.SUFFIX, PLACES.inbox)
