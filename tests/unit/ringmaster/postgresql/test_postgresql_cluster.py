# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""PostgreSQL's cluster: which one is made, and which one is left alone."""

from __future__ import annotations

from pathlib import Path

import pytest
from ringmaster.core.report import Failure, Report
from ringmaster.postgresql import cluster, sql


def test_an_empty_cluster_is_never_made_beside_another(tmp_path: Path) -> None:
    class Places(sql.Places):
        data = tmp_path / "17/main"

    places, marker = Places(17), tmp_path / "marker"
    report = Report()
    cluster.ensure(places, report, check=True, marker=marker)
    assert report.steps == ["make the cluster 17/main"]
    marker.write_text("17\n")
    with pytest.raises(Failure, match="is gone, but this machine had a cluster of PostgreSQL 17"):
        cluster.ensure(places, Report(), check=True, marker=marker)
    (tmp_path / "15/main").mkdir(parents=True)
    (tmp_path / "15/main/PG_VERSION").write_text("15\n")
    with pytest.raises(
        Failure, match=r"there is a cluster of PostgreSQL 15.*version to 15.*an older one only by its step=roll_back"
    ):
        cluster.ensure(places, Report(), check=True, marker=marker)


def test_an_old_cluster_is_left_alone_once_it_was_upgraded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Places(sql.Places):
        data = tmp_path / "15/main"

    Places.data.mkdir(parents=True)
    (Places.data / "PG_VERSION").write_text("15\n")
    monkeypatch.setattr(cluster, "UPGRADE", tmp_path / "upgrade.json")
    cluster.guard(Places(15))
    cluster.UPGRADE.write_text('{"from": 15, "to": 17, "state": "upgraded"}')
    with pytest.raises(Failure, match="was upgraded to PostgreSQL 17: set the component's version to 17"):
        cluster.guard(Places(15))
