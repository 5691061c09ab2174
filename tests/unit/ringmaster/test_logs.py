# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``ringmaster logs``: what it hands to journalctl, and what nobody gets by it."""

from __future__ import annotations

import fnmatch
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.ringmaster.hosting.plugins.module_utils.components import leaving
from ansible_collections.ringmaster.hosting.plugins.module_utils.components.catalogue import COMPONENTS
from ringmaster.logs import main as logs


class Replaced(Exception):
    """The process would be another program now."""


@pytest.fixture
def shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return what runs in the program's place."""
    units = tmp_path / "logs.json"
    units.write_text(json.dumps(leaving.logs(["redis", "webgateway"])))
    original = logs.known
    monkeypatch.setattr(logs, "known", lambda: original(units))

    def replace(_path: str, argv: Sequence[str], *_environment: Any) -> None:
        raise Replaced(*argv)

    monkeypatch.setattr(os, "execv", replace)
    monkeypatch.setattr(os, "execve", replace)

    def run(*words: str, uid: int = 0) -> list[str]:
        monkeypatch.setattr(os, "geteuid", lambda: uid)
        with pytest.raises(Replaced) as caught:
            logs.main(words)
        return list(caught.value.args)

    return run


def test_units_of_a_component_and_no_others(shown: Any) -> None:
    argv = shown("webgateway", "-n", "5", "-f", "--since=-2h", "--grep=--file=/etc/shadow")
    units = [word.removeprefix("--unit=") for word in argv if word.startswith("--unit=")]
    assert {"haproxy.service", "nginx.service", "ringmaster-webgateway-*"} <= set(units)
    assert not [unit for unit in units if "redis" in unit]
    assert argv[: len(logs.JOURNALCTL)] == list(logs.JOURNALCTL)
    # What people say is the value of an option, never an option or a word of its own.
    assert argv[-4:] == ["--lines=5", "--since=-2h", "--grep=--file=/etc/shadow", "--follow"]


def test_people_ask_sudo_for_the_same(shown: Any) -> None:
    assert shown("redis", "-n5", uid=20100) == [*logs.SUDO, "redis", "-n5"]


@pytest.mark.parametrize(
    "words",
    [
        ["ssh"],
        ["ssh.service"],
        ["postgresql"],
        ["redis", "--unit=ssh"],
        ["redis", "ssh"],
        ["redis", "-n", "x"],
        ["--file=/etc/shadow"],
    ],
)
def test_everything_else_is_refused(shown: Any, words: list[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        logs.main(words)
    assert caught.value.code == 2


def test_without_a_component_they_are_listed(shown: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert logs.main([]) == 0
    assert capsys.readouterr().out == "redis\nwebgateway\n"


def test_no_list_no_components(tmp_path: Path) -> None:
    assert logs.known(tmp_path / "none") == {}


@pytest.mark.parametrize("name", COMPONENTS)
def test_no_component_shows_what_the_system_says_of_people(name: str) -> None:
    evidence = (
        "ssh.service",
        "ssh@1.service",
        "user@20100.service",
        "systemd-logind.service",
        "sudo.service",
        "cron.service",
    )
    (units,) = leaving.logs([name]).values()
    assert not [(unit, one) for unit in units for one in evidence if fnmatch.fnmatch(one, unit)]
