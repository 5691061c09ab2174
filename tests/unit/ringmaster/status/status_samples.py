# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A platform with something to see in every box: the example's description with made-up figures.

With PYTHONPATH=roles/machine/files/python, ``python tests/unit/ringmaster/status/status_samples.py FOLDER`` writes its
site, which the screenshots in docs/images show.
"""

from __future__ import annotations

import math
import sys
from pathlib import Path
from typing import Any

from ringmaster.status import main, model
from ringmaster.status.history import History

NOW = 1795600000.0  # 2026-11-25 09:46:40 UTC
WINDOW = {"days": ["sat", "sun"], "start": "02:00", "hours": 4, "timezone": "Europe/Berlin"}
DIGEST = "5f0c2b71d3a94e86b7d1"
EVIL = "<script>alert(1)</script> & \"quotes\" <!--# echo var='x' -->"


def vm(name: str, number: int, **values: Any) -> dict[str, Any]:
    return {
        "name": name,
        "fqdn": f"{name}.ringmaster.example",
        "state": "running",
        "production": True,
        "protected": False,
        "memory_mib": 2048,
        "cores": 2,
        "disk_gib": 20,
        "swap_mib": 1024,
        "tmp_gib": 5,
        "image": "default",
        "hypervisor": "hv0",
        "addresses": [
            {"network": "srv", "family": "ipv4", "address": f"172.20.1.{number}"},
            {"network": "srv", "family": "ipv6", "address": f"2001:db8:3::100{number}"},
            {"network": "fe", "family": "ipv6", "address": f"2001:db8:2::100{number}"},
        ],
        "components": {},
        "maintenance": WINDOW,
        "results": f"172.20.1.{number}:9990",
        "digest": DIGEST,
        **values,
    }


def described() -> dict[str, Any]:
    return {
        "domain": "ringmaster.example",
        "timezone": "Europe/Berlin",
        "projects": [
            {
                "name": "myapp",
                "description": "The example application",
                "public": True,
                "contacts": ["alice@ringmaster.example"],
                "urls": [{"name": "shop", "url": "https://shop.ringmaster.example/"}],
                "vms": [
                    vm(
                        "myapp00",
                        1,
                        components={"redis": {"maxmemory_policy": "allkeys-lru", "users": [{"name": "app"}]}},
                    ),
                    vm("myapp01", 2, components={"postgresql": {}}),
                    vm("myapp02", 3, state="stopped"),
                ],
            },
            {
                "name": "shop",
                "description": EVIL,
                "public": False,
                "contacts": [],
                "urls": [],
                "vms": [vm("shop00", 4)],
            },
        ],
        "machines": [
            {"name": "hv0", "hypervisor": True, "services": ["gateway"], "results": "10.77.0.10:9990"},
            {
                "name": "svc0",
                "hypervisor": False,
                "services": ["dns", "monitoring", "status"],
                "results": "172.20.0.20:9990",
            },
        ],
        "incidents": [
            {
                "name": "2026-11-20-storage",
                "title": "Slow disks on one hypervisor",
                "begin": "2026-11-20T08:10:00Z",
                "end": "2026-11-20T09:05:00Z",
                "impact": "degraded",
                "projects": None,
                "updates": [
                    {"at": "2026-11-20T08:20:00Z", "text": "A disk of hv0 answers slowly. We are moving its load away."}
                ],
            },
            {
                "name": "2026-11-25-shop",
                "title": "Only for shop",
                "begin": "2026-11-25T09:00:00+01:00",
                "end": None,
                "impact": "outage",
                "projects": ["shop"],
                "updates": [],
            },
        ],
    }


def check(component: str, name: str, status: int, output: str, minutes: float = 600) -> dict[str, Any]:
    return {"component": component, "check": name, "status": status, "output": output, "since": NOW - 60 * minutes}


def results(*checks: dict[str, Any], age: float = 20, **more: Any) -> dict[str, Any]:
    return {"time": NOW - age, "checks": list(checks), **more}


HOST = (
    check("host", "disk", 0, "/ is 41 % full (11.6 GiB free)."),
    check(
        "host",
        "memory",
        0,
        "1240 MiB of 1968 MiB (63 %) are available; something waited for memory during 0 % of the last 5 minutes.",
    ),
    check("host", "failed-units", 0, "No unit has failed."),
    check("host", "firewall", 0, "The firewall is active (inet filter, inet ringmaster)."),
)


def probes(name: str, project: str, *, ping: float = 1, ssh: float = 1) -> list[tuple[dict[str, str], float]]:
    labels = {"instance": name, "project": project}
    return [
        ({**labels, "job": "ping", "network": "srv", "family": "ipv4"}, 1.0 if ssh else 0.0),
        ({**labels, "job": "ping", "network": "fe", "family": "ipv6"}, ping),
        ({**labels, "job": "ssh"}, ssh),
    ]


def figures() -> model.Figures:
    return model.Figures(
        results={
            "hv0": results(
                *HOST, check("hypervisor", "pool", 0, "31 % of the pool are in use; 24 % of 200 GiB are promised.")
            ),
            "svc0": results(*HOST),
            "myapp00": results(
                *HOST,
                check("redis", "login", 0, "Login works on 4 addresses, and the round trip; 12 ms in all."),
                check("redis", "memory", 1, "1021 MiB of 1228 MiB (83 %) are in use, policy noeviction.", 42),
                planned=["reboot: kernel 6.12.57 is installed, 6.12.48 runs"],
                convergence={"digest": DIGEST, "commit": "3f2c1d0a9b8e", "at": NOW - 86400},
            ),
            "myapp01": results(
                *HOST,
                check("postgresql", "login", 2, "No login: connection refused.", 7),
                convergence={"digest": DIGEST[::-1], "commit": "", "at": NOW - 3 * 86400},
            ),
            "shop00": "timed out",
        },
        vms={
            "myapp01": {
                "pending_restart": [{"field": "memory_mib", "live": 2048, "wanted": 4096, "reason": "above memory_max"}]
            }
        },
        probes=[
            *probes("hv0", "platform"),
            *probes("svc0", "platform"),
            *probes("myapp00", "myapp"),
            *probes("myapp01", "myapp", ping=0),
            *probes("shop00", "shop", ping=0, ssh=0),
            ({"job": "http", "instance": "myapp", "project": "myapp", "check": "shop"}, 1.0),
        ],
        alerts=[
            {
                "state": "firing",
                "labels": {
                    "alertname": "RedisRefusesConnections",
                    "severity": "warning",
                    "instance": "myapp00",
                    "component": "redis",
                },
                "annotations": {"summary": "myapp00: Redis refuses connections because maxclients is reached"},
                "activeAt": "2026-11-25T09:40:00.123456789Z",
            },
            {
                "state": "pending",
                "labels": {"alertname": "Soon", "severity": "critical", "instance": "myapp00"},
                "activeAt": "",
            },
        ],
    )


def history(folder: Path) -> History:
    found = History(folder / "history.json")
    end = int(NOW - NOW % 900)
    moments = range(end - 86400, end + 1, 900)
    for number, name in enumerate(("myapp00", "myapp01", "hv0", "svc0")):
        found.uptime[name] = {"24 h": 1.0, "7 days": 0.99996, "30 days": 0.9991, "90 days": 0.9987}
        wave = {m: 0.35 + 0.25 * math.sin(m / 9000 + number) + 0.05 * math.sin(m / 700) for m in moments}
        found.curves.setdefault("cpu", {})[name] = {str(m): round(v, 3) for m, v in wave.items()}
        found.curves.setdefault("memory", {})[name] = {str(m): round(0.4 + v / 8, 3) for m, v in wave.items()}
        found.curves.setdefault("disk", {})[name] = {str(m): 0.41 for m in moments}
        found.curves.setdefault("network", {})[name] = {str(m): round(4e6 * v) for m, v in wave.items()}
        found.curves.setdefault("checks", {})[name] = {
            str(m): 2 if name == "myapp01" and m > end - 1800 else 1 if m % 21600 < 1800 else 0 for m in moments
        }
        found.curves.setdefault("reachable", {})[name] = {str(m): 0 if m % 86400 == 43200 else 1 for m in moments}
    return found


def platform(folder: Path) -> dict[str, Any]:
    """Return the model of the sample."""
    return model.build(described(), figures(), history(folder), NOW)


if __name__ == "__main__":
    place = Path(sys.argv[1])
    place.mkdir(parents=True, exist_ok=True)
    main.write(place, main.STATIC, platform(place), NOW)
