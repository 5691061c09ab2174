# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Observe, plan, apply and read back: the life of one module call for one or many VMs."""

from __future__ import annotations

import dataclasses
import datetime
import os
import threading
import traceback
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ansible_collections.ringmaster.hosting.plugins.module_utils.libvirt import (
    apply,
    facts,
    nwfilter,
    retire,
    seed,
    storage,
)
from ansible_collections.ringmaster.hosting.plugins.module_utils.libvirt.connection import (
    LibvirtError,
    connect,
    find_pool,
    found,
    require_libvirt,
)
from ansible_collections.ringmaster.hosting.plugins.module_utils.libvirt.console import CONSOLE_DIRECTORY
from ansible_collections.ringmaster.hosting.plugins.module_utils.libvirt.errors import (
    HypervisorError,
    NotReadyError,
)
from ansible_collections.ringmaster.hosting.plugins.module_utils.libvirt.kvm import Virtualization, choose
from ansible_collections.ringmaster.hosting.plugins.module_utils.libvirt.locks import LOCK_DIRECTORY, vm_lock
from ansible_collections.ringmaster.hosting.plugins.module_utils.libvirt.model import (
    ABSENT,
    PAUSED,
    RUNNING,
    STOPPED,
    Current,
    Environment,
    Plan,
    volume_names,
)
from ansible_collections.ringmaster.hosting.plugins.module_utils.libvirt.spec import Spec, parse_spec

WORKERS = 8
"""VMs that are converged at a time: most of it is waiting, above all for guests that shut down."""


@dataclass(frozen=True)
class Options:
    """Options that all VMs of one call share."""

    uri: str = "qemu:///system"
    pool: str = "ringmaster"
    hypervisor: str = ""
    virtualization: str = "auto"
    disk_cache: str = "none"
    console_directory: str = CONSOLE_DIRECTORY
    lock_directory: str = str(LOCK_DIRECTORY)
    lock_timeout: float = 30.0
    stop_timeout: float = 120.0
    force_stop: bool = True
    restart_pending: bool = False


@dataclass
class Outcome:
    """Result for one VM."""

    name: str
    plan: Plan = field(default_factory=Plan)
    created: bool = False
    deleted: bool = False
    """Whether the VM was to be absent, and is (in check mode: would be)."""
    state: str = ABSENT
    error: str = ""
    exception: str = ""
    pending: Sequence[Any] = ()

    def line(self) -> str:
        """Say in a line what became of the VM."""
        done = ", ".join(dict.fromkeys(action.kind for action in self.plan.actions)) or "as declared"
        waiting = f"; waits for a restart: {', '.join(entry.field for entry in self.pending)}" if self.pending else ""
        return f"{self.name}: {self.error or done + waiting}"

    def as_dict(self) -> dict[str, Any]:
        """Give the result as a module returns it."""
        before, after = self.plan.diff()
        result: dict[str, Any] = {
            "name": self.name,
            "changed": self.plan.changed,
            "created": self.created,
            "state": self.state,
            "actions": [action.as_dict() for action in self.plan.actions],
            "pending_restart": [entry.as_dict() for entry in self.pending],
            "notes": list(self.plan.notes),
            "failed": bool(self.error),
            "diff": {"before_header": self.name, "after_header": self.name, "before": before, "after": after},
        }
        if self.error:
            result["msg"] = self.error
            result["refusals"] = [str(refusal) for refusal in self.plan.refusals]
            result["exception"] = self.exception
        return result


class Hypervisor:
    """One open connection with its pool and one listing of its domains."""

    def __init__(self, connection: Any, options: Options, check: bool = False) -> None:
        self.connection = connection
        self.options = options
        self.check = check
        self.pool = find_pool(connection, options.pool)
        self.virtualization: Virtualization = choose(options.virtualization)
        self.host_cpus = int(connection.getInfo()[2])
        self._uuid_by_name = {domain.name(): domain.UUIDString() for domain in connection.listAllDomains()}
        self._filters_lock = threading.Lock()
        self._has_filters = False
        self.changed_filters: list[str] = []
        """Names of the network filters that this call defined (in check mode: would define)."""

    @property
    def environment(self) -> Environment:
        """What host and options contribute to every VM."""
        return Environment(
            virtualization=self.virtualization.type,
            host_cpus=self.host_cpus,
            hypervisor=self.options.hypervisor,
            disk_cache=self.options.disk_cache,
            console_directory=self.options.console_directory,
            restart_pending=self.options.restart_pending,
            today=datetime.date.today().isoformat(),
            image_may_come=self.check,
        )

    def observe(self, spec: Spec) -> Current:
        """Read everything about one VM."""
        binding = require_libvirt()
        domain = found(self.connection.lookupByUUIDString, spec.uuid)
        volumes = {
            role: storage.volume_state(self.pool, name) for role, name in volume_names(spec.name, spec.uuid).items()
        }
        needs_image = domain is None and not volumes["root"].readable
        other = self._uuid_by_name.get(spec.name, spec.uuid)
        current = Current(
            volumes=volumes,
            image_capacity=storage.image_capacity(self.pool, spec.image) if needs_image else None,
            name_taken_by=other if other != spec.uuid else "",
        )
        if domain is None:
            return current
        active = bool(domain.isActive())
        paused = active and domain.state()[0] in (binding.VIR_DOMAIN_PAUSED, binding.VIR_DOMAIN_PMSUSPENDED)
        return dataclasses.replace(
            current,
            config=facts.parse_domain(domain.XMLDesc(binding.VIR_DOMAIN_XML_INACTIVE)),
            live=facts.parse_domain(domain.XMLDesc()) if active else None,
            state=PAUSED if paused else RUNNING if active else STOPPED,
            autostart=bool(domain.autostart()),
        )

    def plan(self, spec: Spec) -> tuple[Current, Plan]:
        """Observe one VM and plan for it."""
        current = self.observe(spec)
        return current, retire.make_plan(spec, seed.content_hash(spec.seed), self.environment, current)

    def converge(self, spec: Spec) -> Outcome:
        """Bring one VM to its declared state; in check mode only say what would be done."""
        outcome = Outcome(spec.name)
        try:
            if self.check:
                self._converge(spec, outcome)
            else:
                with vm_lock(spec.name, Path(self.options.lock_directory), self.options.lock_timeout):
                    self._converge(spec, outcome)
        except HypervisorError as error:
            outcome.error = str(error)
        except (OSError, LibvirtError) as error:
            outcome.error = f"VM {spec.name}: {error}"
            outcome.exception = traceback.format_exc()
        return outcome

    def _converge(self, spec: Spec, outcome: Outcome) -> None:
        current, outcome.plan = self.plan(spec)
        outcome.state = current.state
        outcome.pending = outcome.plan.pending
        if outcome.plan.refusals:
            refusals = "; also: ".join(str(refusal) for refusal in outcome.plan.refusals)
            raise HypervisorError(f"VM {spec.name} is left as it is: {refusals}")
        outcome.created = current.config is None and any(step.kind == "define" for step in outcome.plan.actions)
        outcome.deleted = spec.state == "absent"
        self._have_filters(spec)
        if self.check or not outcome.plan.changed:
            return
        context = apply.Context(
            self.connection, self.pool, spec, outcome.plan, self.options.stop_timeout, self.options.force_stop
        )
        apply.run(context)
        self._uuid_by_name[spec.name] = spec.uuid
        self._read_back(spec, outcome)

    def _have_filters(self, spec: Spec) -> None:
        """See once per call to the filters that the network cards refer to: without them no domain starts."""
        if not any(nic.is_filtered for nic in spec.nics):
            return
        with self._filters_lock:
            if not self._has_filters:
                self.changed_filters = nwfilter.ensure(self.connection, self.check)
            self._has_filters = True

    def _read_back(self, spec: Spec, outcome: Outcome) -> None:
        """Plan once more from what is there now: nothing may be left to do."""
        settled = dataclasses.replace(spec, state="running" if spec.state == "restarted" else spec.state)
        current = self.observe(settled)
        environment = dataclasses.replace(self.environment, restart_pending=False)
        rest = retire.make_plan(settled, seed.content_hash(settled.seed), environment, current)
        outcome.state = current.state
        outcome.pending = rest.pending
        if rest.refusals or rest.actions:
            left = [str(refusal) for refusal in rest.refusals]
            left += [f"{action.kind} {action.target}: {action.before} -> {action.after}" for action in rest.actions]
            raise HypervisorError(
                f"VM {spec.name}: libvirt accepted the changes, but these did not stick: {'; '.join(left)}"
            )


class BlankHypervisor(Hypervisor):
    """A machine that an earlier task would have made a hypervisor: for check mode on the first run."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.check = True
        self.virtualization = choose(options.virtualization)
        self.host_cpus = os.cpu_count() or 1
        self.changed_filters = []

    def observe(self, spec: Spec) -> Current:
        """Find nothing."""
        names = volume_names(spec.name, spec.uuid)
        return Current(volumes={role: storage.VolumeState(name) for role, name in names.items()})

    def _have_filters(self, spec: Spec) -> None:
        """Would define all of them."""
        if any(nic.is_filtered for nic in spec.nics):
            self.changed_filters = [one.name for one in nwfilter.FILTERS]


def _converge_list(
    hypervisor: Hypervisor, specs: Sequence[Mapping[str, Any]], tell: Callable[[str], None]
) -> list[Outcome]:
    def converge(data: Mapping[str, Any]) -> Outcome:
        try:
            return hypervisor.converge(parse_spec(data))
        except HypervisorError as error:
            return Outcome(str(data.get("name", "(without name)")), error=str(error))

    with ThreadPoolExecutor(WORKERS) as workers:
        running = [workers.submit(converge, data) for data in specs]
        for number, done in enumerate(as_completed(running), start=1):
            tell(f"{number} of {len(specs)}: {done.result().line()}")
        return [one.result() for one in running]


def converge_all(
    options: Options, specs: Sequence[Mapping[str, Any]], check: bool, tell: Callable[[str], None] = lambda _line: None
) -> dict[str, Any]:
    """Bring every VM of the list to its declared state with one connection, several at a time.

    The failure of one VM does not keep the others from being converged.

    :param tell: called with a line about each VM as soon as it is done.
    :returns: the result of module ``vms``.
    """
    try:
        with connect(options.uri) as connection:
            hypervisor = Hypervisor(connection, options, check)
            outcomes = _converge_list(hypervisor, specs, tell)
    except NotReadyError:
        if not check:
            raise
        hypervisor = BlankHypervisor(options)
        outcomes = _converge_list(hypervisor, specs, tell)
    virtualization = hypervisor.virtualization
    filters = hypervisor.changed_filters
    results = [outcome.as_dict() for outcome in outcomes]
    return {
        "changed": any(outcome.plan.changed for outcome in outcomes) or bool(filters),
        "network_filters": filters,
        "vms": results,
        "created": [outcome.name for outcome in outcomes if outcome.created and not outcome.error],
        "deleted": [outcome.name for outcome in outcomes if outcome.deleted and not outcome.error],
        "failed_vms": [outcome.name for outcome in outcomes if outcome.error],
        "pending_restart": {
            outcome.name: [entry.as_dict() for entry in outcome.pending] for outcome in outcomes if outcome.pending
        },
        "virtualization": {"type": virtualization.type, "reason": virtualization.reason},
        "diff": [
            *([{"before": {}, "after": {"network_filters": filters}}] if filters else []),
            *(result["diff"] for result in results if result["changed"] and not result["failed"]),
        ],
    }
