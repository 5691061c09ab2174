# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What platform.yml says of the portal: people who are there, a name of its own, verbs that there are."""

from __future__ import annotations

import pytest
import yaml
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform import operations
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform.language.errors import DescriptionError
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform.verbs import edit

PLATFORM = "platform.yml"
PORTAL = "portal: {host: my.ringmaster.example, operators: []}"


def portal(platform, text: str) -> None:
    platform.replace(PLATFORM, PORTAL, f"portal: {text}")


def test_what_is_not_said_is_careful(platform) -> None:
    platform.replace(PLATFORM, PORTAL, "")
    assert platform.read().platform["portal"] == {
        "host": None,
        "operators": [],
        "sign_up": "invited",
        "approvals": {},
        "wheel": "operator",
    }


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{operators: [alcie]}", "portal.operators.0: the person 'alcie' is not known"),
        ("{sign_up: everybody}", "portal.sign_up: 'everybody' is not one of the allowed words"),
        ("{approvals: {retire_vms: manager}}", "portal.approvals: 'retire_vms' is not one of the allowed words"),
        # Nobody but operators does it, whoever consents.
        ("{approvals: {add_user: manager}}", "portal.approvals: 'add_user' is not one of the allowed words"),
        ("{approvals: {retire_vm: bob}}", "portal.approvals.retire_vm: 'bob' is not one of the allowed words"),
        ("{wheel: everybody}", "portal.wheel: 'everybody' is not one of the allowed words"),
        ("{host: my}", "portal.host: 'my' is not allowed here"),
    ],
)
def test_what_cannot_be(platform, text: str, message: str) -> None:
    portal(platform, text)
    (mistake,) = platform.mistakes()
    assert mistake.message == message
    assert mistake.line > 1
    assert mistake.allowed


def test_who_was_never_let_in_operates_nothing(platform) -> None:
    portal(platform, "{operators: [alice]}")
    platform.edit("users/alice.yml", lambda data: data.update(state="pending"))
    (mistake,) = platform.mistakes()
    assert mistake.message == "portal.operators[0]: alice has no account yet"


@pytest.mark.parametrize("verb", ["lock_user", "remove_user"])
def test_an_operator_can_be_locked_at_any_time_but_the_last_one(platform, verb: str) -> None:
    portal(platform, "{operators: [alice, bob]}")
    platform.allocate()
    edit.apply(platform.options, verb, {"user": "bob"})
    outcome = operations.validate(platform.options)
    assert outcome.mistakes == []
    assert "portal.operators[1]: bob operates nothing any more" in outcome.warnings[0]
    assert "will be an error" not in outcome.warnings[0]
    with pytest.raises(DescriptionError, match="alice: the last operator of the platform would be gone"):
        edit.apply(platform.options, verb, {"user": "alice"})
    edit.apply(platform.options, verb, {"user": "alice", "even_if_last": True})


def test_nobody_gets_the_portals_name(platform) -> None:
    portal(platform, "{host: app.shop.example, operators: [alice]}")
    record = "{zone: shop.example, name: _acme-challenge.app, type: TXT, values: x}"
    platform.edit("projects/myapp.yml", lambda data: data["dns_records"].append({}))
    platform.replace("projects/myapp.yml", "- {}", f"- {record}")
    (mistake,) = platform.mistakes()
    assert mistake.message.endswith("'_acme-challenge.app.shop.example' belongs to the platform")
    assert mistake.hint == ""
    platform.replace(PLATFORM, "{shop.example: myapp", "{app.shop.example: myapp, shop.example: myapp")
    assert "dns_owners: 'app.shop.example' belongs to the portal (portal.host)" in [
        mistake.message for mistake in platform.mistakes()
    ]


@pytest.mark.parametrize(
    ("services", "message"),
    [
        ("portal: svc0, steward: hv0", "services.steward: it runs on neither a VM nor a hypervisor"),
        ("portal: hv0", "services.portal: it runs on neither a VM nor a hypervisor"),
        ("steward: svc0", "services.steward: there is no queue that it could work through"),
        ("portal: svc9", "services.portal: the machine 'svc9' is not known"),
    ],
)
def test_who_takes_requests_is_a_machine_of_ours(platform, services: str, message: str) -> None:
    platform.edit(PLATFORM, lambda data: data["services"].update(yaml.safe_load(f"{{{services}}}")))
    assert message in [mistake.message for mistake in platform.mistakes()]


def test_who_takes_requests_has_a_name_for_which_people_sign(platform) -> None:
    platform.edit(PLATFORM, lambda data: data["services"].update(portal="svc0", steward="svc0"))
    assert platform.mistakes() == []
    platform.edit(PLATFORM, lambda data: data.update(portal={}))
    assert {mistake.message for mistake in platform.mistakes()} == {
        f"services.{name}: portal.host is missing, for which people sign" for name in ("portal", "steward")
    }
