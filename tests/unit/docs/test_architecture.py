# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The house is as it is drawn: floors of module_utils, and the paths that pages about the code name."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
COLLECTION = ROOT / "collections/ansible_collections/ringmaster/hosting"
UTILS = COLLECTION / "plugins/module_utils"
PREFIX = "ansible_collections.ringmaster.hosting.plugins.module_utils"
ARCHITECTURE = (ROOT / "docs/architecture.md").read_text()
BESIDE = 0
"""Rank of the folders that stand beside the floors."""


def drawn() -> dict[str, int]:
    """Return the floor of each folder, as the table has it."""
    rows = re.findall(r"^\| ([1-9]|beside) \| ([^|]+) \|", ARCHITECTURE, re.MULTILINE)
    return {
        name: BESIDE if floor == "beside" else int(floor)
        for floor, names in rows
        for name in re.findall(r"`([a-z/]+)`", names)
    }


FLOORS = drawn()


def folder_of(parts: list[str]) -> str:
    """Return the folder of a module by the words of its path; ``platform`` has floors of its own."""
    return "/".join(parts[:2]) if "/".join(parts[:2]) in FLOORS else parts[0]


def imported(path: Path) -> Iterator[str]:
    """Yield the folders that a file imports from, wherever in it the import stands."""
    here = list(path.relative_to(UTILS).parts[:-1])
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom):
            words = (node.module or "").split(".") if node.module else []
            if node.level:
                words = here[: len(here) - node.level + 1] + words
            elif (node.module or "").startswith(PREFIX):
                words = words[len(PREFIX.split(".")) :]
            else:
                continue
            for name in node.names:
                yield folder_of([*words, name.name])
        elif isinstance(node, ast.Import):
            yield from (folder_of(one.name.split(".")[5:]) for one in node.names if one.name.startswith(PREFIX + "."))


IMPORTS = sorted(
    {
        (folder_of([*path.relative_to(UTILS).parts[:-1]]), other, path.relative_to(UTILS).as_posix())
        for path in UTILS.rglob("*.py")
        for other in imported(path)
    }
)
BETWEEN = [one for one in IMPORTS if one[0] != one[1]]


def test_every_folder_has_its_floor() -> None:
    folders = {path.relative_to(UTILS).as_posix() for path in UTILS.rglob("*") if list(path.glob("*.py"))}
    assert folders == set(FLOORS)
    assert len({floor for floor in FLOORS.values() if floor != BESIDE}) == 7


def test_no_import_climbs_or_stays_on_its_floor() -> None:
    assert len(BETWEEN) > 10
    wrong = [one for one in BETWEEN if FLOORS[one[0]] != BESIDE and FLOORS[one[1]] >= FLOORS[one[0]]]
    assert wrong == []


def test_what_stands_beside_needs_the_lowest_floors_at_most() -> None:
    assert [one for one in BETWEEN if FLOORS[one[0]] == BESIDE and FLOORS[one[1]] not in (1, 2)] == []


def test_there_is_no_circle() -> None:
    graph: dict[str, set[str]] = {}
    for name, other, _path in BETWEEN:
        graph.setdefault(name, set()).add(other)
    assert list(TopologicalSorter(graph).static_order())


ROOTS = "awx|bin|docs|example|inventory_plugins|molecule|playbooks|plugins|module_utils|platform|roles|tests"


def named(page: str) -> list[str]:
    """Return the paths in code that a page names; those of the component that is to be added are none yet."""
    found = re.findall(rf"`((?:{ROOTS})/[\w./-]*)`", (ROOT / page).read_text())
    return [path for path in found if not re.search(r"/example\b", path) and path != "example/"]


@pytest.mark.parametrize(
    "page", ["AGENTS.md", "docs/architecture.md", "docs/contributing.md", "roles/machine/README.md"]
)
def test_every_path_that_a_page_names_is_there(page: str) -> None:
    places = (ROOT, COLLECTION, COLLECTION / "plugins", UTILS)
    assert [path for path in named(page) if not any((place / path).exists() for place in places)] == []
    assert page == "roles/machine/README.md" or len(named(page)) > 3


def test_the_drawn_program_has_every_part() -> None:
    (drawing,) = re.findall(r"```\n(roles/machine/files/python/ringmaster/\n.*?)```", ARCHITECTURE, re.DOTALL)
    parts = {path.parent.name for path in (ROOT / "roles/machine/files/python/ringmaster").glob("*/__init__.py")}
    assert set(re.findall(r"(?<![\w/])([a-z_]+)/(?= |\n)", drawing)) == parts
