# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Validation of what a play hands over, and small pure helpers."""

from __future__ import annotations

from typing import Any

import libvirt_samples as samples
import pytest
from ansible_collections.ringmaster.hosting.plugins.module_utils.libvirt.errors import HypervisorError
from ansible_collections.ringmaster.hosting.plugins.module_utils.libvirt.model import size_text
from ansible_collections.ringmaster.hosting.plugins.module_utils.libvirt.seed import content_hash

MISTAKES: dict[str, tuple[dict[str, Any], str]] = {
    "name": ({"name": "../x"}, "name: found '../x'"),
    "uuid": ({"uuid": "12"}, "uuid: found '12', needs a UUID"),
    "memory": ({"memory_mib": "lots"}, "memory_mib: found 'lots', needs a whole number of at least 64"),
    "boolean as number": ({"cores": True}, "cores: found True"),
    "maximum below": ({"memory_max_mib": 512}, "memory_max_mib: found 512, needs at least memory_mib (1024)"),
    "no cores": ({"cores": 0}, "cores: found 0"),
    "state": ({"state": "gone"}, "state: found 'gone', needs one of present, running"),
    "multicast MAC": ({"nics__ethfe__mac": "03:01:02:00:10:13"}, "nics[0].mac"),
    "bridge": ({"nics__ethfe__bridge": "a b"}, "nics[0].bridge: found 'a b'"),
    "role": ({"nics__ethfe__role": "eth0"}, "nics[0].role: found 'eth0'"),
    "MAC twice": ({"nics__ethfe__mac": "02:01:03:00:10:13"}, "mac 02:01:03:00:10:13 is given twice"),
    "no card": ({"nics": []}, "nics: found []"),
    "seed path": ({"seed": {"../x": "y"}}, "seed: path '../x' must be relative"),
    "absolute seed path": ({"seed": {"/x": "y"}}, "seed: path '/x' must be relative"),
    "unknown key": ({"colour": "red"}, "colour: unknown key"),
    "limit": ({"io_limits": {"root": {"speed": 1}}}, "'speed' is not one of read_iops"),
    "limit of an unknown disk": ({"io_limits": {"vdz": {}}}, "io_limits: found 'vdz'"),
    "negative limit": ({"io_limits": {"root": {"read_iops": -1}}}, "io_limits.root.read_iops: found -1"),
    "protected": ({"protected": "perhaps"}, "protected: found 'perhaps', needs true or false"),
}


@pytest.mark.parametrize("case", MISTAKES)
def test_mistakes_are_named(case: str) -> None:
    changes, message = MISTAKES[case]
    with pytest.raises(HypervisorError) as caught:
        samples.spec(**changes)
    assert message in str(caught.value)
    assert str(caught.value).startswith("VM ")


def test_all_mistakes_at_once() -> None:
    with pytest.raises(HypervisorError) as caught:
        samples.spec(cores=0, memory_mib=1, uuid="x")
    assert str(caught.value).count("found") == 3


def test_defaults() -> None:
    found = samples.spec(memory_max_mib=None)
    assert found.memory_max_mib == found.memory_mib == 1024
    assert found.state == "running"
    assert found.autostart is True
    assert found.protected is False


def test_size_text() -> None:
    assert [size_text(size) for size in (1024**3, 1536 * 1024**2, 1000)] == ["1GiB", "1536MiB", "1000B"]


def test_content_hash_does_not_depend_on_order() -> None:
    assert content_hash({"a": "1", "b": "2"}) == content_hash({"b": "2", "a": "1"})
    assert content_hash({"a": "1"}) != content_hash({"a": "2"})
    assert content_hash({}) == ""
