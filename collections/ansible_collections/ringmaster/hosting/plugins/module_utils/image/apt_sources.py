# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Debian's package sources of this machine, translated to another release.

Read from ``/etc/apt`` in both formats (deb822 ``.sources`` and one-line ``.list``). Only Debian's own
archives are kept: a third-party repository has no business in an image.
"""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit

from ansible_collections.ringmaster.hosting.plugins.module_utils.image.errors import ImageError

CODENAMES = ("buster", "bullseye", "bookworm", "trixie", "forky", "duke", "sid")
ALIASES = ("oldoldstable", "oldstable", "stable", "testing", "unstable")
AREAS = {"main", "contrib", "non-free", "non-free-firmware"}
KEPT_POCKETS = ("", "-updates", "-security")
ARCHIVE_KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"

_SUITE = re.compile(r"(?P<name>[a-z]+)(?P<pocket>-[a-z-]+|/updates)?/?")
_ONE_LINE = re.compile(r"deb\s+(?:\[(?P<options>[^\]]*)\]\s+)?(?P<uri>\S+)\s+(?P<suite>\S+)\s*(?P<components>.*)")
_HOST_OPTIONS = re.compile(r"Acquire::(?:https?::.+|Check-Valid-Until|Check-Date|Retries|ForceIPv[46])", re.IGNORECASE)
_PROXY = re.compile(r'Acquire::https?::Proxy.*"(.+)";')
_BUILD_ONLY = re.compile(r"::Proxy(-Auto-Detect|AutoDetect)?(::|$)|^Dir::", re.IGNORECASE)


@dataclass(frozen=True)
class Source:
    """One entry of apt's sources: every URI offers every suite with every component."""

    uris: tuple[str, ...]
    suites: tuple[str, ...]
    components: tuple[str, ...]
    signed_by: str = ""

    def deb822(self) -> str:
        """Return the stanza in deb822 format."""
        lines = [
            "Types: deb",
            f"URIs: {' '.join(self.uris)}",
            f"Suites: {' '.join(self.suites)}",
            f"Components: {' '.join(self.components)}",
        ]
        if self.signed_by:
            lines.append(f"Signed-By: {self.signed_by}")
        return "\n".join(lines) + "\n"


def parse_deb822(text: str) -> list[Source]:
    """Return the enabled binary sources of a ``.sources`` file. A multi-line value keeps its line breaks."""
    sources = []
    for stanza in re.split(r"\n[ \t]*\n", text):
        fields: dict[str, str] = {}
        name = ""
        for line in stanza.splitlines():
            if line.startswith("#"):
                continue
            if line[:1] in {" ", "\t"} and name:
                fields[name] += "\n" + line.rstrip()
            elif ":" in line:
                name, value = line.split(":", 1)
                name = name.strip().lower()
                fields[name] = value.strip()
        if "deb" not in fields.get("types", "").split() or fields.get("enabled", "yes").lower() in {
            "no",
            "false",
        }:
            continue
        sources.append(
            Source(
                uris=tuple(fields.get("uris", "").split()),
                suites=tuple(fields.get("suites", "").split()),
                components=tuple(fields.get("components", "").split()),
                signed_by=fields.get("signed-by", ""),
            )
        )
    return sources


def parse_one_line(text: str) -> list[Source]:
    """Return the binary sources of a ``sources.list`` file."""
    sources = []
    for line in text.splitlines():
        match = _ONE_LINE.fullmatch(line.split("#", 1)[0].strip())
        if not match:
            continue
        options = dict(item.split("=", 1) for item in (match["options"] or "").split() if "=" in item)
        sources.append(
            Source(
                uris=(match["uri"],),
                suites=(match["suite"],),
                components=tuple(match["components"].split()),
                signed_by=options.get("signed-by", "").replace(",", " "),
            )
        )
    return sources


def parse(text: str) -> list[Source]:
    """Return the sources of a text in either format."""
    return parse_deb822(text) if re.search(r"^Types:", text, re.MULTILINE | re.IGNORECASE) else parse_one_line(text)


def read_host(etc_apt: Path = Path("/etc/apt")) -> list[Source]:
    """Return all enabled binary sources of this machine in apt's own order."""
    files = [etc_apt / "sources.list", *sorted((etc_apt / "sources.list.d").glob("*"))]
    found = []
    for file in files:
        if file.suffix in {".list", ".sources"} and file.is_file():
            text = file.read_text(encoding="utf-8")
            found += parse_deb822(text) if file.suffix == ".sources" else parse_one_line(text)
    return found


def origin(uri: str, suite: str, lists: Path = Path("/var/lib/apt/lists")) -> str:
    """Return the ``Origin`` that the repository itself states, or "" where apt has not read it yet."""
    stem = re.sub(r"^[a-z+]+:/*", "", uri).strip("/").replace("/", "_")
    for name in ("InRelease", "Release"):
        file = lists / f"{stem}_dists_{suite.strip('/').replace('/', '_')}_{name}"
        if file.is_file():
            match = re.search(r"^Origin: *(.+)$", file.read_text(encoding="utf-8", errors="replace"), re.MULTILINE)
            return match[1].strip() if match else ""
    return ""


def is_debian(uri: str, suite: str, source: Source, lists: Path = Path("/var/lib/apt/lists")) -> bool:
    """Tell whether this is an archive of Debian itself (or a mirror of one)."""
    match = _SUITE.fullmatch(suite)
    if not match or match["name"] not in CODENAMES + ALIASES or "main" not in source.components:
        return False
    stated = origin(uri, suite, lists)
    if stated:
        return stated == "Debian"
    keyring = source.signed_by.split("/")[-1]
    return not source.signed_by or keyring.startswith("debian-archive-")


def translate_suite(suite: str, release: str) -> str:
    """Return the suite for ``release``, or "" for a pocket that no image uses (backports, proposed)."""
    match = _SUITE.fullmatch(suite)
    pocket = (match["pocket"] or "") if match else "-other"
    pocket = "-security" if pocket == "/updates" else pocket
    return release + pocket if pocket in KEPT_POCKETS else ""


def for_release(sources: list[Source], release: str, lists: Path = Path("/var/lib/apt/lists")) -> list[Source]:
    """Return Debian's own sources among ``sources``, for ``release``, each archive once.

    Raises ImageError where none is left.
    """
    found: list[Source] = []
    for source in sources:
        uris = tuple(u for u in source.uris if not u.startswith(("cdrom:", "file:", "copy:")))
        for uri in uris:
            kept = [s for s in source.suites if is_debian(uri, s, source, lists)]
            suites = tuple(dict.fromkeys(t for t in (translate_suite(s, release) for s in kept) if t))
            components = tuple(c for c in source.components if c in AREAS)
            if not suites:
                continue
            entry = Source((uri,), suites, components, source.signed_by or ARCHIVE_KEYRING)
            twin = next((i for i, f in enumerate(found) if replace(f, suites=suites) == entry), None)
            if twin is None:
                found.append(entry)
            else:
                merged = tuple(dict.fromkeys(found[twin].suites + suites))
                found[twin] = replace(entry, suites=merged)
    if not any(release in s.suites for s in found):
        raise ImageError(
            f"No package source of Debian for the release {release}: apt's sources of this machine name no "
            "Debian archive with the component main. Add one under /etc/apt/sources.list.d, "
            "or give the sources explicitly."
        )
    return found


def render(sources: list[Source]) -> str:
    """Return the sources as one deb822 file."""
    return "\n".join(source.deb822() for source in sources)


def keyrings(sources: list[Source]) -> list[str]:
    """Return the key files that the sources name."""
    words = (word for source in sources for word in source.signed_by.split())
    return list(dict.fromkeys(word for word in words if word.startswith("/")))


def host_options() -> list[str]:
    """Return this machine's apt settings that downloads need (proxy, retries, date checks), a line each."""
    dump = subprocess.run(["apt-config", "dump"], check=True, capture_output=True, text=True).stdout
    found = []
    for line in dump.splitlines():
        name, _space, value = line.rstrip(";").partition(" ")
        if value not in {"", '""'} and _HOST_OPTIONS.fullmatch(name):
            found.append(f"{name} {value};")
    netrc = [p for p in (Path("/etc/apt/auth.conf"), *Path("/etc/apt/auth.conf.d").glob("*.conf")) if p.is_file()]
    if netrc:
        found += ['Dir::Etc::netrc "/etc/apt/auth.conf";', 'Dir::Etc::netrcparts "/etc/apt/auth.conf.d";']
    return found


def lasting_options(options: list[str]) -> list[str]:
    """Return those options that the sources need inside the tree too: no proxy, nothing of this machine."""
    return [option for option in options if not _BUILD_ONLY.search(option.split(" ", 1)[0])]


def hosts() -> list[str]:
    """Return the hosts that this machine fetches packages from: those of proxies, where there are any."""
    proxies = [match[1] for line in host_options() if (match := _PROXY.match(line))]
    uris = proxies or [uri for source in read_host() for uri in source.uris]
    return sorted({host for uri in uris if (host := urlsplit(uri).hostname)})
