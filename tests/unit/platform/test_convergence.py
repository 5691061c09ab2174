# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The digest of what a machine is converged with: everything that may change it changes it, and nothing else does."""

from __future__ import annotations

import copy
import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform import (
    cache,
    convergence,
    inventory,
    operations,
    standing,
)
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform.component_options import roles_folder

VM, NEIGHBOUR, STRANGER = "myapp00", "myapp01", "other00"


@pytest.fixture
def described(platform):
    platform.edit("projects/myapp.yml", lambda data: data["vms"].update({NEIGHBOUR: {"components": {"redis": {}}}}))
    platform.write("projects/other.yml", f"permissions: {{alice: [manager]}}\nvms: {{{STRANGER}: {{}}}}\n")
    platform.allocate()
    return platform


def digests(platform) -> dict[str, str]:
    hosts = inventory.build(platform.read()).hosts
    return {name: variables[convergence.VARIABLE] for name, variables in hosts.items()}


def changed(before: dict[str, str], after: dict[str, str]) -> set[str]:
    return {name for name in before if before[name] != after[name]}


def test_each_machine_has_one_and_it_stays(described) -> None:
    found = digests(described)
    assert {VM, NEIGHBOUR, STRANGER, "hv0", "svc0"} <= found.keys()
    assert len(set(found.values())) == len(found)
    assert found == digests(described)


def recomputed(groups: dict[str, Any], hosts: dict[str, Any]) -> str:
    convergence.add_digests(groups, hosts, ["svc0"], {})
    return hosts[VM][convergence.VARIABLE]


def test_every_variable_of_a_vm_and_its_groups_counts_or_is_on_the_list(described) -> None:
    built = inventory.build(described.read())
    for variables in built.hosts.values():
        variables.pop(convergence.VARIABLE)
    wanted = recomputed(copy.deepcopy(built.groups), copy.deepcopy(built.hosts))
    places = [("hosts", VM), *(("groups", name) for name in ("all", "vms", "project_myapp"))]
    tried = 0
    for kind, name in places:
        variables = built.hosts[name] if kind == "hosts" else built.groups[name]["vars"]
        for variable in variables:
            groups, hosts = copy.deepcopy(built.groups), copy.deepcopy(built.hosts)
            place = hosts[name] if kind == "hosts" else groups[name]["vars"]
            place[variable] = ["another", place[variable]] if variable != "ringmaster_project" else "other"
            if variable in ("ringmaster_components", "ringmaster_components_leaving"):
                place[variable] = ["mysql"]
            counts = variable not in convergence.OF_THE_CONTROLLER | convergence.OF_THE_PLACE
            assert (recomputed(groups, hosts) != wanted) is counts, variable
            tried += 1
    assert tried > 50


def test_who_is_concerned_by_a_change(described) -> None:
    before = digests(described)
    described.edit("projects/myapp.yml", lambda data: data["vms"][VM].update({"memory": "3GiB"}))
    after = digests(described)
    assert changed(before, after) == {VM, "hv0", "svc0"}
    # What a component says lies on the other VMs of its project, too.
    described.edit(
        "projects/myapp.yml", lambda data: data["vms"][NEIGHBOUR]["components"]["redis"].update({"port": 6380})
    )
    last = digests(described)
    assert changed(after, last) == {VM, NEIGHBOUR, "hv0", "svc0"}
    described.edit("projects/myapp.yml", lambda data: data.update({"contacts": ["new@example.com"]}))
    assert changed(last, digests(described)) == {VM, NEIGHBOUR, "hv0", "svc0"}
    everybody = digests(described)
    described.edit("platform.yml", lambda data: data.update({"timezone": "America/New_York"}))
    assert changed(everybody, digests(described)) == {VM, NEIGHBOUR, STRANGER, "hv0", "svc0"}


def test_what_reaches_no_machine_changes_none(described) -> None:
    before = digests(described)
    described.edit("projects/myapp.yml", lambda data: data["vms"][VM].update({"comment": "for the shop"}))
    assert digests(described) == before
    # Another controller, with the same description in another place.
    moved = described.folder.parent / "elsewhere"
    shutil.copytree(described.folder, moved)
    options = operations.options_of(moved / described.source.name, described.roles)
    other = inventory.build(operations.description.read_valid(options)).hosts
    assert {name: variables[convergence.VARIABLE] for name, variables in other.items()} == before


def test_variables_beside_the_inventory_count(described) -> None:
    before = digests(described)
    described.write("host_vars/myapp00.yml", "base_extra_packages: [jq]\n")
    own = digests(described)
    assert changed(before, own) == {VM, "hv0", "svc0"}
    (described.folder / "group_vars/all").mkdir(parents=True)
    described.write("group_vars/all/more.yml", "base_extra_packages: [jq]\n")
    assert changed(own, digests(described)) == set(before)


def test_the_cache_sees_what_the_digest_is_made_of(described, tmp_path: Path) -> None:
    def cached() -> str:
        return cache.resolve(described.options, tmp_path / "cache")["hosts"][VM][convergence.VARIABLE]

    before = cached()
    assert cached() == before
    described.write("host_vars/myapp00.yml", "base_extra_packages: [jq]\n")
    assert cached() != before


def test_the_code_counts(tmp_path: Path) -> None:
    copied = tmp_path / "hosting"
    for part in convergence.CODE:
        (copied / part).mkdir(parents=True)
    (copied / "roles/base/tasks").mkdir(parents=True)
    task = copied / "roles/base/tasks/main.yml"
    task.write_text("---\n")
    before, signature = convergence.code(copied), convergence.code_signature(copied)
    (copied / "roles/base/__pycache__").mkdir()
    (copied / "roles/base/__pycache__/x.pyc").write_text("")
    assert (convergence.code(copied), convergence.code_signature(copied)) == (before, signature)
    task.write_text("---\n# more\n")
    assert convergence.code(copied) != before and convergence.code_signature(copied) != signature
    assert convergence.code() == convergence.code(roles_folder().parent)


def test_what_a_machine_keeps(described) -> None:
    machine = inventory.build(described.read())
    known = {"inventory_hostname": VM, "platform_secret": "platform-secret-of-tests"}
    variables = {**machine.groups["all"]["vars"], **machine.hosts[VM], **known}
    kept = json.loads(convergence.reached(variables, 1234.9))
    assert kept == {"digest": convergence.wanted(variables), "commit": "", "at": 1234}
    assert kept["digest"] != convergence.wanted({**variables, "platform_secret": "another-secret-of-tests"})
    assert convergence.VARIABLE in variables and convergence.wanted({**variables, convergence.VARIABLE: ""}) == ""
    environment = {**os.environ, "GIT_CONFIG_GLOBAL": "/dev/null"}
    git = ["git", "-C", str(described.folder), "-c", "user.name=x", "-c", "user.email=x@example.com"]
    for words in (["init", "-q"], ["add", "-A"], ["commit", "-q", "-m", "first"]):
        subprocess.run([*git, *words], check=True, env=environment)
    commit = standing.commit(described.folder)
    assert len(commit) == 12 and json.loads(convergence.reached(variables, 0))["commit"] == commit
    described.write("users/.later", "")
    assert standing.commit(described.folder) == f"{commit}+"
