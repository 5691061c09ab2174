# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``ringmaster nginx``: validate the configuration, converge the running server."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from ringmaster.core import component
from ringmaster.nginx.converge import SUFFIX, Places, converge, validate

PLACES = Places()
NGINX = component.Component(
    "nginx",
    # Everything nginx is told takes effect by a reload; nothing waits for a restart.
    converge=lambda check, _restart: converge(PLACES, check=check),
    validate=lambda: validate(PLACES),
    inbox=PLACES.inbox,
    suffix=SUFFIX,
)


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    return component.parser(NGINX)


def main(words: Sequence[str] | None = None) -> int:
    """Do what the words say; return an exit code."""
    return component.run(NGINX, words)
