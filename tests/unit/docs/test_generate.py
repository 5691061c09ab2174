# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Everything that generators write is current, and one that is not is named."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
GENERATOR = """\
#!/usr/bin/env -S bin/generate
import beside


def pages():
    return {"docs/made/page.md": beside.TEXT, "docs/made/below/other.md": "other\\n"}
"""


def generate(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, str(folder / "bin/generate"), *words]
    return subprocess.run(argv, cwd="/", capture_output=True, text=True, check=False)


def test_what_is_generated_is_current() -> None:
    done = generate(ROOT, "--check")
    assert done.returncode == 0, done.stderr


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """A repository with one generator, which has a module beside it."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "docs/made").mkdir(parents=True)
    shutil.copy2(ROOT / "bin/generate", tmp_path / "bin")
    (tmp_path / "docs/made/generate").write_text(GENERATOR)
    (tmp_path / "docs/made/beside.py").write_text('TEXT = "page\\n"\n')
    (tmp_path / ".venv/bin").mkdir(parents=True)
    (tmp_path / ".venv/bin/python").symlink_to(sys.executable)
    return tmp_path


def test_check_names_what_is_missing_or_old_and_writes_nothing(small: Path) -> None:
    (small / "docs/made/page.md").write_text("old\n")
    done = generate(small, "--check")
    assert done.returncode == 1
    assert "not current: docs/made/page.md, docs/made/below/other.md" in done.stderr
    assert (small / "docs/made/page.md").read_text() == "old\n"


def test_without_check_all_is_written_and_current(small: Path) -> None:
    assert generate(small).returncode == 0
    assert (small / "docs/made/page.md").read_text() == "page\n"
    assert (small / "docs/made/below/other.md").read_text() == "other\n"
    assert generate(small, "--check").returncode == 0


def test_a_generator_is_a_program_too(small: Path) -> None:
    program = small / "docs/made/generate"
    program.chmod(0o755)
    done = subprocess.run([program, "--check"], cwd=small, capture_output=True, text=True, check=False)
    assert "not current: docs/made/page.md" in done.stderr


def test_every_generator_is_run_by_bin_generate() -> None:
    found = [path for path in ROOT.rglob("generate") if path.is_file() and not {".venv", ".lab"} & {*path.parts}]
    assert len(found) > 4
    first = {path.relative_to(ROOT).as_posix(): path.read_text().splitlines()[0] for path in found}
    assert first.pop("bin/generate") == "#!/usr/bin/env -S .venv/bin/python"
    assert set(first.values()) == {"#!/usr/bin/env -S bin/generate"}
