# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Dumps: a snapshot of all keys at one moment, with a record of what a restore must bring back.

A folder holds ``dump.rdb`` and ``manifest.json``. The keys are counted in the snapshot itself, by the engine's
own tool, which also verifies its checksum.
"""

from __future__ import annotations

import json
import os
import pwd
import re
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ringmaster.core import account, below, files
from ringmaster.core.report import Failure
from ringmaster.redis import writing
from ringmaster.redis.client import RedisError, login
from ringmaster.redis.converge import Places
from ringmaster.redis.engine import ENGINES, REDIS, Engine

MANIFEST = "manifest.json"
SNAPSHOT = "dump.rdb"
FIGURE = re.compile(r"\[info\] (\d+) (keys read|expires|already expired)")
DATABASE = re.compile(r"\] Selecting DB ID (\d+)$", re.MULTILINE)


@dataclass(frozen=True)
class Content:
    """What a snapshot holds: keys, and the number of databases that a server needs to load it."""

    keys: int
    databases: int


def dump(places: Places, folder: Path) -> int:
    """Fill an empty folder; return the number of keys. Raises Failure."""
    engine = places.engine
    try:
        with login(engine.socket, places.admin, timeout=30) as client:
            settings = client.config()
            writing.write(client, writing.SNAPSHOT)
            version = client.info()[f"{engine.name}_version"]
    except (OSError, RedisError, Failure) as error:
        raise Failure(f"{engine.title} cannot be dumped: {getattr(error, 'strerror', None) or error}") from error
    source = Path(settings["dir"]) / settings["dbfilename"]
    _copy(engine.account, source, folder / SNAPSHOT)
    keys = look(engine, folder / SNAPSHOT).keys
    manifest = {
        "component": "redis",
        "engine": engine.name,
        "version": version,
        "made_at": int(time.time()),
        "keys": keys,
    }
    files.replace(folder / MANIFEST, json.dumps(manifest, indent=1) + "\n", mode=0o600)
    return keys


def _copy(owner: str, source: Path, target: Path) -> None:
    """Copy a snapshot: Redis replaces the file, so that an open one stays what it is.

    Where it lies is what the server says, so that it is read with the server's rights.
    """
    with os.fdopen(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as new:
        try:
            account.run(owner, "cat", "--", str(source), stdout=new)
        except Failure as error:
            raise Failure(f"the snapshot {source} cannot be copied: {error}") from error


def look(engine: Engine, snapshot: Path) -> Content:
    """Return what a snapshot holds after verifying it, with the rights of the server that wrote it. Raises Failure."""
    with snapshot.open("rb") as stream:
        # It opens the file once more, by the descriptor: of its folder, the account may know nothing.
        os.fchown(stream.fileno(), 0, pwd.getpwnam(engine.account).pw_gid)
        os.fchmod(stream.fileno(), 0o640)
        try:
            done = subprocess.run(
                [engine.check_rdb, "/proc/self/fd/0"],
                stdin=stream,
                capture_output=True,
                text=True,
                errors="replace",
                check=False,
                cwd="/",
                **below.identity(engine.account),
            )
        finally:
            os.fchmod(stream.fileno(), 0o600)
    figures = {name: int(number) for number, name in FIGURE.findall(done.stdout)}
    if done.returncode or "keys read" not in figures:
        last = (done.stdout.strip().splitlines() or [f"{Path(engine.check_rdb).name} said nothing"])[-1]
        raise Failure(f"The snapshot {snapshot.name} is damaged: {last.removeprefix('[additional info] ')}.")
    return Content(figures["keys read"], max(map(int, DATABASE.findall(done.stdout)), default=0) + 1)


def manifest(engine: Engine, folder: Path) -> dict[str, Any]:
    """Return what a dump holds, if the engine can read it. Raises Failure."""
    try:
        content = json.loads((folder / MANIFEST).read_text())
    except (OSError, ValueError) as error:
        raise Failure(f"{folder} is no complete dump of Redis: {error}") from error
    if content.get("component") != "redis":
        raise Failure(f"{folder} is a dump of {content.get('component')}, not of Redis")
    # Dumps from before there was a choice do not say it.
    maker = content.get("engine", REDIS.name)
    if maker not in engine.reads:
        title = ENGINES[maker].title if maker in ENGINES else str(maker)
        raise Failure(f"{folder} is a dump of {title}, which {engine.title} cannot read; a machine with {title} can")
    return content
