# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The component nginx on this machine: validate its configuration, converge the running server."""

from __future__ import annotations

from ringmaster_components import main as components

from ringmaster_nginx.converge import SUFFIX, Places, converge, validate


def main() -> int:
    """Run the program; return its exit code."""
    places = Places()
    program = components.Program(
        "nginx",
        # Everything nginx is told takes effect by a reload; nothing waits for a restart.
        converge=lambda check, _restart: converge(places, check=check),
        validate=lambda: validate(places),
        inbox=places.inbox,
        suffix=SUFFIX,
    )
    return components.run(program)
