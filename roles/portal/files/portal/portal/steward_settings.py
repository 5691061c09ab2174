# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Settings of the steward's listener: the same project with other addresses."""

from . import settings

globals().update({name: value for name, value in vars(settings).items() if name.isupper()})
ROOT_URLCONF = "portal.steward_urls"
ALLOWED_HOSTS = ["*"]  # Whoever reaches it has shown a certificate; names of machines are not the portal's.
