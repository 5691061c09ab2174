# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the programs of all components share on a machine."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from ringmaster.core import accepted, component, files, inbox, state
from ringmaster.core.report import Failure, Invalid, Report


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(component, "LOCKS", tmp_path / "locks")
    monkeypatch.setattr(files.os, "fchown", lambda *_words: None)
    return tmp_path


def program(places: Path, **more: Any) -> component.Component:
    plain = component.Component("thing", lambda _check, _restart: Report(), lambda: None, places / "inbox", ".conf")
    return replace(plain, **more)


def failing(text: str) -> Callable[..., Any]:
    def fail(*_words: Any) -> Any:
        raise Failure(text)

    return fail


def test_converge_tells_json(places: Path, capsys: pytest.CaptureFixture[str]) -> None:
    seen = []

    def converge(check: bool, restart: bool) -> Report:
        seen.append((check, restart))
        return Report(["set a"], {"b.conf": "no"}, [])

    assert component.run(program(places, converge=converge), ["converge", "--check"]) == 0
    assert seen == [(True, False)]
    told = json.loads(capsys.readouterr().out)
    assert told == {"changed": True, "steps": ["set a"], "refused": {"b.conf": "no"}, "pending_restart": []}


def test_failure_is_one_sentence(places: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert component.run(program(places, validate=failing("it is broken")), ["validate"]) == 1
    assert capsys.readouterr().err == "it is broken\n"


def test_the_lock_is_called_as_the_daemon_is(places: Path) -> None:
    """Whoever else converges that daemon, such as the program of an earlier version, waits for the same lock."""
    assert component.run(program(places, daemon="other"), ["validate"]) == 0
    assert [path.name for path in (places / "locks").iterdir()] == ["other.lock"]


def test_dump_replaces_the_old_one_only_when_it_is_complete(places: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = places / "backups" / "thing"

    def write(text: str) -> Callable[[Path], int]:
        def dump(new: Path) -> int:
            (new / "data").write_text(text)
            return 1

        return dump

    def breaks_off(new: Path) -> int:
        (new / "data").write_text("half")
        raise Failure("the disk is full")

    for text in ("first", "second"):
        assert component.run(program(places, dump=write(text)), ["dump", str(folder)]) == 0
        told = json.loads(capsys.readouterr().out)
        assert (told["objects"], told["bytes"]) == (1, len(text))
        assert (folder / "data").read_text() == text
    assert component.run(program(places, dump=breaks_off), ["dump", str(folder)]) == 1
    assert (folder / "data").read_text() == "second"
    assert [path.name for path in folder.parent.iterdir()] == ["thing"]


def test_prove_tells_good_and_bad(places: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = places / "dump"
    folder.mkdir()
    good = program(places, prove=lambda _folder: "3 databases came back.")
    assert component.run(good, ["prove", str(folder)]) == 0
    assert json.loads(capsys.readouterr().out)["sentence"] == "3 databases came back."
    assert component.run(program(places, prove=failing("a table is missing")), ["prove", str(folder)]) == 1
    assert json.loads(capsys.readouterr().out)["sentence"] == "a table is missing"


def test_restore_hands_on_the_wish(places: Path, capsys: pytest.CaptureFixture[str]) -> None:
    wishes = []

    def restore(_folder: Path, wish: component.Wish) -> str:
        wishes.append(wish)
        return "done"

    able = program(places, restore=restore)
    assert component.run(able, ["restore", str(places), "--object", "app", "--as", "app2"]) == 0
    assert wishes == [component.Wish("app", "app2", replace=False)]
    assert component.run(able, ["restore", str(places), "--as", "app2"]) == 1
    assert "needs --object" in capsys.readouterr().err
    assert component.run(able, ["restore", str(places / "none")]) == 1
    assert "there is no dump in" in capsys.readouterr().err


def test_the_inbox_is_taken_in_only_if_something_came_since(places: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(component.time, "sleep", lambda _seconds: None)
    runs = []

    def converge(_check: bool, _restart: bool) -> Report:
        runs.append(sorted(path.name for path in folder.iterdir()))
        return Report()

    folder = places / "inbox"
    folder.mkdir()
    able = program(places, converge=converge)
    assert component.run(able, ["inbox"]) == 0
    assert component.run(able, ["inbox"]) == 0
    assert len(runs) == 1
    (folder / "late.conf").write_text("came after the last look")
    assert component.run(able, ["inbox"]) == 0
    assert runs == [[], ["late.conf"]]
    assert component.run(replace(able, converge=failing("the service is away")), ["inbox"]) == 0
    (folder / "late.conf").write_text("came after the last look, too")
    assert component.run(replace(able, converge=failing("the service is away")), ["inbox"]) == 1
    assert component.run(able, ["inbox"]) == 0
    assert len(runs) == 3


def test_verbs_that_a_component_lacks_are_not_offered(places: Path) -> None:
    with pytest.raises(SystemExit):
        component.run(program(places), ["dump", "/nowhere"])


def test_bad_drop_in_is_left_out_and_good_ones_stay() -> None:
    def attempt(texts: dict[str, str]) -> str:
        if "bad" in texts.values():
            raise Invalid("bad is bad")
        return "+".join(texts)

    found = inbox.Inbox({"a.conf": "good", "b.conf": "bad", "c.conf": "good"}, {"d.conf": "a link"})
    judged, meaning = accepted.judge(found, attempt, "Thing")
    assert meaning == "a.conf+c.conf"
    assert list(judged.texts) == ["a.conf", "c.conf"]
    assert judged.refused == {"d.conf": "a link", "b.conf": "Thing refuses it: bad is bad"}


def test_broken_configuration_of_the_platform_is_a_failure() -> None:
    def attempt(_texts: dict[str, str]) -> str:
        raise Invalid("no")

    for found in (inbox.Inbox(), inbox.Inbox({"a.conf": ""})):
        with pytest.raises(Failure, match="Thing does not accept its configuration: no"):
            accepted.judge(found, attempt, "Thing")


def test_accepted_folder_holds_exactly_the_texts(places: Path) -> None:
    (places / "old.conf").write_text("old")
    (places / "other.txt").write_text("other")
    report = Report()
    accepted.settle(places, ".conf", {"new.conf": "new"}, report, check=True)
    assert report.steps == ["take new.conf", "drop old.conf"]
    assert accepted.present(places, ".conf") == {"old.conf": "old"}
    accepted.settle(places, ".conf", {"new.conf": "new"}, Report(), check=False)
    assert accepted.present(places, ".conf") == {"new.conf": "new"}
    assert sorted(path.name for path in places.iterdir()) == ["new.conf", "other.txt"]
    again = Report()
    accepted.settle(places, ".conf", {"new.conf": "new"}, again, check=False)
    assert again.steps == []


def test_pending_restart_keeps_its_beginning_for_the_same_process(
    places: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def remember(now: int, run_id: str) -> int:
        monkeypatch.setattr(state.time, "time", lambda: now)
        entry = {"setting": "a", "live": "1", "wanted": "2", "run_id": run_id}
        state.remember("thing", [], inbox.Inbox(), Report(pending_restart=[entry]), places)
        return state.read("thing", places)["pending_restart"][0]["since"]

    assert [remember(100, "x"), remember(200, "x"), remember(300, "y")] == [100, 100, 300]
    assert state.read("none", places) == {}
