# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every component's scenario shows every subject of the contract, and the page says which test does."""

from __future__ import annotations

from pathlib import Path

import contract
from ansible_collections.ringmaster.hosting.plugins.module_utils.components.catalogue import COMPONENTS
from programs import load

REFERENCE = Path(__file__).parents[3] / "docs/reference"
reference = load(REFERENCE / "contract_page.py")


def test_every_subject_is_shown_for_every_component() -> None:
    assert reference.missing() == []
    assert set(contract.NOT_OWED) <= {(name, subject) for name in COMPONENTS for subject in contract.SUBJECTS}


def test_the_methods_of_the_class_are_on_the_page() -> None:
    methods = {name for name in vars(contract.Contract) if name.startswith("test_")}
    assert set(reference.OF_CLASS.values()) == methods


def test_the_page_is_as_it_is_made() -> None:
    assert (REFERENCE / reference.PAGE).read_text() == reference.page(), "run make generate"
