# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""git, as it is run here: it runs no hooks, asks for nothing, and is ended when it hangs."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from pathlib import Path

from .language.errors import printable

LONGEST = 120.0
"""Seconds for one command of git: a remote that takes a connection and says nothing would hold a run for ever."""
VERDICTS = {
    "B": "signed, and was changed since",
    "U": "signed by somebody who may not",
    "E": "signed in a way that cannot be checked",
    "X": "signed by a key whose time was over",
    "Y": "signed by a key whose time was over",
    "R": "signed by a key that is revoked",
    "N": "not signed",
}
LINES = 20
"""Lines of what git says that are shown."""
SAFE = ("core.hooksPath=/dev/null", "core.fsmonitor=false", "protocol.ext.allow=never", "gc.auto=0")
"""Settings that win over those of any file: nothing of a repository runs here."""
SSH = "ssh -o BatchMode=yes -o ConnectTimeout=15 -o ServerAliveInterval=10 -o ServerAliveCountMax=3"


def run(arguments: list[str], author: tuple[str, str] = ("", "")) -> subprocess.CompletedProcess[str]:
    """Run git; the author is a name and a mail address, or whom git's own environment variables name."""
    names = {}
    for role in ("AUTHOR", "COMMITTER"):
        names[f"GIT_{role}_NAME"] = os.environ.get(f"GIT_{role}_NAME", "Ringmaster")
        names[f"GIT_{role}_EMAIL"] = os.environ.get(f"GIT_{role}_EMAIL", "ringmaster@localhost")
    if author[0]:
        names |= {"GIT_AUTHOR_NAME": author[0], "GIT_AUTHOR_EMAIL": author[1]}
    environment = {**os.environ, **names, "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"}
    environment.setdefault("GIT_SSH_COMMAND", SSH)
    words = ["git", *(word for setting in SAFE for word in ("-c", setting)), *arguments]
    process = subprocess.Popen(
        words,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        env=environment,
        start_new_session=True,
    )
    try:
        out, err = process.communicate(timeout=LONGEST)
    except subprocess.TimeoutExpired:
        # With what it has started: ssh would go on holding the pipes.
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        return subprocess.CompletedProcess(words, 1, "", f"there was no answer within {LONGEST:.0f} s")
    return subprocess.CompletedProcess(words, process.returncode, out, err)


def said(text: str) -> str:
    """Return what git said, whole but for passwords in addresses, in one line."""
    lines = [printable(line.strip()) for line in without_password(text).splitlines() if line.strip()]
    return " / ".join(lines[-LINES:]) or "git said nothing"


def without_password(text: str) -> str:
    """Return a text without what stands before the host in addresses."""
    return re.sub(r"//[^/@\s]*@", "//", text)


def unsigned(folder: Path, allowed: Path) -> str:
    """Say what is wrong with the signature of the commit that a folder stands at; nothing when it is an allowed one.

    Whoever signs a commit vouches for all that it is built upon, so that the newest one is enough.
    """
    settings = ("gpg.ssh.program=ssh-keygen", f"gpg.ssh.allowedSignersFile={allowed}", "gpg.program=false")
    words = [word for setting in settings for word in ("-c", setting)]
    answer = run([*words, "-C", str(folder), "log", "--max-count=1", "--format=%h%x1f%G?%x1f%an", "HEAD"])
    if answer.returncode != 0:
        return f"its commits cannot be read: {said(answer.stderr)}"
    digest, verdict, author = answer.stdout.rstrip("\n").split("\x1f", 2)
    if verdict == "G":
        return ""
    return f"its commit {digest} by {printable(author)[:60]} is {VERDICTS.get(verdict, 'not signed')}"
