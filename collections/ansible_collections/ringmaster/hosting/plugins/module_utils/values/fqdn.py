# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What machines are called: a name for the server network, and below ``fe`` one for the frontend network.

Everybody else takes names from here, roles by the inventory's ``ringmaster_fqdn`` and ``ringmaster_fe_fqdn``.
"""

from __future__ import annotations

FRONTEND = ".fe"


def fqdn(name: str, domain: str) -> str:
    """Return the full name of a machine, or of any name below the domain; without a final dot."""
    return f"{name}.{domain}"


def frontend_fqdn(name: str, domain: str) -> str:
    """Return the full name that stands for a machine's addresses on the frontend network."""
    return fqdn(frontend_name(name), domain)


def frontend_name(name: str) -> str:
    """Return a machine's name on the frontend network, below the domain: ``myapp00.fe``."""
    return f"{name}{FRONTEND}"


def machine_of(name: str) -> str:
    """Return the machine that a name below the domain would stand for, whichever network it means."""
    return name.removesuffix(FRONTEND)
