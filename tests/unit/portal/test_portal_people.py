# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The people's side of the queue: who asks, what is taken, and that nobody sees what is not his."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

import askers
import pytest
from callers import Person, Steward
from portal.queue import models, store

ORDER = ("order_vm", {"project": "shop"})


@pytest.fixture
def mara(steward: Steward, people: dict[str, askers.Asker]) -> Person:
    return Person(people["mara"])


def ask(person: Person, *changes: tuple[str, dict[str, Any]], **headers: str) -> Any:
    return person.post("requests", {"request": askers.wish(*changes)}, **headers)


def problem(answer: Any, status: int, words: str) -> Any:
    assert answer.status_code == status, answer.content
    assert answer["Content-Type"] == "application/problem+json"
    said = answer.json()
    assert (said["status"], said["type"][:10]) == (status, "/problems/")
    assert words in said["detail"]
    return said


def test_a_session_is_begun_by_a_proof_used_and_ended(mara: Person, steward: Steward) -> None:
    assert mara.get("me").json() == {
        "person": "mara",
        "operator": False,
        "projects": {"shop": ["login", "manager", "sudo-srv", "wheel"]},
    }
    session = models.Session.objects.get()
    assert mara.token not in session.token, "only a digest of the token is kept"
    assert mara.client.delete("/api/v1/sessions/current", headers=mara.headers).status_code == 204
    problem(mara.get("me"), 401, "sign in again")
    # The steward is told until it says that it knows.
    for _time in range(2):
        (told,) = steward.next().json()["sessions"]
        assert told == {"nonce": session.nonce, "proof": session.proof}
    assert steward.next(ended=(session.nonce,)).json() == {}


def test_a_statement_signs_in_once_while_it_is_fresh(steward: Steward, people: dict[str, askers.Asker]) -> None:
    proof = people["mara"].session()
    assert Person().post("sessions", {"proof": proof}).status_code == 201
    problem(Person().post("sessions", {"proof": proof}), 403, "used before")
    old = people["mara"].session(made=askers.now() - datetime.timedelta(minutes=6))
    problem(Person().post("sessions", {"proof": old}), 403, "too long ago")
    problem(Person().post("sessions", {"proof": people["lock"].session()}), 403, "no account that can be used")
    problem(Person().post("sessions", {"proof": people["mara"].session(host="my.evil.example")}), 403, "signed for")
    problem(Person().post("sessions", {"proof": {"statement": "{}", "signature": {}}}), 403, "signature")


def test_who_has_no_session_gets_nothing(steward: Steward) -> None:
    stranger = Person()
    for path in ("me", "requests", "requests/01KB0000000000000000000000", "questions/01KB0000000000000000000000"):
        problem(stranger.get(path), 401, "sign in")
        stranger.token = "x" * 43
    for path in ("requests", "requests?dry_run=true", "requests/01KB0000000000000000000000/cancel", "questions"):
        problem(stranger.post(path, {"request": askers.wish(ORDER)}), 401, "sign in")


def test_who_was_locked_meanwhile_has_no_session_any_more(mara: Person, steward: Steward, town: dict[str, str]) -> None:
    text = town["users/mara.yml"].replace("state: active", "state: locked")
    files = {**town, "users/mara.yml": text}
    steward.call("snapshot", generation=steward.generation, commit="b" * 40, files=files)
    problem(mara.get("me"), 401, "no account that can be used")


def test_a_request_is_taken_with_the_proof_of_the_session(mara: Person) -> None:
    answer = ask(mara, ORDER)
    assert answer.status_code == 202
    said = answer.json()
    assert answer["Location"] == f"/api/v1/requests/{said['id']}"
    assert {name: said[name] for name in ("person", "state", "version", "commit", "steps", "changes")} == {
        "person": "mara",
        "state": "submitted",
        "version": 1,
        "commit": "",
        "steps": [],
        "changes": [{"verb": "order_vm", "arguments": {"project": "shop"}}],
    }
    kept = store.messages.submission(store.messages.parse(models.Request.objects.get().body.encode(), 65536))
    assert kept.proofs == (models.Session.objects.get().proof,)
    assert mara.get(f"requests/{said['id']}").json() == said


def test_the_client_is_told_of_the_platform_and_comes_from_here(mara: Person) -> None:
    answer = Person().get("client")
    said = answer.json()
    assert (said["host"], "order_vm" in said["verbs"]) == ("my.town.example", True)
    assert Person().get("client", **{"If-None-Match": answer["ETag"]}).status_code == 304
    served = mara.client.get("/ringctl")
    program = Path(__file__).parents[3] / "bin/ringctl"
    assert b"".join(served.streaming_content) == program.read_bytes()


def test_the_same_is_taken_once(mara: Person, people: dict[str, askers.Asker]) -> None:
    signed = people["mara"].signed(("retire_vm", {"vm": "shop02"}))
    first, second = mara.post("requests", signed), mara.post("requests", signed)
    assert (first.status_code, second.status_code) == (202, 200)
    assert first.json()["id"] == second.json()["id"]
    by_key = [ask(mara, ORDER, **{"Idempotency-Key": "k1"}) for _time in range(2)]
    assert [one.status_code for one in by_key] == [202, 200]
    problem(ask(mara, ("start_vm", {"vm": "shop00"}), **{"Idempotency-Key": "k1"}), 409, "another request")
    assert ask(mara, ORDER).json()["id"] != ask(mara, ORDER).json()["id"], "two orders are two VMs"


def test_nobody_hands_in_what_somebody_else_has_signed(mara: Person, people: dict[str, askers.Asker]) -> None:
    problem(mara.post("requests", people["olga"].signed(ORDER)), 403, "somebody else")
    problem(mara.post("requests", people["olga"].asked(ORDER)), 403, "somebody else")


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        (b"x" * 65537, 413, "65537 bytes"),
        (b"{", 400, "no JSON"),
        (b'{"request": {"changes": []}}', 400, "there is none"),
        (b'{"request": {"changes": [{"verb": "order_vm", "arguments": {"memory": 1.5}}]}}', 400, "point"),
        (b'{"request": {"changes": [{"verb": "order_vm", "arguments": {"a": 1, "a": 2}}]}}', 400, "twice"),
        (b'{"request": {"changes": [{"verb": "../../etc", "arguments": {}}]}}', 400, "name of a verb"),
        (b'{"request": {"changes": [{"verb": "order_vm", "arguments": []}]}}', 400, "no map"),
        (b'{"request": {"changes": [{"verb": "order_vm"}]}}', 400, "lacks arguments"),
        (b'{"request": {"changes": [{"verb": "order_vm", "arguments": {"-e": "x"}}]}}', 400, "name of an argument"),
        (b'{"request": {"changes": [{"verb": "a", "arguments": {}}]}, "person": "olga"}', 400, "beside person"),
        (b'"' + b"[" * 2000 + b'"', 400, "no map"),
        (b"[" * 2000 + b"]" * 2000, 400, "deep"),
        (b'{"request": "\\ud800"}', 400, "UTF-8"),
        (b'{"request": ' + b"9" * 400 + b"}", 400, "too large"),
        (b'{"request": NaN}', 400, "whole numbers"),
        (b"\xff", 400, "UTF-8"),
    ],
)
def test_what_is_no_request_is_refused_with_its_place(mara: Person, body: bytes, status: int, words: str) -> None:
    problem(mara.post("requests", body), status, words)
    assert not models.Request.objects.exists()


def test_one_person_does_not_fill_the_queue(mara: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "WRITES_AN_HOUR", 3)
    assert [ask(mara, ORDER).status_code for _time in range(4)] == [202, 202, 202, 429]


def test_others_requests_are_not_there(mara: Person, people: dict[str, askers.Asker]) -> None:
    id_ = ask(mara, ORDER).json()["id"]
    eve, olga = Person(people["eve"]), Person(people["olga"])
    problem(eve.get(f"requests/{id_}"), 404, "no such request")
    problem(eve.post(f"requests/{id_}/cancel"), 404, "no such request")
    assert eve.get("requests").json()["items"] == []
    assert olga.get(f"requests/{id_}").status_code == 200, "operators see them"
    problem(olga.post(f"requests/{id_}/cancel"), 404, "of yours")


def test_whoever_is_to_consent_sees_it(mara: Person, steward: Steward, people: dict[str, askers.Asker]) -> None:
    id_ = ask(mara, ORDER).json()["id"]
    steward.report(id_, 1, "waiting", waits_for=("mike",))
    assert Person(people["mike"]).get(f"requests/{id_}").json()["waits_for"] == ["mike"]
    problem(Person(people["eve"]).get(f"requests/{id_}"), 404, "no such request")


def test_a_list_has_pages(mara: Person) -> None:
    made = [ask(mara, ORDER).json()["id"] for _time in range(5)]
    found, after = [], ""
    while after is not None:
        page = mara.get(f"requests?limit=2&after={after}").json()
        found += [one["id"] for one in page["items"]]
        after = page["next"]
    assert found == sorted(made, reverse=True)


def test_what_waits_is_cancelled_at_once_and_what_the_steward_has_when_it_says_so(
    mara: Person, steward: Steward
) -> None:
    first, second = (ask(mara, ORDER).json()["id"] for _time in range(2))
    assert mara.post(f"requests/{first}/cancel").json()["state"] == "cancelled"
    problem(mara.post(f"requests/{first}/cancel"), 409, "cancelled already")
    assert [one["id"] for one in steward.next().json()["requests"]] == [second]
    assert mara.post(f"requests/{second}/cancel").json()["state"] == "submitted"
    assert steward.next(second).json()["cancels"] == [second]
    assert steward.next().json() == {}, "it is told once"
    steward.report(second, 1, "described", commit="c" * 40)
    assert mara.get(f"requests/{second}").json()["state"] == "described"


def test_a_trial_says_what_would_be_and_changes_nothing(mara: Person, people: dict[str, askers.Asker]) -> None:
    def tried(person: Person, *changes: tuple[str, dict[str, Any]]) -> Any:
        return person.post("requests?dry_run=true", {"request": askers.wish(*changes)})

    said = tried(mara, ORDER).json()
    assert (said["verdict"], said["signature"], said["reasons"]) == ("allow", "", [])
    assert any("shop03" in one for one in said["allocated"])
    diffs = {one["path"]: one["diff"] for one in said["files"]}
    assert "+  shop03:" in diffs["projects/shop.yml"]
    assert "blog" not in diffs["allocations.yml"], "what stands beside it is not shown"
    assert tried(mara, ("retire_vm", {"vm": "shop00"})).json()["signature"]
    refused = tried(Person(people["eve"]), ORDER).json()
    assert (refused["verdict"], refused["files"]) == ("refuse", [])
    problem(tried(mara, ("change_vm", {"vm": "shop00", "disk": "5GiB"})), 422, "disk")
    assert not models.Request.objects.exists()
