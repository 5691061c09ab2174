# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Apply a project's roster to one machine.

Data flows one way, and `run` goes it: `roster` and `facts` are read, a `comparison` holds both, `guard` may refuse it,
`plan` decides what to do, `view` tells it and `apply` does it. `work` is what has to be done, as data.

Only the standard library and relative imports: the same files run inside Ansible and, packed into one file by `timer`,
from the timer that repairs drift while the controller is away.
"""
