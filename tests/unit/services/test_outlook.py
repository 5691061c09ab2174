# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What would come of a request, for the people of a town."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform import description, operations
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform.language.errors import DescriptionError
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform.verbs import table
from ansible_collections.ringmaster.hosting.plugins.module_utils.services import outlook

sys.path.append(str(Path(__file__).parents[1] / "platform/verbs"))
import town


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("town")
    source = town.write(folder / "platform", town.PLATFORM, town.PROJECTS, town.PEOPLE)
    options = operations.options_of(source, folder / "roles")
    operations.allocate(options)
    return description.read_valid(options), options


def of(place: Any, person: str, *changes: tuple[str, dict[str, Any]]) -> outlook.Outlook:
    return outlook.of(*place, person, changes)


def test_an_order_says_what_is_made_and_changes_nothing(place: Any) -> None:
    files = {path: path.read_text() for path in place[1].source.parent.rglob("*.yml")}
    said = of(place, "mara", ("order_vm", {"project": "shop", "memory": "1GiB"}))
    assert (said.verdict, said.subject, said.signature) == ("allow", "shop03", "")
    assert ("vm shop03", "creates") in [(one.about, one.kind) for one in said.consequences]
    assert "room" not in {one.kind for one in said.consequences}, "how full hypervisors are is for operators"
    assert "projects/shop.yml" in [one["path"] for one in said.files]
    assert said.after and "shop03" in said.after.vms
    assert {path: path.read_text() for path in files} == files


def test_operators_see_what_is_left(place: Any) -> None:
    said = of(place, "olga", ("order_vm", {"project": "shop", "memory": "1GiB"}))
    assert "room" in {one.kind for one in said.consequences} and "as an operator" in said.signature


def test_what_is_refused_says_why_and_no_more(place: Any) -> None:
    said = of(place, "lou", ("order_vm", {"project": "shop"}))
    assert said.verdict == "refuse" and said.reasons and not said.files and said.after is None


def test_whose_consent_is_needed(place: Any) -> None:
    given = {"project": "shop", "user": "lou", "permissions": ["login", "wheel"]}
    said = of(place, "mara", ("set_permissions", given))
    assert said.verdict == "ask" and {"olga", "otto"} <= set(said.who) and "wheel" in said.signature


def test_what_happens_at_once_is_said_though_nothing_is_written(place: Any) -> None:
    said = of(place, "wim", ("restart_vm", {"vm": "shop00"}))
    assert [one.sentence for one in said.consequences] == [outlook.AT_ONCE["restart_vm"]]
    assert (said.files, said.after, said.subject) == ((), None, "shop00")


def test_what_cannot_be_is_raised_with_its_mistakes(place: Any) -> None:
    with pytest.raises(DescriptionError, match="disks never shrink"):
        of(place, "mara", ("change_vm", {"vm": "shop00", "disk": "5GiB"}))


def test_every_operation_has_a_sentence() -> None:
    assert outlook.AT_ONCE.keys() == table.OPERATIONS.keys()
