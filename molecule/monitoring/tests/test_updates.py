# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Updates on a machine: an old package, and a newer version in a repository on its own disk."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from steps import playbook
from testinfra.host import Host

REPOSITORY = r"""
set -e
mkdir -p /srv/drill/tree/DEBIAN; cd /srv/drill
for name in drill-library postgresql-drill; do
    for version in 1.0 2.0; do
        printf 'Package: %s\nVersion: %s\nArchitecture: all\nMaintainer: x <x@x.example>\nDescription: x\n' \
            $name $version > tree/DEBIAN/control
        dpkg-deb -b tree ${name}_$version.deb
    done
    dpkg -i ${name}_1.0.deb
done
for file in *_2.0.deb; do
    dpkg-deb -f $file
    printf 'Filename: ./%s\nSize: %s\nSHA256: %s\n\n' $file $(stat -c%s $file) $(sha256sum $file | cut -d' ' -f1)
done > Packages
printf 'Origin: Debian\nLabel: Debian-Security\nSuite: stable-security\nDate: %s\nSHA256:\n %s %s Packages\n' \
    "$(date -Ru)" $(sha256sum Packages | cut -d' ' -f1) $(stat -c%s Packages) > Release
echo 'deb [trusted=yes] file:/srv/drill ./' > /etc/apt/sources.list.d/drill.list
"""


@pytest.fixture(scope="module")
def host(machine: Callable[[str], Host]) -> Iterator[Host]:
    found = machine("mon01")
    found.run_expect([0], REPOSITORY)
    yield found
    found.run("rm -f /etc/apt/sources.list.d/drill.list; dpkg -P drill-library postgresql-drill; rm -rf /srv/drill")


def updates(host: Host, what: str) -> dict[str, Any]:
    return json.loads(host.check_output(f"ringmaster-updates {what}"))


def versions(host: Host) -> dict[str, str]:
    text = host.check_output("dpkg-query -W drill-library postgresql-drill")
    return dict(line.split() for line in text.splitlines())


def test_security_updates_come_at_once_but_a_databases_waits(host: Host) -> None:
    host.run_expect([0], "apt-get update -q && ringmaster-updates look")
    metrics = host.file("/run/ringmaster/textfile/updates.prom").content_string
    assert 'ringmaster_updates_pending{kind="security"} 2' in metrics
    report = updates(host, "security")
    assert report["installed"] == ["drill-library 1.0 -> 2.0"]
    assert versions(host) == {"drill-library": "2.0", "postgresql-drill": "1.0"}
    state = json.loads(host.file("/var/lib/ringmaster/updates.json").content_string)
    assert state["patched"][-1]["package"] == "drill-library 2.0"
    assert "update: postgresql-drill 2.0" in json.loads(host.file("/run/ringmaster/planned.json").content_string)


def test_now_installs_what_is_named_window_or_not(host: Host) -> None:
    done = playbook("update.yml", "-e", "package=postgresql-*", "-e", "package_hosts=mon01")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "postgresql-drill 1.0 -> 2.0" in done.stdout
    # How long the machine went without it, for each machine.
    assert re.search(r'"mon01": \{\s*"postgresql-drill 2\.0": \d+', done.stdout), done.stdout
    assert versions(host)["postgresql-drill"] == "2.0"
    again = playbook("update.yml", "-e", "package=postgresql-*", "-e", "package_hosts=mon01")
    assert again.returncode == 0 and "changed=0" in again.stdout
    assert 'kind="security"} 0' in host.file("/run/ringmaster/textfile/updates.prom").content_string
