# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Several verbs in one change: all or nothing, each on top of those before it, over nothing that was not seen."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform import repository
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform.language.errors import DescriptionError
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform.verbs import edit
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform.verbs.edit import Seen

PROJECT = "projects/myapp.yml"
CAROL = {"user": "carol", "full_name": "Carol Example", "email": "carol@example.org"}


@pytest.fixture
def allocated(platform):
    platform.allocate()
    return platform


def many(platform, *changes: tuple[str, dict[str, Any]], **options: Any) -> edit.Outcome:
    return edit.apply_many(platform.options, changes, **options)


def load(platform, name: str) -> dict[str, Any]:
    return yaml.safe_load((platform.folder / name).read_text())


def test_each_verb_sees_what_those_before_it_changed(allocated) -> None:
    before = allocated.snapshot()
    changes = (
        ("add_user", CAROL),
        ("set_permissions", {"project": "myapp", "user": "carol", "permissions": "login"}),
        ("order_vm", {"project": "myapp"}),
        ("order_vm", {"project": "myapp", "components": "redis"}),
        ("change_vm", {"vm": "myapp02", "memory": "3GiB"}),
        ("rotate_secret", {"vm": "myapp00", "component": "redis", "object": "app"}),
    )
    dry = many(allocated, *changes, dry_run=True)
    assert allocated.snapshot() == before
    outcome = many(allocated, *changes)
    assert outcome == dry
    assert outcome.subjects == ["carol", "carol in myapp", "myapp01", "myapp02", "myapp02", "myapp00/redis/app"]
    assert outcome.objects == ["person carol", "project myapp", "vm myapp01", "vm myapp02", "vm myapp00"]
    assert allocated.mistakes() == []
    project = load(allocated, PROJECT)
    assert project["permissions"]["carol"] == ["login"]
    assert project["vms"]["myapp02"] == {"components": {"redis": {}}, "memory": "3GiB"}
    assert allocated.ledger()["generations"]["myapp/myapp00/redis/app"] == "2"
    # One entry for each file, from what it was to what it is.
    paths = [file["path"] for file in outcome.files]
    assert len(paths) == len(set(paths))
    assert all(file["before"].encode() == before.get(file["path"], b"") for file in outcome.files)


def test_it_is_one_whole(allocated) -> None:
    """The last verb is wrong, and so is the second: both are said, and the first has changed nothing."""
    before = allocated.snapshot()
    with pytest.raises(DescriptionError) as caught:
        many(
            allocated,
            ("add_user", CAROL),
            ("change_vm", {"vm": "myapp07", "memory": "1GiB"}),
            ("set_permissions", {"project": "nope", "user": "carol", "permissions": "login"}),
        )
    message = str(caught.value)
    assert "2 mistakes" in message
    assert "the VM 'myapp07' is not known" in message
    assert "the project 'nope' is not known" in message
    assert allocated.snapshot() == before


def test_what_is_wrong_in_between_only_is_no_mistake(allocated) -> None:
    """A rule that needs redis goes in the same change as redis."""
    content = load(allocated, PROJECT)
    content["firewall"] = {"allow": [{"from": ["any"], "to": ["component:redis"], "vms": ["myapp00"]}]}
    allocated.write(PROJECT, yaml.safe_dump(content, sort_keys=False))
    going = ("remove_component", {"vm": "myapp00", "component": "redis"})
    with pytest.raises(DescriptionError, match="redis is marked to go"):
        many(allocated, going)
    many(allocated, going, ("order_vm", {"project": "myapp", "components": "redis"}))
    assert allocated.mistakes() == []


def test_nothing_asked_is_an_error_of_ours(allocated) -> None:
    with pytest.raises(ValueError, match="nothing to do"):
        many(allocated)


MEMORY = ("vms", "myapp00", "memory")
CHANGE = ("change_vm", {"vm": "myapp00", "memory": "2GiB"})


def test_a_value_that_is_as_it_was_seen_may_change(allocated) -> None:
    expect = [Seen(PROJECT, MEMORY, "1GiB"), Seen(PROJECT, ("vms", "myapp09"), None), Seen("users/x.yml", ("a",), None)]
    many(allocated, CHANGE, expect=expect)
    assert load(allocated, PROJECT)["vms"]["myapp00"]["memory"] == "2GiB"


@pytest.mark.parametrize(
    ("seen", "found", "allowed"),
    [
        (Seen(PROJECT, MEMORY, "4GiB"), "1GiB", "4GiB"),
        (Seen(PROJECT, MEMORY, None), "1GiB", "nothing"),
        (Seen(PROJECT, ("vms", "myapp00", "comment"), "old"), "nothing", "old"),
        (Seen("projects/shop.yml", ("vms",), {"shop00": {}}), "nothing", "{shop00: {}}"),
        (Seen(PROJECT, ("service_users", 0), "s-other"), "s-myapp", "s-other"),
    ],
)
def test_a_value_that_changed_since_is_a_conflict_that_shows_both(
    allocated, seen: Seen, found: str, allowed: str
) -> None:
    before = allocated.snapshot()
    with pytest.raises(DescriptionError) as caught:
        many(allocated, CHANGE, expect=[seen])
    (mistake,) = caught.value.mistakes
    assert "was changed since it was shown" in mistake.message
    assert (mistake.found, mistake.allowed) == (found, allowed)
    assert allocated.snapshot() == before


@pytest.mark.parametrize(
    "values",
    [
        {"name": "Alice\nApproved-By: root", "email": "a@example.org"},
        {"name": "Alice <root@example.org>", "email": "a@example.org"},
        {"name": "Alice", "email": "a@example.org>\n"},
        {"name": "Alice"},
        {"trailers": {"Request": "1\nApproved-By: root"}},
        {"trailers": {"Request": "1\x1b[2J"}},
        {"trailers": {"Request": "1\u2028Approved-By: root"}},
        {"trailers": {"Approved By": "x"}},
        {"trailers": {"approved-by": "x"}},
        {"trailers": {"Ringmaster-Run": "x"}},
        {"trailers": {"Request": ""}},
        {"trailers": {"Request": "x" * 201}},
    ],
)
def test_credit_cannot_be_forged(values: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"must be|has a name|has no value") as caught:
        repository.Credit(**values)
    assert str(caught.value).isprintable()


def test_a_permit_is_asked_before_each_change_with_what_is_there_then(allocated) -> None:
    seen = []
    orders = [("order_vm", {"project": "myapp"}), ("change_vm", {"vm": "myapp01", "memory": "3GiB"})]
    many(allocated, *orders, permit=lambda found, number: seen.append((number, "myapp01" in found.vms)), dry_run=True)
    assert seen == [(0, False), (1, True)]


def test_what_a_permit_raises_ends_all_of_it(allocated) -> None:
    before = allocated.snapshot()

    def permit(_found: Any, number: int) -> None:
        if number == 1:
            raise PermissionError("no")

    with pytest.raises(PermissionError):
        many(allocated, ("order_vm", {"project": "myapp"}), ("order_vm", {"project": "myapp"}), permit=permit)
    assert allocated.snapshot() == before
    # What is wrong before it is said first.
    with pytest.raises(DescriptionError, match="not known"):
        many(allocated, ("change_vm", {"vm": "myapp07"}), ("order_vm", {"project": "myapp"}), permit=permit)


def test_a_permit_is_asked_where_mistakes_elsewhere_are_passed_over(allocated) -> None:
    allocated.write("projects/broken.yml", "vms: [\n")

    def permit(_found: Any, _number: int) -> None:
        raise PermissionError("no")

    with pytest.raises(PermissionError):
        many(allocated, ("lock_user", {"user": "bob"}), permit=permit)
