# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``ringmaster redis``: converge the running server, dump it, prove and restore dumps."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from ringmaster.core import component
from ringmaster.redis import dumps, engine, restores
from ringmaster.redis.converge import SUFFIX, Places, converge, validate

# Which engine it is, is read when something is done: there may be nothing to read while people ask for help.
REDIS = component.Component(
    "redis",
    converge=lambda check, restart: converge(Places(), check=check, restart=restart),
    validate=lambda: validate(Places()),
    inbox=Places.inbox,
    suffix=SUFFIX,
    dump=lambda folder: dumps.dump(Places(), folder),
    prove=lambda folder: restores.prove(engine.present(), folder),
    restore=lambda folder, wish: restores.restore(Places(), folder, wish),
)


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    return component.parser(REDIS)


def main(words: Sequence[str] | None = None) -> int:
    """Do what the words say; return an exit code."""
    return component.run(REDIS, words)
