# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The page of a project: what is wrong, all VMs at a glance, then each with what there is to say."""

from __future__ import annotations

from collections.abc import Iterator

from ringmaster.look.blocks import NOTHING, STATES, box, inner, number, rows, state, table, tally, text, tiles, when
from ringmaster.status import markup
from ringmaster.status.model import ORDER
from ringmaster.status.pages import parts
from ringmaster.status.pages.parts import Part

MANY = 12
"""From so many VMs on, they are shown at a glance as well."""


def page(part: Part, made: float) -> str:
    """Return the page."""
    bad = sum(vm["state"] != "OK" for vm in part["vms"])
    counted = parts.how_many(bad, len(part["vms"]), "VM") if bad else ""
    good = "Nothing: all VMs and pages of the project are well."
    content = parts.wrong(part["state"], _wrong(part, made), good, counted=counted)
    content += parts.ahead(part["incidents"], made)
    content += _vms(part, made)
    if part["urls"]:
        lines = [
            (text(one["name"]), state(one["state"]), text(one["sentence"]), text(one["url"])) for one in part["urls"]
        ]
        head = ("Check", ("State", "tight"), ("Sentence", "said"), ("Address", "said"))
        content += box("urls", "Pages", table("Pages", head, lines))
    planned = [(vm["name"], line) for vm in part["vms"] for line in vm["planned"]]
    planned += [(vm["name"], "settings wait for a restart") for vm in part["vms"] if vm["pending_restart"]]
    lines_ahead = [
        f'<span class="said"><a href="{text(name)}.html">{text(name)}</a>: {text(line)}</span>'
        for name, line in planned
    ]
    content += box("maintenance", "Maintenance", rows(lines_ahead) if planned else inner("<p>Nothing is planned.</p>"))
    content += parts.past(part["incidents"], made)
    way = (("Platform", "../../"), ("Projects", "../../#projects"))
    return markup.page(part["name"], content, part, made, way=way, lede=text(part["description"]))


def _wrong(part: Part, made: float) -> Iterator[str]:
    for vm in parts.worst_first(part["vms"]):
        if vm["state"] != "OK":
            link = f'<a href="{text(vm["name"])}.html">{text(vm["name"])}</a>: '
            yield from (parts.trouble(check, made, link) for check in parts.troubles(vm["checks"])[:1])
    for url in parts.worst_first(part["urls"]):
        if url["state"] != "OK":
            yield parts.said(url["state"], f"{text(url['name'])}: {text(url['sentence'])}")


def _vms(part: Part, made: float) -> str:
    vms = part["vms"]
    if not vms:
        return box("vms", "VMs", inner("<p>The project has no VMs.</p>"))
    counts = dict.fromkeys((*ORDER, "work", "off"), 0)
    for vm in vms:
        counts[parts.kind_of(vm)[0]] += 1
    words = {"work": "in maintenance", "off": "not running"}
    content = ""
    if len(vms) >= MANY:
        found = sorted(vms, key=parts.by_name)
        content = inner(tiles(_tile(vm) for vm in found))
    content += table(
        "VMs",
        (
            "VM",
            ("State", "tight"),
            ("What is wrong", "said"),
            ("Components", "rest"),
            ("Size", "tight rest"),
            ("30 days", "tight rest num"),
        ),
        (_line(vm, made) for vm in sorted(vms, key=_order)),
    )
    return box("vms", number(len(vms), "VM"), content, beside=tally(counts, words))


def _tile(vm: Part) -> tuple[str, str, str, str]:
    kind, word = parts.kind_of(vm)
    usual = STATES.get(kind, (kind, ""))
    return f"{vm['name']}.html", vm["name"], usual[0], word or usual[1]


def _order(vm: Part) -> tuple[int, tuple[str | int, ...]]:
    kind, _word = parts.kind_of(vm)
    return [*ORDER[:-1], "work", "off", "OK"].index(kind), parts.by_name(vm)


def _line(vm: Part, made: float) -> tuple[str, ...]:
    found = vm["configuration"]
    return (
        f'<a href="{text(vm["name"])}.html">{text(vm["name"])}</a>',
        state(*parts.kind_of(vm)),
        _first_trouble(vm, made),
        text(", ".join(found["components"])) or NOTHING,
        text(f"{number(found['cores'], 'core')}, {memory(found['memory_mib'])}"),
        parts.percent(vm["uptime"]["30 days"]) if "30 days" in vm["uptime"] else NOTHING,
    )


def memory(mib: int) -> str:
    """Return memory in the unit that it was most likely given in."""
    return f"{mib // 1024} GiB" if mib % 1024 == 0 else f"{mib} MiB"


def _first_trouble(vm: Part, made: float) -> str:
    found = parts.troubles(vm["checks"])
    if not found or parts.kind_of(vm)[0] in ("off", "work"):
        return NOTHING
    since = when(found[0]["since"], made) if found[0]["since"] else ""
    more = f"and {len(found) - 1} more" if len(found) > 1 else ""
    told = ", ".join(part for part in (since, more) if part)
    return text(found[0]["sentence"]) + (f" <small>{told}</small>" if told else "")
