# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is said of a project's packages, from the record that the module leaves."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.ringmaster.hosting.plugins.module_utils.machine import declared_packages
from ringmaster.host import packages

Record = declared_packages.Record


@pytest.mark.parametrize(
    ("record", "said"),
    [
        (Record(), "The project asks for no packages."),
        (Record(("jq",)), "1 package of the project is installed."),
        (
            Record((), ("npm",)),
            "0 packages of the project are installed. No longer asked for and still installed: npm. P",
        ),
        (Record(("a", "b"), (), ("b.timer",)), "2 packages of the project are installed. Not started, as nobody asked"),
    ],
)
def test_what_is_said(tmp_path: Path, record: Record, said: str) -> None:
    path = tmp_path / "packages.json"
    declared_packages.write(record, path)
    status, sentence = packages.told(path)
    assert status == 0
    assert sentence.startswith(said)


def test_no_run_has_written_anything(tmp_path: Path) -> None:
    assert packages.told(tmp_path / "none") == (0, "The project asks for no packages.")
    assert declared_packages.RECORD == packages.RECORD
