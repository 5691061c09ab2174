# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A platform as it may be on a busy day, with made-up figures: what pictures show, and what pages weigh.

A project of 200 VMs; one of six, of which one is well, one is in trouble, one does not answer, one is worked on, one
has been changed and one shall not run; a young one without VMs; and two small ones.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from ringmaster.status import model
from ringmaster.status.history import History
from status_samples import DIGEST, HOST, NOW, check, probes, results, vm

MACHINES = 200
KINDS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("webgateway", {"webgateway": {}, "nginx": {}}),
    ("application", {"redis": {"maxmemory_policy": "allkeys-lru"}}),
    ("database", {"postgresql": {"databases": [{"name": "shop", "owner": "shop"}]}}),
    ("worker", {}),
)
PLANNED = "reboot: kernel 6.12.57 is installed, 6.12.48 runs"
EVERYWHERE = (
    *HOST,
    check("host", "time", 0, "The clock is off by 0.4 ms.", 5000),
    check("host", "load", 0, "Load 0.71 with 2 cores.", 5000),
    check("host", "inodes", 0, "4 % of the inodes of / are in use.", 5000),
    check("host", "swap", 0, "2 % of 1024 MiB of swap are in use.", 5000),
    check("backup", "age", 0, "The newest backup is 9 hours old.", 3000),
    check("backup", "result", 0, "The newest run took 59 s and brought 1.2 GiB.", 3000),
    check("backup", "proof-age", 0, "The newest proof is 3 days old: all files and databases were restored.", 4200),
    check("certificates", "ssh-host", 0, "The host certificate ends in 21 days.", 9000),
    check("updates", "security", 0, "No security update waits.", 900),
    check("updates", "supported", 0, "Debian supports the release until 2030-06-30.", 9000),
)
REDIS = (
    check("redis", "login", 0, "Login works on 4 addresses, and the round trip; 12 ms in all.", 2000),
    check("redis", "connections", 0, "41 of 10000 connections (0 %) are open.", 2000),
    check("redis", "persistence", 0, "The newest snapshot is 4 minutes old.", 2000),
    check("redis", "drop-ins", 0, "No drop-in is left out.", 2000),
)
POSTGRESQL = (
    check("postgresql", "connections", 0, "23 of 100 connections (23 %) are open.", 2000),
    check("postgresql", "drop-ins", 0, "No drop-in is left out.", 2000),
    check("postgresql", "pitr", 0, "The newest backup for recovery is 11 hours old.", 2000),
)
CONVERGED = {"digest": DIGEST, "commit": "3f2c1d0a9b8e", "at": NOW - 5 * 3600}


def project(name: str, description: str, vms: list[dict[str, Any]], **values: Any) -> dict[str, Any]:
    standard = {"public": True, "contacts": [], "urls": []}
    return {"name": name, "description": description, "vms": vms, **standard, **values}


def sized(name: str, number: int, **values: Any) -> dict[str, Any]:
    """Return a VM with addresses as valid as its number."""
    found = vm(name, 1, **values)
    second = {"srv": "172.20", "fe": "198.51"}
    addresses = [
        {"network": "srv", "family": "ipv4", "address": f"{second['srv']}.{number // 250}.{number % 250 + 1}"},
        {"network": "srv", "family": "ipv6", "address": f"2001:db8:3::{0x1000 + number:x}"},
        {"network": "fe", "family": "ipv4", "address": f"198.51.100.{number % 250 + 1}"},
        {"network": "fe", "family": "ipv6", "address": f"2001:db8:2::{0x1000 + number:x}"},
    ]
    return {**found, "addresses": addresses}


def of_shop(number: int) -> dict[str, Any]:
    kind, components = KINDS[0 if number < 4 else 2 if number % 10 == 5 else 1 if number % 3 else 3]
    memory = {"database": 16384, "webgateway": 2048}.get(kind, 4096)
    state = "stopped" if number in (150, 151) else "running"
    return sized(f"shop{number:02}", 10 + number, components=components, memory_mib=memory, state=state)


def described() -> dict[str, Any]:
    both = {
        "redis": {"maxmemory_policy": "allkeys-lru", "users": [{"name": "app"}]},
        "postgresql": {"databases": [{"name": "app", "owner": "app"}], "settings": {"work_mem": "32MB"}},
    }
    myapp = [
        sized("myapp00", 1, components=both, memory_mib=4096),
        sized("myapp01", 2, components=both, memory_mib=4096, hypervisor="hv1"),
        sized("myapp02", 3, components={"postgresql": {}}),
        sized("myapp03", 4, components={"redis": {}}),
        sized("myapp04", 5, components={"memcached": {}}),
        sized("myapp05", 6, state="stopped", production=False),
    ]
    url = {"name": "shop", "url": "https://shop.ringmaster.example/"}
    return {
        "domain": "ringmaster.example",
        "timezone": "Europe/Berlin",
        "projects": [
            project("blog", "Blog and newsletter of the agency", [sized("blog00", 300), sized("blog01", 301)]),
            project("myapp", "The example application", myapp, urls=[url]),
            project("shop", "Shop, three languages, one catalogue", [of_shop(number) for number in range(MACHINES)]),
            project("wiki", "Handbook for all of us", [sized("wiki00", 320, components={"mysql": {}})]),
            project("young", "Ordered this morning", []),
        ],
        "machines": [
            machine("hv0", True, "gateway"),
            machine("hv1", True),
            machine("svc0", False, "dns", "monitoring", "status"),
            machine("svc1", False, "backup", "dns"),
        ],
        "incidents": [
            incident(
                "2026-11-28-network",
                "Work on the uplink",
                ("2026-11-28T22:00:00Z", "2026-11-28T23:00:00Z"),
                "maintenance",
                ("2026-11-24T10:00:00Z", "Connections from outside may stop for some seconds, twice."),
            ),
            incident(
                "2026-11-20-storage",
                "Slow disks on one hypervisor",
                ("2026-11-20T08:10:00Z", "2026-11-20T09:05:00Z"),
                "degraded",
                ("2026-11-20T08:20:00Z", "A disk of hv0 answers slowly. We are moving its load away."),
                ("2026-11-20T09:05:00Z", "The load is on hv1 and all VMs are well; the disk is replaced on Monday."),
            ),
        ],
    }


def machine(name: str, hypervisor: bool, *services: str) -> dict[str, Any]:
    return {"name": name, "hypervisor": hypervisor, "services": list(services), "results": "10.77.0.10:9990"}


def incident(name: str, title: str, span: tuple[str, str], impact: str, *updates: tuple[str, str]) -> dict[str, Any]:
    told = [{"at": at, "text": text} for at, text in updates]
    shape = {"name": name, "title": title, "impact": impact, "projects": None, "updates": told}
    return {**shape, "begin": span[0], "end": span[1]}


def answers() -> dict[str, Any]:
    """Return what each machine says."""
    found: dict[str, Any] = {
        "hv0": results(*HOST, check("hypervisor", "pool", 0, "31 % of the pool are in use.", 3000)),
        "hv1": results(*HOST, check("hypervisor", "pool", 1, "83 % of the pool are in use (332 of 400 GiB).", 95)),
        "svc0": results(*HOST, check("dns", "answers", 0, "All zones are answered for.", 3000)),
        "svc1": results(*HOST, check("dns", "recursion", 0, "Names of others are found.", 3000)),
        "myapp00": results(
            *EVERYWHERE,
            *REDIS,
            *POSTGRESQL,
            check("redis", "memory", 0, "336 MiB of 1228 MiB (27 %) are in use.", 2000),
            check("postgresql", "login", 0, "Login works on 4 addresses; 31 ms in all.", 2000),
            convergence=CONVERGED,
        ),
        "myapp01": results(
            *EVERYWHERE,
            *REDIS,
            *POSTGRESQL,
            check("redis", "memory", 1, "1021 MiB of 1228 MiB (83 %) are in use, policy noeviction.", 42),
            check("postgresql", "login", 2, "No login: connection refused.", 7),
            planned=[PLANNED],
            convergence={**CONVERGED, "digest": DIGEST[::-1], "at": NOW - 3 * 86400},
        ),
        "myapp02": "timed out",
        "myapp03": results(*EVERYWHERE, *REDIS, check("redis", "memory", 2, "It starts.", 2), planned=[PLANNED]),
        "myapp04": results(*EVERYWHERE, planned=[PLANNED], convergence=CONVERGED),
    }
    for name in ("blog00", "blog01", "wiki00"):
        found[name] = results(*EVERYWHERE, convergence=CONVERGED)
    for number in range(MACHINES):
        own = _of_shop(number)
        known = {(one["component"], one["check"]) for one in own}
        others = [one for one in EVERYWHERE if (one["component"], one["check"]) not in known]
        found[f"shop{number:02}"] = results(*own, *others, convergence=CONVERGED)
    found["shop66"] = "timed out"
    return found


def _of_shop(number: int) -> list[dict[str, Any]]:
    told = {
        17: check("redis", "memory", 1, "3301 MiB of 3686 MiB (90 %) are in use, policy noeviction.", 190),
        48: check("host", "disk", 1, "/ is 86 % full (2.8 GiB free).", 2900),
        55: check("postgresql", "login", 2, "No login: connection refused.", 11),
        103: check("host", "failed-units", 1, "1 unit has failed: shop-import.service.", 320),
        131: check("redis", "drop-ins", 1, "Left out: 20-cache.conf, line 3: unknown setting 'maxmemoy'.", 1500),
    }
    return [told[number]] if number in told else []


def figures() -> model.Figures:
    names = [(one["name"], project["name"]) for project in described()["projects"] for one in project["vms"]]
    silent = {"myapp02", "shop66"}
    found = [probe for name, of in names for probe in probes(name, of, ping=name not in silent, ssh=name not in silent)]
    for name in ("hv0", "hv1", "svc0", "svc1"):
        found += probes(name, "platform")
    url = {"job": "http", "instance": "myapp", "project": "myapp", "check": "shop"}
    waiting = [{"field": "memory_mib", "live": 4096, "wanted": 8192, "reason": "above memory_max"}]
    alert = {"alertname": "RedisRefusesConnections", "severity": "warning", "instance": "myapp01", "component": "redis"}
    return model.Figures(
        results=answers(),
        vms={"myapp01": {"pending_restart": waiting}},
        probes=[*found, (url, 1.0)],
        maintenance={"myapp03"},
        alerts=[
            {
                "state": "firing",
                "labels": alert,
                "annotations": {"summary": "myapp01: Redis refuses connections because maxclients is reached"},
                "activeAt": "2026-11-25T09:31:00Z",
            }
        ],
    )


def history(folder: Path) -> History:
    """Return figures of a day for all VMs; a quiet night and a busy morning."""
    found = History(folder / "history.json")
    end = int(NOW - NOW % 900)
    moments = range(end - 86400, end + 1, 900)
    names = [one["name"] for project in described()["projects"] for one in project["vms"] if one["state"] == "running"]
    for number, name in enumerate((*names, "hv0", "hv1", "svc0", "svc1")):
        long = 0.9991 - 0.00001 * (number % 7)
        found.uptime[name] = {"24 h": 1.0, "7 days": 0.99996, "30 days": long, "90 days": 0.9987}
        if not name.startswith(("myapp", "hv", "svc")):
            continue
        wave = {m: 0.3 - 0.18 * math.cos((m % 86400) / 13750) + 0.04 * math.sin(m / 700 + number) for m in moments}
        found.curves.setdefault("cpu", {})[name] = {str(m): round(v, 3) for m, v in wave.items()}
        found.curves.setdefault("memory", {})[name] = {str(m): round(0.52 + v / 8, 3) for m, v in wave.items()}
        found.curves.setdefault("disk", {})[name] = {str(m): round(0.41 + (m - end) / 9e6, 4) for m in moments}
        found.curves.setdefault("network", {})[name] = {str(m): round(4e6 * v) for m, v in wave.items()}
        bad = name in ("myapp01", "myapp02")
        found.curves.setdefault("checks", {})[name] = {
            str(m): 2 if bad and m > end - 900 else 1 if bad and m > end - 3600 else int(m == end - 40500)
            for m in moments
        }
        gone = {m for m in moments if name == "myapp02" and m > end - 2700}
        found.curves.setdefault("reachable", {})[name] = {str(m): int(m not in gone) for m in moments}
    return found


def platform(folder: Path) -> dict[str, Any]:
    """Return the model of the sample."""
    return model.build(described(), figures(), history(folder), NOW)


def empty() -> dict[str, Any]:
    """Return the model of a platform on its first day: a hypervisor and a service machine, and no project."""
    of = {**described(), "projects": [], "incidents": []}
    of["machines"] = [of["machines"][0], of["machines"][2]]
    said = answers()
    names = ("hv0", "svc0")
    found = model.Figures(
        results={name: said[name] for name in names},
        probes=[probe for name in names for probe in probes(name, "platform")],
    )
    return model.build(of, found, History(Path("/nonexistent")), NOW)
