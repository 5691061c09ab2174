# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The mail server goes and comes back. The last of the scenario's files by its name."""

from __future__ import annotations

from collections.abc import Callable

import contract
import pytest
from outside import publish
from testinfra.host import Host

OTTO = "otto@second.example"


@pytest.fixture(scope="module", autouse=True)
def records(machine: Callable[[str], Host]) -> None:
    """Let the DNS say what its checks look for."""
    publish(machine(TestContract.vm))


class TestContract(contract.Contract):
    """What every component owes; the mail stub that needs it goes first."""

    name = "mailserver"
    vm = "post00"
    members = "project_post"

    def make_room(self, play: contract.Play, description: contract.Description) -> None:
        done = play(
            "remove_component",
            None,
            source=description.source,
            vm=self.vm,
            component=self.name,
            stop_after="description",
        )
        assert done.returncode != 0
        assert "post01" in done.stdout + done.stderr
        self.verb(play, description, "remove_component", vm="post01", component="mailstub")

    def write(self, host: Host) -> None:
        host.check_output(f"printf 'Subject: of the contract\\n\\nkept\\n' | doveadm save -u {OTTO}")

    def is_there(self, host: Host) -> bool:
        return bool(host.run(f"doveadm search -u {OTTO} subject 'of the contract'").stdout.strip())
