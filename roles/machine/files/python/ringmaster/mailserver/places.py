# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the mail server keeps things, and how its programs are run."""

from __future__ import annotations

import base64
import json
import os
import socket
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ringmaster.core.report import Failure

SELECTOR = "ringmaster"
AUTHENTICATION = "/run/dovecot/auth-client"


@dataclass(frozen=True)
class Places:
    """Where things are. What the platform writes is in ``home``, what only this machine knows in ``data``."""

    home: Path = Path("/etc/ringmaster/mailserver")
    data: Path = Path("/var/lib/ringmaster/mailserver")
    mail: Path = Path("/var/vmail")
    postfix: Path = Path("/etc/postfix")
    postfix_inbox: Path = Path("/etc/local/postfix")
    dovecot_inbox: Path = Path("/etc/local/dovecot")
    tls_key: Path = Path("/etc/ringmaster/certificates/mailserver/privkey.pem")

    @property
    def objects(self) -> Path:
        """Everything that is declared."""
        return self.home / "objects.json"

    @property
    def maps(self) -> Path:
        """What Postfix, Dovecot and rspamd read, made of the objects."""
        return self.home / "maps"

    @property
    def sieve(self) -> Path:
        """Sieve scripts of the platform; the declared ones of mailboxes in before.d."""
        return self.home / "sieve"

    @property
    def accepted(self) -> Path:
        """Drop-ins that were accepted: a folder for each daemon."""
        return self.home / "accepted"

    @property
    def passwords(self) -> Path:
        """Passwords that people changed themselves."""
        return self.data / "passwords.json"

    @property
    def keys(self) -> Path:
        """The private keys of DKIM."""
        return self.data / "dkim"

    def read_objects(self) -> dict[str, Any]:
        """Return what is declared."""
        return json.loads(self.objects.read_text())


def run(*words: str, given: str = "") -> str:
    """Run a program; return what it prints. Raises Failure with its own words."""
    done = subprocess.run(words, input=given, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Failure(f"{words[0]}: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout


def check_password(address: str, password: str) -> bool:
    """Ask Dovecot whether a password is right; it goes over a socket, never over a command line."""
    token = base64.b64encode(f"\0{address}\0{password}".encode()).decode()
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(10)
        connection.connect(AUTHENTICATION)
        with connection.makefile("rw", encoding="utf-8", newline="\n") as stream:
            stream.write(f"VERSION\t1\t2\nCPID\t{os.getpid()}\n")
            stream.flush()
            while (line := stream.readline()) and line != "DONE\n":
                pass
            stream.write(f"AUTH\t1\tPLAIN\tservice=password\tsecured\tresp={token}\n")
            stream.flush()
            return stream.readline().startswith("OK\t")
