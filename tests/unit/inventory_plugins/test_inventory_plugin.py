# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The inventory plugin as its users call it: ansible-inventory and ansible-playbook in a process of their own."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.thorough

ROOT = Path(__file__).parents[3]
BIN = Path(sys.executable).parent


def run(platform, program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {
        **os.environ,
        "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
        "RINGMASTER_CACHE_DIRECTORY": str(platform.folder.parent / "cache"),
        "ANSIBLE_NOCOLOR": "1",
        "COLUMNS": "200",
    }
    return subprocess.run(
        [str(BIN / program), *arguments], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )


def inventory(platform, *arguments: str) -> dict[str, Any]:
    result = run(platform, "ansible-inventory", "-i", str(platform.source), "--list", *arguments)
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


def host(platform, name: str) -> dict[str, Any]:
    return inventory(platform)["_meta"]["hostvars"][name]


@pytest.fixture
def allocated(platform):
    platform.allocate()
    return platform


@pytest.mark.parametrize("name", ["ringmaster.hosting.platform", "platform"])
def test_full_and_short_name(allocated, name: str) -> None:
    allocated.write("platform.ringmaster.yml", f"plugin: {name}\n")
    found = inventory(allocated)
    assert found["vms"]["hosts"] == ["myapp00"]
    assert found["_meta"]["hostvars"]["myapp00"]["ansible_host"] == "172.20.1.1"


def test_variables_of_a_vm_are_those_of_the_contract(allocated) -> None:
    variables = host(allocated, "myapp00")
    expected = {
        "ringmaster_project": "myapp",
        "ringmaster_vm_id": 4096,
        "ringmaster_hypervisor": "hv0",
        "ringmaster_memory_mib": 1024,
        "ringmaster_memory_max_mib": 1024,
        "ringmaster_cores": 2,
        "ringmaster_disk_gib": 10,
        "ringmaster_swap_mib": 1024,
        "ringmaster_tmp_gib": 5,
        "ringmaster_fe_mac": "02:01:02:00:10:00",
        "ringmaster_srv_mac": "02:01:03:00:10:00",
        "ringmaster_fe_ipv4": "198.51.100.2",
        "ringmaster_fe_ipv6": "2001:db8:2::1000",
        "ringmaster_srv_ipv4": "172.20.1.1",
        "ringmaster_srv_ipv6": "2001:db8:3::1000",
        "ringmaster_fqdn": "myapp00.ringmaster.example",
        "ringmaster_fe_fqdn": "myapp00.fe.ringmaster.example",
        "ringmaster_components": ["redis"],
        "ringmaster_protected": False,
        "ringmaster_state": "running",
    }
    assert {key: variables[key] for key in expected} == expected
    assert variables["ringmaster_roster"]["generation"] == 1
    assert [person["name"] for person in variables["ringmaster_roster"]["people"]] == ["alice", "bob"]
    assert variables["ringmaster_project_firewall"]["allow"][0]["from"] == [
        "10.77.0.20",
        "172.20.0.20",
        "2001:db8:3::20",
        "198.51.100.20",
        "2001:db8:2::20",
    ]


def test_groups(allocated) -> None:
    found = inventory(allocated)
    for name, hosts in {
        "hypervisors": ["hv0"],
        "machines": ["svc0"],
        "project_myapp": ["myapp00"],
        "component_redis": ["myapp00"],
        "service_gateway": ["hv0"],
        "service_dns": ["svc0"],
        "hypervisor_hv0_vms": ["myapp00"],
        "state_running": ["myapp00"],
    }.items():
        assert found[name]["hosts"] == hosts
    assert "unallocated" not in found


def test_a_vm_without_allocation_has_no_address(platform) -> None:
    found = inventory(platform)
    assert found["unallocated"]["hosts"] == ["myapp00"]
    variables = found["_meta"]["hostvars"]["myapp00"]
    assert not {"ansible_host", "ringmaster_vm_id", "ringmaster_srv_ipv4"} & variables.keys()


def test_an_orphan_stays_reachable_for_accounts_only(allocated) -> None:
    allocated.edit("projects/myapp.yml", lambda data: data.update(vms={}))
    found = inventory(allocated)
    assert found["orphans"]["hosts"] == ["myapp00"]
    assert found["project_myapp"]["hosts"] == ["myapp00"]
    assert "hosts" not in found.get("vms", {})
    assert not any(
        "myapp00" in found[name].get("hosts", []) for name in found if name.startswith(("component_", "hyp"))
    )
    assert found["_meta"]["hostvars"]["myapp00"]["ringmaster_roster"]["people"]


def test_component_options_are_role_variables(allocated) -> None:
    allocated.replace("projects/myapp.yml", "redis: {}", "redis: {appendonly: false, users: [{name: app}]}")
    variables = host(allocated, "myapp00")
    assert variables["redis_appendonly"] is False
    assert variables["redis_users"] == [{"name": "app"}]


def test_folder_and_other_files_fail_with_a_sentence_that_names_the_right_file(allocated) -> None:
    for wrong in (allocated.folder, allocated.folder / "projects" / "myapp.yml", allocated.folder / "allocations.yml"):
        result = run(allocated, "ansible-inventory", "-i", str(wrong), "--list")
        assert result.returncode != 0
        text = " ".join(result.stderr.split())
        assert f"pass the file {allocated.source}" in text
        assert "Traceback" not in result.stderr


def test_a_broken_file_fails_with_its_place(allocated) -> None:
    allocated.replace("projects/myapp.yml", "memory: 1GiB", "memory: 1GB")
    allocated.replace("users/bob.yml", "email: bob", "emial: bob")
    result = run(allocated, "ansible-inventory", "-i", str(allocated.source), "--list")
    assert result.returncode != 0
    assert re.search(r"projects/myapp.yml:\d+:13:", result.stderr)
    assert "did you mean 1GiB?" in result.stderr
    assert "users/bob.yml:4:1:" in result.stderr
    assert "Traceback" not in result.stderr
    play = run(allocated, "ansible-playbook", "-i", str(allocated.source), "playbooks/validate.yml")
    assert play.returncode != 0


def test_data_is_never_a_template(allocated) -> None:
    allocated.replace("users/bob.yml", "Bob Example", '"Bob {{ 1 + 1 }}"')
    allocated.replace("projects/myapp.yml", "redis: {}", "redis: {settings: {save: \"{{ lookup('pipe', 'id') }}\"}}")
    play = allocated.folder.parent / "show.yml"
    play.write_text(
        "- hosts: myapp00\n  gather_facts: false\n  connection: local\n  tasks:\n"
        "    - ansible.builtin.debug:\n"
        '        msg: "name={{ ringmaster_roster.people[1].full_name }} save={{ redis_settings.save }}"\n'
    )
    result = run(allocated, "ansible-playbook", "-i", str(allocated.source), str(play))
    assert "name=Bob {{ 1 + 1 }} save={{ lookup('pipe', 'id') }}" in result.stdout, result.stdout + result.stderr


def test_plain_text_comes_out_plain(allocated) -> None:
    """AWX stores the wrapper of untrusted text as a map: there must be none on ordinary values."""
    result = run(allocated, "ansible-inventory", "-i", str(allocated.source), "--list", "--export")
    assert "__ansible_unsafe" not in result.stdout


def test_constructed_options(allocated) -> None:
    allocated.write(
        "platform.ringmaster.yml",
        "plugin: ringmaster.hosting.platform\nstrict: true\ncompose: {twice: ringmaster_cores | default(0) * 2}\n"
        "groups: {two: ringmaster_cores | default(0) == 2}\n"
        "keyed_groups: [{key: ringmaster_domain, prefix: in}]\n",
    )
    found = inventory(allocated)
    assert found["_meta"]["hostvars"]["myapp00"]["twice"] == 4
    assert found["two"]["hosts"] == ["myapp00"]
    assert set(found["in_ringmaster_example"]["hosts"]) == {"hv0", "myapp00", "svc0"}


def test_projects_option(allocated) -> None:
    allocated.write("projects/other.yml", "vms: {other00: {}}\n")
    assert set(inventory(allocated)["vms"]["hosts"]) == {"myapp00", "other00"}
    allocated.write("platform.ringmaster.yml", "plugin: ringmaster.hosting.platform\nprojects: [other]\n")
    assert inventory(allocated)["vms"]["hosts"] == ["other00"]


@pytest.mark.parametrize(("choice", "address"), [("srv6", "2001:db8:3::1000"), ("fe6", "2001:db8:2::1000")])
def test_ssh_address(allocated, choice: str, address: str) -> None:
    allocated.write("platform.ringmaster.yml", f"plugin: platform\nssh_address: {choice}\n")
    assert host(allocated, "myapp00")["ansible_host"] == address


OLD, NEW = "172.20.1.1", "172.20.1.77"
CONFIRMED = f"198.51.100.2 2001:db8:2::1000 {OLD} 2001:db8:3::1000"


@pytest.mark.parametrize(
    ("choice", "confirmed", "dialled", "afterwards"),
    [
        ("srv4", CONFIRMED, OLD, NEW),
        ("srv6", CONFIRMED, "2001:db8:3::1000", "2001:db8:3::1000"),
        # The network has moved away from the old address: one that stays.
        ("srv4", CONFIRMED.replace(OLD, "172.31.0.1"), "2001:db8:3::1000", NEW),
        ("srv4", CONFIRMED.replace(OLD, "-"), "2001:db8:3::1000", NEW),
        ("srv4", "198.51.100.2 2001:db8:7::1000 172.31.0.1 2001:db8:8::1000", "198.51.100.2", NEW),
        # What the description takes away and adds is confirmed, too.
        ("srv4", CONFIRMED.replace(OLD, NEW).replace("198.51.100.2", "198.51.100.9"), NEW, NEW),
    ],
)
def test_a_vm_that_gets_another_address_is_reached_by_one_that_it_has(
    allocated, choice: str, confirmed: str, dialled: str, afterwards: str
) -> None:
    allocated.write("platform.ringmaster.yml", f"plugin: platform\nssh_address: {choice}\n")
    allocated.edit(
        "allocations.yml",
        lambda data: data.update(ipv4_srv={"myapp00": NEW}, confirmed_addresses={"myapp00": confirmed}),
    )
    found = host(allocated, "myapp00")
    assert (found["ansible_host"], found["ringmaster_next_host"]) == (dialled, afterwards)
    assert found["ringmaster_srv_ipv4"] == NEW
    assert all(found[f"ringmaster_{kind}"] != old for kind, old in found["ringmaster_former_addresses"].items())


def test_a_vm_that_has_its_addresses_has_no_former_ones(allocated) -> None:
    allocated.edit("allocations.yml", lambda data: data.update(confirmed_addresses={"myapp00": CONFIRMED}))
    assert not {"ringmaster_former_addresses", "ringmaster_next_host"} & host(allocated, "myapp00").keys()


def test_keys_of_a_lab(allocated, make_key) -> None:
    keys = allocated.folder.parent / "keys"
    keys.mkdir()
    (keys / "bob.pub").write_text(make_key() + "\n")
    (keys / "operator.pub").write_text(make_key() + "\n")
    (keys / "operator").write_text("private")
    allocated.write(
        "platform.ringmaster.yml", "plugin: platform\nkey_directory: ../keys\nprivate_key_file: ../keys/operator\n"
    )
    variables = host(allocated, "myapp00")
    assert len(variables["ringmaster_operator_keys"]) == 2
    assert [len(person["ssh_keys"]) for person in variables["ringmaster_roster"]["people"]] == [1, 2]
    assert variables["ansible_ssh_private_key_file"] == str(keys / "operator")
    assert variables["ringmaster_roster"]["generation"] == 2


def test_the_cache_follows_content(allocated) -> None:
    first = inventory(allocated)
    cache = allocated.folder.parent / "cache"
    (kept,) = cache.iterdir()
    assert kept.stat().st_mode & 0o077 == 0
    kept.write_text(kept.read_text().replace('"ringmaster_cores":2', '"ringmaster_cores":64'))
    assert inventory(allocated)["_meta"]["hostvars"]["myapp00"]["ringmaster_cores"] == 64
    assert inventory(allocated, "--flush-cache") == first
    kept.write_text("{")
    assert inventory(allocated) == first
    allocated.replace("projects/myapp.yml", "cores: 2", "cores: 3")
    assert host(allocated, "myapp00")["ringmaster_cores"] == 3
    incident = {"title": "Mail was slow", "begin": "2026-11-24T10:00:00Z"}
    allocated.write("incidents/2026-11-24-mail.yml", json.dumps(incident))
    assert host(allocated, "svc0")["ringmaster_incidents"]["2026-11-24-mail"]["title"] == "Mail was slow"


def test_modules_run_on_the_controller_in_check_and_diff_mode(platform) -> None:
    source = ("-i", str(platform.source))
    before = platform.snapshot()
    dry = run(platform, "ansible-playbook", *source, "playbooks/allocate.yml", "--check", "--diff")
    assert dry.returncode == 0, dry.stderr
    assert "+  myapp00: 4096" in dry.stdout
    assert "changed=1" in dry.stdout
    assert platform.snapshot() == before
    assert "changed=1" in run(platform, "ansible-playbook", *source, "playbooks/allocate.yml").stdout
    assert "changed=0" in run(platform, "ansible-playbook", *source, "playbooks/allocate.yml").stdout
    assert "1 VMs" in run(platform, "ansible-playbook", *source, "playbooks/validate.yml").stdout
    platform.edit("projects/myapp.yml", lambda data: data.update(vms={}))
    orphaned = run(platform, "ansible-playbook", *source, "playbooks/validate.yml")
    assert orphaned.returncode != 0
    assert "no project describes it" in orphaned.stdout + orphaned.stderr


def test_people_are_brought_to_vms_in_spite_of_a_mistake_elsewhere(allocated) -> None:
    for words in (["init", "-q"], ["add", "--all"], ["commit", "-q", "-m", "x"]):
        own = ["-c", "user.name=A", "-c", "user.email=a@example.org"]
        subprocess.run(["git", "-C", str(allocated.folder), *own, *words], check=True)
    allocated.replace("projects/myapp.yml", "memory: 1GiB", "memory: 1GB")
    shown = run(allocated, "ansible-playbook", "-i", str(allocated.source), "playbooks/accounts.yml", "--list-hosts")
    assert shown.returncode == 0, shown.stderr
    assert "myapp00" in shown.stdout
    assert "'1GB' is not a size" in shown.stderr
    assert "read as the last commit has it" in " ".join(shown.stderr.split())
    other = run(allocated, "ansible-playbook", "-i", str(allocated.source), "playbooks/base.yml", "--list-hosts")
    assert other.returncode != 0


def test_nobody_waits_for_a_source_that_is_a_pipe(platform) -> None:
    platform.source.unlink()
    os.mkfifo(platform.source)
    result = run(platform, "ansible-inventory", "-i", str(platform.source), "--list")
    assert result.returncode != 0
    assert "platform.ringmaster.yml:1:1: cannot be read: is a named pipe (FIFO), and no file" in result.stderr
    assert "Traceback" not in result.stderr


def test_a_wrong_value_of_the_source_is_said_with_its_place(platform) -> None:
    platform.write("platform.ringmaster.yml", "plugin: ringmaster.hosting.platform\nprojects: 5\nssh_address: srv5\n")
    result = run(platform, "ansible-inventory", "-i", str(platform.source), "--list")
    assert result.returncode != 0
    assert "platform.ringmaster.yml:2:11: projects: '5' is no name for a project" in result.stderr
    assert "platform.ringmaster.yml:3:14: ssh_address: 'srv5' is not one of the allowed words" in result.stderr
    assert "Traceback" not in result.stderr


TWICE = """\
import gc, sys, weakref
from ansible.inventory.manager import InventoryManager
from ansible.parsing.dataloader import DataLoader
from ansible.plugins.loader import init_plugin_loader

init_plugin_loader()
inventory = InventoryManager(loader=DataLoader(), sources=[sys.argv[1]])
old = weakref.ref(inventory._inventory)
host = inventory.get_host("myapp00")
assert not any(host is one for one in gc.get_objects()), "it is walked"
del host
inventory.refresh_inventory()
assert gc.get_freeze_count() > 0
assert old() is None, "what was read before is still there"
"""


def test_pythons_collector_passes_over_what_was_read_and_takes_what_was_read_before(allocated) -> None:
    environment = {"ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"), "ANSIBLE_HOME": str(allocated.folder.parent / "home")}
    result = subprocess.run(
        [sys.executable, "-c", TWICE, str(allocated.source)],
        cwd=ROOT, env={**os.environ, **environment}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
