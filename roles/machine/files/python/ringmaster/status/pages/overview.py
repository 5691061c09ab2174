# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The page of the platform: its services and projects, for everybody or for operators."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ringmaster.look.blocks import NOTHING, box, inner, number, rows, state, table, text
from ringmaster.status import markup
from ringmaster.status.graphs import frame as graphs
from ringmaster.status.model import ORDER
from ringmaster.status.pages import parts
from ringmaster.status.pages.parts import NAMED, Part


def page(part: Part, title: str, way: tuple[tuple[str, str], ...], made: float) -> str:
    """Return the page. ``way`` says from where it is reached."""
    up = "../" * len(way)
    found = [*_of_services(part["services"], made), *_of_projects(part["projects"], up)]
    wrong = [sentence for _state, sentence in sorted(found, key=lambda one: ORDER.index(one[0]))]
    content = parts.wrong(part["state"], wrong, "Nothing: all services and all projects that are shown here are well.")
    content += parts.ahead(part["incidents"], made)
    if part["services"]:
        content += box("platform", "Platform", rows(map(_service, parts.worst_first(part["services"])), across=True))
    content += box("projects", "Projects", _projects(part["projects"], up, "machines" in part))
    for machine in part.get("machines", ()):
        content += box(
            f"machine-{machine['name']}",
            f"Machine {machine['name']}",
            inner(f"<h3>Graphs</h3>{graphs.links(machine['name'], '')}") + parts.checks(machine["checks"], up, made),
            beside=state(machine["state"]),
        )
    content += parts.past(part["incidents"], made)
    return markup.page(title, content, part, made, way=way, lede=_lede(part))


def _lede(part: Part) -> str:
    vms = sum(one["vms"] for one in part["projects"])
    return (
        f"{number(len(part['services']), 'service')}, {number(len(part['projects']), 'project')}, {number(vms, 'VM')}."
    )


def _of_services(services: Iterable[Part], made: float) -> Iterator[tuple[str, str]]:
    """Yield state and sentence for each service that is not good."""
    for service in parts.worst_first(services):
        for machine in service["machines"] if service["state"] != "OK" else ():
            on = f" ({text(machine['name'])})" if len(service["machines"]) > 1 else ""
            for check in parts.troubles(machine["wrong"])[:1]:
                yield check["state"], parts.trouble(check, made, f"<b>{text(service['name'])}</b>{on}: ")


def _of_projects(projects: Iterable[Part], up: str) -> Iterator[tuple[str, str]]:
    for project in parts.worst_first(projects):
        if project["state"] != "OK":
            link = f'<a href="{up}projects/{text(project["name"])}/">{text(project["name"])}</a>'
            yield project["state"], parts.said(project["state"], f"{link}: {_not_well(project, up)}")


def _not_well(project: Part, up: str) -> str:
    named = project["troubles"]
    if not named:
        return "a page of the project does not answer"
    address = f"{up}projects/{project['name']}/{{}}.html"
    more = f" and {len(named) - NAMED} more" if len(named) > NAMED else ""
    which = ", ".join(parts.links(named[:NAMED], address))
    return f"{parts.how_many(len(named), project['vms'], 'VM')}: {which}{more}"


def _service(service: Part) -> str:
    """Show a service once; what is true of each machine where it runs on several."""
    machines = service["machines"]
    each = ""
    if len(machines) > 1 and service["state"] != "OK":
        each = " ".join(state(one["state"], one["name"]) for one in parts.worst_first(machines))
    elif len(machines) > 1:
        each = f'<span class="soft small">on {number(len(machines), "machine")}</span>'
    return f'{state(service["state"])}<span class="said"><b>{text(service["name"])}</b> {each}</span>'


def _projects(projects: Iterable[Part], up: str, everybody_sees: bool) -> str:
    lines = [
        (
            f'<a href="{up}projects/{text(project["name"])}/">{text(project["name"])}</a>',
            state(project["state"]),
            text(project["description"]) or NOTHING,
            _vms(project),
            parts.percent(project["uptime"]["30 days"]) if "30 days" in project["uptime"] else NOTHING,
        )
        for project in parts.worst_first(projects)
    ]
    if not lines and everybody_sees:
        return inner(
            "<p>There is no project yet: <code>projects/&lt;name&gt;.yml</code> in the description makes one.</p>"
        )
    if not lines:
        return inner("<p>No project shows its pages to everybody.</p>")
    head = ("Project", ("State", "tight"), ("Description", "said"), ("VMs", "rest"), ("30 days", "rest num"))
    return table("Projects", head, lines)


def _vms(project: Part) -> str:
    bad = len(project["troubles"])
    if not project["vms"]:
        return "none yet"
    return f"{bad} of {project['vms']} not well" if bad else f"{project['vms']}, all well"
