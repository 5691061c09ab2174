# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What one call of module ``files`` does on the machine, from its options to its result."""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ansible_collections.ringmaster.hosting.plugins.module_utils.machine import (
    file_apply,
    file_plan,
    file_rollback,
    program,
)

CACHE = "__pycache__"
UNITS = "/etc/systemd/system/"
SYSTEMD = Path("/run/systemd/system")
"""There where systemd runs."""
RELOAD = "systemctl daemon-reload"


def unpack(payload: str) -> list[file_plan.Entry]:
    """Return the entries that the action plugin packed."""
    entries = json.loads(zlib.decompress(base64.b64decode(payload)))
    for entry in entries:
        entry["content"] = base64.b64decode(entry.get("content", ""))
        entry["lines"] = tuple(map(tuple, entry.get("lines", ())))
        entry.update({key: tuple(entry.get(key, ())) for key in ("purge", "apply")})
    return [file_plan.Entry(**entry) for entry in entries]


def run(options: Mapping[str, Any], *, check_mode: bool, diff_mode: bool) -> dict[str, Any]:
    """Converge the entries of ``options`` or confirm a guarded change; a failure is a result, too."""
    try:
        if options.get("payload"):
            _require(options.get("needed") or {}, check_mode)
            return _converge(options, check_mode, diff_mode)
        if options.get("token"):
            state, result = file_rollback.confirm(options["token"])
            return {"changed": False, "guarded_state": state, "guarded_result": result}
    except file_plan.FilesError as error:
        return {"failed": True, "msg": str(error), "problems": error.problems}
    return {"failed": True, "msg": "ringmaster.hosting.files works only through its action plugin"}


def _require(needed: Mapping[str, str], check_mode: bool) -> None:
    """Refuse to go on where role machine has not been, or was of another version of the collection."""
    lacking = [] if check_mode else program.lacking(needed)
    if lacking:
        raise file_plan.FilesError(
            [
                f"This machine's program does not go with these files: {', '.join(lacking)}. Nothing was changed."
                " Run playbooks/base.yml (VMs) or playbooks/machine.yml (other machines) first; site.yml does both."
            ]
        )


def _found(patterns: Sequence[str]) -> list[str]:
    """Return files and links; what Python keeps beside its sources is not looked at."""
    paths = {path for pattern in patterns for path in Path("/").glob(pattern.lstrip("/"))}
    return sorted(str(path) for path in paths if (path.is_symlink() or path.is_file()) and CACHE not in path.parts)


def _converge(options: Mapping[str, Any], check_mode: bool, diff_mode: bool) -> dict[str, Any]:
    plan = file_plan.plan(unpack(options["payload"]), check_mode=check_mode)
    probe = options.get("applied_if")
    drift = file_apply.run_command(probe) if probe and not plan.changes else ""
    commands = plan.commands
    if plan.changes or drift:
        commands = list(dict.fromkeys([*commands, *(options.get("apply") or [])]))
    if SYSTEMD.is_dir() and RELOAD not in commands and any(path.startswith(UNITS) for path in plan.paths):
        # Else systemd would go on with what it has read before, and start a program that may be gone.
        commands = [RELOAD, *commands]
    found = _found(options.get("look_for") or [])
    result: dict[str, Any] = {
        "changed": bool(plan.changes or drift),
        "changed_paths": plan.paths,
        "applied": commands,
        **({"found": found} if options.get("look_for") else {}),
    }
    if diff_mode:
        result["diff"] = file_plan.diff(plan.changes)
        if drift:
            said = drift.partition("): ")[2] or drift
            result["diff"].append({"before": f"running state differs: {said}\n", "after": "applied again\n"})
    if check_mode:
        result["notes"] = plan.notes + file_apply.check_validators(plan.changes)
    elif result["changed"]:
        _apply(options, plan, commands, result)
    return result


def _apply(options: Mapping[str, Any], plan: file_plan.Plan, commands: list[str], result: dict[str, Any]) -> None:
    """Carry the plan out, guarded where asked for."""
    seconds, token = int(options.get("confirm_within") or 0), options.get("token") or ""
    if seconds:
        file_rollback.arm(token, plan.changes, commands, seconds)
    try:
        file_apply.apply(plan.changes, options.get("verify") or "", commands)
    except file_plan.FilesError:
        if seconds:
            file_rollback.disarm(token)
        raise
    if seconds:
        file_rollback.finished(token, result)
