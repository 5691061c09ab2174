# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a hypervisor says of its VMs: read from libvirt's own test driver, judged by its checks."""

from __future__ import annotations

import importlib
import json
import time
from pathlib import Path
from typing import Any

import pytest
from ringmaster.hypervisor import checks

libvirt = pytest.importorskip("libvirt")
main = importlib.import_module("ringmaster.hypervisor.main")
state = importlib.import_module("ringmaster.hypervisor.state")

NODE = """<node>
  <domain type='test'><name>{name}</name><uuid>{uuid}</uuid><memory>1048576</memory><os><type>hvm</type></os>
    <metadata><ringmaster:vm xmlns:ringmaster='urn:ringmaster:vm:1' project='myapp' id='4096' image='x'>
      <ringmaster:pending field='memory_mib' live='1024' wanted='2048' reason='above memory_max'/>
    </ringmaster:vm></metadata></domain>
  <domain type='test'><name>foreign</name><memory>1048576</memory><os><type>hvm</type></os></domain>
  <pool type='dir'><name>ringmaster</name><target><path>/tmp/x</path></target>
    <volume><name>a</name><capacity unit='GiB'>10</capacity><allocation>1</allocation></volume></pool>
</node>"""


@pytest.fixture
def node(tmp_path: Path) -> str:
    path = tmp_path / "node.xml"
    path.write_text(NODE.format(name="myapp00", uuid="b3cbf565-5471-4818-8229-39140514104e"))
    return f"test://{path}"


def test_read_and_written(node: str, tmp_path: Path) -> None:
    found = state.read(node, "ringmaster")
    assert list(found["vms"]) == ["myapp00"]
    vm = found["vms"]["myapp00"]
    assert (vm["state"], vm["project"], vm["memory_mib"]) == ("running", "myapp", 1024)
    assert vm["pending_restart"] == [
        {"field": "memory_mib", "live": 1024, "wanted": 2048, "reason": "above memory_max"}
    ]
    assert found["pool"]["promised_mib"] == 10 * 1024
    text = state.metrics(found)
    assert 'ringmaster_vm_state{vm="myapp00",state="running"} 1' in text
    assert 'ringmaster_vm_pending_restart{vm="myapp00"} 1' in text
    assert main.main(["--uri", node, "--folder", str(tmp_path)]) == 0
    assert json.loads((tmp_path / "vms.json").read_text())["vms"]["myapp00"]["state"] == "running"
    assert (tmp_path / "textfile/vms.prom").read_text() == text


def test_without_libvirt_it_says_so_and_old_metrics_go(node: str, tmp_path: Path) -> None:
    assert main.main(["--uri", node, "--folder", str(tmp_path)]) == 0
    assert main.main(["--uri", f"test://{tmp_path}/missing", "--folder", str(tmp_path)]) == 1
    assert json.loads((tmp_path / "vms.json").read_text())["error"]
    assert not (tmp_path / "textfile/vms.prom").exists()


CARDS = """<domain><devices>
  <interface type='bridge'><target dev='vnet0'/><filterref filter='ringmaster-dual'/></interface>
  <interface type='bridge'><target dev='vnet1'/><filterref filter='ringmaster-dual'/></interface>
  <interface type='bridge'><target dev='vnet2'/></interface>
</devices></domain>"""


def test_which_cards_are_filtered() -> None:
    found = state._cards(CARDS, {"PREROUTING", "libvirt-I-vnet0", "libvirt-I-vnet11"})
    assert found == {"vnet0": "filtered", "vnet1": "lost", "vnet2": "free"}
    assert set(state._cards(CARDS, None).values()) == {"unknown", "free"}


def vm(**values: Any) -> dict[str, Any]:
    return {"state": "running", "wanted": True, "memory_mib": 1024, "pending_restart": [], "cards": {}, **values}


def figures(age: float = 10, error: str = "", **vms: dict[str, Any]) -> dict[str, Any]:
    pool = {"active": True, "capacity_mib": 102400, "used_mib": 50000, "promised_mib": 60000}
    return {"time": NOW - age, "error": error, "vms": vms, "pool": pool}


NOW = time.time()
"""When the figures below were made; a slow run tests them much later."""
POOL = {"capacity_mib": 102400, "warning": 80, "critical": 90}


@pytest.mark.parametrize(
    ("check", "arguments", "found", "status", "words"),
    [
        ("libvirt_answers", {}, figures(a=vm(), b=vm(state="stopped")), 0, "1 of 2 VMs run"),
        ("libvirt_answers", {}, figures(age=600), 2, "Nothing has been heard of libvirt for 1"),
        ("libvirt_answers", {}, figures(error="no socket"), 2, "does not answer: no socket"),
        ("vms", {}, figures(a=vm()), 0, "All VMs"),
        ("vms", {}, figures(a=vm(state="stopped", wanted=False)), 0, "All VMs"),
        ("vms", {}, figures(a=vm(state="stopped"), b=vm(state="paused")), 2, "paused: b; shall run and do not: a"),
        ("vms", {}, figures(error="no socket"), 3, "Nothing is known"),
        ("restarts", {}, figures(a=vm(pending_restart=[{"field": "cores"}])), 0, "Wait for a restart: a"),
        ("anti_spoofing", {}, figures(a=vm(cards={"v0": "filtered", "v1": "filtered"})), 0, "2 network cards are"),
        ("anti_spoofing", {}, figures(a=vm(cards={"v0": "unknown"})), 3, "cannot be read"),
        ("anti_spoofing", {}, figures(a=vm(cards={"vnet0": "lost", "vnet1": "filtered"})), 2, "filters: a (vnet0)."),
        ("anti_spoofing", {}, figures(a=vm(), b=vm(cards={"vnet4": "free"})), 0, "not filtered by choice: b."),
        ("pool", POOL, figures(), 0, "49 % full"),
        ("pool", {**POOL, "warning": 40}, figures(), 1, "49 % full"),
        ("pool", {**POOL, "critical": 45}, figures(), 2, "49 % full"),
        ("pool", {**POOL, "capacity_mib": 51200}, figures(), 1, "117 % of 50 GiB are promised"),
        ("memory", {"capacity_mib": 4096, "warning": 95}, figures(a=vm(), b=vm()), 0, "2048 MiB of 4096 MiB (50 %)"),
        ("memory", {"capacity_mib": 2100, "warning": 95}, figures(a=vm(), b=vm()), 1, "(98 %)"),
        ("memory", {"capacity_mib": 2000, "warning": 95}, figures(a=vm(), b=vm()), 2, "(102 %)"),
    ],
)
def test_checks(  # noqa: PLR0917
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    check: str,
    arguments: dict[str, Any],
    found: dict[str, Any],
    status: int,
    words: str,
) -> None:
    monkeypatch.setattr(checks, "STATE", tmp_path / "vms.json")
    monkeypatch.setattr(checks.time, "time", lambda: NOW)
    (tmp_path / "vms.json").write_text(json.dumps(found))
    result = getattr(checks, check)(**arguments)
    assert result[0] == status and words in result[1], result


def test_bridges(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "INTERFACES", tmp_path)
    for name, flags, port in (("good", "0x1003", "eno1"), ("down", "0x1002", "eno2"), ("bare", "0x1003", "")):
        (tmp_path / name / "bridge").mkdir(parents=True)
        (tmp_path / name / "brif").mkdir()
        (tmp_path / name / "flags").write_text(flags + "\n")
        if port:
            (tmp_path / name / "brif" / port).touch()
    assert checks.bridges(["good"]) == (0, "The bridges are up (good).")
    assert checks.bridges(["good", "down", "bare", "none"]) == (
        2,
        "Bridges: down is down, bare has no port, none is missing.",
    )
