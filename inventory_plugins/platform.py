# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Inventory plugin: a platform description as an Ansible inventory."""

from __future__ import annotations

DOCUMENTATION = r"""
name: platform
author:
  - Ringmaster contributors (@ringmaster)
short_description: Inventory of a Ringmaster platform description
description:
  - Reads the platform description beside the inventory source (C(platform.yml), C(users/),
    C(projects/)) and the ledger, checks them completely, and gives VMs, hypervisors and machines with
    their variables.
  - The source is always the file that ends in C(.ringmaster.yml), never the folder.
  - Groups are V(vms), V(hypervisors), V(machines), V(unallocated) (VMs without addresses yet),
    V(without_host_key) (VMs whose SSH host key is not in the ledger yet), V(orphans) (VMs that only the ledger
    knows), C(project_<project>), C(component_<component>), C(service_<service>), C(state_<state>) and
    C(hypervisor_<hypervisor>_vms).
  - Text of the description is data. A template in it is shown, never run.
extends_documentation_fragment:
  - constructed
options:
  plugin:
    description: Name of this plugin.
    required: true
    type: str
    choices: [ringmaster.hosting.platform, platform]
  ledger:
    description:
      - File with everything that was allocated. A relative path counts from the folder of the source.
      - By default C(allocations.yml) beside the source.
    type: str
  private_key_file:
    description:
      - Private SSH key of the operator. Ignored while it does not exist. A relative path counts from
        the folder of the source.
    type: str
    env:
      - name: RINGMASTER_PRIVATE_KEY_FILE
  key_directory:
    description:
      - For labs. Keys C(<user>.pub) and C(operator.pub) in this folder are added to the declared ones.
        Ignored while it does not exist. A relative path counts from the folder of the source.
    type: str
  ssh_address:
    description: Which address of a VM Ansible uses.
    type: str
    choices:
      srv4: IPv4 on the server network.
      srv6: IPv6 on the server network.
      fe6: IPv6 on the frontend network.
    default: srv4
  description_repo:
    description:
      - Address of the git repository that holds the description, for runs in copies that are thrown away, as in AWX.
      - Verbs and allocations clone it, change the clone, commit and push. A rejected push means that somebody
        was quicker; then all is read and allocated again. Nothing counts before it is pushed.
      - Without it, changes are made in place, and committing them is the operator's work.
    type: str
    env:
      - name: RINGMASTER_DESCRIPTION_REPO
  description_branch:
    description: Branch of that repository. By default the one that the repository names itself.
    type: str
    env:
      - name: RINGMASTER_DESCRIPTION_BRANCH
  description_folder:
    description: Folder in that repository that holds this source.
    type: str
    default: "."
    env:
      - name: RINGMASTER_DESCRIPTION_FOLDER
  signing_key_file:
    description:
      - Private SSH key, without a passphrase or known to the agent by its public half, that signs the commits of verbs
        and allocations in that repository. A relative path counts from the folder of the source.
    type: str
    env:
      - name: RINGMASTER_SIGNING_KEY_FILE
  allowed_signers_file:
    description:
      - Who may sign commits of the description, in the form of C(ALLOWED SIGNERS) in ssh-keygen(1).
      - Then the newest commit has to be signed by one of them, who vouches for all that it is built upon.
        C(validate.yml) checks it, and verbs and allocations refuse to build on another one.
      - Keep the file where nobody can write who may push.
    type: str
    env:
      - name: RINGMASTER_ALLOWED_SIGNERS_FILE
  projects:
    description: Show the VMs of these projects only. An empty list shows all.
    type: list
    elements: str
    default: []
  only:
    description:
      - Give these VMs, or VMs of these projects, only, with all other VMs of their projects, their hypervisors and the
        machines. It takes a part of the time and of the memory; digests are those of the whole platform.
      - Services are set up for all VMs, so only playbooks that set up VMs inside run with it.
      - For C(bin/slices).
    type: list
    elements: str
    default: []
    env:
      - name: RINGMASTER_ONLY
  cache_directory:
    description:
      - Where the resolved inventory is kept. It is used as long as no file of the description has
        changed in content.
      - An empty value turns the cache off.
    type: str
    default: ~/.cache/ringmaster
    env:
      - name: RINGMASTER_CACHE_DIRECTORY
"""

EXAMPLES = r"""
# platform.ringmaster.yml
plugin: ringmaster.hosting.platform
ssh_address: srv4

# Groups of your own, from the variables of the hosts
# plugin: ringmaster.hosting.platform
# keyed_groups:
#   - key: ringmaster_hypervisor
#     prefix: on
# groups:
#   large: ringmaster_memory_mib | default(0) >= 8192
"""

import functools
import gc
from pathlib import Path
from typing import Any, NoReturn

from ansible.errors import AnsibleParserError
from ansible.parsing.vault import AnsibleVaultError
from ansible.plugins.inventory import BaseInventoryPlugin, Constructable
from ansible.plugins.loader import connection_loader
from ansible.release import __version__ as core_version

if tuple(map(int, core_version.split(".")[:2])) < (2, 19):
    # Ansible shows this as its reason why it cannot load the plugin.
    raise ImportError(
        f"Ringmaster needs ansible-core 2.19, and this is {core_version}. The right one is in .venv/bin/ after "
        "'make check', or comes with: pip install 'ansible-core>=2.19,<2.20'"
    )

from ansible.template import trust_as_template
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform import (
    cache,
    convergence,
    description,
    rescue,
    slices,
)
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform.component_options import roles_folder
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform.inventory import CONNECTION
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform.language import files, load
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform.language.errors import (
    DescriptionError,
    summarize,
)
from ansible_collections.ringmaster.hosting.plugins.plugin_utils import extra_vars

# Where Ansible looks when it is given no inventory.
_NOBODYS = "/etc/ansible/hosts"
_NAME_IT = (
    f"Name the source of the platform, the file that ends in {description.SUFFIX}: "
    f"-i platform/platform{description.SUFFIX}"
)

# Text with none of these cannot be an expression, not even when a playbook evaluates it once more.
_EXPRESSION = frozenset("{}()[]'\"|")


def mark(value: Any) -> Any:
    """Trust strings that cannot be templates, so that they are shown plainly; leave all others untrusted."""
    if isinstance(value, str):
        return _mark_text(value)
    if isinstance(value, dict):
        return {key: mark(item) for key, item in value.items()}
    if isinstance(value, list):
        return [mark(item) for item in value]
    return value


@functools.lru_cache(maxsize=10_000)
def _mark_text(text: str) -> Any:
    """Mark a text; kept, because most of what hosts say many of them say."""
    return text if _EXPRESSION.intersection(text) else trust_as_template(text)


def _forget_earlier() -> None:
    """Let go of what was read before, when an inventory is read once more: hosts and groups refer to each other."""
    if gc.get_freeze_count():
        extra_vars.Inventory.data = None
        gc.unfreeze()
        gc.collect()


class InventoryModule(BaseInventoryPlugin, Constructable):
    """The inventory of one platform."""

    NAME = "ringmaster.hosting.platform"

    # Errors that were shown in full: the plugin `auto` tries the same file again and need not repeat them.
    _reported: set[str] = set()

    def verify_file(self, path: str) -> bool:
        """Accept sources, and files of a platform only to say which file is the right one."""
        if path.endswith(description.SUFFIX) and not Path(path).exists():
            return True
        if not super().verify_file(path):
            if path == _NOBODYS:
                self.display.warning(f"No inventory was given. {_NAME_IT}")
            return False
        if path.endswith(description.SUFFIX):
            return True
        if description.find_source(Path(path)) is not None:
            return True
        self.display.vvv(f"{path} does not end in {description.SUFFIX}")
        return False

    def parse(self, inventory: Any, loader: Any, path: str, cache: bool = True) -> None:
        """Read the platform and fill the inventory; raises AnsibleParserError with every mistake."""
        try:
            super().parse(inventory, loader, path, cache)
        except AnsibleVaultError:
            self._fail(path, extra_vars.NO_PASSWORD.format(what="A file of extra variables (-e @FILE)"))
        source = Path(path).absolute()
        if not source.exists():
            self._fail(path, f"There is no file {path}, seen from {Path.cwd()}. {_NAME_IT}")
        self._need_passwords(path, loader)
        if not path.endswith(description.SUFFIX):
            self._fail(path, description.explain_wrong_source(source))
        try:
            description.check_source(source)
        except DescriptionError as error:
            if not source.is_file():
                # Whoever would try the file after us, as plugin `auto` does, would wait for a named pipe for ever.
                self.display.error(str(error), wrap_text=False)
                raise SystemExit(1) from None
            self._fail(path, summarize(error.mistakes), "\n" + "\n\n".join(one.render() for one in error.mistakes))
        self._read_config_data(path)
        names = ("ledger", "private_key_file", "key_directory", "ssh_address", "projects")
        names += ("description_repo", "description_branch", "description_folder")
        names += ("signing_key_file", "allowed_signers_file")
        try:
            options = description.make_options(source, {name: self.get_option(name) for name in names}, roles_folder())
            data = self._resolve(options, cache)
        except DescriptionError as error:
            details = "\n\n".join(mistake.render() for mistake in error.mistakes)
            self._fail(path, summarize(error.mistakes), "\n" + details)
        chosen = self.get_option("only")
        if chosen:
            data = slices.only(data, chosen)
        _forget_earlier()
        extra_vars.Inventory.data, extra_vars.Inventory.only = data, chosen
        # Here, before a process is made for each task: reading its options takes longer than many a task.
        connection_loader.get(CONNECTION, class_only=True)
        with load.without_collector():
            self._populate(data)
            # It stays as long as the run: Python would walk, and so copy, all of it in the process of each task.
            gc.freeze()

    def _need_passwords(self, path: str, loader: Any) -> None:
        """Say which file beside the source is encrypted while there is no password: Ansible would not say which."""
        if loader._vault.secrets:
            return
        for file in convergence.files_beside(Path(path).parent):
            try:
                text = files.read_bytes(file, files.LARGEST_WRITTEN)
            except OSError:
                continue  # Ansible says what is wrong with it
            if text.startswith(b"$ANSIBLE_VAULT") or b"!vault" in text:
                self._fail(path, extra_vars.NO_PASSWORD.format(what=file))

    def _resolve(self, options: Any, use_cache: bool) -> dict[str, Any]:
        folder = self.get_option("cache_directory")
        try:
            return cache.resolve(options, Path(folder).expanduser() if folder else None, use_cache)
        except DescriptionError:
            called = extra_vars.playbooks_of_ours()
            if not called or not set(called) <= set(rescue.PLAYBOOKS):
                raise
        data, warnings = cache.rescued(options)
        for warning in warnings:
            self.display.warning(warning)
        return data

    def _fail(self, path: str, message: str, details: str = "") -> NoReturn:
        if path in self._reported:
            raise AnsibleParserError("The reason stands above.")
        self._reported.add(path)
        raise AnsibleParserError(message, help_text=details or None)

    def _populate(self, data: dict[str, Any]) -> None:
        hosts, groups = data["hosts"], data["groups"]
        for name in hosts:
            self.inventory.add_host(name)
        for name, group in groups.items():
            if name != "all":
                self.inventory.add_group(name)
            self._set(self.inventory.groups[name], group["vars"])
            for host in group["hosts"]:
                self.inventory.add_child(name, host)
        for name, variables in hosts.items():
            # Itself, not by its method: that checks the same few names for each host.
            self.inventory.hosts[name].vars.update(mark(variables))
        self._construct(hosts, groups)

    @staticmethod
    def _set(entity: Any, variables: dict[str, Any]) -> None:
        """Set variables on the host or group itself: the inventory's own way copies every value."""
        for name, value in variables.items():
            entity.set_variable(name, mark(value))

    def _construct(self, hosts: dict[str, Any], groups: dict[str, Any]) -> None:
        compose, conditions, keyed = (self.get_option(name) for name in ("compose", "groups", "keyed_groups"))
        if not (compose or conditions or keyed):
            return
        strict = self.get_option("strict")
        shared: dict[str, dict[str, Any]] = {name: dict(groups["all"]["vars"]) for name in hosts}
        for name, group in groups.items():
            if name != "all":
                for host in group["hosts"]:
                    shared[host].update(group["vars"])
        for name, variables in hosts.items():
            merged = mark({**shared[name], **variables, "inventory_hostname": name})
            self._set_composite_vars(compose, merged, name, strict=strict)
            self._add_host_to_composed_groups(conditions, merged, name, strict=strict, fetch_hostvars=False)
            self._add_host_to_keyed_groups(keyed, merged, name, strict=strict, fetch_hostvars=False)
