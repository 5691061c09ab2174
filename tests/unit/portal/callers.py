# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who calls the queue's server in tests: people, and the steward. Django is set up by conftest.py before."""

from __future__ import annotations

import json
from typing import Any

import askers
from django.test import Client
from django.test.utils import override_settings
from portal.queue import store


class Steward:
    """What calls the steward's side."""

    def __init__(self, name: str = "ctl0") -> None:
        self.client = Client()
        self.headers = {"X-Client-Name": name}
        self.generation = 0

    def call(self, path: str, **body: Any) -> Any:
        with override_settings(ROOT_URLCONF="portal.steward_urls", ALLOWED_HOSTS=["*"]):
            return self.client.post(f"/steward/v1/{path}", body, content_type="application/json", headers=self.headers)

    def hello(self, instance: str = "one") -> Any:
        answer = self.call("hello", instance=instance)
        if answer.status_code == 200:
            self.generation = answer.json()["generation"]
        return answer

    def next(self, *taken: str, ended: tuple[str, ...] = ()) -> Any:
        return self.call("next", generation=self.generation, wait=0, taken=list(taken), ended=list(ended))

    def report(self, id_: str, number: int, state: str, steps: Any = (), **more: Any) -> Any:
        report = store.messages.Report(id_, number, state, **more).as_dict()
        return self.call("reports", generation=self.generation, reports=[report], steps=list(steps))


class Person:
    """What calls the people's side."""

    def __init__(self, asker: askers.Asker | None = None) -> None:
        self.client, self.token = Client(SERVER_NAME="my.town.example"), ""
        if asker:
            answer = self.post("sessions", {"proof": asker.session()})
            assert answer.status_code == 201, answer.content
            self.token = answer.json()["token"]

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"} if self.token else {}

    def get(self, path: str, **headers: str) -> Any:
        return self.client.get(f"/api/v1/{path}", headers={**self.headers, **headers})

    def post(self, path: str, body: Any = None, **headers: str) -> Any:
        text = body if isinstance(body, (str, bytes)) else json.dumps(body)
        address = f"/api/v1/{path}"
        return self.client.post(address, text, content_type="application/json", headers={**self.headers, **headers})
