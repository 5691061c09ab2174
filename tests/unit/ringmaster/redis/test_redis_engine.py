# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which server it is, what differs between the two, and that neither starts beside what the other has."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from ansible_collections.ringmaster.hosting.plugins.module_utils.components.catalogue import COMPONENTS
from ansible_collections.ringmaster.hosting.plugins.module_utils.components.redis import ENGINES
from ringmaster.core import accepted, systemd
from ringmaster.core.report import Failure, Report
from ringmaster.redis import converge, dumps, engine, trial
from ringmaster.redis.engine import REDIS, VALKEY, Engine

ROLE = Path(__file__).parents[4] / "roles/redis"


@pytest.mark.parametrize(("text", "expected"), [(None, REDIS), ("redis", REDIS), ("valkey", VALKEY)])
def test_which_one_it_is(tmp_path: Path, text: str | None, expected: Engine) -> None:
    file = tmp_path / "engine.json"
    if text:
        file.write_text(json.dumps({"engine": text}))
    assert engine.present(file) == expected  # without a file: a machine from before there was a choice


@pytest.mark.parametrize("text", ["", "[]", "null", '{"engine": "keydb"}', '{"engine": []}', "{}"])
def test_a_file_that_says_nothing_is_told(tmp_path: Path, text: str) -> None:
    file = tmp_path / "engine.json"
    file.write_text(text)
    with pytest.raises(Failure, match="names no engine of redis, valkey"):
        engine.present(file)


def test_role_program_and_catalogue_say_the_same() -> None:
    told = yaml.safe_load((ROLE / "vars/main.yml").read_text())["__redis_engines"]
    options = yaml.safe_load((ROLE / "meta/argument_specs.yml").read_text())["argument_specs"]["main"]["options"]
    assert list(told) == list(engine.ENGINES) == list(ENGINES) == options["redis_engine"]["choices"]
    for name, one in engine.ENGINES.items():
        found = told[name]
        server = found["unit"].removesuffix(".service")
        assert (found["title"], found["unit"], found["account"]) == (one.title, one.unit, one.account)
        assert (found["data"], f"{found['run']}/{server}.sock") == (str(one.data), one.socket)
        assert f"ExecStart={one.server} " in (ROLE / f"files/{server}.conf").read_text()
        assert one.unit in COMPONENTS["redis"].daemons
        assert one.unit in COMPONENTS["redis"].part.units
        assert str(one.data) in COMPONENTS["redis"].data


States = dict[str, dict[str, str]]


@pytest.fixture
def states(monkeypatch: pytest.MonkeyPatch) -> States:
    """Return what systemd says of units, for a test to change."""
    found: States = {one.unit: {"ActiveState": "inactive", "UnitFileState": ""} for one in (REDIS, VALKEY)}
    monkeypatch.setattr(systemd, "properties", lambda unit, *_names: found[unit])
    return found


@pytest.fixture
def pair(tmp_path: Path, states: States) -> tuple[Engine, Engine]:
    """Return both engines with folders of their own, the one that is wanted first."""
    (tmp_path / "redis").mkdir()
    return replace(VALKEY, data=tmp_path / "valkey"), replace(REDIS, data=tmp_path / "redis")


def test_beside_nothing_it_may_start(pair: tuple[Engine, Engine], states: States) -> None:
    engine.refuse_beside_another(pair[0], pair)
    engine.refuse_beside_another(pair[1], pair)  # whose other has no folder at all
    states[REDIS.unit]["ActiveState"] = "failed"
    engine.refuse_beside_another(pair[0], pair)
    # Of its own, everything may be there.
    states[VALKEY.unit]["ActiveState"] = "active"
    pair[0].data.mkdir()
    (pair[0].data / "dump.rdb").touch()
    engine.refuse_beside_another(pair[0], pair)


@pytest.mark.parametrize("name", ["dump.rdb", "appendonlydir", ".hidden"])
def test_it_does_not_start_beside_data(pair: tuple[Engine, Engine], name: str) -> None:
    (pair[1].data / name).touch()
    with pytest.raises(Failure, match="holds data of Redis, and Valkey would start empty beside it") as told:
        engine.refuse_beside_another(pair[0], pair)
    for way in (
        "nothing was changed",
        "'engine: redis' again",
        "another VM",
        "remove_component.yml",
        str(pair[1].data),
    ):
        assert way in str(told.value)


@pytest.mark.parametrize("state", ["active", "activating", "reloading", "deactivating"])
def test_it_does_not_start_beside_one_that_runs(pair: tuple[Engine, Engine], states: States, state: str) -> None:
    """A cache has no data on disk, and all of them in memory."""
    states[REDIS.unit]["ActiveState"] = state
    with pytest.raises(Failure, match="Redis runs on this machine"):
        engine.refuse_beside_another(pair[0], pair)


@pytest.mark.parametrize("verb", ["validate", "converge"])
def test_refused_before_anything_is_read_or_changed(
    tmp_path: Path, pair: tuple[Engine, Engine], monkeypatch: pytest.MonkeyPatch, verb: str
) -> None:
    """There is no configuration and no inbox here: whoever looked at them first would fail otherwise."""
    (pair[1].data / "dump.rdb").touch()
    monkeypatch.setattr(engine.refuse_beside_another, "__defaults__", (pair,))
    places = converge.Places(home=tmp_path / "home", inbox=tmp_path / "inbox", engine=pair[0])
    with pytest.raises(Failure, match="would start empty"):
        getattr(converge, verb)(places)


@pytest.mark.parametrize("check", [True, False])
def test_a_data_folder_that_was_moved_away_is_made_again(
    tmp_path: Path, states: States, monkeypatch: pytest.MonkeyPatch, check: bool
) -> None:
    called = []
    monkeypatch.setattr(systemd, "prepare", lambda *_asked: False)
    monkeypatch.setattr(systemd, "systemctl", lambda *words: called.append(words))
    data = tmp_path / "data"
    places = converge.Places(home=tmp_path, engine=replace(VALKEY, data=data, account="nobody"))
    monkeypatch.setattr(converge.shutil, "chown", lambda *asked: called.append(asked))
    settings = {"appendonly": "yes", "appenddirname": "log", "dbfilename": "dump.rdb", "appendfilename": "log"}
    settings["databases"] = "16"
    report = Report()
    converge._serve(places, trial.Meaning(settings, []), report, check, False)
    assert report.steps[:2] == ["start with 16 databases", f"make {data}"]
    assert report.steps[-1] == "restart valkey-server.service"
    assert data.is_dir() == (not check)
    if not check:
        assert called[0] == (data, "nobody", "nobody")
        assert data.stat().st_mode & 0o777 == 0o750


def test_what_would_come_up_at_the_next_boot(states: States) -> None:
    assert engine.others_at_boot(VALKEY) == []
    states[REDIS.unit]["UnitFileState"] = "enabled"
    states[VALKEY.unit]["UnitFileState"] = "enabled"
    assert engine.others_at_boot(VALKEY) == ["redis-server.service"]
    assert engine.others_at_boot(REDIS) == ["valkey-server.service"]


@pytest.mark.parametrize(
    ("reader", "maker", "told"),
    [
        (REDIS, None, ""),  # a dump from before there was a choice
        (REDIS, "redis", ""),
        (REDIS, "valkey", ""),
        (VALKEY, "valkey", ""),
        (VALKEY, None, "is a dump of Redis, which Valkey cannot read"),
        (VALKEY, "redis", "is a dump of Redis, which Valkey cannot read"),
        (VALKEY, "keydb", "is a dump of keydb, which Valkey cannot read"),
    ],
)
def test_whose_dumps_it_reads(tmp_path: Path, reader: Engine, maker: str | None, told: str) -> None:
    content = {"component": "redis", "keys": 3, **({"engine": maker} if maker else {})}
    (tmp_path / dumps.MANIFEST).write_text(json.dumps(content))
    if told:
        with pytest.raises(Failure, match=told):
            dumps.manifest(reader, tmp_path)
    else:
        assert dumps.manifest(reader, tmp_path)["keys"] == 3


def test_accepted_drop_ins_are_the_new_account_s(tmp_path: Path) -> None:
    """After a change of the server, its account must be able to read what was accepted before."""
    (tmp_path / "a.conf").write_text("timeout 10\n")
    report = Report()
    accepted.settle(tmp_path, ".conf", {"a.conf": "timeout 10\n"}, report, check=False)
    assert report.steps == []
    os.chown(tmp_path, -1, 12345)
    accepted.settle(tmp_path, ".conf", {"a.conf": "timeout 10\n"}, report, check=True)
    assert report.steps == ["take a.conf"]
    assert (tmp_path / "a.conf").stat().st_gid != 12345
    accepted.settle(tmp_path, ".conf", {"a.conf": "timeout 10\n"}, report, check=False)
    assert (tmp_path / "a.conf").stat().st_gid == 12345
