# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""restic as a process with limits: what it reads here was written by machines that may be in an enemy's hands.

A file of a few bytes may unpack to gigabytes, a key may ask for any amount of memory before it opens, and an error may
quote names that a machine chose. So memory, time, file sizes and what is said are bounded, and text is made harmless.
"""

from __future__ import annotations

import os
import subprocess
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import IO

from ringmaster.core import below
from ringmaster.core.report import Failure

#: The server's user; restic runs as that one, so that both can work on the same files.
USER = "restic-rest-server"
MIB = 1 << 20
#: No file that restic writes is larger: packs have 128 MiB at most.
FILE_MIB = 1024
#: Bytes of output that are read; more is an attack, or a repository that no one can list.
SAID = 64 * MIB
#: Bytes of errors that are remembered, the last ones.
COMPLAINED = 1 << 16


@dataclass(frozen=True)
class Done:
    """How a program ended. ``cut`` says which limit ended it, in words; empty when none did."""

    code: int
    said: str
    complained: str
    cut: str = ""


def memory_mib() -> int:
    """Return how many MiB a program may use: half of the machine's memory, at least 1 GiB."""
    return max(1024, os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // MIB // 2)


def harmless(text: str, length: int = 300) -> str:
    """Return text of a stranger in one line of printable ASCII, cut."""
    shown = "".join(one if " " <= one <= "~" else f"\\u{ord(one):04x}" for one in " ".join(text.split(" ")))
    return shown if len(shown) <= length else f"{shown[: length - 1]}~"


def begin(
    argv: Sequence[str], secret: str, repository: str, memory: int = 0, fds: Sequence[int] = ()
) -> subprocess.Popen[bytes]:
    """Start restic as the server's user with limits, and give it the password on its standard input.

    ``memory`` in MiB, by default half of the machine's; raises Failure.
    """
    memory = memory or memory_mib()
    limits = [f"--data={memory * MIB}", f"--fsize={FILE_MIB * MIB}", "--core=0"]
    reader, writer = os.pipe()
    # A password is shorter than what a pipe holds: nobody has to read meanwhile.
    os.write(writer, f"{secret}\n".encode())
    os.close(writer)
    try:
        started = subprocess.Popen(
            ["prlimit", *limits, *argv],
            stdin=reader,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={
                "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
                "HOME": "/nonexistent",
                "LC_ALL": "C.UTF-8",
                "RESTIC_REPOSITORY": repository,
                # Collect garbage harder before the limit ends the program.
                "GOMEMLIMIT": f"{memory * 3 // 4}MiB",
            },
            **below.identity(USER),
            umask=0o077,
            cwd="/",
            pass_fds=fds,
        )
    except FileNotFoundError as error:
        raise Failure("prlimit is not installed") from error
    finally:
        os.close(reader)
    return started


def run(
    argv: Sequence[str], secret: str, repository: str, *, seconds: float, memory: int = 0, fds: Sequence[int] = ()
) -> Done:
    """Run restic to its end; as :func:`begin`, but for no longer than so many seconds."""
    process = begin(argv, secret, repository, memory, fds)
    assert process.stdout and process.stderr
    late = threading.Event()

    def end() -> None:
        late.set()
        process.kill()

    timer = threading.Timer(seconds, end)
    complaints = bytearray()
    listener = threading.Thread(target=_listen, args=(process.stderr, complaints), daemon=True)
    timer.start()
    listener.start()
    try:
        said = process.stdout.read(SAID + 1)
        if len(said) > SAID:
            process.kill()
        process.wait()
        listener.join()
    finally:
        timer.cancel()
        if process.poll() is None:
            process.kill()
            process.wait()
        process.stdout.close()
        process.stderr.close()
    complained = complaints.decode(errors="replace")
    cut = ""
    if late.is_set():
        cut = f"it took longer than {seconds:.0f} s"
    elif len(said) > SAID:
        cut = f"it said more than {SAID // MIB} MiB"
    elif "out of memory" in complained or "cannot allocate memory" in complained:
        cut = f"it needs more than {memory or memory_mib()} MiB of memory"
    return Done(process.returncode, said.decode(errors="replace"), complained, cut)


def _listen(stream: IO[bytes], remembered: bytearray) -> None:
    """Read a stream to its end and remember its first line, and the last bytes."""
    while piece := os.read(stream.fileno(), 1 << 16):
        remembered += piece
        if len(remembered) > 2 * COMPLAINED:
            del remembered[COMPLAINED // 2 : -COMPLAINED]
