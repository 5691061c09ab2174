# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The resolved inventory, kept as long as no file it was made of has changed in content."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from . import convergence, description, inventory, rescue
from .language import files, load
from .language.files import write_atomically
from .model import Options

KEEP = 8


def rescued(options: Options) -> tuple[dict[str, Any], list[str]]:
    """Return ``{groups, hosts}`` in spite of mistakes, and what was passed over; raises DescriptionError."""
    result = rescue.read(options)
    built = inventory.build(result.found)
    return {"groups": built.groups, "hosts": built.hosts}, result.warnings()


@load.without_collector()
def resolve(options: Options, folder: Path | None, use_cache: bool = True) -> dict[str, Any]:
    """Return ``{groups, hosts}`` of a platform; raises DescriptionError. Faulty ones are never kept."""
    if folder is None:
        return _build(options)
    file = folder / f"inventory-{_key(options)}.json"
    if use_cache:
        with contextlib.suppress(OSError, ValueError):
            return json.loads(files.read_bytes(file, files.LARGEST_WRITTEN))
    data = _build(options)
    # The files may have been changed while they were read: keep the result only if they were not.
    if file.name == f"inventory-{_key(options)}.json":
        with contextlib.suppress(OSError):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            write_atomically(file, json.dumps(data, separators=(",", ":")), 0o600)
            _prune(folder)
    return data


def _build(options: Options) -> dict[str, Any]:
    built = inventory.build(description.read_valid(options))
    return {"groups": built.groups, "hosts": built.hosts}


def _key(options: Options) -> str:
    """Return a digest of everything the inventory is made of: options, files, and the collection."""
    digest = hashlib.blake2b(digest_size=20)
    digest.update(repr(options).encode())
    digest.update(str(Path.cwd()).encode() + b"\0")
    names = sorted(_names(options))
    for name, is_file in names:
        # What is no file is a mistake as well, and names are.
        digest.update(os.fsencode(name) + (b"\0" if is_file else b"\1"))
    for path in sorted(_inputs(options, names)):
        digest.update(os.fsencode(path) + b"\0")
        try:
            content = files.read_bytes(path, files.LARGEST_WRITTEN)
        except OSError:
            content = b"?"
        digest.update(len(content).to_bytes(8, "big") + content)
    digest.update(convergence.code_signature().encode())
    key_file = options.private_key_file
    digest.update(str(key_file is not None and key_file.is_file()).encode())
    return digest.hexdigest()


def _names(options: Options) -> list[tuple[str, bool]]:
    """Return what lies in the folders of a description, and whether it is a file."""
    result = []
    for place in ("", "users", "projects", "incidents"):
        with contextlib.suppress(OSError), os.scandir(options.source.parent / place) as found:
            result += [(entry.path, entry.is_file()) for entry in found]
    return result


def _inputs(options: Options, names: list[tuple[str, bool]]) -> Iterator[Path]:
    folder = options.source.parent
    yield options.source
    yield options.ledger
    yield folder / "platform.yml"
    own = str(folder)
    yield from (Path(name) for name, is_file in names if is_file and os.path.dirname(name) != own)  # noqa: PTH120
    if options.key_directory is not None and options.key_directory.is_dir():
        yield from options.key_directory.glob("*.pub")
    yield from convergence.files_beside(folder)
    if options.roles is not None:
        for name in ("meta/argument_specs.yml", "meta/limits.yml", "vars/main.yml"):
            yield from options.roles.glob(f"*/{name}")


def _prune(folder: Path) -> None:
    """Keep the newest files only."""
    newest = sorted(folder.glob("inventory-*.json"), key=lambda file: file.stat().st_mtime, reverse=True)
    for file in newest[KEEP:]:
        file.unlink(missing_ok=True)
    files.sweep(folder)
