# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the files of filters share: they name a function of module_utils, and say which of its errors are the user's."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable
from typing import Any

from ansible.errors import AnsibleFilterError


def wrap(says: str, function: Callable[..., Any], *errors: type[Exception]) -> Callable[..., Any]:
    """Return a function as a filter: ``errors`` become AnsibleFilterError, in whose text ``{}`` is the error's own.

    Other exceptions are mistakes of ours, and Ansible shows where they come from.
    """

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        try:
            return function(*args, **kwargs)
        except errors as error:
            raise AnsibleFilterError(says.replace("{}", str(error))) from error

    return call


def as_data(function: Callable[..., Any]) -> Callable[..., dict[str, Any]]:
    """Return a function whose answer is a dataclass as a filter: templates know dictionaries and lists."""

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> dict[str, Any]:
        return dataclasses.asdict(function(*args, **kwargs))

    return call
