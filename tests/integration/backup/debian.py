# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""restic and its REST server as machines have them: Debian's programs, unpacked beside the lab's caches."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from ansible_collections.ringmaster.hosting.plugins.module_utils.image import apt_sources

ROOT = Path(__file__).resolve().parents[3]
CACHE = ROOT / ".lab/cache/restic"
SUITE = "trixie"
PACKAGES = ("restic", "restic-rest-server")


def programs() -> Path:
    """Return the folder of the programs; fetch the packages where they are missing."""
    found = CACHE / "usr/bin"
    if not all((found / name).exists() for name in PACKAGES):
        lists = CACHE / "lists/partial"
        lists.mkdir(parents=True, exist_ok=True)
        source = CACHE / "debian.sources"
        source.write_text(apt_sources.render(apt_sources.for_release(apt_sources.read_host(), SUITE)))
        options = [
            *("-o", f"Dir::Etc::sourcelist={source}", "-o", "Dir::Etc::sourceparts=/dev/null"),
            *("-o", f"Dir::State::lists={lists.parent}", "-o", "APT::Sandbox::User=root"),
            *("-o", f"Dir::Cache::pkgcache={CACHE}/pkgcache.bin", "-o", f"Dir::Cache::srcpkgcache={CACHE}/src.bin"),
        ]
        options += ["-o", "Acquire::http::Timeout=30"]
        for words in (["update", "-qq"], ["download", "-qq", *PACKAGES]):
            subprocess.run(["apt-get", *options, *words], check=True, cwd=CACHE, env=os.environ | {"LC_ALL": "C"})
        for package in CACHE.glob("*.deb"):
            subprocess.run(["dpkg-deb", "--extract", package, CACHE], check=True)
    return found
