# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is wrong with a component's options: where below the component, and what to write instead."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

Path = tuple["str | int", ...]


@dataclass(frozen=True)
class Fault:
    """A faulty option: where below the component, and what is wrong with it."""

    path: Path
    message: str
    found: str = ""
    allowed: str = ""
    hint: str = ""
    is_key: bool = False


@dataclass(frozen=True)
class Surroundings:
    """What options of a component may name beside themselves, as far as a description says it.

    ``vms`` are the project's VMs with their components, and the options of those where they are known; ``vm`` is the
    component's own, ``hostname`` its name on the frontend network. ``managed_settings`` are those of the component's
    server that the platform decides. ``has_mail_out`` says whether the platform has the service ``mail``.
    """

    vm: str
    vms: Mapping[str, Collection[str]]
    hostname: str = ""
    managed_settings: frozenset[str] = frozenset()
    has_mail_out: bool = False


def entries(options: Mapping[str, Any], name: str) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """Yield the items of a list of maps that are maps, with their places: what is none was noted already."""
    found = options.get(name)
    for index, one in enumerate(found if isinstance(found, list) else ()):
        if isinstance(one, Mapping):
            yield index, one


def given(options: Mapping[str, Any], name: str, default: Any) -> Any:
    """Return an option, or the default when it is not given: 0, false and the empty text are given."""
    value = options.get(name)
    return default if value is None else value


def tried(path: Path, error: type[Exception], check: Callable[..., object], *values: object) -> Iterator[Fault]:
    """Yield what a check of some values raises, at the place below ``path`` that the error names as its ``path``."""
    try:
        check(*values)
    except error as found:
        yield Fault((*path, *getattr(found, "path", ())), str(found).removeprefix("this VM: "))


def twice(places: Iterable[tuple[Path, str]], what: str) -> Iterator[Fault]:
    """Yield every name that stands more than once, whatever else is said of it, at its later places."""
    seen: dict[str, Path] = {}
    for path, name in places:
        first = seen.setdefault(name, path)
        if first != path:
            there = ".".join(map(str, first))
            yield Fault(path, f"{what} '{name}' is declared twice", f"the first one is {there}", "each once")
