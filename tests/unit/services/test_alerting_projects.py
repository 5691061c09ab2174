# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whom projects name; the expected values are what the role's template gave before they were made here."""

from __future__ import annotations

from ansible_collections.ringmaster.hosting.plugins.module_utils.services import alerting

SHOP = {
    "ringmaster_project": "shop",
    "ringmaster_project_contacts": ["ops@shop.example"],
    "ringmaster_project_webhooks": ["https://hook.example/{x}"],
}


def test_the_first_machine_of_a_project_stands_for_it() -> None:
    other = {**SHOP, "ringmaster_project_contacts": ["never@read.example"]}
    machines = [{"inventory_hostname": "svc0"}, SHOP, {"ringmaster_project": "blog"}, other]
    assert alerting.projects(machines) == [
        {"name": "shop", "contacts": ["ops@shop.example"], "webhooks": ["https://hook.example/{x}"]},
        {"name": "blog", "contacts": [], "webhooks": []},
    ]


def test_without_projects_nobody_is_named() -> None:
    assert alerting.projects([{"inventory_hostname": "svc0"}]) == []
