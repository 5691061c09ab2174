# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ask Postfix and Dovecot what they think of a configuration, before a running daemon reads it."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from ringmaster.core.report import Failure, Invalid
from ringmaster.mailserver.places import Places, run

INCLUDE = "!include_try "


def postfix(places: Places, texts: dict[str, str]) -> str:
    """Return main.cf with these drop-ins, which win; raises Invalid."""
    whole = (places.home / "main.cf").read_text()
    for name, text in sorted(texts.items()):
        whole += f"\n# {name}\n{text.rstrip()}\n"
    folder = Path(tempfile.mkdtemp(prefix="postfix-trial-"))
    try:
        (folder / "main.cf").write_text(whole)
        shutil.copy(places.home / "master.cf", folder)
        run("postconf", "-c", str(folder), "-n")
        run("postconf", "-c", str(folder), "-M")
    except Failure as failure:
        raise Invalid(str(failure).replace(str(folder), str(places.postfix))) from failure
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return whole


def dovecot(places: Places, texts: dict[str, str]) -> str:
    """Return dovecot.conf (drop-ins are included by it); raises Invalid for it with these drop-ins."""
    own = (places.home / "dovecot.conf").read_text()
    lines = [line for line in own.splitlines() if not line.startswith(INCLUDE)]
    lines += [text for _name, text in sorted(texts.items())]
    with tempfile.NamedTemporaryFile("w", prefix="dovecot-trial-", suffix=".conf") as trial:
        trial.write("\n".join([*lines, ""]))
        trial.flush()
        try:
            run("doveconf", "-n", "-c", trial.name)
        except Failure as failure:
            raise Invalid(str(failure).replace(trial.name, "dovecot.conf")) from failure
    return own


def rspamd() -> None:
    """Raise Failure for what rspamd does not accept."""
    run("rspamadm", "configtest", "-q")
