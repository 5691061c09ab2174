# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The component mailserver on this machine: validate its configuration, converge the running daemons."""

from __future__ import annotations

from ringmaster_components import main as components

from ringmaster_mailserver import backup
from ringmaster_mailserver.converge import COMPONENT, SUFFIX, converge, validate
from ringmaster_mailserver.places import Places


def main() -> int:
    """Run the program; return its exit code."""
    places = Places()
    program = components.Program(
        COMPONENT,
        converge=lambda check, restart: converge(places, check=check, restart=restart),
        validate=lambda: validate(places),
        inbox=(places.postfix_inbox, places.dovecot_inbox),
        suffix=SUFFIX,
        dump=lambda folder: backup.dump(places, folder),
        prove=lambda folder: backup.prove(places, folder),
        restore=lambda folder, wish: backup.restore(places, folder, wish),
    )
    return components.run(program)
