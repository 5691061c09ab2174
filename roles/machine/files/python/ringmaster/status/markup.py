# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What only the status pages have: their frame with its age, curves, the stripes of a day."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from ringmaster.look import blocks
from ringmaster.look.blocks import NOTHING, text

FRESH_MINUTES = 3
REFRESH = 60
STEP = 900
WIDTH, HEIGHT = 240, 40
TENTHS = tuple(f"{number / 10:.1f}" for number in range(10 * HEIGHT + 1))
"""How far from above a point of a curve lies, in tenths of a unit."""
FLOOR, ROOM = 10 * (HEIGHT - 1) + 0.5, 10 * (HEIGHT - 2)
STRIPE = {"ok": 8, "warning": 16, "critical": 24}
"""How high the stripe of a quarter of an hour is, so that its state is seen without its colour."""
RUNBOOKS = "checks.html"


def sparkline(title: str, values: Mapping[str, float], top: float | None, unit: str) -> str:
    """A small curve of 24 hours. ``top`` is the value at its upper edge; None takes the highest."""
    if not values:
        return f"<figure><figcaption>{text(title)}: no figures yet</figcaption></figure>"
    places = _places(tuple(values))
    if not places:
        return sparkline(title, dict(sorted(values.items(), key=lambda one: int(one[0]))), top, unit)
    figures = list(values.values())
    last, highest = figures[-1], max(figures)
    limit = top or highest or 1
    # What is above the limit, or below 0, lies at the edge.
    points = " ".join(
        [
            place + TENTHS[int(FLOOR - ROOM * (value / limit if 0 < value < limit else value > 0))]
            for place, value in zip(places, figures, strict=True)
            if place
        ]
    )
    label = f"{title} over 24 hours: now {quantity(last, unit)}, at most {quantity(highest, unit)}"
    return (
        f"<figure><figcaption>{text(title)} <b>{text(quantity(last, unit))}</b> "
        f"<small>at most {text(quantity(highest, unit))}</small></figcaption>"
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{text(label)}" preserveAspectRatio="none">'
        f'<polyline points="{points}"/></svg></figure>'
    )


@cache
def _places(moments: tuple[str, ...]) -> tuple[str, ...]:
    """Return how far from the left each moment lies, which is the same for all curves; empty for one of before.

    Nothing is returned of moments that are not in their order.
    """
    found = [int(moment) for moment in moments]
    begin = found[-1] - 86400
    places = (f"{WIDTH * (moment - begin) / 86400:.1f}," if moment >= begin else "" for moment in found)
    return tuple(places) if found == sorted(found) else ()


@cache
def _clock(moment: int) -> str:
    return datetime.datetime.fromtimestamp(moment, datetime.UTC).strftime("%H:%M UTC")


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
    counts = dict.fromkeys(STRIPE, 0)
    for number in range(96):
        begin = end - (95 - number) * STEP
        if reachable.get(str(begin)) == 0:
            state, word = "critical", "did not answer"
        elif str(begin) in checks:
            state = word = tuple(STRIPE)[min(2, int(checks[str(begin)]))]
        else:
            continue
        counts[state] += 1
        high = STRIPE[state]
        shape = f'<rect class="{state}" x="{number * 5}" y="{24 - high}" width="4" height="{high}"'
        parts.append(f"{shape}/>" if state == "ok" else f"{shape}><title>{_clock(begin)}: {word}</title></rect>")
    if not parts:
        return ""
    label = "Last 24 hours: " + ", ".join(
        f"{word} in {count} of 96 quarters of an hour" for word, count in counts.items() if count
    )
    svg = f'<svg viewBox="0 0 480 24" role="img" aria-label="{text(label)}">{"".join(parts)}</svg>'
    caption = f"<figcaption>24 h ago <span>{_said(counts)}</span> now</figcaption>"
    return f'<figure class="strip">{svg}{caption}</figure>'


def _said(counts: Mapping[str, int]) -> str:
    """Return for how long it was not well."""
    bad = [f"{word} for {blocks.span(counts[word] * STEP)}" for word in ("critical", "warning") if counts[word]]
    return ", ".join(bad) or "well all the time"


def banner(made: float, trouble: str, fresh: int = FRESH_MINUTES) -> str:
    """What is said when figures are old.

    The web server decides at each request, by its own clock, whether the page is older than it may be: the page lists
    the minutes in which it is ``fresh``, or the hours where they are many. So the banner comes also when what makes the
    pages is dead, without a script.
    """
    step, form = (60, "%Y%m%d%H%M") if fresh <= 60 else (3600, "%Y%m%d%H")
    moments = [
        datetime.datetime.fromtimestamp(made + step * number, datetime.UTC).strftime(form)
        for number in range(60 * fresh // step + 1)
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


def page(
    title: str,
    content: str,
    part: Mapping[str, Any],
    made: float,
    *,
    way: Sequence[tuple[str, str]] = (),
    lede: str = "",
    beside: str = "",
    twin: str = "index.json",
    fresh: int = FRESH_MINUTES,
    refresh: int = REFRESH,
    sheets: Sequence[str] = (),
) -> str:
    """A whole status page.

    :param part: what it is made of: ``domain``, ``trouble``, and ``state``, which is empty where it tells of none.
    :param way: the way from the start page: (name, address) of each page above.
    :param twin: the address of the same as data.
    :param fresh: minutes in which it is not old; ``refresh``: seconds after which it renews itself.
    :param sheets: names of further style sheets, for what only this page has.
    """
    root, state = "../" * len(way), part["state"]
    at = datetime.datetime.fromtimestamp(made, datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    exact = f"{at[:10]} {at[11:19]} UTC"
    age = f'<small class="right">as of <time datetime="{at}" title="{exact}">{at[11:16]} UTC</time></small>'
    # Whoever reads slowly may stop it; where the web server reads no commands of pages, it goes on.
    renew = f'<meta http-equiv="refresh" content="{refresh}">'
    foot = (
        f'<p>Made <time datetime="{at}">{exact}</time>; what is said to be some time ago is so from then. '
        "The page renews itself every "
        f'{"minute" if refresh == 60 else blocks.span(refresh)}: <a href="?still=1">stop that</a>. '
        f'The same <a href="{text(twin)}">as data</a>.</p>'
    )
    return blocks.page(
        title,
        content,
        root=root,
        brand=part["domain"],
        mark=blocks.STATES[state][1] if state else "",
        links=(("Projects", f"{root or './'}#projects"), ("Checks", f"{root}{RUNBOOKS}")),
        way=way,
        beside=(beside or (blocks.state(state, wash=True) if state else "")) + age,
        lede=lede,
        above=banner(made, part["trouble"], fresh),
        foot=foot,
        icon=state.lower() or "ok",
        sheets=sheets,
        more=f'<!--# if expr="$arg_still = 1" --><!--# else -->{renew}<!--# endif -->',
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
