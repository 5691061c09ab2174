# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a machine answered to a command, or what was read there, goes to a judge or into a condition of its own.

All YAML and all templates of playbooks and roles are read. What a module of ours answers its action has judged; for
what modules of ansible-core answer, each use is followed in its expression up to where its value goes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import jinja2
import pytest
import yaml
from jinja2 import nodes

ROOT = Path(__file__).parents[3]
# Filters that take what they understand of an answer, and raise for anything else.
JUDGES = {"answer", "mailserver_published", "ssh_host_certificate"}
# Filters that hand on what they get.
THROUGH = {"default", "b64decode", "list", "select", "selectattr", "reject", "flatten", "unique", "first", "last"}
CONDITIONS = {"when", "failed_when", "changed_when", "until", "that"}
# People read it, who see no control characters: the connection has escaped them.
FOR_PEOPLE = {"msg", "fail_msg", "success_msg"}
# Of every result: numbers and flags, whatever a machine says.
FLAGS = {"rc", "changed", "failed", "skipped", "unreachable", "elapsed", "attempts"}
NUMBERS = {"length", "int", "float"}
# Roles and modules that work where playbooks run.
AT_HOME = {"lab", "vm_image"}
# Uses that no judge sees: where, what, and why it is right.
RIGHT = {
    ("roles/package_cache/tasks/main.yml", "__package_cache_sources"): "goes back to the machine that it came from",
}


class Loader(yaml.CSafeLoader):  # type: ignore[misc]
    """Takes tags as nothing."""


Loader.add_multi_constructor("!", lambda _loader, _suffix, _node: None)


@dataclass(frozen=True)
class Text:
    """A string of a file: the key that it stands under, and whether its task is for another machine."""

    file: str
    key: str
    text: str
    is_delegated: bool


@dataclass
class Found:
    """What is registered from machines, and every string that there is."""

    registered: set[str] = field(default_factory=set)
    texts: list[Text] = field(default_factory=list)
    modules: dict[str, set[str]] = field(default_factory=dict)


@cache
def everything() -> Found:
    return read(ROOT)


def read(root: Path) -> Found:
    found = Found()
    for top in ("playbooks", "roles"):
        for path in sorted((root / top).rglob("*")):
            file = str(path.relative_to(root))
            if {"molecule", "files", "meta"} & {*path.relative_to(root).parts[:-1]} or not path.is_file():
                continue
            is_home = path.relative_to(root).parts[1] in AT_HOME
            if path.suffix in (".yml", ".yaml") and "templates" not in path.parts:
                _walk(found, file, yaml.load(path.read_text(encoding="utf-8"), Loader), is_home)
            elif path.suffix == ".j2":
                found.texts.append(Text(file, "template", path.read_text(encoding="utf-8"), is_delegated=False))
    return found


def _walk(found: Found, file: str, node: Any, is_home: bool, key: str = "", *, is_delegated: bool = False) -> None:
    if isinstance(node, dict):
        is_home = is_home or node.get("hosts") == "localhost" or node.get("delegate_to") == "localhost"
        is_delegated = is_delegated or "delegate_to" in node
        if "register" in node:
            module = next(
                (one for one in node if isinstance(one, str) and re.fullmatch(r"[a-z_]+(\.[a-z_]+)+", one)), ""
            )
            found.modules.setdefault(module, set()).add(file)
            if not is_home and not module.startswith("ringmaster.hosting."):
                found.registered.add(node["register"])
        for name, value in node.items():
            if name != "register":
                _walk(found, file, value, is_home, str(name), is_delegated=is_delegated)
    elif isinstance(node, list):
        for value in node:
            _walk(found, file, value, is_home, key, is_delegated=is_delegated)
    elif isinstance(node, str):
        found.texts.append(Text(file, key, node, is_delegated))


def unjudged(found: Found) -> dict[tuple[str, str], str]:
    """Return by file and name what is used without a judge, with the text."""
    wrong = {}
    for text in found.texts:
        for name in sorted(found.registered):
            if re.search(rf"\b{name}\b", text.text) and not all(_is_right(text, name)):
                wrong[(text.file, name)] = f"{text.key}: {text.text.strip()[:200]}"
    return wrong


def _is_right(text: Text, name: str) -> Iterator[bool]:
    template = f"{{{{ {text.text} }}}}" if text.key in CONDITIONS and "{{" not in text.text else text.text
    tree = jinja2.Environment(extensions=["jinja2.ext.do"]).parse(template)
    for chain in _chains(tree, ()):
        last = chain[-1]
        if isinstance(last, nodes.Name) and last.name == name:
            yield _ends_well(text, chain, is_foreign=False)
        elif name in (getattr(last, "value", None), getattr(last, "attr", None)):
            yield _ends_well(text, chain, is_foreign=True)
        elif isinstance(last, nodes.TemplateData) and name in re.findall(r"\w+", last.data) and text.key == "var":
            yield False  # a name by itself, as debug's `var`


def _chains(node: nodes.Node, above: tuple[nodes.Node, ...]) -> Iterator[tuple[nodes.Node, ...]]:
    chain = (*above, node)
    yield chain
    for child in node.iter_child_nodes():
        yield from _chains(child, chain)


def _ends_well(text: Text, chain: tuple[nodes.Node, ...], *, is_foreign: bool) -> bool:
    """Tell whether a value is judged, or becomes a number or a truth of its own machine, on its way up."""
    child = chain[-1]
    is_own = not is_foreign and not text.is_delegated
    for node in reversed(chain[:-1]):
        match node:
            case nodes.Getattr(attr=attribute) if attribute in FLAGS:
                return True
            case nodes.Getitem(arg=nodes.Const(value=attribute)) if attribute in FLAGS:
                return True
            case nodes.Test() | nodes.Not() | nodes.Compare() | nodes.Filter(name="bool"):
                return is_own
            case nodes.CondExpr(test=test) if test is child:
                return is_own
            case nodes.Filter():
                name = _filter_name(node)
                if name in JUDGES or name in NUMBERS:
                    return True
                if node.node is child and name not in THROUGH and name not in ("extract", "attribute"):
                    break
            case _:
                pass
        child = node
    if text.key in FOR_PEOPLE:
        return True
    return text.key in CONDITIONS and is_own


def _filter_name(node: nodes.Filter) -> str:
    """Return the name of a filter, or of what ``map`` does to each, without the collection."""
    name = node.name
    if name == "map":
        first = node.args[0] if node.args else None
        name = str(first.value) if isinstance(first, nodes.Const) else "attribute"
    return name.removeprefix("ringmaster.hosting.")


def test_what_machines_answer_goes_to_a_judge_or_into_a_condition() -> None:
    wrong = {where: what for where, what in unjudged(everything()).items() if where not in RIGHT}
    shown = "\n".join(f"{file}: {name} in {what}" for (file, name), what in wrong.items())
    assert not wrong, f"{shown}\nlet a filter of {', '.join(sorted(JUDGES))} judge it, or a module of ours answer it"


def test_every_exception_is_needed() -> None:
    assert {*RIGHT} <= {*unjudged(everything())}
    found = " ".join(text.text for text in everything().texts)
    assert [judge for judge in JUDGES if f"ringmaster.hosting.{judge}" not in found] == []


def test_there_is_something_to_look_at() -> None:
    found = everything()
    assert {"__updated", "__base_host_key", "__mail_earlier", "__restored", "__postgresql_step"} <= found.registered
    assert {"ansible.builtin.command", "ansible.builtin.slurp", "ringmaster.hosting.files"} <= {*found.modules}


# Modules whose answers become variables or files of the controller by themselves.
FORBIDDEN = ("setup", "gather_facts", "fetch", "synchronize", "package_facts", "service_facts", "getent", "mount_facts")


def test_nothing_becomes_a_fact_or_a_file_of_the_controller_by_itself() -> None:
    """The connection refuses facts; a play that asks for some would fail on every machine."""
    wrong = list(_forbidden(ROOT))
    assert wrong == []


def _forbidden(root: Path) -> Iterator[str]:
    for top in ("playbooks", "roles"):
        for path in sorted((root / top).rglob("*.yml")):
            if {"molecule", "files", "templates", "meta"} & {*path.relative_to(root).parts}:
                continue
            for node in _maps(yaml.load(path.read_text(encoding="utf-8"), Loader)):
                names = {str(one).rpartition(".")[2] for one in node if str(one).startswith("ansible.")}
                if names & {*FORBIDDEN}:
                    yield f"{path.relative_to(root)}: {names & {*FORBIDDEN}}"
                if "hosts" in node and ("tasks" in node or "roles" in node) and node.get("gather_facts") is not False:
                    yield f"{path.relative_to(root)}: gathers facts of {node['hosts']}"


def _maps(node: Any) -> Iterator[dict[str, Any]]:
    if isinstance(node, dict):
        yield node
        for value in node.values():
            yield from _maps(value)
    elif isinstance(node, list):
        for value in node:
            yield from _maps(value)


COMMAND = "- ansible.builtin.command: {argv: [x]}\n  register: __said\n"


def site(folder: Path, tasks: str, others: Iterable[tuple[str, str]] = ()) -> Found:
    (folder / "roles/x/tasks").mkdir(parents=True)
    (folder / "playbooks").mkdir()
    (folder / "roles/x/tasks/main.yml").write_text(f"{COMMAND}{tasks}")
    for name, text in others:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return read(folder)


@pytest.mark.parametrize(
    "tasks",
    [
        "- ansible.builtin.set_fact: {x: '{{ __said.stdout }}'}",
        "- ansible.builtin.add_host: {name: '{{ __said.stdout_lines[0] }}'}",
        "- ansible.builtin.copy: {dest: '/srv/{{ __said.stdout }}', content: x}\n  delegate_to: localhost",
        "- ansible.builtin.command: {argv: ['{{ __said.stdout | trim }}']}",
        "- ansible.builtin.command: {argv: [x]}\n  when: __said.stdout == 'x'\n  delegate_to: localhost",
        "- ansible.builtin.command: {argv: [x]}\n  when: hostvars['web00'].__said.stdout",
        "- ansible.builtin.command: {argv: [x]}\n  when: hostvars['web00']['__said']['stdout'] in ['x']",
        "- ansible.builtin.command: {argv: [\"{{ groups.all | map('extract', hostvars, ['__said', 'stdout']) }}\"]}",
        "- ansible.builtin.set_fact: {x: \"{{ hostvars['web00'].__said.stdout == 'x' }}\"}",
        "- ansible.builtin.set_fact: {x: \"{{ hostvars['web00'].__said.stdout is search('x') }}\"}",
        "- ansible.builtin.set_fact: {x: \"{{ 'a' if hostvars['web00'].__said.stdout else 'b' }}\"}",
        "- ansible.builtin.set_fact: {x: \"{{ vars['__said'].stdout | bool }}\"}",
        "- ansible.builtin.set_fact: {x: \"{{ lookup('vars', '__said').stdout }}\"}",
        "- ansible.builtin.command: {argv: ['{{ not __said.stdout }}']}\n  delegate_to: localhost",
        "- block:\n  - ansible.builtin.command: {argv: [x]}\n  vars: {z: '{{ __said.stdout }}'}",
        "- ansible.builtin.include_tasks: '{{ __said.stdout }}'",
        "- ansible.builtin.debug: {var: __said}",
        "- ansible.builtin.command: {argv: [x]}\n  vars: {y: '{{ __said.stdout | from_json }}'}",
        "- ansible.builtin.command: {argv: ['{{ x if y else __said.stdout }}']}",
        "- ansible.builtin.command: {argv: [\"{{ 'a' ~ __said.stdout | default('b') }}\"]}",
        "- ansible.builtin.command: {argv: [\"{{ lookup('file', __said.stdout) }}\"]}",
        "- ansible.builtin.debug: {msg: x}\n  loop: '{{ __said.stdout_lines }}'",
    ],
)
def test_what_goes_past_the_judges_is_found(tmp_path: Path, tasks: str) -> None:
    assert unjudged(site(tmp_path, f"{tasks}\n"))


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("roles/x/templates/a.j2", "a = {{ __said.stdout }}\n"),
        ("roles/x/vars/main.yml", "__x_y: '{{ __said.stdout }}'\n"),
        ("roles/x/handlers/main.yml", "- ansible.builtin.command: {argv: ['{{ __said.stdout }}']}\n"),
        (
            "playbooks/a.yml",
            "- hosts: localhost\n  tasks:\n  - ansible.builtin.file: {path: '{{ hostvars.a.__said.stdout }}'}\n",
        ),
    ],
)
def test_it_is_found_wherever_it_is_used(tmp_path: Path, file: str, text: str) -> None:
    assert unjudged(site(tmp_path, "", [(file, text)]))


@pytest.mark.parametrize(
    "tasks",
    [
        "- ansible.builtin.command: {argv: [x]}\n  when: __said.stdout == 'x' and 'y' in __said.stderr",
        "- ansible.builtin.command: {argv: [x]}\n  loop: '{{ [1] * (__said.stdout_lines | length) }}'",
        "- ansible.builtin.assert: {that: __said.rc == 0, fail_msg: '{{ __said.stderr }}'}",
        "- ansible.builtin.service: {name: x, state: \"{{ 'a' if __said is changed else 'b' }}\"}",
        "- ansible.builtin.set_fact: {x: '{{ __said.stdout | bool }}', y: \"{{ __said.stdout == 'x' }}\"}",
        "- ansible.builtin.set_fact: {x: \"{{ (__said.stdout | ringmaster.hosting.answer('a b', '')).x }}\"}",
        '- ansible.builtin.set_fact: {x: "{{ y | ringmaster.hosting.ssh_host_certificate('
        'public_key=__said.content | b64decode) }}"}',
        "- ansible.builtin.set_fact: {x: \"{{ groups.all | map('extract', hostvars, ['__said', 'stdout'])"
        " | map('ringmaster.hosting.answer', 'a', '') }}\"}",
    ],
)
def test_what_is_judged_or_asked_may_be_used(tmp_path: Path, tasks: str) -> None:
    assert not unjudged(site(tmp_path, f"{tasks}\n"))


def test_facts_and_fetched_files_are_found(tmp_path: Path) -> None:
    site(tmp_path, "- ansible.builtin.fetch: {src: a, dest: b}\n", [("playbooks/a.yml", "- hosts: all\n  tasks: []\n")])
    assert len(list(_forbidden(tmp_path))) == 2
