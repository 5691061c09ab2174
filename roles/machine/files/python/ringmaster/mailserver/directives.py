# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What drop-ins of a project may set: limits, times and behaviour, each with what its value may look like.

Nothing that names a file, an address, a program, an account or another server, and nothing that opens a relay. Postfix
does not look at values before a daemon dies of them, so the pattern must be right.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from ringmaster.core.inbox import Refused

NUMBER = r"[0-9]{1,9}"
TIME = r"[0-9]{1,6}[smhdw]?"
SWITCH = r"yes|no"
SIZE = r"[0-9]{1,6} ?[kMG]?B?"
LINE = re.compile(r"([a-z][a-z0-9_]*)\s*=\s*(.*)")

POSTFIX: Mapping[str, str] = {
    "message_size_limit": NUMBER,
    "header_size_limit": NUMBER,
    "maximal_queue_lifetime": TIME,
    "bounce_queue_lifetime": TIME,
    "delay_warning_time": TIME,
    "minimal_backoff_time": TIME,
    "maximal_backoff_time": TIME,
    "queue_run_delay": TIME,
    "default_process_limit": r"[1-9][0-9]{0,2}",
    "default_destination_concurrency_limit": NUMBER,
    "default_destination_recipient_limit": NUMBER,
    "default_destination_rate_delay": TIME,
    "smtp_destination_concurrency_limit": NUMBER,
    "smtp_connect_timeout": TIME,
    "smtp_address_preference": r"any|ipv4|ipv6",
    "smtpd_timeout": TIME,
    "smtpd_hard_error_limit": NUMBER,
    "smtpd_soft_error_limit": NUMBER,
    "smtpd_error_sleep_time": TIME,
    "smtpd_recipient_limit": NUMBER,
    "smtpd_client_connection_count_limit": NUMBER,
    "smtpd_client_connection_rate_limit": NUMBER,
    "smtpd_client_message_rate_limit": NUMBER,
    "smtpd_client_recipient_rate_limit": NUMBER,
    "smtpd_client_auth_rate_limit": NUMBER,
    "lmtp_destination_concurrency_limit": NUMBER,
    "virtual_alias_expansion_limit": NUMBER,
    "virtual_alias_recursion_limit": r"[0-9]{1,3}",
    "strict_rfc821_envelopes": SWITCH,
}

DOVECOT: Mapping[str, str] = {
    "auth_failure_delay": r"[0-9]{1,2} ?s(ecs)?",
    "imap_idle_notify_interval": r"[0-9]{1,4} ?(s|secs|m|mins)",
    "imap_max_line_length": SIZE,
    "mail_max_userip_connections": r"[1-9][0-9]{0,3}",
    "mail_sort_max_read_count": NUMBER,
    "mail_prefetch_count": r"[0-9]{1,3}",
    "mailbox_list_index": SWITCH,
    "quota_exceeded_message": r"[A-Za-z0-9 .,:!()-]{1,200}",
    "lmtp_save_to_detail_mailbox": SWITCH,
    "sieve_max_redirects": r"[0-9]{1,2}",
    "sieve_max_script_size": SIZE,
    "sieve_max_actions": r"[0-9]{1,3}",
    "sieve_quota_script_count": r"[0-9]{1,3}",
    "sieve_quota_storage_size": SIZE,
    "sieve_vacation_min_period": r"[0-9]{1,3}d",
    "sieve_vacation_default_period": r"[0-9]{1,3}d",
    "sieve_vacation_max_period": r"[0-9]{1,3}d",
}


def only_allowed(text: str, allowed: Mapping[str, str]) -> None:
    """Raise Refused for the first line that is not ``name = value`` as the list allows."""
    for number, line in enumerate(text.split("\n"), start=1):
        stripped = line.strip()
        if not stripped or stripped.startswith("#"):
            continue
        if line[0].isspace():
            raise Refused(f"line {number}: it begins with a space, which would continue the line before it")
        match = LINE.fullmatch(stripped)
        if not match:
            raise Refused(f"line {number}: it is not 'name = value'")
        name, value = match.groups()
        if name not in allowed:
            raise Refused(f"line {number}: the setting '{name[:40]}' is not allowed here")
        if not re.fullmatch(allowed[name], value):
            raise Refused(f"line {number}: the value of '{name}' must look like {allowed[name]}")
