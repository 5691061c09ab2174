# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What actions of ours take from machines that lie: what they declare, and nothing else."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from ansible.errors import AnsibleActionFail
from ansible_collections.ringmaster.hosting.plugins.module_utils.machine.file_script import MARKER
from ansible_collections.ringmaster.hosting.plugins.module_utils.machine.program_answers import COMMANDS, answer
from ansible_collections.ringmaster.hosting.plugins.module_utils.values.answers import AnswerError
from ansible_collections.ringmaster.hosting.plugins.plugin_utils import judged_action
from enemy import Outcome, Stage, failures, recap

pytestmark = pytest.mark.thorough

ROOT = Path(__file__).parents[3]
ACTIONS = ROOT / "collections/ansible_collections/ringmaster/hosting/plugins/action"
MODULES = ACTIONS.parent / "modules"
# Their modules run on the controller, or on the machine that makes images and labs.
AT_HOME = {
    "description_allocate", "description_change", "description_check", "description_what_if", "plan_moves",
    "debian_tree", "lab_machine", "lab_network", "vm_image_build", "wait_for_machine",
}  # fmt: skip
HIDDEN = "\x1b[2J"
PROXY = {"host_name": "hv0", "host_vars": {"ansible_ssh_common_args": "-o ProxyCommand=id"}}
FILES = {"ringmaster.hosting.files": {"files": [{"path": "/tmp/ours/file", "content": "x"}]}}
# To be restarted: whether nothing is to be done is asked without the module.
UNITS: dict[str, Any] = {"ringmaster.hosting.units": {"units": [{"name": "a.service", "restart": True}]}}
KEYS = {"ringmaster.hosting.vm_info": {"names": ["web00"]}}

POOL = {"ringmaster.hosting.pool": {"path": "/srv/images"}}
DISK: dict[str, Any] = {"ringmaster.hosting.disk": {"name": "a.qcow2", "size": "1GiB"}}
IMAGE = {"ringmaster.hosting.image": {"src": "/srv/a.qcow2", "remote_src": True}}
FETCHED = {"ringmaster.hosting.image": {"src": str(Path(__file__)), "name": "a.qcow2"}}
VM = {"ringmaster.hosting.vm": {"name": "web00", "state": "absent"}}

LIES: dict[str, tuple[dict[str, Any], object, str]] = {
    "quick_add_host": (FILES, MARKER + json.dumps({"changed": True, "add_host": PROXY}), "only changed"),
    "quick_facts": (FILES, MARKER + json.dumps({"ansible_facts": {"a": 1}}), "only changed"),
    "quick_nan": (FILES, MARKER + '{"changed": NaN}', "expected is JSON"),
    "quick_list": (FILES, MARKER + "[]", "a map"),
    "quick_path": (
        FILES,
        MARKER + json.dumps({"changed": True, "changed_paths": ["/etc/passwd"], "applied": []}),
        "a path that was sent there",
    ),
    "quick_escape": (FILES, MARKER + json.dumps({"failed": True, "msg": HIDDEN}), ""),
    "no_marker": (FILES, f"nothing {HIDDEN}", "no result"),
    "unknown_name": (UNITS, {"changed": True, "ringmaster_project": "other"}, "only changed"),
    "wrong_type": (UNITS, {"changed": True, "steps": "all"}, "a list"),
    "foreign_vm": (KEYS, {"host_keys": {"db00": ["ssh-ed25519 AAAA"]}}, "a VM that was asked for"),
    "pool_more": (POOL, {"changed": True, "path": "/srv/images", "groups": ["all"]}, "only changed"),
    "pool_path": (POOL, {"path": "/srv/{{ x }}"}, "a path"),
    "disk_path": (DISK, {"path": "../../x", "name": "a.qcow2"}, "a path"),
    "disk_size": (DISK, {"size": "1G"}, "a whole number"),
    "image_name": (IMAGE, {"name": "a b\n", "present": True}, "the name of a volume"),
    "image_present": (FETCHED, {"name": "a.qcow2", "present": "yes"}, "true or false"),
    "vm_name": (VM, {"name": "Web00 "}, "the name of a machine"),
    "vm_state": (VM, {"state": "running; reboot"}, "the state of a VM"),
    "no_key": (KEYS, {"host_keys": {"web00": ["ssh-ed25519 AAAA\n* ssh-ed25519 AAAA"]}}, "a public host key"),
}


@pytest.fixture(scope="module")
def lied(tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    stage = Stage(tmp_path_factory.mktemp("lied"))
    for name, (_task, said, _expected) in LIES.items():
        stage.says(name, said)
    # In one play: a play in which all have failed is the last one.
    tasks = [{**task, "when": f"inventory_hostname == '{name}'"} for name, (task, _said, _expected) in LIES.items()]
    show = {"ansible.builtin.debug": {"msg": "hv0 is {{ 'hv0' in groups['all'] }}"}}
    return stage.play([{"tasks": [*tasks, {**show, "when": "inventory_hostname == 'good'"}]}], "--diff")


@pytest.mark.parametrize("name", LIES)
def test_an_answer_of_our_actions_is_what_they_declare(lied: Outcome, name: str) -> None:
    assert LIES[name][2] in failures(lied)[name]
    assert recap(lied, name)["failed"] == 1


def test_no_answer_of_ours_changes_the_inventory_or_moves_a_terminal(lied: Outcome) -> None:
    assert "hv0 is False" in lied.text
    assert "\x1b" not in lied.text


def test_every_module_whose_answer_is_read_has_an_action_that_declares_it() -> None:
    modules = {path.stem for path in MODULES.glob("*.py")} - AT_HOME - {"__init__"}
    judging = {path.stem for path in ACTIONS.glob("*.py") if re.search(r"JudgedAction\)|judge[d]?\(", path.read_text())}
    assert modules - judging == set()


@pytest.mark.parametrize(
    "name",
    [
        "accounts",
        "component",
        "packages",
        "units",
        "withdraw",
        "vms",
        "vm_info",
        "vm_move",
        "vm_snapshot",
        "vm",
        "disk",
        "pool",
        "image",
    ],
)
def test_an_action_declares_all_that_its_module_documents(name: str) -> None:
    documented = (MODULES / f"{name}.py").read_text().split('RETURN = r"""', 1)[1].split('"""', 1)[0]
    declared = (ACTIONS / f"{name}.py").read_text()
    missing = [one for one in re.findall(r"^([a-z_]+):$", documented, re.MULTILINE) if f'"{one}"' not in declared]
    assert missing == []


ANSWERS: list[tuple[str, dict[str, Any]]] = [
    ("postgresql upgrade", {"sentence": "ok", "from": 15, "seconds": 1.5}),
    ("updates now", {"installed": [], "restarted": [], "waits": [], "reboot": "", "patched": {"openssl 3": 5}}),
    ("maintenance_server steer", {"said": "It is postponed.", "changed": True}),
    ("webgateway drain", {"changed": True, "steps": ["a"], "sessions": 0}),
]


@pytest.mark.parametrize(("command", "said"), ANSWERS)
def test_what_the_program_answers_is_read(command: str, said: dict[str, Any]) -> None:
    assert answer(json.dumps(said), command, "web00") == said
    assert command in COMMANDS
    for wrong in ("", "[]", json.dumps({**said, "more": 1}), json.dumps(dict.fromkeys(said)), None, 5):
        with pytest.raises(AnswerError, match="web00: the answer of"):
            answer(wrong, command, "web00")


def test_what_postgresql_was_cannot_become_another_package() -> None:
    with pytest.raises(AnswerError, match="a whole number"):
        answer('{"sentence": "", "from": "15*"}', "postgresql upgrade", "web00")


def test_no_playbook_or_role_reads_json_of_a_machine_by_itself() -> None:
    found = {
        str(path.relative_to(ROOT))
        for folder in ("playbooks", "roles")
        for path in (ROOT / folder).rglob("*.yml")
        if "from_json" in path.read_text(encoding="utf-8")
    }
    # Records of mail servers: the controller computes them from a judged answer.
    assert found <= {"playbooks/shared/mail_records.yml"}


def test_what_ansible_core_adds_to_an_answer_with_a_path_is_taken() -> None:
    added = {"uid": 0, "gid": 0, "owner": "root", "group": "root", "mode": "0755", "state": "directory", "size": 4096}
    answer = {"changed": False, "path": "/var/lib/libvirt/images", **added}
    expected = {"path": judged_action.PATH}
    assert judged_action.judged(answer, expected, "hv0", "the answer of pool") == answer
    with pytest.raises(AnsibleActionFail, match="'uid'"):
        judged_action.judged({"changed": False, "uid": 0}, {}, "hv0", "the answer of units")
