# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a drop-in of a project may set, and how it may be written.

Limits, buffers, time-outs, the optimiser and the like: nothing that names a file, an address, a program, an account,
a plugin or another server, and nothing that takes durability or the checks' way in away.
"""

from __future__ import annotations

import re

from ringmaster.core.inbox import Refused

SECTIONS = frozenset({"mysqld", "mariadbd"})
# MariaDB reads lines in pieces of 4 KiB: the rest of a longer one would be a line of its own.
LINE_LIMIT = 1000
SECTION = re.compile(r"\[([A-Za-z0-9_.-]+)\]")
OPTION = re.compile(r"([A-Za-z][A-Za-z0-9_-]*)\s*(?:=\s*(.*))?")

# Another name of the same variable.
ALIASES = {
    "long_query_time": "log_slow_query_time",
    "slow_query_log": "log_slow_query",
    "min_examined_row_limit": "log_slow_min_examined_row_limit",
    "tx_isolation": "transaction_isolation",
    "storage_engine": "default_storage_engine",
}

ALLOWED = frozenset(
    {
        # memory
        "innodb_buffer_pool_size",
        "innodb_log_buffer_size",
        "innodb_sort_buffer_size",
        "innodb_ft_cache_size",
        "innodb_ft_total_cache_size",
        "innodb_ft_result_cache_limit",
        "aria_pagecache_buffer_size",
        "key_buffer_size",
        "join_buffer_size",
        "join_buffer_space_limit",
        "sort_buffer_size",
        "read_buffer_size",
        "read_rnd_buffer_size",
        "mrr_buffer_size",
        "tmp_table_size",
        "max_heap_table_size",
        "max_session_mem_used",
        "query_cache_size",
        "query_cache_type",
        "query_cache_limit",
        "binlog_cache_size",
        "bulk_insert_buffer_size",
        "myisam_sort_buffer_size",
        "aria_sort_buffer_size",
        # connections
        "max_connections",
        "max_user_connections",
        "max_connect_errors",
        "max_allowed_packet",
        "max_prepared_stmt_count",
        "back_log",
        "connect_timeout",
        "interactive_timeout",
        "wait_timeout",
        "net_read_timeout",
        "net_write_timeout",
        "net_buffer_length",
        "idle_transaction_timeout",
        "idle_readonly_transaction_timeout",
        "idle_write_transaction_timeout",
        "lock_wait_timeout",
        "thread_cache_size",
        "thread_handling",
        "thread_pool_size",
        "thread_pool_max_threads",
        "tcp_keepalive_interval",
        "tcp_keepalive_probes",
        "tcp_keepalive_time",
        # InnoDB
        "innodb_adaptive_hash_index",
        "innodb_autoinc_lock_mode",
        "innodb_deadlock_detect",
        "innodb_default_row_format",
        "innodb_fill_factor",
        "innodb_flush_neighbors",
        "innodb_ft_enable_stopword",
        "innodb_ft_max_token_size",
        "innodb_ft_min_token_size",
        "innodb_io_capacity",
        "innodb_io_capacity_max",
        "innodb_lock_wait_timeout",
        "innodb_log_file_size",
        "innodb_max_dirty_pages_pct",
        "innodb_old_blocks_time",
        "innodb_online_alter_log_max_size",
        "innodb_open_files",
        "innodb_print_all_deadlocks",
        "innodb_purge_threads",
        "innodb_read_io_threads",
        "innodb_rollback_on_timeout",
        "innodb_snapshot_isolation",
        "innodb_stats_auto_recalc",
        "innodb_stats_on_metadata",
        "innodb_stats_persistent",
        "innodb_stats_persistent_sample_pages",
        "innodb_strict_mode",
        "innodb_write_io_threads",
        # tables and SQL
        "auto_increment_increment",
        "auto_increment_offset",
        "character_set_collations",
        "character_set_server",
        "collation_server",
        "concurrent_insert",
        "default_week_format",
        "event_scheduler",
        "explicit_defaults_for_timestamp",
        "ft_max_word_len",
        "ft_min_word_len",
        "group_concat_max_len",
        "lc_time_names",
        "log_bin_trust_function_creators",
        "low_priority_updates",
        "max_sp_recursion_depth",
        "max_statement_time",
        "old_mode",
        "sql_mode",
        "storage_engine",
        "default_storage_engine",
        "default_tmp_storage_engine",
        "default_time_zone",
        "system_versioning_alter_history",
        "table_definition_cache",
        "table_open_cache",
        "transaction_isolation",
        "tx_isolation",
        # the optimiser
        "analyze_sample_percentage",
        "eq_range_index_dive_limit",
        "histogram_size",
        "in_predicate_conversion_threshold",
        "join_cache_level",
        "max_length_for_sort_data",
        "max_sort_length",
        "optimizer_prune_level",
        "optimizer_search_depth",
        "optimizer_switch",
        "optimizer_use_condition_selectivity",
        "use_stat_tables",
        # the slow log and figures
        "log_queries_not_using_indexes",
        "log_slow_admin_statements",
        "log_slow_filter",
        "log_slow_min_examined_row_limit",
        "log_slow_query",
        "log_slow_query_time",
        "log_slow_rate_limit",
        "log_slow_verbosity",
        "long_query_time",
        "min_examined_row_limit",
        "slow_query_log",
        "performance_schema",
        "userstat",
        # the binary log
        "binlog_row_image",
        "binlog_row_metadata",
    }
)


def only_allowed(text: str) -> None:
    """Raise Refused unless each line is a comment, a section of the server, or a variable on the allow-list."""
    section = ""
    for number, line in enumerate(text.split("\n"), start=1):
        if len(line.encode()) > LINE_LIMIT:
            raise Refused(f"line {number} is longer than {LINE_LIMIT} bytes")
        words = line.strip()
        if not words or words[0] in "#;":
            continue
        heading = SECTION.fullmatch(words)
        if heading:
            section = heading[1]
            if section not in SECTIONS:
                raise Refused(f"line {number}: only the sections [mysqld] and [mariadbd] are allowed here")
            continue
        option = OPTION.fullmatch(words)
        if not option:
            raise Refused(f"line {number} is not 'variable = value'")
        if not section:
            raise Refused(f"line {number} stands before a section such as [mariadbd]")
        name = option[1].lower().replace("-", "_")
        if name not in ALLOWED:
            raise Refused(f"line {number}: the variable '{name[:40]}' is not allowed here")
