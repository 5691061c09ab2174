# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run ``file_run`` on a machine without Ansible's module machinery.

Unpacking and compiling AnsibleModule takes three quarters of the time of a module that has little to do; in
an emulated VM that is seconds for every call. The files that do the work need the standard library only, so
they are sent as one script to the interpreter's standard input.
"""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ansible_collections.ringmaster.hosting.plugins.module_utils.values import answers

PACKAGE = "ansible_collections.ringmaster.hosting.plugins.module_utils.machine"
#: In the order in which they import each other.
SOURCES = ("program", "file_plan", "file_apply", "file_rollback", "file_run")
MARKER = "RINGMASTER-RESULT:"

SCRIPT = """\
import base64, json, sys, types, zlib
blob = json.loads(zlib.decompress(base64.b64decode({blob!r})))
package = sys.modules[{package!r}] = types.ModuleType({package!r})
for name, source in blob["sources"]:
    module = types.ModuleType({package!r} + "." + name)
    sys.modules[module.__name__] = module
    setattr(package, name, module)
    exec(compile(source, name + ".py", "exec"), module.__dict__)
print({marker!r} + json.dumps(package.file_run.run(blob["options"], **blob["modes"])))
"""


def script(options: Mapping[str, Any], *, check_mode: bool, diff_mode: bool) -> bytes:
    """Return the program for ``python3 -`` on the machine."""
    folder = Path(__file__).parent
    blob = {
        "sources": [(name, (folder / f"{name}.py").read_text(encoding="utf-8")) for name in SOURCES],
        "options": dict(options),
        "modes": {"check_mode": check_mode, "diff_mode": diff_mode},
    }
    packed = base64.b64encode(zlib.compress(json.dumps(blob).encode())).decode()
    return SCRIPT.format(blob=packed, package=PACKAGE, marker=MARKER).encode()


def parse(stdout: str, machine: str) -> dict[str, Any] | None:
    """Return the result among what the machine printed; None if there is none. Raises AnswerError."""
    line = line_of(stdout)
    if not line:
        return None
    said = answers.parse(line.removeprefix(MARKER), machine=machine, what="the answer of files")
    if not isinstance(said, dict):
        raise answers.AnswerError(machine, "the answer of files", said, "a map")
    return said


def line_of(stdout: str) -> str:
    """Return the line with the result among what a machine printed, the last one; empty if there is none."""
    return next((line for line in reversed(stdout.splitlines()) if line.startswith(MARKER)), "")
