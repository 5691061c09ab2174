#!/usr/bin/env -S .venv/bin/python
# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The databases as their roles set them up, against the same programs with Debian's own settings, side by side.

Both are on one light machine and as durable as each other (checksums, binary log, append-only file). They take turns,
so that what else the host does hits both. ``tests/bench/bench_databases.py [postgresql|mysql|redis ...]`` makes the
machines by the scenario of the component, and takes them away.
"""

from __future__ import annotations

import re
import statistics
import sys
from dataclasses import dataclass

from scenarios import address_of, on_machine, scenario

ROUNDS = 6
SECONDS = 8


@dataclass(frozen=True)
class Database:
    """A component: its machine, scripts that make and remove the other one, and the loads.

    A load's command has ``{at}`` where ``tuned`` or ``stock`` are reached, and prints what ``figure`` finds.
    """

    machine: str
    prepare: str
    clean: str
    tuned: str
    stock: str
    loads: dict[str, str]
    figure: str


DATABASES = {
    "postgresql": Database(
        machine="pg00",
        prepare="""
pg_createcluster 17 stock --port=5433 --locale=C.UTF-8 --encoding=UTF8 -- --data-checksums >/dev/null
# Peer authentication knows the account postgres only.
echo 'local all all trust' > /etc/postgresql/17/stock/pg_hba.conf
pg_ctlcluster 17 stock start
for port in 5432 5433; do
    psql -q -U postgres -p $port -d postgres -c 'CREATE DATABASE bench'
    pgbench -q -i -s 20 -U postgres -p $port bench 2>/dev/null
    psql -q -U postgres -p $port -d bench -c 'CHECKPOINT'
done
""",
        clean="""
psql -q -U postgres -p 5432 -d postgres -c 'DROP DATABASE IF EXISTS bench'
pg_dropcluster --stop 17 stock
""",
        tuned="5432",
        stock="5433",
        loads={
            "read and write": f"pgbench -c 4 -j 2 -T {SECONDS} -U postgres -p {{at}} bench 2>&1",
            "read only": f"pgbench -S -c 4 -j 2 -T {SECONDS} -U postgres -p {{at}} bench 2>&1",
        },
        figure=r"tps = ([0-9.]+)",
    ),
    "mysql": Database(
        machine="sql00",
        prepare="""
apt-get install -y -qq --no-install-recommends sysbench >/dev/null
mariadb-install-db --no-defaults --datadir=/var/lib/mysql-stock --user=mysql \
    --auth-root-authentication-method=normal >/dev/null
systemd-run --quiet --unit=stock-mariadb mariadbd --no-defaults --user=mysql --datadir=/var/lib/mysql-stock \
    --socket=/run/mysqld/stock.sock --skip-networking --server-id=2 --log-bin=stock --sync-binlog=1
until mariadb --no-defaults -S /run/mysqld/stock.sock -e 'SELECT 1' >/dev/null 2>&1; do sleep 0.2; done
for socket in mysqld stock; do
    mariadb --no-defaults -S /run/mysqld/$socket.sock -e 'CREATE DATABASE bench'
    sysbench oltp_read_write --db-driver=mysql --mysql-socket=/run/mysqld/$socket.sock --mysql-user=root \
        --mysql-db=bench --tables=4 --table-size=100000 prepare >/dev/null
done
""",
        clean="""
mariadb --no-defaults -S /run/mysqld/mysqld.sock -e 'DROP DATABASE IF EXISTS bench'
systemctl stop stock-mariadb
rm -rf /var/lib/mysql-stock
""",
        tuned="mysqld",
        stock="stock",
        loads={
            title: (
                f"sysbench {script} --db-driver=mysql --mysql-socket=/run/mysqld/{{at}}.sock --mysql-user=root "
                f"--mysql-db=bench --tables=4 --table-size=100000 --threads=4 --time={SECONDS} run"
            )
            for title, script in (("read and write", "oltp_read_write"), ("read only", "oltp_read_only"))
        },
        figure=r"transactions:.*\(([0-9.]+) per sec",
    ),
    "redis": Database(
        machine="mol00",
        prepare="""
install -d -o redis -g redis /var/lib/redis-stock
printf 'port 6390\\nbind 127.0.0.1\\nappendonly yes\\ndir /var/lib/redis-stock\\n' > /tmp/stock.conf
systemd-run --quiet --unit=stock-redis --uid=redis redis-server /tmp/stock.conf
until redis-cli -p 6390 ping >/dev/null 2>&1; do sleep 0.2; done
""",
        clean="""
systemctl stop stock-redis
rm -rf /var/lib/redis-stock /tmp/stock.conf
. /etc/ringmaster/credentials/redis/app.env
REDISCLI_AUTH=$REDIS_PASSWORD redis-cli --user "$REDIS_USERNAME" flushdb >/dev/null
""",
        tuned='6379 --user "$REDIS_USERNAME" -a "$REDIS_PASSWORD"',
        stock="6390",
        loads={
            title: (
                ". /etc/ringmaster/credentials/redis/app.env; "
                f"redis-benchmark -h 127.0.0.1 -p {{at}} -t {title} -n 200000 -c 20 -d 512 -q 2>/dev/null"
            )
            for title in ("set", "get", "lpush")
        },
        figure=r"([0-9.]+) requests per second",
    ),
}


def measure(name: str, database: Database) -> None:
    """Print what both do in a second, and the median of the rounds' ratios."""
    address = address_of(database.machine)
    on_machine(address, f"set -e\n{database.prepare}")
    try:
        for title, command in database.loads.items():
            found: dict[str, list[float]] = {"tuned": [], "stock": []}
            for number in range(ROUNDS):
                # Who comes first alternates, so that what the other left to write to disk hits both.
                for which in ("tuned", "stock") if number % 2 else ("stock", "tuned"):
                    out = on_machine(address, command.replace("{at}", getattr(database, which)))
                    figures = re.findall(database.figure, out)
                    if not figures:
                        raise SystemExit(f"no figure in: {out}")
                    found[which].append(float(figures[-1]))
            ratio = statistics.median(one / other for one, other in zip(found["tuned"], found["stock"], strict=True))
            tuned, stock = (statistics.median(found[which]) for which in ("tuned", "stock"))
            print(f"| {name} | {title} | {tuned:.0f} | {stock:.0f} | {ratio:.2f} |", flush=True)
    finally:
        on_machine(address, f"{database.clean}\ntrue")


def main() -> None:
    """Measure the databases that are named, or all."""
    print("| Database | Load | tuned, a second | stock | ratio |\n|---|---|---|---|---|", flush=True)
    for name in sys.argv[1:] or list(DATABASES):
        with scenario(name):
            measure(name, DATABASES[name])


if __name__ == "__main__":
    main()
