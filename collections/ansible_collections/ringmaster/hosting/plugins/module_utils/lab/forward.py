# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The way from this machine's loopback into a lab: HAProxy inside the lab's namespace, with sockets made outside.

A socket belongs to the namespace in which it was made. So the process listens on 127.0.0.1 of this machine, and all
that it could ever connect to is in the lab.
"""

from __future__ import annotations

import base64
import contextlib
import errno
import hashlib
import json
import os
import secrets
import shutil
import socket
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ansible_collections.ringmaster.hosting.plugins.module_utils.lab import cgroup
from ansible_collections.ringmaster.hosting.plugins.module_utils.lab.links import Link
from ansible_collections.ringmaster.hosting.plugins.module_utils.lab.run import (
    LabError,
    end_all,
    locked,
    namespace_path,
)

PROGRAM = "haproxy"
OPERATOR = "operator"
"""User name for the operators' pages."""
PORTS = range(8400, 8600)
"""None of them is one that browsers refuse."""
LOOPBACK = {"IPV4": (socket.AF_INET, "127.0.0.1"), "IPV6": (socket.AF_INET6, "::1")}
NO_SUCH_FAMILY = (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL)
CONFIGURATION, CA, STATE = "forward.cfg", "ca.pem", "forward.json"


@dataclass
class Forward:
    """What is open of a lab: ports by the names of links, and the operators' password where it was just made."""

    ports: dict[str, int] = field(default_factory=dict)
    operator: str = ""
    """Digest of what a browser sends for the operators' password."""
    password: str = ""


def folder(state_folder: Path) -> Path:
    """Return the folder of the forward, below that of the lab's state."""
    return state_folder / "forward"


def running(lab: str, state_folder: Path) -> Forward | None:
    """Return what is open of a lab, or None when nothing is."""
    place = folder(state_folder)
    if not _pids(place, lab):
        return None
    return _read(place)


def present(
    lab: str, state_folder: Path, links: Sequence[Link], template: str, authorities: str, *, new_password: bool = False
) -> Forward:
    """Open the links of a lab; what is open already stays as it is, on the same ports.

    :param template: that of the configuration.
    :param authorities: certificates (PEM) of CAs that sites may have theirs from.
    Raises LabError when no port is free, or HAProxy is missing or refuses.
    """
    with locked(state_folder):
        place = folder(state_folder)
        place.mkdir(mode=0o700, exist_ok=True)
        now = _read(place)
        if new_password or (not now.operator and any(link.operators for link in links)):
            now.password = secrets.token_urlsafe(12)
            now.operator = digest(now.password)
        files = {
            CONFIGURATION: configuration(template, links, place / CA, now.operator),
            CA: authorities,
        }
        names = [link.name for link in links]
        if _holds(place, files) and names == [*now.ports] and len(_pids(place, lab)) == 1:
            return now
        end_all(lambda: _pids(place))
        if not links:
            return now
        for name, text in files.items():
            _write(place / name, text)
        with contextlib.ExitStack() as opened:
            taken = listeners(names, now.ports)
            for one in taken.values():
                for each in one.values():
                    opened.enter_context(each)
            now.ports = {name: next(iter(one.values())).getsockname()[1] for name, one in taken.items()}
            _start(lab, place, list(taken.values()))
        _write(place / STATE, json.dumps({"ports": now.ports, "operator": now.operator}))
        return now


def stop(state_folder: Path, *, dry_run: bool = False) -> list[str]:
    """Close all links of a lab, wherever their process runs; return the changes in words."""
    place = folder(state_folder)
    if not _pids(place):
        return []
    if not dry_run:
        end_all(lambda: _pids(place))
    return ["links"]


def digest(password: str) -> str:
    """Return the SHA-256 of the header that a browser sends; a random password needs no slower one."""
    sent = base64.b64encode(f"{OPERATOR}:{password}".encode()).decode()
    return hashlib.sha256(f"Basic {sent}".encode()).hexdigest()


def configuration(template: str, links: Sequence[Link], authorities: Path, operator: str) -> str:
    """Return HAProxy's configuration for links."""
    import jinja2  # noqa: PLC0415 - the controller has it, and machines that import this file do not

    environment = jinja2.Environment(
        undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True
    )
    return environment.from_string(template).render(links=links, ca=authorities, operator=operator)


def listeners(names: Iterable[str], wanted: Mapping[str, int]) -> dict[str, dict[str, socket.socket]]:
    """Return listening sockets for each name, by family: all on the same port, the wanted one where it is free.

    A port that somebody has on ::1 only is not free: a browser might ask there. Raises LabError when none is left.
    """
    result: dict[str, dict[str, socket.socket]] = {}
    wished = list(names)
    # Bookmarks stay good: who had a port is first, and has it again.
    for name in sorted(wished, key=lambda one: one not in wanted):
        candidates = [wanted[name], *PORTS] if name in wanted else PORTS
        found = next(filter(None, (_listen(port) for port in candidates)), None)
        if found is None:
            for one in result.values():
                for each in one.values():
                    each.close()
            raise LabError(f"no port from {PORTS[0]} to {PORTS[-1]} is free on 127.0.0.1, and the links need one each")
        result[name] = found
    return {name: result[name] for name in wished}


def _listen(port: int) -> dict[str, socket.socket] | None:
    """Return sockets that listen on a port of the loopback addresses that there are; None when one is taken."""
    opened: dict[str, socket.socket] = {}
    for family, (kind, address) in LOOPBACK.items():
        try:
            one = socket.socket(kind, socket.SOCK_STREAM)
        except OSError as error:
            if error.errno in NO_SUCH_FAMILY:
                continue
            raise
        try:
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if kind == socket.AF_INET6:
                one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            one.bind((address, port))
            one.listen(64)
        except OSError as error:
            one.close()
            if error.errno in NO_SUCH_FAMILY:
                continue
            for each in opened.values():
                each.close()
            return None
        opened[family] = one
    return opened or None


def _start(lab: str, place: Path, sockets: Sequence[Mapping[str, socket.socket]]) -> None:
    numbers = {
        f"LINK_{index}_{family}": str(one.fileno())
        for index, families in enumerate(sockets)
        for family, one in families.items()
    }
    argv = ["nsenter", f"--net={namespace_path(lab)}", PROGRAM, "-D", "-f", str(place / CONFIGURATION)]
    if shutil.which(PROGRAM) is None:
        raise LabError(f"the links cannot be opened: {PROGRAM} is not installed, and 'make ready' installs it")
    done = subprocess.run(
        argv,
        # Nothing of the operator's environment is its business.
        env={"PATH": os.environ.get("PATH", os.defpath), **numbers},
        pass_fds=[int(number) for number in numbers.values()],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        said = [line for line in done.stderr.splitlines() if not line.startswith("[NOTICE]")]
        raise LabError(
            "\n".join([f"the links cannot be opened: {PROGRAM} ended at once (exit {done.returncode})", *said])
        )


def _pids(place: Path, lab: str = "") -> list[int]:
    """Return the forward's processes, by what they were started with; of a lab that is named those in its namespace."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            program, *arguments = path.read_text(encoding="utf-8", errors="replace").split("\0")
            inside = path.with_name("ns").joinpath("net").stat().st_ino if lab else 0
            wanted = namespace_path(lab).stat().st_ino if lab else 0
        except OSError:
            continue
        pid = int(path.parent.name)
        if Path(program).name == PROGRAM and str(place / CONFIGURATION) in arguments and inside == wanted:
            found.append(pid)
    return [pid for pid in found if cgroup.lives(pid)]


def _holds(place: Path, files: Mapping[str, str]) -> bool:
    with contextlib.suppress(OSError):
        return all((place / name).read_text(encoding="utf-8") == text for name, text in files.items())
    return False


def _read(place: Path) -> Forward:
    try:
        found = json.loads((place / STATE).read_text(encoding="ascii"))
        return Forward({str(name): int(port) for name, port in found["ports"].items()}, str(found["operator"]))
    except (OSError, ValueError, KeyError, AttributeError, TypeError):
        return Forward()


def _write(path: Path, text: str) -> None:
    fresh = path.with_name(f".{path.name}.new")
    fresh.unlink(missing_ok=True)
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    fresh.rename(path)
