"""Guarded changes: taken back by the host itself unless confirmed."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

import pytest
from ansible_collections.ringmaster.hosting.plugins.module_utils.machine import file_apply, file_plan, file_rollback
from ansible_collections.ringmaster.hosting.plugins.module_utils.machine.file_plan import Entry


@pytest.fixture(autouse=True)
def without_systemd(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file_rollback, "_has_systemd", lambda: False)


def prepare(tmp_path: Path) -> tuple[Path, Path, file_plan.Plan, list[str]]:
    root, base = tmp_path / "root with space", tmp_path / "state"
    root.mkdir()
    (root / "changed").write_text("old")
    (root / "changed").chmod(0o604)
    (root / "mode").write_text("")
    (root / "mode").chmod(0o600)
    (root / "link").symlink_to("changed")
    (root / "gone").mkdir()
    (root / "gone/inner").write_text("keep")
    plan = file_plan.plan(
        [
            Entry(f"{root}/changed", content=b"new"),
            Entry(f"{root}/mode", content=b"", mode=0o644),
            Entry(f"{root}/link", state="link", target="mode"),
            Entry(f"{root}/gone", state="absent", recurse=True),
            Entry(f"{root}/a/b/new", content=b"new", parents=True),
        ]
    )
    return root, base, plan, [f"sh -c 'cat \"{root}/changed\" >> {tmp_path}/applied'"]


def picture(root: Path) -> dict[str, tuple[str, int]]:
    found = {}
    for path in root.rglob("*"):
        content = str(path.readlink()) if path.is_symlink() else "" if path.is_dir() else path.read_text()
        found[str(path.relative_to(root))] = (content, path.lstat().st_mode)
    return found


def change(tmp_path: Path, seconds: int) -> tuple[Path, Path, dict[str, tuple[str, int]]]:
    root, base, plan, commands = prepare(tmp_path)
    before = picture(root)
    file_rollback.arm("t", plan.changes, commands, seconds, base)
    file_apply.apply(plan.changes, commands=commands)
    file_rollback.finished("t", {"changed": True}, base)
    assert picture(root) != before
    return root, base, before


def test_confirmed_in_time(tmp_path: Path) -> None:
    root, base, _before = change(tmp_path, 1)
    after = picture(root)
    assert file_rollback.confirm("t", base) == ("confirmed", {"changed": True})
    assert list(base.iterdir()) == []
    time.sleep(1.3)
    assert picture(root) == after
    assert file_rollback.confirm("t", base) == ("unknown", {})


def test_not_confirmed(tmp_path: Path) -> None:
    root, base, before = change(tmp_path, 1)
    for _ in range(50):
        time.sleep(0.1)
        if (base / "t/rolled-back").exists():
            break
    assert picture(root) == before
    assert file_rollback.confirm("t", base) == ("rolled_back", {})
    assert (tmp_path / "applied").read_text() == "newold"


def test_after_a_reboot_the_old_files_come_back_without_commands(tmp_path: Path) -> None:
    root, base, before = change(tmp_path, 60)
    (base / "t/claimed").mkdir()  # the timer's script was killed by the reboot
    subprocess.run(["sh", str(base / "t/roll-back"), "boot"], check=True)
    assert picture(root) == before
    assert (tmp_path / "applied").read_text() == "new"
    subprocess.run(["sh", str(base / "t/roll-back"), "boot"], check=True)
    assert picture(root) == before


def test_too_late_a_confirmation_does_not_disarm(tmp_path: Path) -> None:
    _root, base, _before = change(tmp_path, 60)
    (base / "t/claimed").mkdir()
    assert file_rollback.confirm("t", base) == ("running", {})
    assert file_rollback.disarm("t", base) is False


def test_an_unfinished_change_is_not_confirmed(tmp_path: Path) -> None:
    _root, base, plan, commands = prepare(tmp_path)
    file_rollback.arm("t", plan.changes, commands, 60, base)
    assert file_rollback.confirm("t", base) == ("running", {})


def test_arming_that_fails_changes_nothing(tmp_path: Path) -> None:
    root, base, plan, commands = prepare(tmp_path)
    (root / "changed").unlink()
    with pytest.raises(file_plan.FilesError, match="cannot prepare the roll back"):
        file_rollback.arm("t", plan.changes, commands, 60, base)
    assert list(base.iterdir()) == []
