# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What people leave behind who may no longer become service users or root."""

from __future__ import annotations

import os
import time

import pytest
from accounts_samples import ALICE, BOB, apply, person, roster
from ansible_collections.ringmaster.hosting.plugins.module_utils.accounts import facts, left_behind
from ansible_collections.ringmaster.hosting.plugins.module_utils.accounts.service_sessions import is_of_a_unit

HOME = "/srv/s-myapp"
UNIT = f"{HOME}/.config/systemd/user/evil.service"
CRONTAB = "/var/spool/cron/crontabs/s-myapp"


def put(paths, path: str, mode: int = 0o644, uid: int = 20102) -> None:
    place = paths.at(path)
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text("x")
    place.chmod(mode)
    os.chown(place, uid, -1)


def lost(paths, *people, generation: int = 2, **options) -> list[str]:
    return apply(paths, roster(*people, generation=generation), **options).left_behind


WITHOUT = person("bob", 20101, "login")


def test_what_is_newer_than_the_right_is_named_and_the_rest_is_not(paths):
    apply(paths, roster(ALICE, BOB))
    for path, mode in ((UNIT, 0o644), (CRONTAB, 0o600), (f"{HOME}/bin/tool", 0o755), (f"{HOME}/data", 0o644)):
        put(paths, path, mode)
    put(paths, "/etc/local/nginx/evil.conf")
    put(paths, "/etc/local/nginx/of-another.conf", uid=20999)
    (words,) = lost(paths, ALICE, WITHOUT)
    assert words.startswith("bob loses sudo-srv on this machine, had since 2026-11-24")
    for path in (UNIT, CRONTAB, f"{HOME}/bin/tool", "/etc/local/nginx/evil.conf"):
        assert path in words
    assert "data" not in words
    assert "of-another" not in words
    assert "s-myapp (a crontab)" in words or "s-myapp (starts at boot, a crontab)" in words
    assert "-e end_service_sessions=true" in words
    assert lost(paths, ALICE, WITHOUT) == [], "it is told once"


def test_check_mode_tells_it_too_and_notes_nothing(paths):
    apply(paths, roster(ALICE, BOB))
    put(paths, UNIT)
    for _ in range(2):
        (words,) = apply(paths, roster(ALICE, WITHOUT, generation=2), check=True).left_behind
        assert UNIT in words


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        (person("bob", 20101, state="removed"), ["bob loses sudo-srv"]),
        (person("bob", 20101, state="locked"), ["bob loses sudo-srv"]),
        (person("bob", 20101, "login", "sudo-srv"), []),
        (person("bob", 20101, "sudo-srv"), []),
        (None, ["bob loses sudo-srv"]),
    ],
)
def test_who_counts_as_without_a_right(paths, now, expected):
    apply(paths, roster(ALICE, BOB))
    people = [ALICE] if now is None else [ALICE, now]
    assert [" ".join(each.split()[:3]) for each in lost(paths, *people)] == expected


def test_who_keeps_service_users_is_asked_about_root_only(paths):
    apply(paths, roster(ALICE, person("bob", 20101, "login", "sudo-srv", "wheel")))
    put(paths, UNIT)
    put(paths, "/etc/systemd/system/evil.service", uid=0)
    put(paths, "/root/.ssh/authorized_keys", uid=0)
    (words,) = lost(paths, ALICE, BOB)
    assert words.startswith("bob loses wheel")
    assert "/etc/systemd/system/evil.service" in words
    assert "/root/.ssh/authorized_keys" in words
    assert UNIT not in words


def test_a_right_is_as_old_as_its_own_beginning(paths):
    apply(paths, roster(ALICE, WITHOUT))
    apply(paths, roster(ALICE, BOB, generation=2))
    kept = facts.read_applied(paths).rights
    assert set(kept) == {20100, 20101}
    assert set(kept[20100]) == {"sudo-srv", "wheel"}
    apply(paths, roster(ALICE, WITHOUT, generation=3))
    assert 20101 not in facts.read_applied(paths).rights


def test_state_of_an_earlier_version_has_the_account_s_day(paths):
    apply(paths, roster(ALICE, BOB))
    place = paths.at("/var/lib/ringmaster/accounts/roster.json")
    place.write_text(place.read_text().replace('"rights"', '"nothing"'))
    assert apply(paths, roster(ALICE, BOB)).changed
    assert not apply(paths, roster(ALICE, BOB)).changed
    assert facts.read_applied(paths).rights[20101] == {"sudo-srv": 20781 * 86400}


def test_hostile_names_are_escaped_and_cut_and_many_are_counted(paths):
    apply(paths, roster(ALICE, BOB))
    folder = paths.at(f"{HOME}/.config/systemd/user")
    folder.mkdir(parents=True)
    for number in range(40):
        (folder / f"n{number:02d}.service").write_text("")
    time.sleep(0.02)
    names = ["\x1b[31mred\nfake: line", "x" * 200, "\u202eabc", "bad\udcff"]
    for name in names:
        (folder / name).write_text("")
    (words,) = lost(paths, ALICE, WITHOUT)
    assert words.isprintable()
    assert "\\x1b[31mred\\nfake" in words
    assert "x" * left_behind.MAX_NAME not in words
    assert "and 33 more" in words, "with the .bashrc of a new home"


def test_links_and_swapped_folders_lead_nowhere(paths):
    apply(paths, roster(ALICE, BOB))
    paths.at("/secret").mkdir()
    paths.at("/secret/key.service").write_text("x")
    place = paths.at(f"{HOME}/.config/systemd")
    place.mkdir(parents=True)
    (place / "user").symlink_to("../../../../secret")
    (words,) = lost(paths, ALICE, WITHOUT)
    assert "key.service" not in words


def test_it_ends_however_much_there_is(paths, monkeypatch):
    monkeypatch.setattr(left_behind, "MAX_LOOKED_AT", 5)
    apply(paths, roster(ALICE, BOB))
    for number in range(20):
        put(paths, f"{HOME}/p{number}", 0o755)
    (words,) = lost(paths, ALICE, WITHOUT)
    assert "Only 5 files were looked at" in words


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0::/system.slice/app.service\n", True),
        ("0::/system.slice/cron.service\n", False),
        ("0::/user.slice/user-20102.slice/user@20102.service/app.slice/x.service\n", False),
        ("0::/user.slice/user-20101.slice/session-3.scope\n", False),
        ("12:cpu:/\n1:name=systemd:/lab/myapp00/system.slice/atd.service\n0::/\n", False),
        ("1:name=systemd:/lab/myapp00/system.slice/nginx.service\n", True),
        ("", False),
    ],
)
def test_what_root_has_started_stays(text, expected):
    assert is_of_a_unit(text) is expected
