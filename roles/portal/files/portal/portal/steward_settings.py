# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Settings of the steward's listener: the same project with other addresses."""

from .settings import *  # noqa: F403

ROOT_URLCONF = "portal.steward_urls"
ALLOWED_HOSTS = ["*"]  # Whoever reaches it has shown a certificate; names of machines are not the portal's.
