# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Secrets that are derived and never stored."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping
from typing import Any

LENGTH = 32
MINIMUM_SECRET = 16


def derive(
    platform_secret: str, *, project: str, vm: str, component: str, object_name: str, generation: int = 1
) -> str:
    """Return 32 letters and digits for an object, the same ones each time (190 bits).

    HMAC-SHA256 of ``v1/project/vm/component/object/generation`` under the platform's secret, so that no password has to
    be stored: whoever has the secret makes them again. Stretched by a counter, in base64 without the characters that
    would need quoting anywhere. Raises ValueError for a weak secret or a part that could be taken for two.
    """
    if len(platform_secret) < MINIMUM_SECRET:
        raise ValueError(f"the platform secret must have at least {MINIMUM_SECRET} characters")
    if generation < 1:
        raise ValueError(f"generation must be 1 or more, not {generation}")
    for name, part in (("project", project), ("vm", vm), ("component", component), ("object", object_name)):
        if not part or "/" in part:
            raise ValueError(f"{name} must be a word without a slash, not {part!r}")
    message = f"v1/{project}/{vm}/{component}/{object_name}/{generation}".encode()
    key = platform_secret.encode()
    block = hmac.new(key, message, hashlib.sha256).digest()
    result = ""
    while len(result) < LENGTH:
        result += base64.b64encode(block).decode().translate(str.maketrans("", "", "+/="))
        block = hmac.new(key, block + message, hashlib.sha256).digest()
    return result[:LENGTH]


def of_object(
    platform_secret: Any,
    *,
    project: str,
    vm: str,
    component: str,
    object: str,  # noqa: A002
    generation: int = 1,
) -> str:
    """Return the secret of one object, for playbooks: they may hand over anything. Raises ValueError."""
    if not isinstance(platform_secret, str):
        raise ValueError("the input must be the platform secret, a text")
    return derive(
        platform_secret, project=project, vm=vm, component=component, object_name=object, generation=int(generation)
    )


def generation(machine: Mapping[str, Any], component: str, object_name: str) -> int:
    """Return the current generation of a secret by the host variables of its machine; rotating adds one."""
    generations = machine.get("ringmaster_secret_generations") or {}
    return int(generations.get(f"{machine['inventory_hostname']}/{component}/{object_name}", 1))
