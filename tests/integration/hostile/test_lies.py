# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each way to lie of the liar, told to one play without a machine: what the controller makes of it."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from enemy import Outcome, Stage, failures, recap
from hostile_site import HIDDEN
from lies import OWN_FAULT, REFUSED, WELL

# The action of module accounts refuses it, and command has none of ours.
BY_OUR_ACTIONS = ("foreign",)
WELL_HERE = (*WELL, *BY_OUR_ACTIONS)


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> tuple[Outcome, Path]:
    """Return how one play went on all liars and a good machine."""
    folder = tmp_path_factory.mktemp("lies")
    text = Path(__file__).with_name("liar").read_text()
    for place, here in (("/usr/bin/python3.13", "/usr/bin/python3"), ("/tmp/", f"{folder}/"), ("/root/", f"{folder}/")):
        text = text.replace(place, here)
    (folder / "liar").write_text(text)
    lies = (*REFUSED, *OWN_FAULT, *WELL)
    (folder / "liar.json").write_text(json.dumps({lie: lie for lie in lies}))
    stage = Stage(folder)
    for lie in lies:
        stage.does(
            lie,
            f"SSH_CONNECTION='a b {lie} c' exec /usr/bin/python3 {folder}/liar \"$@\"",
            ringmaster_answer_seconds=15,
        )
    run = {"ansible.builtin.command": {"argv": ["true"]}}
    show = {"ansible.builtin.debug": {"msg": "{{ lookup('ringmaster.hosting.refusals', '/r') | to_json }}"}}
    done = stage.play([{"tasks": [run, {**show, "when": "inventory_hostname == 'good'"}]}], "-v", "--diff")
    return done, folder


def test_each_lie_costs_the_liar_its_part_and_nobody_else(told: tuple[Outcome, Path]) -> None:
    done, _folder = told
    assert recap(done, "good") == {**recap(done, "good"), "ok": 2, "failed": 0, "unreachable": 0}
    for lie in (*REFUSED, *OWN_FAULT, *WELL):
        assert recap(done, lie)["failed"] == (lie not in WELL_HERE), lie
    for lie in failures(done).keys() - {"nothing", "charset", *OWN_FAULT}:
        assert REFUSED[lie] in failures(done)[lie]


def test_each_refusal_is_remembered_with_what_came(told: tuple[Outcome, Path]) -> None:
    said = re.search(r'ok: \[good\] => \{\s*"msg": (".*")\n', told[0].text)
    assert said
    entries = {one["path"].removeprefix("/r/"): one for one in json.loads(json.loads(said[1]))}
    refused = {name: one["content"] for name, one in entries.items() if "content" in one}
    assert set(refused) == REFUSED.keys() - set(BY_OUR_ACTIONS)
    for lie, sentence in refused.items():
        assert sentence.startswith(lie)
        assert REFUSED[lie] in sentence
        assert not HIDDEN.findall(sentence)
    absent = {name for name, one in entries.items() if one.get("state") == "absent"}
    assert absent == {"good", *OWN_FAULT, *WELL_HERE}


def test_nothing_is_run_and_nothing_moves_a_terminal(told: tuple[Outcome, Path]) -> None:
    done, folder = told
    assert not HIDDEN.findall(done.text)
    assert not (folder / "PWNED").exists()
    assert done.peak_mib < 400
