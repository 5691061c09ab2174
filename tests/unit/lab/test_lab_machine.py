# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is written for a lab machine, and when it is refused."""

from __future__ import annotations

import dataclasses
import json
import os
import shlex
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.ringmaster.hosting.plugins.module_utils.lab import cgroup, machine, machine_files
from ansible_collections.ringmaster.hosting.plugins.module_utils.lab.machine_files import (
    Machine,
    Nic,
    host_keys,
    prepare,
)
from ansible_collections.ringmaster.hosting.plugins.module_utils.lab.run import LabError


@pytest.fixture(autouse=True)
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put control groups and resolvers of the host in place of the real ones."""
    (tmp_path / "cgroup").mkdir()
    (tmp_path / "cgroup/cgroup.controllers").touch()
    monkeypatch.setattr(cgroup, "CGROUPS", tmp_path / "cgroup")
    monkeypatch.setattr(machine_files, "nameservers", lambda: ["192.0.2.53"])


@pytest.fixture
def wanted(tmp_path: Path) -> Machine:
    """Return a machine whose folders need quotes."""
    tree = tmp_path / "a tree"
    (tree / "usr/bin").mkdir(parents=True)
    (tree / "usr/bin/systemctl").touch()
    return Machine(
        lab="test-lab",
        name="mol00",
        state_folder=tmp_path / "state, of a:lab",
        tree=tree,
        nics=[
            Nic("ethsrv", "lab-srv", ["172.20.0.2/22", "2001:db8:3::2/64"], ["172.20.0.1", "2001:db8:3::1"]),
            Nic("fe", "lab-fe"),
        ],
        authorized_keys=["ssh-ed25519 AAAA operator"],
        binds=["/dev/net/tun"],
    )


def test_launcher(wanted: Machine, tmp_path: Path) -> None:
    text = machine_files._launcher(wanted)
    lines = text.splitlines()
    assert lines[0] == "#!/bin/sh"
    assert subprocess.run(["sh", "-n"], input=text, text=True, check=False).returncode == 0
    group = tmp_path / "cgroup/ringmaster/test-lab/mol00"
    assert any(line.startswith(f"for group in {group};") for line in lines)
    mount = shlex.split(next(line for line in lines if line.startswith("mount")))
    escaped = str(wanted.folder).replace(",", "\\,").replace(":", "\\:")
    layers = f"lowerdir={wanted.tree},upperdir={escaped}/upper,workdir={escaped}/work"
    assert mount == ["mount", "-t", "overlay", "overlay", "-o", layers, str(wanted.folder / "root")]
    nspawn = shlex.split(next(line for line in lines if "systemd-nspawn" in line))
    assert nspawn[:3] == ["nsenter", "--net=/run/netns/test-lab", "systemd-nspawn"]
    for option in (
        f"--directory={wanted.folder}/root",
        "--network-veth-extra=v0-mol00:ethsrv",
        "--network-veth-extra=v1-mol00:fe",
        "--bind=/dev/net/tun",
        "--register=no",
    ):
        assert option in nspawn
    for veth, bridge in (("v0-mol00", "lab-srv"), ("v1-mol00", "lab-fe")):
        assert f"ip link set {veth} master {bridge} up" in text


def test_launcher_ends_with_nspawn_unless_it_reboots(wanted: Machine, tmp_path: Path) -> None:
    """Run the launcher with tools that do nothing: nspawn ends with 133 twice, then with 3."""
    tools = tmp_path / "tools"
    tools.mkdir()
    count = tmp_path / "count"
    for name, script in {
        "mount": "exit 0",
        "nsenter": f'case "$2" in systemd-nspawn) ;; *) exit 1 ;; esac\necho >> {count}\n'
        f'[ "$(wc -l < {count})" -lt 3 ] && exit 133\nexit 3',
    }.items():
        (tools / name).write_text(f"#!/bin/sh\n{script}\n")
        (tools / name).chmod(0o755)
    environment = {**os.environ, "PATH": f"{tools}:{os.environ['PATH']}"}
    launcher = subprocess.run(
        ["sh", "-c", f"{machine_files._launcher(wanted)}"],
        env=environment,
        timeout=20,
        check=False,
        capture_output=True,
    )
    assert launcher.returncode == 3, launcher.stderr
    assert len(count.read_text().splitlines()) == 3
    group = (tmp_path / "cgroup/ringmaster/test-lab/mol00/cgroup.procs").read_text()
    assert int(group) > 1


def test_networkd_text() -> None:
    nic = Nic("ethsrv", "lab-srv", ["172.20.0.2/22", "2001:db8:3::2/64"], ["172.20.0.1"])
    assert machine_files._networkd(nic).splitlines() == [
        "[Match]",
        "Name=ethsrv",
        "",
        "[Network]",
        "IPv6AcceptRA=no",
        "LinkLocalAddressing=ipv6",
        "Address=172.20.0.2/22",
        "Address=2001:db8:3::2/64",
        "Gateway=172.20.0.1",
    ]


@pytest.mark.parametrize("name", ["a", "myapp00", "twelve-chars", "thirteen-char", "a-very-long-project-name07"])
def test_names_of_interfaces_are_short_and_unique(wanted: Machine, name: str) -> None:
    first = dataclasses.replace(wanted, name=name)
    other = dataclasses.replace(wanted, name=f"{name}x")
    names = {m.veth(index) for m in (first, other) for index in range(2)}
    assert len(names) == 4
    assert all(len(veth) <= 15 for veth in names)
    assert len(name) > 12 or first.veth(1) == f"v1-{name}"


def test_first_files(wanted: Machine) -> None:
    prepare(wanted)
    etc = wanted.upper / "etc"
    assert (etc / "hostname").read_text() == "mol00\n"
    assert (etc / "resolv.conf").read_text() == "nameserver 192.0.2.53\n"
    assert (etc / "machine-id").read_text() == ""
    assert (wanted.upper / "root/.ssh/authorized_keys").read_text() == "ssh-ed25519 AAAA operator\n"
    assert (wanted.upper / "root/.ssh").stat().st_mode & 0o777 == 0o700
    # The one without addresses is a bridge port to be.
    assert [path.name for path in (etc / "systemd/network").iterdir()] == ["10-ethsrv.network"]
    (key,) = host_keys(wanted)
    assert key.startswith("ssh-ed25519 AAAA")
    assert (etc / "ssh/ssh_host_ed25519_key").stat().st_mode & 0o777 == 0o600


def test_a_second_preparation_leaves_what_the_machine_has_changed(wanted: Machine) -> None:
    prepare(wanted)
    keys = host_keys(wanted)
    (wanted.upper / "etc/hostname").write_text("changed\n")
    (wanted.upper / "etc/machine-id").write_text("0123\n")
    prepare(wanted)
    assert (wanted.upper / "etc/hostname").read_text() == "changed\n"
    prepare(dataclasses.replace(wanted, authorized_keys=["ssh-ed25519 BBBB other"]))
    assert (wanted.upper / "root/.ssh/authorized_keys").read_text() == "ssh-ed25519 BBBB other\n"
    assert (wanted.upper / "etc/machine-id").read_text() == "0123\n"
    assert host_keys(wanted) == keys


FILES = [
    "specification.json",
    "upper/etc/ssh/ssh_host_ed25519_key.pub",
    "upper/etc/systemd/network/10-ethsrv.network",
    "upper/root/.ssh/authorized_keys",
    "launch",
]


@pytest.mark.parametrize("whole", [False, True])
@pytest.mark.parametrize("missing", FILES)
def test_a_half_prepared_machine_is_made_whole(wanted: Machine, missing: str, whole: bool) -> None:
    """A preparation that was killed has written no specification yet, and any of the rest."""
    prepare(wanted)
    (wanted.folder / "specification.json").unlink()
    (wanted.folder / "new_host_key").write_text("half")
    path = wanted.folder / missing
    if whole:
        path.unlink(missing_ok=True)
    else:
        path.write_text("")
        if missing.endswith("key.pub"):
            path.unlink()
    prepare(wanted)
    for name in FILES:
        assert (wanted.folder / name).stat().st_size > 0
    private = wanted.upper / "etc/ssh/ssh_host_ed25519_key"
    shown = subprocess.run(["ssh-keygen", "-y", "-f", str(private)], capture_output=True, text=True, check=True)
    assert host_keys(wanted) == [" ".join(shown.stdout.split()[:2])]


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({}, ""),
        ({"binds": []}, "binds"),
        ({"nics": [Nic("ethsrv", "lab-fe")]}, "nics"),
        ({"authorized_keys": [], "tree": Path("/other")}, "authorized_keys, tree"),
    ],
)
def test_a_running_machine_of_another_specification_is_refused(
    wanted: Machine, changes: dict[str, Any], named: str
) -> None:
    prepare(wanted)
    other = dataclasses.replace(wanted, **changes)
    if not named:
        machine._refuse_other_specification(other)
        return
    with pytest.raises(LabError, match=f"with another {named}: stop the lab first"):
        machine._refuse_other_specification(other)


def test_a_machine_without_a_record_is_refused(wanted: Machine) -> None:
    prepare(wanted)
    (wanted.folder / "specification.json").write_text('{"half')
    with pytest.raises(LabError, match="another"):
        machine._refuse_other_specification(wanted)


def test_a_stopped_machine_does_not_start_over_another_tree(wanted: Machine, tmp_path: Path) -> None:
    prepare(wanted)
    shutil.copytree(wanted.tree, tmp_path / "newer")
    newer = dataclasses.replace(wanted, tree=tmp_path / "newer")
    with pytest.raises(LabError, match=r"made over .*a tree, and now would start over .*newer: take the lab down"):
        machine.started(newer)
    assert machine.started(wanted, dry_run=True) == ["machine mol00"]


def test_without_a_tree_nothing_is_started(wanted: Machine, tmp_path: Path) -> None:
    with pytest.raises(LabError, match="holds no Debian tree with systemd; 'make up' builds one"):
        machine.started(dataclasses.replace(wanted, tree=tmp_path / "none"))


def test_without_control_groups_nothing_is_started(wanted: Machine, tmp_path: Path) -> None:
    (tmp_path / "cgroup/cgroup.controllers").unlink()
    with pytest.raises(LabError, match="control groups cannot be made here"):
        machine.started(wanted)
    assert not wanted.folder.exists()


def test_specification_can_be_recorded(wanted: Machine) -> None:
    assert json.loads(json.dumps(wanted.specification())) == wanted.specification()
