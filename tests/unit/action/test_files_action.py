"""The action plugin in a real play on localhost: rendering, trust, handlers, check mode, no leaks."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.thorough

ROOT = Path(__file__).parents[3]
PLAYBOOK = """
- hosts: localhost
  connection: local
  gather_facts: false
  tasks:
    - name: Run the role
      ansible.builtin.import_role:
        name: sample
  post_tasks:
    - name: Keep the result
      ansible.builtin.copy:
        content: "{{ sample_result | to_json }}"
        dest: "{{ result_file }}"
        mode: "0600"
      check_mode: false
      diff: false
"""
TASKS = """
- name: Write
  ringmaster.hosting.files:
    files:
      - {path: "{{ out }}/rendered", template: main.j2, vars: {extra: three}, parents: true, notify: One}
      - {path: "{{ out }}/copied", src: blob}
      - {path: "{{ out }}/tree", tree: tree, notify: [Two]}
      - {path: "{{ out }}/secret", content: "hunter2", sensitive: true, notify: [One]}
      - {path: "{{ out }}/skipped", content: "x", when: false}
  register: sample_result
"""
HANDLERS = """
- name: One
  ansible.builtin.debug: {msg: handler-one}
- name: Two
  ansible.builtin.debug: {msg: handler-two}
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    base = tmp_path_factory.mktemp("project")
    role = base / "roles/sample"
    texts = {
        "tasks/main.yml": TASKS,
        "handlers/main.yml": HANDLERS,
        "templates/main.j2": "# {{ ansible_managed }}\n{{ data }} {{ extra }}\n{% include 'part.j2' %}",
        "templates/part.j2": "part of {{ template_destpath }}\n",
        "files/tree/sub/file": "tree\n",
    }
    for name, text in texts.items():
        (role / name).parent.mkdir(parents=True, exist_ok=True)
        (role / name).write_text(text)
    (role / "files/blob").write_bytes(b"\xff\x00")
    (base / "play.yml").write_text(PLAYBOOK)
    return base


def play(project: Path, out: Path, *arguments: str) -> tuple[dict[str, Any], str]:
    """Run the play; return the result of its task and all output."""
    settings = {
        **os.environ,
        "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
        "ANSIBLE_COLLECTIONS_PATH": str(ROOT / "collections"),
        "ANSIBLE_INVENTORY_ENABLED": "host_list",
    }
    result = project / "result.json"
    values = json.dumps({"out": str(out), "result_file": str(result), "ansible_python_interpreter": sys.executable})
    unsafe = project / "unsafe.yml"
    unsafe.write_text("data: !unsafe '{{ 4 + 4 }}'\n")
    command = [str(Path(sys.executable).parent / "ansible-playbook"), "-i", "localhost,", "-e", values]
    done = subprocess.run(
        [*command, "-e", f"@{unsafe}", *arguments, "play.yml"],
        check=False, cwd=project, env=settings, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(result.read_text()), done.stdout + done.stderr


@pytest.mark.parametrize(
    "pipelining", [pytest.param("1", id="quick"), pytest.param("0", id="module", marks=pytest.mark.slow)]
)
def test_a_role_from_first_check_to_second_run(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pipelining: str
) -> None:
    monkeypatch.setenv("ANSIBLE_PIPELINING", pipelining)
    out = tmp_path / "out"
    predicted, text = play(project, out, "--check", "--diff")
    assert not out.exists()
    assert "hunter2" not in text + json.dumps(predicted)
    assert "handler-one" in text
    assert "handler-two" in text

    first, text = play(project, out, "-vvv")
    assert first["changed_paths"] == predicted["changed_paths"]
    assert first["changed"] is predicted["changed"] is True
    assert "hunter2" not in text + json.dumps(first)
    rendered = (out / "rendered").read_text()
    assert "{{ 4 + 4 }} three\n" in rendered, "data must be shown, not run"
    assert f"part of {out}/rendered" in rendered
    assert "Managed by Ringmaster" in rendered
    assert (out / "copied").read_bytes() == b"\xff\x00"
    assert (out / "tree/sub/file").read_text() == "tree\n"
    assert not (out / "skipped").exists()

    second, text = play(project, out, "--diff")
    assert (second["changed"], second["changed_paths"], second.get("diff", [])) == (False, [], [])
    assert "handler-" not in text

    (out / "tree/sub/file").write_text("drift")
    third, text = play(project, out)
    assert third["changed_paths"] == [f"{out}/tree/sub/file"]
    assert "handler-two" in text
    assert "handler-one" not in text
