# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Redis goes and comes back. The last of the scenario's files by its name."""

from __future__ import annotations

import contract
from testinfra.host import Host

CLI = "set -a; . /etc/ringmaster/credentials/redis/app.env; redis-cli --no-auth-warning --user app"


class TestContract(contract.Contract):
    """What every component owes."""

    name = "redis"
    vm = "mol00"
    members = "project_mol"

    def write(self, host: Host) -> None:
        assert host.check_output(f"{CLI} set test:contract kept") == "OK"

    def is_there(self, host: Host) -> bool:
        return host.run(f"{CLI} get test:contract").stdout.strip() == "kept"
