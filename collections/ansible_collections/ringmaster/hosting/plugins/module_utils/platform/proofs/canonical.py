# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""JSON in one spelling, so that a signature over it, or its digest, means one thing only. Pure.

Keys in the order of their code points, no blanks, ASCII only; whole numbers that every reader of JSON keeps, and no
others. An apostrophe is written as an escape, so that a statement stands between apostrophes in any shell.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

LONGEST = 64 * 1024
"""Characters of a text, which all are ASCII."""
DEEPEST = 20
LARGEST = 2**53 - 1


class CanonicalError(ValueError):
    """A value or a text is not of this form."""


def write(value: Any) -> str:
    """Return the one text of a value; raises CanonicalError."""
    _check(value, 0)
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True).replace("'", "\\u0027")
    if len(text) > LONGEST:
        raise CanonicalError(f"has {len(text)} characters; at most {LONGEST} are taken")
    return text


def read(text: str) -> Any:
    """Return the value of a text that is written as ``write`` writes it, and in no other way."""
    if len(text) > LONGEST:
        raise CanonicalError(f"has {len(text)} characters; at most {LONGEST} are taken")
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        raise CanonicalError("is no JSON") from None
    if write(value) != text:
        raise CanonicalError("is not in canonical form: keys in order and once, no blanks, ASCII only")
    return value


def digest(value: Any) -> str:
    """Return the SHA-256 of a value's text, as 64 hexadecimal digits."""
    return hashlib.sha256(write(value).encode("ascii")).hexdigest()


def _check(value: Any, depth: int) -> None:
    if depth > DEEPEST:
        raise CanonicalError(f"is nested deeper than {DEEPEST} times")
    if isinstance(value, str):
        try:
            value.encode()
        except UnicodeEncodeError:
            raise CanonicalError("has half of a character in a text") from None
    elif isinstance(value, (list, tuple)):
        for item in value:
            _check(item, depth + 1)
    elif isinstance(value, dict):
        for name, item in value.items():
            if not isinstance(name, str):
                raise CanonicalError(f"has a key that is no text: {str(name)[:40]}")
            _check(name, depth + 1)
            _check(item, depth + 1)
    elif isinstance(value, int):
        if abs(value) > LARGEST:
            raise CanonicalError("has a number that is too large; write it as text")
    elif value is not None:
        raise CanonicalError(
            f"has a value that is neither text, whole number, list, map, true, false nor null: {str(value)[:40]}"
        )
