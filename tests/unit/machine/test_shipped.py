# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What roles ship, and what is taken for withdrawn: nothing that might be shipped, everything that is not."""

from __future__ import annotations

import ast
import fnmatch
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from ansible_collections.ringmaster.hosting.plugins.module_utils.machine import program, shipped

ROLES = program.source().parents[3]
PARTS = program.parts(program.source())
PLACES = yaml.safe_load((ROLES / "machine/vars/main.yml").read_text())["__machine_places"]
OURS = ("/usr/lib/ringmaster/", "/usr/bin/ringmaster", "/etc/systemd/system/ringmaster")


@pytest.fixture(scope="module")
def all_of_it() -> list[str]:
    return shipped.shipped(ROLES)


def is_looked_for(path: str) -> bool:
    return any(fnmatch.fnmatch(path, pattern.replace("**/*", "*")) for pattern in PLACES)


def test_the_kept_list_is_current(all_of_it: list[str]) -> None:
    assert (ROLES / shipped.LIST).read_text().splitlines() == all_of_it, "run make generate"


def test_what_is_ours_by_its_name_is_looked_for(all_of_it: list[str]) -> None:
    """A file that is shipped and not looked for would stay for ever when it is withdrawn."""
    assert [path for path in all_of_it if path.startswith(OURS) and not is_looked_for(path)] == []


def written_by_code() -> Iterator[tuple[str, str]]:
    """Yield file and path of each text in our Python that names a place of ours; what is computed in it is a star."""
    for path in [*(ROLES.parent / "plugins").rglob("*.py"), *program.source().rglob("*.py")]:
        nodes = list(ast.walk(ast.parse(path.read_text())))
        inner = {id(part) for node in nodes if isinstance(node, ast.JoinedStr) for part in node.values}
        for node in (node for node in nodes if id(node) not in inner):
            if isinstance(node, ast.JoinedStr):
                parts = (part.value if isinstance(part, ast.Constant) else "*" for part in node.values)
                text = "".join(map(str, parts))
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                text = node.value
            else:
                continue
            if text.startswith("/") and text.isprintable() and " " not in text and is_looked_for(text):
                yield path.name, text


def test_what_code_writes_where_we_look_is_shipped(all_of_it: list[str]) -> None:
    """Modules and programs write files, too: limits of a service user, once, were taken for withdrawn."""
    found = set(written_by_code())
    assert {"policy.py", "timer.py"} <= {name for name, _text in found}
    folders = {"parts", "python", "ringmaster", "checks.d"}
    wanted = {text for _name, text in found if "**" not in text and Path(text).name not in folders}
    left = {text for text in wanted if not any(fnmatch.fnmatch(text, pattern) for pattern in all_of_it)}
    # The catalogue of components names by patterns what is taken away.
    assert {text for text in left if not any(fnmatch.fnmatch(path, text) for path in all_of_it)} == FORMER


FORMER = {"/usr/lib/ringmaster/checks/*.py"}
"""Named only to find what an earlier version has left."""


def test_a_computed_path_keeps_a_name_of_its_own(all_of_it: list[str]) -> None:
    """Else it would cover a whole folder, and nothing there would ever be withdrawn."""
    computed = [path for path in all_of_it if "*" in path and is_looked_for(path.replace("*", "x"))]
    assert [path for path in computed if not Path(path).name.strip("*.")] == []
    assert [path for path in computed if path.startswith("*")] == []


def test_nothing_that_is_shipped_is_withdrawn(all_of_it: list[str]) -> None:
    found = [path.replace("*", "x") for path in all_of_it]
    assert shipped.withdrawn(found, ROLES, PARTS) == []


@pytest.mark.parametrize(
    "path",
    [
        "/usr/lib/ringmaster/components/redis",
        "/usr/lib/ringmaster/python/ringmaster_redis/client.py",
        "/usr/lib/ringmaster/python/ringmaster/redis/gone.py",
        "/usr/lib/ringmaster/checks/redis.py",
        "/usr/lib/ringmaster/checks.d/gone.json",
        "/usr/bin/ringmaster-gone",
        "/etc/systemd/system/ringmaster-haproxy-inbox.path",
        "/etc/tmpfiles.d/ringmaster-gone.conf",
    ],
)
def test_what_no_role_ships_is_withdrawn(path: str) -> None:
    assert shipped.withdrawn([path, "/usr/bin/ringmaster"], ROLES, PARTS) == [path]


def test_the_folder_of_a_part_that_was_not_sent_is_left_alone() -> None:
    path = "/usr/lib/ringmaster/python/ringmaster/redis/gone.py"
    assert shipped.withdrawn([path], ROLES, ["core"]) == []


@pytest.mark.parametrize(
    ("path", "parts"),
    [
        ("/usr/lib/ringmaster/python/ringmaster/redis/client.py", ["redis"]),
        ("/usr/lib/ringmaster/checks/redis.py", ["redis"]),
        ("/usr/lib/ringmaster/python/ringmaster/core/files.py", []),
        ("/usr/lib/ringmaster/python/ringmaster/gone/client.py", []),
        ("/usr/lib/ringmaster/checks.d/redis.json", []),
    ],
)
def test_parts_of_what_nobody_describes(path: str, parts: list[str]) -> None:
    assert shipped.orphaned([path], ROLES, ["core"]) == parts
