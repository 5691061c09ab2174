# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bring the running nginx to what its files say: take in drop-ins, validate the whole, reload without a gap."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ringmaster.core import accepted, files, inbox, state, systemd
from ringmaster.core.report import Failure, Invalid, Report
from ringmaster.nginx import forwarded
from ringmaster.nginx.allowed import Rules, judge
from ringmaster.nginx.syntax import Directive

UNIT = "nginx.service"
SUFFIX = ".conf"
# Beside nginx.conf, by it or by virtual hosts; the last one where there are backends.
INCLUDED = (*forwarded.FILES.values(), "backend-errors.conf")
PATIENCE = 15.0
LOG_TAIL = 64 * 1024


@dataclass(frozen=True)
class Places:
    """Where things are."""

    home: Path = Path("/etc/ringmaster/nginx")
    inbox: Path = Path("/etc/local/nginx")
    loaded: Path = Path("/run/ringmaster/nginx.loaded")
    pid: Path = Path("/run/nginx.pid")

    @property
    def configuration(self) -> Path:
        """The file nginx is started with."""
        return self.home / "nginx.conf"

    @property
    def accepted(self) -> Path:
        """The root-owned folder of accepted drop-ins, as they were written."""
        return self.home / "accepted"

    @property
    def active(self) -> Path:
        """What the virtual hosts include: accepted drop-ins, rewritten, a file for each virtual host."""
        return self.home / "active"


def converge(places: Places, *, check: bool = False) -> Report:
    """Take in the drop-ins and bring nginx to its configuration. Raises Failure."""
    report = Report()
    rules = rules_of(places)
    signature = inbox.signature(places.inbox, SUFFIX)
    found = inbox.read(places.inbox, SUFFIX, lambda text: _only(text, rules))
    found, bodies = accepted.judge(found, lambda texts: _try(places, texts, rules), "nginx")
    report.refused = found.refused
    accepted.settle(places.accepted, SUFFIX, found.texts, report, check=check)
    if not check:
        _activate(places, bodies)
    _serve(places, report, check)
    if not check:
        state.remember("nginx", signature, found, report)
        _fetch_certificates()
    return report


def validate(places: Places) -> None:
    """Raise Failure unless the configuration with the drop-ins accepted so far is valid."""
    rules = rules_of(places)
    texts: dict[str, str] = {}
    for name, text in accepted.present(places.accepted, SUFFIX).items():
        try:
            judge(text, rules)
        except inbox.Refused:
            continue  # its virtual host is gone; the converge that follows leaves it out
        texts[name] = text
    try:
        _try(places, texts, rules)
    except Invalid as error:
        if texts:
            try:
                _try(places, {}, rules)
            except Invalid as own:
                raise Failure(f"nginx does not accept its configuration: {own}") from own
            return
        raise Failure(f"nginx does not accept its configuration: {error}") from error


def rules_of(places: Places) -> Rules:
    """Return what drop-ins may name, from what the roles wrote down."""
    vhosts: dict[str, str] = {}
    backends: list[str] = []
    for path in sorted((places.home / "sites").glob("*/site.json")):
        site = json.loads(path.read_text())
        for name, aliases in site["names"].items():
            vhosts.update(dict.fromkeys([name, *aliases], name))
        backends += site["backends"]
    permissions = Path("/etc/ringmaster/htpasswd")
    names = frozenset(path.name for path in permissions.glob("*")) if permissions.is_dir() else frozenset()
    return Rules(vhosts, frozenset(backends), names)


def _only(text: str, rules: Rules) -> None:
    judge(text, rules)


def _bodies(places: Places, texts: dict[str, str], rules: Rules) -> dict[str, str]:
    """Return what each virtual host includes."""
    ours = forwarded.read(places.home)
    found: dict[str, list[Directive]] = {}
    names: dict[str, list[str]] = {}
    for name, text in texts.items():
        for vhost, directives in judge(text, rules).items():
            found.setdefault(vhost, []).extend(directives)
            names.setdefault(vhost, []).append(f"# {name}")
    result = {}
    for vhost, directives in sorted(found.items()):
        lines = [line for one in forwarded.completed(directives, ours) for line in one.render("")]
        result[vhost] = "\n".join([*names[vhost], *lines, ""])
    return result


def _try(places: Places, texts: dict[str, str], rules: Rules) -> dict[str, str]:
    """Return what the virtual hosts include with these drop-ins, after nginx has accepted it. Raises Invalid."""
    bodies = _bodies(places, texts, rules)
    folder = Path(tempfile.mkdtemp(prefix="nginx-trial-", dir="/run"))
    try:
        for path in places.home.iterdir():
            if path != places.active:
                (folder / path.name).symlink_to(path)
        # Includes count from the folder of the main file, so that must be a file of this folder.
        (folder / "nginx.conf").unlink()
        shutil.copy(places.configuration, folder / "nginx.conf")
        (folder / "active").mkdir()
        for vhost, text in bodies.items():
            (folder / "active" / f"{vhost}.conf").write_text(text)
        done = test(folder / "nginx.conf")
        if done.returncode:
            raise Invalid(_reason(done.stderr, folder))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return bodies


def test(configuration: Path) -> subprocess.CompletedProcess[str]:
    """Let nginx look at a configuration. It makes the pid file if there is none, which others must be able to read."""
    return subprocess.run(
        ["/usr/sbin/nginx", "-t", "-q", "-c", str(configuration)],
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
        umask=0o022,
    )


def _reason(text: str, folder: Path) -> str:
    for line in text.splitlines():
        if "[emerg]" in line or "[alert]" in line or "[crit]" in line:
            return line.split("] ", 1)[1].removeprefix("nginx: ").replace(f"{folder}/", "").strip()
    return text.strip() or "nginx failed without a word"


def _activate(places: Places, bodies: dict[str, str]) -> None:
    places.active.mkdir(mode=0o755, exist_ok=True)
    for path in places.active.glob(f"*{SUFFIX}"):
        if path.name.removesuffix(SUFFIX) not in bodies:
            path.unlink()
    for vhost, text in bodies.items():
        path = places.active / f"{vhost}{SUFFIX}"
        if not path.exists() or path.read_text() != text:
            files.replace(path, text)


def configuration_files(places: Places) -> Iterator[Path]:
    """Yield every file that nginx reads once, except certificates, whose own program reloads nginx."""
    yield places.configuration
    for name in INCLUDED:
        if (places.home / name).exists():
            yield places.home / name
    for folder in ("sites", "active", "raw"):
        yield from sorted(path for path in (places.home / folder).rglob("*") if path.suffix in (".conf", ".server"))


def _digest(places: Places) -> str:
    digest = hashlib.sha256()
    for path in configuration_files(places):
        digest.update(f"{path}\0".encode() + path.read_bytes() + b"\0")
    return digest.hexdigest()


def _serve(places: Places, report: Report, check: bool) -> None:
    runs = systemd.prepare(UNIT, report, check)
    digest = _digest(places)
    if not runs or not _is_ours(places):
        systemd.step(report, check, "restart", UNIT)
    elif check:
        if report.steps or _loaded(places) != digest:
            report.steps.append(f"reload {UNIT}")
        return
    elif _loaded(places) != digest:
        report.steps.append(f"reload {UNIT}")
        _reload(places)
    if not check and _loaded(places) != digest:
        places.loaded.parent.mkdir(mode=0o755, exist_ok=True)
        files.replace(places.loaded, digest)


def _loaded(places: Places) -> str:
    try:
        return places.loaded.read_text()
    except FileNotFoundError:
        return ""


def _is_ours(places: Places) -> bool:
    """Whether the running master was started with our file, not with the package's."""
    try:
        command = Path(f"/proc/{master(places)}/cmdline").read_bytes()
    except (OSError, ValueError):
        return False
    return str(places.configuration).encode() in command


def master(places: Places) -> int:
    """Return the process id of the master. Raises OSError or ValueError when there is none."""
    return int(places.pid.read_text())


def _reload(places: Places) -> None:
    """Ask the master to take over its files, and wait until new workers serve: it tells no other way."""
    before = set(workers(master(places)))
    os.kill(master(places), signal.SIGHUP)
    end = time.monotonic() + PATIENCE
    while not set(workers(master(places))) - before:
        if time.monotonic() > end:
            raise Failure(f"nginx did not take over its new configuration: {_last_words()}")
        time.sleep(0.05)


def workers(parent: int) -> list[int]:
    """Return the workers of a master that take connections, not those that only finish theirs."""
    children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
    result = []
    for child in map(int, children):
        try:
            command = Path(f"/proc/{child}/cmdline").read_bytes()
        except OSError:
            continue
        if command.startswith(b"nginx: worker process") and b"shutting down" not in command:
            result.append(child)
    return result


def _last_words() -> str:
    try:
        with Path("/var/log/nginx/error.log").open("rb") as log:
            # The workers may write it, too: it can be of any size.
            log.seek(max(0, log.seek(0, os.SEEK_END) - LOG_TAIL))
            lines = log.read(LOG_TAIL).decode(errors="replace").splitlines()
    except OSError:
        return "its log cannot be read"
    told = [line for line in lines if "[emerg]" in line or "[crit]" in line or "[alert]" in line]
    return told[-1] if told else "its log has no reason"


def _fetch_certificates() -> None:
    """Let ACME begin as soon as nginx can show its proofs. What has failed before waits for its timer."""
    home = Path("/etc/ringmaster/certificates")
    for path in (home / "wanted").glob("*.json"):
        entry: dict[str, Any] = json.loads(path.read_text())
        if entry["source"] != "acme" or (home / "versions" / entry["name"] / "acme.json").exists():
            continue
        meta = json.loads((home / entry["name"] / "meta.json").read_text())
        if meta["source"] != "acme" or meta["names"] != entry["names"]:
            systemd.systemctl("start", "--no-block", "ringmaster-certificates.service")
            return
