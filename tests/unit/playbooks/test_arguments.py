# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Extra variables are data, and every playbook knows its own."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import expressions
import pytest
import yaml
from ansible.parsing.dataloader import DataLoader
from ansible.template import is_trusted_as_template
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform.component_options import roles_folder
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform.language.containers import MapOf
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform.language.types import Name
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform.verbs import arguments, playbooks
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform.verbs.request import RequestError
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform.verbs.table import VERBS
from ansible_collections.ringmaster.hosting.plugins.plugin_utils import extra_vars

pytestmark = pytest.mark.thorough

ROOT = Path(__file__).resolve().parents[3]
FOLDER = ROOT / "playbooks"
BIN = Path(sys.executable).parent
ROLES = arguments.variables_of_roles(roles_folder())
FREE_TEXT = {"description", "comment", "full_name", "requested_by", "source", "path", "folder", "hypervisor_image_file"}
"""Arguments that may hold any text: there it is stored, or is the name of a file."""


def run(source: Path | None, playbook: str, *words: str, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    """Run a playbook as an operator does; ANSIBLE_CONFIG is not set, so that the folder counts."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")}
    environment |= {"ANSIBLE_NOCOLOR": "1", "COLUMNS": "200", "RINGMASTER_CACHE_DIRECTORY": ""}
    inventory = ["-i", str(source)] if source else []
    return subprocess.run(
        [str(BIN / "ansible-playbook"), *inventory, str(FOLDER / f"{playbook}.yml"), *words],
        cwd=cwd,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def said(done: subprocess.CompletedProcess[str]) -> str:
    return done.stdout + done.stderr


# The table


def test_the_table_has_every_playbook_and_what_it_imports() -> None:
    assert sorted(playbooks.PLAYBOOKS) == sorted(path.stem for path in FOLDER.glob("*.yml"))
    for name, asked in playbooks.PLAYBOOKS.items():
        text = (FOLDER / f"{name}.yml").read_text()
        assert re.findall(r"import_playbook: (\w+)\.yml", text) == list(asked.imports), name
        assert {*asked.refers, *asked.narrows} <= asked.types.keys(), name


@pytest.mark.parametrize("name", playbooks.PLAYBOOKS)
def test_every_playbook_reads_its_arguments_first(name: str) -> None:
    first = yaml.safe_load((FOLDER / f"{name}.yml").read_text())[0]
    if "ansible.builtin.import_playbook" in first:
        assert first["ansible.builtin.import_playbook"].removesuffix(".yml") in playbooks.PLAYBOOKS
    else:
        assert first["pre_tasks"][0] == {
            "name": "Read the arguments",
            "ansible.builtin.import_tasks": "shared/arguments.yml",
        }


def reads(name: str) -> set[str]:
    """Return the variables without a place of their own that a playbook and its included tasks read."""
    text = (FOLDER / name).read_text()
    code = re.sub(r"^\s*#.*$", "", text, flags=re.M)
    found = {
        word
        for expression in re.findall(r"\{\{.*?\}\}|(?:when|that): .*|^\s+- [^:\n]*$", code, re.M | re.S)
        for word in re.findall(r"(?<![\w.'\"])([a-z]\w*) (?:\| default|is (?:not )?defined)", expression)
    }
    for included in re.findall(r"(?:import|include)_tasks: (shared/\w+\.yml)", code):
        found |= reads(included) if included != "shared/arguments.yml" else set()
    return found


@pytest.mark.parametrize("name", playbooks.PLAYBOOKS)
def test_what_a_playbook_reads_is_in_the_table(name: str) -> None:
    text = (FOLDER / f"{name}.yml").read_text()
    others = ROLES | {"platform_secret", "ringmaster_boot_timeout", "described", "move", "settled_vm"}
    inner = set(re.findall(r"^ +(\w+):", text, re.M)) - {"vm", "component", "object", "project", "version", "step"}
    unknown = {
        word
        for word in reads(f"{name}.yml") - others - inner - playbooks.types_of([name]).keys()
        if not word.startswith(("ringmaster_", "ansible_", "network_"))
    }
    assert unknown == set()


@pytest.mark.parametrize("name", playbooks.PLAYBOOKS)
def test_what_is_in_the_table_is_read(name: str) -> None:
    # Some are what a role's variable is by default.
    places = [*(FOLDER / "shared").glob("*.yml"), *(ROOT / "roles").glob("*/defaults/main.yml")]
    shared = "".join(path.read_text() for path in places)
    text = (FOLDER / f"{name}.yml").read_text() + shared
    assert [word for word in playbooks.PLAYBOOKS[name].types if not re.search(rf"\b{word}\b", text)] == []


# What is judged


@pytest.mark.parametrize(
    ("name", "variables", "words"),
    [
        ("order_vm", {"stop_after": "descripton"}, "did you mean 'description'?"),
        ("order_vm", {"ram": "2GiB"}, "did you mean 'memory'?"),
        ("order_vm", {"memroy": "2GiB"}, "did you mean 'memory'?"),
        ("order_vm", {"_raw_params": "Lovelace"}, "-e full_name=\"'Ada Lovelace'\""),
        ("accounts", {"base_hosts": "myapp00"}, "did you mean"),
        ("accounts", {"accounts_confirm_removals": True}, "did you mean 'accounts_confirm_removal'?"),
        ("accounts", {"accounts_hosts": ""}, "accounts_hosts is empty"),
        ("accounts", {"accounts_hosts": "@/etc/hosts"}, "is not allowed here"),
        ("accounts", {"accounts_hosts": ["vms", "~x"]}, "accounts_hosts[1]"),
        ("restart_vm", {"vm": "myap00"}, "did you mean 'myapp00'?"),
        ("move_vm", {"vm": "myapp00", "fenced": "hv1"}, "the machine 'hv1' is not known"),
        ("move_vm", {"vm": "myapp00", "live": "perhaps"}, "neither true nor false"),
        ("restore_files", {"vm": "myapp00", "path": "--to=/etc"}, "a path that begins with /"),
        ("restore_component", {"vm": "myapp00", "object": "--replace"}, "is not allowed here"),
        ("update", {"package": "-o=x"}, "is not allowed here"),
        ("delete_retired_vms", {"vm": " "}, "leave it out where all are meant"),
        ("site", {1: 2}, "'1' is no argument"),
        ("site", {"\x1b[31mred": 2}, "\\x1b[31mred"),
    ],
)
def test_what_is_refused_and_what_is_said(name: str, variables: dict, words: str) -> None:
    with pytest.raises(RequestError) as caught:
        arguments.judge([name], variables, ROLES, ["myapp00", "hv0", "svc0"])
    text = str(caught.value)
    assert words in text
    assert "nothing was changed" in text


@pytest.mark.parametrize(
    ("name", "variables"),
    [
        ("accounts", {"accounts_hosts": "project_myapp:!myapp01"}),
        ("accounts", {"accounts_hosts": []}),
        ("accounts", {"accounts_confirm_removal": "true"}),
        ("site", {"hypervisor_virtualization": "qemu", "base_hosts": "vms", "awx_job_id": 3, "tower_user_name": "x"}),
        ("move_vm", {"vm": "myapp00", "to": "hv0", "live": True}),
        ("evacuate", {"hypervisor": "hv0", "to": "", "live": ""}),
        ("restore_files", {"vm": "gone00", "to": "svc0", "path": "/srv/a b", "replace": "yes"}),
        ("restore_component", {"vm": "myapp00", "component": "redis", "as": "shop_old", "object": "a@b.example"}),
        ("update", {"package": "openssl,libssl3t64", "batch": "20%"}),
        ("update", {"package": "postgresql-*", "package_hosts": "mon01"}),
        ("network_check", {"network_check_ports": [22, 8080], "vm": "myapp00"}),
        ("upgrade_postgresql", {"vm": "myapp00", "version": 18, "step": "check"}),
        ("converge_vm", {"vm": "", "described_vm": "myapp00", "stop_after": "creation"}),
    ],
)
def test_what_is_right(name: str, variables: dict) -> None:
    arguments.judge([name], variables, ROLES, ["myapp00", "hv0", "svc0"])


def test_an_empty_answer_counts_as_not_given_unless_it_would_mean_all_hosts() -> None:
    assert arguments.not_given(["move_vm"], {"vm": "a00", "to": "", "live": " ", "x": ""}) == ["to", "live"]
    assert arguments.not_given(["delete_retired_vms"], {"vm": ""}) == []


def test_no_expression_and_no_pattern_is_a_name(tmp_path: Path) -> None:
    """Each argument of each playbook, once for those that share a type."""
    texts = expressions.all_of(tmp_path / "ran")
    assert len(texts) >= 200
    kinds = {
        (each, repr(kind)): name for name in playbooks.PLAYBOOKS for each, kind in playbooks.types_of([name]).items()
    }
    passed = set()
    for (argument, _kind), name in kinds.items():
        kind = playbooks.types_of([name])[argument]
        # What these hold is looked up in the description, by the verb.
        if argument in FREE_TEXT or isinstance(kind, MapOf) or argument == "image":
            continue
        is_host = kind is playbooks.MACHINE or (isinstance(kind, Name) and kind.kind in ("VM", "machine"))
        for number, text in enumerate(texts + (expressions.PATTERNS if is_host else [])):
            value = (text, [text], {"a": text}, {text: 1})[0 if text in expressions.PATTERNS else number % 4]
            try:
                arguments.judge([name], {argument: value}, ROLES)
            except RequestError:
                continue
            passed.add((name, argument, text))
    assert passed == set()


# Whole runs

MANY = [pytest.param(name, marks=() if name in ("move_vm",) else pytest.mark.slow) for name in playbooks.PLAYBOOKS]


@pytest.mark.parametrize("name", MANY)
def test_nothing_runs_whatever_form_an_expression_has(platform, tmp_path: Path, name: str) -> None:
    """Forms are: words, JSON, files with YAML's and Ansible's tags; as value, in lists, in maps, as key."""
    platform.allocate()
    before = platform.snapshot()
    marker = tmp_path / "ran"
    texts = expressions.all_of(marker)
    types = list(playbooks.types_of([name])) or ["nothing"]
    given = {argument: texts[index % len(texts)] for index, argument in enumerate(types)}
    deep = {argument: {"a": [text, {text: [text]}]} for argument, text in given.items()}
    file = tmp_path / "vars.yml"
    lines = [
        f"{json.dumps(argument)}: {tag} {json.dumps(text)}"
        for (argument, text), tag in zip(given.items(), ["!unsafe", "!!str", ""] * len(given), strict=False)
    ]
    file.write_text("\n".join([*lines, f"{json.dumps(texts[0])}: 1", f"strange: {json.dumps(texts)}"]) + "\n")
    forms = [
        [word for argument, text in given.items() for word in ("-e", f'{argument}="{text}"')],
        ["-e", json.dumps(deep)],
        ["-e", f"@{file}"],
    ]
    for words in forms:
        done = run(platform.source, name, *words)
        assert done.returncode != 0, said(done)
        assert "nothing was changed" in said(done)
        # Any text may be a path: the module that reads the description there refuses it.
        assert "PLAY [" not in done.stdout or types == ["source"]
    for words in ["--list-hosts"], ["--list-tasks"], ["--syntax-check"], ["--limit", "myapp00"], ["--tags", "x"]:
        done = run(platform.source, name, *forms[1], *words)
        assert done.returncode != 0, said(done)
    assert not marker.exists()
    assert platform.snapshot() == before


def test_where_any_text_may_stand_it_is_stored(platform, tmp_path: Path) -> None:
    platform.allocate()
    marker = tmp_path / "ran"
    texts = [text for text in expressions.all_of(marker) if text.isprintable()]
    for number, description in enumerate([texts[0], texts[100], texts[-1]]):
        project = f"shop{'abcdefgh'[number]}"
        words = {"project": project, "description": description}
        done = run(platform.source, "add_project", "-e", json.dumps(words))
        assert done.returncode == 0, said(done)
        # The inventory is read again with the text in it, and a verb that follows shows it.
        assert platform.read().projects[project]["description"] == description
    assert run(platform.source, "show_firewall").returncode == 0
    assert not marker.exists()


def test_playbooks_of_others_get_data_as_well(platform, tmp_path: Path) -> None:
    """They import ours; what they call their variables is theirs."""
    platform.allocate()
    marker, own = tmp_path / "ran", tmp_path / "own.yml"
    own.write_text(
        f"- import_playbook: {FOLDER}/validate.yml\n"
        "- hosts: localhost\n  gather_facts: false\n  tasks: [{debug: {msg: 'it is {{ mine }}'}}]\n"
    )
    text = expressions.all_of(marker)[0]
    argv = [str(BIN / "ansible-playbook"), "-i", str(platform.source), str(own), "-e", json.dumps({"mine": text})]
    done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, said(done)
    assert f"it is {text}" in done.stdout
    assert not marker.exists()


# How one begins


def test_files_of_variables_stay_templates(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only `-e` is data: what lies beside the inventory is the operator's own, and is read by Ansible afterwards."""
    file = tmp_path / "group_vars/all.yml"
    file.parent.mkdir()
    file.write_text("ansible_ssh_executable: '{{ 1 }}'\n")
    monkeypatch.setattr(extra_vars.context, "CLIARGS", {"inventory": (str(tmp_path / "hosts.yml"),)})
    loader = DataLoader()
    assert "ansible_ssh_executable" in extra_vars.known_variables(loader)
    (text,) = loader.load_from_file(str(file), trusted_as_template=True).values()
    assert is_trusted_as_template(text)


def test_each_wrong_beginning_gets_a_sentence_that_says_what_to_do(platform, tmp_path: Path) -> None:
    platform.allocate()
    source = platform.source
    done = run(source, "validate", cwd=tmp_path)
    assert done.returncode != 0
    assert "Run it in the folder of ansible.cfg" in said(done)
    done = run(tmp_path / "platform.ringmaster.yml", "validate")
    assert done.returncode != 0
    assert "There is no file" in said(done)
    assert "-i platform/platform.ringmaster.yml" in said(done)
    done = run(None, "validate")
    assert done.returncode != 0
    assert "-i platform/platform.ringmaster.yml" in said(done)
    password = tmp_path / "password"
    password.write_text("x\n")
    secrets = tmp_path / "secrets.yml"
    secrets.write_text("platform_secret: abc\n")
    words = ["--vault-password-file", str(password)]
    subprocess.run([str(BIN / "ansible-vault"), "encrypt", *words, str(secrets)], check=True, capture_output=True)
    done = run(source, "validate", "-e", f"@{secrets}")
    assert done.returncode != 0
    assert "give --vault-password-file=FILE or --ask-vault-pass" in said(done)
    assert run(source, "validate", "-e", f"@{secrets}", *words).returncode == 0
    folder = source.parent / "group_vars"
    folder.mkdir()
    secrets.rename(folder / "all.yml")
    done = run(source, "validate")
    assert done.returncode != 0
    assert "group_vars/all.yml is encrypted" in said(done)
    assert run(source, "validate", *words).returncode == 0


def test_verbs_ask_for_what_their_table_says() -> None:
    for verb, asked in VERBS.items():
        assert set(asked.types) <= set(playbooks.PLAYBOOKS[verb].types)
