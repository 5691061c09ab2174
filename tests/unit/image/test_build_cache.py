# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
import os
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.ringmaster.hosting.plugins.module_utils.image import store, tree
from ansible_collections.ringmaster.hosting.plugins.module_utils.image.errors import ImageError
from ansible_collections.ringmaster.hosting.plugins.module_utils.image.store import Shelf
from ansible_collections.ringmaster.hosting.plugins.module_utils.image.tree import Origin, TreeSpec

SOURCES = "deb http://mirror.example/debian bookworm main\n"


class Builder:
    """Stands in for mmdebstrap: makes a tree with the packages that it was told, and counts."""

    def __init__(self) -> None:
        self.versions = {"dbus": "1"}
        self.calls = 0
        self.failure: BaseException | None = None

    def __call__(self, spec: TreeSpec, origin: Origin, work: Path, lock: int, log: Path) -> tuple[Path, dict[str, str]]:
        self.calls += 1
        made = work / "tree"
        made.mkdir()
        (made / "release").write_text(spec.release)
        if self.failure:
            raise self.failure
        return made, dict(self.versions)


@pytest.fixture
def builder(monkeypatch: pytest.MonkeyPatch) -> Builder:
    stand_in = Builder()
    monkeypatch.setattr(tree, "build", stand_in)
    monkeypatch.setattr(tree, "check_host", lambda folder, finish: None)
    return stand_in


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return Shelf(tmp_path / "cache", "machine")


def obtain(shelf: Shelf, spec: TreeSpec | None = None, **options: Any) -> tuple[bool, dict[str, Any]]:
    return tree.obtain(shelf, spec or TreeSpec(), Origin(SOURCES), **options)


def test_built_once_then_found(shelf: Shelf, builder: Builder) -> None:
    changed, first = obtain(shelf)
    again, second = obtain(shelf)
    assert (changed, again, builder.calls) == (True, False, 1)
    assert first["path"] == second["path"] == str(shelf.folder / f"machine-{first['digest'][:12]}")
    assert second["packages"] == {"dbus": "1"}
    assert sorted(path.suffix for path in shelf.folder.glob("machine*")) == ["", ".json", ".lock"]


def test_found_without_looking_at_sources_or_host(
    shelf: Shelf, builder: Builder, monkeypatch: pytest.MonkeyPatch
) -> None:
    obtain(shelf)
    monkeypatch.setattr(tree, "check_host", lambda folder, finish: pytest.fail("looked at the host"))
    changed, _record = tree.obtain(shelf, TreeSpec(), Origin("nonsense"))
    assert not changed


def test_refresh_keeps_the_result_while_no_version_differs(shelf: Shelf, builder: Builder) -> None:
    _, first = obtain(shelf)
    assert obtain(shelf, refresh=True) == (False, first)
    builder.versions = {"dbus": "2"}
    changed, second = obtain(shelf, refresh=True)
    assert changed
    assert second["path"] != first["path"]
    assert Path(first["path"]).exists()
    assert obtain(shelf)[1]["path"] == second["path"]


def test_force_makes_a_new_one_under_a_new_name(shelf: Shelf, builder: Builder) -> None:
    _, first = obtain(shelf)
    changed, second = obtain(shelf, force=True)
    assert changed
    assert second["path"] != first["path"]


def test_check_mode_touches_nothing(shelf: Shelf, builder: Builder) -> None:
    changed, record = obtain(shelf, check=True)
    assert changed
    assert "path" not in record
    assert not shelf.folder.exists()
    obtain(shelf)
    assert obtain(shelf, check=True)[0] is False
    assert builder.calls == 1


def test_every_input_counts(tmp_path: Path) -> None:
    overlay, script = tmp_path / "overlay", tmp_path / "script"
    overlay.mkdir()
    file = overlay / "file"
    file.write_text("a")
    script.write_text("true\n")
    base: dict[str, Any] = {"packages": ("a", "b"), "overlays": (overlay,), "scripts": (script,)}
    seen = [TreeSpec(**base).inputs()]
    assert TreeSpec(**{**base, "packages": ("b", "a", "a")}).inputs() == seen[0]
    file.write_text("b")
    seen.append(TreeSpec(**base).inputs())
    file.chmod(0o755)
    seen.append(TreeSpec(**base).inputs())
    (overlay / "link").symlink_to("file")
    seen.append(TreeSpec(**base).inputs())
    script.write_text("false\n")
    seen.append(TreeSpec(**base).inputs())
    for more in (
        {"release": "forky"},
        {"packages": ("a",)},
        {"files": {"/etc/x": ("x", 0o644)}},
        {"files": {"/etc/x": ("x", 0o600)}},
        {"links": {"/etc/x": "y"}},
        {"debconf": ("a b c d",)},
        {"commands": (("true",),)},
        {"salt": ["disk", 1]},
    ):
        seen.append(TreeSpec(**{**base, **more}).inputs())
    assert len(set(seen)) == len(seen)
    os.utime(file, (0, 0))
    assert TreeSpec(**base).inputs() == seen[4], "times must not count"


def test_missing_inputs_are_named(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match=r"folder .*/nowhere, to be copied"):
        TreeSpec(overlays=(tmp_path / "nowhere",)).inputs()
    with pytest.raises(ImageError, match=r"script .*/nowhere, to be run"):
        TreeSpec(scripts=(tmp_path / "nowhere",)).inputs()


@pytest.mark.parametrize("failure", [ImageError("mmdebstrap failed"), KeyboardInterrupt()])
def test_a_failed_build_leaves_nothing(shelf: Shelf, builder: Builder, failure: BaseException) -> None:
    builder.failure = failure
    with pytest.raises(type(failure)):
        obtain(shelf)
    assert [path.name for path in shelf.folder.iterdir()] == ["machine.lock"]
    builder.failure = None
    assert obtain(shelf)[0]


def test_leftovers_of_a_killed_build_are_swept(shelf: Shelf, builder: Builder) -> None:
    _, other = tree.obtain(Shelf(shelf.folder, "machine-two"), TreeSpec(), Origin(SOURCES))
    (shelf.partial / "tree/etc").mkdir(parents=True)
    unfinished = shelf.folder / "machine-0123456789ab"
    (unfinished / "etc").mkdir(parents=True)
    _, record = obtain(shelf)
    assert not shelf.partial.exists()
    assert not unfinished.exists()
    assert Path(record["path"]).exists()
    assert Path(other["path"]).exists(), "a result of another name was swept"


def test_a_broken_or_orphaned_record_does_not_count(shelf: Shelf, builder: Builder) -> None:
    _, record = obtain(shelf)
    file = shelf.record(record["digest"])
    file.write_text("{")
    assert obtain(shelf)[0]
    assert json.loads(file.read_text())["digest"] == record["digest"]
    store.remove(Path(record["path"]))
    assert obtain(shelf)[0]


def test_old_results_are_pruned(shelf: Shelf, builder: Builder, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = []
    for version in "1234":
        builder.versions = {"dbus": version}
        paths.append(obtain(shelf, refresh=True)[1]["path"])
    assert shelf.prune(2) == [paths[1], paths[0]]
    assert [Path(path).exists() for path in paths] == [False, False, True, True]
    assert len(shelf.records()) == 2


def test_a_second_build_waits_and_finds_the_first(shelf: Shelf, builder: Builder) -> None:
    with shelf.locked():
        results: list[bool] = []
        thread = threading.Thread(target=lambda: results.append(obtain(shelf)[0]))
        thread.start()
        time.sleep(0.1)
        assert builder.calls == 0
        made = shelf.folder / "made"
        made.mkdir()
        shelf.publish(made, "f" * 64, {"inputs": TreeSpec().inputs(), "built": 1.0})
    thread.join(10)
    assert (results, builder.calls) == ([False], 0)


def test_a_mounted_folder_is_never_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "tree"
    (target / "dev").mkdir(parents=True)
    table = tmp_path / "mountinfo"
    table.write_text(f"1 2 3:4 / {target}/dev rw - devtmpfs x rw\n")
    real = Path.read_text
    monkeypatch.setattr(
        Path, "read_text", lambda self, **kw: real(table if str(self).startswith("/proc") else self, **kw)
    )
    with pytest.raises(ImageError, match=r"is mounted inside. Run: umount -R .*/tree/dev"):
        store.remove(target)
    assert (target / "dev").exists()


def test_faults_of_the_host_are_said_plainly(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ImageError, match=r"Not enough disk space in .* MiB free, the build needs 999999999 MiB"):
        store.require_space(tmp_path / "not/there", 999999999)
    with pytest.raises(ImageError, match=r"Run: apt-get install bar foo$"):
        store.require_programs({"no-such-1": "foo", "no-such-2": "bar", "sh": "dash"})
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(ImageError, match="needs root"):
        store.require_root("Building")


def test_a_failing_program_is_quoted(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("earlier\n")
    script = "echo 'E: it broke' >&2; echo 'I: noise'; seq 40; exit 3"
    with log.open() as lock, pytest.raises(ImageError) as caught:
        store.run(["sh", "-c", script], lock.fileno(), log, what="mmdebstrap")
    message = str(caught.value)
    assert message.startswith("mmdebstrap failed with status 3. It said:\nE: it broke\n26\n")
    assert message.endswith(f"\n40\nWhole log: {log}")
    assert "earlier" not in message
    assert "noise" not in message


@pytest.mark.parametrize(
    ("said", "hint"),
    [
        ("E: Unable to locate package nosuch\n", "The release has no package nosuch."),
        ("E: Package 'nosuch' has no installation candidate\n", "The release has no package nosuch."),
        ("cp: error writing 'x': No space left on device\n", "The disk is full."),
        (
            "W: GPG error: x NO_PUBKEY 123\nE: Failed to fetch http://x/y  z\n",
            "The signature of a package source",
        ),
        (
            "E: Failed to fetch http://x/y  Could not connect\n",
            "A package source cannot be read: http://x/y.",
        ),
    ],
)
def test_usual_failures_come_with_the_remedy(said: str, hint: str) -> None:
    assert store.explain(said, "mmdebstrap", 25).startswith(hint)
