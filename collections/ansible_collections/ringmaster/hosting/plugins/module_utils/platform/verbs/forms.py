# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Forms of what roles and verbs say of their options: fields with help and defaults, and what was filled in. Pure.

A field that is left empty keeps the role's default, so that a later version of the role may have a better one. What was
filled in is judged by the specifications; a mistake stands at its field, with what would be right.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ansible_collections.ringmaster.hosting.plugins.module_utils.components.faults import Fault

from .. import component_options
from ..component_options import Roles
from ..schema.vm import VM
from . import request, table

TEXT, NUMBER, YES_NO, CHOICE, LINES, ROWS, DATA = "text", "number", "yes or no", "choice", "lines", "rows", "data"
"""Kinds of fields. ROWS are entries with columns; DATA is YAML, for what has no simpler form."""
LESS_COMMON = re.compile(r".*_(warning|critical)(_[a-z]+)?|settings|restart|memory_share|.*_policies")
"""Options that few people need; a form keeps them apart."""
NEW_ROWS = 2
"""Empty rows for new entries, below those that are there."""
MOST_ROWS = 200
_MARKUP = re.compile(r"\b[BCILMOPUV]\(([^()]*)\)")
_SPELT = {"tls": "TLS", "ipv4": "IPv4", "ipv6": "IPv6", "icu": "ICU", "kib": "KiB", "mib": "MiB", "gib": "GiB"}
_SPELT |= {"ssh": "SSH", "pitr": "PITR", "vhosts": "vhosts", "hsts": "HSTS", "tlsa": "TLSA", "wal": "WAL", "ms": "ms"}
_MARK = {True: "on", False: "off"}


@dataclass(frozen=True)
class Field:
    """A field: what it is called, what it is for, what it takes, and what holds where it is left empty."""

    name: str
    kind: str
    help: str = ""
    default: str = ""
    choices: tuple[str, ...] = ()
    required: bool = False
    limits: str = ""
    columns: tuple[Field, ...] = ()
    spec: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)

    @property
    def label(self) -> str:
        """Its name for people."""
        words = self.name.replace("_", " ").capitalize().split()
        return " ".join(_SPELT.get(word.lower(), word) for word in words)

    @property
    def is_less_common(self) -> bool:
        """Whether few people need it."""
        return bool(LESS_COMMON.fullmatch(self.name)) and not self.required


@dataclass(frozen=True)
class Filled:
    """A field with its name in the form, its text, and what is wrong with it; ROWS have rows of filled columns."""

    field: Field
    name: str
    text: str = ""
    wrong: str = ""
    rows: tuple[tuple[Filled, ...], ...] = ()

    @property
    def is_wrong(self) -> bool:
        """Whether something is wrong with it or in it."""
        return bool(self.wrong) or any(one.is_wrong for row in self.rows for one in row)


# Fields of specifications.


def of_component(roles: Roles, component: str) -> list[Field]:
    """Return the fields of a component, in the order of its role; those that few people need last."""
    found = [_field(name, spec) for name, spec in (roles.options(component) or {}).items()]
    return sorted(found, key=lambda one: one.is_less_common)


def of_verb(verb: str, names: Sequence[str]) -> list[Field]:
    """Return the fields of some arguments of a verb."""
    types, required = table.VERBS[verb].types, table.VERBS[verb].required
    found = []
    for name in names:
        said = types[name].json_schema()
        key = VM.by_name.get(name)
        kind = {"boolean": YES_NO, "integer": NUMBER}.get(str(said.get("type")), TEXT)
        if said.get("enum") and kind == TEXT:
            kind = CHOICE
        choices = tuple(map(str, said.get("enum") or ())) if kind == CHOICE else ()
        text = _plain(key.description) if key else ""
        default = written(kind, key.default) if key and key.default in (True, False) else ""
        limits = "" if kind in (YES_NO, CHOICE) else types[name].describe()
        found.append(Field(name, kind, text, default, choices, name in required, limits))
    return found


def _field(name: str, spec: Mapping[str, Any]) -> Field:
    kind = _kind(spec)
    columns = (
        tuple(_field(one, each or {}) for one, each in (spec.get("options") or {}).items()) if kind == ROWS else ()
    )
    default = spec.get("default")
    return Field(
        name,
        kind,
        said(spec.get("description")),
        "" if default in (None, [], {}) else written(kind, default) if kind != ROWS else _short(default),
        tuple(str(one) for one in spec.get("choices") or ()),
        bool(spec.get("required")),
        component_options.bounds(spec.get("limits") or {}).strip(),
        columns,
        spec,
    )


def _kind(spec: Mapping[str, Any]) -> str:
    kind = spec.get("type", "str")
    if kind == "bool":
        return YES_NO
    if spec.get("choices") and kind != "list":
        return CHOICE
    if kind in ("int", "float"):
        return NUMBER
    if kind == "list" and spec.get("elements") in ("str", "int"):
        return LINES
    options = spec.get("options") or {}
    if kind == "list" and options and all(_kind(one or {}) not in (ROWS, DATA) for one in options.values()):
        return ROWS
    return DATA if kind in ("list", "dict", "raw") else TEXT


def said(description: Any) -> str:
    """Return what a specification says of an option, without Ansible's markup."""
    return _plain(" ".join(description) if isinstance(description, list) else str(description or ""))


def _plain(text: str) -> str:
    return _MARKUP.sub(r"\1", text).replace("`", "")


def _short(value: Any) -> str:
    names = [str(one.get("name", "")) if isinstance(one, dict) else str(one) for one in value]
    return ", ".join(filter(None, names))


# Values, as texts of a form.


def written(kind: str, value: Any) -> str:
    """Return a value as a field of a kind shows it."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return _MARK[value]
    if kind == LINES:
        return "\n".join(map(str, value))
    if kind == DATA:
        return request.yaml_text(value)
    return str(value)


def filled(
    fields: Iterable[Field], values: Mapping[str, Any], prefix: str = "", wrong: Mapping[str, str] | None = None
) -> list[Filled]:
    """Return fields with values, and what is wrong, by the names that fields have in a form."""
    mistakes, found = wrong or {}, []
    for one in fields:
        name, value = f"{prefix}{one.name}", values.get(one.name)
        if one.kind == ROWS:
            entries = [row for row in value if isinstance(row, Mapping)] if isinstance(value, list) else []
            rows = [*entries, *({} for _new in range(NEW_ROWS))]
            lines = (tuple(filled(one.columns, row, f"{name}.{n}.", mistakes)) for n, row in enumerate(rows))
            found.append(Filled(one, name, "", mistakes.get(name, ""), tuple(lines)))
        else:
            text = value.text if isinstance(value, Unread) else written(one.kind, value)
            found.append(Filled(one, name, text, mistakes.get(name, "")))
    return found


@dataclass(frozen=True)
class Unread:
    """A text that is no value of its field: what was typed, and why not."""

    text: str
    why: str


def read(fields: Iterable[Field], given: Mapping[str, str], prefix: str = "") -> dict[str, Any]:
    """Return the values of fields as they were filled in; those that are empty are not there."""
    found: dict[str, Any] = {}
    for one in fields:
        name = f"{prefix}{one.name}"
        value = _rows(one, given, name) if one.kind == ROWS else _value(one, given.get(name, "").strip())
        if value is not None:
            found[one.name] = value
    return found


def _rows(one: Field, given: Mapping[str, str], name: str) -> list[dict[str, Any]] | None:
    numbers = {
        int(key[len(name) + 1 :].split(".")[0]) for key in given if re.match(rf"{re.escape(name)}\.[0-9]{{1,3}}\.", key)
    }
    rows = [read(one.columns, given, f"{name}.{number}.") for number in sorted(numbers)[:MOST_ROWS]]
    return [row for row in rows if row] or None


def _value(one: Field, text: str) -> Any:
    if not text:
        return None
    if one.kind == YES_NO:
        return {"on": True, "off": False}.get(text, Unread(text, "choose on or off"))
    if one.kind in (NUMBER, CHOICE) and one.spec.get("type") in ("int", "float"):
        try:
            return int(text) if re.fullmatch(r"-?[0-9]{1,17}", text) or one.spec["type"] == "int" else float(text)
        except ValueError:
            return Unread(text, "write a number in digits")
    if one.kind == LINES:
        items = [line.strip() for line in text.split("\n") if line.strip()]
        try:
            return [int(item) for item in items] if one.spec.get("elements") == "int" else items
        except ValueError:
            return Unread(text, "write one number a line, in digits")
    if one.kind == DATA:
        value = request.yaml_data(text)
        is_data = isinstance(value, (dict, list)) or one.spec.get("type") == "raw"
        return value if is_data else Unread(text, "this is no YAML of a list or a map; look at the indents")
    return text


# What is wrong.


def judged(roles: Roles, component: str, values: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """Return what is wrong with the options of a component, by the names of fields; nothing where all is well."""
    found = {
        f"{prefix}{_pointer(path)}": f"{unread.why[:1].upper()}{unread.why[1:]}." for path, unread in _unread(values)
    }
    if found:
        return found
    fields = {one.name: one for one in of_component(roles, component)}
    for fault in roles.problems(component, dict(values)):
        found.setdefault(f"{prefix}{_at(fields, fault)}", sentence(fault))
    return found


def _unread(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[tuple[str | int, ...], Unread]]:
    if isinstance(value, Unread):
        yield path, value
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from _unread(item, (*path, key))
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from _unread(item, (*path, number))


def _pointer(path: Sequence[str | int]) -> str:
    return ".".join(map(str, path))


def _at(fields: Mapping[str, Field], fault: Fault) -> str:
    """Return the name of the field at which a mistake stands: a column of a row, or the whole field."""
    path = fault.path
    one = fields.get(str(path[0])) if path else None
    if one is None or one.kind != ROWS or len(path) < 2:
        return str(path[0]) if path else ""
    known = {column.name for column in one.columns}
    if len(path) > 2 and path[2] in known:
        return _pointer(path[:3])
    # A column that is missing: it is named in the message.
    missing = next((column for column in one.columns if column.required and f"'{column.name}'" in fault.message), None)
    return _pointer((*path[:2], missing.name)) if missing else str(path[0])


def sentence(fault: Fault) -> str:
    """Say a mistake and its remedy."""
    text = f"This {fault.message}" if not fault.message.startswith(("the ", "there ")) else fault.message.capitalize()
    allowed = f"; it may be {fault.allowed}" if fault.allowed and fault.allowed not in text else ""
    hint = f" {fault.hint[:1].upper()}{fault.hint[1:]}." if fault.hint else ""
    return f"{text}{allowed}.{hint}"


def arguments(verb: str, fields: Iterable[Field], given: Mapping[str, str]) -> tuple[dict[str, Any], dict[str, str]]:
    """Return the arguments of a verb as they were filled in, and what is wrong, by name."""
    found, wrong = {}, {}
    types = table.VERBS[verb].types
    for one in fields:
        text = given.get(one.name, "").strip()
        if not text:
            if one.required:
                wrong[one.name] = f"This is missing; it may be {one.limits}."
            continue
        asked = request.Request(verb)
        request.read_one(asked, one.name, types[one.name], text)
        if asked.source.mistakes:
            mistake = asked.source.mistakes[0]
            message = mistake.message.removeprefix(f"{one.name}: ")
            hint = f" {mistake.hint[:1].upper()}{mistake.hint[1:]}." if mistake.hint else ""
            wrong[one.name] = f"{message[:1].upper()}{message[1:]}; it may be {mistake.allowed or one.limits}.{hint}"
        else:
            found[one.name] = asked.texts[one.name]
    return found, wrong


def changed(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options to write so that a component has those of a form: what is gone is null.

    An empty field does not say whether the default is meant or nothing; what is nothing in the description stays so.
    """
    gone = {name: None for name, value in before.items() if name not in after and value not in ("", [], {})}
    return {**gone, **{name: value for name, value in after.items() if before.get(name) != value}}


def typed(fields: Iterable[Field], given: Mapping[str, str], wrong: Mapping[str, str]) -> list[Filled]:
    """Return fields of a verb with what was typed."""
    return [
        replace(Filled(one, one.name), text=given.get(one.name, ""), wrong=wrong.get(one.name, "")) for one in fields
    ]
