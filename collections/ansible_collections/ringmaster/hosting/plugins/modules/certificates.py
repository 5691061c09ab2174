#!/usr/bin/python
# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: certificates
short_description: Bring the TLS certificates of a machine to their wanted state in one go
version_added: 0.1.0
author:
  - Ringmaster contributors (@ringmaster)
description:
  - Private keys are made on the machine and stay there. It sends requests, the platform CA on the controller
    signs them. One round trip when nothing is to be signed, two otherwise, for any number of certificates.
  - Role P(ringmaster.hosting.certificates#role) installs the program that does the work on the machine.
options:
  wanted:
    description: The certificates. Others that the machine has stay as they are.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: Name of the folder in C(/etc/ringmaster/certificates).
        type: str
        required: true
      source:
        description:
          - V(platform) is signed by the platform CA, V(selfsigned) by itself, V(own) comes from O(own).
          - V(acme) is self-signed until the first issue.
        type: str
        choices: [platform, acme, own, selfsigned]
        default: platform
      names:
        description: DNS names and addresses that it is good for.
        type: list
        elements: str
        required: true
      group:
        description: Group that may read the private key.
        type: str
        default: root
      reload:
        description: Units to reload, or programs to run with their arguments as a list, after it was replaced.
        type: list
        elements: raw
        default: []
      keep_key:
        description: Keep the private key when the certificate is renewed, for TLSA records.
        type: bool
        default: false
  ca_folder:
    description: Folder on the controller with C(ca.pem) and C(ca.key).
    type: path
  ca_plain:
    description: Do not encrypt the CA's key with Ansible Vault. For labs.
    type: bool
    default: false
  ca_create:
    description: Make the CA when there is none.
    type: bool
    default: true
  ca_organisation:
    description: Name in the CA's certificate.
    type: str
    default: Ringmaster
  days:
    description: How long certificates of the platform CA are good.
    type: int
    default: 365
  own:
    description: Your own certificates by name, each with C(certificate) (PEM with its chain) and C(key).
    type: dict
    default: {}
  phase:
    description: What the action plugin asks for. Not for use in plays.
    type: str
    choices: [request, install]
  payload:
    description: What the action plugin sends. Not for use in plays.
    type: str
attributes:
  check_mode:
    description: Tells what would be done.
    support: full
  diff_mode:
    description: Shows the steps.
    support: full
  platform:
    description: Target operating system.
    support: full
    platforms: posix
  action:
    description: Has an action plugin on the controller.
    support: full
"""

EXAMPLES = r"""
- name: Give PostgreSQL a certificate
  ringmaster.hosting.certificates:
    ca_folder: platform/secrets
    wanted:
      - name: postgresql
        names: [db00.example.org, "2001:db8:3::1013"]
        group: postgres
        reload: [postgresql.service]
"""

RETURN = r"""
steps:
  description: What was (in check mode, would be) done.
  returned: success
  type: list
  elements: str
  sample: ["install postgresql: there is none"]
pending:
  description: Certificates that wait for their ACME issue, with the reason.
  returned: success
  type: dict
  sample: {"www.example.org": "not issued yet"}
"""

import json
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule

COMMAND = Path("/usr/bin/ringmaster")
PART = Path("/usr/lib/ringmaster/python/ringmaster/certificates/main.py")
DEFINITION = Path("/usr/lib/ringmaster/checks.d/certificates.json")


def argument_spec() -> dict[str, object]:
    """Return the options of the module."""
    entry = {
        "name": {"type": "str", "required": True},
        "source": {"type": "str", "choices": ["platform", "acme", "own", "selfsigned"], "default": "platform"},
        "names": {"type": "list", "elements": "str", "required": True},
        "group": {"type": "str", "default": "root"},
        "reload": {"type": "list", "elements": "raw", "default": []},
        "keep_key": {"type": "bool", "default": False},
    }
    return {
        "wanted": {"type": "list", "elements": "dict", "options": entry, "default": []},
        "ca_folder": {"type": "path"},
        "ca_plain": {"type": "bool", "default": False},
        "ca_create": {"type": "bool", "default": True},
        "ca_organisation": {"type": "str", "default": "Ringmaster"},
        "days": {"type": "int", "default": 365},
        "own": {"type": "dict", "default": {}, "no_log": True},
        "phase": {"type": "str", "choices": ["request", "install"]},
        "payload": {"type": "str", "no_log": True},
    }


def main() -> None:
    """Run the module."""
    module = AnsibleModule(argument_spec=argument_spec(), supports_check_mode=True)
    if module.check_mode and not DEFINITION.exists():
        # Before the role has run for the first time, openssl may be missing as well.
        module.exit_json(changed=True, steps=["install the program and the certificates"], pending={}, requests=[])
    if not PART.exists():
        module.fail_json(msg="this machine's program has no part 'certificates': role machine brings it")
    words = [str(COMMAND), "certificates", module.params["phase"] or "request"]
    words += ["--check"] if module.check_mode else []
    code, out, err = module.run_command(words, data=module.params["payload"])
    if code:
        module.fail_json(msg=f"certificates: {err.strip() or out.strip() or f'exit code {code}'}")
    result = json.loads(out)
    after = "".join(f"{step}\n" for step in result["steps"])
    module.exit_json(changed=bool(result["steps"]), diff={"before": "", "after": after}, **result)


if __name__ == "__main__":
    main()
