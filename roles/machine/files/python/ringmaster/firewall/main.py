# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``ringmaster firewall``: take the project's own rules into the chain that is theirs."""

from __future__ import annotations

import argparse
import re
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ringmaster.core import accepted, component, files, inbox, state
from ringmaster.core.report import Failure, Invalid, Report
from ringmaster.firewall import rules

SUFFIX = ".nft"


@dataclass(frozen=True)
class Places:
    """Where things are."""

    ruleset: Path = Path("/etc/ringmaster/firewall.nft")
    accepted: Path = Path("/etc/ringmaster/firewall/accepted")
    local: Path = Path("/etc/ringmaster/firewall/local.nft")
    inbox: Path = Path("/etc/local/firewall")
    loader: Path = Path("/usr/lib/ringmaster/firewall")


def converge(places: Places, *, check: bool = False) -> Report:
    """Take in the drop-ins and load them with the platform's ruleset, in one transaction. Raises Failure."""
    report = Report()
    signature = inbox.signature(places.inbox, SUFFIX)
    found = inbox.read(places.inbox, SUFFIX, rules.judge)
    found, text = accepted.judge(found, lambda texts: _try(places, texts), "nft")
    report.refused = found.refused
    accepted.settle(places.accepted, SUFFIX, found.texts, report, check=check)
    if not places.local.exists() or places.local.read_text() != text:
        report.steps.append("load the rules of the project")
        if not check:
            files.replace(places.local, text, mode=0o640)
            _load(places)
    if not check:
        state.remember("firewall", signature, found, report)
    return report


def _validate(places: Places) -> None:
    try:
        _try(places, accepted.present(places.accepted, SUFFIX))
    except Invalid as error:
        raise Failure(f"nft does not accept the ruleset: {error}") from error


def _try(places: Places, texts: dict[str, str]) -> str:
    """Return the commands for these drop-ins, after nft has looked at them with the whole ruleset. Raises Invalid."""
    text = "".join(rules.commands(one) for one in texts.values())
    whole = places.ruleset.read_text() + text
    done = subprocess.run(["nft", "-c", "-f", "-"], input=whole, capture_output=True, text=True, check=False)
    if done.returncode:
        said = done.stderr.strip().splitlines()
        first = re.sub(r"^.*?Error: ", "", said[0]) if said else "no reason given"
        where = said[1].removeprefix(f"add rule {rules.TABLE} {rules.CHAIN} ") if said[1:] else ""
        raise Invalid(f"{first} ({where})" if where else first)
    return text


def _load(places: Places) -> None:
    done = subprocess.run([str(places.loader), "load"], capture_output=True, text=True, check=False)
    if done.returncode:
        raise Failure(f"{places.loader} load: {done.stderr.strip()}")


PLACES = Places()
FIREWALL = component.Component(
    "firewall",
    converge=lambda check, _restart: converge(PLACES, check=check),
    validate=lambda: _validate(PLACES),
    inbox=PLACES.inbox,
    suffix=SUFFIX,
)


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    return component.parser(FIREWALL)


def main(words: Sequence[str] | None = None) -> int:
    """Do what the words say; return an exit code."""
    return component.run(FIREWALL, words)
