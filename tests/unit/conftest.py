# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A platform that tests can edit, and settings of all property tests.

A slow machine is no failure, and what CI finds can be found again.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform import description, operations
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform.language.errors import Mistake
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform.model import Description, Options
from example_platform import EXAMPLE, without_requests
from hypothesis import HealthCheck, settings

settings.register_profile(
    "ringmaster", deadline=None, derandomize="CI" in os.environ, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("ringmaster")

PARTS = ("platform.ringmaster.yml", "platform.yml", "users", "projects")


@dataclass
class Platform:
    """A platform folder that tests can edit."""

    folder: Path
    roles: Path

    @property
    def source(self) -> Path:
        return self.folder / "platform.ringmaster.yml"

    @property
    def options(self) -> Options:
        return operations.options_of(self.source, self.roles)

    def edit(self, name: str, change: Callable[[Any], Any]) -> None:
        """Change a file's data; the place of everything in it may change."""
        path = self.folder / name
        data = yaml.safe_load(path.read_text()) if path.exists() else {}
        result = change(data)
        new = path.with_name(f".{path.name}.new")
        new.write_text(yaml.safe_dump(data if result is None else result, sort_keys=False))
        new.replace(path)

    def replace(self, name: str, old: str, new: str) -> None:
        """Change a file's text and keep every place before the change."""
        path = self.folder / name
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new, 1))

    def write(self, name: str, text: str) -> None:
        path = self.folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)

    def read(self) -> Description:
        return description.read_valid(self.options)

    def mistakes(self) -> list[Mistake]:
        return operations.validate(self.options).mistakes

    def allocate(self, **arguments: Any) -> operations.Outcome:
        return operations.allocate(self.options, **arguments)

    def ledger(self) -> dict[str, Any]:
        return yaml.safe_load((self.folder / "allocations.yml").read_text())

    def snapshot(self) -> dict[str, bytes]:
        return {str(path): path.read_bytes() for path in self.folder.rglob("*") if path.is_file()}


REDIS_SPEC = """\
argument_specs:
  main:
    options:
      redis_port: {type: int, description: Port.}
      redis_memory_share: {type: float, description: Share.}
      redis_persistence: {type: str, choices: [aof, rdb, none], description: Kind.}
      redis_users:
        type: list
        elements: dict
        options:
          name: {type: str, required: true}
          admin: {type: bool}
"""


@pytest.fixture
def roles(tmp_path: Path) -> Path:
    folder = tmp_path / "roles"
    (folder / "redis" / "meta").mkdir(parents=True)
    (folder / "redis" / "meta" / "argument_specs.yml").write_text(REDIS_SPEC)
    return folder


@pytest.fixture
def platform(tmp_path: Path, roles: Path) -> Platform:
    """A copy of the example, without the lab's keys and without a ledger."""
    folder = tmp_path / "platform"
    folder.mkdir()
    for part in PARTS:
        if (EXAMPLE / part).is_dir():
            shutil.copytree(EXAMPLE / part, folder / part)
        else:
            shutil.copy(EXAMPLE / part, folder / part)
    (folder / "platform.ringmaster.yml").write_text("plugin: ringmaster.hosting.platform\n")
    (folder / "platform.yml").write_text(without_requests((folder / "platform.yml").read_text()))
    return Platform(folder, roles)


@pytest.fixture(scope="session")
def make_key(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., str]:
    """Make a public SSH key; the private half is thrown away."""
    folder = tmp_path_factory.mktemp("keys")

    def make(kind: str = "ed25519", bits: int | None = None) -> str:
        path = folder / f"key{len(list(folder.iterdir()))}"
        size = ["-b", str(bits)] if bits else []
        subprocess.run(["ssh-keygen", "-q", "-t", kind, *size, "-N", "", "-C", "test", "-f", str(path)], check=True)
        return path.with_suffix(".pub").read_text().strip()

    return make
