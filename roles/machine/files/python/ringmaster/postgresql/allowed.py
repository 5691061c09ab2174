# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a drop-in of a project may set.

Memory, planning, logging of statements, vacuuming and behaviour: nothing that names a file, an address, a library, a
command, an account or another server, and nothing whose value could keep the server from starting for a reason that
a trial does not find (slots, senders, WAL level, prepared transactions).
"""

from __future__ import annotations

import re

from ringmaster.core.inbox import Refused

ALLOWED = frozenset(
    {
        # memory and connections
        "effective_cache_size",
        "hash_mem_multiplier",
        "logical_decoding_work_mem",
        "maintenance_work_mem",
        "autovacuum_work_mem",
        "max_connections",
        "max_locks_per_transaction",
        "shared_buffers",
        "temp_buffers",
        "work_mem",
        "temp_file_limit",
        # workers
        "max_parallel_maintenance_workers",
        "max_parallel_workers",
        "max_parallel_workers_per_gather",
        "max_worker_processes",
        # planning
        "constraint_exclusion",
        "cpu_index_tuple_cost",
        "cpu_operator_cost",
        "cpu_tuple_cost",
        "cursor_tuple_fraction",
        "default_statistics_target",
        "effective_io_concurrency",
        "enable_bitmapscan",
        "enable_hashagg",
        "enable_hashjoin",
        "enable_indexonlyscan",
        "enable_indexscan",
        "enable_material",
        "enable_memoize",
        "enable_mergejoin",
        "enable_nestloop",
        "enable_partitionwise_aggregate",
        "enable_partitionwise_join",
        "enable_seqscan",
        "enable_sort",
        "from_collapse_limit",
        "geqo",
        "geqo_threshold",
        "jit",
        "jit_above_cost",
        "join_collapse_limit",
        "maintenance_io_concurrency",
        "min_parallel_index_scan_size",
        "min_parallel_table_scan_size",
        "parallel_setup_cost",
        "parallel_tuple_cost",
        "plan_cache_mode",
        "random_page_cost",
        "seq_page_cost",
        # write-ahead log
        "checkpoint_completion_target",
        "checkpoint_timeout",
        "commit_delay",
        "commit_siblings",
        "max_wal_size",
        "min_wal_size",
        "synchronous_commit",
        "wal_compression",
        # vacuum
        "autovacuum_analyze_scale_factor",
        "autovacuum_analyze_threshold",
        "autovacuum_max_workers",
        "autovacuum_naptime",
        "autovacuum_vacuum_cost_delay",
        "autovacuum_vacuum_cost_limit",
        "autovacuum_vacuum_insert_scale_factor",
        "autovacuum_vacuum_insert_threshold",
        "autovacuum_vacuum_scale_factor",
        "autovacuum_vacuum_threshold",
        # logging
        "auto_explain.log_analyze",
        "auto_explain.log_buffers",
        "auto_explain.log_format",
        "auto_explain.log_min_duration",
        "auto_explain.log_nested_statements",
        "auto_explain.log_timing",
        "auto_explain.log_verbose",
        "auto_explain.sample_rate",
        "log_autovacuum_min_duration",
        "log_connections",
        "log_disconnections",
        "log_lock_waits",
        "log_min_duration_sample",
        "log_min_duration_statement",
        "log_min_error_statement",
        "log_min_messages",
        "log_parameter_max_length",
        "log_statement",
        "log_statement_sample_rate",
        "log_temp_files",
        "log_transaction_sample_rate",
        "pg_stat_statements.max",
        "pg_stat_statements.track",
        "track_activity_query_size",
        "track_functions",
        "track_io_timing",
        # behaviour
        "bytea_output",
        "client_min_messages",
        "datestyle",
        "deadlock_timeout",
        "default_text_search_config",
        "default_transaction_isolation",
        "extra_float_digits",
        "gin_fuzzy_search_limit",
        "gin_pending_list_limit",
        "idle_in_transaction_session_timeout",
        "idle_session_timeout",
        "intervalstyle",
        "lock_timeout",
        "max_stack_depth",
        "statement_timeout",
        "tcp_keepalives_count",
        "tcp_keepalives_idle",
        "tcp_keepalives_interval",
        "timezone",
        "transaction_timeout",
        "xmlbinary",
        "xmloption",
    }
)
# PostgreSQL's own syntax without backslashes: a name, an optional '=', a word or a quoted text, an optional comment.
LINE = re.compile(
    r"[ \t]*(?P<name>[A-Za-z_][A-Za-z0-9_.]*)(?:[ \t]*=[ \t]*|[ \t]+)"
    r"(?P<value>'(?:[^'\\]|'')*'|[A-Za-z0-9_.:/+-]+)[ \t]*(?:#.*)?"
)
EMPTY = re.compile(r"[ \t]*(?:#.*)?")


def judge(text: str) -> None:
    """Raise Refused for the first line that is not a setting on the list."""
    if "\r" in text:
        raise Refused("it has a carriage return in a line")
    for number, line in enumerate(text.split("\n"), start=1):
        if EMPTY.fullmatch(line):
            continue
        found = LINE.fullmatch(line)
        if not found:
            raise Refused(f"line {number}: it must be name = value, with a text in single quotes")
        if found["name"].lower() not in ALLOWED:
            raise Refused(f"line {number}: the setting '{found['name'][:40]}' is not allowed here")
