"""The controller side of module files: what an entry may say, trees, packing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible_collections.ringmaster.hosting.plugins.module_utils.machine import file_entries, file_run
from ansible_collections.ringmaster.hosting.plugins.module_utils.machine.file_entries import EntryError, normalise
from ansible_collections.ringmaster.hosting.plugins.modules import files as module


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ("text", r"files\[3\] is a str"),
        ({"content": "x"}, "'path' must be an absolute path"),
        ({"path": "etc/x", "content": ""}, "'path' must be an absolute path"),
        ({"path": "/etc/../x", "content": ""}, "'path' must be an absolute path"),
        ({"path": "//etc", "content": ""}, "'path' must be an absolute path"),
        ({"path": "/", "state": "directory"}, "'path' must be an absolute path"),
        ({"path": "/x", "contents": ""}, r"\(/x\): unknown key 'contents'; did you mean 'content'\?"),
        ({"path": "/x"}, "exactly one of content, template, src, tree, lines; found none"),
        ({"path": "/x", "content": "", "src": "y"}, "found content and src"),
        ({"path": "/x", "content": 5}, "'content' must be a string, got a int"),
        ({"path": "/x", "content": "", "mode": 644}, "'mode' must be a quoted octal number"),
        ({"path": "/x", "content": "", "mode": "u=rw"}, "'mode' must be a quoted octal number"),
        ({"path": "/x", "content": "", "parents": "maybe"}, "'parents' must be true or false"),
        ({"path": "/x", "state": "present"}, "'state' must be one of file, directory, link, absent"),
        ({"path": "/x", "state": "absent", "content": ""}, "makes no sense with state 'absent'"),
        ({"path": "/x", "state": "link"}, "'target' and 'state: link' belong together"),
        ({"path": "/x", "content": "", "target": "y"}, "'target' and 'state: link' belong together"),
        ({"path": "/x", "content": "", "validate": "nft -c -f"}, "must contain %s"),
        ({"path": "/x", "content": "", "purge": ["*"]}, "'purge' needs 'state: directory'"),
        ({"path": "/x", "tree": "t", "mode": "0644"}, "a tree keeps its own modes"),
        ({"path": "/x", "content": "", "vars": []}, "'vars' must be a dictionary"),
        ({"path": "/x", "lines": [{"match": "("}]}, "each item of 'lines' needs"),
        ({"path": "/x", "lines": [{"match": "(", "line": "y"}]}, "'lines' is a list of"),
        ({"path": "/x", "lines": []}, "each item of 'lines' needs"),
    ],
)
def test_mistakes_are_named(entry: Any, message: str) -> None:
    with pytest.raises(EntryError, match=message):
        normalise(3, entry)


def test_an_entry_is_typed() -> None:
    raw = {"path": "/x/", "content": "a", "mode": "0640", "owner": 0, "when": "yes", "notify": "Reload"}
    assert normalise(0, raw) == {
        "path": "/x", "state": "file", "content": "a", "mode": 0o640, "owner": "0", "when": True,
        "notify": ["Reload"],
    }  # fmt: skip


def test_a_tree_is_read_verbatim_with_gits_modes(tmp_path: Path) -> None:
    (tmp_path / "usr/bin").mkdir(parents=True)
    (tmp_path / "usr/bin/tool").write_bytes(b"#!/bin/sh\n")
    (tmp_path / "usr/bin/tool").chmod(0o711)
    (tmp_path / "usr/conf").write_bytes(b"\xff")
    (tmp_path / "usr/conf").chmod(0o600)
    (tmp_path / "usr/alias").symlink_to("bin/tool")
    (tmp_path / "usr/dir").symlink_to("bin")
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty/.gitkeep").touch()
    found = {entry["path"]: entry for entry in file_entries.read_tree(tmp_path, "/")}
    assert set(found) == {
        "/", "/usr", "/usr/bin", "/usr/bin/tool", "/usr/conf", "/usr/alias", "/usr/dir", "/empty",
    }  # fmt: skip
    assert (found["/usr/bin/tool"]["mode"], found["/usr/conf"]["mode"]) == (0o755, 0o644)
    assert found["/usr/conf"]["raw"] == b"\xff"
    assert (found["/usr/dir"]["state"], found["/usr/dir"]["target"]) == ("link", "bin")


def test_a_path_may_be_named_once_only() -> None:
    folder = {"path": "/d", "state": "directory"}
    file_entries.reject_duplicates([folder, {**folder}])
    with pytest.raises(EntryError, match="/d is named twice"):
        file_entries.reject_duplicates([folder, {"path": "/d", "state": "absent"}])


def test_packing_round_trip() -> None:
    entry = {
        **normalise(0, {"path": "/x", "content": "a", "sensitive": True, "mode": "0600"}),
        "raw": b"\x00a",
    }
    (back,) = file_run.unpack(file_entries.pack([entry]))
    assert (back.path, back.content, back.mode, back.sensitive, back.parents) == (
        "/x",
        b"\x00a",
        0o600,
        True,
        False,
    )


def test_the_documented_keys_are_the_accepted_ones() -> None:
    options = module.argument_spec()["files"]["options"]  # type: ignore[index]
    assert set(options) == set(file_entries.KEYS)


def test_named_texts_are_entries() -> None:
    texts = {"10-ethfe.network": "a\n", "10-ethfe.link": "%s"}
    assert file_entries.of_texts(texts, "/etc/systemd/network/%s", mode="0644") == [
        {"path": "/etc/systemd/network/10-ethfe.network", "content": "a\n", "mode": "0644"},
        {"path": "/etc/systemd/network/10-ethfe.link", "content": "%s", "mode": "0644"},
    ]
    assert file_entries.of_texts({}, "/x/%s") == []
