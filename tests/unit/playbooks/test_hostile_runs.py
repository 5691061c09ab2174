# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Playbooks of ours with machines that lie: others get theirs, and monitoring is told. No machine is touched."""

from __future__ import annotations

import base64
import json
import re
import time
import zlib
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.ringmaster.hosting.plugins.module_utils.machine.file_script import MARKER
from enemy import ROOT, Stage, failures, recap

pytestmark = pytest.mark.thorough

PLAYBOOKS = ROOT / "playbooks"
UPDATED = {"installed": ["openssl"], "restarted": [], "waits": [], "reboot": "", "patched": {"openssl 3": 5}}
PONG = '{"ping": "pong"}'


def stage_of(folder: Path, *good: str) -> Stage:
    """Return a stage without machines that are true, because what they are told would be done here."""
    stage = Stage(folder)
    stage.hosts = {}
    stage.variables = {"ringmaster_state": "running"}
    for name in good:
        stage.says(name, {"changed": False})
    return stage


def updates(folder: Path, lying: int, machines: int) -> Stage:
    stage = stage_of(folder)
    for number in range(machines):
        said: object = {"changed": True, "rc": 0, "stdout": json.dumps(UPDATED)}
        stage.says(f"m{number}", {"add_host": {}} if number < lying else said)
    stage.groups = {"vms": list(stage.hosts), "machines": [], "hypervisors": []}
    return stage


def test_one_that_lies_stops_the_updates_of_nobody(tmp_path: Path) -> None:
    done = updates(tmp_path, 1, 5).playbook(PLAYBOOKS / "update.yml", "-e", "package=openssl", "-e", "batch=1")
    assert done.code == 2
    assert "m0: the answer of a module is not taken" in done.text
    assert "failed on this machine" in failures(done)["m0"]
    assert [recap(done, f"m{number}")["failed"] for number in range(5)] == [1, 0, 0, 0, 0]
    assert '"m4": {' in done.text, "they are summed up"


def test_an_update_that_fails_on_many_is_stopped(tmp_path: Path) -> None:
    done = updates(tmp_path, 3, 6).playbook(PLAYBOOKS / "update.yml", "-e", "package=openssl", "-e", "batch=1")
    assert done.code == 2
    assert "failed on 2 of 6 machines, so this one is left alone (m0, m1)" in failures(done)["m2"]
    assert "openssl 3" not in done.text


def written(stdin: Path) -> dict[str, dict[str, Any]]:
    """Return by path what module files was asked to write."""
    blob = max(re.findall(r"[A-Za-z0-9+/=]{100,}", stdin.read_text()), key=len)
    payload = json.loads(zlib.decompress(base64.b64decode(blob)))["options"]["payload"]
    return {entry["path"]: entry for entry in json.loads(zlib.decompress(base64.b64decode(payload)))}


@pytest.mark.parametrize("others", [[], ["good"]], ids=["all lie", "one lies"])
def test_monitoring_hears_of_it_whoever_else_fails(tmp_path: Path, others: list[str]) -> None:
    stage = stage_of(tmp_path, *others)
    stage.says("bad", {"changed": False, "ringmaster_project": "\x1b[2J"})
    stage.does("svc0", f"cat >{tmp_path}/asked\nprintf '%s' '{MARKER}{{\"changed\": true}}'")
    stage.groups = {"vms": ["bad", *others], "service_monitoring": ["svc0"]}
    roster = {"format": 1, "project": "myapp", "people": [], "service_users": [], "generation": 1, "hash": "1"}
    stage.variables["ringmaster_roster"] = roster
    done = stage.playbook(PLAYBOOKS / "accounts.yml")
    assert done.code == 2
    assert recap(done, "bad")["failed"] == 1
    assert recap(done, "svc0")["failed"] == 0
    assert "localhost" not in done.text.split("PLAY RECAP")[1]
    entries = written(tmp_path / "asked")
    folder = "/var/lib/ringmaster/refused"
    assert set(entries) == {folder, f"{folder}/bad", *(f"{folder}/{name}" for name in others)}
    said = base64.b64decode(entries[f"{folder}/bad"]["content"]).decode()
    assert said.startswith("bad: the answer of ringmaster.hosting.accounts is not taken: 'ringmaster_project'")
    assert [entries[f"{folder}/{name}"]["state"] for name in others] == ["absent"] * len(others)


def wait(timeout: int = 20) -> dict[str, Any]:
    """Return a play that waits for machines, then says what is known of them."""
    seen = {"ansible.builtin.debug": {"msg": "{{ lookup('ringmaster.hosting.refusals', '/r') | to_json }}"}}
    return {
        "tasks": [
            {
                "ringmaster.hosting.wait_for_machine": {"timeout": timeout},
                "ignore_errors": True,
                "ignore_unreachable": True,
            },
            {**seen, "run_once": True},
        ]
    }


def test_a_machine_that_starts_is_waited_for_and_one_that_lies_is_not(tmp_path: Path) -> None:
    stage = stage_of(tmp_path)
    count = 'n=$(cat "$0.n" 2>/dev/null || echo 0); echo $((n + 1)) >"$0.n"'
    stage.does("starting", f"cat >/dev/null\n{count}\n[ $n -ge 2 ] && echo '{PONG}' || echo booting")
    stage.does("endless", "exec cat /dev/zero", ringmaster_answer_bytes=1_000_000)
    stage.does("dripping", "while printf x; do sleep 0.5; done", ringmaster_answer_seconds=3)
    stage.says("lying", {"add_group": "vms"})
    away = stage.program("ssh-away", f'#!/bin/sh\n{count}\n[ $n -ge 4 ] && exec {stage.ssh} "$@"\nexit 255\n')
    stage.says("rebooting", PONG)
    stage.hosts["rebooting"]["ansible_ssh_executable"] = str(away)
    stage.says("gone", PONG)
    stage.hosts["gone"]["ansible_ssh_executable"] = str(stage.program("ssh-gone", "#!/bin/sh\nexit 255\n"))
    begun = time.monotonic()
    done = stage.play([wait()])
    assert time.monotonic() - begun < 45
    failed = failures(done)
    assert set(failed) == {"endless", "dripping", "lying", "gone"}, done.text
    assert "endless answered more than 1000000 bytes" in failed["endless"]
    assert "dripping has not ended within 3 seconds" in failed["dripping"]
    assert "lying: the answer of a module is not taken" in failed["lying"]
    assert "no answer after 20 s" in failed["gone"]
    told = done.text.rsplit('"msg": ', 1)[1].split("\n")[0]
    entries = {one["path"]: one.get("state", "file") for one in json.loads(json.loads(told))}
    assert entries == {
        "/r": "directory",
        **{f"/r/{name}": "file" for name in ("endless", "dripping", "lying")},
        **{f"/r/{name}": "absent" for name in ("starting", "rebooting")},
    }


def test_a_machine_that_never_says_what_it_should_has_half_a_minute(tmp_path: Path) -> None:
    stage = stage_of(tmp_path)
    stage.does("babbling", "cat >/dev/null; echo no JSON")
    begun = time.monotonic()
    done = stage.play([wait(600)])
    assert 25 < time.monotonic() - begun < 50
    assert "no answer after 3" in failures(done)["babbling"]
    assert "/r/babbling" in done.text


def test_a_long_true_answer_of_files_is_whole(tmp_path: Path) -> None:
    stage = stage_of(tmp_path)
    after = "".join(f"line {number}\n" for number in range(20_000))
    stage.says("good", MARKER + json.dumps({"changed": True, "diff": [{"before": "", "after": after}]}))
    done = stage.play(
        [{"tasks": [{"ringmaster.hosting.files": {"files": [{"path": "/tmp/x", "content": "x"}]}}]}], "--diff"
    )
    assert done.code == 0, done.text[-2000:]
    assert "+line 19999" in done.text


def test_who_asks_for_others_and_lies_costs_them_nothing(tmp_path: Path) -> None:
    stage = stage_of(tmp_path)
    stage.says("good", {"changed": False, "answers": []})
    stage.says("bad", {"changed": False, "answers": [{"address": "\x1b[2J"}]})
    kinds = ("fe_ipv4", "fe_ipv6", "srv_ipv4", "srv_ipv6")
    stage.variables |= {"ringmaster_project": "p", **{f"ringmaster_{kind}": "" for kind in kinds}}
    both = {name: ["bad", "good"] for name in ("vms", "project_p", "state_running")}
    stage.groups = {**both, "hypervisors": [], "machines": []}
    done = stage.playbook(PLAYBOOKS / "network_check.yml")
    assert recap(done, "good") == {**recap(done, "good"), "failed": 0, "unreachable": 0, "ignored": 1}, done.text
    assert re.search(r"ok: \[good\] => \{\s*\"msg\": \{\s*\"asked_nothing\": \[\s*\"bad\"", done.text)
    assert recap(done, "bad")["failed"] == 1
    assert "\x1b" not in done.text


def test_a_restore_says_what_was_refused(tmp_path: Path) -> None:
    """Its task shows nothing, because a password is in it."""
    stage = stage_of(tmp_path, "svc0")
    stage.says("bad", {"add_host": {}})
    stage.groups = {"vms": ["bad"], "service_backup": ["svc0"]}
    stage.variables |= {"platform_secret": "0123456789abcdef0123456789abcdef", "ringmaster_project": "p"}
    stage.variables |= {"ringmaster_srv_ipv4": "192.0.2.1", "ringmaster_fqdn": "x.example.org", "ringmaster_roster": {}}
    done = stage.playbook(PLAYBOOKS / "restore_files.yml", "-e", "vm=bad", "-e", "path=/srv/x")
    assert done.code == 2
    said = done.text.split("TASK [Tell how it went]")[1]
    assert "bad: the answer of a module is not taken: 'add_host'" in said
    assert "0123456789abcdef" not in done.text


def test_who_says_nothing_holds_up_no_word_of_others(tmp_path: Path) -> None:
    stage = stage_of(tmp_path)
    stage.says("good", {"changed": True, "rc": 0, "stdout": "a backup of 5 MiB", "stdout_lines": ["a backup of 5 MiB"]})
    stage.does("silent", "exec sleep 60")
    stage.groups = {"vms": ["good", "silent"]}
    words = ("-e", "backup_hosts=vms", "-e", "ringmaster_answer_seconds=6")
    done = stage.playbook(PLAYBOOKS / "backup_now.yml", *words)
    assert done.code == 2
    assert recap(done, "good")["failed"] == 0
    assert "silent has not ended within 6 seconds" in failures(done)["silent"]
    assert done.text.index("a backup of 5 MiB") < done.text.index("silent has not ended")
