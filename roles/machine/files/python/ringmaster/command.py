# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The command of a machine: ``ringmaster <part> <verb>``.

Each folder beside this file that has a ``main.py`` is a part. It offers ``parser()``, which completion reads, and
``main(words)``, which returns an exit code. Only the part that is asked for is loaded.
"""

from __future__ import annotations

import argparse
import difflib
import importlib
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

COMMAND = "ringmaster"
PACKAGE = Path(__file__).parent
ALSO = {"haproxy": "webgateway"}
"""Daemons by whose name a part was called before: people type it, and units of an upgrade that goes on name it."""
COMPLETE = "--complete"
"""Asked by the shell: print what may follow these words."""
USAGE_ERROR = 2
"""Exit code, as argparse has it."""


def main(argv: Sequence[str]) -> int:
    """Run the part that is named, with ``argv`` as of the process; return its exit code."""
    name, words = Path(argv[0]).name, list(argv[1:])
    completes = words[:1] == [COMPLETE]
    words = words[1:] if completes else words
    if name.startswith(f"{COMMAND}-"):  # a link that people have typed for years: ringmaster-check
        words.insert(0, name.removeprefix(f"{COMMAND}-"))
    if completes:
        print("\n".join(candidates(words)))
        return 0
    if not words or words[0] in ("-h", "--help", "help"):
        print(help_text())
        return 0 if words else USAGE_ERROR
    part = _part(words[0])
    if part not in parts():
        close = difflib.get_close_matches(part, parts(), 1)
        meant = f"; did you mean '{close[0]}'?" if close else "."
        print(f"{COMMAND}: this machine has no part '{words[0]}'{meant} It has: {', '.join(parts())}.", file=sys.stderr)
        return USAGE_ERROR
    try:
        return int(importlib.import_module(f"ringmaster.{part}.main").main(words[1:]))
    except PermissionError as error:
        print(f"{COMMAND} {part}: {error.filename or error.strerror}: only root can do this.", file=sys.stderr)
        return 1


def _part(word: str) -> str:
    name = word.replace("-", "_")
    return ALSO.get(name, name)


def parts() -> list[str]:
    """Return the parts of this machine that have a command."""
    return sorted(path.parent.name for path in PACKAGE.glob("*/main.py"))


def help_text() -> str:
    """Return what there is, a line for each part."""
    width = max(map(len, parts()), default=0)
    lines = [f"  {part:<{width}}  {importlib.import_module(f'ringmaster.{part}').__doc__}" for part in parts()]
    return "\n".join(
        [f"usage: {COMMAND} PART VERB ...", "", "The parts of this machine; each shows its verbs with --help:", *lines]
    )


def candidates(words: Sequence[str]) -> list[str]:
    """Return what may follow ``words``: parts, then verbs, options and choices of the part's parser."""
    if not words:
        return parts()
    part = _part(words[0])
    if part not in parts():
        return []
    parser: argparse.ArgumentParser = importlib.import_module(f"ringmaster.{part}.main").parser()
    for word in words[1:]:
        below = next((one for one in _subparsers(parser) if word in one.choices), None)
        if below:
            parser = below.choices[word]
    return sorted(_offered(parser))


def _subparsers(parser: argparse.ArgumentParser) -> list[argparse._SubParsersAction[argparse.ArgumentParser]]:
    return [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]


def _offered(parser: argparse.ArgumentParser) -> Iterator[str]:
    for action in parser._actions:
        if action.help != argparse.SUPPRESS:
            yield from action.option_strings
        if not action.option_strings:
            yield from map(str, action.choices or ())
