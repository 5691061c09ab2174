# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""docs/replace-the-secret.md: its step by hand does what it says, and it names all that derives from the secret."""

from __future__ import annotations

import json
import re
import textwrap

from ansible_collections.ringmaster.hosting.plugins.module_utils.components import catalogue
from ansible_collections.ringmaster.hosting.plugins.module_utils.services import backup_access
from prose import ROOT

PAGE = (ROOT / "docs/replace-the-secret.md").read_text()
DESCRIBED = {
    "backup",
    "backup_server",
    "base",
    "dns",
    "mailserver",
    "mailstub",
    "maintenance_server",
    "mysql",
    "portal",
    "postgresql",
    "redis",
    "steward",
    "updates",
}
"""Roles that derive something from the secret; the page says what a new one does to it."""
MACHINES = [
    {"inventory_hostname": "myapp00", "ringmaster_project": "myapp"},
    {
        "inventory_hostname": "myapp01",
        "ringmaster_project": "myapp",
        "ringmaster_secret_generations": {"myapp01/backup/repository": 3},
    },
    {"inventory_hostname": "svc0"},
]


def deployed(secret):
    return backup_access.repositories(MACHINES, secret)[0]


def test_the_step_by_hand_tells_the_backup_machine_the_old_passwords(tmp_path):
    now, before = tmp_path / "repositories.json", tmp_path / "old-repositories.json"
    # A machine that is new since then has no old password.
    before.write_text(json.dumps({"repositories": deployed("o" * 32)[:2]}))
    now.write_text(json.dumps({"folder": "/x", "repositories": deployed("n" * 32)}))
    (step,) = re.findall(r"python3 - <<'END'\n(.*?)\n   END", PAGE, re.DOTALL)
    for place, path in (
        ("/etc/ringmaster/backup-server/repositories.json", now),
        ("/root/old-repositories.json", before),
    ):
        assert place in step
        step = step.replace(place, str(path))
    exec(textwrap.dedent(step), {})
    found = json.loads(now.read_text())
    old, new = deployed("o" * 32), deployed("n" * 32)
    assert found["folder"] == "/x"
    assert [one["password"] for one in found["repositories"]] == [one["password"] for one in new]
    assert [one["older_passwords"] for one in found["repositories"]] == [
        [old[0]["password"]],
        [old[1]["password"], *old[1]["older_passwords"]],
        [],
    ]


def test_another_secret_knows_no_older_password_of_a_repository():
    """As the page says: why there is a step by hand."""
    old, new = deployed("o" * 32), deployed("n" * 32)
    assert [len(one["older_passwords"]) for one in new] == [0, 2, 0]
    known = {password for one in new for password in (one["password"], *one["older_passwords"])}
    assert not known & {one["password"] for one in old}


def test_the_page_names_all_that_derives_from_the_secret():
    users = {
        path.relative_to(ROOT / "roles").parts[0]
        for kind in ("tasks", "templates", "vars", "defaults")
        for path in ROOT.glob(f"roles/*/{kind}/**/*.*")
        if re.search(r"\bplatform_secret\b", path.read_text())
    }
    assert users == DESCRIBED, "say in docs/replace-the-secret.md what a new secret does to it"
    assert not [one.title for one in catalogue.WITH_USERS if one.title.lower() not in PAGE.lower()]
