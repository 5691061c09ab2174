# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The page with all checks and alerts, from the roles that bring them along."""

from __future__ import annotations

import ast
import functools
import html
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from ringmaster.look import blocks

ROLES = Path(__file__).resolve().parents[2] / "roles"
PAGE = "checks.md"
PROGRAM = ROLES / "machine/files/python/ringmaster"
HTML_PAGE = PROGRAM / "status/static/checks.html"
INTRODUCTION = """\
# Checks and alerts

Generated from the roles by `docs/reference/generate`; do not edit.
How checks run and who is told: [monitoring](../monitoring.md).

On a machine, `ringmaster check` shows the newest results with their sentences, worst first, and \
`ringmaster check --now` runs all checks first.
Alerts and status pages link to this text, which every platform's status pages have as `checks.html`.
It is written in `files/runbook.yml` of each role.
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
    path = PROGRAM / module / "checks.py"
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


def runbook(role: Path) -> dict[str, str]:
    """Return what to do, by check (``component/name``) and by alert."""
    path = role / "files/runbook.yml"
    return yaml.safe_load(path.read_text(encoding="utf-8")) if path.is_file() else {}


def entries(role: Path) -> Iterator[tuple[str, str, str]]:
    """Yield name, meaning and remedy of each check of a role, and of each alert that stands for no check."""
    remedies = runbook(role)
    for item in definitions(role):
        key = f"{item['component']}/{item['name']}"
        every = item.get("interval", 60)
        seldom = f"every {every} s" if isinstance(every, int) else "every minute, or more seldom with much to do"
        yield key, f"{meaning(item)} Runs {seldom}.", remedies.pop(key, "")
    told = {rule["alert"]: rule for rule in alerts(role)}
    for name, remedy in remedies.items():
        yield name, _says(told[name]) if name in told else "", remedy


def place(name: str) -> str:
    """Return the anchor of an entry."""
    return name.replace("/", "-")


def page() -> str:
    """Return the page in Markdown."""
    parts = [INTRODUCTION]
    for role in _roles():
        parts.append(f"## {role.name}\n")
        for name, meant, remedy in entries(role):
            parts.append(f'<a id="{place(name)}"></a>\n\n### `{name}`\n')
            parts += [text + "\n" for text in (meant.replace("<", "&lt;"), f"**What to do:** {remedy}")]
        if told := list(alerts(role)):
            parts.append("| Alert | Severity | After | Says |\n|---|---|---|---|")
            for rule in told:
                cells = [f"`{rule['alert']}`", *_when(rule), _plain(rule["annotations"]["summary"])]
                parts.append("| " + " | ".join(cell.replace("|", "\\|").replace("<", "&lt;") for cell in cells) + " |")
            parts.append("")
    return "\n".join(parts).rstrip("\n") + "\n"


def html_page() -> str:
    """Return the same as a page beside the status pages, which alerts and checks link to."""
    parts = []
    for role in _roles():
        items = "".join(
            f'<article id="{place(name)}"><h3><code>{html.escape(name)}</code></h3>'
            f"{f'<p>{_rich(meant)}</p>' if meant else ''}<p><b>What to do:</b> {_rich(remedy)}</p></article>"
            for name, meant, remedy in entries(role)
        )
        parts.append(blocks.box(f"role-{role.name}", role.name, blocks.inner(items)))
    own = (("Projects", "./#projects"), ("Checks", "checks.html"))
    foot = "<p>Every check and every alert, what it looks at, and what to do about it.</p>"
    return blocks.page(
        "Checks and alerts", "\n".join(parts), root="", brand="Status", links=own, way=(("Status", "./"),), foot=foot
    )


def _roles() -> list[Path]:
    return sorted(path for path in ROLES.iterdir() if path.is_dir() and runbook(path))


def _when(rule: dict[str, Any]) -> tuple[str, str]:
    return rule.get("labels", {}).get("severity", ""), rule.get("for", "at once")


def _says(rule: dict[str, Any]) -> str:
    severity, after = _when(rule)
    kind = "For the platform itself" if severity == "none" else severity.capitalize()
    return f"{kind}, {after if after == 'at once' else f'after {after}'}: {_plain(rule['annotations']['summary'])}."


def _rich(text: str) -> str:
    return re.sub(r"(`+)(.+?)\1", r"<code>\2</code>", html.escape(text))


def _plain(summary: str) -> str:
    """Write placeholders of Prometheus as people read them."""
    words = " ".join(summary.split()).split("{{")
    result = words[0]
    for word in words[1:]:
        inside, _end, rest = word.partition("}}")
        name = inside.split("|")[0].strip().removeprefix("$labels.").removeprefix("$")
        result += f"<{name}>{rest}"
    return result
