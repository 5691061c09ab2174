# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the service answers to machines, over TLS as they ask it, and what it writes down first."""

from __future__ import annotations

import contextlib
import datetime
import signal
import time
from pathlib import Path
from typing import Any

import pytest
from maintenance_served import REBOOT, Served
from ringmaster.maintenance.window import DAYS, Window
from ringmaster.maintenance_server import announce, answers, ics, mail, main, schedule
from ringmaster.maintenance_server.ledger import Ledger, LedgerError, read
from ringmaster.maintenance_server.model import DAY, HOUR, MINUTE, Group, Health, Machine, Need, Policy, State, fold
from ringmaster.maintenance_server.service import Service

MONDAY = datetime.datetime(2026, 11, 30, 12, tzinfo=datetime.UTC).timestamp()
ALWAYS = Window(DAYS, "00:00", 24, "Etc/UTC")


def policy(*names: str, in_service: int | None = None, **more: Any) -> Policy:
    machines = {
        name: Machine(name, "app", more.pop("window", ALWAYS), notice=more.pop("notice", HOUR)) for name in names
    }
    kept = len(names) - 1 if in_service is None else in_service
    limits = {"gather": 0.0, "settle": 60.0, "patience": 600.0, "share": 1.0, "per_hypervisor": 9, **more}
    return Policy(machines, (Group("all", tuple(names), kept),) if len(names) > 1 else (), **limits)


class Platform:
    """A service with a ledger on the disk, and a clock that is set."""

    def __init__(self, folder: Path, given: Policy) -> None:
        self.path, self.policy, self.at = folder / "events.jsonl", given, MONDAY
        self.begin()

    def begin(self) -> None:
        self.ledger = Ledger(self.path)
        self.service = Service(self.policy, self.ledger)

    def restart(self) -> None:
        self.ledger.close()
        self.begin()

    def say(self, name: str, need: Any = None, **more: Any) -> dict[str, Any]:
        return self.service.report(name, {"need": need, **more}, self.at)

    def plan(self, *names: str) -> None:
        """Let machines need a restart, and people be told; then it is time for the first one."""
        for name in names:
            self.say(name, REBOOT)
        self.service.tick(self.at)
        self.service.announced(list(names), self.at)
        self.at = min(one.begin for one in self.service.appointments() if one.machine in names)

    @property
    def kinds(self) -> list[str]:
        return [event["kind"] for event in read(self.path)]


@pytest.fixture
def pair(tmp_path: Path) -> Platform:
    return Platform(tmp_path, policy("a", "b"))


def test_from_a_need_to_its_end(pair: Platform) -> None:
    assert pair.say("a", REBOOT)["wait"] == "nothing is planned for it"
    pair.service.tick(pair.at)
    (planned,) = pair.service.appointments()
    assert planned.begin >= pair.at + HOUR and planned.state == "scheduled"
    assert pair.say("a", REBOOT)["wait"] == "people have not been told yet"
    pair.service.announced(["a"], pair.at)
    pair.at = planned.begin - 60
    assert pair.say("a", REBOOT)["try_after"] == 60
    pair.at = planned.begin
    pair.say("b")
    turn = pair.say("a", REBOOT)
    assert (turn["turn"], turn["reboot"]) == (1, True) and turn["until"] == pair.at + 2 * planned.seconds
    assert pair.say("a", REBOOT) == turn, "an answer that was lost is given again"
    pair.at += 90
    assert pair.service.result("a", 1, {"result": "done"}, pair.at)["try_after"] == 61
    assert pair.say("a")["wait"] == "it is seen whether all is well"
    pair.at += 61
    assert pair.say("a") == {"wait": "nothing is planned for it", "try_after": 600, "appointment": None}
    assert pair.kinds == ["needed", "scheduled", "announced", "running", "settling", "done"]
    assert pair.ledger.state.took["a"] == [90]


def test_one_after_the_other(pair: Platform) -> None:
    pair.plan("a", "b")
    first = [one.machine for one in pair.service.appointments()]
    begins = [one.begin for one in pair.service.appointments()]
    assert first == ["a", "b"] and begins[1] - begins[0] >= 600 + 60
    pair.say("b", REBOOT)
    assert pair.say("a", REBOOT)["turn"] == 1
    pair.at = begins[1]
    assert pair.say("b", REBOOT)["wait"] == "a is being worked on, and 1 of all stay"
    pair.service.result("a", 1, {"result": "done"}, pair.at)
    assert "a is being worked on" in pair.say("b", REBOOT)["wait"]
    pair.at += 61
    pair.say("a")
    assert pair.say("b", REBOOT)["turn"] == 1


@pytest.mark.parametrize(
    ("said", "reason"),
    [(None, "b does not answer"), (["redis/login"], "b has the critical check redis/login"), ([], "")],
)
def test_the_gate_before(pair: Platform, said: list[str] | None, reason: str) -> None:
    pair.plan("a")
    if said is not None:
        pair.say("b", critical=said)
    answer = pair.say("a", REBOOT)
    assert ("turn" in answer) is not bool(reason) and reason in answer.get("wait", "")


def test_a_critical_alert_of_the_project_keeps_it_from_its_turn(pair: Platform) -> None:
    pair.plan("a")
    pair.service.alerts = lambda: {"app": "DiskFull"}
    pair.service.tick(pair.at)
    pair.say("b")
    assert pair.say("a", REBOOT)["wait"] == "the alert DiskFull of app is critical"


def test_nobody_gets_a_turn_beside_one_that_was_not_heard_of_since_the_start(pair: Platform) -> None:
    pair.plan("a")
    pair.say("b")
    pair.restart()
    assert pair.say("a", REBOOT)["wait"].startswith("b does not answer")


@pytest.mark.parametrize("ends", ["by itself", "by its word", "by a check", "in silence"])
def test_a_failure_stops_the_group_until_somebody_resumes(pair: Platform, ends: str) -> None:
    pair.plan("a", "b")
    pair.say("b", REBOOT)
    pair.say("a", REBOOT, critical=["host/disk"])
    if ends == "by itself":
        pair.at += 2 * 600 + 1
    elif ends == "by its word":
        pair.service.result("a", 1, {"result": "failed", "sentence": "apt\x07 failed"}, pair.at)
    else:
        pair.service.result("a", 1, {"result": "done"}, pair.at)
        pair.at += 700
        if ends == "by a check":
            pair.say("a", REBOOT, critical=["host/disk", "redis/login"])
    pair.service.tick(pair.at)
    (failed,) = [one for one in read(pair.path) if one["kind"] == "failed"]
    assert failed["machine"] == "a" and "\x07" not in failed["sentence"]
    pair.say("a", REBOOT)
    pair.at = max(pair.at, pair.ledger.state.appointments["b"].begin)
    assert "a of the group all failed" in pair.say("b", REBOOT)["wait"]
    assert pair.service.resume("a", "root", pair.at) == {"resumed": 1}
    assert "turn" in pair.say("b", REBOOT)


def test_what_was_critical_before_does_not_count_after(pair: Platform) -> None:
    pair.plan("a")
    pair.say("b")
    pair.say("a", REBOOT, critical=["host/disk"])
    pair.service.result("a", 1, {"result": "done"}, pair.at)
    pair.at += 61
    pair.say("a", None, critical=["host/disk"])
    assert pair.kinds[-1] == "done"


def test_a_machine_that_is_well_and_needs_nothing_is_resumed_by_itself(pair: Platform) -> None:
    pair.plan("a")
    pair.say("b")
    pair.say("a", REBOOT)
    pair.service.result("a", 1, {"result": "failed"}, pair.at)
    pair.say("a", None, critical=["x/y"])
    assert pair.ledger.state.failures
    pair.say("a", None)
    assert not pair.ledger.state.failures


def test_two_failures_with_the_same_versions_stop_everything(tmp_path: Path) -> None:
    machines = Platform(tmp_path, policy("a", "b", "c", in_service=0))
    machines.policy = Policy(machines.policy.machines, (), share=1.0, gather=0)
    machines.service.policy = machines.policy
    machines.plan("a", "b", "c")
    for name in ("a", "b"):
        machines.say(name, REBOOT)
        machines.service.result(name, 1, {"result": "failed"}, machines.at)
        assert ("everything is stopped" in machines.say("c", {**REBOOT, "versions": "bb"}).get("wait", "")) is (
            name == "b"
        )
        if name == "a":
            machines.service.result("c", 1, {"result": "retry"}, machines.at)


def test_unlike_versions_stop_only_themselves() -> None:
    given = policy("a", "b", "c", in_service=0)
    state = State()
    for number, (name, versions) in enumerate((("a", "1"), ("b", "2")), start=1):
        state.apply({"n": 2 * number - 1, "at": 0, "kind": "needed", "machine": name, "need": _need(versions)})
        state.apply({"n": 2 * number, "at": 0, "kind": "scheduled", "machine": name, "begin": 0, "seconds": 9})
        state.apply({"n": 9 + number, "at": 0, "kind": "failed", "machine": name, "sentence": "x"})
    assert schedule.frozen(Policy(given.machines), state, "c") == ""
    assert schedule.frozen(Policy(given.machines), state, "a") == "its last turn failed: x"


def _need(versions: str) -> dict[str, Any]:
    return {"since": 0, "units": [], "reboot": True, "versions": versions}


def test_more_than_was_announced_is_announced_again(pair: Platform) -> None:
    pair.plan("a")
    held = pair.ledger.state.appointments["a"]
    pair.at = held.begin - 600
    pair.say("a", {**REBOOT, "units": ["postgresql.service"]})
    pair.service.tick(pair.at)
    again = pair.ledger.state.appointments["a"]
    assert again.begin >= pair.at + HOUR and not again.announced and again.need.units == ("postgresql.service",)
    assert [one["why"] for one in read(pair.path) if one["kind"] == "overtaken"] == ["people could not be told in time"]


def test_what_needs_nothing_any_more_is_cancelled(pair: Platform) -> None:
    pair.plan("a")
    pair.say("a")
    assert pair.kinds[-2:] == ["cancelled", "met"] and not pair.service.appointments()


def test_one_that_could_not_begin_in_time_is_planned_and_announced_again(pair: Platform) -> None:
    pair.plan("a")
    pair.at += 31 * MINUTE
    pair.service.tick(pair.at)
    held = pair.ledger.state.appointments["a"]
    assert pair.kinds[-2:] == ["overtaken", "scheduled"] and held.begin >= pair.at + HOUR and held.state == "scheduled"


def test_a_machine_that_the_description_lacks_gets_no_turn_and_holds_nobody_up(pair: Platform) -> None:
    pair.plan("a", "b")
    pair.say("b", REBOOT)
    pair.say("a", REBOOT)
    pair.policy = policy("b")
    pair.restart()
    pair.service.tick(pair.at)
    assert "a" not in pair.ledger.state.appointments
    with pytest.raises(answers.Refused, match="no such machine"):
        pair.say("a", REBOOT)
    pair.at = pair.ledger.state.appointments["b"].begin
    assert "turn" in pair.say("b", REBOOT)


def test_people_put_it_off_twice_and_hooks_three_times(pair: Platform) -> None:
    pair.plan("a")
    for number in range(3):
        said = pair.service.postpone("a", {"by": "max"}, pair.at)["said"]
        assert said == ("It is postponed." if number < 2 else "It stays as planned: it was postponed 2 times.")
    for number in range(4):
        pair.service.announced(["a"], pair.at)
        held = pair.ledger.state.appointments["a"]
        pair.at = max(pair.at, held.begin)
        pair.say("b")
        turn = pair.say("a", REBOOT)
        assert turn["is_last_call"] is (number == 3)
        answer = pair.service.result("a", turn["turn"], {"result": "postpone"}, pair.at)
        assert ("turn" in answer) is (number == 3), "then it is done all the same"
        pair.service.tick(pair.at)


def test_what_is_needed_since_a_moment_ago_can_be_postponed(pair: Platform) -> None:
    """People do not wait for the service's next tick."""
    pair.say("a", REBOOT)
    assert pair.service.postpone("a", {"by": "max"}, pair.at)["said"] == "It is postponed."
    assert pair.kinds == ["needed", "scheduled", "postponed", "scheduled"]
    first, second = (one["begin"] for one in read(pair.path) if one["kind"] == "scheduled")
    assert second >= pair.ledger.state.not_before["a"] > first
    assert "nothing is planned" in pair.service.postpone("b", {"by": "max"}, pair.at)["said"]


def test_operators_read_what_came_of_it(pair: Platform) -> None:
    def of(answer: dict[str, Any]) -> tuple[str, bool]:
        found = main.said(answer)
        return found["said"], found["changed"]

    nobody: dict[str, str] = {"by": "root"}
    assert of(pair.service.now("a", nobody, pair.at)) == ("Nothing is needed.", False)
    pair.say("a", REBOOT)
    assert of(pair.service.postpone("a", nobody, pair.at)) == ("It is postponed.", True)
    assert of(pair.service.now("a", nobody, pair.at)) == ("It begins as soon as the others are well.", True)
    assert of(pair.service.resume("a", "root", pair.at)) == ("Nothing was stopped.", False)
    pair.say("b")
    pair.say("a", REBOOT)
    pair.service.result("a", 1, {"result": "failed"}, pair.at)
    assert of(pair.service.resume("a", "root", pair.at)) == ("Turns go on after 1 failure.", True)


def test_now_waits_for_the_gate_only(pair: Platform) -> None:
    pair.say("a", REBOOT)
    assert "as soon as the others are well" in pair.service.now("a", {"by": "ada"}, pair.at)["said"]
    assert "b does not answer" in pair.say("a", REBOOT)["wait"]
    pair.say("b")
    assert pair.say("a", REBOOT)["turn"] == 1
    assert pair.service.now("b", {"by": "ada"}, pair.at)["said"] == "Nothing is needed."


@pytest.mark.parametrize("kept", range(1, 7))
def test_killed_anywhere_it_goes_on_where_it_was(tmp_path: Path, kept: int) -> None:
    """Events that lie on the disk count, and of what was cut off nothing does."""
    whole = Platform(tmp_path, policy("a", "b"))
    whole.plan("a")
    whole.say("b")
    whole.say("a", REBOOT)
    whole.service.result("a", 1, {"result": "done"}, whole.at)
    whole.at += 61
    whole.say("a")
    lines = whole.path.read_bytes().splitlines(keepends=True)
    (tmp_path / "cut").mkdir()
    (tmp_path / "cut/events.jsonl").write_bytes(b"".join(lines[: kept - 1]) + lines[kept - 1][:-5])
    cut = Platform(tmp_path / "cut", policy("a", "b"))
    assert cut.ledger.state.number == kept - 1
    cut.at = whole.at
    # Whatever the machine believes, no second turn of that number is given, and it comes to its end.
    has_begun = "running" in cut.kinds
    cut.say("b")
    cut.say("a", None, holding=0 if has_begun else 1, highest=1)
    assert cut.ledger.state.turns["a"] == 1
    fold(read(cut.path))


@pytest.mark.parametrize("state", ["needed", "scheduled", "announced", "running", "settling"])
def test_started_again_at_each_state_it_comes_to_the_same_end(pair: Platform, state: str) -> None:
    """Nothing is closed or said before: what lies on the disk is all that the next one has."""

    def perhaps_killed() -> None:
        if pair.kinds[-1] == state:
            pair.restart()
            pair.say("b")

    pair.say("a", REBOOT)
    perhaps_killed()
    pair.service.tick(pair.at)
    perhaps_killed()
    pair.service.announced(["a"], pair.at)
    perhaps_killed()
    (held,) = pair.service.appointments()
    pair.at = held.begin
    pair.say("b")
    assert pair.say("a", REBOOT)["turn"] == 1
    perhaps_killed()
    assert pair.say("a", REBOOT, holding=1, highest=1)["turn"] == 1
    pair.at += 90
    pair.service.result("a", 1, {"result": "done"}, pair.at)
    perhaps_killed()
    pair.at += 61
    pair.say("a", None, highest=1)
    assert pair.kinds == ["needed", "scheduled", "announced", "running", "settling", "done"]
    assert not pair.service.appointments() and not pair.ledger.state.needs


def test_while_the_mail_server_is_away_nobody_counts_as_told(
    pair: Platform, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What could not be announced in time is planned again, and announced when mail leaves again."""
    contacts = {"sender": "m@x.example", "relay": "127.0.0.1", "relay_name": "x", "contacts": {"app": ["t@x.example"]}}
    (tmp_path / "calendars").mkdir()
    keeper = main.Keeper(pair.service, {"domain": "x.example", "mail": contacts}, tmp_path)
    is_away, sent = True, []

    def send(_post: mail.Post, messages: list[Any]) -> None:
        if is_away:
            raise ConnectionRefusedError(111, "Connection refused")
        sent.extend(message["Subject"] for message in messages)

    monkeypatch.setattr(mail, "send", send)
    pair.say("a", REBOOT)
    keeper.tick(pair.at)
    (first,) = pair.service.appointments()
    assert first.state == "scheduled" and "refused" in keeper.mail_fails
    pair.at = first.begin
    pair.say("b")
    assert "turn" not in pair.say("a", REBOOT)
    keeper.tick(pair.at)
    (second,) = pair.service.appointments()
    assert "overtaken" in pair.kinds and second.begin >= pair.at + HOUR and second.state == "scheduled"
    is_away = False
    keeper.tick(pair.at)
    (held,) = pair.service.appointments()
    assert held.state == "announced" and not keeper.mail_fails and len(sent) == 1
    # A failure is not forgotten either: people hear of it once, after mail leaves again.
    is_away, pair.at = True, held.begin
    pair.say("b")
    turn = pair.say("a", REBOOT)["turn"]
    pair.service.result("a", turn, {"result": "failed", "sentence": "dice"}, pair.at)
    keeper.tick(pair.at)
    assert len(sent) == 1
    is_away = False
    for _time in range(2):
        keeper.tick(pair.at)
    assert sent[1:] == ["Maintenance of a has failed"]


def test_an_older_file_gives_no_turn_twice(pair: Platform) -> None:
    pair.plan("a")
    older = pair.path.read_bytes()
    pair.say("b")
    assert pair.say("a", REBOOT)["turn"] == 1
    pair.ledger.close()
    pair.path.write_bytes(older)
    pair.begin()
    # The machine that has the turn says so, and the other one does not get one meanwhile.
    pair.say("b", REBOOT)
    pair.service.now("b", {"by": "ada"}, pair.at)
    assert "a does not answer" in pair.say("b", REBOOT)["wait"]
    pair.say("a", REBOOT, holding=1, highest=1)
    assert pair.ledger.state.appointments["a"].turn == 1
    assert "a is being worked on" in pair.say("b", REBOOT)["wait"]
    # And once it is done, its next turn has a number that it does not know.
    pair.service.result("a", 1, {"result": "done"}, pair.at)
    pair.at += 61
    pair.say("a")
    pair.plan("a")
    pair.say("b")
    assert pair.say("a", REBOOT, highest=1)["turn"] == 2


def test_who_invents_turns_gets_no_second_one(pair: Platform) -> None:
    """A lease that nobody gave ends as a failure, after which only the group's people or operators go on."""
    for number in (7, 8, 9):
        pair.say("a", REBOOT, holding=number, highest=number)
        pair.at += 2 * HOUR
        pair.service.tick(pair.at)
    assert pair.kinds.count("running") == 1 and pair.kinds.count("failed") == 1


def test_two_services_on_one_file_are_one_too_many(pair: Platform) -> None:
    with pytest.raises(LedgerError, match="is used by another process"):
        Ledger(pair.path)


@pytest.mark.parametrize("line", [b'{"n":9,"at":0,"kind":"met","machine":"a"}\n', b"no json\n", b"[]\n"])
def test_a_file_with_a_gap_is_refused(pair: Platform, line: bytes) -> None:
    pair.plan("a")
    pair.ledger.close()
    pair.path.write_bytes(pair.path.read_bytes() + line)
    with pytest.raises(LedgerError, match=r"events\.jsonl, line 4"):
        pair.begin()


def test_what_cannot_be_written_has_not_happened(pair: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    pair.plan("a")
    pair.say("b")
    size = pair.path.stat().st_size

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("ringmaster.maintenance_server.ledger.os.fsync", full)
        with pytest.raises(OSError, match="No space"):
            pair.say("a", REBOOT)
    assert pair.path.stat().st_size == size and not pair.ledger.state.appointments["a"].turn
    assert pair.say("a", REBOOT)["turn"] == 1


@pytest.mark.parametrize(
    "body",
    [
        [],
        {"need": []},
        {"need": {}},
        {"need": {"units": ["a\nb"]}},
        {"need": {"units": ["x"] * 51}},
        {"need": {"units": "x"}},
        {"need": {"reboot": True, "versions": "../x"}},
        {"need": {"reboot": True, "since": "now"}},
        {"need": {"reboot": True, "reason": 1}},
        {"critical": ["no check"]},
        {"critical": ["a/b"] * 201},
        {"highest": -1},
        {"highest": True},
        {"holding": 10**9 + 1},
    ],
)
def test_what_a_machine_may_not_say(pair: Platform, body: Any) -> None:
    with pytest.raises(answers.Refused):
        pair.service.report("a", body, pair.at)
    assert pair.kinds == []


def test_words_of_a_machine_are_one_short_line() -> None:
    found = answers.report({"need": {"reboot": True, "reason": "a\n\x1b[31m" + "x" * 900, "since": 10**12}}, MONDAY)
    assert found.need is not None
    assert found.need.reason.isprintable() and len(found.need.reason) == 300 and found.need.since == MONDAY


def test_one_mail_for_a_project_and_a_window(pair: Platform) -> None:
    pair.policy = pair.service.policy = policy("a", "b", gather=HOUR)
    for name in ("a", "b"):
        pair.say(name, REBOOT)
        pair.service.tick(pair.at)
        pair.at += 10 * MINUTE
    assert announce.due(pair.at, pair.policy, pair.service.appointments()) == []
    pair.at = MONDAY + HOUR
    (batch,) = announce.due(pair.at, pair.policy, pair.service.appointments())
    assert [one.machine for one in batch.appointments] == ["a", "b"]
    post = mail.Post("x.example", "maintenance@x.example", contacts={"app": ("team@x.example",)})
    message = mail.announcement(post, batch, "Europe/Berlin", pair.at)
    text, calendar = message.iter_parts()
    assert message["To"] == "team@x.example" and "restart of a, about 10 minutes" in text.get_content()
    assert calendar.get_content_type() == "text/calendar" and calendar.get_content().count("BEGIN:VEVENT") == 2


def entry(outcome: str = "", **more: Any) -> ics.Entry:
    need = Need(0, ("postgresql@17-main.service",), True, more.pop("reason", "kernel 6, ü; new"))
    state = State()
    state.apply(
        {"n": 1, "at": MONDAY, "kind": "needed", "machine": "a", "need": {**need.__dict__, "units": need.units}}
    )
    state.apply({"n": 2, "at": MONDAY, "kind": "scheduled", "machine": "a", "begin": MONDAY + DAY, "seconds": 600})
    return ics.Entry(state.appointments["a"], "app", MONDAY, outcome)


def test_calendars_keep_to_the_form() -> None:
    text = ics.calendar("Maintenance", "x.example", [entry(reason="ü" * 200), entry("cancelled")])
    assert all(len(line.encode()) <= 75 for line in text.split("\r\n")) and text.endswith("END:VCALENDAR\r\n")
    whole = text.replace("\r\n ", "").split("\r\n")
    assert [line for line in whole if line.startswith(("UID", "SEQ", "STATUS", "DTSTART", "DTEND"))] == [
        *("UID:a-2@x.example", "SEQUENCE:0", "DTSTART:20261201T120000Z", "DTEND:20261201T121000Z", "STATUS:TENTATIVE"),
        *("UID:a-2@x.example", "SEQUENCE:1", "DTSTART:20261201T120000Z", "DTEND:20261201T121000Z", "STATUS:CANCELLED"),
    ]
    assert "SUMMARY:restart of a and restart of postgresql@17-main" in whole


def test_calendars_are_read_by_others() -> None:
    icalendar = pytest.importorskip("icalendar")
    text = ics.calendar("Maintenance, all; of it", "x.example", [entry(reason="ü; , \\ " * 40)])
    found = icalendar.Calendar.from_ical(text)
    (event,) = found.walk("VEVENT")
    assert event["DTSTART"].dt == datetime.datetime(2026, 12, 1, 12, tzinfo=datetime.UTC)
    assert str(event["DESCRIPTION"]).endswith("ü; , \\ ü; , \\")
    assert str(found["VERSION"]) == "2.0"


@pytest.mark.thorough
def test_machines_ask_over_tls_and_a_kill_forgets_nothing(tmp_path: Path) -> None:
    served = Served(tmp_path)
    try:
        assert served.ask("/v1/turn", {}, "a", "b-word")[0] == 401
        assert served.ask("/v1/turn", {}, "c", "c-word")[0] == 401
        assert served.ask("/v1/turn", b"{", "a", "a-word") == (400, {"error": "it is no JSON"})
        assert served.ask("/v1/turn/x", {}, "a", "a-word")[0] == 400
        assert served.ask("/v1/resume", {}, "a", "a-word")[0] == 400, "that is root's on the machine itself"
        with contextlib.suppress(OSError):  # or it is hung up on before all was said
            assert served.ask("/v1/turn", b" " * (64 * 1024 + 1), "a", "a-word")[0] == 400
        assert served.ask("/v1/turn", {"need": None}, "b", "b-word")[0] == 200
        assert served.ask("/v1/turn", {"need": REBOOT}, "a", "a-word")[0] == 200
        assert served.ask("/v1/now", {"by": "ada"}, "a", "a-word")[0] == 200
        served.process.send_signal(signal.SIGKILL)
        served.process.wait()
        served.begin()
        assert "b does not answer" in served.ask("/v1/turn", {"need": REBOOT}, "a", "a-word")[1]["wait"]
        served.ask("/v1/turn", {"need": None}, "b", "b-word")
        assert served.ask("/v1/turn", {"need": REBOOT}, "a", "a-word")[1]["turn"] == 1
        assert main._ask(tmp_path / "control.sock", "/v1/resume", {}) == {"resumed": 0}
        assert (tmp_path / "control.sock").stat().st_mode & 0o777 == 0o600
        end = time.monotonic() + 10
        while "X-MAINTNOTE-STATUS:IN-PROCESS" not in (tmp_path / f"calendars/{'v' * 32}.ics").read_text():
            assert time.monotonic() < end
            time.sleep(0.1)
    finally:
        served.process.kill()
        served.process.wait()


def test_the_plan_changes_nothing(pair: Platform) -> None:
    pair.say("a", REBOOT)
    before = pair.path.read_bytes()
    found = main.plan(pair.policy, pair.path, pair.at, 14)
    assert found.lines() == ["2026-11-30 13:00 UTC  scheduled  a (app): restart of a"]
    assert pair.path.read_bytes() == before


def test_health_counts_only_while_it_is_fresh() -> None:
    given = policy("a", "b")
    state = State()
    for event in (
        {"kind": "needed", "machine": "a", "need": _need("1")},
        {"kind": "scheduled", "machine": "a", "begin": MONDAY, "seconds": 600},
    ):
        state.apply({"n": state.number + 1, "at": MONDAY - 2 * HOUR, **event})
    state.apply({"n": 3, "at": MONDAY - HOUR, "kind": "announced", "machine": "a"})
    for seconds, kind in ((given.silence, None), (given.silence + 1, "group")):
        found = schedule.obstacle(MONDAY, given, state, "a", {"b": Health(MONDAY - seconds)})
        assert (found.kind if found else None) == kind


NIGHT = Window(DAYS, "12:00", 2, "Etc/UTC")


@pytest.mark.parametrize(
    ("at", "announced", "limits", "kind"),
    [
        (0, -3600, {}, None),
        (-1, -3600, {}, "early"),
        (0, -3599, {}, "notice"),
        (0, None, {}, "notice"),
        (7200 - 600, -3600, {}, None),
        (7200 - 599, -3600, {}, "window"),
        (0, -3600, {"per_hypervisor": 1}, "hypervisor"),
        (0, -3600, {"share": 0.1}, "share"),
    ],
)
def test_what_keeps_a_machine_from_its_turn(
    at: float, announced: float | None, limits: dict[str, Any], kind: str | None
) -> None:
    """It is announced for noon, an hour ahead, in a window of two hours; another VM of its hypervisor is away."""
    machines = {name: Machine(name, "app", NIGHT, notice=HOUR, hypervisor="hv0") for name in ("a", "other")}
    given = Policy(machines, **{"share": 1.0, **limits})
    state = State()
    happened = [
        (-9000, {"kind": "needed", "machine": "a", "need": _need("1")}),
        (-9000, {"kind": "scheduled", "machine": "a", "begin": MONDAY, "seconds": 600}),
        *([(announced, {"kind": "announced", "machine": "a"})] if announced is not None else []),
        (-60, {"kind": "running", "machine": "other", "turn": 1, "until": MONDAY + DAY}),
    ]
    for number, (moment, event) in enumerate(happened, start=1):
        state.apply({"n": number, "at": MONDAY + moment, **event})
    found = schedule.obstacle(MONDAY + at, given, state, "a", {})
    assert (found.kind if found else None) == kind
