# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Show a plan in our own words: a paragraph before and after for each thing that changes, never a secret."""

from __future__ import annotations

import base64
import hashlib

from .database import Database, members
from .facts import Current, FileState
from .model import GROUPS, Roster
from .work import Change, Plan


def changes(
    plan: Plan, current: Current, databases: tuple[Database, Database], roster: Roster, purged: set[str]
) -> list[Change]:
    """Return what differs, ordered by kind and name."""
    found: list[Change] = []
    before, after = databases

    def add(subject: str, old: str | None, new: str | None) -> None:
        if old != new:
            found.append(Change(subject, old, new))

    if plan.applied_text is not None:
        old = f"generation {current.applied.generation}" if current.applied.roster else None
        new = f"generation {roster.generation}"
        found.append(Change("roster", old, new if new != old else f"{new}, other content"))
    for name in GROUPS:
        add(f"group {name}", _group(before, name), _group(after, name))
    for record in before.group:
        if record[0] not in GROUPS:
            add(f"group {record[0]}", _group(before, record[0]), _group(after, record[0]))
    groups_before, groups_after = _memberships(before), _memberships(after)
    homes = {each.path: each for each in plan.homes}
    for account in sorted(plan.accounts.values(), key=lambda each: each.name):
        name, home = account.name, account.home
        state = current.homes.get(home)
        home_before = f"{state.uid}:{state.gid} {state.mode:04o}" if state else "missing"
        home_after = home_before
        if home in homes:
            work = homes[home]
            mode = work.mode if work.mode is not None else (state.mode if state else 0)
            home_after = f"{work.uid}:{work.gid} {mode:04o}"
        if home in plan.purge_homes:
            home_after = "missing"
        lingers = name in current.lingering
        will_linger = (lingers or name in plan.linger_on) and name not in plan.linger_off
        jobs = current.at_jobs.get(account.uid, ())
        kept_jobs = [job for job in jobs if job not in plan.at_jobs]
        running = current.processes.get(account.uid, 0)
        key = current.keys.get(name)
        new_key = FileState(plan.keys[name] or "") if name in plan.keys else key
        if name in plan.keys and plan.keys[name] is None:
            new_key = None
        was = (
            before.passwd.find(name),
            before.shadow.find(name),
            groups_before.get(name, []),
            key,
            _belongings(home_before, lingers, name in current.crontabs, len(jobs)),
        )
        will_be = (
            after.passwd.find(name),
            after.shadow.find(name),
            groups_after.get(name, []),
            new_key,
            _belongings(
                home_after,
                will_linger,
                name in current.crontabs and name not in plan.crontabs,
                len(kept_jobs),
            ),
        )
        # Words are made only for those that differ, which of thousands are few.
        if name in purged or was != will_be:
            kind = "service user" if account.service else "person"
            add(f"{kind} {name}", _account(*was), None if name in purged else _account(*will_be))
        if running and (not account.active or account in plan.departures):
            add(f"processes of {name}", f"{running} running", None)
    for account in plan.departures:
        if account.name not in plan.accounts:
            add(f"processes of {account.name}", f"{current.processes.get(account.uid, 0)} running", None)
    for name, text in sorted(plan.keys.items()):
        if name not in plan.accounts:
            add(f"keys of {name}", _keys(current.keys.get(name)), _keys(FileState(text)) if text else None)
    for wanted in plan.files:
        add(
            f"file {wanted.path}",
            _file(current.files.get(wanted.path), wanted.binary),
            None if wanted.text is None else _file(FileState(wanted.text, mode=wanted.mode), wanted.binary),
        )
    if not found:
        # What has no words of its own (a missing newline at the end, say) is still never changed silently.
        for name in plan.database:
            found.append(Change(f"file /etc/{name}", "as it was", "rewritten"))
    return found


def as_diff(found: list[Change]) -> dict[str, str]:
    """Join the changes to the before and after texts that Ansible compares."""
    return {
        "before_header": "accounts",
        "after_header": "accounts",
        "before": "".join(_paragraph(each.subject, each.before) for each in found),
        "after": "".join(_paragraph(each.subject, each.after) for each in found),
    }


def sentence(change: Change) -> str:
    """Say in one line what happens to a subject."""
    if change.before is None:
        return f"{change.subject}: added"
    return f"{change.subject}: {'gone' if change.after is None else 'changed'}"


def _paragraph(subject: str, text: str | None) -> str:
    if text is None:
        return ""
    return f"{subject}\n" + "".join(f"    {line}\n" for line in text.rstrip("\n").split("\n"))


def _group(database: Database, name: str) -> str | None:
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


def _account(
    record: list[str] | None,
    shadow: list[str] | None,
    groups: list[str],
    keys: FileState | None,
    belongings: list[str],
) -> str | None:
    lines = []
    if record is not None:
        lines.append(f"uid {record[2]}, gid {record[3]}, home {record[5]}, shell {record[6]}")
        lines.append(f"full name: {record[4]}")
        if record[1] != "x":
            lines.append("password field of passwd is not x")
        if shadow is None:
            lines.append("no record in shadow")
        else:
            password = "none" if shadow[1] == "*" else ("locked" if shadow[1].startswith("!") else "set")
            expired = "expired" if shadow[7] == "1" else f"expires on day {shadow[7]}" if shadow[7] else "open"
            lines.append(f"account {expired}, password {password}")
            if shadow[3:7] + shadow[8:] != ["0", "99999", "7", "", ""] or shadow[2] in ("", "0"):
                lines.append(f"password ageing {':'.join(shadow[2:])}")
        lines.append("groups: " + (", ".join(groups) or "none"))
    if keys is not None:
        lines.extend(_keys(keys).split("\n"))
    lines.extend(belongings)
    return "\n".join(lines) if lines else None


def _belongings(home: str, lingers: bool, crontab: bool, at_jobs: int) -> list[str]:
    lines = [] if home == "missing" else [f"home folder {home}"]
    if lingers:
        lines.append("starts at boot (lingers)")
    if crontab:
        lines.append("has a crontab")
    if at_jobs:
        lines.append(f"at jobs: {at_jobs}")
    return lines


def _memberships(database: Database) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for record in database.group:
        for name in members(record[3]):
            found.setdefault(name, []).append(record[0])
    return found


def _keys(state: FileState | None) -> str:
    if state is None:
        return ""
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


def _file(state: FileState | None, binary: bool) -> str | None:
    if state is None:
        return None
    if state.kind != "file":
        return "not a file"
    text = state.text
    if binary:
        text = "SHA256 " + hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()
    return f"owner {state.uid}:{state.gid}, mode {state.mode:04o}\n{text}"
