# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A large platform whose machines are stubs: everything of the controller is real, and no machine is touched.

A program in the place of ssh runs nothing but the program in the place of each machine's Python, which reads what it is
sent and says that nothing changed. Commands that are no module's are answered with nothing.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests/bench"), str(ROOT / "collections")]

import large_platform  # noqa: E402
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform import operations  # noqa: E402

SECRET = "a-secret-of-the-rehearsal"
EVERYWHERE = "everywhere"
"""A person in several projects, whose key is revoked."""
SSH = """\
#!/bin/sh
for last; do :; done
case "$last" in
*{folder}/python*) exec sh -c "$last";;
*mkdir*ansible-tmp-*)
  name=${{last##*/tmp/ansible-tmp-}}; name=${{name%%[!0-9.-]*}}
  echo "ansible-tmp-$name=/nowhere/$name";;
esac
exit 0
"""
PYTHON = """\
#!/bin/sh
if [ "$1" = - ]; then
  cat >/dev/null
  echo 'RINGMASTER-RESULT:{{"changed": false, "changed_paths": [], "found": []}}'
  exit
fi
name=$(sed -n "s/^ansible_module='\\(.*\\)',$/\\1/p")
name=${{name##*.}}
[ -f {folder}/says/${{name:-none}} ] || exec echo '{{"changed": false}}'
exec cat {folder}/says/$name
"""
ANSWERS = {
    "ping": {"ping": "pong"},
    "vms": {"created": [], "pending_restart": {}},
    "image": {"name": "ringmaster-trixie-0123456789ab.qcow2"},
    "vm_info": {"vms": {}, "host_keys": {}, "missing_host_keys": []},
}


@dataclass
class Took:
    """Seconds of the processor and of the clock, and the largest memory of one process in MiB."""

    cpu: float
    wall: float
    mib: float = 0


def write(folder: Path, vms: int, everywhere: int) -> None:
    """Write a platform with a person in so many projects, not allocated yet, and what stands for its machines."""
    large_platform.VMS_PER_HYPERVISOR = 100
    large_platform.write(folder / "platform", vms, people_per_project=4)
    platform = folder / "platform/platform.yml"
    text = platform.read_text().replace("services: {gateway: hv0}", "services: {gateway: hv0, monitoring: svc0}")
    platform.write_text(text + "machines:\n  svc0: {address: 10.77.255.20, srv_ipv4: 172.16.0.20}\n")
    keys = "".join(f"  - {large_platform.key(name)}\n" for name in ("one", "other"))
    (folder / f"platform/users/{EVERYWHERE}.yml").write_text(
        f"full_name: Every Where\nemail: everywhere@example.org\nssh_keys:\n{keys}"
    )
    for project in sorted((folder / "platform/projects").iterdir())[:everywhere]:
        text = project.read_text().replace("permissions:\n", f"permissions:\n  {EVERYWHERE}: [login]\n")
        project.write_text(text)
    for name, program in (("ssh", SSH), ("python", PYTHON), ("sftp", "#!/bin/sh\nexec cat >/dev/null\n")):
        (folder / name).write_text(program.format(folder=folder) if "{folder}" in program else program)
        (folder / name).chmod(0o755)
    (folder / "secrets.yml").write_text(f"platform_secret: {SECRET}\n")
    (folder / "vault").write_text("a-vault-password-of-the-rehearsal\n")
    (folder / "image-0123456789ab.qcow2").write_text("no image\n")
    (folder / "says").mkdir()
    for module, answer in ANSWERS.items():
        says(folder, module, answer)


def says(folder: Path, module: str, answer: dict[str, object]) -> None:
    """Let every machine answer this to a module."""
    (folder / "says" / module).write_text(json.dumps({"changed": False, **answer}) + "\n")


@dataclass
class Stage:
    """A folder with what ``write`` wrote."""

    folder: Path

    @property
    def source(self) -> Path:
        """The source of the inventory."""
        return self.folder / "platform/platform.ringmaster.yml"

    @property
    def options(self) -> operations.Options:
        """Its options."""
        return operations.options_of(self.source, ROOT / "roles")

    def arguments(self) -> list[str]:
        """Return the arguments of ansible-playbook with which all machines are stubs."""
        variables = {
            "ansible_ssh_executable": str(self.folder / "ssh"),
            "ansible_sftp_executable": str(self.folder / "sftp"),
            "ansible_python_interpreter": str(self.folder / "python"),
            "ansible_control_path": "none",
        }
        secrets = ["-e", f"@{self.folder / 'secrets.yml'}", "--vault-password-file", str(self.folder / "vault")]
        return ["-e", json.dumps(variables), *secrets]

    def image(self) -> list[str]:
        """Return the arguments with which no image of VMs is built."""
        return ["-e", f"hypervisor_image_file={self.folder / 'image-0123456789ab.qcow2'}"]

    def environment(self, forks: int = 10) -> dict[str, str]:
        """Return the environment of a run."""
        return {
            **os.environ,
            "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
            "ANSIBLE_FORKS": str(forks),
            "ANSIBLE_NOCOLOR": "1",
            "ANSIBLE_LOCAL_TEMP": str(self.folder / "tmp"),
            "RINGMASTER_CACHE_DIRECTORY": str(self.folder / "cache"),
        }

    def run(self, playbook: Path, *words: str, only: Sequence[str] = (), limit: float = 1800) -> tuple[Took, str]:
        """Run a playbook; return what it took, and what it printed. Raises RuntimeError when it fails or never ends."""
        argv = [str(ROOT / ".venv/bin/ansible-playbook"), "-i", str(self.source), *self.arguments()]
        environment = {**self.environment(), **({"RINGMASTER_ONLY": ",".join(only)} if only else {})}
        took, text, code = measured([*argv, *words, str(playbook)], environment, limit)
        if code:
            raise RuntimeError(f"{playbook.name} failed:\n{excerpt(text)}")
        return took, text


def excerpt(text: str) -> str:
    """Return what a run printed around its first error."""
    at = max(0, text.find("[ERROR]"))
    return text[max(0, at - 300) : at + 1500] or text[-2000:]


def measured(argv: Sequence[str], environment: dict[str, str], limit: float) -> tuple[Took, str, int]:
    """Run a program, for ``limit`` seconds at most; return what it took, what it printed, and its exit code."""
    begun = time.monotonic()
    with tempfile.TemporaryFile("w+") as output:
        process = subprocess.Popen(
            argv, cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=output,
            start_new_session=True,
        )  # fmt: skip
        while True:
            pid, status, used = os.wait4(process.pid, os.WNOHANG)
            if pid:
                break
            if time.monotonic() - begun > limit:
                os.killpg(process.pid, signal.SIGKILL)
                _pid, status, used = os.wait4(process.pid, 0)
                break
            time.sleep(0.05)
        process.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        text = output.read()
    took = Took(used.ru_utime + used.ru_stime, time.monotonic() - begun, used.ru_maxrss / 1024)
    return took, text, process.returncode
