# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keys that a lab makes, each once and whole: whatever ends a run, the next one goes on."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from pathlib import Path

from ansible_collections.ringmaster.hosting.plugins.module_utils.lab.run import run


def make_pair(private: Path, comment: str, fresh: Path) -> None:
    """Make an SSH key pair where there is none. ``fresh`` is its place, on the same file system, until it is whole."""
    public, fresh_public = Path(f"{private}.pub"), Path(f"{fresh}.pub")
    if private.exists() and public.exists():
        return
    for half in (fresh, fresh_public):
        half.unlink(missing_ok=True)
    run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", str(fresh)])
    # The public half last: with it the key is whole.
    public.unlink(missing_ok=True)
    fresh.rename(private)
    fresh_public.rename(public)


def make_keys(folder: Path, people: Iterable[str]) -> None:
    """Make the keys of the operator and of people, and the platform secret."""
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
    for name in ["operator", *people]:
        make_pair(folder / name, f"{name}@lab", folder / f".{name}.new")
    secret = folder / "secrets.yml"
    if not secret.exists():
        fresh = secret.with_suffix(".new")
        fresh.write_text(f"platform_secret: {secrets.token_hex(32)}\n", encoding="ascii")
        fresh.chmod(0o600)
        fresh.rename(secret)
