# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The page with all checks and alerts, from the roles that bring them along."""

from __future__ import annotations

import ast
import functools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

ROLES = Path(__file__).resolve().parents[2] / "roles"
PAGE = "checks.md"
INTRODUCTION = """\
# Checks and alerts

Generated from the roles by `docs/reference/generate`; do not edit. How checks run and who is told: [monitoring](../monitoring.md).

On a machine, `ringmaster-check` shows the newest results with their sentences, worst first, and `ringmaster-check --now` runs all
checks first. `<check>` of an alert is in this list, too.
"""


def definitions(role: Path) -> Iterator[dict[str, Any]]:
    """Yield the checks that a role defines in its variables, each once."""
    path = role / "vars/main.yml"
    content = yaml.safe_load(path.read_text(encoding="utf-8")) if path.is_file() else None
    seen: set[str] = set()
    for item in _walk(content):
        if {"component", "name"} <= set(item) and ("function" in item or "command" in item):
            key = f"{item['component']}/{item['name']}"
            if key not in seen:
                seen.add(key)
                yield item


def _walk(content: Any) -> Iterator[dict[str, Any]]:
    if isinstance(content, dict):
        yield content
        for value in content.values():
            yield from _walk(value)
    elif isinstance(content, list):
        for value in content:
            yield from _walk(value)


@functools.cache
def _docstrings(module: str) -> dict[str, str]:
    (path,) = ROLES.glob(f"*/files/rootfs/usr/lib/ringmaster/checks/{module}.py")
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {node.name: ast.get_docstring(node) or "" for node in tree.body if isinstance(node, ast.FunctionDef)}


def meaning(definition: dict[str, Any]) -> str:
    """Return what a check looks at: the first paragraph of its function's documentation."""
    if "function" not in definition:
        return f"`{' '.join(map(str, definition['command']))}`"
    module, _colon, name = definition["function"].partition(":")
    return " ".join(_docstrings(module).get(name, "").split("\n\n")[0].split())


def alerts(role: Path) -> Iterator[dict[str, Any]]:
    """Yield the alerts of a role."""
    path = role / "files/checks.rules.yml"
    groups = yaml.safe_load(path.read_text(encoding="utf-8"))["groups"] if path.is_file() else []
    yield from (rule for group in groups for rule in group["rules"] if "alert" in rule)


def page() -> str:
    """Return the page."""
    parts = [INTRODUCTION]
    for role in sorted(path for path in ROLES.iterdir() if path.is_dir()):
        checks, told = list(definitions(role)), list(alerts(role))
        if not checks and not told:
            continue
        parts.append(f"## {role.name}\n")
        if checks:
            parts.append("| Check | Looks at | Every |\n|---|---|---|")
            for item in checks:
                key = f"{item['component']}/{item['name']}"
                anchor = f'<a id="{item["component"]}-{item["name"]}"></a>'
                parts.append(f"| {anchor}`{key}` | {_cell(meaning(item))} | {item.get('interval', 60)} s |")
            parts.append("")
        if told:
            parts.append("| Alert | Severity | After | Says |\n|---|---|---|---|")
            for rule in told:
                summary = " ".join(str(rule["annotations"]["summary"]).split())
                severity = rule.get("labels", {}).get("severity", "")
                parts.append(f"| `{rule['alert']}` | {severity} | {rule.get('for', 'at once')} | {_cell(_plain(summary))} |")
            parts.append("")
    return "\n".join(parts).rstrip("\n") + "\n"


def _plain(summary: str) -> str:
    """Write placeholders of Prometheus as people read them."""
    words = summary.split("{{")
    result = words[0]
    for word in words[1:]:
        inside, _end, rest = word.partition("}}")
        name = inside.split("|")[0].strip().removeprefix("$labels.").removeprefix("$")
        result += f"<{name}>{rest}"
    return result


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;")
