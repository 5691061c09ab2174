# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Graphs of components, from the figures of their exporters."""

from __future__ import annotations

from ringmaster.status.graphs.kinds import (
    BYTES,
    COUNT,
    RATE,
    SECONDS,
    SHARE,
    Graph,
    Line,
    levels,
    most,
    of,
    one,
    rate,
    share,
)

POSTGRESQL = (
    Graph(
        "postgresql_connections",
        "PostgreSQL: connections",
        SHARE,
        share(
            "sum by (instance) (pg_stat_database_numbackends) / "
            f"({most('pg_settings_max_connections')} - {most('pg_settings_superuser_reserved_connections')} > 0)"
        ),
        check="postgresql/connections",
        limits=levels("postgresql_connections"),
        top=1.0,
        about="Share of the connections that applications may have.",
    ),
    Graph(
        "postgresql_transactions",
        "PostgreSQL: transactions",
        RATE,
        (
            Line("committed", rate("pg_stat_database_xact_commit")),
            Line("rolled back", rate("pg_stat_database_xact_rollback")),
        ),
    ),
    Graph(
        "postgresql_size",
        "PostgreSQL: size of databases",
        BYTES,
        (Line("", 'max by (instance, datname) (pg_database_size_bytes{datname!~"template.*"})', by="datname"),),
    ),
    Graph(
        "postgresql_cache",
        "PostgreSQL: read from the disk",
        RATE,
        one(rate("pg_stat_database_blks_read")),
        about="Blocks of 8 KiB a second that were not in PostgreSQL's own memory.",
    ),
)
MYSQL = (
    Graph(
        "mysql_connections",
        "MariaDB: connections",
        SHARE,
        share(of("mysql_global_status_threads_connected", "mysql_global_variables_max_connections")),
        check="mysql/connections",
        limits=levels("mysql_connections"),
        top=1.0,
    ),
    Graph("mysql_queries", "MariaDB: statements", RATE, one(rate("mysql_global_status_queries"))),
    Graph(
        "mysql_slow",
        "MariaDB: slow statements",
        RATE,
        one(rate("mysql_global_status_slow_queries")),
    ),
    Graph(
        "mysql_buffer_pool",
        "MariaDB: read past the buffer pool",
        SHARE,
        share(
            f"{rate('mysql_global_status_innodb_buffer_pool_reads')} / "
            f"({rate('mysql_global_status_innodb_buffer_pool_read_requests')} > 0)"
        ),
        about="Share of the reads that had to go to the disk.",
    ),
)
REDIS = (
    Graph(
        "redis_memory",
        "Redis: memory",
        SHARE,
        share(of("redis_memory_used_bytes", "redis_memory_max_bytes")),
        check="redis/memory",
        limits=levels("redis_memory", only=(("redis_maxmemory_policy", "noeviction"),)),
        top=1.0,
        about="Share of what it may have (maxmemory).",
    ),
    Graph(
        "redis_clients",
        "Redis: connections",
        SHARE,
        share(of("redis_connected_clients", "redis_max_clients")),
        check="redis/connections",
        limits=levels("redis_connections"),
        top=1.0,
    ),
    Graph("redis_commands", "Redis: commands", RATE, one(rate("redis_commands_processed_total"))),
    Graph(
        "redis_keys",
        "Redis: questions for keys",
        RATE,
        (
            Line("found", rate("redis_keyspace_hits_total")),
            Line("not found", rate("redis_keyspace_misses_total")),
            Line("evicted", rate("redis_evicted_keys_total")),
        ),
    ),
)
MEMCACHED = (
    Graph(
        "memcached_memory",
        "memcached: memory",
        SHARE,
        share(of("ringmaster_memcached_bytes", "ringmaster_memcached_bytes_limit")),
        top=1.0,
        about="Share of what values may take; a full one forgets what was not asked for longest.",
    ),
    Graph(
        "memcached_connections",
        "memcached: connections",
        SHARE,
        share(of("ringmaster_memcached_connections", "ringmaster_memcached_connections_limit")),
        check="memcached/connections",
        limits=levels("memcached_connections"),
        top=1.0,
    ),
    Graph(
        "memcached_keys",
        "memcached: questions for keys",
        RATE,
        (
            Line("found", rate("ringmaster_memcached_hits_total")),
            Line("not found", rate("ringmaster_memcached_misses_total")),
            Line("evicted", rate("ringmaster_memcached_evictions_total")),
        ),
    ),
)
WEBGATEWAY = (
    Graph(
        "webgateway_requests",
        "Web gateway: answers",
        RATE,
        (Line("", rate("haproxy_backend_http_responses_total", by="instance, code"), by="code"),),
        about="By the class of their status: 5xx are errors of the application, 4xx are questions that it refused.",
    ),
    Graph(
        "webgateway_time",
        "Web gateway: time to answer",
        SECONDS,
        (
            Line(
                "",
                "max by (instance, proxy) (haproxy_backend_response_time_average_seconds)",
                by="proxy",
            ),
        ),
        about="The mean of the last 1024 requests of each backend.",
    ),
    Graph(
        "webgateway_connections",
        "Web gateway: connections",
        SHARE,
        share(of("haproxy_process_current_connections", "haproxy_process_max_connections")),
        top=1.0,
        about="Share of the connections that haproxy may have.",
    ),
    Graph(
        "webgateway_queue",
        "Web gateway: requests that wait",
        COUNT,
        (Line("", "max by (instance, proxy) (haproxy_backend_current_queue)", by="proxy"),),
        about="For a member of their backend that can take them.",
    ),
)
MAILSERVER = (
    Graph(
        "mail_queue",
        "Mail: queue",
        COUNT,
        one('sum by (instance) (ringmaster_mail_queue_messages{queue!="hold"})'),
        check="mailserver/queue",
        limits=levels("mailserver_queue", 1.0),
        about="Messages that wait to be delivered.",
    ),
    Graph(
        "mail_deliveries",
        "Mail: deliveries",
        RATE,
        (Line("", rate("ringmaster_mail_deliveries_total", by="instance, status"), by="status"),),
    ),
    Graph(
        "mail_refused",
        "Mail: refused",
        RATE,
        (Line("", rate("ringmaster_mail_refused_total", by="instance, by"), by="by"),),
        about="By the filter for spam and viruses, and by what senders and receivers may do.",
    ),
)
