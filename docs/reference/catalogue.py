# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The page that lists the components side by side, from the catalogue."""

from __future__ import annotations

from collections.abc import Iterable

from ansible_collections.ringmaster.hosting.plugins.module_utils.components.catalogue import COMPONENTS, Component

PAGE = "components.md"
UTILS = "collections/ansible_collections/ringmaster/hosting/plugins/module_utils"
HEAD = f"""<!-- Made by docs/reference/generate: changes made here will be overwritten. -->
# The components side by side

All of it follows from the [catalogue](../../{UTILS}/components/catalogue.py).
It is the one place where a component is declared; [how to add one](../contributing.md#how-to-add-a-component).
"""


def page() -> str:
    """Return the page."""
    known = list(COMPONENTS.values())
    tables = (
        (
            "What it offers",
            ("component", "ports", "open to everybody", "read by the monitoring", "credentials", "own settings"),
            (
                (
                    name(one),
                    listed(port.number for port in one.ports),
                    "yes" if any(port.frontend for port in one.ports) else "no",
                    listed(f"{each.job} {each.port}" for each in one.exporters),
                    "yes" if one.users else "no",
                    "drop-ins" if one.has_drop_ins else "no",
                )
                for one in known
            ),
        ),
        (
            "How changes come into force",
            ("component", "options", "other than that"),
            (
                (name(one), one.takes_over, listed(f"`{option}`: {how}" for option, how in one.waits.items()))
                for one in known
            ),
        ),
        (
            "What stays when it goes",
            ("component", "last dump", "data"),
            (
                (name(one), "yes" if one.is_dumped else "nothing to dump", listed(f"`{path}`" for path in one.data))
                for one in known
            ),
        ),
        (
            "How long others mend it",
            ("component", "in Debian 13", "until", "says"),
            ((name(one), one.support.version, one.support.until, one.support.source) for one in known),
        ),
    )
    return HEAD + "".join(table(*one) for one in tables)


def name(one: Component) -> str:
    """Return what people call it, and its word in a description."""
    return f"{one.title} (`{one.name}`)"


def listed(words: Iterable[str]) -> str:
    """Return words in one cell."""
    return ", ".join(words) or "none"


def table(title: str, head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """Return a table in Markdown under its title."""
    lines = [head, ["---"] * len(list(head)), *rows]
    return f"\n## {title}\n\n" + "".join(f"| {' | '.join(line)} |\n" for line in lines)
