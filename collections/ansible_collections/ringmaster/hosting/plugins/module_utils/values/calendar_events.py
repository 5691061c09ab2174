# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Calendar events of systemd (systemd.time(7)), as far as projects write them: judged without systemd."""

from __future__ import annotations

import re

WORDS = ("minutely", "hourly", "daily", "weekly", "monthly", "quarterly", "semiannually", "yearly", "annually")
DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
IN_WORDS = "a calendar event of systemd such as 03:10, 'Mon..Fri 07:30', '*-*-01 04:00' or hourly"

_DAY = "|".join(DAYS)
_WEEKDAYS = re.compile(rf"(?:{_DAY})(?:(?:\.\.|,)(?:{_DAY}))*")
_PART = re.compile(r"(\*|\d{1,4}(?:\.\.\d{1,4})?)(?:/(\d{1,4}))?")
_LIMITS = {
    "year": (1970, 2199),
    "month": (1, 12),
    "day": (1, 31),
    "hour": (0, 23),
    "minute": (0, 59),
    "second": (0, 59),
}


def problem(text: str) -> str:
    """Return what is wrong with a calendar event, to follow it in a sentence, or nothing.

    Taken are a word such as ``daily``, or weekdays, a date ``year-month-day`` and a time ``hour:minute[:second]``, of
    which the first two may be missing. Each part is ``*`` or numbers, ranges and steps, parted by commas.
    """
    if text in WORDS:
        return ""
    words = text.split(" ")
    if words and _WEEKDAYS.fullmatch(words[0]):
        words.pop(0)
    date = words.pop(0) if words and "-" in words[0] else ""
    if len(words) != 1 or not words[0]:
        return "is no calendar event: a time such as 03:10 is needed, after weekdays and date where there are any"
    parts = list(zip(("year", "month", "day"), date.split("-"), strict=False)) if date else []
    if date and date.count("-") != 2:
        return "has a date that is not year-month-day, such as *-*-01"
    time = words[0].split(":")
    if not 2 <= len(time) <= 3:
        return "has a time that is not hour:minute, such as 03:10"
    parts += zip(("hour", "minute", "second"), time, strict=False)
    return next((wrong for name, values in parts if (wrong := _wrong(name, values))), "")


def _wrong(name: str, values: str) -> str:
    low, high = _LIMITS[name]
    for one in values.split(","):
        found = _PART.fullmatch(one)
        if found is None:
            return f"has '{one[:20]}' as {name}: a number, a range 1..5, a step 0/2 or * is needed"
        numbers = [int(number) for number in found[1].split("..")] if found[1] != "*" else []
        if any(not low <= number <= high for number in numbers) or numbers != sorted(numbers):
            return f"has '{one[:20]}' as {name}: {low} to {high} is possible"
        if found[2] is not None and not numbers:
            return f"has '{one[:20]}' as {name}: a step begins somewhere, as in {low}/{found[2]}"
        if found[2] is not None and not 0 < int(found[2]) <= high:
            return f"has a step of '{found[2]}' as {name}: 1 to {high} is possible"
    return ""
