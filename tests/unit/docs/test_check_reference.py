# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The page with all checks is current, and every check says what it looks at."""

from __future__ import annotations

import re
from pathlib import Path

from ansible_collections.ringmaster.hosting.plugins.module_utils.services import runbooks
from programs import load

REFERENCE = Path(__file__).parents[3] / "docs/reference"
reference = load(REFERENCE / "checks.py")


def test_the_page_is_current() -> None:
    assert (REFERENCE / reference.PAGE).read_text() == reference.page(), "run make generate"
    assert reference.HTML_PAGE.read_text() == reference.html_page(), "run make generate"
    assert "`" not in reference.html_page()


def test_every_check_says_what_it_looks_at() -> None:
    found = [item for role in reference.ROLES.iterdir() for item in reference.definitions(role)]
    assert len(found) > 20
    silent = [f"{item['component']}/{item['name']}" for item in found if not reference.meaning(item)]
    assert not silent, "their functions have no docstring"


# What the status pages make themselves, the check of the runner itself, and the checks of projects.
MADE_ELSEWHERE = {"host/reachable", "monitoring_agent/results", "monitoring_agent/definitions", "project/checks"}


def test_every_check_and_alert_says_what_to_do_and_nothing_is_left_over() -> None:
    known = set(MADE_ELSEWHERE)
    for role in reference.ROLES.iterdir():
        known |= {f"{item['component']}/{item['name']}" for item in reference.definitions(role)}
        known |= {rule["alert"] for rule in reference.alerts(role)}
        assert not [name for name, _meant, remedy in reference.entries(role) if len(remedy) < 15]
    written = {name for role in reference.ROLES.iterdir() for name in reference.runbook(role)}
    assert written <= known
    assert written >= MADE_ELSEWHERE


def test_every_link_of_an_alert_resolves() -> None:
    url = "https://status.example.org/checks.html"
    rules = runbooks.alert_rules(str(reference.ROLES), url)
    for text in (reference.page(), reference.html_page()):
        places = set(re.findall(r'id="([^"]+)"', text))
        for role, content in rules.items():
            found = re.findall(r"runbook_url: '?(\S+?)#(.+?)'?$", content, re.MULTILINE)
            assert len(found) == len(list(reference.alerts(reference.ROLES / role)))
            assert {page for page, _place in found} == {url}
            # Those of a check: the check has its place, as the test above sees to.
            assert {place for _page, place in found if not place.startswith("{{ $labels.component")} <= places
