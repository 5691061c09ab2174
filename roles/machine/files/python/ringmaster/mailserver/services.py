# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The daemons of a mail server: each rereads what changed, without an interruption where it can."""

from __future__ import annotations

import hashlib
import json
import socket
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from ringmaster.core import files, systemd
from ringmaster.core.report import Failure, Report

PATIENCE = 180


@dataclass(frozen=True)
class Service:
    """A unit. A change in ``reload`` needs a reload, one in ``restart`` a restart. Folders count with their files.

    ``port`` is on loopback and answers when the unit is ready, where systemd does not know.
    """

    unit: str
    reload: tuple[str, ...] = ()
    restart: tuple[str, ...] = ()
    port: int = 0


def _unit_files(unit: str) -> tuple[str, ...]:
    return (f"/etc/systemd/system/{unit}", f"/etc/systemd/system/{unit}.d")


SERVICES = (
    Service(
        "unbound.service",
        restart=("/etc/unbound/unbound.conf.d/ringmaster-mailserver.conf", *_unit_files("unbound.service")),
    ),
    Service(
        "ringmaster-mail-redis.service",
        restart=("/etc/ringmaster/mailserver/redis.conf", *_unit_files("ringmaster-mail-redis.service")),
    ),
    Service(
        "rspamd.service",
        reload=("/etc/rspamd/local.d", "/etc/rspamd/lua.local.d"),
        restart=_unit_files("rspamd.service"),
        port=11332,
    ),
    Service("postsrsd.service", restart=("/etc/default/postsrsd", *_unit_files("postsrsd.service"))),
    # Before Dovecot, whose sockets lie in a folder that Postfix makes.
    Service(
        "postfix.service",
        reload=(
            "/etc/postfix/main.cf",
            "/etc/postfix/master.cf",
            "/etc/postfix/submission_headers",
            "/etc/postfix/ascii_addresses",
        ),
        restart=_unit_files("postfix.service"),
    ),
    Service(
        "dovecot.service",
        reload=("/etc/dovecot/dovecot.conf", "/etc/ringmaster/mailserver/accepted/dovecot"),
        restart=_unit_files("dovecot.service"),
    ),
)


def serve(state: Path, report: Report, *, check: bool, services: Iterable[Service] = SERVICES) -> None:
    """Enable and start what does not run, and let each daemon read what it has not read yet.

    ``state`` remembers what each unit was started with. A daemon that died and came back has read everything, too,
    but one reload too many harms nobody.
    """
    try:
        before = json.loads(state.read_text())
    except (FileNotFoundError, ValueError):
        before = {}
    now = {}
    for service in services:
        runs = systemd.prepare(service.unit, report, check)
        seen = {"reload": _digest(service.reload), "restart": _digest(service.restart)}
        known = before.get(service.unit, {})
        if not runs or known.get("restart") != seen["restart"]:
            systemd.step(report, check, "restart", service.unit)
            if service.port and not check:
                _wait(service)
        elif known.get("reload") != seen["reload"]:
            systemd.step(report, check, "reload", service.unit)
        now[service.unit] = seen
        if not check and seen != known:
            files.replace(state, json.dumps({**before, **now}, indent=1) + "\n")


def _wait(service: Service) -> None:
    """Wait until a daemon answers: rspamd compiles its patterns at its first start, and mail would be put off."""
    end = time.monotonic() + PATIENCE
    while True:
        try:
            socket.create_connection(("127.0.0.1", service.port), 1).close()
            return
        except OSError as error:
            if time.monotonic() > end:
                raise Failure(f"{service.unit} does not answer on port {service.port} after {PATIENCE} s") from error
            time.sleep(0.2)


def _digest(paths: Iterable[str]) -> str:
    digest = hashlib.sha256()
    for path in map(Path, paths):
        members = sorted(path.rglob("*")) if path.is_dir() else [path]
        for member in members:
            if member.is_file():
                digest.update(f"{member}\0".encode() + member.read_bytes())
    return digest.hexdigest()
