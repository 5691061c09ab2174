# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The way to another hypervisor over SSH: a key for one purpose only, for an hour, and from one address.

The key is found again in ``authorized_keys`` by its comment, and by the run that it was accepted for.
"""

from __future__ import annotations

import datetime
import hashlib
import os
import re
import shlex
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

from ansible_collections.ringmaster.hosting.plugins.module_utils.libvirt.errors import HypervisorError

KEY_MINUTES = 60
"""How long the target accepts a key; what was begun in this time goes on."""
CHUNK = 4 * 1024 * 1024


def make_key(path: Path, comment: str) -> None:
    """Make a key pair, alone in its folder."""
    path.parent.mkdir(parents=True, mode=0o700)
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", str(path)], check=True)


def writes(paths: Mapping[str, str]) -> dict[str, str]:
    """Commands for :func:`authorize` that write files: ``paths`` gives each by the word that the holder asks with."""
    return {
        what: f"dd of={shlex.quote(path)} bs=1M conv=sparse iflag=fullblock status=none"
        for what, path in sorted(paths.items())
    }


LIBVIRT = {"*virt-ssh-helper*": "virt-ssh-helper qemu:///system"}
"""For :func:`authorize`: talk to libvirt, which is as much as to be root."""


def authorize(
    authorized_keys: Path, comment: str, run: str, public_key: str, *, source_address: str, commands: Mapping[str, str]
) -> None:
    """Let the holder of a key run commands, in the place of what an earlier run let it do.

    :param commands: each by the shell pattern of what the holder asks for.
    :raises HypervisorError: when the key is none.
    """
    cases = "".join(f"{pattern}) exec {command};; " for pattern, command in commands.items())
    until = datetime.datetime.now(datetime.UTC) + datetime.timedelta(minutes=KEY_MINUTES)
    options = [
        "restrict",
        f'from="{source_address}"',
        f'expiry-time="{until:%Y%m%d%H%M}Z"',
        f'command="case $SSH_ORIGINAL_COMMAND in {cases}*) exit 1;; esac"',
    ]
    if not re.fullmatch(rf"ssh-ed25519 [A-Za-z0-9+/=]+ {re.escape(comment)}", public_key):
        raise HypervisorError(f"the key {comment}, which was to write files here, is no key: {public_key!r}")
    _rewrite(authorized_keys, rf" {re.escape(comment)}( \w+)?$", f"{','.join(options)} {public_key} {run}\n")


def forbid(authorized_keys: Path, comment: str, run: str = "") -> None:
    """Accept the key no longer, unless another run has let it in; without ``run`` in any case."""
    of_run = f" {re.escape(run)}" if run else r"( \w+)?"
    _rewrite(authorized_keys, rf" {re.escape(comment)}{of_run}$", "")


def _rewrite(path: Path, pattern: str, line: str) -> None:
    """Replace the lines whose end fits a pattern; the others stay as they are."""
    before = path.read_text(encoding="utf-8") if path.exists() else ""
    kept = [old for old in before.splitlines(keepends=True) if not re.search(pattern, old.rstrip())]
    if kept and not kept[-1].endswith("\n"):
        kept[-1] += "\n"
    text = "".join(kept) + line
    if text == before:
        return
    path.parent.mkdir(mode=0o700, exist_ok=True)
    descriptor, new = tempfile.mkstemp(dir=path.parent)
    with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
        stream.write(text)
        os.fchmod(stream.fileno(), path.stat().st_mode & 0o777 if path.exists() else 0o600)
    Path(new).replace(path)


def command(key: Path, address: str, host_key: str) -> list[str]:
    """Give the SSH command, to which the word of the file is added; it knows the target by its host key alone."""
    return [
        *("ssh", "-F", "none", "-i", str(key), "-o", "IdentitiesOnly=yes", "-o", "BatchMode=yes"),
        *("-o", f"UserKnownHostsFile={_known_hosts(key, address, host_key)}", "-o", "GlobalKnownHostsFile=/dev/null"),
        *("-o", "StrictHostKeyChecking=yes", "-o", "ConnectTimeout=30", f"root@{address}"),
    ]


def libvirt_uri(key: Path, address: str, host_key: str) -> str:
    """Give the URI of the target's libvirt, which is known by its SSH host key alone."""
    host = f"[{address}]" if ":" in address else address
    known = _known_hosts(key, address, host_key)
    return (
        f"qemu+libssh://root@{host}/system?keyfile={key}&sshauth=privkey&known_hosts={known}"
        "&known_hosts_verify=normal&proxy=native&no_tty=1"
    )


def _known_hosts(key: Path, address: str, host_key: str) -> Path:
    known = key.with_name("known_hosts")
    known.write_text(f"{address} {host_key}\n", encoding="ascii")
    return known


def send(path: Path, argv: list[str]) -> str:
    """Write a file into a command; give the SHA-256 of what was sent.

    :raises HypervisorError: with what the command said.
    """
    digest = hashlib.sha256()
    with path.open("rb") as file, subprocess.Popen(argv, stdin=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        if process.stdin is None or process.stderr is None:
            raise ValueError("the pipes are there by what Popen was asked for")
        try:
            while block := file.read(CHUNK):
                digest.update(block)
                process.stdin.write(block)
            process.stdin.close()
        except BrokenPipeError:
            pass
        message = process.stderr.read().decode("utf-8", "replace").strip()
    if process.returncode != 0:
        raise HypervisorError(f"{path.name} could not be sent to {argv[-2]}: {message or f'exit {process.returncode}'}")
    return digest.hexdigest()
