# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``ringmaster postgresql``: converge the running server, dump, restore and prove, recover a moment, upgrade."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from ringmaster.core import component
from ringmaster.core.report import Report
from ringmaster.postgresql import dumps, recover, restores, sql, upgrade
from ringmaster.postgresql.converge import converge, validate
from ringmaster.postgresql.objects import Objects


def _converge(check: bool, restart: bool) -> Report:
    declared = sql.declared()
    places = sql.places()
    report = converge(places, Objects(**declared["objects"]), check=check, restart=restart)
    if declared.get("pitr"):
        recover.ensure(places, report, check=check)
    return report


def _restore(folder: Path, wish: component.Wish) -> str:
    sentence = restores.restore(sql.places(), folder, wish)
    # Who may connect and whom an owner acts as is not in a dump, or was dropped with the old database.
    _converge(False, False)
    return sentence


POSTGRESQL = component.Component(
    "postgresql",
    converge=_converge,
    validate=lambda: validate(sql.places()),
    inbox=sql.Places.inbox,
    suffix=sql.SUFFIX,
    dump=lambda folder: dumps.dump(sql.places(), folder),
    prove=lambda folder: restores.prove(sql.places(), folder),
    restore=_restore,
    more={
        "recover": component.Verb(
            "bring a database, as it was at another time, beside the live one", recover.run, recover.arguments
        ),
        "upgrade": component.Verb(
            "bring the cluster to another major version, or back", upgrade.run, upgrade.arguments
        ),
    },
)


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    return component.parser(POSTGRESQL)


def main(words: Sequence[str] | None = None) -> int:
    """Do what the words say; return an exit code."""
    return component.run(POSTGRESQL, words)
