# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A server beside the real one, for proofs: without a network, and soon gone.

What is restored there may name whom it likes, since nobody there has any power but an administrator whose name and
password are new each time and are told to nobody.
"""

from __future__ import annotations

import secrets
import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ringmaster.core import account, below
from ringmaster.core.report import Failure
from ringmaster.mysql import keeper
from ringmaster.mysql.client import Login, quoted, ready, root

# On the disk of the data, which has room for it or would not for a restore either.
SCRATCH = Path("/var/lib")
PREFIX = ".mysql-proof-"
PATIENCE = 60.0
ACCOUNT = "mysql"
OWN_SIZE = 512 * 1024**2
SETTINGS = (
    "--skip-networking",
    "--skip-log-bin",
    "--event-scheduler=OFF",
    "--local-infile=OFF",
    "--symbolic-links=OFF",
    "--innodb-buffer-pool-size=64M",
    "--innodb-flush-log-at-trx-commit=0",
    "--innodb-doublewrite=OFF",
    "--key-buffer-size=1M",
    "--aria-pagecache-buffer-size=8M",
    "--max-connections=20",
    "--max-allowed-packet=1G",
)


@contextmanager
def server(size: int) -> Iterator[Login]:
    """Run a server that has room for ``size`` bytes of a dump, on a folder that is removed; yield its administrator."""
    free = shutil.disk_usage(SCRATCH).free
    needed = 3 * size + OWN_SIZE
    if free < needed:
        raise Failure(f"A proof needs {needed // 1024**2} MiB in {SCRATCH}, and {free // 1024**2} MiB are free.")
    account.sweep(ACCOUNT, PREFIX, SCRATCH, signal.SIGKILL)
    with account.work(ACCOUNT, PREFIX, SCRATCH) as work:
        _install(work)
        with _running(work) as socket:
            yield _only(socket)


def _only(socket: str) -> Login:
    """Put an administrator with a secret name in the place of all accounts that a new server has."""
    client = root(socket)
    name, password = f"keeper_{secrets.token_hex(16)}", secrets.token_urlsafe(32)
    who = f"{quoted(name)}@'localhost'"
    others = client.run(["SELECT user, host FROM mysql.global_priv WHERE JSON_VALUE(priv, '$.is_role') IS NULL"])
    client.run(
        [
            f"CREATE USER {who} IDENTIFIED VIA mysql_native_password USING {quoted(keeper.digest(password))}",
            f"GRANT ALL PRIVILEGES ON *.* TO {who} WITH GRANT OPTION",
            *(f"DROP USER {quoted(user)}@{quoted(host)}" for user, host in others),
        ]
    )
    return Login(socket, name, password)


def _install(work: account.Work) -> None:
    words = ["mariadb-install-db", "--no-defaults", f"--datadir={work.own}/data", "--skip-test-db"]
    words += ["--auth-root-authentication-method=socket", "--auth-root-socket-user=root", "--skip-name-resolve"]
    done = below.as_account(ACCOUNT, words)
    if done.returncode:
        raise Failure(f"A scratch server cannot be made: {(done.stderr or done.stdout).strip()[-300:]}")


@contextmanager
def _running(work: account.Work) -> Iterator[str]:
    own, socket = work.own, f"{work.own}/socket"
    words = ["/usr/sbin/mariadbd", "--no-defaults", f"--datadir={own}/data", f"--socket={socket}"]
    words += [f"--pid-file={own}/pid", f"--tmpdir={own}", f"--secure-file-priv={own}", *SETTINGS]
    # What other work the machine has comes first.
    process = work.start(["nice", "-n", "10", *words])
    try:
        if not ready(process, socket, PATIENCE):
            said = [line for line in work.said() if "[ERROR]" in line]
            raise Failure(f"The scratch server does not start: {'; '.join(said[-2:]) or 'it did not answer in time'}")
        yield socket
    finally:
        process.send_signal(signal.SIGKILL)  # nothing of it is kept
        process.wait()
