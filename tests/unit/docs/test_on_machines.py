# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The page of what runs on a machine names every unit, command and script of ours, and what it names is there."""

from __future__ import annotations

import fnmatch
import importlib
import re
import shlex
from pathlib import Path

import pytest
from ansible_collections.ringmaster.hosting.plugins.module_utils.machine import program, shipped
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform.schema.common import COMPONENTS
from programs import load

ROOT = Path(__file__).parents[3]
REFERENCE = ROOT / "docs/reference"
machines = load(REFERENCE / "machines.py")
UNITS = machines.units()
PAGE = (REFERENCE / machines.PAGE).read_text()
SHIPPED = shipped.shipped(machines.ROLES)


def test_the_page_is_current() -> None:
    assert machines.page() == PAGE, "run make generate"


def test_every_file_of_a_unit_is_on_the_page() -> None:
    """Found by what is in it, whatever it is called; drop-ins to units of others are no units."""
    files = [
        path
        for path in machines.ROLES.glob("*/**/*")
        if path.is_file() and not path.is_symlink() and path.suffix != ".pyc"
    ]
    found = {
        path.relative_to(ROOT).as_posix()
        for path in files
        if not re.search(r"\.(conf|conf\.j2|py|md)$", path.name)
        and re.search(r"^\[(Unit|Timer|Path|Socket|Service|Mount)\]$", path.read_text(), re.MULTILINE)
    }
    assert len(found) > 40
    assert found == {unit.source for unit in UNITS if unit.source.startswith("roles/")}
    assert not [unit.name for unit in UNITS if f"| `{unit.name}` |" not in PAGE]


def test_every_role_with_a_unit_or_a_script_says_which_machines_have_it() -> None:
    assert {unit.role for unit in UNITS} | {role for _path, role, _source in machines.scripts()} == set(machines.HAVE)


@pytest.mark.parametrize("role", machines.HAVE)
def test_the_file_that_applies_a_role_does_so(role: str) -> None:
    kinds, file = machines.HAVE[role]
    text = (ROOT / file).read_text()
    if "{{ __component }}" in text and role in COMPONENTS:
        assert f"`{role}`" in kinds
    else:
        assert re.search(rf"ringmaster\.hosting\.{role}\b", text)


def test_what_nothing_starts_is_a_mistake() -> None:
    lonely = machines.Unit("ringmaster-lonely.service", "base", "somewhere", "[Service]\nExecStart=/bin/true\n")
    with pytest.raises(ValueError, match="nothing starts ringmaster-lonely"):
        machines.started_by(lonely, [*UNITS, lonely])


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_what_a_unit_names_of_ours_is_brought_by_a_role(unit: machines.Unit) -> None:  # type: ignore[name-defined]
    named = re.findall(r"(?<![\w/])/usr/(?:lib/ringmaster|bin/ringmaster)[\w./-]*", unit.text)
    assert [path for path in named if not any(fnmatch.fnmatch(path, one) for one in SHIPPED)] == []


@pytest.mark.parametrize(
    "unit", [unit for unit in UNITS if "/usr/bin/ringmaster " in unit.text], ids=lambda unit: unit.name
)
def test_what_a_unit_calls_is_a_command(unit: machines.Unit) -> None:  # type: ignore[name-defined]
    for command in unit.values("ExecStart"):
        part, *words = shlex.split(command.replace("%i", "redis"))[1:]
        parser = importlib.import_module(f"ringmaster.{part.replace('-', '_')}.main").parser()
        parser.parse_args(words)


def test_every_part_and_every_verb_is_on_the_page() -> None:
    parts = program.parts(program.source())
    assert not [part for part in parts if f"| `{part}` |" not in PAGE]
    with_command = [part for part in parts if (program.source() / part / "main.py").exists()]
    named = [name.replace("|", "\\|") for part in with_command for name, _options, _what in machines.commands(part)]
    assert len(named) > len(with_command) > 10
    assert not [name for name in named if f"| `{name}` |" not in PAGE]


def test_every_link_of_the_page_leads_somewhere() -> None:
    links = re.findall(r"\]\(([^)#]+)\)", PAGE)
    assert len(links) > 60
    assert not [link for link in links if not (REFERENCE / link).exists()]
