# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""200 machines against one Prometheus with our configuration and all our rules, in a network namespace of its own.

Every machine has a node exporter, a Redis exporter, a ping and an SSH probe, read twice as often as a platform
does. It takes three minutes, and ends itself.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jinja2
import pytest
import yaml
from ansible_collections.ringmaster.hosting.plugins.module_utils.services import exporters, runbooks, status

HERE = Path(__file__).parent
ROLES = HERE.parents[2] / "roles"
MACHINES = 200
INTERVAL = 30
ROUNDS = 3
LIFETIME = 420
"""Seconds after which everything ends, whatever happens to this process."""


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


class Site:
    """A namespace with the machines and a Prometheus."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.holder = subprocess.Popen(["unshare", "--net", "sleep", str(LIFETIME)], start_new_session=True)
        self.processes = [self.holder]
        deadline = time.monotonic() + 10
        while self._namespace(self.holder.pid) == self._namespace("self"):
            assert time.monotonic() < deadline
            time.sleep(0.05)

    @staticmethod
    def _namespace(process: int | str) -> str:
        return str(Path(f"/proc/{process}/ns/net").readlink())

    def argv(self, *words: str) -> list[str]:
        namespace = f"--net=/proc/{self.holder.pid}/ns/net"
        return ["timeout", str(LIFETIME), "nsenter", namespace, *words]

    def start(self, *words: str) -> None:
        with (self.folder / "log").open("a") as log:
            process = subprocess.Popen(
                self.argv(*words), cwd=self.folder, stdout=log, stderr=log, start_new_session=True
            )
            self.processes.append(process)

    def run(self, *words: str) -> str:
        return subprocess.run(self.argv(*words), capture_output=True, text=True, check=True, cwd=self.folder).stdout

    def query(self, expression: str) -> list[dict[str, Any]]:
        url = "http://127.0.0.1:9090/api/v1/query"
        try:
            text = self.run("curl", "-sfG", "--data-urlencode", f"query={expression}", url)
        except subprocess.CalledProcessError:
            return []
        return json.loads(text)["data"]["result"]

    def figure(self, expression: str) -> float:
        found = self.query(expression)
        return float(found[0]["value"][1]) if found else float("nan")

    def stop(self) -> None:
        for process in reversed(self.processes):
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def configure(folder: Path) -> None:
    """Write what the role writes: its template, its targets, the rules of all roles."""
    environment = jinja2.Environment(loader=jinja2.FileSystemLoader(ROLES / "monitoring/templates"), trim_blocks=True)
    environment.filters["comment"] = lambda text: f"# {text}"
    template = environment.get_template("prometheus.yml.j2")
    names = {"__monitoring_folder": folder, "inventory_hostname": "svc0", "ansible_managed": "Drill"}
    times = {"monitoring_scrape_interval": f"{INTERVAL}s", "monitoring_evaluation_interval": f"{INTERVAL}s"}
    (folder / "prometheus/targets").mkdir(parents=True)
    (folder / "prometheus/rules").mkdir()
    (folder / "prometheus/prometheus.yml").write_text(template.render({**names, **times}))
    for name, targets in exporters.targets(machine(number) for number in range(MACHINES)).items():
        (folder / f"prometheus/targets/{name}.json").write_text(json.dumps(targets))
    for role, text in runbooks.alert_rules(str(ROLES), "https://status.example.org/checks.html").items():
        (folder / f"prometheus/rules/{role}.yml").write_text(text)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("site")
    configure(folder)
    found = Site(folder)
    try:
        found.run("ip", "link", "set", "lo", "up")
        found.start(sys.executable, str(HERE / "machines.py"))
        found.start(
            "prometheus",
            f"--config.file={folder}/prometheus/prometheus.yml",
            f"--storage.tsdb.path={folder}/data",
            "--web.listen-address=127.0.0.1:9090",
            "--log.level=warn",
        )
        yield found
    finally:
        found.stop()


def eventually(condition: Callable[[], object], seconds: float) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"not within {seconds} s"
        time.sleep(1)


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
    program = "import sys; from ringmaster.status.main import main; sys.exit(main())"
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
