# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The drop-in folder /etc/local/<daemon> as an inbox: files are looked at, never used in place.

Whoever may write the folder may try everything, also to be quicker than us. So each file is opened once,
without following links and judged by its descriptor, and what was read is what is used.
"""

from __future__ import annotations

import os
import re
import stat
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from ringmaster.core.report import printable

SIZE_LIMIT = 64 * 1024
NUMBER_LIMIT = 50
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")


class Refused(Exception):
    """A file that is left out; the text says why, without showing what the file holds."""


Signature = list[list[str | int]]


@dataclass(frozen=True)
class Inbox:
    """What was found: texts that may be used, and why other files may not. By file name, sorted."""

    texts: dict[str, str] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)


def signature(folder: Path, suffix: str) -> Signature:
    """Return what changes whenever a file does: name, size and time of change of each. Reads no content."""
    try:
        with os.scandir(folder) as entries:
            found = [(entry.name, entry.stat(follow_symlinks=False)) for entry in entries]
    except FileNotFoundError:
        return []
    return sorted([name, status.st_size, status.st_ctime_ns] for name, status in found if name.endswith(suffix))


def read(folder: Path, suffix: str, judge: Callable[[str], None]) -> Inbox:
    """Read all files whose names end with ``suffix``. ``judge`` raises Refused for a text it does not accept.

    Other files (README, examples) are not looked at. A missing folder is an empty one.
    """
    return _read(folder, suffix, lambda text, _status: judge(text), of_all=True)


def read_owned(folder: Path, suffix: str, judge: Callable[[str, int], None]) -> Inbox:
    """Do the same for files that have the rights of their owners: ``judge`` is told whose a text is.

    A file that somebody else than its owner may write is refused, and each owner has the limit of files alone.
    """

    def judge_owned(text: str, status: os.stat_result) -> None:
        if status.st_mode & 0o022:
            raise Refused("others than its owner may write it (chmod go-w)")
        judge(text, status.st_uid)

    return _read(folder, suffix, judge_owned, of_all=False)


def _read(folder: Path, suffix: str, judge: Callable[[str, os.stat_result], None], *, of_all: bool) -> Inbox:
    texts: dict[str, str] = {}
    refused: dict[str, str] = {}
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        return Inbox()
    try:
        everything = os.listdir(descriptor)  # noqa: PTH208 (by descriptor: the folder cannot be exchanged)
        names = sorted(name for name in everything if name.endswith(suffix))
        numbers: Counter[int] = Counter()
        for name in names:
            try:
                owner = -1 if of_all else _owner(descriptor, name)
                numbers[owner] += 1
                if numbers[owner] > NUMBER_LIMIT:
                    raise Refused(f"there are more than {NUMBER_LIMIT} files")
                if not NAME.fullmatch(name.removesuffix(suffix)):
                    raise Refused("the name must be letters, digits, '-' and '_'")
                text, status = _read_file(descriptor, name)
                judge(text, status)
            except Refused as reason:
                refused[printable(name)] = str(reason)
            else:
                texts[name] = text
    finally:
        os.close(descriptor)
    return Inbox(texts, refused)


def _owner(folder: int, name: str) -> int:
    try:
        return os.stat(name, dir_fd=folder, follow_symlinks=False).st_uid
    except OSError as error:
        raise Refused("it cannot be looked at") from error


def _read_file(folder: int, name: str) -> tuple[str, os.stat_result]:
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
    try:
        descriptor = os.open(name, flags, dir_fd=folder)
    except OSError as error:
        raise Refused("it is a link or cannot be opened") from error
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise Refused("it is not a regular file")
        if status.st_nlink != 1:
            raise Refused("it has a second name (hard link)")
        with os.fdopen(descriptor, "rb", closefd=False) as stream:
            content = stream.read(SIZE_LIMIT + 1)
    finally:
        os.close(descriptor)
    if len(content) > SIZE_LIMIT:
        raise Refused(f"it is larger than {SIZE_LIMIT // 1024} KiB")
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        raise Refused("it is not UTF-8 text") from error
    if any(ord(sign) < 32 and sign not in "\t\n\r" for sign in text):
        raise Refused("it has control characters")
    return text.replace("\r\n", "\n"), status


def directives(text: str) -> Iterator[tuple[int, str, str]]:
    """Yield line number, lower-case first word and the rest, without empty lines and comments (``#``)."""
    for number, line in enumerate(text.split("\n"), start=1):
        words = line.split(maxsplit=1)
        if words and not words[0].startswith("#"):
            yield number, words[0].lower(), words[1].strip() if len(words) > 1 else ""


def only_allowed(text: str, allowed: frozenset[str]) -> None:
    """Raise Refused for the first directive that is not on the allow-list."""
    for number, word, _rest in directives(text):
        if word not in allowed:
            raise Refused(f"line {number}: the directive '{printable(word)[:40]}' is not allowed here")
