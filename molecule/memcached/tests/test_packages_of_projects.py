# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Packages that a project asks for, by a real apt. mem01 has one of its own, which brings a service."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from steps import playbook
from testinfra.host import Host

PACKAGES = Path(__file__).parents[1] / "packages.yml"
RECORD = "/var/lib/ringmaster/packages.json"


@pytest.fixture(scope="module")
def vm(machine: Callable[[str], Host]) -> Host:
    """Return the machine that asks for lighttpd."""
    return machine("mem01")


def asked(*packages: str, **more: Any) -> tuple[int, str]:
    """Run what a VM's packages are installed by; return its code and what it printed."""
    words = json.dumps({"packages_hosts": "mem01", "base_declared_packages": packages, **more})
    done = playbook(str(PACKAGES), "-e", words)
    return done.returncode, done.stdout + done.stderr


def state(host: Host) -> list[str]:
    """Return what is installed."""
    return sorted(host.check_output("dpkg-query --show --showformat='${db:Status-Abbrev}${Package}\\n'").splitlines())


def test_they_are_there_and_nothing_of_them_was_started(vm: Host, machine: Callable[[str], Host]) -> None:
    assert vm.run("jq --version").rc == 0 == machine("mem00").run("jq --version").rc
    assert vm.package("lighttpd").is_installed
    assert not machine("mem00").package("lighttpd").is_installed
    assert not vm.service("lighttpd").is_running
    assert not vm.service("lighttpd").is_enabled
    assert "lighttpd.service" in json.loads(vm.file(RECORD).content_string)["units"]
    assert not vm.file("/usr/sbin/policy-rc.d").exists
    said = vm.check_output(
        "cd /usr/lib/ringmaster/python; python3 -c 'from ringmaster.host import packages; print(packages.told())'"
    )
    assert said.startswith("(0, '2 packages of the project are installed. Not started, as nobody asked for it: ")


@pytest.mark.parametrize(
    ("package", "said"),
    [
        ("nodjs", "no apt source of this machine has nodjs, so nothing was installed"),
        ("awk", "no apt source of this machine has awk"),
        ("nginx-core", "nginx comes with nginx-core and is not for projects"),
        ("systemd-timesyncd-", "so nothing was installed"),
        ("openntpd", "apt would remove systemd-timesyncd, so nothing was installed"),
        ("exim4-daemon-light", "is not for projects, so nothing was installed: the platform hands on mail of this VM"),
    ],
)
def test_what_is_refused_changes_nothing(vm: Host, package: str, said: str) -> None:
    before = state(vm)
    code, printed = asked("jq", "lighttpd", package)
    assert code != 0
    assert said in printed
    assert state(vm) == before


def test_what_is_no_longer_asked_for_is_reported_and_goes_when_somebody_says_so(vm: Host) -> None:
    code, printed = asked("jq")
    assert code == 0
    assert "lighttpd is no longer asked for and still installed" in " ".join(printed.split())
    assert vm.package("lighttpd").is_installed
    assert asked("jq", base_remove_packages=True)[0] == 0
    assert not vm.package("lighttpd").is_installed
    assert json.loads(vm.file(RECORD).content_string)["left"] == []
    assert asked("jq", "lighttpd")[0] == 0
    assert not vm.service("lighttpd").is_running
