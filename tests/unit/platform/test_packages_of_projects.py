# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Key ``packages`` of projects and VMs: which a VM gets, and which nobody gets."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform import inventory
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform.language.errors import DescriptionError

VMS = {"myapp00": {"packages": ["imagemagick"]}, "myapp01": {"components": {"redis": {}}}}


def test_each_vm_gets_its_own_its_projects_and_clients_of_what_the_others_have(platform: Any) -> None:
    keys = {"packages": ["nodejs", "imagemagick"], "vms": VMS}
    platform.edit("projects/myapp.yml", lambda data: data.update(keys))
    hosts = inventory.build(platform.read()).hosts
    assert hosts["myapp00"]["ringmaster_packages"] == ["imagemagick", "nodejs", "redis-tools"]
    assert hosts["myapp01"]["ringmaster_packages"] == ["imagemagick", "nodejs"]


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (["postgresql"], "the platform's component 'postgresql' does that: order it instead"),
        (["postgresql-17"], "component 'postgresql'"),
        (["nodejs", "exim4-daemon-light"], "the platform hands on mail of this VM"),
        (["docker.io"], "our containers run elsewhere"),
        (["sudo-"], "the name of a Debian package"),
        (["Nodejs"], "the name of a Debian package"),
        (["nodejs=20"], "the name of a Debian package"),
        (["-oDpkg::Pre-Invoke=id"], "the name of a Debian package"),
        (["nodejs", "nodejs"], "twice"),
    ],
)
@pytest.mark.parametrize("of", ["project", "VM"])
def test_what_nobody_gets(platform: Any, asked: list[str], said: str, of: str) -> None:
    denied = {"docker*": "our containers run elsewhere"}
    platform.edit("platform.yml", lambda data: data.update(packages_denied=denied))
    keys = {"packages": asked} if of == "project" else {"vms": {"myapp00": {"packages": asked}}}
    platform.edit("projects/myapp.yml", lambda data: data.update(keys))
    with pytest.raises(DescriptionError) as caught:
        platform.read()
    assert said in str(caught.value)
    assert "projects/myapp.yml" in str(caught.value)


@pytest.mark.parametrize("asked", ["postgresql-client-17", "postgresql-17-pgvector", "g++", "libnginx-mod-rtmp"])
def test_what_projects_may_ask_for(platform: Any, asked: str) -> None:
    platform.edit("projects/myapp.yml", lambda data: data.update(packages=[asked]))
    platform.read()
