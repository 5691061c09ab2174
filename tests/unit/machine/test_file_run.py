# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a call of module files runs beside the commands that it was given."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.ringmaster.hosting.plugins.module_utils.machine import file_entries, file_run


@pytest.mark.parametrize(
    ("place", "there", "apply", "applied"),
    [
        ("units/a.service", True, [], ["true reload"]),
        ("units/a.service.d/x.conf", True, ["true mine"], ["true reload", "true mine"]),
        ("units/a.service", True, ["true mine", "true reload"], ["true mine", "true reload"]),
        ("units/a.service", False, [], []),
        ("other/a.service", True, [], []),
    ],
)
def test_systemd_reads_units_again_when_one_has_changed(  # noqa: PLR0917
    place: str, there: bool, apply: list[str], applied: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Roles name what is started; a service that only a timer starts is named nowhere, and must not stay as it was."""
    monkeypatch.setattr(file_run, "UNITS", f"{tmp_path}/units/")
    monkeypatch.setattr(file_run, "SYSTEMD", tmp_path if there else tmp_path / "none")
    monkeypatch.setattr(file_run, "RELOAD", "true reload")
    entry = {"path": f"{tmp_path}/{place}", "state": "file", "raw": b"text", "parents": True, "apply": apply}
    options = {"payload": file_entries.pack([entry])}
    assert file_run.run(options, check_mode=True, diff_mode=False)["applied"] == applied
    first = file_run.run(options, check_mode=False, diff_mode=False)
    assert (first["changed"], first["applied"]) == (True, applied)
    second = file_run.run(options, check_mode=False, diff_mode=False)
    assert (second["changed"], second["applied"]) == (False, [])
