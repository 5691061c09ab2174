# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A look at many machines says what ``hostvars`` says, and asks Ansible for one of them, however many there are."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.inventory.manager import InventoryManager
from ansible.parsing.dataloader import DataLoader
from ansible.vars.hostvars import HostVars
from ansible.vars.manager import VariableManager
from ansible_collections.ringmaster.hosting.plugins.filter.converged import FilterModule as Converged
from ansible_collections.ringmaster.hosting.plugins.filter.firewall_edge import FilterModule as Firewall
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform import operations
from ansible_collections.ringmaster.hosting.plugins.plugin_utils.glance import Glance, glance, machines, once_a_task

ROOT = Path(__file__).parents[3]
VMS = [f"shop{number:02}" for number in range(40)]
SHARED = {"ringmaster_services": {"dns": "svc0"}, "ringmaster_domain": "ringmaster.example", "same": "all"}


@pytest.fixture
def hosting(tmp_path: Path) -> Path:
    """Write an inventory with variables in every place that operators have for them."""
    inventory = {
        "all": {
            "vars": SHARED,
            "hosts": {name: {"ansible_host": f"172.20.1.{number}"} for number, name in enumerate(VMS)},
            "children": {
                "vms": {"hosts": dict.fromkeys(VMS), "vars": {"ringmaster_state": "running", "same": "vms"}},
                "project_shop": {"hosts": dict.fromkeys(VMS[:20]), "vars": {"ringmaster_project": "shop"}},
                "project_other": {"hosts": dict.fromkeys(VMS[20:]), "vars": {"ringmaster_project": "other"}},
                "silent": {"hosts": dict.fromkeys(VMS[::3])},
                "first": {"children": {"silent": {}}, "vars": {"of": "first", "ansible_group_priority": 10}},
            },
        }
    }
    (tmp_path / "hosts.yml").write_text(json.dumps(inventory))
    for path, variables in (
        ("group_vars/all.yml", {"same": "group_vars", "braces": "a { b"}),
        ("group_vars/project_shop.yml", {"of": "shop", "contacts": ["{{ inventory_hostname }}@example.org"]}),
        ("group_vars/silent/more.yml", {"of": "silent", "deep": {"one": [{"two": "{{ ansible_host }}"}]}}),
        ("host_vars/shop05.yml", {"same": "host_vars", "of": "{{ group_names | join('-') }}"}),
    ):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(yaml.safe_dump(variables))
    return tmp_path / "hosts.yml"


@pytest.fixture
def known(hosting: Path, monkeypatch) -> HostVars:
    monkeypatch.setattr("ansible.constants.INVENTORY_ENABLED", ["yaml"])
    loader = DataLoader()
    inventory = InventoryManager(loader=loader, sources=[str(hosting)])
    manager = VariableManager(loader=loader, inventory=inventory)
    return HostVars(inventory, manager, loader)


@pytest.fixture
def asked(monkeypatch) -> list[str]:
    """Count for which machines Ansible puts together all variables."""
    names: list[str] = []
    true = VariableManager.get_vars

    def counted(self: VariableManager, **kwargs: Any) -> Any:
        names.append(kwargs["host"].name)
        return true(self, **kwargs)

    monkeypatch.setattr(VariableManager, "get_vars", counted)
    return names


def everything(machine: Any) -> dict[str, Any]:
    return {key: machine[key] for key in sorted(machine) if key != "groups"}


def same(known: HostVars) -> None:
    looked = glance(known)
    assert isinstance(looked, Glance)
    for name in VMS:
        assert everything(looked[name]) == everything(known[name]), name
        assert "groups" in looked[name]
        assert looked[name].get("nothing", "none") == "none"
        assert len(looked[name]) == len(list(looked[name])) == len(list(known[name]))


def test_it_says_what_ansible_says(known: HostVars) -> None:
    same(known)


@pytest.mark.parametrize("setting", ["hash", "precedence"])
def test_also_where_operators_have_another_order(known: HostVars, monkeypatch, setting: str) -> None:
    if setting == "hash":
        monkeypatch.setattr("ansible.constants.DEFAULT_HASH_BEHAVIOUR", "merge")
        known._variable_manager._extra_vars = {"deep": {"three": 3}}
    else:
        monkeypatch.setattr(
            "ansible.constants.VARIABLE_PRECEDENCE", ["groups_plugins_inventory", "all_plugins_inventory"]
        )
    same(known)


def test_what_a_run_has_learnt_counts(known: HostVars) -> None:
    manager = known._variable_manager
    manager.set_nonpersistent_facts("shop01", {"same": "set", "said": {"stdout": "{{ 1 }}"}})
    manager.set_host_variable("shop02", "same", "included")
    manager.set_host_facts("shop03", {"ansible_os_family": "Debian"})
    manager._extra_vars = {"of": "words"}
    same(known)
    assert glance(known)["shop01"]["same"] == "set"
    assert glance(known)["shop02"]["same"] == "included"


def test_ansible_is_asked_for_one_machine_and_for_templates_that_are_looked_at(
    known: HostVars, asked: list[str]
) -> None:
    looked = machines(known, VMS)
    wanted = ("inventory_hostname", "ansible_host", "ringmaster_project", "ringmaster_services", "same", "braces")
    assert [[one[key] for key in wanted][:1] for one in looked] == [[name] for name in VMS]
    assert [one.get("ringmaster_web_passwords") for one in looked] == [None] * 40
    assert asked == ["shop00"]
    # Operators may write templates; those of whom one is looked at are rendered, once each.
    assert [one["contacts"] for one in looked if one["ringmaster_project"] == "shop"][1] == ["shop01@example.org"]
    assert [one["contacts"] for one in looked if one["ringmaster_project"] == "shop"][2] == ["shop02@example.org"]
    assert asked == ["shop00", *VMS[:20]]


def test_where_it_would_say_something_else_all_is_left_to_ansible(
    known: HostVars, asked: list[str], monkeypatch
) -> None:
    monkeypatch.setattr(Glance, "_from_inventory", lambda _self, _of: {"same": "not as Ansible says"})
    looked = glance(known)
    assert [looked[name]["same"] for name in VMS] == ["group_vars"] * 5 + ["host_vars"] + ["group_vars"] * 34
    assert len(asked) == 41


def test_what_is_not_ansibles_is_taken_as_it_is() -> None:
    own = {"shop00": {"same": "x"}}
    assert glance(own) is own
    assert machines(own, ["shop00"]) == [{"same": "x"}]


def test_filters_of_all_machines_ask_for_one(known: HostVars, asked: list[str]) -> None:
    Firewall().filters()["firewall_edge"](known, VMS)
    assert asked == ["shop00"]
    known._variable_manager._extra_vars = {
        "platform_secret": "a-secret-of-tests",
        "ringmaster_digest": "d" * 20,
        "ringmaster_hypervisor": "hv0",
    }
    Converged().filters()["behind"](known, VMS, said=dict.fromkeys(VMS, "x"))
    assert asked == ["shop00"] * 2


def test_groups_stand_for_those_that_have_an_address(known: HostVars) -> None:
    inventory = known._inventory
    inventory.add_group("unallocated")
    inventory.add_host("shop99", group="unallocated")
    for name in ("shop99", "shop07"):
        inventory._inventory.add_child("project_other", name)
    found = [one["inventory_hostname"] for one in machines(known, ["project_other", "shop01", "hypervisors"])]
    assert found == ["shop07", *VMS[20:], "shop01"]
    with pytest.raises(ValueError, match="shop77 is no machine"):
        machines(known, ["shop77"])


@pytest.mark.parametrize("in_a_task", [True, False])
def test_a_task_looks_once_and_the_first_process_always(known: HostVars, monkeypatch, in_a_task: bool) -> None:
    looked: list[Any] = []

    @once_a_task
    def count(_hostvars: Any, *args: Any) -> int:
        looked.append(args)
        return len(looked)

    monkeypatch.setattr("multiprocessing.parent_process", lambda: "the first" if in_a_task else None)
    assert [count(known, ["vms"]), count(known, ["vms"])] == ([1, 1] if in_a_task else [1, 2])
    other = HostVars(known._inventory, known._variable_manager, known._loader)
    assert [count(known, ["hypervisors"]), count(other, ["hypervisors"])] == ([2, 3] if in_a_task else [3, 4])


ROLES = ("monitoring", "status", "backup_server")


def test_no_service_looks_at_all_machines_in_another_way() -> None:
    looking = {
        path.relative_to(ROOT / "roles").as_posix()
        for role in ROLES
        for path in (ROOT / "roles" / role).rglob("*.yml")
        if "_machines | map('extract', hostvars" in path.read_text()
    }
    assert looking == set()


SAME = """\
- hosts: localhost
  connection: local
  gather_facts: false
  vars:
    names: "{{ (groups['vms'] + groups['hypervisors'] + groups['machines'] | default([])) | unique | sort }}"
    one: "{{ hostvars[groups['hypervisors'][0]] }}"
    platform: {domain: "{{ one.ringmaster_domain }}", timezone: UTC, services: "{{ one.ringmaster_services }}"}
  tasks:
    - ansible.builtin.copy:
        content: "{{ says | to_json }}"
        dest: "{{ folder }}/{{ item }}.json"
        mode: "0600"
      vars:
        found: "{{ hostvars | ringmaster.hosting.machines(names) if item == 'new' else
                   names | map('extract', hostvars) | list }}"
        says:
          - "{{ names }}"
          - "{{ hostvars | ringmaster.hosting.monitored(names, one.inventory_hostname) }}"
          - "{{ found | ringmaster.hosting.status_description({}, platform) }}"
          - "{{ found | ringmaster.hosting.status_password_files('/etc/x') }}"
          - "{{ found | ringmaster.hosting.backup_repositories(platform_secret) }}"
      loop: [old, new]
"""


@pytest.mark.thorough
@pytest.mark.parametrize("mixed", [False, True], ids=["as it is", "with variables of operators"])
def test_files_of_the_example_are_the_same_to_the_byte(platform: Any, tmp_path: Path, mixed: bool) -> None:
    folder = Path(platform.folder)
    operations.allocate(operations.options_of(platform.source, ROOT / "roles"))
    if mixed:
        (folder / "group_vars").mkdir(exist_ok=True)
        (folder / "group_vars/all.yml").write_text(
            "monitoring_agent_disk_warning: 70\nringmaster_project_contacts: ['{{ inventory_hostname }}@example.org']\n"
            "base_extra_packages: ['{{ ringmaster_domain }}']\n"
        )
    (tmp_path / "same.yml").write_text(SAME)
    environment = {**os.environ, "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"), "ANSIBLE_LOCAL_TEMP": str(tmp_path / "t")}
    words = json.dumps({"folder": str(tmp_path), "platform_secret": "a-secret-of-tests-that-is-long"})
    program = Path(sys.executable).parent / "ansible-playbook"
    done = subprocess.run(
        [str(program), "-i", str(platform.source), "-e", words, f"{tmp_path}/same.yml"],
        check=False, cwd=ROOT, env=environment, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    old, new = ((tmp_path / f"{name}.json").read_text() for name in ("old", "new"))
    assert old == new
    assert len(json.loads(old)[0]) > 2
