# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""bin/lab: what it refuses with which sentence, keys, and the summary."""

from __future__ import annotations

import fcntl
import json
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.ringmaster.hosting.plugins.module_utils.lab import progress
from programs import load

pytestmark = pytest.mark.thorough

ROOT = Path(__file__).resolve().parents[3]
GIB = 2**30

tool = load(ROOT / "bin/lab")


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return a lab on a machine that can hold one: root, a tun device, space."""
    platform = tmp_path / "platform"
    (platform / "users").mkdir(parents=True)
    (platform / "platform.ringmaster.yml").touch()
    for name in ("bob", "alice"):
        (platform / f"users/{name}.yml").touch()
    monkeypatch.setattr(tool.os, "geteuid", lambda: 0)
    monkeypatch.setattr(tool, "TUN", tmp_path / "tun")
    monkeypatch.setattr(tool, "NAMESPACES", tmp_path / "netns")
    (tmp_path / "tun").touch()
    (tmp_path / "netns").mkdir()
    disk(monkeypatch, 50)
    return tool.Lab(name="test-lab", platform=platform, folder=tmp_path / ".lab")


def disk(monkeypatch: pytest.MonkeyPatch, free_gib: float, used_gib: float = 0) -> None:
    usage = SimpleNamespace(free=int(free_gib * GIB))
    monkeypatch.setattr(tool.shutil, "disk_usage", lambda folder: usage)
    monkeypatch.setattr(tool, "used_gib", lambda folder: used_gib)


def refusal(capsys: pytest.CaptureFixture[str], action: Any, *arguments: Any) -> str:
    """Return the one sentence that an action ends with."""
    with pytest.raises(SystemExit) as end:
        action(*arguments)
    assert end.value.code == 1
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1, lines
    assert lines[0].startswith("ringmaster: ")
    return lines[0].removeprefix("ringmaster: ")


def test_a_machine_that_can_hold_a_lab(lab: Any) -> None:
    tool.preflight(lab)


def test_not_root(lab: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(tool.os, "geteuid", lambda: 1000)
    monkeypatch.setattr(sys, "argv", ["bin/lab", "up"])
    assert "needs root" in refusal(capsys, tool.main)


def test_no_platform(lab: Any, capsys: pytest.CaptureFixture[str]) -> None:
    lab.source.unlink()
    sentence = refusal(capsys, tool.preflight, lab)
    assert f"{lab.source} does not exist" in sentence
    assert "PLATFORM=" in sentence


def test_no_tun_device(lab: Any, capsys: pytest.CaptureFixture[str]) -> None:
    tool.TUN.unlink()
    sentence = refusal(capsys, tool.preflight, lab)
    assert "is missing" in sentence
    assert "'modprobe tun'" in sentence


@pytest.mark.parametrize(
    ("free", "used", "enough"),
    [(10.1, 0, True), (9.9, 0, False), (7, 3.5, True), (7, 2.5, False), (1.5, 20, True), (0.9, 20, False)],
)
def test_space(
    *,
    lab: Any,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    free: float,
    used: float,
    enough: bool,
) -> None:
    """What an earlier run has built counts: it need not be built again."""
    disk(monkeypatch, free, used)
    if enough:
        tool.preflight(lab)
        return
    sentence = refusal(capsys, tool.preflight, lab)
    assert f"has {free:.1f} GiB free, and a lab needs 10 GiB" in sentence
    assert "'make clean'" in sentence


def test_used_space_is_measured(tmp_path: Path) -> None:
    with (tmp_path / "sparse").open("wb") as file:
        file.truncate(5 * GIB)
    (tmp_path / "full").write_bytes(b"x" * 2**20)
    assert 0.9 / 1024 < tool.used_gib(tmp_path) < 0.1
    assert tool.used_gib(tmp_path / "none") == 0


@pytest.mark.parametrize("action", ["preflight", "down"])
def test_a_foreign_namespace(lab: Any, capsys: pytest.CaptureFixture[str], action: str) -> None:
    lab.namespace.touch()
    sentence = refusal(capsys, getattr(tool, action), lab)
    assert "a network namespace test-lab exists already, and this checkout did not make it" in sentence
    assert "LAB=" in sentence
    lab.state.mkdir(parents=True)
    tool.preflight(lab)


@pytest.mark.parametrize("name", ["../x", "", "-x", "a b", "x/y", "x" * 42, "."])
def test_names_that_are_no_lab(name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "argv", ["bin/lab", f"--lab={name}", "up"])
    assert "is no name for a lab" in refusal(capsys, tool.main)


def test_no_python_environment(
    lab: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setattr(tool, "ROOT", tmp_path)
    monkeypatch.setattr(sys, "argv", ["bin/lab", "status"])
    assert refusal(capsys, tool.main) == "the Python environment is missing: run 'make ready'"


def test_a_second_run_at_once(lab: Any, capsys: pytest.CaptureFixture[str]) -> None:
    lab.folder.mkdir()
    with (lab.folder / "test-lab.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        sentence = refusal(capsys, tool.up, lab)
    assert "another run works on lab test-lab" in sentence
    with lab.locked():
        pass


@pytest.mark.parametrize(
    ("action", "arguments", "sentence"),
    [
        ("ssh", ("myapp00", "bob", ""), "lab test-lab is down: bring it up with 'make up'"),
        ("ssh", ("myapp07", "bob", ""), "there is no VM myapp07; there are: hv0, myapp00"),
        ("ssh", ("myapp00", "mallory", ""), "there is no key of mallory"),
    ],
)
def test_refused_logins(
    *,
    lab: Any,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    action: str,
    arguments: tuple[str, str, str],
    sentence: str,
) -> None:
    if "down" not in sentence:
        lab.namespace.touch()
    lab.keys.mkdir(parents=True)
    monkeypatch.setattr(lab.__class__, "inventory", lambda self: INVENTORY)
    assert sentence in refusal(capsys, getattr(tool, action), lab, *arguments)


@pytest.mark.parametrize(
    ("device", "cpuinfo", "works"),
    [
        (True, "flags\t\t: fpu vmx sse", True),
        (True, "flags\t\t: fpu svm sse", True),
        (True, "flags\t\t: fpu sse", False),
        (True, "model name\t: vmx\nflags\t\t: vmxish", False),
        (True, "", False),
        (False, "flags\t\t: vmx", False),
    ],
)
def test_kvm_works(device: bool, cpuinfo: str, works: bool, tmp_path: Path) -> None:
    (tmp_path / "dev").mkdir()
    (tmp_path / "proc").mkdir()
    if device:
        (tmp_path / "dev/kvm").touch()
    (tmp_path / "proc/cpuinfo").write_text(cpuinfo + "\n")
    assert tool.kvm_works(tmp_path) is works


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_keys_are_made_once(lab: Any) -> None:
    tool.make_keys(lab.keys, lab.people())
    first = contents(lab.keys)
    assert sorted(first) == sorted(["alice", "alice.pub", "bob", "bob.pub", "operator", "operator.pub", "secrets.yml"])
    assert lab.keys.stat().st_mode & 0o777 == 0o700
    assert all((lab.keys / name).stat().st_mode & 0o077 == 0 for name in ("alice", "operator", "secrets.yml"))
    tool.make_keys(lab.keys, lab.people())
    assert contents(lab.keys) == first


@pytest.mark.parametrize("left", ["bob", "bob.pub", ".bob.new", ".bob.new .bob.new.pub", "bob .bob.new"])
def test_a_half_made_key_is_made_anew(lab: Any, left: str) -> None:
    lab.keys.mkdir(parents=True)
    for name in left.split():
        (lab.keys / name).write_text("half")
    (lab.keys / "secrets.new").write_text("half")
    tool.make_keys(lab.keys, lab.people())
    shown = subprocess.run(["ssh-keygen", "-y", "-f", lab.keys / "bob"], capture_output=True, text=True, check=True)
    assert shown.stdout.split()[:2] == (lab.keys / "bob.pub").read_text().split()[:2]
    assert (lab.keys / "secrets.yml").read_text().startswith("platform_secret: ")
    assert not [name for name in contents(lab.keys) if "new" in name]


VM = {
    "ansible_host": "172.20.1.1",
    "ringmaster_fqdn": "myapp00.ringmaster.example",
    "ringmaster_hypervisor": "hv0",
    "ringmaster_cores": 2,
    "ringmaster_memory_mib": 1024,
    "ringmaster_disk_gib": 10,
    "ringmaster_fe_ipv4": "",
    "ringmaster_fe_ipv6": "2001:db8:2::1000",
    "ringmaster_srv_ipv4": "172.20.1.1",
    "ringmaster_srv_ipv6": "2001:db8:3::1000",
    "ringmaster_components": ["redis", "nginx"],
    "ringmaster_roster": {
        "people": [
            {"name": "alice", "state": "locked", "permissions": ["login"]},
            {"name": "bob", "state": "active", "permissions": ["login"]},
        ]
    },
}
HV = {"ansible_host": "10.77.0.10", "ringmaster_domain": "ringmaster.example"}
INVENTORY = {
    "vms": {"hosts": ["myapp00"]},
    "service_status": {"hosts": ["hv0"]},
    "_meta": {"hostvars": {"myapp00": VM, "hv0": HV}},
}
CHECKS = [
    {"component": "redis", "check": "ping", "status": 0, "output": "answers"},
    {"component": "base", "check": "disk", "status": 2, "output": "full"},
]


def answer(monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    """Let a shell script stand for ssh to a VM."""
    monkeypatch.setattr(tool.Lab, "ssh", lambda _self, *_words: ["sh", "-c", script])


def saying(value: Any) -> str:
    """Return a script that prints a value as JSON."""
    return f"printf %s {shlex.quote(json.dumps(value))}"


def test_summary(lab: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(lab.__class__, "inventory", lambda self: INVENTORY)
    answer(monkeypatch, saying({"checks": CHECKS}))
    lab.timings = [("VM image", 12.34), ("site.yml", 100.0)]
    lab.keys.mkdir(parents=True)
    for name in ("alice", "bob", "carol", "operator"):
        (lab.keys / f"{name}.pub").touch()
    monkeypatch.setattr(tool.hints, "way_here", lambda _environment, _name: "root@controller")
    monkeypatch.setattr(tool.forward, "running", lambda _lab, _state: tool.forward.Forward({"status.test-lab": 8401}))
    tool.summary(lab)
    given = f"LAB=test-lab PLATFORM={lab.platform}"
    told = f"password as printed when it was made; 'make open {given} PASSWORD=new' makes another"
    assert (
        capsys.readouterr().out
        == f"""
myapp00  (myapp00.ringmaster.example, on hv0)
  size        2 cores, 1024 MiB memory, 10 GiB disk
  ethfe       2001:db8:2::1000
  ethsrv      172.20.1.1  2001:db8:3::1000
  components  redis, nginx
  checks      OK       redis/ping: answers
              CRITICAL base/disk: full

Time:
     12.3 s  VM image
    100.0 s  site.yml
    112.3 s  in all

Log in:
  make ssh {given} VM=myapp00 AS=bob

Open in a browser on this machine:
  http://status.test-lab.localhost:8401/      status pages
  http://status.test-lab.localhost:8401/all/  all projects and machines, for operators: user operator,
                                              {told}
From a laptop, the same addresses, while this runs there:
  ssh -N -L 8401:127.0.0.1:8401 root@controller
If a browser insists on https or does not find the names: the same with 127.0.0.1 in place of the name.
"""
    )


def test_status_opens_nothing(lab: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(lab.__class__, "inventory", lambda self: INVENTORY)
    answer(monkeypatch, saying({"checks": CHECKS}))
    tool.summary(lab)
    assert "Pages: 'make open LAB=test-lab PLATFORM=" in capsys.readouterr().out
    assert not lab.state.exists()


def test_up_opens_pages_and_ends_well_when_it_cannot(
    lab: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(lab.__class__, "inventory", lambda self: INVENTORY)
    answer(monkeypatch, saying({"checks": CHECKS}))

    def refuse(*_arguments: object, **_options: object) -> None:
        raise tool.LabError("no port is free")

    monkeypatch.setattr(tool.forward, "present", refuse)
    tool.summary(lab, opens=True)
    assert "No pages can be opened from here: no port is free\n" in capsys.readouterr().out
    lab.namespace.touch()
    lab.state.mkdir(parents=True)
    assert refusal(capsys, tool.open_pages, lab, False) == "no port is free"


def test_links_of_a_lab_that_is_down_or_has_none(
    lab: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    sentence = refusal(capsys, tool.open_pages, lab, False)
    assert sentence.startswith("lab test-lab is down: bring it up with 'make up LAB=test-lab PLATFORM=")
    lab.namespace.touch()
    lab.state.mkdir(parents=True)
    monkeypatch.setattr(lab.__class__, "inventory", lambda self: {**INVENTORY, "service_status": {"hosts": []}})
    assert "this platform has no pages" in refusal(capsys, tool.open_pages, lab, False)


@pytest.mark.parametrize(
    "script",
    [
        "exit 1",
        "echo nonsense",
        "echo {}",
        "echo []",
        "sleep 60",
        "exec cat /dev/zero",
        saying({"checks": [{}]}),
        saying({"checks": [{**CHECKS[0], "status": 9}]}),
        saying({"checks": [{**CHECKS[0], "check": "\x1b[2J"}]}),
    ],
)
def test_a_vm_that_does_not_tell_or_lies(
    lab: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], script: str
) -> None:
    monkeypatch.setattr(lab.__class__, "inventory", lambda self: INVENTORY)
    monkeypatch.setattr(tool.checks, "LIMITS", tool.checks.bounded.Limits(1_000_000, 3))
    answer(monkeypatch, script)
    tool.summary(lab)
    assert "  checks      UNKNOWN: the VM did not tell" in capsys.readouterr().out


def test_words_of_checks_move_no_terminal(
    lab: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(lab.__class__, "inventory", lambda self: INVENTORY)
    answer(monkeypatch, saying({"format": 1, "checks": [{**CHECKS[1], "output": "\x1b[2J full\x1b"}]}))
    tool.summary(lab)
    assert "  checks      CRITICAL base/disk: \\x1b[2J full\\x1b\n" in capsys.readouterr().out


def test_a_vm_that_has_nothing_allocated_yet(
    lab: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """An up that was cut short: status tells so."""
    hostvars = {"myapp00": {"ringmaster_components": []}}
    groups = {"vms": {"hosts": ["myapp00"]}, "unallocated": {"hosts": ["myapp00"]}}
    monkeypatch.setattr(lab.__class__, "inventory", lambda self: {**groups, "_meta": {"hostvars": hostvars}})
    tool.summary(lab)
    assert "myapp00  (not there yet: 'make up LAB=test-lab PLATFORM=" in capsys.readouterr().out


def test_status_of_a_lab_that_is_down(lab: Any, capsys: pytest.CaptureFixture[str]) -> None:
    tool.status(lab)
    assert capsys.readouterr().out == "Lab test-lab is down. 'make up' brings it up.\n"


def test_a_failing_step_and_a_silent_one(
    lab: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(progress, "HEARTBEAT_SECONDS", 0.5)
    tool.run_step(lab, "sleep", ["sh", "-c", "sleep 2.2; echo $COLOUR"], COLOUR="red")
    shown = capsys.readouterr().out
    assert shown.startswith("\n== sleep\n")
    assert "   ... sleep: still running after 1 s\n" in shown
    assert shown.endswith("red\n")
    with pytest.raises(tool.StepFailed, match="refuse"):
        tool.run_step(lab, "refuse", ["false"])
    assert [title for title, _seconds in lab.timings] == ["sleep", "refuse"]


PLAYS = """\
- name: Prepare
  hosts: localhost
  gather_facts: false
  tasks:
    - name: Change it
      ansible.builtin.command: "true"
    - name: Break it
      ansible.builtin.command: sh -c 'echo why-it-broke; exit 3'
      when: broken | bool
"""
ON_A_TERMINAL = """\
import pathlib, sys
sys.path.insert(0, sys.argv[1])
from programs import load
tool = load(pathlib.Path(sys.argv[2]))
lab = tool.Lab("test-lab", pathlib.Path("."))
tool.run_step(lab, "site.yml", sys.argv[3:], is_live=True, **tool.calm())
"""


@pytest.fixture
def playbook(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return a command line of ansible-playbook, with times of its own."""
    monkeypatch.setenv("RINGMASTER_PROGRESS_TIMES", str(tmp_path / "times"))
    monkeypatch.setenv("ANSIBLE_INVENTORY_ENABLED", "host_list")
    monkeypatch.delenv("ANSIBLE_STDOUT_CALLBACK", raising=False)
    book = tmp_path / "site.yml"
    book.write_text(PLAYS)
    program = str(Path(sys.executable).with_name("ansible-playbook"))
    own = f"ansible_python_interpreter={sys.executable}"
    return [program, "-i", "localhost,", "-c", "local", str(book), "-e", own, "-e"]


def test_a_long_run_is_a_line_for_each_play_and_what_fails_is_shown_in_full(
    lab: Any, playbook: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    tool.run_step(lab, "site.yml", [*playbook, "broken=false"], is_live=True, **tool.calm())
    shown = capsys.readouterr().out
    assert "✓ Prepare  1 changed" in shown
    assert "TASK [" not in shown and "\r" not in shown, "it is a log, no terminal"
    with pytest.raises(tool.StepFailed):
        tool.run_step(lab, "site.yml", [*playbook, "broken=true"], is_live=True, **tool.calm())
    shown = capsys.readouterr().out
    assert "why-it-broke" in shown and "Break it" in shown and "✗ Prepare  1 failed" in shown


def test_on_a_terminal_a_long_run_shows_what_it_is_at(playbook: list[str]) -> None:
    own = [str(ROOT / "tests/unit"), str(ROOT / "bin/lab")]
    command = shlex.join([sys.executable, "-c", ON_A_TERMINAL, *own, *playbook, "broken=false"])
    done = subprocess.run(["script", "-qec", command, "/dev/null"], capture_output=True, check=True)
    shown = done.stdout.decode()
    assert re.search(r"\r\033\[K  … Prepare  \d+ s · Change it", shown)
    assert "✓ Prepare  1 changed" in shown


def test_who_wants_another_view_of_a_long_run_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANSIBLE_STDOUT_CALLBACK", "ansible.builtin.default")
    assert tool.calm() == {"ANSIBLE_STDOUT_CALLBACK": "ansible.builtin.default"}


def test_down_needs_no_platform(lab: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.rmtree(lab.platform)
    steps: list[list[str]] = []
    monkeypatch.setattr(tool, "run_step", lambda lab, title, argv, **variables: steps.append(argv))
    tool.down(lab)
    (argv,) = steps
    assert argv[1:3] == ["-i", "localhost,"]
    assert '"lab_state": "down"' in argv[argv.index("-e") + 1]
    assert not lab.keys.exists()
