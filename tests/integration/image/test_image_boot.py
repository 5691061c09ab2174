# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The image, built by its role and booted for real. The tests share one machine and run in this order.

RINGMASTER_CACHE names the folder of the image; the default is the lab's, so that it is built once for both.
"""

from __future__ import annotations

import json
import os
import subprocess
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from emulated import Machine, running

REPOSITORY = Path(__file__).resolve().parents[3]
CACHE = Path(os.environ.get("RINGMASTER_CACHE", REPOSITORY / ".lab/cache")).absolute()
GIB = 2**30

pytestmark = pytest.mark.slow


def run_role(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run role vm_image with this cache folder."""
    play = folder / "play.yml"
    python = REPOSITORY / ".venv/bin/python"
    play.write_text(
        json.dumps(
            [
                {
                    "hosts": "localhost",
                    "connection": "local",
                    "gather_facts": False,
                    "vars": {"ansible_python_interpreter": str(python), "vm_image_folder": str(CACHE)},
                    "roles": ["ringmaster.hosting.vm_image"],
                    "post_tasks": [{"ansible.builtin.debug": {"msg": "file={{ vm_image_file }};"}}],
                }
            ]
        ),
        encoding="utf-8",
    )
    argv = [str(python.with_name("ansible-playbook")), "-i", "localhost,", *arguments, str(play)]
    env = {**os.environ, "ANSIBLE_INVENTORY_ENABLED": "host_list"}
    return subprocess.run(argv, cwd=REPOSITORY, env=env, capture_output=True, text=True, check=False, timeout=900)


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    done = run_role(tmp_path_factory.mktemp("role"))
    assert done.returncode == 0, done.stdout + done.stderr
    return Path(done.stdout.split("file=")[1].split(";")[0])


@pytest.fixture(scope="module")
def machine(image: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    with running(Machine(tmp_path_factory.mktemp("vm"), image)) as started:
        print(f"SSH after {started.wait():.1f} s")
        yield started


def settled(machine: Machine) -> str:
    """Wait until the boot is over; return the state and the failed units."""
    return machine.ssh(
        "systemctl is-system-running --wait; systemctl --failed --plain --no-legend | cut -d' ' -f1",
        check=False,
    )


def test_second_run_of_the_role_changes_nothing(image: Path, tmp_path: Path) -> None:
    for arguments in ((), ("--check",)):
        done = run_role(tmp_path, *arguments)
        assert done.returncode == 0, done.stdout + done.stderr
        assert "changed=0" in done.stdout
        assert str(image) in done.stdout


def test_disks_look_as_promised(machine: Machine) -> None:
    assert settled(machine).split() == ["running"]
    blocks = json.loads(machine.ssh("lsblk --json --bytes --output NAME,SIZE,TYPE,MOUNTPOINT"))["blockdevices"]
    disks = {disk["name"]: disk for disk in blocks}
    assert list(disks) == ["vda", "vdb", "vdc"]
    vda = [(part["name"], part["mountpoint"]) for part in disks["vda"]["children"]]
    assert vda == [("vda1", "/"), ("vda2", None)]
    assert disks["vda"]["children"][1]["size"] == 2**20
    assert disks["vda"]["children"][0]["size"] > 10 * GIB - 4 * 2**20
    assert (disks["vdb"]["mountpoint"], "children" in disks["vdb"]) == ("[SWAP]", False)
    assert [(part["name"], part["mountpoint"]) for part in disks["vdc"]["children"]] == [("vdc1", "/tmp")]
    table = json.loads(machine.ssh("sfdisk --json /dev/vda"))["partitiontable"]
    assert [(part["node"], part["start"]) for part in table["partitions"]] == [
        ("/dev/vda1", 4096),
        ("/dev/vda2", 2048),
    ]
    assert machine.ssh("findmnt -no FSTYPE,OPTIONS /tmp; stat -c %a /tmp").split()[0::2] == ["ext4", "1777"]
    assert "root=LABEL=root" in machine.ssh("cat /proc/cmdline")


def test_first_boot_took_the_seed(machine: Machine) -> None:
    links = {link["ifname"]: link for link in json.loads(machine.ssh("ip -json address"))}
    assert set(links) == {"lo", "ethfe", "ethsrv"}
    assert links["ethfe"]["address"] == "02:01:02:00:10:13"
    assert links["ethsrv"]["mtu"] == 1500
    addresses = {address["local"] for address in links["ethsrv"]["addr_info"]}
    assert {"172.20.1.5", "2001:db8:3::1013"} <= addresses
    assert machine.ssh("hostname; hostname -f").split() == ["myapp00", "myapp00.example.org"]
    assert machine.ssh("cat /etc/machine-id").strip() == machine.identity.replace("-", "")
    assert machine.ssh("ls /etc/ssh/ | grep _key").split() == [
        "ssh_host_ed25519_key",
        "ssh_host_ed25519_key.pub",
    ]


def test_only_keys_are_asked_for(machine: Machine) -> None:
    argv = [*machine.client("ssh"), "-o", "PubkeyAuthentication=no", "-o", "BatchMode=yes"]
    argv += ["root@127.0.0.1", "true"]
    done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 255
    assert "Permission denied (publickey)." in done.stderr


def test_root_grows_while_it_runs(machine: Machine) -> None:
    machine.qmp("block_resize", device="root", size=12 * GIB)
    deadline = time.monotonic() + 60
    while int(machine.ssh("df --block-size=1 --output=size / | tail -1")) < 11.5 * GIB:
        assert time.monotonic() < deadline, machine.ssh("lsblk; journalctl -u ringmaster-grow-root")
        time.sleep(1)


def test_kernel_and_grub_reinstalled_still_boot(machine: Machine) -> None:
    """Also what a reboot keeps and what it does not; swap and /tmp have grown meanwhile."""
    packages = {}
    for name in ("grub-pc", "grub-pc-bin", "linux-image-*-cloud-amd64"):
        packages[name] = max((CACHE / "packages").glob(f"{name}_*.deb"), key=lambda path: path.stat().st_mtime)
    keys = machine.host_keys()
    machine.qmp("block_resize", device="swap", size=2 * GIB)
    machine.qmp("block_resize", device="tmp", size=6 * GIB)
    machine.copy(list(packages.values()), "/root/")
    before = machine.ssh("dd if=/dev/vda bs=512 skip=2048 count=2048 status=none | sha256sum; touch /tmp/x /var/tmp/y")
    output = machine.ssh("DEBIAN_FRONTEND=noninteractive dpkg -i /root/*.deb 2>&1")
    assert "Installation finished. No error reported." in output
    assert "Generating grub configuration file" in output
    after = machine.ssh("dd if=/dev/vda bs=512 skip=2048 count=2048 status=none | sha256sum")
    assert after.split()[0] != before.split()[0], "grub-install wrote nothing"
    assert "root=LABEL=root" in machine.ssh("cat /boot/grub/grub.cfg")
    print(f"reboot to SSH: {machine.reboot():.1f} s")
    assert machine.host_keys() == keys
    assert machine.ssh("ls -d /tmp/x /var/tmp/y", check=False).split() == ["/var/tmp/y"]
    assert settled(machine).split() == ["running"]
    cmdline = machine.ssh("cat /proc/cmdline")
    assert "root=LABEL=root" in cmdline
    assert "net.ifnames=0" in cmdline
    assert int(machine.ssh("swapon --show=SIZE --bytes --noheadings")) > 2 * GIB - 2**20
    assert int(machine.ssh("df --block-size=1 --output=size /tmp | tail -1")) > 5.5 * GIB


def test_a_copy_becomes_a_machine_of_its_own_and_foreign_disks_are_refused(machine: Machine) -> None:
    old_keys = machine.host_keys()
    machine.shut_down()
    machine.identity, machine.name = str(uuid.uuid4()), "other07.example.org"
    machine.seed({})
    machine.blank("swap", GIB)
    with (machine.folder / "swap.raw").open("r+b") as file:
        file.write(b"data of somebody, without any signature")
    machine.blank("tmp", 2 * GIB)
    tmp = machine.folder / "tmp.raw"
    subprocess.run(["mkfs.ext4", "-q", "-F", "-L", "precious", str(tmp)], check=True)
    before = tmp.read_bytes()
    machine.start()
    print(f"SSH after {machine.wait(600):.1f} s, with one reboot")
    failed = settled(machine).split()
    assert failed == ["degraded", "ringmaster-swap.service", "ringmaster-tmp.service"]
    assert "precious" in machine.ssh("journalctl -b -u ringmaster-tmp.service")
    assert machine.ssh("findmnt -no SOURCE --target /tmp; stat -c %a /tmp; wc -l < /proc/swaps").split() == [
        "/dev/vda1",
        "1777",
        "1",
    ]
    assert machine.ssh("hostname").strip() == "other07"
    assert machine.host_keys() != old_keys
    assert machine.ssh("cat /etc/machine-id").strip() == machine.identity.replace("-", "")
    assert "becomes a machine of its own" in machine.log()
    machine.shut_down()
    assert tmp.read_bytes() == before
    assert (machine.folder / "swap.raw").read_bytes()[:8] == b"data of "
