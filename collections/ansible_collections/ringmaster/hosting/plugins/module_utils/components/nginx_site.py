# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The virtual hosts of one owner as role ``nginx`` takes them: files, certificates, what the check asks for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.ringmaster.hosting.plugins.module_utils.machine.file_entries import of_texts

from . import haproxy, nginx
from .nginx import VhostError

__all__ = ["VhostError", "password_files", "site"]


def site(
    vhosts: Sequence[Mapping[str, Any]],
    *,
    owner: str,
    addresses: Sequence[str],
    backends: Sequence[Mapping[str, Any]] = (),
    permissions: Sequence[str] = (),
    roots: Sequence[str] = (),
    tls: str = "platform",
) -> dict[str, Any]:
    """Return ``files``, wanted ``certificates`` and the ``site`` that the check reads. Raises VhostError.

    :param backends: ``{name, servers}`` of each upstream; the others are as class Site has them.
    """
    names = frozenset(str(backend["name"]) for backend in backends)
    shared = nginx.Site(owner, tuple(addresses), names, frozenset(permissions), tuple(roots), tls)
    texts = {f"{name}.conf": text for name, text in nginx.render(vhosts, shared).items()}
    texts["unknown-names.server"] = nginx.default_servers(addresses)
    if backends:
        texts["upstreams.server"] = nginx.upstreams(backends)
    files = of_texts(dict(sorted(texts.items())), f"/etc/ringmaster/nginx/sites/{owner}/%s", mode="0644")
    if backends:
        errors = {nginx.BACKEND_ERRORS: haproxy.own_error_locations()}
        files += of_texts(errors, "/etc/ringmaster/nginx/%s", mode="0644")
    return {
        "files": files,
        "certificates": nginx.certificates(vhosts, shared),
        "site": {
            "names": {str(vhost["name"]): [str(alias) for alias in vhost.get("aliases") or []] for vhost in vhosts},
            "backends": sorted(names),
            "addresses": list(addresses),
            "vhosts": nginx.watch(vhosts, shared),
        },
    }


def password_files(passwords: Mapping[str, Mapping[str, str]]) -> list[dict[str, Any]]:
    """Return a file for each permission with the people who have it and a password for web pages."""
    texts = {
        permission: "".join(f"{person}:{hashed}\n" for person, hashed in sorted(people.items()))
        for permission, people in sorted(passwords.items())
    }
    return of_texts(texts, f"{nginx.HTPASSWD}/%s", group="www-data", mode="0640", sensitive=True)
