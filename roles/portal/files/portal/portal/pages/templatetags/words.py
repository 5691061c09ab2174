# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filters and tags of the pages: times, states, and commands that are copied. Whatever comes in is escaped."""

from __future__ import annotations

import datetime
from typing import Any

from ansible_collections.ringmaster.hosting.plugins.module_utils.platform.verbs import forms, request
from django import template
from django.conf import settings
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from .. import following

register = template.Library()
MINUTE, HOUR, DAY = 60, 3600, 86400
REQUESTS = {
    "submitted": ("waits", "Handed in"),
    "waiting": ("waits", "Needs consent"),
    "queued": ("waits", "Queued"),
    "described": ("work", "Described"),
    "applying": ("work", "Applying"),
    "applied": ("ok", "Done"),
    "failed": ("critical", "Failed"),
    "refused": ("critical", "Refused"),
    "cancelled": ("off", "Cancelled"),
    "expired": ("off", "Expired"),
}
"""State of a request: class of the style sheet, and word."""


@register.filter
def span(seconds: float) -> str:
    """Return how long something lasts, in the unit that people would say it in."""
    for size, unit in ((DAY, "day"), (HOUR, "h"), (MINUTE, "min")):
        if seconds >= (2 * size if size > MINUTE else size):
            count = int(seconds // size)
            return f"{count} {unit}{'s' if unit == 'day' and count != 1 else ''}"
    return f"{seconds:.1f} s" if 0 < seconds < 10 else f"{int(seconds)} s"


@register.filter
def ms(value: float) -> str:
    """Return how long something took, of milliseconds."""
    return span(value / 1000)


@register.filter
def ago(when: datetime.datetime | None) -> str | SafeString:
    """Tell a moment from now, and absolute for who points at it, prints, or computes."""
    if when is None:
        return "\u2013"
    away = (when - timezone.now()).total_seconds()
    told = f"in {span(away)}" if away >= MINUTE else f"{span(-away)} ago" if away <= -MINUTE else "just now"
    exact = when.astimezone(datetime.UTC)
    return format_html(
        '<time datetime="{}" title="{}">{}</time>',
        f"{exact:%Y-%m-%dT%H:%M:%SZ}",
        f"{exact:%a %Y-%m-%d %H:%M UTC}",
        told,
    )


@register.filter
def request_state(value: str) -> SafeString:
    """Show the state of a request as a word, a shape and a colour."""
    kind, word = REQUESTS.get(value, ("unknown", value))
    return state(kind, word)


@register.simple_tag
def state(kind: str, word: str, more: str = "") -> SafeString:
    """Show a state as a word, a shape and a colour."""
    return format_html('<span class="state {} {}">{}</span>', kind, more, word)


@register.inclusion_tag("pages/_copy.html")
def copy(command: str, *, scrolls: bool = False) -> dict[str, Any]:
    """Show a command with a button that copies it; without a script a click selects all of it."""
    return {"command": command, "scrolls": scrolls}


@register.inclusion_tag("pages/_signature.html", takes_context=True)
def signature(context: template.Context, wanted: Any, wrong: str = "") -> dict[str, Any]:
    """Ask for a signature: the command, and where its answer goes."""
    asker = context.get("asker")
    # Who signs in may have one; nobody learns here who has.
    may = asker is None or bool(wanted.passkey) or bool(asker.description.users[asker.name]["passkeys"])
    is_known = wanted.statement.kind != "possession" or bool(wanted.passkey)
    return {"wanted": wanted, "wrong": wrong, "rp_id": settings.RP_ID if may and is_known else ""}


@register.inclusion_tag("pages/_field.html")
def field(one: forms.Filled) -> dict[str, Any]:
    """Show a field of a form with its help, its value, and what is wrong with it."""
    return {"one": one}


@register.filter
def request_title(one: Any) -> str:
    """Say in a few words what a request is about."""
    return following.title(one)


@register.filter
def diff_lines(text: str) -> list[tuple[str, str]]:
    """Return the lines of a difference, each with its sign; where one part ends and the next begins, three dots."""
    return [("", "…") if line.startswith("@@") else (line[:1], line[1:]) for line in text.splitlines()]


@register.filter
def agent(text: str) -> str:
    """Say in a word or two what a browser or client calls itself."""
    if text.startswith("ringctl"):
        return "ringctl"
    browsers = (("Firefox", "Firefox"), ("Edg/", "Edge"), ("Chrome", "Chrome"), ("Safari", "Safari"))
    systems = (
        ("Android", "Android"),
        ("iPhone", "iPhone"),
        ("Windows", "Windows"),
        ("Mac OS", "macOS"),
        ("Linux", "Linux"),
    )
    browser, system = (next((word for sign, word in found if sign in text), "") for found in (browsers, systems))
    return f"{browser or 'A browser'}{' on ' if system else ''}{system}" if text else "Somewhere"


@register.filter
def shown(value: Any) -> str:
    """Return a value of a request as people write it."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return request.yaml_text(value) if isinstance(value, dict | list) else str(value)
