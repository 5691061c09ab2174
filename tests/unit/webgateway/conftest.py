# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The programs that run on machines are imported from where roles keep them."""

from __future__ import annotations

import sys
from pathlib import Path

ROLES = Path(__file__).parents[3] / "roles"
for role in ("monitoring_agent", "nginx", "webgateway"):
    sys.path.insert(0, str(ROLES / role / "files/rootfs/usr/lib/ringmaster/python"))
# Roles copy these folders as they are.
sys.dont_write_bytecode = True
