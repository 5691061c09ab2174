#!/usr/bin/python
# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Wait for a machine that starts: the action plugin does it, and nothing runs on the machine but a ping."""

from __future__ import annotations

DOCUMENTATION = r"""
module: wait_for_machine
short_description: Wait until a machine answers, unless it lies
version_added: 0.1.0
author: Ringmaster contributors (@ringmaster)
description:
  - Asks a machine over a new connection each second until it answers, as M(ansible.builtin.wait_for_connection) does.
  - A machine that answers what is not taken, such as one that speaks without end, fails at once. It would be asked
    until the time is over otherwise, and all machines of the play wait for it.
  - One that is reached and does not answer as a machine does has 30 seconds, because it may be starting.
options:
  timeout:
    description: Seconds to wait for a machine that cannot be reached.
    type: int
    default: 600
attributes:
  check_mode:
    support: none
    description: Nothing is waited for.
  diff_mode:
    support: none
    description: Nothing is changed.
"""

EXAMPLES = r"""
- name: Wait until the VM answers
  ringmaster.hosting.wait_for_machine:
    timeout: 600
"""

RETURN = r"""
elapsed:
  description: Seconds that it took.
  returned: always
  type: int
  sample: 12
"""
