# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The steps by which a VM moves from one hypervisor to another. Each may be run again after a kill.

Where both have the same storage, a VM that runs goes on running. Else it is stopped, and its disk goes straight from
one hypervisor to the other. Either way leads through SSH, with a key that is made for this move: the target takes it
from the source's address only, for an hour, and for one purpose.
Until the ledger names the target, the source's disk is the VM: a copy on the target may be thrown away at any time.
"""

from __future__ import annotations

import dataclasses
import secrets
import shutil
from collections.abc import Callable
from typing import Any

from ansible_collections.ringmaster.hosting.plugins.module_utils.libvirt import (
    apply,
    facts,
    move_source,
    move_target,
    plain_files,
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
from ansible_collections.ringmaster.hosting.plugins.module_utils.libvirt.locks import vm_lock
from ansible_collections.ringmaster.hosting.plugins.module_utils.libvirt.model import volume_names
from ansible_collections.ringmaster.hosting.plugins.module_utils.libvirt.move_model import (
    ROOT,
    Here,
    Move,
    delete,
    has_token,
    require_token,
    token_file,
)


def run(step: str, move: Move, check: bool) -> dict[str, Any]:
    """Do one step.

    :returns: the result of module ``vm_move``.
    """
    with connect(move.uri) as connection, vm_lock(move.name, move.lock_directory):
        domain = found(connection.lookupByUUIDString, move.uuid)
        binding = require_libvirt()
        parsed = facts.parse_domain(domain.XMLDesc(binding.VIR_DOMAIN_XML_INACTIVE)) if domain else None
        here = Here(connection, find_pool(connection, move.pool), domain, parsed, volume_names(move.name, move.uuid))
        return STEPS[step](here, move, check)


def _remove(here: Here, move: Move, check: bool) -> dict[str, Any]:
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
            require_token(here, move)
    result = _discard(here, move, check)
    _tidy(here, move, check)
    return result


def _discard(here: Here, move: Move, check: bool) -> dict[str, Any]:
    """Delete a copy that never ran, because the ledger never named this hypervisor."""
    if here.domain is not None:
        here.note(move)
        if here.domain.isActive():
            raise HypervisorError(f"{move.name} runs here, where it should not: finish its move to here, or stop it")
    # The token of a move is in the source's own pool as well, where `shared` alone decides.
    shared = move.shared or (not move.to and has_token(here, move))
    disks = not shared and any(storage.lookup(here.pool, name) for name in here.volumes.values())
    left = here.domain is not None or disks
    if not check:
        delete(here, with_disks=not shared)
        transfer.forbid(move.authorized_keys, move.comment)
        shutil.rmtree(move.folder, ignore_errors=True)
    return {"changed": left}


def _tidy(here: Here, move: Move, check: bool) -> dict[str, Any]:
    """At last, where token and key are: take them away."""
    if not check:
        token_file(here, move).unlink(missing_ok=True)
        shutil.rmtree(move.folder, ignore_errors=True)
    return {"changed": False}


def _reclaim(here: Here, move: Move, check: bool) -> dict[str, Any]:
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
            apply.write_config_note(here.domain, dataclasses.replace(note, moved_to=""))
        plain_files.write_new(token_file(here, move), secrets.token_hex(16))
    return {
        "changed": bool(note.moved_to),
        "present": True,
        "image": note.image,
        "token": "" if check else plain_files.read_short(token_file(here, move)),
    }


STEPS: dict[str, Callable[[Here, Move, bool], dict[str, Any]]] = {
    "offer": move_source.offer,
    "prepare": move_target.prepare,
    "look": move_target.look,
    "send": move_source.send,
    "release": move_source.release,
    "receive": move_target.receive,
    "forbid": move_target.forbid,
    "remove": _remove,
    "discard": _discard,
    "reclaim": _reclaim,
    "tidy": _tidy,
}
