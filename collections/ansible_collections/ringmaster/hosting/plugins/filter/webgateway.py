# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filters ``nginx_site``, ``htpasswd_files``, ``webgateway_backends``: declared values to configuration."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.ringmaster.hosting.plugins.module_utils.components import haproxy, nginx


def nginx_site(
    vhosts: Sequence[Mapping[str, Any]],
    *,
    owner: str,
    addresses: Sequence[str],
    backends: Sequence[Mapping[str, Any]] = (),
    permissions: Sequence[str] = (),
    roots: Sequence[str] = (),
    tls: str = "platform",
) -> dict[str, Any]:
    """Return files, wanted certificates and what the check asks for; raises AnsibleFilterError."""
    names = frozenset(str(backend["name"]) for backend in backends)
    site = nginx.Site(owner, tuple(addresses), names, frozenset(permissions), tuple(roots), tls)
    folder = f"/etc/ringmaster/nginx/sites/{owner}"
    try:
        files = {f"{name}.conf": text for name, text in nginx.render(vhosts, site).items()}
        files["unknown-names.server"] = nginx.default_servers(addresses)
        if backends:
            files["upstreams.server"] = nginx.upstreams(backends)
        watched = nginx.watch(vhosts, site)
        certificates = nginx.certificates(vhosts, site)
    except nginx.VhostError as error:
        raise AnsibleFilterError(str(error)) from error
    aliases = {str(vhost["name"]): [str(alias) for alias in vhost.get("aliases") or []] for vhost in vhosts}
    return {
        "files": [
            {"path": f"{folder}/{name}", "content": text, "mode": "0644"} for name, text in sorted(files.items())
        ],
        "certificates": certificates,
        "site": {
            "names": aliases,
            "backends": sorted(names),
            "addresses": list(addresses),
            "vhosts": watched,
        },
    }


def htpasswd_files(passwords: Mapping[str, Mapping[str, str]]) -> list[dict[str, Any]]:
    """Return a file for each permission with the people who have it and a password for web pages."""
    return [
        {
            "path": f"/etc/ringmaster/htpasswd/{permission}",
            "content": "".join(f"{person}:{hashed}\n" for person, hashed in sorted(people.items())),
            "group": "www-data",
            "mode": "0640",
            "sensitive": True,
        }
        for permission, people in sorted(passwords.items())
    ]


def webgateway_backends(
    declared: Iterable[Mapping[str, Any]],
    *,
    vm: str,
    project: Sequence[Mapping[str, Any]],
    groups: Mapping[str, Sequence[str]],
) -> dict[str, Any]:
    """Return upstreams for nginx, sections for haproxy, and members by backend; raises AnsibleFilterError."""
    try:
        backends = haproxy.resolve(declared, vm, project, groups)
        text = haproxy.render(backends)
    except haproxy.BackendError as error:
        raise AnsibleFilterError(str(error)) from error
    return {
        "nginx": [{"name": one.name, "servers": one.servers()} for one in backends],
        "haproxy": text,
        "members": {one.name: [member.name for member in one.members] for one in backends if one.balancer == "haproxy"},
    }


class FilterModule:
    """Filters of the collection for the web gateway."""

    def filters(self) -> dict[str, Any]:
        """Return the filters by name."""
        return {
            "htpasswd_files": htpasswd_files,
            "nginx_site": nginx_site,
            "webgateway_backends": webgateway_backends,
        }
