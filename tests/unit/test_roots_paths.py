# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The machine's program works by path below folders of root's only; elsewhere by ``ringmaster.core.below``."""

from __future__ import annotations

import functools
import posixpath
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.ringmaster.hosting.plugins.module_utils.components.catalogue import COMPONENTS
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
    "/root": "root",
    "/run": "root",
    "/run/lock": "everybody",
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
    "/var/lib/ringmaster-backup": "restic-rest-server",
    "/var/lib/ringmaster-mail-redis": "_rspamd",
    "/var/lib/ringmaster-portal": "ringmaster-portal",
    "/var/lib/ringmaster-steward": "ringmaster-steward",
    "/var/lib/valkey": "valkey",
    "/var/log": "root",
    "/var/log/mysql": "mysql",
    "/var/spool/postfix": "postfix",
    "/var/vmail": "vmail",
}
# What root says on the command line, and other paths that no constant stands behind.
DUMP = "/var/backups/ringmaster/*"
GIVEN = {
    "archives.main:archive": "/usr/share/ringmaster-*.tar",
    "archives.main:folder": "/usr/share/ringmaster/*",
    "backup_server.repositories:folder": "/srv/backups",
    "backup_server.repositories:self.path": "/srv/backups/*",
    "check.main:options.convergence": "/etc/ringmaster/convergence",
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
    "hypervisor.reboots:folder": "/run/ringmaster/locks",
    "mail_out.main:options.rules": "/etc/ringmaster/mail_out/rules.json",
    "mailserver.main:folder": DUMP,
    "series.checks:path": "/run/ringmaster-series/cut.json",
    "series.main:options.settings": "/etc/ringmaster/monitoring-server/series.json",
    "series.main:options.state": "/run/ringmaster-series/cut.json",
    "series.main:options.targets": "/etc/ringmaster/monitoring-server/prometheus/targets/exporters.json",
    **{f"{one}.{part}:folder": DUMP for one in ("mysql", "postgresql", "redis") for part in ("dumps", "restores")},
}
# Parts that never run as root.
OTHERS = ("maintenance_server", "portal", "status")
# Uses that are right although their places are not root's: the function, and why.
RIGHT = {
    "archives.main:take": "reads an archive that root has put in place",
    "backup.files:_merge": "lists folders by their descriptors",
    "backup.files:_staging": "has just seen that only root can exchange the folder",
    "backup.proof:files_of": "is asked for folders below one of root's that nobody else may enter",
    "core.inbox:_read": "opens the folder once, in a folder of root's, and works by its descriptor",
    "maintenance.hooks:find": "opens the folder once, in a folder of root's, and works by its descriptor; runs nothing",
    "mail_out.main:_write": "is the judge, which is no root, in the folder that is its own",
    "dns.loading:names": "lists names only, which are used with descriptors",
    "hypervisor.reboots:watch": "opens a connection to libvirt, no file",
    "postgresql.cluster:_version": "opens the folder to read by its descriptor",
    "postgresql.dumps:_run": "writes a new file into a dump, whose folder is root's",
    "postgresql.trial:examine": "reads a configuration of root's",
    "redis.converge:_first": "reads a certificate that root has put in place",
    "redis.converge:_has_data": "lists names only",
    "redis.converge:_lacks_log": "lists names only",
    "redis.converge:_try": "reads a configuration of root's",
}


# What of module_utils modules do on machines, as root. Their paths are arguments, which no constant stands behind: each
# function is listed, with what judges its places. What is not here runs where playbooks run, as who runs them.
MODULE_UTILS = PROGRAM.parents[4] / "collections/ansible_collections/ringmaster/hosting/plugins/module_utils"
ON_MACHINES = ("accounts", "certificates", "image", "libvirt", "machine", "network")
BUILDS = "works where images and labs are built, in a folder of who builds there, on packages of Debian's"
POOL = "in the folder of a pool; follows no link, and takes plain files only"
GIVEN_IN_MODULES = {
    "libvirt.locks:directory": "/run/ringmaster/locks",
    "libvirt.move_target:move.console_directory": "/var/log/libvirt/console",
}
RIGHT_IN_MODULES = {
    "accounts.apply:remove_leftovers": "in /home and /srv, which are root's; below by descriptors",
    "accounts.apply:_remove": "in /home and /srv, which are root's; below by descriptors",
    "accounts.homes:prepare": "in /home and /srv, which are root's; below by descriptors",
    "accounts.homes:purge": "in /home and /srv, which are root's; below by descriptors",
    "accounts.homes:_own": "in /home and /srv, which are root's; below by descriptors",
    "accounts.facts:read_file": "account files in folders of root's: constants of model.py",
    "accounts.swap:Stage.write": "account files in folders of root's: constants of model.py",
    "accounts.swap:Stage.commit": "account files in folders of root's: constants of model.py",
    "accounts.swap:Stage.abort": "account files in folders of root's: constants of model.py",
    "accounts.swap:write_file": "account files in folders of root's: constants of model.py",
    "accounts.swap:sync_filesystem": "account files in folders of root's: constants of model.py",
    "accounts.left_behind:_walk": "lists by descriptors, and reads nothing",
    "accounts.timer:program": "runs on the controller, where the collection lies",
    "image.digest:of_folder": BUILDS,
    "image.disk:make_raw": BUILDS,
    "image.disk:qcow2.make": BUILDS,
    "image.store:Shelf.records": BUILDS,
    "image.store:Shelf.locked": BUILDS,
    "image.store:Shelf.sweep": BUILDS,
    "image.store:Shelf.publish": BUILDS,
    "image.store:Shelf.prune": BUILDS,
    "image.store:remove": BUILDS,
    "image.store:run": BUILDS,
    "image.tree:TreeSpec.inputs": BUILDS,
    "image.tree:build": BUILDS,
    "image.tree:_packages": BUILDS,
    "image.tree:_stage_files": BUILDS,
    "image.tree:_script": BUILDS,
    "image.tree:_customize_script": BUILDS,
    "image.tree:_cache_hooks": BUILDS,
    "image.tree:obtain": BUILDS,
    "libvirt.apply:_define": "in the folder of consoles: only root and virtlogd write there",
    "libvirt.connection:connect": "opens a connection to libvirt, no file",
    "libvirt.console:read_log": "in the folder of consoles: only root and virtlogd write there",
    "libvirt.console:set_aside": "in the folder of consoles: only root and virtlogd write there",
    "libvirt.images:name_for": "the image that the controller names, for libvirt to copy",
    "libvirt.plain_files:write_new": POOL,
    "libvirt.plain_files:_opened": POOL,
    "libvirt.move:_tidy": "removes the name of a token, whatever is behind it",
    "libvirt.seed:build_iso": "in a folder that it has just made for itself",
    "libvirt.storage:import_image": "the image that the controller names, for libvirt to copy",
    "libvirt.move_target:receive": "reads a disk where libvirt says it lies, to compare it with a digest",
    "libvirt.transfer:send": "reads a disk where libvirt says it lies, for the root of another hypervisor of ours",
    "machine.file_entries:read_tree": "runs on the controller, where the collection lies",
    "machine.packages:refuse_beside": "lists names only",
    "machine.program:parts": "runs on the controller, where the collection lies",
    "machine.program:digest": "runs on the controller, where the collection lies",
    "machine.program:_beside": "runs on the controller, where the collection lies",
    "machine.shipped:shipped": "runs on the controller, where the collection lies",
    "machine.shipped:_written": "runs on the controller, where the collection lies",
    "machine.shipped:withdrawn": "runs on the controller, where the collection lies",
    "machine.file_apply:_Transaction.stage": "file_plan refuses what lies in a folder that others can write",
    "machine.file_apply:_Transaction.commit": "file_plan refuses what lies in a folder that others can write",
    "machine.file_apply:_Transaction._keep": "file_plan refuses what lies in a folder that others can write",
    "machine.file_apply:_Transaction._put": "file_plan refuses what lies in a folder that others can write",
    "machine.file_apply:_Transaction._bring_back": "file_plan refuses what lies in a folder that others can write",
    "machine.file_apply:_Transaction._take_away": "below a folder of root's: by descriptors, and names as text",
    "machine.file_apply:_Transaction._drop_staged": "file_plan refuses what lies in a folder that others can write",
    "machine.file_apply:_Transaction._empty_trash": "file_plan refuses what lies in a folder that others can write",
    "machine.file_plan:observe": "file_plan refuses what lies in a folder that others can write",
    "machine.file_plan:_list_folder": "file_plan refuses what lies in a folder that others can write",
    "machine.leave:Leaving._units": "lists names only",
    "machine.leave:Leaving._wanted": "in folders of root's: test_what_goes_with_a_component_lies_in_folders_of_roots",
    "machine.leave:Leaving._connections": "the kernel's lists",
    "machine.leave:Leaving._remove": "in folders of root's: test_what_goes_with_a_component_lies_in_folders_of_roots",
    "machine.withdraw:read": "what roles shipped, in folders of root's: test_shipped.py",
    "machine.withdraw:apply": "what roles shipped, in folders of root's: test_shipped.py",
    "machine.withdraw:_remove_empty": "what roles shipped, in folders of root's: test_shipped.py",
}


def is_roots(place: str) -> bool:
    """Tell whether only root can exchange what has this path: whether the folder it lies in is root's alone."""
    place = f"/{place.lstrip('/')}"
    folder = posixpath.dirname(place)
    while folder.strip("/"):
        for known in (folder, f"{posixpath.dirname(folder)}/*"):
            if known in OWNERS:
                return OWNERS[known] == "root"
        folder = posixpath.dirname(folder)
    return posixpath.dirname(place) == "/" and place != "/*"  # in the root folder itself


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
def wrong_in_program() -> dict[str, list[Use]]:
    """Return what is wrong in the machine's program."""
    return wrong(Package(PROGRAM, "ringmaster", GIVEN, OTHERS))


@functools.cache
def wrong_in_modules() -> dict[str, list[Use]]:
    """Return what is wrong in what modules do on machines."""
    others = {path.name for path in MODULE_UTILS.iterdir() if path.is_dir()} - {*ON_MACHINES}
    return wrong(
        Package(MODULE_UTILS, "ansible_collections.ringmaster.hosting.plugins.module_utils", GIVEN_IN_MODULES, others)
    )


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


def test_what_goes_with_a_component_lies_in_folders_of_roots() -> None:
    paths = [path for one in COMPONENTS.values() for path in (*one.part.files, *([one.site] if one.site else []))]
    paths += [path for one in COMPONENTS.values() for shared in one.shared for path in shared.part.files]
    assert [path for path in paths if not is_roots(path)] == []


def test_every_exception_is_needed() -> None:
    assert not [where for where in RIGHT if where not in wrong_in_program()]
    assert not [where for where in RIGHT_IN_MODULES if where not in wrong_in_modules()]


def test_modules_work_by_path_in_folders_of_roots_only() -> None:
    found = {
        where: [f"line {use.line}: {use.text[:100]} in {', '.join(sorted(use.places))}" for use in uses]
        for where, uses in wrong_in_modules().items()
        if where not in RIGHT_IN_MODULES
    }
    shown = "\n".join(f"{where}: {'; '.join(uses)}" for where, uses in found.items())
    assert not found, f"{shown}\nwork by descriptors, or say in RIGHT_IN_MODULES why it is right"


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
        ("/*", False),
        ("//etc/x", True),
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


# Modules of ansible-core that write by path on a machine. Module `files` judges its places there, when it runs.
WRITING = ("assemble", "blockinfile", "copy", "file", "get_url", "lineinfile", "replace", "template", "unarchive")


class Loader(yaml.CSafeLoader):  # type: ignore[misc]
    """Takes tags as nothing."""


Loader.add_multi_constructor("!", lambda _loader, _suffix, _node: None)


def _maps(node: Any, *, is_home: bool = False) -> Iterator[tuple[dict[str, Any], bool]]:
    """Yield everything that may be a task, and whether its play is of the machine where playbooks run."""
    if isinstance(node, dict):
        is_home = is_home or node.get("hosts") == "localhost"
        yield node, is_home
    for value in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        yield from _maps(value, is_home=is_home)


def wrong_tasks(root: Path) -> list[str]:
    """Return the tasks for machines that write by path where others can, in any form that they may have."""
    found = []
    for top in ("playbooks", "roles"):
        for path in sorted((root / top).rglob("*.yml")):
            parts = path.relative_to(root).parts
            if {"molecule", "files", "templates", "meta"} & {*parts} or parts[1] == "lab":  # of the operator's machine
                continue
            for task, is_home in _maps(yaml.load(path.read_text(encoding="utf-8"), Loader)):
                for module in WRITING:
                    arguments = task.get(f"ansible.builtin.{module}")
                    if arguments is None or task.get("delegate_to", "localhost" if is_home else "") == "localhost":
                        continue
                    place = arguments.get("path") or arguments.get("dest") if isinstance(arguments, dict) else ""
                    if not place or "{{" in place or not is_roots(place) or "recurse" in arguments:
                        found.append(f"{path.relative_to(root)}: {module}: {arguments}")
    return found


def test_tasks_write_in_folders_of_roots_only() -> None:
    assert wrong_tasks(MODULE_UTILS.parents[5]) == []


@pytest.mark.parametrize(
    "task",
    [
        "ansible.builtin.file: {path: /srv/s-app/x, state: directory}",
        "ansible.builtin.copy: {dest: /home/ada/x, content: x}",
        "ansible.builtin.template: {dest: '{{ x }}/y', src: y}",
        "ansible.builtin.file: {path: /etc/ringmaster, recurse: true}",
        "ansible.builtin.lineinfile: path=/srv/s-app/x line=y",
        "block: [{ansible.builtin.unarchive: {dest: /var/lib/mysql/x, src: y}}]",
    ],
)
def test_a_task_that_writes_elsewhere_is_found(tmp_path: Path, task: str) -> None:
    (tmp_path / "roles/x/tasks").mkdir(parents=True)
    (tmp_path / "roles/x/tasks/main.yml").write_text(f"- {task}\n")
    assert wrong_tasks(tmp_path)
    (tmp_path / "roles/x/tasks/main.yml").write_text("- ansible.builtin.copy: {dest: /etc/x, content: x}\n")
    assert not wrong_tasks(tmp_path)


@pytest.mark.parametrize(
    ("play", "is_right"),
    [
        ("{hosts: localhost, tasks: [{block: [{ansible.builtin.copy: {dest: '{{ to }}', content: x}}]}]}", True),
        ("{hosts: vms, tasks: [{ansible.builtin.copy: {dest: '{{ to }}', content: x}}]}", False),
        ("{hosts: localhost, tasks: [{ansible.builtin.copy: {dest: '{{ to }}'}, delegate_to: web00}]}", False),
    ],
)
def test_where_playbooks_run_people_say_where_to_write(tmp_path: Path, play: str, is_right: bool) -> None:
    (tmp_path / "playbooks").mkdir()
    (tmp_path / "playbooks/a.yml").write_text(f"- {play}\n")
    assert (wrong_tasks(tmp_path) == []) is is_right
