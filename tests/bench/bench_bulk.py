# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Time for 500 virtual hosts and 2,000 mailboxes in one run; the former also beside a role that loops over a template.

The loop writes 50 virtual hosts (ansible.builtin.template, as roles on Galaxy do, with one reload at the end) without
certificates and is scaled to 500: its cost grows with the number of items. Ours makes a certificate of the platform CA
for each name as well. Measured are whole playbook runs over SSH, with pipelining and one connection. The machines are
those of the molecule scenarios.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import table
from scenarios import scenario

ROOT = Path(__file__).resolve().parents[2]
BIN = ROOT / ".venv/bin"
SCENARIOS = ROOT / "molecule"
COMPONENTS = ROOT / "playbooks/components.yml"
VHOSTS, LOOPED, MAILBOXES = 500, 50, 2000
# Hash of a password that nobody uses.
HASH = "$6$anna1234$kR0BlQbm2LWPuzopJJqzx.A7BrMRwFDZlEQE.RRDjUOhf6VAiC5LWYE1K7OOkyFa/1Ka.y0RXwtLxzjmJYcUU."
LOOP = """
- hosts: web00
  gather_facts: false
  tasks:
    - ansible.builtin.template:
        src: vhost.j2
        dest: "/etc/ringmaster/nginx/raw/loop-{{ item }}.conf"
        mode: "0644"
      loop: "{{ range(count) | list }}"
      register: written
    - ansible.builtin.command: systemctl reload nginx
      when: written is changed
"""
VHOST = """server {
    listen {{ ringmaster_fe_ipv4 }}:80;
    server_name loop{{ item }}.bulk.example;
    root /srv/s-web/static;
}
"""


def environment() -> dict[str, str]:
    """Return what molecule gives the playbooks of a scenario."""
    options = "-o ControlMaster=auto -o ControlPersist=120s"
    return {
        **os.environ,
        "PATH": f"{BIN}:{os.environ['PATH']}",
        "MOLECULE_PROJECT_DIRECTORY": str(ROOT),
        "ANSIBLE_PIPELINING": "true",
        "ANSIBLE_SSH_ARGS": options,
        "ANSIBLE_SSH_CONTROL_PATH_DIR": f"~/.ansible/cp-{os.environ.get('MOLECULE_LAB', 'rm-molecule')}",
    }


def play(name: str, playbook: Path, variables: dict[str, Any]) -> float:
    """Run a playbook on the machines of a scenario; return its seconds. Raises RuntimeError."""
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump({**variables, "lab_folder": str(ROOT / ".lab")}, file)
        file.flush()
        argv = [
            *(str(BIN / "ansible-playbook"), "-i", str(SCENARIOS / "platform/platform.ringmaster.yml")),
            *("-e", f"@{SCENARIOS}/{name}/hosts.yml", "-e", f"@{file.name}"),
        ]
        start = time.monotonic()
        done = subprocess.run(
            [*argv, str(playbook)], cwd=ROOT, env=environment(), capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise RuntimeError(done.stdout[-3000:] + done.stderr[-1000:])
        return time.monotonic() - start


def vhosts(count: int, changed: bool = False) -> dict[str, Any]:
    """Return virtual hosts; ``changed`` makes one of them different."""
    found: list[dict[str, Any]] = [
        {"name": f"v{number}.bulk.example", "root": "/srv/s-web/static"} for number in range(count)
    ]
    if changed:
        found[count // 2]["hsts"] = True
    return {"webgateway_vhosts": found, "webgateway_backends": []}


def mailboxes(count: int, changed: bool = False) -> dict[str, Any]:
    """Return mailboxes; ``changed`` gives one of them an alias."""
    found: list[dict[str, Any]] = [
        {"address": f"m{number}@post.example", "password_hash": HASH} for number in range(count)
    ]
    if changed:
        found[count // 2]["aliases"] = ["new@post.example"]
    return {
        "mailserver_mailboxes": found,
        "mailserver_domains": [{"name": "post.example"}],
        "mailserver_forwards": [],
        "mailserver_relays": [],
    }


def measured(name: str, what: str, make: Any, count: int) -> list[tuple[str, float]]:
    """Time the first run, one without a change and one with a small change."""
    return [
        (f"{count} {what}, first run", play(name, COMPONENTS, make(count))),
        (f"{count} {what}, no change", play(name, COMPONENTS, make(count))),
        (f"{count} {what}, one changed", play(name, COMPONENTS, make(count, True))),
    ]


def loop() -> list[tuple[str, float]]:
    """Time the looped template."""
    with tempfile.TemporaryDirectory() as folder:
        playbook = Path(folder) / "loop.yml"
        playbook.write_text(LOOP)
        (Path(folder) / "vhost.j2").write_text(VHOST)
        first = play("webgateway", playbook, {"count": LOOPED})
        again = play("webgateway", playbook, {"count": LOOPED})
    return [
        (f"looped template, {LOOPED} virtual hosts, first run", first),
        (f"looped template, {LOOPED} virtual hosts, no change", again),
        (f"looped template, {VHOSTS} virtual hosts, first run (scaled)", first * VHOSTS / LOOPED),
        (f"looped template, {VHOSTS} virtual hosts, no change (scaled)", again * VHOSTS / LOOPED),
    ]


def main() -> None:
    """Measure the scenarios that are named, or both, and print a table."""
    rows: list[tuple[str, float]] = []
    bulk = {"webgateway": ("virtual hosts", vhosts, VHOSTS), "mailserver": ("mailboxes", mailboxes, MAILBOXES)}
    for name in sys.argv[1:] or bulk:
        with scenario(name):
            rows.append((f"{name} as its scenario declares it, no change", play(name, COMPONENTS, {})))
            if name == "webgateway":
                rows += loop()
            rows += measured(name, *bulk[name])
    table.show(rows)


if __name__ == "__main__":
    try:
        main()
    except RuntimeError as error:
        sys.exit(str(error))
