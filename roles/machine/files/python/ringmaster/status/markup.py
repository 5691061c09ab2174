# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""HTML and SVG by hand: everything that comes from outside goes through ``text``."""

from __future__ import annotations

import datetime
import html
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

FRESH_MINUTES = 3
REFRESH = 60
STEP = 900
NOTHING = "\u2013"  # a dash
WIDTH, HEIGHT = 240, 40


def text(value: object) -> str:
    """Make anything safe inside an element or an attribute in double quotes."""
    return html.escape(str(value), quote=True)


def badge(state: str) -> str:
    """A state as a word on its colour."""
    return f'<span class="badge {state.lower()}">{text(state)}</span>'


def when(moment: str | None) -> str:
    """A moment for people and programs."""
    if not moment:
        return NOTHING
    return f'<time datetime="{text(moment)}">{text(moment[:10])} {text(moment[11:16])} UTC</time>'


def table(caption: str, head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table of ready-made cells; the first of each row is its heading. On a phone a row becomes a block."""
    body = "".join(
        "<tr>"
        + f'<th scope="row">{row[0]}</th>'
        + "".join(f'<td data-label="{text(name)}">{cell}</td>' for name, cell in zip(head[1:], row[1:], strict=True))
        + "</tr>"
        for row in rows
    )
    columns = "".join(f'<th scope="col">{text(name)}</th>' for name in head)
    return (
        f'<table><caption class="hidden">{text(caption)}</caption>'
        f"<thead><tr>{columns}</tr></thead><tbody>{body}</tbody></table>"
    )


def box(identifier: str, title: str, content: str) -> str:
    """A part of a page that links can point to."""
    return f'<section class="box" id="{identifier}"><h2>{text(title)}</h2>{content}</section>'


def facts(pairs: Iterable[tuple[str, str]]) -> str:
    """Names and ready-made values."""
    return "<dl>" + "".join(f"<div><dt>{text(name)}</dt><dd>{value}</dd></div>" for name, value in pairs) + "</dl>"


def sparkline(title: str, values: Mapping[str, float], top: float | None, unit: str) -> str:
    """A small curve of 24 hours. ``top`` is the value at its upper edge; None takes the highest."""
    if not values:
        return f"<figure><figcaption>{text(title)}: no figures yet</figcaption></figure>"
    moments = sorted((int(moment), value) for moment, value in values.items())
    last = moments[-1][1]
    limit = top or max((value for _moment, value in moments), default=0) or 1
    end = moments[-1][0]
    begin = end - 86400
    points = " ".join(
        f"{WIDTH * (moment - begin) / 86400:.1f},{HEIGHT - 1 - (HEIGHT - 2) * min(1, value / limit):.1f}"
        for moment, value in moments
        if moment >= begin
    )
    highest = max(value for _moment, value in moments)
    label = f"{title} over 24 hours: now {quantity(last, unit)}, at most {quantity(highest, unit)}"
    return (
        f"<figure><figcaption>{text(title)} <b>{text(quantity(last, unit))}</b> "
        f"<small>at most {text(quantity(highest, unit))}</small></figcaption>"
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{text(label)}" preserveAspectRatio="none">'
        f'<polyline points="{points}"/></svg></figure>'
    )


def quantity(value: float, unit: str) -> str:
    """A figure with its unit."""
    if unit == "%":
        return f"{100 * value:.0f} %"
    for prefix, size in (("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if value >= size:
            return f"{value / size:.1f} {prefix}{unit}"
    return f"{value:.0f} {unit}"


def strip(reachable: Mapping[str, float], checks: Mapping[str, float], now: float) -> str:
    """The last 24 hours as 96 stripes: reached or not, and the worst check."""
    end = int(now - now % STEP)
    parts = []
    counts = {"ok": 0, "warning": 0, "critical": 0}
    for number in range(96):
        moment = str(end - (95 - number) * STEP)
        if reachable.get(moment) == 0:
            state = "critical"
        elif moment in checks:
            state = ("ok", "warning", "critical")[min(2, int(checks[moment]))]
        else:
            continue
        counts[state] += 1
        parts.append(f'<rect class="{state}" x="{number * 5}" y="0" width="4" height="24"/>')
    label = "Last 24 hours: " + ", ".join(
        f"{word} in {count} of 96 quarters of an hour" for word, count in counts.items() if count
    )
    if not parts:
        return ""
    svg = f'<svg viewBox="0 0 480 24" role="img" aria-label="{text(label)}">{"".join(parts)}</svg>'
    return f'<figure class="strip">{svg}<figcaption>24 hours ago <span>now</span></figcaption></figure>'


def banner(made: float, trouble: str) -> str:
    """What is said when figures are old.

    The web server decides at each request, by its own clock, whether the page is older than it may be: the page lists
    the minutes in which it is fresh. So the banner comes also when what makes the pages is dead, without a script.
    """
    moments = [
        datetime.datetime.fromtimestamp(made + 60 * number, datetime.UTC).strftime("%Y%m%d%H%M")
        for number in range(FRESH_MINUTES + 1)
    ]
    at = datetime.datetime.fromtimestamp(made, datetime.UTC).strftime("%Y-%m-%d %H:%M UTC")
    stale = (
        '<!--# config timefmt="%Y%m%d%H%M" -->'
        f'<!--# if expr="$date_gmt = /^({"|".join(moments)})/" --><!--# else -->'
        f'<p class="banner" role="alert">These pages are old: they were made at {at} and have not been renewed since. '
        "What they say may be wrong by now.</p><!--# endif -->"
    )
    if not trouble:
        return stale
    return f'{stale}<p class="banner" role="alert">Some figures are missing: {text(trouble)}</p>'


def page(title: str, state: str, path: Sequence[tuple[str, str]], content: str, *, made: float, trouble: str) -> str:
    """A whole page. ``path`` is the way from the start page: (name, address) of each page above."""
    depth = "../" * max(0, len(path))
    at = datetime.datetime.fromtimestamp(made, datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    trail = "".join(f'<li><a href="{text(address)}">{text(name)}</a></li>' for name, address in path)
    navigation = f'<nav aria-label="Where you are"><ol>{trail}<li aria-current="page">{text(title)}</li></ol></nav>'
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        f"<title>{text(state)} {NOTHING} {text(title)}</title>"
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="color-scheme" content="light dark">'
        f'<meta http-equiv="refresh" content="{REFRESH}">'
        f'<link rel="stylesheet" href="{depth}style.css">'
        f'<link rel="icon" href="{depth}{state.lower()}.svg" type="image/svg+xml"></head><body>'
        f'<a class="skip" href="#main">To the content</a>'
        f"{banner(made, trouble)}<header>{navigation if path else ''}"
        f"<h1>{text(title)} {badge(state)}</h1></header>"
        f'<main id="main">{content}</main>'
        f"<footer>Made {when(at)}. The page renews itself every minute.</footer></body></html>\n"
    )


def value_of(setting: Any) -> str:
    """A declared setting, ready-made."""
    if isinstance(setting, bool):
        return "yes" if setting else "no"
    if isinstance(setting, Mapping):
        return ", ".join(f"{text(key)}: {value_of(item)}" for key, item in setting.items()) or NOTHING
    if isinstance(setting, list):
        return "; ".join(value_of(item) for item in setting) or NOTHING
    return text(setting) if setting not in (None, "") else NOTHING
