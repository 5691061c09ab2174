# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The list of Debian 13's time zones."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from ansible_collections.ringmaster.hosting.plugins.module_utils.values import time_zones

TREES = sorted(Path(__file__).parents[3].glob(".lab/cache/machine-*/usr/share/zoneinfo"))
# No time zones, or none that anybody could mean.
OTHER = {"Factory", "localtime", "posixrules"}


def test_former_names_lead_to_names_of_today() -> None:
    assert len(time_zones.NAMES) > 450
    assert set(time_zones.FORMER.values()) <= time_zones.NAMES
    assert not time_zones.FORMER.keys() & time_zones.NAMES


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("Europe/Berlin", ""),
        ("UTC", ""),
        ("US/Pacific", "is a former name, which Debian 13 does not have; write 'America/Los_Angeles'"),
        ("Asia/Calcutta", "write 'Asia/Kolkata'"),
        ("europe/berlin", "is not the name of a time zone of Debian 13"),
        ("localtime", "is not the name"),
        ("../etc/passwd", "is not the name"),
    ],
)
def test_what_is_wrong_with_a_name(name: str, told: str) -> None:
    found = time_zones.problem(name)
    assert told in found
    assert bool(found) == bool(told)


@pytest.mark.skipif(not TREES, reason="the lab has made no tree of Debian 13 here (bin/lab)")
def test_the_list_is_that_of_a_tree_of_debian_13() -> None:
    zones = TREES[-1]
    there = {str(path.relative_to(zones)) for path in zones.rglob("*") if not path.is_dir()}
    assert {
        name for name in there if not re.search(r"\.(tab|zi|list)$|^leapseconds$", name)
    } - OTHER == time_zones.NAMES
