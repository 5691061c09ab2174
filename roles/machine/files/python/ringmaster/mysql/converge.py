# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bring the running MariaDB to what its files say: validate, apply live, restart only if needed, then the objects."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ringmaster.core import accepted, files, inbox, state, systemd
from ringmaster.core.report import Failure, Invalid, Report
from ringmaster.mysql import objects, options, settings, trial, zones
from ringmaster.mysql.client import Client, MariaDbError, quoted, root

UNIT = "mariadb.service"
INCLUDE = "!includedir "
SUFFIX = ".cnf"
FORMERLY = Path("/var/lib/ringmaster/mysql-users.json")


@dataclass(frozen=True)
class Places:
    """Where things are."""

    home: Path = Path("/etc/ringmaster/mysql")
    inbox: Path = Path("/etc/local/mysql")

    @property
    def configuration(self) -> Path:
        """The file the server is started with."""
        return self.home / "my.cnf"

    @property
    def declared(self) -> Path:
        """Declared databases and users."""
        return self.home / "objects.json"

    @property
    def accepted(self) -> Path:
        """The root-owned folder of accepted drop-ins, which the configuration includes."""
        return self.home / "accepted"


def converge(places: Places, *, check: bool = False, restart: bool = False) -> Report:
    """Take in the drop-ins, bring the server to its configuration and make what is declared. Raises Failure."""
    report = Report()
    signature = inbox.signature(places.inbox, SUFFIX)
    found = inbox.read(places.inbox, SUFFIX, options.only_allowed)
    found, wanted = accepted.judge(found, lambda texts: _try(places, texts), "MariaDB")
    report.refused = found.refused
    accepted.settle(places.accepted, SUFFIX, found.texts, report, check=check)
    try:
        if _serve(places, wanted, report, check=check, restart=restart):
            _make(places, report, check)
    except MariaDbError as error:
        raise Failure(f"MariaDB: {error}") from error
    if not check:
        state.remember("mysql", signature, found, report)
    return report


def validate(places: Places) -> None:
    """Raise Failure unless the configuration with the drop-ins accepted so far is valid."""
    try:
        _try(places, accepted.present(places.accepted, SUFFIX))
    except Invalid as error:
        raise Failure(f"MariaDB does not accept its configuration: {error}") from error


def _whole(places: Places, texts: dict[str, str]) -> str:
    lines = places.configuration.read_text().splitlines()
    own = [line for line in lines if not line.startswith(INCLUDE)]
    return "\n".join([*own, *texts.values(), ""])


def _try(places: Places, texts: dict[str, str]) -> dict[str, settings.Live]:
    """Return what a start of MariaDB with these drop-ins gives. Raises Invalid."""
    whole = _whole(places, texts)
    values = settings.meaning(whole)
    if texts:
        reason = settings.too_large(values, settings.memory())
        if reason:
            raise Invalid(reason)
    return settings.together(trial.start(whole, values[settings.TIME_ZONE]), values)


def _serve(places: Places, wanted: dict[str, settings.Live], report: Report, *, check: bool, restart: bool) -> bool:
    """Bring the server to its settings; return whether it can be asked (in check mode it may not run yet)."""
    runs = systemd.prepare(UNIT, report, check)
    if runs:
        client = root()
        zones.settle(client, report, check=check)
        if _is_ours(client, places):
            report.pending_restart = _apply(client, wanted, report, check)
            if not (restart and report.pending_restart):
                return True
    if not check:
        # As at boot: the unit may write there, so it has to be there.
        subprocess.run(["systemd-tmpfiles", "--create", "ringmaster-mysql.conf"], check=False)
        if not runs and zones.is_name(wanted[settings.TIME_ZONE].value):
            # It may be between two attempts to start, which fail without the zones.
            systemd.systemctl("stop", UNIT)
            zones.fill(places.configuration)
    systemd.step(report, check, "restart", UNIT)
    report.pending_restart = []
    if check:
        return runs
    answers = _wait(root())
    if not runs:
        zones.settle(root(), report, check=check)
    return answers


def _is_ours(client: Client, places: Places) -> bool:
    """Whether the server that runs was started with our file, not with the package's."""
    where = f"global_value_path = {quoted(str(places.configuration))}"
    return client.one(f"SELECT COUNT(*) FROM information_schema.system_variables WHERE {where}") != "0"


def _wait(client: Client) -> bool:
    """Wait until the server answers: recovery after a crash may go on when systemd has given up waiting."""
    end = time.monotonic() + 60
    while True:
        try:
            return client.one("SELECT 1") == "1"
        except MariaDbError:
            if time.monotonic() > end:
                raise
            time.sleep(0.1)


def _apply(client: Client, wanted: dict[str, settings.Live], report: Report, check: bool) -> list[dict[str, Any]]:
    """Apply live what can be; return what only a restart can."""
    run_id = systemd.properties(UNIT, "InvocationID").get("InvocationID", "")
    before = [entry for entry in state.read("mysql").get("pending_restart", []) if entry["run_id"] == run_id]
    known = {(entry["setting"], entry["wanted"]): entry["reason"] for entry in before if "reason" in entry}
    steps, left = apply(client, wanted, known, check=check)
    report.steps += steps
    return [{**entry, "run_id": run_id} for entry in left]


def apply(
    client: Client, wanted: dict[str, settings.Live], known: Mapping[tuple[str, str], str], *, check: bool = False
) -> tuple[list[str], list[dict[str, Any]]]:
    """Set what can be set; return the steps, and what only a restart can change.

    ``known`` are settings with values that this server has not taken before, and why: they are not tried again.
    """
    steps: dict[str, str] = {}
    tried: dict[str, str] = {}
    refused: dict[str, str] = {}
    # A variable that is set may change another one, such as a character set its collation.
    for is_last in (check, False, False, True):
        variables = trial.live(client)
        found = settings.differences(variables, wanted)
        refused |= {name: known[name, then] for name, (_now, then) in found.items() if (name, then) in known}
        todo = {name: pair for name, pair in found.items() if not variables[name].is_read_only and name not in refused}
        for name, (now, then) in todo.items():
            if tried.get(name) == now or (is_last and not check):
                # It said nothing and did nothing.
                refused[name] = f"MariaDB stays with {now} while it runs"
                steps.pop(name)
                continue
            tried[name] = now
            try:
                if not check:
                    client.run([f"SET GLOBAL {name} = {settings.as_sql(then)}"])
            except MariaDbError as error:
                refused[name] = str(error)
            else:
                steps.setdefault(name, f"set {name}: {now} -> {then}")
        if not todo or check:
            break
    left = []
    for name, (now, then) in found.items():
        if variables[name].is_read_only or name in refused:
            reason = {"reason": refused[name]} if name in refused else {}
            left.append({"setting": name, "live": now, "wanted": then, **reason})
    return list(steps.values()), left


def _make(places: Places, report: Report, check: bool) -> None:
    """Make the declared databases and users in one call of the client."""
    declared = json.loads(places.declared.read_text())
    try:
        formerly = json.loads(FORMERLY.read_text())
    except FileNotFoundError:
        formerly = []
    client = root()
    steps = objects.plan(declared, objects.read(client), formerly)
    report.steps += [step.sentence for step in steps]
    if check:
        return
    statements = [(step, statement) for step in steps for statement in step.statements]
    if statements:
        try:
            client.run(statement for _step, statement in statements)
        except MariaDbError as error:
            if not error.line:
                raise
            raise Failure(f"MariaDB refuses to {statements[error.line - 1][0].sentence}: {error}") from error
    names = sorted({*formerly, *(user["name"] for user in declared["users"])} - set(declared["absent_users"]))
    if names != formerly:
        files.replace(FORMERLY, json.dumps(names) + "\n", mode=0o600)
