# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bring the running Redis to what its files say: validate, apply live, restart only if needed."""

from __future__ import annotations

import os
import shutil
import ssl
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ringmaster.core import accepted, account, inbox, state, systemd
from ringmaster.core.report import Failure, Invalid, Report
from ringmaster.redis import databases, engine, trial
from ringmaster.redis.client import RedisError, login
from ringmaster.redis.directives import ALLOWED
from ringmaster.redis.engine import Engine

# Lines that the trial does not get: drop-ins are added to it, and it has a folder of its own.
LEFT_OUT = ("include ", "dir ")
SUFFIX = ".conf"


@dataclass(frozen=True)
class Places:
    """Where things are, and which server has them."""

    home: Path = Path("/etc/ringmaster/redis")
    inbox: Path = Path("/etc/local/redis")
    overcommit: Path = Path("/proc/sys/vm/overcommit_memory")
    engine: Engine = field(default_factory=engine.present)

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
    def databases_file(self) -> Path:
        """How many databases the next start has; the configuration includes it last."""
        return self.home / "databases.conf"

    @property
    def accepted(self) -> Path:
        """The root-owned folder of accepted drop-ins, which the configuration includes."""
        return self.home / "accepted"


def converge(places: Places, *, check: bool = False, restart: bool = False) -> Report:
    """Take in the drop-ins and bring the server to its configuration. Raises Failure."""
    engine.refuse_beside_another(places.engine)
    report = Report()
    signature = inbox.signature(places.inbox, SUFFIX)
    found = inbox.read(places.inbox, SUFFIX, lambda text: inbox.only_allowed(text, ALLOWED))
    found, meaning = accepted.judge(found, lambda texts: _try(places, texts), places.engine.title)
    report.refused = found.refused
    accepted.settle(places.accepted, SUFFIX, found.texts, report, check=check)
    _set_overcommit(places.overcommit, report, check)
    _serve(places, meaning, report, check, restart)
    if not check:
        state.remember("redis", signature, found, report)
    return report


def validate(places: Places) -> None:
    """Raise Failure unless the configuration with the drop-ins accepted so far is valid, and may come into force."""
    engine.refuse_beside_another(places.engine)
    wanted(places)


def wanted(places: Places) -> dict[str, str]:
    """Return the settings that the configuration with the drop-ins accepted so far gives. Raises Failure."""
    try:
        return _try(places, accepted.present(places.accepted, SUFFIX)).settings
    except Invalid as error:
        raise Failure(f"{places.engine.title} does not accept its configuration: {error}") from error


def _try(places: Places, texts: dict[str, str]) -> trial.Meaning:
    """Return what the configuration with these drop-ins means. Raises Invalid."""
    lines = places.configuration.read_text().splitlines()
    own = [line for line in lines if not line.startswith(LEFT_OUT)]
    whole = "\n".join([*own, *texts.values(), ""])
    meaning = trial.meaning(whole, places.acl.read_text(), places.admin, places.engine)
    limit = _memory() * 9 // 10
    maxmemory = int(meaning.settings["maxmemory"])
    if texts and not 0 < maxmemory <= limit:
        raise Invalid(f"maxmemory must be above 0 and at most {limit // 1024**2} MiB on this machine")
    if told := databases.problem(int(meaning.settings[databases.SETTING]), _keys(places)):
        raise Invalid(told)
    return meaning


def _keys(places: Places) -> dict[int, int]:
    """Return the keys of each database of the running server; none when ours does not run."""
    try:
        with login(places.engine.socket, places.admin) as client:
            return databases.keys(client.info())
    except (OSError, RedisError):
        return {}


def _memory() -> int:
    for line in Path("/proc/meminfo").read_text().splitlines():
        if line.startswith("MemTotal:"):
            return int(line.split()[1]) * 1024
    raise Failure("/proc/meminfo has no MemTotal")


def _set_overcommit(path: Path, report: Report, check: bool) -> None:
    """Let fork succeed while much memory is in use, as sysctl.d does at boot. A container has no say."""
    if path.read_text().strip() == "1" or not os.access(path, os.W_OK) or systemd.is_container():
        return
    report.steps.append("set vm.overcommit_memory")
    if not check:
        path.write_text("1\n")


def _serve(places: Places, meaning: trial.Meaning, report: Report, check: bool, restart: bool) -> None:
    unit, data = places.engine.unit, places.engine.data
    for other in engine.others_at_boot(places.engine):
        systemd.step(report, check, "disable", other)
    runs = systemd.prepare(unit, report, check)

    def start_again() -> None:
        if not data.exists():
            # It was moved away, as people are told to before the engine changes; the package makes it only once.
            report.steps.append(f"make {data}")
            if not check:
                data.mkdir(mode=0o750)
                shutil.chown(data, places.engine.account, places.engine.account)
        if _lacks_log(data, meaning.settings):
            # Redis with an append-only file loads nothing else: it would start empty beside a full snapshot.
            systemd.step(report, check, "stop", unit)
            report.steps.append("make the append-only file from the snapshot")
            if not check:
                log_from_snapshot(places.engine, meaning.settings)
        systemd.step(report, check, "restart", unit)

    if not runs:
        _keep_databases(places, meaning.settings, None, report, check)
        start_again()
        return
    live = None
    try:
        with login(places.engine.socket, places.admin) as client:
            ours = client.info().get("config_file") == str(places.configuration)
            if ours:
                live = int(client.config()[databases.SETTING])
                report.pending_restart = _apply(client, meaning, report, check)
    except (OSError, RedisError):
        # It runs with the package's configuration (no socket, no administrator) or not at all.
        ours = False
    _keep_databases(places, meaning.settings, live, report, check)
    if not ours or (restart and report.pending_restart):
        if live and not check:
            _lower_databases(places, meaning.settings, live)
        start_again()
        report.pending_restart = []


def _keep_databases(places: Places, settings: dict[str, str], live: int | None, report: Report, check: bool) -> None:
    """Let the next start have no fewer databases than now, or than when a server that is stopped had its data."""
    number = int(settings[databases.SETTING])
    if live is not None:
        number = max(number, live)
    elif _has_data(places.engine.data, settings):
        number = max(number, databases.in_force(places.databases_file) or databases.DEFAULT)
    if databases.in_force(places.databases_file) == number and accepted.is_readable(places.databases_file):
        return
    report.steps.append(f"start with {number} databases")
    if not check:
        databases.put_in_force(places.databases_file, number)


def _lower_databases(places: Places, settings: dict[str, str], live: int) -> None:
    """Let the restart that comes now have fewer databases, if that is wanted. Raises Failure, and nothing changes."""
    number = int(settings[databases.SETTING])
    if number >= live:
        return
    try:
        with login(places.engine.socket, places.admin, timeout=30) as client:
            databases.make_room(client, number)
    except (OSError, RedisError, Failure) as error:
        raise Failure(f"{places.engine.title} keeps its {live} databases: {error}") from error
    databases.put_in_force(places.databases_file, number)


def _has_data(data: Path, settings: dict[str, str]) -> bool:
    return (data / settings["dbfilename"]).exists() or any((data / settings["appenddirname"]).glob("*"))


def _lacks_log(data: Path, settings: dict[str, str]) -> bool:
    """Whether an append-only file is wanted and missing."""
    folder = data / settings["appenddirname"]
    return settings["appendonly"] == "yes" and not any(folder.glob("*.manifest"))


def log_from_snapshot(server: Engine, settings: dict[str, str]) -> None:
    """Make the snapshot the base of a new append-only file; the server is stopped."""
    snapshot = server.data / settings["dbfilename"]
    if not snapshot.exists():
        return
    folder = server.data / settings["appenddirname"]
    base = folder / f"{settings['appendfilename']}.1.base.rdb"
    manifest = folder / f"{settings['appendfilename']}.manifest"
    line = f"file {base.name} seq 1 type b"
    # Redis replaces files, it never writes into an existing one.
    steps = 'mkdir -p -m 0750 -- "$1" && ln -f -- "$2" "$3" && echo "$4" >"$5.new" && mv -T -- "$5.new" "$5"'
    account.run(server.account, "sh", "-c", steps, "sh", str(folder), str(snapshot), str(base), line, str(manifest))


def _serves_another_certificate(settings: dict[str, str]) -> bool:
    """Whether clients are shown another certificate than the file holds: it was renewed."""
    port = int(settings.get("tls-port", "0"))
    if not port:
        return False
    try:
        shown = ssl.get_server_certificate(("127.0.0.1", port), timeout=5)
    except OSError:
        return True
    return ssl.PEM_cert_to_DER_cert(shown) != ssl.PEM_cert_to_DER_cert(_first(Path(settings["tls-cert-file"])))


def _first(chain: Path) -> str:
    """Return the first certificate of a file, which is the server's own."""
    end = "-----END CERTIFICATE-----"
    return chain.read_text().partition(end)[0] + end


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
    if _serves_another_certificate(meaning.settings):
        report.steps.append("load the certificate")
        if not check:
            client.command("CONFIG", "SET", "tls-cert-file", meaning.settings["tls-cert-file"])
    if sorted(client.command("ACL", "LIST")) != sorted(meaning.acl):
        report.steps.append("load the accounts")
        if not check:
            client.command("ACL", "LOAD")
    return pending
