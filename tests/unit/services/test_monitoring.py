# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is watched, and who is told."""

from __future__ import annotations

import contextlib
import json
import shutil
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.ringmaster.hosting.plugins.module_utils.services import alerting, exporters

VM: dict[str, Any] = {
    "inventory_hostname": "myapp00",
    "ringmaster_project": "myapp",
    "ringmaster_components": ["redis"],
    "ringmaster_production": False,
    "ringmaster_srv_ipv4": "172.20.1.1",
    "ringmaster_srv_ipv6": "2001:db8:3::1000",
    "ringmaster_fe_ipv4": "",
    "ringmaster_fe_ipv6": "2001:db8:2::1000",
    "ansible_host": "172.20.1.1",
    "ringmaster_project_checks": [{"name": "shop", "url": "https://shop.example/"}, {"name": "own", "command": ["/x"]}],
}
HYPERVISOR = {
    "inventory_hostname": "hv0",
    "ansible_host": "10.77.0.10",
    "ringmaster_srv_ipv4": "",
    "ringmaster_srv_ipv6": "",
}


def by_address(found: list[dict[str, Any]]) -> dict[str, dict[str, str]]:
    return {target["targets"][0]: target["labels"] for target in found}


def test_a_vm_is_read_on_its_server_address_and_probed_on_all() -> None:
    found = exporters.targets([VM])
    labels = {"instance": "myapp00", "project": "myapp", "vm": "myapp00", "production": "no"}
    assert by_address(found["exporters"]) == {
        # Metrics of checks carry a label component themselves, which the target's would displace.
        "172.20.1.1:9100": {"job": "node", **labels},
        "172.20.1.1:9121": {"job": "redis", "component": "redis", **labels},
    }
    assert {address: (label["network"], label["family"]) for address, label in by_address(found["ping"]).items()} == {
        "172.20.1.1": ("srv", "ipv4"),
        "2001:db8:3::1000": ("srv", "ipv6"),
        "2001:db8:2::1000": ("fe", "ipv6"),
    }
    assert by_address(found["ssh"]) == {"172.20.1.1:22": labels}


def test_url_checks_stand_once_for_a_project() -> None:
    found = exporters.targets([VM, {**VM, "inventory_hostname": "myapp01"}])
    assert by_address(found["http"]) == {
        "https://shop.example/": {"instance": "myapp", "project": "myapp", "check": "shop"}
    }
    assert len(found["http"]) == 1


def test_a_hypervisor_without_server_network_is_read_where_ansible_reaches_it() -> None:
    found = exporters.targets([HYPERVISOR])
    assert list(by_address(found["exporters"])) == ["10.77.0.10:9100"]
    assert by_address(found["exporters"])["10.77.0.10:9100"]["project"] == "platform"
    assert "vm" not in by_address(found["exporters"])["10.77.0.10:9100"]
    assert by_address(found["ping"])["10.77.0.10"]["network"] == "mgmt"


def test_a_service_machine_is_read_for_its_services_too() -> None:
    services = {"dns": "svc0", "gateway": "hv0"}
    machine = {**HYPERVISOR, "inventory_hostname": "svc0", "ringmaster_services": services}
    found = by_address(exporters.targets([machine])["exporters"])
    assert found["10.77.0.10:9119"]["component"] == "dns"
    assert len(exporters.targets([{**machine, "inventory_hostname": "hv0"}])["exporters"]) == 1


def test_a_vm_without_ipv4_gets_brackets() -> None:
    found = exporters.targets([{**VM, "ringmaster_srv_ipv4": ""}])
    assert "[2001:db8:3::1000]:9100" in by_address(found["exporters"])


@pytest.mark.parametrize("state", ["stopped", "retiring"])
def test_a_vm_that_shall_not_run_is_not_watched(state: str) -> None:
    assert not any(exporters.targets([{**VM, "ringmaster_state": state}]).values())


def test_ports_lie_in_the_range_that_firewalls_open_for_monitoring_and_are_nobody_elses() -> None:
    known = exporters.EXPORTERS.values()
    ports = [port for found in known for _job, port in found]
    jobs = [job for found in known for job, _port in found]
    assert all(9100 <= port <= 9999 for port in [*ports, exporters.RESULTS_PORT])
    assert len({*ports, exporters.RESULTS_PORT}) == len(ports) + 1
    assert len(set(jobs)) == len(jobs)
    assert not {"ping", "ssh", "http", "monitoring"} & set(jobs)


MAIL = {"smarthost": "mail.example:587", "from": "m@example.org", "require_tls": True}
PROJECTS = [
    {"name": "shop", "contacts": ["shop@example.org"], "webhooks": ["https://hook.example/shop"]},
    {"name": "quiet", "contacts": [], "webhooks": []},
]
PLATFORM = {"contacts": ["ops@example.org"], "webhooks": []}


def routed(configuration: dict[str, Any], labels: dict[str, str]) -> list[str]:
    """Names of the receivers of an alert, as amtool says."""
    folder = Path(configuration["__path"])
    argv = ["amtool", "config", "routes", "test", f"--config.file={folder}", *(f"{k}={v}" for k, v in labels.items())]
    return subprocess.run(argv, capture_output=True, text=True, check=True).stdout.strip().split(",")


@pytest.mark.skipif(shutil.which("amtool") is None, reason="amtool is not installed")
@pytest.mark.parametrize(
    ("labels", "told"),
    [
        ({"project": "shop", "severity": "critical"}, ["project_shop", "platform"]),
        ({"project": "quiet", "severity": "critical"}, ["platform"]),
        ({"project": "platform", "severity": "warning"}, ["platform"]),
        ({"project": "shop", "severity": "notice"}, ["project_shop", "nobody"]),
        ({"project": "shop", "severity": "none"}, ["nobody"]),
    ],
)
def test_who_is_told(tmp_path: Path, labels: dict[str, str], told: list[str]) -> None:
    path = tmp_path / "alertmanager.yml"
    configuration = alerting.configuration(PROJECTS, PLATFORM, MAIL)
    configuration["templates"] = []
    path.write_text(json.dumps(configuration))
    assert routed({"__path": str(path)}, labels) == told


def test_a_project_without_anybody_has_no_receiver_and_without_mail_server_there_is_no_mail() -> None:
    found = alerting.configuration(PROJECTS, PLATFORM, {"smarthost": ""})
    receivers = {receiver["name"]: receiver for receiver in found["receivers"]}
    assert "project_quiet" not in receivers
    assert receivers["project_shop"] == {
        "name": "project_shop",
        "webhook_configs": [
            {
                "url": "https://hook.example/shop",
                "send_resolved": True,
                "max_alerts": 100,
                "http_config": {"proxy_url": "http://shop:-@127.0.0.1:9118"},
            }
        ],
    }
    assert "global" not in found


def test_a_password_of_the_mail_server_stays_in_its_file() -> None:
    mail = {**MAIL, "username": "monitoring", "password_file": "/etc/x/password"}
    settings = alerting.configuration([], PLATFORM, mail)["global"]
    assert settings["smtp_auth_password_file"] == "/etc/x/password"
    assert "smtp_auth_password" not in settings


@pytest.fixture
def alertmanager(tmp_path: Path) -> Iterator[str]:
    """Run Debian's Alertmanager with our configuration; return its address."""
    configuration = alerting.configuration([], {}, {})
    path = tmp_path / "alertmanager.yml"
    path.write_text(json.dumps({**configuration, "templates": []}))
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = f"127.0.0.1:{free.getsockname()[1]}"
    argv = ["prometheus-alertmanager", f"--config.file={path}", f"--storage.path={tmp_path}"]
    argv += [f"--web.listen-address={address}", "--cluster.listen-address="]
    with subprocess.Popen(argv, stderr=subprocess.DEVNULL) as server:
        yield f"http://{address}"
        server.terminate()


@pytest.mark.skipif(shutil.which("prometheus-alertmanager") is None, reason="needs Alertmanager")
@pytest.mark.parametrize("silencing", ["MaintenanceRunning", "MachineUnreachable"])
def test_work_on_a_machine_keeps_its_alerts_quiet_and_no_others(alertmanager: str, silencing: str) -> None:
    labels = [
        {"alertname": silencing, "severity": "none", "instance": "myapp00", "project": "myapp"},
        {"alertname": "RedisDown", "severity": "critical", "instance": "myapp00", "project": "myapp"},
        {"alertname": "RedisDown", "severity": "critical", "instance": "myapp01", "project": "myapp"},
    ]
    body = json.dumps([{"labels": one} for one in labels]).encode()
    ask = urllib.request.Request(f"{alertmanager}/api/v2/alerts", body, {"Content-Type": "application/json"})
    expected = {
        (silencing, "myapp00"): "active",
        ("RedisDown", "myapp00"): "suppressed",
        ("RedisDown", "myapp01"): "active",
    }
    end = time.monotonic() + 30
    states: dict[tuple[str, str], str] = {}
    while states != expected:
        assert time.monotonic() < end, states
        time.sleep(0.1)
        with contextlib.suppress(OSError):
            urllib.request.urlopen(ask).close()
            with urllib.request.urlopen(f"{alertmanager}/api/v2/alerts") as answer:
                found = json.load(answer)
            states = {(one["labels"]["alertname"], one["labels"]["instance"]): one["status"]["state"] for one in found}
