# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The catalogue of components: each of them is in every place where a component has to be, and goes in one piece."""

from __future__ import annotations

import datetime
import fnmatch
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.ringmaster.hosting.plugins.module_utils.components import leaving, tuning
from ansible_collections.ringmaster.hosting.plugins.module_utils.components.catalogue import (
    COMPONENTS,
    RELOAD,
    Component,
)
from ansible_collections.ringmaster.hosting.plugins.module_utils.machine import shipped

ROOT = Path(__file__).parents[3]
ROLES = ROOT / "roles"
PROGRAM = ROLES / "machine/files/python/ringmaster"
every = pytest.mark.parametrize("component", COMPONENTS.values(), ids=lambda one: one.name)


def places(one: Component) -> list[str]:
    """Return the files and folders that a component must have, from the root."""
    role, part = f"roles/{one.name}", f"roles/machine/files/python/ringmaster/{one.name}"
    found = [
        *(f"{role}/{name}" for name in ("README.md", "defaults/main.yml", "vars/main.yml", "tasks/main.yml")),
        *(f"{role}/meta/{name}" for name in ("argument_specs.yml", "limits.yml", "main.yml")),
        f"{role}/files/runbook.yml",
        f"{part}/checks.py",
    ]
    if one.name != "mailstub":  # described, and tested, with the mail server that it sends to
        found += [
            f"tests/unit/ringmaster/{one.name}",
            f"docs/components/{one.name}.md",
            f"molecule/{one.name}/molecule.yml",
        ]
    return found


@every
def test_a_component_is_everywhere(component: Component) -> None:
    assert [place for place in places(component) if not (ROOT / place).exists()] == []
    assert set(component.parts) <= {path.name for path in PROGRAM.iterdir()}
    assert set(component.tuning) <= tuning.FORMULAS.keys()
    specs = yaml.safe_load((ROLES / component.name / "meta/argument_specs.yml").read_text())
    options = specs["argument_specs"]["main"]["options"]
    assert {f"{component.name}_{one}" for one in component.waits} <= options.keys()
    assert (f"{component.name}_users" in options) == (component.users is not None)
    assert component.users is None or component.users.name == component.name


def test_nothing_is_of_no_component() -> None:
    """A role with users or drop-ins, a formula, a page: what has no entry would be forgotten by all that reads them."""
    assert {name for one in COMPONENTS.values() for name in one.tuning} == tuning.FORMULAS.keys()
    assert {page.stem for page in (ROOT / "docs/components").glob("*.md")} <= COMPONENTS.keys()
    texts = [path.read_text() for path in PROGRAM.glob("*/main.py")]
    known = {part for one in COMPONENTS.values() for part in one.parts}
    declared = {name for text in texts for name in re.findall(r'component\.Component\(\s*"([a-z]+)"', text)}
    assert declared - {"firewall"} <= known  # drop-ins of the firewall come with every VM


def written(role: str) -> set[str]:
    """Return the paths, with stars where they are computed, that a role writes on its machine."""
    tree = ROLES / role / "files/rootfs"
    files = {f"/{path.relative_to(tree)}" for path in tree.rglob("*") if path.is_file()}
    return files | set(shipped._written(ROLES / role))


ACTING = (
    "/usr/lib/ringmaster/checks.d/*",
    "/etc/ringmaster/backup.d/*.json",
    "/etc/ringmaster/monitoring/*",
    "/etc/systemd/system/ringmaster-*",
)
"""What makes a component act, or lets somebody in, wherever a role puts it."""


@every
def test_all_that_acts_goes_with_its_component(component: Component) -> None:
    going = [*component.part.files, *(path for one in component.shared for path in one.part.files)]
    roles = [component.name, *(one.name for one in component.shared)]
    acting = {path for role in roles for path in written(role) if any(fnmatch.fnmatch(path, one) for one in ACTING)}
    assert acting
    assert [path for path in sorted(acting) if not any(fnmatch.fnmatch(path, one) for one in going)] == []


@every
def test_all_units_that_a_role_switches_on_are_switched_off(component: Component) -> None:
    known = [*component.part.units, *(unit for one in component.shared for unit in one.part.units)]
    asked: set[str] = set()
    for role in (component.name, *(one.name for one in component.shared)):
        for path in (ROLES / role / "tasks").glob("*.yml"):
            for task in yaml.safe_load(path.read_text()) or []:
                for unit in task.get("ringmaster.hosting.units", {}).get("units", []):
                    if unit.get("enabled"):
                        asked.add(unit["name"])
                later = task.get("ringmaster.hosting.packages", {}).get("start_later", [])
                asked |= set(later) if isinstance(later, list) else set()
    asked -= {"clamav-freshclam-once.timer", "clamav-freshclam-once.service"}  # never switched on by us
    assert [unit for unit in sorted(asked) if not any(fnmatch.fnmatch(unit, one) for one in known)] == []


@every
def test_whatever_is_switched_off_is_switched_on_again(component: Component) -> None:
    """By the role's tasks, or by the part of the program: after a component has gone, nothing else would."""
    parts = [*component.parts, component.name]
    program = "".join(path.read_text() for part in parts for path in (PROGRAM / part).glob("*.py"))
    for role, units in (
        (component.name, component.part.units),
        *((one.name, one.part.units) for one in component.shared),
    ):
        tasks = "".join(path.read_text() for path in (ROLES / role / "tasks").glob("*.yml"))
        for unit in units:
            plain = unit.partition("@")[0].removesuffix(".service")
            enabled = re.search(rf"name: {re.escape(unit)}\b[^}}]*?enabled: (true|\"{{{{)", tasks)
            assert enabled or f'"{plain}' in program, f"{role}: {unit}"


@every
def test_a_dump_is_taken_where_the_role_declares_one(component: Component) -> None:
    assert component.is_dumped == any("/etc/ringmaster/backup.d/" in path for path in written(component.name))


def test_what_a_component_needs_waits_for_the_window() -> None:
    """The lists of role updates have all of it, and beside it only what hypervisors need."""
    lists = yaml.safe_load((ROLES / "updates/defaults/main.yml").read_text())
    packages = {one for component in COMPONENTS.values() for one in component.packages}
    services = {one for component in COMPONENTS.values() for one in component.guarded}
    assert set(lists["updates_guarded_packages"]) == packages | {"libvirt-*", "qemu-*"}
    assert set(lists["updates_guarded_services"]) == services | {"libvirt*", "virtqemud*"}
    for component in COMPONENTS.values():
        # What holds data or mail is not restarted in passing.
        assert component.guarded or component.takes_over == RELOAD, component.name


@every
def test_data_stay(component: Component) -> None:
    for path in component.part.files:
        assert not any(fnmatch.fnmatch(one, path) or one.startswith(f"{path}/") for one in component.data), path


@every
def test_its_support_ends_on_a_day(component: Component) -> None:
    assert component.support.version
    assert component.support.source
    assert datetime.date.fromisoformat(component.support.until) > datetime.date(2026, 11, 29)


MEMBERS: list[dict[str, Any]] = [
    {"name": "myapp00", "srv_ipv4": "172.20.1.1", "srv_ipv6": "2001:db8:3::1"},
    {"name": "myapp01", "srv_ipv4": "", "srv_ipv6": "2001:db8:3::2"},
]


def test_what_others_need_stays() -> None:
    stub = leaving.plan("mailstub", ["mailserver"], MEMBERS, "myapp00")
    assert stub["units"] == []
    assert "/etc/ringmaster/mailstub" in stub["files"]
    assert leaving.plan("mailstub", ["redis"], MEMBERS, "myapp00")["units"] == ["postfix.service"]


def test_who_may_be_using_it() -> None:
    asked = leaving.plan("redis", [], MEMBERS, "myapp00")
    assert asked["neighbours"] == {"2001:db8:3::2": "myapp01"}
    assert asked["ports"] == [6379, 6380]
    assert leaving.plan("webgateway", [], MEMBERS, "myapp00")["ports"] == []


def test_what_runs_but_is_not_described() -> None:
    assert set(leaving.undescribed(COMPONENTS)) == set()
    # Postfix of the mail server is no sign of a mail stub.
    assert "mailstub" in leaving.undescribed(["redis"])
    assert leaving.undescribed(["postgresql"])["redis"] == {
        "title": "Redis",
        "daemons": ["redis-server.service", "valkey-server.service"],
        "mark": "/usr/lib/ringmaster/checks.d/redis.json",
    }


def test_parts_of_the_program() -> None:
    assert leaving.parts(["webgateway", "mailserver"]) == ["mailserver", "nginx", "webgateway"]
    with pytest.raises(KeyError):
        leaving.parts(["radis"])
