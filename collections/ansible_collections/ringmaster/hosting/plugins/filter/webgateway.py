# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filters ``nginx_site``, ``htpasswd_files``, ``webgateway_backends``: declared values to configuration."""

from __future__ import annotations

from typing import Any

from ansible_collections.ringmaster.hosting.plugins.module_utils.components import haproxy, nginx_site
from ansible_collections.ringmaster.hosting.plugins.plugin_utils.filters import wrap


class FilterModule:
    """Filters of the collection for the web gateway."""

    def filters(self) -> dict[str, Any]:
        """Return the filters by name."""
        return {
            "htpasswd_files": nginx_site.password_files,
            "nginx_site": wrap("{}", nginx_site.site, nginx_site.VhostError),
            "webgateway_backends": wrap("{}", haproxy.backends, haproxy.BackendError),
        }
