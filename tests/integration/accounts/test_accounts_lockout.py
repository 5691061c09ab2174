# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Accounts on a running machine when things are in the way: a drill.

An open session with tmux and a cron job, somebody who is logged in under the old name, a full disk, two runs at once.
"""

from __future__ import annotations

import dataclasses
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from light_machine import LightMachine

pytestmark = pytest.mark.slow
KEYS = "/etc/ssh/authorized_keys.d"


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LightMachine]:
    started = LightMachine.start(tmp_path_factory.mktemp("machine"))
    try:
        assert started.apply(roster(started, 1, PEOPLE))
        yield started
    finally:
        started.stop()


def person(name: str, uid: int, *permissions: str, key: str = "") -> dict[str, Any]:
    return {"name": name, "uid": uid, "permissions": ["login", *permissions], "key": key or name}


ALICE = person("alice", 20100, "wheel")
BOB = person("bob", 20101, "sudo-srv")
CAROL = person("carol", 20102)
ROBERT = person("robert", 20103, key="bob")
DAVE = person("dave", 20104)
PEOPLE = [ALICE, BOB, CAROL]


def roster(machine: LightMachine, generation: int, people: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
    return {
        "format": 1,
        "project": "myapp",
        "generation": generation,
        "hash": str(generation),
        "service_users": [{"name": "s-myapp", "uid": 20110}],
        "people": [
            {
                **{name: one[name] for name in ("name", "uid", "permissions")},
                "full_name": one["name"].title(),
                "state": more.get(one["name"], "active"),
                "ssh_keys": [machine.key(one["key"])],
            }
            for one in people
        ],
    }


def eventually(condition: Callable[[], object], seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.5)


def install_tmux(machine: LightMachine) -> str:
    """Put this machine's tmux, with its libraries, on the light machine, which reaches no archive."""
    program = shutil.which("tmux")
    if program is None:
        pytest.skip("tmux is not installed here")
    shown = subprocess.run(["ldd", program], capture_output=True, text=True, check=True).stdout
    libraries = [line.split()[2] for line in shown.splitlines() if "=> /" in line and "libc.so" not in line]
    folder = machine.folder / "tmux"
    folder.mkdir()
    for path in [program, *libraries]:
        shutil.copy(path, folder / Path(path).name)
    packed = subprocess.run(["tar", "-C", str(folder), "-c", "."], capture_output=True, check=True).stdout
    unpack = "mkdir -p /opt/tmux && tar -C /opt/tmux -x && chmod -R go+rX /opt/tmux"
    subprocess.run([*machine.ssh_argv("root", "operator"), unpack], input=packed, check=True)
    return "LC_ALL=C.UTF-8 LD_LIBRARY_PATH=/opt/tmux /opt/tmux/tmux"


def processes(machine: LightMachine, who: str) -> str:
    return machine.root(f"ps -o args= -u {who}; true")


def test_an_open_session_with_tmux_and_a_cron_job_is_gone(machine: LightMachine) -> None:
    tmux = install_tmux(machine)
    session = subprocess.Popen([*machine.ssh_argv("carol"), "sleep 4250"], stdin=subprocess.DEVNULL)
    done = machine.ssh("carol", f"{tmux} new-session -d 'sleep 4251'")
    assert done.returncode == 0, done.stderr
    # People may have no crontab; this one was left by somebody with root.
    machine.root(
        "cd /var/spool/cron/crontabs && echo '* * * * * sleep 4252' > carol"
        " && chown carol:crontab carol && chmod 600 carol"
    )
    eventually(lambda: all(f"sleep {number}" in processes(machine, "carol") for number in (4250, 4251, 4252)), 140)

    begun = time.monotonic()
    assert machine.apply(roster(machine, 2, PEOPLE, carol="removed"))
    print(f"out after {time.monotonic() - begun:.1f} s, the playbook's start included")

    assert processes(machine, "carol") == ""
    assert session.wait(10) != 0
    assert machine.root("ls /var/spool/cron/crontabs") == ""
    assert machine.ssh("carol", "true").returncode != 0
    time.sleep(62)  # the next minute of cron
    assert processes(machine, "carol") == ""
    assert machine.root("loginctl list-users --no-legend | grep carol; true") == ""


def test_who_is_logged_in_under_the_old_name(machine: LightMachine) -> None:
    session = subprocess.Popen([*machine.ssh_argv("bob"), "sleep 4253"], stdin=subprocess.DEVNULL)
    eventually(lambda: "sleep 4253" in processes(machine, "bob"))
    done = machine.play(roster(machine, 3, [ALICE, {**ROBERT, "uid": BOB["uid"]}]))
    assert done.returncode != 0
    assert "a uid is never given to another name" in " ".join((done.stdout + done.stderr).split())
    assert "sleep 4253" in processes(machine, "bob"), "a mistake in the roster ends no session"

    assert machine.apply(roster(machine, 3, [ALICE, ROBERT]))
    assert processes(machine, "bob") == "" and session.wait(10) != 0
    assert machine.ssh("bob", "true").returncode != 0
    assert machine.ssh("robert", "id -un; pwd", key="bob").stdout.split() == ["robert", "/home/robert"]


def test_a_full_disk_changes_nothing_and_the_next_run_does_it(machine: LightMachine) -> None:
    """Where the keys lie is full: a small file system that holds the same files."""
    machine.root(
        f"cp -a {KEYS} /root/keys && mount -t tmpfs -o size=64k,mode=755 tmpfs {KEYS} && cp -a /root/keys/. {KEYS}/"
        f" && dd if=/dev/zero of={KEYS}/.filler bs=4k 2>/dev/null; df {KEYS} | grep -q 100%"
    )
    before = machine.root(f"sha256sum /etc/passwd /etc/shadow /etc/group /etc/sudoers.d/* {KEYS}/*")
    done = machine.play(roster(machine, 4, [ALICE, ROBERT, DAVE]))
    assert done.returncode != 0
    assert "No space left on device" in done.stdout + done.stderr
    assert machine.root(f"sha256sum /etc/passwd /etc/shadow /etc/group /etc/sudoers.d/* {KEYS}/*") == before
    assert machine.ssh("alice", "sudo -n true").returncode == 0
    assert machine.ssh("dave", "true").returncode != 0
    machine.root(f"umount {KEYS}")
    assert machine.apply(roster(machine, 4, [ALICE, ROBERT, DAVE]))
    assert machine.ssh("dave", "true").returncode == 0


def test_of_two_runs_at_once_the_newer_roster_stays(machine: LightMachine, tmp_path: Path) -> None:
    """Both run to their end, or the older one is refused; nobody is lost either way."""
    older, newer = roster(machine, 5, [ALICE, ROBERT]), roster(machine, 6, [ALICE, ROBERT, DAVE, CAROL])
    shutil.copy(machine.folder / "operator", tmp_path)
    elsewhere = dataclasses.replace(machine, folder=tmp_path)  # another controller
    with ThreadPoolExecutor(2) as pool:
        first, second = pool.submit(machine.play, newer), pool.submit(elsewhere.play, older)
        assert first.result().returncode == 0, first.result().stdout
        late = second.result()
    assert late.returncode == 0 or "The roster has generation 5" in " ".join((late.stdout + late.stderr).split())
    for name in ("alice", "dave", "carol"):
        assert machine.ssh(name, "true").returncode == 0
    complaints = machine.root("LC_ALL=C pwck -r | grep -v 'does not exist$'; LC_ALL=C grpck -r; true")
    assert complaints == "pwck: no changes"
