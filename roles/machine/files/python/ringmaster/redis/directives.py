# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a drop-in of a project may set.

Limits, memory policy, persistence rhythm, encodings and the like: nothing that names a file, an address, a
program, an account or another server.
"""

from __future__ import annotations

ALLOWED = frozenset(
    {
        # memory and clients
        "maxmemory",
        "maxmemory-policy",
        "maxmemory-samples",
        "maxmemory-eviction-tenacity",
        "maxmemory-clients",
        "maxclients",
        "timeout",
        "tcp-keepalive",
        "client-output-buffer-limit",
        "client-query-buffer-limit",
        "proto-max-bulk-len",
        "tracking-table-max-keys",
        "lfu-log-factor",
        "lfu-decay-time",
        "active-expire-effort",
        "lazyfree-lazy-eviction",
        "lazyfree-lazy-expire",
        "lazyfree-lazy-server-del",
        "lazyfree-lazy-user-del",
        "lazyfree-lazy-user-flush",
        # persistence
        "save",
        "stop-writes-on-bgsave-error",
        "rdbcompression",
        "appendonly",
        "appendfsync",
        "no-appendfsync-on-rewrite",
        "auto-aof-rewrite-percentage",
        "auto-aof-rewrite-min-size",
        # behaviour
        "databases",
        "notify-keyspace-events",
        "busy-reply-threshold",
        "lua-time-limit",
        "hz",
        "dynamic-hz",
        "slowlog-log-slower-than",
        "slowlog-max-len",
        "latency-monitor-threshold",
        "latency-tracking",
        "io-threads",
        # encodings
        "hash-max-listpack-entries",
        "hash-max-listpack-value",
        "list-max-listpack-size",
        "list-compress-depth",
        "set-max-intset-entries",
        "set-max-listpack-entries",
        "set-max-listpack-value",
        "zset-max-listpack-entries",
        "zset-max-listpack-value",
        "hll-sparse-max-bytes",
        "stream-node-max-bytes",
        "stream-node-max-entries",
        "activerehashing",
    }
)
