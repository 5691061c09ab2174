# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What of a page in Markdown is prose, and where its sentences end."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from pathlib import Path

from markdown_it import MarkdownIt

ROOT = Path(__file__).parents[3]
GENERATED = {"docs/reference/description.md", "docs/reference/checks.md"}
"""Pages whose paragraphs come from the code, sentence by sentence."""

_PARSER = MarkdownIt("commonmark").enable("table")
_REGION = re.compile(r"<!-- table.*?<!-- end -->", re.DOTALL)
_HIDDEN = re.compile(r"(`+).+?\1|\]\([^)]*\)|<[^>]+>")
"""Code, targets of links and HTML: what is inside ends no sentence."""
_END = re.compile(r"""[.!?…][)"'*_\]]*[ ]+(?=\S)""")
_ABBREVIATION = re.compile(r"(?:\be\.g|\bi\.e|\bcf|\bvs|\bapprox|\bca|\bNo|^\s*[0-9]+|^|\s)[.!?…]+$")
"""What a full stop may follow without an end: abbreviations, a list's number, dots that stand for something."""


def pages() -> list[Path]:
    """Return every page that people write."""
    found = [ROOT / "README.md", ROOT / "molecule/README.md", *ROOT.glob("roles/*/README.md")]
    found += [*(ROOT / "docs").rglob("*.md"), ROOT / "collections/ansible_collections/ringmaster/hosting/README.md"]
    return sorted(path for path in found if str(path.relative_to(ROOT)) not in GENERATED)


def paragraphs(text: str) -> Iterator[tuple[int, int]]:
    """Yield first line and end (counted from 0) of each paragraph that is no table, code, heading or generated."""
    generated = [
        (text.count("\n", 0, found.start()), text.count("\n", 0, found.end())) for found in _REGION.finditer(text)
    ]
    tokens = _PARSER.parse(text)
    for before, token in itertools.pairwise(tokens):
        if token.type == "inline" and before.type == "paragraph_open" and token.map:
            first, end = token.map
            if not any(start <= first <= last for start, last in generated):
                yield first, end


def sentences(text: str) -> list[str]:
    """Split text at the ends of sentences; what cannot be an end stays together."""
    hidden = _HIDDEN.sub(lambda found: "x" * len(found[0]), text)
    result, start = [], 0
    for found in _END.finditer(hidden):
        if _ABBREVIATION.search(hidden[: found.start() + 1]):
            continue
        result.append(text[start : found.end()].rstrip())
        start = found.end()
    return [*result, text[start:]]
