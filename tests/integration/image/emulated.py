# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A bare emulated machine for tests of the image: QEMU with user-mode network, no libvirt."""

from __future__ import annotations

import contextlib
import json
import re
import socket
import subprocess
import time
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

FE_MAC, SRV_MAC = "02:01:02:00:10:13", "02:01:03:00:10:13"
NETWORK = {
    "10-ethfe.link": f"[Match]\nMACAddress={FE_MAC}\n\n[Link]\nName=ethfe\n",
    "10-ethsrv.link": f"[Match]\nMACAddress={SRV_MAC}\n\n[Link]\nName=ethsrv\n",
    "10-ethfe.network": "[Match]\nName=ethfe\n\n[Network]\nAddress=10.0.2.15/24\nGateway=10.0.2.2\n"
    "DNS=10.0.2.3\nIPv6AcceptRA=no\n",
    "10-ethsrv.network": "[Match]\nName=ethsrv\n\n[Network]\nAddress=172.20.1.5/22\nIPv6AcceptRA=no\n"
    "Address=2001:db8:3::1013/64\n",
}


def free_port() -> int:
    """Return a TCP port of this machine that is free now."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@dataclass
class Machine:
    """One emulated machine. ``folder`` holds its disks, seed, keys and console log."""

    folder: Path
    image: Path
    name: str = "myapp00.example.org"
    identity: str = field(default_factory=lambda: str(uuid.uuid4()))
    root_gib: int = 10
    swap_mib: int = 1024
    tmp_gib: int = 5
    memory_mib: int = 1024
    accelerator: str = "tcg"

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.port = free_port()
        self.console = self.folder / "console.log"
        self.process: subprocess.Popen[bytes] | None = None
        self.started = 0.0

    def prepare(self) -> None:
        """Make key, disks and seed."""
        key = self.folder / "key"
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
        overlay = ["qemu-img", "create", "-q", "-f", "qcow2", "-F", "qcow2", "-b", str(self.image.absolute())]
        subprocess.run([*overlay, str(self.folder / "root.qcow2"), f"{self.root_gib}G"], check=True)
        self.blank("swap", self.swap_mib * 2**20)
        self.blank("tmp", self.tmp_gib * 2**30)
        self.seed({})

    def blank(self, role: str, size: int) -> None:
        """Recreate the raw disk of a role: empty, ``size`` bytes."""
        with (self.folder / f"{role}.raw").open("wb") as file:
            file.truncate(size)

    def seed(self, changes: Mapping[str, str]) -> None:
        """Write the seed's ISO; ``changes`` replaces or adds files below ``ringmaster/``."""
        files = {
            "instance-id": self.identity + "\n",
            "hostname": self.name + "\n",
            "authorized_keys": (self.folder / "key.pub").read_text(encoding="utf-8"),
            **{f"network/{name}": text for name, text in NETWORK.items()},
            **changes,
        }
        source = self.folder / "seed"
        for name, text in files.items():
            path = source / "ringmaster" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        (source / "meta-data").write_text(f"instance-id: {self.identity}\n", encoding="utf-8")
        argv = ["xorriso", "-as", "mkisofs", "-quiet", "-V", "cidata", "-J", "-R", "-o"]
        subprocess.run([*argv, str(self.folder / "seed.iso"), str(source)], check=True, capture_output=True)

    def command(self) -> list[str]:
        """Return QEMU's command line."""
        argv = [
            "qemu-system-x86_64",
            "-accel",
            self.accelerator,
            "-machine",
            "pc",
            "-m",
            str(self.memory_mib),
        ]
        # One processor: with two, plain emulation sometimes runs a kernel's half-patched code (a panic, "int3").
        argv += ["-smp", "1", "-uuid", self.identity, "-display", "none", "-nodefaults"]
        argv += ["-serial", f"file:{self.console}", "-qmp", f"unix:{self.folder / 'qmp'},server=on,wait=off"]
        for role, kind in (("root", "qcow2"), ("swap", "raw"), ("tmp", "raw")):
            file = self.folder / f"{role}.{kind}"
            argv += ["-drive", f"if=none,id={role},file={file},format={kind},discard=unmap,cache=unsafe"]
            boot = ",bootindex=1" if role == "root" else ""
            argv += ["-device", f"virtio-blk-pci,drive={role},serial={role}{boot}"]
        argv += ["-drive", f"if=none,id=cd,format=raw,readonly=on,file={self.folder / 'seed.iso'}"]
        argv += ["-device", "virtio-scsi-pci", "-device", "scsi-cd,drive=cd", "-device", "virtio-rng-pci"]
        argv += ["-netdev", f"user,id=fe,hostfwd=tcp:127.0.0.1:{self.port}-10.0.2.15:22"]
        argv += ["-device", f"virtio-net-pci,netdev=fe,mac={FE_MAC}"]
        argv += ["-netdev", "user,id=srv,restrict=on,net=172.20.0.0/22"]
        return [*argv, "-device", f"virtio-net-pci,netdev=srv,mac={SRV_MAC}"]

    def start(self) -> None:
        """Switch it on."""
        self.console.unlink(missing_ok=True)
        self.started = time.monotonic()
        with (self.folder / "qemu.log").open("wb") as log:
            self.process = subprocess.Popen(self.command(), stdout=log, stderr=log, stdin=subprocess.DEVNULL)

    def stop(self) -> None:
        """Switch it off, now."""
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def qmp(self, command: str, **arguments: Any) -> Any:
        """Run one QMP command and return its result."""
        with socket.socket(socket.AF_UNIX) as link:
            link.connect(str(self.folder / "qmp"))
            stream = link.makefile("rw", encoding="utf-8")
            stream.readline()
            for request in ({"execute": "qmp_capabilities"}, {"execute": command, "arguments": arguments}):
                stream.write(json.dumps(request) + "\n")
                stream.flush()
                while "return" not in (answer := json.loads(stream.readline())):
                    assert "error" not in answer, answer
            return answer["return"]

    def log(self) -> str:
        """Return what the serial console has shown."""
        return self.console.read_text(encoding="utf-8", errors="replace") if self.console.exists() else ""

    def host_keys(self) -> list[str]:
        """Return the host keys of the newest block on the console, without comments."""
        blocks = re.findall(r"-----BEGIN SSH HOST KEY KEYS-----\r?\n(.*?)-----END", self.log(), re.DOTALL)
        return [" ".join(line.split()[:2]) for line in blocks[-1].splitlines() if line.strip()] if blocks else []

    def client(self, program: str) -> list[str]:
        """Return argv of ssh or scp, trusting only the host key that the console showed."""
        known = self.folder / "known_hosts"
        known.write_text("".join(f"[127.0.0.1]:{self.port} {key}\n" for key in self.host_keys()), encoding="utf-8")
        options = {"UserKnownHostsFile": known, "StrictHostKeyChecking": "yes", "ConnectTimeout": 10}
        options |= {"PasswordAuthentication": "no", "LogLevel": "ERROR", "Port": self.port}
        argv = [program, "-F", "none", "-i", str(self.folder / "key")]
        return argv + [word for name, value in options.items() for word in ("-o", f"{name}={value}")]

    def ssh(self, command: str, check: bool = True) -> str:
        """Run a shell command as root."""
        argv = [*self.client("ssh"), "root@127.0.0.1", command]
        done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=900)
        if check and done.returncode != 0:
            raise AssertionError(f"{command}: {done.returncode}\n{done.stdout}{done.stderr}\n{self.log()[-3000:]}")
        return done.stdout

    def copy(self, files: list[Path], target: str) -> None:
        """Copy files into a folder of the machine."""
        argv = [*self.client("scp"), *map(str, files), f"root@127.0.0.1:{target}"]
        subprocess.run(argv, check=True, timeout=300)

    def answers(self) -> bool:
        """Tell whether sshd greets. QEMU accepts connections for the guest long before it listens."""
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=3) as link:
                link.settimeout(3)
                return link.recv(4) == b"SSH-"
        except OSError:
            return False

    def wait(self, timeout: float = 300) -> float:
        """Wait until SSH answers to our key; return the seconds since ``start`` (or since the call)."""
        begin = self.started or time.monotonic()
        while time.monotonic() - begin < timeout:
            assert self.process and self.process.poll() is None, (self.folder / "qemu.log").read_text()
            if self.host_keys() and self.answers() and self.ssh("echo here", check=False) == "here\n":
                return time.monotonic() - begin
            time.sleep(0.1)
        raise AssertionError(f"No SSH after {timeout} s. The console:\n{self.log()[-5000:]}")

    def boot_id(self) -> str:
        """Return what is different at every boot, "" while there is no answer."""
        return self.ssh("cat /proc/sys/kernel/random/boot_id", check=False) if self.answers() else ""

    def reboot(self, timeout: float = 300) -> float:
        """Reboot from inside; return the seconds until SSH answers again."""
        before = self.ssh("cat /proc/sys/kernel/random/boot_id")
        self.started = time.monotonic()
        self.ssh("systemctl reboot --no-block")
        while time.monotonic() - self.started < timeout:
            if self.boot_id() not in {"", before}:
                return time.monotonic() - self.started
            time.sleep(0.3)
        raise AssertionError(f"It did not come back. The console:\n{self.log()[-5000:]}")

    def shut_down(self, timeout: float = 240) -> None:
        """Shut down from inside and wait for the end."""
        assert self.process
        self.ssh("systemctl poweroff --no-block")
        self.process.wait(timeout)


@contextlib.contextmanager
def running(machine: Machine) -> Iterator[Machine]:
    """Prepare and start a machine, switch it off in the end."""
    machine.prepare()
    machine.start()
    try:
        yield machine
    finally:
        machine.stop()
