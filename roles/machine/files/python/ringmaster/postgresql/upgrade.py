# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Another major version for the cluster, by pg_upgrade, with the way back until it is confirmed.

The new cluster is filled in ``/var/lib/postgresql/<to>/upgrade`` and takes its place when it is complete. The old one
is copied (or cloned where the file system can), never linked: it stays as it was stopped, its unit masked, and is what
a roll-back starts again. Only ``confirm`` removes it. The role writes the configuration of the new version and starts
it, after ``upgrade``; of the old version, after ``roll-back``.
"""

from __future__ import annotations

import argparse
import fcntl
import json
import os
import pwd
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from ringmaster.core import files, systemd
from ringmaster.core.component import lock
from ringmaster.core.report import Failure, counted
from ringmaster.postgresql import cluster, sql
from ringmaster.postgresql.sql import Places

# Beside the copy, the new version's own catalogs and first WAL.
MARGIN = 512 * 1024**2
FICLONE = 0x40049409
BEHIND = """
SELECT coalesce(json_agg(name), '[]') FROM pg_available_extensions WHERE installed_version <> default_version
"""
# Each object is locked while the old catalogs are read.
SETTINGS = """max_locks_per_transaction = 1024
shared_preload_libraries = {libraries}
hba_file = '{folder}/pg_hba.conf'
ident_file = '{folder}/pg_ident.conf'
"""


def check(old: Places, to: int) -> str:
    """Let pg_upgrade look at the running cluster; return a sentence. Raises Failure; nothing changes for anybody."""
    new = _judged(old, to)
    mode = _mode(old, new)
    with _empty(old, new) as folder:
        _pg_upgrade(old, new, folder, mode, "--check")
    mib = files.size(old.data) >> 20
    way = "in place, by clones" if mode == "--clone" else f"a copy of {mib} MiB, while PostgreSQL is stopped"
    return f"PostgreSQL {old.version} can be upgraded to {to}: {way}."


def upgrade(old: Places, to: int) -> str:
    """Stop the cluster and fill one of the new version; return a sentence. After a Failure the old one runs."""
    known = cluster.upgraded()
    if known.get("to") == to and known["state"] == "upgraded":
        return f"The cluster is upgraded to {to} already."
    new = _judged(old, to)
    mode = _mode(old, new)
    with _empty(old, new) as folder:
        _pg_upgrade(old, new, folder, mode, "--check")
        _record(old, new, "running")
        begun = time.monotonic()
        try:
            systemd.systemctl("disable", "--now", old.unit)
            systemd.systemctl("mask", old.unit)
            _pg_upgrade(old, new, folder, mode)
        except BaseException as error:
            _return_to(old)
            if isinstance(error, Failure):
                raise Failure(f"{error}. PostgreSQL {old.version} runs again as before.") from error
            raise
        (folder / "data").rename(new.data)
    files.replace(cluster.MARKER, f"{to}\n")
    _record(old, new, "upgraded")
    _integrate(new)
    return f"Upgraded from {old.version} to {to} in {time.monotonic() - begun:.0f} s; it can be rolled back."


def finish(places: Places) -> str:
    """Bring extensions to the new version and give the planner its statistics; return a sentence. Raises Failure."""
    names = sql.ask_or_fail(places, "SELECT json_agg(datname) FROM pg_database WHERE datallowconn")
    updated = []
    for database in names:
        for extension in sql.ask_or_fail(places, BEHIND, database):
            sql.run(places, f"ALTER EXTENSION {sql.name(extension)} UPDATE;", database)
            updated.append(f"{extension} in {database}")
    words = [str(places.programs / "vacuumdb"), *sql.connection(places), "--all", "--analyze-in-stages"]
    done = sql.as_postgres(places, words)
    if done.returncode:
        raise Failure(f"vacuumdb: {done.stderr.strip()[-300:]}")
    return f"Updated {', '.join(updated) or 'no extension'}; analysed {counted(len(names), 'database')}."


def confirm() -> str:
    """Remove the old cluster for good; return a sentence. Raises Failure."""
    known = _known()
    new, old = Places(known["to"]), Places(known["from"])
    if known["state"] != "upgraded":
        raise Failure("the upgrade was interrupted; roll it back")
    sql.ask_or_fail(new, "SELECT to_json(true)")
    mib = files.size(old.data) >> 20
    systemd.systemctl("unmask", old.unit)
    for folder in (
        old.data,
        Path(f"/etc/postgresql/{old.version}/main"),
        Path(f"/etc/systemd/system/{old.unit}.d"),
    ):
        shutil.rmtree(folder, ignore_errors=True)
    for folder in (old.data.parent, Path(f"/etc/postgresql/{old.version}")):
        if folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()
    systemd.systemctl("daemon-reload")
    cluster.UPGRADE.unlink()
    return f"PostgreSQL {new.version} is confirmed; the cluster of {old.version} ({mib} MiB) is removed."


def roll_back() -> str:
    """Give the old cluster its place again; return a sentence. What was written since the upgrade is put aside."""
    known = _known()
    new, old = Places(known["to"]), Places(known["from"])
    if not (old.data / "PG_VERSION").exists():
        raise Failure(f"{old.data} is gone, so there is nothing to roll back to; restore a backup")
    aside = new.data.with_name(f"rolled-back-{time.strftime('%Y%m%dT%H%M%S', time.gmtime())}")
    told = ""
    if known["state"] == "upgraded":
        systemd.systemctl("disable", "--now", new.unit)
        new.data.rename(aside)
        shutil.rmtree(f"/etc/postgresql/{new.version}/main", ignore_errors=True)
        shutil.rmtree(f"/etc/systemd/system/{new.unit}.d", ignore_errors=True)
        told = f" What was written since is in {aside}; remove it when you do not miss it."
    shutil.rmtree(_folder(new), ignore_errors=True)
    _return_to(old, start=False)
    moment = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(known["at"]))
    return f"The cluster of PostgreSQL {old.version} is back, as it was on {moment}.{told}"


def _known() -> dict[str, Any]:
    known = cluster.upgraded()
    if not known:
        raise Failure("no upgrade waits here to be confirmed or rolled back")
    return known


def _record(old: Places, new: Places, state: str) -> None:
    content = {"from": old.version, "to": new.version, "at": round(time.time()), "state": state, "process": os.getpid()}
    files.replace(cluster.UPGRADE, json.dumps(content) + "\n")


def _return_to(old: Places, *, start: bool = True) -> None:
    systemd.systemctl("unmask", old.unit)
    systemd.systemctl("enable", *(["--now"] if start else []), old.unit)
    files.replace(cluster.MARKER, f"{old.version}\n")
    cluster.UPGRADE.unlink()


def _folder(new: Places) -> Path:
    return new.data.with_name("upgrade")


def _judged(old: Places, to: int) -> Places:
    """Return the places of the new version, if an upgrade to it makes sense. Raises Failure."""
    known = cluster.upgraded()
    if known:
        raise Failure(
            f"an upgrade from {known['from']} to {known['to']} waits here: confirm it or roll it back before the next"
        )
    cluster.guard(old)
    new = replace(old, version=to)
    if to <= old.version:
        raise Failure(f"the cluster is of PostgreSQL {old.version}; {to} is no upgrade of that")
    if not (new.programs / "pg_upgrade").exists():
        raise Failure(f"PostgreSQL {to} is not installed here")
    if new.data.exists():
        raise Failure(f"{new.data} exists already; what is in it is not ours to remove")
    return new


def _mode(old: Places, new: Places) -> str:
    """Return how pg_upgrade shall carry the files over, so that the old ones stay. Raises Failure without room."""
    new.data.parent.mkdir(mode=0o755, exist_ok=True)
    if _clones(old.data / "PG_VERSION", new.data.parent / ".clone"):
        return "--clone"
    needed, free = files.size(old.data) + MARGIN, shutil.disk_usage(new.data.parent).free
    if needed > free:
        raise Failure(
            f"the upgrade needs {needed >> 20} MiB beside the old cluster, which stays until it is confirmed; "
            f"{free >> 20} MiB are free"
        )
    return "--copy"


def _clones(source: Path, target: Path) -> bool:
    try:
        with source.open("rb") as one, target.open("wb") as other:
            fcntl.ioctl(other, FICLONE, one.fileno())
    except OSError:
        return False
    else:
        return True
    finally:
        target.unlink(missing_ok=True)


@contextmanager
def _empty(old: Places, new: Places) -> Iterator[Path]:
    """Make an empty cluster like the old one in a private folder of postgres; remove what is left in the end."""
    user = pwd.getpwnam(sql.ACCOUNT)
    folder = _folder(new)
    shutil.rmtree(folder, ignore_errors=True)  # of an upgrade that was killed
    os.chown(new.data.parent, user.pw_uid, user.pw_gid)
    folder.mkdir(mode=0o700)
    os.chown(folder, user.pw_uid, user.pw_gid)
    try:
        data = folder / "data"
        checksums = sql.ask_or_fail(old, "SELECT to_json(current_setting('data_checksums') = 'on')")
        words = [f"--pgdata={data}", "--username=postgres", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync"]
        words += ["--data-checksums"] if checksums else ["--no-data-checksums"] if new.version >= 18 else []
        done = sql.as_postgres(new, [str(new.programs / "initdb"), *words, *cluster.sorting(new.version)])
        if done.returncode:
            raise Failure(f"no cluster of PostgreSQL {new.version} can be made: {done.stderr.strip()[-300:]}")
        libraries = sql.ask_or_fail(old, "SELECT to_json(current_setting('shared_preload_libraries'))")
        # Only postgres can reach the sockets in this folder, so that nobody needs to be asked who they are.
        settings = SETTINGS.format(libraries=sql.literal(libraries), folder=folder)
        texts = {"upgrade.conf": settings, "pg_hba.conf": "local all all trust\n", "pg_ident.conf": ""}
        for name, text in texts.items():
            (folder / name).write_text(text)
            (folder / name).chmod(0o644)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _pg_upgrade(old: Places, new: Places, folder: Path, *words: str) -> None:
    done = sql.as_postgres(
        new,
        [
            str(new.programs / "pg_upgrade"),
            f"--old-bindir={old.programs}",
            f"--new-bindir={new.programs}",
            f"--old-datadir={old.data}",
            f"--new-datadir={folder}/data",
            f"--old-options=-c config_file={folder}/upgrade.conf",
            f"--new-options=-c config_file={folder}/upgrade.conf",
            f"--username={sql.ACCOUNT}",
            f"--socketdir={old.socket if '--check' in words else folder}",
            f"--jobs={os.cpu_count() or 1}",
            *words,
        ],
        cwd=folder,
        env=sql.ENVIRONMENT,
    )
    if done.returncode:
        raise Failure(f"pg_upgrade: {_reason(folder, done.stdout + done.stderr)}")


def _reason(folder: Path, said: str) -> str:
    """Return what pg_upgrade complains about, with what it wrote into a list of its own."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    begin = max((number for number, line in enumerate(lines) if "fatal" in line), default=len(lines) - 3)
    told = [line for line in lines[max(0, begin) :] if not line.endswith((" ok", "fatal"))]
    lists = [path for path in sorted(folder.rglob("pg_upgrade_output.d/**/*.txt")) if path.is_file()]
    details = [" ".join(path.read_text(errors="replace").split())[:300] for path in lists]
    return " ".join([*told, *details])[:1500]


def _integrate(new: Places) -> None:
    """Let Debian's tools know the cluster that is there; its settings come from the role."""
    words = ["pg_createcluster", f"--port={new.port}", str(new.version), "main"]
    done = subprocess.run(words, capture_output=True, text=True, check=False, cwd="/", stdin=subprocess.DEVNULL)
    if done.returncode:
        raise Failure(f"pg_createcluster: {done.stderr.strip()[-300:]}")


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the steps of an upgrade."""
    steps = parser.add_subparsers(dest="step", required=True)
    for name, text in (("check", "change nothing, only tell"), ("upgrade", "stop it and bring it to the version")):
        steps.add_parser(name, help=text).add_argument("version", type=int)
    steps.add_parser("finish", help="update extensions and analyse, once the new version runs")
    steps.add_parser("confirm", help="remove the old cluster")
    steps.add_parser("roll-back", help="put the old cluster back")


def run(options: argparse.Namespace) -> int:
    """Take a step; print a sentence and the version before as JSON, and return an exit code."""
    places = sql.places()
    begun = time.monotonic()
    try:
        with lock("postgresql"):
            known = cluster.upgraded()
            if options.step in ("check", "upgrade"):
                sentence = {"check": check, "upgrade": upgrade}[options.step](places, options.version)
            elif options.step == "finish":
                sentence = finish(places)
            else:
                sentence = {"confirm": confirm, "roll-back": roll_back}[options.step]()
    except (Failure, sql.SqlError) as failure:
        print(failure, file=sys.stderr)
        return 1
    seconds = round(time.monotonic() - begun, 3)
    print(json.dumps({"sentence": sentence, "from": known.get("from", places.version), "seconds": seconds}))
    return 0
