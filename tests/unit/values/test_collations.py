# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What databases of Debian 13 sort by; the drill samples compares the lists with those of a machine."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from ansible_collections.ringmaster.hosting.plugins.module_utils.components import mysql
from ansible_collections.ringmaster.hosting.plugins.module_utils.values import collations

OF_THE_CONTROLLER = {"ssl", "locale", "zoneinfo", "crypt", "pwd", "grp", "icu", "nis", "spwd"}
"""Libraries that answer for the machine that they run on."""


@pytest.mark.parametrize(
    ("character_set", "collation", "told"),
    [
        ("", "", ""),
        ("utf8mb4", "", ""),
        ("utf8", "utf8_bin", ""),
        ("", "utf8mb4_uca1400_swedish_nopad_as_cs", ""),
        ("utf16", "uca1400_ai_ci", ""),
        ("binary", "binary", ""),
        ("latin1", "uca1400_ai_ci", "is none of the character set 'latin1'"),
        ("", "bin", "'bin' is none of MariaDB 11.8"),
        ("utf8mb5", "", "'utf8mb5' is none of MariaDB 11.8"),
    ],
)
def test_what_is_wrong_with_a_character_set_and_a_collation(character_set: str, collation: str, told: str) -> None:
    found = collations.problem(character_set, collation)
    assert told in found
    assert bool(found) == bool(told)


def test_a_database_is_compared_with_what_the_server_says() -> None:
    declared = {"name": "a", "character_set": "utf8", "collation": "utf8_general_ci"}
    found = mysql.check_database(declared, "this VM")
    assert (found["character_set"], found["collation"]) == ("utf8mb3", "utf8mb3_general_ci")


@pytest.mark.parametrize("folder", ["components", "platform", "values"])
def test_no_library_of_the_controller_is_asked_about_a_machine(folder: str) -> None:
    for path in (Path(collations.__file__).parents[1] / folder).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [one.name for one in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert not OF_THE_CONTROLLER & {name.partition(".")[0] for name in names}, path
