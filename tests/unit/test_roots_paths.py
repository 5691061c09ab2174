# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The machine's program works by path below folders of root's only; elsewhere by ``ringmaster.core.below``."""

from __future__ import annotations

import functools
import posixpath
from pathlib import Path

import pytest
from places import UNKNOWN, Package, Use

PROGRAM = Path(__file__).parents[2] / "roles/machine/files/python/ringmaster"

# Who may write in a folder, and so exchange what lies in it. The longest one that fits counts; a folder that is not
# named here belongs to nobody, and nothing may work in it by path.
OWNERS = {
    "/boot": "root",
    "/dev": "root",
    "/etc": "root",
    "/etc/local/*": "the project",
    "/home": "root",
    "/home/*": "people",
    "/proc": "root",
    "/run": "root",
    "/srv": "root",
    "/srv/*": "service users",
    "/srv/backups/*": "restic-rest-server",
    "/sys": "root",
    "/tmp/private": "root",
    "/usr": "root",
    "/var": "root",
    "/var/backups": "root",
    "/var/cache": "root",
    "/var/lib": "root",
    "/var/lib/bind": "bind",
    "/var/lib/clamav": "clamav",
    "/var/lib/dbconfig-common/sqlite3/roundcube": "www-data",
    "/var/lib/mysql": "mysql",
    "/var/lib/postgresql": "postgres",
    "/var/lib/redis": "redis",
    "/var/lib/ringmaster-mail-redis": "_rspamd",
    "/var/log": "root",
    "/var/log/mysql": "mysql",
    "/var/spool/postfix": "postfix",
    "/var/vmail": "vmail",
}
# What root says on the command line, and other paths that no constant stands behind.
DUMP = "/var/backups/ringmaster/*"
GIVEN = {
    "backup_server.repositories:folder": "/srv/backups",
    "backup_server.repositories:self.path": "/srv/backups/*",
    "check.main:options.definitions": "/usr/lib/ringmaster/checks.d",
    "check.main:options.inbox": "/etc/local/checks",
    "check.main:options.metrics": "/run/ringmaster/textfile/checks.prom",
    "check.main:options.results": "/run/ringmaster/checks.json",
    "core.component:folder": DUMP,
    "core.component:new": DUMP,
    "core.component:options.folder": DUMP,
    "fetch.main:options.rules": "/etc/ringmaster/monitoring/fetch.json",
    "host.checks:folder": "/var/lib/ringmaster/refused",
    "host.checks:path": "/etc/ssh/ssh_host_ed25519_key-cert.pub",
    "hypervisor.main:options.folder": "/run/ringmaster",
    "mailserver.main:folder": DUMP,
    **{f"{one}.{part}:folder": DUMP for one in ("mysql", "postgresql", "redis") for part in ("dumps", "restores")},
}
# Parts that never run as root.
OTHERS = ("status",)
# Uses that are right although their places are not root's: the function, and why.
RIGHT = {
    "backup.files:_merge": "lists folders by their descriptors",
    "backup.files:_staging": "has just seen that only root can exchange the folder",
    "backup.proof:files_of": "is asked for folders below one of root's that nobody else may enter",
    "core.inbox:_read": "opens the folder once, in a folder of root's, and works by its descriptor",
    "dns.loading:names": "lists names only, which are used with descriptors",
    "postgresql.cluster:_version": "opens the folder to read by its descriptor",
    "postgresql.dumps:_run": "writes a new file into a dump, whose folder is root's",
    "postgresql.trial:examine": "reads a configuration of root's",
    "redis.converge:_first": "reads a certificate that root has put in place",
    "redis.converge:_lacks_log": "lists names only",
    "redis.converge:_try": "reads a configuration of root's",
}
# Parts that still work by path in the folders of their service.
TO_DO = ("backup_server",)


def is_roots(place: str) -> bool:
    """Tell whether only root can exchange what has this path: whether the folder it lies in is root's alone."""
    folder = posixpath.dirname(place)
    while folder not in ("", "/"):
        for known in (folder, f"{posixpath.dirname(folder)}/*"):
            if known in OWNERS:
                return OWNERS[known] == "root"
        folder = posixpath.dirname(folder)
    return posixpath.dirname(place) == "/"  # in the root folder itself


def wrong(package: Package) -> dict[str, list[Use]]:
    """Return the uses of paths that are not root's, by their functions."""
    found: dict[str, list[Use]] = {}
    for use in package.uses():
        if use.module == "core.below":
            continue
        if any(place == UNKNOWN or not is_roots(place) for place in use.places):
            found.setdefault(use.where, []).append(use)
    return found


@functools.cache
def wrong_in_program(*, of_all: bool = False) -> dict[str, list[Use]]:
    """Return what is wrong in the machine's program; ``of_all`` with the parts that still have to be mended."""
    return wrong(Package(PROGRAM, "ringmaster", GIVEN, OTHERS if of_all else (*OTHERS, *TO_DO)))


def test_root_works_by_path_in_folders_of_roots_only() -> None:
    found = {
        where: [f"line {use.line}: {use.text[:100]} in {', '.join(sorted(use.places))}" for use in uses]
        for where, uses in wrong_in_program().items()
        if where not in RIGHT
    }
    shown = "\n".join(f"{where}: {'; '.join(uses)}" for where, uses in found.items())
    assert not found, (
        f"{shown}\nwork by ringmaster.core.below, or as the account; or say in OWNERS and GIVEN whose the place is"
    )


def test_every_exception_is_needed() -> None:
    assert not [where for where in RIGHT if where not in wrong_in_program()]
    parts = {where.partition(".")[0] for where in wrong_in_program(of_all=True)}
    assert not [part for part in TO_DO if part not in parts]


@pytest.mark.parametrize(
    ("place", "roots"),
    [
        ("/etc/ringmaster/x", True),
        ("/var/vmail", True),
        ("/var/vmail/*", False),
        ("/var/vmail/a/b", False),
        ("/etc/local/redis", True),
        ("/etc/local/redis/x.conf", False),
        ("/srv/s-app", True),
        ("/srv/s-app/x", False),
        ("/opt/unknown/x", False),
        ("/var/lib/ringmaster/x", True),
    ],
)
def test_whose_a_place_is(place: str, roots: bool) -> None:
    assert is_roots(place) == roots


HEAD = """
import os, shutil
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from ringmaster.core import below
from ringmaster.sample import other

MAIL = Path("/var/vmail")

@dataclass(frozen=True)
class Places:
    data: Path = Path("/var/lib/redis")
    home: Path = Path("/etc/ringmaster")

    @property
    def deep(self) -> Path:
        return self.data / "deep"

"""


@pytest.mark.parametrize(
    "code",
    [
        "def f(x):\n    shutil.copyfile(MAIL / x, '/etc/x')",
        "def f(x):\n    shutil.copyfile('/etc/x', MAIL / x)",
        "def f(places: Places):\n    (places.data / 'x').write_text('')",
        "def f(places: Places):\n    places.deep.with_name('x').unlink()",
        "def f():\n    for path in sorted(MAIL.glob('*')):\n        path.chmod(0o600)",
        "def f():\n    for parent, _folders, names in os.walk(MAIL):\n        os.chown(Path(parent), 0, 0)",
        "def g(path):\n    os.unlink(path)\ndef f():\n    g(MAIL / 'x')",
        "def g(path):\n    path.touch()\ndef f():\n    partial(g, MAIL / 'x')()",
        "def g():\n    return MAIL / 'x'\ndef f():\n    with g().open() as stream:\n        stream.read()",
        "def f(folder):\n    open(f'{folder}/x')",
        "def f():\n    place = Path('/etc/ringmaster') / '../../srv/s-app/x'\n    place.read_text()",
        "def f():\n    other.put(MAIL / 'x')",
        "def f():\n    Path(f'/home/{os.getlogin()}/.ssh/authorized_keys').write_text('')",
        "def f(flag):\n    path = Path('/etc/x')\n    if flag:\n        path = MAIL / 'x'\n    path.write_text('')",
        "def f():\n    (Path('/etc/x')).rename(MAIL / 'x')",
        "def f():\n    Path('/opt/nobody/x').write_text('')",
    ],
)
def test_what_goes_around_the_library_is_found(tmp_path: Path, code: str) -> None:
    (tmp_path / "sample").mkdir()
    (tmp_path / "sample/other.py").write_text("def put(path):\n    path.write_text('')\n")
    (tmp_path / "sample/main.py").write_text(HEAD + code + "\n")
    assert wrong(Package(tmp_path, "ringmaster"))


@pytest.mark.parametrize(
    "code",
    [
        "def f(x):\n    shutil.copyfile('/etc/x', Path('/usr/lib') / x)",
        "def f(places: Places):\n    (places.home / 'x').write_text('x'.replace('a', 'b'))",
        "def f():\n    with below.opened(MAIL) as folder:\n        folder.write('x', '')",
        "def f(descriptor):\n    os.unlink('x', dir_fd=descriptor)",
        "def g(path):\n    path.touch()\ndef f():\n    g(Path('/run/x'))",
    ],
)
def test_what_is_roots_may_be_used(tmp_path: Path, code: str) -> None:
    (tmp_path / "sample").mkdir()
    (tmp_path / "sample/main.py").write_text(HEAD + code + "\n")
    assert not wrong(Package(tmp_path, "ringmaster"))
