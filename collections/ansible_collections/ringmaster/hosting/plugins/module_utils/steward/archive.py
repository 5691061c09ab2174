# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Folders as archives: the same files make the same archive, byte for byte, on whichever controller that is.

Links that lead out of the folder are followed, since a checkout of the collection has roles and playbooks by links;
those that stay inside are links there too, such as those by which roles enable units. Owners and times are nobody's,
and of the modes it counts whether a file is executable.
"""

from __future__ import annotations

import io
import posixpath
import subprocess
import sys
import tarfile
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

LEFT_OUT = (
    "__pycache__",
    ".git",
    ".pytest_cache",
    ".mypy_cache",
    ".ruff_cache",
    "bin",
    "RECORD",
    "INSTALLER",
    "REQUESTED",
)
"""Names of what belongs to one place only; ``bin`` and the last three pip writes for where it installs."""
TIME = 1_700_000_000
"""Of all files: pieces of bytecode name the time of their source."""


class ArchiveError(Exception):
    """The archive cannot be made: why, and what to do."""


def pack(folder: Path, below: str = "", left_out: tuple[str, ...] = LEFT_OUT) -> bytes:
    """Return a folder as an uncompressed tar, with its files in a folder ``below`` (it ends in a slash)."""
    found = sorted(files(folder, below, left_out))
    links = {name: str(path.readlink()) for name, path in found if path.is_symlink() and _stays(name, path, below)}
    plain = [(name, path) for name, path in found if name not in links]
    runs = {name for name, path in plain if _runs(path)}
    return packed({name: path.read_bytes() for name, path in plain}, runs, links)


def packed(
    files: Mapping[str, bytes], executable: Collection[str] = (), links: Mapping[str, str] | None = None
) -> bytes:
    """Return files, and links with where they lead, as an uncompressed tar."""
    result = io.BytesIO()
    with tarfile.open(fileobj=result, mode="w", format=tarfile.GNU_FORMAT) as archive:
        for name, data in sorted(files.items()):
            info = tarfile.TarInfo(name)
            info.size, info.mtime = len(data), TIME
            info.mode = 0o755 if name in executable else 0o644
            archive.addfile(info, io.BytesIO(data))
        for name, target in sorted((links or {}).items()):
            info = tarfile.TarInfo(name)
            info.type, info.linkname, info.mtime = tarfile.SYMTYPE, target, TIME
            archive.addfile(info)
    return result.getvalue()


def _runs(path: Path) -> bool:
    return bool(path.stat().st_mode & 0o100)


def _stays(name: str, link: Path, root: str) -> bool:
    """Tell whether a link leads to a place below the packed folder, there or not: by its text, from where it stands."""
    target = posixpath.normpath(posixpath.join(posixpath.dirname(name), str(link.readlink())))
    return target.startswith(root) and not target.startswith(("/", "../"))


def files(folder: Path, below: str, left_out: tuple[str, ...], root: str | None = None) -> Iterator[tuple[str, Path]]:
    """Yield the files below a folder, and links that stay there, with their names."""
    root = below if root is None else root
    for path in folder.iterdir():
        if path.name in left_out or path.suffix == ".pyc":
            continue
        name = f"{below}{path.name}"
        if path.is_symlink() and _stays(name, path, root):
            yield name, path
        elif path.is_dir():
            yield from files(path, f"{name}/", left_out, root)
        elif path.is_file():
            yield name, path


def installed(requirements: Path, folder: Path) -> None:
    """Install what a file of requirements names into a folder; each has to be pure Python, and its digest to be right.

    pip fetches it from where this controller is set to fetch from.
    """
    words = ["--no-deps", "--require-hashes", "--only-binary=:all:", "--no-compile", "--quiet"]
    argv = [sys.executable, "-m", "pip", "install", "--target", str(folder), *words, "-r", str(requirements)]
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        said = (done.stderr or done.stdout).strip().splitlines()[-1:] or ["pip failed"]
        raise ArchiveError(f"{requirements}: {said[0]}; this controller needs pip, and a package index that pip knows")
