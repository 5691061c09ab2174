# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The machine's program: what runs on hypervisors, service machines and VMs beside what Debian brings.

Standard library only. ``core`` is on every machine, each other folder where it is needed.
"""
