# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Figures as node exporter's textfile collector reads them."""

from __future__ import annotations

from collections.abc import Iterator


def metric(name: str, kind: str, values: dict[str, float], label: str = "") -> Iterator[str]:
    """Yield the lines of a metric; ``values`` are by the value of the label, or by an empty text without one."""
    if values:
        yield f"# TYPE {name} {kind}"
    for key, value in values.items():
        yield f'{name}{{{label}="{key}"}} {value:.12g}' if label else f"{name} {value:.12g}"
