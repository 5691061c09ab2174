# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Graphs of every machine, and of the service users on it."""

from __future__ import annotations

from ringmaster.status.graphs.kinds import (
    BYTE_RATE,
    BYTES,
    COUNT,
    DEVICES,
    DISKS,
    SHARE,
    Graph,
    Limit,
    Line,
    levels,
    most,
    of,
    one,
    rate,
    share,
)


def waiting(resource: str) -> tuple[Line, ...]:
    """Return the share of the time in which something waited for a resource."""
    return share(f"max by (instance) (rate(node_pressure_{resource}_waiting_seconds_total[3m]))")


def full() -> tuple[Line, ...]:
    """Return the share in use of the fullest file system, without what root has in reserve, as df counts."""
    left, free, whole = (f"node_filesystem_{name}_bytes{{{DISKS}}}" for name in ("avail", "free", "size"))
    return share(f"max by (instance) (1 - {left} / ({whole} - {free} + {left} > 0))")


HOST = (
    Graph(
        "cpu",
        "CPU",
        SHARE,
        share('1 - avg by (instance) (rate(node_cpu_seconds_total{mode="idle"}[3m]))'),
        top=1.0,
        about="Share of all cores' time in which something ran.",
    ),
    Graph(
        "cpu_waiting",
        "Waiting for CPU",
        SHARE,
        waiting("cpu"),
        about="Share of the time in which something could have run and waited for a core.",
    ),
    Graph(
        "memory",
        "Memory",
        SHARE,
        share(f"1 - {of('node_memory_MemAvailable_bytes', 'node_memory_MemTotal_bytes')}"),
        check="host/memory",
        limits=(Limit("monitoring_agent_memory_available_warning", "warning", -0.01, 1.0),),
        top=1.0,
        about="Share that is not available to programs. What only caches files counts as available.",
    ),
    Graph(
        "memory_waiting",
        "Waiting for memory",
        SHARE,
        waiting("memory"),
        check="host/memory",
        limits=(Limit("monitoring_agent_memory_pressure_warning", "warning"),),
        about="Share of the time in which something waited for memory; more than a little of it is too small a size.",
    ),
    Graph(
        "swap",
        "Swap",
        BYTES,
        one(f"{most('node_memory_SwapTotal_bytes')} - {most('node_memory_SwapFree_bytes')}"),
        check="host/swap",
        limits=levels("monitoring_agent_swap", 1024.0**2, "_mib"),
        about="Memory that was moved to the disk.",
    ),
    Graph(
        "disk",
        "Fullest file system",
        SHARE,
        full(),
        check="host/disk",
        limits=levels("monitoring_agent_disk"),
        top=1.0,
    ),
    Graph(
        "inodes",
        "Files on the fullest file system",
        SHARE,
        share(
            f"max by (instance) (1 - node_filesystem_files_free{{{DISKS}}} / (node_filesystem_files{{{DISKS}}} > 0))"
        ),
        check="host/inodes",
        limits=levels("monitoring_agent_inodes"),
        top=1.0,
        about="Share of the files (inodes) that it can hold.",
    ),
    Graph(
        "disk_rate",
        "Disk traffic",
        BYTE_RATE,
        (
            Line("read", rate("node_disk_read_bytes_total", DEVICES)),
            Line("written", rate("node_disk_written_bytes_total", DEVICES)),
        ),
    ),
    Graph(
        "disk_waiting",
        "Waiting for the disk",
        SHARE,
        waiting("io"),
        about="Share of the time in which something waited for a disk.",
    ),
    Graph(
        "network",
        "Network",
        BYTE_RATE,
        (
            Line("received", rate("node_network_receive_bytes_total", DEVICES)),
            Line("sent", rate("node_network_transmit_bytes_total", DEVICES)),
        ),
    ),
    Graph(
        "connections",
        "TCP connections",
        COUNT,
        one(most("node_sockstat_TCP_inuse")),
    ),
    Graph(
        "backup",
        "Newest backup",
        BYTES,
        (
            Line("holds", most("ringmaster_backup_processed_bytes")),
            Line("was added", most("ringmaster_backup_added_bytes")),
        ),
        about="What the newest backup holds, and what of it the repository did not have yet.",
    ),
)


def _of_users(name: str, title: str, resource: str, about: str, is_counter: bool = False) -> Graph:
    used = f"ringmaster_service_user_{resource}"
    taken = rate(used, by="instance, user") if is_counter else f"max by (instance, user) ({used})"
    limit = f"max by (instance, user) (ringmaster_service_user_{resource.replace('seconds_total', 'cores')}_limit)"
    line = Line("", f"clamp({taken} / ({limit} > 0), 0, 1)", by="user")
    return Graph(name, title, SHARE, (line,), top=1.0, about=about)


SERVICE_USERS = (
    _of_users(
        "users_memory",
        "Memory of service users",
        "memory_bytes",
        "Share of what each may have (service_user_limits); without a limit, of all memory.",
    ),
    _of_users(
        "users_cpu",
        "CPU of service users",
        "cpu_seconds_total",
        "Share of the CPU time that each may have (service_user_limits); without a limit, of all cores.",
        is_counter=True,
    ),
    _of_users(
        "users_tasks",
        "Processes of service users",
        "tasks",
        "Processes and threads, as a share of how many each may have.",
    ),
)
