# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What VMs let in at the gateway is looked at once in a run: with 10,000 VMs each look takes many seconds."""

from __future__ import annotations

from pathlib import Path

import yaml
from enemy import Stage, recap

ROOT = Path(__file__).parents[3]
EXPRESSION = yaml.safe_load((ROOT / "roles/gateway/vars/main.yml").read_text())["__gateway_edge"]


def play(stage: Stage) -> str:
    plays = yaml.safe_load((ROOT / "playbooks/provision.yml").read_text())
    own = next(play for play in plays if play["name"] == "Set up the gateway")
    look = own["pre_tasks"][0]
    shown = {"ansible.builtin.debug": {"msg": "{{ [__edge.server, __edge.closed, __edge.frontend] }}"}}
    # From the role's variables, in which the inventory may not be looked at any more.
    done = stage.play(
        [{"connection": "local", "vars": {"__edge": EXPRESSION.replace("hostvars", "nobody")}, "tasks": [look, shown]}]
    )
    assert recap(done, "good")["failed"] == 0, done.text
    return done.text


def test_the_role_takes_what_the_play_has_looked_at(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    stage.groups = {"vms": []}
    assert '"msg": [' in play(stage).replace("=>", "")
