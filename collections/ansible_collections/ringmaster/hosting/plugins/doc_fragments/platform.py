# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations


class ModuleDocFragment:
    """What the modules that work on a platform description share."""

    DOCUMENTATION = r"""
options:
  source:
    description:
      - The platform's inventory source, a file that ends in C(.ringmaster.yml).
      - By default the source of the current inventory (variable C(ringmaster_source)).
    type: path
notes:
  - Runs on the controller, whatever the host of the task is.
"""
