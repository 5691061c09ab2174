# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The page that shows which test shows which subject of the contract for which component, from the tests themselves."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import contract
from ansible_collections.ringmaster.hosting.plugins.module_utils.components.catalogue import COMPONENTS

PAGE = "contract.md"
ROOT = Path(__file__).resolve().parents[2]
SCENARIOS = ROOT / "molecule"
WITHOUT_SCENARIO = {"mailstub": "mailserver"}
"""Components that are tested in another one's scenario."""
OF_CLASS = {
    "each of its graphs has figures": "test_each_of_its_graphs_has_figures",
    "a stopped service turns its check red": "test_a_stopped_service_turns_a_check_red",
    "what would go is shown, and nothing goes": "test_what_would_go_is_shown_and_nothing_goes",
    "it goes in one piece, and its data stay": "test_it_goes_in_one_piece_and_its_data_stay",
    "what is not described is a warning": "test_what_runs_but_is_not_described_is_a_warning_and_is_not_touched",
    "it comes back and finds its data": "test_back_again_it_finds_its_data",
}
"""Subject to the method of class Contract that shows it for every component."""
HEAD = """<!-- Made by docs/reference/generate: changes made here will be overwritten. -->
# What every component owes, and which test shows it

The subjects are those of class `Contract` in [molecule/contract.py](../../molecule/contract.py).
Tests of the scenarios say by their marks what they show.
That the first run is clean in check mode and a second one changes nothing are steps of every scenario.

"""


def marked(component: str) -> Iterator[tuple[str, str, Path]]:
    """Yield subject, test and file of each mark in a component's scenario."""
    for path in sorted((SCENARIOS / component / "tests").glob("test_*.py")):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.FunctionDef):
                for mark in node.decorator_list:
                    if isinstance(mark, ast.Call) and ast.unparse(mark.func) == "pytest.mark.contract":
                        yield ast.literal_eval(mark.args[0]), node.name, path


def has_class(component: str) -> bool:
    """Tell whether a scenario fills in the class."""
    texts = [path.read_text(encoding="utf-8") for path in (SCENARIOS / component / "tests").glob("test_*.py")]
    return any("(contract.Contract):" in text and f'name = "{component}"' in text for text in texts)


def missing() -> list[str]:
    """Return what is owed and not shown."""
    found = []
    for name in COMPONENTS:
        if name in WITHOUT_SCENARIO:
            continue
        shown = {subject for subject, _test, _path in marked(name)}
        found += [f"{name}: unknown subject '{one}'" for one in sorted(shown - set(contract.SUBJECTS))]
        owed = [one for one in contract.SUBJECTS if (name, one) not in contract.NOT_OWED]
        found += [f"{name}: {one}" for one in owed if one not in shown]
        found += [] if has_class(name) else [f"{name}: no class TestContract"]
    return found


def page() -> str:
    """Return the page."""
    names = [name for name in COMPONENTS if name not in WITHOUT_SCENARIO]
    rows = []
    for subject in contract.SUBJECTS:
        cells = [subject]
        for name in names:
            tests = [
                f"[`{test}`](../../{path.relative_to(ROOT)})" for one, test, path in marked(name) if one == subject
            ]
            cells.append("<br>".join(tests) or f"({contract.NOT_OWED.get((name, subject), 'missing')})")
        rows.append(cells)
    for subject, test in OF_CLASS.items():
        rows.append([subject, *(f"`{test}`" if has_class(name) else "(missing)" for name in names)])
    lines = [["subject", *(f"`{name}`" for name in names)], ["---"] * (len(names) + 1), *rows]
    return HEAD + "".join(f"| {' | '.join(line)} |\n" for line in lines)
