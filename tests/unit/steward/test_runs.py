# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What runs beside what, what becomes of runs, and what a run is given."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform.language.errors import DescriptionError
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform.verbs import arguments
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform.verbs.effects import Run
from ansible_collections.ringmaster.hosting.plugins.module_utils.steward import lanes
from ansible_collections.ringmaster.hosting.plugins.module_utils.steward.journal import Job, Journal, JournalError
from ansible_collections.ringmaster.hosting.plugins.module_utils.steward.progress import Progress, Watch
from ansible_collections.ringmaster.hosting.plugins.module_utils.steward.runner import AnsibleRunner
from desks import Steward

ROLES = Path(__file__).parents[3] / "roles"
ORDER = ("order_vm", {"project": "shop"})
WHERE = {"a00": "hv0", "a01": "hv0", "b00": "hv1", "project_a": "hv0", "project_b": "hv1"}
OLD = 0.0
NOW = 1000.0


def members(name: str) -> list[str]:
    vms = {"project_a": ["a00", "a01"], "project_b": ["b00"]}.get(name, [name])
    return [*vms, f"hypervisor {WHERE[name]}"]


def job(number: int, playbook: str, *names: str, made: float = OLD, request: str = "", n: int = 0, **more: Any) -> Job:
    argument = {"accounts": "accounts_hosts", "converge_vm": "vm", "restart_vm": "vm"}.get(
        playbook, f"{playbook}_hosts"
    )
    alone = more.pop("alone", False)
    run = Run(playbook, {argument: names} if names else {}, more.pop("words", {}), more.pop("urgent", False))
    return Job(number, request or f"r{number}", n, "waiting", made, run, alone)


def begun(*waiting: Job, going: tuple[lanes.Start, ...] = ()) -> list[list[int]]:
    return [[one.id for one in start.jobs] for start in lanes.starts(waiting, going, members, NOW)]


def going(*jobs: Job) -> tuple[lanes.Start, ...]:
    return tuple(lanes.Start(lanes.lane_of(one.run), one.run, (one,), lanes.keys_of(one.run, members)) for one in jobs)


def test_a_burst_of_accounts_is_one_run_and_waits_a_moment_for_more() -> None:
    burst = [job(n, "accounts", f"project_{'ab'[n % 2]}") for n in range(6)]
    assert begun(*burst) == [[0, 1, 2, 3, 4, 5]]
    (start,) = lanes.starts(burst, (), members, NOW)
    assert start.run.names == {"accounts_hosts": ("project_a", "project_b")}
    assert begun(job(1, "accounts", "project_a", made=NOW - 1)) == []
    assert begun(job(1, "accounts", "project_a"), going=going(job(9, "accounts", "project_b"))) == []


def test_who_must_not_get_in_waits_for_nobody() -> None:
    urgent = job(1, "accounts", "project_a", made=NOW, urgent=True)
    others = going(job(7, "accounts", "project_a"), job(8, "converge_vm", "a00"), job(9, "site"))
    assert begun(urgent, going=others) == [[1]]
    assert begun(job(0, "accounts", "project_a"), urgent) == [[1], [0]], "first, and by itself"


def test_a_vm_and_its_hypervisor_have_one_run_at_a_time() -> None:
    first, same, other = job(1, "converge_vm", "a00"), job(2, "converge_vm", "a01"), job(3, "converge_vm", "b00")
    assert begun(first, same, other) == [[1, 2], [3]]
    assert begun(first, same, other, going=going(job(9, "converge_vm", "a01"))) == [[3]]
    stop = job(4, "converge_vm", "a00", words={"stop_after": "creation"})
    assert begun(first, stop) == [[1]], "another word is another run"
    assert begun(job(1, "components", "project_a"), job(2, "converge_vm", "a01"), other) == [[1], [3]]


def test_a_run_of_everything_waits_for_all_and_all_for_it() -> None:
    assert begun(job(1, "site"), going=going(job(9, "converge_vm", "a00"))) == []
    assert begun(job(1, "converge_vm", "a00"), job(2, "dns"), going=going(job(9, "site"))) == []
    assert begun(job(1, "dns"), job(2, "monitoring"), job(3, "dns")) == [[1, 3], [2]]


def test_jobs_of_one_request_go_one_after_the_other() -> None:
    first = job(1, "accounts", "project_a", request="r", n=0)
    second = job(2, "converge_vm", "a00", request="r", n=1)
    assert begun(first, second) == [[1]]
    assert begun(second, going=going(first)) == []
    assert begun(second) == [[2]]


def test_what_failed_with_others_and_what_is_done_once_goes_alone() -> None:
    alone = [job(n, "converge_vm", "a00", alone=True) for n in range(3)]
    assert begun(*alone) == [[0]]
    assert begun(job(1, "restart_vm", "a00"), job(2, "restart_vm", "b00")) == [[1], [2]]


def test_one_that_fails_holds_up_no_other(steward: Steward, people: Any) -> None:
    """In a run for both, one fails; each is run again by itself."""
    entries = [
        steward.hand_in(people["mara"].asked((verb, {"vm": vm})))
        for verb, vm in (("stop_vm", "shop00"), ("stop_vm", "shop01"))
    ]
    steward.runner.result = lambda run: "shop00 failed" if "shop00" in run.names["vm"] else ""
    steward.run()
    assert [steward.entry(one).state for one in entries] == ["failed", "applied"]
    assert "shop00 failed: it is described" in steward.entry(entries[0]).problem
    assert [one.run.names["vm"] for one in steward.runner.begun] == [("shop00", "shop01"), ("shop00",), ("shop01",)]


def test_what_failed_is_run_again_by_whoever_asked_and_operators(steward: Steward, people: Any) -> None:
    steward.runner.result = lambda _run: "hv0 could not be reached"
    failed = steward.ask(people["mara"].asked(ORDER))
    steward.run()
    steward.runner.result = lambda _run: ""
    for person in ("eve", "mike"):
        refused = steward.ask(people[person].asked(("retry", {"request": failed.id})))
        assert refused.reasons == ["there is no such request of yours that failed"]
    for person in ("mara", "olga"):
        again = steward.ask(people[person].asked(("retry", {"request": failed.id})))
        steward.run()
        again = steward.entry(again.id)
        assert (again.state, again.subject, again.commit) == ("applied", "shop03", failed.commit), again.reasons
    assert [one.run.names["vm"] for one in steward.runner.begun] == [("shop03",)] * 3
    assert "shop04" not in steward.read().vms
    done = steward.ask(people["mara"].asked(("retry", {"request": again.id})))
    assert done.state == "refused", "it did not fail"


def test_what_cannot_be_begun_fails_with_a_sentence(steward: Steward, people: Any) -> None:
    entry = steward.ask(people["mara"].asked(ORDER))

    def fail(*_arguments: Any) -> Any:
        raise OSError("no such program")

    steward.runner.start = fail  # type: ignore[method-assign]
    steward.run()
    assert (steward.entry(entry.id).state, "no such program" in steward.entry(entry.id).problem) == ("failed", True)


def test_a_run_that_was_going_is_run_again_after_a_restart(steward: Steward, people: Any) -> None:
    entry = steward.ask(people["mara"].asked(ORDER))
    steward.runner.result = lambda _run: None
    steward.run()
    assert steward.entry(entry.id).state == "applying"
    steward.restart()
    steward.runner.result = lambda _run: ""
    steward.run()
    assert (steward.entry(entry.id).state, len(steward.runner.begun)) == ("applied", 2)


def test_cancelling_ends_the_run_and_says_what_stays(steward: Steward, people: Any) -> None:
    entry = steward.ask(people["mara"].asked(ORDER))
    steward.runner.result = lambda _run: None
    steward.run()
    assert steward.desk.cancel(entry.id)
    steward.dispatch.cancel(steward.entry(entry.id))
    steward.run()
    assert (steward.entry(entry.id).state, "cancelled" in steward.entry(entry.id).problem) == ("failed", True)
    waiting = steward.hand_in(people["mara"].asked(("start_vm", {"vm": "shop00"})))
    assert not steward.desk.cancel(waiting)
    assert steward.entry(waiting).state == "cancelled"


def test_the_queue_hears_of_each_change_also_after_it_was_away(steward: Steward, people: Any) -> None:
    entry = steward.ask(people["mara"].asked(ORDER))
    reports, _steps = steward.journal.untold()
    assert [(one.id, one.state) for one in reports] == [(entry.id, "described")]
    steward.run()
    steward.journal.told(reports, [])
    (report,), _steps = steward.journal.untold()
    assert (report.state, report.undo["changes"][0]["verb"]) == ("applied", "retire_vm")
    steward.journal.told([report], [])
    assert steward.journal.untold() == ([], [])
    steward.desk.take(entry.id, "{}")
    assert [one.state for one in steward.journal.untold()[0]] == ["applied"], "a queue that was restored hears it again"


def test_steps_are_told_and_numbered_through_all_runs(steward: Steward, people: Any) -> None:
    steward.runner.result = lambda _run: None
    steward.ask(people["mara"].asked(ORDER))
    steward.run()
    process = steward.runner.begun[0]
    process.news = [Progress(0, "Create the disk", "", "ok", 1200), Progress(1, "Start", "hv0", "running", 0)]
    steward.dispatch.work()
    _reports, steps = steward.journal.untold()
    assert [(one.n, one.text, one.host, one.state) for one in steps] == [
        (0, "Create the disk", "", "ok"),
        (1, "Start", "hv0", "running"),
    ]
    process.news = [Progress(1, "Start", "hv0", "ok", 10)]
    steward.dispatch.work()
    steward.journal.told([], steps)
    assert [(one.n, one.state) for one in steward.journal.untold()[1]] == [(1, "ok")], "a newer one is told again"


def test_there_is_one_steward_on_a_machine(steward: Steward) -> None:
    with pytest.raises(JournalError, match="another steward"):
        Journal(steward.folder / "steward")


@pytest.fixture
def runner(tmp_path: Path) -> AnsibleRunner:
    program = tmp_path / "ansible-playbook"
    program.write_text(f"#!{sys.executable}\nimport os, sys\nprint(sys.argv[1:])\nsys.exit(int(os.environ['CODE']))\n")
    program.chmod(0o755)
    playbooks = tmp_path / "playbooks"
    playbooks.mkdir()
    known = frozenset(("accounts_end_sessions",))
    return AnsibleRunner(
        str(program), tmp_path / "x.ringmaster.yml", playbooks, tmp_path / "logs", known, {"CODE": "4"}
    )


def test_a_run_gets_names_as_data(runner: AnsibleRunner) -> None:
    names = {"accounts_hosts": ("project_a",), "accounts_end_sessions": ("mara",)}
    *_words, option, text = runner.argv(Run("accounts", names, urgent=True))
    assert (option, json.loads(text)) == ("-e", {"accounts_hosts": ["project_a"], "accounts_end_sessions": ["mara"]})
    assert json.loads(runner.argv(Run("restart_vm", {"vm": ("shop00",)}))[-1]) == {"vm": "shop00"}
    assert len(runner.argv(Run("dns"))) == 4


def test_a_run_gets_the_secrets_that_an_operator_would_give(runner: AnsibleRunner) -> None:
    runner.secrets = Path("/etc/secrets.yml")
    assert runner.argv(Run("dns"))[4:] == ["-e", "@/etc/secrets.yml"]
    words = runner.argv(Run("restart_vm", {"vm": ("shop00",)}))
    # What a run is given comes last, and wins.
    assert (words[4:6], json.loads(words[-1])) == (["-e", "@/etc/secrets.yml"], {"vm": "shop00"})


@pytest.mark.parametrize(
    "run",
    [
        Run("converge_vm", {"vm": ("{{ lookup('pipe', 'id') }}",)}),
        Run("converge_vm", {"vm": ("shop00:all",)}),
        Run("converge_vm", {"vm": ("-x",)}),
        Run("restart_vm", {"vm": ("@/etc/passwd",)}),
        Run("accounts", {"accounts_hosts": ("a b",), "ansible_connection": ("local",)}),
        Run("converge_vm", {"vm": ("shop00",)}, {"stop_after": "{{ 1 }}"}),
    ],
)
def test_what_is_no_name_is_not_run(runner: AnsibleRunner, run: Run) -> None:
    with pytest.raises(DescriptionError):
        runner.argv(run)


@pytest.mark.thorough
def test_a_run_is_a_process_whose_end_is_told(runner: AnsibleRunner) -> None:
    process = runner.start(Run("dns"), "one")
    process._process.wait(60)  # type: ignore[attr-defined]
    assert process.ended() == "a machine could not be reached"
    assert (runner.logs / "one.log").stat().st_mode & 0o777 == 0o600


def test_of_events_steps_and_hosts_are_read_and_nothing_else() -> None:
    watch = Watch()
    lines: list[Any] = [
        {"event": "play", "number": 1, "of": 2, "play": "Make\x1b[2J VMs", "at": 10, "left_seconds": 40.7},
        {"event": "step", "play": "x", "step": "Define", "host": "hv0", "state": "ok", "ms": 5, "result": "SECRET"},
        {"event": "play", "number": 2, "of": 2, "play": "Set up", "at": 12.5},
        {"event": "step", "step": "Install", "host": "a00", "state": "failed", "ms": 5, "msg": "SECRET"},
        {"event": "step", "step": "Install", "host": "a01", "state": "unreachable", "ms": 5},
        {"event": "end", "at": 13},
        {"event": "play", "number": True, "play": ["x"]},
        ["x"],
    ]
    watch.feed(b"\n".join(json.dumps(line).encode() for line in lines) + b"\n{broken\n\xff")
    steps = watch.taken()
    assert [(one.n, one.text, one.host, one.state, one.ms) for one in steps] == [
        (0, "Make\\x1b[2J VMs", "", "running", 0),
        (0, "Make\\x1b[2J VMs", "", "ok", 2500),
        (1, "Set up", "", "running", 0),
        (1, "Set up", "a01", "failed", 500),
    ]
    assert watch.sentence() == "a00 failed at 'Install'; a01 could not be reached"
    assert (watch.left, "SECRET" in repr(watch)) == (40, False)
    assert watch.taken() == []


@pytest.mark.parametrize("playbook", ["accounts", "converge_vm", "site", "retire_vm"])
def test_each_playbook_takes_what_the_role_gives_to_all_of_them(playbook: str) -> None:
    """A variable that one of them has as an argument is none that the others know."""
    text = (ROLES / "steward/vars/main.yml").read_text(encoding="utf-8")
    given = re.findall(r"'(\w+)':", text.partition("__steward_secrets:")[2].partition("__steward_secret_text")[0])
    assert {"hypervisor_image_newest", "platform_secret"} <= set(given)
    known = {*arguments.variables_of_roles(ROLES), "platform_secret"}
    arguments.judge([playbook], dict.fromkeys(given, ""), known)
