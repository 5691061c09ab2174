# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A component goes from a machine: in which order, what stays, and when it is refused."""

from __future__ import annotations

import json
from collections.abc import Sequence
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.ringmaster.hosting.plugins.module_utils.components import leaving
from ansible_collections.ringmaster.hosting.plugins.module_utils.machine.leave import LeaveError, Leaving

MEMBERS = [
    {"name": "myapp00", "srv_ipv4": "172.20.1.1", "srv_ipv6": "2001:db8:3::1"},
    {"name": "myapp01", "srv_ipv4": "172.20.1.2", "srv_ipv6": "2001:db8:3::2"},
]
TCP = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid\n"
FROM_MYAPP01 = "   0: 010114AC:18EC 020114AC:C350 01 00000000:00000000 00:00000000 00000000   0\n"  # port 6380
LISTENING = "   1: 010114AC:18EC 00000000:0000 0A 00000000:00000000 00:00000000 00000000   0\n"
MAPPED = "   2: 0000000000000000FFFF0000010114AC:18EC 0000000000000000FFFF0000020114AC:C351 01 0:0 0:0 0   0\n"


class Machine:
    """A file system, and a systemd whose units run until they are disabled."""

    def __init__(self, root: Path, units: Sequence[str]) -> None:
        self.root, self.units, self.calls = root, list(units), []
        self.dump_fails = False

    def run(self, words: Sequence[str]) -> tuple[int, str]:
        if words[:2] == ["systemctl", "list-units"]:
            return 0, "".join(f"{unit} loaded active running x\n" for unit in self.units if fnmatch(unit, words[-1]))
        if words[1] in ("is-active", "is-enabled"):
            there = words[2] in self.units
            return int(not there), ("active" if words[1] == "is-active" else "enabled") if there else "inactive"
        self.calls.append(" ".join(words))
        if words[:3] == ["systemctl", "disable", "--now"]:
            self.units.remove(words[3])
        if words[-2:-1] == ["dump"]:
            return (1, "no space left") if self.dump_fails else (0, "")
        return 0, ""

    def put(self, *paths: str, text: str = "x") -> None:
        for path in paths:
            place = self.root / path.lstrip("/")
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(text)

    def files(self) -> set[str]:
        return {f"/{path.relative_to(self.root)}" for path in self.root.rglob("*") if path.is_file()}

    def leave(self, name: str, present: Sequence[str] = (), **options: Any) -> Leaving:
        asked = leaving.plan(name, present, MEMBERS, "myapp00")
        going = Leaving(name, asked, root=self.root, run=self.run, **options)
        going.leave()
        return going


@pytest.fixture
def redis(tmp_path: Path) -> Machine:
    machine = Machine(
        tmp_path, ["redis-server.service", "ringmaster-redis-inbox.path", "prometheus-redis-exporter.service", "ssh"]
    )
    machine.put(
        "/usr/lib/ringmaster/checks.d/redis.json",
        "/usr/lib/ringmaster/checks.d/host.json",
        "/etc/ringmaster/backup.d/redis.json",
        "/etc/ringmaster/monitoring/redis.env",
        "/etc/ringmaster/redis/redis.conf",
        "/etc/ringmaster/redis/admin.env",
        "/etc/ringmaster/certificates/wanted/redis.json",
        "/etc/ringmaster/certificates/wanted/www.example.org.json",
        "/etc/systemd/system/ringmaster-redis-inbox.path",
        "/var/lib/redis/dump.rdb",
        "/etc/local/redis/mine.conf",
    )
    machine.put("/proc/net/tcp", text=TCP + LISTENING)
    return machine


def test_it_goes_in_order_and_its_data_stay(redis: Machine) -> None:
    gone = redis.leave("redis")
    assert redis.calls[0] == "/usr/bin/ringmaster redis dump /var/backups/ringmaster/redis"
    assert redis.calls[1:4] == [
        "systemctl disable --now ringmaster-redis-inbox.path",
        "systemctl disable --now prometheus-redis-exporter.service",
        "systemctl disable --now redis-server.service",
    ]
    assert redis.units == ["ssh"]
    assert redis.files() == {
        "/usr/lib/ringmaster/checks.d/host.json",
        "/etc/ringmaster/redis/redis.conf",
        "/etc/ringmaster/certificates/wanted/www.example.org.json",
        "/var/lib/redis/dump.rdb",
        "/etc/local/redis/mine.conf",
        "/proc/net/tcp",
    }
    assert gone.kept == ["/var/lib/redis", "/etc/local/redis"]
    redis.calls.clear()
    assert redis.leave("redis").steps == []
    assert redis.calls == []


def test_whichever_server_runs_is_dumped_and_goes(redis: Machine) -> None:
    redis.units[0] = "valkey-server.service"
    redis.put("/var/lib/valkey/dump.rdb")
    gone = redis.leave("redis")
    assert redis.calls[0] == "/usr/bin/ringmaster redis dump /var/backups/ringmaster/redis"
    assert "systemctl disable --now valkey-server.service" in redis.calls
    assert redis.units == ["ssh"]
    assert gone.kept == ["/var/lib/redis", "/var/lib/valkey", "/etc/local/redis"]


def test_check_mode_says_the_same_and_does_nothing(redis: Machine) -> None:
    before = redis.files()
    would = redis.leave("redis", check=True).steps
    assert redis.files() == before
    assert redis.calls == []
    assert redis.leave("redis").steps == would


@pytest.mark.parametrize(("file", "line"), [("tcp", FROM_MYAPP01), ("tcp6", MAPPED)])
def test_it_stays_while_a_vm_of_the_project_uses_it(redis: Machine, file: str, line: str) -> None:
    redis.put(f"/proc/net/{file}", text=TCP + line)
    before = redis.files()
    with pytest.raises(LeaveError, match=r"Redis is in use; connections from myapp01 \(port 6380\): 1\. Stop"):
        redis.leave("redis")
    assert redis.files() == before
    assert redis.calls == []
    redis.leave("redis", in_use=True)
    assert redis.units == ["ssh"]


def test_it_stays_when_its_last_dump_fails(redis: Machine) -> None:
    redis.dump_fails = True
    before = redis.files()
    with pytest.raises(LeaveError, match="the last dump of Redis failed, so it stays: no space left"):
        redis.leave("redis")
    assert redis.files() == before
    assert "redis-server.service" in redis.units


def test_what_does_not_run_is_not_dumped_again(redis: Machine) -> None:
    redis.units.remove("redis-server.service")
    steps = redis.leave("redis").steps
    assert steps[0] == "make no last dump: Redis does not run; data stay as they are"
    assert not [call for call in redis.calls if "dump" in call]


@pytest.fixture
def web(tmp_path: Path) -> Machine:
    machine = Machine(tmp_path, ["haproxy.service", "nginx.service", "prometheus-nginx-exporter.service"])
    machine.put("/usr/lib/ringmaster/checks.d/nginx.json", "/usr/lib/ringmaster/checks.d/webgateway.json")
    machine.put("/etc/ringmaster/certificates/wanted/www.example.org.json")
    names = {"names": {"www.example.org": [], "not-there.example.org": []}}
    machine.put("/etc/ringmaster/nginx/sites/webgateway/site.json", text=json.dumps(names))
    return machine


def test_nginx_goes_with_the_last_that_uses_it(web: Machine) -> None:
    web.leave("webgateway")
    assert web.units == []
    assert {call for call in web.calls if "reset-failed" in call} == {
        f"systemctl reset-failed {unit}"
        for unit in ("haproxy.service", "nginx.service", "prometheus-nginx-exporter.service")
    }
    assert web.files() == set()


def test_nginx_stays_for_the_mail_server(web: Machine) -> None:
    web.put("/etc/ringmaster/nginx/sites/mailserver/site.json", text='{"names": {"mail.example.org": []}}')
    web.put("/etc/ringmaster/certificates/wanted/mail.example.org.json")
    web.leave("webgateway", ["mailserver"])
    assert web.units == ["nginx.service", "prometheus-nginx-exporter.service"]
    assert "/usr/bin/ringmaster nginx converge" in web.calls
    assert web.files() == {
        "/usr/lib/ringmaster/checks.d/nginx.json",
        "/etc/ringmaster/certificates/wanted/mail.example.org.json",
        "/etc/ringmaster/nginx/sites/mailserver/site.json",
    }


def test_postgresql_of_whatever_version_is_stopped(tmp_path: Path) -> None:
    machine = Machine(tmp_path, ["postgresql@17-main.service", "postgresql.service"])
    machine.leave("postgresql")
    assert machine.units == []
