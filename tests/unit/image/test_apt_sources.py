# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.ringmaster.hosting.plugins.module_utils.image import apt_sources
from ansible_collections.ringmaster.hosting.plugins.module_utils.image.apt_sources import Source
from ansible_collections.ringmaster.hosting.plugins.module_utils.image.errors import ImageError
from hypothesis import given
from hypothesis import strategies as st

KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
MIRROR, SECURITY = "http://mirror.example/debian", "http://mirror.example/debian-security"
DEB822 = f"""\
# a comment
Types: deb deb-src
URIs: {MIRROR}
Suites: bookworm bookworm-updates bookworm-backports
Components: main non-free-firmware
Signed-By: {KEYRING}

Types: deb
URIs: {SECURITY}
Suites: bookworm-security
Components: main

Types: deb
Enabled: no
URIs: {MIRROR}-off
Suites: bookworm
Components: main

Types: deb-src
URIs: {MIRROR}-src
Suites: bookworm
Components: main
"""
ONE_LINE = f"""\
# deb {MIRROR}-off bookworm main
deb [arch=amd64 signed-by={KEYRING}] {MIRROR} bookworm main  # with a comment
deb-src {MIRROR} bookworm main
deb {MIRROR} bookworm-updates main
deb {SECURITY} bookworm-security main
deb cdrom:[Debian 12]/ bookworm main
"""


@pytest.fixture
def lists(tmp_path: Path) -> Path:
    return tmp_path


def suites(sources: list[Source]) -> dict[str, tuple[str, ...]]:
    return {uri: source.suites for source in sources for uri in source.uris}


@pytest.mark.parametrize("text", [DEB822, ONE_LINE], ids=["deb822", "one-line"])
@pytest.mark.parametrize("release", ["trixie", "forky"])
def test_both_formats_give_the_archives_of_the_release(text: str, release: str, lists: Path) -> None:
    found = apt_sources.for_release(apt_sources.parse(text), release, lists)
    assert suites(found) == {MIRROR: (release, f"{release}-updates"), SECURITY: (f"{release}-security",)}
    assert {source.signed_by for source in found} == {KEYRING}


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("deb http://other.example/linux/debian bookworm stable", "not a component of Debian"),
        ("deb http://other.example/apt bookworm-pgdg main", "not a pocket of Debian"),
        ("deb http://other.example/node_20.x nodistro main", "not a suite of Debian"),
        ("deb http://other.example/mongo bookworm/mongodb-org/7.0 main", "not a suite of Debian"),
        (
            "deb [signed-by=/etc/apt/keyrings/other.gpg] http://other.example/apt bookworm main",
            "a key of its own",
        ),
        (
            "deb [signed-by=/etc/apt/keyrings/other.gpg] http://other.example/apt stable main",
            "a key of its own",
        ),
    ],
)
def test_third_party_repositories_are_left_out(line: str, reason: str, lists: Path) -> None:
    found = apt_sources.for_release(apt_sources.parse(f"{ONE_LINE}{line}\n"), "trixie", lists)
    assert set(suites(found)) == {MIRROR, SECURITY}, reason


@pytest.mark.parametrize(("stated", "kept"), [("Debian", True), ("Somebody", False)])
def test_what_the_repository_says_of_itself_outweighs_its_key(stated: str, kept: bool, lists: Path) -> None:
    (lists / "own.example_debian_dists_bookworm_InRelease").write_text(f"Hash: SHA512\nOrigin: {stated}\n")
    text = f"{ONE_LINE}deb [signed-by=/etc/apt/keyrings/own.gpg] https://own.example/debian/ bookworm main\n"
    found = apt_sources.for_release(apt_sources.parse(text), "trixie", lists)
    assert ("https://own.example/debian/" in suites(found)) is kept


@pytest.mark.parametrize(
    ("suite", "expected"),
    [
        ("bookworm", "trixie"),
        ("stable", "trixie"),
        ("bookworm-updates", "trixie-updates"),
        ("bookworm-security", "trixie-security"),
        ("buster/updates", "trixie-security"),
        ("bookworm-backports", ""),
        ("bookworm-proposed-updates", ""),
    ],
)
def test_suites_are_translated(suite: str, expected: str) -> None:
    assert apt_sources.translate_suite(suite, "trixie") == expected


@pytest.mark.parametrize("text", ["", f"deb {SECURITY} bookworm-security main\n", "deb http://x.example/ ./\n"])
def test_no_archive_is_said_with_the_remedy(text: str, lists: Path) -> None:
    with pytest.raises(ImageError, match=r"No package source of Debian for the release trixie.*sources\.list\.d"):
        apt_sources.for_release(apt_sources.parse(text), "trixie", lists)


def test_the_files_of_a_host_are_read_in_order(tmp_path: Path) -> None:
    parts = tmp_path / "sources.list.d"
    parts.mkdir()
    (tmp_path / "sources.list").write_text(f"deb {MIRROR} bookworm main\n")
    (parts / "b.sources").write_text(DEB822)
    (parts / "c.list.disabled").write_text("deb http://disabled.example bookworm main\n")
    assert [source.uris[0] for source in apt_sources.read_host(tmp_path)] == [MIRROR, MIRROR, SECURITY]


def test_a_key_inside_the_file_survives() -> None:
    key = "\n -----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n abcd\n -----END PGP PUBLIC KEY BLOCK-----"
    (source,) = apt_sources.parse(f"Types: deb\nURIs: {MIRROR}\nSuites: bookworm\nComponents: main\nSigned-By:{key}\n")
    assert apt_sources.parse(source.deb822()) == [source]
    assert source.signed_by.count("\n") == 4


def test_proxies_stay_on_the_build_machine() -> None:
    options = [
        'Acquire::http::Proxy "http://cache.example:3142";',
        'Acquire::https::Proxy-Auto-Detect "/x";',
        'Acquire::Check-Valid-Until "false";',
        'Dir::Etc::netrc "/etc/apt/auth.conf";',
    ]
    assert apt_sources.lasting_options(options) == ['Acquire::Check-Valid-Until "false";']


names = st.from_regex(r"[a-z][a-z0-9]{0,8}", fullmatch=True)


@given(
    st.lists(names, min_size=1, max_size=3),
    st.lists(names, min_size=1, max_size=3),
    st.lists(names, max_size=3),
)
def test_what_is_rendered_is_read_again(hosts: list[str], suites: list[str], components: list[str]) -> None:
    source = Source(tuple(f"http://{host}.example/debian" for host in hosts), tuple(suites), tuple(components), KEYRING)
    assert apt_sources.parse(apt_sources.render([source, source])) == [source, source]


@given(st.text(max_size=300))
def test_no_text_makes_the_parsers_fail(text: str) -> None:
    apt_sources.parse_deb822(text)
    apt_sources.parse_one_line(text)


def test_key_files_are_named_once_and_keys_inside_are_not_files() -> None:
    text = ONE_LINE + "deb [signed-by=/etc/apt/keyrings/a.gpg,/etc/apt/keyrings/b.gpg] http://x.example y main\n"
    text += "deb [signed-by=ABCDEF0123456789ABCDEF0123456789ABCDEF01] http://x.example y main\n"
    assert apt_sources.keyrings(apt_sources.parse(text)) == [
        KEYRING,
        "/etc/apt/keyrings/a.gpg",
        "/etc/apt/keyrings/b.gpg",
    ]
