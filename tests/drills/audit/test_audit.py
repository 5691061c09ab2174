# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What two auditors say about a plain Debian, and about the same machine with roles base and accounts.

ssh-audit looks from outside, lynis runs in the machine. The figures stand in docs/measurements.md.
"""

from __future__ import annotations

import json
import re
import subprocess
from collections import Counter
from pathlib import Path

import pytest
from light_machine import ADDRESS, LightMachine

ROOT = Path(__file__).resolve().parents[3]

PLAYBOOK = Path(__file__).with_name("base.yml")
SSHD = "/etc/ssh/sshd_config.d/10-ringmaster.conf"
PATIENCE = 600
LYNIS = ("usr/sbin/lynis", "usr/share/lynis", "etc/lynis")


def ssh_audit(machine: LightMachine) -> Counter[str]:
    """Return how many algorithms it finds fault with, by level."""
    argv = [str(ROOT / ".venv/bin/ssh-audit"), "-n", "-l", "warn", "--skip-rate-test", ADDRESS]
    done = subprocess.run(machine.inside(argv), capture_output=True, text=True, check=False)
    assert "(kex)" in done.stdout or not done.returncode, done.stdout + done.stderr
    return Counter(re.findall(r"\[(warn|fail)\]", done.stdout))


def lynis(machine: LightMachine) -> tuple[int, int, int]:
    """Return the hardening index, the number of warnings and the number of suggestions."""
    options = "audit system --quick --quiet --no-colors --no-log --report-file /root/lynis.dat"
    command = f"rm -f /root/lynis.dat; cd /root && /usr/sbin/lynis {options} >/dev/null 2>&1"
    argv = [*machine.ssh_argv("root", "operator"), command]
    subprocess.run(argv, stdin=subprocess.DEVNULL, timeout=PATIENCE, check=False)  # it exits with its warnings
    report = machine.root("cat /root/lynis.dat").splitlines()
    (index,) = [int(line.partition("=")[2]) for line in report if line.startswith("hardening_index=")]
    return index, *(sum(line.startswith(f"{kind}[]=") for line in report) for kind in ("warning", "suggestion"))


def trust(machine: LightMachine) -> dict[str, bool]:
    """Return whether Alice, who has one line in her known_hosts, gets in by a name without being asked."""
    (machine.folder / "known").write_text(machine.root("cat /etc/ssh/ssh_known_hosts") + "\n")
    found = {}
    for name in ("myapp00.example.org", "myapp00.fe.example.org", "other.example.org"):
        argv = machine.ssh_argv("alice")
        # The first of two options counts.
        own = ["-oStrictHostKeyChecking=yes", f"-oUserKnownHostsFile={machine.folder}/known", f"-oHostKeyAlias={name}"]
        command = [*argv[: argv.index("ssh") + 1], *own, *argv[argv.index("ssh") + 1 :], "true"]
        found[name] = subprocess.run(command, stdin=subprocess.DEVNULL, timeout=60, check=False).returncode == 0
    return found


def test_auditors_before_and_after(tmp_path: Path) -> None:
    if not Path("/usr/sbin/lynis").exists():
        pytest.skip("lynis is not installed (bin/bootstrap test)")
    machine = LightMachine.start(tmp_path)
    try:
        packed = subprocess.run(["tar", "-C", "/", "-c", *LYNIS], capture_output=True, check=True).stdout
        subprocess.run([*machine.ssh_argv("root", "operator"), "tar -C / -x"], input=packed, check=True)
        # Debian's own settings, with nothing but the way in.
        machine.root(f"echo 'AuthorizedKeysFile /etc/ssh/authorized_keys.d/%u' > {SSHD} && systemctl reload ssh")
        before = {"ssh-audit": ssh_audit(machine), "lynis": lynis(machine)}

        people = [
            {
                "name": "alice",
                "uid": 20100,
                "full_name": "Alice",
                "state": "active",
                "permissions": ["login", "wheel"],
                "ssh_keys": [machine.key("alice")],
            }
        ]
        roster = {"format": 1, "project": "myapp", "generation": 1, "hash": "1", "people": people, "service_users": []}
        variables = {
            "ringmaster_domain": "example.org",
            "ringmaster_fqdn": "myapp00.example.org",
            "ringmaster_fe_fqdn": "myapp00.fe.example.org",
            "ringmaster_operator_keys": [machine.key("operator")],
            "ringmaster_management_networks": ["172.20.0.0/22"],
            "platform_secret": "a secret for this drill",
            "base_host_certificates": True,
        }
        assert machine.apply(roster, playbook=PLAYBOOK, **variables)
        after = {"ssh-audit": ssh_audit(machine), "lynis": lynis(machine)}
        effective = machine.root("sshd -T")
        trusting = trust(machine)
        assert not machine.apply(roster, playbook=PLAYBOOK, **variables), "a second run changes nothing"
    finally:
        machine.stop()
    for name, found in (("before", before), ("after", after)):
        index, warnings, suggestions = found["lynis"]
        audit = found["ssh-audit"]
        print(f"{name}: ssh-audit {audit['fail']} failures, {audit['warn']} warnings; ", end="")
        print(f"lynis index {index}, {warnings} warnings, {suggestions} suggestions")
    print(json.dumps({"before": before, "after": after}))
    assert trusting == {"myapp00.example.org": True, "myapp00.fe.example.org": True, "other.example.org": False}
    assert before["ssh-audit"]["fail"] > 0, "there was something to mend"
    assert after["ssh-audit"]["fail"] == 0
    # curve25519 stays for clients without a post-quantum exchange, under two names.
    assert after["ssh-audit"]["warn"] <= 2
    assert after["lynis"][0] > before["lynis"][0]
    wanted = ("passwordauthentication no", "permitrootlogin without-password", "x11forwarding no", "maxauthtries 20")
    assert [line for line in wanted if line not in effective.splitlines()] == []
