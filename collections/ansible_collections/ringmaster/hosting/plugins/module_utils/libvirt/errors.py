# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one error type that the modules turn into ``fail_json``."""

from __future__ import annotations


class HypervisorError(Exception):
    """Something that a person can act on.

    The message names the object, what was found, what is allowed and the remedy.
    """


class NotReadyError(HypervisorError):
    """The machine is no hypervisor yet: libvirt, its binding or the pool is missing.

    In check mode that is no error: an earlier task would have set it up.
    """
