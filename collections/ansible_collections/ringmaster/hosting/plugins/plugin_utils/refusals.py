# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whose answers were refused in this run, for those who have to hear of it.

It is kept in Ansible's own folder for this run on the controller, which all its processes share and which goes with it:
what counts in the end is what the monitoring machine was told.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

from ansible import constants
from ansible_collections.ringmaster.hosting.plugins.module_utils.values.answers import one_line

SENTENCE = 500
"""Characters of a refusal that are kept."""
HEARD, REFUSED = "heard", "refused"


def refused(machine: str, sentence: str) -> None:
    """Remember that an answer of a machine was not taken; the newest sentence stays."""
    _write(REFUSED, machine, one_line(sentence)[:SENTENCE])


def remembering(
    machine: str, error: type[Exception], says: str, function: Callable[..., Any], *given: Any, **named: Any
) -> Any:
    """Return what a function makes of a machine's answer, or remember that it is not taken, and raise its error.

    ``{}`` in ``says`` is the error's text; without the name of a machine nothing is remembered.
    """
    try:
        return function(*given, **named)
    except error as raised:
        if machine:
            refused(machine, says.replace("{}", str(raised)))
        raise


def heard(machine: str) -> None:
    """Remember that an answer of a machine was taken."""
    path = _path(HEARD, machine)
    if not path.exists():
        _write(HEARD, machine, "")


def forgiven(machine: str) -> None:
    """Forget what was refused of a machine that was only starting."""
    with contextlib.suppress(OSError):
        _path(REFUSED, machine).unlink()


def of_this_run() -> tuple[dict[str, str], list[str]]:
    """Return sentences by the names of those who were refused, and the names of those who were only taken."""
    sentences = {name: _path(REFUSED, name).read_text(encoding="utf-8") for name in _names(REFUSED)}
    return sentences, [name for name in _names(HEARD) if name not in sentences]


def _path(what: str, machine: str) -> Path:
    # Names are the operators' own, and may be addresses.
    return Path(constants.DEFAULT_LOCAL_TMP) / "ringmaster-answers" / what / quote(machine, safe="")


def _names(what: str) -> list[str]:
    with contextlib.suppress(OSError):
        return sorted(unquote(path.name) for path in _path(what, "x").parent.iterdir())
    return []


def _write(what: str, machine: str, text: str) -> None:
    """Write; a controller whose disk is full must not lose what it says about the machine."""
    path = _path(what, machine)
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
