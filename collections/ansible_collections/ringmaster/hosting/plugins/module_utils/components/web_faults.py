# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is wrong with the options of the web gateway, its lists looked at as a whole."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ansible_collections.ringmaster.hosting.plugins.module_utils.accounts.model import PERMISSIONS

from . import haproxy, nginx
from .faults import Fault, Path, Surroundings, entries, given, tried, twice

_ANY = "192.0.2.1"


def of_webgateway(options: Mapping[str, Any], around: Surroundings) -> Iterator[Fault]:
    """Yield what is wrong with options of the web gateway."""
    places: list[tuple[Path, str]] = []
    project = [{"name": name, "srv_ipv4": _ANY, "srv_ipv6": ""} for name in around.vms]
    groups: dict[str, list[str]] = {}
    for name, components in around.vms.items():
        for component in components:
            groups.setdefault(f"component_{component}", []).append(name)
    for index, backend in entries(options, "backends"):
        path: Path = ("backends", index)
        places.append(((*path, "name"), str(backend.get("name", ""))))
        yield from tried(path, haproxy.BackendError, haproxy.resolve, [backend], around.vm, project, groups)
    yield from twice(places, "the backend")
    yield from _vhosts(options, {name for _path, name in places})


def _vhosts(options: Mapping[str, Any], backends: set[str]) -> Iterator[Fault]:
    tls = str(given(options, "tls", "platform"))
    site = nginx.Site("webgateway", (_ANY,), frozenset(backends), frozenset(PERMISSIONS), ("/srv",), tls)
    places: list[tuple[Path, str]] = []
    defaults: list[Path] = []
    for index, vhost in entries(options, "vhosts"):
        path: Path = ("vhosts", index)
        places.append(((*path, "name"), str(vhost.get("name", ""))))
        aliases = vhost.get("aliases") or []
        places += [((*path, "aliases", position), str(one)) for position, one in enumerate(aliases)]
        if vhost.get("default"):
            defaults.append((*path, "default"))
        yield from tried(path, nginx.VhostError, nginx.render, [vhost], site)
        yield from tried(path, nginx.VhostError, nginx.watch, [vhost], site)
        if given(vhost, "tls", tls) == "acme":
            for position, one in enumerate(aliases):
                if str(one).startswith("*."):
                    yield Fault(
                        (*path, "aliases", position),
                        f"ACME over HTTP proves whole names only, not '{one}'",
                        str(one),
                        "names without *, or another source of the certificate (tls)",
                    )
    yield from twice(places, "the name")
    for path in defaults[1:]:
        yield Fault(path, "only one virtual host can be the default", "a second one", "default: true once")
