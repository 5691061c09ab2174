# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.ringmaster.hosting.plugins.module_utils.services import network_page

PAGE = Path(__file__).parents[3] / "docs" / "networking.md"


def test_the_tables_are_current() -> None:
    assert PAGE.read_text() == network_page.renew(PAGE.read_text()), "run make generate"


def test_a_table_without_a_place_is_told() -> None:
    with pytest.raises(ValueError, match="has 0 places for table policy"):
        network_page.renew("<!-- nothing -->")
