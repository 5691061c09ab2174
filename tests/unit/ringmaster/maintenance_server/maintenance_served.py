# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The service as its unit runs it, on loopback, with a certificate of its own."""

from __future__ import annotations

import base64
import hashlib
import http.client
import json
import ssl
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from ringmaster.maintenance.window import DAYS
from ringmaster.maintenance_server import main

REBOOT = {"units": [], "reboot": True, "reason": "kernel", "versions": "aa"}


class Served:
    """The program as its unit runs it, with a certificate of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(exist_ok=True)
        subprocess.run(
            [
                *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"),
                *("-keyout", str(folder / "privkey.pem"), "-out", str(folder / "fullchain.pem"), "-days", "2"),
                *("-subj", "/CN=maintenance", "-addext", "subjectAltName=IP:127.0.0.1"),
            ],
            check=True,
            capture_output=True,
        )
        self.port = 18741
        window = {"days": list(DAYS), "start": "00:00", "hours": 24, "timezone": "Etc/UTC"}
        machine = {"project": "app", "window": window, "notice_hours": 0}
        configuration = {
            "machines": {"a": machine, "b": machine},
            "groups": [{"name": "all", "members": ["a", "b"], "in_service": 1}],
            "limits": {"gather": 0, "settle": 1, "patience": 60, "share": 1},
            "domain": "x.example",
            "listen": ["127.0.0.1"],
            "port": self.port,
            "certificate": str(folder),
            "tick_seconds": 0.2,
            "feeds": {"": "w" * 32, "app": "v" * 32},
        }
        (folder / "configuration.json").write_text(json.dumps(configuration))
        digests = {name: hashlib.sha256(f"{name}-word".encode()).hexdigest() for name in ("a", "b")}
        (folder / "passwords.json").write_text(json.dumps(digests))
        self.begin()

    def begin(self) -> None:
        program = "import sys; from ringmaster.maintenance_server import main; main.os.geteuid = lambda: 1; "
        program += "sys.exit(main.main(sys.argv[1:]))"
        words = [f"--{name}={self.folder / f'{name}.json'}" for name in ("configuration", "passwords")]
        words += [f"--folder={self.folder}", f"--run={self.folder}"]
        source = Path(main.__file__).parents[2]
        self.process = subprocess.Popen(
            [sys.executable, "-c", program, "serve", *words], env={"PYTHONPATH": str(source)}, stderr=subprocess.PIPE
        )
        end = time.monotonic() + 20
        while not (self.folder / "control.sock").exists() or not self.answers():
            assert self.process.poll() is None and time.monotonic() < end, self.process.stderr
            time.sleep(0.05)

    def answers(self) -> bool:
        try:
            return self.ask("/v1/turn", {}, "", "")[0] == 401
        except OSError:
            return False

    def ask(self, path: str, body: Any, name: str, password: str) -> tuple[int, Any]:
        context = ssl.create_default_context(cafile=str(self.folder / "fullchain.pem"))
        connection = http.client.HTTPSConnection("127.0.0.1", self.port, timeout=10, context=context)
        word = base64.b64encode(f"{name}:{password}".encode()).decode()
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        connection.request("POST", path, data, {"Authorization": f"Basic {word}"} if name else {})
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())
