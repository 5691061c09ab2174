# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""AWX as code, by the real modules of awx.awx, against a server that keeps what it is sent.

A real AWX needs containers. This one knows nothing of AWX's rules; it shows that the modules accept what we write, and
what they would send.
"""

from __future__ import annotations

import http.server
import json
import os
import subprocess
import threading
import urllib.parse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from peers import peers

ROOT = Path(__file__).resolve().parents[3]

KEYS = ("name", "identifier", "id", "workflow_job_template")
"""What objects are asked for by."""


class Store(http.server.ThreadingHTTPServer):
    """Objects by endpoint, in the order in which they came."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.objects: dict[str, list[dict[str, Any]]] = {}
        self.lock = threading.Lock()

    def names(self, kind: str) -> list[str]:
        return [found.get("name", found.get("identifier", "")) for found in self.objects.get(kind, [])]

    def one(self, kind: str, name: str) -> dict[str, Any]:
        (found,) = [found for found in self.objects[kind] if found.get("name") == name]
        return found


class Handler(http.server.BaseHTTPRequestHandler):
    """As much of the API's shape as the modules need."""

    server: Store
    protocol_version = "HTTP/1.1"

    def _body(self) -> dict[str, Any]:
        text = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        return json.loads(text) if text else {}

    def _answer(self, status: int, data: Any) -> None:
        text = json.dumps(data).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.send_header("X-API-Product-Name", "AWX")
        self.send_header("X-API-Product-Version", "24.6.1")
        self.end_headers()
        self.wfile.write(text)

    def _where(self) -> tuple[list[str], dict[str, str]]:
        url = urllib.parse.urlsplit(self.path)
        return url.path.strip("/").split("/")[2:], dict(urllib.parse.parse_qsl(url.query))

    def do_GET(self) -> None:
        path, query = self._where()
        if path in ([], ["ping"], ["config"]):
            return self._answer(200, {"version": "24.6.1"})
        if path == ["me"]:
            return self._answer(200, {"count": 1, "results": [{"id": 1, "username": "admin"}]})
        kind = path[0]
        with self.server.lock:
            found = self.server.objects.setdefault(kind, [])
            if kind == "credentials" and "name" in query and query["name"] not in self.server.names(kind):
                self.new(kind, {"name": query["name"], "credential_type": 1}, found)
            if kind == "unified_job_templates":
                kinds = ("job_templates", "workflow_job_templates", "inventory_sources", "projects")
                found = [one for other in kinds for one in self.server.objects.get(other, [])]
            if len(path) == 2:
                (one,) = [one for one in found if str(one["id"]) == path[1]]
                return self._answer(200, one)
            if len(path) == 3:
                (one,) = [one for one in found if str(one["id"]) == path[1]]
                kept = one.get(f"_{path[2]}", {} if path[2] == "survey_spec" else [])
                listed = {"count": len(kept), "next": None, "results": kept}
                return self._answer(200, kept if path[2] == "survey_spec" else listed)
            names = {key: value for key, value in query.items() if key in KEYS}
            result = [one for one in found if all(str(one.get(key)) == value for key, value in names.items())]
        return self._answer(200, {"count": len(result), "next": None, "previous": None, "results": result})

    def do_POST(self) -> None:
        path, _query = self._where()
        body = self._body()
        with self.server.lock:
            if len(path) == 3:
                (one,) = [one for one in self.server.objects[path[0]] if str(one["id"]) == path[1]]
                if path[2] == "survey_spec":
                    one["_survey_spec"] = body
                elif path[2] == "workflow_nodes":
                    nodes = self.server.objects.setdefault("workflow_job_template_nodes", [])
                    new = self.new("workflow_job_template_nodes", {**body, "workflow_job_template": one["id"]}, nodes)
                    return self._answer(201, new)
                else:
                    one.setdefault(f"_{path[2]}", []).append(body)
                    self.send_response(204)
                    return self.end_headers()
                return self._answer(200, {})
            kind = path[0]
            found = self.server.objects.setdefault(kind, [])
            self._answer(201, self.new(kind, body, found))
        return None

    @staticmethod
    def new(kind: str, body: dict[str, Any], found: list[dict[str, Any]]) -> dict[str, Any]:
        """Keep an object, and give it what the API adds."""
        new = {**body, "id": len(found) + 1, "type": kind.rstrip("s"), "summary_fields": {}, "status": "successful"}
        new["url"] = f"/api/v2/{kind}/{new['id']}/"
        new["related"] = {
            name: f"{new['url']}{name}/"
            for name in ("survey_spec", "credentials", "workflow_nodes", "success_nodes", "labels", "schedules")
        }
        found.append(new)
        return new

    def do_PATCH(self) -> None:
        path, _query = self._where()
        with self.server.lock:
            (one,) = [one for one in self.server.objects[path[0]] if str(one["id"]) == path[1]]
            one.update(self._body())
        self._answer(200, one)

    def log_message(self, *_arguments: Any) -> None:
        """Say nothing."""


@pytest.fixture
def store() -> Iterator[Store]:
    server = Store()
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    server.objects["organizations"] = []
    Handler.new("organizations", {"name": "Default"}, server.objects["organizations"])
    yield server
    server.shutdown()
    server.server_close()


def play(store: Store | None, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {key: value for key, value in os.environ.items() if not key.startswith("ANSIBLE_")}
    address = f"http://127.0.0.1:{store.server_port}" if store else "http://127.0.0.1:1"
    environment |= {"CONTROLLER_HOST": address, "CONTROLLER_OAUTH_TOKEN": "x", "ANSIBLE_NOCOLOR": "1"}
    settings = ["-e", "@settings.yml", "-e", "awx_wait=false", "-e", "awx_execution_environment_image=local/ee"]
    return subprocess.run(
        [str(peers() / "ansible-playbook"), "configure.yml", *settings, *arguments],
        # There, the settings of this repository, which are for platforms, do not count.
        cwd=ROOT / "awx",
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_syntax() -> None:
    done = play(None, "--syntax-check")
    assert done.returncode == 0, done.stdout + done.stderr


def test_everything_is_sent(store: Store) -> None:
    done = play(store)
    assert done.returncode == 0, done.stdout + done.stderr
    templates = store.names("job_templates")
    for name in ("site", "accounts", "order_vm", "retire_vm", "move_vm", "evacuate", "set_permissions"):
        assert f"Ringmaster: {name}" in templates
    order = store.one("job_templates", "Ringmaster: order_vm")
    assert order["playbook"] == "playbooks/order_vm.yml"
    assert [one["variable"] for one in order["_survey_spec"]["spec"]][:3] == ["project", "vm", "memory"]
    assert store.one("credential_types", "Ringmaster")["injectors"]["extra_vars"] == {
        "platform_secret": "{{ platform_secret }}"
    }
    (source,) = store.objects["inventory_sources"]
    assert (source["source"], source["source_path"]) == ("scm", "platform/platform.ringmaster.yml")
    rules = {one["name"]: one["rrule"] for one in store.objects["schedules"]}
    assert "INTERVAL=10" in rules["Ringmaster: accounts every ten minutes"]
    assert "FREQ=DAILY" in rules["Ringmaster: every night"]
    workflows = {one["id"]: one for one in store.objects["workflow_job_templates"]}
    steps: dict[str, list[str]] = {}
    for node in store.objects["workflow_job_template_nodes"]:
        steps.setdefault(workflows[node["workflow_job_template"]]["name"], []).append(node["identifier"])
    assert steps == {
        "Ringmaster: everything": ["allocate", "sync", "site"],
        "Ringmaster: order a VM": ["describe", "sync", "converge"],
        "Ringmaster: change a VM": ["describe", "sync", "converge"],
    }
    assert store.one("workflow_job_templates", "Ringmaster: order a VM")["_survey_spec"] == order["_survey_spec"]
