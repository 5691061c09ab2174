# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filters hold no logic, and each has its documentation beside it."""

from __future__ import annotations

import ast
import importlib
import inspect
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.errors import AnsibleFilterError
from ansible_collections.ringmaster.hosting.plugins.plugin_utils.filters import wrap

ROOT = Path(__file__).parents[3]
PACKAGE = "ansible_collections.ringmaster.hosting.plugins.filter"
FOLDER = ROOT / "collections" / Path(*PACKAGE.split("."))
LONGEST = 6
"""Lines of a function, without signature and docstring."""
BRANCHES = (ast.If, ast.For, ast.While, ast.Try, ast.Match, ast.With)
STEP = re.compile(r"\{%-?\s*(set _\s*=|do )")


def filters() -> Iterator[tuple[str, Callable[..., Any]]]:
    for path in sorted(FOLDER.glob("*.py")):
        yield from importlib.import_module(f"{PACKAGE}.{path.stem}").FilterModule().filters().items()


def documentation(name: str) -> dict[str, Any]:
    return yaml.safe_load((FOLDER / f"{name}.yml").read_text())


def test_every_filter_is_documented_beside_it_and_nothing_else_is() -> None:
    names = [name for name, _function in filters()]
    assert len(names) > 30
    assert len(names) == len(set(names)), "two files have a filter of one name"
    assert sorted(names) == sorted(path.stem for path in FOLDER.glob("*.yml"))


@pytest.mark.parametrize(("name", "function"), list(filters()))
def test_the_documentation_names_every_argument(name: str, function: Callable[..., Any]) -> None:
    found = documentation(name)
    about = found["DOCUMENTATION"]
    assert about["name"] == name
    assert about["short_description"] and about["description"] and about["author"] and about["version_added"]
    assert f"ringmaster.hosting.{name}" in found["EXAMPLES"] and yaml.safe_load(found["EXAMPLES"])
    assert found["RETURN"]["_value"]["description"]
    _first, *others = inspect.signature(function).parameters.values()
    documented = set(about["options"]) - {"_input"}
    assert "_input" in about["options"]
    assert {one.name for one in others if one.kind is not one.VAR_KEYWORD} <= documented
    if not any(one.kind is one.VAR_KEYWORD for one in others):
        assert documented == {one.name for one in others}


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.py")), ids=lambda path: path.stem)
def test_a_filter_holds_no_logic(path: Path) -> None:
    tree = ast.parse(path.read_text())
    assert "DOCUMENTATION" not in path.read_text()
    for node in ast.walk(tree):
        assert not isinstance(node, BRANCHES), f"line {node.lineno} decides something: that belongs into module_utils"
        if isinstance(node, ast.FunctionDef) and node.name != "filters":
            body = node.body[1:] if ast.get_docstring(node) else node.body
            assert body[-1].end_lineno - body[0].lineno < LONGEST, f"{node.name} is more than a call"
        if isinstance(node, ast.FunctionDef) and node.name == "filters":
            assert len(node.body) == 2, "a docstring and what it returns"


def test_errors_that_were_named_become_those_of_filters_and_others_stay() -> None:
    def function(what: Any) -> int:
        return 1 // what

    wrapped = wrap("function of {}: no", function, ZeroDivisionError)
    assert wrapped(1) == 1 and wrapped(what=1) == 1
    with pytest.raises(AnsibleFilterError, match=r"^function of integer .* zero: no"):
        wrapped(0)
    with pytest.raises(TypeError):
        wrapped("x")
    assert list(inspect.signature(wrapped).parameters) == ["what"]


@pytest.mark.parametrize(
    ("name", "arguments", "options", "told"),
    [
        ("tuning", ["cobol"], {"memory_mib": 1024, "cores": 1}, "tuning: no formulas for 'cobol'; there are"),
        ("tuning", ["redis"], {"memory_mib": 1, "cores": 1}, "tuning of redis: a machine needs at least 64 MiB"),
        ("tuning", ["redis"], {"memory_mib": 1024, "cores": 1, "x": 1}, "tuning of redis: .*unexpected keyword"),
        (
            "secret",
            [None],
            {"project": "a", "vm": "a00", "component": "dns", "object": "x"},
            "^secret: the input must be the platform secret, a text",
        ),
        ("networkd_files", [{}], {}, "^networkd_files: variable 'ringmaster_networks' is missing"),
        ("alertmanager_configuration", [[{}], {}, {}], {}, "^alertmanager_configuration: 'name' is missing"),
        ("status_description", [[], {}, {}], {}, "^status_description: the variable 'domain' is missing"),
        ("monitoring_targets", [[{"ansible_host": "::1"}]], {}, "^monitoring_targets: a host lacks the variable 'inv"),
        ("machine_program", [["cobol"]], {}, "^machine_program: the machine's program has no part 'cobol'"),
        ("webgateway_backends", [[{}]], {"vm": "a00", "project": [], "groups": {}}, "^the backend '' must be named"),
        ("ssh_host_authority", ["short"], {}, "^ssh_host_authority: the input must be the platform secret"),
    ],
)
def test_errors_say_what_they_always_said(name: str, arguments: list[Any], options: dict[str, Any], told: str) -> None:
    with pytest.raises(AnsibleFilterError, match=told):
        dict(filters())[name](*arguments, **options)


def test_jinja_is_not_used_as_a_programming_language() -> None:
    """Values that are collected or changed step by step come from a filter."""
    places = [path for folder in ("roles", "playbooks") for path in (ROOT / folder).rglob("*.yml")]
    places += (ROOT / "roles").rglob("*.j2")
    assert len(places) > 200
    found = [str(path.relative_to(ROOT)) for path in places if STEP.search(path.read_text(encoding="utf-8"))]
    assert not found
