# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules that came later: errors for new values, warnings for what the commit before has already."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform import component_options, operations
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform.verbs import edit

PROJECT, PLATFORM = "projects/myapp.yml", "platform.yml"
LATER = "postgresql: {users: [{name: app, connection_limit: -5}]}"
ALSO = "postgresql: {users: [{name: web, connection_limit: -7}, {name: app, connection_limit: -5}]}"


@pytest.fixture
def roles():
    return component_options.roles_folder()


def git(folder: Path, *words: str) -> None:
    own = ["-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", "-C", str(folder), *own, *words], check=True, capture_output=True)


def commit(platform, message: str = "x") -> None:
    if not (platform.folder / ".git").exists():
        git(platform.folder, "init", "-q", "-b", "main")
    git(platform.folder, "add", "--all")
    git(platform.folder, "commit", "-q", "--allow-empty", "-m", message)


def judged(platform) -> tuple[list[str], list[str]]:
    outcome = operations.validate(platform.options)
    return [mistake.found for mistake in outcome.mistakes], outcome.warnings


def test_without_a_repository_every_value_is_new(platform) -> None:
    platform.replace(PROJECT, "redis: {}", LATER)
    assert judged(platform)[0] == ["-5"]


def test_what_stands_in_the_commit_before_is_a_warning_that_says_what_to_write(platform) -> None:
    platform.replace(PROJECT, "redis: {}", LATER)
    commit(platform)
    mistakes, warnings = judged(platform)
    assert mistakes == []
    assert "projects/myapp.yml:48:58: " in warnings[0]
    assert "-5 is out of range; found -5; allowed a whole number from -1 to 262142" in warnings[0]
    assert platform.read().vms["myapp00"].components["postgresql"]["users"][0]["connection_limit"] == -5


def test_a_new_value_beside_it_is_an_error_and_the_old_one_may_move(platform) -> None:
    platform.replace(PROJECT, "redis: {}", LATER)
    commit(platform)
    platform.replace(PROJECT, LATER, ALSO)
    assert judged(platform)[0] == ["-7"]


def test_a_new_value_stays_an_error_when_it_is_committed(platform) -> None:
    commit(platform)
    platform.replace(PROJECT, "redis: {}", LATER)
    assert judged(platform)[0] == ["-5"]
    commit(platform)
    assert judged(platform)[0] == ["-5"]


def test_the_same_value_a_second_time_is_new(platform) -> None:
    platform.replace(PROJECT, "redis: {}", "postgresql: {databases: [{name: a, connection_limit: -5}]}")
    commit(platform)
    twice = "postgresql: {databases: [{name: b, connection_limit: -5}, {name: a, connection_limit: -5}]}"
    platform.replace(PROJECT, "postgresql: {databases: [{name: a, connection_limit: -5}]}", twice)
    assert judged(platform)[0] == ["-5"]


def test_an_old_rule_is_no_warning(platform) -> None:
    platform.replace(PROJECT, "memory: 1GiB", "memory: 1GB")
    commit(platform)
    assert len(operations.validate(platform.options).mistakes) == 1


def test_a_verb_works_beside_what_stood_before_and_not_with_more_of_it(platform) -> None:
    platform.replace(PROJECT, "redis: {}", LATER)
    commit(platform)
    edit.apply(platform.options, "change_vm", {"vm": "myapp00", "comment": "x"})
    wanted = {"vm": "myapp00", "components": {"postgresql": {"users": [{"name": "web", "connection_limit": -7}]}}}
    with pytest.raises(Exception, match="-7 is out of range"):
        edit.apply(platform.options, "change_vm", wanted)
