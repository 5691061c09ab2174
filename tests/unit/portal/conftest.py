# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The queue's server with a database of its own, a description, people who ask, and a steward."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
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

import askers  # noqa: E402
import django  # noqa: E402

django.setup()

from callers import Steward  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.db import connection  # noqa: E402
from portal.queue import models, snapshots  # noqa: E402
from visitors import HOST, Visitor, make_key  # noqa: E402


@pytest.fixture(scope="session")
def _database() -> None:
    call_command("migrate", verbosity=0)


@pytest.fixture(autouse=True)
def empty(_database: None) -> Iterator[None]:
    """Begin with nothing in the database."""
    for model in (models.Session, models.Request, models.Question, models.Steward, models.Snapshot):
        model.objects.all().delete()
    snapshots._kept = None
    # Where each test is a process of its own, each has other people, and their description the same commit.
    for path in (HERE / "description").iterdir():
        shutil.rmtree(path)
    yield
    connection.close()


@pytest.fixture(scope="session")
def people() -> dict[str, askers.Asker]:
    return {name: askers.Asker(name) for name in ("mara", "mike", "olga", "eve", "lou", "lock")}


@pytest.fixture(scope="session")
def town(tmp_path_factory: pytest.TempPathFactory, people: dict[str, askers.Asker]) -> dict[str, str]:
    """Give the files of a description."""
    folder = tmp_path_factory.mktemp("town")
    (folder / "roles").mkdir()
    source = askers.settle(folder / "platform", folder / "roles", people.values())
    paths = [path for path in source.parent.rglob("*.yml") if path.is_file()]
    return {str(path.relative_to(source.parent)): path.read_text() for path in paths}


@pytest.fixture
def steward(town: dict[str, str]) -> Steward:
    """Give a steward that has said hello and handed over the description."""
    one = Steward()
    assert one.hello().status_code == 200
    answer = one.call("snapshot", generation=one.generation, commit="a" * 40, files=town)
    assert answer.status_code == 200, answer.content
    return one


@pytest.fixture(scope="session")
def keys(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Give SSH keys of people of the example, and of strangers."""
    folder = tmp_path_factory.mktemp("keys")
    return {name: make_key(folder, name) for name in ("alice", "bob", "olga", "carol", "spare")}


@pytest.fixture(scope="session")
def example(tmp_path_factory: pytest.TempPathFactory, keys: dict[str, Path]) -> dict[str, str]:
    """Give the files of example/platform, with keys whose private halves are here, and an operator."""
    folder = tmp_path_factory.mktemp("example") / "platform"
    shutil.copytree(ROOT / "example/platform", folder)
    for name in ("alice", "bob", "olga"):
        path = folder / f"users/{name}.yml"
        record = (
            yaml.safe_load(path.read_text()) if path.exists() else {"full_name": "Olga Operator", "state": "active"}
        )
        record |= {"ssh_keys": [keys[name].with_suffix(".pub").read_text().strip()], "email": f"{name}@town.example"}
        path.write_text(yaml.safe_dump(record, sort_keys=False))
    path = folder / "platform.yml"
    path.write_text(
        path.read_text().replace("host: my.ringmaster.example, operators: []", f"host: {HOST}, operators: [olga]")
    )
    source = folder / "platform.ringmaster.yml"
    operations.allocate(operations.options_of(source, ROOT / "roles"))
    paths = [path for path in folder.rglob("*.yml") if path.is_file()]
    return {str(path.relative_to(folder)): path.read_text() for path in paths}


@pytest.fixture
def portal(example: dict[str, str]) -> Steward:
    """Give the steward of the example, whose description the pages show."""
    one = Steward()
    assert one.hello().status_code == 200
    answer = one.call("snapshot", generation=one.generation, commit="e" * 40, files=example)
    assert answer.status_code == 200, answer.content
    return one


@pytest.fixture
def alice(portal: Steward, keys: dict[str, Path]) -> Visitor:
    """Give a manager, signed in."""
    visitor = Visitor("alice", keys["alice"])
    visitor.sign_in()
    return visitor


@pytest.fixture
def bob(portal: Steward, keys: dict[str, Path]) -> Visitor:
    """Give somebody who may log in and no more, signed in."""
    visitor = Visitor("bob", keys["bob"])
    visitor.sign_in()
    return visitor


@pytest.fixture
def olga(portal: Steward, keys: dict[str, Path]) -> Visitor:
    """Give an operator, signed in."""
    visitor = Visitor("olga", keys["olga"])
    visitor.sign_in()
    return visitor
