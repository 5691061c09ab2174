# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sets Django up for tests and for pictures: a database of its own, and the example with people who can sign in."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from pathlib import Path

import yaml
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform import operations

ROOT = Path(__file__).parents[3]
HERE = Path(tempfile.mkdtemp(prefix="ringmaster-portal-"))
(HERE / "description").mkdir()
(HERE / "key").write_text("a key for tests, of more than fifty characters, all of them the same for everybody")
(HERE / "portal.json").write_text(
    json.dumps(
        {
            "host": "my.town.example",
            "hosts": ["127.0.0.1"],
            "ringctl": str(ROOT / "bin/ringctl"),
            "database": str(HERE / "portal.sqlite3"),
            "folder": str(HERE / "description"),
            "secret_key_file": str(HERE / "key"),
            "roles": str(ROOT / "roles"),
            "steward": "ctl0",
        }
    )
)
os.environ["PORTAL_CONFIGURATION"] = str(HERE / "portal.json")
os.environ["DJANGO_SETTINGS_MODULE"] = "portal.settings"

import django  # noqa: E402

django.setup()

from visitors import HOST, make_key  # noqa: E402

PEOPLE = ("alice", "bob", "olga")
"""A manager, somebody with few rights, and an operator."""


def make_keys(folder: Path) -> dict[str, Path]:
    """Make SSH keys of people of the example, and of strangers."""
    return {name: make_key(folder, name) for name in (*PEOPLE, "carol", "spare")}


def example_files(place: Path, keys: dict[str, Path]) -> dict[str, str]:
    """Return the files of example/platform, with keys whose private halves are here, and an operator."""
    folder = place / "platform"
    shutil.copytree(ROOT / "example/platform", folder)
    for name in PEOPLE:
        path = folder / f"users/{name}.yml"
        olga = {"full_name": "Olga Operator", "state": "active"}
        record = yaml.safe_load(path.read_text()) if path.exists() else olga
        record |= {"ssh_keys": [keys[name].with_suffix(".pub").read_text().strip()], "email": f"{name}@town.example"}
        path.write_text(yaml.safe_dump(record, sort_keys=False))
    path = folder / "platform.yml"
    portal = f"host: {HOST}, operators: [olga]"
    path.write_text(path.read_text().replace("host: my.ringmaster.example, operators: []", portal))
    operations.allocate(operations.options_of(folder / "platform.ringmaster.yml", ROOT / "roles"))
    paths = [path for path in folder.rglob("*.yml") if path.is_file()]
    return {str(path.relative_to(folder)): path.read_text() for path in paths}


def allocated(files: dict[str, str]) -> dict[str, str]:
    """Return the files of a description with all allocated that was added to them."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        for name, text in files.items():
            path = folder / name
            path.parent.mkdir(exist_ok=True)
            path.write_text(text)
        operations.allocate(operations.options_of(folder / "platform.ringmaster.yml", ROOT / "roles"))
        return {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*.yml")}
