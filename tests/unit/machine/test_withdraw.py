# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Withdrawn files: what goes, what stays because something names it, and that only ours are touched."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from ansible_collections.ringmaster.hosting.plugins.module_utils.machine import withdraw

MARK = b"# Managed by Ringmaster: changes made here will be overwritten\n"
LAUNCHER = "/usr/lib/ringmaster/components/redis"
PACKAGE = "/usr/lib/ringmaster/python/ringmaster_redis/main.py"
LIBRARY = "/usr/lib/ringmaster/python/ringmaster_components/inbox.py"
UNIT = "/etc/systemd/system/ringmaster-redis-inbox.service"
OLD = {
    LAUNCHER: b"#!/bin/sh\nfrom ringmaster_redis.main import main\n",
    PACKAGE: b"from ringmaster_components import inbox\n",
    LIBRARY: b"import os\n",
    "/usr/lib/ringmaster/checks/redis.py": b"from ringmaster_components import checks\n",
}


def test_all_goes_when_nothing_that_stays_names_it() -> None:
    texts = {**OLD, UNIT: MARK + b"ExecStart=/usr/bin/ringmaster redis inbox\n"}
    plan = withdraw.plan(OLD, texts)
    assert (plan.remove, plan.kept, plan.units) == (sorted(OLD), {}, [])


def test_what_is_named_stays_with_all_that_it_needs() -> None:
    """A component that nobody describes any more goes on running as it is."""
    texts = {**OLD, UNIT: MARK + b"ExecStart=/usr/lib/ringmaster/components/redis inbox\n"}
    plan = withdraw.plan(OLD, texts)
    assert plan.remove == ["/usr/lib/ringmaster/checks/redis.py"]
    assert plan.kept == {LAUNCHER: UNIT, PACKAGE: LAUNCHER, LIBRARY: PACKAGE}


@pytest.mark.parametrize(
    "text",
    [
        b"ExecStart=/usr/lib/ringmaster/components/redis-cluster inbox\n",
        b"ExecStart=/opt/usr/lib/ringmaster/components/redis\n",
        b"ringmaster_redis_total 5\n",
    ],
)
def test_another_name_that_holds_it_does_not_count(text: bytes) -> None:
    assert withdraw.plan(OLD, {**OLD, UNIT: MARK + text}).kept == {}


@pytest.mark.parametrize(
    ("path", "text", "goes"),
    [
        ("/etc/systemd/system/ringmaster-mine.service", b"[Service]\nExecStart=/srv/mine\n", False),
        ("/etc/systemd/system/ringmaster-old.service", MARK, True),
        ("/usr/bin/ringmaster-mine", b"#!/bin/sh\necho mine\n", False),
        ("/usr/bin/ringmaster-old", b'sys.path.insert(0, "/usr/lib/ringmaster/python")', True),
        ("/usr/lib/ringmaster/checks.d/mine.json", b'[{"name": "x", "command": ["/srv/x"]}]', False),
        ("/usr/lib/ringmaster/checks.d/old.json", b'[{"name": "x", "function": "old:x"}]', True),
    ],
)
def test_what_people_put_beside_ours_is_not_touched(path: str, text: bytes, goes: bool) -> None:
    assert withdraw.plan([path], {path: text}).remove == ([path] if goes else [])


def test_what_is_gone_already_is_nothing_to_do() -> None:
    assert withdraw.plan(["/usr/bin/ringmaster-old"], {}) == withdraw.Plan()


def test_units_are_stopped_but_no_templates() -> None:
    paths = [UNIT, "/etc/systemd/system/ringmaster-again@.service", "/etc/systemd/system/x.service.d/ringmaster.conf"]
    plan = withdraw.plan(paths, dict.fromkeys(paths, MARK))
    assert (plan.remove, plan.units) == (sorted(paths), [Path(UNIT).name])


def test_what_enables_a_unit_does_not_keep_it(tmp_path: Path) -> None:
    unit, wants = tmp_path / "ringmaster-old.path", tmp_path / "multi-user.target.wants/ringmaster-old.path"
    other, cache = tmp_path / "ringmaster-new.service", tmp_path / "__pycache__/old.pyc"
    for path, text in ((unit, MARK), (other, MARK), (cache, b"compiled")):
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(text)
    wants.parent.mkdir()
    wants.symlink_to(unit)
    gone = tmp_path / "ringmaster-gone"
    gone.symlink_to("ringmaster")
    texts = withdraw.read([str(unit), str(gone), str(tmp_path / "not-there")], [f"{tmp_path}/**"])
    assert sorted(texts) == sorted(map(str, (unit, other, gone)))
    assert texts[str(gone)].endswith(b" ringmaster")
    assert withdraw.plan([str(unit), str(gone)], texts).kept == {}


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, list[list[str]]]:
    """A machine's folders below another root, and the commands that were run."""
    commands: list[list[str]] = []

    def run(argv: list[str], **_options: object) -> subprocess.CompletedProcess[str]:
        commands.append(argv)
        return subprocess.CompletedProcess(argv, 0)

    monkeypatch.setattr(subprocess, "run", run)
    monkeypatch.setattr(withdraw, "HOME", tmp_path / "lib")
    monkeypatch.setattr(withdraw, "UNITS", tmp_path / "units")
    return tmp_path, commands


def test_removed_with_what_python_made_and_empty_folders(machine: tuple[Path, list[list[str]]]) -> None:
    root, commands = machine
    gone = root / "lib/python/ringmaster_redis/main.py"
    for path in (gone, root / "lib/python/ringmaster/core/files.py", root / "units/ringmaster-old.path"):
        path.parent.mkdir(parents=True)
        path.write_text("text")
    (gone.parent / "__pycache__").mkdir()
    (gone.parent / "__pycache__/main.cpython-313.pyc").write_text("compiled")
    unit = root / "units/ringmaster-old.path"
    withdraw.apply(withdraw.Plan([str(gone), str(unit)], {}, [unit.name]))
    assert sorted(str(path.relative_to(root)) for path in root.rglob("*")) == [
        "lib",
        "lib/python",
        "lib/python/ringmaster",
        "lib/python/ringmaster/core",
        "lib/python/ringmaster/core/files.py",
        "units",
    ]
    assert [argv[1:] for argv in commands] == [
        ["daemon-reload"],
        ["disable", "--now", "ringmaster-old.path"],
        ["daemon-reload"],
        ["reset-failed", "ringmaster-old.path"],
    ]


def test_nothing_is_removed_when_a_unit_cannot_be_stopped(
    machine: tuple[Path, list[list[str]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    root, _commands = machine
    unit = root / "units/ringmaster-old.path"
    unit.parent.mkdir()
    unit.write_text("text")

    def refuse(argv: list[str], **_options: object) -> None:
        raise subprocess.CalledProcessError(1, argv, stderr="no")

    monkeypatch.setattr(subprocess, "run", refuse)
    with pytest.raises(subprocess.CalledProcessError):
        withdraw.apply(withdraw.Plan([str(unit)], {}, [unit.name]))
    assert unit.exists()
