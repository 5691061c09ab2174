# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""docs/disaster.md, with its own commands: the steward's machine is gone, and comes back from its backup.

The tests tell one story: order matters, and so does that they come last.
"""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import steps
from asking import GIT, HOME, KEYS, ROOT, gets_in, hand_in, health, line_of, new_key, number, signed, state_in_queue
from testinfra.host import Host

PLATFORM = ROOT / "molecule/steward/platform"
MARK = "/run/ringmaster/backup-wanted"
SIGNED_TOO_EARLY = "sign again"
REGULAR = {"accounts": "10m"}
"""As in converge.yml."""


def play(name: str, **variables: object) -> str:
    """Run a playbook as the page says, or one of this scenario."""
    environment = {
        **os.environ,
        "MOLECULE_PROJECT_DIRECTORY": str(ROOT),
        "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
        "ANSIBLE_SSH_EXECUTABLE": str(ROOT / "molecule/shared/ssh"),
    }
    argv = [str(ROOT / ".venv/bin/ansible-playbook"), f"{name}.yml", "-i", str(PLATFORM / "platform.ringmaster.yml")]
    argv += ["-e", json.dumps({"lab_folder": str(ROOT / ".lab"), **variables})]
    done = subprocess.run(argv, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def lose(machine: str) -> None:
    """Take a machine away with all that it held, and start an empty one in its place."""
    steps.lose(machine, PLATFORM / "platform.ringmaster.yml")
    play("molecule/shared/create", lab_hosts="ask00:machines")


@pytest.fixture(scope="module")
def kept() -> dict[str, Any]:
    """What one test leaves for the next one."""
    return {}


def test_every_commit_is_in_the_backup_also_one_that_comes_while_a_backup_runs(
    ringctl: Callable[..., subprocess.CompletedProcess[str]],
    steward: Host,
    tmp_path_factory: pytest.TempPathFactory,
    eventually: Callable[..., None],
    kept: dict[str, Any],
) -> None:
    folder = tmp_path_factory.mktemp("keys")
    for name in ("first", "second"):
        asked = ringctl("add-ssh-key", "--ssh-key", f"@{new_key(folder, name)}.pub", "--wait")
        assert asked.returncode == 0, asked.stdout + asked.stderr
    kept["key"] = folder / "second"
    is_backed_up(steward, eventually)


def is_backed_up(steward: Host, eventually: Callable[..., None]) -> None:
    """Wait until no backup is wanted or running, and see that the last one began after the last commit."""

    def is_done() -> bool:
        active = steward.check_output("systemctl show -P ActiveState ringmaster-backup.service")
        return active in ("inactive", "failed") and not steward.file(MARK).exists

    eventually(is_done, 180)
    said = json.loads(steward.check_output("cat /var/lib/ringmaster/backup.json"))
    assert said["run"]["result"] == "ok", said
    assert said["last_success"] > int(steward.check_output(f"{GIT} log -1 --format=%ct main"))


def test_the_backup_has_no_key_that_opens_anything(steward: Host) -> None:
    """The backup machine reads what it keeps."""
    steward.check_output("mkdir /root/found && ringmaster-backup restore-files /etc/ringmaster --to /root/found")
    try:
        names = {Path(one).name for one in steward.check_output("find /root/found -type f -path '*steward*'").split()}
    finally:
        steward.check_output("rm -rf /root/found")
    assert {"secrets.yml", "ca.key", "steward.json"} <= names
    assert not names & {"ssh-key", "vault-password"}


def test_it_comes_back_with_all_that_was_written(
    ringctl: Callable[..., subprocess.CompletedProcess[str]],
    machine: Callable[[str], Host],
    tmp_path_factory: pytest.TempPathFactory,
    eventually: Callable[..., None],
    kept: dict[str, Any],
) -> None:
    portal, steward = machine("svc0"), machine("ctl0")
    # A request that was done, and that somebody kept with its proof.
    request = {"changes": [{"verb": "revoke_key", "arguments": {"user": "ada", "ssh_key": line_of(kept["key"])}}]}
    kept["body"] = {"request": request, "proofs": [signed(request, KEYS / "ada")]}
    done = hand_in(portal, kept["body"])
    eventually(lambda: state_in_queue(portal, done) == "applied", 120)
    is_backed_up(steward, eventually)
    head, kept["count"] = steward.check_output(f"{GIT} rev-parse main"), number(steward)
    identity = steward.check_output("cat /etc/machine-id")
    snapshot = json.loads(steward.check_output("cat /var/lib/ringmaster/backup.json"))["run"]["snapshot"][:8]
    steward.check_output("systemctl stop ringmaster-steward.service")
    # Asked while nobody is there.
    kept["waiting"] = new_key(tmp_path_factory.mktemp("more"), "waiting")
    asked = ringctl("add-ssh-key", "--ssh-key", f"@{kept['waiting']}.pub")
    assert asked.returncode == 0, asked.stdout + asked.stderr

    lose("ctl0")
    steward = machine("ctl0")
    assert steward.check_output("cat /etc/machine-id") != identity
    play("playbooks/machine", machine_hosts="ctl0")
    play("playbooks/certificates", certificates_hosts="ctl0")
    play("playbooks/backup", backup_hosts="ctl0")
    play("playbooks/steward", steward_seed=False, steward_regular=REGULAR)
    for path in (f"{HOME}/description.git", f"{HOME}/state/statements"):
        play("playbooks/restore_files", vm="ctl0", path=path, in_place=True, snapshot=snapshot)
    play("playbooks/steward", steward_regular=REGULAR)
    eventually(lambda: health(steward).get("queue_at", 0) > time.time() - 60, 120)
    assert steward.check_output(f"{GIT} rev-parse main") == head
    requests = steward.check_output(f"{GIT} log '--format=%(trailers:key=Request,valueonly)' main").split()
    assert len(requests) == len(set(requests)) > 2


def test_what_was_signed_before_counts_no_more(
    ringctl: Callable[..., subprocess.CompletedProcess[str]],
    machine: Callable[[str], Host],
    address: str,
    eventually: Callable[..., None],
    kept: dict[str, Any],
) -> None:
    """Neither what was done already, nor what the queue kept meanwhile: nobody knows any more whether that was used."""
    portal, steward = machine("svc0"), machine("ctl0")
    eventually(lambda: SIGNED_TOO_EARLY in ringctl("list", "--json").stdout, 60)
    again = hand_in(portal, kept["body"])
    eventually(lambda: state_in_queue(portal, again) == "refused", 60)
    assert number(steward) == kept["count"]
    assert not gets_in(address, "ada", kept["waiting"])


def test_it_goes_on(
    ringctl: Callable[..., subprocess.CompletedProcess[str]], address: str, tmp_path: Path, steward: Host
) -> None:
    """What is signed from now on counts. Clocks may be five minutes apart, so that it begins so much later."""
    key = new_key(tmp_path, "afterwards")
    end = time.monotonic() + 400
    while True:
        asked = ringctl("add-ssh-key", "--ssh-key", f"@{key}.pub", "--wait")
        if asked.returncode == 0 or time.monotonic() > end:
            break
        assert SIGNED_TOO_EARLY in asked.stdout + asked.stderr, asked.stdout + asked.stderr
        time.sleep(20)
    assert asked.returncode == 0, asked.stdout + asked.stderr
    assert gets_in(address, "ada", key)
