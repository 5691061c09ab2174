# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""200 machines against one Prometheus with our configuration and all our rules, in a network namespace of its own.

Every machine has a node exporter, a Redis exporter, a ping and an SSH probe, read twice as often as a platform
does. It takes three minutes, and ends itself.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.ringmaster.hosting.plugins.module_utils.services import status
from own_prometheus import ROLES, Site, configure, eventually

HERE = Path(__file__).parent
MACHINES = 200
INTERVAL = 30
ROUNDS = 3


def machine(number: int) -> dict[str, Any]:
    name = f"drill{number:02}"
    return {
        "inventory_hostname": name,
        "ringmaster_project": f"p{number % 20}",
        "ringmaster_fqdn": f"{name}.example.org",
        "ringmaster_srv_ipv4": f"127.1.{number // 100}.{number % 100 + 1}",
        "ringmaster_components": ["redis"],
        "ringmaster_memory_mib": 2048,
        "ringmaster_cores": 2,
        "ringmaster_disk_gib": 10,
        "group_names": ["vms"],
    }


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("site")
    configure(folder, (machine(number) for number in range(MACHINES)), INTERVAL)
    found = Site(folder)
    try:
        found.start(sys.executable, str(HERE / "machines.py"))
        found.start_prometheus()
        yield found
    finally:
        found.stop()


def test_one_server_reads_200_machines(site: Site) -> None:
    of_machines = 'up{job=~"node|redis|ping|ssh"}'
    eventually(lambda: site.figure(f"count({of_machines} == 1)") == 4 * MACHINES, 150)
    time.sleep(ROUNDS * INTERVAL)
    figures = {
        "targets": site.figure(f"count({of_machines} == 1)"),
        "series": site.figure("prometheus_tsdb_head_series"),
        "memory, MiB": site.figure('process_resident_memory_bytes{server="127.0.0.1:9090"} / 1048576'),
        "cores of CPU": site.figure('rate(process_cpu_seconds_total{server="127.0.0.1:9090"}[1m])'),
        "slowest scrape, s": site.figure(f"max(scrape_duration_seconds and {of_machines})"),
        "slowest rule group, s": site.figure("max(prometheus_rule_group_last_duration_seconds)"),
        "samples a second": site.figure("rate(prometheus_tsdb_head_samples_appended_total[1m])"),
    }
    for name, value in figures.items():
        print(f"{value:12.2f}  {name}")
    assert figures["targets"] == 4 * MACHINES
    assert site.figure(f"min(min_over_time({of_machines}[{(ROUNDS - 1) * INTERVAL}s]))") == 1, "no reading was missed"
    assert figures["memory, MiB"] < 1024
    assert figures["slowest scrape, s"] < 10, "Prometheus gives up after ten seconds"
    assert figures["slowest rule group, s"] < INTERVAL
    assert site.figure("sum(prometheus_rule_evaluation_failures_total)") == 0
    assert site.figure("sum(prometheus_rule_group_iterations_missed_total)") == 0


def test_a_dead_machine_among_many_is_seen(site: Site) -> None:
    address = machine(123)["ringmaster_srv_ipv4"]
    (site.folder / "dead").write_text(address)
    eventually(lambda: len(site.query('up{job="node"} == 0')) == 1, 3 * INTERVAL)
    (found,) = site.query('up{job="node"} == 0')
    assert found["metric"]["instance"] == "drill123"
    eventually(lambda: site.query('ALERTS{alertname="AgentUnreachable", instance="drill123"}'), 3 * INTERVAL)


def test_the_pages_of_200_machines_are_made_in_time(site: Site) -> None:
    machines = [machine(number) for number in range(MACHINES)]
    described = status.description(machines, {}, {"domain": "example.org", "timezone": "Etc/UTC", "services": {}})
    (site.folder / "platform.json").write_text(json.dumps(described))
    place = ROLES / "machine/files/python"
    program = f"import sys; sys.path.insert(0, '{place}'); from ringmaster.status.main import main; sys.exit(main())"
    options = ("--description", "platform.json", "--folder", ".")
    begun = time.monotonic()
    site.run(sys.executable, "-B", "-c", program, *options)
    print(f"{time.monotonic() - begun:12.2f}  all pages, s")
    assert time.monotonic() - begun < 30, "the timer's interval"
    assert len(list((site.folder / "site/projects").glob("*/drill*.html"))) == MACHINES
    said = json.loads((site.folder / "site/projects/p0/drill100.json").read_text())
    assert said["state"] == "OK", said["checks"]


def test_the_configuration_is_the_roles(site: Site) -> None:
    assert yaml.safe_load((site.folder / "prometheus/prometheus.yml").read_text())["rule_files"]
    assert site.figure('prometheus_config_last_reload_successful{server="127.0.0.1:9090"}') == 1
