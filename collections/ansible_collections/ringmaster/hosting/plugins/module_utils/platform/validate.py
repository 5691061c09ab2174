# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks across files: what no single value shows. Each check notes mistakes at the place they come from."""

from __future__ import annotations

from typing import Any

from ansible_collections.ringmaster.hosting.plugins.module_utils.values import addresses

from . import (
    dns_owners,
    dns_records,
    jobs,
    packages,
    quotas,
    validate_addresses,
    validate_components,
    validate_ledger,
    validate_networks,
)
from .component_options import Roles
from .firewall_rules import is_known, known, split
from .language import checks, load, names
from .language.errors import did_you_mean, one_of
from .language.load import Source
from .language.ssh_keys import key_blob
from .model import Description, Vm
from .schema.platform import REQUESTS


def check(description: Description) -> None:
    """Note every mistake that no single value shows."""
    _check_folder(description)
    _check_namespace(description)
    _check_keys(description)
    _check_passkeys(description)
    _check_people(description)
    _check_alike(description)
    _check_projects(description)
    _check_incidents(description)
    _check_operators(description)
    _check_portal(description)
    _check_services(description)
    _check_images(description)
    for vm in description.vms.values():
        _check_vm(description, vm)
    validate_components.check(description, Roles(description.options.roles))
    packages.check(description)
    jobs.check(description)
    validate_networks.check(description)
    validate_addresses.check(description)
    dns_records.check(description)
    dns_owners.check(description)
    quotas.check(description)
    validate_ledger.check(description)


def unknown(
    source: Source, path: tuple[str | int, ...], kind: str, name: str, known: Any, *, key: bool = False
) -> None:
    """Note a reference to something that is not declared."""
    where = ".".join(str(step) for step in path if step != name) or source.path.name
    source.wrong(
        source.find(*path, key=key),
        f"{where}: the {kind} '{name[:40]}' is not known",
        found=name,
        allowed=one_of(known),
        hint=did_you_mean(name, known),
    )


_TOP_LEVEL = ("users", "projects", "incidents", "platform.yml", "allocations.yml", "secrets", "group_vars", "host_vars")


def _check_folder(description: Description) -> None:
    """Find folders and files whose name is nearly right: they would be silently left out."""
    for path in sorted(description.folder.iterdir()):
        if path.name in _TOP_LEVEL or path.name.startswith("."):
            continue
        if path.is_dir() or path.suffix in (".yml", ".yaml"):
            hint = did_you_mean(path.name, _TOP_LEVEL)
            if hint and path not in (description.options.source, description.options.ledger):
                stray = Source(path, load.display(path))
                stray.wrong(None, "is not a part of a platform description", found=path.name, hint=hint)
                description.sources.setdefault(f"stray/{path.name}", stray)


def _owners(description: Description) -> list[tuple[str, str, Source, Any]]:
    """Return (name, kind, source, node) for everything that has a name."""
    platform = description.sources["platform.yml"]
    # What has a file of its own comes first, so that a clash is noted at the line that can be changed.
    result: list[tuple[str, str, Source, Any]] = []
    for name in description.users:
        result.append((name, "person", description.sources[f"users/{name}.yml"], None))
    for project in description.projects:
        result.append((project, "project", description.sources[f"projects/{project}.yml"], None))
    for project, record in description.projects.items():
        source = description.sources[f"projects/{project}.yml"]
        service_users = [name for name in record["service_users"] or [] if name]
        for name in dict.fromkeys(service_users):
            node = source.find("service_users", record["service_users"].index(name))
            result.append((name, "service user", source, node))
        for name in record["vms"] or {}:
            result.append((name, "VM", source, source.find("vms", name, key=True)))
    for section, kind in (("hypervisors", "hypervisor"), ("machines", "machine")):
        for name in description.platform.get(section) or {}:
            result.append((name, kind, platform, platform.find(section, name, key=True)))
    return result


def _check_namespace(description: Description) -> None:
    seen: dict[str, tuple[str, Source, Any]] = {}
    for name, kind, source, node in _owners(description):
        if kind in ("person", "service user") and name in names.SYSTEM_ACCOUNTS:
            source.wrong(
                node,
                f"'{name}' cannot be a {kind}: Debian or a component has an account or group of that name",
                found=name,
                allowed="a name of its own",
            )
        if kind in ("hypervisor", "machine") and name in names.RESERVED_HOSTS:
            source.wrong(node, f"'{name}' cannot be a {kind}: the word has a meaning in the inventory", found=name)
        if name in seen:
            other_kind, other, other_node = seen[name]
            line = f":{other_node.start_mark.line + 1}" if other_node is not None else ""
            source.wrong(
                node,
                f"the name '{name}' is given twice",
                found=f"{kind} here, {other_kind} in {other.name}{line}",
                allowed="one namespace for projects, VMs, machines, people and service users",
            )
            continue
        seen[name] = (kind, source, node)


def _check_keys(description: Description) -> None:
    """Find keys that two people, or one person twice, have."""
    owners: dict[str, tuple[str, Source, int]] = {}
    for name, user in description.users.items():
        source = description.sources[f"users/{name}.yml"]
        for index, key in enumerate(user["ssh_keys"] or []):
            if not key:
                continue
            blob = key_blob(key)
            if blob in owners:
                other, other_source, other_index = owners[blob]
                line = other_source.find("ssh_keys", other_index).start_mark.line + 1
                source.wrong(
                    source.find("ssh_keys", index),
                    f"ssh_keys: the same key stands at {other} and {name}"
                    if other != name
                    else "ssh_keys: the key stands twice",
                    found=f"the first one is in {other_source.name}:{line}",
                    allowed="every key once, for one person",
                )
                continue
            owners[blob] = (name, source, index)


def _check_passkeys(description: Description) -> None:
    """Find passkeys that stand twice: by id or key at anybody, by name at one person."""
    seen: dict[tuple[str, str], tuple[str, Source, int]] = {}
    for name, user in description.users.items():
        source = description.sources[f"users/{name}.yml"]
        for index, passkey in enumerate(user["passkeys"] or []):
            for what, where in (("id", ""), ("key", ""), ("name", name)):
                value = (passkey or {}).get(what)
                if not value:
                    continue
                owner, there, place = seen.setdefault((f"{what} {where}", value), (name, source, index))
                if (owner, place) == (name, index):
                    continue
                line = there.find("passkeys", place).start_mark.line + 1
                source.wrong(
                    source.find("passkeys", index, what),
                    f"passkeys[{index}].{what}: the same {what} stands at {owner} and {name}"
                    if owner != name
                    else f"passkeys[{index}].{what}: the {what} stands twice",
                    found=f"the first one is in {there.name}:{line}",
                    allowed="every passkey once, for one person, with a name of its own",
                )


_ALIKE = str.maketrans({"0": "o", "1": "l", "i": "l", "5": "s", "-": "", "_": "", ".": ""})


def _looks(name: str) -> str:
    """Return what a person's name looks like at a glance."""
    return name.translate(_ALIKE).replace("rn", "m").replace("vv", "w")


def _check_alike(description: Description) -> None:
    """Find people who have an account and one mail address, or names that one takes for another's."""
    mails: dict[str, str] = {}
    looks: dict[str, str] = {}
    # Who has an account already comes first, so that a clash is noted at the new one.
    for name, user in sorted(description.users.items(), key=lambda one: one[0] not in description.ledger.uids):
        if user["state"] == "removed":
            continue
        source = description.sources[f"users/{name}.yml"]
        mail = (user["email"] or "").casefold()
        if mail and mails.setdefault(mail, name) != name:
            source.wrong(
                source.find("email"),
                f"email: {mails[mail]} has this address, too",
                found=user["email"],
                allowed="an address of one's own: what is sent there can set an account's keys",
                eased=True,
            )
        if looks.setdefault(_looks(name), name) != name:
            source.wrong(
                None,
                f"the name {name} looks like {looks[_looks(name)]}",
                found=name,
                allowed="a name that nobody takes for another one's",
                eased=True,
            )


def _check_people(description: Description) -> None:
    for name, user in description.users.items():
        asked = user["requested_by"]
        if asked and asked not in description.users:
            unknown(
                description.sources[f"users/{name}.yml"],
                ("requested_by",),
                "person",
                asked,
                description.users,
            )


def _check_projects(description: Description) -> None:
    for project, record in description.projects.items():
        source = description.sources[f"projects/{project}.yml"]
        for name in record["permissions"] or {}:
            if name not in description.users:
                unknown(source, ("permissions", name), "person", name, description.users, key=True)
        if record["requested_by"] and record["requested_by"] not in description.users:
            unknown(source, ("requested_by",), "person", record["requested_by"], description.users)
        users = [name for name in record["service_users"] or [] if name]
        for name in record["service_user_limits"] or {}:
            # A faulty list of service users is one mistake, not two.
            if name not in users and (users or not source.mistakes):
                unknown(source, ("service_user_limits", name), "service user", name, users, key=True)
        here: tuple[str, ...] = ("firewall", "allow")
        for index, rule in enumerate((record["firewall"] or {}).get("allow") or []):
            if rule:
                _check_rule(description, source, record, (*here, index), rule)
        for name, vm in (record["vms"] or {}).items():
            for index, rule in enumerate(((vm or {}).get("firewall") or {}).get("allow") or []):
                if rule:
                    _check_rule(description, source, record, ("vms", name, *here, index), rule)
        for index, check in enumerate(record["checks"] or []):
            if check:
                _check_check(source, record, index, check)
        _check_maintenance(source, record)
        for name, limits in (record["service_user_limits"] or {}).items():
            high, most = ((limits or {}).get(key) for key in ("memory_high", "memory_max"))
            if high and most and high > most:
                source.wrong(
                    source.find("service_user_limits", name, "memory_high"),
                    f"service_user_limits.{name}: programs would be killed before they are slowed down",
                    found="memory_high above memory_max",
                    allowed="memory_high of at most memory_max",
                    eased=True,
                )
    shown = description.options.projects
    for name in shown:
        if name not in description.projects:
            source = description.sources.setdefault("source", load.read(description.options.source))
            unknown(source, ("projects",), "project", name, description.projects)


def _check_rule(
    description: Description, source: Source, record: dict[str, Any], path: tuple[str | int, ...], rule: dict[str, Any]
) -> None:
    where = f"{'.'.join(map(str, path[:-1]))}[{path[-1]}]"
    for position, name in enumerate(rule["from"] or []):
        if name and (addresses.is_address(name) or not addresses.network_problem(name)):
            if why := addresses.not_a_source(name):
                source.wrong(
                    source.find(*path, "from", position),
                    f"{where}.from: {name} {why}, and nothing comes from there",
                    found=name,
                    allowed="an address or network of other machines",
                    eased=True,
                )
            continue
        if not name or is_known(description, name):
            continue
        retired = description.ledger.retired.get(split(name)[1])
        source.wrong(
            source.find(*path, "from", position),
            f"{where}.from: the VM '{name}' was deleted on {retired}"
            if retired
            else f"{where}.from: '{name}' is neither an address nor a known name",
            found=name,
            allowed="any, an address, a network, a project, a VM or a machine",
            hint="take it out of the rule" if retired else did_you_mean(name, ["any", *known(description, name)]),
        )
    for position, name in enumerate(rule.get("vms") or []):
        if name and name not in (record["vms"] or {}):
            unknown(source, (*path, "vms", position), "VM", name, record["vms"] or {})


def _check_check(source: Source, record: dict[str, Any], index: int, check: dict[str, Any]) -> None:
    here = ("checks", index)
    given = [key for key in ("url", "command") if check[key]]
    if len(given) != 1:
        source.wrong(
            source.find(*here),
            f"checks[{index}]: either a url or a command is needed",
            found=one_of(given) if given else "none",
            allowed="one of url, command",
        )
    # A word that is no text has been noted already.
    if check["command"] and not (check["command"][0] or "/").startswith("/"):
        source.wrong(
            source.find(*here, "command", 0),
            f"checks[{index}].command: the program needs its whole path",
            found=check["command"][0],
            allowed="a path that begins with /",
        )
    for key in ("user", "vms") if check["url"] and not check["command"] else ():
        if check[key]:
            source.wrong(
                source.find(*here, key),
                f"checks[{index}].{key}: is for a command; the monitoring host fetches the url",
                found=str(check[key]),
                allowed=f"a command with {key}, or the url alone",
                eased=True,
            )
    if check["command"] and check["timeout"] and check["interval"] and check["timeout"] > check["interval"]:
        source.wrong(
            source.find(*here, "timeout"),
            f"checks[{index}]: a run may take longer than the time until the next one",
            found=f"timeout {check['timeout']}, interval {check['interval']}",
            allowed="a timeout of at most the interval",
            eased=True,
        )
    if check["user"] and check["user"] not in (record["service_users"] or []):
        unknown(source, (*here, "user"), "service user", check["user"], record["service_users"] or [])
    for position, name in enumerate(check["vms"] or []):
        if name and name not in (record["vms"] or {}):
            unknown(source, (*here, "vms", position), "VM", name, record["vms"] or {})
    names_before = [other["name"] for other in record["checks"][:index] if other]
    if check["name"] and check["name"] in names_before:
        source.wrong(
            source.find(*here, "name"),
            f"checks[{index}].name: '{check['name']}' stands twice",
            allowed="a name of its own for each check",
        )


def _check_maintenance(source: Source, record: dict[str, Any]) -> None:
    """Check that exclusions have a length, and that VMs that stand in for each other are there and may be restarted."""
    places: list[tuple[str | int, ...]] = [("maintenance",)]
    places += [
        ("vms", name, "maintenance") for name, vm in (record["vms"] or {}).items() if (vm or {}).get("maintenance")
    ]
    for place in places:
        owner = record if len(place) == 1 else record["vms"][place[1]]
        for index, one in enumerate((owner["maintenance"] or {}).get("exclusions") or []):
            if one and one["from"] and one["to"] and one["to"] < one["from"]:
                source.wrong(
                    source.find(*place, "exclusions", index, "to"),
                    f"maintenance.exclusions[{index}]: it ends before it begins",
                    found=one["to"],
                    allowed=f"{one['from']} or later",
                )
    for index, kept in enumerate((record["maintenance"] or {}).get("keep") or []):
        if not kept:
            continue
        vms = [name for name in kept["vms"] or [] if name]
        for number, name in enumerate(kept["vms"] or []):
            if name and name not in (record["vms"] or {}):
                unknown(source, ("maintenance", "keep", index, "vms", number), "VM", name, record["vms"] or {})
        if kept["in_service"] is not None and kept["in_service"] >= len(vms):
            source.wrong(
                source.find("maintenance", "keep", index, "in_service"),
                f"maintenance.keep[{index}]: nothing could ever be restarted",
                found=str(kept["in_service"]),
                allowed=f"less than {len(vms)}, the number of VMs",
            )


def _check_incidents(description: Description) -> None:
    for incident, record in description.incidents.items():
        source = description.sources[f"incidents/{incident}.yml"]
        if problem := checks.date(incident[:10]):
            source.wrong(
                None,
                f"the name begins with {incident[:10]}, which {problem}",
                found=incident,
                allowed="the day and words, for example 2026-11-24-storage",
                eased=True,
            )
        begin, end = (checks.when(record[key]) for key in ("begin", "end"))
        if begin and end and end < begin:
            source.wrong(
                source.find("end"),
                "end: the incident is over before it begins",
                found=f"{record['begin']} to {record['end']}",
                allowed="a time after begin, or none while it goes on",
                eased=True,
            )
        for position, name in enumerate(record["projects"] or []):
            if name and name not in description.projects:
                unknown(source, ("projects", position), "project", name, description.projects)


def _check_operators(description: Description) -> None:
    """Note a platform that nobody could log in to; a lab adds its own key."""
    if description.platform.get("operators") == [] and description.options.key_directory is None:
        source = description.sources["platform.yml"]
        node = source.find("operators")
        if any((mistake.line, mistake.column) == load.place(node) for mistake in source.mistakes):
            return
        source.wrong(
            node,
            "operators: is empty: Ansible and all operators could log in to no machine as root any more",
            found="[]",
            allowed="a list: the public SSH keys with which Ansible logs in",
            eased=True,
        )


def _check_portal(description: Description) -> None:
    """Note operators who are nobody, or can do nothing: those who were locked stand in nobody's way of being locked."""
    source = description.sources["platform.yml"]
    for index, name in enumerate((description.platform.get("portal") or {}).get("operators") or []):
        if not name or (name not in description.users and f"users/{name}.yml" in description.sources):
            continue
        here = ("portal", "operators", index)
        if name not in description.users:
            unknown(source, here, "person", name, description.users)
        elif (state := description.users[name]["state"]) == "pending":
            source.wrong(
                source.find(*here),
                f"portal.operators[{index}]: {name} has no account yet",
                found="state: pending",
                allowed="people whose state is active",
            )
        elif state != "active":
            description.remark(
                source,
                source.find(*here),
                f"portal.operators[{index}]: {name} operates nothing any more",
                found=f"state: {state}",
                allowed="people whose state is active",
            )


def _check_services(description: Description) -> None:
    source = description.sources["platform.yml"]
    machines = {
        *(description.platform.get("hypervisors") or {}),
        *(description.platform.get("machines") or {}),
    }
    known = {*machines, *(name for name, vm in description.vms.items() if vm.project == "platform")}
    for service, host in (description.platform.get("services") or {}).items():
        if host and host not in known:
            unknown(source, ("services", service), "machine", host, sorted(known, key=names.natural))
    _check_mail(description)
    _check_requests(description)


def _check_requests(description: Description) -> None:
    """Check the services that take requests, and who works through them."""
    source = description.sources["platform.yml"]
    services = description.platform.get("services") or {}
    for service in REQUESTS:
        host = services.get(service)
        if not host:
            continue
        # Who has the steward has the platform, and root of a VM has all that is on it.
        if host in description.vms or host in (description.platform.get("hypervisors") or {}):
            source.wrong(
                source.find("services", service),
                f"services.{service}: it runs on neither a VM nor a hypervisor",
                found=host,
                allowed="one of machines",
            )
        if not (description.platform.get("portal") or {}).get("host"):
            source.wrong(
                source.find("services", service),
                f"services.{service}: portal.host is missing, for which people sign",
                allowed="a host name in portal.host",
            )
    if services.get("steward") and not services.get("portal"):
        source.wrong(
            source.find("services", "steward"),
            "services.steward: there is no queue that it could work through",
            allowed="a machine in services.portal as well",
        )


def _check_mail(description: Description) -> None:
    """Check that the service for mail that leaves has a machine without another Postfix."""
    source = description.sources["platform.yml"]
    relay = (description.platform.get("services") or {}).get("mail")
    taken = [
        name
        for name in ("mailserver", "mailstub")
        if relay in description.vms and name in description.vms[relay].components
    ]
    for component in taken:
        source.wrong(
            source.find("services", "mail"),
            f"services.mail: {relay} has the component {component}, which has a Postfix of its own",
            found=str(relay),
            allowed="a machine, or a VM of project platform without it",
        )


def _check_images(description: Description) -> None:
    source = description.sources["platform.yml"]
    images = description.platform.get("images") or {}
    for name, image in images.items():
        if image is None:
            continue
        given = [key for key in ("build", "url", "path") if image[key]]
        node = source.find("images", name, key=True)
        if len(given) != 1:
            source.wrong(
                node,
                f"images.{name}: one origin is needed",
                found=one_of(given) if given else "none",
                allowed="one of build, url, path",
            )
        if image["url"] and not image["sha512"]:
            source.wrong(node, f"images.{name}: sha512 is missing", allowed="a digest beside the url")
    for layer, path in [(description.platform.get("defaults"), ("defaults", "image"))]:
        if layer and layer.get("image") and layer["image"] not in images:
            unknown(source, path, "image", layer["image"], images)
    for project, record in description.projects.items():
        image = (record["defaults"] or {}).get("image")
        if image and image not in images:
            unknown(description.sources[f"projects/{project}.yml"], ("defaults", "image"), "image", image, images)


def _check_vm(description: Description, vm: Vm) -> None:
    source = description.source_of_vm(vm.name)
    here = ("vms", vm.name)
    if names.project_of(vm.name) != vm.project:
        used = [*description.vms, *description.ledger.used_vm_names()]
        source.wrong(
            source.find(*here, key=True),
            f"vms: '{vm.name}' is no name for a VM of project {vm.project}",
            found=vm.name,
            allowed=f"{vm.project} and a number of at least two digits",
            hint=f"the next one is {names.next_vm(vm.project, used)}",
        )
    elif vm.name != f"{vm.project}{names.number_of(vm.name):02d}":
        source.wrong(
            source.find(*here, key=True),
            f"vms: the number in '{vm.name}' has more zeros than needed",
            found=vm.name,
            allowed="at least two digits, without further zeros in front",
            hint=f"did you mean '{vm.project}{names.number_of(vm.name):02d}'?",
        )
    if vm.memory_max_mib and vm.memory_mib and vm.memory_max_mib < vm.memory_mib:
        source.wrong(source.find(*here, "memory_max"), f"vms.{vm.name}: memory_max is less than memory")
    hypervisors = description.platform.get("hypervisors") or {}
    if vm.hypervisor and vm.hypervisor not in hypervisors:
        unknown(source, (*here, "hypervisor"), "hypervisor", vm.hypervisor, hypervisors)
    images = description.platform.get("images") or {}
    if vm.image not in images and description.platform:
        record = description.projects[vm.project]["vms"][vm.name]
        if record["image"] or vm.image == "default":
            unknown(source, (*here, "image"), "image", vm.image, images)
    if vm.frontend_ipv4 and description.platform and not description.network("frontend").get("ipv4"):
        source.wrong(
            source.find(*here, "frontend_ipv4"),
            f"vms.{vm.name}: the frontend network has no IPv4",
            found="frontend_ipv4: true",
            allowed="false, or networks.frontend.ipv4 in platform.yml",
        )
    asked = description.projects[vm.project]["vms"][vm.name]["requested_by"]
    if asked and asked not in description.users:
        unknown(source, (*here, "requested_by"), "person", asked, description.users)
    _check_retiring(source, vm)


def _check_retiring(source: Source, vm: Vm) -> None:
    here = ("vms", vm.name)
    if vm.state == "retiring" and vm.protected:
        source.wrong(
            source.find(*here, "state"),
            f"vms.{vm.name}: the VM is protected and cannot be retired",
            found="state: retiring with protected: true",
            allowed="protected: false first",
        )
    if vm.state == "retiring" and not vm.delete_after:
        source.wrong(
            source.find(*here, "state"),
            f"vms.{vm.name}: delete_after is missing",
            allowed="a date such as 2026-12-24",
        )
    if vm.delete_after and vm.state != "retiring":
        source.wrong(
            source.find(*here, "delete_after"),
            f"vms.{vm.name}: delete_after is for VMs with state: retiring only",
        )
