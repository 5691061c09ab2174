# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The order in which the daemons of a mail server learn of a change."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from mailserver_samples import box, objects
from ringmaster.core.report import Report
from ringmaster.mailserver import converge, maps
from ringmaster.mailserver.places import Places


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Places:
    def postmap(*argv: str, **_more: Any) -> str:
        assert argv[0] == "postmap"
        source = Path(argv[1].removeprefix("lmdb:"))
        source.with_name(f"{source.name}.lmdb").write_text(source.read_text())
        return ""

    monkeypatch.setattr(converge, "run", postmap)
    monkeypatch.setattr(converge, "_group", lambda _name: os.getgid())
    return Places(home=tmp_path)


def written(places: Places, found: dict[str, Any], *, is_late: bool, check: bool = False) -> set[str]:
    report = Report()
    converge._maps(places, found, report, check, is_late=is_late)
    return {step.split()[3].rstrip(":") for step in report.steps}


def test_what_postfix_takes_dovecot_knows_already(places: Places) -> None:
    """The other way round, mail that comes in between would bounce."""
    first = objects()
    # When there is nothing yet, Postfix starts with all of it.
    everything = set(maps.compiled(first, {}))
    assert written(places, first, is_late=False, check=True) == everything
    assert written(places, first, is_late=True, check=True) == set()
    assert written(places, first, is_late=False) == everything
    assert written(places, first, is_late=True) == set()
    more = objects(mailboxes=box("new@a.example"))
    for check in (True, False):
        early = written(places, more, is_late=False, check=check)
        assert early == {"users", "passwords"}
        late = written(places, more, is_late=True, check=check)
        assert late == {"mailboxes", "senders"}
    assert "new@a.example" in (places.maps / "mailboxes.lmdb").read_text()
    for is_late in (False, True):
        assert written(places, more, is_late=is_late) == set()
