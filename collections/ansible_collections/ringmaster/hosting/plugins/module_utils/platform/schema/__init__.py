# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The only definition of every key of the platform description: a record for each kind of file.

The tables here drive the checks, the generated JSON Schema and the reference page. A new key goes into one of them
and into ``example/platform`` in the same commit.
"""

from __future__ import annotations

from .incident import INCIDENT
from .platform import PLATFORM
from .project import PROJECT
from .user import USER

FILES = {"platform": PLATFORM, "user": USER, "project": PROJECT, "incident": INCIDENT}
"""What people write, in the order of the reference page. What Ringmaster writes itself is in ``ledger``."""
