# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The page with all checks is current, and every check says what it looks at."""

from __future__ import annotations

import importlib.util
from pathlib import Path

REFERENCE = Path(__file__).parents[3] / "docs/reference"
specification = importlib.util.spec_from_file_location("check_reference", REFERENCE / "checks.py")
assert specification is not None and specification.loader is not None
reference = importlib.util.module_from_spec(specification)
specification.loader.exec_module(reference)


def test_the_page_is_current() -> None:
    assert (REFERENCE / reference.PAGE).read_text() == reference.page(), "run docs/reference/generate"


def test_every_check_says_what_it_looks_at() -> None:
    found = [item for role in reference.ROLES.iterdir() for item in reference.definitions(role)]
    assert len(found) > 20
    silent = [f"{item['component']}/{item['name']}" for item in found if not reference.meaning(item)]
    assert not silent, "their functions have no docstring"


def test_every_check_can_make_an_alert() -> None:
    """A component with checks has rules that look at the states of its checks."""
    rules = "\n".join(path.read_text() for path in reference.ROLES.glob("*/files/checks.rules.yml"))
    components = {item["component"] for role in reference.ROLES.iterdir() for item in reference.definitions(role)}
    components -= {"host", "monitoring_agent"}  # whose rules name both at once
    assert not [name for name in components if f'component="{name}"' not in rules]
