# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keys and people are taken away in spite of mistakes elsewhere in the description."""

from __future__ import annotations

import pytest
import yaml
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform import cache, rescue
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform.language.errors import DescriptionError
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform.verbs import edit
from test_standing import commit

PLATFORM, BOB, ALICE, PROJECT = "platform.yml", "users/bob.yml", "users/alice.yml", "projects/myapp.yml"
MISTAKES = {
    "a wrong size": (PROJECT, "memory: 1GiB", "memory: 1GB"),
    "no YAML": (PROJECT, "vms:", "vms: ["),
    "another person": (ALICE, "email:", "emial:"),
    "a network": (PLATFORM, "198.51.100.0/24", "198.51.100.0"),
}


def state(platform) -> str:
    return yaml.safe_load((platform.folder / BOB).read_text()).get("state", "active")


@pytest.mark.parametrize("case", MISTAKES)
def test_a_person_is_removed_in_spite_of_a_mistake_elsewhere(platform, case: str) -> None:
    platform.allocate()
    commit(platform)
    platform.replace(*MISTAKES[case])
    before = platform.snapshot()
    outcome = edit.apply(platform.options, "remove_user", {"user": "bob"})
    assert state(platform) == "removed"
    assert [file["path"] for file in outcome.files] == [str(platform.folder / BOB)]
    assert MISTAKES[case][0] in outcome.warnings[0]
    after = platform.snapshot()
    assert {path for path in after if after[path] != before[path]} == {str(platform.folder / BOB)}


@pytest.mark.parametrize("case", MISTAKES)
def test_accounts_are_brought_to_vms_as_today_where_files_are_sound(platform, case: str) -> None:
    platform.allocate()
    commit(platform)
    platform.replace(*MISTAKES[case])
    platform.replace(BOB, "email:", "state: locked\nemail:")
    data, warnings = cache.rescued(platform.options)
    roster = data["groups"]["project_myapp"]["vars"]["ringmaster_roster"]
    assert {one["name"]: one["state"] for one in roster["people"]} == {"alice": "active", "bob": "locked"}
    assert data["hosts"]["myapp00"]
    assert "read as the last commit has it" in warnings[0]


def test_a_key_is_revoked_without_a_repository_when_only_projects_are_faulty(platform) -> None:
    platform.replace(PROJECT, "memory: 1GiB", "memory: 1GB")
    key = yaml.safe_load((platform.folder / BOB).read_text())["ssh_keys"][0]
    edit.apply(platform.options, "revoke_key", {"user": "bob", "ssh_key": key, "even_if_last": True})
    assert key not in (platform.folder / BOB).read_text()


def test_accounts_are_not_brought_without_a_project_or_a_person(platform) -> None:
    platform.replace(PROJECT, "memory: 1GiB", "memory: 1GB")
    with pytest.raises(DescriptionError, match="1GB"):
        cache.rescued(platform.options)


def test_a_mistake_in_the_persons_own_file_is_said(platform) -> None:
    commit(platform)
    platform.replace(BOB, "email:", "emial:")
    with pytest.raises(DescriptionError, match="emial"):
        edit.apply(platform.options, "remove_user", {"user": "bob"})


def test_a_ledger_that_contradicts_itself_stops_everything(platform) -> None:
    platform.allocate()
    commit(platform)
    platform.edit("allocations.yml", lambda data: data["vm_ids"].update(myapp05=4096))
    with pytest.raises(DescriptionError, match="given twice"):
        rescue.read(platform.options)


def test_other_verbs_wait_for_a_sound_description(platform) -> None:
    commit(platform)
    platform.replace(PROJECT, "memory: 1GiB", "memory: 1GB")
    with pytest.raises(DescriptionError, match="1GB"):
        edit.apply(platform.options, "add_project", {"project": "shop"})
