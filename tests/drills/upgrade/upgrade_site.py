# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A lab of light machines of each kind that two checkouts manage, one after the other, with their own bin/lab."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import tarfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from ansible_collections.ringmaster.hosting.plugins.module_utils.lab import cgroup

HERE = Path(__file__).resolve().parents[3]
DRILL = Path(__file__).resolve().parent
PATIENCE = 40 * 60
"""Seconds that one run of playbooks may take before it counts as hanging."""
SHARES = (
    {"lab_light": True, "lab_hosts": "vms:machines"},
    {"lab_light": False, "lab_hosts": "hypervisors"},
)
"""A lab holds either the VMs of a platform as light machines or its hypervisors: brought up twice, it holds both."""
IN_PLACE_OF = {"provision.yml": {"hypervisors.yml": "hypervisor", "guard.yml": "guard"}}
"""What runs in place of those playbooks of site.yml that light machines do not bear, where a checkout has the role."""


def checkout(commit: str, folder: Path) -> Path:
    """Write the files of a commit to a folder, which uses the environment, the keys and the caches of this checkout."""
    known = subprocess.run(
        ["git", "cat-file", "-e", f"{commit}^{{commit}}"], cwd=HERE, check=False, capture_output=True
    )
    if known.returncode:
        raise RuntimeError(
            f"commit {commit} is not in {HERE}: a clone without history has no upgrade to drill; unshallow it"
        )
    archive = folder.with_suffix(".tar")
    subprocess.run(["git", "archive", f"--output={archive}", commit], cwd=HERE, check=True)
    with tarfile.open(archive) as packed:
        packed.extractall(folder, filter="fully_trusted")
    archive.unlink()
    (HERE / ".lab").mkdir(exist_ok=True)
    for name in (".venv", ".lab"):
        (folder / name).symlink_to(HERE / name)
    return folder


@dataclass
class Machine:
    """A machine of the lab, as root over SSH. What steps of molecule ask of a host, it answers."""

    lab: str
    name: str
    address: str
    platform: Path

    def run(self, command: str, seconds: float = 300) -> subprocess.CompletedProcess[str]:
        """Run a shell command."""
        options = (
            *("BatchMode=yes", "IdentitiesOnly=yes", f"UserKnownHostsFile={self.platform}/known_hosts"),
            *("ConnectTimeout=10", "ServerAliveInterval=5", "ControlMaster=auto", "ControlPersist=60"),
            f"ControlPath={Path.home()}/.ansible/cp/{self.lab}/drill-%h",
        )
        argv = ["nsenter", f"--net=/run/netns/{self.lab}", "ssh", "-F", "none", "-i", str(HERE / ".lab/keys/operator")]
        argv += [word for option in options for word in ("-o", option)]
        return subprocess.run(
            [*argv, f"root@{self.address}", command],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=seconds,
        )

    def check_output(self, command: str, seconds: float = 300) -> str:
        """Run a shell command, which must succeed; return what it prints."""
        done = self.run(command, seconds)
        assert done.returncode == 0, (
            f"{self.name}: {command}: exit status {done.returncode}\n{done.stdout}{done.stderr}"
        )
        return done.stdout.rstrip("\n")

    def becomes(self, command: str, wanted: str, seconds: float = 90) -> None:
        """Wait until a shell command prints what is wanted."""
        end = time.monotonic() + seconds
        while (done := self.run(command)).stdout.strip() != wanted:
            assert time.monotonic() < end, (
                f"{self.name}: not within {seconds} s {wanted!r}: {command}\n{done.stdout}{done.stderr}"
            )
            time.sleep(1)


@dataclass
class Site:
    """A platform in a lab of its own. `born` is the checkout that makes the lab's machines."""

    lab: str
    folder: Path
    born: Path
    shares: Sequence[dict[str, object]] = SHARES
    """Which machines the lab has."""
    limit: str = ""
    """For whom playbooks are run; empty for all."""

    @property
    def platform(self) -> Path:
        """The folder of the platform description."""
        return self.folder / "platform"

    @property
    def inventory(self) -> Path:
        """The inventory source."""
        return self.platform / "platform.ringmaster.yml"

    @property
    def state(self) -> Path:
        """The folder of the lab's machines."""
        return HERE / ".lab/labs" / self.lab / "machines"

    def prepare(self) -> None:
        """Write the platform description, into a git repository: what stood there may stay, whatever is refused now."""
        shutil.copytree(DRILL / "platform", self.platform)
        self.inventory.write_text(self.inventory.read_text().replace("KEYS", str(HERE / ".lab/keys")))
        git = ["git", "-C", str(self.platform), "-c", "user.name=Drill", "-c", "user.email=drill@upgrade.example"]
        for words in (["init", "--quiet"], ["add", "--all"], ["commit", "--quiet", "--message", "Begin"]):
            subprocess.run([*git, *words], check=True)

    def up(self) -> None:
        """Start what does not run."""
        if not self.platform.exists():
            self.prepare()
        if not (self.platform / "allocations.yml").exists():
            # Without addresses, nothing would start.
            argv = [str(HERE / ".venv/bin/ansible-playbook"), "-i", str(self.inventory), "playbooks/allocate.yml"]
            self._run(argv, self.born)
        # By its real path: a machine in another folder would write its first files again, over those of roles.
        place = {"lab_folder": str((HERE / ".lab").resolve())}
        for share in self.shares:
            self.tool(self.born, "-e", json.dumps(share | place), "up", "--machines-only")
        known = self.machines()
        # Those that were started: not all of the platform's, where only a share of them is wanted.
        for name in sorted(path.name for path in self.state.iterdir()):
            known[name].check_output("echo force-unsafe-io > /etc/dpkg/dpkg.cfg.d/drill")

    def down(self) -> None:
        """Remove the lab."""
        self.tool(self.born, "down")

    def tool(self, code: Path, *words: str, cut: float = 0) -> str:
        """Run bin/lab of a checkout; return what it printed. It must succeed, or is killed after `cut` seconds."""
        argv = [
            str(code / ".venv/bin/python"),
            str(code / "bin/lab"),
            "--lab",
            self.lab,
            "--platform",
            str(self.platform),
        ]
        return self._run([*argv, *words], code, cut)

    def play(self, code: Path, *playbooks: str, cut: float = 0) -> str:
        """Run playbooks of a checkout; `site.yml` as far as light machines bear it."""
        plays: list[dict[str, Any]] = []
        for name in playbooks:
            plays += parts_of_site(code) if name == "site.yml" else [taken_in(code / "playbooks" / name)]
        book = self.folder / "run.yml"
        book.write_text(yaml.safe_dump(plays))
        return self.tool(code, "play", str(book), *(["--limit", self.limit] if self.limit else []), cut=cut)

    def _run(self, argv: Sequence[str], code: Path, cut: float = 0) -> str:
        log = self.folder / "last.log"
        with (
            log.open("w") as output,
            subprocess.Popen(
                argv, cwd=code, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True
            ) as process,
        ):
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(cut or PATIENCE)
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
        said = log.read_text(errors="replace")
        with (self.folder / "all.log").open("a") as everything:
            everything.write(f"\n##### {' '.join(argv)}\n{said}\n##### {process.returncode}\n")
        ended = process.returncode == 0 or (cut and process.returncode == -signal.SIGKILL)
        assert ended, f"{' '.join(argv)}: {process.returncode}\n{said[-6000:]}"
        return said

    def machines(self) -> dict[str, Machine]:
        """Return the lab's machines by name."""
        argv = [str(HERE / ".venv/bin/ansible-inventory"), "-i", str(self.inventory), "--list"]
        done = subprocess.run(argv, cwd=self.born, capture_output=True, text=True, check=True)
        hosts = json.loads(done.stdout)["_meta"]["hostvars"]
        return {name: Machine(self.lab, name, host["ansible_host"], self.platform) for name, host in hosts.items()}

    def keep(self) -> None:
        """Stop the machines and keep what they wrote, and the ledger, for `restore`."""
        self._stop()
        for machine in self.state.iterdir():
            (machine / "upper").rename(machine / "kept")
        shutil.copytree(self.platform, self.folder / "kept")

    def restore(self) -> None:
        """Start the machines as they were kept."""
        self._stop()
        for machine in self.state.iterdir():
            shutil.rmtree(machine / "upper", ignore_errors=True)
            subprocess.run(["cp", "-a", str(machine / "kept"), str(machine / "upper")], check=True)
        shutil.rmtree(self.platform)
        shutil.copytree(self.folder / "kept", self.platform)
        self.up()

    def _stop(self) -> None:
        for machine in self.machines().values() if cgroup.processes(f"ringmaster/{self.lab}") else ():
            machine.run("systemctl poweroff")
        end = time.monotonic() + 120
        while cgroup.processes(f"ringmaster/{self.lab}"):
            assert time.monotonic() < end, "the machines do not stop"
            time.sleep(1)


def taken_in(playbook: Path | str) -> dict[str, str]:
    """Return the play that imports a playbook."""
    return {"name": f"Run {Path(playbook).name}", "ansible.builtin.import_playbook": str(playbook)}


def parts_of_site(code: Path) -> list[dict[str, Any]]:
    """Return the plays of a checkout's site.yml, with others in place of those that light machines do not bear."""
    plays: list[dict[str, Any]] = []
    for play in yaml.safe_load((code / "playbooks/site.yml").read_text()):
        name = play.get("ansible.builtin.import_playbook")
        if name in IN_PLACE_OF:
            there = [book for book, role in IN_PLACE_OF[name].items() if (code / "roles" / role).is_dir()]
            plays += [taken_in(DRILL / book) for book in there]
        else:
            plays.append(taken_in(code / "playbooks" / name) if name else with_files_of(code, play))
    return plays


def with_files_of(code: Path, play: dict[str, Any]) -> dict[str, Any]:
    """Return a play of site.yml that finds its task files from wherever it is written to."""
    key = "ansible.builtin.import_tasks"
    for task in play.get("pre_tasks", []):
        if key in task:
            task[key] = str(code / "playbooks" / task[key])
    return play


def changes(said: str) -> dict[str, int]:
    """Return the number of changed tasks by host."""
    return {host: int(count) for host, count in re.findall(r"^(\S+) +: ok=\d+ +changed=(\d+)", said, re.M)}
