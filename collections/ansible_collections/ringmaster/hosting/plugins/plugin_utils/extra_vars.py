# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The variables of ``-e``: made data before anything renders them, and judged where a playbook of ours runs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ansible import constants, context
from ansible.errors import AnsibleError
from ansible.parsing.vault import AnsibleVaultError
from ansible.plugins.loader import connection_loader
from ansible.template import is_trusted_as_template
from ansible.utils.vars import load_extra_vars, transform_to_native_types
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform import convergence
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform.component_options import roles_folder
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform.verbs import arguments
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform.verbs.playbooks import PLAYBOOKS

COLLECTION = "ringmaster.hosting"
NO_PASSWORD = (
    "{what} is encrypted, and Ansible has no password for it: give --vault-password-file=FILE or --ask-vault-pass, "
    "or set ANSIBLE_VAULT_PASSWORD_FILE"
)

# What everybody may set beside what plugins of Ansible document: how machines are reached.
_OF_ANSIBLE = ("ansible_python_interpreter", "ansible_become", "ansible_become_user", "ansible_become_method")

# What playbooks read beside their arguments: a secret that a description never holds, a time for slow machines, and the
# limits of what machines may answer.
_OF_ALL_PLAYBOOKS = (
    "platform_secret",
    "ringmaster_boot_timeout",
    "ringmaster_answer_bytes",
    "ringmaster_answer_seconds",
    "ringmaster_fetched_bytes",
    "ringmaster_take_facts",
)


class Inventory:
    """What the inventory plugin has read in this process."""

    data: Mapping[str, Any] | None = None
    only: Sequence[str] = ()
    """Whom it was narrowed to."""

    @classmethod
    def variables(cls) -> set[str]:
        """Return the names of all variables of hosts and groups."""
        if cls.data is None:
            return set()
        groups = (group["vars"] for group in cls.data["groups"].values())
        return {name for variables in (*cls.data["hosts"].values(), *groups) for name in variables}


def make_data(loader: Any) -> dict[str, Any]:
    """Return the extra variables, which are nothing but data from now on: no template in them is ever rendered.

    Ansible reads them once and keeps them in one map, which is changed in place; so whoever has it has data. Raises
    AnsibleError where a value cannot be read, or where this ansible-core does not let them be changed.
    """
    variables: dict[str, Any] = load_extra_vars(loader)
    try:
        plain = transform_to_native_types(dict(variables), redact=False)
    except AnsibleVaultError as error:
        raise AnsibleError(NO_PASSWORD.format(what="A value of the extra variables")) from error
    except RecursionError as error:
        raise AnsibleError("A value of the extra variables contains itself.") from error
    variables.clear()
    variables.update(plain)
    if any(map(is_trusted_as_template, _texts(load_extra_vars(loader)))):
        raise AnsibleError("This ansible-core would run what stands in extra variables; nothing was started.")
    return variables


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for name, item in value.items():
            yield from _texts(name)
            yield from _texts(item)
    elif isinstance(value, (list, tuple, set)):
        for item in value:
            yield from _texts(item)


def playbooks_of_ours() -> list[str]:
    """Return the names of the playbooks that were called; an empty list when one of them is not of this collection."""
    found = []
    folder = Path(__file__).absolute().parents[2] / "playbooks"
    for word in context.CLIARGS.get("args") or ():
        path = Path(word)
        name = path.stem if path.suffix else word.removeprefix(f"{COLLECTION}.")
        is_ours = word == f"{COLLECTION}.{name}" or path.resolve().parent == folder.resolve()
        if not is_ours or name not in PLAYBOOKS:
            return []
        found.append(name)
    return found


def values_for_this_run(loader: Any) -> list[str]:
    """Return the names of extra variables that are neither arguments of playbooks nor about how machines are reached.

    Such a value reaches machines in this run, and no digest has it in it.
    """
    passed = {*_OF_ANSIBLE, *_OF_ALL_PLAYBOOKS, *_connection_variables()}
    others = arguments.strangers(playbooks_of_ours(), load_extra_vars(loader))
    return sorted(str(name) for name in others if name not in passed and not arguments.OF_AWX.fullmatch(str(name)))


def known_variables(loader: Any) -> set[str]:
    """Return the variables that an operator may set beside the arguments of playbooks."""
    known = {*_OF_ANSIBLE, *_OF_ALL_PLAYBOOKS, *arguments.variables_of_roles(roles_folder())}
    known.update(_connection_variables(), Inventory.variables(), _variables_of_files(loader))
    return known


def _connection_variables() -> Iterator[str]:
    """Yield the variables that Ansible documents for itself, connections, shells and becoming another user."""
    plugins = [(None, None), ("connection", "ssh"), ("connection", "local"), ("shell", "sh"), ("become", "sudo")]
    connection_loader.get("ssh", class_only=True)
    for names in constants.MAGIC_VARIABLE_MAPPING.values():
        yield from names
    for kind, name in plugins:
        yield from constants.config.get_plugin_vars(kind, name)


def _variables_of_files(loader: Any) -> Iterator[str]:
    """Yield the variables of the files beside the inventory."""
    for source in context.CLIARGS.get("inventory") or ():
        folder = Path(source) if Path(source).is_dir() else Path(source).parent
        for file in convergence.files_beside(folder):
            try:
                # Not into the cache: Ansible reads them as templates, which what is read here is not.
                content = loader.load_from_file(str(file), cache="none")
            except AnsibleError:
                continue
            yield from content if isinstance(content, Mapping) else ()
