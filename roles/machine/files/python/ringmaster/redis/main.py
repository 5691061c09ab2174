# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``ringmaster redis``: converge the running server, dump it, prove and restore dumps."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from ringmaster.core import component
from ringmaster.redis import dumps, restores
from ringmaster.redis.converge import SUFFIX, Places, converge, validate

PLACES = Places()
REDIS = component.Component(
    "redis",
    converge=lambda check, restart: converge(PLACES, check=check, restart=restart),
    validate=lambda: validate(PLACES),
    inbox=PLACES.inbox,
    suffix=SUFFIX,
    dump=lambda folder: dumps.dump(PLACES, folder),
    prove=restores.prove,
    restore=lambda folder, wish: restores.restore(PLACES, folder, wish),
)


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    return component.parser(REDIS)


def main(words: Sequence[str] | None = None) -> int:
    """Do what the words say; return an exit code."""
    return component.run(REDIS, words)
