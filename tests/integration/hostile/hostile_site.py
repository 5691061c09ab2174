# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A platform with VMs whose root is the enemy, as light machines of a lab of its own.

The enemy has one machine, and an address, a host key and a lie for each of the VMs that it stands for, so that all lies
are told in one run. Playbooks run where a controller would stand, with our own inventory, connection and plugins.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import re
import resource
import shutil
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
REPOSITORY = HERE.parents[2]
ENEMY = "bad00"
PWNED = Path("/tmp/PWNED")
"""What a template or an option of ssh would make on this machine, or on another one."""
SECONDS = 15
"""That the addresses of the enemy's first machine have for an answer; half an hour would be no test."""
SVC = "10.77.0.20"
SOURCE = """plugin: ringmaster.hosting.platform
key_directory: keys
private_key_file: keys/operator
"""
ALL = """platform_secret: hostile-tests-only-0123456789abcdef
network_match_mac: false
updates_automatic: false
monitoring_agent_asked_ports: []
base_resolvers: []
dns_forwarders: "{{ lookup('ansible.builtin.file', '/etc/resolv.conf') | regex_findall('(?m)^nameserver ([0-9.]+)') }}"
dns_validation: "no"
dns_probe_names: [deb.debian.org.]
"""
SHELLS = """Port 22
ListenAddress {address}
HostKey /root/keys/{name}
PidFile /run/sshd-{name}.pid
AuthorizedKeysFile /etc/ssh/authorized_keys.d/%u .ssh/authorized_keys
PermitRootLogin prohibit-password
PasswordAuthentication no
UsePAM no
MaxStartups 100
"""
SSHD = "/etc/ssh/sshd_config.d"
HIDDEN = re.compile(r"[^\x20-\x7e\n\t\xa1-\xff\u2010-\u2027\u2500-\uffff]")
"""Characters that move a terminal, or hide."""


@dataclass
class Run:
    """How a playbook ended, what it printed, how long it took and its largest process."""

    code: int
    text: str
    seconds: float
    peak_mib: int

    def recap(self, host: str) -> dict[str, int]:
        """Return the figures of a host; empty when it had no task."""
        found = re.search(rf"^{host} +: (.*)$", self.text, re.MULTILINE)
        return {name: int(value) for name, value in re.findall(r"(\w+)=(\d+)", found[1])} if found else {}

    def failures(self) -> dict[str, str]:
        """Return what is said of each host that failed, the last of it."""
        return dict(re.findall(r"^fatal: \[(\w+)\]: [A-Z]+! => (.*)$", self.text, re.MULTILINE))


@dataclass
class HostileSite:
    """The lab and its platform.

    The enemy's first machine tells all of ``shared``, each by an address. For each of ``own`` it has one machine more:
    with those lies a machine goes through whole playbooks, which change its network.
    """

    name: str
    folder: Path
    shared: tuple[str, ...]
    own: tuple[str, ...] = ()
    good: tuple[str, ...] = ("good00",)
    components: dict[str, Any] = field(default_factory=dict)
    enemy_components: dict[str, Any] = field(default_factory=dict)

    @property
    def platform(self) -> Path:
        """The folder of the description."""
        return self.folder / "platform"

    def __post_init__(self) -> None:
        """Give the enemy's VMs their names."""
        self.aliases = {f"bad{number:02}": lie for number, lie in enumerate(self.shared)}
        self.machines = {f"bad{number + 50}": lie for number, lie in enumerate(self.own)}
        self.lies = {**self.aliases, **self.machines}
        """The lie of each VM of the enemy, by name."""
        self.hosts: dict[str, dict[str, Any]] = {}

    def prepare(self) -> None:
        """Write the description and allocate."""
        (self.platform / "projects").mkdir(parents=True)
        (self.platform / "users").mkdir()
        (self.platform / "group_vars").mkdir()
        (self.platform / "host_vars").mkdir()
        (self.platform / "keys").symlink_to(self.folder / "keys")
        (self.folder / "keys").mkdir()
        # What lies in the key folder is a person's whatever the description says.
        for path in ("keys/operator", "alice"):
            subprocess.run(
                ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", path, "-f", self.folder / path], check=True
            )
        self._write("platform.ringmaster.yml", SOURCE)
        self._write("platform.yml", (REPOSITORY / "molecule/platform/platform.yml").read_text())
        self._write("group_vars/all.yml", f"{ALL}lab_name: {self.name}\n")
        for name in self.aliases:
            self._write(f"host_vars/{name}.yml", f"ringmaster_answer_seconds: {SECONDS}\n")
        alice = {"full_name": "Alice", "email": "alice@molecule.example"}
        key = (self.folder / "alice.pub").read_text().strip()
        self._write("users/alice.yml", json.dumps({**alice, "ssh_keys": [key]}))
        enemies: dict[str, dict[str, Any]] = {name: {"memory": "512MiB"} for name in self.lies}
        enemies[ENEMY]["components"] = self.enemy_components
        self._project("bad", {"vms": enemies})
        friends = {name: {"memory": "512MiB", "components": self.components} for name in self.good}
        self._project("good", {"vms": friends, "permissions": {"alice": ["login"]}})
        self._outside("allocate.yml")

    def up(self) -> None:
        """Start the machines, and give the enemy's one its other addresses."""
        self._outside("lab.yml", lab_hosts=":".join([ENEMY, *self.machines, *self.good, "svc0"]))
        self.hosts = self._inventory()
        others = list(self.aliases)[1:]
        keys: dict[str, list[str]] = {}
        self.root(ENEMY, f"{put(f'{SSHD}/00-own.conf', f'ListenAddress {self.address(ENEMY)}')}; systemctl restart ssh")
        for name in others:
            address = self.address(name)
            self.root(
                ENEMY,
                f"mkdir -p /root/keys && ssh-keygen -q -t ed25519 -N '' -f /root/keys/{name}"
                f" && ip address add {address}/22 dev ethsrv"
                f" && {put(f'/root/keys/{name}.conf', SHELLS.format(address=address, name=name))}"
                f" && /usr/sbin/sshd -f /root/keys/{name}.conf",
            )
            keys[name] = [" ".join(self.root(ENEMY, f"cat /root/keys/{name}.pub").split()[:2])]
        record = self.folder / "record.yml"
        task = {"ringmaster.hosting.description_allocate": {"source": str(self.source), "host_keys": keys}}
        record.write_text(json.dumps([{"hosts": "localhost", "gather_facts": False, "tasks": [task]}]))
        self._outside(str(record))
        for name in others:
            assert self.root(name, "hostname") == ENEMY

    def down(self) -> None:
        """Remove the lab."""
        self._outside("lab.yml", lab_state="down")

    @contextlib.contextmanager
    def standing(self) -> Iterator[None]:
        """Have the lab while something is done in it."""
        self.prepare()
        try:
            self.up()
            yield
        finally:
            self.down()
            self.clean_up()

    def break_in(self) -> None:
        """Let the enemy's addresses lie from now on."""
        modes = json.dumps({self.address(name): lie for name, lie in self.lies.items()})
        for machine in (ENEMY, *self.machines):
            self.root(
                machine,
                f"{put('/root/liar.json', modes)} && {put('/root/liar', (HERE / 'liar').read_text())}"
                " && chmod 755 /root/liar && mv -T /root/liar /usr/bin/python3",
            )

    def give_up(self) -> None:
        """Let the enemy's machines be as they were."""
        for machine in (ENEMY, *self.machines):
            self.root(machine, "ln -sfT python3.13 /usr/bin/python3; rm -f /root/liar.json")

    @property
    def source(self) -> Path:
        """The inventory."""
        return self.platform / "platform.ringmaster.yml"

    def address(self, name: str) -> str:
        """Return the address by which a machine is reached."""
        return str(self.hosts[name]["ansible_host"])

    def root(self, name: str, command: str) -> str:
        """Run a command on a machine as root."""
        known = f"UserKnownHostsFile={self.platform}/known_hosts"
        flags = [word for option in ("BatchMode=yes", "IdentitiesOnly=yes", known) for word in ("-o", option)]
        key = ("-i", str(self.folder / "keys/operator"))
        argv = [*self.inside("ssh", "-F", "none", *flags, *key), f"root@{self.address(name)}", command]
        done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=120, stdin=subprocess.DEVNULL)
        assert done.returncode == 0, f"{name}: {command[:200]}: {done.stdout}{done.stderr}"
        return done.stdout.strip()

    def inside(self, *argv: str) -> list[str]:
        """Return argv as it runs in the lab's network."""
        return ["nsenter", f"--net=/run/netns/{self.name}", *argv]

    def play(self, playbook: str, *words: str) -> Run:
        """Run a playbook as an operator does."""
        argv = [str(REPOSITORY / ".venv/bin/ansible-playbook"), "-i", str(self.source), f"playbooks/{playbook}", *words]
        begun = time.monotonic()
        said = self.folder / "now.log"
        with said.open("wb") as log:
            done = subprocess.run(
                self.inside(*argv),
                cwd=REPOSITORY,
                env=self._environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.PIPE,
                check=False,
                timeout=3000,
            )
        text = (said.read_bytes() + done.stderr).decode(errors="surrogateescape")
        with (self.folder / "all.log").open("a", errors="backslashreplace") as log:
            log.write(f"\n##### {playbook} {' '.join(words)}\n{text}\n##### {done.returncode}\n")
        peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024
        return Run(done.returncode, text, time.monotonic() - begun, peak)

    def refused(self) -> dict[str, str]:
        """Return what the monitoring machine knows of refused answers, by machine."""
        listed = self.root("svc0", "cd /var/lib/ringmaster/refused && tail -n +1 -v -- * 2>/dev/null || true")
        return {name: said.strip() for name, said in re.findall(r"==> (\w+) <==\n([^\n]*)", listed)}

    def check(self) -> tuple[int, str]:
        """Return the status and the sentence of the check for refused answers."""
        code = "from ringmaster.host import checks; print(*checks.answers('/var/lib/ringmaster/refused'), sep='|')"
        said = self.root("svc0", f'PYTHONPATH=/usr/lib/ringmaster/python python3 -c "{code}"')
        return int(said.partition("|")[0]), said.partition("|")[2]

    def _project(self, name: str, content: dict[str, Any]) -> None:
        self._write(
            f"projects/{name}.yml", json.dumps({"description": name, "service_users": [f"s-{name}"], **content})
        )

    def _write(self, name: str, text: str) -> None:
        (self.platform / name).write_text(text)

    def _environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")}
        own = {"ANSIBLE_SSH_CONTROL_PATH_DIR": f"/tmp/{self.name}", "ANSIBLE_FORCE_COLOR": "0"}
        return {**kept, **own, "PWD": str(REPOSITORY)}

    def _outside(self, playbook: str, **variables: Any) -> None:
        """Run a playbook of the lab itself, from this machine's network."""
        given = {
            "lab_folder": str(self.folder),
            "lab_cache_folder": str(REPOSITORY / ".lab/cache"),
            "lab_light": True,
            **variables,
        }
        path = playbook if playbook.startswith("/") else f"playbooks/{playbook}"
        argv = [str(REPOSITORY / ".venv/bin/ansible-playbook"), "-i", str(self.source), path]
        if "lab" in playbook:
            argv += ["-e", json.dumps(given)]
        done = subprocess.run(
            argv,
            cwd=REPOSITORY,
            env=self._environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr

    def _inventory(self) -> dict[str, dict[str, Any]]:
        argv = [str(REPOSITORY / ".venv/bin/ansible-inventory"), "-i", str(self.source), "--list"]
        done = subprocess.run(argv, cwd=REPOSITORY, env=self._environment(), capture_output=True, text=True, check=True)
        hosts: dict[str, dict[str, Any]] = json.loads(done.stdout)["_meta"]["hostvars"]
        return hosts

    def clean_up(self) -> None:
        """Remove what connections left."""
        shutil.rmtree(f"/tmp/{self.name}", ignore_errors=True)


def put(path: str, text: str) -> str:
    """Return a shell command that writes a file."""
    return f"echo {base64.b64encode(text.encode()).decode()} | base64 -d >{path}"
