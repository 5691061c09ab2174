# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Change values in the text of a YAML file and leave every other character as it is.

The places of values come from the parser's own nodes, so comments, order, quoting and spacing outside of a change
are not touched: a round trip through a YAML library moves comments that stand before the next key. What comes out
is read again and compared with what was wanted; a file that uses anchors or other rare means is refused, not damaged.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..language import load
from ..language.containers import MapOf, Record
from ..language.load import Source
from ..language.types import Type

try:
    import yaml
except ImportError:
    yaml = None  # type: ignore[assignment]

# A list of words up to this many characters stands in one line.
SHORT_LIST = 70


class CannotSpliceError(Exception):
    """The file is written in a way that cannot be changed in place."""


def merge(text: str, patch: Mapping[str, Any], kind: Type | None = None) -> str:
    """Return the text of a map with a patch applied (JSON Merge Patch, RFC 7386: None takes a key out).

    ``kind`` is the schema of the map; a new key is put where the schema's order has it.
    """
    wanted = _merged(_data(text), patch)
    try:
        result = _merge(text, (), patch, kind)
        is_as_wanted = _data(result) == wanted
    except (yaml.YAMLError, KeyError) as error:
        # An anchor, for example, has its values in two places, and the text was cut at the wrong one.
        raise CannotSpliceError from error
    if not is_as_wanted:
        raise CannotSpliceError
    return result


def render(values: Mapping[str, Any]) -> str:
    """Write a map as text of a new file."""
    return "".join(f"{line}\n" for key, value in values.items() for line in _block(key, value, 0, 2))


def _compose(text: str) -> Any:
    loader = load.Loader(text)
    try:
        return loader.get_single_node()
    finally:
        loader.dispose()


def _data(text: str) -> Any:
    source = Source(Path("text"), "text", text, _compose(text))
    found = load.plain(source, source.root, "") if source.root is not None else None
    return _without_nothing({} if found is None else found)


def _without_nothing(value: Any) -> Any:
    """Treat an absent key, an empty value and an empty collection alike, as the schema does."""
    if isinstance(value, Mapping):
        return {key: kept for key, item in value.items() if (kept := _without_nothing(item)) not in (None, [])}
    return value


def _merged(data: Any, patch: Any) -> Any:
    if not isinstance(patch, Mapping):
        return patch
    result = dict(data) if isinstance(data, Mapping) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = _merged(result.get(key), value)
    return _without_nothing(result)


def _merge(text: str, path: tuple[str, ...], patch: Mapping[str, Any], kind: Type | None) -> str:
    for key, value in patch.items():
        # Composed again for every key, because each change moves what follows.
        node = _at(text, path)
        entry = _entries(node).get(key)
        if value is None:
            text = _take_key_out(text, path, node, key) if entry else text
            continue
        if entry is None:
            text = _put_key(text, node, key, _merged({}, value), kind)
            continue
        old = entry[1]
        if isinstance(value, Mapping) and isinstance(old, yaml.MappingNode) and old.value:
            text = _merge(text, (*path, key), value, _child(kind, key))
            continue
        new = _merged({}, value)
        current = load.plain(Source(Path("text"), "text", text), old, "")
        if current == new or (new in ({}, []) and current in ({}, [], None)):
            continue
        text = _change_list(text, (*path, key), current, new) or _replace(text, node, entry, new)
    return text


def _child(kind: Type | None, key: str) -> Type | None:
    if isinstance(kind, Record):
        return kind.by_name[key].type if key in kind.by_name else None
    return kind.value if isinstance(kind, MapOf) else None


def _at(text: str, path: tuple[str, ...]) -> Any:
    node = _compose(text)
    for key in path:
        node = _entries(node)[key][1]
    return node


def _entries(node: Any) -> dict[str, tuple[Any, Any]]:
    if not isinstance(node, yaml.MappingNode):
        raise CannotSpliceError
    return {key.value: (key, value) for key, value in node.value if isinstance(key, yaml.ScalarNode)}


def _start(node: Any) -> int:
    return node.start_mark.index


def _end(text: str, node: Any) -> int:
    """Return where a node's own text ends; the parser says it for a block only after what follows it."""
    if isinstance(node, yaml.CollectionNode) and not node.flow_style and node.value:
        last = node.value[-1]
        return _end(text, last[1] if isinstance(last, tuple) else last)
    end = node.end_mark.index
    return len(text[:end].rstrip()) if getattr(node, "style", None) in ("|", ">") else end


def _line_end(text: str, index: int) -> int:
    end = text.find("\n", index)
    return len(text) if end < 0 else end


def _column(text: str, index: int) -> int:
    return index - (text.rfind("\n", 0, index) + 1)


def _step(text: str) -> int:
    """Return by how many columns this file indents."""
    root = _compose(text)
    for key, value in root.value if isinstance(root, yaml.MappingNode) else []:
        if isinstance(value, yaml.MappingNode) and not value.flow_style and value.value:
            return max(1, value.value[0][0].start_mark.column - key.start_mark.column)
    return 2


def inline(value: Any, flow: bool = True) -> str:
    """Write a value in one line; text that stands in no brackets needs fewer quotes."""
    arguments: Any = {"width": float("inf"), "allow_unicode": True, "sort_keys": False}
    if isinstance(value, (Mapping, list)) or flow:
        return yaml.safe_dump([value], default_flow_style=True, **arguments)[1:-2]
    return yaml.safe_dump({"k": value}, **arguments)[3:].rstrip("\n")


def _stands_in_lines(value: Any) -> bool:
    if isinstance(value, list):
        return len(inline(value)) > SHORT_LIST
    return isinstance(value, Mapping) and bool(value)


def _block(key: str, value: Any, column: int, step: int) -> list[str]:
    """Write an entry of a block map as lines."""
    head = " " * column + inline(key, flow=False) + ":"
    if not _stands_in_lines(value):
        return [f"{head} {inline(value, flow=False)}"]
    if isinstance(value, list):
        return [head, *(" " * (column + step) + f"- {inline(item, flow=False)}" for item in value)]
    return [head, *(line for name, item in value.items() for line in _block(name, item, column + step, step))]


def _insert_lines(text: str, index: int, column: int, lines: list[str]) -> str:
    """Put lines below the line of a place and below the comments that belong to what stands there."""
    end = _line_end(text, index)
    while end < len(text):
        following = text[end + 1 : _line_end(text, end + 1)]
        if not following.lstrip().startswith("#") or len(following) - len(following.lstrip()) <= column:
            break
        end = _line_end(text, end + 1)
    return text[:end] + "".join(f"\n{line}" for line in lines) + (text[end:] or "\n")


def _put_key(text: str, node: Any, key: str, value: Any, kind: Type | None) -> str:
    if node.flow_style or not node.value:
        return _put_into_brackets(text, node, f"{inline(key)}: {inline(value)}")
    before = node.value[-1][1]
    if isinstance(kind, Record) and key in kind.by_name:
        order = list(kind.by_name)
        earlier = [pair for pair in node.value if pair[0].value in order[: order.index(key)]]
        before = earlier[-1][1] if earlier else before
    column = _column(text, _start(node.value[0][0]))
    return _insert_lines(text, _end(text, before), column, _block(key, value, column, _step(text)))


def _put_into_brackets(text: str, node: Any, new: str) -> str:
    close = _end(text, node) - 1
    if not node.value:
        return text[: _start(node) + 1] + new + text[close:]
    last = node.value[-1]
    end = _end(text, last[1] if isinstance(last, tuple) else last)
    return f"{text[:end]}, {new}{text[end:]}"


def _replace(text: str, parent: Any, entry: tuple[Any, Any], value: Any) -> str:
    """Replace the value of an entry of a map."""
    key, old = entry
    start, end = _start(old), _end(text, old)
    if parent.flow_style:
        # An empty value begins right behind the colon.
        return text[:start] + (" " if start == end else "") + inline(value) + text[end:]
    old_stands_in_lines = isinstance(old, yaml.CollectionNode) and not old.flow_style and old.value
    if not old_stands_in_lines and not _stands_in_lines(value):
        space = " " if start == end else ""
        return text[:start] + space + inline(value, flow=False) + text[end:]
    if not old_stands_in_lines and not old.value:
        # From nothing, [] or {} to lines: what else stands in the line, such as a comment, stays there.
        head = text[:start].rstrip(" ")
        column = _column(text, _start(key))
        return _insert_lines(head + text[end:], len(head), column, _block(key.value, value, column, _step(text))[1:])
    column = _column(text, _start(key))
    lines = "\n".join(_block(key.value, value, column, _step(text)))
    return text[: _start(key)] + lines.lstrip(" ") + text[end:]


def _take_key_out(text: str, path: tuple[str, ...], node: Any, key: str) -> str:
    if len(node.value) == 1:
        if not path:
            raise CannotSpliceError
        parent = _at(text, path[:-1])
        return _replace(text, parent, _entries(parent)[path[-1]], {})
    places = [(_start(name), _end(text, value)) for name, value in node.value]
    index = [entry[0].value for entry in node.value].index(key)
    return _take_out(text, places, index, bool(node.flow_style))


def _take_out(text: str, places: list[tuple[int, int]], index: int, flow: bool) -> str:
    """Take one of several entries out, with its lines or with one comma."""
    start, end = places[index]
    if not flow:
        return text[: text.rfind("\n", 0, start) + 1] + text[_line_end(text, end) + 1 :]
    if index:
        return text[: places[index - 1][1]] + text[end:]
    return text[:start] + text[places[1][0] :]


def _change_list(text: str, path: tuple[str, ...], old: Any, new: Any) -> str:
    """Change a list item by item, if no item changes its place; otherwise return nothing."""
    if not isinstance(old, list) or not isinstance(new, list):
        return ""
    kept = [item for item in old if item in new]
    if not kept or new[: len(kept)] != kept:
        return ""
    for index in reversed(range(len(old))):
        if old[index] not in new:
            node = _at(text, path)
            places = [(_start(item), _end(text, item)) for item in node.value]
            text = _take_out(text, places, index, bool(node.flow_style))
    for item in new[len(kept) :]:
        node = _at(text, path)
        if node.flow_style:
            text = _put_into_brackets(text, node, inline(item))
            continue
        last = node.value[-1]
        column = _column(text, text.rindex("-", 0, _start(last)))
        text = _insert_lines(text, _end(text, last), column, [" " * column + f"- {inline(item, flow=False)}"])
    return text
