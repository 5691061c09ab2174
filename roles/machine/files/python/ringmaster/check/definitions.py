# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read check definitions. A file with a mistake is left out as a whole, and the mistakes are returned."""

from __future__ import annotations

import json
import os
import re
import stat
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

DEFAULT_USER = "ringmaster-check"
POWERLESS_USER = "ringmaster-drop-in"
"""Runs what a project asks for and names no account for: it owns nothing, and may log in nowhere."""
FOREIGN = frozenset({"local", "project"})
"""Components whose checks are a project's own: drop-ins, and those of the description."""
NAME = re.compile(r"[a-z][a-z0-9_-]{0,62}")
FUNCTION = re.compile(r"[a-z][a-z0-9_]*:[a-z][a-z0-9_]*")
KEYS = ("name", "component", "command", "function", "arguments", "interval", "timeout", "user")
INTERVAL_RANGE = (60, 7 * 86400)
TIMEOUT_RANGE = (1, 300)


class DefinitionError(Exception):
    """A definition that cannot be used; the text says what was found and what is allowed."""


@dataclass(frozen=True)
class Definition:
    """One check: either ``command`` (argv of any Nagios plugin) or ``function`` (``module:name``).

    A function runs in a forked child of the runner, which saves the start of an interpreter.
    ``interval`` and ``timeout`` are seconds.
    """

    component: str
    name: str
    command: tuple[str, ...] = ()
    function: str = ""
    arguments: dict[str, Any] = field(default_factory=dict)
    interval: int = 60
    timeout: int = 10
    user: str = DEFAULT_USER

    @property
    def key(self) -> str:
        """``component/name``, unique on a machine."""
        return f"{self.component}/{self.name}"

    @property
    def is_foreign(self) -> bool:
        """Whether the platform did not write what runs."""
        return self.component in FOREIGN


def load_folder(
    folder: Path, *, root_owned: bool = True, taken: frozenset[str] = frozenset()
) -> tuple[list[Definition], list[str]]:
    """Return the definitions of all ``*.json`` in ``folder`` and a sentence for each file left out.

    ``root_owned`` refuses files that somebody else than root could have written: a definition
    names the user its check runs as. ``taken`` are keys that may not be defined again.
    """
    definitions: list[Definition] = []
    problems: list[str] = []
    seen = dict.fromkeys(taken, "another place")
    try:
        paths = sorted(path for path in folder.iterdir() if path.name.endswith(".json"))
    except OSError as error:
        return [], [f"{folder} cannot be read: {error.strerror}."]
    for path in paths:
        try:
            found = parse(_read(path, root_owned))
            for definition in found:
                if definition.key in seen:
                    raise DefinitionError(f"{definition.key} is already defined in {seen[definition.key]}")
            for definition in found:
                seen[definition.key] = path.name
        except DefinitionError as error:
            problems.append(f"{path.name} is left out: {error}.")
        else:
            definitions += found
    return definitions, problems


def parse(text: str) -> list[Definition]:
    """Parse one file: a check, or a list of checks. Raise DefinitionError for the first mistake."""
    try:
        content = json.loads(text)
    except ValueError as error:
        raise DefinitionError(f"not valid JSON ({error})") from error
    items = content if isinstance(content, list) else [content]
    found = [_definition(index, item) for index, item in enumerate(items, start=1)]
    keys = [definition.key for definition in found]
    for key in keys:
        if keys.count(key) > 1:
            raise DefinitionError(f"{key} is defined twice")
    return found


def _read(path: Path, root_owned: bool) -> str:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as stream:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                raise DefinitionError("not a regular file")
            if root_owned and (status.st_uid != 0 or status.st_mode & 0o022):
                raise DefinitionError("only root may own and write it (chown root, chmod go-w)")
            return stream.read().decode()
    except (OSError, UnicodeDecodeError) as error:
        raise DefinitionError(str(getattr(error, "strerror", None) or error)) from error


def _definition(index: int, item: Any) -> Definition:
    where = f"check {index}"
    if not isinstance(item, dict):
        raise DefinitionError(f"{where} is a {type(item).__name__}, not an object")
    if isinstance(item.get("name"), str):
        where += f" ('{item['name']}')"
    unknown = sorted(set(item) - set(KEYS))
    if unknown:
        raise DefinitionError(f"{where} has the unknown key '{unknown[0]}'; allowed: {', '.join(KEYS)}")
    for key in ("name", "component"):
        if not isinstance(item.get(key), str) or not NAME.fullmatch(item[key]):
            raise DefinitionError(
                f"{where}: '{key}' must be lower-case letters, digits, '-' and '_', not {item.get(key)!r}"
            )
    user = item.get("user", DEFAULT_USER)
    if not isinstance(user, str) or not user:
        raise DefinitionError(f"{where}: 'user' must be a user's name, not {user!r}")
    return Definition(
        component=item["component"],
        name=item["name"],
        user=user,
        interval=_number(where, item, "interval", 60, INTERVAL_RANGE),
        timeout=_number(where, item, "timeout", 10, TIMEOUT_RANGE),
        **_what_to_run(where, item),
    )


def _number(where: str, item: dict[str, Any], key: str, default: int, limits: tuple[int, int]) -> int:
    value = item.get(key, default)
    low, high = limits
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise DefinitionError(f"{where}: '{key}' must be {low} to {high} seconds, not {value!r}")
    return value


def _what_to_run(where: str, item: dict[str, Any]) -> dict[str, Any]:
    if ("command" in item) == ("function" in item):
        raise DefinitionError(f"{where} needs either 'command' or 'function'")
    if "command" in item:
        command = item["command"]
        if not isinstance(command, list) or not command or not all(isinstance(word, str) for word in command):
            raise DefinitionError(f"{where}: 'command' must be a list of words, not {command!r}")
        if not command[0].startswith("/"):
            raise DefinitionError(f"{where}: 'command' must begin with an absolute path, not {command[0]!r}")
        if "arguments" in item:
            raise DefinitionError(f"{where}: 'arguments' belongs to 'function'")
        return {"command": tuple(command)}
    function, arguments = item["function"], item.get("arguments", {})
    if not isinstance(function, str) or not FUNCTION.fullmatch(function):
        raise DefinitionError(f"{where}: 'function' must look like 'module:name', not {function!r}")
    if not isinstance(arguments, dict):
        raise DefinitionError(f"{where}: 'arguments' must be an object, not {arguments!r}")
    return {"function": function, "arguments": arguments}
