# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The cluster: made once, and never made silently where data was before."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

from ringmaster.core import below, files
from ringmaster.core.report import Failure, Report
from ringmaster.postgresql.sql import Places

# Says that there was a cluster, in case its disk is missing one day.
MARKER = Path("/var/lib/ringmaster/postgresql.cluster")
# Says that the cluster was upgraded, until that is confirmed or rolled back.
UPGRADE = Path("/var/lib/ringmaster/postgresql-upgrade.json")
# Checksums find what a disk spoils. The builtin locale sorts the same whatever version of libc is there.
INITDB = ["--data-checksums", "--no-sync"]


def sorting(version: int) -> list[str]:
    """Return the words for initdb that fix how text is sorted; before 17, the locale C.UTF-8 of libc does."""
    return ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"] if version >= 17 else []


def upgraded() -> dict[str, Any]:
    """Return what is known of an upgrade that is neither confirmed nor rolled back; empty when there is none."""
    try:
        return json.loads(UPGRADE.read_text())
    except FileNotFoundError:
        return {}


def guard(places: Places, marker: Path = MARKER) -> None:
    """Raise Failure unless this is the version of the cluster here, or there never was one."""
    if (places.data / "PG_VERSION").exists():
        found = _version(places.data)
        if found != str(places.version):
            raise Failure(f"{places.data} holds a cluster of PostgreSQL {found}, not {places.version}")
        now = upgraded()
        if now and now["to"] != places.version:
            raise Failure(
                f"the cluster was upgraded to PostgreSQL {now['to']}: set the component's version to {now['to']}, or "
                f"roll back to {now['from']} (playbooks/upgrade_postgresql.yml)"
            )
        return
    others = sorted(path.parent.parent.name for path in places.data.parent.parent.glob("*/main/PG_VERSION"))
    if others:
        raise Failure(
            f"{places.data} does not exist, but there is a cluster of PostgreSQL {', '.join(others)}. An empty one "
            f"beside it would look like lost data. Set the component's version to {others[-1]}. A newer one comes by "
            "playbooks/upgrade_postgresql.yml, an older one only by its step=roll_back before an upgrade is confirmed."
        )
    if marker.exists():
        raise Failure(
            f"{places.data} is gone, but this machine had a cluster of PostgreSQL {marker.read_text().strip()}. "
            f"Bring it back, or restore a backup; to begin with an empty one, remove {marker}."
        )


def _version(data: Path) -> str:
    """Return what the cluster says of its version; its owner could have put anything there."""
    with below.Folder(os.open(data, os.O_RDONLY | os.O_DIRECTORY), data) as folder:
        text = folder.text("PG_VERSION", 20).strip()
    return text if re.fullmatch("[0-9]{1,3}", text) else "of an unknown version"


def ensure(places: Places, report: Report, *, check: bool, marker: Path = MARKER) -> None:
    """Make the cluster if there never was one. Raises Failure when there was another."""
    guard(places, marker)
    if (places.data / "PG_VERSION").exists():
        if not marker.exists() and not check:
            files.replace(marker, f"{places.version}\n")
        return
    report.steps.append(f"make the cluster {places.version}/main")
    if check:
        return
    words = ["pg_createcluster", str(places.version), "main", "--locale=C.UTF-8", "--encoding=UTF8", "--"]
    words += [*INITDB, *sorting(places.version)]
    done = subprocess.run(words, capture_output=True, text=True, check=False, cwd="/", stdin=subprocess.DEVNULL)
    if done.returncode:
        raise Failure(f"pg_createcluster: {done.stderr.strip()}")
    os.sync()  # initdb would do it file by file
    marker.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    files.replace(marker, f"{places.version}\n")
