# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One sentence a line in the sources of prose: a change of one sentence is a change of one line."""

from __future__ import annotations

import re

import prose
import pytest


@pytest.mark.parametrize("page", prose.pages(), ids=lambda page: str(page.relative_to(prose.ROOT)))
def test_a_line_holds_one_sentence(page):
    lines = page.read_text().split("\n")
    for first, end in prose.paragraphs(page.read_text()):
        for number in range(first, end):
            found = prose.sentences(lines[number])
            assert len(found) == 1, f"{page}:{number + 1}: begin a line with {found[1]!r}"


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("Redis listens on loopback. It never listens on `ethfe`.", 2),
        ("**Dumps first.** Each file says how.", 2),
        ("Is it there? (Ask `systemctl`. It knows.) Then go on.", 4),
        ("root owns it. nginx reads it.", 2),
        ("Version 1.2.3 of e.g. Redis takes 1.5 GiB.", 1),
        ("1. Run `a. b`, see [role](../a.md) and … wait.", 1),
        ("Files `*.service … myapp00.` and dots `. ` stay.", 1),
    ],
)
def test_ends_of_sentences(text, count):
    assert len(prose.sentences(text)) == count


def test_tables_code_and_generated_regions_are_no_prose():
    text = "A. B.\n\n    a. b.\n\n```\nc. d.\n```\n\n| e. f. |\n|---|\n\n"
    text += "<!-- table: x -->\ng. h.\n<!-- end -->\n\n- i.\n  j.\n"
    assert list(prose.paragraphs(text)) == [(0, 1), (15, 17)]


WORDS = {
    r"\banew\b": "again, or re-",
    r"name: Look whether": "Check whether",
    r"\b(the own|in wrong hands|things looked at)\b": "one's own, compromised, checks",
    r"(?<![.,\d])\b1 [a-z]+s (are|do|have)\b": "plural by number",
}


@pytest.mark.parametrize("word", WORDS)
def test_pages_runbooks_and_names_of_tasks_have_plain_words(word):
    files = [*prose.pages(), *prose.ROOT.glob("playbooks/**/*.yml"), *prose.ROOT.glob("roles/*/tasks/*.yml")]
    files += prose.ROOT.glob("roles/*/files/runbook.yml")
    assert not [f"{path}: {WORDS[word]}" for path in files if re.search(word, path.read_text())]
