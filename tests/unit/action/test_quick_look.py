# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Actions that look by a plain command first: their modules run exactly where there may be something to do."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from enemy import Outcome, Stage, recap

pytestmark = pytest.mark.thorough

DPKG_QUERY = """\
while [ "$1" != -- ]; do shift; done; shift
for name; do case $name in absent*) echo "not-installed $name";; *) echo "installed $name";; esac; done
"""
FIND = "echo held held.service\n"
SYSTEMCTL = """\
while [ "$1" != -- ]; do shift; done; shift
for name; do
  active=active enabled=enabled stale=no
  case $name in
    down*) active=inactive;; off*) enabled=disabled;; stale*) stale=yes;;
    half*) printf 'Id=%s\\n\\n' "$name"; continue;;
    refused*) echo refused >&2; exit 1;;
  esac
  printf '%s\\n' "Id=$name" LoadState=loaded "ActiveState=$active" "UnitFileState=$enabled" "NeedDaemonReload=$stale" ""
done
"""

# All machines have kept that their project asked for b.
CAT = """case $1 in
  */packages.json) echo '{"declared": ["b"], "left": [], "units": ["b.service"]}';;
  *) exec /bin/cat "$@";;
esac
"""


def packages(*names: str, **more: Any) -> dict[str, Any]:
    return {"ringmaster.hosting.packages": {"names": list(names), **more}}


def units(*names: str, **more: Any) -> dict[str, Any]:
    wanted = [{"name": name, "enabled": True, "state": "started", **more} for name in names]
    return {"ringmaster.hosting.units": {"units": wanted}}


NOTHING_TO_DO: dict[str, dict[str, Any]] = {
    "installed": packages("a", "b"),
    "asks_for_b": packages("a", declared=["b", "a"]),
    "says_nothing_of_b": packages("a"),
    "not_ours_held": packages("a", start_later=["other.service"]),
    "up": units("a.service", "b.timer"),
    "stopped": units("down.service", state="stopped"),
    "either": units("a.service", enabled=None, state=None),
}
TO_THE_MODULE: dict[str, dict[str, Any]] = {
    "one_absent": packages("a", "absent-b"),
    "absent_of_project": packages("a", declared=["absent-b"]),
    "asked_for_b": packages("a", declared=[], remove=True),
    "other_record": packages("a", declared=["b", "c"]),
    "no_words": packages("a", declared="b"),
    "held": packages("a", start_later=["held.service"]),
    "mistyped": packages("a", recommend=True),
    "no_list": packages("a", start_later="held.service"),
    "down": units("a.service", "down.service"),
    "off": units("off.service"),
    "stale": units("stale.service"),
    "running": units("a.service", state="stopped"),
    "restarted": units("a.service", restart=True),
    "reloaded": units("a.service", reload=True),
    "half": units("half.service", enabled=None, state=None),
    "refused": units("a.service", "refused.service"),
    "wrong_state": units("a.service", state="up"),
    "daemon_reload": {
        "ringmaster.hosting.units": {**units("a.service")["ringmaster.hosting.units"], "daemon_reload": True}
    },
}


@pytest.fixture(scope="module")
def looked(tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    """Run all on machines whose modules would say that they have changed something."""
    stage = Stage(tmp_path_factory.mktemp("looked"))
    programs = stage.folder / "programs"
    programs.mkdir()
    for name, text in (("cat", CAT), ("dpkg-query", DPKG_QUERY), ("find", FIND), ("systemctl", SYSTEMCTL)):
        stage.program(f"programs/{name}", f"#!/bin/sh\n{text}")
    tasks = []
    for name, task in {**NOTHING_TO_DO, **TO_THE_MODULE}.items():
        stage.says(name, {"changed": True})
        tasks.append({**task, "when": f"inventory_hostname == '{name}'"})
    path = f"{programs}:{os.environ['PATH']}"
    return stage.play([{"tasks": tasks}], "--diff", environment={"PATH": path})


@pytest.mark.parametrize("name", NOTHING_TO_DO)
def test_where_all_is_as_it_should_be_no_module_runs(looked: Outcome, name: str) -> None:
    assert recap(looked, name) == {**recap(looked, name), "ok": 1, "changed": 0, "failed": 0}, looked.text


@pytest.mark.parametrize("name", TO_THE_MODULE)
def test_everything_else_is_the_modules_matter(looked: Outcome, name: str) -> None:
    assert recap(looked, name) == {**recap(looked, name), "ok": 1, "changed": 1, "failed": 0}, looked.text


def test_what_dpkg_itself_says_is_understood(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    stage.says("real", {"changed": True})
    real = {"when": "inventory_hostname == 'real'"}
    there = {**packages("dpkg", "base-files", start_later=["no-such.service"]), **real}
    missing = {**packages("dpkg", "no-such-package"), **real}
    done = stage.play([{"tasks": [there, missing]}])
    assert recap(done, "real") == {**recap(done, "real"), "ok": 2, "changed": 1, "failed": 0}, done.text
