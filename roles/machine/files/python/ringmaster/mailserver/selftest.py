# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Compare a mail server with what it should be, from the machine itself: for people, a line for each thing.

The exit code is 1 when something is wrong. ``--json`` gives the lines as data.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from ringmaster.core.checks import CRITICAL, OK, UNKNOWN, WARNING, reason
from ringmaster.mailserver import checks, resolve
from ringmaster.mailserver.places import Places

STATES = {OK: "ok", WARNING: "WARNING", CRITICAL: "WRONG", UNKNOWN: "unknown"}
# Lists that nearly every mail server asks.
BLOCKLISTS = ("zen.spamhaus.org", "bl.spamcop.net")

DEFINITIONS = Path("/usr/lib/ringmaster/checks.d/mailserver.json")

Line = tuple[str, int, str]


def lines(objects: dict[str, Any], definitions: list[dict[str, Any]]) -> Iterator[Line]:
    """Yield what was looked at, its status and a sentence."""
    for one in definitions:
        function: Callable[..., tuple[int, str]] = getattr(checks, one["function"].partition(":")[2])
        if one["name"] != "dns":
            yield one["name"], *_guarded(function, one.get("arguments", {}))
    yield from _records()
    for address in filter(None, objects["addresses"].values()):
        yield f"reverse name of {address}", *_guarded(_reverse, {"address": address, "wanted": objects["hostname"]})
        for blocklist in BLOCKLISTS:
            yield f"{blocklist} about {address}", *_guarded(_blocked, {"address": address, "blocklist": blocklist})


def _records() -> Iterator[Line]:
    for one in json.loads((Places().data / "dns.json").read_text()):
        yield f"{one['kind']} of {one['name']}", *_guarded(_record, one)


def _guarded(function: Callable[..., tuple[int, str]], arguments: dict[str, Any]) -> tuple[int, str]:
    try:
        return function(**arguments)
    except (OSError, resolve.NoAnswer) as error:
        return UNKNOWN, f"{reason(error)}."


def _record(name: str, kind: str, value: str) -> tuple[int, str]:
    found = resolve.ask(name, kind)
    if value in found:
        return OK, "As it should be."
    said = " and ".join(found)[:120] if found else "nothing"
    return CRITICAL, f"The DNS has {said}; publish: {value[:120]}"


def _reverse(address: str, wanted: str) -> tuple[int, str]:
    found = resolve.ask(resolve.reverse_name(address), "PTR")
    if found == [f"{wanted}."]:
        return OK, f"It is {wanted}, which is what the server says in HELO."
    said = " and ".join(found) if found else "missing"
    return WARNING, f"It is {said}, and must be {wanted}: many servers refuse mail otherwise."


def _blocked(address: str, blocklist: str) -> tuple[int, str]:
    name = resolve.reverse_name(address).removesuffix(".in-addr.arpa").removesuffix(".ip6.arpa")
    found = resolve.ask(f"{name}.{blocklist}", "A")
    listed = [one for one in found if one.startswith("127.0.0.")]
    if listed:
        return WARNING, f"The address is listed ({', '.join(listed)}): look at https://{blocklist.partition('.')[2]}"
    return OK, "Not listed."


def run(*, as_data: bool) -> int:
    """Print the lines; return the exit code."""
    definitions = json.loads(DEFINITIONS.read_text())
    found = list(lines(Places().read_objects(), definitions))
    bad = [line for line in found if line[1] in (CRITICAL, WARNING)]
    if as_data:
        rows = [{"what": what, "state": STATES[status], "sentence": sentence} for what, status, sentence in found]
        print(json.dumps(rows, indent=1))
    else:
        for what, status, sentence in found:
            print(f"{STATES[status]:8} {what}: {sentence}")
        print(f"{len(found)} checks, {len(bad)} to fix.")
    sys.stdout.flush()
    return 1 if bad else 0
