# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What pages tell people to write is what the platform takes: pieces of descriptions, tasks, commands."""

from __future__ import annotations

import functools
import itertools
import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import language
import prose
import pytest
import yaml
from ansible.parsing.splitter import parse_kv
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform import description
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform.language.errors import DescriptionError
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform.verbs.arguments import judge
from language import ROOT

PAGES = prose.pages()
ROLES = sorted(path.name for path in (ROOT / "roles").iterdir() if path.is_dir())
RUNBOOKS = sorted(ROOT.glob("roles/*/files/runbook.yml"))
FENCE = re.compile(r"^(?P<indent> *)(?P<fence>```+)(?P<kind>\S*)\n(?P<text>.*?)^(?P=indent)(?P=fence)", re.M | re.S)
SPAN = re.compile(r"(?<!`)(`+)(?!`)(.+?)(?<!`)\1(?!`)", re.S)
PLACEHOLDER = re.compile(r"[…<>]|\$\(|\{\{")

NOT_UNDERSTOOD: dict[tuple[str, str], str] = {
    ("docs/components/webgateway.md", "project: true"): "in a sentence about `backends`, and a key there",
}
"""Pieces that cannot be checked, by page and text, each with the reason."""


def title(path: Path) -> str:
    return str(path.relative_to(ROOT))


def blocks() -> Iterator[Any]:
    """Yield each block of YAML: its page, its text, and whether the page calls it YAML."""
    for page in PAGES:
        text = page.read_text()
        for found in FENCE.finditer(text):
            content = re.sub(rf"^{found['indent']}", "", found["text"], flags=re.M)
            called = found["kind"] in ("yaml", "yml")
            if called or (not found["kind"] and is_structure(content)):
                line = text.count("\n", 0, found.start()) + 1
                yield pytest.param(page, content, called, id=f"{title(page)}:{line}")


def is_structure(text: str) -> bool:
    """Tell whether a text is a map or a list of maps as people write them into YAML files."""
    try:
        content = yaml.safe_load(text)
    except yaml.YAMLError:
        return False
    if isinstance(content, list):
        return bool(content) and all(isinstance(one, dict) for one in content)
    return isinstance(content, dict) and all(re.fullmatch(r"[a-z][\w-]*", str(key)) for key in content)


@functools.cache
def role_of(page: Path) -> str:
    """Return the role or component that a page is about."""
    return page.stem if page.parent.name == "components" else page.parent.name


@functools.cache
def ordered(page: Path) -> dict[str, Any]:
    """Return the component that the first description on a page orders, with its options."""
    for found in FENCE.finditer(page.read_text()):
        if found["kind"] == "yaml":
            for vm in (yaml.safe_load(found["text"]).get("vms") or {}).values():
                if role_of(page) in ((vm or {}).get("components") or {}):
                    return vm["components"][role_of(page)] or {}
    return {}


def problems(page: Path, content: Any, folder: Path) -> list[str]:
    """Return what is wrong with a block."""
    if isinstance(content, list):
        return [each for one in content for each in play_problems(one)]
    if "plugin" in content:
        return source_problems(content, folder)
    options = language.ROLES.options(role_of(page)) or {}
    if all(re.fullmatch(r"[a-z]+\d\d", name) for name in content):
        content = {"vms": content}
    elif content.keys() <= options.keys():
        vm = "post00" if role_of(page) == "mailserver" else "myapp00"
        content = {"vms": {vm: {"components": {role_of(page): {**ordered(page), **content}}}}}
    for kind in ("project", "platform"):
        if content.keys() <= language.FILES[kind].by_name.keys():
            declared = [vm["components"] for vm in content.get("vms", {}).values() if (vm or {}).get("components")]
            return language.mistakes(folder, kind, content) + [
                each for one in declared for name in one for each in language.component_problems(name, one[name] or {})
            ]
    return [each for name, value in content.items() for each in variable_problems(name, value)]


def source_problems(content: dict[str, Any], folder: Path) -> list[str]:
    """Return what is wrong with an inventory source."""
    folder.mkdir(exist_ok=True)
    source = folder / "platform.ringmaster.yml"
    source.write_text(yaml.safe_dump(content))
    try:
        description.check_source(source)
    except DescriptionError as error:
        return [mistake.sentence() for mistake in error.mistakes]
    return []


def variable_problems(name: str, value: Any) -> list[str]:
    """Return what is wrong with a variable of a role."""
    specs = [one for role in ROLES if name.startswith(f"{role}_") for one in language.option_specs(role, name)]
    if not specs:
        return [f"no role has the variable {name}"]
    found = min((language.value_problems(spec, value) for spec in specs), key=len)
    if name == "nginx_vhosts":
        found += [each for one in value for each in language.virtual_host_problems(one)]
    return found


def play_problems(play: dict[str, Any]) -> list[str]:
    """Return what is wrong with a play or a task."""
    if "hosts" not in play:
        return task_problems(play)
    found = []
    for one in play.get("roles", []):
        role = (one["role"] if isinstance(one, dict) else one).removeprefix("ringmaster.hosting.")
        found += [] if (ROOT / "roles" / role).is_dir() else [f"there is no role {role}"]
    tasks = [task for part in ("pre_tasks", "tasks", "post_tasks") for task in play.get(part, [])]
    return found + [each for task in tasks for each in task_problems(task)]


def task_problems(task: dict[str, Any]) -> list[str]:
    found = []
    for word, arguments in task.items():
        if word.startswith("ringmaster.hosting."):
            found += language.module_problems(word.removeprefix("ringmaster.hosting."), arguments or {})
        elif word == "ansible.builtin.include_role":
            role = arguments["name"].removeprefix("ringmaster.hosting.")
            if not (ROOT / "roles" / role).is_dir():
                found.append(f"there is no role {role}")
            for name, value in task.get("vars", {}).items():
                found += variable_problems(name, value)
        elif "." not in word and not language.is_keyword(word):
            found.append(f"{word} is no keyword of a task")
    return found


@pytest.mark.parametrize(("page", "text", "called"), list(blocks()))
def test_a_block_of_yaml_is_taken_by_the_platform(page, text, called, tmp_path):
    assert called, "say ```yaml at its beginning"
    if (title(page), text) not in NOT_UNDERSTOOD:
        assert problems(page, yaml.safe_load(text), tmp_path / "platform") == []


def pieces() -> Iterator[Any]:
    """Yield each piece of YAML within a sentence, such as ``redis: {}``."""
    for page in PAGES:
        for found in SPAN.finditer(FENCE.sub("", page.read_text())):
            if re.match(r"[a-z][a-z0-9_]*: \S", found[2]):
                yield pytest.param(page, found[2], id=f"{title(page)}:{found[2]}")


def judged(page: Path, name: str, value: Any) -> Iterator[list[str]]:
    """Yield what each option, variable and key of this name finds wrong with a value; those of the page come first."""
    own = role_of(page)
    specs = language.option_specs(own, name)
    specs += [one for role in ROLES if name.startswith(f"{role}_") for one in language.option_specs(role, name)]
    if not specs:
        specs = [one for component in language.COMPONENTS for one in language.option_specs(component, name)]
    yield from (language.value_problems(spec, value) for spec in specs)
    yield from (language.type_problems(kind, value) for kind in language.schema_types(name))
    if own in ("nginx", "webgateway"):
        yield language.virtual_host_problems({name: value})


@pytest.mark.parametrize(("page", "text"), list(pieces()))
def test_a_piece_of_yaml_in_a_sentence_names_what_there_is(page, text):
    if (title(page), text) in NOT_UNDERSTOOD:
        return
    ((name, value),) = yaml.safe_load(text).items()
    if name in language.COMPONENTS:
        assert language.component_problems(name, value) == []
        return
    found = list(judged(page, name, value))
    assert found, f"nothing has the key {name}: correct it, or list it in NOT_UNDERSTOOD with a reason"
    assert PLACEHOLDER.search(text) or [] in found, found


def test_what_is_not_understood_is_still_there():
    there = {(title(one.values[0]), one.values[1]) for one in (*blocks(), *pieces())}
    assert NOT_UNDERSTOOD.keys() <= there


@pytest.mark.parametrize("page", [*PAGES, ROOT / "docs/reference/checks.md"], ids=title)
def test_a_block_of_json_can_be_read(page):
    for found in FENCE.finditer(page.read_text()):
        if found["kind"] == "json":
            json.loads(found["text"])


def commands() -> Iterator[Any]:
    """Yield each playbook that is called in code, with its arguments; ``…`` goes on with the one before."""
    for page in [*PAGES, *RUNBOOKS]:
        text = page.read_text()
        code = [found["text"] for found in FENCE.finditer(text)] + [
            one[2] for one in SPAN.finditer(FENCE.sub("", text))
        ]
        for block in code:
            name = ""
            for line in re.sub(r"\s*\n\s*(?=-)", " ", block).splitlines() if page in RUNBOOKS else block.splitlines():
                found = re.search(r"playbooks/([a-z_/]+)\.yml(.*)", line)
                name = found[1] if found else name if line.startswith("…") else ""
                rest = found[2] if found else line if name or line.startswith("-e ") else ""
                if found or rest:
                    yield pytest.param(name, rest, id=f"{title(page)}:{line.strip()[:80]}")


@functools.cache
def variables_of(playbook: str) -> frozenset[str]:
    """Return the words of a playbook and of what it imports; all variables that it reads are among them."""
    text = (ROOT / f"playbooks/{playbook}.yml").read_text()
    found = set(re.findall(r"[a-z_]\w*", text))
    for name in re.findall(r"(?:import|include)_(?:playbook|tasks): (\S+)\.yml", text):
        if (ROOT / f"playbooks/{name}.yml").exists():
            found |= variables_of(name)
    return frozenset(found)


@functools.cache
def variables_of_roles() -> frozenset[str]:
    return frozenset(f"{role}_{name}" for role in ROLES for name in language.ROLES.options(role) or {})


@functools.cache
def variables() -> frozenset[str]:
    names = [str(path.relative_to(ROOT / "playbooks").with_suffix("")) for path in (ROOT / "playbooks").rglob("*.yml")]
    return variables_of_roles().union(*(variables_of(name) for name in names))


@pytest.mark.parametrize(("playbook", "rest"), list(dict.fromkeys(commands())))
def test_a_command_calls_a_playbook_with_arguments_that_it_has(playbook, rest):
    if playbook:
        assert (ROOT / f"playbooks/{playbook}.yml").is_file()
    known = variables_of(playbook) | variables_of_roles() if playbook else variables()
    words = shlex.split(rest, comments=True)
    given = {}
    for before, word in itertools.pairwise(words):
        if before == "-e" and not word.startswith("@"):
            given.update(yaml.safe_load(word) if word.startswith("{") else parse_kv(word))
    assert given.keys() <= known
    if playbook:
        plain = {name: value for name, value in given.items() if not PLACEHOLDER.search(str(value))}
        judge([playbook], plain, variables_of_roles())
    if playbook in language.VERBS:
        asked = {name: value for name, value in given.items() if name in language.VERBS[playbook].types}
        assert set(given) - set(asked) <= {"stop_after", "source", "backup_hosts"}
        plain = {name: value for name, value in asked.items() if not PLACEHOLDER.search(value)}
        assert language.request_problems(playbook, plain) == []
