# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ask PostgreSQL itself about a configuration, beside the running server.

``postgres -C`` reads a configuration as a start would and refuses what is wrong. With the cluster's control file it
also computes how much shared memory the whole would take, so that a setting that would keep the server from starting
is found before it waits for a restart.
"""

from __future__ import annotations

from pathlib import Path

from ringmaster.core import account
from ringmaster.core.report import Failure, Invalid
from ringmaster.postgresql.sql import ACCOUNT, Places, as_postgres

INCLUDE = "include_dir "
# Beside it, sessions need memory for their work and the system its cache.
SHARE_OF_MEMORY = 0.6
MOST_CONNECTIONS = 1000
MIB = 1024 * 1024


def examine(places: Places, texts: dict[str, str]) -> None:
    """Raise Invalid unless the configuration with these drop-ins is valid and fits the machine."""
    with account.work(ACCOUNT, "postgresql-trial-", Path("/run")) as work:
        lines = places.configuration.read_text().splitlines()
        own = [line for line in lines if not line.startswith(INCLUDE)]
        whole = work.write("whole.conf", "\n".join([*own, *texts.values(), ""]))
        exists = (places.data / "PG_VERSION").exists()
        if exists:
            account.run(ACCOUNT, "mkdir", f"{work.own}/global")
            for part in ("PG_VERSION", "global/pg_control"):
                account.run(ACCOUNT, "cp", "--", f"{places.data}/{part}", f"{work.own}/{part}")
        connections = int(_ask(places, work, whole, "max_connections"))
        if not 10 <= connections <= MOST_CONNECTIONS:
            raise Invalid(f"max_connections must be 10 to {MOST_CONNECTIONS}, not {connections}")
        if exists:
            shared = int(_ask(places, work, whole, "shared_memory_size", _of_sessions(places, work, whole)))
            limit = int(_meminfo("MemTotal") // 1024 * SHARE_OF_MEMORY)
            if shared > limit:
                raise Invalid(f"it would take {shared} MiB of shared memory; this machine can give {limit} MiB")
            if _ask(places, work, whole, "huge_pages") == "on":
                pages, there = (
                    int(_ask(places, work, whole, "shared_memory_size_in_huge_pages")),
                    _meminfo("HugePages_Total"),
                )
                if not 0 <= pages <= there:
                    raise Invalid(f"huge_pages is on: it would take {pages} of them, and this machine has {there}")


def _of_sessions(places: Places, work: account.Work, whole: Path) -> str:
    """Return an option with which the server would load what each session loads: nobody could log in without it."""
    libraries = [_ask(places, work, whole, f"{when}_preload_libraries") for when in ("shared", "session")]
    plugins = [one.strip() for one in _ask(places, work, whole, "local_preload_libraries").split(",")]
    libraries += [one if "/" in one else f"$libdir/plugins/{one}" for one in plugins if one]
    return f"shared_preload_libraries={','.join(one for one in libraries if one)}" if libraries[1:] != [""] else ""


def _ask(places: Places, work: account.Work, whole: Path, setting: str, option: str = "") -> str:
    # The drop-ins' order counts, and command-line options would win over them.
    words = ["-D", str(work.own), "-c", f"config_file={whole}", "-c", f"data_directory={work.own}"]
    words += ["-c", option] if option else []
    done = as_postgres(places, [str(places.programs / "postgres"), *words, "-C", setting])
    if done.returncode:
        raise Invalid(_reason(done.stderr, whole) or f"postgres ended with code {done.returncode}")
    return done.stdout.strip()


def _reason(said: str, whole: Path) -> str:
    told = []
    for line in said.splitlines():
        text = line.split(":  ", 1)[-1].strip()
        if "skipping missing configuration file" in text or "contains errors" in text or not text:
            continue
        told.append(text.replace(f'in file "{whole}" ', ""))
    return "; ".join(told[:3])


def _meminfo(name: str) -> int:
    """Return a figure of /proc/meminfo, of memory in KiB."""
    for line in Path("/proc/meminfo").read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1])
    raise Failure(f"/proc/meminfo has no {name}")
