# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A Debian 13 as controller, from a bare system: it makes itself ready, changes a description, and runs a scenario."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import pytest
from debian13 import Controller, controller

SOURCE = "example/platform/platform.ringmaster.yml"


@pytest.fixture(scope="module")
def debian() -> Iterator[Controller]:
    with controller(caches=True) as found:
        found.run("bin/bootstrap")
        yield found


def test_it_is_debian_13_with_the_newer_ansible_core(debian: Controller) -> None:
    assert 'VERSION_ID="13"' in debian.run("cat", "/etc/os-release")
    said = debian.run("ansible-playbook", "--version")
    assert re.search(r"ansible-playbook \[core 2\.21\.", said), said
    assert re.search(r"python version = 3\.13\.", said), said
    assert debian.run("bin/bootstrap") == "", "a second run found something to do"


def test_libvirt_python_is_that_of_the_lock_file_on_the_libvirt_of_debian_13(debian: Controller) -> None:
    """The library speaks for itself: 11 million and more is libvirt 11. Its test driver has one VM."""
    code = (
        "import libvirt, importlib.metadata as m; c = libvirt.open('test:///default'); "
        "print(m.version('libvirt-python'), libvirt.getVersion() // 1000000, *(d.name() for d in c.listAllDomains()))"
    )
    version, library, *names = debian.run(".venv/bin/python", "-c", code).split()
    assert f"libvirt-python=={version}\n" in debian.run("cat", "requirements-3.13.lock")
    assert library == "11"
    assert names == ["test"]


def test_the_example_is_valid_and_a_mistake_is_shown_with_its_place(debian: Controller) -> None:
    assert "The description is valid: 1 projects, " in debian.play("validate", SOURCE)
    debian.run("cp", "-r", "example/platform", "example/broken")
    debian.run("sed", "-i", "s/memory: /memroy: /", "example/broken/projects/myapp.yml")
    source = SOURCE.replace("platform/", "broken/")
    with debian.start("ansible-playbook", "-i", source, "playbooks/validate.yml") as run:
        assert run.stdout is not None
        said = run.stdout.read()
    assert run.returncode != 0
    assert re.search(r"broken/projects/myapp\.yml:\d+", said), said
    assert "memroy" in said


def test_verbs_change_the_description_and_its_inventory(debian: Controller) -> None:
    debian.run("cp", "-r", "example/platform", "example/verbs")
    source = SOURCE.replace("platform/", "verbs/")
    person = {"user": "carol", "full_name": "Carol Example", "email": "carol@example.org"}
    debian.play("add_project", source, "-e", json.dumps({"project": "shop", "description": "The shop"}))
    debian.play("add_user", source, "-e", json.dumps(person))
    order = {"project": "shop", "vm": "shop00", "memory": "2GiB", "components": "redis", "stop_after": "description"}
    debian.play("order_vm", source, "-e", json.dumps(order))
    debian.play("change_vm", source, "-e", json.dumps({"vm": "shop00", "cores": 3, "stop_after": "description"}))
    granted = {"project": "shop", "user": "carol", "permissions": "login"}
    debian.play("set_permissions", source, "-e", json.dumps(granted))
    said = debian.play("set_permissions", source, "-e", json.dumps(granted))
    assert re.search(r"^localhost .* changed=0 ", said, re.MULTILINE), "a second run changed something"
    listed = debian.run("ansible-inventory", "-i", source, "--host", "shop00")
    host = json.loads(listed)
    assert (host["ringmaster_cores"], host["ringmaster_memory_mib"]) == (3, 2048)
    assert "redis" in host["ringmaster_components"]
    assert "carol" in debian.run("cat", "example/verbs/projects/shop.yml")


def test_a_scenario_runs_in_a_lab_of_its_own(debian: Controller) -> None:
    """Molecule finds what scenarios share through the root of a git repository."""
    debian.run("git", "init", "--quiet")
    said = debian.run("molecule", "test", "-s", "redis")
    assert re.search(r"[1-9]\d* passed", said), said
    assert debian.run("ip", "netns") == ""
