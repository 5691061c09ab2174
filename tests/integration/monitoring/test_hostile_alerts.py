# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Mails about alerts whose words root of a VM has chosen, as Alertmanager writes them."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from own_prometheus import rendered

EVIL = "x\n\nOK AGAIN  all is well\r\nBcc: a@b.example\u2028\u202e {{ .ExternalURL }} <script>\x1b[2J" + "y" * 10_000


def mail(tmp_path: Path, template: str, alerts: int) -> str:
    """Return what a template of ours makes of so many alerts."""
    (tmp_path / "ringmaster.tmpl").write_text(
        rendered("alertmanager.tmpl.j2", monitoring_status_url="https://s.example/")
    )
    one = {
        "status": "firing",
        "labels": {"severity": "critical", "instance": "mon00", "check": EVIL},
        "annotations": {"summary": EVIL, "runbook_url": f"https://s.example/#{EVIL}"},
        "startsAt": "2026-11-29T08:00:00Z",
    }
    data = {
        "status": "firing",
        "alerts": [one] * alerts,
        "commonLabels": {"severity": "critical", "instance": "mon00", "alertname": "A"},
    }
    (tmp_path / "data.json").write_text(json.dumps(data))
    argv = ["amtool", "template", "render", f"--template.glob={tmp_path}/*.tmpl"]
    argv += [f"--template.data={tmp_path}/data.json", f'--template.text={{{{ template "{template}" . }}}}']
    return subprocess.run(argv, capture_output=True, text=True, check=True).stdout


def test_words_of_an_alert_stay_on_their_line(tmp_path: Path) -> None:
    told, since, _what, *rest = mail(tmp_path, "ringmaster.text", 1).strip().splitlines()
    assert since.startswith("  since 2026-11-29") and [line for line in rest if line] == ["https://s.example/"]
    assert told.startswith("CRITICAL  x  OK AGAIN") and "{{ .ExternalURL }}" in told
    assert told.isprintable() and len(told) < 400


def test_many_alerts_make_no_endless_mail(tmp_path: Path) -> None:
    text = mail(tmp_path, "ringmaster.text", 20_000)
    assert text.count("CRITICAL  x") == 50 and "The first 50 of 20000." in text
    assert len(text) < 100_000


def test_the_subject_is_one_line(tmp_path: Path) -> None:
    assert mail(tmp_path, "ringmaster.subject", 2).strip() == "[2 CRITICAL] mon00: A"
