# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Accounts of a platform on which an enemy has VMs: others get theirs, and the enemy is named. Tests tell one story."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from hostile_site import ENEMY, HIDDEN, PWNED, HostileSite, Run
from lies import OWN_FAULT, REFUSED, WELL


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HostileSite]:
    PWNED.unlink(missing_ok=True)
    site = HostileSite(f"rm-hos-{os.getpid()}", tmp_path_factory.mktemp("hostile"), (*REFUSED, *OWN_FAULT, *WELL))
    with site.standing():
        brought = site.play("machine.yml", "-e", "machine_hosts=svc0")
        assert brought.code == 0, brought.text
        site.break_in()
        yield site


@pytest.fixture(scope="module")
def accounts(site: HostileSite) -> Run:
    return site.play("accounts.yml", "--diff", "-v")


def test_the_others_converge(site: HostileSite, accounts: Run) -> None:
    assert accounts.code == 2
    for name in (*site.good, "svc0"):
        assert accounts.recap(name)["failed"] == accounts.recap(name)["unreachable"] == 0, accounts.text
    assert site.root("good00", "id -Gn alice")
    assert accounts.seconds < 60


def test_each_lie_costs_its_machine_its_part_and_is_named(site: HostileSite, accounts: Run) -> None:
    said = accounts.failures()
    for name, lie in site.lies.items():
        figures = accounts.recap(name)
        assert figures["failed"] == (lie not in WELL), (name, lie, accounts.text)
        if lie in REFUSED and lie not in ("nothing", "charset"):
            assert REFUSED[lie] in said[name], (lie, said[name])


def test_nothing_of_it_moves_a_terminal_or_runs_on_the_controller(accounts: Run) -> None:
    assert not HIDDEN.findall(accounts.text)
    assert not PWNED.exists()
    assert accounts.peak_mib < 700


def test_monitoring_is_told_and_its_check_is_red(site: HostileSite, accounts: Run) -> None:
    assert accounts.code == 2
    told = site.refused()
    assert {site.lies[name] for name in told} == set(REFUSED)
    for name, sentence in told.items():
        assert sentence.startswith(name), sentence
        assert REFUSED[site.lies[name]] in sentence, sentence
        assert not HIDDEN.findall(sentence)
    status, sentence = site.check()
    assert status == 2
    assert f"Answers of {len(REFUSED)} machines were refused: {ENEMY}" in sentence


def test_who_answers_well_again_is_heard_of_no_more(site: HostileSite, accounts: Run) -> None:
    assert accounts.code == 2
    site.give_up()
    again = site.play("accounts.yml")
    assert again.code == 0, again.text
    assert site.refused() == {}
    assert site.check()[0] == 0
