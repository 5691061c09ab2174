# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The check for components that run although the description does not have them."""

from __future__ import annotations

import subprocess
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest
from ringmaster.core.checks import OK, WARNING
from ringmaster.host import checks

BOTH = {"daemons": ["redis-server.service", "valkey-server.service"]}
OF_BEFORE = {"daemon": "redis-server.service"}
"""As definitions said it before a component could have several daemons."""


@pytest.mark.parametrize(
    ("facts", "running", "expected"),
    [
        (BOTH, "redis-server.service", True),
        (BOTH, "valkey-server.service", True),
        (BOTH, "memcached.service", False),
        (OF_BEFORE, "redis-server.service", True),
        (OF_BEFORE, "valkey-server.service", False),
        ({"daemons": ["postgresql@*-main.service"]}, "postgresql@17-main.service", True),
    ],
)
def test_one_of_its_daemons_is_enough(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, facts: dict[str, Any], running: str, expected: bool
) -> None:
    def run(words: list[str], **_options: Any) -> subprocess.CompletedProcess[str]:
        patterns = [word for word in words[2:] if not word.startswith("--")]
        found = running if any(fnmatch(running, one) for one in patterns) else ""
        return subprocess.CompletedProcess(words, 0, found, "")

    monkeypatch.setattr(subprocess, "run", run)
    mark = tmp_path / "redis.json"
    others = {"redis": {"title": "Redis", "mark": str(mark), **facts}}
    assert checks.components(others)[0] == OK  # somebody else's
    mark.touch()
    status, sentence = checks.components(others)
    assert status == (WARNING if expected else OK)
    assert ("Redis (redis) runs here" in sentence) == expected
