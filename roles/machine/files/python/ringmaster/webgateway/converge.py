# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bring the running haproxy to what its files say, with drop-ins and drained members, without a gap."""

from __future__ import annotations

import hashlib
import json
import re
import resource
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ringmaster.core import accepted, files, inbox, state, systemd
from ringmaster.core.report import Failure, Invalid, Report
from ringmaster.webgateway import runtime
from ringmaster.webgateway.drop_ins import judge

UNIT = "haproxy.service"
NAME = "webgateway"
DAEMON = "haproxy"
SUFFIX = ".cfg"
BACKEND = re.compile(r"backend ([a-z][a-z0-9_-]*)")
SERVER = re.compile(r"    server ([a-z0-9-]+) ")
MAXCONN = re.compile(r"^( {4}maxconn )(\d+)$", re.MULTILINE)
# One to the client and one to the member; the others are listeners, checks of members, sockets and pipes.
FILES_OF_A_CONNECTION = 2
OTHER_FILES = 1000


@dataclass(frozen=True)
class Places:
    """Where things are."""

    home: Path = Path("/etc/ringmaster/haproxy")
    inbox: Path = Path("/etc/local/haproxy")
    loaded: Path = Path("/run/ringmaster/haproxy.loaded")

    @property
    def declared(self) -> Path:
        """What the description says."""
        return self.home / "declared.cfg"

    @property
    def configuration(self) -> Path:
        """The file haproxy is started with: the declared one with drop-ins and drained members."""
        return self.home / "haproxy.cfg"

    @property
    def accepted(self) -> Path:
        """The root-owned folder of accepted drop-ins, as they were written."""
        return self.home / "accepted"

    @property
    def raw(self) -> Path:
        """Further configuration, for root only."""
        return self.home / "raw"

    @property
    def drained(self) -> Path:
        """Members that get no new sessions: backend to names."""
        return self.home / "drained.json"


def converge(places: Places, *, check: bool = False) -> Report:
    """Take in the drop-ins and bring haproxy to its configuration. Raises Failure."""
    report = Report()
    backends = frozenset(members(places))
    signature = inbox.signature(places.inbox, SUFFIX)
    found = inbox.read(places.inbox, SUFFIX, lambda text: _only(text, backends))
    found, text = accepted.judge(found, lambda texts: _try(places, texts), "haproxy")
    report.refused = found.refused
    accepted.settle(places.accepted, SUFFIX, found.texts, report, check=check)
    if not check and (not places.configuration.exists() or places.configuration.read_text() != text):
        files.replace(places.configuration, text)
    _serve(places, text, report, check)
    if not check:
        state.remember(DAEMON, signature, found, report)
    return report


def validate(places: Places) -> None:
    """Raise Failure unless the declared configuration is valid."""
    try:
        _try(places, {})
    except Invalid as error:
        raise Failure(f"haproxy does not accept its configuration: {error}") from error


def members(places: Places) -> dict[str, list[str]]:
    """Return the names of the members of each declared backend."""
    result: dict[str, list[str]] = {}
    for backend, lines in _sections(places.declared.read_text()):
        if backend:
            result[backend] = [found[1] for line in lines if (found := SERVER.match(line))]
    return result


def drained(places: Places) -> dict[str, list[str]]:
    """Return the members that get no new sessions, by backend."""
    try:
        result: dict[str, list[str]] = json.loads(places.drained.read_text())
    except FileNotFoundError:
        return {}
    return result


def drain(places: Places, member: str, backend: str | None, *, undo: bool, check: bool) -> Report:
    """Give a member no new sessions, or give it some again, in one backend or in all that have it."""
    known = members(places)
    chosen = [name for name, found in known.items() if member in found and backend in (None, name)]
    if not chosen:
        where = f"backend {backend}" if backend else "any backend that haproxy balances"
        have = "; ".join(f"{name}: {', '.join(found)}" for name, found in known.items()) or "none"
        raise Failure(f"'{member}' is no member of {where}. Backends with their members: {have}")
    before = drained(places)
    after = {name: sorted(before.get(name, [])) for name in known}
    for name in chosen:
        after[name] = sorted((set(after[name]) - {member}) | (set() if undo else {member}))
    after = {name: found for name, found in after.items() if found}
    report = Report()
    if after == before:
        return report
    if not undo:
        for name in chosen:
            if set(known[name]) <= set(after[name]):
                raise Failure(
                    f"backend {name} would have no member left: {', '.join(known[name])} would all be drained"
                )
    report.steps.append(f"{'give new sessions to' if undo else 'drain'} {member} in {', '.join(chosen)}")
    if check:
        return report
    files.replace(places.drained, json.dumps(after, indent=1) + "\n")
    report.steps += converge(places).steps
    return report


def sessions(member: str) -> int:
    """Return how many sessions a member still has."""
    return sum(server.sessions for server in runtime.servers() if server.name == member)


def _only(text: str, backends: frozenset[str]) -> None:
    judge(text, backends)


def _sections(text: str) -> Iterator[tuple[str, list[str]]]:
    """Yield each section with the backend's name, empty for other sections."""
    name = ""
    lines: list[str] = []
    for line in text.splitlines():
        if line and not line[0].isspace():
            yield name, lines
            found = BACKEND.fullmatch(line)
            name, lines = (found[1] if found else ""), []
        lines.append(line)
    yield name, lines


def build(declared: str, texts: dict[str, str], out: dict[str, list[str]]) -> str:
    """Return the whole: declared sections, in each backend what drop-ins add, drained members without weight."""
    backends = frozenset(name for name, _lines in _sections(declared) if name)
    additions: dict[str, list[str]] = {}
    for file, text in texts.items():
        for backend, lines in judge(text, backends).items():
            additions.setdefault(backend, []).append(f"    # {file}")
            additions[backend] += [f"    {line}" for line in lines]
    result: list[str] = []
    for name, lines in _sections(declared):
        while lines and not lines[-1].strip():
            lines.pop()
        for line in lines:
            found = SERVER.match(line)
            result.append(f"{line} weight 0" if found and found[1] in out.get(name, ()) else line)
        result += [*additions.get(name, []), ""]
    return "\n".join(result)


def within_files(text: str, files_here: int) -> str:
    """Return the whole with no more connections than files that may be open: haproxy does not start with more.

    ``haproxy -c`` does not look at that. Its unit raises what systemd allows, which is less in some containers.
    """
    if files_here == resource.RLIM_INFINITY:
        return text
    most = max(1, (files_here - OTHER_FILES) // FILES_OF_A_CONNECTION)
    return MAXCONN.sub(lambda found: f"{found[1]}{min(int(found[2]), most)}", text, count=1)


def _try(places: Places, texts: dict[str, str]) -> str:
    """Return the whole with these drop-ins, after haproxy has accepted it. Raises Invalid."""
    # Of systemd, which gives it to its units; a shell of somebody may have less.
    _soft, hard = resource.prlimit(1, resource.RLIMIT_NOFILE)
    text = within_files(build(places.declared.read_text(), texts, drained(places)), hard)
    trial = places.home / ".trial"
    files.replace(trial, text, mode=0o600)
    try:
        done = subprocess.run(
            ["/usr/sbin/haproxy", "-c", "-f", str(trial), "-f", str(places.raw)],
            capture_output=True,
            text=True,
            check=False,
            stdin=subprocess.DEVNULL,
        )
    finally:
        trial.unlink()
    if done.returncode:
        raise Invalid(reason(done.stderr + done.stdout))
    return text


def reason(text: str) -> str:
    """Return what haproxy complains about first, without the line of our trial's file."""
    for line in text.splitlines():
        if "[ALERT]" in line:
            told = line.split(" : ", 1)[-1].removeprefix("config : ")
            return re.sub(r"(parsing )?\[[^\]]*\.trial:\d+\] *:? *", "", told).strip()
    return text.strip() or "haproxy failed without a word"


def _serve(places: Places, text: str, report: Report, check: bool) -> None:
    runs = systemd.prepare(UNIT, report, check)
    digest = _digest(places, text)
    try:
        known = places.loaded.read_text()
    except FileNotFoundError:
        known = ""
    if not runs or not known:
        systemd.step(report, check, "restart", UNIT)
    elif known != digest:
        systemd.step(report, check, "reload", UNIT)
    if not check and known != digest:
        _wait(places)
        places.loaded.parent.mkdir(mode=0o755, exist_ok=True)
        files.replace(places.loaded, digest)


def _digest(places: Places, text: str) -> str:
    digest = hashlib.sha256(text.encode())
    for path in sorted(places.raw.glob(f"*{SUFFIX}")):
        digest.update(f"{path}\0".encode() + path.read_bytes())
    return digest.hexdigest()


def _wait(places: Places) -> None:
    """Wait until the new process answers with every declared backend."""
    wanted = set(members(places))
    end = time.monotonic() + 10
    while True:
        try:
            if wanted <= {server.backend for server in runtime.servers(runtime.ADMIN)}:
                return
        except OSError:
            pass
        if time.monotonic() > end:
            raise Failure("haproxy did not take over its new configuration; see journalctl -u haproxy")
        time.sleep(0.05)
