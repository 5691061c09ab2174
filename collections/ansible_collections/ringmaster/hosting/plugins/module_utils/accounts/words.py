# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is on a machine, in our own words: a few lines for a group, an account or a file, never a secret."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass

from .database import Database, members
from .facts import FileState, HomeState
from .model import GROUPS


@dataclass(frozen=True)
class Standing:
    """All that one account has: its records, groups, keys and belongings; None is what it has not."""

    record: list[str] | None
    shadow: list[str] | None
    groups: list[str]
    keys: FileState | None
    home: HomeState | None
    lingers: bool
    has_crontab: bool
    at_jobs: tuple[str, ...]


def account(standing: Standing) -> str | None:
    """Describe an account; None when nothing of it is there."""
    lines = []
    if standing.record is not None:
        lines += [*_record(standing.record), *_shadow(standing.shadow)]
        lines.append("groups: " + (", ".join(standing.groups) or "none"))
    if standing.keys is not None:
        lines += keys(standing.keys).split("\n")
    lines += _belongings(standing)
    return "\n".join(lines) if lines else None


def _record(record: list[str]) -> list[str]:
    lines = [f"uid {record[2]}, gid {record[3]}, home {record[5]}, shell {record[6]}", f"full name: {record[4]}"]
    if record[1] != "x":
        lines.append("password field of passwd is not x")
    return lines


def _shadow(shadow: list[str] | None) -> list[str]:
    if shadow is None:
        return ["no record in shadow"]
    password = "none" if shadow[1] == "*" else ("locked" if shadow[1].startswith("!") else "set")
    expired = "expired" if shadow[7] == "1" else f"expires on day {shadow[7]}" if shadow[7] else "open"
    lines = [f"account {expired}, password {password}"]
    if shadow[3:7] + shadow[8:] != ["0", "99999", "7", "", ""] or shadow[2] in ("", "0"):
        lines.append(f"password ageing {':'.join(shadow[2:])}")
    return lines


def _belongings(standing: Standing) -> list[str]:
    lines = []
    if standing.home is not None:
        lines.append(f"home folder {standing.home.uid}:{standing.home.gid} {standing.home.mode:04o}")
    if standing.lingers:
        lines.append("starts at boot (lingers)")
    if standing.has_crontab:
        lines.append("has a crontab")
    if standing.at_jobs:
        lines.append(f"at jobs: {len(standing.at_jobs)}")
    return lines


def group(database: Database, name: str) -> str | None:
    """Describe a group; None when it is not there."""
    record, shadow = database.group.find(name), database.gshadow.find(name)
    if record is None:
        return None
    text = f"gid {record[2]}, members: {', '.join(members(record[3])) or 'none'}"
    if record[1] != "x":
        text += "\npassword field is not x"
    if shadow is None:
        return text + "\nno record in gshadow"
    if shadow[3] != record[3]:
        text += f"\nmembers in gshadow: {', '.join(members(shadow[3])) or 'none'}"
    if shadow[2]:
        text += f"\nadministrators: {shadow[2]}"
    if shadow[1] not in ("!", "*", ""):
        text += "\nwith a password"
    elif name in GROUPS and shadow[1] != "!":
        text += f"\npassword field {shadow[1]!r}"
    return text


def keys(state: FileState) -> str:
    """Describe a file of keys by their fingerprints."""
    if state.kind != "file":
        return "keys: not a file"
    lines = [f"key {_fingerprint(line)}" for line in state.text.splitlines() if line.strip()]
    if (state.uid, state.gid, state.mode) != (0, 0, 0o644):
        lines.append(f"key file {state.uid}:{state.gid} {state.mode:04o}")
    return "\n".join(lines or ["key file is empty"])


def _fingerprint(line: str) -> str:
    parts = line.split(None, 2)
    try:
        digest = hashlib.sha256(base64.b64decode(parts[1], validate=True)).digest()
    except (ValueError, IndexError):
        return line
    shown = f"{parts[0]} SHA256:{base64.b64encode(digest).decode().rstrip('=')}"
    return " ".join([shown, *parts[2:]])


def file(state: FileState | None, binary: bool) -> str | None:
    """Describe a file with its text, or the digest of what is no text; None when it is not there."""
    if state is None:
        return None
    if state.kind != "file":
        return "not a file"
    text = state.text
    if binary:
        text = "SHA256 " + hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()
    return f"owner {state.uid}:{state.gid}, mode {state.mode:04o}\n{text}"
