# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who may import whom: no circles, no climbing on the controller, and on machines the core and what is listed."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = "ansible_collections.ringmaster.hosting.plugins.module_utils"
CONTROLLER = ROOT / "collections" / Path(*PACKAGE.split("."))
MACHINE = ROOT / "roles/machine/files/python/ringmaster"


def drawn() -> dict[str, int]:
    """Return the floor of each folder, dotted, as docs/architecture.md draws them."""
    page = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| ([0-9]+) \| ([^|]+) \|", page, re.MULTILINE)
    return {name.replace("/", "."): int(floor) for floor, names in rows for name in re.findall(r"`([a-z/]+)`", names)}


# A folder may import itself and what lies on lower floors.
FLOOR = drawn()
# The program's parts, and those beside the core that each may import.
PARTS = {
    "maintenance_server": {"maintenance"},
    "status": {"look", "maintenance"},
    "updates": {"maintenance"},
}

Imports = Mapping[str, set[str]]


def modules(folder: Path) -> dict[str, Path]:
    """Return the files of a package by their dotted names below it; a package's own file has the package's name."""
    found = {}
    for path in folder.rglob("*.py"):
        parts = path.relative_to(folder).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imports(folder: Path, package: str) -> dict[str, set[str]]:
    """Return which files of a package import which: on top, in functions, for types only, relatively or not."""
    files = modules(folder)
    return {name: set(_imported(name, path, files, package)) for name, path in files.items()}


def _imported(name: str, path: Path, files: Mapping[str, Path], package: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            wanted = [_below(alias.name, package) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            origin = _origin(node, name, path, package)
            wanted = [] if origin is None else [f"{origin}.{alias.name}".strip(".") for alias in node.names]
        else:
            continue
        for one in wanted:
            # What is imported is a file, or something in the file before the last dot.
            target = next((found for found in (one, one.rpartition(".")[0]) if found in files), "")
            if target not in ("", name):
                yield target


def _below(origin: str, package: str) -> str:
    return origin.removeprefix(f"{package}.") if origin.startswith(f"{package}.") else "?"


def _origin(node: ast.ImportFrom, name: str, path: Path, package: str) -> str | None:
    if node.level:
        parts = name.split(".") if path.name == "__init__.py" else name.split(".")[:-1]
        return ".".join([*parts[: len(parts) - node.level + 1], *(node.module or "").split(".")]).strip(".")
    if node.module == package:
        return ""
    return _below(node.module, package) if (node.module or "").startswith(f"{package}.") else None


def circle(found: Imports) -> list[str]:
    """Return the files of a circle, or nothing."""
    finished: set[str] = set()

    def visit(name: str, way: list[str]) -> list[str]:
        if name in way:
            return [*way[way.index(name) :], name]
        if name in finished:
            return []
        for target in sorted(found.get(name, ())):
            if met := visit(target, [*way, name]):
                return met
        finished.add(name)
        return []

    return next((met for name in sorted(found) if (met := visit(name, []))), [])


def climbing(found: Imports) -> list[str]:
    """Return the imports that are not of the own folder and not of a lower floor."""
    return [
        f"{name} imports {target}"
        for name, targets in sorted(found.items())
        for target in sorted(targets)
        if folder_of(name, FLOOR) != folder_of(target, FLOOR)
        and FLOOR[folder_of(name, FLOOR)] <= FLOOR[folder_of(target, FLOOR)]
    ]


def folder_of(name: str, folders: Iterable[str]) -> str:
    """Return the longest of the folders that a file lies in; its own folder where none is listed."""
    listed = [folder for folder in folders if name == folder or name.startswith(f"{folder}.")]
    return max(listed, key=len, default=name.partition(".")[0])


def straying(found: Imports) -> list[str]:
    """Return the imports from one part of the program into another that it may not use."""
    return [
        f"{name} imports {target}"
        for name, targets in sorted(found.items())
        for target in sorted(targets)
        for part, other in [(name.partition(".")[0], target.partition(".")[0])]
        if part != other and not (part != "core" and other == "core") and other not in PARTS.get(part, ())
    ]


def in_parts(found: Imports) -> dict[str, set[str]]:
    """Return the imports without those of the package's own files, which are no part: command.py calls them all."""
    return {name: targets for name, targets in found.items() if (MACHINE / name.partition(".")[0]).is_dir()}


def test_every_folder_has_its_floor() -> None:
    folders = {name.rpartition(".")[0] for name, path in modules(CONTROLLER).items() if path.name != "__init__.py"}
    assert folders == set(FLOOR)


def test_no_folder_of_the_controller_imports_from_a_higher_floor() -> None:
    found = imports(CONTROLLER, PACKAGE)
    assert sum(map(len, found.values())) > 200, "imports are not found any more"
    assert not climbing(found)


def test_no_part_of_the_machines_program_strays() -> None:
    found = in_parts(imports(MACHINE, "ringmaster"))
    assert sum(map(len, found.values())) > 100, "imports are not found any more"
    assert not straying(found)
    used = {(name.partition(".")[0], target.partition(".")[0]) for name, targets in found.items() for target in targets}
    assert {(part, other) for part, others in PARTS.items() for other in others} <= used, "a permission nobody needs"


@pytest.mark.parametrize(("folder", "package"), [(CONTROLLER, PACKAGE), (MACHINE, "ringmaster")])
def test_there_are_no_circles(folder: Path, package: str) -> None:
    assert not circle(imports(folder, package))


LOW = f"from {PACKAGE}.values import addresses\n"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (LOW, {"values.addresses"}),
        (f"from {PACKAGE}.values.addresses import mac\n", {"values.addresses"}),
        (f"from {PACKAGE} import values\n", set()),
        (f"import {PACKAGE}.values.addresses\n", {"values.addresses"}),
        ("from . import second\n", {"network.second"}),
        ("from .second import word\n", {"network.second"}),
        ("from ..values import addresses\n", {"values.addresses"}),
        ("from ..values.addresses import mac\n", {"values.addresses"}),
        (f"from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    {LOW}", {"values.addresses"}),
        (f"def late():\n    {LOW}", {"values.addresses"}),
        ("import addresses\nfrom ansible.errors import AnsibleError\n", set()),
    ],
)
def test_imports_of_every_kind_are_seen(tmp_path: Path, text: str, found: set[str]) -> None:
    for name, content in (("network/first", text), ("network/second", ""), ("values/addresses", "")):
        path = tmp_path / f"{name}.py"
        path.parent.mkdir(exist_ok=True)
        path.write_text(content)
    assert imports(tmp_path, PACKAGE)["network.first"] == found


def test_what_is_wrong_is_named() -> None:
    assert circle({"a": {"b"}, "b": {"c"}, "c": {"b"}}) == ["b", "c", "b"]
    assert circle({"a": {"b", "c"}, "b": {"c"}}) == []
    assert climbing(
        {"values.x": {"network.y"}, "services.a": {"platform.verbs.b"}, "platform.c": {"platform.verbs.d"}}
    ) == [
        "platform.c imports platform.verbs.d",
        "values.x imports network.y",
    ]
    assert climbing({"components.x": {"libvirt.y"}}) == ["components.x imports libvirt.y"]
    assert straying({"core.x": {"redis.y"}, "redis.y": {"core.x", "mysql.z"}, "updates.a": {"maintenance.b"}}) == [
        "core.x imports redis.y",
        "redis.y imports mysql.z",
    ]
