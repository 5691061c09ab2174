# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The building blocks of pages, as HTML for ``ringmaster.css``. What comes from outside goes through ``text``.

An argument called ``title``, ``name``, ``word`` or ``label`` is text and is escaped here; one called ``content``,
``cell`` or ``html`` is ready-made. docs/reference/look.md shows each block.
"""

from __future__ import annotations

import datetime
import html as _html
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

STATIC = Path(__file__).parent / "static"
SHEET = "ringmaster.css"
NOTHING = "\u2013"  # a dash
STATES = {
    "OK": ("ok", "OK"),
    "WARNING": ("warning", "Warning"),
    "CRITICAL": ("critical", "Critical"),
    "UNKNOWN": ("unknown", "Unknown"),
}
"""The states of checks: class and word. Other classes of the style sheet: off, work, waits."""
SPECIAL = re.compile("[&<>\"']")
MINUTE, HOUR, DAY = 60, 3600, 86400
MANY_ROWS = 40
"""A table with more rows is set closely."""
RING = (
    '<svg viewBox="0 0 20 20" aria-hidden="true"><circle cx="10" cy="10" r="7.5" fill="none" stroke="currentColor"'
    ' stroke-width="3"/><circle cx="10" cy="10" r="2" fill="currentColor"/></svg>'
)


def text(value: object) -> str:
    """Make anything safe inside an element or an attribute in double quotes."""
    found = str(value)
    return _html.escape(found, quote=True) if SPECIAL.search(found) else found


def number(count: int, one: str, many: str = "") -> str:
    """Return a number with its noun: ``1 VM``, ``200 VMs``."""
    return f"{count:,} {one if count == 1 else many or f'{one}s'}".replace(",", "\u202f")


def state(name: str, word: str = "", *, wash: bool = False) -> str:
    """A state as a word, a shape and a colour: one of ``STATES``, or another class with a word."""
    kind, usual = STATES.get(name, (name, name))
    return f'<span class="state {text(kind)}{" wash" if wash else ""}">{text(word or usual)}</span>'


def span(seconds: float) -> str:
    """Return how long something lasts, in the unit that people would say it in."""
    for size, unit in ((DAY, "day"), (HOUR, "h"), (MINUTE, "min")):
        # From two hours on in hours, from two days on in days: 90 min says more than 1 h.
        if seconds >= (2 * size if size > MINUTE else size):
            count = int(seconds // size)
            return f"{count} {unit}{'s' if unit == 'day' and count != 1 else ''}"
    return f"{int(seconds)} s"


def when(moment: str | None, made: float) -> str:
    """A moment, told from the one at which the page was made, and absolute for who points at it, prints, or computes.

    :param moment: date and time with zone.
    :param made: Unix time of the page, which says it.
    """
    if not moment:
        return NOTHING
    at = _moment(moment)
    away = at.timestamp() - made
    told = f"in {span(away)}" if away >= MINUTE else f"{span(-away)} ago" if away <= -MINUTE else "just now"
    return f'<time datetime="{at.strftime("%Y-%m-%dT%H:%M:%SZ")}" title="{_exact(at)}">{told}</time>'


def on(moment: str) -> str:
    """A moment by date and clock, for what people plan with."""
    at = _moment(moment)
    return f'<time datetime="{at.strftime("%Y-%m-%dT%H:%M:%SZ")}">{_exact(at)}</time>'


def _moment(moment: str) -> datetime.datetime:
    return datetime.datetime.fromisoformat(moment.replace("Z", "+00:00")).astimezone(datetime.UTC)


def _exact(at: datetime.datetime) -> str:
    return at.strftime("%a %Y-%m-%d %H:%M UTC")


def box(identifier: str, title: str, content: str, *, beside: str = "", width: str = "") -> str:
    """A part of a page that links can point to.

    :param content: ready-made; what is no table and no ``rows`` stands in ``inner``.
    :param beside: what stands beside the title, ready-made.
    :param width: a class of the grid, such as ``w6``; empty takes the whole width.
    """
    kind = f"box {width}".strip()
    return (
        f'<section class="{kind}" id="{text(identifier)}"><header><h2>{text(title)}</h2>{beside}</header>'
        f"{content}</section>"
    )


def inner(content: str) -> str:
    """What stands in a box with space around it."""
    return f'<div class="in">{content}</div>'


def rows(items: Iterable[str], *, across: bool = False) -> str:
    """Rows of a box, ready-made; short ones may stand beside each other."""
    return f'<ul class="rows{" across" if across else ""}">' + "".join(f"<li>{item}</li>" for item in items) + "</ul>"


def verdict(worst: str, title: str, content: str, *, beside: str = "") -> str:
    """What is wrong, before everything else, on the colour of the worst of it."""
    kind = STATES.get(worst, (worst, ""))[0]
    head = f"<header><h2>{text(title)}</h2>{beside}</header>"
    return f'<section class="box verdict {text(kind)}" id="wrong">{head}{content}</section>'


def table(caption: str, head: Sequence[str | tuple[str, str]], lines: Iterable[Sequence[str]]) -> str:
    """A table of ready-made cells; the first of each line is its heading. On a phone a line becomes a block.

    :param head: name of each column, or name and class: ``said`` (a sentence), ``tight`` (never broken), ``num``
        (figures), ``rest`` (on a phone on a line of its own, with the column's name).
    """
    columns = [(name, "") if isinstance(name, str) else name for name in head]
    titles = "".join(f'<th scope="col"{_class(kind)}>{text(name)}</th>' for name, kind in columns)
    openings = [_openings(name, kind) for name, kind in columns[1:]]
    found = [f"<tr>{''.join(_cells(openings, line))}</tr>" for line in lines]
    return (
        f'<table{_class("dense" if len(found) > MANY_ROWS else "")}><caption class="hidden">{text(caption)}</caption>'
        f"<thead><tr>{titles}</tr></thead><tbody>{''.join(found)}</tbody></table>"
    )


def _openings(name: str, kind: str) -> tuple[str, str]:
    """Return how a cell of a column begins, and how one does that holds nothing."""
    label = f' data-label="{text(name)}"' if "rest" in kind else ""
    return f"<td{label}{_class(kind)}>", f"<td{label}{_class(kind, 'none')}>"


def _cells(openings: Sequence[tuple[str, str]], line: Sequence[str]) -> Iterable[str]:
    yield f'<th scope="row">{line[0]}</th>'
    for opening, cell in zip(openings, line[1:], strict=True):
        yield f"{opening[cell == NOTHING]}{cell}</td>"


def _class(*kinds: str) -> str:
    found = " ".join(kind for kind in kinds if kind)
    return f' class="{text(found)}"' if found else ""


def facts(pairs: Iterable[tuple[str, str]]) -> str:
    """Names and ready-made values."""
    return '<dl class="facts">' + "".join(f"<dt>{text(name)}</dt><dd>{html}</dd>" for name, html in pairs) + "</dl>"


def tally(counts: Mapping[str, int], words: Mapping[str, str] | None = None) -> str:
    """How many there are of each state; those of which there are none are left out."""
    found = [(name, count) for name, count in counts.items() if count]
    items = "".join(
        f"<li>{state(name, f'{count} {(words or {}).get(name) or STATES[name][1]}')}</li>" for name, count in found
    )
    return f'<ul class="tally">{items}</ul>'


def tiles(items: Iterable[tuple[str, str, str, str]]) -> str:
    """Many things at a glance: address, name, class and word of the state of each; the word is heard, not seen."""
    return (
        '<ul class="tiles">'
        + "".join(
            f'<li><a class="state {text(kind)}" href="{text(address)}"><span>{text(name)}</span>'
            + ("" if kind == "ok" else f'<span class="hidden"> {text(word)}</span>')
            + "</a></li>"
            for address, name, kind, word in items
        )
        + "</ul>"
    )


def copy(command: str) -> str:
    """A command to be copied: a click selects all of it."""
    return f'<div class="copy"><code>{text(command)}</code></div>'


def meter(share: float, label: str) -> str:
    """How much of something is used; ``share`` is from 0 to 1, ``label`` says it in words."""
    width = f"{100 * min(1, max(0, share)):.0f}"
    return (
        f'<svg class="meter" viewBox="0 0 100 6" preserveAspectRatio="none" role="img" aria-label="{text(label)}">'
        f'<rect width="{width}" height="6"/></svg>'
    )


def page(
    title: str,
    main: str,
    *,
    root: str,
    brand: str,
    mark: str = "",
    links: Sequence[tuple[str, str]] = (),
    way: Sequence[tuple[str, str]] = (),
    beside: str = "",
    lede: str = "",
    above: str = "",
    foot: str = "",
    icon: str = "ok",
    sheets: Sequence[str] = (),
    more: str = "",
) -> str:
    """A whole page.

    :param main: boxes, ready-made.
    :param root: the way to the start page, where the style sheet lies: empty, or ``../../``.
    :param brand: what the start page is called.
    :param mark: what stands before the title in the window's list, such as a state.
    :param links: name and address of what the bar leads to.
    :param way: name and address of each page above.
    :param beside: what stands beside the title; ``lede`` below it, ``above`` before all, ``foot`` behind all: HTML.
    :param icon: name of the file with the icon.
    :param sheets: names of further style sheets, for what only this page has; they lie beside ``ringmaster.css``.
    :param more: further elements of the head.
    """
    trail = "".join(f'<li><a href="{text(address)}">{text(name)}</a></li>' for name, address in way)
    trail = (
        f'<nav class="way" aria-label="Where you are"><ol>{trail}<li aria-current="page">{text(title)}</li></ol></nav>'
    )
    lede = f'<p class="lede">{lede}</p>' if lede else ""
    pages = "".join(f'<a href="{text(address)}">{text(name)}</a>' for name, address in links)
    styles = "".join(f'<link rel="stylesheet" href="{root}{text(name)}">' for name in (SHEET, *sheets))
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        f"<title>{text(f'{mark} {NOTHING} ' if mark else '')}{text(title)}</title>"
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<meta name="color-scheme" content="light dark">{more}'
        f"{styles}"
        f'<link rel="icon" href="{root}{icon}.svg" type="image/svg+xml"></head><body>'
        '<a class="skip" href="#main">To the content</a>'
        f'<header><nav class="bar" aria-label="Pages"><a class="brand" href="{root or "./"}">{RING}{text(brand)}</a>'
        f"{pages}</nav>"
        f'<div class="wide">{above}{trail if way else ""}<div class="head"><h1>{text(title)}</h1>{beside}</div>'
        f"{lede}</div></header>"
        f'<main class="wide" id="main" tabindex="-1">{main}</main>'
        f'<footer class="wide"><div class="foot">{foot}</div></footer></body></html>\n'
    )
