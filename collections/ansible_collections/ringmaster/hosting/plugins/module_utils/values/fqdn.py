# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What machines are called: a name for the server network, and below ``fe`` one for the frontend network.

Everybody else takes names from here, roles by the inventory's ``ringmaster_fqdn`` and ``ringmaster_fe_fqdn``.
"""

from __future__ import annotations

import re

FRONTEND = ".fe"
_FURTHER = re.compile(re.escape(FRONTEND) + r"(?:[2-9]|[1-9][0-9]+)?$")


def fqdn(name: str, domain: str) -> str:
    """Return the full name of a machine, or of any name below the domain; without a final dot."""
    return f"{name}.{domain}"


def frontend_fqdn(name: str, domain: str) -> str:
    """Return the full name that stands for a machine's addresses on the frontend network."""
    return fqdn(frontend_name(name), domain)


def frontend_name(name: str, number: int = 1) -> str:
    """Return a machine's name on the frontend network, below the domain: ``myapp00.fe``.

    A further address has the name with its number: the second is ``myapp00.fe2``.
    """
    return f"{name}{FRONTEND}" if number == 1 else f"{name}{FRONTEND}{number}"


def machine_of(name: str) -> str:
    """Return the machine that a name below the domain would stand for, whichever of its addresses it means."""
    return _FURTHER.sub("", name)
