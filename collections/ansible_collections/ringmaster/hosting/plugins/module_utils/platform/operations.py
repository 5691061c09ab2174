# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The two operations on a platform that playbooks call: check it, and allocate what it lacks."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from . import allocation, description, inventory, known_hosts, repository, validate_backups
from .language import files, load, ssh_keys
from .language.errors import DescriptionError, Mistake, sort_mistakes
from .language.names import natural
from .ledger import locked
from .model import Description, Options


@dataclass
class Outcome:
    """What an operation found or did."""

    mistakes: list[Mistake] = field(default_factory=list)
    orphans: list[str] = field(default_factory=list)
    allocated: list[str] = field(default_factory=list)
    files: list[dict[str, str]] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    parent: str = field(default="", compare=False)
    commit: str = field(default="", compare=False)


def options_of(source: Path, roles: Path | None) -> Options:
    """Return the options of an inventory source without its filters; raises DescriptionError."""
    if not source.name.endswith(description.SUFFIX):
        raise DescriptionError([Mistake(load.display(source), 0, 0, description.explain_wrong_source(source))])
    return replace(description.read_options(source.absolute(), roles), projects=())


@load.without_collector()
def validate(options: Options) -> Outcome:
    """Check everything: each value, across files, and whether all that is asked for can be allocated."""
    found, mistakes = description.read_description(options)
    try:
        repository.refuse_unsigned(options, options.source.parent)
    except DescriptionError as error:
        mistakes += error.mistakes
    if not mistakes:
        allocation.plan(found)
        mistakes = [mistake for source in found.sources.values() for mistake in source.mistakes]
        mistakes += orphan_mistakes(found)
    counts = {
        "projects": len(found.projects),
        "users": len(found.users),
        "vms": len(found.vms),
        "hypervisors": len(found.hypervisors),
        "machines": len(found.machines),
    }
    return Outcome(
        sort_mistakes(mistakes),
        sorted(found.orphans(), key=natural),
        counts=counts,
        warnings=[] if mistakes else [*standing_warnings(found), *validate_backups.warnings(found)],
    )


def standing_warnings(found: Description) -> list[str]:
    """Return a sentence for each value that stood before a rule that refuses it, and for what is of no use."""
    return [
        *(
            f"{mistake.sentence()} (this will be an error; it is taken because it stands in the commit before)"
            for mistake in sort_mistakes(found.warnings)
        ),
        *(mistake.sentence() for mistake in sort_mistakes(found.remarks)),
    ]


def orphan_mistakes(found: Description) -> list[Mistake]:
    """Return a mistake for every VM of the ledger that is neither described nor retired."""
    source = found.sources["allocations.yml"]
    before = len(source.mistakes)
    for name in found.orphans():
        source.wrong(
            source.find("vm_ids", name, key=True),
            f"{name} was allocated and may exist, but no project describes it",
            allowed="VMs are deleted by retiring them, never by leaving them out",
            hint="put it back into its project's file, or retire it",
        )
    result = source.mistakes[before:]
    del source.mistakes[before:]
    return result


def allocate(
    options: Options,
    *,
    host_keys: dict[str, list[str]] | None = None,
    replace_host_keys: bool = False,
    confirmed_addresses: Iterable[str] = (),
    dry_run: bool = False,
) -> Outcome:
    """Allocate all that lacks an entry and write ledger and known_hosts, under the platform's lock.

    Raises DescriptionError, with nothing written, when the description has a mistake. A dry run writes
    nothing but returns the same outcome. With a repository, all of it is done in a clone, and counts once pushed.
    """
    return repository.carried(
        options,
        lambda inside: _allocate(inside, host_keys or {}, replace_host_keys, confirmed_addresses, dry_run=dry_run),
        lambda outcome: commit_message("allocate", outcome.allocated),
        dry_run=dry_run,
    )


def commit_message(subject: str, allocated: list[str]) -> str:
    """Write what a commit of ours says: what was done, and what is new in the ledger."""
    # A host key is long, and the commit shows it.
    lines = [line if len(line) <= 100 else f"{line[:97]}..." for line in allocated]
    return "\n".join([subject, "", *lines]).rstrip() + "\n"


@load.without_collector()
def _allocate(
    options: Options,
    host_keys: dict[str, list[str]],
    replace_host_keys: bool,
    confirmed_addresses: Iterable[str],
    *,
    dry_run: bool,
) -> Outcome:
    with locked(options.ledger.parent):
        found, mistakes = description.read_description(options)
        if mistakes:
            raise DescriptionError(mistakes)
        plan = allocation.plan(found)
        _refuse(found)
        known = _known(found, plan, host_keys)
        stolen = allocation.stolen_host_keys(plan.ledger, known, found.platform["revoked_host_keys"])
        taken = {name: keys for name, keys in known.items() if name not in stolen}
        refused = allocation.record_host_keys(plan, taken, replace_host_keys)
        ledger_source = found.sources["allocations.yml"]
        for name in refused:
            ledger_source.wrong(
                ledger_source.find("host_keys", name, key=True),
                f"{name} shows another SSH host key than the recorded one; it may be another machine",
                hint="if it was really recreated, allow replace_host_keys",
            )
        _refuse(found)
        allocation.record_addresses(found, plan, confirmed_addresses)
        outcome = Outcome(
            orphans=sorted(found.orphans(), key=natural), allocated=plan.additions, files=files_of(found, plan)
        )
        outcome.warnings = standing_warnings(found)
        outcome.warnings += [f"a host key that {name} shows {why}: it is not recorded" for name, why in stolen.items()]
        if not dry_run:
            for file in outcome.files:
                files.write_atomically(Path(file["path"]), file["after"])
    return outcome


def files_of(found: Description, plan: allocation.Plan) -> list[dict[str, str]]:
    """Return path, text before and text after of each file that a plan changes: ledger and known_hosts."""
    result = []
    for path, text in (
        (found.options.ledger, plan.ledger.render()),
        (inventory.known_hosts_path(found), known_hosts.render(found, plan.ledger)),
    ):
        before = files.read_text(path) if path.exists() else ""
        after = files.Form.of(before).written(text)
        if before != after:
            result.append({"path": str(path), "before": before, "after": after})
    return result


def _known(found: Description, plan: allocation.Plan, host_keys: dict[str, list[str]]) -> dict[str, list[str]]:
    """Return the host keys, after noting names that belong to no machine."""
    source = found.sources["platform.yml"]
    for name, keys in host_keys.items():
        if name not in plan.ledger.vm_ids and name not in found.hypervisors and name not in found.machines:
            source.wrong(None, f"a host key was given for {name}, which is no VM, hypervisor or machine")
        for key in keys:
            problem = ssh_keys.ssh_key(key)
            if problem:
                source.wrong(None, f"the host key given for {name} {problem}", found=key)
    return host_keys


def _refuse(found: Description) -> None:
    mistakes: list[Any] = [mistake for source in found.sources.values() for mistake in source.mistakes]
    if mistakes:
        raise DescriptionError(mistakes)
