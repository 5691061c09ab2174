#!/usr/bin/env -S .venv/bin/python
# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""pgbench, sysbench and redis-benchmark on our components, against Debian's own settings on the same machine.

Needs scenario components: ``molecule converge -s components``, then ``bench_components.py [COMPONENT] [ROUNDS]``.
The three share trio00 (2 GiB), so that each has a third of it; a stock server has it all for itself.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable

from light_machine import on_machine, side_by_side

MACHINE = "trio00"
SECONDS = 3

POSTGRESQL = """
set -e
cd /
pg_createcluster 17 stock --port=5433 --locale=C.UTF-8 --encoding=UTF8 -- --data-checksums >/dev/null
echo 'local all all trust' > /etc/postgresql/17/stock/pg_hba.conf
pg_ctlcluster 17 stock start
for port in 5432 5433; do
    psql -q -U postgres -p $port -d postgres -c 'CREATE DATABASE bench'
    pgbench -q -i -s 20 -U postgres -p $port bench 2>/dev/null
    psql -q -U postgres -p $port -d bench -c 'CHECKPOINT'
done
"""
POSTGRESQL_AWAY = """
psql -q -U postgres -p 5432 -d postgres -c 'DROP DATABASE IF EXISTS bench' 2>/dev/null
pg_dropcluster --stop 17 stock 2>/dev/null
true
"""

# Debian's server without our my.cnf; both without TLS, on their sockets.
MYSQL = """
set -e
command -v sysbench >/dev/null || DEBIAN_FRONTEND=noninteractive apt-get install -qq sysbench >/dev/null
install -d -o mysql -g mysql /var/lib/mysql-stock
mariadb-install-db --no-defaults --user=mysql --datadir=/var/lib/mysql-stock \\
    --auth-root-authentication-method=normal >/dev/null
systemd-run --quiet --unit=mysql-stock --property=User=mysql --property=LimitNOFILE=32768 \\
    /usr/sbin/mariadbd --no-defaults --datadir=/var/lib/mysql-stock --socket=/run/mysqld/stock.sock \\
    --skip-networking --character-set-server=utf8mb4
until mariadb --no-defaults -S /run/mysqld/stock.sock -e 'SELECT 1' >/dev/null 2>&1; do sleep 0.2; done
for socket in mysqld stock; do
    mariadb -S /run/mysqld/$socket.sock -e 'CREATE DATABASE bench'
    sysbench oltp_read_write --mysql-socket=/run/mysqld/$socket.sock --mysql-user=root --mysql-db=bench \\
        --tables=4 --table-size=50000 prepare >/dev/null
done
"""
MYSQL_AWAY = """
mariadb -e 'DROP DATABASE IF EXISTS bench' 2>/dev/null
systemctl stop mysql-stock 2>/dev/null
rm -rf /var/lib/mysql-stock
true
"""

# With persistence as ours has it: what is compared is tuning, not whether data survive.
REDIS = """
set -e
install -d -o redis -g redis /var/lib/redis-stock
cat > /run/redis-stock.conf <<'END'
port 6390
dir /var/lib/redis-stock
appendonly yes
save 3600 1 300 100 60 10000
END
systemd-run --quiet --unit=redis-stock --property=User=redis /usr/bin/redis-server /run/redis-stock.conf
until redis-cli -p 6390 PING >/dev/null 2>&1; do sleep 0.2; done
"""
REDIS_AWAY = """
. /etc/ringmaster/redis/admin.env
REDISCLI_AUTH=$REDIS_PASSWORD redis-cli --user $REDIS_USERNAME --no-auth-warning FLUSHALL >/dev/null 2>&1
systemctl stop redis-stock 2>/dev/null
rm -rf /var/lib/redis-stock /run/redis-stock.conf
true
"""


def found(pattern: str, script: str) -> Callable[[], float]:
    """Return what measures: a run of the script, and the number that it printed."""
    return lambda: float(re.search(pattern, on_machine(script, MACHINE))[1])  # type: ignore[index]


def postgresql(rounds: int) -> None:
    """Compare transactions a second."""
    for load, option in {"read and write": "", "read only": "-S"}.items():
        command = f"cd /; pgbench {option} -c 4 -j 2 -T {SECONDS} -U postgres -p {{}} bench 2>&1"
        ours, stock = (found(r"tps = ([0-9.]+)", command.format(port)) for port in (5432, 5433))
        side_by_side(f"PostgreSQL, pgbench, {load}", ours, stock, rounds)


def mysql(rounds: int) -> None:
    """Compare transactions a second."""
    for load in ("oltp_read_write", "oltp_read_only"):
        command = (
            f"sysbench {load} --mysql-socket=/run/mysqld/{{}}.sock --mysql-user=root --mysql-db=bench --tables=4"
            f" --table-size=50000 --threads=4 --time={SECONDS} run"
        )
        ours, stock = (found(r"transactions: +[0-9]+ +\(([0-9.]+)", command.format(one)) for one in ("mysqld", "stock"))
        side_by_side(f"MariaDB, sysbench {load}", ours, stock, rounds)


def redis(rounds: int) -> None:
    """Compare requests a second."""
    login = ". /etc/ringmaster/redis/admin.env; export REDISCLI_AUTH=$REDIS_PASSWORD; "
    for load in ("set", "get"):
        command = f"redis-benchmark -t {load} -n 60000 -r 100000 -d 100 --csv -p {{}} | tail -1"
        ours = found(r'"[A-Z]+","([0-9.]+)', f"{login}{command.format('6379 --user $REDIS_USERNAME')}")
        stock = found(r'"[A-Z]+","([0-9.]+)', command.format(6390))
        side_by_side(f"Redis, redis-benchmark {load.upper()}", ours, stock, rounds)


BENCHES = {
    "postgresql": (POSTGRESQL, postgresql, POSTGRESQL_AWAY),
    "mysql": (MYSQL, mysql, MYSQL_AWAY),
    "redis": (REDIS, redis, REDIS_AWAY),
}


def main() -> None:
    """Measure one component or all."""
    wanted = [sys.argv[1]] if len(sys.argv) > 1 else list(BENCHES)
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 9
    print(f"4 clients, {rounds} pairs of runs of {SECONDS} s by turns; transactions or requests a second")
    for name in wanted:
        prepare, measure, away = BENCHES[name]
        on_machine(away, MACHINE)
        on_machine(prepare, MACHINE)
        try:
            measure(rounds)
        finally:
            on_machine(away, MACHINE)


if __name__ == "__main__":
    main()
