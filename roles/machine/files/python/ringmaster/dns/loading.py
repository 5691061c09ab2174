# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From the controller's zones without serials to the zones that the name server has loaded.

A zone whose content is new gets a serial above the last one; all new ones must pass named-checkzone before the
first is put in place, so that a bad zone is never loaded and the name server never sees half of a change.
"""

from __future__ import annotations

import contextlib
import pwd
import re
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from ringmaster.core import below
from ringmaster.core.report import Failure

UNIT = "named.service"
MARK = "@SERIAL@"
SERIAL = re.compile(r"(?<= IN SOA )(\S+ \S+ )(\d+)(?= )")
#: Seconds within which the name server must have loaded the zones.
PATIENCE = 30
ZONE_LIMIT = 64 * 1024 * 1024


@dataclass(frozen=True)
class Places:
    """Where things are. Three folders hold ``<view>/<zone>``.

    What lies in ``zones`` is the name server's to write: root works there by descriptors only.
    """

    sources: Path = Path("/etc/ringmaster/dns/zones")
    zones: Path = Path("/var/lib/bind/ringmaster")
    staged: Path = Path("/run/ringmaster/dns.staged")
    configuration: Path = Path("/etc/bind/named.conf")


def run(*words: str) -> subprocess.CompletedProcess[str]:
    """Run a command and keep what it says."""
    return subprocess.run(words, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)


def load(places: Places, now: Callable[[], float] = time.time) -> Iterator[str]:
    """Bring the name server to the sources; yield what was done. Raises Failure."""
    below.remove(places.staged)
    changed = {name: _with_serial(places, name, now()) for name in names(places.sources)}
    changed = {name: text for name, text in changed.items() if text}
    try:
        for name, text in changed.items():
            path = places.staged / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
            _check(name.partition("/")[2], path)
        _put_in_place(places, changed)
    finally:
        below.remove(places.staged)
    for name in changed:
        yield f"zone {name}: serial {serial_of(changed[name])}"
    for name in sorted(set(names(places.zones)) - set(names(places.sources))):
        _forget(places.zones / name)
        yield f"zone {name}: removed"
    yield from _serve(places)


def names(folder: Path) -> list[str]:
    """Return ``<view>/<zone>`` for all zones of a folder; what the name server writes beside them is left out."""
    if not folder.is_dir():
        return []
    return sorted(
        f"{view.name}/{zone.name}"
        for view in folder.iterdir()
        if view.is_dir() and view.name in ("internal", "external")
        for zone in view.iterdir()
        if not zone.name.startswith(".") and not re.search(r"\.(jnl|jbk|signed)$", zone.name)
    )


def serial_of(text: str) -> int:
    """Return the serial of a zone file; 0 when there is none."""
    found = SERIAL.search(text)
    return int(found[2]) if found else 0


def next_serial(old: int, now: float) -> int:
    """Return a serial above the old one: seconds since 1970, so that it also grows when the old one is lost."""
    return max(old + 1, int(now))


def _with_serial(places: Places, name: str, now: float) -> str:
    """Return the text of a zone with its new serial; nothing when the content is what is in place."""
    source = (places.sources / name).read_text()
    present = _present(places, name)
    if SERIAL.sub(rf"\g<1>{MARK}", present) == source:
        return ""
    return source.replace(MARK, str(next_serial(serial_of(present), now)), 1)


def _present(places: Places, name: str) -> str:
    """Return the text of a zone in the name server's folder; nothing where there is none, or no plain file."""
    view, _slash, zone = name.partition("/")
    try:
        with below.opened(places.zones / view) as folder:
            return folder.text(zone, ZONE_LIMIT)
    except (FileNotFoundError, below.Refused):
        return ""


def _check(zone: str, path: Path) -> None:
    # What the name server itself would only warn about is an error here; names outside the zone are not looked up.
    strict = [word for option in ("-k", "-m", "-n", "-M", "-r", "-S") for word in (option, "fail")]
    done = run("named-checkzone", "-i", "local", *strict, zone, str(path))
    said = (done.stdout + done.stderr).strip().replace(str(path), "the zone").splitlines()
    # Data of another zone is left out with no more than a remark.
    remarks = [line for line in said if "ignoring" in line]
    if done.returncode or remarks:
        reason = "; ".join((remarks or said)[:5])
        raise Failure(f"zone {zone} is not loaded: {reason}. All zones are served as before.")


def _put_in_place(places: Places, changed: Iterable[str]) -> None:
    with below.opened(places.zones.parent) as home:
        _make(home, places.zones.name)
        with home.folder(places.zones.name) as zones:
            # With DNSSEC the name server writes the signed zone beside the plain one, and its keys.
            for name, mode in (("internal", 0o755), ("external", 0o755), ("keys", 0o700)):
                _make(zones, name)
                with contextlib.suppress(LookupError):
                    zones.give(name, pwd.getpwnam("bind"), mode)
    for name in changed:
        view, _slash, zone = name.partition("/")
        with below.opened(places.zones / view) as folder, (places.staged / name).open("rb") as stream:
            folder.write(zone, stream, mode=0o644)


def _make(folder: below.Folder, name: str) -> None:
    if folder.status(name) is None:
        folder.make(name, mode=0o755).close()


def _forget(path: Path) -> None:
    with below.opened(path.parent) as folder:
        for suffix in ("", ".jnl", ".jbk", ".signed", ".signed.jnl"):
            folder.remove(path.name + suffix)


def _serve(places: Places) -> Iterator[str]:
    """Start the name server or let it read everything again; wait until it serves the zones."""
    active = run("systemctl", "is-active", "--quiet", UNIT).returncode == 0
    words = ["rndc", "reload"] if active else ["systemctl", "restart", UNIT]
    if run("systemctl", "is-enabled", "--quiet", UNIT).returncode:
        _must("systemctl", "enable", "--quiet", UNIT)
        yield "enable the name server"
    done = run(*words)
    if done.returncode and active:
        # Addresses it listens on, for example, cannot always be changed while it runs.
        words = ["systemctl", "restart", UNIT]
        done = run(*words)
    if done.returncode:
        journal = run("journalctl", "--no-pager", "-n", "5", "-o", "cat", "-u", UNIT).stdout.strip()
        raise Failure(f"{' '.join(words)}: {(done.stdout + done.stderr).strip()}\n{journal}")
    yield " ".join(words)
    end = time.monotonic() + PATIENCE
    while problems := differences(places):
        if time.monotonic() > end:
            raise Failure(f"the name server does not serve what it was given: {'; '.join(problems)}")
        time.sleep(0.2)


def _must(*words: str) -> None:
    done = run(*words)
    if done.returncode:
        raise Failure(f"{' '.join(words)}: {(done.stdout + done.stderr).strip()}")


def differences(places: Places) -> list[str]:
    """Return what differs between the sources and what the name server serves."""
    if run("systemctl", "is-active", "--quiet", UNIT).returncode:
        return ["the name server does not run"]
    problems = []
    for name in names(places.sources):
        view, _slash, zone = name.partition("/")
        if _with_serial(places, name, 0):
            problems.append(f"zone {zone} ({view}) was not brought to the name server")
            continue
        wanted = serial_of(_present(places, name))
        served = loaded_serial(zone, view)
        if served != wanted:
            problems.append(f"zone {zone} ({view}) has serial {served or 'none'}, not {wanted}")
    return problems


def loaded_serial(zone: str, view: str) -> int:
    """Return the serial that the name server has loaded (before it signs); 0 when it has not."""
    found = re.search(r"^serial: (\d+)$", run("rndc", "zonestatus", zone, "IN", view).stdout, re.MULTILINE)
    return int(found[1]) if found else 0
