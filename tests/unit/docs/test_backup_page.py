# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""docs/backup.md says when backups run and how long they are kept as the code does it."""

from __future__ import annotations

import sys

from programs import load
from prose import ROOT

sys.path.insert(0, str(ROOT / "docs/reference"))  # the pages' modules import each other
backups = load(ROOT / "docs/reference/backups.py")


def test_the_page_is_current():
    assert backups.PAGE.read_text() == backups.renew(backups.PAGE.read_text()), "run make generate"


def test_the_tables_follow_the_code(monkeypatch):
    monkeypatch.setitem(backups.KEPT, "daily", 5)
    assert "the last 5 days" in backups.kept()
    values = backups._values
    changed = {"backup_window_start": "23:30", "backup_window_hours": 2, "backup_tries": 9}
    monkeypatch.setattr(backups, "_values", lambda name: {**values(name), **changed})
    assert "from 23:30 to 01:30" in backups.when()
    assert "9 tries" in backups.when()
