# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An upgrade is a newer checkout and the same playbook: the steward goes on with that, between two runs."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

from asking import ROOT
from testinfra.host import Host

CURRENT = "/usr/share/ringmaster/collection/current"
BELOW = "ansible_collections/ringmaster/hosting"


def upgrade(tree: Path) -> None:
    """Run the playbooks from a checkout."""
    environment = {
        **os.environ,
        "MOLECULE_PROJECT_DIRECTORY": str(ROOT),
        "ANSIBLE_CONFIG": str(tree / "ansible.cfg"),
        "ANSIBLE_SSH_EXECUTABLE": str(ROOT / "molecule/shared/ssh"),
        "ANSIBLE_FORCE_COLOR": "false",
    }
    source = ROOT / "molecule/steward/platform/platform.ringmaster.yml"
    variables = {"lab_folder": str(ROOT / ".lab"), "steward_regular": {"accounts": "10m"}}
    for name, more in (("machine", {"machine_hosts": "machines"}), ("steward", {})):
        argv = [str(ROOT / ".venv/bin/ansible-playbook"), "-i", str(source), f"playbooks/{name}.yml"]
        argv += ["-e", json.dumps({**variables, **more})]
        done = subprocess.run(argv, cwd=tree, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


def runs_again(steward: Host, before: str) -> bool:
    """Tell whether the service is up as another process than before."""
    said = steward.check_output("systemctl show -P ActiveState -P MainPID ringmaster-steward").split()
    return "active" in said and "0" not in said and before not in said


def test_a_newer_checkout_upgrades_the_steward_and_the_older_one_takes_it_back(
    steward: Host, tmp_path: Path, eventually: Callable[..., None]
) -> None:
    tree = tmp_path / "tree"
    subprocess.run(["git", "clone", "-q", str(ROOT), str(tree)], check=True)
    (tree / "roles/steward/README.md").write_text("A newer one.\n")
    part = tree / "roles/machine/files/python/ringmaster/steward/checks.py"
    part.write_text(f"{part.read_text()}\n# A newer one.\n")
    before = steward.check_output(f"readlink {CURRENT}")
    for checkout, newer in ((tree, True), (ROOT, False)):
        process = steward.check_output("systemctl show -P MainPID ringmaster-steward")
        upgrade(checkout)
        assert (steward.check_output(f"readlink {CURRENT}") != before) is newer
        said = steward.check_output(f"cat {CURRENT}/{BELOW}/roles/steward/README.md")
        assert (said == "A newer one.") is newer
        # It says that it runs once it has read the description.
        eventually(lambda process=process: runs_again(steward, process), 120)
