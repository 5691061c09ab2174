# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Restores: into a scratch server to prove a dump, or into the running one, never over data that is there."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ringmaster.core import account, systemd
from ringmaster.core.component import Wish
from ringmaster.core.report import Failure, counted
from ringmaster.redis import databases, dumps
from ringmaster.redis.client import Client, RedisError, login
from ringmaster.redis.converge import Places, log_from_snapshot, wanted
from ringmaster.redis.engine import Engine

# On the disk of the data, which has room for it or would not for a restore either.
SCRATCH = Path("/var/lib")
# What was there before a restore that replaces it.
REPLACED = Path("/var/backups/ringmaster/redis.replaced")
PATIENCE = 600.0
# Loading only: it writes nothing, and nobody but root and its account reaches it.
SETTINGS = """
port 0
unixsocket {own}/socket
unixsocketperm 700
dir {own}
dbfilename dump.rdb
save ""
appendonly no
logfile ""
sanitize-dump-payload yes
databases {databases}
"""


def prove(engine: Engine, folder: Path) -> str:
    """Load a dump into a scratch server and compare; return a sentence. Raises Failure when it is bad."""
    content = dumps.manifest(engine, folder)
    snapshot = folder / dumps.SNAPSHOT
    found = dumps.look(engine, snapshot)
    if found.keys != content["keys"]:
        raise Failure("The snapshot does not hold the keys that were dumped.")
    with _scratch(engine, snapshot, found.databases) as client:
        info = client.info()
        loaded, expired = int(info["rdb_last_load_keys_loaded"]), int(info["rdb_last_load_keys_expired"])
        sizes = list(databases.keys(info).values())
    if loaded + expired != content["keys"] or sum(sizes) > loaded:
        raise Failure(f"Keys that came back: {loaded}; out of date: {expired}; dumped: {content['keys']}.")
    hours = (time.time() - content["made_at"]) / 3600
    out_of_date = f", {expired} of them out of date by now" if expired else ""
    back = f"{counted(content['keys'], 'key')} in {counted(len(sizes), 'database')} came back{out_of_date}"
    return f"{back}; the dump is {hours:.1f} h old."


def restore(places: Places, folder: Path, wish: Wish) -> str:
    """Bring the keys back into the running server; return a sentence. Raises Failure."""
    engine = places.engine
    content = dumps.manifest(engine, folder)
    if wish.object or wish.name:
        raise Failure(f"{engine.title} is restored as a whole: say it without --object and --as")
    found = dumps.look(engine, folder / dumps.SNAPSHOT)
    if found.keys != content["keys"]:
        raise Failure("the snapshot does not hold the keys that were dumped")
    present = _keys(places)
    if present and not wish.replace:
        held = counted(present, "key")
        raise Failure(f"{engine.title} holds {held}; say --replace to exchange them for those of the dump")
    settings = wanted(places)
    if found.databases > int(settings[databases.SETTING]):
        raise Failure(
            f"the dump holds keys of database {found.databases - 1}, and {engine.title} has databases 0 to "
            f"{int(settings[databases.SETTING]) - 1}: set {databases.SETTING} to {found.databases} or more first"
        )
    aside = ""
    if present:
        shutil.rmtree(REPLACED, ignore_errors=True)
        REPLACED.mkdir(mode=0o700, parents=True)
        dumps.dump(places, REPLACED)
        aside = f" What was there lies in {REPLACED}."
    systemd.systemctl("stop", engine.unit)
    try:
        _put(places, folder / dumps.SNAPSHOT, settings)
    finally:
        systemd.systemctl("start", engine.unit)
    now = _keys(places, patience=PATIENCE)
    # Some may have been out of date when they were loaded; clients may have written some already.
    if content["keys"] and not now:
        raise Failure(f"no keys are there, the dump has {content['keys']}")
    out_of_date = f" of {content['keys']}, the others were out of date" if now != content["keys"] else ""
    return f"Restored {counted(now, 'key')}{out_of_date}.{aside}"


def _put(places: Places, snapshot: Path, settings: dict[str, str]) -> None:
    """Exchange the data of the stopped server: the snapshot, and the append-only file that it would prefer."""
    engine = places.engine
    target = engine.data / settings["dbfilename"]
    temporary = target.with_name(f".{target.name}.restore")
    _copy(engine.account, snapshot, temporary)
    account.remove(engine.account, engine.data / settings["appenddirname"])
    account.run(engine.account, "mv", "--no-target-directory", "--", str(temporary), str(target))
    if settings["appendonly"] == "yes":
        log_from_snapshot(engine, settings)


def _copy(owner: str, snapshot: Path, target: Path) -> None:
    """Let the account write a copy of a file of root's, which it may not open by itself."""
    account.remove(owner, target)
    with snapshot.open("rb") as stream:
        account.run(owner, "dd", f"of={target}", "conv=excl", "bs=1M", "status=none", stdin=stream)
    account.run(owner, "chmod", "0660", "--", str(target))


def _keys(places: Places, patience: float = 30.0) -> int:
    """Return the number of keys of the running server; none when it does not run."""
    end = time.monotonic() + patience
    while True:
        try:
            with login(places.engine.socket, places.admin) as client:
                info = client.info()
            if info.get("loading") != "1":
                return sum(databases.keys(info).values())
        except FileNotFoundError:
            if systemd.properties(places.engine.unit, "ActiveState").get("ActiveState") == "inactive":
                return 0
        except (OSError, RedisError):
            pass
        if time.monotonic() > end:
            raise Failure(f"{places.engine.title} does not say how many keys it has")
        time.sleep(0.1)


@contextmanager
def _scratch(engine: Engine, snapshot: Path, number: int) -> Iterator[Client]:
    """Run a server of its own, without a network, on a copy of a snapshot in a folder that is removed."""
    needed = 2 * snapshot.stat().st_size + 16 * 1024**2
    if shutil.disk_usage(SCRATCH).free < needed:
        raise Failure(f"A proof needs {needed // 1024**2} MiB in {SCRATCH}.")
    with account.work(engine.account, ".redis-proof-", SCRATCH) as work:
        _copy(engine.account, snapshot, work.own / "dump.rdb")
        configuration = work.write("redis.conf", SETTINGS.format(own=work.own, databases=number))
        process = work.start(["nice", "-n", "10", engine.server, str(configuration)], cwd=work.own)
        try:
            with _loaded(process, work) as client:
                yield client
        finally:
            process.kill()
            process.wait()


def _loaded(process: subprocess.Popen[bytes], work: account.Work) -> Client:
    end = time.monotonic() + PATIENCE
    while process.poll() is None and time.monotonic() < end:
        try:
            client = Client(f"{work.own}/socket")
            if client.info().get("loading") != "1":
                return client
            client.__exit__(None, None, None)
        except (OSError, RedisError):
            pass
        time.sleep(0.1)
    said = work.said()[-1:]
    raise Failure(f"The scratch server does not load the snapshot: {said[0] if said else 'it did not answer'}")
