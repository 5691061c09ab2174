# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The program that runs on machines is imported from where its role keeps it."""

from __future__ import annotations

import sys
from pathlib import Path

PROGRAMS = Path(__file__).parents[3] / "roles/certificates/files/rootfs/usr/lib/ringmaster"
sys.path.insert(0, str(PROGRAMS / "python"))
# The sentences of checks use what the agent brings along.
sys.path.insert(1, str(PROGRAMS.parents[4] / "monitoring_agent/files/rootfs/usr/lib/ringmaster/python"))
# Roles copy these folders as they are.
sys.dont_write_bytecode = True
