# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The component postgresql on this machine: validate its configuration, converge the running server."""

from __future__ import annotations

from pathlib import Path

from ringmaster_components import main as components
from ringmaster_components.report import Report

from ringmaster_postgresql import dumps, recover, restores, sql
from ringmaster_postgresql.converge import converge, validate
from ringmaster_postgresql.objects import Objects


def main() -> int:
    """Run the program; return its exit code."""
    declared = sql.declared()
    places = sql.Places(int(declared["version"]))
    objects = Objects(**declared["objects"])

    def bring(check: bool, restart: bool) -> Report:
        report = converge(places, objects, check=check, restart=restart)
        if declared.get("pitr"):
            recover.ensure(places, report, check=check)
        return report

    def restore(folder: Path, wish: components.Wish) -> str:
        sentence = restores.restore(places, folder, wish)
        # Who may connect and whom an owner acts as is not in a dump, or was dropped with the old database.
        bring(False, False)
        return sentence

    program = components.Program(
        "postgresql",
        converge=bring,
        validate=lambda: validate(places),
        inbox=places.inbox,
        suffix=sql.SUFFIX,
        dump=lambda folder: dumps.dump(places, folder),
        prove=lambda folder: restores.prove(places, folder),
        restore=restore,
    )
    return components.run(program)
