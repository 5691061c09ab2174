# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Several processes with a part of the VMs each: whole projects, one log and recap, and one that dies costs its own."""

from __future__ import annotations

import fcntl
import importlib.machinery
import importlib.util
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform import convergence, inventory, slices

ROOT = Path(__file__).parents[3]

PRETENDED = """#!/bin/sh
echo "$RINGMASTER_ONLY" "$@" >>{folder}/asked
case "$*" in
*site.yml*)
  for word; do case "$word" in hand_over=*) cp {folder}/visits.json "${{word#hand_over=}}";; esac; done
  host=svc0 failed=0;;
*)
  case "$RINGMASTER_ONLY" in *bad*) echo 'Killed'; exit 137;; *odd*) failed=1;; *) failed=0;; esac
  host="${{RINGMASTER_ONLY%%,*}}00";;
esac
echo "PLAY RECAP ****"
echo "$host : ok=3  changed=1  unreachable=0  failed=$failed  skipped=0  rescued=0  ignored=0"
[ $failed = 0 ] || exit 2
"""


@pytest.fixture
def tool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    loader = importlib.machinery.SourceFileLoader("bin_slices", str(ROOT / "bin/slices"))
    spec = importlib.util.spec_from_loader("bin_slices", loader)
    assert spec
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "bin_slices", module)
    loader.exec_module(module)
    program = tmp_path / "ansible-playbook"
    program.write_text(PRETENDED.format(folder=tmp_path))
    program.chmod(0o755)
    monkeypatch.setattr(module, "PLAYBOOK", program)
    monkeypatch.chdir(tmp_path)
    return module


def visits(folder: Path, *projects: str) -> None:
    vms = [[f"{project}{number:02}", project] for project in projects for number in range(2)]
    (folder / "visits.json").write_text(json.dumps({"vms": vms, "provisioned": ["hv0"]}))


def test_a_slice_that_dies_is_told_and_the_others_go_on(tool, tmp_path: Path, capsys) -> None:
    visits(tmp_path, "aa", "bad", "cc", "odd")
    assert tool.main(["-i", "p.ringmaster.yml", "--slices", "4", "-e", "full=true"]) == 1
    log = (tmp_path / "slices.log").read_text()
    told = log.split("RECAP OF ALL SLICES")[1]
    assert "died (exit code 137); its VMs are visited by the next run" in told
    assert "failed on odd00" in told
    assert told.count(": ended, 1 machines, ok=3 changed=1") == 4
    assert capsys.readouterr().out == log
    asked = (tmp_path / "asked").read_text().splitlines()
    assert "site.yml" in asked[0] and all("set_up_vms.yml" in one and "full=true" in one for one in asked[1:])
    assert sorted(one.split()[0] for one in asked[1:]) == ["aa", "bad", "cc", "odd"]


def test_all_is_well(tool, tmp_path: Path) -> None:
    visits(tmp_path, "aa", "cc", "dd")
    assert tool.main(["-i", "p.ringmaster.yml", "--slices", "2"]) == 0
    asked = (tmp_path / "asked").read_text().splitlines()
    assert sorted(one.split()[0] for one in asked[1:]) == ["aa,dd", "cc"]


def test_nothing_runs_in_slices_where_the_first_part_failed(tool, tmp_path: Path) -> None:
    (tmp_path / "visits.json").unlink(missing_ok=True)
    assert tool.main(["-i", "p.ringmaster.yml", "--slices", "2"]) == 0
    assert len((tmp_path / "asked").read_text().splitlines()) == 1


def test_two_runs_do_not_write_to_one_log(tool, tmp_path: Path, capsys) -> None:
    visits(tmp_path, "aa")
    (tmp_path / "slices.log").write_text("site| of the other run\n")
    with (tmp_path / "slices.log").open("a") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(SystemExit):
            tool.main(["-i", "p.ringmaster.yml", "--slices", "2"])
        assert "another run writes to slices.log; name another file: --log FILE" in capsys.readouterr().err
        assert (tmp_path / "slices.log").read_text() == "site| of the other run\n"
        assert not (tmp_path / "asked").exists()
    assert tool.main(["-i", "p.ringmaster.yml", "--slices", "2"]) == 0
    assert "of the other run" not in (tmp_path / "slices.log").read_text()


@pytest.fixture
def described(platform):
    platform.write("projects/other.yml", "permissions: {alice: [manager]}\nvms: {other00: {}, other01: {}}\n")
    platform.allocate()
    return platform


def test_a_part_of_the_inventory_has_whole_projects_and_the_digests_of_the_whole(described) -> None:
    built = inventory.build(described.read())
    data = {"groups": built.groups, "hosts": built.hosts}
    part = slices.only(data, ["other00"])
    assert set(part["hosts"]) == {"other00", "other01", "hv0", "svc0"} == set(slices.only(data, ["other"])["hosts"])
    assert part["groups"].keys() == data["groups"].keys()
    assert part["groups"]["vms"]["hosts"] == ["other00", "other01"]
    for name, own in part["hosts"].items():
        assert own[convergence.VARIABLE] == data["hosts"][name][convergence.VARIABLE]


def test_shares_are_alike_and_no_project_is_cut() -> None:
    vms = {f"p{number}": [f"p{number}x{vm}" for vm in range(number % 7 + 1)] for number in range(40)}
    shared = slices.share(vms, 4)
    assert sorted(name for one in shared for name in one) == sorted(name for own in vms.values() for name in own)
    assert max(map(len, shared)) - min(map(len, shared)) <= 7
    assert all(len({name.partition("x")[0] for name in one} & {name.partition("x")[0] for name in other}) == 0
               for one in shared for other in shared if one is not other)  # fmt: skip


@pytest.mark.thorough
@pytest.mark.parametrize(("playbook", "is_refused"), [("monitoring", True), ("site", True), ("components", False)])
def test_services_are_not_set_up_with_a_part_of_the_vms(described, playbook, is_refused) -> None:
    done = subprocess.run(
        [Path(sys.executable).with_name("ansible-playbook"), "-i", described.source, f"playbooks/{playbook}.yml",
         "--list-hosts"],
        cwd=ROOT, env={**os.environ, "RINGMASTER_ONLY": "other", "RINGMASTER_CACHE_DIRECTORY": ""},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ("The inventory is narrowed" in done.stdout + done.stderr) is is_refused, done.stderr
    assert ("other01" in done.stdout and "myapp00" not in done.stdout) is not is_refused


FIRST = """\
- hosts: localhost
  connection: local
  gather_facts: false
  tasks:
    - ansible.builtin.copy:
        content: "{{ {'vms': groups['vms'] | zip(groups['vms'] | map('extract', hostvars, 'ringmaster_project')) | list,
                      'provisioned': []} | to_json }}"
        dest: "{{ hand_over }}"
"""
INSIDE = """\
- hosts: "{{ vm }}"
  gather_facts: false
  tasks:
    - ansible.builtin.debug:
        msg: "with {{ groups['vms'] | sort | join(' ') }}"
    - ansible.builtin.ping:
"""
# In the place of ssh: on one VM it ends the process that runs the playbook, and another is away.
SSH = """\
#!/bin/sh
for last; do :; done
case "$*" in
*{dies}*) kill -KILL $(ps -o ppid= -p $PPID); exit 255;;
*{away}*) exit 255;;
esac
cat >/dev/null
echo '{{"ping": "pong"}}'
"""


@pytest.fixture
def real(described, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Four projects with a VM or two each, plays that are short, and a program in the place of ssh."""
    for project in ("gone", "sound"):
        described.write(f"projects/{project}.yml", f"permissions: {{alice: [manager]}}\nvms: {{{project}00: {{}}}}\n")
    described.allocate()
    hosts = inventory.build(described.read()).hosts
    dies, away = (hosts[name]["ansible_host"] for name in ("gone00", "other01"))
    (tmp_path / "ssh").write_text(SSH.format(dies=dies, away=away))
    (tmp_path / "ssh").chmod(0o755)
    (tmp_path / "playbooks").mkdir()
    (tmp_path / "playbooks/site.yml").write_text(FIRST)
    (tmp_path / "playbooks/set_up_vms.yml").write_text(INSIDE)
    (tmp_path / "slices").write_text((ROOT / "bin/slices").read_text().replace(
        "ROOT = Path(__file__).resolve().parents[1]", f"ROOT = Path({str(ROOT)!r})").replace(
        'ROOT / "playbooks', f'Path({str(tmp_path)!r}) / "playbooks'))  # fmt: skip
    variables = {
        "ansible_ssh_executable": str(tmp_path / "ssh"),
        "ansible_control_path": "none",
        "ansible_ssh_retries": 0,
    }
    monkeypatch.setenv("RINGMASTER_CACHE_DIRECTORY", "")
    monkeypatch.setenv("ANSIBLE_CONFIG", str(ROOT / "ansible.cfg"))

    def start(log: str) -> subprocess.Popen[str]:
        argv = [sys.executable, tmp_path / "slices", "-i", described.source, "--slices", "4", "--log", tmp_path / log]
        return subprocess.Popen(
            [*argv, "-e", json.dumps(variables)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )

    return start


@pytest.mark.thorough
def test_real_playbooks_in_slices_two_runs_at_once(real, tmp_path: Path) -> None:
    runs = {log: real(log) for log in ("one.log", "two.log")}
    for log, process in runs.items():
        out, _err = process.communicate(timeout=200)
        text = (tmp_path / log).read_text()
        assert out == text
        assert process.returncode == 1, text
        assert all(re.match(r"(site|   \d|all )\|( |$)", line) for line in text.splitlines()), text
        told = text.split("RECAP OF ALL SLICES")[1]
        assert text.count("RECAP OF ALL SLICES") == 1 and told.count(": ended, ") == 4, told
        assert told.count("died (exit code -9); its VMs are visited by the next run") == 1
        assert re.findall(r"failed on (\w+)", told) == ["other01"]
        # Each slice knows its own projects only, and whoever was sound was visited.
        seen = sorted(re.findall(r"with ([a-z0-9 ]+)", text))
        assert {*seen} == {"gone00", "myapp00", "other00 other01", "sound00"}
        for name in ("myapp00", "other00", "sound00"):
            assert re.search(rf"{name} +: ok=2 ", text), text
