# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read a whole platform folder into a Description, and say everything that is wrong with it."""

from __future__ import annotations

import os
import pickle
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from . import ledger, schema, standing, validate
from .language import files, load, names, ssh_keys
from .language.containers import Record
from .language.errors import DescriptionError, Mistake
from .language.load import Source
from .model import Description, Options, build_vm
from .schema.source import SOURCE

SUFFIX = ".ringmaster.yml"
EXTENSIONS = (".yml", ".yaml")
FROM_ENVIRONMENT = ("signing_key_file", "allowed_signers_file")
"""Paths that the environment may give as well."""


class Kept:
    """What sound files say, for whoever reads a description again beside texts that some of them would get.

    Reading takes most of the time, and a verb changes one file of thousands. What is kept is of one moment: files that
    are changed meanwhile are not seen.
    """

    def __init__(self) -> None:
        """Keep nothing yet."""
        self._files: dict[str, tuple[Source, bytes]] = {}

    def keep(self, key: str, source: Source, values: Any) -> None:
        """Keep a file, before anything is made of its values."""
        if not source.mistakes:
            self._files[key] = (source, pickle.dumps(values, pickle.HIGHEST_PROTOCOL))

    def taken(self, key: str) -> tuple[Source, Any] | None:
        """Return a file as it was read, with values that may be changed; None where it is not kept."""
        if key not in self._files:
            return None
        source, values = self._files[key]
        return replace(source, mistakes=[]), pickle.loads(values)


@load.without_collector()
def read_description(
    options: Options,
    proposed: Mapping[Path, str | None] | None = None,
    entries: Mapping[str, Mapping[str, str]] | None = None,
    kept: Kept | None = None,
) -> tuple[Description, list[Mistake]]:
    """Read and check a platform. Returns every mistake; with mistakes the description is incomplete.

    ``proposed`` holds texts that files would get; they are read in their place, and a file with None is left out.
    ``entries`` are entries of the ledger by section that would be written into it. What is ``kept`` is not read again.
    """
    description = _read(options, proposed or {}, entries or {}, kept)
    standing.settle(description, lambda earlier: _read(earlier, {}, {}, None), proposed=bool(proposed or entries))
    return description, [mistake for source in description.sources.values() for mistake in source.mistakes]


def _read(
    options: Options,
    texts: Mapping[Path, str | None],
    entries: Mapping[str, Mapping[str, str]],
    kept: Kept | None,
) -> Description:
    folder = options.source.parent
    description = Description(folder, options)
    sources = description.sources
    place = folder / "platform.yml"
    description.platform = (
        _read_file(sources, place, "platform.yml", schema.PLATFORM, texts.get(place), kept=kept) or {}
    )
    description.users = _read_folder(sources, folder / "users", "person", schema.USER, texts, kept=kept)
    description.projects = _read_folder(sources, folder / "projects", "project", schema.PROJECT, texts, kept=kept)
    description.incidents = _read_folder(sources, folder / "incidents", "incident", schema.INCIDENT, texts, kept=kept)
    for name, record in description.projects.items():
        defaults = [record["defaults"], description.platform.get("defaults") or {}]
        for vm, values in (record["vms"] or {}).items():
            if values is not None and vm not in description.vms:
                description.vms[vm] = build_vm(vm, name, values, defaults, record)
    description.ledger, sources["allocations.yml"] = _read_ledger(options.ledger, kept)
    for section, added in entries.items():
        getattr(description.ledger, section).update(added)
    description.extra_keys = _read_key_directory(options.key_directory, sources)
    validate.check(description)
    return description


def read_valid(options: Options, kept: Kept | None = None) -> Description:
    """Read a platform; raises DescriptionError with all mistakes when there is one."""
    description, mistakes = read_description(options, kept=kept)
    if mistakes:
        raise DescriptionError(mistakes)
    return description


def _read_ledger(path: Path, kept: Kept | None) -> tuple[ledger.Ledger, Source]:
    known = kept.taken("allocations.yml") if kept else None
    if known:
        return ledger.Ledger(**known[1]), known[0]
    found, source = ledger.read(path)
    if kept:
        kept.keep("allocations.yml", source, vars(found))
    return found, source


def _read_file(
    sources: dict[str, Source], path: Path, key: str, record: Record, proposed: str | None, *, kept: Kept | None
) -> dict[str, Any] | None:
    known = kept.taken(key) if kept and proposed is None else None
    if known:
        sources[key] = known[0]
        return known[1]
    source = load.read(path, proposed)
    sources[key] = source
    if source.mistakes:
        return None
    if source.root is None:
        source.wrong(None, "the file is empty", allowed=record.describe())
        return None
    values = _taken(source, record)
    if kept and proposed is None:
        kept.keep(key, source, values)
    return values


def _taken(source: Source, record: Record) -> dict[str, Any] | None:
    try:
        return record.read(source, source.root, "")
    except load.ExplodedError:
        source.wrong(
            None,
            "its aliases (*name) repeat more than can be read",
            allowed=f"what the file says, repeated at most {load.REPEATED} times on average",
        )
        return None


def _read_folder(
    sources: dict[str, Source],
    folder: Path,
    kind: str,
    record: Record,
    proposed: Mapping[Path, str | None],
    *,
    kept: Kept | None,
) -> dict[str, dict[str, Any]]:
    result: dict[str, dict[str, Any]] = {}
    label = folder.name
    paths = {path for path in proposed if path.parent == folder}
    if folder.is_dir():
        try:
            paths.update(files.entries(folder))
        except OSError as error:
            sources[label] = Source(folder, load.display(folder))
            sources[label].wrong(None, f"cannot be read: {error.strerror}")
            return result
    paths -= {path for path, text in proposed.items() if text is None}
    for path in sorted(paths, key=lambda p: (names.natural(p.stem), p.name)):
        if path.name.startswith(".") or path.name.endswith("~"):
            continue
        if path.suffix not in EXTENSIONS or path.is_dir():
            stray = Source(path, load.display(path))
            stray.wrong(None, f"does not belong into {label}/", found=path.name, allowed="files that end in .yml")
            sources[f"{label}/{path.name}"] = stray
            continue
        name = path.stem
        key = f"{label}/{name}.yml"
        if key in sources:
            sources[key].wrong(None, f"stands twice, as {name}.yml and {name}.yaml", allowed="one file")
            continue
        values = _read_file(sources, path, key, record, proposed.get(path), kept=kept)
        if not names.is_valid(kind, name):
            sources[key].wrong(None, f"'{name}' is no name for a {kind}", found=path.name, allowed=names.RULES[kind][1])
        elif values is not None:
            result[name] = values
    return result


def _read_key_directory(folder: Path | None, sources: dict[str, Source]) -> dict[str, list[str]]:
    """Read ``<name>.pub`` files of a lab's key folder, which may be absent."""
    result: dict[str, list[str]] = {}
    if folder is None or not folder.is_dir():
        return result
    for path in sorted(folder.glob("*.pub")):
        source = Source(path, load.display(path))
        try:
            lines = files.read_text(path, files.LARGEST).splitlines()
        except OSError as error:
            source.wrong(None, f"cannot be read: {error.strerror}")
            sources[f"keys/{path.name}"] = source
            continue
        keys = [line.strip() for line in lines if line.strip() and not line.startswith("#")]
        for key in keys:
            problem = ssh_keys.ssh_key(key)
            if problem:
                source.wrong(None, f"the key {problem}")
                sources[f"keys/{path.name}"] = source
        result[path.stem] = keys
    return result


def find_source(path: Path) -> Path | None:
    """Return the inventory source of the platform a file or folder belongs to, if there is one."""
    for folder in (path, path.parent, path.parent.parent):
        if folder.is_dir():
            found = sorted(folder.glob(f"*{SUFFIX}"))
            if found:
                return found[0]
    return None


def explain_wrong_source(path: Path) -> str:
    """Say which file to pass instead of a folder or another file of the platform."""
    right = find_source(path)
    if right is None:
        return f"{load.display(path)} is not a platform: no file in it ends in {SUFFIX}."
    return (
        f"{load.display(path)} is a part of a platform description and no inventory by itself; "
        f"pass the file {load.display(right)} (-i {load.display(right)}), "
        "not its folder and no other file in it."
    )


def read_options(source_path: Path, roles: Path | None = None) -> Options:
    """Read the options of an inventory source without Ansible; raises DescriptionError."""
    values = check_source(source_path)
    return make_options(source_path, {name: value for name, value in values.items() if value is not None}, roles)


def check_source(source_path: Path) -> dict[str, Any]:
    """Return the options that an inventory source gives, None for others; raises DescriptionError."""
    source = load.read(source_path)
    values: dict[str, Any] | None = None
    if not source.mistakes:
        if source.root is None:
            source.wrong(None, "is no inventory source", allowed="a map with plugin: ringmaster.hosting.platform")
        else:
            values = _taken(source, SOURCE)
            _check_home(source, (values or {}).get("cache_directory"), "cache_directory")
    if source.mistakes or values is None:
        raise DescriptionError(source.mistakes)
    return values


def _check_home(source: Source, text: str | None, key: str) -> None:
    """Note a path below the home of somebody whom this system does not know."""
    try:
        Path(text or "").expanduser()
    except RuntimeError as error:
        why = f"{key}: the path '{(text or '')[:60]}' leads nowhere: {error}"
        source.wrong(source.find(key), why, found=text or "", allowed="a path without the home of somebody unknown")


def _setting(values: dict[str, Any], name: str) -> str:
    """Return an option that the environment may give, as an AWX credential does."""
    return str(values.get(name) or os.environ.get(f"RINGMASTER_{name.upper()}") or "")


def make_options(source_path: Path, values: dict[str, Any], roles: Path | None) -> Options:
    """Make Options; relative paths count from the folder of the source."""
    folder = source_path.parent

    def resolve(key: str) -> Path | None:
        text = _setting(values, key) if key in FROM_ENVIRONMENT else values.get(key)
        try:
            return (folder / Path(str(text)).expanduser()).resolve() if text else None
        except (RuntimeError, OSError, ValueError) as error:
            source = load.read(source_path)
            why = f"{key}: the path '{str(text)[:60]}' leads nowhere: {error}"
            source.wrong(source.find(key), why, found=str(text), allowed="a path, from the folder of this file on")
            raise DescriptionError(source.mistakes) from None

    return Options(
        source=source_path,
        ledger=resolve("ledger") or folder / "allocations.yml",
        key_directory=resolve("key_directory"),
        private_key_file=resolve("private_key_file"),
        ssh_address=str(values.get("ssh_address") or "srv4"),
        projects=tuple(values.get("projects") or ()),
        repository=_setting(values, "description_repo"),
        branch=_setting(values, "description_branch"),
        folder=_setting(values, "description_folder") or ".",
        signing_key=resolve("signing_key_file"),
        allowed_signers=resolve("allowed_signers_file"),
        roles=roles,
    )
