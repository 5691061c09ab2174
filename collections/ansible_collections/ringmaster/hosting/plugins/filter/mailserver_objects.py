# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filters about mail servers: everything that one declares, and what others are told of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.ringmaster.hosting.plugins.module_utils.components import mail_zones, mailserver
from ansible_collections.ringmaster.hosting.plugins.plugin_utils.filters import as_data, wrap


def mailserver_account(vm: Mapping[str, Any], platform_secret: str, name: str) -> str:
    """Return login and password of an application's account."""
    return mailserver.account(name, platform_secret, vm)


class FilterModule:
    """Filters of the collection for mail servers."""

    def filters(self) -> dict[str, Any]:
        """Return the filters by name."""
        return {
            "mailserver_account": wrap("mailserver: {}", mailserver_account, KeyError, ValueError),
            "mailserver_monitor": wrap("mailserver: {}", mailserver.monitor_environment, KeyError, ValueError),
            "mailserver_objects": wrap("mailserver: {}", mailserver.objects, KeyError, ValueError),
            "mailserver_pages": mailserver.pages,
            "mailserver_published": as_data(mail_zones.published),
        }
