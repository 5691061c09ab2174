# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""PostgreSQL goes and comes back. The last of the scenario's files by its name."""

from __future__ import annotations

import contract
from testinfra.host import Host

PSQL = "cd / && sudo -u postgres psql -qtA app -c"
TABLE = "public.of_the_contract"


class TestContract(contract.Contract):
    """What every component owes."""

    name = "postgresql"
    vm = "pg00"
    members = "project_pg"

    def write(self, host: Host) -> None:
        host.check_output(f"{PSQL} 'CREATE TABLE IF NOT EXISTS {TABLE} (number int)'")
        host.check_output(f"{PSQL} 'INSERT INTO {TABLE} VALUES (1)'")

    def is_there(self, host: Host) -> bool:
        return host.run(f"{PSQL} 'SELECT count(*) > 0 FROM {TABLE}'").stdout.strip() == "t"
