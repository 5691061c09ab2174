# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The web gateway goes and comes back. The last of the scenario's files by its name."""

from __future__ import annotations

import contract


class TestContract(contract.Contract):
    """What every component owes; its pages are looked at by its checks."""

    name = "webgateway"
    vm = "web00"
    members = "project_web"
