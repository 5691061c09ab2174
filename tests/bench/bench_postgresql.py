#!/usr/bin/env -S .venv/bin/python
# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""pgbench on PostgreSQL as role postgresql sets it up, against a cluster with Debian's own settings, side by side.

Both are on the light machine pg00 with data checksums, and take turns, so that what else the host does hits both.
Needs the scenario: ``molecule converge -s postgresql``, then ``tests/bench/bench_postgresql.py [SCALE] [SECONDS]``.
"""

from __future__ import annotations

import re
import statistics
import sys

from light_machine import address_of, on_machine

VM = "pg00"
PORTS = {"tuned": 5432, "stock": 5433}
LOADS = {"read and write": "", "read only": "-S"}
ROUNDS = 3
PREPARE = """
set -e
pg_createcluster 17 stock --port=5433 --locale=C.UTF-8 --encoding=UTF8 -- --data-checksums >/dev/null
pg_ctlcluster 17 stock start
for port in 5432 5433; do
    psql -q -U postgres -p $port -d postgres -c 'CREATE DATABASE bench'
    pgbench -q -i -s {scale} -U postgres -p $port bench 2>/dev/null
    psql -q -U postgres -p $port -d bench -c 'CHECKPOINT'
done
"""
CLEAN = """
psql -q -U postgres -p 5432 -d postgres -c 'DROP DATABASE IF EXISTS bench' 2>/dev/null
pg_dropcluster --stop 17 stock 2>/dev/null
true
"""


def main() -> None:
    """Print transactions per second of both and their ratio."""
    scale = int(sys.argv[1]) if len(sys.argv) > 1 else 20
    seconds = int(sys.argv[2]) if len(sys.argv) > 2 else 8
    on_machine(address_of(VM), CLEAN)
    # Peer authentication of the stock cluster knows the account postgres only.
    on_machine(address_of(VM), PREPARE.format(scale=scale).replace("pg_ctlcluster 17 stock start", _trust()))
    try:
        print(f"pgbench, scale {scale}, 4 clients, {ROUNDS} rounds of {seconds} s by turns; transactions a second")
        for load, option in LOADS.items():
            found: dict[str, list[float]] = {name: [] for name in PORTS}
            for _round in range(ROUNDS):
                for name, port in PORTS.items():
                    out = on_machine(
                        address_of(VM), f"pgbench {option} -c 4 -j 2 -T {seconds} -U postgres -p {port} bench 2>&1"
                    )
                    found[name].append(float(re.search(r"tps = ([0-9.]+)", out)[1]))  # type: ignore[index]
            tuned, stock = (statistics.median(found[name]) for name in PORTS)
            print(f"{load}: tuned {tuned:.0f}, stock {stock:.0f}, ratio {tuned / stock:.2f}")
    finally:
        on_machine(address_of(VM), CLEAN)


def _trust() -> str:
    return "echo 'local all all trust' > /etc/postgresql/17/stock/pg_hba.conf\npg_ctlcluster 17 stock start"


if __name__ == "__main__":
    main()
