# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import datetime
import re

import pytest
from accounts_samples import ALICE, BOB, SYSTEM, TODAY, apply, key, person, roster, snapshot
from ansible_collections.ringmaster.hosting.plugins.module_utils.accounts import records, timer, view
from ansible_collections.ringmaster.hosting.plugins.module_utils.accounts.model import AccountsError, Limits
from ansible_collections.ringmaster.hosting.plugins.modules.accounts import read_limits

BASE = roster(ALICE, BOB)


def read(paths, path):
    return paths.at(path).read_text()


def record(paths, name, file="passwd"):
    found = [line for line in read(paths, f"/etc/{file}").splitlines() if line.startswith(f"{name}:")]
    return found[0] if found else None


def mode(paths, path):
    status = paths.at(path).stat()
    return (status.st_uid, status.st_gid, status.st_mode & 0o7777)


def test_first_run_then_nothing_to_do(paths):
    assert apply(paths, BASE).changed
    assert record(paths, "bob") == "bob:x:20101:100:Bob:/home/bob:/bin/bash"
    assert re.fullmatch(r"bob:\*:20781:0:99999:7:::", record(paths, "bob", "shadow"))
    assert record(paths, "s-myapp") == "s-myapp:x:20102:20000:Service user s-myapp:/srv/s-myapp:/bin/bash"
    assert record(paths, "login", "group") == "login:x:20001:alice,bob"
    assert record(paths, "wheel", "group") == "wheel:x:20003:alice"
    assert record(paths, "wheel", "gshadow") == "wheel:!::alice"
    assert read(paths, "/etc/ssh/authorized_keys.d/bob") == key("bob") + "\n"
    assert mode(paths, "/etc/ssh/authorized_keys.d/bob") == (0, 0, 0o644)
    assert mode(paths, "/home/bob") == (20101, 100, 0o700)
    assert mode(paths, "/home/bob/.bashrc")[:2] == (20101, 100)
    assert mode(paths, "/srv/s-myapp") == (20102, 20000, 0o755)
    assert mode(paths, "/etc/shadow")[2] == 0o640
    assert mode(paths, "/etc/sudoers.d/ringmaster-accounts") == (0, 0, 0o440)
    assert paths.at("/var/lib/systemd/linger/s-myapp").exists()
    assert not paths.at("/var/lib/systemd/linger/bob").exists()
    assert read(paths, "/etc/cron.allow") == "root\ns-myapp\n"
    assert read(paths, "/etc/passwd-") == SYSTEM["passwd"]
    assert "UID_MAX\t\t\t19999" in read(paths, "/etc/login.defs")
    before = snapshot(paths.root)
    again = apply(paths, BASE)
    assert not again.changed
    assert again.changes == []
    assert snapshot(paths.root) == before


def test_nothing_of_the_system_is_touched(paths):
    apply(paths, BASE)
    apply(paths, roster(ALICE, BOB | {"state": "removed"}, generation=2))
    for file, text in SYSTEM.items():
        assert read(paths, f"/etc/{file}").startswith(text)


CHANGES = {
    "first run": (None, BASE),
    "key": (BASE, roster(ALICE, BOB | {"ssh_keys": [key("other"), key("third")]}, generation=2)),
    "no key": (BASE, roster(ALICE, BOB | {"ssh_keys": []}, generation=2)),
    "new person": (BASE, roster(ALICE, BOB, person("carol", 20110), generation=2)),
    "permission": (BASE, roster(ALICE, BOB | {"permissions": ["stats"]}, generation=2)),
    "locked": (BASE, roster(ALICE, BOB | {"state": "locked"}, generation=2)),
    "removed": (BASE, roster(ALICE, BOB | {"state": "removed"}, generation=2)),
    "missing": (BASE, roster(ALICE, generation=2)),
    "back": (
        roster(ALICE, BOB | {"state": "removed"}, person("dave", 20111, state="locked")),
        roster(ALICE, BOB, person("dave", 20111), generation=2),
    ),
    "service user gone": (BASE, roster(ALICE, BOB, generation=2, service_users=[])),
    "name": (BASE, roster(ALICE, BOB | {"full_name": "Robert"}, generation=2)),
    "generation only": (BASE, roster(ALICE, BOB, generation=2)),
}


@pytest.mark.parametrize("case", CHANGES)
def test_check_mode_says_exactly_what_a_run_does_and_changes_nothing(paths, case):
    earlier, wanted = CHANGES[case]
    if earlier:
        apply(paths, earlier)
    untouched = snapshot(paths.root)
    foretold = apply(paths, wanted, check=True)
    assert snapshot(paths.root) == untouched
    done = apply(paths, wanted)
    assert done.changed
    assert foretold.changes == done.changes
    diff = view.as_diff(done.changes)
    assert diff["before"] != diff["after"]
    assert not apply(paths, wanted).changed
    assert not [name for name in snapshot(paths.root) if name.endswith(".ringmaster-new")]


@pytest.mark.parametrize("state", ["locked", "removed", None])
def test_who_is_out_has_no_key_no_group_and_an_expired_account(paths, state):
    apply(paths, BASE)
    paths.at("/etc/group").write_text(read(paths, "/etc/group").replace("adm:x:4:operator", "adm:x:4:operator,bob"))
    people = [ALICE] + ([BOB | {"state": state}] if state else [])
    result = apply(paths, roster(*people, generation=2))
    assert [each.name for each in result.plan.departures] == ["bob"]
    assert not paths.at("/etc/ssh/authorized_keys.d/bob").exists()
    assert "bob" not in read(paths, "/etc/group") + read(paths, "/etc/gshadow")
    assert record(paths, "adm", "group") == "adm:x:4:operator"
    assert record(paths, "bob").endswith(":/home/bob:/usr/sbin/nologin")
    assert record(paths, "bob", "shadow").split(":")[7] == "1"
    assert mode(paths, "/home/bob") == ((20101, 100, 0o700) if state == "locked" else (0, 0, 0o700))
    assert paths.at("/home/bob/.bashrc").exists()


def test_a_removed_home_is_kept_for_its_time_and_a_service_home_for_ever(paths):
    apply(paths, BASE)
    gone = roster(ALICE, BOB | {"state": "removed"}, generation=2, service_users=[])
    apply(paths, gone)
    apply(paths, gone, today=TODAY + datetime.timedelta(days=89))
    assert paths.at("/home/bob").exists()
    result = apply(paths, gone, today=TODAY + datetime.timedelta(days=90))
    assert result.changed
    assert not paths.at("/home/bob").exists()
    assert record(paths, "bob") is None and record(paths, "bob", "shadow") is None
    assert paths.at("/srv/s-myapp").exists()
    assert not apply(paths, gone, today=TODAY + datetime.timedelta(days=91)).changed
    assert record(paths, "s-myapp").endswith("nologin")


def test_who_comes_back_in_time_finds_everything(paths):
    apply(paths, BASE)
    paths.at("/home/bob/notes").write_text("mine")
    apply(paths, roster(ALICE, generation=2))
    apply(paths, roster(ALICE, BOB, generation=3), today=TODAY + datetime.timedelta(days=30))
    assert mode(paths, "/home/bob") == (20101, 100, 0o700)
    assert read(paths, "/home/bob/notes") == "mine"
    apply(paths, roster(ALICE, generation=4), today=TODAY + datetime.timedelta(days=40))
    apply(paths, roster(ALICE, generation=4), today=TODAY + datetime.timedelta(days=100))
    assert paths.at("/home/bob").exists(), "the time begins again with each removal"


def test_removed_people_that_were_never_here_stay_away(paths):
    apply(paths, roster(ALICE, BOB | {"state": "removed"}))
    assert record(paths, "bob") is None
    assert not paths.at("/home/bob").exists()


DRIFT = {
    "own key": lambda at: at("/etc/ssh/authorized_keys.d/bob").write_text("ssh-ed25519 AAAA evil"),
    "key of nobody": lambda at: at("/etc/ssh/authorized_keys.d/mallory").write_text("x"),
    "key mode": lambda at: at("/etc/ssh/authorized_keys.d/bob").chmod(0o666),
    "key as link": lambda at: (
        at("/etc/ssh/authorized_keys.d/bob").unlink(),
        at("/etc/ssh/authorized_keys.d/bob").symlink_to("/dev/null"),
    ),
    "sudo rule": lambda at: at("/etc/sudoers.d/ringmaster-accounts").write_text("%login ALL=(ALL) NOPASSWD: ALL"),
    "group": lambda at: at("/etc/group").write_text(at("/etc/group").read_text().replace(":alice\n", ":alice,bob\n")),
    "gshadow": lambda at: at("/etc/gshadow").write_text(
        at("/etc/gshadow").read_text().replace("wheel:!::", "wheel:!:bob:")
    ),
    "shell": lambda at: at("/etc/passwd").write_text(
        at("/etc/passwd").read_text().replace("/home/bob:/bin/bash", "/:/bin/sh")
    ),
    "password": lambda at: at("/etc/shadow").write_text(at("/etc/shadow").read_text().replace("bob:*", "bob:$y$x")),
    "shadow record gone": lambda at: at("/etc/shadow").write_text(
        "".join(line for line in at("/etc/shadow").read_text().splitlines(True) if not line.startswith("bob:"))
    ),
    "account gone": lambda at: at("/etc/passwd").write_text(
        "".join(line for line in at("/etc/passwd").read_text().splitlines(True) if not line.startswith("bob:"))
    ),
    "linger": lambda at: at("/var/lib/systemd/linger/bob").touch(),
    "no linger": lambda at: at("/var/lib/systemd/linger/s-myapp").unlink(),
    "crontab": lambda at: at("/var/spool/cron/crontabs/bob").write_text("@reboot id"),
    "home mode": lambda at: at("/home/bob").chmod(0o755),
    "cron.allow": lambda at: at("/etc/cron.allow").unlink(),
    "no newline": lambda at: at("/etc/group").write_text(at("/etc/group").read_text().rstrip("\n")),
    "a second account": lambda at: at("/etc/passwd").write_text(
        at("/etc/passwd").read_text() + "evil:x:20500:100::/home/evil:/bin/bash\n"
    ),
}


@pytest.mark.parametrize("case", DRIFT)
def test_drift_is_shown_and_repaired(paths, case):
    apply(paths, BASE)
    whole = snapshot(paths.root)
    DRIFT[case](paths.at)
    foretold = apply(paths, BASE, check=True)
    assert foretold.changed
    assert apply(paths, BASE).changes == foretold.changes
    assert not apply(paths, BASE).changed
    if case == "a second account":
        assert record(paths, "evil").endswith("nologin")
        return
    now = snapshot(paths.root)
    ignored = ("etc/passwd-", "etc/shadow-", "etc/group-", "etc/gshadow-", "var/lib/ringmaster")
    for name, state in whole.items():
        # The order of lines may differ when a record had to be added again.
        if not name.startswith(ignored) and name not in ("etc/passwd", "etc/shadow"):
            assert now[name] == state, name
    for name in ("passwd", "shadow"):
        assert sorted(now[f"etc/{name}"][3].splitlines()) == sorted(whole[f"etc/{name}"][3].splitlines())


def test_members_and_keys_of_the_system_are_left_alone(paths):
    apply(paths, BASE)
    for name in ("root", "operator"):
        paths.at(f"/etc/ssh/authorized_keys.d/{name}").write_text("theirs")
    for file in ("group", "gshadow"):
        text = read(paths, f"/etc/{file}").replace(":alice,bob\n", ":operator,alice,bob,nobody-there\n")
        paths.at(f"/etc/{file}").write_text(text)
    apply(paths, BASE)
    assert read(paths, "/etc/ssh/authorized_keys.d/root") == "theirs"
    assert read(paths, "/etc/ssh/authorized_keys.d/operator") == "theirs"
    assert record(paths, "login", "group") == "login:x:20001:operator,alice,bob"


def test_the_crontab_of_a_person_is_put_aside_not_destroyed(paths):
    apply(paths, BASE)
    paths.at("/var/spool/cron/crontabs/bob").write_text("@reboot id")
    paths.at("/var/spool/cron/crontabs/s-myapp").write_text("@reboot id")
    paths.at("/var/spool/cron/crontabs/postgres").write_text("@daily id")
    apply(paths, BASE)
    assert sorted(each.name for each in paths.at("/var/spool/cron/crontabs").iterdir()) == [
        "postgres",
        "s-myapp",
    ]
    assert read(paths, "/var/lib/ringmaster/accounts/retired/bob.crontab") == "@reboot id"


def test_limits_of_a_service_user(paths):
    path = "/etc/systemd/system/user-20102.slice.d/50-ringmaster.conf"
    apply(paths, BASE, limits={"s-myapp": Limits(memory_max="1G", tasks_max="100")})
    assert read(paths, path).endswith("[Slice]\nMemoryMax=1G\nTasksMax=100\n")
    assert apply(paths, BASE).changed
    assert not paths.at(path).exists()
    with pytest.raises(AccountsError, match="limits: s-mayp: no such service user in project myapp; there are s-myapp"):
        apply(paths, BASE, limits={"s-mayp": Limits(tasks_max="1")})


@pytest.mark.parametrize("value", ["much", "1G\nMemoryMax=2G", "", "-1", "1 G", {}])
def test_a_limit_that_systemd_would_pass_over_is_refused(value):
    with pytest.raises(AccountsError, match="memory_max is"):
        read_limits({"s-myapp": {"memory_max": value}})
    with pytest.raises(AccountsError, match="must be a dictionary with some of memory_high"):
        read_limits({"s-myapp": {"memory": "1G"}})
    assert read_limits({"s-myapp": {"cpu_quota": "150%", "tasks_max": 10}})["s-myapp"].tasks_max == "10"


def test_the_timer_can_be_left_out(paths):
    apply(paths, BASE)
    assert paths.at(timer.PROGRAM_PATH).exists()
    assert apply(paths, BASE, self_heal=False).changed
    assert not paths.at(timer.PROGRAM_PATH).exists() and not paths.at(timer.TIMER_PATH).exists()
    assert not apply(paths, BASE, self_heal=False).changed


@pytest.mark.parametrize(
    ("file", "line", "words"),
    [
        (
            "passwd",
            "bob:x:1001:1001::/home/bob:/bin/sh",
            "belongs to the system; the roster gives it uid 20101",
        ),
        ("passwd", "bob:x:20500:100::/home/bob:/bin/sh", "never changes; the roster gives it uid 20101"),
        ("passwd", "robert:x:20101:100::/home/bob:/bin/sh", "uid 20101 belongs to 'robert' on this machine"),
        ("group", "wheel:x:999:", "has it with gid 999, it must be 20003"),
        ("group", "tape:x:20001:", "gid 20001 belongs to group 'tape'"),
    ],
)
def test_a_clash_with_the_system_is_an_error_that_changes_nothing(paths, file, line, words):
    paths.at(f"/etc/{file}").write_text(SYSTEM[file] + line + "\n")
    before = snapshot(paths.root)
    with pytest.raises(AccountsError) as caught:
        apply(paths, BASE)
    assert words in str(caught.value)
    assert snapshot(paths.root) == before


def test_an_older_generation_and_another_project_are_refused(paths):
    apply(paths, roster(ALICE, BOB, generation=5))
    with pytest.raises(AccountsError, match="generation 4, but 5 is applied"):
        apply(paths, roster(ALICE, BOB, generation=4))
    with pytest.raises(AccountsError, match="belongs to project 'myapp', the roster is for 'shop'"):
        apply(paths, roster(ALICE, BOB, generation=6, project="shop"))
    assert apply(paths, roster(ALICE, BOB, generation=4), replace_state=True).changed


def crowd(number):
    return [person(f"p{index}", 20200 + index) for index in range(number)]


@pytest.mark.parametrize(
    ("there", "leaving", "refused"),
    [(10, 5, False), (10, 6, True), (40, 8, False), (40, 9, True), (6, 6, True), (5, 5, False)],
)
def test_a_mass_removal_needs_a_confirmation(paths, there, leaving, refused):
    people = crowd(there)
    apply(paths, roster(*people))
    wanted = roster(*people[leaving:], generation=2)
    if not refused:
        apply(paths, wanted)
        return
    before = snapshot(paths.root)
    with pytest.raises(AccountsError, match=f"{leaving} of {there} people would lose access"):
        apply(paths, wanted)
    assert snapshot(paths.root) == before
    assert apply(paths, wanted, confirm_removal=True).changed


@pytest.mark.parametrize("change", [{"state": "removed"}, {"state": "locked"}, {"permissions": ["login"]}])
def test_the_last_administrator_needs_a_confirmation(paths, change):
    apply(paths, BASE)
    with pytest.raises(AccountsError, match=r"nobody would be left with permission wheel \(now: alice\)"):
        apply(paths, roster(ALICE | change, BOB, generation=2))
    assert apply(paths, roster(ALICE | change, BOB, generation=2), confirm_removal=True).changed


def test_a_file_in_place_of_a_home_is_an_error(paths):
    paths.at("/home/bob").symlink_to("/etc")
    with pytest.raises(AccountsError, match="/home/bob is not a directory"):
        apply(paths, BASE)


def test_a_database_that_pwck_refuses_is_not_put_in_place(paths, monkeypatch):
    real = records.write

    def spoil(database, *rest):
        real(database, *rest)
        database.passwd.put(["bob", "x", "20101", "4242", "", "/home/bob", "/bin/bash"])

    monkeypatch.setattr(records, "write", spoil)
    before = snapshot(paths.root)
    with pytest.raises(AccountsError, match="no group 4242"):
        apply(paths, BASE)
    assert snapshot(paths.root).items() >= before.items()
    assert record(paths, "bob") is None


def test_old_complaints_of_pwck_do_not_stop_a_run(paths):
    paths.at("/etc/passwd").write_text(SYSTEM["passwd"] + "odd:x:1500:4711::/nowhere:/bin/sh\n")
    assert apply(paths, BASE).changed


def test_no_secret_is_shown(paths):
    paths.at("/etc/shadow").write_text(SYSTEM["shadow"])
    result = apply(paths, BASE)
    assert "$y$" not in str(view.as_diff(result.changes))
