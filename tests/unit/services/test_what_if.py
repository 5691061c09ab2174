# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What would follow from a change, told from the description alone."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform.language.errors import DescriptionError
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform.verbs import edit
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform.verbs.table import CHANGES
from ansible_collections.ringmaster.hosting.plugins.module_utils.services import what_if
from ansible_collections.ringmaster.hosting.plugins.modules import description_what_if
from passkey_samples import passkey

PROJECT = "projects/myapp.yml"
ROOT = Path(__file__).parents[3]


@pytest.fixture
def allocated(platform):
    platform.allocate()
    return platform


def of_changes(platform, *changes: tuple[str, dict[str, Any]]) -> list[what_if.Consequence]:
    with what_if.of_changes(platform.options, changes) as proposed:
        return what_if.between(platform.options, proposed)


def told(platform, *changes: tuple[str, dict[str, Any]]) -> set[tuple[str, str, str]]:
    before = platform.snapshot()
    found = of_changes(platform, *changes)
    assert platform.snapshot() == before
    return {(one.about, one.kind, one.sentence) for one in found}


def vm(**change: Any) -> tuple[str, dict[str, Any]]:
    return ("change_vm", {"vm": "myapp00", **change})


def test_memory_within_and_above_what_it_can_grow_to(allocated) -> None:
    about = "vm myapp00"
    above = "memory 1GiB -> 2GiB waits for a restart: it is more than the VM can grow to while it runs"
    assert (about, "waits", above) in told(allocated, vm(memory="2GiB"))
    allocated.replace(PROJECT, "memory: 1GiB", "memory: 1GiB\n    memory_max: 4GiB")
    live = "memory 1GiB -> 2GiB while it runs, where QEMU can; else with the next restart"
    found = told(allocated, vm(memory="2GiB"))
    assert found == {(about, "live", live)}, "what it may grow to is booked already"


def test_further_addresses_that_come_and_go(allocated) -> None:
    def live(**change: Any) -> set[str]:
        return {sentence for _about, kind, sentence in told(allocated, vm(**change)) if kind == "live"}

    assert live(frontend_extra_ipv4=2) == {"gets 2 further IPv4 addresses on the frontend network"}
    allocated.replace(PROJECT, "    cores: 2", "    cores: 2\n    frontend_extra_ipv4: 1\n    server_public_ipv4: 1")
    allocated.allocate()
    assert live(frontend_extra_ipv4=0, server_public_ipv4="198.19.0.9") == {
        "loses one further IPv4 address on the frontend network",
        "public IPv4 addresses on the server network: 198.19.0.9",
    }


def test_sizes_that_grow_and_shrink(allocated) -> None:
    found = {(kind, sentence) for _about, kind, sentence in told(allocated, vm(cores="1", disk="20GiB"))}
    assert ("waits", "cores 2 -> 1 waits for a restart") in found
    assert ("live", "the disk grows while it runs, 10GiB -> 20GiB") in found
    assert any(kind == "room" and "of disk left" in sentence for kind, sentence in found)


def test_a_new_vm_says_where_it_goes_and_what_is_left(allocated) -> None:
    found = told(allocated, ("order_vm", {"project": "myapp", "memory": "2GiB", "components": "redis"}))
    assert ("vm myapp01", "creates", "is made on hv0: 2GiB of memory, 1 core, 10GiB of disk; Redis") in found
    # Machines of one project reach each other.
    assert ("vm myapp00", "opens", "opens everything on ethsrv for 172.20.1.2") in found
    assert ("hypervisor hv0", "room", "has 13GiB of memory and 168GiB of disk left") in found


def test_components_come_change_and_go(allocated) -> None:
    def only(*changes: tuple[str, dict[str, Any]]) -> set[tuple[str, str]]:
        return {(kind, sentence) for _about, kind, sentence in told(allocated, *changes)}

    gone = ("takes_away", "Redis is taken away after a last dump; its data stay")
    assert only(("remove_component", {"vm": "myapp00", "component": "redis"})) == {gone}
    share = ("live", "Redis: memory_share the default -> 0.5; at once")
    assert only(vm(components={"redis": {"memory_share": 0.5}})) == {share}
    settings = ("live", "Redis: persistence the default -> rdb; at once")
    assert only(vm(components={"redis": {"persistence": "rdb"}})) == {settings}


def test_a_setting_that_may_restart_says_so() -> None:
    """From the table of the catalogue."""
    old, new = {"memory_share": 0.5}, {"memory_share": 0.8, "databases": [{"name": "a"}]}
    assert list(what_if._of_options("postgresql", old, new)) == [
        ("live", "PostgreSQL: databases the default -> 1 entry; at once"),
        ("may_restart", "PostgreSQL: memory_share 0.5 -> 0.8; by a restart, in the window or when asked for"),
    ]


def test_people(allocated) -> None:
    found = told(
        allocated,
        ("set_permissions", {"project": "myapp", "user": "bob", "permissions": "login,wheel"}),
        ("add_user", {"user": "carol", "full_name": "Carol C", "email": "carol@example.org"}),
        ("lock_user", {"user": "alice", "even_if_last": True}),
        ("add_service_user", {"project": "myapp", "service_user": "s-worker"}),
    )
    assert ("person bob", "gains", "gains wheel in myapp") in found
    assert ("person bob", "loses", "loses sudo-srv in myapp") in found
    assert ("person carol", "gains", "is described, with the state active") in found
    assert ("person alice", "loses", "is locked, and was active") in found
    assert ("project myapp", "gains", "gains s-worker") in found


def test_rules_that_open_and_close(allocated) -> None:
    rule = "{frontend: closed, allow: [{from: 192.0.2.0/24, to: 8443}]}"
    found = told(allocated, ("change_project", {"project": "myapp", "firewall": rule}))
    assert {sentence for _about, kind, sentence in found if kind == "opens"} == {
        "opens tcp 8443 on ethsrv for 192.0.2.0/24",
        "opens tcp 22 on ethfe for everybody",
    }
    closed = {sentence for _about, kind, sentence in found if kind == "closes"}
    assert "closes everything on ethfe for everybody" in closed
    assert "closes tcp 8080 on ethsrv for 172.20.0.20/32" in closed


def test_what_is_refused_is_refused_here_as_well(allocated) -> None:
    with pytest.raises(DescriptionError, match="the last manager"):
        told(allocated, ("remove_user", {"user": "alice"}))


def test_no_change_is_said(allocated) -> None:
    assert what_if.as_text(of_changes(allocated, vm(cores="2"))) == "Nothing would change."


def git(folder: Any, *words: str) -> None:
    own = ["-c", "user.name=A", "-c", "user.email=a@example.org"]
    subprocess.run(["git", "-C", str(folder), *own, *words], check=True, capture_output=True)


@pytest.mark.thorough
def test_a_branch_of_the_description(allocated) -> None:
    git(allocated.folder, "init", "-q", "-b", "main")
    git(allocated.folder, "add", "--all")
    git(allocated.folder, "commit", "-qm", "x")
    git(allocated.folder, "checkout", "-qb", "more")
    allocated.replace(PROJECT, "disk: 10GiB", "disk: 30GiB")
    git(allocated.folder, "commit", "-qam", "y")
    git(allocated.folder, "checkout", "-q", "main")
    with what_if.of_revision(allocated.options, "more") as proposed:
        found = what_if.between(allocated.options, proposed)
    assert "the disk grows while it runs, 10GiB -> 30GiB" in {one.sentence for one in found}
    for revision in ("nothing", "--output=/tmp/x", "more\n"):
        with (
            pytest.raises(DescriptionError, match="git has no description of this revision here"),
            what_if.of_revision(allocated.options, revision),
        ):
            pass


def test_what_goes_and_who_is_invited_or_declined(allocated) -> None:
    person = {"user": "dora", "full_name": "Dora Example", "email": "dora@example.org"}
    invite = ("invite_user", {**person, "project": "myapp", "permissions": "login"})
    edit.apply_many(allocated.options, [invite, ("add_project", {"project": "shop", "service_users": "s-shop"})])
    changes = [
        ("decline_user", {"user": "dora"}),
        ("remove_project", {"project": "shop"}),
        ("add_passkey", passkey("bob")),
        ("set_web_password", {"user": "bob"}),
    ]
    assert told(allocated, *changes) == {
        ("person dora", "loses", "is described no longer, and loses the account"),
        ("person dora", "loses", "loses login in myapp"),
        ("project shop", "loses", "loses s-shop"),
        ("person bob", "gains", "can sign in with the passkey laptop"),
        ("person bob", "gains", "gains a web password"),
    }


def test_the_module_names_all_verbs_and_kinds() -> None:
    options = yaml.safe_load(description_what_if.DOCUMENTATION)["options"]
    assert set(options["changes"]["suboptions"]["verb"]["choices"]) == set(CHANGES)
    assert options["refuse"]["choices"] == list(what_if.KINDS)


@pytest.mark.parametrize("for_run", [False, True])
def test_what_is_proposed_is_gone_afterwards(allocated, for_run: bool) -> None:
    parent = allocated.folder.parent
    before = set(parent.iterdir())
    with what_if.of_changes(allocated.options, [vm(comment="x")], for_run=for_run) as proposed:
        assert (proposed.source.parent.parent == parent) is for_run
        assert "comment: x" in (proposed.source.parent / PROJECT).read_text()
    assert set(parent.iterdir()) == before


def test_only_running_vms_that_are_there_are_asked(allocated) -> None:
    changes = [vm(comment="x"), ("order_vm", {"project": "myapp", "vm": "myapp01"})]
    found = of_changes(allocated, *changes)
    assert {one.about for one in found} >= {"vm myapp00", "vm myapp01"}
    assert what_if.running(allocated.options, found) == ["myapp00"]


@pytest.mark.thorough
def test_live_runs_the_proposed_description_in_check_mode(allocated, tmp_path: Any) -> None:
    """The VM of the example is not there, so that the run for it fails where it should: at its hypervisor."""
    change = {"changes": [{"verb": "change_vm", "arguments": {"vm": "myapp00", "comment": "x"}}], "live": True}
    before = allocated.snapshot()
    done = subprocess.run(
        [
            *(
                str(Path(sys.executable).with_name("ansible-playbook")),
                "-i",
                str(allocated.source),
                "-e",
                json.dumps(change),
                "-e",
                "ansible_port=2222",
            ),
            str(ROOT / "playbooks/what_if.yml"),
        ],
        cwd=ROOT,
        env={**os.environ, "ANSIBLE_TIMEOUT": "1", "ANSIBLE_NOCOLOR": "1", "COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=False,
    )
    said = done.stdout + done.stderr
    assert done.returncode == 2
    assert "The run for myapp00 in check mode has failed" in said
    assert "hv0" in said and "UNREACHABLE" in said
    assert "port 2222" in said, "extra variables that are not for this playbook alone, such as secrets, go with the run"
    assert allocated.snapshot() == before
