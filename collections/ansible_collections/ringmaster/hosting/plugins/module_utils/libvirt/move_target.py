# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Steps on the hypervisor that a VM moves to."""

from __future__ import annotations

import hashlib
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ansible_collections.ringmaster.hosting.plugins.module_utils.libvirt import (
    nwfilter,
    plain_files,
    storage,
    transfer,
)
from ansible_collections.ringmaster.hosting.plugins.module_utils.libvirt.connection import found, require_libvirt
from ansible_collections.ringmaster.hosting.plugins.module_utils.libvirt.errors import HypervisorError
from ansible_collections.ringmaster.hosting.plugins.module_utils.libvirt.move_model import (
    IMAGE,
    ROOT,
    Here,
    Move,
    delete,
    has_token,
)


def prepare(here: Here, move: Move, check: bool) -> dict[str, Any]:
    """Target: refuse what cannot be, make room for the files, and let the source write them."""
    if here.domain is not None:
        here.note(move)
        if here.domain.isActive():
            _refuse_a_vm_that_runs(here.domain, here, move)
    by_name = found(here.connection.lookupByName, move.name)
    if by_name is not None and by_name.UUIDString() != move.uuid:
        raise HypervisorError(f"another domain is called {move.name} here, with UUID {by_name.UUIDString()}")
    if has_token(here, move):
        return _prepare_shared(here, move, check)
    needs_image = not storage.image_is_complete(here.pool, move.image)
    files = [IMAGE, ROOT] if needs_image else [ROOT]
    free, needed = here.pool.info()[3], sum(move.file_bytes.get(what, 0) for what in files)
    if needed > free:
        raise HypervisorError(f"{move.name} needs {needed} bytes, and {free} are free in pool {move.pool} here")
    if check:
        return {"changed": True, "files": files, "host_key": "", "shared": False}
    delete(here)
    paths = {ROOT: _empty(here, here.volumes[ROOT], move.root_bytes)}
    if needs_image:
        paths[IMAGE] = _empty(here, move.image, move.root_bytes)
    _authorize(move, transfer.writes(paths))
    return {"changed": True, "files": files, "shared": False, "host_key": _host_key(move)}


def _refuse_a_vm_that_runs(domain: Any, here: Here, move: Move) -> None:
    if domain.state()[0] == require_libvirt().VIR_DOMAIN_PAUSED:
        raise HypervisorError(f"{move.name} is about to come here; wait until that move ended, and run this again")
    # It may have come while it ran, and the run that moved it was cut short then.
    if not (move.left and has_token(here, move)):
        raise HypervisorError(f"{move.name} runs here already, and the ledger says it belongs elsewhere; stop one")


def _prepare_shared(here: Here, move: Move, check: bool) -> dict[str, Any]:
    """Target: all files are here already. Have what a VM that runs needs to come."""
    here.pool.refresh()
    path = storage.source(here.pool, here.volumes[ROOT]).path
    if path != move.root_path:
        raise HypervisorError(
            f"the storage of both has the disk of {move.name} at {path} here and at {move.root_path} on the source: "
            "mount it at the same place"
        )
    if move.live:
        nwfilter.ensure(here.connection, check)
        if not check:
            move.console_directory.mkdir(parents=True, exist_ok=True)
            _authorize(move, transfer.LIBVIRT)
    return {"changed": False, "files": [], "shared": True, "host_key": _host_key(move)}


def _authorize(move: Move, commands: Mapping[str, str]) -> None:
    transfer.authorize(
        move.authorized_keys,
        move.comment,
        move.token,
        move.public_key,
        source_address=move.source_address,
        commands=commands,
    )


def _host_key(move: Move) -> str:
    return " ".join(move.host_key_file.read_text(encoding="ascii").split()[:2])


def _empty(here: Here, name: str, size: int) -> str:
    return storage.create(here.pool, name, size, "qcow2").path()


def look(here: Here, move: Move, check: bool) -> dict[str, Any]:
    """Target, when the source is fenced: tell whether the disk can be seen from here, on storage that both have."""
    if not check:
        here.pool.refresh()
    return {"changed": False, "present": storage.volume_state(here.pool, here.volumes[ROOT]).readable}


def receive(here: Here, move: Move, check: bool) -> dict[str, Any]:
    """Target: check the files against their digests, and put the overlay on the base that lies here."""
    if check:
        return {"changed": True}
    names = {ROOT: here.volumes[ROOT], IMAGE: move.image}
    for what, expected in sorted(move.digests.items()):
        path = Path(storage.source(here.pool, names[what]).path)
        with path.open("rb") as stream:
            arrived = hashlib.file_digest(stream, "sha256").hexdigest()
        if arrived != expected:
            raise HypervisorError(f"{names[what]} arrived with SHA-256 {arrived}, sent was {expected}; move it again")
        if what == IMAGE:
            plain_files.set_mode(path, storage.IMAGE_MODE)
    if not storage.image_is_complete(here.pool, move.image):
        raise HypervisorError(f"image {move.image} is not complete here; move it again")
    base = storage.source(here.pool, move.image)
    root = storage.source(here.pool, here.volumes[ROOT])
    done = subprocess.run(
        ["qemu-img", "rebase", "-u", "-f", "qcow2", "-F", "qcow2", "-b", base.path, root.path],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise HypervisorError(f"the disk of {move.name} cannot be put on {base.path}: {done.stderr.strip()}")
    return {"changed": True}


def forbid(_here: Here, move: Move, check: bool) -> dict[str, Any]:
    """Target: accept the key of this run no longer; another run may have begun to move the VM."""
    if not check:
        transfer.forbid(move.authorized_keys, move.comment, move.token)
    return {"changed": False}
