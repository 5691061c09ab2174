# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bring the running Redis to what its files say: validate, apply live, restart only if needed."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ringmaster_components import inbox

from ringmaster_redis import trial
from ringmaster_redis.client import SOCKET, RedisError, login
from ringmaster_redis.directives import ALLOWED

UNIT = "redis-server.service"
INCLUDE = "include "


class Failure(Exception):
    """The converge cannot go on; the text says what is wrong and what to do."""


@dataclass(frozen=True)
class Places:
    """Where things are."""

    home: Path = Path("/etc/ringmaster/redis")
    inbox: Path = Path("/etc/local/redis")
    state: Path = Path("/var/lib/ringmaster/redis.json")
    data: Path = Path("/var/lib/redis")
    socket: str = SOCKET
    overcommit: Path = Path("/proc/sys/vm/overcommit_memory")

    @property
    def configuration(self) -> Path:
        """The file the server is started with."""
        return self.home / "redis.conf"

    @property
    def acl(self) -> Path:
        """The accounts."""
        return self.home / "users.acl"

    @property
    def admin(self) -> Path:
        """The administrator's credentials, for root only."""
        return self.home / "admin.env"

    @property
    def accepted(self) -> Path:
        """The root-owned folder of accepted drop-ins, which the configuration includes."""
        return self.home / "accepted"


@dataclass
class Report:
    """What was (in check mode, would be) done, and what is left to know."""

    steps: list[str] = field(default_factory=list)
    refused: dict[str, str] = field(default_factory=dict)
    pending_restart: list[dict[str, Any]] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """Return it for JSON."""
        return {
            "changed": bool(self.steps),
            "steps": self.steps,
            "refused": self.refused,
            "pending_restart": self.pending_restart,
        }


def converge(places: Places, *, check: bool = False, restart: bool = False) -> Report:
    """Take in the drop-ins and bring the server to its configuration. Raises Failure."""
    report = Report()
    signature = inbox.signature(places.inbox, ".conf")
    found, meaning = judge_inbox(places)
    report.refused = found.refused
    _accept(places, found.texts, report, check)
    _set_overcommit(places.overcommit, report, check)
    _serve(places, meaning, report, check, restart)
    if not check:
        _remember(places.state, signature, found, report)
    return report


def validate(places: Places) -> None:
    """Raise Failure unless the configuration with the drop-ins accepted so far is valid."""
    try:
        texts = [path.read_text() for path in sorted(places.accepted.glob("*.conf"))]
    except OSError:
        texts = []
    try:
        _try(places, texts)
    except trial.Invalid as error:
        raise Failure(f"Redis does not accept its configuration: {error}") from error


def judge_inbox(places: Places) -> tuple[inbox.Inbox, trial.Meaning]:
    """Return the drop-ins that may be used with what the whole then means, and why others may not."""
    found = inbox.read(places.inbox, ".conf", lambda text: inbox.only_allowed(text, ALLOWED))
    try:
        return found, _try(places, list(found.texts.values()))
    except trial.Invalid as error:
        if not found.texts:
            raise Failure(f"Redis does not accept its configuration: {error}") from error
    # Something in the drop-ins is wrong: add them one by one and leave out those that break the whole.
    try:
        meaning = _try(places, [])
    except trial.Invalid as error:
        raise Failure(f"Redis does not accept its configuration: {error}") from error
    texts: dict[str, str] = {}
    refused = dict(found.refused)
    for name, text in found.texts.items():
        try:
            meaning = _try(places, [*texts.values(), text])
            texts[name] = text
        except trial.Invalid as error:
            refused[name] = f"Redis refuses it: {error}"
    return inbox.Inbox(texts, refused), meaning


def _try(places: Places, texts: list[str]) -> trial.Meaning:
    """Return what the configuration with these drop-ins means. Raises trial.Invalid."""
    lines = places.configuration.read_text().splitlines()
    own = [line for line in lines if not line.startswith(INCLUDE)]
    whole = "\n".join([*own, *texts, ""])
    meaning = trial.meaning(whole, places.acl.read_text(), places.admin)
    limit = _memory() * 9 // 10
    maxmemory = int(meaning.settings["maxmemory"])
    if texts and not 0 < maxmemory <= limit:
        raise trial.Invalid(f"maxmemory must be above 0 and at most {limit // 1024**2} MiB on this machine")
    return meaning


def _memory() -> int:
    for line in Path("/proc/meminfo").read_text().splitlines():
        if line.startswith("MemTotal:"):
            return int(line.split()[1]) * 1024
    raise Failure("/proc/meminfo has no MemTotal")


def _accept(places: Places, texts: dict[str, str], report: Report, check: bool) -> None:
    """Make the root-owned folder hold exactly these texts."""
    present = {path.name: path.read_text() for path in places.accepted.glob("*.conf")}
    for name in sorted({*present, *texts}):
        if present.get(name) == texts.get(name):
            continue
        verb = "take" if name in texts else "drop"
        report.steps.append(f"{verb} {name}")
        if check:
            continue
        path = places.accepted / name
        if name not in texts:
            path.unlink()
            continue
        folder = places.accepted.stat()
        descriptor, temporary = tempfile.mkstemp(dir=places.accepted)
        with os.fdopen(descriptor, "w") as stream:
            os.fchown(descriptor, 0, folder.st_gid)
            os.fchmod(descriptor, 0o640)
            stream.write(texts[name])
        Path(temporary).rename(path)


def _set_overcommit(path: Path, report: Report, check: bool) -> None:
    """Let fork succeed while much memory is in use, as sysctl.d does at boot. A container has no say."""
    if path.read_text().strip() == "1" or not os.access(path, os.W_OK) or _is_container():
        return
    report.steps.append("set vm.overcommit_memory")
    if not check:
        path.write_text("1\n")


def _is_container() -> bool:
    return Path("/run/systemd/container").exists()


def _serve(places: Places, meaning: trial.Meaning, report: Report, check: bool, restart: bool) -> None:
    answer = _systemctl("show", "--property=ActiveState,UnitFileState,NeedDaemonReload", UNIT)
    unit = dict(line.split("=", 1) for line in answer.splitlines() if "=" in line)

    def step(*words: str) -> None:
        report.steps.append(" ".join(words))
        if not check:
            _systemctl(*words)

    def start_again() -> None:
        if _lacks_log(places.data, meaning.settings):
            # Redis with an append-only file loads nothing else: it would start empty beside a full snapshot.
            step("stop", UNIT)
            report.steps.append("make the append-only file from the snapshot")
            if not check:
                _log_from_snapshot(places.data, meaning.settings)
        step("restart", UNIT)

    if unit.get("NeedDaemonReload") == "yes":
        step("daemon-reload")
    if unit.get("UnitFileState") != "enabled":
        step("enable", UNIT)
    if unit.get("ActiveState") != "active":
        start_again()
        return
    try:
        with login(places.socket, places.admin) as client:
            ours = client.info().get("config_file") == str(places.configuration)
            if ours:
                report.pending_restart = _apply(client, meaning, report, check)
    except (OSError, RedisError):
        # It runs with the package's configuration (no socket, no administrator) or not at all.
        ours = False
    if not ours or (restart and report.pending_restart):
        start_again()
        report.pending_restart = []


def _lacks_log(data: Path, settings: dict[str, str]) -> bool:
    """Whether an append-only file is wanted and missing."""
    folder = data / settings["appenddirname"]
    return settings["appendonly"] == "yes" and not any(folder.glob("*.manifest"))


def _log_from_snapshot(data: Path, settings: dict[str, str]) -> None:
    """Make the snapshot the base of a new append-only file; the server is stopped."""
    snapshot = data / settings["dbfilename"]
    if not snapshot.exists():
        return
    owner = snapshot.stat()
    folder = data / settings["appenddirname"]
    base = folder / f"{settings['appendfilename']}.1.base.rdb"
    manifest = folder / f"{settings['appendfilename']}.manifest"
    folder.mkdir(mode=0o750, exist_ok=True)
    base.unlink(missing_ok=True)
    base.hardlink_to(snapshot)  # Redis replaces files, it never writes into an existing one
    temporary = folder / "temp.manifest.new"
    temporary.write_text(f"file {base.name} seq 1 type b\n")
    for path in (folder, temporary):
        os.chown(path, owner.st_uid, owner.st_gid)
    temporary.rename(manifest)


def _apply(client: Any, meaning: trial.Meaning, report: Report, check: bool) -> list[dict[str, Any]]:
    """Apply live what can be; return what only a restart can."""
    pending: list[dict[str, Any]] = []
    server = client.info().get("run_id", "")
    for name, (live, wanted) in trial.differences(client.config(), meaning.settings).items():
        if name in trial.IMMUTABLE:
            pending.append({"setting": name, "live": live, "wanted": wanted, "run_id": server})
            continue
        if not check:
            try:
                client.command("CONFIG", "SET", name, wanted)
            except RedisError as error:
                pending.append(
                    {"setting": name, "live": live, "wanted": wanted, "run_id": server, "reason": str(error)}
                )
                continue
        report.steps.append(f"set {name}: {live} -> {wanted}")
    if sorted(client.command("ACL", "LIST")) != sorted(meaning.acl):
        report.steps.append("load the accounts")
        if not check:
            client.command("ACL", "LOAD")
    return pending


def _systemctl(*words: str) -> str:
    done = subprocess.run(
        ["systemctl", *words], capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL
    )
    if done.returncode:
        journal = subprocess.run(
            ["journalctl", "--no-pager", "-n", "5", "-o", "cat", "-u", UNIT],
            capture_output=True,
            text=True,
            check=False,
        )
        raise Failure(f"systemctl {' '.join(words)}: {done.stderr.strip()}\n{journal.stdout.strip()}")
    return done.stdout


def _remember(path: Path, signature: inbox.Signature, found: inbox.Inbox, report: Report) -> None:
    """Write what the checks tell. A pending restart keeps the time at which it began."""
    try:
        before = {entry["setting"]: entry for entry in json.loads(path.read_text())["pending_restart"]}
    except (OSError, ValueError, KeyError, TypeError):
        before = {}
    now = round(time.time())
    for entry in report.pending_restart:
        old = before.get(entry["setting"], {})
        entry["since"] = old.get("since", now) if old.get("run_id") == entry["run_id"] else now
    content = {
        "signature": signature,
        "accepted": sorted(found.texts),
        "refused": report.refused,
        "pending_restart": report.pending_restart,
    }
    path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.new")
    temporary.write_text(json.dumps(content, indent=1) + "\n")
    temporary.chmod(0o644)
    temporary.rename(path)
