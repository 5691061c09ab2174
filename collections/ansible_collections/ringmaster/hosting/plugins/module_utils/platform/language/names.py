# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules for names. Projects, VMs, machines, people and service users share one namespace."""

from __future__ import annotations

import re
from collections.abc import Iterable

PROJECT = r"^[a-z][a-z0-9]{0,18}[a-z]$"
VM = r"^[a-z][a-z0-9]{0,18}[a-z][0-9]{2,9}$"
SERVICE_USER = r"^s-[a-z0-9-]{1,29}$"
PERSON = r"^[a-z][a-z0-9]{0,30}(-[a-z0-9]+)*$"
MACHINE = r"^[a-z]([a-z0-9-]{0,30}[a-z0-9])?$"

INCIDENT = r"[0-9]{4}-[0-9]{2}-[0-9]{2}(-[a-z0-9]+){1,12}"
RULES = {
    "project": (PROJECT, "2 to 20 lower-case letters and digits, first and last a letter, no hyphen"),
    "VM": (VM, "the project's name and 2 to 9 digits, for example myapp00"),
    "service user": (SERVICE_USER, "s- and 1 to 29 lower-case letters, digits or hyphens"),
    "person": (PERSON, "up to 31 lower-case letters, digits and single hyphens, first a letter, not s-…"),
    "incident": (INCIDENT, "the day and words, for example 2026-11-24-storage"),
    "machine": (MACHINE, "up to 32 lower-case letters, digits and hyphens, first a letter"),
}

# Accounts and groups that Debian or the packages of our components create: nobody may be called so.
_SYSTEM_ACCOUNTS = """
    root daemon bin sys sync games man lp mail news uucp proxy www-data backup list irc gnats nobody _apt
    systemd-network systemd-resolve systemd-timesync systemd-coredump systemd-oom systemd-journal
    messagebus sshd polkitd ntp ntpsec chrony tss uuidd tcpdump statd dnsmasq libvirt-qemu libvirt-dnsmasq
    libvirt kvm postgres mysql redis valkey memcached memcache haproxy nginx postfix postdrop dovecot dovenull vmail
    rspamd opendkim dkim prometheus alertmanager grafana sensu nagios icinga monitoring munin bind named nsd
    unbound debian-tor clamav amavis stunnel stunnel4 rabbitmq elasticsearch mongodb ftp ident identd
    adm tty disk dialout fax voice cdrom floppy tape sudo audio dip operator src shadow utmp video sasl
    plugdev staff users nogroup crontab input sgx render netdev ssh ssl-cert admin administrator puppet
    epmd postsrsd freshclam redis-sentinel systemd-bus-proxy sgx-prv pcscd
    ringmaster-check ringmaster-fetch ringmaster-status ringmaster-drop-in ringmaster-portal ringmaster-steward
    ringmaster-mail-out ringmaster-maintenance swtpm libvirt-swtpm dhcpcd
    restic pgbackrest roundcube apt-cacher-ng _chrony _ssh debian ubuntu ansible ringmaster
    service login sudo-srv wheel manager stats
    """
SYSTEM_ACCOUNTS = frozenset(_SYSTEM_ACCOUNTS.split())

# Names of groups in the inventory and words Ansible gives a meaning.
RESERVED_HOSTS = frozenset(
    ["all", "ungrouped", "localhost", "vms", "hypervisors", "machines", "unallocated", "orphans"]
)


def is_valid(kind: str, name: str) -> bool:
    """Tell whether a name follows the rule of its kind (a key of RULES)."""
    if kind == "person" and (name.startswith("s-") or len(name) > 31):
        return False
    return re.fullmatch(RULES[kind][0], name) is not None


def project_of(vm: str) -> str:
    """Return the project of a VM: no project ends in a digit, so the digits can be cut off."""
    return vm.rstrip("0123456789")


def number_of(vm: str) -> int:
    """Return the number of a VM within its project."""
    return int(vm[len(project_of(vm)) :])


def next_vm(project: str, used: Iterable[str]) -> str:
    """Return the project's next VM name: one number above every number that was ever used."""
    numbers = [number_of(name) for name in used if project_of(name) == project and is_valid("VM", name)]
    return f"{project}{max(numbers, default=-1) + 1:02d}"


def natural(name: str) -> tuple[str, int, str]:
    """Sort key that puts myapp2 before myapp10."""
    head = name.rstrip("0123456789")
    tail = name[len(head) :]
    return head, int(tail or -1), name
