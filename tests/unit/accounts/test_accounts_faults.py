# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A run that is killed at any moment leaves whole files, nobody in who is out, nobody out who is in.

An audit hook in a forked child sends SIGKILL before the n-th change to the file system, for every n.
"""

from __future__ import annotations

import errno
import os
import signal
import sys
from pathlib import Path

import pytest
from accounts_samples import ALICE, BOB, apply, key, machine, person, raw, roster, snapshot
from ansible_collections.ringmaster.hosting.plugins.module_utils.accounts import database, run, swap
from ansible_collections.ringmaster.hosting.plugins.module_utils.accounts.facts import read_applied
from ansible_collections.ringmaster.hosting.plugins.module_utils.accounts.model import AccountsError, Options, Paths
from ansible_collections.ringmaster.hosting.plugins.module_utils.accounts.roster import parse

pytestmark = pytest.mark.thorough

CAROL = person("carol", 20110, "login", "sudo-srv", "wheel")
FIRST = roster(ALICE, BOB, person("eve", 20103, "login", "wheel"))
SECOND = roster(
    ALICE | {"ssh_keys": [key("alice"), key("new")]},
    BOB | {"state": "locked"},
    CAROL,
    generation=2,
    service_users=[{"name": "s-myapp", "uid": 20102}, {"name": "s-other", "uid": 20120}],
)
WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC
EVENTS = {
    "os.rename",
    "os.remove",
    "os.link",
    "os.mkdir",
    "os.rmdir",
    "os.chown",
    "os.chmod",
    "shutil.copytree",
}


def killed_at(root: Path, number: int) -> bool:
    """Apply SECOND in a child that is killed before its n-th change; return False when it got to the end."""
    child = os.fork()
    if child == 0:
        count = 0

        def hook(event: str, arguments: tuple[object, ...]) -> None:
            nonlocal count
            writes = event == "open" and isinstance(arguments[2], int) and arguments[2] & WRITES
            if event in EVENTS or (writes and str(arguments[0]).startswith(str(root))):
                count += 1
                if count == number:
                    os.kill(os.getpid(), signal.SIGKILL)

        sys.addaudithook(hook)
        try:
            apply(Paths(root), SECOND)
        except BaseException:
            os._exit(9)
        os._exit(0)
    status = os.waitpid(child, 0)[1]
    assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0
    return os.WIFSIGNALED(status)


def may_enter(root: Path) -> dict[str, set[str]]:
    """Return who can log in with which keys: a record, not expired, in group login, with a key file."""
    tables = database.Database.parse({name: (root / "etc" / name).read_text() for name in database.WIDTHS})
    login = tables.group.find("login")
    people = {}
    for record in tables.passwd:
        shadow = tables.shadow.find(record[0])
        keys = root / "etc/ssh/authorized_keys.d" / record[0]
        inside = login is not None and record[0] in database.members(login[3])
        if shadow and shadow[7] != "1" and inside and keys.is_file() and (root / record[5].lstrip("/")).is_dir():
            people[record[0]] = set(keys.read_text().splitlines())
    return people


@pytest.mark.usefixtures("paths")
def test_killed_before_every_change(tmp_path):
    texts = {}
    for state, rosters in {"old": [FIRST], "new": [FIRST, SECOND]}.items():
        there = machine(tmp_path / state)
        for each in rosters:
            apply(there, each)
        texts[state] = snapshot(there.root)
    wanted = {name: state for name, state in texts["new"].items() if not name.endswith("-")}
    number = 0
    while True:
        number += 1
        root = tmp_path / f"kill{number}"
        paths = machine(root)
        apply(paths, FIRST)
        killed = killed_at(root, number)
        now = snapshot(root)
        for name, state in now.items():
            if not Path(name).name.startswith(".") and ".ringmaster" not in name and not name.endswith("-"):
                assert state in (texts["old"].get(name), texts["new"].get(name)), f"{name} at change {number}"
        people = may_enter(root)
        assert set(people["alice"]) in ({key("alice")}, {key("alice"), key("new")})
        accepted = read_applied(paths).roster
        if accepted == FIRST.raw:
            assert set(people) == {"alice", "bob", "eve"}, f"nothing happens before the roster is kept ({number})"
        assert set(people) <= {"alice", "bob", "eve", "carol"}
        # What the timer does: apply the roster that was kept. It never goes back.
        apply(paths, parse(accepted))
        apply(paths, SECOND)
        after = {name: state for name, state in snapshot(root).items() if not name.endswith("-")}
        assert after == wanted, f"killed at change {number}"
        if not killed:
            break
    assert number > 40


def test_a_full_disk_changes_nothing(paths, monkeypatch):
    apply(paths, FIRST)
    before = snapshot(paths.root)
    real = swap.write_file
    for allowed in range(8):
        left = [allowed]

        def write(path: Path, text: str, mode: int, left: list[int] = left) -> None:
            left[0] -= 1
            if left[0] < 0:
                path.write_text(text[:10])
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
            real(path, text, mode)

        monkeypatch.setattr(swap, "write_file", write)
        with pytest.raises(AccountsError, match="No space left on device"):
            apply(paths, SECOND)
        assert snapshot(paths.root) == before
    monkeypatch.setattr(swap, "write_file", real)
    assert apply(paths, SECOND).changed


def test_two_runs_at_once_wait_for_each_other(paths, monkeypatch):
    monkeypatch.setattr(swap, "RUN_LOCK_SECONDS", 0.2)
    with swap.run_lock(paths), pytest.raises(AccountsError, match="Another run of the accounts module"):
        apply(paths, FIRST)
    assert apply(paths, FIRST).changed


def test_a_program_that_holds_the_account_lock_is_named(paths, monkeypatch):
    monkeypatch.setattr(swap, "ACCOUNT_LOCK_SECONDS", 0.2)
    ready, done = os.pipe(), os.pipe()
    child = os.fork()
    if child == 0:
        with swap.account_lock(paths):
            os.write(ready[1], b"x")
            os.read(done[0], 1)
        os._exit(0)
    os.read(ready[0], 1)
    with pytest.raises(AccountsError, match="useradd, passwd"):
        apply(paths, FIRST)
    os.write(done[1], b"x")
    os.waitpid(child, 0)
    assert apply(paths, FIRST).changed


def test_the_timer_applies_the_kept_roster_with_its_options(paths, monkeypatch, capsys):
    apply(paths, FIRST, home_retention_days=5)
    monkeypatch.setattr(run, "Paths", lambda: paths)
    real = run.run
    monkeypatch.setattr(run, "run", lambda roster, options: real(roster, options, paths=paths))
    assert run.main() == 0
    assert capsys.readouterr().out == ""
    paths.at("/etc/ssh/authorized_keys.d/eve").write_text("ssh-ed25519 AAAA evil\n")
    assert run.main() == 0
    assert capsys.readouterr().out == "repaired: person eve: changed\n"
    assert Options.from_kept(read_applied(paths).options).home_retention_days == 5


def test_a_broken_state_file_is_explained(paths):
    apply(paths, FIRST)
    paths.at("/var/lib/ringmaster/accounts/roster.json").write_text("{")
    with pytest.raises(AccountsError, match="if it is damaged, delete it"):
        apply(paths, FIRST)


def test_a_killed_mass_removal_can_be_finished_without_asking_again(paths):
    crowd = [person(f"p{index}", 20200 + index) for index in range(10)]
    apply(paths, roster(*crowd))
    wanted = parse(raw(*crowd[8:], generation=2))
    apply(paths, wanted, confirm_removal=True)
    shadow = paths.at("/etc/shadow")
    shadow.write_text(shadow.read_text().replace(":7::1:", ":7:::"))
    assert apply(paths, wanted).changed
