# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The package cache beside the name server, in its sandbox: a VM fetches packages through it, and again out of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from testinfra.host import Host

CACHES = ("172.20.0.20", "[2001:db8:3::20]")
FETCHED, NEW = "hello", "sl"
"""Two small packages that need no others."""
UNIT = "apt-cacher-ng.service"
FOLDER = "/var/cache/apt-cacher-ng"


@pytest.fixture(scope="module")
def server(machine: Callable[[str], Host]) -> Host:
    return machine("svc0")


@pytest.fixture(scope="module")
def vm(machine: Callable[[str], Host]) -> Host:
    return machine("neta00")


@pytest.fixture
def cut_off(server: Host) -> Iterator[None]:
    """Let the cache reach nobody but who asks it."""
    rules = (
        "add table inet cut_off",
        "add chain inet cut_off output { type filter hook output priority 0; }",
        'add rule inet cut_off output meta skuid "apt-cacher-ng" ct direction original reject',
    )
    server.check_output("nft %s", "; ".join(rules))
    yield
    server.check_output("nft delete table inet cut_off")


def apt(vm: Host, cache: str, words: str) -> bool:
    """Run apt-get in an empty folder of a VM, with a cache as its only way."""
    options = f"-o Acquire::http::Proxy=http://{cache}:3142 -o Acquire::Retries=0 -o Acquire::http::Timeout=20"
    return bool(vm.run(f"cd $(mktemp -d) && apt-get -qq {options} -o APT::Sandbox::User=root {words}").succeeded)


def fetched(vm: Host, cache: str, package: str) -> bool:
    """Fetch a package, whose sum apt compares with the signed index."""
    return apt(vm, cache, f"download {package} && dpkg-deb --info {package}_*.deb")


def kept(server: Host, package: str) -> list[str]:
    return server.check_output(f"find {FOLDER} -name '{package}_*.deb'").split()


def test_what_a_vm_fetched_once_comes_out_of_the_cache(server: Host, vm: Host, request: pytest.FixtureRequest) -> None:
    server.check_output(f"find {FOLDER} -name '{FETCHED}_*.deb*' -delete")
    assert apt(vm, CACHES[0], "update -o APT::Update::Error-Mode=any")
    assert fetched(vm, CACHES[0], FETCHED)
    assert len(kept(server, FETCHED)) == 1
    request.getfixturevalue("cut_off")
    for cache in CACHES:
        assert fetched(vm, cache, FETCHED)
        assert not fetched(vm, cache, NEW)


def test_it_works_in_its_sandbox(server: Host) -> None:
    process = server.check_output(f"systemctl show -P MainPID {UNIT}")
    status = server.check_output(f"cat /proc/{process}/status")
    said = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    assert int(said["CapBnd"], 16) == 0
    assert (said["NoNewPrivs"], said["Seccomp"]) == ("1", "2")
    account = server.check_output("id -u apt-cacher-ng")
    assert said["Uid"].split() == [account] * 4
    inside = f"nsenter --mount --target {process} --setuid 0 --"
    assert "Read-only" in server.run(f"{inside} touch /etc/apt-cacher-ng/mine").stderr
    server.check_output(f"{inside} test -w {FOLDER}")
    assert server.check_output(f"systemctl show -P NRestarts {UNIT}") == "0"


def test_what_nobody_asked_for_within_its_days_goes(server: Host, vm: Host) -> None:
    for package in (FETCHED, NEW):
        assert fetched(vm, CACHES[0], package)
    (old,) = kept(server, FETCHED)
    server.check_output(f"touch -d '40 days ago' {old} && systemctl start ringmaster-package-cache.service")
    assert (kept(server, FETCHED), len(kept(server, NEW))) == ([], 1)
    assert server.check_output("systemctl is-active ringmaster-package-cache.timer") == "active"
    # It may be asked for again.
    assert fetched(vm, CACHES[0], FETCHED)


def test_the_daily_task_of_the_package_has_nothing_to_say(server: Host) -> None:
    """It wants the page of reports, which there is none of, and cron would mail that every day."""
    done = server.run("sh -e /etc/cron.daily/apt-cacher-ng")
    assert (done.rc, done.stdout, done.stderr) == (0, "", "")
