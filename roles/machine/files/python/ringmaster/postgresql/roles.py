# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Roles of a dump: those that are missing are made again, without any power over the server.

A dump of before they were in the manifest has them as text of pg_dumpall, in which a user's own settings stand, too.
That text is taken apart and judged, and never run.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from ringmaster.core.report import Failure
from ringmaster.postgresql import keeper
from ringmaster.postgresql.sql import literal, name

TEXT = "globals.sql"
OWN = ("pg_", "postgres", keeper.NAME)
# Settings that are lists of names, kept as PostgreSQL reads them: each with or without quotes.
LISTS = frozenset({"search_path", "temp_tablespaces", "local_preload_libraries", "session_preload_libraries"})
ELEMENT = re.compile(r'\s*(?:"((?:[^"]|"")*)"|([^",]+))\s*(?:,|$)')
SETTING = re.compile(r"[A-Za-z_][A-Za-z0-9_$]*(?:\.[A-Za-z_][A-Za-z0-9_$]*)?")
VERIFIER = re.compile(r"SCRAM-SHA-256\$\d{1,7}:[A-Za-z0-9+/=]{1,200}\$[A-Za-z0-9+/=]{1,200}:[A-Za-z0-9+/=]{1,200}")
TOKEN = re.compile(
    r"""(?P<skip>\s+|--[^\n]*|^\\[^\n]*)|(?P<escaped>[Ee]'(?:[^'\\]|''|\\.)*')|(?P<text>'(?:[^']|'')*')"""
    r"""|(?P<name>"(?:[^"]|"")*")|(?P<word>[A-Za-z0-9_$.+-]+)|(?P<sign>.)""",
    re.DOTALL | re.MULTILINE,
)


def missing(content: Mapping[str, Any], folder: Path, present: Iterable[str]) -> str:
    """Return the statements that make the roles of a dump that are missing. Those that are there stay as they are."""
    there = set(present)
    found = content if "roles" in content else parse((folder / TEXT).read_text())
    made = {role: about for role, about in found["roles"].items() if role not in there and not role.startswith(OWN)}
    lines = [_create(role, about) for role, about in sorted(made.items())]
    # Who is in a group that was there is not changed: somebody may have been taken out on purpose.
    for group, member in found["members"]:
        known = {*made, *there}
        if {group, member} <= known and {group, member} & {*made} and not group.startswith(OWN):
            lines.append(f"GRANT {name(group)} TO {name(member)};")
    for role, about in sorted(made.items()):
        lines += settings(f"ALTER ROLE {name(role)}", about.get("settings", []))
    return "\n".join(lines)


def settings(alter: str, values: Iterable[str]) -> list[str]:
    """Return statements for settings of a database or a role, ``name=value`` as the catalog has them."""
    lines = []
    for one in values:
        setting, _equals, value = one.partition("=")
        if not SETTING.fullmatch(setting):
            raise Failure(f"the dump has a setting {setting[:60]!r}, which is no name of a setting")
        quoted = ".".join(name(part) for part in setting.split("."))
        if setting.lower() in LISTS:
            parts = ", ".join(literal(part) for part in _elements(value)) or "''"
            lines.append(f"{alter} SET {quoted} TO {parts};")
        else:
            lines.append(f"{alter} SET {quoted} TO {literal(value)};")
    return lines


def _elements(value: str) -> Iterator[str]:
    for quoted, bare in ELEMENT.findall(value):
        yield quoted.replace('""', '"') if quoted else bare.strip()


def _create(role: str, about: Mapping[str, Any]) -> str:
    verifier = about.get("verifier") or ""
    if verifier and not VERIFIER.fullmatch(verifier):
        verifier = ""  # MD5 is no password any more, and anything else is none
    password = f" PASSWORD {literal(verifier)}" if verifier else ""
    options = f"{'LOGIN' if about['login'] else 'NOLOGIN'} {'INHERIT' if about.get('inherit', True) else 'NOINHERIT'}"
    mark = about.get("mark")
    comment = f"COMMENT ON ROLE {name(role)} IS {literal(mark)};" if mark else ""
    limit = int(about.get("limit", -1))
    return f"CREATE ROLE {name(role)} {options} {keeper.POWERS} CONNECTION LIMIT {limit}{password};{comment}"


def parse(text: str) -> dict[str, Any]:
    """Return roles and members of a text of pg_dumpall; what is not understood is left out."""
    roles: dict[str, dict[str, Any]] = {}
    members: list[list[str]] = []
    for statement in _statements(text):
        kinds, words = [kind for kind, _word in statement], [word for _kind, word in statement]
        head = [word.upper() for word in words[:2]] if kinds[:2] == ["word", "word"] else []
        if head == ["CREATE", "ROLE"] and len(words) == 3:
            roles[words[2]] = {"login": False}
        elif head == ["ALTER", "ROLE"] and len(words) > 3 and words[2] in roles and words[3].upper() == "WITH":
            roles[words[2]] |= _attributes(kinds[4:], words[4:])
        elif (
            [word.upper() for word in words[:3]] == ["COMMENT", "ON", "ROLE"] and len(words) == 6 and words[3] in roles
        ):
            roles[words[3]]["mark"] = words[5]
        elif kinds[:1] == ["word"] and words[0].upper() == "GRANT" and len(words) >= 4 and words[2].upper() == "TO":
            members.append([words[1], words[3]])
    return {"roles": roles, "members": members}


def _attributes(kinds: list[str], words: list[str]) -> dict[str, Any]:
    about: dict[str, Any] = {}
    for number, (kind, word) in enumerate(zip(kinds, words, strict=True)):
        upper = word.upper() if kind == "word" else ""
        if upper in ("LOGIN", "NOLOGIN"):
            about["login"] = upper == "LOGIN"
        elif upper in ("INHERIT", "NOINHERIT"):
            about["inherit"] = upper == "INHERIT"
        elif upper == "PASSWORD" and kinds[number + 1 : number + 2] == ["text"]:
            about["verifier"] = words[number + 1]
        elif upper == "LIMIT" and words[number + 1 : number + 2]:
            about["limit"] = int(words[number + 1])
    return about


def _statements(text: str) -> Iterator[list[tuple[str, str]]]:
    statement: list[tuple[str, str]] = []
    for found in TOKEN.finditer(text):
        kind, word = str(found.lastgroup), found[0]
        if kind == "skip":
            continue
        if kind == "sign" and word == ";":
            if statement:
                yield statement
            statement = []
        elif kind == "name":
            statement.append((kind, word[1:-1].replace('""', '"')))
        elif kind == "text":
            statement.append((kind, word[1:-1].replace("''", "'")))
        else:
            statement.append((kind, word))
