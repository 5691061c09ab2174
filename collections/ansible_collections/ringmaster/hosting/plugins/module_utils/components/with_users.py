# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The components that hand out credentials. A new one is added here and nowhere else."""

from __future__ import annotations

from .mailserver import MAILSERVER
from .mysql import MYSQL
from .postgresql import POSTGRESQL
from .redis import REDIS
from .users import ComponentUsers

WITH_USERS: tuple[ComponentUsers, ...] = (MAILSERVER, MYSQL, POSTGRESQL, REDIS)
