# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The front door's TLS, judged by testssl.sh."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def test_testssl_finds_nothing_bad(
    hostvars: dict[str, dict[str, Any]], tls_findings: Callable[..., dict[str, dict[str, str]]]
) -> None:
    address = hostvars["web00"]["ringmaster_fe_ipv4"]
    found = tls_findings("static.web.example", address, 443, "--pfs", "--vulnerable")
    offered = {name: found[name]["finding"] for name in ("SSLv2", "SSLv3", "TLS1", "TLS1_1", "TLS1_2", "TLS1_3")}
    assert {name for name, said in offered.items() if said.startswith("offered")} == {"TLS1_2", "TLS1_3"}, offered
    # Its name in testssl.sh 3.0, and later.
    assert (found.get("PFS") or found["FS"])["severity"] == "OK"
    bad = {
        name: one["finding"] for name, one in found.items() if one["severity"] in ("LOW", "MEDIUM", "HIGH", "CRITICAL")
    }
    # That the page is compressed is said of every server with gzip.
    bad.pop("BREACH", None)
    assert bad == {}
