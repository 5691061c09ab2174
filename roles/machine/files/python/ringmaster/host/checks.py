# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The checks of every machine. Each returns 0 ok, 1 warning, 2 critical or 3 unknown, and a sentence."""

from __future__ import annotations

import base64
import ctypes
import json
import os
import re
import struct
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ringmaster.core.checks import CRITICAL, DAY, OK, UNKNOWN, WARNING, level
from ringmaster.core.report import counted
from ringmaster.host.packages import told as packages_told
from ringmaster.host.user_units import failed as failed_user_units

DISK_FILESYSTEMS = frozenset({"ext2", "ext3", "ext4", "xfs", "btrfs", "f2fs", "zfs"})
FOREIGN = "/run/host/"  # what a container shows of its host
ANSWER = 300  # characters of a refusal that are shown
MIB = 1024 * 1024
GIB = 1024 * MIB
STA_NANO = 0x2000  # adjtimex(2): the offset is in nanoseconds, not microseconds
TIME_ERROR = 5  # adjtimex(2): the clock is not synchronised


def disk(warning: int, critical: int) -> tuple[int, str]:
    """Space of every file system on a disk, in percent used."""
    return _fullest(warning, critical, _space_used, "full")


def inodes(warning: int, critical: int) -> tuple[int, str]:
    """Inodes of every file system on a disk, in percent used. Some kinds have no fixed number."""
    return _fullest(warning, critical, _inodes_used, "out of inodes")


def _fullest(warning: int, critical: int, measure, what: str) -> tuple[int, str]:
    found = [(percent, place, rest) for place in _places() for percent, rest in measure(place)]
    if not found:
        return OK, "No file system on a disk is mounted."
    found.sort(reverse=True)
    status = max(level(percent, warning, critical) for percent, _place, _rest in found)
    shown = [one for one in found if level(one[0], warning, critical)] or found[:1]
    parts = [f"{place} is {percent:.0f} % {what} ({rest})" for percent, place, rest in shown]
    return status, "; ".join(parts) + "."


def _space_used(place: str) -> Iterator[tuple[float, str]]:
    figures = os.statvfs(place)
    used = figures.f_blocks - figures.f_bfree
    usable = used + figures.f_bavail  # without root's reserve, as df counts
    if usable:
        yield 100 * used / usable, f"{_size(figures.f_bavail * figures.f_frsize)} free"


def _inodes_used(place: str) -> Iterator[tuple[float, str]]:
    figures = os.statvfs(place)
    if figures.f_files:
        yield 100 * (figures.f_files - figures.f_ffree) / figures.f_files, f"{figures.f_favail} free"


def read_only() -> tuple[int, str]:
    """File systems on a disk that are mounted read-only, which is what an error of the disk leads to."""
    affected = sorted({place for place, options in _mounts() if "ro" in options})
    if affected:
        return CRITICAL, f"Mounted read-only: {', '.join(affected)}."
    return OK, "All file systems can be written."


def components(others: dict[str, dict[str, Any]]) -> tuple[int, str]:
    """Components that run although the description does not have them. Nothing touches them."""
    running = []
    for name, facts in sorted(others.items()):
        if Path(facts["mark"]).exists() and _runs(facts):
            running.append(f"{facts['title']} ({name})")
    if not running:
        return OK, "No component runs that is not described."
    verb = "runs" if len(running) == 1 else "run"
    return WARNING, f"{' and '.join(running)} {verb} here, and the description does not say so."


def _runs(facts: dict[str, Any]) -> bool:
    """Whether one of a component's units runs, in whose names may be stars."""
    # Definitions from before a component could have several name one.
    units = facts["daemons"] if "daemons" in facts else [facts["daemon"]]
    done = subprocess.run(
        ["systemctl", "list-units", "--state=active", "--plain", "--no-legend", "--full", *units],
        capture_output=True,
        text=True,
        check=False,
    )
    return bool(done.stdout.strip())


def swap(warning_mib: int, critical_mib: int) -> tuple[int, str]:
    """Swap in use, in MiB."""
    figures = _meminfo()
    total = figures.get("SwapTotal", 0) // MIB
    used = total - figures.get("SwapFree", 0) // MIB
    if not total:
        return OK, "There is no swap."
    return level(used, warning_mib, critical_mib), f"{used} MiB of {total} MiB of swap are in use."


def memory(available_warning: int, pressure_warning: float) -> tuple[int, str]:
    """Memory left in percent, and the share of the last 5 minutes in which something waited for memory."""
    figures = _meminfo()
    total, available = figures["MemTotal"], figures["MemAvailable"]
    left = 100 * available / total
    pressure = _pressure("memory")
    sentence = f"{_size(available)} of {_size(total)} ({left:.0f} %) are available"
    if pressure is None:
        sentence += "."
    else:
        sentence += f"; something waited for memory during {pressure:.0f} % of the last 5 minutes."
    low = left < available_warning or (pressure is not None and pressure > pressure_warning)
    return (WARNING if low else OK), sentence


def failed_units() -> tuple[int, str]:
    """Units of systemd that have failed."""
    answer = _command("systemctl", "list-units", "--state=failed", "--plain", "--no-legend", "--no-pager")
    units = [line.split()[0] for line in answer.splitlines() if line.split()]
    if units:
        return WARNING, f"{counted(len(units), 'unit has', 'units have')} failed: {', '.join(units)}."
    return OK, "No unit has failed."


def user_units() -> tuple[int, str]:
    """Units of service users that have failed; their own managers answer. Needs root, to ask as each of them."""
    return failed_user_units()


def packages() -> tuple[int, str]:
    """Debian packages that the project asks for, and those that it asked for before."""
    return packages_told()


def clock(grace: int) -> tuple[int, str]:
    """Whether the time service has set the clock. ``grace`` is seconds after boot."""
    if Path("/run/systemd/container").exists():
        return OK, "The clock is the host's."
    buffer = ctypes.create_string_buffer(512)  # struct timex with modes 0: only read
    state = ctypes.CDLL(None, use_errno=True).adjtimex(buffer)
    if state < 0:
        return UNKNOWN, f"adjtimex: {os.strerror(ctypes.get_errno())}."
    if state != TIME_ERROR:
        word = ctypes.sizeof(ctypes.c_long)
        offset = ctypes.c_long.from_buffer(buffer, word).value
        status = ctypes.c_int.from_buffer(buffer, 5 * word).value
        seconds = abs(offset) / (1e9 if status & STA_NANO else 1e6)
        return OK, f"The clock is synchronised (offset {seconds:.6f} s)."
    uptime = float(Path("/proc/uptime").read_text().split()[0])
    if uptime < grace:
        return OK, f"The clock is not synchronised yet, {uptime / 60:.0f} min after boot."
    return WARNING, "No time server has set the clock since boot (see timedatectl timesync-status)."


def reboot_required(warning_days: float, critical_days: float) -> tuple[int, str]:
    """How long a reboot has been needed: asked for by a package, or a newer kernel is installed."""
    reasons: list[tuple[float, str]] = []
    flag = Path("/run/reboot-required")
    if flag.exists():
        packages = Path("/run/reboot-required.pkgs")
        names = sorted(set(packages.read_text().split())) if packages.exists() else []
        reasons.append((flag.stat().st_mtime, ", ".join(names[:5]) or "a package asks for it"))
    running = os.uname().release
    kernels = sorted(Path("/boot").glob("vmlinuz-*"), key=_kernel_key)
    newest = kernels[-1].name.removeprefix("vmlinuz-") if kernels else running
    # A kernel that is not among the installed ones (a container's) says nothing about this machine.
    if newest != running and any(path.name == f"vmlinuz-{running}" for path in kernels):
        reasons.append((kernels[-1].stat().st_mtime, f"kernel {newest} is installed, {running} runs"))
    if not reasons:
        return OK, "No reboot is needed."
    days = (time.time() - min(when for when, _why in reasons)) / 86400
    why = "; ".join(why for _when, why in reasons)
    return level(days, warning_days, critical_days), f"A reboot has been needed for {days:.1f} days: {why}."


def _kernel_key(path: Path) -> list[tuple[int, str]]:
    parts = re.findall(r"\d+|[a-z]+", path.name.removeprefix("vmlinuz-"))
    return [(int(part), "") if part.isdigit() else (-1, part) for part in parts]


def firewall() -> tuple[int, str]:
    """Whether a rule set that drops by default filters what comes in. Needs root: only root may see it."""
    try:
        answer = _command("nft", "-j", "list", "chains")
    except FileNotFoundError:
        return CRITICAL, "There is no firewall: nft is not installed."
    chains = [item["chain"] for item in json.loads(answer)["nftables"] if "chain" in item]
    inputs = [chain for chain in chains if chain.get("hook") == "input" and chain.get("type") == "filter"]
    dropping = {chain["family"] for chain in inputs if chain.get("policy") == "drop"}
    if "inet" in dropping or {"ip", "ip6"} <= dropping:
        tables = sorted({f"{chain['family']} {chain['table']}" for chain in inputs})
        return OK, f"The firewall is active ({', '.join(tables)})."
    return CRITICAL, "The firewall is not active: no input chain drops by default for IPv4 and IPv6."


def roster(unit: str, warning_minutes: float, critical_minutes: float) -> tuple[int, str]:
    """How long ago ``unit`` last compared the accounts with the roster."""
    properties = "--property=LoadState,Result,ExecMainExitTimestamp"
    answer = _command("systemctl", "show", "--timestamp=unix", properties, unit)
    values = dict(line.split("=", 1) for line in answer.splitlines() if "=" in line)
    if values.get("LoadState") != "loaded":
        return WARNING, f"No roster of accounts has been applied yet: there is no {unit}."
    ended = values.get("ExecMainExitTimestamp", "").lstrip("@")
    uptime = float(Path("/proc/uptime").read_text().split()[0])
    minutes = (time.time() - float(ended)) / 60 if ended else uptime / 60
    since = "since the machine started" if not ended else f"for {minutes:.0f} min"
    if ended and values.get("Result") != "success":
        return WARNING, f"Applying the roster of accounts failed {minutes:.0f} min ago (see {unit})."
    status = level(minutes, warning_minutes, critical_minutes)
    if status or not ended:
        return status, f"The accounts have not been compared with the roster {since}."
    return OK, f"The accounts were compared with the roster {minutes:.0f} min ago."


def answers(folder: str) -> tuple[int, str]:
    """Whether the newest runs of the platform took what machines answered. Who lies to them cannot say so itself."""
    refused = sorted(Path(folder).iterdir()) if Path(folder).is_dir() else []
    if not refused:
        return OK, "No answer of a machine was refused."
    said = [path.read_text(encoding="utf-8", errors="backslashreplace").strip()[:ANSWER] for path in refused[:3]]
    more = f" And of {counted(len(refused) - 3, 'more machine')}." if len(refused) > 3 else ""
    return CRITICAL, f"Answers of {counted(len(refused), 'machine')} were refused: {'; '.join(said)}.{more}"


def certificate(path: str, warning_days: float, critical_days: float) -> tuple[int, str]:
    """Days that the SSH host certificate is still good."""
    try:
        text = Path(path).read_text()
    except FileNotFoundError:
        return WARNING, f"There is no SSH host certificate: {path} is missing."
    try:
        days = (_ends(base64.b64decode(text.split()[1])) - time.time()) / DAY
    except (ValueError, IndexError, struct.error):
        return CRITICAL, f"{path} is no SSH host certificate."
    if days < 0:
        return CRITICAL, f"The SSH host certificate has ended {-days:.1f} days ago; people are asked about this host."
    return level(-days, -warning_days, -critical_days), f"The SSH host certificate is good for {days:.0f} days."


def _ends(blob: bytes) -> int:
    """Return when an Ed25519 certificate ends (PROTOCOL.certkeys), in seconds since 1970."""
    offset = 0
    for _field in ("type", "nonce", "key"):
        offset += 4 + struct.unpack_from(">I", blob, offset)[0]
    offset += 8 + 4  # serial and kind
    for _field in ("identity", "names"):
        offset += 4 + struct.unpack_from(">I", blob, offset)[0]
    _begin, end = struct.unpack_from(">QQ", blob, offset)
    return int(end)


def _mounts() -> Iterator[tuple[str, frozenset[str]]]:
    """Yield place and options of the file systems on disks: options of the whole, not of a bind mount."""
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        mount, _dash, whole = line.partition(" - ")
        kind, _source, options = whole.split(maxsplit=2)
        place = re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), mount.split()[4])
        if kind in DISK_FILESYSTEMS and not place.startswith(FOREIGN):
            yield place, frozenset(options.split(","))


def _places() -> list[str]:
    """Return one folder for each file system, as the same disk may be seen through many bind mounts."""
    places: dict[int, str] = {}
    for place in sorted(["/", *(place for place, _options in _mounts())], key=len):
        try:
            number = Path(place).stat().st_dev
        except OSError:
            continue
        if Path(place).is_dir():
            places.setdefault(number, place)
    return list(places.values())


def _meminfo() -> dict[str, int]:
    lines = (line.split() for line in Path("/proc/meminfo").read_text().splitlines())
    return {words[0].rstrip(":"): int(words[1]) * 1024 for words in lines}


def _pressure(what: str) -> float | None:
    try:
        first = Path(f"/proc/pressure/{what}").read_text().splitlines()[0]
    except OSError:
        return None
    return float(dict(word.split("=") for word in first.split()[1:])["avg300"])


def _size(amount: int) -> str:
    return f"{amount / GIB:.1f} GiB" if amount >= GIB else f"{amount / MIB:.0f} MiB"


def _command(*words: str) -> str:
    return subprocess.run(words, capture_output=True, text=True, check=True, stdin=subprocess.DEVNULL).stdout
