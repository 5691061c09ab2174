# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The roles' argument specifications: which components there are and which options they take."""

from __future__ import annotations

from pathlib import Path


def roles_folder() -> Path | None:
    """Return the folder of the collection's roles, as seen from this file; None inside a module's archive."""
    folder = Path(__file__).absolute().parents[3] / "roles"
    return folder if folder.is_dir() else None
