# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""AWX without AWX: its inventory update and its job, by the same programs, arguments and folders."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform.verbs.table import VERBS
from programs import load

pytestmark = pytest.mark.thorough

ROOT = Path(__file__).parents[3]
BIN = Path(sys.executable).parent
SHARED = ("ansible.cfg", "collections", "inventory_plugins", "playbooks", "roles")

DUMP = """\
- hosts: all
  gather_facts: false
  tasks:
    - name: Write what a job sees
      ansible.builtin.copy:
        content: "{{ hostvars[inventory_hostname] | dict2items
                     | selectattr('key', 'match', 'ringmaster_|ansible_host|redis_') | items2dict | to_json }}"
        dest: "{{ dump_folder }}/{{ inventory_hostname }}"
        mode: "0644"
      delegate_to: localhost
"""


class Runner:
    """A private data folder as AWX makes one for a job: project, inventory script, variables."""

    def __init__(self, folder: Path, platform: Any) -> None:
        self.folder = folder / "runner"
        self.project = self.folder / "project"
        for part in ("inventory", "env", "project"):
            (self.folder / part).mkdir(parents=True)
        for name in SHARED:
            (self.project / name).symlink_to(ROOT / name)
        shutil.copytree(platform.folder, self.project / "platform")
        (self.project / "dump.yml").write_text(DUMP)

    def sync(self) -> dict[str, Any]:
        """Update the inventory with the arguments and the environment that AWX uses."""
        done = subprocess.run(
            [
                *(str(BIN / "ansible-inventory"), "--list", "--export"),
                *("-i", str(self.project / "platform/platform.ringmaster.yml")),
                *("--playbook-dir", str(self.project / "platform")),
            ],
            cwd=self.project,
            env={**os.environ, "ANSIBLE_INVENTORY_UNPARSED_FAILED": "True", "RINGMASTER_CACHE_DIRECTORY": ""},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        found = json.loads(done.stdout)
        found["_meta"].pop("profile", None)
        return found

    def job(self, playbook: str, **variables: Any) -> Any:
        """Run a job over the inventory as AWX keeps it: what the sync gave, printed by a script."""
        script = self.folder / "inventory/hosts"
        script.write_text(f"#!{sys.executable}\nprint({json.dumps(self.sync())!r})\n")
        script.chmod(0o755)
        (self.folder / "env/extravars").write_text(json.dumps(variables))
        (self.folder / "env/envvars").write_text(json.dumps({"ANSIBLE_NOCOLOR": "1"}))
        return self._run(playbook)

    def _run(self, playbook: str) -> Any:
        argv = [str(BIN / "ansible-runner"), "run", str(self.folder), "--playbook", playbook, "--ident", "job", "-j"]
        path = f"{BIN}:{os.environ['PATH']}"
        shutil.rmtree(self.folder / "artifacts", ignore_errors=True)
        done = subprocess.run(
            argv, capture_output=True, text=True, check=False, env={**os.environ, "PATH": path}, cwd=self.folder
        )
        return done


@pytest.fixture
def runner(tmp_path: Path, platform) -> Runner:
    platform.edit("projects/myapp.yml", lambda data: data["vms"]["myapp00"].update(comment="{{ 1 + 1 }} [a] 'b'"))
    platform.edit("projects/myapp.yml", lambda data: data.update(description="{{ lookup('pipe', 'id') }}"))
    platform.allocate()
    return Runner(tmp_path, platform)


def test_a_job_sees_what_the_command_line_sees(runner: Runner, tmp_path: Path) -> None:
    """Once through the sync and a script inventory under ansible-runner, once directly: the same variables."""
    seen = {}
    for way in ("awx", "direct"):
        folder = tmp_path / way
        folder.mkdir()
        if way == "awx":
            done = runner.job("dump.yml", dump_folder=str(folder))
        else:
            source = runner.project / "platform/platform.ringmaster.yml"
            argv = [str(BIN / "ansible-playbook"), "-i", str(source), "dump.yml", "-e", f"dump_folder={folder}"]
            done = subprocess.run(argv, cwd=runner.project, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        seen[way] = {path.name: json.loads(path.read_text()) for path in folder.iterdir()}
    assert set(seen["awx"]) == {"myapp00", "hv0", "svc0"}
    assert seen["awx"] == seen["direct"]
    assert seen["awx"]["myapp00"]["ringmaster_vm_id"] == 4096


def test_the_sync_gives_awx_plain_values(runner: Runner) -> None:
    """AWX stores what it gets: no wrapper around text that cannot be a template."""
    found = runner.sync()
    values = found["_meta"]["hostvars"]["myapp00"].items()
    assert [name for name, value in values if "__ansible_unsafe" in str(value)] == []
    assert found["vms"]["hosts"] == ["myapp00"]


def test_a_verb_as_a_job_with_a_survey(runner: Runner) -> None:
    """All answers come as extra variables, empty ones too; the description in the job's own copy changes."""
    answers = {"project": "myapp", "memory": "2GiB", "cores": "", "components": "redis", "comment": ""}
    done = runner.job("playbooks/order_vm.yml", **answers)
    assert done.returncode == 0, done.stdout
    record = yaml.safe_load((runner.project / "platform/projects/myapp.yml").read_text())
    assert record["vms"]["myapp01"] == {"memory": "2GiB", "components": {"redis": {}}}
    # The workflow goes on with this VM after a sync; the inventory of this job cannot know it.
    assert '"described_vm": "myapp01"' in done.stdout


def test_an_order_in_a_copy_that_is_thrown_away(tmp_path: Path, platform) -> None:
    """What is pushed counts: the job's copy goes, and the next sync, of a fresh one, gives the VM its addresses."""
    platform.allocate()
    bare, work = tmp_path / "bare.git", tmp_path / "work"
    shutil.copytree(platform.folder, work)
    (work / "platform.ringmaster.yml").write_text(f"plugin: ringmaster.hosting.platform\ndescription_repo: {bare}\n")
    for arguments in (
        ["init", "-q", "-b", "main"],
        ["add", "-A"],
        ["-c", "user.name=x", "-c", "user.email=x@example.org", "commit", "-qm", "Begin"],
        ["clone", "-q", "--bare", str(work), str(bare)],
    ):
        subprocess.run(["git", *arguments], cwd=work, check=True)

    def copy(name: str) -> Runner:
        subprocess.run(["git", "clone", "-q", str(bare), str(tmp_path / name / "platform")], check=True)
        cloned = type("Cloned", (), {"folder": tmp_path / name / "platform"})
        return Runner(tmp_path / name, cloned)

    job = copy("job")
    done = job.job("playbooks/order_vm.yml", project="myapp", memory="2GiB")
    assert done.returncode == 0, done.stdout
    shutil.rmtree(tmp_path / "job")
    found = copy("next").sync()
    assert sorted(found["vms"]["hosts"]) == ["myapp00", "myapp01"]
    assert found["_meta"]["hostvars"]["myapp01"]["ansible_host"] == "172.20.1.2"


def test_a_refusal_in_a_job_names_the_mistake(runner: Runner) -> None:
    done = runner.job("playbooks/change_vm.yml", vm="myapp00", disk="5GiB")
    assert done.returncode != 0
    assert "disks never shrink" in done.stdout


def test_awx_finds_each_playbook_once() -> None:
    """As AWX looks for playbooks: without following links, and not below roles, tasks or vars."""
    skipped = {"roles", "tasks", "group_vars", "host_vars", "vars", "templates", "files"}
    found = []
    for place, folders, files in os.walk(ROOT, followlinks=False):
        folders[:] = [name for name in folders if name not in skipped and not name.startswith(".")]
        folders[:] = [name for name in folders if not (Path(place) / name).is_symlink()]
        found += [str((Path(place) / name).relative_to(ROOT)) for name in files if name.endswith((".yml", ".yaml"))]
    assert {f"playbooks/{verb}.yml" for verb in VERBS} < set(found)
    assert not [path for path in found if path.startswith("collections/") and "/playbooks/" in path]


def test_surveys_are_those_of_the_verbs() -> None:
    assert (ROOT / "awx/verbs.yml").read_text() == load(ROOT / "awx/generate").page(), "run make generate"
    templates = yaml.safe_load((ROOT / "awx/verbs.yml").read_text())["awx_verbs"]
    for template in templates:
        assert (ROOT / template["playbook"]).exists()
        asked = {question["variable"]: question["required"] for question in template["survey"]["spec"]}
        verb = VERBS[template["name"]]
        assert asked == {name: name in verb.required for name in verb.types}


def test_every_template_has_its_playbook() -> None:
    text = (ROOT / "awx/templates.yml").read_text().replace("!unsafe ", "")
    for template in yaml.safe_load(text)["awx_templates"]:
        assert (ROOT / template["playbook"]).exists()


def test_the_execution_environment_can_be_built(tmp_path: Path) -> None:
    """ansible-builder reads what the collection and the repository say they need, and writes the build."""
    told = subprocess.check_output([str(BIN / "ansible-builder"), "introspect", str(ROOT / "collections")], text=True)
    assert "netaddr>=1.3" in told
    assert "openssh-client [platform:dpkg]" in told
    argv = [str(BIN / "ansible-builder"), "create", "-f", "execution-environment.yml", "-c", str(tmp_path / "context")]
    subprocess.run(argv, cwd=ROOT, check=True, capture_output=True)
    assert "netaddr>=1.3" in (tmp_path / "context/_build/requirements.txt").read_text()
    assert [path.name for path in (tmp_path / "context").glob("*file")] in (["Containerfile"], ["Dockerfile"])


def test_the_hook_runs_in_a_repository_that_holds_a_description_only(tmp_path: Path, platform) -> None:
    """The hook of pre-commit: the collection is installed somewhere, and there is no folder of playbooks."""
    (hook,) = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())
    platform.allocate()
    environment = {**os.environ, "ANSIBLE_COLLECTIONS_PATH": str(ROOT / "collections"), "ANSIBLE_NOCOLOR": "1"}
    argv = [str(BIN / hook["entry"].split()[0]), *hook["entry"].split()[1:], "-i", "platform.ringmaster.yml"]

    def run() -> subprocess.CompletedProcess[str]:
        return subprocess.run(argv, cwd=platform.folder, env=environment, capture_output=True, text=True, check=False)

    done = run()
    assert done.returncode == 0, done.stdout + done.stderr
    platform.replace("projects/myapp.yml", "memory: 1GiB", "memory: 1GB")
    done = run()
    assert done.returncode != 0
    assert "projects/myapp.yml" in done.stdout + done.stderr
