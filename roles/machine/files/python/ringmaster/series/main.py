# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Count the series that machines make, and let Prometheus not read for a day who makes too many, for ever."""

from __future__ import annotations

import argparse
import functools
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from ringmaster.core.report import counted
from ringmaster.series import accounting, cut

FOLDER = Path("/etc/ringmaster/monitoring-server")
SECONDS = 60


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    result = argparse.ArgumentParser(prog="ringmaster series", description=__doc__)
    result.add_argument("--every", type=float, default=SECONDS, help=f"seconds between two looks ({SECONDS})")
    result.add_argument("--port", type=int, default=9090, help="port of Prometheus on loopback (9090)")
    result.add_argument("--converged", action="store_true", help="print what each machine was converged with, as JSON")
    result.add_argument("--settings", type=Path, default=FOLDER / "series.json", help=argparse.SUPPRESS)
    result.add_argument("--targets", type=Path, default=FOLDER / "prometheus/targets/exporters.json")
    result.add_argument("--state", type=Path, default=Path("/run/ringmaster-series/cut.json"))
    return result


def main(words: Sequence[str] | None = None) -> int:
    """Look again and again, for ever; with ``--converged`` answer once."""
    options = parser().parse_args(words)
    if options.converged:
        return tell_converged(options.port)
    ask = functools.partial(accounting.ask, port=options.port)
    cuts: dict[str, cut.Cut] = {}
    while True:
        try:
            cuts = look(ask, options, cuts, time.time())
        except accounting.Silence as silence:  # who is cut off stays so
            print(silence, file=sys.stderr, flush=True)
        time.sleep(options.every)


def tell_converged(port: int) -> int:
    """Print a map of machines to the digests that they say, for the run that asks; return the exit code."""
    try:
        print(json.dumps(accounting.converged(port), separators=(",", ":")))
    except (accounting.Silence, accounting.TooMany) as silence:
        print(silence, file=sys.stderr)
        return 1
    return 0


def look(
    ask: accounting.Ask, options: argparse.Namespace, before: dict[str, cut.Cut], now: float
) -> dict[str, cut.Cut]:
    """Count once, and hold Prometheus to it; return who is not read from now on."""
    limit = int(json.loads(options.settings.read_text(encoding="utf-8"))["limit"])
    endpoints = accounting.endpoints(options.targets)
    cuts = cut.held(before, accounting.over(ask, limit, endpoints), now)
    for name in sorted({*cuts} - {*before}):
        made = counted(cuts[name].series, "series", "series")
        print(f"{name} is not read for a day: {made} within three hours", file=sys.stderr, flush=True)
    cut.apply(cut.script(endpoints, cuts))
    cut.publish(options.state, cuts, limit, now)
    return cuts
