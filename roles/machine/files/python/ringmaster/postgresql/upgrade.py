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
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ringmaster.core import account, files, systemd
from ringmaster.core.component import lock
from ringmaster.core.report import Failure, counted
from ringmaster.postgresql import cluster, extensions, sql
from ringmaster.postgresql.sql import Places

# Beside the copy, the new version's own catalogs and first WAL.
MARGIN = 512 * 1024**2
ETC = Path("/etc/postgresql")
# Each object is locked while the old catalogs are read.
SETTINGS = """max_locks_per_transaction = 1024
shared_preload_libraries = {libraries}
hba_file = '{folder}/pg_hba.conf'
ident_file = '{folder}/pg_ident.conf'
"""


@dataclass(frozen=True)
class Making:
    """A cluster that is being made: a folder of postgres, and the configuration, which is root's."""

    own: Path
    configuration: Path


def check(old: Places, to: int) -> str:
    """Let pg_upgrade look at the running cluster; return a sentence. Raises Failure; nothing changes for anybody."""
    new = _judged(old, to)
    mode = _mode(old, new)
    with _empty(old, new) as folder:
        _pg_upgrade(old, new, folder, mode, "--check")
    mib = account.size(sql.ACCOUNT, old.data) >> 20
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
        _move(folder.own / "data", new.data)
    files.replace(cluster.MARKER, f"{to}\n")
    _record(old, new, "upgraded")
    _integrate(new)
    return f"Upgraded from {old.version} to {to} in {time.monotonic() - begun:.0f} s; it can be rolled back."


def finish(places: Places) -> str:
    """Bring extensions to the new version and give the planner its statistics; return a sentence. Raises Failure."""
    names = sql.ask_or_fail(places, "SELECT json_agg(datname) FROM pg_database WHERE datallowconn")
    updated = []
    for database in names:
        available = sql.ask_or_fail(places, extensions.AVAILABLE, database)
        installed = sql.ask_or_fail(places, extensions.INSTALLED, database)
        for extension, now in installed.items():
            if extension in available and available[extension]["version"] != now["version"]:
                sql.run(places, extensions.update(extension, available, installed), database)
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
    mib = account.size(sql.ACCOUNT, old.data) >> 20
    systemd.systemctl("unmask", old.unit)
    account.remove(sql.ACCOUNT, old.data)
    _forget(old)
    for folder in (old.data.parent, ETC / str(old.version)):
        if folder.is_dir():
            account.run(sql.ACCOUNT, "rmdir", "--ignore-fail-on-non-empty", "--", str(folder))
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
        _move(new.data, aside)
        _forget(new)
        told = f" What was written since is in {aside}; remove it when you do not miss it."
    account.remove(sql.ACCOUNT, _folder(new))
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


def _move(source: Path, target: Path) -> None:
    """Rename a folder of postgres, who owns the folder around it, too."""
    account.run(sql.ACCOUNT, "mv", "--no-target-directory", "--", str(source), str(target))


def _forget(places: Places) -> None:
    """Remove the settings of a cluster: Debian's, which belong to postgres, and those of its unit."""
    account.remove(sql.ACCOUNT, ETC / str(places.version) / "main")
    shutil.rmtree(f"/etc/systemd/system/{places.unit}.d", ignore_errors=True)


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
    account.run(sql.ACCOUNT, "mkdir", "--parents", "--mode=0755", "--", str(new.data.parent))
    if _clones(old.data / "PG_VERSION", new.data.parent / ".clone"):
        return "--clone"
    needed, free = account.size(sql.ACCOUNT, old.data) + MARGIN, shutil.disk_usage(new.data.parent).free
    if needed > free:
        raise Failure(
            f"the upgrade needs {needed >> 20} MiB beside the old cluster, which stays until it is confirmed; "
            f"{free >> 20} MiB are free"
        )
    return "--copy"


def _clones(source: Path, target: Path) -> bool:
    try:
        account.run(sql.ACCOUNT, "cp", "--reflink=always", "--", str(source), str(target))
    except Failure:
        return False
    else:
        return True
    finally:
        account.remove(sql.ACCOUNT, target)


@contextmanager
def _empty(old: Places, new: Places) -> Iterator[Making]:
    """Make an empty cluster like the old one in a private folder of postgres; remove what is left in the end."""
    folder = _folder(new)
    account.remove(sql.ACCOUNT, folder)  # of an upgrade that was killed
    account.run(sql.ACCOUNT, "mkdir", "--mode=0700", "--", str(folder))
    try:
        with account.work(sql.ACCOUNT, "postgresql-upgrade-", Path("/run")) as work:
            data = folder / "data"
            checksums = sql.ask_or_fail(old, "SELECT to_json(current_setting('data_checksums') = 'on')")
            words = [f"--pgdata={data}", "--username=postgres", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync"]
            words += ["--data-checksums"] if checksums else ["--no-data-checksums"] if new.version >= 18 else []
            done = sql.as_postgres(new, [str(new.programs / "initdb"), *words, *cluster.sorting(new.version)])
            if done.returncode:
                raise Failure(f"no cluster of PostgreSQL {new.version} can be made: {done.stderr.strip()[-300:]}")
            libraries = sql.ask_or_fail(old, "SELECT to_json(current_setting('shared_preload_libraries'))")
            settings = SETTINGS.format(libraries=sql.literal(libraries), folder=work.folder)
            # Only postgres can reach the sockets in its folder, so that nobody needs to be asked who they are.
            work.write("pg_hba.conf", "local all all trust\n")
            work.write("pg_ident.conf", "")
            yield Making(folder, work.write("upgrade.conf", settings))
    finally:
        account.remove(sql.ACCOUNT, folder)


def _pg_upgrade(old: Places, new: Places, making: Making, *words: str) -> None:
    done = sql.as_postgres(
        new,
        [
            str(new.programs / "pg_upgrade"),
            f"--old-bindir={old.programs}",
            f"--new-bindir={new.programs}",
            f"--old-datadir={old.data}",
            f"--new-datadir={making.own}/data",
            f"--old-options=-c config_file={making.configuration}",
            f"--new-options=-c config_file={making.configuration}",
            f"--username={sql.ACCOUNT}",
            f"--socketdir={old.socket if '--check' in words else making.own}",
            f"--jobs={os.cpu_count() or 1}",
            *words,
        ],
        cwd=making.own,
        env=sql.ENVIRONMENT,
    )
    if done.returncode:
        raise Failure(f"pg_upgrade: {_reason(making.own, done.stdout + done.stderr)}")


def _reason(folder: Path, said: str) -> str:
    """Return what pg_upgrade complains about, with what it wrote into a list of its own."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    begin = max((number for number, line in enumerate(lines) if "fatal" in line), default=len(lines) - 3)
    told = [line for line in lines[max(0, begin) :] if not line.endswith((" ok", "fatal"))]
    words = ["find", str(folder), "-type", "f", "-path", "*/pg_upgrade_output.d/*.txt"]
    lists = account.run(sql.ACCOUNT, *words, "-exec", "head", "--bytes=2000", "--quiet", "--", "{}", ";")
    return " ".join([*told, " ".join(lists.decode(errors="replace").split())[:900]])[:1500]


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
