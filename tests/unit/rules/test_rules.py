# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Alerts: every rule file is valid, has tests, and each of its alerts fires and stays silent in them."""

from __future__ import annotations

import itertools
import re
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


STATUS = re.compile(r'ringmaster_check_status\{component(=|!=|=~|!~)"([^"]+)"\} (==|>) (\d)')


def components_with_checks() -> set[str]:
    """Return the components that some role defines checks for, and those of the projects themselves."""
    found = re.findall(
        r"^  - component: ([a-z_]+)$", "\n".join(map(Path.read_text, ROLES.glob("*/vars/main.yml"))), re.M
    )
    return {*found, "project", "local"}


def test_every_state_of_every_check_has_one_alert() -> None:
    """Whatever a new component calls itself, its checks are alerted on, and none of them twice."""
    rules = []
    for path in RULES:
        for group in yaml.safe_load(path.read_text())["groups"]:
            for rule in group["rules"]:
                if match := STATUS.match(rule.get("expr", "")):
                    rules.append((rule["alert"], *match.groups()))

    def fits(rule: tuple[str, ...], component: str, status: int) -> bool:
        _alert, how, pattern, compared, number = rule
        is_named = bool(re.fullmatch(pattern, component))
        is_meant = status == int(number) if compared == "==" else status > int(number)
        return is_named == (not how.startswith("!")) and is_meant

    known = components_with_checks()
    assert len(known) > 10
    for component, status in itertools.product([*sorted(known), "of_tomorrow"], (1, 2, 3)):
        assert len([rule[0] for rule in rules if fits(rule, component, status)]) == 1, (component, status)


@needs_promtool
@pytest.mark.parametrize("rules", RULES, ids=NAMES)
def test_rules(rules: Path) -> None:
    for argv in (
        ["check", "rules", str(rules)],
        ["test", "rules", str(HERE / f"{rules.parents[1].name}.test.yml")],
    ):
        done = subprocess.run(["promtool", *argv], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
