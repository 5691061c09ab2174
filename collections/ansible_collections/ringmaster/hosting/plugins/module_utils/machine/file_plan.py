# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Compare many wanted files with what is there: ``plan`` is pure apart from the functions it looks with.

Standard library only: this runs on targets. ``file_apply`` carries a plan out.
"""

from __future__ import annotations

import fnmatch
import grp
import os
import pwd
import re
import stat
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

READ_LIMIT = 64 << 20  # bytes
DIFF_LIMIT = 104448  # bytes; as Ansible's own max_file_size_for_diff
HIDDEN_BEFORE = "(sensitive, not shown)\n"
HIDDEN_AFTER = "(sensitive, not shown; changed)\n"


class FilesError(Exception):
    """Everything that is wrong with the wanted files, one sentence each."""

    def __init__(self, problems: Sequence[str]) -> None:
        """Keep the sentences; the text of the error has one a line."""
        self.problems = list(problems)
        super().__init__("\n".join(self.problems))


@dataclass(frozen=True)
class Entry:
    """One wanted path. ``mode`` is the permission bits, None = keep (0644, 0755 or 0600 where new)."""

    path: str
    state: str = "file"  # file, directory, link, absent
    content: bytes = b""
    target: str = ""
    owner: str | None = None
    group: str | None = None
    mode: int | None = None
    validate: str = ""
    parents: bool = False
    sensitive: bool = False
    replace: bool = False
    recurse: bool = False
    purge: tuple[str, ...] = ()
    lines: tuple[tuple[str, str], ...] = ()  # (pattern, line): edit the file that is there
    apply: tuple[str, ...] = ()  # commands to run when this path has changed


@dataclass(frozen=True)
class Node:
    """What a path is. ``content`` is None for a file too large to be one of ours (it is not read)."""

    kind: str = "absent"  # absent, file, directory, link, other
    mode: int = 0
    uid: int = 0
    gid: int = 0
    content: bytes | None = b""
    target: str = ""


ABSENT = Node()


@dataclass(frozen=True)
class Change:
    """One step from ``before`` to ``after``; action is write, attributes, directory, link or remove."""

    path: str
    action: str
    before: Node
    after: Node
    validate: str = ""
    sensitive: bool = False
    apply: tuple[str, ...] = ()


@dataclass
class Plan:
    """The steps in order, and what check mode could not know."""

    changes: list[Change] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def commands(self) -> list[str]:
        """Return the commands that the changed paths ask for, each once, in order."""
        return list(dict.fromkeys(command for change in self.changes for command in change.apply))

    @property
    def paths(self) -> list[str]:
        """Return the changed paths, each once, in order."""
        return list(dict.fromkeys(change.path for change in self.changes))


def observe(path: str) -> Node:
    """Look at a path without following a link at its end."""
    try:
        info = os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return ABSENT
    mode = stat.S_IMODE(info.st_mode)
    if stat.S_ISLNK(info.st_mode):
        return Node("link", mode, info.st_uid, info.st_gid, target=str(Path(path).readlink()))
    if stat.S_ISDIR(info.st_mode):
        return Node("directory", mode, info.st_uid, info.st_gid)
    if not stat.S_ISREG(info.st_mode):
        return Node("other", mode, info.st_uid, info.st_gid)
    if info.st_size > READ_LIMIT:
        return Node("file", mode, info.st_uid, info.st_gid, content=None)
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as handle:
        return Node("file", mode, info.st_uid, info.st_gid, content=handle.read())


def exchangeable(path: str, known: dict[str, str] | None = None) -> str:
    """Return the folder on the way to a path that another account may write, and so exchange what lies in it; or "".

    In a sticky folder nobody can exchange what is root's. ``known`` keeps the answers for folders.
    """
    known = {} if known is None else known
    folder = str(Path(path).parent)
    if folder not in known:
        known[folder] = "" if folder == path else exchangeable(folder, known) or _writable(folder, known)
    return known[folder]


def _writable(folder: str, known: dict[str, str]) -> str:
    try:
        info = os.lstat(folder)
    except (FileNotFoundError, NotADirectoryError):
        return ""
    if info.st_uid not in (0, os.geteuid()):
        return folder
    if stat.S_ISLNK(info.st_mode):
        return exchangeable(f"{os.path.realpath(folder)}/x", known)
    return folder if info.st_mode & 0o022 and not info.st_mode & stat.S_ISVTX else ""


def user_id(name: str) -> int:
    """Return the uid of a name or number; KeyError if there is no such user."""
    return int(name) if name.isdigit() else pwd.getpwnam(name).pw_uid


def group_id(name: str) -> int:
    """Return the gid of a name or number; KeyError if there is no such group."""
    return int(name) if name.isdigit() else grp.getgrnam(name).gr_gid


def edit(content: bytes, lines: Sequence[tuple[str, str]]) -> bytes:
    """Return the text with, for each (pattern, line), the first line that matches replaced by ``line``.

    Further lines that match are dropped; where none matches, ``line`` is added at the end.
    """
    text = content.decode(errors="surrogateescape").splitlines()
    for pattern, line in lines:
        places = [index for index, old in enumerate(text) if re.search(pattern, old)]
        for index in reversed(places[1:]):
            del text[index]
        text[places[0] if places else len(text) : places[0] + 1 if places else len(text)] = [line]
    return ("\n".join(text) + "\n").encode(errors="surrogateescape")


class _Planner:
    """Builds a plan over a view of the file system that includes the steps planned so far."""

    def __init__(self, look: Callable[[str], Node], list_folder: Callable[[str], list[str]], check_mode: bool) -> None:
        self._look = look
        self._list_folder = list_folder
        self._check_mode = check_mode
        self._view: dict[str, Node] = {}
        self._exchangeable: dict[str, str] = {}
        self.problems: list[str] = []
        self.plan = Plan()

    def node(self, path: str) -> Node:
        if path not in self._view:
            self._view[path] = self._look(path)
        return self._view[path]

    def step(self, entry: Entry, action: str, after: Node, path: str = "") -> None:
        path = path or entry.path
        before = self.node(path)
        self.plan.changes.append(Change(path, action, before, after, entry.validate, entry.sensitive, entry.apply))
        self._view[path] = after

    def attributes(self, entry: Entry, default: Node) -> Node:
        """Return ``default`` with the entry's mode, owner and group; unknown names are problems."""
        values: dict[str, int] = {}
        if entry.mode is not None:
            values["mode"] = entry.mode
        for key, name, lookup, noun in (
            ("uid", entry.owner, user_id, "owner"),
            ("gid", entry.group, group_id, "group"),
        ):
            if name is None:
                continue
            try:
                values[key] = lookup(name)
            except KeyError:
                sentence = f"{entry.path}: {noun} '{name}' does not exist on this host"
                if self._check_mode:
                    self.plan.notes.append(f"{sentence} (yet)")
                else:
                    self.problems.append(f"{sentence}; create it in an earlier task")
        return replace(default, **values)  # type: ignore[arg-type]

    def parents(self, entry: Entry) -> bool:
        """Plan missing parent folders; return False where the path cannot be reached."""
        missing: list[str] = []
        for folder in map(str, reversed(Path(entry.path).parents)):
            node = self.node(folder)
            if node.kind == "link":
                node = self.node(str(Path(folder).resolve()))
            if node.kind == "absent":
                missing.append(folder)
            elif node.kind != "directory":
                self.problems.append(f"{entry.path}: {folder} is not a folder")
                return False
        if not missing:
            return True
        if entry.state == "absent":
            return False
        if not entry.parents and not self._check_mode:
            self.problems.append(
                f"{entry.path}: there is no folder {missing[-1]}; create it first or set 'parents: true'"
            )
            return False
        if entry.parents:
            for path in missing:
                self.step(entry, "directory", Node("directory", 0o755, os.geteuid(), os.getegid()), path)
        else:
            self.plan.notes.append(f"{entry.path}: the folder {missing[-1]} does not exist (yet)")
            for path in missing:
                self._view[path] = Node("directory", 0o755)
        return True

    def entry(self, entry: Entry) -> None:
        """Plan one entry."""
        if folder := exchangeable(entry.path, self._exchangeable):
            self.problems.append(
                f"{entry.path}: {folder} can be written by others than root, who could exchange what lies below it; "
                "let the program of the part do it, or make the folder root's"
            )
            return
        if not self.parents(entry):
            return
        current = self.node(entry.path)
        kind = {"file": "file", "directory": "directory", "link": "link"}.get(entry.state, "absent")
        if kind == "absent":
            self.absent(entry, current)
            return
        replaceable = entry.replace and current.kind in ("link", "file") and kind in ("link", "file")
        if current.kind not in ("absent", kind) and not replaceable:
            advice = "; set 'replace: true' to replace it" if {current.kind, kind} == {"link", "file"} else ""
            shown = {"link": f"a symbolic link to {current.target}", "other": "a device, socket or pipe"}
            self.problems.append(
                f"{entry.path}: wanted a {kind}, found {shown.get(current.kind, 'a ' + current.kind)}{advice}"
            )
            return
        fresh_mode = {"file": 0o600 if entry.sensitive else 0o644, "directory": 0o755, "link": 0o777}[kind]
        base = current if current.kind == kind else Node(kind, fresh_mode, os.geteuid(), os.getegid())
        if kind == "link":
            if (current.kind, current.target) != ("link", entry.target):
                self.step(entry, "link", replace(base, target=entry.target))
            return
        if kind == "file":
            base = replace(base, content=edit(base.content or b"", entry.lines) if entry.lines else entry.content)
        wanted = self.attributes(entry, base)
        if wanted != current:
            whole = kind == "file" and (current.kind, current.content) != ("file", wanted.content)
            self.step(entry, "write" if whole else ("attributes" if current.kind == kind else kind), wanted)

    def absent(self, entry: Entry, current: Node) -> None:
        """Plan a removal."""
        if current.kind == "absent":
            return
        held = self._list_folder(entry.path) if current.kind == "directory" and not entry.recurse else []
        if any(self._view.get(str(Path(entry.path) / name)) != ABSENT for name in held):
            self.problems.append(
                f"{entry.path}: the folder is not empty; set 'recurse: true' to remove it with all it holds"
            )
            return
        self.step(entry, "remove", ABSENT)

    def purge(self, entry: Entry, declared: set[str]) -> None:
        """Plan the removal of files of a folder that match a purge pattern and are not declared."""
        if self.node(entry.path).kind != "directory":
            return
        for name in sorted(self._list_folder(entry.path)):
            path = str(Path(entry.path) / name)
            if path in declared or not any(fnmatch.fnmatch(name, pattern) for pattern in entry.purge):
                continue
            if self.node(path).kind in ("file", "link"):
                self.step(entry, "remove", ABSENT, path)


def _list_folder(path: str) -> list[str]:
    try:
        return [item.name for item in Path(path).iterdir()]
    except FileNotFoundError:
        return []


def plan(
    entries: Sequence[Entry],
    look: Callable[[str], Node] = observe,
    list_folder: Callable[[str], list[str]] = _list_folder,
    *,
    check_mode: bool = False,
) -> Plan:
    """Return the steps from what ``look`` sees to what the entries want.

    In check mode, folders, users and groups that an earlier task would have made are taken as given and
    noted. Raises FilesError with every problem found.
    """
    planner = _Planner(look, list_folder, check_mode)
    for entry in entries:
        planner.entry(entry)
    declared = {entry.path for entry in entries if entry.state != "absent"}
    for entry in entries:
        if entry.purge:
            planner.purge(entry, declared)
    if planner.problems:
        raise FilesError(planner.problems)
    return planner.plan


def diff(changes: Sequence[Change]) -> list[Mapping[str, str]]:
    """Return Ansible's before/after pairs, one or two for each change (content, attributes)."""
    result: list[Mapping[str, str]] = []
    for change in changes:
        headers = {"before_header": change.path, "after_header": change.path}
        if change.action == "write":
            before, after = _text(change.before.content), _text(change.after.content)
            if change.sensitive:
                before, after = HIDDEN_BEFORE if change.before.kind == "file" else "", HIDDEN_AFTER
            result.append({**headers, "before": before, "after": after})
        before, after = _attributes_text(change.before), _attributes_text(change.after)
        plain = before == "" and change.action == "write" and change.after.mode == 0o644
        if before != after and not plain:
            headers = {key: f"{value} (attributes)" for key, value in headers.items()}
            result.append({**headers, "before": before, "after": after})
    return result


def _text(content: bytes | None) -> str:
    if content is None:
        return f"(more than {READ_LIMIT} bytes)\n"
    if len(content) > DIFF_LIMIT:
        return f"({len(content)} bytes, too large to show)\n"
    try:
        return content.decode()
    except UnicodeDecodeError:
        return f"({len(content)} bytes, binary)\n"


def _attributes_text(node: Node) -> str:
    if node.kind == "absent":
        return ""
    if node.kind == "link":
        return f"link to {node.target}\n"
    return f"{node.kind}, mode {node.mode:04o}, owner {node.uid}:{node.gid}\n"
