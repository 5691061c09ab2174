# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Host keys on the console, the choice of virtualisation, locks, and names of images."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from pathlib import Path

import pytest
from ansible_collections.ringmaster.hosting.plugins.module_utils.libvirt import console, images, info, kvm
from ansible_collections.ringmaster.hosting.plugins.module_utils.libvirt.errors import HypervisorError
from ansible_collections.ringmaster.hosting.plugins.module_utils.libvirt.locks import vm_lock

ED25519 = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGzQpU9+OHNJ2csusWyqCmNc5dPnJJipRGTPQDtlQt4Q"
OTHER = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAILIUi1+KCaTx38Yw9KQZ6FpwObiq9QERvk3U0uDw41Lx"


def block(*lines: str) -> str:
    return "\r\n".join(["-----BEGIN SSH HOST KEY KEYS-----", *lines, "-----END SSH HOST KEY KEYS-----", ""])


def test_keys_are_read_without_comment() -> None:
    assert console.host_keys_in("boot\n" + block(f"{ED25519} root@myapp00")) == [ED25519]


def test_prefixes_of_the_journal_are_skipped() -> None:
    assert console.host_keys_in(block(f"[   12.3] cloud-init[512]: {ED25519} root@x")) == [ED25519]


def test_newest_block_wins() -> None:
    assert console.host_keys_in(block(ED25519) + "reinstalled\n" + block(OTHER)) == [OTHER]


def test_unfinished_block_is_no_block() -> None:
    assert console.host_keys_in("-----BEGIN SSH HOST KEY KEYS-----\n" + ED25519) == []
    assert console.host_keys_in(block(ED25519) + "-----BEGIN SSH HOST KEY KEYS-----\n" + OTHER[:40]) == [ED25519]


def test_garbage_is_no_key() -> None:
    assert (
        console.host_keys_in(block("ssh-ed25519 !!!!", "hello", "ssh-dss AAAAB3NzaC1kc3MAAACBAMn0000000000000")) == []
    )


def test_rotated_log_is_read(tmp_path: Path) -> None:
    (tmp_path / "myapp00.log.0").write_text(block(ED25519))
    (tmp_path / "myapp00.log").write_text("later\n")
    assert console.host_keys(tmp_path / "myapp00.log") == [ED25519]


def test_log_of_an_earlier_vm_is_set_aside(tmp_path: Path) -> None:
    (tmp_path / "myapp00.log.0").write_text("older\n")
    (tmp_path / "myapp00.log").write_text(block(ED25519))
    console.set_aside(tmp_path / "myapp00.log")
    assert console.host_keys(tmp_path / "myapp00.log") == []
    assert (tmp_path / "myapp00.log.previous").exists()
    console.set_aside(tmp_path / "myapp00.log")


def test_no_log_yet(tmp_path: Path) -> None:
    assert console.host_keys(tmp_path / "none.log") == []


def test_waiting_for_several_has_one_deadline(tmp_path: Path) -> None:
    (tmp_path / "a.log").write_text(block(ED25519))
    start = time.monotonic()
    found = info.wait_for_host_keys({"a": str(tmp_path / "a.log"), "b": str(tmp_path / "b.log"), "c": ""}, 0.1)
    assert found == {"a": [ED25519]}
    assert time.monotonic() - start < 5


@pytest.mark.parametrize(
    ("device", "cpuinfo", "expected"),
    [
        (False, "flags\t\t: fpu vmx\n", "qemu"),
        (True, "flags\t\t: fpu sse2\n", "qemu"),
        (True, "flags\t\t: fpu vmx\n", "kvm"),
        (True, "flags\t\t: fpu svm\n", "kvm"),
        (True, "vmx flags\t: vnmi\nflags\t\t: fpu\n", "qemu"),
    ],
)
def test_choice_of_virtualization(tmp_path: Path, device: bool, cpuinfo: str, expected: str) -> None:
    (tmp_path / "dev").mkdir()
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc/cpuinfo").write_text(cpuinfo)
    if device:
        (tmp_path / "dev/kvm").touch()
    found = kvm.choose(root=tmp_path)
    assert found.type == expected
    assert found.reason
    assert kvm.choose("qemu", tmp_path).type == "qemu"


def hold(folder: Path, started: multiprocessing.synchronize.Event) -> None:
    with vm_lock("myapp00", folder):
        started.set()
        time.sleep(60)


def test_lock_keeps_others_out_and_dies_with_its_process(tmp_path: Path) -> None:
    started = multiprocessing.Event()
    process = multiprocessing.Process(target=hold, args=(tmp_path, started))
    process.start()
    try:
        assert started.wait(10)
        with (
            pytest.raises(HypervisorError, match=f"process {process.pid}"),
            vm_lock("myapp00", tmp_path, 0.1),
        ):
            pass
        with vm_lock("myapp01", tmp_path, 0.1):
            pass
    finally:
        assert process.pid
        os.kill(process.pid, signal.SIGKILL)
        process.join()
    with vm_lock("myapp00", tmp_path, 0.1):
        pass


def test_image_names(tmp_path: Path) -> None:
    assert images.name_for(Path("ringmaster-trixie-456fc68f7c7b.qcow2")) == "ringmaster-trixie-456fc68f7c7b.qcow2"
    plain = tmp_path / "debian-13.qcow2"
    plain.write_bytes(b"x")
    assert images.name_for(plain) == "ringmaster-debian-13-2d711642b726b044.qcow2"
    with pytest.raises(HypervisorError, match="cannot be read"):
        images.name_for(tmp_path / "none.qcow2")
