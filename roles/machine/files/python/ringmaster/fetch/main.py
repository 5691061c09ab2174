# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fetch what projects name (URLs of checks, webhooks), and nothing that is not theirs or public."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from ringmaster.fetch import rules
from ringmaster.fetch.proxy import Proxy

PORT = 9118


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    result = argparse.ArgumentParser(prog="ringmaster fetch", description=__doc__)
    result.add_argument("--rules", type=Path, default=Path("/etc/ringmaster/monitoring-server/fetch.json"))
    result.add_argument("--port", type=int, default=PORT, help=f"port on loopback ({PORT})")
    return result


def main(words: Sequence[str] | None = None) -> int:
    """Be the proxy, for ever."""
    options = parser().parse_args(words)
    with Proxy(("127.0.0.1", options.port), rules.load(options.rules)) as server:
        server.serve_forever()
    return 0
