# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``ringmaster memcached``: converge the running server."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from ringmaster.core import component
from ringmaster.memcached.converge import Places, converge, validate

PLACES = Places()
MEMCACHED = component.Component(
    "memcached",
    converge=lambda check, restart: converge(PLACES, check=check, restart=restart),
    validate=lambda: validate(PLACES),
    inbox=(),
    suffix="",
)


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    return component.parser(MEMCACHED)


def main(words: Sequence[str] | None = None) -> int:
    """Do what the words say; return an exit code."""
    return component.run(MEMCACHED, words)
