# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The example as `make up` brings it up, with queue and steward: alice orders a VM by ringctl and logs in to it.

Afterwards the platform's folder is changed, as somebody does who edits it. The tests tell one story: order matters.
`REQUESTS_PLATFORM=<folder>` keeps lab and platform from run to run, while working on it.
"""

from __future__ import annotations

import os
import re
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import example_platform
import pytest
import yaml

ROOT = Path(__file__).resolve().parents[3]
KEPT = os.environ.get("REQUESTS_PLATFORM", "")
SEED_SENTENCE = r"projects/myapp\.yml: changed in .*, and by requests"


@dataclass
class Site:
    """The example in a lab of its own, and what was said."""

    lab: str
    platform: Path
    said: dict[str, str] = field(default_factory=dict)

    def tool(self, *words: str, fails: bool = False) -> str:
        argv = [str(ROOT / ".venv/bin/python"), "bin/lab", "--lab", self.lab, "--platform", str(self.platform), *words]
        done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=False)
        print(done.stdout[-20000:], done.stderr[-5000:])
        assert (done.returncode != 0) is fails, f"bin/lab {' '.join(words)}"
        return done.stdout + done.stderr

    @property
    def state(self) -> Path:
        return ROOT / ".lab/labs" / self.lab

    def ringctl(self, command: str) -> str:
        return self.tool("ringctl", "alice", command)

    def git(self, *words: str) -> str:
        """Run git in the lab's clone of the steward's repository, without going there."""
        argv = ["git", "-C", str(self.state / "description"), *words]
        return subprocess.run(argv, capture_output=True, text=True, check=True).stdout

    def edit(self, old: str, new: str) -> None:
        project = self.platform / "projects/myapp.yml"
        assert old in project.read_text()
        project.write_text(project.read_text().replace(old, new, 1))


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    platform = Path(KEPT) if KEPT else tmp_path_factory.mktemp("requests") / "platform"
    made = Site("requests-kept" if KEPT else f"requests-{os.getpid()}", platform)
    try:
        if not platform.exists():
            example_platform.copy_for_a_lab(platform)
            made.tool("down")
        made.said["up"] = made.tool("up")
        yield made
    finally:
        if not KEPT:
            made.tool("down")


def test_up_says_how_to_ask_and_where_mail_is(site: Site) -> None:
    said = site.said["up"]
    assert re.search(r'make ringctl LAB=\S+ PLATFORM=\S+ AS=alice CMD="order-vm --project myapp --wait"', said)
    assert f"Mail that leaves the lab, a file each:\n  {site.state}/mail\n" in said
    assert site.git("log", "--format=%s").splitlines()[-1] == "Begin with platform"


def test_alice_orders_a_vm_and_logs_in(site: Site) -> None:
    begun = time.monotonic()
    said = site.ringctl("order-vm --project myapp --memory 1GiB --cores 1 --wait")
    print(f"an order: {time.monotonic() - begun:.0f} s")
    assert "applied" in said
    assert "Requested-By: alice" in site_log(site)
    assert site.tool("ssh", "myapp01", "alice", "id -un; sudo -n id -un").split()[-2:] == ["alice", "root"]
    # Not in the folder, where somebody edits.
    assert "myapp01" not in (site.platform / "projects/myapp.yml").read_text()


def site_log(site: Site) -> str:
    site.tool("status")
    return site.git("log", "--format=%s%n%b")


def test_what_is_changed_in_the_folder_is_taken_in_and_the_order_stays(site: Site) -> None:
    site.edit("description: The example application", "description: The example, changed in the folder")
    said = site.tool("up")
    assert "myapp01  (myapp01.ringmaster.example, on hv0)" in said
    project = yaml.safe_load((site.state / "description/projects/myapp.yml").read_text())
    assert project["description"] == "The example, changed in the folder"
    assert "myapp01" in project["vms"]
    assert site.tool("ssh", "myapp01", "alice", "id -un").split()[-1:] == ["alice"]


def test_a_conflict_is_refused_with_a_sentence_and_nothing_is_lost(site: Site) -> None:
    site.ringctl("change-project --project myapp --description asked-for --wait")
    site.edit("description: The example, changed in the folder", "description: Changed once more")
    said = site.tool("up", fails=True)
    assert re.search(SEED_SENTENCE, said)
    site_log(site)
    project = yaml.safe_load((site.state / "description/projects/myapp.yml").read_text())
    assert project["description"] == "asked-for"
    assert "description: Changed once more" in (site.platform / "projects/myapp.yml").read_text()
