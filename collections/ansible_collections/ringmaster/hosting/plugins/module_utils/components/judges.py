# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The judge of each component's options: all that can be known of them without a machine."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from .database_faults import of_mysql, of_postgresql, of_redis
from .faults import Fault, Surroundings
from .mail_faults import of_mailserver, of_mailstub
from .web_faults import of_webgateway

JUDGES: Mapping[str, Callable[[Mapping[str, Any], Surroundings], Iterator[Fault]]] = {
    "postgresql": of_postgresql,
    "mysql": of_mysql,
    "redis": of_redis,
    "webgateway": of_webgateway,
    "mailserver": of_mailserver,
    "mailstub": of_mailstub,
}
NEEDS_NO_OPTIONS = frozenset({"mailstub"})
"""Components that can be wrong where they stand, even without options."""
