# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filter ``mailserver_objects``: everything that a mail server declares, checked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.ringmaster.hosting.plugins.module_utils.components import mailserver


def mailserver_objects(declared: Mapping[str, Any], platform_secret: str, vm: Mapping[str, Any]) -> dict[str, Any]:
    """Return the objects for the component's program; raises AnsibleFilterError."""
    try:
        return mailserver.objects(declared, platform_secret, vm)
    except (KeyError, ValueError) as error:
        raise AnsibleFilterError(f"mailserver: {error}") from error


def mailserver_monitor(hostname: str, platform_secret: str, vm: Mapping[str, Any]) -> str:
    """Return the credentials of the checks' mailbox; raises AnsibleFilterError."""
    try:
        return mailserver.monitor_environment(hostname, platform_secret, vm)
    except (KeyError, ValueError) as error:
        raise AnsibleFilterError(f"mailserver: {error}") from error


def mailserver_pages(domains: Iterable[str], hostname: str, is_publicly_trusted: bool) -> list[dict[str, Any]]:
    """Return virtual hosts for role nginx."""
    return mailserver.pages(domains, hostname, is_publicly_trusted)


def mailserver_account(vm: Mapping[str, Any], platform_secret: str, name: str) -> str:
    """Return login and password of an application's account; raises AnsibleFilterError."""
    try:
        return mailserver.account(name, platform_secret, vm)
    except (KeyError, ValueError) as error:
        raise AnsibleFilterError(f"mailserver: {error}") from error


def mailserver_zone_records(
    found: Iterable[Mapping[str, str]], zones: Iterable[str], declared: Iterable[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """Return records for role dns."""
    return mailserver.zone_records(found, zones, declared)


class FilterModule:
    """Filters of the collection for mail servers."""

    def filters(self) -> dict[str, Any]:
        """Return the filters by name."""
        return {
            "mailserver_objects": mailserver_objects,
            "mailserver_monitor": mailserver_monitor,
            "mailserver_pages": mailserver_pages,
            "mailserver_account": mailserver_account,
            "mailserver_zone_records": mailserver_zone_records,
        }
