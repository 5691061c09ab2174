# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Monitoring from end to end: what a machine says is on its page, alerts reach people, and nobody else may read."""

from __future__ import annotations

import http.server
import json
import ssl
import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from testinfra.host import Host

SERVER = "svc0"
HOOK_PORT = 8099
GATEWAY = "198.51.100.1"  # this process, as the outside
NEIGHBOUR = "172.20.0.1"  # this process, as a machine of the server network


@pytest.fixture(scope="module")
def server(machine: Callable[[str], Host]) -> Host:
    return machine(SERVER)


@pytest.fixture(scope="module")
def page(hostvars: dict[str, dict[str, Any]]) -> Callable[..., tuple[int, str]]:
    """Return a function that fetches a page of the site: status and text."""
    context = ssl._create_unverified_context()
    address = hostvars[SERVER]["ringmaster_srv_ipv4"]

    def fetch(path: str, host: str = address) -> tuple[int, str]:
        try:
            with urllib.request.urlopen(f"https://{host}{path}", context=context, timeout=10) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, ""

    return fetch


def checks_of(page: Callable[..., tuple[int, str]], server: Host, vm: str) -> dict[str, dict[str, Any]]:
    """The checks of a VM as its page's JSON has them, read as root on the server: the project is private."""
    text = server.check_output(f"cat /var/lib/ringmaster-status/site/projects/mon/{vm}.json")
    return {f"{check['component']}/{check['check']}": check for check in json.loads(text)["checks"]}


def query(server: Host, expression: str) -> list[dict[str, Any]]:
    text = server.check_output("curl -sG --data-urlencode %s http://127.0.0.1:9090/api/v1/query", f"query={expression}")
    return json.loads(text)["data"]["result"]


def test_every_target_answers(server: Host, eventually: Callable[..., None]) -> None:
    def all_up() -> bool:
        # The platform's name server, backups and the like run on this machine, too, but not in this scenario.
        found = query(server, 'up{component!~"dns|backup.*"}')
        jobs = {item["metric"]["job"] for item in found}
        return jobs >= {"node", "redis", "ping", "ssh", "monitoring"} and all(item["value"][1] == "1" for item in found)

    eventually(all_up, 120)
    labels = query(server, 'up{job="redis"}')[0]["metric"]
    assert labels["project"] == "mon" and labels["vm"] == "mon00" and labels["component"] == "redis"


def test_machines_are_reached_from_outside_on_every_address(server: Host, eventually: Callable[..., None]) -> None:
    eventually(lambda: len(query(server, 'probe_success{job=~"ping|ssh"} == 1')) >= 11, 120)


def test_what_listens_is_on_loopback_only(server: Host) -> None:
    listening = server.check_output("ss -Hltn '( sport = :9090 or sport = :9093 or sport = :9115 )'").splitlines()
    assert len(listening) == 3
    assert all("127.0.0.1:" in line for line in listening), listening


@pytest.mark.parametrize("port", [9100, 9990])
def test_only_the_monitoring_host_may_read_a_service_machine(
    hostvars: dict[str, dict[str, Any]], server: Host, port: int
) -> None:
    address = hostvars[SERVER]["ringmaster_srv_ipv4"]
    for host in (address, hostvars[SERVER]["ansible_host"], f"[{hostvars[SERVER]['ringmaster_srv_ipv6']}]"):
        with pytest.raises(urllib.error.URLError, match="refused"):
            urllib.request.urlopen(f"http://{host}:{port}/checks.json", timeout=5)
    assert server.run(f"curl -sf http://{address}:{port}/").rc in (0, 22)  # reached, whatever it says


def test_a_machine_hands_out_results_and_nothing_else(hostvars: dict[str, dict[str, Any]], server: Host) -> None:
    address = hostvars["mon00"]["ringmaster_srv_ipv4"]
    found = json.loads(server.check_output(f"curl -sf http://{address}:9990/checks.json"))
    assert found["format"] == 1 and found["host"] == "mon00"
    for path in ("/", "/../../etc/passwd", "/checks.json/../x", "/.checks.json.new", "/*"):
        assert (
            server.check_output(f"curl -s --path-as-is -o /dev/null -w '%{{http_code}}' 'http://{address}:9990{path}'")
            == "404"
        )
    # Nothing stays behind between two questions.
    assert server.run(f"for n in $(seq 30); do curl -sf -o /dev/null http://{address}:9990/checks.json; done").rc == 0


def test_who_sees_what(page: Callable[..., tuple[int, str]], hostvars: dict[str, dict[str, Any]]) -> None:
    code, text = page("/")
    assert code == 200
    assert "mon00" not in text and 'role="alert"' not in text
    assert page("/projects/mon/")[0] == 401
    assert page("/projects/mon/mon00.json")[0] == 401
    assert page("/projects/other/")[0] == 404
    # This process asks from a management network; machines are not in one.
    code, text = page("/all/")
    assert code == 200 and "mon" in text


def test_the_key_and_the_passwords_of_the_pages_are_kept(
    page: Callable[..., tuple[int, str]], hostvars: dict[str, dict[str, Any]], server: Host
) -> None:
    key = "/etc/ringmaster/certificates/status/privkey.pem"
    assert server.run(f"setpriv --reuid=www-data --regid=www-data --init-groups cat {key}").rc != 0
    # Over one connection: 120 new ones take longer on a busy machine than the limit looks back.
    many = f"https://{hostvars[SERVER]['ringmaster_srv_ipv4']}/projects/mon/?[1-120]"
    argv = ["curl", "-sk", "-o", "/dev/null", "-w", "%{http_code}\n", many]
    codes = subprocess.run(argv, capture_output=True, text=True, check=True).stdout.split()
    assert codes[0] == "401" and codes[-1] == "429"
    assert page("/")[0] == 200


def test_operators_page_is_closed_for_others(
    machine: Callable[[str], Host], hostvars: dict[str, dict[str, Any]]
) -> None:
    address = hostvars[SERVER]["ringmaster_srv_ipv4"]
    code = machine("mon01").check_output(f"curl -sk -o /dev/null -w '%{{http_code}}' https://{address}/all/")
    assert code == "403"


def test_a_stopped_component_is_critical_on_its_page_and_well_again(
    page: Callable[..., tuple[int, str]], machine: Callable[[str], Host], server: Host, eventually: Callable[..., None]
) -> None:
    vm = machine("mon00")
    eventually(lambda: checks_of(page, server, "mon00").get("redis/login", {}).get("state") == "OK", 120)
    stopped = time.time()
    vm.run_expect([0], "systemctl stop redis-server")
    try:
        # A minute until the check is due, one until it has failed again and is certain, and half a minute of the pages.
        eventually(lambda: checks_of(page, server, "mon00")["redis/login"]["state"] == "CRITICAL", 180)
        told = checks_of(page, server, "mon00")["redis/login"]
        assert "No round trip" in told["sentence"]
        print(f"red after {time.time() - stopped:.0f} s")
        eventually(lambda: query(server, 'ringmaster_check_status{instance="mon00", check="login"} == 2'), 70)
        eventually(lambda: "mon00" in page("/all/")[1], 40)
    finally:
        started = time.time()
        vm.run_expect([0], "systemctl start redis-server")
    eventually(lambda: checks_of(page, server, "mon00")["redis/login"]["state"] == "OK", 100)
    print(f"green after {time.time() - started:.0f} s")
    # What happened stays known.
    assert query(server, 'max_over_time(ringmaster_check_status{instance="mon00", check="login"}[10m]) == 2')


class Hook(http.server.BaseHTTPRequestHandler):
    heard: list[dict[str, Any]] = []

    def do_POST(self) -> None:
        self.heard.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_words: object) -> None:
        """Say nothing."""


@pytest.fixture
def hook() -> Iterator[list[dict[str, Any]]]:
    """Listen where the project's webhook points to."""
    listener = http.server.ThreadingHTTPServer((GATEWAY, HOOK_PORT), Hook)
    threading.Thread(target=listener.serve_forever, daemon=True).start()
    yield Hook.heard
    listener.shutdown()


def test_an_alert_reaches_the_projects_webhook(
    server: Host, hook: list[dict[str, Any]], eventually: Callable[..., None]
) -> None:
    server.run_expect(
        [0],
        "amtool --alertmanager.url=http://127.0.0.1:9093 alert add alertname=Drill project=mon instance=mon00 "
        "severity=critical --annotation=summary='a drill' --end=$(date -u -d '+2 min' +%Y-%m-%dT%H:%M:%SZ)",
    )
    # Alerts of a machine that come together are collected for half a minute.
    eventually(lambda: any(alert["labels"]["alertname"] == "Drill" for told in hook for alert in told["alerts"]), 60)


class Page(http.server.BaseHTTPRequestHandler):
    asked: list[str] = []

    def do_GET(self) -> None:
        self.asked.append(f"{self.server.server_address[0]}{self.path}")
        target = self.path.partition("?to=")[2]
        self.send_response(302 if target else 200)
        if target:
            self.send_header("Location", target)
        self.end_headers()

    def log_message(self, *_words: object) -> None:
        """Say nothing."""


def test_what_a_project_names_is_fetched_where_it_may_be(server: Host, eventually: Callable[..., None]) -> None:
    listeners = [http.server.ThreadingHTTPServer(place, Page) for place in ((GATEWAY, 8098), (NEIGHBOUR, 8097))]
    for listener in listeners:
        threading.Thread(target=listener.serve_forever, daemon=True).start()
    try:
        eventually(lambda: len(query(server, 'probe_success{job="http", check=~"page|moved"} == 1')) == 2, 150)
        # It failed already while nobody listened here: what counts is that it was sent there, and did not follow.
        eventually(lambda: any("to=http://127.0.0.1:9090" in one for one in Page.asked), 150)
        found = {one["metric"]["check"]: one["value"][1] for one in query(server, 'probe_success{job="http"}')}
        assert found == {
            "page": "1",
            "moved": "1",
            "loopback": "0",
            "management": "0",
            "neighbour": "0",
            "metadata": "0",
        }
        assert not [one for one in Page.asked if one.startswith(NEIGHBOUR)]
        told = server.check_output("journalctl -u ringmaster-fetch -o cat --no-pager")
        assert "mon: 127.0.0.1 is not fetched" in told and "mon: 169.254.169.254 is not fetched" in told
        # Without the program, the kernel refuses as well.
        for url in ("http://127.0.0.1:9090/", "http://10.77.0.20/", "http://169.254.169.254/"):
            assert server.run(f"setpriv --reuid=ringmaster-fetch --clear-groups curl -s -m 5 {url}").rc != 0
    finally:
        for listener in listeners:
            listener.shutdown()


def test_a_drop_in_runs_as_its_owner_and_reads_no_credentials(
    machine: Callable[[str], Host], eventually: Callable[..., None]
) -> None:
    vm = machine("mon00")
    secret = "/etc/ringmaster/monitoring/redis.env"
    assert vm.file(secret).exists
    for name, user in (("owner", "s-mon"), ("root", "root")):
        check = {"name": name, "command": ["/bin/sh", "-c", f"id -un; cat {secret} >&2; ls /tmp | head -c 5"]}
        vm.run_expect([0], f"printf '%s' '{json.dumps(check)}' > /etc/local/checks/{name}.json")
        vm.run_expect([0], f"chown {user} /etc/local/checks/{name}.json; chmod 644 /etc/local/checks/{name}.json")
    stolen = {"name": "stolen", "command": ["/usr/bin/id", "-un"], "user": "root"}
    vm.run_expect([0], f"printf '%s' '{json.dumps(stolen)}' > /etc/local/checks/stolen.json")
    vm.run_expect([0], "chown s-mon /etc/local/checks/stolen.json; chmod 644 /etc/local/checks/stolen.json")

    def said() -> dict[str, str]:
        found = json.loads(vm.check_output("cat /run/ringmaster/checks.json"))["checks"]
        return {one["check"]: one["output"] for one in found if one["component"] == "local"}

    try:
        # By the timer, as a machine does it by itself.
        eventually(lambda: {"owner", "root"} <= set(said()), 150)
        assert said()["owner"] == "s-mon" and said()["root"] == "ringmaster-drop-in"
        assert "stolen" not in said() and "it belongs to 's-mon'" in said()["drop-ins"]
    finally:
        vm.run("rm -f /etc/local/checks/*.json")


def test_restarted_prometheus_goes_on(server: Host, eventually: Callable[..., None]) -> None:
    before = len(query(server, "count_over_time(up[1h])"))
    server.run_expect([0], "systemctl restart prometheus")
    eventually(lambda: server.run("curl -sf http://127.0.0.1:9090/-/ready").rc == 0, 60)
    rules = json.loads(server.check_output("curl -s http://127.0.0.1:9090/api/v1/rules"))["data"]["groups"]
    names = {group["file"].rpartition("/")[2] for group in rules}
    assert {"monitoring.yml", "monitoring_agent.yml", "redis.yml"} <= names
    assert len(query(server, "count_over_time(up[1h])")) == before


def test_old_pages_say_so(page: Callable[..., tuple[int, str]], server: Host, eventually: Callable[..., None]) -> None:
    """Pages that were made some minutes ago, by a program that is dead since."""
    server.run_expect([0], "systemctl stop ringmaster-status.timer")
    try:
        server.run_expect(
            [0],
            "sed -i -E 's/date_gmt = [^ ]+/date_gmt = \\/^(202601010000)\\/\"/' "
            "/var/lib/ringmaster-status/site/index.html",
        )
        code, text = page("/")
        assert code == 200 and "These pages are old" in text
    finally:
        server.run_expect([0], "systemctl start ringmaster-status.timer ringmaster-status.service")
    assert "These pages are old" not in page("/")[1]


def test_who_reads_slowly_stops_a_page_from_renewing_itself(page: Callable[..., tuple[int, str]]) -> None:
    renews = 'http-equiv="refresh"'
    assert renews in page("/")[1] and renews in page("/?still=2")[1]
    assert renews not in page("/?still=1")[1]


def test_the_look_comes_with_the_pages(page: Callable[..., tuple[int, str]]) -> None:
    for name in ("ringmaster.css", "ok.svg", "checks.html"):
        assert page(f"/{name}")[0] == 200, name
    assert page("/style.css")[0] == 404


def test_pages_say_when_prometheus_is_gone(
    server: Host, page: Callable[..., tuple[int, str]], eventually: Callable[..., None]
) -> None:
    server.run_expect([0], "systemctl stop prometheus")
    try:
        server.run_expect([0], "systemctl start ringmaster-status.service")
        assert "Some figures are missing: Prometheus does not answer" in page("/")[1]
        assert checks_of(page, server, "mon01")["host/disk"]["state"] == "OK"
    finally:
        server.run_expect([0], "systemctl start prometheus")
        eventually(lambda: server.run("curl -sf http://127.0.0.1:9090/-/ready").rc == 0, 60)


def test_a_refused_rule_changes_nothing(server: Host) -> None:
    assert server.run("promtool check config /etc/ringmaster/monitoring-server/prometheus/prometheus.yml").rc == 0
    assert server.run("amtool check-config /etc/ringmaster/monitoring-server/alertmanager/alertmanager.yml").rc == 0


def test_who_makes_more_series_than_allowed_is_not_read_and_probed_on(
    server: Host, eventually: Callable[..., None]
) -> None:
    """With a limit that every machine is above, in the sandbox of the unit."""
    settings = "/etc/ringmaster/monitoring-server/series.json"
    kept = server.check_output(f"cat {settings}")

    def judge(text: str) -> None:
        server.check_output("echo %s > %s && systemctl restart ringmaster-series", text, settings)

    assert query(server, 'up{job="node", vm="mon00"} == 1')
    try:
        judge('{"limit": 100}')
        eventually(lambda: query(server, 'up{job="node", vm="mon00"} == 0'), 150)
        assert query(server, 'up{job="node", instance="svc0"} == 1')  # the platform's own
        assert query(server, 'probe_success{job="ssh", vm="mon00"} == 1')
        told = server.run("ringmaster-check --now --json").stdout
        assert "Prometheus does not read mon00 (" in told
        assert "more than 100 series within three hours" in told
    finally:
        judge(kept)
    eventually(lambda: query(server, 'up{job="node", vm="mon00"} == 1'), 150)
    assert "No machine makes more than 50,000 series" in server.run("ringmaster-check --now --json").stdout
