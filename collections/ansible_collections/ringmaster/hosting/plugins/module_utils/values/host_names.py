# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Host names as people write them, in the one form that programs compare: lower-case ASCII without a final dot."""

from __future__ import annotations

import re
import unicodedata

LONGEST = 253
_DOTS = re.compile("[.\u3002\uff0e\uff61]")
"""What IDNA reads as a dot."""
_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?")
# IDNA 2003, which Python brings, makes another name of these than IDNA 2008, which registries and browsers use.
_UNLIKE = frozenset("ßς\u200c\u200d")


def to_ascii(text: str) -> tuple[str, str]:
    """Return a host name as programs compare it, and what is wrong with it, to follow the name in a sentence.

    Names beyond ASCII become ``xn--…``, labels are in lower case, a final dot goes. A first label ``*`` is kept.
    What is wrong is empty for a sound name; then the name is at most 253 characters long.
    """
    name = unicodedata.normalize("NFC", text).removesuffix(".")
    if not name.isascii():
        if _UNLIKE.intersection(name.lower()):
            return text, "has a letter that may be meant in two ways; write the label as xn--…"
        try:
            name = ".".join(label.encode("idna").decode() if label else "" for label in _DOTS.split(name))
        except UnicodeError:
            return text, "is not a host name"
    name = name.lower()
    labels = name.split(".")
    rest = labels[1:] if labels[0] == "*" and len(labels) > 1 else labels
    if not all(_LABEL.fullmatch(label) for label in rest):
        return text, "is not a host name of letters, digits and hyphens, each label of 1 to 63"
    if len(name) > LONGEST:
        return text, f"is longer than {LONGEST} characters"
    return name, ""
