# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Root below folders of others: whoever owns the folder may put anything there, at any moment."""

from __future__ import annotations

import io
import os
import pwd
import stat
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from ringmaster.core import below
from ringmaster.core.below import Folder, Refused
from ringmaster.core.report import Failure

AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
SECRET = "root only\n"


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    path = tmp_path / "secret"
    path.write_text(SECRET)
    path.chmod(0o600)
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Folder]:
    (tmp_path / "theirs").mkdir()
    with below.opened(tmp_path / "theirs") as opened:
        yield opened


def _link(path: Path, secret: Path) -> None:
    path.symlink_to(secret)


def _second_name(path: Path, secret: Path) -> None:
    path.hardlink_to(secret)


def _fifo(path: Path, _secret: Path) -> None:
    os.mkfifo(path)


def _folder(path: Path, _secret: Path) -> None:
    path.mkdir()


def _device(path: Path, _secret: Path) -> None:
    path.symlink_to("/dev/zero")


def _sparse(path: Path, _secret: Path) -> None:
    with path.open("wb") as stream:
        stream.truncate(1 << 40)


TRAPS = (_link, _second_name, _fifo, _folder, _device, _sparse)


@pytest.mark.parametrize("trap", TRAPS)
def test_reads_nothing_but_a_plain_small_file(folder: Folder, secret: Path, trap: Callable[[Path, Path], None]) -> None:
    trap(folder.path / "file", secret)
    with pytest.raises(Refused, match=str(folder.path / "file")):
        folder.read("file")


def test_reads_a_plain_file_of_the_right_owner(folder: Folder) -> None:
    (folder.path / "file").write_text("ä")
    assert folder.text("file", owner=os.geteuid()) == "ä"
    with pytest.raises(Refused, match="another account"):
        folder.read("file", owner=os.geteuid() + 1)
    (folder.path / "file").write_bytes(b"\xff")
    with pytest.raises(Refused, match="UTF-8"):
        folder.text("file")


@pytest.mark.parametrize("trap", [_link, _second_name, _fifo, _sparse])
def test_writes_a_new_file_whatever_had_the_name(
    folder: Folder, secret: Path, trap: Callable[[Path, Path], None]
) -> None:
    trap(folder.path / "file", secret)
    folder.write("file", io.BytesIO(b"new"), mode=0o640)
    status = (folder.path / "file").lstat()
    assert stat.S_ISREG(status.st_mode)
    assert stat.S_IMODE(status.st_mode) == 0o640
    assert (folder.path / "file").read_text() == "new"
    assert secret.read_text() == SECRET
    assert folder.names() == ["file"]


def test_a_write_that_fails_leaves_nothing(folder: Folder) -> None:
    (folder.path / "file").mkdir()
    with pytest.raises(IsADirectoryError):
        folder.write("file", "new")
    assert folder.names() == ["file"]


@AS_ROOT
@pytest.mark.parametrize("trap", [_link, _second_name, _fifo, _device])
def test_gives_away_nothing_but_what_lies_there(
    folder: Folder, secret: Path, trap: Callable[[Path, Path], None]
) -> None:
    trap(folder.path / "file", secret)
    with pytest.raises(Refused):
        folder.give("file", pwd.getpwnam("daemon"), 0o666)
    assert secret.stat().st_uid == 0
    assert stat.S_IMODE(secret.stat().st_mode) == 0o600


@AS_ROOT
def test_gives_files_and_folders(folder: Folder) -> None:
    daemon = pwd.getpwnam("daemon")
    folder.make("new", account=daemon).close()
    (folder.path / "file").touch()
    folder.give("file", daemon, 0o600)
    folder.give("new", daemon, 0o750)
    found = folder.status("new")
    assert found
    assert (found.st_uid, stat.S_IMODE(found.st_mode)) == (daemon.pw_uid, 0o750)
    assert (folder.path / "file").stat().st_uid == daemon.pw_uid
    with pytest.raises(FileExistsError):
        folder.make("new")


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "../secret", "/etc/passwd", "a\0b"])
def test_a_name_stays_in_its_folder(folder: Folder, secret: Path, name: str) -> None:
    for attempt in (folder.read, folder.remove, folder.folder, folder.status, folder.make):
        with pytest.raises(Refused, match="is not the name"):
            attempt(name)
    with pytest.raises(Refused):
        folder.write(name, "")
    with pytest.raises(Refused):
        folder.move("a", folder, name)
    assert secret.exists()


def test_removes_a_tree_and_nothing_that_its_links_name(folder: Folder, secret: Path) -> None:
    (folder.path / "tree/sub").mkdir(parents=True)
    (folder.path / "tree/sub/link").symlink_to(secret.parent)
    (folder.path / "tree/file").touch()
    (folder.path / "link").symlink_to(secret.parent)
    folder.remove("tree")
    folder.remove("link")
    folder.remove("nothing")
    assert folder.names() == []
    assert secret.exists()


def test_removes_a_tree_that_is_too_deep_for_functions(folder: Folder) -> None:
    descriptor = os.dup(folder.descriptor)
    for _ in range(3000):
        os.mkdir("d", dir_fd=descriptor)
        inner = os.open("d", below.FOLDER, dir_fd=descriptor)
        os.close(descriptor)
        descriptor = inner
    os.close(descriptor)
    folder.remove("d")
    assert folder.names() == []


def test_an_open_folder_stays_what_it_was(folder: Folder, secret: Path) -> None:
    """Exchanged for a link after the look: what is done goes to the folder that was looked at."""
    folder.path.rename(folder.path.with_name("moved"))
    folder.path.symlink_to(secret.parent)
    folder.write("secret", "new")
    assert secret.read_text() == SECRET
    assert (folder.path.with_name("moved") / "secret").read_text() == "new"
    folder.remove("secret")
    assert secret.exists()


def test_no_link_on_the_way_is_followed(tmp_path: Path, secret: Path) -> None:
    (tmp_path / "real/inner").mkdir(parents=True)
    (tmp_path / "real").chmod(0o777)
    (tmp_path / "real/link").symlink_to(tmp_path)
    with pytest.raises(Refused, match="link"):
        below.opened(tmp_path / "real/link/real")
    with pytest.raises(Refused, match="link"):
        below.opened(secret)
    with pytest.raises(FileNotFoundError):
        below.opened(tmp_path / "real/nothing")
    below.remove(tmp_path / "real/nothing/file")
    with pytest.raises(Refused):
        below.remove(tmp_path / "real/link/secret")
    assert secret.exists()


@AS_ROOT
def test_links_of_root_in_folders_of_root_are_followed(tmp_path: Path) -> None:
    (tmp_path / "real/inner").mkdir(parents=True)
    (tmp_path / "link").symlink_to("real")
    (tmp_path / "round").symlink_to(tmp_path / "round")
    with below.opened(tmp_path / "link/inner") as folder:
        assert folder.path == tmp_path / "real/inner"
    os.chown(tmp_path / "link", 1, 1, follow_symlinks=False)
    for name in ("link/inner", "round"):
        with pytest.raises(Refused):
            below.opened(tmp_path / name)


def test_a_folder_that_is_exchanged_all_the_time(tmp_path: Path, secret: Path) -> None:
    """The race itself: what is read is the owner's own file or refused, never the file that a link names."""
    home = tmp_path / "home"
    (home / "a").mkdir(parents=True)
    (home / "a/secret").write_text("theirs\n")
    (home / "b").symlink_to(tmp_path)
    stop = threading.Event()

    def exchange() -> None:
        while not stop.is_set():
            (home / "a").rename(home / "c")
            (home / "b").rename(home / "a")
            (home / "a").rename(home / "b")
            (home / "c").rename(home / "a")

    thread = threading.Thread(target=exchange)
    thread.start()
    try:
        with below.opened(home) as folder:
            for _ in range(300):
                try:
                    with folder.folder("a") as inner:
                        assert inner.text("secret") == "theirs\n"
                except (Refused, FileNotFoundError):
                    continue
    finally:
        stop.set()
        thread.join()
    assert secret.read_text() == SECRET


@AS_ROOT
def test_as_account_has_nothing_of_roots(monkeypatch: pytest.MonkeyPatch) -> None:
    script = "id -u; id -G; umask; pwd; echo $HOME $KEPT $GONE; ps -o sid= -p $$ | tr -d ' '; echo $$"
    monkeypatch.setenv("GONE", "x")
    done = below.as_account("daemon", ["sh", "-c", script], env={"KEPT": "kept"})
    daemon = pwd.getpwnam("daemon")
    assert done.stdout.splitlines()[:5] == [
        str(daemon.pw_uid),
        str(daemon.pw_gid),
        "0077",
        "/",
        f"{daemon.pw_dir} kept",
    ]
    assert done.stdout.splitlines()[5] == done.stdout.splitlines()[6]  # a session of its own, without our terminal
    assert below.as_account("daemon", ["cat"], input="x").stdout == "x"
    assert below.as_account("daemon", ["cat", "/etc/shadow"]).returncode != 0


def test_what_cannot_be_removed_is_said(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder.path / "tree").mkdir()
    failed = subprocess.CompletedProcess([], 1, "", "rm: busy\n")
    monkeypatch.setattr(subprocess, "run", lambda *_arguments, **_options: failed)
    with pytest.raises(Failure, match="cannot be removed: rm: busy"):
        folder.remove("tree")


@AS_ROOT
def test_gives_a_tree_and_nothing_that_its_links_name(folder: Folder, secret: Path) -> None:
    (folder.path / "tree/sub").mkdir(parents=True)
    (folder.path / "tree/sub/link").symlink_to(secret)
    (folder.path / "tree/up").symlink_to(secret.parent)
    daemon = pwd.getpwnam("daemon")
    folder.give_tree("tree", daemon)
    assert secret.stat().st_uid == 0
    assert secret.parent.stat().st_uid == 0
    assert {path.lstat().st_uid for path in (folder.path / "tree").rglob("*")} == {daemon.pw_uid}
    (folder.path / "link").symlink_to(secret.parent)
    with pytest.raises(Refused):
        folder.give_tree("link", daemon)


def test_counts_plain_files_only(folder: Folder, secret: Path) -> None:
    (folder.path / "sub").mkdir()
    (folder.path / "sub/file\nwith 1 2").write_text("four")
    (folder.path / "link").symlink_to(secret)
    (folder.path / "up").symlink_to(secret.parent)
    os.mkfifo(folder.path / "fifo")
    assert [size for *_moments, size in below.find(folder.path)] == [4]
    assert folder.find("-name", "x") == []
    assert below.find(folder.path / "nothing") == []


def test_a_new_file_has_the_times_of_another(folder: Folder, secret: Path) -> None:
    os.utime(secret, (1, 2))
    folder.write("file", "x", like=secret.stat())
    assert (folder.path / "file").stat().st_mtime == 2


def test_a_file_with_more_names_can_be_asked_for(folder: Folder, secret: Path) -> None:
    (folder.path / "file").hardlink_to(secret)
    with folder.stream("file", names=None) as stream:
        assert stream.read().decode() == SECRET
