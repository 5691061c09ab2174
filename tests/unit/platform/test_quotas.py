# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How much a project may have: counted over all that is described, and never less than what it has already."""

from __future__ import annotations

import subprocess

import pytest
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform import operations, quotas
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform.language.errors import DescriptionError
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform.verbs import edit

PROJECT = "projects/myapp.yml"
# myapp00 of the example has 1GiB, 2 cores, 10GiB and an IPv4 address; one that says nothing has 1GiB, 1 core and 10GiB.
ENOUGH = "{vms: 1, memory: 1GiB, cores: 2, disk: 10GiB, ipv4: 1}"


@pytest.fixture
def allocated(platform):
    platform.allocate()
    return platform


def give(platform, quota: str) -> None:
    path = platform.folder / PROJECT
    lines = [line for line in path.read_text().splitlines() if not line.startswith("quota:")]
    path.write_text("\n".join([*lines, f"quota: {quota}"]) + "\n")


def commit(platform) -> None:
    own = ["-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false"]
    for words in (["init", "-q"], ["add", "--all"], ["commit", "-q", "--allow-empty", "-m", "x"]):
        subprocess.run(["git", "-C", str(platform.folder), *own, *words], check=True, capture_output=True)


@pytest.mark.parametrize(
    ("quota", "key", "found", "allowed"),
    [
        ("{vms: 0}", "vms", "1", "at most 0 in all"),
        ("{memory: 1023MiB}", "memory", "1GiB", "at most 1023MiB in all"),
        ("{cores: 1}", "cores", "2", "at most 1 in all"),
        ("{disk: 9GiB}", "disk", "10GiB", "at most 9GiB in all"),
        ("{ipv4: 0}", "ipv4", "1", "at most 0 in all"),
    ],
)
def test_what_is_above_is_named_with_its_place(platform, quota: str, key: str, found: str, allowed: str) -> None:
    give(platform, quota)
    (mistake,) = platform.mistakes()
    assert (mistake.found, mistake.allowed) == (found, allowed)
    assert mistake.message.startswith(f"quota.{key}: the VMs of myapp have more ")
    line = (platform.folder / PROJECT).read_text().splitlines()[mistake.line - 1]
    assert line[mistake.column - 1 :] == quota.partition(": ")[2]


def test_what_is_enough_is_enough_and_what_is_not_named_has_no_limit(platform) -> None:
    give(platform, ENOUGH)
    assert platform.mistakes() == []
    give(platform, "{ipv4: 7}")
    assert platform.mistakes() == []


def test_what_counts(platform) -> None:
    """Memory that a VM can grow to; VMs that are stopped or retiring; sizes that come from defaults."""
    platform.edit(
        PROJECT,
        lambda data: data["vms"].update(
            myapp01={"memory": "1GiB", "memory_max": "4GiB", "state": "stopped"},
            myapp02={"state": "retiring", "delete_after": "2030-01-01", "disk": "20GiB"},
        ),
    )
    platform.edit(PROJECT, lambda data: data.update(defaults={"cores": 4}))
    has = quotas.used(platform.read().vms_of("myapp"))
    assert has == {"vms": 3, "memory": 6 * 1024, "cores": 2 + 4 + 4, "disk": 40 * 1024, "ipv4": 1}


def test_nobody_orders_above_it_and_whoever_raises_it_does(allocated) -> None:
    give(allocated, ENOUGH)
    before = allocated.snapshot()
    with pytest.raises(DescriptionError) as caught:
        edit.apply(allocated.options, "order_vm", {"project": "myapp"})
    for key in ("vms", "memory", "cores", "disk"):
        assert f"quota.{key}: the VMs of myapp have more " in str(caught.value)
    assert "quota.ipv4" not in str(caught.value)
    assert allocated.snapshot() == before
    raised = ("change_project", {"project": "myapp", "quota": "{vms: 2, memory: 2GiB, cores: 3, disk: 20GiB}"})
    edit.apply_many(allocated.options, [("order_vm", {"project": "myapp"}), raised])
    assert allocated.read().projects["myapp"]["quota"] == {
        "vms": 2,
        "memory": 2048,
        "cores": 3,
        "disk": 20 * 1024,
        "ipv4": 1,
    }


@pytest.mark.parametrize(
    ("verb", "arguments"),
    [
        ("change_vm", {"vm": "myapp00", "memory": "2GiB"}),
        ("change_vm", {"vm": "myapp00", "memory_max": "2GiB"}),
        ("change_vm", {"vm": "myapp00", "cores": 3}),
        ("change_vm", {"vm": "myapp00", "disk": "11GiB"}),
        ("order_vm", {"project": "myapp"}),
    ],
)
def test_nothing_grows_above_it(allocated, verb: str, arguments: dict[str, str]) -> None:
    give(allocated, ENOUGH)
    with pytest.raises(DescriptionError, match=r"quota\."):
        edit.apply(allocated.options, verb, arguments)


def test_defaults_do_not_grow_above_it_either(allocated) -> None:
    edit.apply(allocated.options, "order_vm", {"project": "myapp"})
    give(allocated, "{cores: 3}")
    with pytest.raises(DescriptionError, match=r"quota\.cores"):
        edit.apply(allocated.options, "change_project", {"project": "myapp", "defaults": "{cores: 2}"})


def test_what_is_above_already_is_a_warning_and_may_become_less_but_not_more(allocated) -> None:
    edit.apply(allocated.options, "change_vm", {"vm": "myapp00", "memory": "4GiB"})
    commit(allocated)
    # Lowered below what there is, by an editor or by the verb.
    edit.apply(allocated.options, "change_project", {"project": "myapp", "quota": "{memory: 1GiB}"})
    outcome = operations.validate(allocated.options)
    assert outcome.mistakes == []
    assert "quota.memory: the VMs of myapp have more memory" in outcome.warnings[0]
    edit.apply(allocated.options, "change_vm", {"vm": "myapp00", "memory": "3GiB"})
    commit(allocated)
    edit.apply(allocated.options, "change_vm", {"vm": "myapp00", "cores": "4"})
    with pytest.raises(DescriptionError, match=r"quota\.memory"):
        edit.apply(allocated.options, "change_vm", {"vm": "myapp00", "memory": "3073MiB"})
    edit.apply(allocated.options, "change_vm", {"vm": "myapp00", "memory": "1GiB"})
    assert operations.validate(allocated.options).warnings == []


def test_a_limit_is_taken_away(allocated) -> None:
    give(allocated, "{vms: 1, cores: 2}")
    edit.apply(allocated.options, "change_project", {"project": "myapp", "quota": '{"vms": null}'})
    assert "quota: {cores: 2}" in (allocated.folder / PROJECT).read_text()
