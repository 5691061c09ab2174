# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The same files are the same archive, wherever they lie; and what a lab knows comes with its description."""

from __future__ import annotations

import io
import os
import subprocess
import tarfile
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.ringmaster.hosting.plugins.module_utils.steward import archive, seed, settle
from desks import git

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIPVGmECtw+Roq5w5HYwo9eBo8hg8lPKcjEU+U280gBaY"
OTHER = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGzQpU9+OHNJ2csusWyqCmNc5dPnJJipRGTPQDtlQt4Q"


def members(data: bytes) -> dict[str, tarfile.TarInfo]:
    with tarfile.open(fileobj=io.BytesIO(data)) as found:
        return {one.name: one for one in found.getmembers()}


def text(data: bytes, name: str) -> str:
    with tarfile.open(fileobj=io.BytesIO(data)) as found:
        file = found.extractfile(name)
        assert file is not None
        return file.read().decode()


def test_an_archive_has_the_files_and_nothing_of_the_place(tmp_path: Path) -> None:
    made = []
    for place, umask in (("one", 0o022), ("two", 0o077)):
        folder = tmp_path / place
        before = os.umask(umask)
        (folder / "plugins/__pycache__").mkdir(parents=True)
        (folder / "plugins/b.py").write_text("b = 1\n")
        (folder / "plugins/__pycache__/b.pyc").write_text(place)
        (folder / "run").write_text("#!/bin/sh\n")
        (folder / "run").chmod(0o777 & ~umask)
        os.umask(before)
        made.append(archive.pack(folder, "in/"))
    assert made[0] == made[1]
    found = members(made[0])
    assert {name: one.mode for name, one in found.items()} == {"in/plugins/b.py": 0o644, "in/run": 0o755}
    assert {(one.uid, one.mtime) for one in found.values()} == {(0, archive.TIME)}


def test_links_of_a_checkout_are_followed(tmp_path: Path) -> None:
    (tmp_path / "roles/one").mkdir(parents=True)
    (tmp_path / "roles/one/main.yml").write_text("---\n")
    (tmp_path / "collection").mkdir()
    (tmp_path / "collection/roles").symlink_to("../roles")
    assert list(members(archive.pack(tmp_path / "collection"))) == ["roles/one/main.yml"]


def test_links_that_stay_inside_are_links_also_where_nothing_is_yet(tmp_path: Path) -> None:
    """A role enables a unit by a link beside it, and a template may write the unit later."""
    wants = tmp_path / "elsewhere/roles/one/files/x.wants"
    wants.mkdir(parents=True)
    (wants.parent / "x.service").write_text("unit\n")
    for name in ("x.service", "later.timer"):
        (wants / name).symlink_to(f"../{name}")
    (tmp_path / "collection").mkdir()
    (tmp_path / "collection/roles").symlink_to("../elsewhere/roles")
    data = archive.pack(tmp_path / "collection", "ansible_collections/one/")
    found = members(data)
    base = "ansible_collections/one/roles/one/files"
    assert {name for name, one in found.items() if one.issym()} == {
        f"{base}/x.wants/x.service",
        f"{base}/x.wants/later.timer",
    }
    with tarfile.open(fileobj=io.BytesIO(data)) as opened:
        opened.extractall(tmp_path / "there", filter="data")
    assert (tmp_path / "there" / base / "x.wants/x.service").read_text() == "unit\n"


def test_what_pip_cannot_fetch_is_named(tmp_path: Path) -> None:
    wanted = tmp_path / "requirements.txt"
    wanted.write_text(f"ringmaster-no-such-package @ file://{tmp_path}/none.whl --hash=sha256:{'0' * 64}\n")
    with pytest.raises(archive.ArchiveError, match=r"requirements\.txt: .*needs pip"):
        archive.installed(wanted, tmp_path / "target")


def test_a_description_comes_without_secrets_and_with_the_keys_of_its_lab(platform: Any, tmp_path: Path) -> None:
    platform.allocate()
    platform.write("secrets/ca.key", "secret\n")
    keys = tmp_path / "keys"
    keys.mkdir()
    (keys / "alice.pub").write_text(f"{KEY} alice@lab\n")
    (keys / "operator.pub").write_text(f"{OTHER} operator@lab\n")
    source = platform.options.source
    source.write_text(
        f"plugin: ringmaster.hosting.platform\nkey_directory: {keys}\nprivate_key_file: {keys}/operator\n"
    )
    data = settle.packed(source)
    assert not [name for name in members(data) if name.startswith("secrets")]
    assert text(data, source.name) == "plugin: ringmaster.hosting.platform\n"
    assert yaml.safe_load(text(data, "users/alice.yml"))["ssh_keys"][-1] == f"{KEY} alice@lab"
    assert yaml.safe_load(text(data, "platform.yml"))["operators"][-1] == f"{OTHER} operator@lab"
    assert settle.packed(source) == data


def test_what_comes_out_of_a_repository_is_not_taken_into_another_one(platform: Any, tmp_path: Path) -> None:
    source = platform.options.source
    source.write_text(f"plugin: ringmaster.hosting.platform\ndescription_repo: {tmp_path}/bare.git\n")
    with pytest.raises(archive.ArchiveError, match="say -e steward_seed=false"):
        settle.packed(source)


def test_it_is_taken_in_once_and_a_checkout_is_made(
    platform: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    platform.allocate()
    given, bare, source = tmp_path / "given.tar", tmp_path / "bare.git", tmp_path / "home/platform.ringmaster.yml"
    given.write_bytes(settle.packed(platform.options.source))
    monkeypatch.setenv("RINGMASTER_DESCRIPTION_REPO", str(bare))
    assert "begins with" in settle.take(given, source, bare)
    assert settle.clone(source, bare)
    assert (source.parent / "platform.yml").is_file()
    assert settle.take(given, source, bare) == ""
    assert not settle.clone(source, bare)
    platform.write("projects/broken.yml", "nonsense: 1\n")
    monkeypatch.delenv("RINGMASTER_DESCRIPTION_REPO")
    given.write_bytes(settle.packed(platform.options.source))
    with pytest.raises(seed.SeedError, match="nonsense"):
        settle.take(given, source, bare)


def test_host_keys_of_machines_come_along_and_are_for_the_steward_alone(
    platform: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The operator of a real platform has them in known_hosts, hashed or not, and no ledger has them."""
    monkeypatch.setenv("HOME", str(tmp_path / "operator"))
    own = tmp_path / "operator/.ssh/known_hosts"
    own.parent.mkdir(parents=True)
    address = next(iter(yaml.safe_load((platform.folder / "platform.yml").read_text())["hypervisors"].values()))[
        "address"
    ]
    own.write_text(f"{address} {KEY}\nelsewhere.example.org {OTHER}\n")
    subprocess.run(["ssh-keygen", "-q", "-H", "-f", str(own)], check=True, capture_output=True)
    given, known, bare = tmp_path / "given.tar", tmp_path / "steward/known_hosts", tmp_path / "bare.git"
    given.write_bytes(settle.packed(platform.options.source))
    assert KEY in text(given.read_bytes(), "known_hosts")
    assert OTHER not in text(given.read_bytes(), "known_hosts")
    assert settle.learn(given, known)
    assert not settle.learn(given, known)
    found = subprocess.run(["ssh-keygen", "-f", str(known), "-F", address], capture_output=True, text=True, check=True)
    assert KEY in found.stdout
    settle.take(given, tmp_path / "home/platform.ringmaster.yml", bare)
    assert "known_hosts" not in git(bare, "ls-tree", "-r", "--name-only", "main")
