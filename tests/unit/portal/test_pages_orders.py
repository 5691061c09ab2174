# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Seeing, ordering and changing VMs on pages without scripts, by the example and the roles as they are."""

from __future__ import annotations

import json

from callers import Steward
from portal.queue import models
from visitors import Visitor, number_of


def wanted(number: str) -> list[tuple[str, dict[str, object]]]:
    body = json.loads(models.Request.objects.get(id=number).body)
    return [(one["verb"], one["arguments"]) for one in body["request"]["changes"]]


def test_home_leads_to_projects_and_vms(alice: Visitor) -> None:
    page = alice.open("/")
    assert "The example application" in page.words
    assert {"/projects/myapp", "/vms/myapp00"} <= set(page.links)
    page = alice.open("/projects/myapp")
    assert "Bob Example" in page.words and "VMs: 1 of 100" in page.words
    assert "/projects/myapp/order" in page.links


def test_the_page_of_a_vm_says_how_to_get_in(alice: Visitor) -> None:
    page = alice.open("/vms/myapp00")
    assert page.commands == ["ssh alice@myapp00.ringmaster.example", "sudo -iu s-myapp"]
    assert "198.51.100." in page.words and "2001:db8:3:" in page.words
    assert "Saturday and Sunday from 02:00, for 4 hours (Europe/Berlin)" in page.words
    assert "Kept are 14 days, 8 weeks, 6 months" in page.words
    assert "2 cores, 1 GiB, 10 GiB" in page.words


def test_a_vm_is_ordered_with_a_component(alice: Visitor, portal: Steward) -> None:
    page = alice.open("/projects/myapp/order")
    assert page.title == "Order myapp01"
    page = alice.press(
        "See what will happen",
        size="medium",
        with__redis="on",
        redis__maxmemory_policy="allkeys-lru",
        comment="The cache",
    )
    assert page.title == "Order myapp01"
    assert "is made on hv0: 4GiB of memory, 2 cores, 20GiB of disk; Redis" in page.words
    assert "VMs: 2 of 100" in page.words and "172.20.1." in page.words
    page = alice.press("Order myapp01")
    assert page.title == "Order myapp01" and "The steward takes it up" in page.words
    ((verb, arguments),) = wanted(number_of(page))
    assert (verb, arguments["vm"], arguments["memory"]) == ("order_vm", "myapp01", "4GiB")
    assert arguments["components"] == {"redis": {"maxmemory_policy": "allkeys-lru"}}
    (handed,) = portal.next().json()["requests"]
    assert json.loads(handed["body"])["proofs"] == [models.Session.objects.get().proof], "the sign-in is proof enough"


def test_mistakes_stand_at_their_fields_with_the_remedy(alice: Visitor) -> None:
    alice.open("/projects/myapp/order")
    page = alice.press(
        "See what will happen",
        with__redis="on",
        redis__memory_share="7",
        redis__users__0__role="owner",
        size="own",
        memory="lots",
    )
    assert page.status == 422 and page.title == "Order myapp01"
    found = {
        one.get("id", "").removeprefix("h-"): "".join(one.itertext())
        for one in page.all("span")
        if one.get("class") == "wrong"
    }
    assert set(found) == {"memory", "redis.memory_share", "redis.users.0.name"}
    assert "at most 1" in found["redis.memory_share"] and "GiB" in found["memory"]
    assert 'value="lots"' in page.text, "what was typed is still there"


def test_what_was_filled_in_comes_back_for_a_change(alice: Visitor) -> None:
    alice.open("/projects/myapp/order")
    alice.press("See what will happen", size="large", comment="The <b>front</b> & more")
    page = alice.press("Change something")
    assert page.title == "Order myapp01"
    (comment,) = page.all("input", name="comment")
    assert comment.get("value") == "The <b>front</b> & more"
    assert [one.get("value") for one in page.all("input", name="size") if one.get("checked") is not None] == ["large"]


def test_a_component_gets_other_options_and_loses_what_is_cleared(alice: Visitor, portal: Steward) -> None:
    page = alice.open("/vms/myapp00/components/redis")
    assert "Default (noeviction)" in page.text
    alice.press(
        "See what will happen", o__maxmemory_policy="allkeys-lru", o__users__0__name="app", o__users__0__keys="a:*\nb:*"
    )
    assert "Redis: maxmemory_policy the default -> allkeys-lru" in alice.page.words
    page = alice.press("Change myapp00")
    ((verb, arguments),) = wanted(number_of(page))
    options = {"maxmemory_policy": "allkeys-lru", "users": [{"name": "app", "keys": ["a:*", "b:*"]}]}
    assert (verb, arguments) == ("change_vm", {"vm": "myapp00", "components": {"redis": options}})


def test_an_option_that_is_set_is_cleared(alice: Visitor, portal: Steward, example: dict[str, str]) -> None:
    files = {**example}
    files["projects/myapp.yml"] = files["projects/myapp.yml"].replace(
        "redis: {}", "redis: {save: '', appendonly: false}"
    )
    portal.call("snapshot", generation=portal.generation, commit="f" * 40, files=files)
    page = alice.open("/vms/myapp00/components/redis")
    (chosen,) = [one for one in page.all("option") if one.get("selected") is not None]
    assert chosen.get("value") == "off"
    page = alice.press("See what will happen", o__appendonly="")
    assert "appendonly off -> the default" in page.words
    page = alice.press("Change myapp00")
    assert wanted(number_of(page))[0][1]["components"] == {"redis": {"appendonly": None}}


def test_a_change_says_what_waits_for_a_restart(alice: Visitor) -> None:
    page = alice.open("/vms/myapp00/change")
    assert alice.press("See what will happen").status == 422
    assert "Nothing is different" in alice.page.words
    page = alice.press("See what will happen", memory="2GiB", cores="1")
    assert "memory 1GiB -> 2GiB waits for a restart" in page.words and "cores 2 -> 1 waits" in page.words
    page = alice.press("Change something")
    page = alice.press("See what will happen", disk="5GiB")
    assert page.status == 422 and "disks never shrink" in page.words


def test_beyond_the_quota_it_is_said_before_the_button(
    alice: Visitor, portal: Steward, example: dict[str, str]
) -> None:
    files = {**example}
    files["projects/myapp.yml"] = files["projects/myapp.yml"].replace("vms: 100", "vms: 1")
    portal.call("snapshot", generation=portal.generation, commit="f" * 40, files=files)
    alice.open("/projects/myapp/order")
    page = alice.press("See what will happen")
    assert "myapp may have 1 of VMs and would have 2" in page.words
    assert not [one for one in page.all("button") if "main" in one.get("class", "")], "there is no button to press"


def test_a_button_says_first_what_it_does(alice: Visitor) -> None:
    alice.open("/vms/myapp00")
    page = alice.press("Restart…")
    assert page.title == "Restart myapp00" and "restarts at once" in page.words
    page = alice.press("Restart myapp00")
    assert wanted(number_of(page)) == [("restart_vm", {"vm": "myapp00"})]


def test_retiring_needs_a_signature_over_just_that(alice: Visitor, portal: Steward) -> None:
    alice.open("/vms/myapp00")
    page = alice.press("Retire…")
    assert "it deletes a VM" in page.words and "alice asks: retire_vm vm=myapp00" in page.words
    page = alice.press("Retire myapp00", request_signature="-----BEGIN SSH SIGNATURE-----")
    assert page.status == 422 and "no SSH signature" in page.words
    page = alice.press("Retire myapp00", request_signature=alice.sign())
    body = json.loads(models.Request.objects.get(id=number_of(page)).body)
    (proof,) = body["proofs"]
    assert json.loads(proof["statement"])["kind"] == "request"


def test_a_button_that_is_pressed_twice_asks_once(alice: Visitor) -> None:
    alice.open("/projects/myapp/order")
    confirm = alice.press("See what will happen")
    first = number_of(alice.press("Order myapp01"))
    alice.page = confirm
    assert number_of(alice.press("Order myapp01")) == first
    assert models.Request.objects.count() == 1


def test_who_manages_nothing_is_offered_nothing_and_may_nothing(bob: Visitor) -> None:
    page = bob.open("/vms/myapp00")
    assert not [one for one in page.links if "/change" in one or "/components/" in one]
    assert "Retire…" not in page.words and "Restart…" in page.words, "sudo-srv may restart"
    assert "/projects/myapp/order" not in bob.open("/projects/myapp").links
    bob.open("/projects/myapp/order")
    page = bob.press("See what will happen")
    assert "bob has none of these in myapp: manager" in page.words


def test_a_request_is_followed_cancelled_and_undone(alice: Visitor, portal: Steward) -> None:
    alice.open("/projects/myapp/order")
    alice.press("See what will happen")
    number = number_of(alice.press("Order myapp01"))
    portal.next()
    steps = [
        {"id": number, "n": 0, "text": "Create the VM", "host": "hv0", "state": "ok", "ms": 18_400},
        {"id": number, "n": 1, "text": "Accounts", "host": "", "state": "running", "ms": 0},
    ]
    portal.report(number, 1, "applying", steps, commit="c" * 40, subject="myapp01", about="alice asks", left=20)
    page = alice.open(f"/requests/{number}")
    assert "about 20 s left" in page.words and "Create the VM hv0" in page.words and "18 s" in page.words
    assert page.all("meta", **{"http-equiv": "refresh"}), "without a script it looks again by itself"
    page = alice.press("Cancel")
    assert models.Request.objects.get(id=number).wish_cancel
    undo = {"changes": [{"verb": "retire_vm", "arguments": {"vm": "myapp00"}}], "expect": []}
    portal.report(number, 2, "applied", commit="c" * 40, subject="myapp01", about="alice asks", undo=undo)
    page = alice.open(f"/requests/{number}")
    assert "Done" in page.words and not page.all("meta", **{"http-equiv": "refresh"})
    assert alice.press("Undo…").title == "Retire myapp00"


def test_what_failed_is_applied_again(alice: Visitor, portal: Steward) -> None:
    alice.open("/vms/myapp00")
    alice.press("Stop…")
    number = number_of(alice.press("Stop myapp00"))
    portal.next()
    portal.report(number, 1, "failed", commit="c" * 40, subject="myapp00", problem="hv0 could not be reached")
    page = alice.open("/")
    assert "Needs you" in page.words and "hv0 could not be reached" in page.words
    alice.open(f"/requests/{number}")
    alice.press("Apply again…")
    page = alice.press("Apply again")
    assert wanted(number_of(page)) == [("retry", {"request": number})]


def test_consent_is_to_the_very_request_and_signed(
    alice: Visitor, bob: Visitor, olga: Visitor, portal: Steward
) -> None:
    alice.open("/vms/myapp00")
    alice.press("Stop…")
    number = number_of(alice.press("Stop myapp00"))
    portal.next()
    portal.report(number, 1, "waiting", reasons=("an operator says so",), waits_for=("olga",))
    page = olga.open("/")
    assert "Needs you" in page.words and f"/requests/{number}" in page.links
    olga.open(f"/requests/{number}")
    page = olga.press("Consent…")
    assert "is stopped" in page.words, "what would follow is shown to who consents"
    page = olga.press("Consent", request_signature=olga.sign())
    ((verb, arguments),) = wanted(number_of(page))
    assert (verb, arguments["request"], len(str(arguments["sha256"]))) == ("approve", number, 64)
    assert bob.open(f"/requests/{number}").status == 404


def test_a_page_asks_until_there_is_something_else_to_see(alice: Visitor, portal: Steward, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setattr("portal.pages.following.LONGEST_WAIT", 0)
    alice.open("/vms/myapp00")
    alice.press("Stop…")
    number = number_of(alice.press("Stop myapp00"))
    assert alice.client.get(f"/requests/{number}?seen=1").status_code == 204
    portal.next()
    portal.report(number, 1, "queued")
    answer = alice.client.get(f"/requests/{number}?seen=1")
    assert b'id="live"' in answer.content and b"<html" not in answer.content


def test_the_steward_away_is_said_and_requests_are_taken(alice: Visitor, portal: Steward) -> None:
    models.Steward.objects.update(seen="2026-01-01T00:00:00Z")
    assert "Changes wait just now" in alice.open("/").words
    alice.open("/vms/myapp00")
    alice.press("Stop…")
    assert number_of(alice.press("Stop myapp00"))


def test_a_description_with_a_mistake_leaves_the_last_valid_one(
    alice: Visitor, portal: Steward, example: dict[str, str]
) -> None:
    files = {**example, "projects/myapp.yml": "vms: [what"}
    portal.call("snapshot", generation=portal.generation, commit="d" * 40, files=files)
    page = alice.open("/vms/myapp00")
    assert page.title == "myapp00" and "What you see is the last valid one" in page.words


def test_search_finds_by_name_and_address_what_one_sees(alice: Visitor) -> None:
    alice.open("/")
    assert "/vms/myapp00" in alice.open("/search?q=myapp0").links
    assert "/vms/myapp00" in alice.open("/search?q=198.51.100.").links
    assert "/people/bob" in alice.open("/search?q=Bob").links
    assert "Nothing that you see" in alice.open("/search?q=zzz").words
