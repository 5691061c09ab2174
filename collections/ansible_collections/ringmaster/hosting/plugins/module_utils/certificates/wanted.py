# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The wanted certificates as roles declare them, checked."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping, Sequence
from typing import Any

SOURCES = ("platform", "acme", "own", "selfsigned")
NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,127}")
RESERVED = frozenset({"versions", "wanted", "ca.pem"})
GROUP = re.compile(r"[a-z_][a-z0-9_-]{0,31}")
DNS = re.compile(r"(\*\.)?([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?\.)*[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?")
KEYS = ("name", "source", "names", "group", "reload", "keep_key")


class WantedError(ValueError):
    """A wanted certificate that cannot be; the text names it and says what is allowed."""


def normalise(wanted: Any) -> list[dict[str, Any]]:
    """Return the entries with all keys and checked values; raise WantedError for the first mistake."""
    if not isinstance(wanted, Sequence) or isinstance(wanted, str):
        raise WantedError("certificates_wanted is not a list")
    entries = [_entry(index, item) for index, item in enumerate(wanted, start=1)]
    names = [entry["name"] for entry in entries]
    for name in names:
        if names.count(name) > 1:
            raise WantedError(f"the certificate '{name}' is wanted twice")
    return entries


def _entry(index: int, item: Any) -> dict[str, Any]:
    where = f"certificate {index}"
    if not isinstance(item, Mapping):
        raise WantedError(f"{where} is not a map with {', '.join(KEYS)}")
    name = str(item.get("name", ""))
    unknown = sorted(set(item) - set(KEYS))
    if unknown:
        raise WantedError(f"{where} ('{name}') has the unknown key '{unknown[0]}'; allowed: {', '.join(KEYS)}")
    if not NAME.fullmatch(name) or name in RESERVED:
        raise WantedError(
            f"{where}: the name '{name}' must be lower-case letters, digits, '.', '_' and '-',"
            f" and not {', '.join(sorted(RESERVED))}"
        )
    where = f"the certificate '{name}'"
    source = str(item.get("source") or "platform")
    if source not in SOURCES:
        raise WantedError(f"{where} has the source '{source}'; allowed: {', '.join(SOURCES)}")
    group = str(item.get("group") or "root")
    if not GROUP.fullmatch(group):
        raise WantedError(f"{where}: '{group}' cannot be a group")
    return {
        "name": name,
        "source": source,
        "names": _names(where, source, item.get("names")),
        "group": group,
        "reload": [_reload(where, one) for one in item.get("reload") or []],
        "keep_key": bool(item.get("keep_key")),
    }


def _names(where: str, source: str, names: Any) -> list[str]:
    if not isinstance(names, Sequence) or isinstance(names, str) or not names:
        raise WantedError(f"{where} needs 'names', a list of DNS names and addresses")
    result: list[str] = []
    for name in map(str, names):
        try:
            text = str(ipaddress.ip_address(name))
            is_address = True
        except ValueError:
            text, is_address = name.lower().rstrip("."), False
            if not DNS.fullmatch(text) or len(text) > 253:
                raise WantedError(f"{where}: '{name}' is neither a DNS name nor an address") from None
        if source == "acme" and (is_address or "*" in text):
            raise WantedError(f"{where}: ACME over HTTP proves whole DNS names only, not '{name}'")
        if text not in result:
            result.append(text)
    return result


def _reload(where: str, one: Any) -> list[str]:
    """Return a reload as argv: that of a unit, or the given one."""
    if isinstance(one, str) and re.fullmatch(r"[A-Za-z0-9@._:-]+\.(service|target)", one):
        return ["unit", str(one)]
    if isinstance(one, Sequence) and not isinstance(one, str) and one and str(one[0]).startswith("/"):
        return ["command", *map(str, one)]
    raise WantedError(
        f"{where}: 'reload' takes units such as nginx.service or [/absolute/program, argument], not {one!r}"
    )
