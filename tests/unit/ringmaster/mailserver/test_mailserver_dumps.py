# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Dumps of mailboxes, whose account may be in an enemy's hands: nothing outside of them is read, written or given."""

from __future__ import annotations

import os
import pwd
import sqlite3
import stat
from pathlib import Path

import pytest
from ringmaster.core import below
from ringmaster.core.report import Failure
from ringmaster.mailserver import dumps

AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")


@pytest.fixture
def box(tmp_path: Path) -> Path:
    """A mailbox with two messages, one of them in a folder, and a script."""
    box = tmp_path / "vmail/example.org/anna"
    for folder in ("Maildir/cur", "Maildir/new", "Maildir/tmp", "Maildir/.Sent/cur"):
        (box / folder).mkdir(parents=True)
    (box / "Maildir/cur/1.a").write_text("first\n")
    (box / "Maildir/.Sent/cur/2.b").write_text("second\n")
    (box / "Maildir/tmp/3.c").write_text("half\n")
    (box / "Maildir/dovecot.index").write_text("index\n")
    (box / "script.sieve").write_text("keep;\n")
    return box


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    path = tmp_path / "secret"
    path.write_text("root only\n")
    path.chmod(0o600)
    return path


def mirror(source: Path, target: Path, account: pwd.struct_passwd | None = None) -> int:
    target.mkdir()
    with below.opened(source) as one, below.opened(target) as other:
        return dumps._mirror(one, other, account=account)


def held(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if not path.is_dir())


def test_messages_are_linked_and_the_rest_is_copied(box: Path, tmp_path: Path) -> None:
    assert mirror(box, tmp_path / "dump") == 2
    assert held(tmp_path / "dump") == ["Maildir/.Sent/cur/2.b", "Maildir/cur/1.a", "script.sieve"]
    assert (tmp_path / "dump/Maildir/cur/1.a").samefile(box / "Maildir/cur/1.a")
    assert not (tmp_path / "dump/script.sieve").samefile(box / "script.sieve")
    assert (tmp_path / "dump/script.sieve").stat().st_mtime == (box / "script.sieve").stat().st_mtime


def test_links_fifos_and_second_names_are_left_out(box: Path, tmp_path: Path, secret: Path) -> None:
    (box / "Maildir/cur/link").symlink_to(secret)
    (box / "other.sieve").symlink_to(secret)
    (box / "second").hardlink_to(secret)
    (box / "up").symlink_to(tmp_path)
    os.mkfifo(box / "Maildir/cur/fifo")
    os.mkfifo(box / "fifo")
    assert mirror(box, tmp_path / "dump") == 2
    assert held(tmp_path / "dump") == ["Maildir/.Sent/cur/2.b", "Maildir/cur/1.a", "script.sieve"]


def test_a_message_that_became_a_link_meanwhile(box: Path, tmp_path: Path, secret: Path) -> None:
    (box / "Maildir/cur/1.a").unlink()
    (box / "Maildir/cur/1.a").symlink_to(secret)
    (tmp_path / "dump").mkdir()
    with (
        below.opened(box / "Maildir/cur") as source,
        below.opened(tmp_path / "dump") as target,
        pytest.raises(below.Refused, match="exchanged"),
    ):
        dumps._link(source, target, "1.a")
    assert held(tmp_path / "dump") == []


@AS_ROOT
def test_a_message_of_somebody_else_is_left_out(box: Path, tmp_path: Path) -> None:
    daemon = pwd.getpwnam("daemon")
    for path in (box, *box.rglob("*")):
        os.chown(path, daemon.pw_uid, daemon.pw_gid)
    (box / "Maildir/cur/root").write_text("root's")
    (box / "root.sieve").write_text("root's")
    assert mirror(box, tmp_path / "dump") == 2
    assert held(tmp_path / "dump") == ["Maildir/.Sent/cur/2.b", "Maildir/cur/1.a", "script.sieve"]


def test_folders_without_end_are_a_failure(box: Path, tmp_path: Path) -> None:
    (box / "/".join("d" * 40)).mkdir(parents=True)
    with pytest.raises(Failure, match="deeper than in any mailbox"):
        mirror(box, tmp_path / "dump")


@AS_ROOT
def test_a_copy_is_of_the_account_and_shares_nothing(box: Path, tmp_path: Path) -> None:
    mirror(box, tmp_path / "dump")
    daemon = pwd.getpwnam("daemon")
    assert mirror(tmp_path / "dump", tmp_path / "copy", daemon) == 2
    assert {path.stat().st_uid for path in (tmp_path / "copy").rglob("*")} == {daemon.pw_uid}
    assert not (tmp_path / "copy/Maildir/cur/1.a").samefile(tmp_path / "dump/Maildir/cur/1.a")


@AS_ROOT
def test_a_mailbox_arrives_where_its_account_cannot_enter(
    box: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dump = tmp_path / "dump"
    (dump / "mail/example.org").mkdir(parents=True)
    mirror(box, dump / "mail/example.org/anna")
    place = tmp_path / "theirs"
    place.mkdir()
    daemon = pwd.getpwnam("daemon")
    os.chown(place, daemon.pw_uid, daemon.pw_gid)
    seen: list[tuple[int, int]] = []
    original = dumps._mirror

    def look(*arguments: below.Folder, **options: pwd.struct_passwd) -> int:
        status = os.fstat(arguments[1].descriptor)
        seen.append((status.st_uid, stat.S_IMODE(status.st_mode)))
        return original(*arguments, **options)

    monkeypatch.setattr(dumps, "_mirror", look)
    with below.opened(place) as folder:
        dumps._bring(dump, "anna@example.org", folder, "anna", daemon)
    assert seen[0] == (0, 0o700)
    assert held(place) == ["anna/Maildir/.Sent/cur/2.b", "anna/Maildir/cur/1.a", "anna/script.sieve"]
    assert (place / "anna").stat().st_uid == daemon.pw_uid
    assert [path.name for path in place.iterdir()] == ["anna"]


@AS_ROOT
def test_the_webmail_database_is_read_and_written_as_its_account(
    tmp_path: Path, secret: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dumps, "WEBMAIL_ACCOUNT", "daemon")
    # With pytest-xdist, the folders of tests lie one level deeper.
    for folder in (tmp_path, *(one for one in tmp_path.parents if one.name.startswith(("pytest-", "popen-")))):
        folder.chmod(0o755)
    daemon = pwd.getpwnam("daemon")
    (tmp_path / "web").mkdir()
    live = tmp_path / "web/roundcube"
    database = sqlite3.connect(live)
    database.execute("PRAGMA journal_mode=wal")  # as Roundcube's
    database.execute("CREATE TABLE users (name)")
    database.execute("INSERT INTO users VALUES ('anna')")
    database.commit()
    database.close()
    for path in (live.parent, live):
        os.chown(path, daemon.pw_uid, daemon.pw_gid)
    with (tmp_path / "dump.sqlite").open("xb") as stream:
        dumps._of_webmail(dumps.READ_DATABASE, str(live), stdout=stream)
    dumps._prove_database(tmp_path / "dump.sqlite")
    live.unlink()
    with (tmp_path / "dump.sqlite").open("rb") as stream:
        dumps._of_webmail(dumps.WRITE_DATABASE, str(live), stdin=stream)
    with sqlite3.connect(live) as database:
        assert database.execute("SELECT name FROM users").fetchall() == [("anna",)]
    assert live.stat().st_uid == daemon.pw_uid
    # A link to what only root may write.
    live.unlink()
    live.symlink_to(secret)
    with (tmp_path / "dump.sqlite").open("rb") as stream, pytest.raises(Failure, match="database of Roundcube"):
        dumps._of_webmail(dumps.WRITE_DATABASE, str(live), stdin=stream)
    assert secret.read_text() == "root only\n"
    (tmp_path / "dump.sqlite").write_bytes(b"nothing of SQLite's" * 100)
    with pytest.raises(Failure):
        dumps._prove_database(tmp_path / "dump.sqlite")
