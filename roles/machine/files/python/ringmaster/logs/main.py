# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``ringmaster logs``: what the journal has of a component, for people who may not read all of it.

People with ``sudo-srv`` may run this program as root, and nothing else; so it is the border. It reads units of the
platform's list only, never those of logins, sudo or people, and hands no word of theirs to a program but as the value
of an option.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

UNITS = Path("/usr/lib/ringmaster/logs.json")
"""Component of this VM -> its units, written by role machine."""
LINES = 200
SUDO = ("/usr/bin/sudo", "-n", "/usr/bin/ringmaster", "logs")
JOURNALCTL = ("/usr/bin/journalctl", "--no-pager", "--quiet", "--no-hostname", "--output=short-iso")
ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "SYSTEMD_COLORS": "0", "SYSTEMD_PAGER": "cat"}


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    result = argparse.ArgumentParser(prog="ringmaster logs", description=__doc__)
    result.add_argument(
        "component", nargs="?", choices=sorted(known()) or None, help="whose; without it, they are listed"
    )
    result.add_argument("-n", "--lines", type=int, default=LINES, metavar="N", help=f"how many, the newest ({LINES})")
    result.add_argument("-f", "--follow", action="store_true", help="go on with what comes")
    result.add_argument("--since", metavar="WHEN", help="not older, for example '-2h' or '2026-11-30 10:00'")
    result.add_argument("--until", metavar="WHEN", help="not newer")
    result.add_argument("--grep", metavar="TEXT", help="only lines that have it, a regular expression")
    return result


def main(words: Sequence[str] | None = None) -> int:
    """Show what is asked for; return an exit code."""
    words = sys.argv[1:] if words is None else words
    options = parser().parse_args(words)
    units = known()
    if not options.component:
        print("\n".join(units) or "This VM has no managed components.")
        return 0
    if os.geteuid():
        os.execv(SUDO[0], [*SUDO, *words])
    argv = command(options, units[options.component])
    os.execve(argv[0], argv, ENVIRONMENT)


def known(path: Path = UNITS) -> Mapping[str, list[str]]:
    """Return the components of this VM, each with its units."""
    try:
        found: Mapping[str, list[str]] = json.loads(path.read_text())
    except FileNotFoundError:
        return {}
    return dict(sorted(found.items()))


def command(options: argparse.Namespace, units: Sequence[str]) -> list[str]:
    """Return what shows it: argv of journalctl."""
    result = [*JOURNALCTL, *(f"--unit={unit}" for unit in units), f"--lines={max(0, options.lines)}"]
    result += [
        f"--{name}={value}" for name in ("since", "until", "grep") if (value := getattr(options, name)) is not None
    ]
    return [*result, "--follow"] if options.follow else result
