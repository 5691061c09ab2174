# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read YAML files so that every value keeps its place (file, line, column) for messages."""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from . import files
from .errors import Mistake, printable, shorten
from .files import Form

LONGEST_WORD = 40
"""Characters of a word whose tag is remembered: longer ones, such as keys, stand once."""
MOST_WORDS = 100_000
"""So many of them are remembered."""

try:
    import yaml

    _Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

    class Loader(_Loader):  # type: ignore[misc]
        """The usual loader, which asks once what a word is that stands in many places of many files."""

        _tags: ClassVar[dict[tuple[str, tuple[bool, bool]], Any]] = {}

        def resolve(self, kind: Any, value: Any, implicit: Any) -> Any:
            """Return the tag of a node."""
            if kind is not yaml.ScalarNode or len(value) > LONGEST_WORD:
                return super().resolve(kind, value, implicit)
            tags, key = self._tags, (value, implicit)
            tag = tags.get(key)
            if tag is None:
                if len(tags) >= MOST_WORDS:
                    tags.clear()
                tag = tags[key] = super().resolve(kind, value, implicit)
            return tag

except ImportError:  # sanity tests import module_utils without third-party libraries
    yaml = None  # type: ignore[assignment]
    Loader = None  # type: ignore[assignment, misc]

NULL = "tag:yaml.org,2002:null"
MAP = "tag:yaml.org,2002:map"
LIST = "tag:yaml.org,2002:seq"
BOOLEAN = "tag:yaml.org,2002:bool"
MAX_DEPTH = 30
REPEATED = 8
"""How often, on average, aliases may repeat what a file says."""
PLAIN_TAGS = frozenset(f"tag:yaml.org,2002:{kind}" for kind in ("str", "int", "float", "bool", "null", "timestamp"))
"""Tags that YAML gives to words by itself. All others are an author's, and say that something else is meant."""
_PLAIN_CONTAINERS = frozenset((MAP, LIST))


@contextlib.contextmanager
def without_collector() -> Iterator[None]:
    """Hold Python's collector of cycles: large trees without any grow, and it would walk all of them again and again.

    With 10,000 VMs that is half of the time, and more than linear.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


class ExplodedError(Exception):
    """The aliases of a file say more than can be read."""


@dataclass
class Source:
    """One file of the description: its text and the tree of YAML nodes (None when it is empty)."""

    path: Path
    name: str
    text: str = ""
    root: Any = None
    mistakes: list[Mistake] = field(default_factory=list)
    form: Form = field(default_factory=Form)
    _index: dict[int, dict[str, tuple[Any, Any]]] = field(default_factory=dict, repr=False)
    _read: int = 0
    _lines: tuple[str, list[str]] = field(default=("", []), repr=False)

    def lines(self) -> list[str]:
        """Return the lines of the text; kept, because a file with one mistake may have thousands."""
        if self._lines[0] is not self.text:
            self._lines = (self.text, self.text.splitlines())
        return self._lines[1]

    def wrong(
        self,
        node: Any,
        message: str,
        *,
        found: str = "",
        allowed: str = "",
        hint: str = "",
        eased: bool = False,
        stood: Callable[[Any], bool] | None = None,
    ) -> None:
        """Note a mistake at a node (None: the file as a whole).

        ``eased`` is for rules that came later than descriptions with such values; what reads them must go on. ``stood``
        tells whether a description had it already, where it is not the same mistake that says so.
        """
        line, column = (node.start_mark.line, node.start_mark.column) if node is not None else (-1, 0)
        self.wrong_at(line, column, message, found=found, allowed=allowed, hint=hint, eased=eased, stood=stood)

    def wrong_at(
        self,
        line: int,
        column: int,
        message: str,
        *,
        found: str = "",
        allowed: str = "",
        hint: str = "",
        eased: bool = False,
        stood: Callable[[Any], bool] | None = None,
    ) -> None:
        """Note a mistake at a place that counts from 0; line -1 means the first line."""
        lines = self.lines()
        line = max(line, 0)
        excerpt = lines[line] if line < len(lines) else ""
        start = max(0, column - 60) if len(excerpt) > 110 else 0
        excerpt = "".join(c if c.isprintable() else " " for c in excerpt[start : start + 110])
        self.mistakes.append(
            Mistake(
                file=self.name,
                line=line + 1,
                column=column + 1,
                message=printable(message),
                found=printable(shorten(found, 200)),
                allowed=printable(allowed),
                hint=printable(hint),
                excerpt=excerpt,
                caret=column - start,
                eased=eased,
                stood=stood,
            )
        )

    def spend(self, number: int) -> None:
        """Count values that are read; raises ExplodedError for more than any text of this length can hold.

        Aliases (``*name``) repeat what stands once, and aliases of aliases repeat it without end.
        """
        self._read += number
        if self._read > REPEATED * len(self.text) + 10_000:
            raise ExplodedError

    def _entries(self, node: Any) -> dict[str, tuple[Any, Any]]:
        """Return the entries of a map by key; kept, because the ledger's maps are long and asked often."""
        if id(node) not in self._index:
            self._index[id(node)] = {
                key_node.value: (key_node, value_node)
                for key_node, value_node in node.value
                if isinstance(key_node, yaml.ScalarNode)
            }
        return self._index[id(node)]

    def child(self, node: Any, key: str | int) -> Any:
        """Return the node of a map's entry or of a list's item; None when there is none."""
        if isinstance(node, yaml.MappingNode):
            found = self._entries(node).get(str(key))
            return found[1] if found else None
        if isinstance(node, yaml.SequenceNode) and isinstance(key, int) and key < len(node.value):
            return node.value[key]
        return None

    def find(self, *path: str | int, key: bool = False) -> Any:
        """Return the node at a path of keys and indexes, or the deepest one that exists on the way.

        With ``key`` the last step gives the node of the key instead of its value.
        """
        node = self.root
        for step_number, step in enumerate(path):
            is_last = step_number == len(path) - 1
            if key and is_last and isinstance(node, yaml.MappingNode):
                following = self._entries(node).get(str(step), (None, None))[0]
            else:
                following = self.child(node, step)
            if following is None:
                break
            node = following
        return node


def read(path: Path, proposed: str | None = None, largest: int = files.LARGEST) -> Source:
    """Read one file, or the text that is proposed for it. A mistake is noted in the result, never raised."""
    source = Source(path, display(path))
    if proposed is not None:
        _compose(source, proposed)
        return source
    try:
        raw = files.read_bytes(path, largest)
    except OSError as error:
        source.wrong(None, f"cannot be read: {error.strerror}")
        return source
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        source.text = raw.decode("utf-8", "replace")
        line = raw.count(b"\n", 0, error.start)
        column = error.start - (raw.rfind(b"\n", 0, error.start) + 1)
        source.wrong_at(line, column, "is not UTF-8 text", allowed="text in UTF-8")
        return source
    _compose(source, text)
    return source


def display(path: Path) -> str:
    """Name a file relative to the working directory where it lies below it."""
    try:
        return str(path.absolute().relative_to(Path.cwd()))
    except (ValueError, OSError):
        return str(path)


def _compose(source: Source, text: str) -> None:
    source.form = Form.of(text)
    source.text = source.form.plain(text)
    loader = None
    try:
        loader = Loader(source.text)
        source.root = loader.get_single_node()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        problem = " ".join(part for part in (error.context, error.problem) if part)
        hint = ""
        if "\t" in source.text:
            hint = "YAML does not allow tabs for indentation"
        elif "mapping values are not allowed" in problem:
            hint = "put a value that contains ': ' in quotes, and check the indentation"
        source.wrong_at(
            mark.line if mark else 0, mark.column if mark else 0, f"is not valid YAML: {problem}", hint=hint
        )
    except yaml.reader.ReaderError as error:
        before = source.text[: error.position] if isinstance(error.position, int) else ""
        line = before.count("\n")
        source.wrong_at(line, len(before) - before.rfind("\n") - 1, f"is not valid YAML: {error.reason}")
    except yaml.YAMLError as error:
        source.wrong(None, f"is not valid YAML: {shorten(str(error))}")
    except RecursionError:
        source.wrong(None, "is nested too deeply")
    finally:
        if loader is not None:
            loader.dispose()


def place(node: Any) -> tuple[int, int]:
    """Return line and column of a node, as a mistake has them."""
    return node.start_mark.line + 1, node.start_mark.column + 1


def is_null(node: Any) -> bool:
    """Tell whether a node is an empty value."""
    return isinstance(node, yaml.ScalarNode) and node.tag == NULL


def kind_of(node: Any) -> str:
    """Describe what a node is, for messages."""
    if isinstance(node, yaml.MappingNode):
        return "a map"
    if isinstance(node, yaml.SequenceNode):
        return "a list"
    if is_null(node):
        return "nothing"
    return shorten(repr(node.value) if node.style in ("'", '"') else node.value)


def pairs(source: Source, node: Any, where: str) -> list[tuple[str, Any, Any]]:
    """Return (key, key node, value node) of a map, and note keys that are no words or stand twice."""
    result: list[tuple[str, Any, Any]] = []
    seen: dict[str, Any] = {}
    source.spend(len(node.value))
    if node.tag != MAP:
        check_tag(source, node, where)
    for key_node, value_node in node.value:
        if not isinstance(key_node, yaml.ScalarNode):
            source.wrong(key_node, f"{where}: a key must be a word", found=kind_of(key_node))
            continue
        key = key_node.value
        if key == "<<" and not key_node.style:
            source.wrong(
                key_node,
                f"{where}: merge keys (<<) are not read",
                found="<<",
                allowed="the values themselves; a whole value may be an alias (*name)",
                hint="sizes that VMs share go into 'defaults'",
            )
            continue
        if key_node.tag not in PLAIN_TAGS:
            check_tag(source, key_node, where)
        if key in seen:
            first = seen[key].start_mark.line + 1
            source.wrong(
                key_node,
                f"{where}: '{shorten(key)}' stands twice",
                found=f"the first one is in line {first}",
                allowed="every key once",
            )
            continue
        seen[key] = key_node
        result.append((key, key_node, value_node))
    return result


def check_tag(source: Source, node: Any, where: str, *, eased: bool = True) -> bool:
    """Note a tag that an author wrote, such as ``!vault``; tell whether there is none."""
    if node.tag in (PLAIN_TAGS if isinstance(node, yaml.ScalarNode) else _PLAIN_CONTAINERS):
        return True
    source.wrong(
        node,
        f"{where}: the tag '{node.tag.replace('tag:yaml.org,2002:', '!!')[:40]}' is not known here",
        found=kind_of(node),
        allowed="plain YAML values, without tags",
        hint="secrets do not stand in a description; put them into group_vars, encrypted by Ansible Vault"
        if node.tag == "!vault"
        else "",
        eased=eased,
    )
    return False


def plain(source: Source, node: Any, where: str, depth: int = 0) -> Any:
    """Turn a node into plain data (JSON types); dates stay text. Notes duplicate keys and odd tags."""
    if depth > MAX_DEPTH:
        source.wrong(node, f"{where}: is nested too deeply", allowed=f"at most {MAX_DEPTH} levels")
        return None
    if isinstance(node, yaml.MappingNode):
        return {key: plain(source, value, where, depth + 1) for key, _key_node, value in pairs(source, node, where)}
    if isinstance(node, yaml.SequenceNode):
        source.spend(len(node.value))
        if node.tag != LIST:
            check_tag(source, node, where)
        return [plain(source, item, where, depth + 1) for item in node.value]
    kind = node.tag.rpartition(":")[2]
    try:
        if kind in ("bool", "int", "float", "null"):
            return getattr(yaml.constructor.SafeConstructor(), f"construct_yaml_{kind}")(node)
    except ValueError:
        source.wrong(node, f"{where}: is not a number", found=kind_of(node))
        return None
    if kind in ("str", "timestamp"):
        return node.value
    check_tag(source, node, where, eased=False)
    return None
