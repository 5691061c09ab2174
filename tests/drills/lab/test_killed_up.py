# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`make up` is killed at many points, and each time the next run goes on from there. Takes about 15 minutes."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
LIMIT_SECONDS = 25 * 60
POINTS = [
    ("Build the tree that the machines share", 8.0),
    ("Build the tree that the machines share", 0.1),
    ("Make the network", 1.0),
    ("Start the machines", 1.0),
    ("Start the machines", 4.0),
    ("vm_image : Build the image", 12.0),
    ("hypervisor : ", 3.0),
    ("gateway : ", 1.0),
    ("Converge all VMs", 1.0),
    ("Read the SSH host keys of the VMs", 6.0),
    ("base : ", 3.0),
    ("accounts : ", 3.0),
    ("redis : ", 4.0),
    ("Check all VMs|monitoring_agent : ", 3.0),
]
"""The task at which a run is killed, and how many seconds after its beginning. In the order of the run."""


@dataclass
class Drill:
    """A lab with a platform and caches of its own. `log` gets the output of all runs."""

    lab: str
    folder: Path
    cache: Path
    begin: float

    @property
    def platform(self) -> Path:
        """The folder of the platform description."""
        return self.folder / "platform"

    def prepare(self) -> None:
        """Copy the example platform; give the cache the packages that are here already."""
        ignore = shutil.ignore_patterns("allocations.yml", "known_hosts")
        shutil.copytree(ROOT / "example/platform", self.platform, ignore=ignore)
        source = self.platform / "platform.ringmaster.yml"
        source.write_text(source.read_text().replace("../../.lab", str(ROOT / ".lab")))
        self.cache.mkdir(parents=True)
        if (ROOT / ".lab/cache/packages").is_dir():
            shutil.copytree(ROOT / ".lab/cache/packages", self.cache / "packages", copy_function=os.link)

    def argv(self, command: str) -> list[str]:
        """Return the command line of bin/lab."""
        variables = {"lab_cache_folder": str(self.cache), "vm_image_folder": str(self.cache)}
        return [
            *(str(ROOT / ".venv/bin/python"), str(ROOT / "bin/lab"), "--lab", self.lab),
            *("--platform", str(self.platform), "-e", json.dumps(variables), command),
        ]

    def run(
        self,
        command: str = "up",
        *,
        prefix: tuple[str, ...] = (),
        cut: Callable[[str], bool] = lambda said: False,
        delay: float = 0,
    ) -> tuple[int, str]:
        """Run bin/lab, killed with its whole process group `delay` seconds after `cut` says so of its output.

        Returns its exit status, -9 for one that was killed, and its output.
        """
        log = self.folder / "log"
        with (
            log.open("w") as output,
            subprocess.Popen(
                [*prefix, *self.argv(command)],
                cwd=ROOT,
                # The points are named by tasks, which the view of usual runs does not name.
                env={**os.environ, "ANSIBLE_STDOUT_CALLBACK": "ansible.builtin.default"},
                stdout=output,
                stderr=output,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            ) as process,
        ):
            while process.poll() is None:
                late = time.monotonic() - self.begin > LIMIT_SECONDS
                if late or cut(log.read_text(errors="replace")):
                    time.sleep(0 if late else delay)
                    with contextlib.suppress(ProcessLookupError):
                        os.killpg(process.pid, signal.SIGKILL)
                    assert not late, f"not done in {LIMIT_SECONDS} s:\n{log.read_text(errors='replace')[-3000:]}"
                time.sleep(0.1)
        said = log.read_text(errors="replace")
        with (self.folder / "all.log").open("a") as everything:
            everything.write(f"\n##### {command}: {process.returncode}\n{said}")
        return process.returncode, said


@pytest.fixture
def drill(tmp_path: Path) -> Iterator[Drill]:
    name = f"drill-{os.getpid()}"
    drill = Drill(name, tmp_path, ROOT / f".lab/{name}", time.monotonic())
    drill.prepare()
    yield drill
    drill.begin = time.monotonic()
    drill.run("down")
    shutil.rmtree(drill.cache)


def changes(said: str) -> dict[str, int]:
    """Return the number of changed tasks by host, over all playbooks of a run."""
    found: dict[str, int] = {}
    for host, count in re.findall(r"^(\S+) +: ok=\d+ +changed=(\d+)", said, re.M):
        found[host] = found.get(host, 0) + int(count)
    return found


def test_killed_anywhere_the_next_run_goes_on(drill: Drill) -> None:
    for task, delay in POINTS:
        start = time.monotonic()
        code, said = drill.run(cut=re.compile(rf"TASK \[[^\]]*({task})").search, delay=delay)  # type: ignore[arg-type]
        print(f"{time.monotonic() - start:6.1f} s  killed {delay} s after '{task}': {code}", flush=True)
        assert code in {-signal.SIGKILL, 0}, f"the run to be killed at '{task}' failed by itself:\n{said[-4000:]}"
        assert re.search(rf"TASK \[[^\]]*({task})", said), f"no task '{task}'"
    start = time.monotonic()
    code, said = drill.run()
    print(f"{time.monotonic() - start:6.1f} s  to the end: {code}", flush=True)
    assert code == 0, said[-4000:]
    assert re.search(r"OK +redis/", said)
    assert "CRITICAL" not in said.partition("Log in:")[0].rpartition("myapp00  (")[2]
    start = time.monotonic()
    code, said = drill.run()
    print(f"{time.monotonic() - start:6.1f} s  again: {code}, {changes(said)}", flush=True)
    assert code == 0, said[-4000:]
    assert "myapp00" in changes(said)
    assert set(changes(said).values()) == {0}, said
    vm = ["nsenter", f"--net=/run/netns/{drill.lab}", "ssh", "-F", "none", "-i", str(ROOT / ".lab/keys/bob")]
    known = ["-o", f"UserKnownHostsFile={drill.platform}/known_hosts", "-o", "IdentitiesOnly=yes"]
    shown = subprocess.run([*vm, *known, "bob@172.20.1.1", "id -un"], capture_output=True, text=True, check=False)
    assert shown.stdout.strip() == "bob", shown.stderr
    code, said = drill.run("down")
    assert code == 0, said[-4000:]
    assert drill.lab not in subprocess.run(["ip", "netns"], capture_output=True, text=True, check=True).stdout
    assert not list(Path("/sys/fs/cgroup").glob(f"**/{drill.lab}"))


@contextlib.contextmanager
def silent_server() -> Iterator[str]:
    """Give the address of a server that takes connections and never answers."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(64)
        yield f"127.0.0.1:{listener.getsockname()[1]}"


@pytest.mark.parametrize("kind", ["refuses", "silent"])
def test_a_package_source_that_does_not_answer(drill: Drill, kind: str) -> None:
    """The sentence names the source and what to check, and the run leaves no tree that is half made."""
    shutil.rmtree(drill.cache / "packages", ignore_errors=True)
    with silent_server() as address:
        server = address if kind == "silent" else "127.0.0.1:9"
        sources = drill.folder / "sources.list.d"
        sources.mkdir()
        key = "/usr/share/keyrings/debian-archive-keyring.gpg"
        (sources / "debian.sources").write_text(
            f"Types: deb\nURIs: http://{server}/debian\nSuites: bookworm\nComponents: main\nSigned-By: {key}\n"
        )
        script = f'mount --bind {sources} /etc/apt/sources.list.d && exec "$@"'
        code, said = drill.run(prefix=("unshare", "--mount", "sh", "-c", script, "sh"))
    assert code == 1, said[-3000:]
    assert f"A package source cannot be read: http://{server}/debian" in said
    assert "Check the network, apt's proxy and this machine's sources." in said
    assert said.strip().splitlines()[-1].startswith("ringmaster: step 'bring up the lab's machines' failed, see above")
    assert not [path.name for path in drill.cache.iterdir() if path.is_dir() and path.name != "packages"]
