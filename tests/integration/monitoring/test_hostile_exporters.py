# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A real Prometheus with our configuration and rules, and exporters whose root is the enemy among good ones."""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import hostile_exporters
import pytest
import yaml
from own_prometheus import ROLES, Site, configure, eventually

INTERVAL = 10
REFUSED = sorted(set(hostile_exporters.NAMES) - {"good00", "forged", "churn"})


def metric_names() -> set[str]:
    """Every word of every rule that may be the name of a metric; further ones are no harm."""
    found: set[str] = {"up", "ALERTS", "ALERTS_FOR_STATE", "scrape_duration_seconds", "drill_forged"}
    for path in ROLES.glob("*/files/checks.rules.yml"):
        for group in yaml.safe_load(path.read_text())["groups"]:
            for rule in group["rules"]:
                found |= set(re.findall(r"[a-z_:][a-z0-9_:]{3,}", re.sub(r'"[^"]*"', "", rule["expr"])))
                found.add(rule.get("record", "up"))
    return found


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("site")
    machines = [
        {
            "inventory_hostname": name,
            "ringmaster_project": "good" if name == "good00" else "evil",
            "ringmaster_srv_ipv4": hostile_exporters.address(name),
        }
        for name in hostile_exporters.NAMES
    ]
    configure(folder, machines, INTERVAL)
    for path in (folder / "prometheus/rules").glob("*.yml"):  # nobody waits for minutes here
        path.write_text(re.sub(r"\n +for: .*", "", path.read_text()))
    (folder / "names").write_text("\n".join(sorted(metric_names())))
    found = Site(folder)
    try:
        # Those that are read are not to wait for those that keep a processor busy.
        for names in (["good00"], ["forged", "churn"], REFUSED):
            found.start(sys.executable, "-B", str(Path(hostile_exporters.__file__)), *names)
        time.sleep(2)
        found.start_prometheus()
        eventually(lambda: found.query('ALERTS{alertname="CheckCritical"}'), 60)
        eventually(lambda: found.query('up{instance="slow"} == 0'), 60)
        eventually(lambda: found.figure("min(prometheus_rule_group_iterations_total)") >= 3, 60)
        yield found
    finally:
        found.stop()


def test_good_machines_are_read_and_their_alerts_fire(site: Site) -> None:
    assert site.figure('min_over_time(up{instance="good00"}[1m])') == 1
    assert site.query('ALERTS{instance="good00", project="good", alertname="CheckCritical", check="disk"}')
    assert site.query('ALERTS{instance="good00", project="good", alertname="ProjectCheckCritical", check="q"}')


@pytest.mark.parametrize("name", REFUSED)
def test_an_answer_that_is_none_is_no_answer(site: Site, name: str) -> None:
    assert site.figure(f'max_over_time(up{{job="node", instance="{name}"}}[2m])') == 0
    assert not site.query(f'{{instance="{name}", __name__=~"drill_.*"}}')


def test_no_rule_is_ended_by_what_a_machine_says(site: Site) -> None:
    rules = [rule for group in site.ask("rules")["groups"] for rule in group["rules"]]
    assert len(rules) > 40
    assert {rule["name"]: rule["lastError"] for rule in rules if rule["health"] != "ok"} == {}
    assert site.figure("sum(prometheus_rule_evaluation_failures_total)") == 0


def test_a_machine_speaks_for_itself(site: Site) -> None:
    assert site.query('drill_forged{instance="forged", project="evil", vm="forged", exported_instance="good00"}')
    forged = site.query('{exported_instance="good00"}')
    assert forged
    assert {(one["metric"]["instance"], one["metric"]["project"], one["metric"]["job"]) for one in forged} == {
        ("forged", "evil", "node")
    }
    # Nothing of what only Prometheus, its rules and the probes say.
    assert {one["metric"]["__name__"] for one in forged}.isdisjoint(
        {"up", "scrape_duration_seconds", "ringmaster:available", "probe_success"}
    )
    assert {one["metric"]["alertname"] for one in forged if one["metric"]["__name__"] == "ALERTS"}.isdisjoint(
        {"MachineUnreachable", "SshUnreachable", "ConfigurationRefused"}
    )
    assert not site.query('prometheus_config_last_reload_successful{instance!="svc0"}')


def test_alerts_of_a_machine_are_its_own(site: Site) -> None:
    alerts = [alert["labels"] for alert in site.ask("alerts")["alerts"] if "exported_instance" in alert["labels"]]
    assert alerts
    for alert in alerts:
        assert (alert["instance"], alert["project"]) == ("forged", "evil")
        assert re.fullmatch("[a-z0-9_-]*", alert.get("check", "") + alert.get("component", ""))


def test_figures_are_of_now(site: Site) -> None:
    for name in ("drill_past", "drill_future"):
        (found,) = site.query(f"time() - timestamp({name})")
        assert 0 <= float(found["value"][1]) < 3 * INTERVAL
