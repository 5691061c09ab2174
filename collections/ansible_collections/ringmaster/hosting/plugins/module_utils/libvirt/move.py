# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The steps by which a VM moves from one hypervisor to another, offline. Each may be run again after a kill.

The disk goes straight from one hypervisor to the other, over SSH, with a key that is made for this move: the target
takes it from the source's address only, for an hour, and for writing the two files it made ready, nothing else.
Until the ledger names the target, the source's disk is the VM: a copy on the target may be thrown away at any time.
"""

from __future__ import annotations

import dataclasses
import hashlib
import secrets
import shutil
import subprocess
import xml.etree.ElementTree as ET
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ansible_collections.ringmaster.hosting.plugins.module_utils.libvirt import (
    apply,
    facts,
    metadata,
    storage,
    transfer,
)
from ansible_collections.ringmaster.hosting.plugins.module_utils.libvirt.connection import (
    connect,
    find_pool,
    found,
    require_libvirt,
)
from ansible_collections.ringmaster.hosting.plugins.module_utils.libvirt.errors import HypervisorError
from ansible_collections.ringmaster.hosting.plugins.module_utils.libvirt.locks import LOCK_DIRECTORY, vm_lock
from ansible_collections.ringmaster.hosting.plugins.module_utils.libvirt.model import volume_names

IMAGE, ROOT = "image", "root"


@dataclass(frozen=True)
class Move:
    """What the steps work with."""

    name: str
    uuid: str
    to: str = ""
    """Hypervisor that the VM moves to."""
    uri: str = "qemu:///system"
    pool: str = "ringmaster"
    stop_timeout: float = 120.0
    image: str = ""
    root_bytes: int = 0
    public_key: str = ""
    source_address: str = ""
    target_address: str = ""
    target_host_key: str = ""
    files: tuple[str, ...] = ()
    """Which of ``image`` and ``root`` are sent."""
    file_bytes: Mapping[str, int] = dataclasses.field(default_factory=dict)
    """File -> its size on the source."""
    token: str = ""
    """What the source wrote into its pool: it names the run that moves the VM, and storage that both have."""
    call_off: bool = False
    """The operator says that no other run moves this VM."""
    shared: bool = False
    digests: Mapping[str, str] = dataclasses.field(default_factory=dict)
    """File -> SHA-256 as it was sent."""
    home: Path = Path("/root")
    runtime: Path = Path("/run/ringmaster")
    host_key_file: Path = Path("/etc/ssh/ssh_host_ed25519_key.pub")
    lock_directory: Path = LOCK_DIRECTORY

    @property
    def folder(self) -> Path:
        """Where the source keeps the key of this move: in memory."""
        return self.runtime / f"move-{self.name}"

    @property
    def authorized_keys(self) -> Path:
        """File on the target that accepts the key."""
        return self.home / ".ssh/authorized_keys"

    @property
    def comment(self) -> str:
        """How the key is found again."""
        return f"ringmaster-move-{self.name}"


@dataclass
class _Here:
    """This hypervisor, as a step sees it."""

    connection: Any
    pool: Any
    domain: Any | None
    facts: facts.DomainFacts | None
    volumes: dict[str, str]

    def note(self, move: Move) -> metadata.Metadata:
        """Give the metadata of the VM.

        :raises HypervisorError: when the domain is not Ringmaster's.
        """
        if self.facts is None or self.facts.metadata is None:
            raise HypervisorError(f"the domain of {move.name} has not Ringmaster's metadata; it stays untouched")
        return self.facts.metadata


def run(step: str, move: Move, check: bool) -> dict[str, Any]:
    """Do one step.

    :returns: the result of module ``vm_move``.
    """
    with connect(move.uri) as connection, vm_lock(move.name, move.lock_directory):
        domain = found(connection.lookupByUUIDString, move.uuid)
        binding = require_libvirt()
        parsed = facts.parse_domain(domain.XMLDesc(binding.VIR_DOMAIN_XML_INACTIVE)) if domain else None
        here = _Here(connection, find_pool(connection, move.pool), domain, parsed, volume_names(move.name, move.uuid))
        return STEPS[step](here, move, check)


def _offer(here: _Here, move: Move, check: bool) -> dict[str, Any]:
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
        _token_file(here, move).write_text(secrets.token_hex(16), encoding="ascii")
    return {
        "changed": False,
        "present": True,
        "image": base,
        "root_bytes": root.info()[1],
        "file_bytes": {
            what: Path(storage.source(here.pool, name).path).stat().st_size
            for what, name in ((ROOT, here.volumes[ROOT]), (IMAGE, base))
        },
        "token": "" if check else _token_file(here, move).read_text(encoding="ascii"),
        "public_key": "" if check else key.with_suffix(".pub").read_text(encoding="ascii").strip(),
        "foreign_devices": list(here.facts.foreign) if here.facts else [],
    }


def _token_file(here: _Here, move: Move) -> Path:
    folder = ET.fromstring(here.pool.XMLDesc()).findtext("target/path", "")
    return Path(folder) / f".{move.comment}"


def _has_token(here: _Here, move: Move) -> bool:
    """Tell whether this pool is on the same storage as that of the hypervisor that wrote the token."""
    path = _token_file(here, move)
    return bool(move.token) and path.exists() and path.read_text(encoding="ascii") == move.token


def _require_token(here: _Here, move: Move) -> None:
    """Refuse when another run has begun to move the VM: its copy and ours would mix."""
    if not _has_token(here, move):
        raise HypervisorError(f"another run moves {move.name}, or called this move off; look at its result")


def _backing_of(volume: Any) -> str:
    """Name of the volume that an overlay stands on; empty without one."""
    return Path(ET.fromstring(volume.XMLDesc()).findtext("backingStore/path", "")).name


def _prepare(here: _Here, move: Move, check: bool) -> dict[str, Any]:
    """Target: refuse what cannot be, make room for the files, and let the source write them."""
    if here.domain is not None:
        here.note(move)
        if here.domain.isActive():
            raise HypervisorError(f"{move.name} runs here already, and the ledger says it belongs elsewhere; stop one")
    by_name = found(here.connection.lookupByName, move.name)
    if by_name is not None and by_name.UUIDString() != move.uuid:
        raise HypervisorError(f"another domain is called {move.name} here, with UUID {by_name.UUIDString()}")
    if _has_token(here, move):
        here.pool.refresh()
        return {"changed": False, "files": [], "host_key": "", "shared": True}
    needs_image = not storage.image_is_complete(here.pool, move.image)
    files = [IMAGE, ROOT] if needs_image else [ROOT]
    free, needed = here.pool.info()[3], sum(move.file_bytes.get(what, 0) for what in files)
    if needed > free:
        raise HypervisorError(f"{move.name} needs {needed} bytes, and {free} are free in pool {move.pool} here")
    if check:
        return {"changed": True, "files": files, "host_key": "", "shared": False}
    _delete(here)
    paths = {ROOT: _empty(here, here.volumes[ROOT], move.root_bytes)}
    if needs_image:
        paths[IMAGE] = _empty(here, move.image, move.root_bytes)
    transfer.authorize(move.authorized_keys, move.comment, move.public_key, move.source_address, paths)
    return {
        "changed": True,
        "files": files,
        "shared": False,
        "host_key": " ".join(move.host_key_file.read_text(encoding="ascii").split()[:2]),
    }


def _empty(here: _Here, name: str, size: int) -> str:
    return storage.create(here.pool, name, size, "qcow2").path()


def _look(here: _Here, move: Move, check: bool) -> dict[str, Any]:
    """Target, when the source is fenced: tell whether the disk can be seen from here, on storage that both have."""
    if not check:
        here.pool.refresh()
    return {"changed": False, "present": storage.volume_state(here.pool, here.volumes[ROOT]).readable}


def _release(here: _Here, move: Move, check: bool) -> dict[str, Any]:
    """Source: stop the VM and mark it, so that nothing here starts it again."""
    if here.domain is None:
        raise HypervisorError(f"domain {move.name} vanished while it was being moved; look what became of it")
    if not check:
        _require_token(here, move)
    note = here.note(move)
    changed = note.moved_to != move.to or bool(here.domain.isActive()) or bool(here.domain.autostart())
    if not check and changed:
        # The mark first: a run that is killed here leaves a VM that is stopped at most once.
        _mark(here.domain, dataclasses.replace(note, moved_to=move.to))
        here.domain.setAutostart(0)
        apply.stop_domain(here.domain, move.stop_timeout, force=True)
    return {"changed": changed}


def _mark(domain: Any, note: metadata.Metadata) -> None:
    binding = require_libvirt()
    domain.setMetadata(
        binding.VIR_DOMAIN_METADATA_ELEMENT,
        metadata.to_plain_xml(note),
        metadata.PREFIX,
        metadata.NAMESPACE,
        binding.VIR_DOMAIN_AFFECT_CONFIG,
    )


def _send(here: _Here, move: Move, check: bool) -> dict[str, Any]:
    """Source: send files to the target; give their digests."""
    if ROOT in move.files and (here.domain is None or here.domain.isActive() or here.note(move).moved_to != move.to):
        raise HypervisorError(f"the disk of {move.name} is sent only when the VM is off and marked")
    if check:
        return {"changed": False, "digests": {}}
    _require_token(here, move)
    names = {ROOT: here.volumes[ROOT], IMAGE: move.image}
    ssh = transfer.command(move.folder / "key", move.target_address, move.target_host_key)
    paths = {what: Path(storage.source(here.pool, names[what]).path) for what in move.files}
    return {"changed": True, "digests": {what: transfer.send(path, [*ssh, what]) for what, path in paths.items()}}


def _receive(here: _Here, move: Move, check: bool) -> dict[str, Any]:
    """Target: check the files against their digests, and put the overlay on the base that lies here."""
    if check:
        return {"changed": True}
    transfer.forbid(move.authorized_keys, move.comment)
    names = {ROOT: here.volumes[ROOT], IMAGE: move.image}
    for what, expected in sorted(move.digests.items()):
        path = Path(storage.source(here.pool, names[what]).path)
        with path.open("rb") as stream:
            arrived = hashlib.file_digest(stream, "sha256").hexdigest()
        if arrived != expected:
            raise HypervisorError(f"{names[what]} arrived with SHA-256 {arrived}, sent was {expected}; move it again")
        if what == IMAGE:
            path.chmod(storage.IMAGE_MODE)
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


def _remove(here: _Here, move: Move, check: bool) -> dict[str, Any]:
    """Where the VM was: delete what was left there, which is marked as moved to where the VM is now."""
    if here.domain is not None:
        note = here.note(move)
        if note.moved_to != move.to:
            raise HypervisorError(
                f"{move.name} is defined here as well, and not marked as moved to {move.to}: "
                "look which of the two is right, and remove the other by hand"
            )
        if here.domain.isActive():
            raise HypervisorError(f"{move.name} was moved to {move.to} and runs here as well: stop one of them")
        if not check:
            _require_token(here, move)
    result = _discard(here, move, check)
    _tidy(here, move, check)
    return result


def _discard(here: _Here, move: Move, check: bool) -> dict[str, Any]:
    """Delete a copy that never ran, because the ledger never named this hypervisor."""
    if here.domain is not None:
        here.note(move)
        if here.domain.isActive():
            raise HypervisorError(f"{move.name} runs here, where it should not; stop it first")
    # The token of a move is in the source's own pool as well, where `shared` alone decides.
    shared = move.shared or (not move.to and _has_token(here, move))
    disks = not shared and any(storage.lookup(here.pool, name) for name in here.volumes.values())
    left = here.domain is not None or disks
    if not check:
        _delete(here, with_disks=not shared)
        transfer.forbid(move.authorized_keys, move.comment)
        shutil.rmtree(move.folder, ignore_errors=True)
    return {"changed": left}


def _tidy(here: _Here, move: Move, check: bool) -> dict[str, Any]:
    """At last, where token and key are: take them away."""
    if not check:
        _token_file(here, move).unlink(missing_ok=True)
        shutil.rmtree(move.folder, ignore_errors=True)
    return {"changed": False}


def _delete(here: _Here, with_disks: bool = True) -> None:
    if here.domain is not None:
        apply.undefine(here.domain)
        here.domain = None
    for name in here.volumes.values() if with_disks else ():
        volume = storage.lookup(here.pool, name)
        if volume is not None:
            storage.delete(volume)


def _reclaim(here: _Here, move: Move, check: bool) -> dict[str, Any]:
    """Where the ledger says the VM is: take the mark of a move that was called off away, and show our storage."""
    root = storage.lookup(here.pool, here.volumes[ROOT])
    if here.domain is None or root is None:
        # Nothing here shows that this is the VM, so nothing else is deleted for it.
        return {"changed": False, "present": False}
    note = here.note(move)
    if note.moved_to and not move.call_off:
        raise HypervisorError(
            f"{move.name} is on its way to {note.moved_to}: move it there, or, if no other run moves it now, call "
            "that off with -e call_off=true"
        )
    if not check:
        if note.moved_to:
            _mark(here.domain, dataclasses.replace(note, moved_to=""))
        _token_file(here, move).write_text(secrets.token_hex(16), encoding="ascii")
    return {
        "changed": bool(note.moved_to),
        "present": True,
        "image": note.image,
        "token": "" if check else _token_file(here, move).read_text(encoding="ascii"),
    }


STEPS: dict[str, Callable[[_Here, Move, bool], dict[str, Any]]] = {
    "offer": _offer,
    "prepare": _prepare,
    "look": _look,
    "send": _send,
    "release": _release,
    "receive": _receive,
    "remove": _remove,
    "discard": _discard,
    "reclaim": _reclaim,
    "tidy": _tidy,
}
