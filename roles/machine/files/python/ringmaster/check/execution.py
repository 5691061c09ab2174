# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run checks side by side, each as its user, in its own process group, with its own time limit."""

from __future__ import annotations

import importlib.util
import os
import pwd
import selectors
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import NoReturn

from ringmaster.check import confinement
from ringmaster.check.definitions import Definition
from ringmaster.core.checks import CRITICAL, UNKNOWN
from ringmaster.core.report import printable

AT_ONCE = 4
# Of a project's own checks, so many of one account at once: it cannot let others' wait for its own.
OF_ONE_ACCOUNT = 2
KILL_PATIENCE = 5.0
OUTPUT_LIMIT = 8192
MESSAGE_LIMIT = 400
SIGNALLED = 128  # what a process that waits for another adds to the number of its signal
ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8", "TZ": "UTC"}


@dataclass(frozen=True)
class Outcome:
    """What one run of a check gave. ``started`` is Unix time, ``duration`` seconds."""

    definition: Definition
    status: int
    message: str
    started: float
    duration: float


@dataclass
class _Run:
    definition: Definition
    pid: int
    process: int
    pipe: int
    started: float
    begun: float
    deadline: float
    output: bytearray = field(default_factory=bytearray)
    timed_out: bool = False


class Modules:
    """The ``checks.py`` of parts, each loaded once and before the fork."""

    def __init__(self, folder: Path) -> None:
        """Load from ``folder``, which only root may write when the runner is root."""
        self._folder = folder
        self._loaded: dict[str, ModuleType] = {}

    def function(self, reference: str) -> Callable[..., tuple[int, str]]:
        """Return the function for ``part:name``; any error of loading it is raised."""
        module_name, name = reference.split(":")
        if module_name not in self._loaded:
            path = self._folder / module_name / "checks.py"
            status = path.stat()
            if os.geteuid() == 0 and (status.st_uid != 0 or status.st_mode & 0o022):
                raise PermissionError(f"{path}: only root may own and write it")
            specification = importlib.util.spec_from_file_location(f"ringmaster.{module_name}.checks", path)
            if specification is None or specification.loader is None:
                raise ImportError(f"{path} is not a Python file")
            module = importlib.util.module_from_spec(specification)
            specification.loader.exec_module(module)
            self._loaded[module_name] = module
        found = getattr(self._loaded[module_name], name)
        if not callable(found):
            raise TypeError(f"{reference} is not a function")
        return found


def run_all(
    definitions: Iterable[Definition], modules: Modules, at_once: int = AT_ONCE, seconds: float = float("inf")
) -> list[Outcome]:
    """Run all checks, at most ``at_once`` at a time, and return their outcomes in the order of their ends.

    After so many ``seconds`` none is started any more; those that are left out have no outcome.
    """
    last_start = time.monotonic() + seconds
    waiting = list(definitions)[::-1]
    running: dict[int, _Run] = {}
    outcomes: list[Outcome] = []
    with selectors.DefaultSelector() as selector:
        while waiting or running:
            if time.monotonic() > last_start:
                waiting.clear()
            while (chosen := _choose(waiting, running)) is not None and len(running) < at_once:
                waiting.remove(chosen)
                started = _start(chosen, modules)
                if isinstance(started, Outcome):
                    outcomes.append(started)
                    continue
                running[started.pid] = started
                selector.register(started.pipe, selectors.EVENT_READ, ("output", started))
                selector.register(started.process, selectors.EVENT_READ, ("end", started))
            if not running:
                continue
            limit = max(0.0, min(run.deadline for run in running.values()) - time.monotonic())
            for key, _mask in selector.select(limit):
                what, run = key.data
                if run.pid not in running:  # its end came earlier in this round, and its pipe is closed
                    continue
                if what == "output":
                    if not _read(run) and run.pipe in selector.get_map():
                        selector.unregister(run.pipe)
                else:
                    del running[run.pid]
                    outcomes.append(_finish(run, selector))
            now = time.monotonic()
            for run in [run for run in running.values() if now >= run.deadline]:
                if run.timed_out:
                    del running[run.pid]
                    outcomes.append(_give_up(run, selector))
                    continue
                run.timed_out = True
                run.deadline = now + KILL_PATIENCE
                _kill_group(run.pid)
    return outcomes


def _choose(waiting: list[Definition], running: dict[int, _Run]) -> Definition | None:
    """Return the next check whose account has not its share running already."""
    busy = Counter(run.definition.user for run in running.values() if run.definition.is_foreign)
    return next((one for one in reversed(waiting) if not one.is_foreign or busy[one.user] < OF_ONE_ACCOUNT), None)


def _start(definition: Definition, modules: Modules) -> _Run | Outcome:
    begun, started = time.monotonic(), time.time()
    try:
        account = pwd.getpwnam(definition.user)
        function = modules.function(definition.function) if definition.function else None
        if os.geteuid() not in (0, account.pw_uid):
            raise PermissionError(f"only root can run it as '{definition.user}'")
    except KeyError:
        return Outcome(definition, UNKNOWN, f"The user '{definition.user}' does not exist.", started, 0.0)
    except Exception as error:  # a broken check file must not stop the other checks
        message = f"Cannot be started: {type(error).__name__}: {error}"
        return Outcome(definition, UNKNOWN, one_line(message), started, 0.0)
    reader, writer = os.pipe2(os.O_CLOEXEC)
    os.set_blocking(reader, False)
    sys.stdout.flush()
    sys.stderr.flush()
    pid = os.fork()
    if pid == 0:
        _child(definition, function, account, writer)
    os.close(writer)
    return _Run(definition, pid, os.pidfd_open(pid), reader, started, begun, deadline=begun + definition.timeout)


def _child(
    definition: Definition,
    function: Callable[..., tuple[int, str]] | None,
    account: pwd.struct_passwd,
    writer: int,
) -> NoReturn:
    """Become the check. Never returns into the runner, whatever happens."""
    status = UNKNOWN
    try:
        os.setsid()
        null = os.open(os.devnull, os.O_RDWR)
        os.dup2(null, 0)
        os.dup2(writer, 1)
        os.dup2(writer, 2)
        if definition.is_foreign and os.geteuid() == 0:
            confinement.enter()
            confinement.limit(account.pw_uid, definition.timeout)
        if os.geteuid() == 0:
            os.initgroups(account.pw_name, account.pw_gid)
            os.setgid(account.pw_gid)
            os.setuid(account.pw_uid)
        os.chdir("/")
        os.umask(0o077)
        if definition.is_foreign:
            confinement.keep_rights_down()
        environment = {**ENVIRONMENT, "HOME": account.pw_dir, "USER": account.pw_name}
        if function is None:
            os.execve(definition.command[0], definition.command, environment)
        os.environ.clear()
        os.environ.update(environment)
        status, message = function(**definition.arguments)  # type: ignore[misc]
        os.write(1, message.encode(errors="replace"))
    except BaseException as error:  # the child must end here
        status = UNKNOWN
        place = definition.command[0] if definition.command else definition.function
        os.write(1, f"{place} failed: {type(error).__name__}: {error}".encode(errors="replace"))
    finally:
        os._exit(status)


def _read(run: _Run) -> bool:
    """Take what is in the pipe; keep the beginning only. False at its end."""
    try:
        chunk = os.read(run.pipe, 65536)
    except BlockingIOError:
        return True
    run.output += chunk[: max(0, OUTPUT_LIMIT - len(run.output))]
    return bool(chunk)


def _finish(run: _Run, selector: selectors.BaseSelector) -> Outcome:
    _kill_group(run.pid)  # what the check left behind; until waitpid, the number is nobody else's
    _pid, wait_status = os.waitpid(run.pid, 0)
    while _has_more(run):
        pass
    _forget(run, selector)
    code = os.waitstatus_to_exitcode(wait_status)
    text = one_line(run.output.decode(errors="replace"))
    if run.timed_out:
        status, message = CRITICAL, f"No answer within {run.definition.timeout} s."
        if text:
            message += f" So far: {text}"
    elif code < 0 or (run.definition.is_foreign and code > SIGNALLED):
        number = -code if code < 0 else code - SIGNALLED
        status, message = UNKNOWN, f"Ended by {_signal(number)}. {text}".strip()
    elif code > UNKNOWN:
        status, message = UNKNOWN, f"Exit code {code}, which is none of 0 to 3. {text}".strip()
    else:
        status, message = code, text or "The check said nothing."
    return Outcome(run.definition, status, message, run.started, time.monotonic() - run.begun)


def _signal(number: int) -> str:
    try:
        return f"signal {signal.Signals(number).name}"
    except ValueError:
        return f"signal {number}"


def _give_up(run: _Run, selector: selectors.BaseSelector) -> Outcome:
    """Leave a process alone that even SIGKILL does not end (it hangs in the kernel)."""
    _forget(run, selector)
    message = f"No answer within {run.definition.timeout} s, and process {run.pid} cannot be killed."
    return Outcome(run.definition, CRITICAL, message, run.started, time.monotonic() - run.begun)


def _forget(run: _Run, selector: selectors.BaseSelector) -> None:
    for descriptor in (run.pipe, run.process):
        if descriptor in selector.get_map():
            selector.unregister(descriptor)
        os.close(descriptor)


def _has_more(run: _Run) -> bool:
    before = len(run.output)
    return _read(run) and before < len(run.output) < OUTPUT_LIMIT


def _kill_group(pid: int) -> None:
    try:
        os.killpg(pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return


def one_line(text: str) -> str:
    """Return the first line with text, without performance data and control characters, shortened."""
    for line in text.splitlines():
        clean = printable(line.split("|")[0], " ").strip()
        if clean:
            return clean if len(clean) <= MESSAGE_LIMIT else clean[: MESSAGE_LIMIT - 1] + "…"
    return ""
