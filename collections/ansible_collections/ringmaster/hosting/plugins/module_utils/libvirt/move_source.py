# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Steps on the hypervisor that a VM leaves."""

from __future__ import annotations

import dataclasses
import secrets
import shutil
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

from ansible_collections.ringmaster.hosting.plugins.module_utils.libvirt import (
    apply,
    metadata,
    migration,
    plain_files,
    storage,
    transfer,
)
from ansible_collections.ringmaster.hosting.plugins.module_utils.libvirt.errors import HypervisorError
from ansible_collections.ringmaster.hosting.plugins.module_utils.libvirt.move_model import (
    IMAGE,
    ROOT,
    Here,
    Move,
    require_token,
    token_file,
)


def offer(here: Here, move: Move, check: bool) -> dict[str, Any]:
    """Source: tell what there is to move, and have a key. Nothing happens to the VM."""
    root = storage.lookup(here.pool, here.volumes[ROOT])
    if here.domain is None and root is None:
        return {"changed": False, "present": False, "shared": False}
    note = here.note(move)
    if note.moved_to not in ("", move.to):
        raise HypervisorError(f"{move.name} is on its way to {note.moved_to}: move it there, or call that off")
    if root is None:
        raise HypervisorError(f"volume {here.volumes[ROOT]} of {move.name} has vanished; restore it first")
    base = _backing_of(root)
    if not storage.is_ours(base):
        raise HypervisorError(f"the root disk of {move.name} stands on {base or 'no image'}, which cannot be copied")
    key = move.folder / "key"
    if not check and not key.with_suffix(".pub").exists():
        shutil.rmtree(move.folder, ignore_errors=True)
        transfer.make_key(key, move.comment)
    if not check:
        plain_files.write_new(token_file(here, move), secrets.token_hex(16))
    return {
        "changed": False,
        "present": True,
        "left": note.moved_to == move.to and not (here.domain and here.domain.isActive()),
        "obstacle": migration.obstacle(here.domain),
        "image": base,
        "root_path": root.path(),
        "root_bytes": root.info()[1],
        "file_bytes": {
            what: Path(storage.source(here.pool, name).path).stat().st_size
            for what, name in ((ROOT, here.volumes[ROOT]), (IMAGE, base))
        },
        "token": "" if check else plain_files.read_short(token_file(here, move)),
        "public_key": "" if check else key.with_suffix(".pub").read_text(encoding="ascii").strip(),
        "foreign_devices": list(here.facts.foreign) if here.facts else [],
    }


def _backing_of(volume: Any) -> str:
    """Name of the volume that an overlay stands on; empty without one."""
    return Path(ET.fromstring(volume.XMLDesc()).findtext("backingStore/path", "")).name


def release(here: Here, move: Move, check: bool) -> dict[str, Any]:
    """Source: mark the VM, so that nothing here starts it again, and stop it, or let it go on on the target."""
    if here.domain is None:
        raise HypervisorError(f"domain {move.name} vanished while it was being moved; look what became of it")
    if not check:
        require_token(here, move)
    note = here.note(move)
    autostart = here.domain.autostart()
    changed = note.moved_to != move.to or bool(here.domain.isActive()) or bool(autostart)
    if not check and changed:
        # The mark first: a run that is killed here leaves a VM that is stopped at most once.
        apply.write_config_note(here.domain, dataclasses.replace(note, moved_to=move.to))
        here.domain.setAutostart(0)
        if move.live and here.domain.isActive():
            _go_live(here.domain, note, autostart, move)
        else:
            apply.stop_domain(here.domain, move.stop_timeout, force=True)
    return {"changed": changed}


def _go_live(domain: Any, note: metadata.Metadata, autostart: int, move: Move) -> None:
    uri = move.target_uri or transfer.libvirt_uri(move.folder / "key", move.target_address, move.target_host_key)
    try:
        migration.migrate(domain, uri, move.bridges)
    except HypervisorError:
        if domain.isActive():
            apply.write_config_note(domain, dataclasses.replace(note, moved_to=""))
            domain.setAutostart(autostart)
        raise


def send(here: Here, move: Move, check: bool) -> dict[str, Any]:
    """Source: send files to the target; give their digests."""
    if ROOT in move.files and (here.domain is None or here.domain.isActive() or here.note(move).moved_to != move.to):
        raise HypervisorError(f"the disk of {move.name} is sent only when the VM is off and marked")
    if check:
        return {"changed": False, "digests": {}}
    require_token(here, move)
    names = {ROOT: here.volumes[ROOT], IMAGE: move.image}
    ssh = transfer.command(move.folder / "key", move.target_address, move.target_host_key)
    paths = {what: Path(storage.source(here.pool, names[what]).path) for what in move.files}
    return {"changed": True, "digests": {what: transfer.send(path, [*ssh, what]) for what, path in paths.items()}}
