"""The engine of module files: plan, apply, roll back."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.ringmaster.hosting.plugins.module_utils.machine import file_apply, file_plan
from ansible_collections.ringmaster.hosting.plugins.module_utils.machine.file_plan import Entry, FilesError, Node
from hypothesis import given
from hypothesis import strategies as st

ME = {"uid": os.geteuid(), "gid": os.getegid()}


def converge(*entries: Entry, verify: str = "") -> list[str]:
    plan = file_plan.plan(entries)
    file_apply.apply(plan.changes, verify)
    return plan.paths


def names(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


def mode(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


def test_writes_then_has_nothing_to_do(tmp_path: Path) -> None:
    entries = [
        Entry(f"{tmp_path}/a/b/file", content=b"one\n", parents=True, mode=0o640),
        Entry(f"{tmp_path}/d", state="directory", mode=0o750),
        Entry(f"{tmp_path}/l", state="link", target="d"),
        Entry(f"{tmp_path}/gone", state="absent"),
    ]
    assert converge(*entries) == [f"{tmp_path}/{name}" for name in ("a", "a/b", "a/b/file", "d", "l")]
    assert (tmp_path / "a/b/file").read_bytes() == b"one\n"
    assert [mode(tmp_path / name) for name in ("a", "a/b", "a/b/file", "d")] == [0o755, 0o755, 0o640, 0o750]
    assert converge(*entries) == []
    assert names(tmp_path) == {"a", "a/b", "a/b/file", "d", "l"}


@pytest.mark.parametrize(("sensitive", "expected"), [(False, 0o644), (True, 0o600)])
def test_mode_of_a_new_file_and_keeping_of_an_old_one(tmp_path: Path, sensitive: bool, expected: int) -> None:
    path = tmp_path / "file"
    converge(Entry(str(path), content=b"1", sensitive=sensitive))
    assert mode(path) == expected
    path.chmod(0o604)
    converge(Entry(str(path), content=b"2", sensitive=sensitive))
    assert mode(path) == 0o604


def test_only_the_mode_changes(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"same")
    inode = path.stat().st_ino
    plan = file_plan.plan([Entry(str(path), content=b"same", mode=0o600)])
    assert [change.action for change in plan.changes] == ["attributes"]
    file_apply.apply(plan.changes)
    assert (mode(path), path.stat().st_ino) == (0o600, inode)


def test_symbolic_link_at_the_destination_is_refused(tmp_path: Path) -> None:
    (tmp_path / "target").write_text("precious")
    (tmp_path / "link").symlink_to("target")
    with pytest.raises(FilesError, match="found a symbolic link to target"):
        converge(Entry(f"{tmp_path}/link", content=b"x"))
    converge(Entry(f"{tmp_path}/link", content=b"x", replace=True))
    assert (tmp_path / "target").read_text() == "precious"
    assert not (tmp_path / "link").is_symlink()


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to give a link away")
def test_linked_parent_of_somebody_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "mine").symlink_to("real")
    (tmp_path / "theirs").symlink_to("real")
    os.chown(tmp_path / "theirs", 12345, 12345, follow_symlinks=False)
    converge(Entry(f"{tmp_path}/mine/file", content=b"x"))
    with pytest.raises(FilesError, match="theirs can be written by others than root"):
        converge(Entry(f"{tmp_path}/theirs/file", content=b"y"))
    assert (tmp_path / "real/file").read_bytes() == b"x"


@pytest.mark.parametrize(
    ("prepare", "entry", "message"),
    [
        (lambda p: (p / "x").mkdir(), {"content": b""}, "wanted a file, found a directory$"),
        (lambda p: (p / "x").write_text(""), {"state": "directory"}, "wanted a directory, found a file$"),
        (lambda p: os.mkfifo(p / "x"), {"content": b""}, "found a device, socket or pipe"),
        (lambda p: (p / "x").write_text(""), {"state": "link", "target": "y"}, "replace: true"),
        (lambda p: (p / "x/y").mkdir(parents=True), {"state": "absent"}, "set 'recurse: true'"),
        (lambda p: None, {"owner": "nobody-at-all"}, "owner 'nobody-at-all' does not exist"),
        (lambda p: None, {"group": "nobody-at-all"}, "group 'nobody-at-all' does not exist"),
    ],
)
def test_refusals_change_nothing(
    tmp_path: Path, prepare: Callable[[Path], object], entry: dict[str, Any], message: str
) -> None:
    prepare(tmp_path)
    before = names(tmp_path)
    with pytest.raises(FilesError, match=message):
        converge(Entry(f"{tmp_path}/other", content=b"x"), Entry(f"{tmp_path}/x", **entry))
    assert names(tmp_path) == before


def test_every_problem_is_told(tmp_path: Path) -> None:
    with pytest.raises(FilesError) as caught:
        converge(Entry(f"{tmp_path}/a/x", content=b""), Entry(f"{tmp_path}/y", owner="nobody-at-all"))
    assert [problem.split(":")[0] for problem in caught.value.problems] == [
        f"{tmp_path}/a/x",
        f"{tmp_path}/y",
    ]


def test_check_mode_takes_what_earlier_tasks_would_have_made(tmp_path: Path) -> None:
    entries = [Entry(f"{tmp_path}/package/conf", content=b"x", owner="nobody-at-all")]
    plan = file_plan.plan(entries, check_mode=True)
    assert plan.paths == [f"{tmp_path}/package/conf"]
    assert len(plan.notes) == 2
    assert names(tmp_path) == set()


@pytest.mark.parametrize("parents", [False, True])
def test_check_mode_predicts_what_apply_does(tmp_path: Path, parents: bool) -> None:
    (tmp_path / "a").mkdir()
    entries = [
        Entry(f"{tmp_path}/a/b/c/one", content=b"1", parents=True),
        Entry(f"{tmp_path}/a/b/two", content=b"2", parents=parents),
        Entry(f"{tmp_path}/a", state="directory", mode=0o700),
    ]
    predicted = file_plan.plan(entries, check_mode=True)
    assert predicted.paths == converge(*entries)
    assert predicted.notes == []


def test_all_are_validated_before_any_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "good").write_text("old")
    with pytest.raises(FilesError) as caught:
        converge(
            Entry(f"{tmp_path}/good", content=b"fine\n", validate="grep -q fine %s"),
            Entry(f"{tmp_path}/new/bad", content=b"bad\n", validate="grep fine %s", parents=True),
            Entry(f"{tmp_path}/worse", content=b"", validate="rm-no-such-checker %s"),
        )
    first, second, last = caught.value.problems
    assert first.startswith(f"{tmp_path}/new/bad: 'grep fine %s' failed (exit 1)")
    assert second == f"{tmp_path}/worse: 'rm-no-such-checker %s' cannot be run: rm-no-such-checker is not installed"
    assert last == "Nothing was changed."
    assert (tmp_path / "good").read_text() == "old"
    assert names(tmp_path) == {"good"}


def test_a_refusal_names_the_file_not_its_temporary_name(tmp_path: Path) -> None:
    with pytest.raises(FilesError) as caught:
        converge(Entry(f"{tmp_path}/file", content=b"", validate="ls %s/x"))
    assert f"{tmp_path}/file/x" in caught.value.problems[0]
    assert file_apply.TEMPORARY_PREFIX not in str(caught.value)


def test_validator_sees_content_and_mode_in_the_target_folder(tmp_path: Path) -> None:
    command = f"""sh -c 'test "$(stat -c %a "$1")" = 640 && test "$(dirname "$1")" = {tmp_path}' - %s"""
    converge(Entry(f"{tmp_path}/file", content=b"x", mode=0o640, validate=command))


def test_check_mode_reports_a_refusal(tmp_path: Path) -> None:
    plan = file_plan.plan([Entry(f"{tmp_path}/file", content=b"x", validate="grep fine %s")], check_mode=True)
    (refusal,) = file_apply.check_validators(plan.changes)
    assert refusal.startswith(f"{tmp_path}/file: ")
    assert names(tmp_path) == set()


def test_failed_verify_puts_everything_back(tmp_path: Path) -> None:
    (tmp_path / "changed").write_text("old")
    (tmp_path / "changed").chmod(0o604)
    (tmp_path / "mode").write_text("x")
    (tmp_path / "mode").chmod(0o644)
    (tmp_path / "link").symlink_to("changed")
    (tmp_path / "removed").mkdir()
    (tmp_path / "removed/inner").write_text("keep me")
    entries = [
        Entry(f"{tmp_path}/changed", content=b"new", mode=0o600),
        Entry(f"{tmp_path}/mode", content=b"x", mode=0o600),
        Entry(f"{tmp_path}/link", state="link", target="mode"),
        Entry(f"{tmp_path}/removed", state="absent", recurse=True),
        Entry(f"{tmp_path}/a/b/new", content=b"new", parents=True),
    ]
    before = names(tmp_path)
    with pytest.raises(FilesError, match="All files were put back"):
        converge(*entries, verify="false")
    assert names(tmp_path) == before
    assert ((tmp_path / "changed").read_text(), mode(tmp_path / "changed")) == ("old", 0o604)
    assert mode(tmp_path / "mode") == 0o644
    assert (tmp_path / "link").readlink() == Path("changed")
    assert (tmp_path / "removed/inner").read_text() == "keep me"
    converge(*entries, verify=f"test -e {tmp_path}/a/b/new")
    assert names(tmp_path) == {"changed", "mode", "link", "a", "a/b", "a/b/new"}


def test_commands_of_what_changed_run_once_in_order(tmp_path: Path) -> None:
    log = tmp_path / "log"
    command = f"sh -c 'echo {{}} >> {log}'"
    entries = [
        Entry(f"{tmp_path}/a", content=b"1", apply=(command.format("reload"),)),
        Entry(f"{tmp_path}/b", content=b"1", apply=(command.format("reload"), command.format("restart"))),
    ]
    plan = file_plan.plan(entries)
    file_apply.apply(plan.changes, commands=plan.commands)
    assert log.read_text() == "reload\nrestart\n"
    (tmp_path / "a").write_text("drift")
    assert file_plan.plan(entries).commands == [command.format("reload")]


def test_a_failed_command_puts_all_back_and_runs_the_commands_again(tmp_path: Path) -> None:
    (tmp_path / "conf").write_text("old")
    seen = f"sh -c 'cat {tmp_path}/conf >> {tmp_path}/seen'"
    entry = Entry(f"{tmp_path}/conf", content=b"new", apply=(seen, "sh -c 'echo broken; exit 3'"))
    plan = file_plan.plan([entry])
    with pytest.raises(FilesError, match=r"failed \(exit 3\): broken\nAll files were put back"):
        file_apply.apply(plan.changes, commands=plan.commands)
    assert (tmp_path / "conf").read_text() == "old"
    assert (tmp_path / "seen").read_text() == "newold"
    assert file_plan.plan([entry]).paths == [f"{tmp_path}/conf"]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b"", b"UID_MAX 19999\n"),
        (b"a\nUID_MAX\t60000\nb\n", b"a\nUID_MAX 19999\nb\n"),
        (b"a\nb", b"a\nb\nUID_MAX 19999\n"),
        (b"#UID_MAX 5\nx\nUID_MAX 7\n", b"UID_MAX 19999\nx\n"),
        (b"SUID_MAX 1\n\xff\n", b"SUID_MAX 1\n\xff\nUID_MAX 19999\n"),
    ],
)
def test_lines_are_edited(before: bytes, after: bytes) -> None:
    lines = ((r"^#?\s*UID_MAX\b", "UID_MAX 19999"),)
    assert file_plan.edit(before, lines) == after
    assert file_plan.edit(after, lines) == after


def test_editing_keeps_the_rest_and_the_mode(tmp_path: Path) -> None:
    path = tmp_path / "conf"
    path.write_text("one\ntwo\n")
    path.chmod(0o640)
    entry = Entry(str(path), lines=(("^t", "three"),))
    assert converge(entry) == [str(path)]
    assert (path.read_text(), mode(path)) == ("one\nthree\n", 0o640)
    assert converge(entry) == []


def test_an_error_half_way_puts_everything_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "one").write_text("old")
    plan = file_plan.plan([Entry(f"{tmp_path}/one", content=b"new"), Entry(f"{tmp_path}/two", content=b"new")])
    real = Path.rename

    def rename(self: Path, target: Path) -> Path:
        if str(target).endswith("/two"):
            raise OSError(28, "No space left on device", str(target))
        return real(self, target)

    monkeypatch.setattr(Path, "rename", rename)
    with pytest.raises(FilesError, match="two: No space left on device\nAll files were put back"):
        file_apply.apply(plan.changes)
    assert names(tmp_path) == {"one"}
    assert (tmp_path / "one").read_text() == "old"


def test_purge_removes_what_is_not_declared(tmp_path: Path) -> None:
    for name in ("keep.conf", "old.conf", "other.txt"):
        (tmp_path / name).write_text(name)
    (tmp_path / "folder.conf").mkdir()
    changed = converge(
        Entry(str(tmp_path), state="directory", purge=("*.conf",)),
        Entry(f"{tmp_path}/keep.conf", content=b"keep.conf"),
    )
    assert changed == [f"{tmp_path}/old.conf"]
    assert names(tmp_path) == {"keep.conf", "other.txt", "folder.conf"}


def test_a_folder_emptied_in_the_same_call_can_go(tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    (tmp_path / "d/file").write_text("")
    converge(Entry(f"{tmp_path}/d/file", state="absent"), Entry(f"{tmp_path}/d", state="absent"))
    assert names(tmp_path) == set()


def test_diff_shows_content_and_hides_secrets(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("hunter1")
    plan = file_plan.plan(
        [
            Entry(f"{tmp_path}/plain", content=b"text\n"),
            Entry(f"{tmp_path}/secret", content=b"hunter2", sensitive=True, mode=0o600),
            Entry(f"{tmp_path}/binary", content=b"\xff\x00"),
        ]
    )
    shown = file_plan.diff(plan.changes)
    assert {"before": "", "after": "text\n"}.items() <= shown[0].items()
    assert "hunter" not in str(shown)
    secret = [item for item in shown if "secret" in item["after_header"]]
    assert secret[0]["before"] != secret[0]["after"]
    assert "mode 0600" in secret[1]["after"]
    assert "(2 bytes, binary)\n" in [item["after"] for item in shown]


def test_plan_is_pure() -> None:
    tree = {"/": Node("directory"), "/etc": Node("directory"), "/etc/a": Node("file", 0o644, 0, 0, b"x")}

    def look(path: str) -> Node:
        return tree.get(path, file_plan.ABSENT)

    plan = file_plan.plan([Entry("/etc/a", content=b"x", mode=0o600, owner="7", group="8")], look, lambda path: [])
    (change,) = plan.changes
    assert (change.action, change.after) == ("attributes", Node("file", 0o600, 7, 8, b"x"))


entry_strategy = st.builds(
    Entry,
    path=st.sampled_from(["/a", "/b", "/c/d", "/c/e/f"]),
    state=st.sampled_from(["file", "directory", "link", "absent"]),
    content=st.sampled_from([b"", b"1", b"2"]),
    target=st.just("/nowhere"),
    mode=st.sampled_from([None, 0o700, 0o755]),
    parents=st.just(True),
    replace=st.booleans(),
    recurse=st.booleans(),
)


@given(first=st.lists(entry_strategy, max_size=4), second=st.lists(entry_strategy, max_size=4))
def test_whatever_is_accepted_is_reached_in_one_go(
    tmp_path_factory: pytest.TempPathFactory, first: list[Entry], second: list[Entry]
) -> None:
    root = tmp_path_factory.mktemp("tree")
    for wanted in (first, second):
        unique = {entry.path: entry for entry in wanted}
        entries = [Entry(**{**vars(entry), "path": f"{root}{entry.path}"}) for entry in unique.values()]
        try:
            converge(*entries)
        except FilesError:
            continue
        removed = {entry.path for entry in entries if entry.state == "absent"}
        if not any(Path(entry.path).is_relative_to(path) for path in removed for entry in entries):
            assert file_plan.plan(entries).changes == []
        assert not [name for name in names(root) if ".rm-" in name]
