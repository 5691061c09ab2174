# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the colours of the style sheet owe, for tests and docs: contrast, and series that every eye tells apart."""

from __future__ import annotations

import re

TEXT, SHAPE = 4.5, 3.0
"""WCAG 2.2, level AA: text (1.4.3); edges of controls, shapes and lines of graphs (1.4.11)."""
APART = 0.1
"""Least distance of two series in the colour space OKLab, in which 0.02 is just seen."""
GROUNDS = ("paper", "sheet", "sunk")
STATES = ("ok", "warning", "critical", "unknown")
SERIES = tuple(f"series-{number}" for number in range(1, 6))
PAIRS = (
    *((front, back, TEXT) for front in ("ink", "soft", "accent", *STATES) for back in GROUNDS),
    *((state, f"{state}-wash", TEXT) for state in (*STATES, "accent")),
    *((front, f"{state}-wash", TEXT) for front in ("ink", "soft", "accent") for state in (*STATES, "accent")),
    # Each state stands in the verdict of any other.
    *((state, f"{worst}-wash", TEXT) for state in STATES for worst in STATES if state != worst),
    ("accent-ink", "accent", TEXT),
    *(("edge", back, SHAPE) for back in GROUNDS),
    *((series, back, SHAPE) for series in SERIES for back in GROUNDS[:2]),
)
"""Front, back, and the least contrast of the two."""
EYES: dict[str, tuple[tuple[float, float, float], ...]] = {
    "usual": ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    "protanopia": ((0.152286, 1.052583, -0.204868), (0.114503, 0.786281, 0.099216), (-0.003882, -0.048116, 1.051998)),
    "deuteranopia": ((0.367322, 0.860646, -0.227968), (0.280085, 0.672501, 0.047413), (-0.01182, 0.04294, 0.968881)),
    "tritanopia": ((1.255528, -0.076749, -0.178779), (-0.078411, 0.930809, 0.147602), (0.004733, 0.691367, 0.3039)),
}
"""How eyes see linear colours: Machado, Oliveira, Fernandes, "A physiologically-based model ...", 2009, severity 1."""


def tokens(sheet: str) -> dict[str, dict[str, str]]:
    """Return scheme (``light``, ``dark``) -> token without its dashes -> value, the dark ones over the light ones."""
    light, dark = re.findall(r":root \{(.*?)\}", sheet, flags=re.DOTALL)[:2]
    found = [dict(re.findall(r"--([a-z0-9-]+): ([^;]+);", text)) for text in (light, dark)]
    return {"light": found[0], "dark": {**found[0], **found[1]}}


def contrast(one: str, other: str) -> float:
    """Return the contrast of two colours, 1 to 21, as WCAG 2.2 defines it."""
    darker, lighter = sorted(_luminance(colour) for colour in (one, other))
    return (lighter + 0.05) / (darker + 0.05)


def seen(colour: str, eye: str) -> tuple[float, float, float]:
    """Return where a colour lies in OKLab for an eye."""
    linear = _linear(colour)
    sight = [sum(weight * part for weight, part in zip(row, linear, strict=True)) for row in EYES[eye]]
    red, green, blue = (min(1.0, max(0.0, part)) for part in sight)
    # Björn Ottosson, "A perceptual color space for image processing", 2020.
    long = (0.4122214708 * red + 0.5363325363 * green + 0.0514459929 * blue) ** (1 / 3)
    middle = (0.2119034982 * red + 0.6806995451 * green + 0.1073969566 * blue) ** (1 / 3)
    short = (0.0883024619 * red + 0.2817188376 * green + 0.6299787005 * blue) ** (1 / 3)
    return (
        0.2104542553 * long + 0.793617785 * middle - 0.0040720468 * short,
        1.9779984951 * long - 2.428592205 * middle + 0.4505937099 * short,
        0.0259040371 * long + 0.7827717662 * middle - 0.808675766 * short,
    )


def _linear(colour: str) -> list[float]:
    parts = (int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5))
    return [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]


def _luminance(colour: str) -> float:
    red, green, blue = _linear(colour)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
