# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The checks of the name server. Each returns a status (0 ok, 1 warning, 2 critical, 3 unknown) and a sentence."""

from __future__ import annotations

import datetime
import subprocess
import time
from pathlib import Path

from ringmaster.core.checks import CRITICAL, OK, UNKNOWN, WARNING
from ringmaster.core.report import counted
from ringmaster.dns.loading import Places, differences, names

DAY = 86400


def _dig(*words: str) -> list[str]:
    """Return the lines of an answer; none when there is no answer."""
    argv = ["dig", "+short", "+time=2", "+tries=2", *words]
    done = subprocess.run(argv, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    return [line for line in done.stdout.splitlines() if line and not line.startswith(";")]


def zones(left_out: dict[str, str] | None = None) -> tuple[int, str]:
    """Every zone is served with the content that was last brought here, of which nothing had to be left out."""
    problems = differences(Places())
    if problems:
        more = f", and {len(problems) - 1} more" if len(problems) > 1 else ""
        return CRITICAL, f"{problems[0][0].upper()}{problems[0][1:]}{more}."
    if left_out:
        of = "; ".join(f"{name}: {why}" for name, why in sorted(left_out.items())[:3])
        return WARNING, f"All zones are served, without what {counted(len(left_out), 'machine')} may not say: {of}."
    served = counted(len(names(Places().sources)), "zone is served as it was", "zones are served as they were")
    return OK, f"{served} brought here."


def answers(addresses: list[str], name: str, expected: list[str]) -> tuple[int, str]:
    """The own name is answered on every address, over UDP and TCP."""
    begun = time.monotonic()
    wrong = [
        f"{address} ({'TCP' if option == '+tcp' else 'UDP'})"
        for address in addresses
        for option in ("+notcp", "+tcp")
        if not set(expected) <= {*_dig(f"@{address}", option, name, "A"), *_dig(f"@{address}", option, name, "AAAA")}
    ]
    if wrong:
        return CRITICAL, f"The name {name} is not answered as it should be on {', '.join(wrong)}."
    milliseconds = 1000 * (time.monotonic() - begun)
    where = counted(len(addresses), "address", "addresses")
    return OK, f"The own name is answered on {where} over UDP and TCP; {milliseconds:.0f} ms in all."


def recursion(address: str, names_to_ask: list[str]) -> tuple[int, str]:
    """Names of the Internet can be resolved. One of several is enough: others' name servers fail, too."""
    begun = time.monotonic()
    for name in names_to_ask:
        if _dig(f"@{address}", name, "A") or _dig(f"@{address}", name, "NS"):
            return OK, f"Names of the Internet are resolved ({name} in {1000 * (time.monotonic() - begun):.0f} ms)."
    return CRITICAL, f"No name of the Internet is resolved, not even one of {', '.join(names_to_ask)}."


def secondaries(zone: str, own: str, servers: list[str], warning_minutes: float) -> tuple[int, str]:
    """The secondaries have our serial; they are told of every change, and look by themselves, too."""
    ours = _soa(zone, own)
    if not ours:
        return UNKNOWN, f"This name server does not answer for {zone}."
    path = Places().zones / "external" / zone
    age = (time.time() - path.stat().st_mtime) / 60 if path.exists() else 0.0
    problems = [
        f"{server} {'has serial ' + theirs if theirs else 'does not answer'}"
        for server in servers
        if (theirs := _soa(zone, server)) != ours
    ]
    if problems and age > warning_minutes:
        return WARNING, f"The serial of {zone} is {ours} for {age:.0f} min, but {', '.join(problems)}."
    have = counted(len(servers), "secondary has", "secondaries have")
    return OK, f"{have} serial {ours} of {zone}{', or still time' * bool(problems)}."


def _soa(zone: str, server: str) -> str:
    lines = _dig(f"@{server}", "+norecurse", zone, "SOA")
    return lines[0].split()[2] if lines and len(lines[0].split()) > 2 else ""


def signatures(zone: str, folder: str, warning_days: float, critical_days: float) -> tuple[int, str]:
    """The signed zone's signatures are renewed in time."""
    path = Path(folder) / f"{zone}.signed"
    if not path.exists():
        return CRITICAL, f"Zone {zone} is not signed."
    command = ["named-compilezone", "-q", "-f", "raw", "-j", "-o", "-", zone, str(path)]
    text = subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL).stdout
    ends = [
        datetime.datetime.strptime(words[8], "%Y%m%d%H%M%S").replace(tzinfo=datetime.UTC)
        for words in map(str.split, text.splitlines())
        if len(words) > 8 and words[3] == "RRSIG"
    ]
    if not ends:
        return UNKNOWN, f"The signatures of zone {zone} cannot be read."
    days = (min(ends).timestamp() - time.time()) / DAY
    level = CRITICAL if days < critical_days else WARNING if days < warning_days else OK
    return level, f"The first signature of {zone} ends in {days:.1f} days; {counted(len(ends), 'signature')}."
