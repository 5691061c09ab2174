# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where certificates lie, and how one takes the place of another.

``/etc/ringmaster/certificates/<name>`` is a link to a folder with ``fullchain.pem`` and ``privkey.pem``. Renaming a
link exchanges both at once: no daemon ever reads a key with another's certificate.
"""

from __future__ import annotations

import grp
import hashlib
import json
import os
import secrets
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ringmaster.certificates import openssl
from ringmaster.certificates.openssl import Facts, Failure
from ringmaster.core import files

FILES = ("fullchain.pem", "privkey.pem")


@dataclass(frozen=True)
class Store:
    """The certificates of a machine."""

    home: Path = Path("/etc/ringmaster/certificates")
    trusted: Path = Path("/usr/local/share/ca-certificates/ringmaster.crt")
    acme: Path = Path("/var/lib/ringmaster/acme")

    def folder(self, name: str) -> Path:
        """Return the folder of all versions of a certificate."""
        return self.home / "versions" / name

    def wanted(self) -> Iterator[dict[str, Any]]:
        """Yield the entries of all certificates wanted so far."""
        for path in sorted((self.home / "wanted").glob("*.json")):
            yield json.loads(path.read_text())

    def remember(self, entry: dict[str, Any]) -> bool:
        """Write down what is wanted; return whether that is new."""
        text = json.dumps(entry, indent=1) + "\n"
        path = self.home / "wanted" / f"{entry['name']}.json"
        if path.exists() and path.read_text() == text:
            return False
        write(path, text, 0o644)
        return True

    def current(self, name: str) -> dict[str, Any] | None:
        """Return what is known of the certificate in use; None when it is missing or was changed by hand."""
        link = self.home / name
        try:
            meta: dict[str, Any] = json.loads((link / "meta.json").read_text())
            if meta["digests"] != digests(link):
                return None
        except (OSError, ValueError, KeyError):
            return None
        return meta

    def stage(self, name: str) -> Path:
        """Return a new folder for a version that is being made."""
        folder = self.folder(name)
        folder.mkdir(mode=0o755, parents=True, exist_ok=True)
        staged = folder / f"new-{secrets.token_hex(6)}"
        staged.mkdir(mode=0o755)
        return staged

    def kept_key(self, entry: dict[str, Any]) -> Path | None:
        """Return the private key that the next certificate shall have, too: TLSA records name it."""
        key = self.home / entry["name"] / "privkey.pem"
        return key if entry.get("keep_key") and key.exists() else None

    def install(self, entry: dict[str, Any], staged: Path, **known: Any) -> None:
        """Put a staged version into its place; the reload is owed until ``settle``."""
        openssl.check_pair(staged)
        found = openssl.facts(staged / "fullchain.pem")
        meta = {
            "source": entry["source"],
            "names": entry["names"],
            "not_before": found.not_before,
            "not_after": found.not_after,
            "fingerprint": found.fingerprint,
            "digests": digests(staged),
            **known,
        }
        (staged / "meta.json").write_text(json.dumps(meta, indent=1) + "\n")
        self.protect(staged, entry["group"], check=False)
        if entry["reload"]:
            write(self.folder(entry["name"]) / "owed", json.dumps(entry["reload"]), 0o600)
        link = self.home / entry["name"]
        temporary = self.home / f".{entry['name']}.{secrets.token_hex(4)}"
        temporary.symlink_to(Path("versions") / entry["name"] / staged.name)
        temporary.rename(link)

    def protect(self, folder: Path, group: str, *, check: bool) -> bool:
        """Make owner, group and mode what they should be; return whether they (would have) changed."""
        try:
            gid = grp.getgrnam(group).gr_gid
        except KeyError:
            raise Failure(f"the group '{group}' is not there: install the daemon before its certificate") from None
        wrong = False
        for name, mode, owner in (("fullchain.pem", 0o644, 0), ("privkey.pem", 0o640, gid), ("meta.json", 0o644, 0)):
            status = (folder / name).stat()
            if (status.st_uid, status.st_gid, status.st_mode & 0o7777) == (os.geteuid(), owner, mode):
                continue
            wrong = True
            if not check:
                os.chown(folder / name, os.geteuid(), owner)
                (folder / name).chmod(mode)
        return wrong

    def settle(self) -> list[str]:
        """Run the reloads that are owed, each once; forget old versions. Return what was done."""
        owed = sorted((self.home / "versions").glob("*/owed"))
        reloads = list(dict.fromkeys(tuple(argv) for path in owed for argv in json.loads(path.read_text())))
        steps = [step for argv in reloads if (step := _reload(argv))]
        for path in owed:
            path.unlink()
        return steps

    def forget_old(self, name: str) -> None:
        """Remove versions that are not in use."""
        used = (self.home / name).resolve().name
        for path in self.folder(name).iterdir():
            if path.is_dir() and path.name != used:
                shutil.rmtree(path)


def _reload(argv: tuple[str, ...]) -> str:
    kind, *words = argv
    if kind == "command":
        command = words
    else:
        shown = _run(["systemctl", "show", "--property=ActiveState", "--value", *words]).strip()
        if shown not in ("active", "reloading"):
            return ""
        command = ["systemctl", "reload-or-restart", *words]
    _run(command)
    return f"reload {' '.join(words)}"


def _run(command: list[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    if done.returncode:
        raise Failure(f"{' '.join(command)}: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout


def facts_of(meta: dict[str, Any]) -> Facts:
    """Return what is known of a certificate as facts."""
    return Facts(meta["not_before"], meta["not_after"], meta["fingerprint"])


def digests(folder: Path) -> list[str]:
    """Return what changes whenever one of the two files does."""
    return [hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in FILES]


def write(path: Path, text: str, mode: int) -> None:
    """Put a file in place, and make the folder that it needs."""
    path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    files.replace(path, text, group=None, mode=mode)
