# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from accounts_samples import machine
from ansible_collections.ringmaster.hosting.plugins.module_utils.accounts import apply
from ansible_collections.ringmaster.hosting.plugins.module_utils.accounts.model import Paths


@pytest.fixture
def paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Paths:
    if os.geteuid() != 0:
        pytest.skip("changes owners, needs root")
    if shutil.which("visudo", path="/usr/sbin:/sbin") is None:
        monkeypatch.setattr(apply, "check_sudoers", lambda pending: None)
    return machine(tmp_path)
