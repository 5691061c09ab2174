# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The package travels with the module and is packed for the timer: what it imports decides whether it arrives whole."""

from __future__ import annotations

import ast
import io
import subprocess
import sys
import zipfile
from graphlib import TopologicalSorter
from pathlib import Path

import pytest
from ansible_collections.ringmaster.hosting.plugins.module_utils.accounts import timer
from ansible_collections.ringmaster.hosting.plugins.modules import accounts as module

FILES = {path.stem: ast.parse(path.read_text()) for path in Path(timer.__file__).parent.glob("*.py")}
NAMES = set(FILES) - {"__init__"}


def imported(tree: ast.Module, package: str = "") -> set[str]:
    """Return the files of the package that are imported, also for types only and inside functions."""
    names = set()
    for each in ast.walk(tree):
        if isinstance(each, ast.ImportFrom) and each.level:
            origin = each.module or ""
            names |= {alias.name for alias in each.names} if origin == package else set()
            names.add(origin.removeprefix(package).lstrip(".").split(".")[0])
    return names & NAMES


GRAPH = {name: imported(tree) for name, tree in FILES.items()}


def test_no_file_needs_one_that_needs_it():
    order = list(TopologicalSorter(GRAPH).static_order())
    assert order.index("model") < order.index("plan") < order.index("run"), "the graph holds the imports"


@pytest.mark.parametrize("name", FILES)
def test_imports_are_at_the_top_and_need_only_the_standard_library_and_this_package(name):
    tree = FILES[name]
    imports = [each for each in ast.walk(tree) if isinstance(each, (ast.Import, ast.ImportFrom))]
    assert [each for each in imports if each not in tree.body] == []
    relative = [each for each in imports if isinstance(each, ast.ImportFrom) and each.level]
    assert {each.level for each in relative} <= {1}
    absolute = [each for each in imports if each not in relative]
    origins = {each.module if isinstance(each, ast.ImportFrom) else each.names[0].name for each in absolute}
    assert {origin.split(".")[0] for origin in origins} <= sys.stdlib_module_names


def test_the_module_takes_every_file_along():
    """Ansible sends what a module imports, and what that imports: nothing else is there to be packed."""
    found: set[str] = set()
    todo = imported(ast.parse(Path(module.__file__).read_text()), "module_utils.accounts")
    while todo:
        found |= todo
        todo = {name for each in todo for name in GRAPH[each]} - found
    assert found == NAMES


def test_the_program_is_reproducible_and_holds_every_file():
    assert timer.program() is timer.program()
    with zipfile.ZipFile(io.BytesIO(timer.program().encode("utf-8", "surrogateescape"))) as archive:
        packed = {Path(name).stem for name in archive.namelist() if name.startswith(f"{timer.PACKAGE}/")}
    assert packed - {"__init__"} == NAMES


def test_the_program_needs_nothing_else_and_packs_itself_again(tmp_path):
    program = tmp_path / "accounts.pyz"
    program.write_bytes(timer.program().encode("utf-8", "surrogateescape"))
    code = (
        f"import sys; sys.path.insert(0, {str(program)!r}); from {timer.PACKAGE} import run, timer; callable(run.main);"
        "sys.stdout.buffer.write(timer.program().encode('utf-8', 'surrogateescape'))"
    )
    done = subprocess.run([sys.executable, "-I", "-S", "-c", code], capture_output=True, check=True)
    assert done.stdout == program.read_bytes()
