# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The queue's server with a database of its own, a description, people who ask, and a steward."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

# The first of them sets Django up, which the others need.
# isort: off
import set_up
import askers
from callers import Steward
from django.core.management import call_command
from django.db import connection
from portal.pages import models as pages
from portal.queue import models, snapshots
from visitors import Visitor

# isort: on
HERE = set_up.HERE


@pytest.fixture(scope="session")
def _database() -> None:
    call_command("migrate", verbosity=0)


@pytest.fixture(autouse=True)
def empty(_database: None) -> Iterator[None]:
    """Begin with nothing in the database."""
    for model in (
        *(models.Session, models.Request, models.Question, models.Steward, models.Snapshot),
        *(pages.SignUp, pages.Invitation, pages.Mail),
    ):
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
    return set_up.make_keys(tmp_path_factory.mktemp("keys"))


@pytest.fixture(scope="session")
def example(tmp_path_factory: pytest.TempPathFactory, keys: dict[str, Path]) -> dict[str, str]:
    """Give the files of the example."""
    return set_up.example_files(tmp_path_factory.mktemp("example"), keys)


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
