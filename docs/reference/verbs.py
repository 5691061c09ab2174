# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The page of all verbs: what each does, its arguments with what they may be, and what its playbook runs at its end."""

from __future__ import annotations

from pathlib import Path

from ansible_collections.ringmaster.hosting.plugins.module_utils.platform.verbs.effects import EFFECTS, OF_PROJECT
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform.verbs.table import CHANGES, OPERATIONS, Verb

PAGE = "verbs.md"
PLAYBOOKS = Path(__file__).resolve().parents[2] / "playbooks"

HEAD = """<!-- Made by docs/reference/generate: changes made here will be overwritten. -->
# Verbs

Each verb is a playbook of its name, and a job template with a survey in AWX.
[Operating a platform](../operating.md) tells how they are called, and what is worth knowing of each.
"""


def page() -> str:
    """Give the page."""
    parts = [HEAD, "\n## They change the description\n"]
    parts += [_verb(name, verb) for name, verb in CHANGES.items()]
    parts += ["\n## They change machines, and no description\n"]
    parts += [_verb(name, verb) for name, verb in OPERATIONS.items()]
    parts += [
        "\n## What follows from a change of a project\n",
        "\n`change_project` says which of these playbooks brings its change to machines at once.\n",
        "\n| Key | Playbooks |\n|---|---|\n",
        *(f"| `{key}` | {', '.join(f'`{one}`' for one in names) or 'none'} |\n" for key, names in OF_PROJECT.items()),
    ]
    return "".join(parts)


def _verb(name: str, verb: Verb) -> str:
    rows = [
        f"| `{argument}` | {'yes' if argument in verb.required else 'no'} | {_cell(kind.describe())} |\n"
        for argument, kind in verb.types.items()
    ]
    runs = " and ".join(f"`{one}`" for one in EFFECTS[name].imports)
    follows = f"Its playbook runs {runs} at its end.\n" if runs else ""
    head = "| Argument | Needed | What it may be |\n|---|---|---|\n"
    return f"\n### {name}\n\n{_summary(name)}\n{follows}\n{head}{''.join(rows)}"


def _summary(name: str) -> str:
    """Return the sentence with which a playbook begins; its comment goes on until a command or a full stop ends it."""
    said = ""
    for line in (PLAYBOOKS / f"{name}.yml").read_text(encoding="utf-8").splitlines()[1:]:
        if not line.startswith("# ") or line.startswith("#   "):
            break
        said += f" {line.removeprefix('# ')}"
        if line.endswith((":", ".")):
            break
    sentence = said.strip().split(". ")[0].rstrip(":.")
    return f"{sentence}."


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
