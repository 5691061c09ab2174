# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The pages: overview, project, VM. Each takes a part of the model and returns HTML."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ringmaster.status import markup
from ringmaster.status.history import SPANS
from ringmaster.status.markup import NOTHING, badge, box, facts, table, text, when
from ringmaster.status.model import ORDER, iso, worst
from ringmaster.status.model import moment as seconds

Part = Mapping[str, Any]
CURVES = (
    ("cpu", "CPU", 1.0, "%"),
    ("memory", "Memory", 1.0, "%"),
    ("disk", "Disk", 1.0, "%"),
    ("network", "Network", None, "B/s"),
)
IMPACTS = {"outage": "CRITICAL", "degraded": "WARNING", "maintenance": "OK", "information": "OK"}
RECENT = 10
SHOWN, NAMED = 10, 5
"""So many things that are wrong are told one by one, and so many VMs of a project by name."""


def site(model: Part, made: float) -> Iterator[tuple[str, str, Part]]:
    """Yield path, HTML and the part of the model of every page, the path without its suffix."""
    public = [project for project in model["projects"] if project["public"]]
    everywhere = [incident for incident in model["incidents"] if incident["projects"] is None]
    shown = {"made": model["made"], "domain": model["domain"], "trouble": model["trouble"]}
    open_part = {
        **shown,
        "state": _state([*public, *model["machines"]]),
        "projects": [_summary(project) for project in public],
        "services": model["services"],
        "incidents": everywhere,
    }
    yield "index", _overview(open_part, model["domain"], (), made), open_part
    whole = {
        **open_part,
        "state": model["state"],
        "projects": [_summary(project) for project in model["projects"]],
        "machines": model["machines"],
        "incidents": model["incidents"],
    }
    yield "all/index", _overview(whole, "All projects", ((model["domain"], "../"),), made), whole
    for project in model["projects"]:
        # Without projects it concerns everybody; an empty list, which older descriptions may have, is nobody.
        incidents = [one for one in model["incidents"] if one["projects"] is None or project["name"] in one["projects"]]
        part = {**shown, **project, "incidents": incidents}
        yield f"projects/{project['name']}/index", _project(part, made), part
        for vm in project["vms"]:
            yield f"projects/{project['name']}/{vm['name']}", _vm({**shown, **vm}, made), {**shown, **vm}


def _state(parts: Iterable[Part]) -> str:
    return worst(part["state"] for part in parts)


def _summary(project: Part) -> dict[str, Any]:
    troubles = [vm["name"] for vm in project["vms"] if vm["state"] != "OK"]
    return {
        "name": project["name"],
        "description": project["description"],
        "state": project["state"],
        "vms": len(project["vms"]),
        "troubles": troubles,
        "uptime": _mean(vm["uptime"] for vm in project["vms"]),
    }


def _mean(shares: Iterable[Mapping[str, float]]) -> dict[str, float]:
    found = list(shares)
    result = {}
    for span in SPANS:
        values = [share[span] for share in found if span in share]
        if values:
            result[span] = sum(values) / len(values)
    return result


def _uptime(shares: Mapping[str, float]) -> str:
    cells = "".join(
        f"<div><dt>{text(span)}</dt><dd>{_percent(shares[span]) if span in shares else NOTHING}</dd></div>"
        for span in SPANS
    )
    return f'<dl class="uptime" aria-label="Availability without maintenance">{cells}</dl>'


def _percent(share: float) -> str:
    # Never rounded up to a hundred.
    return "100 %" if share >= 1 else f"{min(99.99, 100 * share):.2f} %"


def _wrong(sentences: Iterable[str], good: str) -> str:
    """Say first what is wrong, worst first, or that nothing is."""
    found = list(sentences)
    if not found:
        return box("wrong", "What is wrong", f"<p>{text(good)}</p>")
    more = len(found) - SHOWN
    rest = f"<li>and {more} more</li>" if more > 0 else ""
    items = "".join(f"<li>{one}</li>" for one in found[:SHOWN])
    return box("wrong", "What is wrong", f'<ul class="wrong">{items}{rest}</ul>')


def _troubles(checks: Iterable[Part]) -> Iterator[Part]:
    """Yield the checks that are not good, worst first and then those that last longest."""
    bad = [check for check in checks if check["state"] != "OK"]
    yield from sorted(bad, key=lambda check: (ORDER.index(check["state"]), check["since"] or "9"))


def _trouble(check: Part, about: str = "") -> str:
    """Say of one check what is wrong, and since when."""
    since = f" <small>since {when(check['since'])}</small>" if check["since"] else ""
    return f"{badge(check['state'])} {about}{text(check['sentence'])}{since}"


def _of_services(services: Iterable[Part]) -> Iterator[str]:
    """Yield a sentence for each service that is not good."""
    for service in _worst_first(services):
        if service["state"] == "OK":
            continue
        for machine in service["machines"]:
            on = f" ({text(machine['name'])})" if len(service["machines"]) > 1 else ""
            for check in list(_troubles(machine["wrong"]))[:1]:
                yield _trouble(check, f"<b>{text(service['name'])}</b>{on}: ")


def _of_projects(projects: Iterable[Part], up: str) -> Iterator[str]:
    for project in _worst_first(projects):
        if project["state"] != "OK":
            link = f'<a href="{up}projects/{text(project["name"])}/">{text(project["name"])}</a>'
            named = project["troubles"]
            how_many = f"{len(named)} of {project['vms']} VMs {'is' if len(named) == 1 else 'are'} not well: "
            more = f" and {len(named) - NAMED} more" if len(named) > NAMED else ""
            said = how_many + ", ".join(named[:NAMED]) + more if named else "a page of the project does not answer"
            yield f"{badge(project['state'])} {link}: {text(said)}"


def _service(service: Part) -> str:
    """Show a service once; what is true of each machine where it runs on several."""
    line = f"{badge(service['state'])} {text(service['name'])}"
    if len(service["machines"]) < 2 or service["state"] == "OK":
        return f"<li>{line}</li>"
    each = ", ".join(f"{text(one['name'])} {text(one['state'])}" for one in _worst_first(service["machines"]))
    return f"<li>{line} <small>{each}</small></li>"


def _overview(part: Part, title: str, path: tuple[tuple[str, str], ...], made: float) -> str:
    up = "../" * len(path)
    wrong = [*_of_services(part["services"]), *_of_projects(part["projects"], up)]
    content = _wrong(wrong, "Nothing: all services and all projects that are shown here are well.")
    content += _incidents([one for one in part["incidents"] if one["when"] != "over"], "now", "Now and ahead")
    services = "".join(_service(service) for service in _worst_first(part["services"]))
    if services:
        content += box("platform", "Platform", f'<ul class="services">{services}</ul>')
    rows = [
        (
            f'<a href="{up}projects/{text(project["name"])}/">{text(project["name"])}</a>',
            badge(project["state"]),
            text(project["description"]) or NOTHING,
            text(", ".join(project["troubles"][:5]) or f"all {project['vms']} well"),
            _percent(project["uptime"]["30 days"]) if "30 days" in project["uptime"] else NOTHING,
        )
        for project in _worst_first(part["projects"])
    ]
    head = ("Project", "State", "Description", "VMs", "30 days")
    none = "<p>No project shows its pages to everybody.</p>"
    content += box("projects", "Projects", table("Projects", head, rows) if rows else none)
    for machine in part.get("machines", ()):
        if machine["checks"]:
            content += box(f"machine-{machine['name']}", f"Machine {machine['name']}", _checks(machine["checks"], up))
    content += _incidents(
        [one for one in part["incidents"] if one["when"] == "over"][:RECENT], "past", "Past incidents"
    )
    return markup.page(title, part["state"], path, content, made=made, trouble=part["trouble"])


def _worst_first(parts: Iterable[Part]) -> list[Part]:
    return sorted(parts, key=lambda part: (ORDER.index(part["state"]), part["name"]))


def _of_project(part: Part) -> Iterator[str]:
    for vm in _worst_first(part["vms"]):
        if vm["state"] != "OK":
            link = f'<a href="{text(vm["name"])}.html">{text(vm["name"])}</a>: '
            yield from (_trouble(check, link) for check in list(_troubles(vm["checks"]))[:1])
    for url in _worst_first(part["urls"]):
        if url["state"] != "OK":
            yield f"{badge(url['state'])} {text(url['name'])}: {text(url['sentence'])}"


def _project(part: Part, made: float) -> str:
    content = _wrong(_of_project(part), "Nothing: all VMs and pages of the project are well.")
    content += _incidents([one for one in part["incidents"] if one["when"] != "over"], "now", "Now and ahead")
    rows = [
        (
            f'<a href="{text(vm["name"])}.html">{text(vm["name"])}</a>',
            _vm_badge(vm),
            text(", ".join(vm["configuration"]["components"]) or NOTHING),
            _first_trouble(vm),
            _percent(vm["uptime"]["30 days"]) if "30 days" in vm["uptime"] else NOTHING,
        )
        for vm in part["vms"]
    ]
    head = ("VM", "State", "Components", "What is wrong", "30 days")
    content += box("vms", "VMs", table("VMs", head, rows) if rows else "<p>The project has no VMs.</p>")
    if part["urls"]:
        pages = [
            (text(url["name"]), badge(url["state"]), text(url["url"]), text(url["sentence"])) for url in part["urls"]
        ]
        content += box("urls", "Pages", table("Pages", ("Check", "State", "Address", "Sentence"), pages))
    planned = [(vm["name"], line) for vm in part["vms"] for line in vm["planned"]]
    planned += [(vm["name"], "settings wait for a restart") for vm in part["vms"] if vm["pending_restart"]]
    lines = "".join(f"<li>{text(name)}: {text(line)}</li>" for name, line in planned)
    content += box("maintenance", "Maintenance", f"<ul>{lines}</ul>" if lines else "<p>Nothing is planned.</p>")
    content += _incidents(
        [one for one in part["incidents"] if one["when"] == "over"][:RECENT], "past", "Past incidents"
    )
    return markup.page(
        part["name"],
        part["state"],
        ((part["domain"], "../../"), ("Projects", "../../#projects")),
        content,
        made=made,
        trouble=part["trouble"],
    )


def _vm_badge(vm: Part) -> str:
    if vm["wanted"] != "running":
        return f'<span class="badge">{text(vm["wanted"].upper())}</span>'
    return '<span class="badge maintenance">MAINTENANCE</span>' if vm["maintained"] else badge(vm["state"])


def _first_trouble(vm: Part) -> str:
    troubles = [check for check in vm["checks"] if check["state"] != "OK"]
    return text(troubles[0]["sentence"]) if troubles else NOTHING


def _vm(vm: Part, made: float) -> str:
    configuration = vm["configuration"]
    curves = "".join(
        markup.sparkline(title, vm["curves"].get(name, {}), top, unit) for name, title, top, unit in CURVES
    )
    overview = facts(
        [
            ("State", _vm_badge(vm)),
            ("Answers from outside", {None: "not known", True: "yes", False: "no"}[vm["reachable"]]),
            ("Name", text(configuration["fqdn"])),
        ]
    )
    overview += "<h3>Availability, without maintenance</h3>" + _uptime(vm["uptime"])
    overview += markup.strip(vm["curves"].get("reachable", {}), vm["curves"].get("checks", {}), made)
    overview += f'<div class="curves">{curves}</div>'
    if vm["maintained"]:
        content = _wrong([], "The platform works on the VM; what its checks say meanwhile does not count.")
    elif vm["wanted"] != "running":
        content = _wrong([], "Nothing: the VM shall not run.")
    else:
        content = _wrong((_trouble(check) for check in _troubles(vm["checks"])), "Nothing: all checks are well.")
    content += box("overview", "Overview", overview)
    content += box("configuration", "Configuration", _configuration(vm))
    checks = _checks(vm["checks"], "../../") if vm["checks"] else "<p>The VM shall not run.</p>"
    content += box("checks", "Checks", checks)
    content += box("maintenance", "Maintenance", _maintenance(vm))
    path = ((vm["domain"], "../../"), (vm["project"], "./"))
    return markup.page(vm["name"], vm["state"], path, content, made=made, trouble=vm["trouble"])


def _configuration(vm: Part) -> str:
    found = vm["configuration"]
    addresses = "".join(
        f"<li>{text(item['network'])} {text(item['family'])}: <code>{text(item['address'])}</code></li>"
        for item in found["addresses"]
    )
    cores = f"{found['cores']} core{'s' * (found['cores'] != 1)}"
    size = f"{found['memory_mib']} MiB memory, {cores}, {found['disk_gib']} GiB disk"
    result = facts(
        [
            ("Size", text(size)),
            ("Swap and /tmp", text(f"{found['swap_mib']} MiB, {found['tmp_gib']} GiB")),
            ("Addresses", f"<ul>{addresses}</ul>" if addresses else NOTHING),
            ("Hypervisor", text(found["hypervisor"] or NOTHING)),
            ("Serves users", "yes" if found["production"] else "no"),
            ("Protected from deletion", "yes" if found["protected"] else "no"),
            ("In force", _convergence(vm["convergence"])),
        ]
    )
    for component, settings in found["components"].items():
        rows = [(text(name), markup.value_of(value)) for name, value in settings.items()]
        declared = (
            table(f"Settings of {component}", ("Setting", "Value"), rows)
            if rows
            else "<p>All settings are standard.</p>"
        )
        result += f'<h3 id="component-{text(component)}">{text(component)}</h3>{declared}'
    if vm["pending_restart"]:
        waiting = [
            (text(item["field"]), text(item["live"]), text(item["wanted"]), text(item["reason"]))
            for item in vm["pending_restart"]
        ]
        result += "<h3>Waits for a restart</h3>" + table("Waits for a restart", ("What", "Now", "Then", "Why"), waiting)
    return result


def _convergence(found: Part) -> str:
    """Say whether what stands here is what the VM is made of."""
    if found["behind"] is None:
        return "not known"
    commit = f", commit {text(found['commit'])}" if found["commit"] else ""
    since = f" since {when(found['at'])}{commit}" if found["at"] else ""
    if not found["behind"]:
        return f"as described{since}"
    return f"not all of it: the last complete run was {when(found['at'])}{commit}" if since else "not all of it yet"


def _checks(checks: Iterable[Part], up: str) -> str:
    rows = [
        (
            f'<a href="{up}{text(check["runbook"])}">{text(check["component"])}/{text(check["check"])}</a>',
            badge(check["state"]),
            when(check["since"]),
            text(check["sentence"]),
        )
        for check in checks
    ]
    return table("Checks", ("Check", "State", "Since", "Sentence"), rows)


def _maintenance(vm: Part) -> str:
    window = vm["maintenance"]
    if not window:
        return "<p>No maintenance window is known.</p>"
    hours = f"{window['hours']:g} hour{'s' * (window['hours'] != 1)}"
    rule = f"{', '.join(window['days'])} from {window['start']} ({window['timezone']}) for {hours}"
    pairs = [("Window", text(rule))]
    if window["open_until"]:
        pairs.append(("Now", f"the window is open until {when(window['open_until'])}"))
    pairs.append(("Next window", f"{when(window['next_begin'])} to {when(window['next_end'])}"))
    planned = [text(line) for line in vm["planned"]]
    planned += [f"restart: {text(item['field'])} becomes {text(item['wanted'])}" for item in vm["pending_restart"]]
    pairs.append(
        ("Planned", "<ul>" + "".join(f"<li>{line}</li>" for line in planned) + "</ul>" if planned else "nothing")
    )
    return facts(pairs)


def _incidents(incidents: Iterable[Part], identifier: str, title: str) -> str:
    parts = []
    for incident in incidents:
        lines = "".join(f"<li>{when(_utc(update['at']))} {text(update['text'])}</li>" for update in incident["updates"])
        until = f" to {when(_utc(incident['end']))}" if incident["end"] else ", not over yet"
        state = IMPACTS[incident["impact"]]
        parts.append(
            f'<article><h3><span class="badge {state.lower()}">{text(incident["impact"])}</span> '
            f"{text(incident['title'])}</h3>"
            f"<p>{when(_utc(incident['begin']))}{until}</p>{f'<ol>{lines}</ol>' if lines else ''}</article>"
        )
    return box(identifier, title, "".join(parts)) if parts else ""


def _utc(moment: str) -> str:
    return iso(seconds(moment))
