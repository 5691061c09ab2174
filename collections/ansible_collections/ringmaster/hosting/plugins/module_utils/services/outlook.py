# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What would come of a request, before anybody asks for it: whether it is allowed, what follows, what is written.

By the description that is here; whoever carries it out judges again, by the newest one.
"""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ansible_collections.ringmaster.hosting.plugins.module_utils.platform import description, people
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform.model import Description, Options
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform.verbs import edit, policy, signing, table

from . import what_if

AT_ONCE = {
    "restart_vm": "restarts at once; what runs on it is away until it has started again",
    "snapshot_vm": "gets a snapshot of its disks, while it runs",
    "backup_now": "is backed up now, while it runs",
    "restore_files": "gets files back from a backup",
    "restore_component": "gets data of a component back from a backup",
    "restore_vm": "is overwritten with a backup",
}
"""What operations do, of which a description says nothing."""


@dataclass(frozen=True)
class Outlook:
    """What would come of a request. ``files`` are paths and differences, ``signature`` says why one is needed.

    ``after`` is the description as it would be; None where the request is refused, or changes none.
    """

    verdict: str
    reasons: tuple[str, ...] = ()
    who: tuple[str, ...] = ()
    signature: str = ""
    consequences: tuple[what_if.Consequence, ...] = ()
    files: tuple[dict[str, str], ...] = ()
    allocated: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    subject: str = ""
    after: Description | None = field(default=None, compare=False, repr=False)


def of(
    found: Description,
    options: Options,
    person: str,
    changes: Sequence[edit.Change],
    expect: Sequence[edit.Seen] = (),
    *,
    consequences: bool = True,
) -> Outlook:
    """Return what would come of changes that a person asks for. Raises DescriptionError where they cannot be made."""
    verdicts = [policy.judge(found, person, verb, arguments) for verb, arguments in changes]
    answers = [one.answer for one in verdicts]
    verdict = next((word for word in (policy.REFUSE, policy.ASK) if word in answers), policy.ALLOW)
    reasons = tuple(reason for one in verdicts for reason in one.reasons)
    if verdict == policy.REFUSE:
        return Outlook(verdict, reasons)
    who = tuple(sorted({name for one in verdicts for name in one.who}))
    needs = (signing.needs(found, person, verb, arguments) for verb, arguments in changes)
    said = Outlook(verdict, reasons, who, next(filter(None, needs), ""))
    described = [(verb, arguments) for verb, arguments in changes if table.VERBS[verb].changes]
    at_once = [what_if.Consequence(f"vm {a['vm']}", "live", AT_ONCE[v]) for v, a in changes if v in AT_ONCE]
    for verb, arguments in changes:
        if verb in AT_ONCE:
            table.check(found, verb, arguments)
    if not described:
        names = [one.about.removeprefix("vm ") for one in at_once]
        return Outlook(**{**_plain(said), "consequences": tuple(at_once), "subject": names[0] if names else ""})
    outcome = edit.apply_many(options, described, expect=expect, dry_run=True)
    following: Sequence[what_if.Consequence] = ()
    after = None
    if consequences:
        with what_if.of_outcome(options, outcome) as proposed:
            after = description.read_valid(proposed)
            following = what_if.compare(found, after)
        # How full a hypervisor is concerns operators.
        if not people.visible(found, person).is_operator:
            following = [one for one in following if one.kind != "room"]
    return Outlook(
        **{
            **_plain(said),
            "consequences": (*at_once, *following),
            "files": tuple(_file(one, options) for one in outcome.files),
            "allocated": tuple(outcome.allocated),
            "warnings": tuple(outcome.warnings),
            "subject": outcome.subject,
            "after": after,
        }
    )


def _plain(said: Outlook) -> dict[str, Any]:
    return dict(vars(said))


def _file(file: dict[str, str], options: Options) -> dict[str, str]:
    """Return the path of a file of the description, and how it would differ."""
    # What stands beside a line of the ledger is of others.
    around = 0 if Path(file["path"]).name == "allocations.yml" else 2
    lines = difflib.unified_diff(file["before"].splitlines(), file["after"].splitlines(), lineterm="", n=around)
    path = str(Path(file["path"]).relative_to(options.source.parent))
    return {"path": path, "diff": "\n".join(list(lines)[2:])}
