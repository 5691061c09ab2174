# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Access to repositories: derived, different for each machine, and nobody's when there shall be none."""

from __future__ import annotations

import pytest
from ansible_collections.ringmaster.hosting.plugins.module_utils.services import backup_access

SECRET = "a secret for tests only"
VM = {
    "inventory_hostname": "myapp00",
    "ringmaster_project": "myapp",
    "ringmaster_backup": {"wanted": True, "keep_daily": 3},
}
MACHINE = {"inventory_hostname": "svc0"}
WITHOUT = {"inventory_hostname": "myapp01", "ringmaster_project": "myapp", "ringmaster_backup": {"wanted": False}}


@pytest.mark.parametrize(
    ("server", "expected"),
    [
        (
            {"ringmaster_srv_ipv4": "172.20.0.20", "ringmaster_srv_ipv6": "2001:db8::1"},
            "rest:https://172.20.0.20:8000/myapp00/",
        ),
        ({"ringmaster_srv_ipv4": "", "ringmaster_srv_ipv6": "2001:db8::1"}, "rest:https://[2001:db8::1]:8000/myapp00/"),
        ({"ansible_host": "10.77.0.20"}, "rest:https://10.77.0.20:8000/myapp00/"),
    ],
)
def test_where_the_repository_is(server: dict[str, str], expected: str) -> None:
    assert backup_access.access(VM, SECRET, server, 8000).repository == expected


def test_a_server_without_address_is_named() -> None:
    with pytest.raises(ValueError, match="backup machine svc0 has no address"):
        backup_access.access(VM, SECRET, MACHINE, 8000)


def test_each_machine_has_two_passwords_of_its_own() -> None:
    server = {"ansible_host": "10.77.0.20"}
    found = [backup_access.access(one, SECRET, server, 8000) for one in (VM, MACHINE)]
    assert len({secret for one in found for secret in (one.password, one.access_password)}) == 4
    rotated = backup_access.access(
        VM | {"ringmaster_secret_generations": {"myapp00/backup/access": 2}}, SECRET, server, 8000
    )
    assert rotated.password == found[0].password
    assert rotated.access_password != found[0].access_password


def test_the_server_knows_older_passwords_of_a_repository_until_it_takes_the_new_one() -> None:
    def password(generation: int) -> dict[str, object]:
        rotated = VM | {"ringmaster_secret_generations": {"myapp00/backup/repository": generation}}
        return backup_access.repositories([rotated], SECRET)[0][0]

    assert password(1)["older_passwords"] == []
    assert password(3)["older_passwords"] == [password(2)["password"], password(1)["password"]]
    assert len(password(50)["older_passwords"]) == backup_access.OLDER


def test_the_server_knows_who_is_backed_up() -> None:
    found, htpasswd = backup_access.repositories([MACHINE, WITHOUT, VM], SECRET)
    assert [one["name"] for one in found] == ["myapp00", "svc0"]
    assert found[0]["keep"] == {"daily": 3, "weekly": 8, "monthly": 12}
    assert [line.split(":")[0] for line in htpasswd.splitlines()] == ["myapp00", "svc0"]
    assert backup_access.access(VM, SECRET, {"ansible_host": "::1"}, 1).access_password not in htpasswd
