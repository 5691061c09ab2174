# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Start a MariaDB with a configuration for a moment, beside the real one, and ask it what all variables are then.

``mariadbd --help`` reads a configuration and stops before InnoDB, time zones, engines and the like are set up, so
that it accepts what ends a start. The trial has an empty folder of its own; nothing of the real data is opened.
"""

from __future__ import annotations

import resource
import signal
import subprocess
from dataclasses import replace
from pathlib import Path

from ringmaster.core import account
from ringmaster.core.report import Invalid
from ringmaster.mysql import zones
from ringmaster.mysql.client import Client, MariaDbError, ready
from ringmaster.mysql.settings import SERVER, TIME_ZONE, Live, complaints

ACCOUNT = "mysql"
# Not in /run, which is memory.
PARENT = Path("/var/lib")
PREFIX = ".mysql-trial-"
PATIENCE = 120.0
# Where things are, and what would take room, time or an address. Whatever the configuration says, nothing of the real
# server is opened.
OVERRIDES = (
    "--datadir={own}/data",
    "--tmpdir={own}",
    "--socket={own}/socket",
    "--pid-file={own}/pid",
    "--secure-file-priv={own}",
    "--innodb-data-home-dir={own}/data",
    "--innodb-log-group-home-dir={own}/data",
    "--innodb-undo-directory={own}/data",
    "--innodb-tmpdir=",
    "--aria-log-dir-path={own}/data",
    "--log-slow-query-file={own}/slow",
    "--general-log-file={own}/general",
    "--skip-log-error",
    "--skip-log-bin",
    "--skip-networking",
    "--skip-slave-start",
    "--skip-grant-tables",
    "--innodb-log-file-size=8M",
    "--innodb-flush-method=nosync",
    "--innodb-doublewrite=OFF",
    "--innodb-buffer-pool-load-at-startup=OFF",
)


def start(configuration: str, wanted_zone: str) -> dict[str, Live]:
    """Return the variables of a server that was started with the configuration. Raises Invalid if it does not start.

    ``wanted_zone`` is the configuration's default time zone. The tables of zones are not in an empty folder, so that a
    name is judged by what they are made from.
    """
    is_name = zones.is_name(wanted_zone)
    if is_name and not zones.exists(wanted_zone):
        raise Invalid(f"this machine has no time zone '{wanted_zone}'; write a name as below {zones.FOLDER}")
    account.sweep(ACCOUNT, PREFIX, PARENT, signal.SIGKILL)
    with account.work(ACCOUNT, PREFIX, PARENT) as work:
        file = work.write("my.cnf", configuration)
        account.run(ACCOUNT, "mkdir", f"{work.own}/data")
        words = [SERVER, f"--defaults-file={file}", *(word.format(own=work.own) for word in OVERRIDES)]
        words += [f"--default-time-zone={zones.SYSTEM}"] if is_name else []
        _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        process = work.start(words, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard)))
        try:
            found = live(_connect(process, work))
        except MariaDbError as error:
            raise Invalid(f"it would start, but not answer us: {error}") from error
        finally:
            process.kill()
            process.wait()
    return {**found, TIME_ZONE: replace(found[TIME_ZONE], value=wanted_zone)} if is_name else found


def _connect(process: subprocess.Popen[bytes], work: account.Work) -> Client:
    client = ready(process, f"{work.own}/socket", PATIENCE)
    if client is not None:
        return client
    if process.poll() is None:
        raise Invalid(f"it was not ready within {PATIENCE:.0f} s")
    said = complaints(work.said()) or [f"mariadbd ended with code {process.returncode}"]
    raise Invalid(f"it would not start: {', '.join(said[:3])}")


def live(client: Client) -> dict[str, Live]:
    """Return the variables of a running server."""
    rows = client.run(
        [
            "SELECT LOWER(variable_name), IFNULL(global_value, ''), IFNULL(default_value, ''), global_value_origin,"
            " read_only FROM information_schema.system_variables WHERE variable_scope <> 'SESSION ONLY'"
        ]
    )
    return {name: Live(value, default, origin, only == "YES") for name, value, default, origin, only in rows}
