# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The page of the look: tokens with their contrast, building blocks with their HTML; and a guide that shows them."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable

import colours
from ringmaster.look import blocks

PAGE = "look.md"
SHEET = "../../roles/machine/files/python/ringmaster/look/static/ringmaster.css"
CODE = "../../roles/machine/files/python/ringmaster/look/blocks.py"
INTRODUCTION = f"""\
# The look of pages

Generated from the style sheet by `docs/reference/generate`; do not edit.
One style sheet, [ringmaster.css]({SHEET}), and one set of building blocks, [blocks.py]({CODE}), \
are for all pages that people see.
They are the part `look` of the machine's program.
A role whose pages use them names the part, serves its folder `static`, and calls the blocks or writes the same HTML.

| Light | Dark |
|---|---|
| ![all blocks, light](../images/look-light.png) | ![all blocks, dark](../images/look-dark.png) |

`make pictures` makes these, and those of the [status pages](../monitoring.md#what-the-pages-look-like).

## What a page keeps to

- **What is wrong comes first**, in a `verdict`; where nothing is, it says so.
- **A state is a word, a shape and a colour.**
  Stripes of a day differ in height, a tile has a hidden word, an icon of the window has a shape.
- **Times are told from now** ("7 min ago"), and absolute on hover, for programs (`datetime`) and on paper.
  A page says when it was made, and times count from then.
  What people plan with is absolute at once.
- **One accent**; everything else is paper, ink and lines.
- **No script, no style of its own, nothing from elsewhere**: `default-src 'none'; style-src 'self'; img-src 'self'`.
  A width that is data is an attribute of SVG.
- **It works at 360 px, on paper, by keyboard, in forced colours and without motion.**
  On a phone a line of a table becomes a block.

Tests hold it to this: `tests/unit/ringmaster/look`, and beside those of the status pages `test_status_look.py` \
and, in a real browser, `test_status_in_a_browser.py`.
"""
TOKENS = """\
## Tokens

Light and dark follow the system (`prefers-color-scheme`).
Text has a contrast of at least {text}, edges and lines of graphs {shape} (WCAG 2.2, level AA).
The table has the least that a token has on what it stands on.

| Token | Light | Dark | Least contrast, light | Least contrast, dark |
|---|---|---|---|---|
"""
SERIES = """\

Series of graphs are told apart by every eye, computed for protanopia, deuteranopia and tritanopia.
Use them in order, `class="series-1"` and `var(--series)`, and name each line where it ends.
`--line` is decoration and has no contrast to keep.
"""
MOMENT, MADE = "2026-11-25T09:39:40Z", 1795600000.0
STATES = (
    ("OK", "OK"),
    ("WARNING", "Warning"),
    ("CRITICAL", "Critical"),
    ("UNKNOWN", "Unknown"),
    ("off", "Stopped"),
    ("work", "Maintenance"),
    ("waits", "Waits for a restart"),
)
FIELD = (
    '<div class="field"><label for="memory">Memory</label><input id="memory" value="2GiB">'
    '<span class="help">1 to 64 GiB; 9 GiB of 16 are left.</span></div>'
)
BAD = (
    '<div class="field bad"><label for="db">Database</label>'
    '<input id="db" value="crm-export" aria-invalid="true" aria-describedby="db-wrong">'
    '<span class="wrong" id="db-wrong">Lower-case letters, digits and _ only. Did you mean crm_export?</span></div>'
)
STEPS = (
    f'<ol class="steps"><li>{blocks.state("OK", "Done")}<span>Disk made from the image</span><small>0.2 s</small></li>'
    f'<li><span class="state work now">Now</span><span>Accounts and firewall</span><small>12 s</small></li>'
    f"<li>{blocks.state('off', 'Then')}<span>PostgreSQL</span><small>about 14 s</small></li></ol>"
)


def _listed(items: Iterable[str]) -> str:
    return '<ul class="tally">' + "".join(f"<li>{item}</li>" for item in items) + "</ul>"


BLOCKS: tuple[tuple[str, str, str], ...] = (
    (
        "State",
        "What something is. `wash` sets it on its colour, beside a title.",
        _listed(blocks.state(*one) for one in STATES),
    ),
    ("State on its colour", "The same with `wash=True`.", _listed(blocks.state(*one, wash=True) for one in STATES)),
    (
        "Verdict",
        "What is wrong, before everything else, on the colour of the worst.",
        blocks.verdict(
            "WARNING",
            "What is wrong",
            blocks.rows(
                [
                    f'{blocks.state("WARNING")}<span class="said"><a href="#main">redis/memory</a>: 83 % are in use. '
                    f"<small>{blocks.when(MOMENT, MADE)}</small></span>"
                ]
            ),
            beside="<span>1 of 27 checks is not well</span>",
        ),
    ),
    ("Time", "Told from when the page was made.", blocks.when(MOMENT, MADE)),
    ("Time to plan with", "Absolute at once.", blocks.on(MOMENT)),
    (
        "Box with facts",
        "A part of a page. `width` is a class of the grid of twelve: `w4` to `w8`.",
        blocks.box("facts", "Backups", blocks.inner(blocks.facts([("Last", "1.2 GiB, 59 s"), ("Kept", "14 days")]))),
    ),
    (
        "Table",
        "Dense; a line becomes a block on a phone. Columns: `said`, `tight`, `num`, `rest`.",
        blocks.table(
            "VMs",
            ("VM", ("State", "tight"), ("What is wrong", "said"), ("30 days", "rest num")),
            [
                ("myapp00", blocks.state("OK"), blocks.NOTHING, "99.91 %"),
                ("myapp01", blocks.state("CRITICAL"), "No login.", "99.20 %"),
            ],
        ),
    ),
    ("Tally", "How many there are of each state.", blocks.tally({"CRITICAL": 2, "WARNING": 4, "OK": 194})),
    (
        "Tiles",
        "Hundreds of things at a glance.",
        blocks.tiles(
            [
                ("#main", "shop00", "ok", "OK"),
                ("#main", "shop01", "critical", "Critical"),
                ("#main", "shop02", "ok", "OK"),
            ]
        ),
    ),
    (
        "Copy",
        "A command; a click selects all of it. A script may add a button.",
        blocks.copy("ssh bob@myapp00.ringmaster.example"),
    ),
    ("Meter", "How much is used; the label says it in words.", blocks.meter(0.56, "9 of 16 GiB")),
    (
        "Buttons",
        "`main` once on a page, `danger` for what cannot be undone. The words say what happens.",
        '<button class="button main">Order myapp01</button> <button class="button">Restart\u2026</button> '
        '<button class="button danger">Retire\u2026</button> <button class="button" disabled>Back up now</button>',
    ),
    ("Field", "With what is allowed.", FIELD),
    ("Field with a mistake", "It stands at the field, with the value that would be right.", BAD),
    (
        "Cards",
        "A choice of few.",
        '<div class="cards"><a class="card" href="#main"><b>Small</b>1 core, 1 GiB</a>'
        '<a class="card chosen" aria-current="true" href="#main"><b>Medium</b>2 cores, 4 GiB</a></div>',
    ),
    ("Note", "What is good to know now.", '<p class="note">The VM stays described until somebody retires it.</p>'),
    ("Diff", "What a change writes.", '<div class="diff"><del>memory: 2GiB</del><ins>memory: 4GiB</ins></div>'),
    ("Steps", "What runs, in people's words.", STEPS),
    ("Banner", "What holds for the whole page.", '<p class="banner" role="alert">These pages are old.</p>'),
)


def page() -> str:
    """Return the page in Markdown."""
    found = colours.tokens((blocks.STATIC / blocks.SHEET).read_text(encoding="utf-8"))
    lines = [INTRODUCTION, TOKENS.format(text=colours.TEXT, shape=colours.SHAPE).rstrip("\n")]
    for name, value in found["light"].items():
        if value.startswith("#"):
            least = [_least(found[scheme], name) for scheme in ("light", "dark")]
            lines.append(f"| `--{name}` | `{value}` | `{found['dark'][name]}` | {least[0]} | {least[1]} |")
    lines += [SERIES, "## Building blocks\n"]
    for title, use, code in BLOCKS:
        lines.append(f"### {title}\n\n{_lines(use)}\n\n```html\n{_broken(code)}\n```\n")
    return "\n".join(lines).rstrip("\n") + "\n"


def _least(tokens: dict[str, str], name: str) -> str:
    """Return the least contrast of the pairs that a token is the front of."""
    found = [colours.contrast(tokens[front], tokens[back]) for front, back, _least in colours.PAIRS if front == name]
    return f"{int(100 * min(found)) / 100:.2f}" if found else ""


def _lines(use: str) -> str:
    """Return sentences, one on a line."""
    return re.sub(r"(?<=[.;]) (?=[A-Z`])", "\n", use)


def _broken(code: str) -> str:
    """Return HTML with a line for each element that begins one, so that it can be read."""
    for element in (
        "<li",
        "<tr",
        "<dt",
        "<tbody",
        "<input",
        '<span class="help',
        '<span class="wrong',
        "<section",
        "<header",
        "<ins",
        '<a class="card',
    ):
        code = code.replace(element, f"\n{element}")
    return code.strip().replace("\n\n", "\n")


def guide() -> str:
    """Return a page that shows all blocks; pictures are taken of it, and auditors look at it."""
    parts = []
    for number, (title, use, source) in enumerate(BLOCKS):
        code = re.sub(r'\b(id|for|aria-describedby)="', rf'\1="block-{number}-', source)
        shown = code if title.startswith("Table") else blocks.inner(code)
        told = f'<span class="soft small">{html.escape(use).replace("`", "")}</span>'
        parts.append(blocks.box(f"block-{number}", title, shown, beside=told, width="w6"))
    swatches = "".join(
        f'<li><svg class="key" viewBox="0 0 20 20" width="20" height="20" aria-hidden="true">'
        f'<rect class="series-{number}" width="20" height="20"/></svg> --series-{number}</li>'
        for number in range(1, 1 + len(colours.SERIES))
    )
    parts.append(
        blocks.box("series", "Series of graphs", blocks.inner(f'<ul class="tally">{swatches}</ul>'), width="w6")
    )
    return blocks.page("All building blocks", "".join(parts), root="", brand="Ringmaster", way=(("Docs", "./"),))
