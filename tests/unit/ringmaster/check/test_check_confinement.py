# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A project's own checks: what they cannot read, leave behind, take, or look into. As root, as on machines."""

from __future__ import annotations

import os
import pwd
import time
from pathlib import Path

import pytest
from ringmaster.check import confinement
from ringmaster.check.definitions import Definition
from ringmaster.check.execution import Modules, Outcome, run_all
from ringmaster.core.checks import CRITICAL, OK, UNKNOWN

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root confines")
OWNER = "daemon"
NUMBER = pwd.getpwnam(OWNER).pw_uid


def shell(script: str, user: str = OWNER, timeout: int = 20) -> Definition:
    return Definition("local", "shell", command=("/bin/sh", "-c", script), user=user, timeout=timeout)


def run(definition: Definition) -> Outcome:
    (outcome,) = run_all([definition], Modules(Path("/nonexistent")))
    return outcome


def lives(marker: str) -> bool:
    """Whether a process has the marker in its command line."""
    for place in Path("/proc").iterdir():
        try:
            if place.name.isdecimal() and marker.encode() in (place / "cmdline").read_bytes():
                return True
        except OSError:
            continue
    return False


@pytest.mark.parametrize(
    ("script", "status", "message"),
    [
        ("echo fine", OK, "fine"),
        ("echo bad; exit 2", CRITICAL, "bad"),
        ("exit 9", UNKNOWN, "Exit code 9, which is none of 0 to 3."),
        ("kill -SEGV $$", UNKNOWN, "Ended by signal SIGSEGV."),
        ("id -un; exit 0", OK, OWNER),
        ("printf 'a\\033[31mb'", OK, "a [31mb"),
    ],
)
def test_it_ends_as_elsewhere(script: str, status: int, message: str) -> None:
    outcome = run(shell(script))
    assert (outcome.status, outcome.message) == (status, message)


@pytest.mark.parametrize(
    "escape",
    [
        "sleep 31.{n} &",
        "setsid sleep 31.{n} &",
        "setsid sh -c 'setsid sleep 31.{n} &' &",
        "nohup setsid sh -c 'trap \"\" TERM HUP INT; sleep 31.{n} & sleep 31.{n}' >/dev/null 2>&1 &",
    ],
)
@pytest.mark.parametrize("late", [False, True])
def test_what_it_leaves_behind_ends_with_it(escape: str, late: bool) -> None:
    number = f"{os.getpid()}{time.time_ns() % 10**6}"
    outcome = run(shell(escape.format(n=number) + (" sleep 60" if late else " echo done"), timeout=1 if late else 20))
    assert outcome.status == (CRITICAL if late else OK)
    deadline = time.monotonic() + 3
    while lives(f"31.{number}"):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_temporary_folders_are_its_own(tmp_path: Path) -> None:
    outcome = run(shell("ls -A /tmp /var/tmp /dev/shm | tr '\\n' ' '; touch /tmp/x /var/tmp/x && echo written"))
    assert outcome.message == "/dev/shm:  /tmp:  /var/tmp: written"
    assert not Path("/tmp/x").exists()


def test_temporary_folders_are_bounded() -> None:
    full = "for n in 1 2 3; do head -c 40000000 /dev/zero > /tmp/$n || echo full; done 2>&1 | tail -n 1"
    assert "full" in run(shell(full)).message


def test_credentials_of_monitoring_are_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    secret = tmp_path / "monitoring"
    secret.mkdir()
    (secret / "redis.env").write_text("REDIS_PASSWORD=secret")
    for place in (secret, *secret.parents):
        if place.is_relative_to("/tmp/pytest-of-root"):
            place.chmod(0o755)
    # Readable for everybody by mistake, and hidden all the same.
    monkeypatch.setattr(confinement.enter, "__defaults__", ((), (str(secret),)))
    assert "secret" not in run(shell(f"cat {secret}/* 2>&1; ls {secret} 2>&1")).message
    assert (secret / "redis.env").read_text()


@pytest.mark.parametrize(
    ("what", "most"),
    [("-t", 20), ("-d", 1024 * 1024), ("-n", 1024), ("-c", 0)],
    ids=["computing", "memory", "files", "core"],
)
def test_limits(what: str, most: int) -> None:
    soft, hard = run(shell(f"echo $(ulimit -S {what}) $(ulimit -H {what})")).message.split()
    assert soft == hard and int(hard) <= most


def test_it_cannot_take_all_processes() -> None:
    begun = time.monotonic()
    outcome = run(shell("n=0; while sleep 60 & do n=$((n + 1)); [ $n -lt 500 ] || break; done 2>/dev/null; echo $n"))
    assert outcome.message != "500"
    assert time.monotonic() - begun < 30


def test_it_gets_no_more_rights() -> None:
    assert run(shell("grep NoNewPrivs /proc/self/status")).message.split()[-1] == "1"
    assert set(run(shell("grep CapEff /proc/self/status")).message.split()[-1]) == {"0"}


def test_it_sees_what_runs_and_touches_none_of_the_runner() -> None:
    runner = f"/proc/{os.getpid()}"
    for secret in ("environ", "mem", "fd", "maps"):
        assert run(shell(f"ls -d {runner} && ls {runner}/{secret}/ || cat {runner}/{secret}")).status != OK
    assert run(shell("cat /proc/1/comm")).status == OK
    assert run(shell("kill -9 -1; echo alive")).status in (OK, UNKNOWN)


def test_what_cannot_be_confined_does_not_run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def refuse() -> None:
        raise PermissionError(1, "unshare: Operation not permitted")

    monkeypatch.setattr(confinement, "enter", refuse)
    outcome = run(shell("echo ran"))
    assert outcome.status == UNKNOWN and "Operation not permitted" in outcome.message and "ran" not in outcome.message


def test_accounts_share_what_runs_at_once() -> None:
    hogs = [shell("sleep 2", "bin") for _number in range(6)]
    begun = time.monotonic()
    outcomes = run_all([*hogs, shell("echo quick")], Modules(Path("/nonexistent")), 4)
    quick = next(one for one in outcomes if one.message == "quick")
    assert len(outcomes) == 7 and outcomes.index(quick) == 0
    assert time.monotonic() - begun > 5, "two of an account at once"


def test_no_more_are_started_when_the_time_is_up() -> None:
    outcomes = run_all([shell("sleep 1") for _number in range(10)], Modules(Path("/nonexistent")), 4, 0.5)
    assert len(outcomes) == 2
