# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the root of a machine can send to its repository never leads the server to delete what a true backup needs.

The machine adds through restic's REST server, as it does in earnest. The server maintains, everything and at once.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest
from conftest import Server
from hostile import Blob, Machine
from ringmaster.backup_server import bins, browse, copy, judge, main, passwords, prune, upkeep
from ringmaster.backup_server.process import Failure

Restored = Callable[[str], dict[str, bytes]]
#: Each test takes seconds of restic, so most are drills; the others are one of each kind.
slow = pytest.mark.slow


@pytest.fixture
def history(server: Server, machine: Machine) -> dict[str, dict[str, bytes]]:
    """Make backups of some days, of which old ones are due to be forgotten; return the contents by backup."""
    found: dict[str, dict[str, bytes]] = {}
    for day in range(5):
        for number in range(4):
            (machine.home / f"file{number}").write_bytes(secrets.token_bytes(200_000) if number <= day else b"x" * 9999)
        (machine.home / f"day{day}").write_bytes(secrets.token_bytes(50_000))
        snapshot = machine.backup()
        found[snapshot] = {one.name: one.read_bytes() for one in machine.home.iterdir()}
        server.age(60 - 10 * day, snapshot)
    return found


def everything_is_there(server: Server, history: dict[str, dict[str, bytes]], restored: Restored) -> None:
    """Restore every backup that is kept, from the repository as it is, and compare."""
    kept = server.names("snapshots") & set(history)
    assert len(kept) >= 2
    for snapshot in kept:
        assert restored(snapshot) == history[snapshot]


def test_an_honest_repository_is_pruned_and_the_trash_brings_all_back(
    server: Server, machine: Machine, history: dict[str, dict[str, bytes]], restored: Restored
) -> None:
    packs, snapshots = server.names("data"), server.names("snapshots")
    assert server.maintain(), server.said
    forgotten = snapshots - server.names("snapshots")
    assert forgotten
    assert packs - server.names("data")
    everything_is_there(server, history, restored)
    assert not server.names("locks")
    assert not list((server.repository.path.parent / ".work").iterdir())
    # A second time nothing is read again, and nothing changes.
    before = server.names("data"), server.names("index")
    assert server.maintain(), server.said
    assert (server.names("data"), server.names("index")) == before
    # Whoever was too strict puts everything back, and it is whole.
    assert bins.put_back(server.repository, bins.TRASH)
    assert snapshots == server.names("snapshots")
    assert packs <= server.names("data")
    for snapshot, files in history.items():
        assert restored(snapshot) == files
    machine.restic("check", "--read-data", "--no-lock")
    assert bins.stamps(server.repository, bins.TRASH) == []


@slow
def test_the_trash_is_kept_for_its_days_only(server: Server, history: dict[str, dict[str, bytes]]) -> None:
    assert server.maintain()
    assert server.entry["trash_bytes"] > 10_000
    server.maintain(trash_days=0.5)
    assert bins.stamps(server.repository, bins.TRASH)
    time.sleep(1.1)
    server.maintain(trash_days=0)
    assert bins.stamps(server.repository, bins.TRASH) == []


@pytest.mark.parametrize("copies", [pytest.param(1, marks=slow), 3, pytest.param(6, marks=slow)])
def test_packs_of_garbage_that_claim_to_hold_the_old_data(
    server: Server, machine: Machine, history: dict[str, dict[str, bytes]], restored: Restored, copies: int
) -> None:
    packs = server.names("data")
    machine.send_garbage(copies)
    assert not server.maintain()
    assert packs <= server.names("data")
    assert set(history) == server.names("snapshots"), "nothing is forgotten either"
    assert len(server.entry["lies"]) == 1
    for snapshot, files in history.items():
        assert restored(snapshot) == files
    # New backups go on, and the way out leaves the truth: then pruning goes on as well.
    history[machine.backup()] = {one.name: one.read_bytes() for one in machine.home.iterdir()}
    assert not server.maintain()
    set_aside(server)
    assert server.maintain(), server.said
    assert "lies" not in server.entry
    everything_is_there(server, history, restored)


def set_aside(server: Server, *words: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(main, "load", lambda: ([server.repository], server.repository.path.parent))
        assert main.main(["set-aside", "vm0", *words]) == 0


def test_restic_alone_would_delete_the_true_data(
    server: Server, machine: Machine, history: dict[str, dict[str, bytes]], restored: Restored
) -> None:
    """The tests above would not see much if restic found all this out by itself."""
    packs = server.names("data")
    # Among packs that claim the same, restic keeps the one that it happens to read first.
    path = server.repository.path
    subprocess.run(["cp", "-a", path, path.with_suffix(".before")], check=True)
    for _try in range(10):
        machine.send_garbage(3)
        server.repository.restic("prune", "--max-unused", "10%")
        if packs - server.names("data"):
            break
        shutil.rmtree(path)
        subprocess.run(["cp", "-a", path.with_suffix(".before"), path], check=True)
    else:
        pytest.fail("restic deleted nothing of the true data")
    with pytest.raises(AssertionError):
        everything_is_there(server, history, restored)


@slow
def test_the_second_line_after_the_judge(
    server: Server, machine: Machine, history: dict[str, dict[str, bytes]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Were the judge wrong, the view that was pruned is not sound, and nothing of it reaches the repository."""
    packs = server.names("data")
    machine.send_garbage(20)  # which of equal packs restic keeps is chance
    monkeypatch.setattr(judge, "_lie", lambda *_: "")
    monkeypatch.setattr(upkeep, "_check", lambda *_: None)
    assert not server.maintain()
    assert packs <= server.names("data")


def other_plaintext(machine: Machine) -> None:
    """Well encrypted packs, with other data under the true names."""
    for blobs in list(machine.indexes().values()):
        content, moved = b"", []
        for one in blobs:
            sealed = machine.seal(b'{"nodes":[]}' if one.type == "tree" else b"nothing")
            moved.append(replace(one, offset=len(content), length=len(sealed), uncompressed_length=0))
            content += sealed
        machine.send_index({machine.send("data", machine.pack(moved, content)): moved})


def other_offsets(machine: Machine) -> None:
    """An index that says of the true packs that each piece lies where another one does."""
    shifted = {}
    for pack, blobs in machine.indexes().items():
        lengths = sorted(blobs, key=lambda one: one.offset)
        shifted[pack] = [
            replace(one, id=other.id) for one, other in zip(lengths, lengths[1:] + lengths[:1], strict=True)
        ]
    machine.send_index(shifted)


def other_type(machine: Machine) -> None:
    """Data called trees, and trees called data."""
    turn = {"data": "tree", "tree": "data"}
    machine.send_index(
        {pack: [replace(one, type=turn[one.type]) for one in blobs] for pack, blobs in machine.indexes().items()}
    )


def packs_that_are_not_there(machine: Machine) -> None:
    machine.send_index({secrets.token_hex(32): blobs for blobs in machine.indexes().values()})


def superseding(machine: Machine) -> None:
    """Garbage, in an index that says that it replaces all the others."""
    names = machine.restic("list", "index").split()
    machine.send_index({secrets.token_hex(32): blobs for blobs in machine.indexes().values()}, supersedes=names)


def trailing_garbage(machine: Machine) -> None:
    """True data first, then a header that is true and an index that speaks of more than the pack has."""
    pack, blobs = next(iter(machine.indexes().items()))
    end = max(one.offset + one.length for one in blobs)
    machine.send_index({pack: [*blobs, Blob(secrets.token_hex(32), "data", end, 100)]})


def no_json(machine: Machine) -> None:
    machine.send("index", machine.seal(b'{"packs": [[[['))


def no_ciphertext(machine: Machine) -> None:
    machine.send("index", secrets.token_bytes(500))


def control_characters(machine: Machine) -> None:
    machine.send("index", machine.seal(b'{"packs": [{"id": "\\u001b[2J\\n<script>"}]}'))


@pytest.mark.parametrize(
    "attack",
    [
        other_plaintext,
        *(
            pytest.param(one, marks=slow)
            for one in (
                other_offsets,
                other_type,
                packs_that_are_not_there,
                superseding,
                trailing_garbage,
                no_json,
                no_ciphertext,
                control_characters,
            )
        ),
    ],
)
def test_other_lies_of_an_index(
    server: Server,
    machine: Machine,
    history: dict[str, dict[str, bytes]],
    restored: Restored,
    attack: Callable[[Machine], None],
) -> None:
    packs, indexes = server.names("data"), server.names("index")
    attack(machine)
    assert not server.maintain()
    assert packs <= server.names("data")
    assert indexes <= server.names("index")
    assert server.entry["lies"].keys() == server.names("index") - indexes
    said = json.dumps(server.entry, ensure_ascii=False) + "".join(server.said)
    assert said.isprintable()
    set_aside(server)
    assert server.maintain(), server.said
    everything_is_there(server, history, restored)


def test_what_arrives_between_judging_and_pruning(
    server: Server,
    machine: Machine,
    history: dict[str, dict[str, bytes]],
    restored: Restored,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The enemy takes the server's lock away and sends its lies at the moment when pruning begins."""
    original = prune.view

    @contextmanager
    def late(*arguments: Any, **named: Any) -> Iterator[Any]:
        with original(*arguments, **named) as seen:
            for lock in server.names("locks"):
                machine.ask("DELETE", f"locks/{lock}")
            machine.send_garbage(3)
            machine.restic("backup", "--no-lock", str(machine.home), check=False)
            yield seen

    monkeypatch.setattr(prune, "view", late)
    server.maintain()
    everything_is_there(server, history, restored)
    monkeypatch.setattr(prune, "view", original)
    assert not server.maintain()
    assert server.entry["lies"]
    everything_is_there(server, history, restored)


@slow
def test_an_index_that_was_true_once_is_judged_again_when_it_comes_back(
    server: Server, machine: Machine, history: dict[str, dict[str, bytes]], restored: Restored
) -> None:
    """The enemy kept a copy of an index from before the last pruning, whose packs are gone."""
    kept = {name: server.repository.place("index", name).read_bytes() for name in server.names("index")}
    assert server.maintain()
    gone = set(kept) - server.names("index")
    assert gone
    for name in gone:
        machine.send("index", kept[name])
    assert not server.maintain()
    assert set(server.entry["lies"]) <= gone
    everything_is_there(server, history, restored)


@slow
def test_so_many_keys_that_restic_gives_up(
    server: Server, machine: Machine, history: dict[str, dict[str, bytes]], restored: Restored
) -> None:
    """restic tries 20 keys. Some of these ask for more memory than there is, one opens with the right password."""
    (own,) = server.names("keys")
    true = json.loads(server.repository.place("keys", own).read_bytes())
    for number in range(30):
        key = {**true, "created": f"2020-01-01T00:00:{number:02}Z", "salt": true["salt"][::-1]}
        machine.send("keys", json.dumps(key | ({"N": 1 << 30, "r": 128} if number % 10 == 9 else {})).encode())
    machine.send("keys", json.dumps(true | {"hostname": "other"}).encode())
    passwords.KNOWN.unlink(missing_ok=True)
    assert server.maintain(), server.said
    assert server.names("keys") == {own}
    everything_is_there(server, history, restored)


@slow
@pytest.mark.parametrize("is_known", [True, False])
def test_a_password_is_rotated_although_there_are_keys_of_strangers(
    server: Server, machine: Machine, is_known: bool
) -> None:
    """Where the server does not know its own key yet, as after an upgrade, it was the first that arrived."""
    if is_known:
        assert passwords.opens(server.repository)
    (own,) = server.names("keys")
    true = json.loads(server.repository.place("keys", own).read_bytes())
    for number in range(25):
        salt = true["salt"][::-1] if number % 2 else "A" * 86 + "=="
        machine.send("keys", json.dumps(true | {"hostname": f"x{number}", "salt": salt}).encode())
    machine.send("keys", b"no key")
    newer = replace(server.repository, password="newer", older=("wrong", server.repository.password))
    assert passwords.take_password(newer)
    assert not passwords.take_password(newer)
    assert len(newer.files("keys")) == 1
    assert own not in newer.files("keys")
    assert not passwords.opens(server.repository)
    assert replace(machine, password="newer").restic("cat", "config")


@slow
def test_locks_of_a_machine_stop_nothing_but_its_own_pruning(
    server: Server, machine: Machine, history: dict[str, dict[str, bytes]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prune, "PATIENCE", 1)
    lock = {"time": "2099-01-01T00:00:00Z", "exclusive": True, "hostname": "\x1b[31mvm0", "username": "x", "pid": 1}
    name = machine.send("locks", machine.seal(json.dumps(lock).encode()))
    packs = server.names("data")
    assert server.maintain(), server.said
    assert packs <= server.names("data")
    assert "waits" in server.entry
    assert "not pruned" in "".join(server.said)
    # It counts when it arrived, not what it says.
    path = server.repository.place("locks", name)
    os.utime(path, (path.stat().st_mtime - prune.STALE - 1,) * 2)
    assert server.maintain(), server.said
    assert packs - server.names("data")
    assert "waits" not in server.entry


@slow
def test_an_index_that_unpacks_to_more_than_there_is_memory(
    server: Server, machine: Machine, history: dict[str, dict[str, bytes]]
) -> None:
    packs = server.names("data")
    bomb = subprocess.run("head -c 3G /dev/zero | zstd -q", shell=True, capture_output=True, check=True).stdout
    machine.send("index", machine.seal(b"\x02" + bomb))
    assert not replace(server, repository=replace(server.repository, memory=512)).maintain()
    assert packs <= server.names("data")
    assert "needs more than 512 MiB" in json.dumps(server.entry)


@slow
def test_backups_that_no_one_can_read_or_that_lie_in_words(
    server: Server, machine: Machine, history: dict[str, dict[str, bytes]], capsys: pytest.CaptureFixture[str]
) -> None:
    tree = json.loads(machine.restic("cat", "snapshot", next(iter(history))))["tree"]
    liar = {"tree": tree, "paths": ["../../x\n\x1b[2J"], "hostname": "<b>\n", "tags": ["\x1b[2J\u202e"]}
    for moment in ("0000-01-01T00:00:00Z", "9999-12-31T23:59:59.999999999Z"):
        machine.send("snapshots", machine.seal(json.dumps(liar | {"time": moment}).encode()))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(main, "load", lambda: ([server.repository], server.repository.path.parent))
        assert main.main(["list"]) == 0
        shown = capsys.readouterr().out
        assert "claims to be of 9999-12-31" in shown
        assert main.main(["list", "--json"]) == 0
        assert "\x1b" not in shown + capsys.readouterr().out
    # One that is no snapshot at all ends in a note about this repository.
    packs = server.names("data")
    machine.send("snapshots", machine.seal(b"[]"))
    assert not server.maintain()
    assert packs <= server.names("data")
    since = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - 3600))
    server.age(1, *history)
    set_aside(server, "--since", since)
    assert server.maintain(), server.said


@slow
def test_the_server_sends_what_exists_to_403(server: Server, machine: Machine, history: dict[str, Any]) -> None:
    """What was sent again would count as newly arrived."""
    snapshot = next(iter(history))
    content = server.repository.place("snapshots", snapshot).read_bytes()
    before = server.repository.files("snapshots")[snapshot].st_mtime
    with pytest.raises(AssertionError, match="403"):
        machine.send("snapshots", content)
    assert server.repository.files("snapshots")[snapshot].st_mtime == before
    assert hashlib.sha256(content).hexdigest() == snapshot


@slow
def test_a_repository_from_before_is_judged_in_portions_and_not_pruned_until_it_is(
    server: Server,
    machine: Machine,
    history: dict[str, dict[str, bytes]],
    restored: Restored,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(judge, "PORTION", 1)
    monkeypatch.setattr(upkeep, "JUDGING", 0)
    packs, total = server.names("data"), len(server.names("index"))
    assert total > 2
    for left in range(total - 1, 0, -1):
        assert server.maintain(everything=False)
        assert server.entry["unjudged"] == left
        assert packs <= server.names("data")
        assert set(history) == server.names("snapshots")
    assert server.maintain(everything=False)
    assert "unjudged" not in server.entry
    assert packs - server.names("data")
    everything_is_there(server, history, restored)


@slow
def test_damage_here_never_reaches_the_second_copy(
    server: Server, machine: Machine, history: dict[str, dict[str, bytes]], tmp_path: Any
) -> None:
    configuration = tmp_path / "repositories.json"
    far = tmp_path / "far"
    configuration.write_text(json.dumps({"folder": str(server.repository.path.parent), "copy_to": str(far)}))
    copy.run(configuration, tmp_path / "copy.json")
    packs = {name: (far / "vm0/data" / name[:2] / name).read_bytes() for name in server.names("data")}
    rotten, lost = sorted(packs)[:2]
    server.repository.place("data", rotten).write_bytes(b"X" * 100)
    server.repository.place("data", lost).unlink()
    machine.send_garbage(1)
    assert not server.maintain()
    copy.run(configuration, tmp_path / "copy.json")
    for name, content in packs.items():
        assert (far / "vm0/data" / name[:2] / name).read_bytes() == content
    assert not [one.name for one in far.iterdir() if one.name != "vm0"]
    # A new repository in the old one's place is copied as a whole, its configuration as well.
    server.repository.path.rename(tmp_path / "put aside")
    server.repository.restic("init", "-q")
    assert server.maintain()
    copy.run(configuration, tmp_path / "copy.json")
    assert (far / "vm0/config").read_bytes() == (server.repository.path / "config").read_bytes()
    assert {one.name for one in (far / "vm0/keys").iterdir()} == server.names("keys")
    assert (far / ".removed").is_dir()


@slow
def test_so_many_lies_that_they_cannot_be_judged_one_by_one(
    server: Server,
    machine: Machine,
    history: dict[str, dict[str, bytes]],
    restored: Restored,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(judge, "MOST", 3)
    assert server.maintain(everything=False)
    packs, began = server.names("data"), time.time()
    server.age(1, *server.names("snapshots"))
    for _number in range(20):
        machine.send("index", machine.seal(b"{}" + secrets.token_bytes(9)))
    assert not server.maintain()
    assert (len(server.entry["lies"]), server.entry["unjudged"]) == (3, 17)
    assert packs <= server.names("data")
    set_aside(server, "--since", time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(began)))
    assert server.maintain(), server.said
    everything_is_there(server, history, restored)


def test_a_folder_of_a_backup_is_listed_in_pages_whatever_names_are_in_it(
    server: Server, machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    inside = machine.home / "inside"
    (inside / "deep").mkdir(parents=True)
    names = ["--help", "a\x1b[2Jb", "{{ 7 * 7 }}", "line\nbreak", "plain", "\u00fcber"]
    for number, name in enumerate(names):
        (inside / name).write_bytes(b"x" * number)
    (inside / "deep" / "hidden").touch()
    (inside / "link").symlink_to("/etc/shadow")
    snapshot = machine.backup()
    before = {kind: server.names(kind) for kind in ("data", "index", "snapshots", "locks")}
    found = browse.folder(server.repository, snapshot[:8], f"{inside}/./")
    rows = {one["name"]: one for one in found["items"]}
    assert sorted(rows) == sorted([*names, "deep", "link"]) and found["next"] is None
    assert (rows["deep"]["kind"], rows["link"]["kind"], rows["plain"]["kind"]) == ("dir", "symlink", "file")
    assert rows["plain"]["bytes"] == names.index("plain")
    monkeypatch.setattr(browse, "ROWS", 3)
    pages, at = [], 0
    while at is not None:
        page = browse.folder(server.repository, snapshot, str(inside), at)
        pages += page["items"]
        at = page["next"]
    assert pages == found["items"]
    assert [one["name"] for one in browse.folder(server.repository, snapshot, "/")["items"]] == [inside.parts[1]]
    for backup, folder in (
        (snapshot, str(inside / "plain")),
        (snapshot, f"{inside}/nothing"),
        (snapshot, "relative"),
        (snapshot, f"{inside}\0"),
        ("--help", "/"),
        ("../../etc", "/"),
        ("0" * 64, "/"),
        ("", "/"),
    ):
        with pytest.raises(Failure, match=r"no folder|no backup|no path"):
            browse.folder(server.repository, backup, folder)
    assert {kind: server.names(kind) for kind in before} == before
    assert not list((server.repository.path.parent / ".work").iterdir())
