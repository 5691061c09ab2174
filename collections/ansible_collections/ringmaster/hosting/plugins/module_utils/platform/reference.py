# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""JSON Schema and reference page of the platform description, generated from the schema."""

from __future__ import annotations

import json
from typing import Any

from ansible_collections.ringmaster.hosting.plugins.module_utils.values import sizes

from . import schema
from .language import names
from .language.containers import Key, ListOf, MapOf, Record
from .language.types import Anything, Boolean, Choice, Integer, Name, OrWord, Size, Type
from .schema.ledger import LEDGER

PAGE = "description.md"


def files() -> dict[str, str]:
    """Return every generated file below docs/reference by name."""
    result = {
        f"schema/{name}.json": json.dumps(json_schema(name, record), indent=2) + "\n"
        for name, record in schema.FILES.items()
    }
    return {**result, PAGE: page()}


def json_schema(name: str, record: Record) -> dict[str, Any]:
    """Return the JSON Schema of one kind of file, for editors."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"Ringmaster: {record.title}",
        "description": record.description,
        **record.json_schema(),
    }


INTRODUCTION = """\
# The platform description

Generated from `module_utils/platform/schema/` by `docs/reference/generate`; do not edit.

A platform is a folder.
`platform.ringmaster.yml` is its inventory source, the file to pass to Ansible; beside it stand `platform.yml`, one \
file per person in `users/`, one per project in `projects/` and one per incident in `incidents/`.
`allocations.yml` is written by Ringmaster.
The annotated example is [example/platform](../../example/platform).

Everything in these files is data: a template such as `{{ … }}` is shown, never run.
`ansible-playbook -i <platform>/platform.ringmaster.yml playbooks/validate.yml` checks them and names every mistake \
with file, line and column.
A rule that is newer than a value gives a warning for what stands in the commit before, and an error for new values.
Text needs quotes where YAML 1.1 would make something else of it, such as `"+10:00"`, `"0755"` or `"no"`.
Anchors and aliases are read; merge keys (`<<`), tags and keys of one's own are not.
Host names may be written in capitals, beyond ASCII and with a final dot.
For editors there is a JSON Schema of [platform.yml](schema/platform.json), of [users](schema/user.json), of \
[projects](schema/project.json) and of [incidents](schema/incident.json).
"""


def page() -> str:
    """Return the reference page."""
    parts = [INTRODUCTION, _names(), _sizes()]
    seen: set[str] = set()
    for record in schema.FILES.values():
        parts += _sections(record, seen)
    parts.append(
        "## allocations.yml: the ledger\n\nWritten by Ringmaster and committed with the description.\nAn entry "
        "outlives what it names: nothing is ever given out twice.\n\n" + _table(LEDGER)
    )
    return "\n".join(part.rstrip("\n") + "\n" for part in parts)


def _names() -> str:
    rows = [f"| {kind} | {text} | `{pattern}` |" for kind, (pattern, text) in names.RULES.items()]
    head = (
        "## Names\n\nProjects, VMs, machines, people and service users share one namespace.\nThe number of a VM is "
        "never used again.\n\n| name of a | rule | pattern |\n|---|---|---|\n"
    )
    return head + "\n".join(rows) + "\n"


def _sizes() -> str:
    rows = [
        f"| {sizes.render(memory)} | {sizes.render(sizes.swap_mib(memory))} | {disk}GiB | {sizes.tmp_gib(disk)}GiB |"
        for memory, disk in ((1024, 10), (4096, 50), (16384, 200))
    ]
    return (
        "## Sizes\n\nSizes have a unit: " + ", ".join(sizes.UNITS) + ".\nTwo disks follow from them: swap has half the "
        "memory and at least 1GiB, `/tmp` a tenth of the root disk and at least 5GiB.\nA VM books its `memory_max` and "
        "all three disks on its hypervisor.\n\n| memory | swap | disk | /tmp |\n|---|---|---|---|\n"
        + "\n".join(rows)
        + "\n"
    )


def _sections(record: Record, seen: set[str]) -> list[str]:
    """Return a section for a record and, after it, one for each record inside it; each once."""
    if record.title in seen:
        return []
    seen.add(record.title)
    text = f"{record.description}\n\n" if record.description else ""
    title = f"`{record.title}`" if "<" in record.title else record.title
    result = [f"## {title}\n\n{text}{_table(record)}"]
    for key in record.keys:
        inner = _inner(key.type)
        if inner is not None:
            result += _sections(inner, seen)
    return result


def _inner(kind: Type) -> Record | None:
    if isinstance(kind, Record):
        return kind
    if isinstance(kind, MapOf):
        return _inner(kind.value)
    if isinstance(kind, OrWord):
        return _inner(kind.other)
    return _inner(kind.item) if isinstance(kind, ListOf) else None


def _table(record: Record) -> str:
    rows = [f"| `{key.name}` | {_kind(key.type)} | {_default(key)} | {_meaning(key)} |" for key in record.keys]
    return "| key | value | default | meaning |\n|---|---|---|---|\n" + "\n".join(rows) + "\n"


def _meaning(key: Key) -> str:
    text = f"{key.description} Example: `{key.example}`." if key.example else key.description
    return text.replace("|", "\\|")


def _kind(kind: Type) -> str:
    if isinstance(kind, Record):
        return f"map, see [{kind.title}](#{_anchor(kind.title)})"
    if isinstance(kind, MapOf):
        return f"map; key: {_kind(kind.key)}; value: {_kind(kind.value)}"
    if isinstance(kind, ListOf):
        return f"list of {_kind(kind.item)}" + (", or one alone" if kind.one_is_enough else "")
    if isinstance(kind, OrWord):
        return f"`{kind.word}`, or {_kind(kind.other)}"
    if isinstance(kind, Choice):
        return ", ".join(f"`{value}`" for value in kind.values)
    if isinstance(kind, Name):
        return f"name of {'an' if kind.kind[0] in 'aeiou' else 'a'} {kind.kind}"
    if isinstance(kind, (Integer, Boolean, Size, Anything)):
        return _escape(kind.describe().removesuffix("; for example 2GiB"))
    return _escape(kind.describe())


def _anchor(title: str) -> str:
    """Return the anchor that Markdown viewers make of a heading."""
    return "".join(c for c in title.lower().replace(" ", "-") if c.isalnum() or c in "-_")


def _default(key: Key) -> str:
    if key.required:
        return "**needed**"
    if key.default_text:
        return key.default_text
    if key.default is None:
        return "none"
    if isinstance(key.default, bool):
        return f"`{str(key.default).lower()}`"
    if not isinstance(key.default, (list, dict)):
        return f"`{key.default}`"
    return f"`{json.dumps(key.default)}`" if key.default else "none"


def _escape(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;")
