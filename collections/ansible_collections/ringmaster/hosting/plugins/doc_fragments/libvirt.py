# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation that the libvirt modules share."""

from __future__ import annotations


class ModuleDocFragment:
    """Fragments of the modules C(image), C(disk), C(vm), C(vms) and C(vm_info)."""

    DOCUMENTATION = r"""
options:
  uri:
    description: The libvirt connection, seen from the hypervisor that the module runs on.
    type: str
    default: qemu:///system
  pool:
    description: Name of the libvirt storage pool that holds images and disks.
    type: str
    default: ringmaster
requirements:
  - python3-libvirt on the hypervisor
"""

    CONVERGE = r"""
options:
  hypervisor:
    description:
      - Name of this hypervisor in the inventory.
      - A VM whose placement names another hypervisor is refused.
    type: str
    default: ""
  virtualization:
    description:
      - With V(auto), KVM where C(/dev/kvm) exists and the CPU shows C(vmx) or C(svm), else plain emulation.
      - V(test) is for libvirt's own test driver.
    type: str
    default: auto
    choices: [auto, kvm, qemu, test]
  disk_cache:
    description: Cache mode of the disks. V(unsafe) may lose data and is for throw-away machines.
    type: str
    default: none
    choices: [none, writeback, writethrough, directsync, unsafe]
  console_directory:
    description: Folder on the hypervisor for the logs of the serial consoles.
    type: path
    default: /var/log/libvirt/console
  lock_directory:
    description: Folder on the hypervisor for the locks that keep two runs on one VM apart.
    type: path
    default: /run/ringmaster/locks
  lock_timeout:
    description: Seconds to wait for the lock of a VM.
    type: float
    default: 30.0
  stop_timeout:
    description: Seconds that a guest has to shut down.
    type: float
    default: 120.0
  force_stop:
    description: Switch a guest off that has not shut down in time.
    type: bool
    default: true
  restart_pending:
    description: Restart a running VM when a change waits for it. Never done unasked.
    type: bool
    default: false
attributes:
  check_mode:
    description: Plans with the same code as the real run and shows the same steps.
    support: full
  diff_mode:
    description: Shows the changed values before and after, not libvirt's XML.
    support: full
"""
