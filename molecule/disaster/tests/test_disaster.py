# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""docs/disaster.md, with its own commands: a VM, the controller and the backup machine are gone, one after the other.

site.yml would also make hypervisors and VMs; on light machines its parts stand for it that make a machine what it was.
"""

from __future__ import annotations

import json
import os
import shlex
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import steps
import yaml
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform.verbs import playbooks
from ansible_collections.ringmaster.hosting.plugins.module_utils.services import backup_access
from steps import check_of
from testinfra.host import Host

ROOT = Path(__file__).parents[3]
PLATFORM = ROOT / "molecule/platform"
HOME = "/srv/s-bak"
REPOSITORIES = "/var/lib/ringmaster-backup"
HOSTS = yaml.safe_load((ROOT / "molecule/disaster/hosts.yml").read_text())
CLIENT = "set -a; . /etc/ringmaster/credentials/redis/app@bak00.env; redis-cli --user app"


def play(
    name: str, *words: str, platform: Path = PLATFORM, tree: Path = ROOT, **variables: object
) -> subprocess.CompletedProcess[str]:
    """Run a playbook as the page says, or one of this scenario."""
    environment = {
        **os.environ,
        "MOLECULE_PROJECT_DIRECTORY": str(ROOT),
        "ANSIBLE_CONFIG": str(tree / "ansible.cfg"),
    }
    argv = [str(ROOT / ".venv/bin/ansible-playbook"), f"{name}.yml", "-i", str(platform / "platform.ringmaster.yml")]
    folder, playbook = os.path.split(name)
    ours = folder == "playbooks"
    hosts = {key: value for key, value in HOSTS.items() if not ours or key in playbooks.types_of([playbook])}
    argv += ["-e", json.dumps({**hosts, "lab_folder": str(ROOT / ".lab"), **variables}), *words]
    done = subprocess.run(argv, cwd=tree, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done


def lose(machine: str) -> None:
    """Take a machine away with all that it held; then start an empty one in its place, as site.yml does."""
    steps.lose(machine, PLATFORM / "platform.ringmaster.yml")
    play("molecule/shared/create")


def site() -> None:
    """What site.yml does to machines."""
    play("molecule/disaster/prepare")
    play("molecule/disaster/converge")


@pytest.fixture(scope="module", autouse=True)
def life(machine: Callable[[str], Host]) -> Iterator[None]:
    """Fill bak00 with a home, a project's folder and a component's data, and back everything up."""
    vm = machine("bak00")
    vm.check_output(
        f"mkdir -p {HOME}/app && echo precious > {HOME}/app/data && chown -R s-bak:service {HOME}/app"
        f" && sh -c {shlex.quote(CLIENT + ' -p 6379 -h 127.0.0.1 SET drill here')}"
    )
    play("playbooks/backup_platform")
    play("playbooks/backup_now", backup_hosts="bak00:svc0")
    yield


def looks_as_before(vm: Host) -> None:
    assert vm.check_output(f"cat {HOME}/app/data") == "precious"
    assert vm.check_output(f"stat -c %U {HOME}/app/data") == "s-bak"
    assert vm.check_output("cat /opt/bak/data") == "of an application"
    assert vm.check_output(f"sh -c {shlex.quote(CLIENT + ' -p 6379 -h 127.0.0.1 GET drill')}") == "here"


def test_a_vm_is_gone(machine: Callable[[str], Host]) -> None:
    """So is one whose hypervisor is gone with its disks: another machine of its name starts elsewhere."""
    identity = machine("bak00").check_output("cat /etc/machine-id")
    lose("bak00")
    site()
    vm = machine("bak00")
    assert vm.check_output("cat /etc/machine-id") != identity
    assert not vm.file(f"{HOME}/app/data").exists
    play("playbooks/restore_vm", vm="bak00")
    looks_as_before(vm)
    done = play("playbooks/backup_now", vm="bak00", prove="true")
    assert "restored" in done.stdout or "as they were backed up" in done.stdout


def test_a_vm_was_deleted_and_its_grace_period_is_over(machine: Callable[[str], Host]) -> None:
    """Nothing describes it any more, and its name is never used again: another VM gets what it had."""
    server = machine("svc0")
    server.check_output(f"cp -a {REPOSITORIES}/bak00 {REPOSITORIES}/bak07")
    # Its password is derived like any other: made here, since no machine of that name ever was.
    secret = "molecule-tests-only-0123456789abcdef"
    deleted = {"inventory_hostname": "bak07", "ringmaster_project": "bak"}
    new = backup_access.repositories([deleted], secret)[0][0]["password"]
    # That of bak00 may have been rotated by another scenario.
    old = json.loads(machine("bak00").check_output("cat /etc/ringmaster/backup/backup.json"))["password"]
    server.check_output(
        f"cd /run && printf %s {new} > new && chown restic-rest-server new && runuser -u restic-rest-server -- env"
        f" RESTIC_PASSWORD={old} restic -r {REPOSITORIES}/bak07 --no-cache key passwd --new-password-file /run/new"
        " && rm new"
    )
    other = machine("bak01")
    other.check_output(f"rm -rf {HOME}/app")
    assert "bak07" in play("playbooks/list_backups").stdout
    play("playbooks/restore_files", vm="bak07", to="bak01", path=HOME + "/app", in_place="true")
    assert other.check_output(f"cat {HOME}/app/data") == "precious"
    play("playbooks/restore_component", vm="bak07", to="bak01", component="redis", replace="true")
    play("playbooks/backup", backup_hosts="svc0", backup_server_machines=["bak00", "svc0"])
    assert "bak07" not in server.check_output("cat /etc/ringmaster/backup-server/htpasswd")


def test_the_controller_is_gone(machine: Callable[[str], Host], tmp_path: Path) -> None:
    """All that is left is what the backup machine holds, and what page and operator keep elsewhere: secret and keys."""
    server = machine("svc0")
    # As after every change: VMs that were recreated have new host keys.
    play("playbooks/backup_platform")
    play("playbooks/backup_now", vm="svc0")
    server.check_output("rm -rf /var/backups/ringmaster/platform /root/platform")
    server.check_output("ringmaster-backup restore-files /var/backups/ringmaster/platform --to /root")
    archive = tmp_path / "platform.tar"
    encoded = server.check_output("find /root -name platform.tar -exec base64 -w0 {} +")
    subprocess.run(["base64", "-d"], input=encoded.encode(), stdout=archive.open("wb"), check=True)
    tree = tmp_path / "tree"
    subprocess.run(["git", "clone", "-q", str(ROOT), str(tree)], check=True)
    platform = tree / "found/platform"
    platform.mkdir(parents=True)
    subprocess.run(["tar", "-xf", str(archive), "-C", str(platform)], check=True)
    assert (platform / "allocations.yml").read_bytes() == (PLATFORM / "allocations.yml").read_bytes()
    (tree / ".lab").symlink_to(ROOT / ".lab")
    (tree / ".venv").symlink_to(ROOT / ".venv")
    play("playbooks/validate", platform=platform, tree=tree)
    for name in ("accounts", "components"):
        done = play(f"playbooks/{name}", "--check", "--diff", platform=platform, tree=tree)
        assert all("changed=0" in line for line in done.stdout.splitlines() if "unreachable=" in line), done.stdout


def test_the_backup_machine_is_gone(machine: Callable[[str], Host], hostvars: dict[str, dict[str, str]]) -> None:
    """The copy far away is on bak01; svc0 has a key for it, as an operator would give it."""
    server, far = machine("svc0"), machine("bak01")
    address = hostvars["bak01"]["ringmaster_srv_ipv4"]
    far.check_output("command -v rsync || DEBIAN_FRONTEND=noninteractive apt-get install -qq rsync")
    make = "test -e .ssh/id_ed25519 || ssh-keygen -q -t ed25519 -N '' -f .ssh/id_ed25519"
    key = server.check_output(f"cd /root && mkdir -p .ssh && {make}; cat .ssh/id_ed25519.pub")
    known = far.check_output("cat /etc/ssh/ssh_host_ed25519_key.pub")
    server.check_output(f"echo {shlex.quote(f'{address} {known}')} >> /root/.ssh/known_hosts")
    authorized = far.check_output("sshd -T -C user=root | awk '$1 == \"authorizedkeysfile\" {print $2}'")
    file = authorized if authorized.startswith("/") else f"/root/{authorized}"
    far.check_output(f"mkdir -p $(dirname {file}) && echo {shlex.quote(key)} >> {file.replace('%u', 'root')}")
    copies = f"root@{address}:/srv/copies"
    play(
        "playbooks/backup",
        backup_hosts="svc0",
        backup_server_machines=["bak00", "bak01", "svc0"],
        backup_server_copy_to=copies,
    )
    server.check_output("ringmaster-backup-server copy")
    assert check_of(server, "backup_server/copied")["status"] == 0
    before = set(server.check_output(f"ls {REPOSITORIES}/bak00/snapshots").split())
    # Who empties the machine does not empty the copy.
    server.check_output(f"mv {REPOSITORIES}/bak00/snapshots /run/kept && ringmaster-backup-server copy")
    assert set(far.check_output("find /srv/copies/.removed -path '*bak00/snapshots/*' -printf '%f '").split()) == before
    server.check_output(f"mv /run/kept {REPOSITORIES}/bak00/snapshots && ringmaster-backup-server copy")
    lose("svc0")
    server = machine("svc0")
    far.check_output("tar -cf /run/copies.tar --exclude=.removed -C /srv/copies .")
    encoded = far.check_output("base64 -w0 /run/copies.tar")
    environment = {**os.environ, "MOLECULE_PROJECT_DIRECTORY": str(ROOT)}
    words = ["-F", "none", "-i", str(ROOT / ".lab/keys/operator"), "-o", f"UserKnownHostsFile={PLATFORM}/known_hosts"]
    shell = f"mkdir -p {REPOSITORIES} && base64 -d | tar -xf - -C {REPOSITORIES}"
    argv = [str(ROOT / "molecule/shared/ssh"), *words, f"root@{hostvars['svc0']['ansible_host']}", shell]
    subprocess.run(argv, env=environment, input=encoded.encode(), check=True)
    site()
    assert before <= set(server.check_output(f"ls {REPOSITORIES}/bak00/snapshots").split())
    play("playbooks/backup_now", vm="bak00", prove="true")
    server.check_output("ringmaster-backup-server maintain --everything bak00")
    vm = machine("bak00")
    vm.check_output(f"rm -rf {HOME}/app")
    play("playbooks/restore_files", vm="bak00", path=HOME + "/app", in_place="true")
    assert vm.check_output(f"cat {HOME}/app/data") == "precious"
