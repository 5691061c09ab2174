# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A Debian 13 as controller, on a machine that may be another one: a tree as root, with the host's kernel and network.

It has mounts, processes and control groups of its own: labs that run in it are seen by nobody else, and end with it.
The tree is kept in .lab/controller with what bin/bootstrap installed; the checkout in it is a copy made each time.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from ansible_collections.ringmaster.hosting.plugins.module_utils.image import apt_sources, tree
from ansible_collections.ringmaster.hosting.plugins.module_utils.image.store import Shelf
from ansible_collections.ringmaster.hosting.plugins.module_utils.lab import cgroup

ROOT = Path(__file__).resolve().parents[1]
CACHE = ROOT / ".lab/cache"
KEPT = ROOT / ".lab/controller"
CHECKOUT = Path("/srv/ringmaster")
FIRST_PROCESS = ROOT / "tests/controller/first-process"
AUTHORITIES = Path("/usr/local/share/ca-certificates")
GO_INTO_GROUP = 'echo $$ > "$1/cgroup.procs"; shift; exec "$@"'
HANDED_ON = re.compile(r"PIP_.*|SSL_CERT_FILE|(https?|no|all)_proxy", re.IGNORECASE)
"""What of the environment says how this machine reaches package indexes."""


@dataclass(frozen=True)
class Controller:
    """A Debian 13 that runs: its first process as the host numbers it, and its control group's folder."""

    first: int
    group: Path

    def start(self, *argv: str, **variables: str) -> subprocess.Popen[str]:
        """Start a command in the checkout as root, with nothing of this environment but the way to package indexes."""
        kept = {name: value for name, value in os.environ.items() if HANDED_ON.fullmatch(name)}
        environment = {
            "HOME": "/root",
            "LC_ALL": "C.UTF-8",
            "PATH": f"{CHECKOUT}/.venv/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            **kept,
            **variables,
        }
        inside = f'cd {CHECKOUT} && exec env -i {shlex.join(f"{k}={v}" for k, v in environment.items())} "$@"'
        kinds = ["--mount", "--pid", "--cgroup", "--ipc", "--uts", "--root"]
        return subprocess.Popen(
            [
                *("sh", "-c", GO_INTO_GROUP, "sh", str(self.group)),
                *("nsenter", f"--target={self.first}", *kinds, "sh", "-c", inside, "sh", *argv),
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run(self, *argv: str, **variables: str) -> str:
        """Run a command as start() does and return what it said, which is passed on as well; it must succeed."""
        lines = []
        with self.start(*argv, **variables) as process:
            assert process.stdout is not None
            for line in process.stdout:
                print(line, end="", flush=True)
                lines.append(line)
        assert process.returncode == 0, f"{shlex.join(argv)} ended with status {process.returncode}"
        return "".join(lines)

    def play(self, playbook: str, source: str, *words: str) -> str:
        """Run a playbook of the checkout over a platform; return what it said."""
        return self.run("ansible-playbook", "-i", source, f"playbooks/{playbook}.yml", *words)


def pip_settings() -> dict[str, str]:
    """Return this machine's settings of pip as they are for everybody: name -> value. The environment's are not in."""
    said = subprocess.run(
        [str(ROOT / ".venv/bin/pip"), "config", "list"], capture_output=True, text=True, check=True
    ).stdout
    return dict(re.findall(r"^global\.(\S+)='(.*)'$", said, re.MULTILINE))


def named_paths(settings: Mapping[str, str]) -> list[Path]:
    """Return the folders and files of this machine that pip's settings, or the environment's, name.

    An index called "simple" stands for the folder around it, where the files lie that it names.
    """
    given = [*settings.values(), *(value for name, value in os.environ.items() if name.startswith("PIP_"))]
    words = (word.removeprefix("file://") for value in given for word in value.split())
    found = (Path(word) for word in words if word.startswith("/") and Path(word).exists())
    return sorted({path.parent if path.name == "simple" else path for path in found})


def specification() -> tree.TreeSpec:
    """Return what the tree is made from: Debian's smallest, and how this machine reaches packages."""
    settings = pip_settings()
    files = {"/etc/pip.conf": "".join(["[global]\n", *(f"{name} = {value}\n" for name, value in settings.items())])}
    files["/etc/apt/apt.conf.d/80host"] = "".join(
        f"{option}\n" for option in apt_sources.host_options() if option.startswith("Acquire::")
    )
    # Certificates come with bin/bootstrap, and with them the list that pip is given here.
    named = [path for path in named_paths(settings) if path.is_file() and not path.is_relative_to("/etc/ssl")]
    for path in [*named, *sorted(AUTHORITIES.glob("*.crt"))]:
        files[str(path)] = path.read_text(encoding="utf-8")
    return tree.TreeSpec(release="trixie", files={path: (text, 0o644) for path, text in files.items()})


def root() -> Path:
    """Return the root of the controller, with a new copy of this checkout; make it where there is none of today's."""
    _changed, record = tree.obtain(
        Shelf(CACHE, "controller"), specification(), tree.Origin(package_cache=CACHE / "packages")
    )
    found = KEPT / record["digest"][:12]
    if not found.exists():
        for old in KEPT.iterdir():
            shutil.rmtree(old)
        partial = found.with_suffix(".partial")
        subprocess.run(["cp", "--archive", record["path"], str(partial)], check=True)
        partial.rename(found)
    shutil.copy("/etc/resolv.conf", found / "etc/resolv.conf")
    checkout = found / CHECKOUT.relative_to("/")
    checkout.mkdir(parents=True, exist_ok=True)
    for path in checkout.iterdir():
        if path.is_dir() and not path.is_symlink():
            if path.name != ".venv":
                shutil.rmtree(path)
        else:
            path.unlink()
    listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    for name in subprocess.run(listed, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\0"):
        source, target = ROOT / name, checkout / name
        if name and (source.is_file() or source.is_symlink()) and not name.startswith(".venv"):
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target, follow_symlinks=False)
    return found


@contextlib.contextmanager
def controller(*, caches: bool) -> Iterator[Controller]:
    """Run a Debian 13 with this checkout in CHECKOUT; with `caches` it has those of this machine's labs.

    All that runs in it ends with it. Only one at a time: its tree is one.
    """
    KEPT.mkdir(parents=True, exist_ok=True)
    with KEPT.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        where = root()
        folders = [f"{path}:{path}" for path in named_paths(pip_settings()) if path.is_dir()]
        if caches:
            folders.append(f"{CACHE}:{CHECKOUT}/.lab/cache")
        group = f"ringmaster-controller/{os.getpid()}"
        cgroup.create(group)
        own = cgroup.folders(group)[-1]
        spaces = ["--mount", "--propagation=private", "--pid", "--cgroup", "--ipc", "--uts", "--fork", "--kill-child"]
        try:
            with subprocess.Popen(
                [
                    *("sh", "-c", GO_INTO_GROUP, "sh", str(own), "unshare", *spaces),
                    *(str(FIRST_PROCESS), str(where), *folders),
                ],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                text=True,
            ) as process:
                try:
                    assert process.stdout is not None
                    assert process.stdout.readline() == "ready\n", "the controller did not start, see above"
                    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text(encoding="ascii")
                    yield Controller(int(children.split()[0]), own)
                finally:
                    process.kill()
        finally:
            cgroup.kill(group)
            cgroup.remove(group)
