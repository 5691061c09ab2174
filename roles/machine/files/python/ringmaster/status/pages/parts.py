# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What several pages show: what is wrong, checks, incidents, how a VM is."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ringmaster.look.blocks import box, inner, number, on, rows, state, table, text, verdict, when
from ringmaster.status.model import ORDER, iso
from ringmaster.status.model import moment as seconds

Part = Mapping[str, Any]
IMPACTS = {"outage": "critical", "degraded": "warning", "maintenance": "work", "information": "off"}
RECENT = 10
SHOWN, NAMED = 10, 5
"""So many things that are wrong are told one by one, and so many VMs of a project by name."""


def wrong(worst: str, sentences: Iterable[str], good: str, *, counted: str = "") -> str:
    """Say first what is wrong, worst first, or that nothing is; ``counted`` says how much of how much it is."""
    found = list(sentences)
    if not found:
        return verdict(worst, "What is wrong", inner(f"<p>{text(good)}</p>"))
    more = len(found) - SHOWN
    lines = [*found[:SHOWN], *([f"and {more} more"] if more > 0 else [])]
    return verdict(worst, "What is wrong", rows(lines), beside=f"<span>{text(counted)}</span>" if counted else "")


def said(name: str, sentence: str) -> str:
    """Return a row of what is wrong: the state, and what is said of it, ready-made."""
    return f'{state(name)}<span class="said">{sentence}</span>'


def trouble(check: Part, made: float, about: str = "") -> str:
    """Say of one check what is wrong, and since when."""
    since = f" <small>{when(check['since'], made)}</small>" if check["since"] else ""
    return said(check["state"], f"{about}{text(check['sentence'])}{since}")


def troubles(checks: Iterable[Part]) -> list[Part]:
    """Return the checks that are not good, worst first and then those that last longest."""
    bad = [check for check in checks if check["state"] != "OK"]
    return sorted(bad, key=lambda check: (ORDER.index(check["state"]), check["since"] or "9"))


def by_name(part: Part) -> tuple[str | int, ...]:
    """Return what sorts names as people do: shop2 before shop10."""
    return tuple(int(piece) if piece.isdigit() else piece for piece in re.split(r"(\d+)", part["name"]))


def worst_first(parts: Iterable[Part]) -> list[Part]:
    """Sort parts by state, then by name."""
    return sorted(parts, key=lambda part: (ORDER.index(part["state"]), by_name(part)))


def percent(share: float) -> str:
    """Return a share of time, never rounded up to a hundred."""
    return "100 %" if share >= 1 else f"{min(99.99, 100 * share):.2f} %"


def kind_of(vm: Part) -> tuple[str, str]:
    """Return class and word of how a VM is."""
    if vm["wanted"] != "running":
        return "off", vm["wanted"].capitalize()
    if vm["maintained"]:
        return "work", "Maintenance"
    return vm["state"], ""


def checks(found: Iterable[Part], up: str, made: float) -> str:
    """Show checks in a table, each with the way to what it means."""
    lines = [
        (
            f'<a href="{up}{text(check["runbook"])}">{text(check["component"])}/{text(check["check"])}</a>',
            state(check["state"]),
            text(check["sentence"]),
            when(check["since"], made),
        )
        for check in found
    ]
    return table("Checks", ("Check", ("State", "tight"), ("Sentence", "said"), ("Since", "tight")), lines)


def incidents(found: Iterable[Part], identifier: str, title: str, made: float) -> str:
    """Show incidents with what was said of them; nothing where there are none."""
    parts = []
    for incident in found:
        told = "".join(f"<p>{when(_utc(one['at']), made)}: {text(one['text'])}</p>" for one in incident["updates"])
        begin = _utc(incident["begin"])
        until = f" to {on(_utc(incident['end']))}" if incident["end"] else ", not over yet"
        parts.append(
            f"<article><h3>{state(IMPACTS[incident['impact']], incident['impact'].capitalize(), wash=True)} "
            f"{text(incident['title'])}</h3>"
            f'<p class="soft small">{when(begin, made)}: {on(begin)}{until}</p>{told}</article>'
        )
    return box(identifier, title, inner("".join(parts))) if parts else ""


def ahead(found: Iterable[Part], made: float) -> str:
    """Show the incidents that are not over."""
    return incidents((one for one in found if one["when"] != "over"), "now", "Now and ahead", made)


def past(found: Iterable[Part], made: float) -> str:
    """Show the latest incidents that are over."""
    over = [one for one in found if one["when"] == "over"]
    return incidents(over[:RECENT], "past", "Past incidents", made)


def how_many(count: int, total: int, noun: str) -> str:
    """Say how many of some are not well: ``2 of 3 VMs are not well``."""
    return f"{count} of {number(total, noun)} {'is' if count == 1 else 'are'} not well"


def links(names: Iterable[str], address: str) -> Iterator[str]:
    """Yield a link for each name; ``address`` has ``{}`` in the place of the name."""
    for name in names:
        yield f'<a href="{text(address.format(name))}">{text(name)}</a>'


def _utc(moment: str) -> str:
    return iso(seconds(moment))
