# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The steward's side of the queue: one steward, each request until it is taken, reports in order, nothing twice."""

from __future__ import annotations

import datetime
import json
from typing import Any

import askers
import pytest
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform import rescue
from callers import Person, Steward
from django.utils import timezone
from portal.queue import models, snapshots, store

ORDER = ("order_vm", {"project": "shop"})


def asked(*changes: tuple[str, dict[str, Any]]) -> str:
    proofs = [{"statement": "{}", "signature": {}}]
    return store.submit("mara", {"request": askers.wish(*(changes or [ORDER])), "proofs": proofs})[0].id


def given(steward: Steward, *taken: str) -> list[str]:
    return [one["id"] for one in steward.next(*taken).json().get("requests", [])]


def test_only_the_machine_whose_certificate_says_so_is_heard(steward: Steward) -> None:
    for name in ("", "shop00", "ctl00"):
        stranger = Steward(name)
        stranger.generation = steward.generation
        for answer in (stranger.hello(), stranger.next(), stranger.call("snapshot")):
            assert answer.status_code == 403
    assert Person().client.post("/steward/v1/hello", {}).status_code == 404, "nothing of it is on the people's side"
    assert steward.call("hello").status_code == 400


def test_there_is_one_steward(steward: Steward) -> None:
    second = Steward()
    answer = second.hello("two")
    assert (answer.status_code, answer["Retry-After"] > "0") == (409, True)
    models.Steward.objects.update(seen=timezone.now() - store.SILENCE - datetime.timedelta(seconds=1))
    id_ = asked()
    assert second.hello("two").status_code == 200
    for late in (steward.next(), steward.report(id_, 1, "queued"), steward.call("snapshot", generation=1)):
        assert late.status_code in (409, 400)
    assert steward.next().json()["type"] == "/problems/superseded"
    assert models.Request.objects.get().state == "submitted"
    assert given(second) == [id_]


def test_the_same_steward_comes_back_at_once_and_gets_all_that_is_open(steward: Steward) -> None:
    id_ = asked()
    assert given(steward) == [id_]
    assert given(steward, id_) == []
    assert steward.hello().status_code == 200
    assert given(steward) == [id_]
    steward.report(id_, 1, "applied")
    assert given(steward) == []


def test_a_request_is_given_until_it_is_safely_there(steward: Steward) -> None:
    """An answer that was lost on its way is no loss."""
    id_ = asked()
    assert [given(steward) for _time in range(3)] == [[id_]] * 3
    assert given(steward, id_) == []


@pytest.mark.parametrize("verb", rescue.VERBS)
def test_what_takes_something_from_a_person_goes_ahead_of_all(steward: Steward, verb: str) -> None:
    order = asked()
    mixed = asked((verb, {}), ORDER)
    revoked = asked((verb, {"user": "mara"}))
    assert given(steward) == [revoked, order, mixed]


def test_a_thousand_are_given_in_portions(steward: Steward, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "WRITES_AN_HOUR", 10**6)
    monkeypatch.setattr(store, "OPEN_OF_ONE", 10**6)
    monkeypatch.setattr(store, "BATCH", 7)
    made = [asked() for _time in range(20)]
    found: list[str] = []
    while portion := given(steward, *found):
        assert len(portion) <= 7
        found += portion
    assert found == made
    monkeypatch.setattr(store, "BATCH_BYTES", 1)
    assert len([asked() for _time in range(3)]) == 3
    assert len(given(steward, *found)) == 1, "one is given, however long it is"


def test_the_stewards_last_word_counts_and_an_old_one_does_not(steward: Steward) -> None:
    id_ = asked()
    steward.report(id_, 2, "described", commit="d" * 40, subject="shop03")
    steward.report(id_, 1, "queued")
    steward.report(id_, 1, "described", commit="e" * 40)
    steward.report(id_, 2, "described", commit="e" * 40)
    found = models.Request.objects.get()
    assert (found.state, found.commit, found.version) == ("described", "d" * 40, 2)
    steward.report(id_, 3, "submitted")
    steward.report(id_, 4, "refused")
    assert models.Request.objects.get().state == "described", "what is in git is not taken back"
    steward.report(id_, 5, "applied", commit="d" * 40)
    steward.report(id_, 6, "failed")
    assert models.Request.objects.get().state == "applied", "an end is an end"
    assert steward.report("01KB0000000000000000000000", 1, "applied").status_code == 200


def test_when_it_has_ended_proofs_and_sealed_values_are_gone(steward: Steward) -> None:
    secret = {"project": "shop", "description": "sealed:AAAA", "contacts": [{"sealed": "BBBB", "x": 1}]}
    id_ = asked(("change_project", secret))
    assert "AAAA" not in json.dumps(store.shown(models.Request.objects.get()))
    steward.report(id_, 1, "applied")
    found = models.Request.objects.get()
    kept = json.dumps([found.body, found.changes])
    assert "AAAA" not in kept and "BBBB" not in kept and "statement" not in kept
    assert found.changes[0]["arguments"]["project"] == "shop"


def test_steps_are_kept_once_and_shown_in_order(steward: Steward) -> None:
    id_ = asked()
    steps = [
        {"id": id_, "n": n, "text": text, "host": "", "state": state, "ms": 5}
        for n, text, state in ((1, "Starting", "running"), (0, "Creating the disk", "ok"), (1, "Starting", "ok"))
    ]
    assert steward.report(id_, 1, "applying", steps).status_code == 200
    assert steward.report(id_, 1, "applying", steps).status_code == 200
    shown = store.shown(models.Request.objects.get())
    assert [(one["n"], one["text"], one["state"]) for one in shown["steps"]] == [
        (0, "Creating the disk", "ok"),
        (1, "Starting", "ok"),
    ]


@pytest.mark.parametrize(
    "wrong",
    [
        {"state": "done"},
        {"number": -1},
        {"commit": "HEAD"},
        {"problem": "x" * 4001},
        {"waits_for": ["Mike; rm"]},
        {"undo": {"changes": []}},
        {"id": "../x"},
        {"more": 1},
    ],
)
def test_a_report_of_another_form_is_refused(steward: Steward, wrong: dict[str, Any]) -> None:
    report = {**store.messages.Report(asked(), 1, "queued").as_dict(), **wrong}
    answer = steward.call("reports", generation=steward.generation, reports=[report], steps=[])
    assert answer.status_code == 400, answer.content
    assert models.Request.objects.get().state == "submitted"


def test_what_nobody_looked_at_expires_and_what_the_steward_has_does_not(steward: Steward) -> None:
    old, taken = asked(), asked()
    models.Request.objects.filter(id=taken).update(sent=True)
    models.Request.objects.update(made=timezone.now() - store.UNLOOKED - datetime.timedelta(minutes=1))
    assert given(steward) == [taken]
    assert models.Request.objects.get(id=old).state == "expired"


def test_a_question_goes_to_the_steward_and_its_answer_back(steward: Steward, people: dict[str, askers.Asker]) -> None:
    olga, eve = Person(people["olga"]), Person(people["eve"])
    assert olga.post("questions", {"kind": "everything", "arguments": {}}).status_code == 400
    id_ = olga.post("questions", {"kind": "capacity", "arguments": {}}).json()["id"]
    (asked_,) = steward.next().json()["questions"]
    assert (asked_["id"], asked_["question"]["kind"]) == (id_, "capacity")
    answer = {"items": [{"hypervisor": "hv0"}], "next": None}
    sent = steward.call("answer", generation=steward.generation, id=id_, answer=answer, problem="")
    assert sent.status_code == 200
    assert olga.get(f"questions/{id_}").json() == {"id": id_, "answer": answer}
    assert eve.get(f"questions/{id_}").status_code == 404
    too_long = {"items": ["x" * 300000], "next": None}
    sent = steward.call("answer", generation=steward.generation, id=id_, answer=too_long, problem="")
    assert sent.status_code == 413


def test_a_broken_description_is_not_shown_and_the_last_valid_one_stays(steward: Steward, town: dict[str, str]) -> None:
    assert snapshots.current().domain == "town.example"
    files = {**town, "platform.yml": "domain: [\n"}
    assert steward.call("snapshot", generation=1, commit="b" * 40, files=files).status_code == 200
    assert snapshots.current().domain == "town.example"


@pytest.mark.parametrize(
    "name", ["../x.yml", "secrets/key.yml", "/etc/x.yml", "users/../../x.yml", "x.sh", ".git/config"]
)
def test_a_description_has_its_own_files_only(steward: Steward, town: dict[str, str], name: str) -> None:
    answer = steward.call("snapshot", generation=1, commit="b" * 40, files={**town, name: "x"})
    assert answer.status_code == 400
    assert snapshots.commit() == "a" * 40
