# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bring the running PostgreSQL to what its files say: validate, reload, restart only if needed, apply the objects."""

from __future__ import annotations

import time
from collections.abc import Iterable

from ringmaster.core import accepted, inbox, state, systemd
from ringmaster.core.report import Failure, Invalid, Report
from ringmaster.postgresql import cluster, objects, sql, trial
from ringmaster.postgresql.allowed import judge
from ringmaster.postgresql.sql import SUFFIX, Places

PATIENCE = 10.0
LOADED = "SELECT to_json(extract(epoch FROM pg_conf_load_time()))"
SERVER = """SELECT json_build_object('file', current_setting('config_file'),
  'loaded', extract(epoch FROM pg_conf_load_time()))"""
FAULTS = """SELECT coalesce(json_agg(format('pg_hba.conf line %s: %s', line_number, error)), '[]')
  FROM pg_hba_file_rules WHERE error IS NOT NULL"""
# What stands in no file any more waits for a restart by PostgreSQL's count, also where it is what it will be then.
# A name in a file may be in capitals.
PENDING = """
SELECT coalesce(json_agg(json_build_object('setting', s.name, 'live', current_setting(s.name),
    'wanted', coalesce(f.setting, s.boot_val),
    'run_id', extract(epoch FROM pg_postmaster_start_time())::text) ORDER BY s.name), '[]')
  FROM pg_settings s LEFT JOIN LATERAL (
    SELECT setting FROM pg_file_settings f WHERE lower(f.name) = lower(s.name) ORDER BY seqno DESC LIMIT 1) f ON true
  WHERE s.pending_restart AND (f.setting IS NOT NULL OR s.setting IS DISTINCT FROM s.boot_val)
"""


def converge(places: Places, declared: objects.Objects, *, check: bool = False, restart: bool = False) -> Report:
    """Take in the drop-ins, bring the server to its configuration and apply the objects. Raises Failure."""
    report = Report()
    signature = inbox.signature(places.inbox, SUFFIX)
    found = inbox.read(places.inbox, SUFFIX, judge)
    found, _nothing = accepted.judge(found, lambda texts: trial.examine(places, texts), "PostgreSQL")
    report.refused = found.refused
    accepted.settle(places.accepted, SUFFIX, found.texts, report, check=check)
    cluster.ensure(places, report, check=check)
    if _serve(places, report, check, restart):
        _apply(places, declared, report, check)
    if not check:
        state.remember("postgresql", signature, found, report)
    return report


def validate(places: Places) -> None:
    """Raise Failure unless the configuration with the drop-ins accepted so far is valid."""
    cluster.guard(places)
    try:
        trial.examine(places, accepted.present(places.accepted, SUFFIX))
    except Invalid as error:
        raise Failure(f"PostgreSQL does not accept its configuration: {error}") from error


def _serve(places: Places, report: Report, check: bool, restart: bool) -> bool:
    """Let the server run with its files; return whether it can be asked (in check mode it may not run yet)."""
    if not systemd.prepare(places.unit, report, check):
        systemd.step(report, check, "restart", places.unit)
        return not check
    server = sql.ask_or_fail(places, SERVER)
    if server["file"] != str(places.configuration):
        systemd.step(report, check, "restart", places.unit)
        return True
    if _changed_at(places) > server["loaded"]:
        faults = sql.ask_or_fail(places, FAULTS)
        if faults:
            raise Failure("; ".join(faults))
        systemd.step(report, check, "reload", places.unit)
        if not check:
            _await_load(places, server["loaded"])
    report.pending_restart = sql.ask_or_fail(places, PENDING)
    if restart and report.pending_restart:
        systemd.step(report, check, "restart", places.unit)
        report.pending_restart = []
    return True


def _changed_at(places: Places) -> float:
    files = [places.home / "pg_hba.conf", places.home / "pg_ident.conf", places.configuration, places.accepted]
    # A file that is renamed into place keeps the time at which it was written; its folder tells the rest.
    return max(path.stat().st_mtime for path in (*files, *places.accepted.glob(f"*{SUFFIX}")))


def _await_load(places: Places, before: float) -> None:
    end = time.monotonic() + PATIENCE
    while sql.ask_or_fail(places, LOADED) <= before:
        if time.monotonic() > end:
            raise Failure(
                f"PostgreSQL did not load its configuration within {PATIENCE:.0f} s; see journalctl -u {places.unit}"
            )
        time.sleep(0.05)


def _apply(places: Places, declared: objects.Objects, report: Report, check: bool) -> None:
    now = sql.ask_or_fail(places, objects.STATE)
    _do(places, objects.plan(declared, now), report, check)
    inside = sql.ask_or_fail(places, objects.INSIDE)
    _do(places, objects.plan_heartbeat(declared.monitor["name"], inside), report, check)
    for database in declared.databases:
        if check and database["name"] not in now["databases"]:
            continue
        inside = sql.ask_or_fail(places, objects.INSIDE, database["name"])
        _do(places, objects.plan_inside(database, declared, inside), report, check)


def _do(places: Places, steps: Iterable[objects.Step], report: Report, check: bool) -> None:
    for step in steps:
        report.steps.append(step.words)
        if check:
            continue
        try:
            sql.run(places, step.statements, step.database)
        except sql.SqlError as error:
            raise Failure(f"PostgreSQL refuses to {step.words}: {error}") from error
