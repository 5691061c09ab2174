# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is wrong with the options of the web gateway, its lists looked at as a whole."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from ansible_collections.ringmaster.hosting.plugins.module_utils.accounts.model import PERMISSIONS

from . import haproxy, nginx
from .faults import Fault, Path, Surroundings, entries, given, tried, twice

_ANY = "192.0.2.1"
_OF_THE_CONNECTION = frozenset(
    {"connection", "content-length", "date", "keep-alive", "server", "te", "trailer", "transfer-encoding", "upgrade"}
)
"""Headers with which nginx tells how an answer is sent; a second one makes it unreadable."""
_PROOFS = "/.well-known/acme-challenge/"


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
        mine = places[-1 - len(aliases) :]
        if vhost.get("default"):
            defaults.append((*path, "default"))
        yield from tried(path, nginx.VhostError, nginx.render, [vhost], site)
        yield from tried(path, nginx.VhostError, nginx.watch, [vhost], site)
        for place, name in mine:
            if not re.search("[a-z0-9]", name):
                what = f"'{name}' is no name that anybody can ask for"
                yield Fault(place, what, name, "a host name; default: true is for all names that nobody has")
        yield from _headers(vhost, path)
        yield from _redirects(vhost, path, {name for _place, name in mine}, is_secure=given(vhost, "tls", tls) != "off")
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


def _headers(vhost: Mapping[str, Any], path: Path) -> Iterator[Fault]:
    """Yield headers that would be sent twice, or that say how an answer is sent."""
    seen = {"strict-transport-security"} if vhost.get("hsts") else set()
    for name in vhost.get("headers") or {}:
        low = str(name).lower()
        here = (*path, "headers", name)
        if low in _OF_THE_CONNECTION:
            yield Fault(here, f"nginx sends {name} itself, as it is", name, "any other header", is_key=True)
        elif low in seen:
            yield Fault(here, f"the header {name} would be sent twice", name, "each once, in any case", is_key=True)
        seen.add(low)


def _redirects(vhost: Mapping[str, Any], path: Path, names: set[str], *, is_secure: bool) -> Iterator[Fault]:
    """Yield ways that lead back to where they begin, and locations that nginx has itself."""
    places: list[tuple[Path, str, Any]] = [((*path, "redirect"), "/", vhost.get("redirect"))]
    for index, location in entries(vhost, "locations"):
        here = (*path, "locations", index)
        if location.get("path") == _PROOFS:
            yield Fault((*here, "path"), f"{_PROOFS} is for the proofs of certificates", _PROOFS, "another path")
        places.append(((*here, "redirect"), str(location.get("path", "")), location.get("redirect")))
    for here, begin, url in places:
        if not url:
            continue
        try:
            parts = urlsplit(str(url))
            host, port = str(parts.hostname or "").lower(), parts.port
        except ValueError:
            yield Fault(here, f"'{str(url)[:60]}' is no URL", str(url), "https://host/path, with a port of 1 to 65535")
            continue
        standard = {"http": 80, "https": 443}.get(parts.scheme)
        # Without a path, visitors keep theirs.
        is_below = not parts.path or (
            parts.path == begin.removeprefix("= ") if begin.startswith("= ") else parts.path.startswith(begin)
        )
        is_served = parts.scheme == "http" or is_secure
        if host in names and port in (None, standard) and is_below and is_served:
            yield Fault(here, f"{url} leads back to where it begins, without end", str(url), "another host or path")
