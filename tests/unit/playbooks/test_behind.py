# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whom site.yml visits, asked of monitoring or of VMs, some of which lie. No machine is touched."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import yaml
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform import convergence, visits
from enemy import ROOT, Outcome, Stage, recap

pytestmark = pytest.mark.thorough

PLAYBOOK = ROOT / "playbooks/behind.yml"
SECRET = "platform-secret-of-tests"
VMS = ("a00", "b00", "c00", "d00")


def wanted(name: str) -> str:
    known = {"inventory_hostname": name, "platform_secret": SECRET, convergence.VARIABLE: f"{name}-digest"}
    return convergence.wanted(known)


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    made = Stage(tmp_path)
    made.hosts = {name: {convergence.VARIABLE: f"{name}-digest"} for name in VMS}
    made.groups = {"vms": list(VMS), "hypervisors": ["hv0"], "service_monitoring": []}
    made.hosts["hv0"] = {}
    made.variables = {
        "ringmaster_state": "running",
        "ringmaster_hypervisor": "hv0",
        "platform_secret": SECRET,
    }
    return made


def keeps(stage: Stage, name: str, text: str, code: int = 0) -> None:
    """Let a VM answer to what behind.yml reads there."""
    (stage.folder / f"kept-{name}").write_text(text)
    program = stage.program(f"ssh-{name}", f"#!/bin/sh\ncat {stage.folder}/kept-{name}\nexit {code}\n")
    stage.hosts[name]["ansible_ssh_executable"] = str(program)


def record(name: str) -> str:
    digest = wanted(name)
    return f"{digest}\n{json.dumps({'digest': digest, 'commit': '', 'at': 1})}\n"


def sentence(done: Outcome) -> str:
    found = re.search(r"VMs to visit: [^\"]*", done.text)
    assert found, done.text
    return found[0]


def test_monitoring_is_asked_once_and_vms_are_not(stage: Stage) -> None:
    said = {"a00": wanted("a00"), "b00": wanted("a00"), "c00": wanted("c00")}
    stage.says("svc0", {"changed": True, "rc": 0, "stdout": json.dumps(said)})
    stage.groups["service_monitoring"] = ["svc0"]
    done = stage.playbook(PLAYBOOK, "-e", "full=false")
    assert done.code == 0, done.text
    assert sentence(done).startswith(
        "VMs to visit: 2: 1 something else than described (b00), "
        "1 that do not say what they were converged with (d00); 2 "
    )
    assert "Read what the VM was converged with" not in done.text
    assert recap(done, "localhost")["failed"] == 0


@pytest.mark.parametrize(
    "answer",
    [
        {"rc": 2, "stdout": "", "stderr": "unrecognized arguments: --converged"},
        {"rc": 0, "stdout": "<html>"},
        {"rc": 0, "stdout": json.dumps({"a00": ["x"]})},
        {"add_host": {}},
    ],
    ids=["older", "no JSON", "no digest", "lie"],
)
def test_where_monitoring_does_not_answer_each_vm_is_asked(stage: Stage, answer) -> None:
    stage.says("svc0", {"changed": True, **answer})
    stage.groups["service_monitoring"] = ["svc0"]
    keeps(stage, "a00", record("a00"))
    keeps(stage, "b00", record("a00"))
    keeps(stage, "c00", "{{ lookup('pipe', 'touch /tmp/never') }}\n{}")
    keeps(stage, "d00", "ssh: connect: no route", 255)
    done = stage.playbook(PLAYBOOK, "-e", "full=false")
    told = sentence(done)
    assert told.startswith("VMs to visit: 3: ") and "; 1 are as described" in told
    assert "1 something else than described (b00)" in told and "(c00, d00)" in told
    assert recap(done, "localhost")["failed"] == 0


def test_there_need_not_be_monitoring(stage: Stage) -> None:
    for name in VMS:
        keeps(stage, name, record(name))
    assert "VMs to visit: 0; 4 are" in sentence(stage.playbook(PLAYBOOK, "-e", "full=false"))
    today = stage.playbook(PLAYBOOK)
    named = [name for name in VMS if re.search(rf"day it is \([^)]*{name}", today.text)]
    assert len(named) == int(sentence(today).split(": ")[1].split(";")[0])
    assert all(visits.turn(name) == visits.turn(named[0]) for name in named)


@pytest.mark.parametrize("arguments", [("full=true",), ("full=false", "base_extra_packages=['jq']")])
def test_nobody_is_asked_where_all_are_meant(stage: Stage, arguments) -> None:
    for name in VMS:
        keeps(stage, name, record(name))
    words = [word for argument in arguments for word in ("-e", argument)]
    assert sentence(stage.playbook(PLAYBOOK, *words)).startswith("VMs to visit: 4: 4 because all are asked for")


def test_they_are_handed_over_to_slices(stage: Stage, tmp_path: Path) -> None:
    for name in VMS:
        stage.hosts[name]["ringmaster_project"] = name[0]
    done = stage.playbook(PLAYBOOK, "-e", "full=true", "-e", f"hand_over={tmp_path}/visits.json")
    assert done.code == 0, done.text
    assert json.loads((tmp_path / "visits.json").read_text()) == {
        "vms": [[name, name[0]] for name in VMS],
        "provisioned": [],
    }


def test_the_plays_of_a_whole_run_that_visit_vms_are_told_whom() -> None:
    """A playbook that site.yml imports, and that plays on all VMs by itself, would walk through all of them."""
    site = yaml.safe_load((ROOT / "playbooks/site.yml").read_text())
    told = next(one["vars"] for one in site if one.get("ansible.builtin.import_playbook") == "set_up.yml")
    parts = [
        one["ansible.builtin.import_playbook"] for one in yaml.safe_load((ROOT / "playbooks/set_up.yml").read_text())
    ]
    seen = set()
    for part in parts:
        for play in yaml.safe_load((ROOT / "playbooks" / part).read_text()):
            seen |= set(re.findall(r"(\w+_hosts) \| default\('vms", play["hosts"]))
            assert not re.search(r"^(all|vms)\b|groups\['vms'\]", play["hosts"]), (part, play["name"])
    assert seen == set(told)


def test_vms_do_not_wait_for_components_that_they_do_not_have() -> None:
    """Under the usual strategy each component is installed while the VMs without it wait."""
    plays = yaml.safe_load((ROOT / "playbooks/components.yml").read_text())
    assert {play.get("strategy") for play in plays} == {"ansible.builtin.host_pinned"}
