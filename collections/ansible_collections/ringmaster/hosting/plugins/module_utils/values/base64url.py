# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bytes as text without signs that addresses and lines would lose (RFC 4648, 5), without padding."""

from __future__ import annotations

import base64


def encode(data: bytes) -> str:
    """Return the text of some bytes."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def decode(text: str) -> bytes:
    """Return the bytes of a text; raises binascii.Error, a ValueError, for one that is cut off."""
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
