# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The verbs as operators call them: ansible-playbook in a process of its own, with extra vars or a survey's answers."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform.verbs.table import CHANGES, VERBS

pytestmark = pytest.mark.thorough

ROOT = Path(__file__).parents[3]


def play(platform, verb: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"), "ANSIBLE_NOCOLOR": "1", "COLUMNS": "200"}
    return subprocess.run(
        [
            str(Path(sys.executable).parent / "ansible-playbook"),
            *("-i", str(platform.source), f"playbooks/{verb}.yml", *arguments),
        ],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_order_in_check_mode_for_real_and_again(platform) -> None:
    platform.allocate()
    before = platform.snapshot()
    order = ["-e", "project=myapp", "-e", "vm=myapp01", "-e", "memory=2GiB", "-e", "components=redis", "-e", "cores="]
    order += ["-e", "stop_after=description"]
    dry = play(platform, "order_vm", *order, "--check", "--diff")
    assert dry.returncode == 0, dry.stdout
    assert "+    memory: 2GiB" in dry.stdout
    assert "+  myapp01: 4097" in dry.stdout
    assert "changed=1" in dry.stdout
    assert platform.snapshot() == before
    real = play(platform, "order_vm", *order, "--diff")
    assert "changed=1" in real.stdout
    assert "playbooks/converge_vm.yml with -e vm=myapp01" in real.stdout
    assert "[WARNING]" not in real.stdout + real.stderr
    after = platform.snapshot()
    assert after != before
    again = play(platform, "order_vm", *order, "--diff")
    assert "changed=0" in again.stdout
    assert platform.snapshot() == after
    assert platform.read().vms["myapp01"].memory_mib == 2048


def test_a_survey_answers_and_is_refused_with_all_mistakes(platform) -> None:
    platform.allocate()
    before = platform.snapshot()
    # As AWX passes a survey: all answers as extra vars, empty ones too, text with what looks like a template.
    answers = {"user": "carol", "full_name": "Carol Example", "email": "carol@example.org", "ssh_keys": "", "state": ""}
    result = play(platform, "add_user", "-e", json.dumps({**answers, "user": "s-carol", "email": "x"}))
    assert result.returncode != 0
    assert "The request has 2 mistakes; nothing was changed." in result.stdout + result.stderr
    assert "add_user: email: 'x' is not a mail address" in result.stdout + result.stderr
    assert platform.snapshot() == before
    assert "changed=1" in play(platform, "add_user", "-e", json.dumps(answers)).stdout
    assert platform.read().users["carol"]["email"] == "carol@example.org"


def test_a_web_password_is_in_the_output_of_its_run_and_nowhere_else(platform) -> None:
    platform.allocate()
    dry = play(platform, "set_web_password", "-e", "user=bob", "--check", "--diff")
    assert "changed=1" in dry.stdout
    assert "shown this once" not in dry.stdout
    real = play(platform, "set_web_password", "-e", "user=bob", "--diff")
    (password,) = re.findall(r"The web password of bob, shown this once: (\w+)", real.stdout)
    assert real.stdout.count(password) == 1
    assert password not in (platform.folder / "users/bob.yml").read_text()
    assert "playbooks/monitoring.yml -e" in real.stdout
    again = play(platform, "set_web_password", "-e", "user=bob")
    assert "changed=0" in again.stdout
    assert "bob has a web password already" in again.stdout + again.stderr


@pytest.mark.parametrize("given", ["myapp00, nope00,nope01", '{"vm": ["myapp00", "nope00", "nope01"]}'])
def test_several_vms_are_converged_in_one_run(platform, given: str) -> None:
    """As far as without machines: each name is looked up."""
    platform.allocate()
    done = play(platform, "converge_vm", "-e", given if given.startswith("{") else f"vm='{given}'")
    assert "No VM 'nope00, nope01' is described" in done.stdout + done.stderr


@pytest.mark.parametrize("verb", VERBS)
def test_each_verb_has_a_playbook_with_all_its_arguments_and_a_line_in_the_docs(verb: str) -> None:
    (first, *_rest) = yaml.safe_load((ROOT / "playbooks" / f"{verb}.yml").read_text())
    if verb in CHANGES:
        task = first["tasks"][0]["ringmaster.hosting.description_change"]
        assert task["verb"] == verb
        assert list(task["request"]) == list(VERBS[verb].types)
    page = (ROOT / "docs/operating.md").read_text()
    (row,) = [line for line in page.splitlines() if line.startswith(f"| `{verb}`")]
    assert [word for word in VERBS[verb].types if f"`{word}`" not in row] == []
    assert f"playbooks/{verb}.yml" in page
