# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Types of arguments that reach the command lines of machines, or say which machines are meant."""

from __future__ import annotations

from ..language import names
from ..language.containers import ListOf
from ..language.types import Integer, Text

_HOST_PATTERN = r"!?&?[A-Za-z0-9_*?\[][A-Za-z0-9_.*?\[\]-]*([:,][!&]?[A-Za-z0-9_*?\[][A-Za-z0-9_.*?\[\]-]*)*"


def _machine(text: str) -> str:
    """Say what is wrong with the name of one machine: what Ansible would read as more than one host is none."""
    return "" if names.is_valid("machine", text) and text not in names.RESERVED_HOSTS else "is no name of one machine"


def word(allowed: str, pattern: str = r"[A-Za-z0-9_*.][A-Za-z0-9_.:*@+/=~-]*") -> Text:
    """Return the type of a word for a command line: it never begins like an option."""
    return Text(allowed, pattern=pattern)


MACHINE = Text("the name of one VM, hypervisor or service machine", check=_machine)
ABSOLUTE = Text("a path that begins with /", pattern=r"/.*")
PATTERN = ListOf(
    Text("names of hosts and groups with : between them, as --limit takes them", pattern=_HOST_PATTERN),
    one_is_enough=True,
)
"""Hosts, but for what --limit reads from files (``@``) and regular expressions (``~``); or a list of such."""
PORTS = ListOf(Integer(1, 65535))
