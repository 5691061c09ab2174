# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Moving a VM between two private libvirtds. Only ssh is replaced, by a script that does what sshd would."""

from __future__ import annotations

import dataclasses
import multiprocessing
import os
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import conftest as fixtures
import libvirt
import libvirt_samples as samples
import pytest
from ansible_collections.ringmaster.hosting.plugins.module_utils.libvirt import (
    connection,
    facts,
    model,
    move,
    move_model,
)
from ansible_collections.ringmaster.hosting.plugins.module_utils.libvirt.errors import HypervisorError

NAMES = model.volume_names("myapp00", samples.UUID)


class Pair:
    """Source and target of a move, with its steps."""

    def __init__(self, source: Any, target: Any) -> None:
        self.source, self.target = source, target
        self.token = ""
        self.home = target.folder / "home"
        self.home.mkdir()
        (target.folder / "host.pub").write_text("ssh-ed25519 AAAA target\n")

    def step(self, where: Any, step: str, **values: Any) -> dict[str, Any]:
        """Do one step on one of the two."""
        values = {"to": "hv1", **values}
        given = move_model.Move(
            name="myapp00",
            uuid=samples.UUID,
            uri=where.options.uri,
            stop_timeout=0.3,
            home=self.home,
            runtime=where.folder / "run",
            host_key_file=self.target.folder / "host.pub",
            lock_directory=where.folder / "locks",
            console_directory=Path(where.options.console_directory),
            **values,
        )
        return move.run(step, given, check=False)

    def prepare(self, offer: dict[str, Any], **values: Any) -> dict[str, Any]:
        """Let the target make ready for what the source offered."""
        keys = ("image", "root_bytes", "root_path", "left", "file_bytes", "token", "public_key")
        return self.step(
            self.target, "prepare", source_address="10.0.0.1", **{key: offer[key] for key in keys}, **values
        )

    def copy(self, live: bool = False, **release: Any) -> dict[str, Any]:
        """Do all that comes before the definition on the target."""
        offer = self.step(self.source, "offer")
        ready = self.prepare(offer, live=live)
        digests: dict[str, str] = {}
        self.token = offer["token"]
        where = {
            "target_address": "10.0.0.2",
            "target_host_key": ready["host_key"],
            "image": offer["image"],
            "token": self.token,
        }
        if "image" in ready["files"]:
            digests.update(self.step(self.source, "send", files=("image",), **where)["digests"])
        self.step(
            self.source, "release", token=self.token, live=live, **{"target_uri": self.target.options.uri, **release}
        )
        if ready["shared"]:
            self.step(self.target, "forbid", token=self.token)
            return {**offer, **ready}
        digests.update(self.step(self.source, "send", files=("root",), **where)["digests"])
        self.step(self.target, "receive", image=offer["image"], digests=digests)
        self.step(self.target, "forbid", token=self.token)
        return {**offer, **ready}

    def define(self, state: str) -> dict[str, Any]:
        """Converge the VM on the target."""
        return self.target.one(hypervisor="hv1", root_must_exist=True, state=state, autostart=state == "running")


@pytest.fixture
def pair(machine: Any, second_machine: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Pair:
    tools = tmp_path / "tools"
    tools.mkdir()
    (tools / "ssh").symlink_to(Path(__file__).with_name("ssh-to-target"))
    monkeypatch.setenv("PATH", f"{tools}:{os.environ['PATH']}")
    made = Pair(machine, second_machine)
    monkeypatch.setenv("TARGET_HOME", str(made.home))
    machine.settle()
    machine.settle(state="stopped")
    # Something that only this disk has.
    write = ["-c", "write -P 0x5a 1M 64k"]
    subprocess.run(["qemu-io", "-f", "qcow2", *write, str(disk(machine))], check=True, capture_output=True)
    machine.settle(state="running")
    return made


def disk(machine: Any) -> Path:
    return machine.folder / "pool" / NAMES["root"]


def has_the_data(machine: Any) -> bool:
    read = ["-c", "read -P 0x5a 1M 64k"]
    argv = ["qemu-io", "-U", "-r", "-f", "qcow2", *read, str(disk(machine))]
    done = subprocess.run(argv, capture_output=True, check=False)
    return done.returncode == 0 and b"verification failed" not in done.stdout


def running(machine: Any) -> bool | None:
    """Whether the VM runs there; None when it is not defined there."""
    with connection.connect(machine.options.uri) as opened:
        domain = connection.found(opened.lookupByUUIDString, samples.UUID)
        return None if domain is None else bool(domain.isActive())


def test_move(pair: Pair) -> None:
    pair.copy()
    assert (running(pair.source), running(pair.target)) == (False, None)
    # Whoever converges the source meanwhile does not start it.
    assert "must not run twice" in pair.source.one()["msg"]
    assert "msg" not in pair.define("present")
    assert running(pair.target) is False
    done = pair.define("running")
    assert "msg" not in done, done
    assert (running(pair.source), running(pair.target)) == (False, True)
    pair.step(pair.source, "remove", token=pair.token)
    assert running(pair.source) is None
    assert [path.name for path in (pair.source.folder / "pool").iterdir()] == [fixtures.IMAGE]
    assert has_the_data(pair.target)
    image = pair.target.folder / "pool" / fixtures.IMAGE
    assert image.stat().st_mode & 0o777 == 0o444
    chain = subprocess.check_output(["qemu-img", "info", "-U", str(disk(pair.target))], text=True)
    assert f"backing file: {image}" in chain
    # The target accepts no key any more, and the source has none.
    assert (pair.home / ".ssh/authorized_keys").read_text() == ""
    assert not (pair.source.folder / "run/move-myapp00").exists()
    with connection.connect(pair.target.options.uri) as opened:
        domain = opened.lookupByUUIDString(samples.UUID)
        assert facts.parse_domain(domain.XMLDesc()).fields["nics.ethfe.mac"] == "02:01:02:00:10:13"


def test_the_key_is_for_two_files_only(pair: Pair) -> None:
    (pair.home / ".ssh").mkdir()
    (pair.home / ".ssh/authorized_keys").write_text("ssh-ed25519 AAAA somebody else")
    offer = pair.step(pair.source, "offer")
    pair.prepare(offer)
    old, line = (pair.home / ".ssh/authorized_keys").read_text().splitlines()
    assert old == "ssh-ed25519 AAAA somebody else"
    assert line.startswith('restrict,from="10.0.0.1",expiry-time="')
    refused = subprocess.run(["ssh", "root@10.0.0.2", "cat /etc/shadow"], capture_output=True, check=False)
    assert (refused.returncode, refused.stdout) == (1, b"")
    # OpenSSH itself reads the line as an entry with options.
    checked = subprocess.check_output(["ssh-keygen", "-l", "-f", str(pair.home / ".ssh/authorized_keys")], text=True)
    assert "ringmaster-move-myapp00" in checked


def test_cut_short_and_done_again(pair: Pair) -> None:
    """After every point at which a run may end, the same run once more ends well, and nothing runs twice."""
    pair.copy()
    pair.copy()
    pair.define("present")
    # The ledger still names the source, so the copy is made again.
    pair.copy()
    assert running(pair.target) is None
    pair.define("present")
    pair.define("running")
    pair.step(pair.source, "remove", token=pair.token)
    assert pair.step(pair.source, "remove", token=pair.token) == {"changed": False}
    assert has_the_data(pair.target)


def test_of_two_runs_the_first_stops_without_a_loss(pair: Pair) -> None:
    """The second run begins while the first one is about to delete the source."""
    pair.copy()
    pair.define("present")
    first = pair.token
    offer = pair.step(pair.source, "offer")
    pair.prepare(offer)
    for step in ("release", "remove"):
        with pytest.raises(HypervisorError, match="another run moves"):
            pair.step(pair.source, step, token=first)
    assert disk(pair.source).exists()
    # What the first one does in the end takes nothing from the second one.
    pair.step(pair.target, "forbid", token=first)
    assert (pair.home / ".ssh/authorized_keys").read_text().endswith(f" {offer['token']}\n")
    pair.copy()
    pair.define("present")
    pair.define("running")
    pair.step(pair.source, "remove", token=pair.token)
    assert has_the_data(pair.target)


def test_called_off(pair: Pair) -> None:
    """The VM runs where it was, and the copy is gone."""
    pair.copy()
    pair.define("present")
    with pytest.raises(HypervisorError, match="call_off=true"):
        pair.step(pair.source, "reclaim")
    back = pair.step(pair.source, "reclaim", call_off=True)
    assert back["present"]
    assert pair.step(pair.target, "discard", to="", token=back["token"])["changed"]
    # The run that was called off goes no further.
    with pytest.raises(HypervisorError, match="called this move off"):
        pair.step(pair.source, "release", token=pair.token)
    pair.step(pair.source, "tidy")
    assert running(pair.target) is None
    assert pair.source.settle()["state"] == "running"
    assert has_the_data(pair.source)
    assert sorted(path.name for path in (pair.source.folder / "pool").iterdir()) == sorted(
        [fixtures.IMAGE, *NAMES.values()]
    )


def test_damage_on_the_way_is_found(pair: Pair) -> None:
    """What arrives is compared with what was sent before anything is defined."""
    offer = pair.step(pair.source, "offer")
    pair.prepare(offer)
    with pytest.raises(HypervisorError, match="arrived with SHA-256"):
        pair.step(pair.target, "receive", image=offer["image"], digests={"root": "0" * 64})
    assert running(pair.source) is True


def test_no_disk_is_sent_while_the_vm_runs(pair: Pair) -> None:
    """The step refuses."""
    pair.step(pair.source, "offer")
    with pytest.raises(HypervisorError, match="off and marked"):
        pair.step(pair.source, "send", files=("root",), target_address="10.0.0.2")


def test_a_vm_that_runs_on_the_target_stays(pair: Pair) -> None:
    """Somebody started it there: no step touches either of them."""
    pair.copy()
    pair.define("present")
    pair.define("running")
    offer = pair.step(pair.source, "offer")
    with pytest.raises(HypervisorError, match="runs here already"):
        pair.step(pair.target, "prepare", image=offer["image"])
    with pytest.raises(HypervisorError, match="or stop it"):
        pair.step(pair.target, "discard")
    with pytest.raises(HypervisorError, match="not marked as moved"):
        pair.step(pair.target, "remove")
    assert running(pair.target) is True


def test_without_its_disk_it_is_not_made_from_the_image(pair: Pair) -> None:
    """A fenced source whose disk cannot be seen: the target does not begin with an empty one."""
    assert pair.step(pair.target, "look")["present"] is False
    assert "over its own disk only" in pair.define("running")["msg"]
    assert running(pair.target) is None


@pytest.fixture
def sharing(pair: Pair) -> Pair:
    """Both pools are the same folder, and no disk is cached."""
    with connection.connect(pair.target.options.uri) as opened:
        pool = opened.storagePoolLookupByName("ringmaster")
        pool.destroy()
        pool.undefine()
    fixtures.pools.ensure(pair.target.options.uri, "ringmaster", str(pair.source.folder / "pool"), check=False)
    return pair


def test_shared_storage_is_recognised_and_its_disks_stay(sharing: Pair) -> None:
    """Nothing is copied, and removing the source leaves the disks."""
    pair = sharing
    moved = pair.copy()
    assert (moved["shared"], moved["files"]) == (True, [])
    assert "msg" not in pair.define("present")
    assert "msg" not in pair.define("running")
    pair.step(pair.source, "remove", shared=True, token=pair.token)
    assert running(pair.source) is None
    assert running(pair.target) is True
    assert disk(pair.source).exists()
    assert not list((pair.target.folder / "pool").iterdir())


@pytest.fixture
def uncached(sharing: Pair) -> Pair:
    """The disks of the VM, which runs, are not cached, so that the other hypervisor sees what is written."""
    for machine in (sharing.source, sharing.target):
        console = sharing.source.options.console_directory
        machine.options = dataclasses.replace(machine.options, disk_cache="none", console_directory=console)
    sharing.source.one(state="restarted")
    return sharing


def test_a_vm_on_shared_storage_goes_on_running(uncached: Pair) -> None:
    """It is defined on the target, and the source does not start it again."""
    pair = uncached
    moved = pair.copy(live=True)
    assert (moved["shared"], moved["obstacle"]) == (True, "")
    assert (running(pair.source), running(pair.target)) == (False, True)
    # Nothing starts it on the source again, and the target knows it as its own: nothing is left to do.
    assert "must not run twice" in pair.source.one()["msg"]
    assert pair.define("present")["actions"] == []
    assert [one["action"] for one in pair.define("running")["actions"]] == ["set_autostart"]
    with pair.target.domain() as domain:
        assert domain.state() == [libvirt.VIR_DOMAIN_RUNNING, libvirt.VIR_DOMAIN_RUNNING_MIGRATED]
    assert (pair.home / ".ssh/authorized_keys").read_text() == ""
    pair.step(pair.source, "remove", shared=True, token=pair.token)
    assert (running(pair.source), running(pair.target)) == (None, True)
    assert disk(pair.source).exists()
    # The definition is whole: the VM comes back from it.
    assert "msg" not in pair.target.one(hypervisor="hv1", state="restarted")


def test_a_vm_that_goes_on_running_comes_to_the_bridges_of_the_target(uncached: Pair) -> None:
    """Running and defined."""
    uncached.copy(live=True, bridges={"ethsrv": "br-new"})
    with uncached.target.domain() as domain:
        for flags in (0, libvirt.VIR_DOMAIN_XML_INACTIVE):
            fields = facts.parse_domain(domain.XMLDesc(flags)).fields
            assert (fields["nics.ethfe.bridge"], fields["nics.ethsrv.bridge"]) == ("br-fe", "br-new")


@pytest.mark.parametrize(
    "wrong", [{"bridges": {"ethsrv": "br-none"}}, {"target_uri": "qemu+unix:///system?socket=/nowhere"}]
)
def test_a_move_that_fails_leaves_the_vm_running_where_it_was(uncached: Pair, wrong: dict[str, Any]) -> None:
    """The target lacks a bridge, or does not answer: no mark is left on the source."""
    pair = uncached
    with pytest.raises(HypervisorError, match="could not be moved while it runs"):
        pair.copy(live=True, **wrong)
    assert (running(pair.source), running(pair.target)) == (True, None)
    # No mark is left, and it starts at boot as before.
    assert pair.source.one()["actions"] == []


def test_killed_while_the_vm_is_on_its_way(uncached: Pair) -> None:
    """SIGKILL while the memory is copied: libvirt ends the move or gives it up, and the same run ends it."""
    pair = uncached
    offer = pair.step(pair.source, "offer")
    pair.prepare(offer, live=True)
    with pair.source.domain() as domain:
        domain.migrateSetMaxSpeed(1)
    values = {"token": offer["token"], "live": True, "target_uri": pair.target.options.uri}
    process = multiprocessing.get_context("fork").Process(
        target=pair.step, args=(pair.source, "release"), kwargs=values
    )
    process.start()
    while running(pair.target) is None:
        time.sleep(0.02)
    process.kill()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    with pytest.raises(HypervisorError, match="about to come here"):
        pair.copy(live=True)
    with pair.source.domain() as domain:
        domain.migrateSetMaxSpeed(0)
        while domain.isActive() and domain.jobInfo()[0] != libvirt.VIR_DOMAIN_JOB_NONE:
            time.sleep(0.1)
    pair.copy(live=True)
    assert (running(pair.source), running(pair.target)) == (False, True)


def test_cut_short_after_the_vm_arrived(uncached: Pair) -> None:
    """The ledger does not name the target yet: the same run goes on, and calling off is refused."""
    pair = uncached
    pair.copy(live=True)
    with pytest.raises(HypervisorError, match="finish its move to here"):
        pair.step(pair.target, "discard")
    assert pair.copy(live=True)["left"] is True
    assert (running(pair.source), running(pair.target)) == (False, True)
    assert "msg" not in pair.define("present")
    assert "msg" not in pair.define("running")
    pair.step(pair.source, "remove", shared=True, token=pair.token)
    assert (running(pair.source), running(pair.target)) == (None, True)


def test_cached_disks_do_not_go_live(sharing: Pair) -> None:
    """The other hypervisor would not see what is written."""
    assert sharing.copy()["obstacle"] == "its disks have the cache mode writeback"


def test_storage_that_is_mounted_elsewhere_is_refused(sharing: Pair) -> None:
    """The path of the image is written in the disk itself."""
    offer = sharing.step(sharing.source, "offer")
    with pytest.raises(HypervisorError, match="mount it at the same place"):
        sharing.step(sharing.target, "prepare", token=offer["token"], root_path="/elsewhere/root.qcow2")
