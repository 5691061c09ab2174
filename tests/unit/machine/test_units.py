# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Module units: from systemd's answer to the steps."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from ansible_collections.ringmaster.hosting.plugins.module_utils.machine import units
from ansible_collections.ringmaster.hosting.plugins.module_utils.machine.units import Facts, Step, Unit

UP = Facts(loaded=True, active="active", enabled=True)
DOWN = Facts(loaded=True)
ANSWER = """Id=a.service
LoadState=loaded
ActiveState=active
UnitFileState=enabled
NeedDaemonReload=yes

Id=b.timer
LoadState=not-found
ActiveState=inactive
UnitFileState=
NeedDaemonReload=no
"""


def test_parse() -> None:
    facts = units.parse(ANSWER, ["a.service", "b.timer"])
    assert facts == {
        "a.service": Facts(loaded=True, active="active", enabled=True, stale=True),
        "b.timer": Facts(),
    }


@pytest.mark.parametrize(
    ("facts", "unit", "steps"),
    [
        (UP, Unit("u", enabled=True, state="started"), []),
        (UP, Unit("u", enabled=True, state="started", restart=True), ["restart"]),
        (UP, Unit("u", state="started", reload=True), ["reload-or-restart"]),
        (UP, Unit("u", restart=True, reload=True), ["restart"]),
        (UP, Unit("u", enabled=False, state="stopped", restart=True), ["disable", "stop"]),
        (DOWN, Unit("u", enabled=True, state="started", restart=True), ["enable", "start"]),
        (DOWN, Unit("u", restart=True), []),
        (DOWN, Unit("u", enabled=False, state="stopped"), []),
        (Facts(), Unit("u", enabled=True, state="started"), ["enable", "start"]),
        (Facts(loaded=True, active="failed", enabled=True), Unit("u", state="started"), ["start"]),
        (Facts(loaded=True, active="active", enabled=True, stale=True), Unit("u"), ["daemon-reload"]),
    ],
)
def test_plan(facts: Facts, unit: Unit, steps: list[str]) -> None:
    assert [step.verb for step in units.plan({"u": facts}, [unit])] == steps


def test_units_share_a_call() -> None:
    wanted = [Unit("a", enabled=True, state="started"), Unit("b", enabled=True, state="started")]
    assert units.plan({"a": DOWN, "b": DOWN}, wanted) == [
        Step("enable", ("a", "b")),
        Step("start", ("a", "b")),
    ]


def test_failure_shows_the_journal() -> None:
    def run(argv: Sequence[str]) -> tuple[int, str, str]:
        return (0, "Cannot bind\n", "") if argv[0] == "journalctl" else (1, "", "Job failed")

    with pytest.raises(units.UnitError) as caught:
        units.apply(run, [Step("start", ("a.service",))])
    assert str(caught.value) == "systemctl start a.service: Job failed\nCannot bind"


def test_a_list_is_never_shown_page_by_page() -> None:
    """The quick way's command has a terminal, at which a pager would wait for somebody to read."""
    assert units.listing(["a.service"])[:3] == ["systemctl", "--no-pager", "show"]
