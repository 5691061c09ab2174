# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Check and pack the entries of ``ringmaster.hosting.files`` on the controller."""

from __future__ import annotations

import base64
import difflib
import json
import os
import re
import stat
import zlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ansible.module_utils.parsing.convert_bool import boolean

SOURCES = ("content", "template", "src", "tree", "lines")
BOOLEANS = ("parents", "sensitive", "replace", "recurse", "when")
STRINGS = ("path", "state", "content", "template", "src", "tree", "target", "owner", "group", "validate")
LISTS = ("purge", "notify", "apply")
KEYS = (*STRINGS, *BOOLEANS, *LISTS, "mode", "vars", "lines")
STATES = ("file", "directory", "link", "absent")
MODE = re.compile(r"[0-7]{3,4}")


class EntryError(Exception):
    """An entry that cannot be used; the text names it and the remedy."""


def of_texts(texts: Mapping[str, str], path: str, **options: Any) -> list[dict[str, Any]]:
    """Return an entry for each named text; in ``path``, the name stands for ``%s``."""
    return [{"path": path.replace("%s", name), "content": text, **options} for name, text in texts.items()]


def normalise(index: int, raw: Any) -> dict[str, Any]:
    """Return entry number ``index`` (from 0) with checked types; raise EntryError for the first mistake."""
    name = f"files[{index}]"
    if not isinstance(raw, Mapping):
        raise EntryError(f"{name} is a {type(raw).__name__}; an entry is a dictionary with at least 'path'")
    if isinstance(raw.get("path"), str) and raw["path"]:
        name += f" ({raw['path']})"
    entry: dict[str, Any] = {}
    for key, value in raw.items():
        if key not in KEYS:
            close = difflib.get_close_matches(str(key), KEYS, 1)
            meant = f"; did you mean '{close[0]}'?" if close else ""
            raise EntryError(f"{name}: unknown key '{key}'{meant} Allowed: {', '.join(KEYS)}")
        if value is not None:
            entry[key] = _typed(name, key, value)
    path = entry.get("path", "")
    path = path.rstrip("/") or path[:1]
    if (
        not path.startswith("/")
        or path.startswith("//")
        or os.path.normpath(path) != path
        or (path == "/" and "tree" not in entry)
    ):
        raise EntryError(f"{name}: 'path' must be an absolute path without '.', '..' or doubled slashes")
    entry["path"] = path
    _check_combination(name, entry)
    return entry


def _typed(name: str, key: str, value: Any) -> Any:
    if key == "mode":
        if not isinstance(value, str) or not MODE.fullmatch(value):
            raise EntryError(f"{name}: 'mode' must be a quoted octal number such as \"0644\", got {value!r}")
        return int(value, 8)
    if key in BOOLEANS:
        try:
            return boolean(value)
        except TypeError:
            raise EntryError(f"{name}: '{key}' must be true or false, got {value!r}") from None
    if key in LISTS:
        values = [value] if isinstance(value, str) else value
        if not isinstance(values, Sequence) or not all(isinstance(item, str) for item in values):
            raise EntryError(f"{name}: '{key}' must be a list of strings")
        return [str(item) for item in values]
    if key == "vars":
        if not isinstance(value, Mapping):
            raise EntryError(f"{name}: 'vars' must be a dictionary")
        return dict(value)
    if key == "lines":
        return _edits(name, value)
    if key in ("owner", "group") and isinstance(value, int) and not isinstance(value, bool):
        return str(int(value))
    if not isinstance(value, str):
        raise EntryError(f"{name}: '{key}' must be a string, got a {type(value).__name__}")
    return str(value)


def _edits(name: str, value: Any) -> list[tuple[str, str]]:
    """Return (pattern, line) pairs of an entry's ``lines``."""
    try:
        pairs = [(str(item["match"]), str(item["line"])) for item in value if set(item) == {"match", "line"}]
        for pattern, _line in pairs:
            re.compile(pattern)
    except (TypeError, KeyError, re.error) as error:
        raise EntryError(f"{name}: 'lines' is a list of {{match: pattern, line: text}}; {error}") from error
    if len(pairs) != len(value) or not pairs:
        raise EntryError(f"{name}: each item of 'lines' needs 'match' and 'line' and nothing else")
    return pairs


def _check_combination(name: str, entry: dict[str, Any]) -> None:
    state = entry.setdefault("state", "file")
    if state not in STATES:
        raise EntryError(f"{name}: 'state' must be one of {', '.join(STATES)}, got '{state}'")
    sources = [key for key in SOURCES if key in entry]
    if state == "file" and len(sources) != 1:
        found = " and ".join(sources) or "none"
        raise EntryError(f"{name}: needs exactly one of {', '.join(SOURCES)}; found {found}")
    if state != "file" and sources:
        raise EntryError(f"{name}: '{sources[0]}' makes no sense with state '{state}'")
    if (state == "link") != ("target" in entry):
        raise EntryError(f"{name}: 'target' and 'state: link' belong together")
    if entry.get("purge") and state != "directory":
        raise EntryError(f"{name}: 'purge' needs 'state: directory'")
    if "validate" in entry and ("%s" not in entry["validate"] or state != "file"):
        raise EntryError(f"{name}: 'validate' is for files and must contain %s, the place of the file's path")
    if "tree" in entry and {"mode", "validate"} & set(entry):
        raise EntryError(f"{name}: a tree keeps its own modes and takes no 'mode' or 'validate'")


def read_tree(root: Path, destination: str) -> Iterator[dict[str, Any]]:
    """Yield entries (with ``raw`` = bytes for files) for all below ``root``, folders first, by name."""
    for folder, folders, names in os.walk(root):
        folders[:] = sorted(name for name in folders if name != "__pycache__")
        below = Path(destination) / Path(folder).relative_to(root)
        linked = [name for name in folders if (Path(folder) / name).is_symlink()]
        yield {"path": str(below), "state": "directory", "parents": True}
        for name in sorted([*names, *linked]):
            source = Path(folder) / name
            if name == ".gitkeep":
                continue
            if source.is_symlink():
                yield {"path": str(below / name), "state": "link", "target": str(source.readlink())}
                continue
            mode = 0o755 if source.stat().st_mode & stat.S_IXUSR else 0o644
            yield {"path": str(below / name), "state": "file", "mode": mode, "raw": source.read_bytes()}


def reject_duplicates(entries: Sequence[Mapping[str, Any]]) -> None:
    """Raise EntryError if two entries name the same path; folders of trees may meet."""
    seen: dict[str, Mapping[str, Any]] = {}
    for entry in entries:
        first = seen.setdefault(entry["path"], entry)
        if first is not entry and not (first["state"] == entry["state"] == "directory"):
            raise EntryError(f"{entry['path']} is named twice in this call; only one may decide what it is")


def pack(entries: Sequence[Mapping[str, Any]]) -> str:
    """Return the payload of the module: what the target needs, compressed, safe in JSON."""
    keys = ("path", "state", "target", "owner", "group", "mode", "validate", "purge", "apply", "lines")
    slim = []
    for entry in entries:
        item = {key: entry[key] for key in keys if key in entry}
        item.update({key: True for key in ("parents", "sensitive", "replace", "recurse") if entry.get(key)})
        if "raw" in entry:
            item["content"] = base64.b64encode(entry["raw"]).decode()
        slim.append(item)
    return base64.b64encode(zlib.compress(json.dumps(slim).encode())).decode()
