# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Let ansible-lint look at the files that this branch changed: all of them take minutes (``make test`` does that)."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]
LINT = ROOT / ".venv/bin/ansible-lint"
#: Where playbooks, roles and variables lie; pages of YAML that Ansible does not read are yamllint's alone.
PLACES = ("playbooks", "roles", "molecule", "requirements.yml")
TRUNKS = ("@{upstream}", "main", "HEAD")


def git(*words: str) -> str:
    """Return what git says, and nothing where it fails."""
    done = subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=False)
    return "" if done.returncode else done.stdout.strip()


def changed() -> list[str]:
    """Return the YAML files that differ from where this branch began, those that git does not know yet included."""
    base = next(filter(None, (git("merge-base", "HEAD", trunk) for trunk in TRUNKS)), "HEAD")
    names = git("diff", "--name-only", "--diff-filter=d", base, "--", *PLACES).splitlines()
    names += git("ls-files", "--others", "--exclude-standard", "--", *PLACES).splitlines()
    # What is named to it, ansible-lint looks at, although its own settings leave it out.
    left_out = tuple(yaml.safe_load((ROOT / ".ansible-lint").read_text(encoding="utf-8"))["exclude_paths"])
    return sorted({name for name in names if name.endswith((".yml", ".yaml")) and not name.startswith(left_out)})


def main() -> int:
    """Run ansible-lint; return its exit code."""
    files = changed()
    if not files:
        print("no file of Ansible's differs from where this branch began")
        return 0
    return subprocess.run([LINT, "-q", *files], cwd=ROOT, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
