# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The page of a VM: what is wrong, how to get in, its figures, what it is made of, its checks, its maintenance."""

from __future__ import annotations

from collections.abc import Mapping

from ringmaster.look.blocks import NOTHING, box, copy, facts, inner, number, on, state, table, text, when
from ringmaster.status import markup
from ringmaster.status.graphs import frame as graphs
from ringmaster.status.history import SPANS
from ringmaster.status.pages import parts
from ringmaster.status.pages.parts import Part
from ringmaster.status.pages.project import memory

CURVES = (
    ("cpu", "CPU", 1.0, "%"),
    ("memory", "Memory", 1.0, "%"),
    ("disk", "Disk", 1.0, "%"),
    ("network", "Network", None, "B/s"),
)


def page(vm: Part, made: float) -> str:
    """Return the page."""
    bad = parts.troubles(vm["checks"])
    kind, word = parts.kind_of(vm)
    if vm["maintained"]:
        content = parts.wrong("work", [], "The platform works on the VM; what its checks say meanwhile does not count.")
    elif vm["wanted"] != "running":
        content = parts.wrong("off", [], "Nothing: the VM shall not run.")
    else:
        found = (parts.trouble(check, made, _name(check)) for check in bad)
        good = f"Nothing: all {number(len(vm['checks']), 'check')} are well."
        counted = parts.how_many(len(bad), len(vm["checks"]), "check") if bad else ""
        content = parts.wrong(vm["state"], found, good, counted=counted)
    content += box("overview", "Get in", inner(_get_in(vm)), width="w7")
    content += box("maintenance", "Maintenance", inner(_maintenance(vm, made)), width="w5")
    if vm["wanted"] == "running":
        content += box("figures", "Figures", inner(_figures(vm, made)))
    content += box(
        "configuration", "Configuration", _configuration(vm, made), beside=_in_force(vm["convergence"], made)
    )
    if vm["checks"]:
        counted = f'<span class="soft small">{len(vm["checks"])}</span>'
        content += box("checks", "Checks", parts.checks(vm["checks"], "../../", made), beside=counted)
    else:
        content += box("checks", "Checks", inner("<p>The VM shall not run.</p>"))
    way = (("Platform", "../../"), (vm["project"], "./"))
    return markup.page(
        vm["name"],
        content,
        vm,
        made,
        way=way,
        beside=state(kind, word, wash=True),
        lede=_lede(vm),
        twin=f"{vm['name']}.json",
    )


def _name(check: Part) -> str:
    return f'<a href="../../{text(check["runbook"])}">{text(check["component"])}/{text(check["check"])}</a>: '


def _lede(vm: Part) -> str:
    found = vm["configuration"]
    on = f", on {found['hypervisor']}" if found["hypervisor"] else ""
    size = f"{number(found['cores'], 'core')}, {memory(found['memory_mib'])} of memory, {found['disk_gib']} GiB of disk"
    components = f". Components: {', '.join(found['components'])}" if found["components"] else ""
    return text(f"{size}{on}{components}.")


def _get_in(vm: Part) -> str:
    found = vm["configuration"]
    addresses = "".join(
        f"<li><code>{text(item['address'])}</code> <small>{text(item['network'])}</small></li>"
        for item in found["addresses"]
    )
    answers = {None: "not known", True: "yes", False: "no"}[vm["reachable"]]
    told = facts(
        [
            ("Addresses", f"<ul>{addresses}</ul>" if addresses else NOTHING),
            *([("Answers from outside", answers)] if vm["wanted"] == "running" else []),
        ]
    )
    if vm["wanted"] != "running":
        return told
    return (
        copy(f"ssh NAME@{found['fqdn']}") + '<p class="soft small">NAME is your user name on the platform.</p>' + told
    )


def _figures(vm: Part, made: float) -> str:
    curves = "".join(
        markup.sparkline(title, vm["curves"].get(name, {}), top, unit) for name, title, top, unit in CURVES
    )
    return (
        "<h3>Availability, without maintenance</h3>"
        + _uptime(vm["uptime"])
        + markup.strip(vm["curves"].get("reachable", {}), vm["curves"].get("checks", {}), made)
        + f'<h3>The last 24 hours</h3><div class="curves">{curves}</div>'
        + "<h3>Graphs</h3>"
        + graphs.links(vm["name"], "")
    )


def _uptime(shares: Mapping[str, float]) -> str:
    cells = "".join(
        f"<div><dt>{text(span)}</dt><dd>{parts.percent(shares[span]) if span in shares else NOTHING}</dd></div>"
        for span in SPANS
    )
    return f'<dl class="uptime">{cells}</dl>'


def _configuration(vm: Part, made: float) -> str:
    found = vm["configuration"]
    size = f"{number(found['cores'], 'core')}, {memory(found['memory_mib'])} memory, {found['disk_gib']} GiB disk"
    result = facts(
        [
            ("Size", text(size)),
            ("Swap and /tmp", text(f"{memory(found['swap_mib'])}, {found['tmp_gib']} GiB")),
            ("Hypervisor", text(found["hypervisor"] or NOTHING)),
            ("Serves users", "yes" if found["production"] else "no"),
            ("Protected from deletion", "yes" if found["protected"] else "no"),
            ("In force", _convergence(vm["convergence"], made)),
        ]
    )
    if vm["pending_restart"]:
        waiting = [
            (text(item["field"]), text(item["live"]), text(item["wanted"]), text(item["reason"]))
            for item in vm["pending_restart"]
        ]
        head = ("What", ("Now", "rest"), ("Then", "rest"), ("Why", "rest"))
        result += f"<h3>{state('waits', 'Waits for a restart')}</h3>" + table("Waits for a restart", head, waiting)
    for component, settings in found["components"].items():
        pairs = [(name, markup.value_of(value)) for name, value in settings.items()]
        declared = facts(pairs) if pairs else '<p class="soft">All settings are standard.</p>'
        result += f'<h3 id="component-{text(component)}">{text(component)}</h3>{declared}'
    return inner(result)


def _in_force(found: Part, made: float) -> str:
    """Say beside the title whether what stands here is what the VM is made of."""
    if found["behind"] is None:
        return ""
    applied = state("OK", "applied") if found["at"] else state("OK", "as described")
    return (
        state("waits", "not applied yet") if found["behind"] else f"{applied} <small>{when(found['at'], made)}</small>"
    )


def _convergence(found: Part, made: float) -> str:
    """Say the same at length."""
    if found["behind"] is None:
        return "not known"
    commit = f", commit {text(found['commit'])}" if found["commit"] else ""
    at = f"{when(found['at'], made)}{commit}" if found["at"] else ""
    if not found["behind"]:
        return f"as described: the last complete run was {at}" if at else "as described"
    return f"not all of it: the last complete run was {at}" if at else "not all of it yet"


def _maintenance(vm: Part, made: float) -> str:
    window = vm["maintenance"]
    if not window:
        return "<p>No maintenance window is known.</p>"
    days = ", ".join(day.capitalize() for day in window["days"])
    hours = number(window["hours"], "hour") if window["hours"] == int(window["hours"]) else f"{window['hours']:g} hours"
    pairs = []
    if window["open_until"]:
        pairs.append(("Now", f"{state('work', 'Open')} until {on(window['open_until'])}"))
    pairs.append(("Next", f"{on(window['next_begin'])}, {when(window['next_begin'], made)}"))
    pairs.append(("Window", text(f"{days} from {window['start']} ({window['timezone']}) for {hours}")))
    planned = [text(line) for line in vm["planned"]]
    planned += [f"restart: {text(item['field'])} becomes {text(item['wanted'])}" for item in vm["pending_restart"]]
    lines = "".join(f"<li>{line}</li>" for line in planned)
    pairs.append(("Planned", f"<ul>{lines}</ul>" if planned else "nothing"))
    return facts(pairs)
