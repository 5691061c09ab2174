# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options of Ansible's own connection over ssh, taken from the ansible-core that runs."""

from __future__ import annotations

import re
import textwrap

from ansible.plugins.connection.ssh import DOCUMENTATION as OF_SSH


def options(documentation: str) -> str:
    """Return the part of a plugin's documentation that describes its options, as a documentation of its own.

    Versions in it are those of ansible-core, and would be read as ours.
    """
    described = textwrap.dedent("    " + documentation[documentation.index("options:\n") :])
    return re.sub(r"^ *version_added: *\S+\n", "", described, flags=re.MULTILINE)


class ModuleDocFragment:
    """Options of ``ansible.builtin.ssh``."""

    # Annotated: ansible-test takes other assignments of this name for text.
    DOCUMENTATION: str = options(OF_SSH)
