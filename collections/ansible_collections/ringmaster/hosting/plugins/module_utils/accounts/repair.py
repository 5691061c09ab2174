# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The timer that applies the last accepted roster again, so that drift goes away without the controller.

This package packs its own sources into one file that Python runs; nothing else is installed on the machine.
"""

from __future__ import annotations

import importlib
import io
import sys
import zipfile
from functools import cache

from . import facts, roster, view
from .model import STATE_FILE, AccountsError, Limits, Options, Paths
from .work import HEADER, WantedFile

MODULES = (
    "database",
    "facts",
    "guard",
    "homes",
    "model",
    "plan",
    "policy",
    "records",
    "repair",
    "roster",
    "run",
    "sessions",
    "swap",
    "view",
    "work",
)
PACKAGE = "ringmaster_accounts"
PROGRAM_PATH = "/usr/lib/ringmaster/accounts.pyz"
SERVICE_PATH = "/etc/systemd/system/ringmaster-accounts.service"
TIMER_PATH = "/etc/systemd/system/ringmaster-accounts.timer"
WANTS_PATH = "/etc/systemd/system/timers.target.d/50-ringmaster-accounts.conf"

SERVICE = f"""# {HEADER}
[Unit]
Description=Apply the last accounts roster again
ConditionPathExists={STATE_FILE}

[Service]
Type=oneshot
ExecStart=/usr/bin/python3 -I {PROGRAM_PATH}
Nice=5
"""
TIMER = f"""# {HEADER}
[Unit]
Description=Repair accounts that drifted from the roster

[Timer]
OnBootSec=1min
OnUnitInactiveSec=10min
RandomizedDelaySec=30s

[Install]
WantedBy=timers.target
"""
WANTS = f"""# {HEADER}
[Unit]
Wants=ringmaster-accounts.timer
"""


def files(wanted: bool) -> list[WantedFile]:
    """Return the program and its units, or their absence."""
    return [
        WantedFile(PROGRAM_PATH, program() if wanted else None, binary=True),
        WantedFile(SERVICE_PATH, SERVICE if wanted else None, reload_systemd=True),
        WantedFile(TIMER_PATH, TIMER if wanted else None, reload_systemd=True),
        WantedFile(WANTS_PATH, WANTS if wanted else None, reload_systemd=True),
    ]


@cache
def program() -> str:
    """Pack this package into one runnable file; the same code always gives the same bytes."""
    sources = {"__main__.py": f"import sys\nfrom {PACKAGE}.repair import main\n\nsys.exit(main())\n"}
    sources[f"{PACKAGE}/__init__.py"] = ""
    for name in MODULES:
        module = importlib.import_module(f"{__package__}.{name}")
        source = module.__loader__.get_source(module.__name__)  # type: ignore[union-attr]
        sources[f"{PACKAGE}/{name}.py"] = source
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name, source in sources.items():
            entry = zipfile.ZipInfo(name, (2026, 1, 1, 0, 0, 0))
            entry.create_system = 3
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, source)
    return buffer.getvalue().decode("utf-8", "surrogateescape")


def main() -> int:
    """Apply the accepted roster again; what is written goes to the journal. Returns the exit status."""
    from . import run  # noqa: PLC0415 - run imports this file

    try:
        applied = facts.read_applied(Paths())
        if not applied.roster:
            sys.stdout.write(f"No roster was applied yet: {STATE_FILE} is missing.\n")
            return 0
        result = run.run(roster.parse(applied.roster), kept_options(applied))
    except AccountsError as error:
        sys.stderr.write(f"The accounts could not be repaired: {error}\n")
        return 1
    for change in result.plan.changes:
        sys.stdout.write(f"repaired: {view.sentence(change)}\n")
    for warning in result.warnings:
        sys.stdout.write(f"warning: {warning}\n")
    return 0


def kept_options(applied: facts.Applied) -> Options:
    """Return the options that the accepted roster was applied with."""
    days = applied.options.get("home_retention_days", 90)
    limits = applied.options.get("limits", {})
    return Options(
        home_retention_days=days if isinstance(days, int) else 90,
        limits={name: Limits(**values) for name, values in limits.items()} if isinstance(limits, dict) else {},
    )
