# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From a request to the description: who is heard, what is refused, what waits, and what follows."""

from __future__ import annotations

import datetime
import json
from typing import Any

import askers
import pytest
import yaml
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform.proofs import canonical
from ansible_collections.ringmaster.hosting.plugins.module_utils.steward import desk
from desks import Steward

ORDER = ("order_vm", {"project": "shop"})


def project(steward: Steward, name: str = "shop") -> dict[str, Any]:
    return yaml.safe_load((steward.source.parent / f"projects/{name}.yml").read_text())


def test_an_order_is_written_and_what_follows_is_run(steward: Steward, people: Any) -> None:
    entry = steward.ask(people["mara"].asked(ORDER))
    assert (entry.state, entry.person, entry.subject, entry.about) == (
        "described",
        "mara",
        "shop03",
        "order_vm project=shop",
    )
    assert project(steward)["vms"]["shop03"] == {"requested_by": "mara"}
    steward.run()
    assert steward.runner.commands == ['playbooks/converge_vm.yml -e \'{"vm": ["shop03"]}\'']
    assert steward.entry(entry.id).state == "applied"
    assert steward.entry(entry.id).body == "", "proofs are gone"


@pytest.mark.parametrize(
    ("person", "change", "words"),
    [
        ("eve", ORDER, "the project 'shop' is not known"),
        ("stan", ORDER, "has none of these in shop"),
        ("mara", ("change_vm", {"vm": "blog00", "memory": "2GiB"}), "the VM 'blog00' is not known"),
        ("mara", ("order_vm", {"project": "shop", "memory": "64GiB"}), "quota.memory"),
        ("mara", ("order_vm", {"project": "shop", "hypervisor": "hv0"}), "only an operator says"),
        ("mara", ("order_vm", {"project": "shop", "requested_by": "olga"}), "who asked"),
        ("mara", ("order_vm", {"project": "{{ lookup('pipe', 'id') }}"}), "project"),
        ("mara", ("order_vm", {"project": "-e"}), "project"),
        ("mara", ("change_vm", {"vm": "shop00", "disk": "5GiB"}), "disk"),
        ("mara", ("no_verb", {}), "no verb"),
        ("mara", ("add_project", {"project": "new"}), "signature of its own"),
        ("mara", ("retire_vm", {"vm": "shop02"}), "signature of its own"),
        ("mara", ("restore_files", {"vm": "shop00", "path": "/etc/passwd"}), "operators only"),
        ("mara", ("set_web_password", {"user": "mara"}), ""),
    ],
)
def test_what_is_refused_changes_nothing(steward: Steward, people: Any, person: str, change: Any, words: str) -> None:
    before = {path: path.read_bytes() for path in steward.source.parent.rglob("*.yml")}
    entry = steward.ask(people[person].asked(change))
    assert entry.state == "refused", entry
    assert words in "; ".join(entry.reasons)
    steward.run()
    assert steward.runner.begun == []
    assert {path: path.read_bytes() for path in steward.source.parent.rglob("*.yml")} == before


def test_texts_that_would_be_templates_are_texts(steward: Steward, people: Any) -> None:
    """They may be stored where text may stand, and are in no command."""
    wish = ("change_vm", {"vm": "shop00", "comment": "{{ lookup('pipe', 'touch /tmp/x') }}"})
    entry = steward.ask(people["mara"].asked(wish))
    steward.run()
    assert steward.entry(entry.id).state in ("applied", "refused")
    assert all("lookup" not in command for command in steward.runner.commands)


@pytest.mark.parametrize(
    "hostile",
    ["person", "request", "argument", "nothing", "old", "other host", "no signature", "session as request", "long"],
)
def test_a_hostile_queue_gets_nothing_written(steward: Steward, people: Any, hostile: str) -> None:
    honest = people["mara"].signed(
        ("set_permissions", {"project": "shop", "user": "lou", "permissions": ["login", "stats"]})
    )
    forged = json.loads(json.dumps(honest))
    statement = json.loads(forged["proofs"][0]["statement"])
    if hostile == "person":
        forged["proofs"][0]["statement"] = canonical.write({**statement, "person": "olga"})
    elif hostile == "request":
        forged["request"]["changes"][0]["arguments"]["permissions"] = ["login", "sudo-srv"]
    elif hostile == "argument":
        forged["request"]["changes"].append({"verb": "order_vm", "arguments": {"project": "shop"}})
    elif hostile == "nothing":
        forged["proofs"] = []
    elif hostile == "old":
        made = askers.now() - datetime.timedelta(hours=25)
        forged = people["mara"].signed(ORDER, made=made)
    elif hostile == "other host":
        forged = {**people["mara"].asked(ORDER), "proofs": [people["mara"].session(host="my.other.example")]}
    elif hostile == "no signature":
        forged["proofs"][0]["signature"] = {}
    elif hostile == "session as request":
        forged["proofs"] = [people["mara"].session()]
    elif hostile == "long":
        forged["request"]["changes"][0]["arguments"]["project"] = "x" * 70000
    before = project(steward)
    entry = steward.ask(forged)
    assert entry.state == "refused" and entry.reasons
    assert project(steward) == before


def test_a_statement_counts_once(steward: Steward, people: Any) -> None:
    signed = people["mara"].signed(ORDER)
    assert steward.ask(signed).state == "described"
    again = steward.ask(signed)
    assert (again.state, "used before" in again.reasons[0]) == ("refused", True)
    assert "shop04" not in project(steward)["vms"]


def test_an_ended_session_is_over(steward: Steward, people: Any) -> None:
    asked = people["mara"].asked(ORDER)
    steward.desk.end_session(asked["proofs"][0])
    entry = steward.ask(asked)
    assert (entry.state, "ended this session" in entry.reasons[0]) == ("refused", True)


def test_the_clock_here_counts(steward: Steward, people: Any) -> None:
    steward.time += datetime.timedelta(hours=13)
    entry = steward.ask(people["mara"].asked(ORDER))
    assert (entry.state, "sign again" in entry.reasons[0].lower()) == ("refused", True)


def test_the_same_id_with_other_words_is_the_first_request(steward: Steward, people: Any) -> None:
    first = steward.ask(people["mara"].asked(ORDER))
    assert not steward.desk.take(first.id, json.dumps(people["mara"].asked(("order_vm", {"project": "solo"}))))
    steward.run()
    assert steward.entry(first.id).subject == "shop03"
    assert len(project(steward)["vms"]) == 4


def wheel_for_lou(people: Any) -> Any:
    wish = {"project": "shop", "user": "lou", "permissions": ["login", "wheel"]}
    return people["mara"].signed(("set_permissions", wish))


def consent(people: Any, person: str, target: Any, verb: str = "approve", digest: str = "") -> Any:
    return people[person].signed((verb, {"request": target.id, "sha256": digest or target.digest}))


def test_what_needs_consent_waits_for_it(steward: Steward, people: Any) -> None:
    entry = steward.ask(wheel_for_lou(people))
    assert (entry.state, entry.waits_for) == ("waiting", ["olga", "otto"])
    for person, words in (("mara", "cannot consent"), ("mike", "does not count"), ("eve", "does not count")):
        said = steward.ask(consent(people, person, entry))
        assert (said.state, words in "; ".join(said.reasons)) == ("refused", True), said.reasons
    wrong = steward.ask(consent(people, "olga", entry, digest="0" * 64))
    assert (wrong.state, steward.entry(entry.id).state) == ("refused", "waiting")
    assert steward.ask(consent(people, "olga", entry)).state == "applied"
    assert steward.entry(entry.id).state == "described"
    assert project(steward)["permissions"]["lou"] == ["login", "wheel"]
    late = steward.ask(consent(people, "otto", entry))
    assert "no such request that waits" in late.reasons[0]


def test_consent_is_declined(steward: Steward, people: Any) -> None:
    entry = steward.ask(wheel_for_lou(people))
    steward.ask(consent(people, "otto", entry, "decline"))
    assert steward.entry(entry.id).reasons == ["otto has declined it"]
    assert project(steward)["permissions"]["lou"] == ["login"]


def test_consent_is_judged_again_when_it_is_written(steward: Steward, people: Any) -> None:
    entry = steward.ask(wheel_for_lou(people))
    id_ = steward.hand_in(consent(people, "olga", entry))
    assert steward.desk.work() and steward.entry(id_).state == "applied"
    path = steward.source.parent / "users/olga.yml"
    path.write_text(path.read_text().replace("state: active", "state: locked"))
    steward.run()
    assert (steward.entry(entry.id).state, steward.entry(entry.id).waits_for) == ("waiting", ["otto"])


def test_who_was_locked_between_asking_and_writing_gets_nothing(steward: Steward, people: Any) -> None:
    entry = steward.ask(wheel_for_lou(people))
    path = steward.source.parent / "users/mara.yml"
    path.write_text(path.read_text().replace("state: active", "state: locked"))
    said = steward.ask(consent(people, "olga", entry))
    assert steward.entry(entry.id).state != "described", said
    steward.desk.tick()
    assert steward.entry(entry.id).state == "refused"


def test_who_lost_the_key_that_signed_gets_nothing(steward: Steward, people: Any) -> None:
    entry = steward.ask(wheel_for_lou(people))
    path = steward.source.parent / "users/mara.yml"
    record = yaml.safe_load(path.read_text())
    path.write_text(yaml.safe_dump({**record, "passkeys": []}))
    steward.ask(consent(people, "olga", entry))
    assert steward.entry(entry.id).state == "refused"
    assert "none of mara any more" in steward.entry(entry.id).reasons[0]


def test_nobody_consents_for_a_week(steward: Steward, people: Any) -> None:
    entry = steward.ask(wheel_for_lou(people))
    steward.time += desk.UNAPPROVED + datetime.timedelta(hours=1)
    steward.desk.tick()
    assert steward.entry(entry.id).state == "expired"


def test_changes_of_one_request_see_each_other_and_are_all_or_nothing(steward: Steward, people: Any) -> None:
    both = steward.ask(
        people["mara"].asked(("order_vm", {"project": "shop", "vm": "shop03"}), ("stop_vm", {"vm": "shop03"}))
    )
    assert both.state == "described", both.reasons
    assert project(steward)["vms"]["shop03"]["state"] == "stopped"
    none = steward.ask(
        people["mara"].asked(("start_vm", {"vm": "shop03"}), ("change_vm", {"vm": "blog00", "cores": 2}))
    )
    assert none.state == "refused"
    assert project(steward)["vms"]["shop03"]["state"] == "stopped"


def test_what_was_changed_since_it_was_shown_is_a_conflict(steward: Steward, people: Any) -> None:
    expect = [{"file": "projects/shop.yml", "path": ["vms", "shop00", "cores"], "value": 1}]
    entry = steward.ask(people["mara"].asked(("change_vm", {"vm": "shop00", "memory": "3GiB"}), expect=expect))
    assert (entry.state, "was changed since" in entry.reasons[0]) == ("refused", True)


def test_a_broken_description_lets_requests_wait_and_revocations_through(steward: Steward, people: Any) -> None:
    path = steward.source.parent / "projects/blog.yml"
    good = path.read_text()
    path.write_text("vms: [\n")
    entry = steward.ask(people["mara"].asked(ORDER))
    assert (entry.state, "this waits, because" in entry.problem) == ("submitted", True)
    assert "projects/blog.yml" in entry.problem
    assert not steward.desk.work(), "not at once again"
    steward.time += datetime.timedelta(seconds=desk.PATIENCE + 1)
    path.write_text(good)
    steward.run()
    assert steward.entry(entry.id).state == "applied"


def test_who_must_not_get_in_any_more_goes_first(steward: Steward, people: Any) -> None:
    order = steward.hand_in(people["mara"].asked(ORDER))
    lock = steward.hand_in(people["olga"].signed(("lock_user", {"user": "mike"})))
    assert steward.desk.work()
    assert (steward.entry(lock).state, steward.entry(order).state) == ("described", "submitted")
    steward.run()
    first = steward.runner.begun[0].run
    assert (first.playbook, first.urgent, first.names["accounts_end_sessions"]) == ("accounts", True, ("mike",))


@pytest.mark.parametrize(
    ("change", "back"),
    [
        (ORDER, ("retire_vm", {"vm": "shop03"})),
        (("change_vm", {"vm": "shop00", "memory": "3GiB"}), ("change_vm", {"vm": "shop00", "memory": "2048MiB"})),
        (("change_vm", {"vm": "shop00", "disk": "30GiB"}), None),
        (("stop_vm", {"vm": "shop00"}), ("start_vm", {"vm": "shop00"})),
        (
            ("set_permissions", {"project": "shop", "user": "lou", "permissions": []}),
            ("set_permissions", {"project": "shop", "user": "lou", "permissions": ["login"]}),
        ),
        (("retire_vm", {"vm": "shop02"}), ("retire_vm", {"vm": "shop02", "undo": True})),
    ],
)
def test_undo_is_the_opposite_and_works(steward: Steward, people: Any, change: Any, back: Any) -> None:
    entry = steward.ask(people["mara"].signed(change))
    steward.run()
    undo = steward.entry(entry.id).undo
    if back is None:
        assert undo is None
        return
    assert undo is not None
    assert [(one["verb"], one["arguments"]) for one in undo["changes"]] == [back]
    wish = [(one["verb"], one["arguments"]) for one in undo["changes"]]
    again = steward.ask(people["mara"].signed(*wish, expect=undo["expect"]))
    assert again.state in ("described", "applied"), again.reasons


def test_a_restart_is_done_with_names_only_and_once(steward: Steward, people: Any) -> None:
    entry = steward.ask(people["sue"].asked(("restart_vm", {"vm": "shop00"})))
    assert entry.state == "applying"
    steward.runner.result = lambda _run: None
    steward.run()
    assert steward.runner.commands == ['playbooks/restart_vm.yml -e \'{"vm": "shop00"}\'']
    steward.restart()
    steward.run()
    assert len(steward.runner.begun) == 1, "it may have been done"
    assert (steward.entry(entry.id).state, "interrupted" in steward.entry(entry.id).problem) == ("failed", True)
