# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files that are no files, data that explodes, and what files keep when verbs change them."""

from __future__ import annotations

import ast
import os
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform import cache, description, operations
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform.language import files
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform.language.errors import DescriptionError
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform.verbs import edit

PLATFORM, BOB, PROJECT, SOURCE = "platform.yml", "users/bob.yml", "projects/myapp.yml", "platform.ringmaster.yml"
PLACES = [PLATFORM, BOB, PROJECT, "allocations.yml", SOURCE]
PACKAGE = Path(description.__file__).parent


def said(platform) -> str:
    """Return all that is wrong; never a traceback, and never a wait."""
    began = time.monotonic()
    try:
        rendered = "\n".join(mistake.render() for mistake in platform.mistakes())
    except DescriptionError as error:
        rendered = str(error)
    assert time.monotonic() - began < 120, "it waits, or it reads what explodes"
    return rendered


@pytest.mark.parametrize("name", PLACES)
def test_what_is_no_file_is_not_waited_for(platform, name: str) -> None:
    path = platform.folder / name
    path.unlink(missing_ok=True)
    os.mkfifo(path)
    assert f"{name}:1:1: cannot be read: is a named pipe (FIFO), and no file" in said(platform)
    path.unlink()
    path.symlink_to("/dev/zero")
    assert "cannot be read: is a device, and no file" in said(platform)
    path.unlink()
    path.symlink_to(path.name)
    assert "Too many levels of symbolic links" in said(platform)
    path.unlink()
    path.symlink_to("nowhere")
    assert "No such file" in said(platform)


@pytest.mark.parametrize(("name", "size"), [(PROJECT, 50), (BOB, 9), ("allocations.yml", 65), (SOURCE, 9)])
def test_large_files_are_refused_at_once(platform, name: str, size: int) -> None:
    with (platform.folder / name).open("wb") as handle:
        handle.truncate(size * 2**20)
    limit = 64 if name == "allocations.yml" else 8
    assert f"is larger than {limit} MiB" in said(platform)


def test_a_folder_with_too_much_in_it(platform, monkeypatch) -> None:
    monkeypatch.setattr(files, "MOST", 3)
    for number in range(5):
        platform.write(f"users/p{number}x.yml", "full_name: P\nemail: p@example.org\n")
    assert "has more than 3 entries" in said(platform)


BOMBS = {
    "in options": (PROJECT, "redis: {}", "redis: {settings: {x: REPEATED}}"),
    "in lists of the schema": (PROJECT, "[s-myapp]", "REPEATED"),
    "at a key that is not known": (PROJECT, "contacts:", "more: REPEATED\ncontacts:"),
    "in the source": (SOURCE, "plugin:", "compose: {x: REPEATED}\nplugin:"),
}


@pytest.mark.parametrize("case", BOMBS)
def test_aliases_without_end(platform, case: str) -> None:
    name, old, new = BOMBS[case]
    levels = ["&a0 [x, x, x, x, x, x, x, x, x]"]
    levels += [f"&a{level} [{', '.join([f'*a{level - 1}'] * 9)}]" for level in range(1, 12)]
    platform.replace(name, old, new.replace("REPEATED", f"[{', '.join(levels)}]"))
    assert said(platform) != ""


def test_aliases_of_records(platform) -> None:
    rules = ", ".join(["{from: [10.0.0.1], to: [80], comment: x}"] * 500)
    vms = "".join(f"  myapp{number:02}: *v\n" for number in range(1, 400))
    text = f"vms:\n  myapp00: &v {{firewall: {{allow: [{rules}]}}}}\n{vms}"
    platform.write(PROJECT, text)
    assert "its aliases (*name) repeat more than can be read" in said(platform)


def test_an_alias_or_two_is_fine(platform) -> None:
    platform.replace(PROJECT, "memory: 1GiB", "memory: &size 1GiB\n    memory_max: *size")
    assert said(platform) == ""


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("vms:\n", "vms:\n  <<: {}\n", ["merge keys (<<) are not read", "'defaults'"]),
        ("vms:\n", "x-shared: &a 1\nvms:\n", ["'x-shared' is not known", "an anchor (&name)"]),
        ("vms:\n", "null: 1\nvms:\n", ["'null' is not known", 'put it in quotes: "null"']),
        ("vms:\n", "yes: 1\nvms:\n", ["'yes' is not known", 'put it in quotes: "yes"']),
        ("description: The", "description: !vault The", ["the tag '!vault' is not known here", "Ansible Vault"]),
        ("description: The", "description: !!binary The", ["the tag '!!binary' is not known here"]),
        ("[s-myapp]", "!!set {s-myapp: }", ["is not a list"]),
        ("memory: 1GiB", "memory: !!float 1GiB", []),
        ("redis: {}", "redis: !!omap {}", ["the tag '!!omap'"]),
    ],
)
def test_means_of_yaml_that_are_not_read(platform, old: str, new: str, words: list[str]) -> None:
    platform.replace(PROJECT, old, new)
    for word in words:
        assert word in said(platform)


SOURCE_MISTAKES = [
    ("projects: 5", ["projects: '5' is no name for a project"]),
    ("projects: {a: 1}", ["projects: is not a list"]),
    ("ssh_address: srv5", ["'srv5' is not one of the allowed words", "srv4, srv6 or fe6"]),
    ("ssh_address: [srv4]", ["a value of another kind"]),
    ("ledger: {a: 1}", ["ledger: a value of another kind"]),
    ("ledger: ~nobodyatall/x", ["ledger: the path '~nobodyatall/x' leads nowhere"]),
    ("cache_directory: ~nobodyatall/x", ["the path '~nobodyatall/x' leads nowhere"]),
    ("strict: perhaps", ["strict: is neither true nor false"]),
    ("compose: []", ["compose: is not a map"]),
    ("keyed_groups: {}", ["keyed_groups: is not a list"]),
    ("ledgre: x", ["the key 'ledgre' is not known", "did you mean 'ledger'?"]),
]


@pytest.mark.parametrize(("line", "words"), SOURCE_MISTAKES, ids=[row[0] for row in SOURCE_MISTAKES])
def test_the_source_is_checked_as_strictly_as_the_rest(platform, line: str, words: list[str]) -> None:
    platform.write(SOURCE, f"plugin: ringmaster.hosting.platform\n{line}\n")
    for word in [f"{SOURCE}:2:", *words]:
        assert word in said(platform)


def test_a_source_of_another_plugin(platform) -> None:
    platform.write(SOURCE, "plugin: constructed\n")
    assert "'constructed' is not one of the allowed words" in said(platform)


def test_known_hosts_that_are_no_text_are_written_again(platform) -> None:
    (platform.folder / "known_hosts").write_bytes(b"\xff\xfe\n")
    platform.allocate()
    assert "Written by Ringmaster" in (platform.folder / "known_hosts").read_text()


FORMS = {"returns": ("", "\r\n"), "mark": ("\ufeff", "\n"), "both": ("\ufeff", "\r\n")}


@pytest.mark.parametrize("form", FORMS)
def test_a_verb_keeps_line_ends_and_the_mark(platform, form: str) -> None:
    mark, end = FORMS[form]
    platform.allocate()
    for name in (BOB, PROJECT, PLATFORM, "allocations.yml"):
        path = platform.folder / name
        path.write_bytes((mark + path.read_text().replace("\n", end)).encode())
    assert said(platform) == ""
    for verb, request, changed in (
        ("remove_user", {"user": "bob"}, BOB),
        ("order_vm", {"project": "myapp", "comment": "x"}, PROJECT),
    ):
        edit.apply(platform.options, verb, request)
        for name in (changed, "allocations.yml"):
            raw = (platform.folder / name).read_bytes().decode()
            assert raw.startswith(mark + "---" if name == BOB else mark)
            assert raw.count("\n") == raw.count(end)
            assert raw.count(mark or "\ufeff") == len(mark)
    assert said(platform) == ""
    assert edit.apply(platform.options, "remove_user", {"user": "bob"}).files == []
    assert platform.allocate().files == []


def test_a_verb_keeps_a_mix_of_line_ends_where_it_changes_nothing(platform) -> None:
    path = platform.folder / BOB
    first, rest = path.read_text().split("\n", 1)
    path.write_bytes(f"{first}\r\n{rest}".encode())
    edit.apply(platform.options, "remove_user", {"user": "bob"})
    raw = path.read_bytes().decode()
    assert raw.startswith(f"{first}\r\n")
    assert raw.count("\r") == 1


def test_links_modes_and_owners_stay(platform) -> None:
    platform.allocate()
    for name in ("allocations.yml", BOB, "known_hosts"):
        path = platform.folder / name
        kept = platform.folder.parent / f"kept-{path.name}"
        path.rename(kept)
        kept.chmod(0o640)
        if os.geteuid() == 0:
            os.chown(kept, 12345, 12346)
        path.symlink_to(kept)
    edit.apply(platform.options, "order_vm", {"project": "myapp"})
    edit.apply(platform.options, "remove_user", {"user": "bob"})
    for name in ("allocations.yml", BOB):
        path = platform.folder / name
        found = path.stat()
        assert path.is_symlink()
        assert stat.S_IMODE(found.st_mode) == 0o640
        assert os.geteuid() != 0 or (found.st_uid, found.st_gid) == (12345, 12346)


KILLED = """
import os, signal, sys
from pathlib import Path
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform.language import files
os.fsync = lambda descriptor: os.kill(os.getpid(), signal.SIGKILL)
files.write_atomically(Path(sys.argv[1]), "x")
"""


def test_the_next_run_takes_away_what_a_killed_one_left(platform) -> None:
    collections = PACKAGE.parents[5]
    for name in ("allocations.yml", BOB, "known_hosts"):
        target = str(platform.folder / name)
        environment = {**os.environ, "PYTHONPATH": str(collections)}
        done = subprocess.run([sys.executable, "-c", KILLED, target], env=environment, check=False)
        assert done.returncode == -9
    left = [path for path in platform.folder.rglob(".*.*") if path.is_file()]
    assert len(left) == 3
    platform.write("users/.bob.yml.swp", "an editor's")
    platform.allocate()
    assert [path.name for path in platform.folder.rglob(".*.*") if path.is_file()] == [".bob.yml.swp"]


@pytest.mark.parametrize("change", ["folder", "pipe", "stray", "limits"])
def test_the_cache_sees_what_validation_sees(platform, tmp_path, change: str) -> None:
    platform.allocate()
    kept = tmp_path / "cache"
    cache.resolve(platform.options, kept)
    if change == "folder":
        (platform.folder / "user").mkdir()
    elif change == "pipe":
        os.mkfifo(platform.folder / "users/carol.yml")
    elif change == "stray":
        platform.write("users/notes.txt", "x")
    else:
        (platform.roles / "redis/meta/limits.yml").write_text("redis_port: {minimum: 1, maximum: 2}\n")
        platform.replace(PROJECT, "redis: {}", "redis: {port: 3}")
    assert operations.validate(platform.options).mistakes
    with pytest.raises(DescriptionError):
        cache.resolve(platform.options, kept)


READERS = {"read_text", "read_bytes", "open"}


def test_everything_is_read_through_one_function() -> None:
    """Of all files of the package, and of the inventory plugin, only one opens files."""
    plugin = PACKAGE.parents[1] / "inventory" / "platform.py"
    found = set()
    for path in [*PACKAGE.rglob("*.py"), plugin]:
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.Call):
                continue
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            of = getattr(getattr(node.func, "value", None), "id", "") if isinstance(node.func, ast.Attribute) else ""
            if name in READERS and of != "files" and (name != "read_text" or isinstance(node.func, ast.Attribute)):
                found.add(path.name)
    # The lock of a folder is no file that is read, and what was used of proofs is the steward's own.
    assert found == {"files.py", "ledger.py", "nonces.py"}
