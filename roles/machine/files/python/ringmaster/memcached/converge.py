# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bring the running memcached to what its settings say: validate, apply live, restart only if needed."""

from __future__ import annotations

import json
import resource
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ringmaster.core import account, files, inbox, state, systemd
from ringmaster.core.report import Failure, Invalid, Report
from ringmaster.memcached.client import PORT, Client, MemcachedError

UNIT = "memcached.service"
ACCOUNT = "memcache"
SERVER = "/usr/bin/memcached"
PATIENCE = 10.0
FILES = 65536
SPARE = 256
"""Files that it opens beside its connections, and more."""
MIB, KIB = 1024 * 1024, 1024


@dataclass(frozen=True)
class Places:
    """Where things are."""

    settings: Path = Path("/etc/ringmaster/memcached/settings.json")
    options: Path = Path("/etc/ringmaster/memcached/options")
    local: tuple[str, int] = ("127.0.0.1", PORT)


def words(wanted: dict[str, Any]) -> list[str]:
    """Return the options that the server is started with, but for where it listens."""
    return [
        *("-m", str(wanted["memory_mib"])),
        *("-c", str(wanted["connections"])),
        *("-t", str(wanted["threads"])),
        *("-I", f"{wanted['item_kib']}k"),
    ]


def listening(wanted: dict[str, Any]) -> list[str]:
    """Return the options that say where it listens; never on UDP."""
    return ["-U", "0", "-p", str(PORT), "-l", ",".join(wanted["addresses"])]


def read(places: Places) -> dict[str, Any]:
    """Return the settings. Raises Failure."""
    try:
        return json.loads(places.settings.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise Failure(f"{places.settings} cannot be read: {error}") from error


def validate(places: Places) -> None:
    """Start a second server for a moment with the settings, on a socket. Raises Failure."""
    wanted = read(places)
    try:
        with account.work(ACCOUNT, "memcached-trial-", Path("/run")) as work:
            _try(work, wanted)
    except Invalid as error:
        raise Failure(f"memcached does not accept its settings: {error}") from error


def _try(work: account.Work, wanted: dict[str, Any]) -> None:
    path = work.own / "socket"
    # The real server may open as many files as its unit says (LimitNOFILE). Here it may be fewer.
    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    files_here = FILES if hard == resource.RLIM_INFINITY else min(FILES, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (files_here, hard))
    tried = {**wanted, "connections": min(wanted["connections"], files_here - SPARE)}
    process = work.start([SERVER, *words(tried), "-s", str(path)], cwd=work.own)
    try:
        _ask(process, work, str(path))
    finally:
        process.kill()
        process.wait()


def _ask(process: subprocess.Popen[bytes], work: account.Work, path: str) -> None:
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        if process.poll() is not None:
            said = " ".join(line.strip() for line in work.said()).strip()
            raise Invalid(said or f"memcached ended with code {process.returncode}")
        try:
            with Client(path) as client:
                client.stats("settings")
                return
        except (FileNotFoundError, ConnectionRefusedError):
            time.sleep(0.02)
        except (OSError, MemcachedError) as error:
            raise Invalid(str(error)) from error
    raise Invalid(f"memcached was not ready within {PATIENCE:.0f} s")


def converge(places: Places, *, check: bool = False, restart: bool = False) -> Report:
    """Bring the server to its settings. Raises Failure."""
    validate(places)
    wanted, report = read(places), Report()
    options = f"OPTIONS={' '.join([*words(wanted), *listening(wanted)])}\n"
    before = places.options.read_text(encoding="utf-8") if places.options.exists() else ""
    if options != before:
        report.steps.append("write the options of the server")
        if not check:
            files.replace(places.options, options)
    if not systemd.prepare(UNIT, report, check):
        _start(places, report, check)
    else:
        _apply(places, wanted, report, check=check, restart=restart)
    if not check:
        state.remember("memcached", [], inbox.Inbox(), report)
    return report


def _apply(places: Places, wanted: dict[str, Any], report: Report, *, check: bool, restart: bool) -> None:
    """Set live what can be; restart where it does not listen as it should, or when asked for."""
    try:
        with Client(places.local) as client:
            live, run = client.stats("settings"), client.stats()["pid"]
            differences = compare(live, wanted)
            memory = differences.pop("memory_mib", None)
            if memory:
                report.steps.append(f"set memory_mib: {memory[0]} -> {memory[1]}")
                if not check:
                    client.limit(wanted["memory_mib"])
    except (OSError, MemcachedError):
        # It runs with the package's options, elsewhere, or not at all.
        _start(places, report, check)
        return
    if "addresses" in differences or (restart and differences):
        _start(places, report, check)
        return
    report.pending_restart = [
        {"setting": name, "live": live, "wanted": to, "run_id": run} for name, (live, to) in differences.items()
    ]


def _start(places: Places, report: Report, check: bool) -> None:
    """Restart it and wait until it answers: for systemd it runs as soon as it has been started. Raises Failure."""
    systemd.step(report, check, "restart", UNIT)
    end = time.monotonic() + PATIENCE
    while not check:
        try:
            with Client(places.local) as client:
                client.stats("settings")
            return
        except (OSError, MemcachedError) as error:
            if time.monotonic() > end:
                raise Failure(f"memcached does not answer after its restart: {error}") from error
            time.sleep(0.05)


def compare(live: dict[str, str], wanted: dict[str, Any]) -> dict[str, tuple[str, str]]:
    """Return what differs, by name, as the server has it and as it shall be.

    :param live: the answer to ``stats settings``.
    """
    now = {
        "memory_mib": str(int(live["maxbytes"]) // MIB),
        "connections": live["maxconns"],
        "threads": live["num_threads"],
        "item_kib": str(int(live["item_size_max"]) // KIB),
        "addresses": live.get("inter", "") if live.get("udpport") == "0" else "with UDP",
    }
    then = {**{name: str(wanted[name]) for name in now}, "addresses": ",".join(wanted["addresses"])}
    return {name: (now[name], then[name]) for name in now if now[name] != then[name]}
