# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Alerts: every rule file is valid, has tests, and each of its alerts fires and stays silent in them."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

HERE = Path(__file__).parent
ROLES = HERE.parents[2] / "roles"
RULES = sorted(ROLES.glob("*/files/checks.rules.yml"))
NAMES = [path.parents[1].name for path in RULES]
needs_promtool = pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed")


@pytest.mark.parametrize("rules", RULES, ids=NAMES)
def test_each_alert_is_seen_to_fire(rules: Path) -> None:
    content = yaml.safe_load((HERE / f"{rules.parents[1].name}.test.yml").read_text())
    fired = {case["alertname"] for test in content["tests"] for case in test["alert_rule_test"] if case["exp_alerts"]}
    groups = yaml.safe_load(rules.read_text())["groups"]
    assert fired == {rule["alert"] for group in groups for rule in group["rules"] if "alert" in rule}


@needs_promtool
@pytest.mark.parametrize("rules", RULES, ids=NAMES)
def test_rules(rules: Path) -> None:
    for argv in (
        ["check", "rules", str(rules)],
        ["test", "rules", str(HERE / f"{rules.parents[1].name}.test.yml")],
    ):
        done = subprocess.run(["promtool", *argv], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
