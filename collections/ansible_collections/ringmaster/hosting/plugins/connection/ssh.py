# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ansible's own connection over ssh, for machines that are not trusted."""

from __future__ import annotations

DOCUMENTATION = r"""
name: ssh
short_description: Connect by ssh to a machine that is not trusted
description:
  - P(ansible.builtin.ssh#connection) with the same options, in which what the machine says is bounded and judged.
  - What it answers at most, in bytes and seconds, is limited; whoever exceeds it fails its own task.
  - The results of modules are read strictly. Nothing in them changes the inventory, the variables of a host or the
    run, and control characters in them are escaped.
  - The operator's SSH agent and screen are not lent to it, unless C(ansible_ssh_common_args) says so.
  - The inventory plugin P(ringmaster.hosting.platform#inventory) gives it to all machines.
author:
  - Ringmaster contributors (@ringmaster)
version_added: 0.1.0
extends_documentation_fragment:
  - ringmaster.hosting.ssh
  - ansible.builtin.connection_pipelining
options:
  answer_bytes:
    description: What one command may answer at most, both outputs together.
    type: int
    default: 16777216
    env:
      - name: RINGMASTER_ANSWER_BYTES
    vars:
      - name: ringmaster_answer_bytes
  answer_seconds:
    description:
      - How long one command may take at most. Sending files adds a second for each MiB.
      - Playbooks for what takes long, such as restores, set more by themselves.
    type: int
    default: 1800
    env:
      - name: RINGMASTER_ANSWER_SECONDS
    vars:
      - name: ringmaster_answer_seconds
  fetched_bytes:
    description: How large a file that is fetched may be at most.
    type: int
    default: 1073741824
    env:
      - name: RINGMASTER_FETCHED_BYTES
    vars:
      - name: ringmaster_fetched_bytes
  take_facts:
    description:
      - Take C(ansible_facts) from the machine's modules, those whose names begin with C(ansible_).
      - Facts stand above variables of the inventory, so that this trusts the machine.
    type: bool
    default: false
    env:
      - name: RINGMASTER_TAKE_FACTS
    vars:
      - name: ringmaster_take_facts
  machine:
    description: What the machine is called in errors.
    type: str
    default: the machine
    vars:
      - name: inventory_hostname
"""

import errno
import os
import resource
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleAuthenticationFailure, AnsibleConnectionFailure, AnsibleError
from ansible.plugins.connection import ssh
from ansible_collections.ringmaster.hosting.plugins.module_utils.values import answers
from ansible_collections.ringmaster.hosting.plugins.plugin_utils import bounded, module_answer, refusals

MODULE_FILE = "AnsiballZ_"
"""In the command that runs a module which was sent as a file."""
MIB = 1024 * 1024
LENT = ("-o", "ForwardAgent=no", "-o", "ForwardX11=no")
"""Root of the machine would use the operator's keys, or screen. Arguments of the operator's own come before it."""
COMPLAINT = 5000
"""Characters that are shown of what ssh says when a machine was not reached: the end, its banner comes first."""
NO_ANSWER = 255
"""ssh's own exit code: the machine was not reached."""
PREAMBLE = 64 * 1024
"""Bytes that may come before we have become another user."""

# ansible-core 2.21 has another name for it.
_clean = getattr(ssh, "_clean_resources", None) or ssh._clean_shm
"""Decorator that takes back what was shared with ssh's question for a password."""


class AnswerRefusedError(AnsibleError):
    """The machine was reached, and what it answered is not taken: asking again is no use."""


class Connection(ssh.Connection):
    """A connection over ssh whose other end is not trusted."""

    transport = "ringmaster.hosting.ssh"

    _allowance = 0.0
    """Seconds more, for a file on its way."""
    _fetched: Path | None = None
    """Where the file goes that is being fetched."""
    _copies = False

    def exec_command(self, cmd: str, in_data: bytes | None = None, sudoable: bool = True) -> tuple[int, bytes, bytes]:
        """Run a command; what a module answers is judged, all else is made fit to be shown."""
        code, stdout, stderr = super().exec_command(cmd, in_data=in_data, sudoable=sudoable)
        if self._copies:
            return code, stdout, stderr
        is_module = in_data is not None or MODULE_FILE in str(cmd)
        try:
            for output in (stdout, stderr):
                module_answer.check_lines(output, self._machine())
            if is_module:
                stdout = module_answer.judged(stdout, self._machine(), take_facts=self.get_option("take_facts"))
        except answers.AnswerError as error:
            raise self._refused(str(error)) from error
        if is_module and code != NO_ANSWER:
            self._remember(code, stdout)
        return code, stdout if is_module else _plain(stdout), stderr

    def _build_command(self, binary: str, subsystem: str, *other_args: bytes | str) -> list[bytes]:
        """Return a command that lends the machine nothing of the operator's, whatever their ssh_config says."""
        command: list[bytes] = super()._build_command(binary, subsystem, *LENT, *other_args)
        return command

    def put_file(self, in_path: str, out_path: str) -> tuple[int, bytes, bytes]:
        """Send a file."""
        try:
            size = Path(in_path).stat().st_size
        except OSError:
            size = 0
        return self._copy(super().put_file, in_path, out_path, allowance=size / MIB)

    def fetch_file(self, in_path: str, out_path: str) -> tuple[int, bytes, bytes]:
        """Fetch a file of limited size."""
        self._fetched = Path(out_path)
        try:
            return self._copy(super().fetch_file, in_path, out_path, allowance=self.get_option("fetched_bytes") / MIB)
        finally:
            self._fetched = None

    def _copy(self, copy: Any, in_path: str, out_path: str, *, allowance: float) -> tuple[int, bytes, bytes]:
        self._copies, self._allowance = True, allowance
        try:
            done: tuple[int, bytes, bytes] = copy(in_path, out_path)
        finally:
            self._copies, self._allowance = False, 0.0
        return done

    def _machine(self) -> str:
        return str(self.get_option("machine"))

    def _remember(self, code: int, answer: bytes) -> None:
        machine = self._machine()
        if module_answer.is_result(answer):
            refusals.heard(machine)
        else:
            said = answers.shown(answer) if answer else f"nothing, with exit code {code}"
            refusals.refused(machine, f"{machine}: the answer of a module is none: {said}")

    def _refused(self, sentence: str) -> AnswerRefusedError:
        refusals.refused(self._machine(), sentence)
        return AnswerRefusedError(sentence)

    @_clean
    def _bare_run(
        self, cmd: list[bytes], in_data: bytes | None, sudoable: bool = True, checkrc: bool = True
    ) -> tuple[int, bytes, bytes]:
        """Run ssh, sftp or scp once, as the inherited function does, within the limits."""
        ssh.display.vvv(f"SSH: EXEC {b' '.join(cmd).decode(errors='replace')}", host=self.host)
        options = self._init_shm()
        # ansible-core before 2.21 has it in the command already.
        cmd = [*getattr(self, "_sshpass_cmd", list)(), *cmd]
        if self.sshpass_pipe:
            options["pass_fds"] = self.sshpass_pipe
        try:
            process, stdin = bounded.start(cmd, terminal=not in_data, **options)
        except OSError as error:
            raise AnsibleError(f"{cmd[0].decode(errors='replace')} cannot be run on the controller: {error}") from error
        if self._fetched:
            limit = self.get_option("fetched_bytes")
            resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (limit, limit))
        self._tell_sshpass(process)
        limits = bounded.Limits(self.get_option("answer_bytes"), self.get_option("answer_seconds") + self._allowance)
        talk = bounded.Talk(process, stdin, limits)
        escalates = sudoable and self.get_option("ssh_executable").encode() in cmd and self.become is not None
        gate = _Escalation(self) if escalates and (self.become.prompt or self.become.success) else None
        try:
            stdout, stderr = talk.run(in_data, gate)
        except bounded.Exceeded as error:
            raise self._refused(f"{self._machine()} {error}, and was cut off") from error
        stderr = _plain(stderr)
        if process.returncode == NO_ANSWER:
            stderr = stderr.decode(errors="replace")[-COMPLAINT:].encode()
        self._complain(process.returncode, stderr, asked=bool(in_data) and checkrc)
        if self._copies and process.returncode:
            stdout = _plain(stdout)  # no content, but a part of what is said about a copy that failed
        return process.returncode, stdout, stderr

    def _tell_sshpass(self, process: Any) -> None:
        """Write the password to sshpass, where that is what asks for it."""
        password = self.get_option("password") or self._play_context.password
        if not self.sshpass_pipe:
            return
        reader, writer = self.sshpass_pipe
        os.close(reader)
        try:
            os.write(writer, str(password).encode() + b"\n")
        except OSError as error:
            if error.errno != errno.EPIPE or process.poll() is None:
                raise
        os.close(writer)
        self.sshpass_pipe = None

    def _complain(self, code: int, stderr: bytes, *, asked: bool) -> None:
        limit = self.get_option("fetched_bytes")
        if code and self._fetched and self._fetched.exists() and self._fetched.stat().st_size >= limit:
            raise self._refused(f"{self._machine()} sent a file of more than {limit} bytes, and was cut off")
        if code != NO_ANSWER:
            return
        said = stderr.decode(errors="replace")
        if "Host key verification failed" in said and (self.get_option("password") or self._play_context.password):
            raise AnsibleAuthenticationFailure(f"no password is sent to {self._machine()}: {said.strip()}")
        if "mux_client_hello_exchange: write packet: Broken pipe" in said:
            raise ssh.AnsibleControlPersistBrokenPipeError(said)
        if asked:
            raise AnsibleConnectionFailure(f"{self._machine()} cannot be reached by ssh: {said.strip()}")


class _Escalation:
    """Wait until the machine has let us become another user, and answer its question for a password once."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.kept = {"stdout": b"", "stderr": b""}
        self.asked = False
        connection._flags = dict.fromkeys(
            ("become_prompt", "become_success", "become_error", "become_nopasswd_error"), False
        )

    def passed(self, talk: bounded.Talk) -> bool:
        """Take the lines about becoming out of what came, and say whether it worked."""
        connection, become = self.connection, self.connection.become
        for name, stream in (("stdout", talk.stdout), ("stderr", talk.stderr)):
            # What comes after the sign of success is none of ours.
            marked = stream.find(str(become.success).encode())
            end = stream.find(b"\n", marked) + 1 if marked >= 0 else 0
            said, after = bytes(stream[: end or None]), bytes(stream[end:]) if end else b""
            if len(said) > PREAMBLE:
                raise bounded.Exceeded(f"answered more than {PREAMBLE} bytes instead of a question for a password")
            kept, rest = connection._examine_output(name, "", said, True)
            self.kept[name] += kept
            stream[:] = rest + after
        flags = connection._flags
        if flags["become_error"] or (flags["become_prompt"] and self.asked):
            raise AnsibleError(f"Incorrect {become.name} password")
        if flags["become_nopasswd_error"]:
            raise AnsibleError(f"Missing {become.name} password")
        if flags["become_prompt"]:
            password = become.get_option("become_pass", playcontext=connection._play_context)
            talk.write(str(password or "").encode() + b"\n")
            flags["become_prompt"], self.asked = False, True
        if not flags["become_success"]:
            if sum(map(len, self.kept.values())) > PREAMBLE:
                raise bounded.Exceeded(f"answered more than {PREAMBLE} bytes instead of a question for a password")
            return False
        talk.stdout[:0] = self.kept["stdout"]
        talk.stderr[:0] = self.kept["stderr"]
        return True


def _plain(output: bytes) -> bytes:
    """Return an output as it may be shown."""
    return output if output.isascii() and output.decode().isprintable() else _escaped(output)


def _escaped(output: bytes) -> bytes:
    return answers.visible(output.decode(errors="backslashreplace")).encode()
