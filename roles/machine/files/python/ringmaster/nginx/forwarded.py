# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What applications are told about visitors, in drop-ins as well.

nginx inherits ``proxy_set_header`` only where a block has none of its own: a drop-in that sets one header would let
through all that visitors say about themselves. So each such block gets ours, except for those that it sets itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from ringmaster.nginx.syntax import Directive, parse

FILES = {"proxy_set_header": "forwarded.conf", "fastcgi_param": "forwarded-fastcgi.conf"}
"""What we set, by the directive that sets it."""

# Debian's snippets. The first lets visitors say where they come from, so that ours stands for it.
PROXY_PARAMS = "/etc/nginx/proxy_params"
FASTCGI_PARAMS = "/etc/nginx/fastcgi_params"

# A block with buffers of its own has nginx's own size for headers, too: one page. Ours would not fit with small ones.
HEADER_BUFFERS = {"proxy_buffers": "proxy_buffer_size", "fastcgi_buffers": "fastcgi_buffer_size"}

Ours = Mapping[str, list[Directive]]


def read(home: Path) -> dict[str, list[Directive]]:
    """Return what role nginx wrote, by the directive's name."""
    return {
        name: [one for one in parse((home / file).read_text()) if one.name == name]
        for name, file in FILES.items()
        if (home / file).exists()
    }


def completed(body: Iterable[Directive], ours: Ours) -> list[Directive]:
    """Return what a block holds, and what it needs of ours because it sets some itself."""
    found = []
    asked = set()
    for one in body:
        if one.name == "include" and one.words == [PROXY_PARAMS]:
            asked.add("proxy_set_header")
            continue
        if one.name == "include" and one.words == [FASTCGI_PARAMS]:
            asked.add("fastcgi_param")
        inner = one.block if one.name != "types" else None
        found.append(one if inner is None else Directive(one.name, one.words, one.line, completed(inner, ours)))
    asked |= {one.name for one in found} & FILES.keys()
    added = []
    for name in sorted(asked):
        own = {one.words[0].lower() for one in found if one.name == name and one.words}
        added += [one for one in ours.get(name, ()) if one.words[0].lower() not in own]
    names = {one.name for one in found}
    for buffers, size in HEADER_BUFFERS.items():
        if buffers in names and size not in names:
            added.append(Directive(size, ["4k"], 0))
    return [*added, *found]
