# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The timer that applies the last accepted roster again, so that drift goes away without the controller.

This package packs its own sources into one file that Python runs; nothing else is installed on the machine.
"""

from __future__ import annotations

import io
import zipfile
from functools import cache
from importlib import resources

from .model import STATE_FILE
from .work import HEADER, WantedFile

PACKAGE = "ringmaster_accounts"
MAIN = f"""import sys
from {PACKAGE}.run import main

sys.exit(main())
"""

PROGRAM_PATH = "/usr/lib/ringmaster/accounts.pyz"
SERVICE_PATH = "/etc/systemd/system/ringmaster-accounts.service"
TIMER_PATH = "/etc/systemd/system/ringmaster-accounts.timer"
WANTS_PATH = "/etc/systemd/system/timers.target.d/50-ringmaster-accounts.conf"

# The units are text in Python, because Ansible takes nothing but Python along with a module.
SERVICE = f"""# {HEADER}
[Unit]
Description=Apply the last accounts roster again
ConditionPathExists={STATE_FILE}

[Service]
Type=oneshot
ExecStart=/usr/bin/python3 -I {PROGRAM_PATH}
Nice=5
# It writes below /etc and itself, makes and removes homes, ends sessions by their control groups, and has pwck look at
# new account files in a root of its own.
CapabilityBoundingSet=CAP_CHOWN CAP_DAC_OVERRIDE CAP_DAC_READ_SEARCH CAP_FOWNER CAP_FSETID CAP_KILL CAP_SYS_CHROOT
ProtectSystem=yes
ReadWritePaths=/usr/lib/ringmaster
RestrictAddressFamilies=AF_UNIX AF_NETLINK
NoNewPrivileges=yes
PrivateDevices=yes
PrivateTmp=yes
ProtectClock=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
LockPersonality=yes
RestrictNamespaces=yes
RestrictRealtime=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service chroot
SystemCallErrorNumber=EPERM
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
    """Pack this package into one runnable file; the same code always gives the same bytes.

    Packed is what lies beside this file: in the repository, in what Ansible brings along, in the program itself.
    """
    sources = {"__main__.py": MAIN, f"{PACKAGE}/__init__.py": ""}
    for file in sorted(resources.files(__package__).iterdir(), key=lambda each: each.name):
        if file.name.endswith(".py") and file.name != "__init__.py":
            sources[f"{PACKAGE}/{file.name}"] = file.read_text(encoding="utf-8")
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name, source in sources.items():
            entry = zipfile.ZipInfo(name, (2026, 1, 1, 0, 0, 0))
            entry.create_system = 3
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, source)
    return buffer.getvalue().decode("utf-8", "surrogateescape")
