# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The component mysql on this machine: converge the running server, dump it, prove and restore dumps."""

from __future__ import annotations

from ringmaster_components import main as components

from ringmaster_mysql import dumps, restores
from ringmaster_mysql.converge import SUFFIX, Places, converge, validate


def main() -> int:
    """Run the program; return its exit code."""
    places = Places()
    program = components.Program(
        "mysql",
        converge=lambda check, restart: converge(places, check=check, restart=restart),
        validate=lambda: validate(places),
        inbox=places.inbox,
        suffix=SUFFIX,
        dump=dumps.dump,
        prove=restores.prove,
        restore=restores.restore,
    )
    return components.run(program)
