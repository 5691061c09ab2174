# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What must work in spite of mistakes elsewhere: taking a key, a password or a person away, and locking somebody.

A file with a mistake is read as the last commit has it; all others are read as they are.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from . import description, standing
from .language.errors import DescriptionError, Mistake
from .model import Description, Options

VERBS = ("revoke_key", "remove_user", "lock_user", "remove_passkey", "clear_web_password")
"""Verbs that take something from a person: they go ahead of all others, here, in the queue and with the steward."""
PLAYBOOKS = ("accounts", *VERBS)
"""Playbooks that bring people to VMs or take something from a person, and nothing else."""
ROUNDS = 5
_READ_ELSEWHERE = ("platform.yml", "users/", "projects/", "incidents/")


@dataclass
class Rescued:
    """A valid description; ``texts`` are those that were read in place of faulty files, None for left out ones."""

    found: Description
    texts: dict[Path, str | None] = field(default_factory=dict)
    mistakes: list[Mistake] = field(default_factory=list)

    def warnings(self) -> list[str]:
        """Return a sentence for each mistake that was passed over."""
        return [
            f"{mistake.sentence()} (passed over: the file is read as the last commit has it)"
            for mistake in self.mistakes
        ]


def read(options: Options, *, may_leave_out: bool = False, kept: description.Kept | None = None) -> Rescued:
    """Read a description in spite of mistakes; raises DescriptionError with all of them where that is not possible.

    ``may_leave_out`` says that a faulty file which no commit has may be left out: only for who changes one other file.
    ``kept`` takes what was read, for whoever reads it again.
    """
    kept = kept or description.Kept()
    found, mistakes = description.read_description(options, kept=kept)
    result = Rescued(found, {}, mistakes)
    for _round in range(ROUNDS):
        faulty = {name: source.path for name, source in found.sources.items() if source.mistakes}
        if not faulty:
            result.found = found
            return result
        for name, path in faulty.items():
            committed = standing.committed(path) if path not in result.texts else None
            if (
                not name.startswith(_READ_ELSEWHERE)
                or (committed is None and not may_leave_out)
                or (name == "platform.yml" and committed is None)
            ):
                raise DescriptionError(mistakes)
            result.texts[path] = committed
        found, _mistakes = description.read_description(options, result.texts, kept=kept)
    raise DescriptionError(mistakes)
