# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Controller side of ``ringmaster.hosting.files``: render and read everything, then one module call."""

from __future__ import annotations

import shlex
import time
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleActionFail, AnsibleConnectionFailure, AnsibleError
from ansible.plugins.action import ActionBase
from ansible.template import trust_as_template
from ansible_collections.ringmaster.hosting.plugins.module_utils.machine import file_entries, file_script, program
from ansible_collections.ringmaster.hosting.plugins.module_utils.values.answers import (
    AnswerError,
    Choice,
    Kind,
    ListOf,
    MapOf,
    Plain,
    Text,
    visible,
)
from ansible_collections.ringmaster.hosting.plugins.plugin_utils.judged_action import (
    SENTENCES,
    judged,
    machine_of,
    refusal,
)

MANAGED = "Managed by Ringmaster: changes made here will be overwritten"
PATIENCE = 30  # seconds at most after the deadline in which the host must be reachable again to say what happened
PATH = Text(r"/[^\x00-\x1f\x7f]*", 4096, "a path")
EXPECTED: dict[str, Kind] = {
    "changed_paths": ListOf(PATH, 100_000),
    "found": ListOf(PATH, 100_000),
    "applied": SENTENCES,
    "notes": SENTENCES,
    "problems": SENTENCES,
    "guarded_state": Choice(("confirmed", "running", "rolled_back", "unknown")),
    "guarded_result": MapOf(Text("[a-z_]+", 40), Plain(), 20),
}
"""What a machine answers."""


class ActionModule(ActionBase):
    """Renders on the controller; nothing is copied in separate round trips."""

    TRANSFERS_FILES = False
    _VALID_ARGS = frozenset(
        ("files", "program", "look_for", "verify", "apply", "applied_if", "confirm_within", "confirm_at")
    )

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Render, send, and add the handlers that the changed paths ask for."""
        super().run(tmp, task_vars)
        variables = task_vars or {}
        raw = self._task.args.get("files")
        if not isinstance(raw, list):
            raise AnsibleActionFail("ringmaster.hosting.files needs 'files', a list of entries")
        try:
            entries = self._entries(raw, variables)
            file_entries.reject_duplicates(entries)
            payload = file_entries.pack(entries)
        except file_entries.EntryError as error:
            raise AnsibleActionFail(str(error)) from error
        own = ("files", "program", "confirm_at")
        options = {key: value for key, value in self._task.args.items() if key not in own}
        needed = program.needed(self._task.args["program"], program.source()) if self._task.args.get("program") else {}
        arguments = {**options, "payload": payload, "needed": needed}
        if int(options.get("confirm_within") or 0) and not self._task.check_mode:
            result = self._guarded(arguments, variables, str(self._task.args.get("confirm_at") or ""))
        else:
            result = self._module(arguments, variables)
        self._require_own_paths(entries, result, variables)
        self._notify(entries, set(result.get("changed_paths", ())))
        return result

    def _module(self, options: dict[str, Any], variables: dict[str, Any]) -> dict[str, Any]:
        """Run once on the machine, the quick way where pipelining allows it."""
        result: dict[str, Any]
        is_quick = self._is_pipelining_enabled("new") and not self._task.async_val
        if is_quick:
            result = self._quick(options, variables)
        else:
            result = self._execute_module(
                module_name="ringmaster.hosting.files", module_args=options, task_vars=variables
            )
            result.pop("invocation", None)  # only the opaque payload
        machine = machine_of(self._task, variables)
        result = judged(result, EXPECTED, machine, "the answer of files", by_ansible=not is_quick)
        for note in result.pop("notes", []):
            self._display.warning(f"{self._task.get_name()}: {note}")
        return result

    def _quick(self, options: dict[str, Any], variables: dict[str, Any]) -> dict[str, Any]:
        script = file_script.script(options, check_mode=self._task.check_mode, diff_mode=self._task.diff)
        python = str(variables.get("ansible_python_interpreter") or "/usr/bin/python3")
        python = python if python.startswith("/") else "/usr/bin/python3"
        done = self._low_level_execute_command(f"{shlex.quote(python)} -", in_data=script)
        machine = machine_of(self._task, variables)
        try:
            result = file_script.parse(done["stdout"], machine)
        except AnswerError as error:
            raise refusal(error) from error
        if result is None:
            said = visible((done["stderr"] or done["stdout"])[-2000:]).strip().splitlines()
            raise AnsibleActionFail(
                f"{python} on {machine} ended with exit code {done['rc']} and no result: {' | '.join(said[-5:])}"
            )
        return result

    def _guarded(self, arguments: dict[str, Any], variables: dict[str, Any], address: str) -> dict[str, Any]:
        """Make a change that takes itself back, and confirm it over a new connection."""
        token = uuid.uuid4().hex
        result: dict[str, Any] = {}
        try:
            result = self._module({**arguments, "token": token}, variables)
            if result.get("failed") or not result.get("changed"):
                return result
        except AnsibleConnectionFailure as error:
            self._display.warning(f"The connection was lost during the change ({error}); trying a new one.")
        within = int(arguments["confirm_within"])
        deadline = time.monotonic() + within + min(within, PATIENCE)
        reason: object = ""
        while time.monotonic() < deadline:
            try:
                self._connection.reset()
                if address:
                    self._connection.set_option("host", address)
                answer = self._module({"token": token}, variables)
            except AnsibleConnectionFailure as error:
                reason = error
            else:
                state = answer.get("guarded_state")
                if state == "confirmed":
                    return result or judged(
                        answer.get("guarded_result", {}),
                        EXPECTED,
                        machine_of(self._task, variables),
                        "the kept answer",
                        by_ansible=False,
                    )
                if state != "running":
                    break
                reason = "the change is still being made"
            time.sleep(2)
        raise AnsibleActionFail(
            f"The change was not confirmed within {within} s and the host has taken it"
            f" back: after it, no new connection could be made{f' ({reason})' if reason else ''}."
        )

    def _entries(self, raw: list[Any], variables: dict[str, Any]) -> list[dict[str, Any]]:
        entries: list[dict[str, Any]] = []
        for index, item in enumerate(raw):
            entry = file_entries.normalise(index, item)
            if not entry.pop("when", True):
                continue
            if "tree" in entry:
                entries += self._tree(entry)
                continue
            if "lines" in entry:
                entry["raw"] = b""
            if "content" in entry:
                entry["raw"] = entry["content"].encode()
            elif "template" in entry:
                entry["raw"] = self._render(entry, variables).encode()
            elif "src" in entry:
                entry["raw"] = Path(self._find("files", entry["src"], entry)).read_bytes()
            entries.append(entry)
        return entries

    def _find(self, folder: str, name: str, entry: Mapping[str, Any]) -> str:
        try:
            return self._find_needle(folder, name)
        except AnsibleError as error:
            raise AnsibleActionFail(f"{entry['path']}: no '{name}' in any {folder}/ folder") from error

    def _tree(self, entry: dict[str, Any]) -> list[dict[str, Any]]:
        root = Path(self._find("files", entry["tree"], entry))
        if not root.is_dir():
            raise AnsibleActionFail(f"{entry['path']}: tree '{root}' is not a folder; use 'src' for one file")
        inherited: dict[str, Any] = {
            key: entry[key] for key in ("owner", "group", "notify", "apply", "sensitive") if key in entry
        }
        return [
            found if found["state"] == "directory" else {**inherited, **found}
            for found in file_entries.read_tree(root, entry["path"])
        ]

    def _render(self, entry: dict[str, Any], variables: dict[str, Any]) -> str:
        """Render a template of the role. Only the file's own text is trusted as a template, not the data."""
        source = self._find("templates", entry["template"], entry)
        text = trust_as_template(self._loader.get_text_file_contents(source))
        search = [*variables.get("ansible_search_path", []), self._loader.get_basedir()]
        places = [Path(place) for place in search] + [Path(source).parent]
        available = {
            "ansible_managed": MANAGED,
            **variables,
            **entry.get("vars", {}),
            "template_path": entry["template"],
            "template_destpath": entry["path"],
        }
        templar = self._templar.copy_with_new_env(
            searchpath=[path for place in places for path in (str(place / "templates"), str(place))],
            available_variables=available,
        )
        overrides = {"trim_blocks": True, "lstrip_blocks": False, "newline_sequence": "\n"}
        rendered = templar.template(text, escape_backslashes=False, overrides=overrides)
        return "" if rendered is None else str(rendered)

    def _require_own_paths(
        self, entries: list[dict[str, Any]], result: dict[str, Any], variables: dict[str, Any]
    ) -> None:
        """Refuse paths that were not sent to the machine: what follows a change follows from them."""
        sent = {str(entry["path"]) for entry in entries}
        above = {str(folder) for path in sent for folder in Path(path).parents}
        purged = {str(entry["path"]) for entry in entries if entry.get("purge")}
        for path in result.get("changed_paths", ()):
            if path not in sent and path not in above and str(Path(path).parent) not in purged:
                machine = machine_of(self._task, variables)
                raise refusal(AnswerError(machine, "a changed path of files", path, "a path that was sent there"))

    def _notify(self, entries: list[dict[str, Any]], changed: set[str]) -> None:
        """Add handlers of changed entries to the task's own; the executor reports them after the action."""
        wanted: list[str] = []
        for entry in entries:
            purged = entry.get("purge") and any(str(Path(path).parent) == entry["path"] for path in changed)
            if purged or entry["path"] in changed:
                wanted += entry.get("notify", ())
        if wanted:
            self._task.notify = list(dict.fromkeys([*(self._task.notify or []), *wanted]))
