# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Zones in the folder of the name server, whose account may put anything there in place of ours."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from ringmaster.core import below
from ringmaster.dns import loading

ZONE = "internal/example.org"
TEXT = "@ 3600 IN SOA a. b. @SERIAL@ 1 1 1 1\n"


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> loading.Places:
    places = loading.Places(tmp_path / "sources", tmp_path / "bind/ringmaster", tmp_path / "staged")
    (places.sources / ZONE).parent.mkdir(parents=True)
    (places.sources / ZONE).write_text(TEXT)
    (tmp_path / "bind").mkdir()
    (tmp_path / "bind").chmod(0o777)
    monkeypatch.setattr(loading, "_check", lambda _zone, _path: None)
    monkeypatch.setattr(loading, "_serve", lambda _places: iter(()))
    return places


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/example.org").write_text("root's\n")
    return tmp_path / "etc"


def load(places: loading.Places, now: float = 7) -> list[str]:
    return list(loading.load(places, lambda: now))


def test_a_zone_is_put_in_place_once(places: loading.Places) -> None:
    assert load(places) == ["zone internal/example.org: serial 7"]
    assert (places.zones / ZONE).read_text() == TEXT.replace("@SERIAL@", "7")
    assert load(places) == []
    (places.sources / ZONE).unlink()
    assert load(places) == ["zone internal/example.org: removed"]
    assert not (places.zones / ZONE).exists()
    assert not places.staged.exists()


@pytest.mark.parametrize("what", ["link", "fifo"])
def test_a_zone_that_was_exchanged_is_written_again(places: loading.Places, secret: Path, what: str) -> None:
    load(places)
    (places.zones / ZONE).unlink()
    if what == "link":
        (places.zones / ZONE).symlink_to(secret / "example.org")
    else:
        os.mkfifo(places.zones / ZONE)
    assert load(places) == ["zone internal/example.org: serial 7"]
    assert (places.zones / ZONE).read_text() == TEXT.replace("@SERIAL@", "7")
    assert (secret / "example.org").read_text() == "root's\n"


@pytest.mark.parametrize("what", ["bind/ringmaster/internal", "bind/ringmaster"])
def test_a_folder_that_was_exchanged_is_not_followed(
    places: loading.Places, secret: Path, tmp_path: Path, what: str
) -> None:
    load(places)
    folder = tmp_path / what
    (tmp_path / "bind/ringmaster").chmod(0o777)
    folder.rename(tmp_path / "away")
    folder.symlink_to(secret if what.endswith("internal") else tmp_path / "other")
    (tmp_path / "other").mkdir()
    (tmp_path / "other/internal").symlink_to(secret)
    mode = secret.stat().st_mode
    (places.sources / ZONE).write_text(f"{TEXT}; new\n")
    with pytest.raises((below.Refused, OSError)):
        load(places)
    assert (secret / "example.org").read_text() == "root's\n"
    assert secret.stat().st_mode == mode
