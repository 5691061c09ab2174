# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Machines that name other series at every reading, a real Prometheus, and who counts them, with a real filter."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import hostile_exporters
import pytest
from own_prometheus import ROLES, Site, configure, eventually

INTERVAL = 2
LIMIT = 30_000
PER_READING = {"churn": 2000, "spill": 20_000}
GOOD, EVIL = "good00", sorted(PER_READING)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("site")
    machines = [
        {
            "inventory_hostname": name,
            "ringmaster_project": name,
            "ringmaster_srv_ipv4": hostile_exporters.address(name),
        }
        for name in (GOOD, *EVIL)
    ]
    configure(folder, machines, INTERVAL)
    # Prometheus is root here, so that what root's other programs ask goes through the same filter.
    table = (ROLES / "monitoring/files/rootfs/etc/ringmaster/monitoring-server/series.nft").read_text()
    (folder / "series.nft").write_text(table.replace('"prometheus"', '"root"'))
    (folder / "series.json").write_text(json.dumps({"limit": LIMIT}))
    found = Site(folder)
    try:
        found.run("nft", "-f", f"{folder}/series.nft")
        found.start(sys.executable, "-B", str(Path(hostile_exporters.__file__)), GOOD, *EVIL)
        found.start_prometheus()
        eventually(lambda: found.query(f'up{{job="node",instance="{GOOD}"}} == 1'), 60)
        # The attack works while nobody counts.
        eventually(lambda: found.figure("prometheus_tsdb_head_series") > 2 * LIMIT, 60)
        eventually(lambda: found.figure('count(last_over_time({instance="churn"}[1h]))') > LIMIT, 60)
        found.start(
            *("env", f"PYTHONPATH={ROLES}/machine/files/python", sys.executable, "-B", "-c"),
            "import sys; from ringmaster.series.main import main; main(sys.argv[1:])",
            *("--settings", f"{folder}/series.json", "--every", "1", "--state", f"{folder}/cut.json"),
            *("--targets", f"{folder}/prometheus/targets/exporters.json"),
        )
        yield found
    finally:
        found.stop()


def cut(site: Site) -> dict[str, int]:
    """Return who is not read, and how many series they had made, as the check reads it."""
    told = site.folder / "cut.json"
    return {name: one["series"] for name, one in json.loads(told.read_text())["cut"].items()} if told.exists() else {}


def refused(site: Site) -> list[str]:
    """Return the machines that Prometheus could not connect to."""
    targets = [one for one in site.ask("targets")["activeTargets"] if one["labels"]["job"] == "node"]
    return sorted(one["labels"]["instance"] for one in targets if "connection refused" in one["lastError"])


def wait(site: Site, readings: int) -> None:
    """Wait until a machine was read so many times more."""
    expression = f'sum_over_time(up{{job="node",instance="{GOOD}"}}[1h])'
    there = site.figure(expression)
    eventually(lambda: site.figure(expression) >= there + readings, 60)


def test_who_makes_series_without_an_end_is_not_read(site: Site) -> None:
    eventually(lambda: sorted(cut(site)) == EVIL, 60)
    assert all(number > LIMIT for number in cut(site).values())
    eventually(lambda: refused(site) == EVIL, 30)
    wait(site, 2)  # Prometheus reads its own figures, too
    before = site.figure("prometheus_tsdb_head_series")
    wait(site, 5)
    # Of the two that would have been more than this at once; of the others there is nothing new.
    assert site.figure("prometheus_tsdb_head_series") < before + PER_READING["churn"]


def test_others_are_read_and_the_filter_holds_the_exporters_of_those_only(site: Site) -> None:
    eventually(lambda: sorted(cut(site)) == EVIL, 60)
    assert site.figure(f'min_over_time(up{{job="node",instance="{GOOD}"}}[1m])') == 1
    listed = json.loads(site.run("nft", "-j", "list", "set", "inet", "ringmaster_series", "ipv4"))
    (elements,) = [entry["set"].get("elem", []) for entry in listed["nftables"] if "set" in entry]
    assert sorted(element["concat"] for element in elements) == [
        [hostile_exporters.address(name), 9100] for name in EVIL
    ]
