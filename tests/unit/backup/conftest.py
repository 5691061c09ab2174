# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The programs are tested as they lie in the roles."""

from __future__ import annotations

import sys
from pathlib import Path

sys.dont_write_bytecode = True  # roles copy these folders as they are
for role in ("backup", "backup_server"):
    sys.path.insert(0, str(Path(__file__).parents[3] / f"roles/{role}/files/rootfs/usr/lib/ringmaster/python"))
