# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The parts of the machine's program: what brings them, and who refuses to go on without them."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import yaml
from ansible_collections.ringmaster.hosting.plugins.module_utils.components import leaving
from ansible_collections.ringmaster.hosting.plugins.module_utils.components.catalogue import COMPONENTS
from ansible_collections.ringmaster.hosting.plugins.module_utils.machine import file_entries, file_run, program

SOURCE = program.source()
ROLES = SOURCE.parents[3]
NEEDED_BY_GROUP = yaml.safe_load((ROLES / "machine/vars/main.yml").read_text())["__machine_parts"]


def test_what_groups_need_are_parts_and_every_part_is_needed() -> None:
    needed = {part for parts in NEEDED_BY_GROUP.values() for part in parts} | set(leaving.parts(COMPONENTS))
    assert needed == set(program.parts(SOURCE))


def test_roles_say_which_parts_they_need_and_somebody_brings_them() -> None:
    """A role that writes files for a part of the program says so; then module ``files`` can refuse."""
    found: dict[str, set[str]] = {}
    for path in ROLES.glob("*/tasks/*.yml"):
        for task in yaml.safe_load(path.read_text()) or []:
            options = task.get("ringmaster.hosting.files") or {}
            found.setdefault(path.parents[1].name, set()).update(options.get("program", []))
    wanting = {role for role, parts in found.items() if parts}
    # All build on core; people alone use logs, whose list comes with the program itself.
    assert {part for parts in found.values() for part in parts} | {"core", "logs"} == set(program.parts(SOURCE))
    named = {
        path.relative_to(ROLES).parts[0]
        for path in ROLES.glob("*/**/*")
        if path.is_file() and "/python/" not in str(path) and "README" not in path.name and uses_the_command(path)
    }
    assert named - {"machine"} <= wanting


def uses_the_command(path: Path) -> bool:
    return b"/usr/bin/ringmaster" in path.read_bytes()


def test_a_part_comes_with_its_digest_and_the_name_that_people_know() -> None:
    entries = {entry["path"]: entry for entry in program.entries(["check"], SOURCE)}
    assert entries == {
        "/usr/lib/ringmaster/python/ringmaster/check": {
            "path": "/usr/lib/ringmaster/python/ringmaster/check",
            "tree": "python/ringmaster/check",
        },
        "/usr/bin/ringmaster-check": {
            "path": "/usr/bin/ringmaster-check",
            "state": "link",
            "target": "ringmaster",
            "replace": True,
        },
        "/usr/lib/ringmaster/parts/check": {
            "path": "/usr/lib/ringmaster/parts/check",
            "content": f"{program.digest(SOURCE, 'check')}\n",
            "parents": True,
        },
    }
    for index, entry in enumerate(program.entries(program.parts(SOURCE), SOURCE)):
        file_entries.normalise(index, entry)


def test_the_core_brings_the_packages_own_files() -> None:
    paths = {entry["path"] for entry in program.entries(["core"], SOURCE)}
    assert {f"{program.PYTHON}/ringmaster/{name}" for name in ("__init__.py", "command.py", "core")} <= paths


def test_an_unknown_part_is_named() -> None:
    with pytest.raises(ValueError, match="has no part 'rediss'; it has: archives, backup, "):
        program.entries(["rediss"], SOURCE)


def test_a_digest_follows_every_file_and_no_cache(tmp_path: Path) -> None:
    folder = tmp_path / "ringmaster"
    shutil.copytree(SOURCE, folder, ignore=shutil.ignore_patterns("__pycache__"))
    before = {part: program.digest(folder, part) for part in program.parts(folder)}
    assert before == {part: program.digest(SOURCE, part) for part in program.parts(SOURCE)}
    (folder / "redis/__pycache__").mkdir()
    (folder / "redis/__pycache__/x.pyc").write_text("compiled")
    assert program.digest(folder, "redis") == before["redis"]
    (folder / "redis/client.py").write_text("changed")
    (folder / "command.py").write_text("changed")
    changed = {part for part in before if program.digest(folder, part) != before[part]}
    assert changed == {"core", "redis"}


@pytest.mark.parametrize(
    ("records", "said"),
    [
        ({}, "core (missing), redis (missing)"),
        ({"core": "right"}, "redis (missing)"),
        ({"core": "right", "redis": "old"}, "redis (of another version)"),
    ],
)
def test_files_are_refused_where_the_program_does_not_go_with_them(
    records: dict[str, str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for part, digest in records.items():
        (tmp_path / part).write_text(f"{digest}\n")
    monkeypatch.setattr(program.lacking, "__defaults__", (tmp_path,))
    wanted = tmp_path / "wanted"
    options = {
        "payload": file_entries.pack([{"path": str(wanted), "state": "file", "raw": b"text"}]),
        "needed": {"core": "right", "redis": "right"},
    }
    result = file_run.run(options, check_mode=False, diff_mode=False)
    assert result["failed"] and said in result["msg"] and "playbooks/base.yml" in result["msg"]
    assert not wanted.exists()
    # In check mode, role machine has only said that it would bring it.
    assert not file_run.run(options, check_mode=True, diff_mode=False).get("failed")
    for part in ("core", "redis"):
        (tmp_path / part).write_text("right\n")
    assert file_run.run(options, check_mode=False, diff_mode=False)["changed"]


def test_what_is_looked_for_is_found_before_anything_changes(tmp_path: Path) -> None:
    (tmp_path / "lib/inner/__pycache__").mkdir(parents=True)
    for name in ("lib/one", "lib/inner/two", "lib/inner/__pycache__/two.pyc", "lib/.hidden", "other"):
        (tmp_path / name).write_text("text")
    (tmp_path / "lib/link").symlink_to("nowhere")
    options = {
        "payload": file_entries.pack([{"path": f"{tmp_path}/lib/one", "state": "absent"}]),
        "look_for": [f"{tmp_path}/lib/**/*", f"{tmp_path}/none*"],
    }
    result = file_run.run(options, check_mode=False, diff_mode=False)
    assert result["found"] == [f"{tmp_path}/lib/{name}" for name in (".hidden", "inner/two", "link", "one")]
    assert result["changed"]
