# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lookup ``archive``: packs what machines get as a whole, this collection and pure Python packages."""

from __future__ import annotations

DOCUMENTATION = r"""
name: archive
author:
  - Ringmaster contributors (@ringmaster)
short_description: Pack this collection, Python packages or a description into a file on the controller
version_added: 0.1.0
description:
  - The same files make the same archive, whichever controller packs them, so that a copy is only made where something
    has changed.
  - Packages are fetched by pip from where this controller is set to fetch from, once for each content of the file of
    requirements, and each has to have one of the digests in it.
options:
  _terms:
    description:
      - C(collection), C(portal) for the packages that role P(ringmaster.hosting.portal#role) needs, or the path of an
        inventory source, for the folder of its description.
    type: list
    elements: str
    required: true
"""

EXAMPLES = r"""
- name: Bring the collection to a machine
  ansible.builtin.copy:
    src: "{{ lookup('ringmaster.hosting.archive', 'collection') }}"
    dest: /usr/share/ringmaster-collection.tar
    mode: "0644"
"""

RETURN = r"""
_raw:
  description: Paths of archives on the controller.
  type: list
  elements: path
"""

import hashlib
import os
import tarfile
import tempfile
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleError
from ansible.plugins.lookup import LookupBase
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform import description
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform.language.errors import DescriptionError
from ansible_collections.ringmaster.hosting.plugins.module_utils.steward import archive, settle

COLLECTION = Path(__file__).absolute().parents[2]
REQUIREMENTS = "requirements.txt"
BROUGHT = Path("/usr/share/ringmaster-portal.tar")
"""On the steward's machine, which has no package index: what another controller packed."""
BELOW = "ansible_collections/ringmaster/hosting/"


class LookupModule(LookupBase):
    """Packs archives into the cache of whoever runs Ansible."""

    def run(self, terms: list[Any], variables: Any = None, **_options: Any) -> list[str]:
        """Return the paths of the archives."""
        folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "ringmaster/archives"
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            return [str(_packed(str(term), folder)) for term in terms]
        except (OSError, archive.ArchiveError, DescriptionError) as error:
            raise AnsibleError(f"archive: {error}") from error


def _packed(term: str, folder: Path) -> Path:
    if term == "collection":
        # A folder `bin` of a role is one of its files.
        data = archive.pack(COLLECTION, BELOW, tuple(one for one in archive.LEFT_OUT if one != "bin"))
        return _kept(folder, "collection", data)
    if term.endswith(description.SUFFIX):
        return _kept(folder, "description", settle.packed(Path(term)))
    if term != "portal":
        raise archive.ArchiveError(f"'{term}' is neither collection nor portal, and no inventory source")
    requirements = COLLECTION / "roles/portal/files" / REQUIREMENTS
    wanted = requirements.read_bytes()
    if _has(BROUGHT, wanted):
        return BROUGHT
    place = folder / f"environment-{hashlib.sha256(wanted).hexdigest()[:32]}.tar"
    if not _has(place, wanted):
        place.unlink(missing_ok=True)
        with tempfile.TemporaryDirectory(dir=folder) as target:
            archive.installed(requirements, Path(target))
            (Path(target) / REQUIREMENTS).write_bytes(wanted)
            _put(place, archive.pack(Path(target)))
    return place


def _has(given: Path, wanted: bytes) -> bool:
    """Tell whether an archive was made of these requirements."""
    if not given.is_file():
        return False
    with tarfile.open(given) as found:
        file = found.extractfile(REQUIREMENTS) if REQUIREMENTS in found.getnames() else None
        return file is not None and file.read() == wanted


def _kept(folder: Path, kind: str, data: bytes) -> Path:
    return _put(folder / f"{kind}-{hashlib.sha256(data).hexdigest()[:32]}.tar", data)


def _put(place: Path, data: bytes) -> Path:
    """Keep an archive, and no older one of its kind."""
    if not place.exists():
        for old in place.parent.glob(f"{place.name.partition('-')[0]}-*.tar"):
            old.unlink(missing_ok=True)
        with tempfile.NamedTemporaryFile(dir=place.parent, delete=False) as file:
            file.write(data)
        Path(file.name).replace(place)
    return place
