# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Failed units of service users, with managers that answer, lie, flood and are silent."""

from __future__ import annotations

import os
import pwd
import time
from pathlib import Path

import pytest
from ringmaster.host import checks, user_units

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="asks as other accounts")
NOBODY = pwd.getpwnam("nobody")


def account(name: str) -> pwd.struct_passwd:
    return pwd.struct_passwd((name, "x", NOBODY.pw_uid, NOBODY.pw_gid, "", "/srv", "/bin/sh"))


@pytest.fixture
def managers(monkeypatch: pytest.MonkeyPatch):
    """Return a function that says what the manager of each service user does, as a script of sh."""
    original = user_units.ask

    def set_up(**scripts: str) -> None:
        monkeypatch.setattr(user_units, "running", lambda: (account(f"s-{name}") for name in scripts))

        def ask(who: pwd.struct_passwd, seconds: float) -> list[str] | None:
            monkeypatch.setattr(user_units, "ASK", ("sh", "-c", scripts[who.pw_name.removeprefix("s-")]))
            return original(who, seconds)

        monkeypatch.setattr(user_units, "ask", ask)

    return set_up


LINE = "loaded failed failed An application"


def test_no_service_user_runs_units(managers) -> None:
    managers()
    assert checks.user_units() == (0, "No service user runs units.")
    managers(app="true")
    assert checks.user_units() == (0, "No unit of a service user has failed.")


def test_each_user_with_failed_units_is_named(managers) -> None:
    managers(
        app=f"echo 'web.service {LINE}'",
        jobs=f'for number in 1 2 3 4 5 6; do echo "job-$number.service {LINE}"; done',
        well="true",
    )
    assert checks.user_units() == (
        1,
        "1 unit of s-app has failed: web.service. 6 units of s-jobs have failed: "
        "job-1.service, job-2.service, job-3.service, job-4.service, job-5.service, ….",
    )


def test_it_asks_with_the_users_rights(managers, tmp_path: Path) -> None:
    tmp_path.chmod(0o777)
    managers(app=f"id -u > {tmp_path}/who; id -G >> {tmp_path}/who; echo $XDG_RUNTIME_DIR >> {tmp_path}/who")
    for folder in (tmp_path, *tmp_path.parents):
        if folder.stat().st_uid == os.geteuid() and not folder.stat().st_mode & 0o001:
            folder.chmod(folder.stat().st_mode | 0o011)
    assert checks.user_units()[0] == 0
    said = (tmp_path / "who").read_text().split()
    assert said == [str(NOBODY.pw_uid), str(NOBODY.pw_gid), f"/run/user/{NOBODY.pw_uid}"]


@pytest.mark.parametrize(
    "script",
    ["sleep 60", "exec tr '\\0' x < /dev/zero", "echo web.service; exit 1", "trap '' TERM; while :; do sleep 1; done"],
)
def test_a_manager_that_does_not_answer_costs_its_user_and_no_other(managers, script: str) -> None:
    managers(app=f"echo 'web.service {LINE}'", bad=script)
    begin = time.monotonic()
    status, sentence = user_units.failed(1)
    assert time.monotonic() - begin < 10
    assert status == 1 and sentence.startswith("1 unit of s-app has failed: web.service. The units of s-bad cannot")
    managers(bad=script)
    assert user_units.failed(1)[0] == 3


def test_a_name_that_no_unit_has_is_not_shown(managers) -> None:
    managers(app="printf '\\033[2Jevil loaded\\n<b>x</b> loaded\\na.service loaded\\n'")
    assert checks.user_units()[1] == (
        "3 units of s-app have failed: one with an unusual name, one with an unusual name, a.service."
    )
