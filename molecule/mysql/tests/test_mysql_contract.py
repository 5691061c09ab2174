# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""MariaDB goes and comes back. The last of the scenario's files by its name."""

from __future__ import annotations

import contract
from testinfra.host import Host

TABLE = "shop.of_the_contract"


class TestContract(contract.Contract):
    """What every component owes."""

    name = "mysql"
    vm = "sql00"
    members = "project_sql"

    def write(self, host: Host) -> None:
        host.check_output(f"mariadb -e 'CREATE TABLE IF NOT EXISTS {TABLE} (number INT)'")
        host.check_output(f"mariadb -e 'INSERT INTO {TABLE} VALUES (1)'")

    def is_there(self, host: Host) -> bool:
        return host.run(f"mariadb -N -e 'SELECT COUNT(*) > 0 FROM {TABLE}'").stdout.strip() == "1"
