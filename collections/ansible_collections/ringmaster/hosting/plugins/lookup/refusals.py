# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lookup ``refusals``: whose answers were refused in this run, as files for the monitoring machine."""

from __future__ import annotations

DOCUMENTATION = r"""
name: refusals
author:
  - Ringmaster contributors (@ringmaster)
short_description: Whose answers were refused in this run
version_added: 0.1.0
description:
  - Entries for M(ringmaster.hosting.files), a file for each machine that was asked in this run.
  - The file of a machine of which an answer was refused has the reason in it. That of another one is absent.
  - Machines that were not asked have no entry, so that what was written of them stays.
options:
  _terms:
    description: The folder for the files.
    required: true
"""

EXAMPLES = r"""
- name: Remember whose answers were refused
  ringmaster.hosting.files:
    files: "{{ lookup('ringmaster.hosting.refusals', '/var/lib/ringmaster/refused') }}"
"""

RETURN = r"""
_raw:
  description: The folder, then a file for each machine.
  type: list
  elements: dict
"""

from pathlib import PurePosixPath
from typing import Any
from urllib.parse import quote

from ansible.plugins.lookup import LookupBase
from ansible_collections.ringmaster.hosting.plugins.plugin_utils import refusals


class LookupModule(LookupBase):
    """Asks what connections and actions have noted."""

    def run(self, terms: list[Any], variables: dict[str, Any] | None = None, **kwargs: Any) -> list[Any]:
        """Return one list of entries."""
        folder = PurePosixPath(str(terms[0]))
        refused, heard = refusals.of_this_run()
        entries: list[dict[str, Any]] = [{"path": str(folder), "state": "directory", "mode": "0755", "parents": True}]
        for name, sentence in refused.items():
            entries.append({"path": _path(folder, name), "content": f"{sentence}\n", "mode": "0644"})
        entries += [{"path": _path(folder, name), "state": "absent"} for name in heard]
        return [entries]


def _path(folder: PurePosixPath, machine: str) -> str:
    return str(folder / quote(machine, safe=""))
