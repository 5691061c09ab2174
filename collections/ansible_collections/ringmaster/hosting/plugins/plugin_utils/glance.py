# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The variables of many machines at once: what ``hostvars`` says of them, in a tenth of the time.

``hostvars[name]`` asks the plugins for variables about each group of the machine and makes an engine for templates,
which takes milliseconds a machine. Here what groups say is put together once for all machines that are in the same of
those groups that say something, and an engine is made only for a machine of which a variable that is looked at holds a
template.
"""

from __future__ import annotations

import functools
import multiprocessing
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from ansible import constants
from ansible.inventory.helpers import get_group_vars, sort_groups
from ansible.template import is_trusted_as_template
from ansible.utils.vars import combine_vars
from ansible.vars.hostvars import HostVars
from ansible.vars.plugins import get_vars_from_inventory_sources, get_vars_from_path

MARKS = ("{{", "{%", "{#")
SCALARS = (str, int, float, bool, type(None))
KINDS = ("vms", "hypervisors", "machines")
"""Groups that a platform has or not."""


def glance(hostvars: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return ``hostvars``, to look at many machines. What is not Ansible's own is returned as it is."""
    return Glance(hostvars) if isinstance(hostvars, HostVars) else hostvars


def glancing(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a filter of ``hostvars`` that looks at many machines."""

    @functools.wraps(function)
    def call(hostvars: Mapping[str, Any], *args: Any, **kwargs: Any) -> Any:
        return function(glance(hostvars), *args, **kwargs)

    return call


def once_a_task(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a filter of ``hostvars`` that remembers its last answer while a task runs.

    A variable is rendered wherever it is used, and each time all machines would be looked at. A task runs in a process
    of its own, where variables of machines stay as they are until it ends; in Ansible's first process, where they
    change, nothing is remembered.
    """
    last: list[Any] = []

    @functools.wraps(function)
    def call(hostvars: Mapping[str, Any], *args: Any) -> Any:
        if multiprocessing.parent_process() is None:
            return function(hostvars, *args)
        if not last or last[0] is not hostvars or last[1] != args:
            last[:] = hostvars, args, function(hostvars, *args)
        return last[2]

    return call


@once_a_task
def machines(hostvars: Mapping[str, Any], names: Sequence[str]) -> list[Any]:
    """Return the variables of these machines. Raises ValueError for one that does not exist.

    :param names: machines, or groups, of which all that have an address are meant, sorted by name.
    """
    known = glance(hostvars)
    return [known[name] for name in expanded(known, names)]


def expanded(known: Mapping[str, Any], names: Sequence[str]) -> list[str]:
    """Return names of machines for those of machines and of groups; ``known`` comes from ``glance``."""
    groups = known.groups if isinstance(known, Glance) else {}
    without = {host.name for host in groups["unallocated"].get_hosts()} if "unallocated" in groups else set()
    found: list[str] = []
    for name in names:
        if name in groups:
            found += sorted(host.name for host in groups[name].get_hosts() if host.name not in without)
        elif name in known:
            found.append(name)
        elif name not in KINDS:
            raise ValueError(f"{name} is no machine of this platform, and no group of them")
    return found


def is_plain(value: Any) -> bool:
    """Whether a value is said as it is: it holds no template, and nothing that is decrypted when it is read."""
    if isinstance(value, str):
        return "{" not in value or not (any(mark in value for mark in MARKS) and is_trusted_as_template(value))
    if isinstance(value, Mapping):
        return all(is_plain(one) for both in value.items() for one in both)
    if isinstance(value, list | tuple):
        return all(map(is_plain, value))
    return isinstance(value, SCALARS)


class Glance(Mapping[str, Any]):
    """All machines of an inventory."""

    def __init__(self, hostvars: HostVars) -> None:
        """Look at no machine yet."""
        self.hostvars = hostvars
        self.rendered: set[str] = set()
        """Machines of which a template was rendered."""
        self._inventory = hostvars._inventory
        self._manager = hostvars._variable_manager
        self._groups: dict[str, Any] = {}
        self._of_groups: dict[tuple[str, ...], dict[str, Any]] = {}
        self._more: frozenset[str] | None = None
        self._plain: dict[int, Any] = {}

    def is_plain(self, value: Any) -> bool:
        """Say what ``is_plain`` does; once of what machines share."""
        if isinstance(value, str):
            return is_plain(value)
        if id(value) not in self._plain:  # kept, so that nothing else gets its id
            if not is_plain(value):
                return False
            self._plain[id(value)] = value
        return True

    @property
    def groups(self) -> Mapping[str, Any]:
        """The groups of machines, by name."""
        found: Mapping[str, Any] = self._inventory.groups
        return found

    def __iter__(self) -> Iterator[str]:
        """Go through the names of machines."""
        return iter(self.hostvars)

    def __len__(self) -> int:
        """Count machines."""
        return len(self.hostvars)

    def __contains__(self, name: object) -> bool:
        """Say whether there is such a machine."""
        return name in self.hostvars

    def __getitem__(self, name: str) -> Any:
        """Return the variables of a machine."""
        host = self._inventory.get_host(name)
        if host is None or self._has_facts(name):
            return self.hostvars[name]
        variables = self._variables(host)
        if self._more is None:
            # What Ansible adds by itself. Where it should ever say something else than we do, all is left to it.
            true = self.hostvars.raw_get(name)
            if any(key not in true or true[key] != value for key, value in variables.items()):
                self._has_facts = lambda _name: True  # type: ignore[method-assign]
                return self.hostvars[name]
            self._more = frozenset(true) - frozenset(variables)
        variables["inventory_hostname"] = name
        return Machine(self, name, variables, self._more)

    def _has_facts(self, name: str) -> bool:
        try:
            return bool(self._manager._fact_cache.get(name))
        except KeyError:
            return False

    def _variables(self, host: Any) -> dict[str, Any]:
        """Put together what VariableManager.get_vars does for a machine, without facts and what it adds by itself."""
        speaking = tuple(sorted(group.name for group in host.get_groups() if self._says(group)))
        if speaking not in self._of_groups:
            self._of_groups[speaking] = self._merged([self._groups[name] for name in speaking])
        manager = self._manager
        found: dict[str, Any] = dict(self._of_groups[speaking])
        for more in (
            host.vars,
            self._from_inventory([host]),
            self._from_play([host]),
            manager._vars_cache.get(host.name, {}),
            manager._nonpersistent_fact_cache.get(host.name, {}),
            manager.extra_vars,
        ):
            if more:
                found = combine_vars(found, more)
        return found

    def _says(self, group: Any) -> bool:
        if group.name not in self._groups:
            says = group.vars or self._from_inventory([group]) or self._from_play([group])
            self._groups[group.name] = group if says else None
        return self._groups[group.name] is not None

    def _merged(self, groups: list[Any]) -> dict[str, Any]:
        every = [group for group in groups if group.name == "all"]
        others = sort_groups([group for group in groups if group.name != "all"])
        ways = {
            "all_inventory": lambda: get_group_vars(every),
            "groups_inventory": lambda: get_group_vars(others),
            "all_plugins_inventory": lambda: self._from_inventory(every),
            "all_plugins_play": lambda: self._from_play(every),
            "groups_plugins_inventory": lambda: self._from_inventory(others),
            "groups_plugins_play": lambda: self._from_play(others),
        }
        found: dict[str, Any] = {}
        for way in constants.VARIABLE_PRECEDENCE:
            if way in ways:
                found = combine_vars(found, ways[way]())
        return found

    def _from_inventory(self, of: list[Any]) -> dict[str, Any]:
        sources = self._inventory._sources
        found: dict[str, Any] = get_vars_from_inventory_sources(self.hostvars._loader, sources, of, "task")
        return found

    def _from_play(self, of: list[Any]) -> dict[str, Any]:
        if not self._manager.safe_basedir:
            return {}
        loader = self.hostvars._loader
        found: dict[str, Any] = get_vars_from_path(loader, loader.get_basedir(), of, "task")
        return found


class Machine(Mapping[str, Any]):
    """The variables of a machine."""

    def __init__(self, glance: Glance, name: str, variables: dict[str, Any], more: frozenset[str]) -> None:
        """Take what was put together, and the names of what Ansible adds."""
        self._glance, self._name, self._variables, self._more = glance, name, variables, more
        self._true: Mapping[str, Any] | None = None

    def __getitem__(self, key: str) -> Any:
        """Return a variable, rendered where it is a template."""
        if key in self._variables:
            value = self._variables[key]
            if self._glance.is_plain(value):
                return value
        elif key not in self._more:
            raise KeyError(key)
        if self._true is None:
            self._glance.rendered.add(self._name)
            self._true = self._glance.hostvars[self._name]
        return self._true[key]

    def __contains__(self, key: object) -> bool:
        """Say whether there is such a variable."""
        return key in self._variables or key in self._more

    def __iter__(self) -> Iterator[str]:
        """Go through the names of variables."""
        yield from self._variables
        yield from self._more - self._variables.keys()

    def __len__(self) -> int:
        """Count variables."""
        return len(self._variables.keys() | self._more)
