# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ask the server itself what a configuration means.

It cannot test a configuration, so a second server is started with it for a moment: without a port, as the
server's user, in a folder of its own. If it starts, the configuration is valid, and its CONFIG GET says exactly
what a restart of the real server would give.
"""

from __future__ import annotations

import resource
import subprocess
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from ringmaster.core import account
from ringmaster.core.report import Invalid
from ringmaster.redis.client import Client, RedisError, login
from ringmaster.redis.engine import REDIS, Engine

PATIENCE = 30.0
# Different in the trial server by nature; the real ones are not changed at run time.
OWN = frozenset(
    {
        "unixsocket",
        "unixsocketperm",
        "dir",
        "pidfile",
        "logfile",
        "aclfile",
        "daemonize",
        "supervised",
    }
)
# Both engines refuse to change these while they run (flag IMMUTABLE_CONFIG in their sources).
IMMUTABLE = frozenset(
    {
        "always-show-logo",
        "aof-disable-auto-gc",
        "appenddirname",
        "appendfilename",
        "databases",
        "disable-thp",
        "enable-debug-command",
        "enable-module-command",
        "enable-protected-configs",
        "io-threads",
        "io-threads-do-reads",
        "rdbchecksum",
        "set-proc-title",
        "syslog-enabled",
        "syslog-facility",
        "syslog-ident",
        "tcp-backlog",
    }
)
OVERRIDES = """
port 0
tls-port 0
unixsocket {own}/socket
unixsocketperm 700
dir {own}
pidfile {own}/pid
logfile ""
daemonize no
supervised no
aclfile {acl}
"""


@dataclass(frozen=True)
class Meaning:
    """What a configuration gives: all settings, and the ACL in Redis's own words."""

    settings: dict[str, str]
    acl: list[str]


def meaning(configuration: str, acl: str, admin: Path, engine: Engine = REDIS) -> Meaning:
    """Return what the configuration means, or raise Invalid. ``admin`` is a credentials file."""
    with account.work(engine.account, "redis-trial-", Path("/run")) as work:
        kept = _kept(configuration)
        overrides = OVERRIDES.format(own=work.own, acl=work.write("users.acl", acl))
        if kept.get("tls-port", "0") != "0":
            # Without a port and without this, Redis looks neither at the certificate nor at protocols and ciphers.
            overrides += "tls-replication yes\n"
            kept.setdefault("tls-replication", "no")
        found = _ask(engine, work, work.write("redis.conf", configuration + overrides), admin)
        return Meaning({**found.settings, **kept}, found.acl)


def _kept(configuration: str) -> dict[str, str]:
    """Return what the trial server is not given: it must not take the ports of the real one."""
    lines = (line.split() for line in configuration.splitlines())
    names = ("port", "tls-port", "tls-replication")
    return {words[0]: words[1] for words in lines if len(words) == 2 and words[0] in names}


def _ask(engine: Engine, work: account.Work, configuration: Path, admin: Path) -> Meaning:
    # As many files as the real server may open: Redis lowers maxclients otherwise.
    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(65535, hard), hard))
    process = work.start([engine.server, str(configuration)], cwd=work.own)
    try:
        with _connect(engine, process, work, admin) as client:
            return Meaning(client.config(), client.command("ACL", "LIST"))
    except RedisError as error:
        raise Invalid(f"the administrator cannot log in: {error}") from error
    finally:
        process.kill()
        process.wait()


def _connect(engine: Engine, process: subprocess.Popen[bytes], work: account.Work, admin: Path) -> Client:
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        if process.poll() is not None:
            said = _reason(work.said())
            raise Invalid(said or f"{engine.title} ended with code {process.returncode}")
        try:
            return login(str(work.own / "socket"), admin)
        except (FileNotFoundError, ConnectionRefusedError):
            time.sleep(0.02)
    raise Invalid(f"{engine.title} was not ready within {PATIENCE:.0f} s")


def _reason(lines: Iterable[str]) -> str:
    """Return the lines in which Redis says what is wrong."""
    told: list[str] = []
    is_fatal = False
    for line in lines:
        text = line.strip()
        if "FATAL CONFIG FILE ERROR" in text:
            is_fatal = True
        elif is_fatal and text and not text.startswith("Reading the configuration file"):
            told.append(text.removeprefix(">>> "))
        elif not is_fatal and (" # " in text) and "WARNING" not in text:
            told.append(text.split(" # ", 1)[1])
    return ": ".join(told[:3])


def differences(live: dict[str, str], wanted: dict[str, str]) -> dict[str, tuple[str, str]]:
    """Return the settings whose values differ: name to (live, wanted)."""
    return {
        name: (live[name], value)
        for name, value in sorted(wanted.items())
        if name not in OWN and name in live and live[name] != value
    }
