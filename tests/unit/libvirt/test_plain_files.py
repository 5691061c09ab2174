# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whoever can write in the folder of a pool, or where locks were, makes root of the hypervisor write nowhere else."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
from ansible_collections.ringmaster.hosting.plugins.module_utils.libvirt import arguments, locks, plain_files
from ansible_collections.ringmaster.hosting.plugins.modules import disk, vm_snapshot


@pytest.fixture
def victim(tmp_path: Path) -> Path:
    path = tmp_path / "victim"
    path.write_text("precious")
    path.chmod(0o600)
    return path


@pytest.fixture
def link(tmp_path: Path, victim: Path) -> Path:
    path = tmp_path / "pool/.ringmaster-move-x"
    path.parent.mkdir()
    path.symlink_to(victim)
    return path


def test_a_link_in_the_place_of_a_token_is_replaced(link: Path, victim: Path) -> None:
    plain_files.write_new(link, "token")
    assert not link.is_symlink()
    assert plain_files.read_short(link) == "token"
    assert victim.read_text() == "precious"


def test_a_link_is_not_read_and_gets_no_mode(link: Path, victim: Path) -> None:
    with pytest.raises(OSError):
        plain_files.read_short(link)
    with pytest.raises(OSError):
        plain_files.set_mode(link, 0o444)
    assert stat.S_IMODE(victim.stat().st_mode) == 0o600


def test_a_pipe_is_not_waited_for_and_a_large_file_is_cut(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match="no plain file"):
        plain_files.read_short(tmp_path / "pipe")
    (tmp_path / "large").write_bytes(b"\xff" * 1_000_000)
    assert len(plain_files.read_short(tmp_path / "large")) == plain_files.SHORT


def test_a_plain_file_gets_its_mode(tmp_path: Path) -> None:
    (tmp_path / "image").write_text("")
    plain_files.set_mode(tmp_path / "image", 0o444)
    assert stat.S_IMODE((tmp_path / "image").stat().st_mode) == 0o444


def test_a_lock_follows_no_link(tmp_path: Path, victim: Path) -> None:
    (tmp_path / "x.lock").symlink_to(victim)
    with pytest.raises(OSError), locks.vm_lock("x", tmp_path):
        pass
    assert victim.read_text() == "precious"


def test_locks_lie_where_only_root_makes_folders() -> None:
    defaults = {
        spec["lock_directory"]["default"]
        for spec in (arguments.domain_arguments(), disk.argument_spec(), vm_snapshot.argument_spec())
    }
    assert defaults == {str(locks.LOCK_DIRECTORY)} == {"/run/ringmaster/locks"}
