# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filters about SSH host keys that people need not trust one by one."""

from __future__ import annotations

from typing import Any

from ansible_collections.ringmaster.hosting.plugins.module_utils.certificates import ssh_host
from ansible_collections.ringmaster.hosting.plugins.plugin_utils import refusals
from ansible_collections.ringmaster.hosting.plugins.plugin_utils.filters import wrap


def certificate(platform_secret: Any, *, name: str, **arguments: Any) -> str:
    """Return the certificate of a host, or remember that what it shows is no key; raises SshHostError."""
    says = f"{name}: its host key is not taken: {{}}"
    named = {"name": name, **arguments}
    return refusals.remembering(name, ssh_host.HostKeyError, says, ssh_host.certificate, platform_secret, **named)


class FilterModule:
    """Filters of the collection for SSH host keys."""

    def filters(self) -> dict[str, Any]:
        """Return the filters by name."""
        return {
            "ssh_host_authority": wrap("ssh_host_authority: {}", ssh_host.authority, ssh_host.SshHostError),
            "ssh_host_certificate": wrap("ssh_host_certificate: {}", certificate, ssh_host.SshHostError),
        }
