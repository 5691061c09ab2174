# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Change a password over HTTP on loopback, for Roundcube: whoever asks must know the old one.

So a Roundcube that was broken into can change no password that it has not been told.
"""

from __future__ import annotations

import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs

from ringmaster.core.report import Failure
from ringmaster.mailserver import passwords
from ringmaster.mailserver.converge import apply_objects
from ringmaster.mailserver.places import Places, check_password

ADDRESS = ("127.0.0.1", 8465)
SIZE_LIMIT = 8192
# Seconds after a wrong password; each request is a thread of its own.
PAUSE = 2.0


class _Handler(BaseHTTPRequestHandler):
    timeout = 20

    def do_POST(self) -> None:
        """Answer ``ok`` or a sentence that people can read."""
        size = int(self.headers.get("Content-Length") or 0)
        if not 0 < size <= SIZE_LIMIT:
            self._answer(400, "the request is too large")
            return
        form = parse_qs(self.rfile.read(size).decode(errors="replace"), keep_blank_values=True)
        user, old, new = (form.get(name, [""])[0] for name in ("user", "old", "new"))
        try:
            change(Places(), user.lower(), old, new)
        except Failure as failure:
            self._answer(403, str(failure))
        else:
            self._answer(200, "ok")

    def _answer(self, code: int, text: str) -> None:
        content = text.encode()
        self.send_response(code)
        self.send_header("Content-Type", "text/plain; charset=utf-8")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_arguments: object) -> None:
        """Say nothing: requests are reported by ``change``."""


def change(places: Places, address: str, old: str, new: str) -> None:
    """Change the password of a declared mailbox; raises Failure."""
    if address not in places.read_objects()["mailboxes"] or not check_password(address, old):
        time.sleep(PAUSE)
        raise Failure("the current password is wrong")
    passwords.change(places, address, new)
    apply_objects(places)
    # Dovecot looks at its file of passwords at most once a second, and it has just done so for the old one.
    time.sleep(1)
    print(f"{address} has a new password", file=sys.stderr)


def serve() -> int:
    """Serve until the process is ended."""
    ThreadingHTTPServer(ADDRESS, _Handler).serve_forever()
    return 0
