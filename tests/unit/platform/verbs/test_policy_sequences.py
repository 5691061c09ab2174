# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whatever people ask for, one after the other: what is allowed gives nobody what no grantor had.

What is allowed is really done, on a platform in files, and the files are compared before and after. The rules are said
here once more, in other words than those of the judge.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import town
import yaml
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform import description, operations
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform.language.errors import DescriptionError
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform.verbs import edit, policy
from ansible_collections.ringmaster.hosting.plugins.module_utils.values import sizes
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

WORDS = ("login", "sudo-srv", "wheel", "manager", "stats")
OPERATORS = ("olga", "otto")
ASKING = st.sampled_from([*["mara", "mike", "sol", "eve", "olga"] * 3, *town.PEOPLE])
"""Those who may do something ask most."""
APPROVERS = st.sampled_from([*OPERATORS * 4, *town.PEOPLE])
USERS = st.sampled_from([*["mara", "mike", "sol", "eve", "nat"] * 3, *town.PEOPLE])
PROJECTS = st.sampled_from(["shop", "shop", "blog", "solo"])
VMS = st.sampled_from(["shop00", "shop01", "shop02", "blog00"])
MEMORY = st.sampled_from(["512MiB", "1GiB", "2GiB", "3GiB", "9GiB"])
CORES = st.integers(1, 5)
SIZES = {"memory": MEMORY, "cores": CORES, "disk": st.sampled_from(["10GiB", "20GiB", "50GiB"])}
QUOTA = st.fixed_dictionaries(
    {}, optional={"vms": st.integers(0, 6), "cores": st.integers(0, 20), "memory": st.sampled_from(["2GiB", "20GiB"])}
)
KEYS = st.sampled_from([town.key(name) for name in ("first", "second")])


def asks(verb: str, optional: dict[str, Any] | None = None, **arguments: Any) -> st.SearchStrategy[tuple[str, Any]]:
    return st.tuples(st.just(verb), st.fixed_dictionaries(arguments, optional=optional or {}))


LAST = {"even_if_last": st.just("true")}
PERMISSIONS = asks(
    "set_permissions", LAST, project=PROJECTS, user=USERS, permissions=st.lists(st.sampled_from(WORDS), unique=True)
)
OF_PEOPLE = st.one_of(
    PERMISSIONS,
    PERMISSIONS,
    PERMISSIONS,
    asks("lock_user", LAST, user=USERS),
    asks("unlock_user", user=USERS),
    asks("remove_user", LAST, user=USERS),
    asks("add_ssh_key", user=USERS, ssh_key=KEYS),
    asks("revoke_key", LAST, user=USERS, ssh_key=st.one_of(KEYS, USERS.map(town.key))),
)
OF_VMS = st.one_of(
    PERMISSIONS,
    asks("order_vm", {**SIZES, "frontend_ipv4": st.booleans()}, project=PROJECTS),
    asks("change_vm", {**SIZES, "memory_max": MEMORY, "frontend_ipv4": st.booleans()}, vm=VMS),
    asks("change_project", {"defaults": st.fixed_dictionaries({}, optional=SIZES)}, project=PROJECTS),
    asks("change_project", {"quota": QUOTA, "defaults": st.fixed_dictionaries({}, optional=SIZES)}, project=PROJECTS),
    asks("retire_vm", {"undo": st.booleans()}, vm=VMS),
)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("built") / "town"
    town.read(town.write(folder, town.PLATFORM, town.PROJECTS, town.PEOPLE), folder)
    return folder


def read(folder: Path) -> dict[str, Any]:
    return {
        kind: {path.stem: yaml.safe_load(path.read_text()) for path in (folder / kind).glob("*.yml")}
        for kind in ("users", "projects")
    }


def is_active(files: dict[str, Any], name: str) -> bool:
    return files["users"][name]["state"] == "active"


def rights(files: dict[str, Any]) -> set[tuple[str, str, str]]:
    return {
        (project, person, word)
        for project, record in files["projects"].items()
        for person, words in (record.get("permissions") or {}).items()
        for word in words
    }


def managed(files: dict[str, Any]) -> set[str]:
    return {project for project, person, word in rights(files) if word == "manager" and is_active(files, person)}


def amounts(record: dict[str, Any]) -> Iterator[tuple[str, int, int | None]]:
    """Yield limit, what there is, and how much there may be."""

    def size(vm: dict[str, Any], key: str, standard: Any) -> Any:
        return vm.get(key) or (record.get("defaults") or {}).get(key) or standard

    vms = [vm or {} for vm in (record.get("vms") or {}).values()]
    memory = [sizes.parse(size(vm, "memory", "1GiB")) for vm in vms]
    largest = [sizes.parse(vm["memory_max"]) if vm.get("memory_max") else 0 for vm in vms]
    quota = record.get("quota") or {}

    def limit(key: str) -> Any:
        value = quota.get(key)
        return sizes.parse(value) if isinstance(value, str) else value

    yield "vms", len(vms), limit("vms")
    yield "memory", sum(map(max, memory, largest)), limit("memory")
    yield "cores", sum(size(vm, "cores", 1) for vm in vms), limit("cores")
    yield "disk", sum(sizes.parse(size(vm, "disk", "10GiB")) for vm in vms), limit("disk")
    yield "ipv4", sum(bool(vm.get("frontend_ipv4")) for vm in vms), limit("ipv4")


def check(before: dict[str, Any], after: dict[str, Any], person: str, approver: str, arguments: dict[str, Any]) -> None:
    by = {name for name in (person, approver) if name}
    assert all(is_active(before, name) for name in by)
    operated = any(name in OPERATORS for name in by)
    for project, who, word in rights(after) - rights(before):
        assert operated or (project, person, word) in rights(before), f"{who} got {word}, which {person} had not"
        assert operated or (project, person, "manager") in rights(before)
    for name, record in after["users"].items():
        if set(record["ssh_keys"]) - set(before["users"][name]["ssh_keys"]):
            assert person == name or person in OPERATORS, f"{name} got a key by {person}"
        if record["state"] != before["users"][name]["state"]:
            assert person in OPERATORS
    for project, record in after["projects"].items():
        earlier = {limit: has for limit, has, _may in amounts(before["projects"][project])}
        for limit, has, may in amounts(record):
            assert may is None or has <= max(may, earlier[limit]), f"{project} has {has} {limit} of {may}"
        if record.get("quota") != before["projects"][project].get("quota"):
            assert operated
    if not (arguments.get("even_if_last") and person in OPERATORS):
        assert managed(before) <= managed(after)


@pytest.mark.thorough
@pytest.mark.parametrize("changes", [OF_PEOPLE, OF_VMS], ids=["people", "VMs"])
@settings(
    max_examples=60,
    phases=(Phase.generate,),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(data=st.data())
def test_no_sequence_of_allowed_changes_gives_what_no_grantor_had(
    built: Path, tmp_path: Path, changes: st.SearchStrategy[tuple[str, Any]], data: st.DataObject
) -> None:
    folder = tmp_path / "town"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(built, folder)
    options = operations.options_of(folder / "platform.ringmaster.yml", folder)
    before = read(folder)
    for person, (verb, arguments), approver in data.draw(
        st.lists(st.tuples(ASKING, changes, APPROVERS), min_size=8, max_size=16)
    ):
        found = description.read_valid(options)
        verdict, needed = policy.judge(found, person, verb, arguments), ""
        if verdict.answer == policy.ASK:
            verdict, needed = policy.consent(found, approver, person, verb, arguments), approver
            assert needed != person or not verdict
        if not verdict:
            continue
        try:
            edit.apply(options, verb, arguments)
        except DescriptionError as error:
            # What cannot be for another reason may be; these are what the judge is there for.
            # Lowered below what there is, a quota is a warning only where git knows what there was.
            assert "quota." not in str(error) or "quota" in arguments
            assert "the last " not in str(error)
            continue
        after = read(folder)
        check(before, after, person, needed, arguments)
        before = after
