# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whose a name in a zone of the platform is, and mistakes of projects that use one that is not theirs.

A name says who is behind it: whoever has it can get a certificate for it, receives mail for it, and is sent the cookies
of its neighbours. So a project has what lies below its own label, ``<project>.<domain>``, and below the names of its
VMs, which are in one namespace with it and never another's. Everything else is the operators', who can give names and
whole zones away: ``dns_owners`` in platform.yml.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ansible_collections.ringmaster.hosting.plugins.module_utils.values import dns_values, host_names
from ansible_collections.ringmaster.hosting.plugins.module_utils.values.fqdn import FRONTEND, machine_of

from .language import load, names
from .language.errors import did_you_mean, one_of
from .language.load import Source
from .model import Description
from .schema.platform import SERVICES

PLATFORM = "platform"
"""The project whose VMs may run services of the platform: all names are the operators', and so are its."""

RESERVED = frozenset(
    [
        *SERVICES,
        *("fe", "my", "portal", "www", "localhost", "wpad", "isatap"),
        *("mail", "webmail", "smtp", "submission", "imap", "pop", "pop3", "sieve", "mx", "ns"),
        *("autoconfig", "autodiscover", "mta-sts"),
    ]
)
"""Labels right below the platform's domain that no project has by being called so: others rely on what they mean."""

_USES: Mapping[str, tuple[tuple[str | None, ...], ...]] = {
    "mailserver": (("hostname",), ("domains", None, "name")),
    "webgateway": (("vhosts", None, "name"), ("vhosts", None, "aliases", None)),
}
"""Options of components that are names which others look up; None stands for each item of a list."""


class Owners:
    """Whose each name is, by the description."""

    def __init__(self, description: Description) -> None:
        self.projects = description.projects
        self.domain = str(description.platform.get("domain") or "")
        self.zones = [zone for zone in (self.domain, *(description.platform.get("dns_zones") or [])) if zone]
        self.machines = {*description.hypervisors, *description.machines}
        self.portal = str((description.platform.get("portal") or {}).get("host") or "")
        self.given = {
            host_names.to_ascii(name)[0]: tuple(project for project in projects or () if project)
            for name, projects in (description.platform.get("dns_owners") or {}).items()
        }

    def of(self, name: str) -> tuple[str, ...]:
        """Return the projects that a whole name belongs to; none for what is the operators'.

        A first label ``*`` is passed over. Of what is given in ``dns_owners``, and what is somebody's by its label, the
        longest name counts.
        """
        name = name.removeprefix("*.")
        if self.is_portal(name):
            return ()
        given = name
        while given and given not in self.given:
            given = given.partition(".")[2]
        own, project = self._own(name)
        if len(own) > len(given):
            return (project,) if project else ()
        return self.given.get(given, ())

    def _own(self, name: str) -> tuple[str, str]:
        """Return the part of a name that says by itself whose it is, and the project: empty where it is nobody's.

        The part is empty for names that say nothing, such as those outside of the platform's domain.
        """
        if not self.domain or not name.endswith(f".{self.domain}"):
            return "", ""
        front = name[: -len(self.domain) - 1]
        inner = front.removesuffix(FRONTEND)
        label = inner.rpartition(".")[2]
        part = name[len(inner) - len(label) :]
        project = names.project_of(label)
        if label in self.machines:
            return part, ""
        # Also of VMs that are not there any more, or not yet: their names are never another project's.
        if names.is_valid("VM", label) and project in self.projects:
            return part, project
        if inner != front or label in RESERVED or label.startswith("_"):
            return part, ""
        return (part, label) if label in self.projects else ("", "")

    def is_portal(self, name: str) -> bool:
        """Tell whether a name is the portal's host, or lies below it."""
        return bool(self.portal) and f".{name}".endswith(f".{self.portal}")

    def serves(self, name: str) -> bool:
        """Tell whether a name lies in a zone that the platform serves."""
        return any(f".{name}".endswith(f".{zone}") for zone in self.zones)


def mail_names(description: Description) -> dict[str, list[str]]:
    """Return by project the names, beside those of its VMs, at which and below which it may send mail."""
    owners = Owners(description)
    result: dict[str, list[str]] = {}
    for project in description.projects:
        own = f"{project}.{owners.domain}"
        names = [own, *owners.given]
        result[project] = sorted({name for name in names if project in owners.of(name)})
    return {project: found for project, found in result.items() if found}


def check(description: Description) -> None:
    """Note names that a project uses and that are not its own, and mistakes in what was given away."""
    owners = Owners(description)
    machines = {"gateway", *description.vms, *owners.machines}
    _check_given(description, owners, machines)
    for project, record in description.projects.items():
        source = description.sources[f"projects/{project}.yml"]
        for index, one in enumerate(record["dns_records"] or []):
            if not one or not one["name"]:
                continue
            zone = one["zone"] or owners.domain
            is_machine = zone == owners.domain and machine_of(one["name"]) in machines
            # What is the name of a machine, and what is not served here, has been noted.
            if zone in owners.zones and not is_machine:
                full = dns_values.full_name(one["name"], zone)
                _check_name(owners, project, source, ("dns_records", index, "name"), full)
    for vm in description.vms.values():
        for component, options in {**vm.components, **vm.leaving}.items():
            for path in _USES.get(component, ()):
                for place, text in _texts(options, path):
                    name = host_names.to_ascii(text)[0]
                    if owners.serves(name.removeprefix("*.")):
                        here = ("vms", vm.name, "components", component, *place)
                        _check_name(owners, vm.project, description.source_of_vm(vm.name), here, name)


def _texts(value: Any, path: tuple[str | None, ...]) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Yield the texts at a path of options, each with its place; what is of another kind has been noted."""
    if not path:
        if isinstance(value, str) and value:
            yield (), value
    elif path[0] is None:
        for index, one in enumerate(value if isinstance(value, list) else ()):
            yield from (((index, *place), text) for place, text in _texts(one, path[1:]))
    elif isinstance(value, dict):
        yield from (((path[0], *place), text) for place, text in _texts(value.get(path[0]), path[1:]))


def _check_name(owners: Owners, project: str, source: Source, place: tuple[str | int, ...], name: str) -> None:
    belongs = owners.of(name)
    node = source.find(*place)
    # What cannot be a name at all is one mistake, not two.
    is_noted = any(not one.eased and (one.line, one.column) == load.place(node) for one in source.mistakes)
    if project in belongs or project == PLATFORM or is_noted:
        return
    own = "what platform.yml gives to it"
    if project not in RESERVED:
        own = f"names below {project}.{owners.domain} and below those of its VMs, and {own}"
    given = f"dns_owners: {{{name.removeprefix('*.')}: {project}}}"
    source.wrong(
        node,
        f"{_where(place)}: '{dns_values.shown(name)}' belongs to "
        + (f"project {one_of(belongs)}" if belongs else "the platform"),
        found=dns_values.shown(name),
        allowed=own,
        hint="" if belongs or owners.is_portal(name) else f"an operator can give it away in platform.yml: {given}",
        eased=True,
    )


def _where(place: tuple[str | int, ...]) -> str:
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in place).removeprefix(".")


def _check_given(description: Description, owners: Owners, machines: set[str]) -> None:
    source = description.sources["platform.yml"]
    for written, projects in (description.platform.get("dns_owners") or {}).items():
        name = host_names.to_ascii(written)[0]
        node = source.find("dns_owners", written, key=True)
        if owners.domain and not owners.serves(name):
            source.wrong(
                node,
                f"dns_owners: {dns_values.shown(name)} is not served here",
                found=dns_values.shown(written),
                allowed=f"{one_of(owners.zones)}, or a name below",
            )
        elif owners.domain and machine_of(name.removesuffix(f".{owners.domain}")) in machines:
            source.wrong(
                node,
                f"dns_owners: '{dns_values.shown(name)}' is the name of a machine",
                found=dns_values.shown(written),
                allowed="another name; that of a VM is its project's by itself",
            )
        elif owners.is_portal(name):
            source.wrong(
                node,
                f"dns_owners: '{dns_values.shown(name)}' belongs to the portal (portal.host)",
                found=dns_values.shown(written),
                allowed="another name",
            )
        for index, project in enumerate(projects or []):
            if project and f"projects/{project}.yml" not in description.sources:
                # No mistake: a project can be removed, and its name is never given to another one by itself.
                description.remark(
                    source,
                    source.find("dns_owners", written, index),
                    f"dns_owners.{written}: the project '{project[:40]}' is not known",
                    found=project,
                    allowed=one_of(description.projects),
                    hint=did_you_mean(project, description.projects),
                )
