# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the Internet reaches of a service machine that is connected to both networks, over IPv4 and IPv6."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence

import pytest
from ansible_collections.ringmaster.hosting.plugins.module_utils.network import offers
from namespaces import MANAGER, OUTSIDE, Question, ask
from test_vms_and_machines import (
    ATTACKER,
    HV0,
    LISTED,
    PORTS,
    SVC4,
    SVC6,
    SVC_FRONTEND,
    SVC_MANAGEMENT,
    Platform,
    hardware_address,
    platform,
)

__all__ = ["platform"]

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="network namespaces need root")

#: Pages and names. All else stays inside: SSH, backups, packages, Prometheus, exporters, results of checks.
PUBLIC = {53, 80, 443}
FE4, FE6 = SVC_FRONTEND


def reached(platform: Platform, asker: str, target: str, source: str = "", ports: Sequence[int] = PORTS) -> set[int]:
    return platform.open(asker, target, ports, source)


def hold(platform: Platform, *, guard: bool, gateway: bool) -> None:
    """Have only one of the two who judge, or both."""
    platform.load()
    if not guard:
        platform.network.load("svc0", "")
    if not gateway:
        platform.network.load("gateway", "")


@pytest.mark.parametrize("target", [FE4, FE6])
def test_without_anybody_who_judges_all_of_it_answers(platform: Platform, target: str) -> None:
    """So what is not reached below is refused, and not lost on the way."""
    hold(platform, guard=False, gateway=False)
    end = time.monotonic() + 30
    # An address of IPv6 is used once nobody else is known to have it, and this is the first test.
    while (found := reached(platform, "outside", target, OUTSIDE[":" in target])) != set(PORTS):
        assert time.monotonic() < end, found


@pytest.mark.parametrize(("guard", "gateway"), [(True, True), (True, False), (False, True)])
@pytest.mark.parametrize("target", [FE4, FE6, SVC6])
def test_the_internet_reaches_pages_and_names(platform: Platform, target: str, guard: bool, gateway: bool) -> None:
    hold(platform, guard=guard, gateway=gateway)
    assert reached(platform, "outside", target, OUTSIDE[":" in target]) == PUBLIC
    ping = Question("outside", target, "icmp", 0)
    assert ask(platform.network, [ping])[ping] == "open"


@pytest.mark.parametrize("target", [SVC4, SVC_MANAGEMENT])
def test_the_internet_has_no_way_to_the_other_addresses(platform: Platform, target: str) -> None:
    hold(platform, guard=True, gateway=True)
    found = reached(platform, "outside", target, OUTSIDE[0])
    # Whoever routes private addresses here reaches no more by them; the management network is not ours to close.
    assert found == (PUBLIC if target == SVC4 else set(PORTS))


@pytest.mark.parametrize(
    ("target", "source"),
    [(FE4, "ringmaster_srv_ipv4"), (FE6, "ringmaster_srv_ipv6"), (FE6, "ringmaster_fe_ipv6")],
)
def test_a_vm_reaches_the_same_there(platform: Platform, target: str, source: str) -> None:
    hold(platform, guard=True, gateway=True)
    assert reached(platform, ATTACKER, target, platform.attacker[source]) == PUBLIC


def test_a_neighbour_on_the_frontend_reaches_no_other_address_by_it(platform: Platform) -> None:
    """The machine would answer for any address that it has."""
    network = platform.network
    made_up, mac = "2001:db8:2::dead", hardware_address(network, "svc0", "fe")
    network.run(ATTACKER, "ip", "neigh", "replace", made_up, "lladdr", mac, "dev", "ethfe")
    way = [f"{SVC6}/128", "via", made_up, "dev", "ethfe", "table", "1002"]
    network.run(ATTACKER, "ip", "-6", "route", "add", *way)
    try:
        source = platform.attacker["ringmaster_fe_ipv6"]
        hold(platform, guard=False, gateway=False)
        assert reached(platform, ATTACKER, SVC6, source) == set(PORTS), "there is no such way at all"
        hold(platform, guard=True, gateway=False)
        assert reached(platform, ATTACKER, SVC6, source) == LISTED - {3142}
    finally:
        network.run(ATTACKER, "ip", "-6", "route", "del", *way)
        network.run(ATTACKER, "ip", "neigh", "del", made_up, "dev", "ethfe")


def test_operators_reach_pages_there_and_log_in(platform: Platform) -> None:
    hold(platform, guard=True, gateway=True)
    assert reached(platform, "outside", FE4, MANAGER) == PUBLIC | {22}
    # By the management address, and on the server network, everything as ever.
    assert reached(platform, "outside", SVC_MANAGEMENT, MANAGER) == set(PORTS)
    assert reached(platform, "outside", SVC4, MANAGER) == set(PORTS)
    assert reached(platform, "gateway", SVC4) == set(PORTS)


def test_nobody_is_trusted_for_the_address_that_a_packet_from_there_has(platform: Platform) -> None:
    """The address of a hypervisor, or of somebody who manages, is easily put into a packet."""
    network = platform.network
    ways = [
        (ATTACKER, ["addr", "%s", f"{HV0}/32", "dev", "ethfe"]),
        (ATTACKER, ["route", "%s", f"{FE4}/32", "dev", "ethfe"]),
        ("svc0", ["route", "%s", f"{HV0}/32", "dev", "fe", "table", "1002"]),
    ]
    for machine, words in ways:
        network.run(machine, "ip", *(word.replace("%s", "add") for word in words))
    try:
        hold(platform, guard=False, gateway=False)
        assert reached(platform, ATTACKER, FE4, HV0) == set(PORTS), "there is no such way at all"
        hold(platform, guard=True, gateway=False)
        # Who manages logs in from everywhere, by a key.
        assert reached(platform, ATTACKER, FE4, HV0) == PUBLIC | {22}
    finally:
        for machine, words in reversed(ways):
            network.run(machine, "ip", *(word.replace("%s", "del") for word in words))


def test_answers_leave_where_the_question_came_in(platform: Platform) -> None:
    """The gateway takes an address of the frontend from there only; without the rule they would go the default way."""
    hold(platform, guard=True, gateway=True)
    network = platform.network
    network.run("svc0", "ip", "rule", "del", "from", FE4, "table", "1002")
    try:
        assert reached(platform, "outside", FE4, OUTSIDE[0], (443,)) == set()
    finally:
        network.run("svc0", "ip", "rule", "add", "from", FE4, "table", "1002")
    assert reached(platform, "outside", FE4, OUTSIDE[0], (443,)) == {443}


def test_what_is_public_is_what_the_list_says() -> None:
    assert {offer.port for offer in offers.OFFERS if offer.everybody} == PUBLIC
