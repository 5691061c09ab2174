# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ask Redis itself what a configuration means.

Redis cannot test a configuration, so a second server is started with it for a moment: without a port, as the
user redis, in a folder of its own. If it starts, the configuration is valid, and its CONFIG GET says exactly
what a restart of the real server would give.
"""

from __future__ import annotations

import os
import pwd
import resource
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from ringmaster.core.report import Invalid
from ringmaster.redis.client import Client, RedisError, login

SERVER = "/usr/bin/redis-server"
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
# Redis refuses to change these while it runs (flag IMMUTABLE_CONFIG in its sources).
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
unixsocket {folder}/socket
unixsocketperm 700
dir {folder}
pidfile {folder}/pid
logfile ""
daemonize no
supervised no
aclfile {folder}/users.acl
"""


@dataclass(frozen=True)
class Meaning:
    """What a configuration gives: all settings, and the ACL in Redis's own words."""

    settings: dict[str, str]
    acl: list[str]


def meaning(configuration: str, acl: str, admin: Path, account: str = "redis") -> Meaning:
    """Return what the configuration means, or raise Invalid. ``admin`` is a credentials file."""
    user = pwd.getpwnam(account)
    folder = Path(tempfile.mkdtemp(prefix="redis-trial-", dir="/run"))
    try:
        files = {"redis.conf": configuration + OVERRIDES.format(folder=folder), "users.acl": acl}
        for name, text in files.items():
            path = folder / name
            path.touch(mode=0o600)
            path.write_text(text)
            os.chown(path, user.pw_uid, user.pw_gid)
        os.chown(folder, user.pw_uid, user.pw_gid)
        found = _ask(folder, user, admin)
        return Meaning({**found.settings, **_ports(configuration)}, found.acl)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _ports(configuration: str) -> dict[str, str]:
    """Return what the trial server was not given: it must not take the ports of the real one."""
    lines = (line.split() for line in configuration.splitlines())
    return {words[0]: words[1] for words in lines if len(words) == 2 and words[0] in ("port", "tls-port")}


def _ask(folder: Path, user: pwd.struct_passwd, admin: Path) -> Meaning:
    # As many files as the real server may open: Redis lowers maxclients otherwise.
    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(65535, hard), hard))
    log = folder / "log"
    with log.open("wb") as stream:
        process = subprocess.Popen(
            [SERVER, f"{folder}/redis.conf"],
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=subprocess.STDOUT,
            cwd=folder,
            user=user.pw_uid,
            group=user.pw_gid,
            extra_groups=[],
        )
    try:
        with _connect(process, folder / "socket", log, admin) as client:
            return Meaning(client.config(), client.command("ACL", "LIST"))
    except RedisError as error:
        raise Invalid(f"the administrator cannot log in: {error}") from error
    finally:
        process.kill()
        process.wait()


def _connect(process: subprocess.Popen[bytes], path: Path, log: Path, admin: Path) -> Client:
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        if process.poll() is not None:
            said = _reason(log.read_text(errors="replace").splitlines())
            raise Invalid(said or f"redis-server ended with code {process.returncode}")
        try:
            return login(str(path), admin)
        except (FileNotFoundError, ConnectionRefusedError):
            time.sleep(0.02)
    raise Invalid(f"redis-server was not ready within {PATIENCE:.0f} s")


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
