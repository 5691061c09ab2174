# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the roles ship, and which of the files found on a machine no role ships any more. Controller side.

Whether such a file is ours at all, the machine decides by what is in it: withdraw.py.

What roles ship is read from the roles themselves: their trees, and every ``path`` in their tasks and variables. Where a
path is computed, its computed part may be anything, so that nothing is taken for withdrawn that might be shipped. That
takes a second, so it is done once: docs/reference/generate keeps the list, and a run reads it for every machine.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from ansible_collections.ringmaster.hosting.plugins.module_utils.accounts import policy, timer

from . import program

try:
    import yaml
except ImportError:  # sanity tests import module_utils without third-party libraries
    yaml = None  # type: ignore[assignment]

LIST = "machine/files/shipped.txt"
"""The kept list, below the folder of the roles."""
BY_MODULES = (
    timer.PROGRAM_PATH,
    timer.SERVICE_PATH,
    timer.TIMER_PATH,
    timer.WANTS_PATH,
    policy.limits_path("*"),
)
"""What modules write by themselves."""
COMPUTED = re.compile(r"\{\{(.*?)\}\}", re.DOTALL)
VARIABLE = re.compile(r"\s*(\w+)\s*")


def shipped(roles: Path) -> list[str]:
    """Return patterns of all paths that some role ships to some machine, sorted."""
    found = set(BY_MODULES)
    for role in sorted(path for path in roles.iterdir() if path.is_dir()):
        tree = role / "files/rootfs"
        found.update(f"/{path.relative_to(tree)}" for path in tree.rglob("*") if not path.is_dir())
        found.update(_written(role))
    folder = roles / "machine/files/python/ringmaster"
    found.update(
        f"{program.PYTHON}/{path.relative_to(folder.parent)}"
        for path in folder.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    )
    for entry in program.entries(program.parts(folder), folder):
        if "tree" not in entry:
            found.add(entry["path"])
    return sorted(found)


def _written(role: Path) -> Iterator[str]:
    """Yield the paths of a role's ``files`` entries, and of what it passes to another role by a variable."""
    documents = [
        yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader) for path in sorted(role.glob("*/*.yml"))
    ]
    known = {
        name: value
        for document in documents
        if isinstance(document, dict)
        for name, value in document.items()
        if isinstance(value, str)
    }
    for document in documents:
        for path in _paths(document):
            yield _pattern(path, known)


def _paths(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        path = value.get("path")
        if isinstance(path, str) and value.get("state") != "absent":
            yield path
        for inner in value.values():
            yield from _paths(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _paths(inner)


def _pattern(path: str, known: Mapping[str, str]) -> str:
    """Replace what is computed: by the variable's text where it is one, else by a star."""

    def computed(match: re.Match[str]) -> str:
        variable = VARIABLE.fullmatch(match[1])
        text = known.get(variable[1], "") if variable else ""
        return _pattern(text, {}) if text else "*"

    return COMPUTED.sub(computed, path)


def withdrawn(found: Iterable[str], roles: Path, sent: Iterable[str]) -> list[str]:
    """Return those of a machine's files that no role ships any more.

    ``found`` are the paths at the role's ``__machine_places``, ``sent`` the parts of the program that this machine has
    been sent: what lies in the folder of another part is of an older version as a whole, and goes with its component.
    """
    patterns = (roles / LIST).read_text(encoding="utf-8").splitlines()
    literal = {pattern for pattern in patterns if not any(sign in pattern for sign in "*?[")}
    computed = [re.compile(fnmatch.translate(pattern)) for pattern in patterns if pattern not in literal]
    ours = {f"{program.PYTHON}/ringmaster/{part}/" for part in sent}
    others = {
        f"{program.PYTHON}/ringmaster/{part}/" for part in program.parts(roles / "machine/files/python/ringmaster")
    } - ours
    return [
        path
        for path in sorted(set(found))
        if path not in literal
        and not any(pattern.fullmatch(path) for pattern in computed)
        and not path.startswith(tuple(others))
    ]


def orphaned(found: Iterable[str], roles: Path, sent: Iterable[str]) -> list[str]:
    """Return the parts that a machine has although nothing described needs them: of components that were taken out.

    Before there was one program, a component's checks showed that it is there.
    """
    names = program.parts(roles / "machine/files/python/ringmaster")
    there = {
        name
        for path in found
        for name in names
        if path.startswith(f"{program.PYTHON}/ringmaster/{name}/") or path == f"/usr/lib/ringmaster/checks/{name}.py"
    }
    return sorted(there - set(sent))
