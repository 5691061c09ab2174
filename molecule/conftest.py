# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tests of all scenarios share: they run in the lab's network namespace, as its operator."""

from __future__ import annotations

import ctypes
import json
import os
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO, Any

import contract
import pytest
import testinfra
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform.verbs import playbooks
from testinfra.host import Host

ROOT = Path(__file__).parents[1]
_OWN = Path(os.environ.get("MOLECULE_SCENARIO_DIRECTORY") or "/nowhere") / "platform"
PLATFORM = _OWN if _OWN.is_dir() else ROOT / "molecule/platform"
"""That of all scenarios, or of one that has its own."""
NAMESPACE = Path("/run/netns") / os.environ.get("MOLECULE_LAB", "rm-molecule")
PLAYBOOKS_HOSTS = {f"{name}_hosts" for name in ("components", "machine", "withdrawn", "accounts", "dns_mail")}
CLONE_NEWNET = 0x40000000


OUTSIDE = Path("/proc/thread-self/ns/net").open()  # noqa: SIM115 - a namespace that somebody leaves is open as long
"""The network in which the tests began: this machine's own."""


@pytest.fixture(scope="session", autouse=True)
def inside_the_lab() -> None:
    """Move this thread, and what it starts, into the lab's network namespace, for good."""
    with NAMESPACE.open() as namespace:
        enter(namespace)


def enter(namespace: IO[str]) -> None:
    """Move this thread into a network namespace."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.setns(namespace.fileno(), CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), f"cannot enter {NAMESPACE}: is the scenario created?")


@pytest.fixture
def outside_the_lab() -> Iterator[Callable[[Callable[[], Any]], Any]]:
    """Return a function that calls another one in this machine's own network, and returns what it returns."""
    with ThreadPoolExecutor(1, initializer=enter, initargs=(OUTSIDE,)) as thread:
        yield lambda function: thread.submit(function).result()


@pytest.fixture(scope="session")
def hostvars() -> dict[str, dict[str, Any]]:
    """Return the host variables of the lab's machines."""
    argv = [
        str(ROOT / ".venv/bin/ansible-inventory"),
        "-i",
        str(PLATFORM / "platform.ringmaster.yml"),
        "--list",
    ]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")}
    done = subprocess.run(argv, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)["_meta"]["hostvars"]


@pytest.fixture(scope="session")
def play(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Return a function that runs a playbook with its variables; what follows from a verb comes to ``hosts``.

    Without ``hosts`` it is called as an operator calls it.
    ``source`` is another description than the scenarios', ``words`` are options of ansible-playbook.
    """

    def run(
        name: str,
        hosts: str | None = "none",
        *,
        source: Path | None = None,
        words: Sequence[str] = (),
        **variables: object,
    ) -> subprocess.CompletedProcess[str]:
        environment = {
            **os.environ,
            "MOLECULE_PROJECT_DIRECTORY": str(ROOT),
            "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
            # Tests read what it prints; molecule asks for colours.
            "ANSIBLE_FORCE_COLOR": "false",
        }
        argv = [str(ROOT / ".venv/bin/ansible-playbook"), f"playbooks/{name}.yml"]
        argv += ["-i", str(source or PLATFORM / "platform.ringmaster.yml"), *words]
        narrowing = PLAYBOOKS_HOSTS & playbooks.types_of([name]).keys()
        # In a file: there may be thousands.
        file = tmp_path_factory.mktemp("variables") / "variables.json"
        file.write_text(
            json.dumps({**(dict.fromkeys(narrowing, hosts) if hosts else {}), **variables}), encoding="utf-8"
        )
        argv += ["-e", f"@{file}"]
        return subprocess.run(argv, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)

    return run


@pytest.fixture(scope="class")
def description(tmp_path_factory: pytest.TempPathFactory) -> contract.Description:
    """The description that the tests of a class change."""
    return contract.Description(tmp_path_factory.mktemp("described"))


@pytest.fixture(scope="session")
def machine(hostvars: dict[str, dict[str, Any]], tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Host]:
    """Return a function from a machine's name to a testinfra host, as root over SSH."""
    folder = tmp_path_factory.mktemp("ssh")
    configuration = folder / "config"
    configuration.write_text(
        f"Host *\n  User root\n  IdentityFile {ROOT}/.lab/keys/operator\n  IdentitiesOnly yes\n"
        f"  UserKnownHostsFile {PLATFORM}/known_hosts\n  StrictHostKeyChecking yes\n  ConnectTimeout 10\n"
        f"  ControlMaster auto\n  ControlPath {folder}/%C\n  ControlPersist 60\n"
        "  ServerAliveInterval 1\n  ServerAliveCountMax 3\n",
        encoding="utf-8",
    )

    def host(name: str) -> Host:
        return testinfra.get_host(f"ssh://{hostvars[name]['ansible_host']}", ssh_config=str(configuration))

    return host


@pytest.fixture(scope="session")
def eventually() -> Callable[..., None]:
    """Return a function that waits until a condition holds."""

    def wait(condition: Callable[[], object], seconds: float = 60.0) -> None:
        end = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < end, f"not within {seconds} s: {condition}"
            time.sleep(0.2)

    return wait


@pytest.fixture(scope="session")
def tls_findings(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., dict[str, dict[str, str]]]:
    """Return a function with which testssl.sh judges protocols, ciphers, and what else is asked for: findings by id."""

    def judge(name: str, address: str, port: int, *more: str) -> dict[str, dict[str, str]]:
        result = tmp_path_factory.mktemp("testssl") / "result.json"
        argv = [
            *("testssl", "--quiet", "--color", "0", "--warnings", "off", "--nodns", "none", "--ip", address),
            *("--add-ca", str(ROOT / ".lab/keys/ca.pem"), "--jsonfile", str(result)),
            *("--protocols", "--std", *more, f"{name}:{port}"),
        ]
        subprocess.run(argv, check=False, stdin=subprocess.DEVNULL, capture_output=True, timeout=500)
        return {one["id"]: one for one in json.loads(result.read_text())}

    return judge
