# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whatever happens between two steps, a request is one commit, and what follows is run: nothing lost, nothing twice."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import yaml
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform import repository
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform.proofs.nonces import Store
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform.verbs import edit
from ansible_collections.ringmaster.hosting.plugins.module_utils.steward import journal
from desks import FakeRunner, Steward, git

pytestmark = pytest.mark.thorough
ORDER = ("order_vm", {"project": "shop"})
PLACES: list[tuple[Any, str]] = [
    (journal._Transaction, "__exit__"),
    (Store, "spend"),
    (repository, "_push"),
    (edit, "publish"),
    (FakeRunner, "start"),
]
"""What leaves something behind: a transaction, a statement used up, a push, files written, a run begun."""


class Killed(BaseException):
    """The end of a process, which nothing catches."""


class Killer:
    """Ends the process at one of the places, counted from the beginning: before what is done there, or after it."""

    def __init__(self, at: int) -> None:
        self.at, self.count, self.fired = at, 0, False

    def around(self, original: Callable[..., Any]) -> Callable[..., Any]:
        def replaced(*arguments: Any, **more: Any) -> Any:
            if isinstance(arguments[0], journal._Transaction) and arguments[1] is not None:
                return original(*arguments, **more)  # it is given up already
            self._perhaps(arguments)
            result = original(*arguments, **more)
            self._perhaps(())
            return result

        return replaced

    def _perhaps(self, arguments: tuple[Any, ...]) -> None:
        if self.count == self.at and not self.fired:
            self.fired = True
            if arguments and isinstance(arguments[0], journal._Transaction):
                arguments[0]._base.execute("ROLLBACK")
            raise Killed
        self.count += 1


@pytest.fixture
def killer(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[int], Killer]]:
    def make(at: int) -> Killer:
        one = Killer(at)
        for owner, name in PLACES:
            monkeypatch.setattr(owner, name, one.around(getattr(owner, name)))
        return one

    yield make


def commits(steward: Steward) -> list[str]:
    return git(steward.folder / "bare.git", "log", "--format=%s", "main").splitlines()


@pytest.mark.parametrize("at", range(20))
def test_it_is_done_once_wherever_the_steward_is_killed(
    written: Steward, people: Any, killer: Callable[[int], Killer], at: int
) -> None:
    body = people["mara"].signed(ORDER)
    one = killer(at)
    id_ = ""
    try:
        id_ = written.hand_in(body)
        written.run()
    except Killed:
        written.restart()
    if not one.fired:
        pytest.skip("there are fewer places")
    # The queue hands it over again, as long as it was not told that it is safely there.
    known = [entry.id for entry in written.journal.of_states("submitted", "queued", "described", "applying", "applied")]
    if not known:
        id_ = written.hand_in(body)
    written.run()
    assert commits(written) == ["order_vm shop03", "Begin"]
    entry = written.entry(known[0] if known else id_)
    assert (entry.state, entry.commit, entry.subject) == (
        "applied",
        git(written.folder / "bare.git", "rev-parse", "main"),
        "shop03",
    )
    vms = yaml.safe_load(git(written.folder / "bare.git", "show", "main:projects/shop.yml"))["vms"]
    assert list(vms) == ["shop00", "shop01", "shop02", "shop03"]
    assert 1 <= len(written.runner.begun) <= 2
    assert {one.run.command() for one in written.runner.begun} == {
        'playbooks/converge_vm.yml -e \'{"vm": ["shop03"]}\''
    }


def test_the_places_are_all_met(written: Steward, people: Any, killer: Callable[[int], Killer]) -> None:
    """So that the test above ends where there are no more places, and not before."""
    one = killer(10**6)
    written.hand_in(people["mara"].signed(ORDER))
    written.run()
    assert 15 < one.count <= 20, one.count


def test_a_commit_says_who_asked_who_consented_and_by_what(written: Steward, people: Any) -> None:
    wish = {"project": "shop", "user": "lou", "permissions": ["login", "wheel"]}
    entry = written.ask(people["mara"].signed(("set_permissions", wish)))
    written.ask(people["olga"].signed(("approve", {"request": entry.id, "sha256": entry.digest})))
    said = git(written.folder / "bare.git", "log", "-1", "--format=%an <%ae>%n%(trailers:only)", "main")
    assert said.splitlines()[:5] == [
        "Mara <mara@town.example>",
        f"Request: {entry.id}",
        "Requested-By: mara",
        f"Proof: {written.entry(entry.id).statement}",
        "Approved-By: olga",
    ]


def test_a_repository_that_is_away_lets_requests_wait(written: Steward, people: Any) -> None:
    bare = written.folder / "bare.git"
    bare.rename(written.folder / "away.git")
    entry = written.ask(people["mara"].asked(ORDER))
    assert (entry.state, "cannot be cloned" in entry.problem) == ("queued", True)
    (written.folder / "away.git").rename(bare)
    written.time = written.time.replace(microsecond=0) + (written.time - written.opened) / 10000
    written.run()
    assert written.entry(entry.id).state == "applied"


def test_operators_push_beside_it_and_nobody_loses(written: Steward, people: Any) -> None:
    other = written.folder / "operator"
    git(written.folder, "clone", "-q", "bare.git", "operator")
    path = other / "projects/blog.yml"
    path.write_text(path.read_text() + "description: A blog\n")
    git(other, "commit", "-qam", "Say what it is")
    git(other, "push", "-q")
    written.ask(people["mara"].asked(ORDER))
    assert commits(written) == ["order_vm shop03", "Say what it is", "Begin"]
    assert "A blog" in (written.source.parent / "projects/blog.yml").read_text(), "the copy here follows"


def test_many_at_once_stay_within_the_quota(written: Steward, people: Any) -> None:
    for _time in range(6):
        written.hand_in(people["mara"].signed(ORDER))
    written.run()
    found = [entry.state for entry in written.journal.of_states("applied", "refused", "failed")]
    assert sorted(found) == ["applied"] + ["refused"] * 5, "the quota is four VMs, three are there"


def test_a_steward_without_its_journal_does_nothing_again(written: Steward, people: Any) -> None:
    """As on another machine, which has the repository and what was used up, and is handed all requests again."""
    body = people["mara"].signed(ORDER)
    id_ = written.hand_in(body)
    written.run()
    written.journal.close()
    written.used.close()
    shutil.rmtree(written.folder / "steward")
    written.open()
    assert written.desk.take(id_, json.dumps(body))
    written.run()
    assert commits(written) == ["order_vm shop03", "Begin"]
    assert (written.entry(id_).state, written.entry(id_).subject) == ("applied", "shop03")
    other = written.hand_in(body)
    written.run()
    assert "used before" in written.entry(other).reasons[0], "by another id it is another request"
