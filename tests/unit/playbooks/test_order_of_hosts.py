# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lists have one order, whoever asks: Ansible's filters for sets return another one in each process."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

REPOSITORY = Path(__file__).parents[3]
FOLDERS = ("playbooks", *(f"roles/*/{part}" for part in ("defaults", "vars", "tasks", "handlers")))
PLACES = sorted(path for folder in FOLDERS for path in REPOSITORY.glob(f"{folder}/**/*.yml"))
OF_SETS = re.compile(r"\|\s*(?:difference|intersect|symmetric_difference|union)\s*\(")
IN_ORDER = re.compile(r"\s*\|\s*(?:sort|length)\b")
FURTHER = re.compile(r"\s*(?:\)|\|\s*[\w.]+\s*(\()?)")
"""The end of what brackets hold, or another filter, with the bracket of its arguments."""


def after(text: str, begin: int) -> str:
    """Return what follows on the bracket that opens before ``begin``."""
    depth = 1
    for place, sign in enumerate(text[begin:], begin):
        depth += {"(": 1, ")": -1}.get(sign, 0)
        if depth == 0:
            return text[place + 1 :]
    return ""


def without_order(text: str) -> list[str]:
    """Return each use of such a filter that is not sorted or counted, itself or what it is a part of."""
    found = []
    for use in OF_SETS.finditer(text):
        rest = after(text, use.end())
        while not IN_ORDER.match(rest) and (further := FURTHER.match(rest)):
            rest = after(rest, further.end()) if further[1] else rest[further.end() :]
        if not IN_ORDER.match(rest):
            found.append(text[use.start() :][:80])
    return found


def texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    for one in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from texts(one)


@pytest.mark.parametrize(
    ("text", "faults"),
    [
        ("{{ a | difference(b) }}", 1),
        ("{{ a | difference(b | default([])) | sort }}", 0),
        ("{{ a | intersect(b) | map('extract', hostvars) | list }}", 1),
        ("{{ (a | union(b | intersect(c))) | sort }}", 0),
        ("{{ a | union(b) | length > 0 }}", 0),
        ("{{ (a | difference(b)) + (c | sort) }}", 1),
    ],
)
def test_the_rule_itself(text: str, faults: int) -> None:
    assert len(without_order(text)) == faults


def test_what_comes_out_of_a_set_is_sorted() -> None:
    found = [
        f"{path.relative_to(REPOSITORY)}: {use}"
        for path in PLACES
        for text in texts(yaml.safe_load(path.read_text()))
        for use in without_order(text)
    ]
    assert not found


def test_machines_that_are_watched_have_one_order() -> None:
    """Rendered in processes whose sets have different orders."""
    program = """
import sys
sys.path[:0] = ["tests/unit/roles", "collections"]
from test_role_settings import templar, trust_as_template
groups = {"vms": [f"mol{number:02}" for number in range(40)], "machines": ["svc0"], "unallocated": []}
for role in ("monitoring", "status", "backup_server"):
    print(templar(role, groups=groups).template(trust_as_template("{{ " + role + "_machines }}")))
"""
    said = {
        subprocess.run(
            [sys.executable, "-c", program],
            cwd=REPOSITORY,
            env={"PYTHONHASHSEED": seed, "PATH": "/usr/bin:/bin"},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2", "3")
    }
    assert len(said) == 1
    # Groups: what stands for them is sorted where it is looked at.
    assert said.pop().count("'machines'") == 3
