# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Actions whose modules run on machines: what is registered is what the plugin declares, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible_collections.ringmaster.hosting.plugins.module_utils.values.answers import (
    AnswerError,
    Flag,
    Kind,
    ListOf,
    MapOf,
    Maybe,
    Number,
    Plain,
    Record,
    Text,
    judge,
)

from . import refusals

SENTENCES = ListOf(Text(), 10_000)
"""What was done, for people."""
REASONS = MapOf(Text(r"[^\x00]{1,500}", 500), Text(), 10_000)
"""Names with reasons, for people."""
PENDING = ListOf(Plain(), 1000)
"""Settings that wait for a restart, for people."""
HOST_KEY = Text(r"(ssh-ed25519|ssh-rsa|ecdsa-sha2-nistp\d+) [A-Za-z0-9+/]+={0,2}", 2000, "a public host key")
MACHINE = Text(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", 63, "the name of a machine")
DIGEST = Text(r"[0-9a-f]{64}", 64, "a SHA-256")
SIZE = Number(0)
VOLUME = Text(r"[\w.+-]{0,200}", 200, "the name of a volume")
PATH = Text(r"(/[\w.+@:/-]*)?", 1000, "a path, or nothing")

COMMON: dict[str, Kind] = {
    **dict.fromkeys(("changed", "failed", "unreachable", "skipped"), Flag()),
    **dict.fromkeys(("msg", "module_stdout", "module_stderr"), Text(most=100_000)),
    "rc": Maybe(Number()),
    "diff": Maybe(Plain(most=10_000_000)),
}
"""What every module may answer."""
OF_A_PATH: dict[str, Kind] = {
    **dict.fromkeys(("uid", "gid", "size"), Number()),
    **dict.fromkeys(("owner", "group", "mode", "state", "secontext"), Text(most=1000)),
}
"""What ansible-core's part of a module adds to an answer that has a ``path`` or ``dest``."""
KEPT = ("warnings", "deprecations", "exception", "invocation", "ansible_facts", "_ansible_parsed")
"""What ansible-core puts into a result itself, or has its own form for; the connection has judged what came of it."""


def machine_of(task: Any, variables: Mapping[str, Any]) -> str:
    """Return the name of the machine that answers a task."""
    return str(task.delegate_to or variables.get("inventory_hostname") or "the machine")


def refusal(error: AnswerError) -> AnsibleActionFail:
    """Return what an action fails with where an answer is not taken, and remember that it was not."""
    refusals.refused(error.machine, str(error))
    return AnsibleActionFail(str(error))


def judged(
    result: Mapping[str, Any], expected: Mapping[str, Kind], machine: str, what: str, *, by_ansible: bool = True
) -> dict[str, Any]:
    """Return of a result what is expected; raises AnsibleActionFail, naming the machine, for anything else.

    :param by_ansible: ansible-core has made the result; False for what a machine answered past it.
    """
    names = KEPT if by_ansible else ()
    kept = {name: result[name] for name in names if name in result}
    answer = {name: value for name, value in result.items() if name not in names}
    added = OF_A_PATH if expected.keys() & {"path", "dest"} else {}
    try:
        return {**judge(Record({}, {**COMMON, **added, **expected}), answer, machine=machine, what=what), **kept}
    except AnswerError as error:
        raise refusal(error) from error


def nothing_to_do(**more: Any) -> dict[str, Any]:
    """Return what a module of ours answers that has nothing to do."""
    return {"changed": False, "diff": {"before": "", "after": ""}, **more}


class JudgedAction(ActionBase):
    """Runs the module of the same name, and returns what is expected of its answer."""

    EXPECTED: ClassVar[dict[str, Kind]] = {}
    """What the module answers beside what all do."""

    _supports_check_mode = True
    _supports_async = True

    def expected(self) -> Mapping[str, Kind]:
        """Return what is expected of this call; for what depends on what was asked."""
        return self.EXPECTED

    def as_wanted(self) -> dict[str, Any] | None:
        """Return what the module would answer where a plain command shows that it has nothing to do, else None.

        For modules that run often and seldom change something: Ansible's own library is most of what they take, seconds
        for each call in an emulated VM. The command must print nothing that is registered.
        """
        return None

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Run the module, unless a quick look shows that there is nothing to do."""
        super().run(tmp, task_vars)
        variables = task_vars or {}
        if not self._task.async_val and (answer := self.as_wanted()) is not None:
            return answer
        # By its full name: 'action' plugins and modules are found by one.
        answer = self._execute_module(
            module_name=self._task.resolved_action or self._task.action,
            task_vars=variables,
            wrap_async=bool(self._task.async_val),
        )
        if self._task.async_val:
            return answer  # type: ignore[no-any-return]  # how it began; what it answered is asked for later
        return judged(answer, self.expected(), machine_of(self._task, variables), f"the answer of {self._task.action}")
