# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ask MariaDB itself what a configuration means, and compare that with the running server.

``mariadbd --help --verbose`` reads a configuration, tells what is wrong with it and prints every variable's value,
without opening a file of the database. It takes about 20 ms. What it accepts is then started (``trial``), and the
trial's variables are compared with the real server's: the same program writes both, in the same words.
"""

from __future__ import annotations

import os
import pwd
import re
import resource
import subprocess
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from ringmaster.core import below
from ringmaster.core.report import Invalid
from ringmaster.mysql.options import ALIASES, ALLOWED

SERVER = "/usr/sbin/mariadbd"
MIB = 1024**2
# Sizes that are taken once, and what they may be together of the machine's memory.
SHARED_MEMORY = (
    "innodb_buffer_pool_size",
    "innodb_log_buffer_size",
    "aria_pagecache_buffer_size",
    "key_buffer_size",
    "query_cache_size",
)
# What one connection may take several times over.
LIMITS = {
    "tmp_table_size": 1024 * MIB,
    "max_heap_table_size": 1024 * MIB,
    "sort_buffer_size": 256 * MIB,
    "join_buffer_size": 256 * MIB,
    "read_buffer_size": 256 * MIB,
    "read_rnd_buffer_size": 256 * MIB,
    "max_connections": 5000,
    "innodb_log_file_size": 16 * 1024 * MIB,
}
# What the trial has to lower when it may open fewer files than the real server.
LOWERED = re.compile(r"max_connections: \d+ \(was (\d+)\)\s+table_cache: \d+ \(was (\d+)\)")
PREFIX = re.compile(r"^(Buffered (error|warning): )?(\S*mariadbd: )?")
NO_VALUE = "(No default value)"
# They are what they are in a process of its own, or the trial has to have them otherwise.
OWN = frozenset({"open_files_limit", "system_time_zone", "hostname", "server_uid"})
# Started otherwise in the trial, or lowered there; what the configuration says of them is compared.
BY_HELP = frozenset({"log_bin", "event_scheduler", "innodb_log_file_size", "max_connections", "table_open_cache"})
TIME_ZONE = "time_zone"
# The server or the trial does not say that they come from a file.
ALWAYS = frozenset({TIME_ZONE, "log_bin", "innodb_log_file_size"})


@dataclass(frozen=True)
class Live:
    """A variable of the running server. ``origin`` is CONFIG, SQL, AUTO, COMPILE-TIME or COMMAND-LINE."""

    value: str
    default: str
    origin: str
    is_read_only: bool


def meaning(configuration: str, account: str = "mysql") -> dict[str, str]:
    """Return all variables as the configuration gives them, or raise Invalid with what MariaDB said."""
    user = pwd.getpwnam(account)
    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with tempfile.NamedTemporaryFile("w", prefix="mysql-trial-", suffix=".cnf", dir="/run") as file:
        os.fchown(file.fileno(), 0, user.pw_gid)
        os.fchmod(file.fileno(), 0o640)
        file.write(configuration)
        file.flush()
        done = subprocess.run(
            [SERVER, f"--defaults-file={file.name}", "--help", "--verbose"],
            capture_output=True,
            check=False,
            stdin=subprocess.DEVNULL,
            cwd="/",
            **below.identity(account),
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard)),
        )
    said = done.stderr.decode(errors="replace")
    wrong = complaints(said.splitlines())
    if done.returncode or wrong:
        last = (said.strip().splitlines() or ["it said nothing"])[-1]
        raise Invalid(": ".join(wrong[:3]) or f"mariadbd ended with code {done.returncode}: {last}")
    values = _table(done.stdout.decode(errors="replace"))
    lowered = LOWERED.search(said)
    if lowered:
        values["max_connections"], values["table_open_cache"] = lowered.groups()
    zone = values.pop("default_time_zone", NO_VALUE)
    values[TIME_ZONE] = "SYSTEM" if zone == NO_VALUE else zone
    if values.get("event_scheduler") == "ORIGINAL":  # what it was at the start, so at a start nothing but the default
        values["event_scheduler"] = "OFF"
    values["log_bin"] = "OFF" if values.get("log_bin", NO_VALUE) in (NO_VALUE, "FALSE") else "ON"
    return values


def complaints(lines: Iterable[str]) -> list[str]:
    """Return what is wrong: errors, and values that the server would quietly change or options it would skip."""
    found = []
    for line in lines:
        _time, mark, text = line.partition("] ")
        if mark and ("[ERROR" in _time or " adjusted to " in text or "unknown variable" in text):
            found.append(PREFIX.sub("", text))
        elif line.startswith(("error:", "Warning:")):
            found.append(line.partition(":")[2].strip())
    return [text.replace(" at line:", " in line") for text in dict.fromkeys(found)]


def _table(text: str) -> dict[str, str]:
    """Return the table of variables at the end of the help."""
    _before, _rule, rows = text.partition("\n-----")
    values: dict[str, str] = {}
    for line in rows.split("\n")[1:]:
        name, _space, value = line.partition(" ")
        if not name:
            break
        values[name.replace("-", "_")] = value.strip()
    return values


def too_large(values: Mapping[str, str], memory: int) -> str:
    """Return why a configuration does not fit a machine with ``memory`` bytes; empty when it does."""
    together = sum(int(values[name]) for name in SHARED_MEMORY)
    limit = memory * 85 // 100
    if together > limit:
        return f"the buffers ({', '.join(SHARED_MEMORY[:3])}, …) together may have {limit // MIB} MiB on this machine"
    for name, most in LIMITS.items():
        if int(values[name]) > most:
            return f"{name} may be at most {most}"
    return ""


def together(started: Mapping[str, Live], helped: Mapping[str, str]) -> dict[str, Live]:
    """Return what a start with the configuration gives: the trial's variables, and of some what its help says."""
    return {
        name: replace(one, value=helped[name]) if name in BY_HELP and name in helped else one
        for name, one in started.items()
    }


def differences(live: Mapping[str, Live], wanted: Mapping[str, Live]) -> dict[str, tuple[str, str]]:
    """Return the variables to change: name to (live, wanted).

    Those that the configuration sets, and those that a file or a drop-in has set and does not any more. What the
    trial was told on its command line is its own; what an administrator has set by hand is left alone.
    """
    found: dict[str, tuple[str, str]] = {}
    for name, one in live.items():
        then = wanted.get(name)
        if then is None or name in OWN or name in ALIASES or (then.origin == "COMMAND-LINE" and name not in BY_HELP):
            continue
        by_file = "CONFIG" in (one.origin, then.origin) or name in ALWAYS
        if (by_file or (one.origin == "SQL" and name in ALLOWED)) and not same(one.value, then.value):
            found[name] = (one.value, then.value)
    return dict(sorted(found.items()))


def same(one: str, other: str) -> bool:
    """Whether two values mean the same: 0.5 and 0.500000, TRUE and ON, a,B and B,A, /tmp and /tmp/."""
    return _normal(one) == _normal(other)


def _normal(value: str) -> object:
    text = value.strip()
    try:
        return float(text)
    except ValueError:
        pass
    upper = text.upper()
    if upper in ("TRUE", "FALSE", "ON", "OFF", "YES", "NO"):
        return upper in ("TRUE", "ON", "YES")
    if text.startswith("/"):
        return text.rstrip("/")
    return sorted(upper.split(","))


def as_sql(value: str) -> str:
    """Return a value for SET GLOBAL."""
    try:
        float(value)
    except ValueError:
        return "'" + value.replace("\\", "\\\\").replace("'", "''") + "'"
    return value


def memory() -> int:
    """Return the machine's memory in bytes."""
    for line in Path("/proc/meminfo").read_text().splitlines():
        if line.startswith("MemTotal:"):
            return int(line.split()[1]) * 1024
    raise Invalid("/proc/meminfo has no MemTotal")
