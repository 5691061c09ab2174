# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The machines of this scenario, and somebody who asks."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from asking import KEYS, NAME, PORTAL, ROOT, health
from testinfra.host import Host


@pytest.fixture(scope="module")
def portal(machine: Callable[[str], Host]) -> Host:
    return machine("svc0")


@pytest.fixture(scope="module")
def steward(machine: Callable[[str], Host]) -> Host:
    return machine("ctl0")


@pytest.fixture(scope="module")
def address(hostvars: dict[str, dict[str, Any]]) -> str:
    return str(hostvars["ask00"]["ansible_host"])


@pytest.fixture(scope="module")
def ringctl(tmp_path_factory: pytest.TempPathFactory, steward: Host) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Return a function that runs ringctl as somebody, with the key that the lab made for ada."""
    folder = tmp_path_factory.mktemp("ringctl")
    # Whatever went before: the queue's server has the description, and the steward is the one.
    end = time.monotonic() + 90
    while health(steward).get("queue_at", 0) < time.time() - 60:
        assert time.monotonic() < end, "the steward has not reached the queue"
        time.sleep(1)

    def run(*words: str, person: str = "ada", key: Path = KEYS / "ada") -> subprocess.CompletedProcess[str]:
        environment = {
            **os.environ,
            "XDG_CONFIG_HOME": str(folder / f"{person}-{key.name}"),
            "RINGCTL_SERVER": f"https://{PORTAL}",
            "RINGCTL_HOST": NAME,
            "RINGCTL_CA": str(KEYS / "ca.pem"),
            "RINGCTL_PERSON": person,
            "RINGCTL_KEY": str(key),
        }
        argv = ["python3", str(ROOT / "bin/ringctl"), *words]
        return subprocess.run(argv, env=environment, capture_output=True, text=True, check=False, timeout=300)

    return run
