# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lookup ``arguments``: makes extra variables data, and judges them, while the playbook is read."""

from __future__ import annotations

DOCUMENTATION = r"""
name: arguments
author:
  - Ringmaster contributors (@ringmaster)
short_description: Make the extra variables of a run data, and refuse those that a playbook does not know
version_added: 0.1.0
description:
  - For C(playbooks/shared/arguments.yml), which every playbook of this collection imports. Ansible evaluates the path
    of an import while it reads a playbook, before anything else is rendered or done, whatever C(--limit), C(--tags) or
    C(--check) say.
  - From then on no template in an extra variable (C(-e)) is ever rendered, in no playbook of the run. Text is text.
  - Where only playbooks of this collection were called, a variable that is neither an argument of theirs nor one of
    a role, of the inventory, of a connection or of AWX is an error, and so is a value that its argument cannot have.
  - Fails as well when there is no inventory, for a playbook that needs one.
  - With the term C(values) it returns no file, but the names of the extra variables that are values of roles or of
    the inventory for this run only.
options:
  _terms:
    description: C(values), or nothing.
    type: list
    elements: str
    default: []
"""

EXAMPLES = r"""
- name: Read the arguments
  ansible.builtin.import_tasks:
    file: "{{ lookup('ringmaster.hosting.arguments') }}"
"""

RETURN = r"""
_raw:
  description: The path of a file of tasks that does nothing; with the term C(values), names of variables.
  type: list
  elements: str
"""

from pathlib import Path
from typing import Any

from ansible import context
from ansible.errors import AnsibleError
from ansible.plugins.lookup import LookupBase
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform import slices
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform.language.errors import printable, shorten
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform.verbs import arguments
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform.verbs.playbooks import PLAYBOOKS
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform.verbs.request import RequestError
from ansible_collections.ringmaster.hosting.plugins.plugin_utils import extra_vars

NOTHING = Path(__file__).absolute().parents[2] / "playbooks" / "shared" / "nothing.yml"


class LookupModule(LookupBase):
    """Judge once in each run; later calls return at once."""

    _judged = False

    def run(self, terms: list[Any], variables: dict[str, Any] | None = None, **kwargs: Any) -> list[str]:
        """Return the file that does nothing, or what a term asks for; raises AnsibleError with every mistake."""
        if terms == ["values"]:
            return extra_vars.values_for_this_run(self._loader)
        if not LookupModule._judged:
            self._judge((variables or {}).get("groups") or {})
            LookupModule._judged = True
        return [str(NOTHING)]

    def _judge(self, groups: dict[str, list[str]]) -> None:
        given = extra_vars.make_data(self._loader)
        names = extra_vars.playbooks_of_ours()
        if extra_vars.Inventory.only and not set(names) <= set(slices.PLAYBOOKS):
            raise AnsibleError(slices.REFUSED)
        if not names:
            return
        hosts = [host for members in groups.values() for host in members]
        known = extra_vars.known_variables(self._loader) if arguments.strangers(names, given) else set()
        try:
            arguments.judge(names, given, known, hosts)
        except RequestError as error:
            raise AnsibleError(str(error)) from None
        for name in arguments.not_given(names, given):
            del given[name]
        if not hosts and not context.CLIARGS.get("syntax"):
            self._explain_no_inventory(names, given)

    @staticmethod
    def _explain_no_inventory(names: list[str], given: dict[str, Any]) -> None:
        if extra_vars.Inventory.data is not None or "source" in given:
            return
        if all(PLAYBOOKS[name].on_its_own for name in names):
            return
        sources = [str(source) for source in context.CLIARGS.get("inventory") or ()]
        read = ", ".join(printable(shorten(source)) for source in sources)
        raise AnsibleError(
            f"There is no inventory ({read or 'none was given'}), so nothing was done. Name the source of the "
            "platform, the file that ends in .ringmaster.yml: -i platform/platform.ringmaster.yml"
        )
