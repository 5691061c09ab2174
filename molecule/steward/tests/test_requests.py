# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The whole line on machines: somebody asks by ringctl, the steward writes a commit and runs Ansible, and it is so."""

from __future__ import annotations

import json
import os
import re
import ssl
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from asking import (
    HOME,
    KEYS,
    PORTAL,
    STEWARD,
    commits,
    gets_in,
    hand_in,
    health,
    line_of,
    new_key,
    number,
    signed,
    state_in_queue,
)
from mailbox_of_catcher import caught
from testinfra.host import Host

MOST_EXPOSED = 2.0
"""Of what systemd-analyze says of a unit; 0 may do nothing, 10 everything."""


def test_a_key_that_somebody_asks_for_opens_the_vm_and_a_revoked_one_does_not(
    ringctl: Callable[..., subprocess.CompletedProcess[str]],
    steward: Host,
    address: str,
    tmp_path: Path,
    eventually: Callable[..., None],
) -> None:
    key = new_key(tmp_path, "laptop")
    before = number(steward)
    assert not gets_in(address, "ada", key)
    begun = time.monotonic()
    asked = ringctl("add-ssh-key", "--ssh-key", f"@{key}.pub", "--wait")
    print(f"a new key: {time.monotonic() - begun:.1f} s")
    assert asked.returncode == 0, asked.stdout + asked.stderr
    assert "applied" in asked.stdout
    assert gets_in(address, "ada", key)
    assert number(steward) == before + 1
    said = commits(steward)
    assert "Requested-By: ada" in said
    fingerprint = subprocess.check_output(["ssh-keygen", "-lf", f"{key}.pub"], text=True).split()[1]

    def is_told() -> bool:
        found = [str(one.get_payload()) for one in caught("out0.asked.example", "Your keys have changed")]
        return any(fingerprint in text and "(ada) asked for it." in text for text in found)

    eventually(is_told, 60)
    begun = time.monotonic()
    asked = ringctl("revoke-key", "--ssh-key", line_of(key), "--wait")
    print(f"a revoked key: {time.monotonic() - begun:.1f} s")
    assert asked.returncode == 0, asked.stdout + asked.stderr
    assert not gets_in(address, "ada", key)


def test_what_the_policy_refuses_changes_nothing(
    ringctl: Callable[..., subprocess.CompletedProcess[str]], steward: Host
) -> None:
    before = number(steward)
    asked = ringctl("order-vm", "--project", "ask", "--wait")
    assert asked.returncode != 0
    assert "refused" in asked.stdout
    assert number(steward) == before


def test_a_queue_that_was_broken_into_writes_nothing(
    portal: Host, steward: Host, tmp_path: Path, eventually: Callable[..., None]
) -> None:
    stranger = new_key(tmp_path, "stranger")
    before = number(steward)
    ours = {"changes": [{"verb": "add_ssh_key", "arguments": {"user": "ada", "ssh_key": line_of(stranger)}}]}
    other = {"changes": [{"verb": "remove_ssh_key", "arguments": {"user": "ada", "ssh_key": line_of(stranger)}}]}
    # Signed by somebody else; and by her, for something else.
    for key, signed_for in ((stranger, ours), (KEYS / "ada", other)):
        id_ = hand_in(portal, {"request": ours, "proofs": [signed(signed_for, key)]})
        eventually(lambda id_=id_: state_in_queue(portal, id_) == "refused", 30)
        assert id_ in steward.check_output("journalctl -u ringmaster-steward --since -2min --no-pager")
    assert number(steward) == before


def test_the_stewards_listener_is_for_the_one_certificate(portal: Host, steward: Host) -> None:
    call = 'curl --silent --max-time 10 --cacert /etc/ringmaster/certificates/ca.pem --json \'{"instance": "other"}\''
    url = f"https://{PORTAL}:8443/steward/v1/hello"

    def code(host: Host, name: str = "") -> str:
        folder = f"/etc/ringmaster/certificates/{name}"
        own = f"--cert {folder}/fullchain.pem --key {folder}/privkey.pem" if name else ""
        return host.run(f"{call} {own} --output /dev/null --write-out %{{http_code}} {url}").stdout

    assert code(steward) == "400", "no certificate"
    # Another steward while one is at work: its certificate is right.
    assert code(steward, "steward") == "409"
    # From another address, and with a certificate of the same authority for another machine.
    assert code(portal, "portal-steward") == "403"
    context = ssl.create_default_context(cafile=KEYS / "ca.pem")
    for path, status in (("/steward/v1/hello", 404), ("/ringctl", 200), ("/sign-in", 200), ("/vms/x00", 200)):
        try:
            with urllib.request.urlopen(f"https://{PORTAL}{path}", context=context) as answer:
                assert answer.status == status
        except urllib.error.HTTPError as error:
            with error:
                assert error.code == status


def test_secrets_are_for_the_steward_only(steward: Host) -> None:
    folder = "/etc/ringmaster/steward"
    assert steward.check_output(f"stat -c '%U:%G %a' {folder}") == "root:ringmaster-steward 750"
    for name in ("ssh-key", "vault-password", "secrets.yml", "secrets/ca.key"):
        assert steward.check_output(f"stat -c '%U:%G %a' {folder}/{name}") == "root:ringmaster-steward 640"
        assert steward.run(f"runuser -u nobody -- cat {folder}/{name}").rc != 0
    for name in ("secrets.yml", "secrets/ca.key"):
        assert steward.check_output(f"head -c 14 {folder}/{name}") == "$ANSIBLE_VAULT"
    secret = "molecule-tests-only-0123456789abcdef"
    written = steward.run(f"grep -rl --exclude-dir=secrets {secret} {folder} {HOME}/state /usr/share/ringmaster*.tar")
    assert written.stdout.split() in ([], ["/usr/share/ringmaster-description.tar"]), "the tests' own is in group_vars"
    assert steward.check_output("ss -Hltnp | grep -c 'users:((\"python3' || true") == "0"


def test_regular_runs_happen_and_are_told(steward: Host, eventually: Callable[..., None]) -> None:
    eventually(lambda: health(steward).get("regular") == {"accounts": ""}, 60)
    found = steward.check_output(f"ls {HOME}/state/runs")
    assert ".log" in found
    assert "accounts" in steward.check_output(
        f"grep -l 'Synchronise accounts' -r {HOME}/state/runs | head -1; echo accounts"
    )


@pytest.mark.parametrize("name", ["svc0", "ctl0"])
def test_checks(machine: Callable[[str], Host], name: str, eventually: Callable[..., None]) -> None:
    host = machine(name)
    part = {"svc0": "portal", "ctl0": "steward"}[name]
    definitions = json.loads(host.check_output(f"cat /usr/lib/ringmaster/checks.d/{part}.json"))
    assert len(definitions) == {"portal": 2, "steward": 5}[part]

    def run(one: dict[str, Any]) -> tuple[int, str]:
        function = one["function"].partition(":")[2]
        call = f"import json; from ringmaster.{part} import checks"
        call += f"; print(json.dumps(checks.{function}(**{one.get('arguments', {})!r})))"
        program = f"cd /usr/lib/ringmaster/python && runuser -u {one.get('user', 'nobody')} -- python3 -B -c %s"
        level, said = json.loads(host.check_output(program, call))
        return level, said

    for one in definitions:
        eventually(lambda one=one: run(one)[0] == 0, 40)
    if part == "portal":
        host.check_output("systemctl stop ringmaster-portal.socket ringmaster-portal.service")
        try:
            assert run(definitions[0])[0] == 2
        finally:
            host.check_output("systemctl start ringmaster-portal.socket ringmaster-portal.service")


@pytest.mark.parametrize(
    ("name", "unit"),
    [
        ("svc0", "ringmaster-portal"),
        ("svc0", "ringmaster-portal-steward"),
        ("svc0", "ringmaster-portal-copy"),
        ("ctl0", "ringmaster-steward"),
    ],
)
def test_units_may_do_little(machine: Callable[[str], Host], name: str, unit: str) -> None:
    said = machine(name).check_output(f"systemd-analyze security --no-pager {unit}.service | tail -1")
    found = re.search(r"([0-9]+\.[0-9]+) ", said)
    assert found, said
    print(f"{unit}: {found[1]}")
    assert float(found[1]) <= MOST_EXPOSED


def test_the_database_is_copied_for_the_backup(portal: Host) -> None:
    portal.check_output("systemctl start ringmaster-portal-copy.service")
    copied = portal.file("/var/lib/ringmaster-portal/backup/portal.sqlite3")
    assert (copied.user, copied.mode) == ("ringmaster-portal", 0o600)


def test_operators_clone_and_push_and_do_nothing_else(
    steward: Host, tmp_path: Path, eventually: Callable[..., None]
) -> None:
    options = "-o IdentitiesOnly=yes -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null"
    ssh = f"ssh -F none -i {KEYS}/operator {options}"
    environment = {**os.environ, "GIT_SSH_COMMAND": ssh, "GIT_CONFIG_GLOBAL": "/dev/null"}

    def git(*words: str) -> None:
        argv = ["git", "-c", "user.name=o", "-c", "user.email=o@example.org", *words]
        done = subprocess.run(argv, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr

    clone = tmp_path / "clone"
    git("clone", "-q", f"ssh://ringmaster-steward@{STEWARD}{HOME}/description.git", str(clone))
    project = clone / "projects/ask.yml"
    said = f"Changed by an operator at {time.time():.0f}"
    project.write_text(re.sub("^description: .*", f"description: {said}", project.read_text(), flags=re.MULTILINE))
    git("-C", str(clone), "commit", "-qam", "Say it otherwise")
    git("-C", str(clone), "push", "-q")
    eventually(lambda: said in steward.check_output(f"cat {HOME}/platform/projects/ask.yml"), 30)
    shell = subprocess.run(
        [*ssh.split(), f"ringmaster-steward@{STEWARD}", "id"], capture_output=True, text=True, check=False
    )
    assert shell.returncode != 0
    assert "uid=" not in shell.stdout


def test_the_steward_sets_itself_up_and_finds_nothing_to_change(steward: Host) -> None:
    """As its nightly site.yml does: with what it has on its machine, out of its own repository."""
    environment = steward.check_output("systemctl show -P Environment ringmaster-steward.service")
    collection = "/usr/share/ringmaster/collection/current/ansible_collections/ringmaster/hosting"
    command = f"ansible-playbook -i {HOME}/platform/platform.ringmaster.yml {collection}/playbooks/steward.yml"
    command += " -e @/etc/ringmaster/steward/secrets.yml"
    done = steward.run(f"cd {HOME} && runuser -u ringmaster-steward -- env {environment} {command}")
    assert done.rc == 0, done.stdout + done.stderr
    for name in ("svc0", "ctl0"):
        assert re.search(rf"^{name} .* changed=0 ", done.stdout, re.MULTILINE), done.stdout


def test_a_steward_that_is_killed_comes_back_and_goes_on(
    ringctl: Callable[..., subprocess.CompletedProcess[str]],
    steward: Host,
    address: str,
    tmp_path: Path,
    eventually: Callable[..., None],
) -> None:
    key = new_key(tmp_path, "after")
    process = steward.check_output("systemctl show -P MainPID ringmaster-steward")
    steward.check_output("systemctl kill --signal KILL ringmaster-steward")
    eventually(lambda: steward.check_output("systemctl show -P MainPID ringmaster-steward") not in ("0", process), 30)
    asked = ringctl("add-ssh-key", "--ssh-key", f"@{key}.pub", "--wait")
    assert asked.returncode == 0, asked.stdout + asked.stderr
    assert gets_in(address, "ada", key)
    memory = int(steward.check_output("ps -o rss= -p $(systemctl show -P MainPID ringmaster-steward)")) / 1024
    print(f"the steward takes {memory:.0f} MiB")


def test_what_it_is_made_of_changes_between_two_runs(steward: Host, eventually: Callable[..., None]) -> None:
    process = steward.check_output("systemctl show -P MainPID ringmaster-steward")
    steward.check_output("touch /etc/ringmaster/steward/steward.json")
    eventually(lambda: steward.check_output("systemctl show -P MainPID ringmaster-steward") not in ("0", process), 90)
    assert steward.check_output("systemctl show -P NRestarts ringmaster-steward") != "0"
