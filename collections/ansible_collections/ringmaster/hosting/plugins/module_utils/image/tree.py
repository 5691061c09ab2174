# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A Debian system in a folder, made by mmdebstrap from the package sources of this machine."""

from __future__ import annotations

import os
import shlex
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ansible_collections.ringmaster.hosting.plugins.module_utils.image import apt_sources, digest
from ansible_collections.ringmaster.hosting.plugins.module_utils.image.errors import ImageError
from ansible_collections.ringmaster.hosting.plugins.module_utils.image.store import (
    Shelf,
    remove,
    require_programs,
    require_root,
    require_space,
    run,
)

RECIPE = 1
"""Raise it when the code here changes what a tree looks like: older trees are then rebuilt."""

SPACE_MIB = 2048


@dataclass(frozen=True)
class TreeSpec:
    """What a tree is made from.

    ``overlays``: folders copied onto the tree, before the packages are installed and again after it (so that
    drop-ins are in force while maintainer scripts run and win in the end); everything belongs to root.
    ``files``: path -> (content, mode), likewise. ``links``: path -> target.
    ``debconf``: lines for debconf-set-selections. ``scripts`` (shell), then ``commands`` (argv lists) run
    inside the tree when all is installed. ``salt``: anything else that the result depends on.
    """

    release: str = "trixie"
    packages: tuple[str, ...] = ()
    overlays: tuple[Path, ...] = ()
    files: dict[str, tuple[str, int]] = field(default_factory=dict)
    links: dict[str, str] = field(default_factory=dict)
    debconf: tuple[str, ...] = ()
    scripts: tuple[Path, ...] = ()
    commands: tuple[tuple[str, ...], ...] = ()
    salt: Any = None

    def inputs(self) -> str:
        """Return the digest of all that the tree is made from, package versions and mirrors excepted.

        Raises ImageError where an overlay or a script does not exist.
        """
        for overlay in self.overlays:
            if not overlay.is_dir():
                raise ImageError(f"The folder {overlay}, to be copied into the tree, does not exist.")
        for script in self.scripts:
            if not script.is_file():
                raise ImageError(f"The script {script}, to be run in the tree, does not exist.")
        return digest.of_value(
            {
                "recipe": RECIPE,
                "release": self.release,
                "packages": sorted(set(self.packages)),
                "overlays": [digest.of_folder(folder) for folder in self.overlays],
                "files": {path: list(value) for path, value in self.files.items()},
                "links": self.links,
                "debconf": list(self.debconf),
                "scripts": [script.read_text(encoding="utf-8") for script in self.scripts],
                "commands": [list(argv) for argv in self.commands],
                "salt": self.salt,
            }
        )


@dataclass(frozen=True)
class Origin:
    """Where the packages come from. ``sources``: deb822 text; "" means those of this machine."""

    sources: str = ""
    package_cache: Path | None = None

    def resolved(self, release: str) -> str:
        """Return the sources for ``release`` as deb822 text."""
        found = apt_sources.parse(self.sources) if self.sources.strip() else apt_sources.read_host()
        return apt_sources.render(apt_sources.for_release(found, release))


def check_host(folder: Path, finish: Finish) -> None:
    """Raise ImageError for all that would make a build fail later."""
    require_root("Building a Debian system")
    require_programs({"mmdebstrap": "mmdebstrap", **finish.programs})
    require_space(folder, finish.space_mib)


def build(spec: TreeSpec, origin: Origin, work: Path, lock: int, log: Path) -> tuple[Path, dict[str, str]]:
    """Make the tree in ``work/tree``. Returns its path and its packages with their versions.

    ``work`` is an empty folder of ours. Raises ImageError.
    """
    tree, hooks = work / "tree", work / "hooks"
    hooks.mkdir(parents=True)
    sources = hooks / "debian.sources"
    sources.write_text(origin.resolved(spec.release), encoding="utf-8")
    options = apt_sources.host_options()
    stage = _stage_files(spec, hooks, apt_sources.lasting_options(options))
    argv = ["mmdebstrap", "--mode=root", "--variant=minbase", "--format=directory"]
    argv += [f"--include={','.join(sorted(set(spec.packages)))}"] if spec.packages else []
    argv += [f"--aptopt={option}" for option in options]
    argv += ["--dpkgopt=force-confold", "--dpkgopt=force-unsafe-io"]
    argv += _cache_hooks(origin.package_cache)
    argv += [f"--essential-hook={_script(hooks / 'essential', _essential_script(spec, stage))}"]
    argv += [f"--customize-hook={_script(hooks / 'customize', _customize_script(spec, stage, sources))}"]
    argv += [spec.release, str(tree), str(sources)]
    work.chmod(0o755)  # apt's download user must be able to enter
    run(argv, lock, log, what=f"mmdebstrap ({spec.release})")
    for key in (tree / "etc/ssh").glob("ssh_host_*"):
        key.unlink()  # made by the package; every machine must have its own
    # mmdebstrap removed the package lists: their age must not make Ansible's apt think that there are any.
    os.utime(tree / "var/lib/apt/lists", (0, 0))
    (tree / "etc/hostname").unlink(missing_ok=True)  # mmdebstrap copies this machine's
    resolver = tree / "etc/resolv.conf"
    if not resolver.is_symlink():
        resolver.unlink(missing_ok=True)
    return tree, _packages(tree)


def _packages(tree: Path) -> dict[str, str]:
    """Return the installed packages of a tree with their versions."""
    found = {}
    for stanza in (tree / "var/lib/dpkg/status").read_text(encoding="utf-8").split("\n\n"):
        fields = dict(line.split(": ", 1) for line in stanza.splitlines() if ": " in line and line[:1] != " ")
        if fields.get("Status", "").endswith(" installed"):
            found[fields["Package"]] = fields["Version"]
    return found


def _stage_files(spec: TreeSpec, hooks: Path, lasting: list[str]) -> Path:
    """Write ``files`` and ``links`` of the spec into a folder that is copied like an overlay."""
    stage = hooks / "files"
    stage.mkdir()
    files = dict(spec.files)
    if lasting:
        files.setdefault("/etc/apt/apt.conf.d/90sources", ("\n".join(lasting) + "\n", 0o644))
    for path, (content, mode) in files.items():
        target = stage / path.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(content, encoding="utf-8")
        target.chmod(mode)
    for path, aim in spec.links.items():
        target = stage / path.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.symlink_to(aim)
    return stage


def _script(path: Path, lines: list[str]) -> Path:
    path.write_text(
        "#!/bin/sh\nset -e\nexport LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive\n" + "\n".join(lines) + "\n",
        encoding="utf-8",
    )
    path.chmod(0o755)
    return path


def _copy_lines(spec: TreeSpec, stage: Path) -> list[str]:
    # tar and not cp: a folder "lib" of an overlay goes where the tree's link /lib points. Of the modes of
    # overlays only the executable bit counts (git keeps no more); those of single files are as given.
    normal = "--mode=u=rwX,go=rX "
    return [
        f"tar -C {shlex.quote(str(folder))} --owner=0 --group=0 {'' if folder == stage else normal}-cf - . "
        '| tar -C "$1" --keep-directory-symlink --no-overwrite-dir -xpf -'
        for folder in (*spec.overlays, stage)
    ]


def _essential_script(spec: TreeSpec, stage: Path) -> list[str]:
    lines = _copy_lines(spec, stage)
    if spec.debconf:
        lines.append(f"printf '%s\\n' {shlex.join(spec.debconf)} | chroot \"$1\" debconf-set-selections")
    return lines


def _customize_script(spec: TreeSpec, stage: Path, sources: Path) -> list[str]:
    lines = ['rm -f "$1/etc/apt/sources.list" "$1"/etc/apt/sources.list.d/*.sources']
    lines += [f'cp {shlex.quote(str(sources))} "$1/etc/apt/sources.list.d/debian.sources"']
    for key in apt_sources.keyrings(apt_sources.parse(sources.read_text(encoding="utf-8"))):
        name = shlex.quote(key)
        lines.append(f'[ -e "$1"{name} ] || [ ! -e {name} ] || install -D -m 644 {name} "$1"{name}')
    lines += _copy_lines(spec, stage)
    lines += [f'chroot "$1" sh -eu -s < {shlex.quote(str(script))}' for script in spec.scripts]
    lines += [f'chroot "$1" {shlex.join(argv)}' for argv in spec.commands]
    lines += ['rm -f "$1/etc/apt/apt.conf.d/99mmdebstrap" "$1/etc/dpkg/dpkg.cfg.d/99mmdebstrap"']
    lines += ['rm -f "$1"/var/cache/debconf/*-old "$1"/var/lib/dpkg/*-old']
    return lines


def _cache_hooks(cache: Path | None) -> list[str]:
    """Return mmdebstrap's options that keep downloaded packages in ``cache``; hard links where possible."""
    if cache is None:
        return []
    cache.mkdir(parents=True, exist_ok=True)
    place, there = shlex.quote(str(cache)), '"$1/var/cache/apt/archives"'
    copy = (
        "find {source} -maxdepth 1 -name '*.deb' -exec cp -l -n -t {target} {{}} + 2>/dev/null || "
        "find {source} -maxdepth 1 -name '*.deb' -exec cp -n -t {target} {{}} +"
    )
    return [
        "--skip=essential/unlink",
        f"--setup-hook=mkdir -p {there}; " + copy.format(source=place, target=there),
        f"--customize-hook={copy.format(source=there, target=place)}",
    ]


@dataclass(frozen=True)
class Finish:
    """What is made from a finished tree, where the tree itself is not the result.

    ``make(tree, work, lock, log)`` returns the path of the result inside ``work``.
    """

    make: Callable[[Path, Path, int, Path], Path]
    programs: dict[str, str] = field(default_factory=dict)
    space_mib: int = SPACE_MIB


def _tree_itself(tree: Path, work: Path, lock: int, log: Path) -> Path:
    return tree


TREE = Finish(_tree_itself)


def obtain(
    shelf: Shelf,
    spec: TreeSpec,
    origin: Origin,
    finish: Finish = TREE,
    *,
    force: bool = False,
    refresh: bool = False,
    check: bool = False,
) -> tuple[bool, dict[str, Any]]:
    """Return (changed, record) of the result on the shelf, building it where it is missing.

    ``refresh``: build again and keep the new result only where a package version differs.
    ``check``: change nothing; the record then has no path where one would have to be built.
    The record: digest, inputs, path, release, packages {name: version}, built (seconds since 1970), seconds.
    """
    inputs = spec.inputs()
    present = shelf.newest(inputs)
    if present and not (force or refresh):
        return False, present
    check_host(shelf.folder, finish)
    origin.resolved(spec.release)
    if check:
        return not present or force, present or {"inputs": inputs, "release": spec.release}
    with shelf.locked() as lock:
        present = shelf.newest(inputs)
        if present and not (force or refresh):
            return False, present
        shelf.sweep()
        started = time.monotonic()
        shelf.partial.mkdir()
        try:
            log = shelf.folder / f"{shelf.name}.log"
            log.unlink(missing_ok=True)
            tree, packages = build(spec, origin, shelf.partial, lock, log)
            name = digest.of_result(inputs, packages, [str(time.time_ns())] if force else [])
            if present and present["digest"] == name:
                return False, present
            made = finish.make(tree, shelf.partial, lock, log)
            record = {
                "inputs": inputs,
                "release": spec.release,
                "packages": packages,
                "built": time.time(),
                "seconds": round(time.monotonic() - started, 1),
            }
            return True, shelf.publish(made, name, record)
        finally:
            remove(shelf.partial)
