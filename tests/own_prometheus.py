# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A Prometheus with the configuration and all rules of the role, in a network namespace of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import jinja2
import yaml
from ansible_collections.ringmaster.hosting.plugins.module_utils.services import exporters, runbooks

ROLES = Path(__file__).resolve().parents[1] / "roles"
LIFETIME = 420
"""Seconds after which everything ends, whatever happens to this process."""


def rendered(template: str, **values: object) -> str:
    """Return a template of role monitoring with the role's defaults, and the given values instead of some of them."""
    environment = jinja2.Environment(loader=jinja2.FileSystemLoader(ROLES / "monitoring/templates"), trim_blocks=True)
    environment.filters["comment"] = lambda text: f"# {text}"
    own = yaml.safe_load((ROLES / "monitoring/vars/main.yml").read_text())
    named = {name: value for name, value in own.items() if name in ("__monitoring_name", "__monitoring_folder")}
    defaults = yaml.safe_load((ROLES / "monitoring/defaults/main.yml").read_text())
    return environment.get_template(template).render(
        {"ansible_managed": "Test", "inventory_hostname": "svc0", **defaults, **named, **values}
    )


def configure(folder: Path, machines: Iterable[Mapping[str, Any]], seconds: int) -> None:
    """Write what the role writes: its template, its targets, the rules of all roles; figures come every ``seconds``."""
    times = {f"monitoring_{what}_interval": f"{seconds}s" for what in ("scrape", "evaluation")}
    (folder / "prometheus/targets").mkdir(parents=True)
    (folder / "prometheus/rules").mkdir()
    (folder / "prometheus/prometheus.yml").write_text(
        rendered("prometheus.yml.j2", __monitoring_folder=folder, **times)
    )
    for name, targets in exporters.targets(machines).items():
        (folder / f"prometheus/targets/{name}.json").write_text(json.dumps(targets))
    for role, text in runbooks.alert_rules(str(ROLES), "https://status.example.org/checks.html").items():
        (folder / f"prometheus/rules/{role}.yml").write_text(text)


class Site:
    """A network namespace with what is started in it."""

    def __init__(self, folder: Path) -> None:
        """Make the namespace; ``folder`` is where programs run and write."""
        self.folder = folder
        self.holder = subprocess.Popen(["unshare", "--net", "sleep", str(LIFETIME)], start_new_session=True)
        self.processes = [self.holder]
        deadline = time.monotonic() + 10
        while self._namespace(self.holder.pid) == self._namespace("self"):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        self.run("ip", "link", "set", "lo", "up")

    @staticmethod
    def _namespace(process: int | str) -> str:
        return str(Path(f"/proc/{process}/ns/net").readlink())

    def argv(self, *words: str) -> list[str]:
        """Return a command line that runs in the namespace."""
        namespace = f"--net=/proc/{self.holder.pid}/ns/net"
        return ["timeout", str(LIFETIME), "nsenter", namespace, *words]

    def start(self, *words: str) -> None:
        """Run a program beside the others; what it says is in the file ``log``."""
        with (self.folder / "log").open("a") as log:
            process = subprocess.Popen(
                self.argv(*words), cwd=self.folder, stdout=log, stderr=log, start_new_session=True
            )
            self.processes.append(process)

    def start_prometheus(self) -> None:
        """Run Prometheus with the configuration that was written before."""
        self.start(
            "prometheus",
            f"--config.file={self.folder}/prometheus/prometheus.yml",
            f"--storage.tsdb.path={self.folder}/data",
            "--web.listen-address=127.0.0.1:9090",
            "--log.level=warn",
        )

    def run(self, *words: str) -> str:
        """Run a program to its end and return what it says."""
        return subprocess.run(self.argv(*words), capture_output=True, text=True, check=True, cwd=self.folder).stdout

    def ask(self, path: str, *words: str) -> Any:
        """Return what Prometheus answers, or None while there is no answer."""
        try:
            return json.loads(self.run("curl", "-sfG", *words, f"http://127.0.0.1:9090/api/v1/{path}"))["data"]
        except subprocess.CalledProcessError:
            return None

    def query(self, expression: str) -> list[dict[str, Any]]:
        """Return the series of an expression."""
        found = self.ask("query", "--data-urlencode", f"query={expression}")
        return found["result"] if found else []

    def figure(self, expression: str) -> float:
        """Return the value of the first series of an expression."""
        found = self.query(expression)
        return float(found[0]["value"][1]) if found else float("nan")

    def stop(self) -> None:
        """End everything."""
        for process in reversed(self.processes):
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def eventually(condition: Callable[[], object], seconds: float) -> None:
    """Wait until a condition holds."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"not within {seconds} s"
        time.sleep(0.5)
