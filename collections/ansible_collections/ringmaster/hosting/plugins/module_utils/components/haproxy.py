# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Backends of the web gateway: declared values to haproxy's configuration."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .faults import given

SOCKETS = "/run/haproxy"
BALANCE = ("roundrobin", "leastconn", "source", "first")
BALANCERS = ("haproxy", "nginx")
_NAME = re.compile(r"[a-z][a-z0-9_-]{0,31}")
_PATH = re.compile(r"/[A-Za-z0-9._~@:+,%/?&=-]*")
_CODES = re.compile(r"[1-5][0-9]{2}(-[1-5][0-9]{2})?(,[1-5][0-9]{2}(-[1-5][0-9]{2})?)*")
_HOST = re.compile(r"[A-Za-z0-9.-]{1,253}")
RESERVED = frozenset({"exporter", "admin", "stats"})
# What haproxy may say itself. Not 401 and 407, with which it asks for a password in a header of its own.
OWN_ERRORS = (400, 403, 404, 405, 408, 410, 413, 421, 422, 425, 429, 500, 501, 502, 503, 504)


class BackendError(ValueError):
    """A declared backend that cannot be; the text names it and says what is allowed, ``path`` which option it is."""

    def __init__(self, text: str, *path: str | int) -> None:
        super().__init__(text)
        self.path = path


@dataclass(frozen=True)
class Member:
    """A VM behind a backend."""

    name: str
    address: str


@dataclass(frozen=True)
class Backend:
    """A checked backend with its members."""

    name: str
    port: int
    members: tuple[Member, ...]
    balancer: str
    options: Mapping[str, Any]

    def servers(self) -> list[str]:
        """Return what nginx passes requests to: haproxy's socket, or the members."""
        if self.balancer == "haproxy":
            return [f"unix:{SOCKETS}/{self.name}.sock"]
        return [_target(member, self.port) for member in self.members]


def backends(
    declared: Iterable[Mapping[str, Any]],
    *,
    vm: str,
    project: Sequence[Mapping[str, Any]],
    groups: Mapping[str, Sequence[str]],
) -> dict[str, Any]:
    """Return upstreams for nginx, sections for haproxy, and members by backend. Arguments are those of ``resolve``."""
    found = resolve(declared, vm, project, groups)
    return {
        "nginx": [{"name": one.name, "servers": one.servers()} for one in found],
        "haproxy": render(found),
        "members": {one.name: [member.name for member in one.members] for one in found if one.balancer == "haproxy"},
    }


def resolve(
    declared: Iterable[Mapping[str, Any]],
    me: str,
    project: Sequence[Mapping[str, Any]],
    groups: Mapping[str, Sequence[str]],
) -> list[Backend]:
    """Return the backends with their members; raise BackendError for the first mistake.

    ``me`` is the gateway's own name, which is reached on loopback; ``project`` the project's VMs with ``name``,
    ``srv_ipv4`` and ``srv_ipv6``; ``groups`` the inventory's. Other projects' VMs are not to be had.
    """
    addresses = {str(vm["name"]): str(vm["srv_ipv4"] or vm["srv_ipv6"]) for vm in project}
    result: list[Backend] = []
    for item in declared:
        name = str(item.get("name", ""))
        if not _NAME.fullmatch(name) or name in RESERVED:
            raise BackendError(
                f"the backend '{name}' must be named with lower-case letters, digits, '-' and '_'", "name"
            )
        if any(name == one.name for one in result):
            raise BackendError(f"the backend '{name}' is declared twice")
        names = members_of(name, item, me, addresses, groups)
        members = tuple(Member(one, "127.0.0.1" if one == me else addresses[one]) for one in names)
        result.append(_backend(name, item, members))
    return result


def members_of(
    name: str,
    item: Mapping[str, Any],
    me: str,
    addresses: Iterable[str],
    groups: Mapping[str, Sequence[str]],
) -> list[str]:
    """Return the VMs behind a backend, of those of the project (``addresses``); raise BackendError without any."""
    chosen = [key for key in ("vms", "component", "project") if item.get(key)]
    if len(chosen) != 1:
        raise BackendError(f"backend {name}: say exactly one of vms, component and project, not {len(chosen)}")
    if item.get("vms"):
        wanted = [str(vm) for vm in item["vms"]]
        for vm in wanted:
            if vm not in addresses:
                known = ", ".join(addresses)
                raise BackendError(
                    f"backend {name}: '{vm}' is no VM of this project with addresses; it has {known}", "vms"
                )
        return wanted
    if item.get("component"):
        component = str(item["component"])
        found = [vm for vm in addresses if vm in groups.get(f"component_{component}", ())]
        what = f"VM of the project with component {component}"
    else:
        found = [vm for vm in addresses if vm != me]
        what = "other VM in the project"
    if not found:
        raise BackendError(f"backend {name}: there is no {what}")
    return found


def _backend(name: str, item: Mapping[str, Any], members: tuple[Member, ...]) -> Backend:
    port = int(given(item, "port", 0))
    if not 1 <= port <= 65535:
        raise BackendError(f"backend {name}: port is {port}, not 1 to 65535", "port")
    if (seconds := given(item, "timeout", 1)) < 1:
        raise BackendError(f"backend {name}: timeout is {seconds}; allowed: seconds, 1 and more", "timeout")
    if (limit := given(item, "max_connections", 0)) < 0:
        raise BackendError(
            f"backend {name}: max_connections is {limit}; allowed: 0 (no limit) and more", "max_connections"
        )
    for key, pattern, default in (
        ("check_path", _PATH, "/"),
        ("check_codes", _CODES, "200-399"),
        ("check_host", _HOST, "localhost"),
    ):
        if not pattern.fullmatch(str(given(item, key, default))):
            raise BackendError(f"backend {name}: {key} cannot be '{item[key]}'", key)
    for part in str(given(item, "check_codes", "200")).split(","):
        least, _dash, most = part.partition("-")
        if most and int(least) > int(most):
            raise BackendError(
                f"backend {name}: check_codes has the range '{part}', which holds no code; write '{most}-{least}'",
                "check_codes",
            )
    for key, choices in (("balance", BALANCE), ("balancer", BALANCERS)):
        if str(given(item, key, choices[0])) not in choices:
            raise BackendError(f"backend {name}: {key} is '{item[key]}'; allowed: {', '.join(choices)}", key)
    balancer = str(given(item, "balancer", "haproxy"))
    if balancer == "nginx" and (item.get("proxy_protocol") or item.get("sticky")):
        raise BackendError(f"backend {name}: proxy_protocol and sticky need balancer haproxy")
    return Backend(name, port, members, balancer, item)


def render(backends: Iterable[Backend]) -> str:
    """Return a frontend on a socket and a backend for each that haproxy balances."""
    lines: list[str] = []
    for backend in backends:
        if backend.balancer == "haproxy":
            lines += ["", *_frontend(backend), "", *_section(backend)]
    return "\n".join(lines) + "\n"


def _frontend(backend: Backend) -> list[str]:
    return [
        f"frontend {backend.name}",
        f"    bind unix@{SOCKETS}/{backend.name}.sock mode 660 group www-data",
        # From here on, the client's address is that of the person, not that of nginx.
        "    http-request set-src req.hdr(x-real-ip)",
        # What changes something is not asked for twice: a member that closes without a word may have done it.
        "    http-request disable-l7-retry if ! METH_GET",
        f"    default_backend {backend.name}",
        # What haproxy itself has to say is nginx's to say, by the page that the virtual host declares. What members
        # answer stays as it is.
        *(
            f"    http-error status {code} content-type text/plain string {code} hdr X-Accel-Redirect {own_error(code)}"
            for code in OWN_ERRORS
        ),
    ]


def own_error(code: int) -> str:
    """Return the location of nginx that answers with a code as if nginx had found the error."""
    return f"@backend-error-{code}"


def own_error_locations() -> str:
    """Return the locations that each virtual host includes."""
    return "".join(f"location {own_error(code)} {{ return {code}; }}\n" for code in OWN_ERRORS)


def _section(backend: Backend) -> list[str]:
    options = backend.options
    host = given(options, "check_host", "localhost")
    lines = [
        f"backend {backend.name}",
        f"    balance {given(options, 'balance', 'roundrobin')}",
        "    option httpchk",
        f"    http-check send meth GET uri {given(options, 'check_path', '/')} ver HTTP/1.1 hdr Host {host}",
        f"    http-check expect status {given(options, 'check_codes', '200-399')}",
    ]
    if (seconds := given(options, "timeout", None)) is not None:
        lines.append(f"    timeout server {seconds}s")
    if options.get("sticky"):
        lines.append(f"    cookie {backend.name}_member insert indirect nocache httponly")
    more = "check inter 2s fastinter 500ms fall 2 rise 2 slowstart 5s"
    # Without a limit and with 0 as many as come.
    if limit := int(given(options, "max_connections", 0)):
        more += f" maxconn {limit}"
    if options.get("proxy_protocol"):
        more += " send-proxy-v2 check-send-proxy"
    for member in backend.members:
        cookie = f" cookie {member.name}" if options.get("sticky") else ""
        lines.append(f"    server {member.name} {_target(member, backend.port)} {more}{cookie}")
    return lines


def _target(member: Member, port: int) -> str:
    return f"[{member.address}]:{port}" if ":" in member.address else f"{member.address}:{port}"
