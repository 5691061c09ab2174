# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which pages a lab has for browsers, and what people are told: names, addresses, log-in hints."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible_collections.ringmaster.hosting.plugins.module_utils.lab import hints, links
from ansible_collections.ringmaster.hosting.plugins.module_utils.lab.forward import Forward

SERVER = {"ansible_host": "10.77.0.20", "ringmaster_domain": "ringmaster.example"}
MAIL = {
    "ansible_host": "172.20.1.1",
    "ringmaster_fe_fqdn": "post00.fe.ringmaster.example",
    "ringmaster_fe_ipv4": "198.51.100.2",
    "ringmaster_fe_ipv6": "2001:db8:2::1000",
}


def inventory(
    server: dict[str, Any] | None = None, mail: dict[str, Any] | None = None, **groups: Any
) -> dict[str, Any]:
    hostvars = {"svc0": server if server is not None else SERVER, "post00": mail if mail is not None else MAIL}
    named = {"service_status": ["svc0"], "component_mailserver": ["post00"], "vms": ["post00"], **groups}
    return {"_meta": {"hostvars": hostvars}, **{name: {"hosts": hosts} for name, hosts in named.items()}}


def test_status_pages_and_webmail_are_asked_for_as_people_outside_do() -> None:
    status, webmail = links.of(inventory(), "ringmaster-lab")
    assert (status.name, status.host, status.address) == ("status", "status.ringmaster.example", "10.77.0.20")
    # Not in the name of the management network, which sees everything.
    assert status.source == "198.18.0.7"
    assert (status.operators, status.operators_address) == ("/all/", "10.77.0.20")
    assert (webmail.name, webmail.host) == ("webmail-post00", "post00.fe.ringmaster.example")
    assert (webmail.address, webmail.source, webmail.operators) == ("198.51.100.2", "198.18.0.7", "")


def test_each_lab_has_names_of_its_own() -> None:
    names = {lab: [link.name for link in links.of(inventory(), lab)] for lab in ("ringmaster-lab", "My_lab", "b")}
    assert names == {
        "ringmaster-lab": ["status", "webmail-post00"],
        "My_lab": ["status.my-lab", "webmail-post00.my-lab"],
        "b": ["status.b", "webmail-post00.b"],
    }


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"ringmaster_fe_ipv4": "198.51.100.9"}, ("198.51.100.9", "198.18.0.7")),
        ({"ringmaster_fe_ipv4": "", "ringmaster_fe_ipv6": "2001:db8:2::9"}, ("2001:db8:2::9", "")),
        ({"ringmaster_fe_ipv4": "no address"}, ("10.77.0.20", "198.18.0.7")),
    ],
)
def test_the_address_for_people_outside_comes_first(given: dict[str, Any], expected: tuple[str, str]) -> None:
    link = links.of(inventory({**SERVER, **given}), "ringmaster-lab")[0]
    assert (link.address, link.source) == expected
    assert link.operators_address == "10.77.0.20"


@pytest.mark.parametrize("name", ["{{ inventory_hostname }}", "a b", "x\ny.example", "UPPER.example", 'a"b.example', 7])
def test_only_a_name_gets_into_the_configuration(name: Any) -> None:
    found = links.of(inventory({**SERVER, "status_hostname": name}, {**MAIL, "mailserver_hostname": name}), "lab")
    assert [link.host for link in found] == ["status.ringmaster.example", "post00.fe.ringmaster.example"]


def test_names_of_the_description_count() -> None:
    found = links.of(
        inventory(
            {**SERVER, "status_hostname": "state.example.org"}, {**MAIL, "mailserver_hostname": "mx.example.org"}
        ),
        "lab",
    )
    assert [link.host for link in found] == ["state.example.org", "mx.example.org"]


@pytest.mark.parametrize(
    "without",
    [
        inventory(unallocated=["svc0", "post00"]),
        inventory(service_status=[], component_mailserver=[]),
        inventory({**SERVER, "ansible_host": "svc0.example"}, {**MAIL, "mailserver_webmail": False}),
        inventory(service_status=[], state_stopped=["post00"]),
    ],
)
def test_what_is_not_there_has_no_link(without: dict[str, Any]) -> None:
    assert links.of(without, "ringmaster-lab") == []


def test_requests_are_asked_for_at_the_portals_host() -> None:
    there = {**SERVER, "ringmaster_portal_host": "my.ringmaster.example", "ringmaster_fe_ipv4": "198.51.100.20"}
    (link,) = links.portal(inventory(there, service_portal=["svc0"]), "mine")
    assert (link.name, link.host, link.address) == ("my.mine", "my.ringmaster.example", "198.51.100.20")
    assert list(links.portal(inventory(), "mine")) == []


def person(name: str, state: str = "active", *permissions: str) -> dict[str, Any]:
    return {"name": name, "state": state, "permissions": permissions or ["login"]}


def platform(**vms: list[dict[str, Any]]) -> dict[str, Any]:
    hostvars = {name: {"ringmaster_roster": {"people": people}} for name, people in vms.items()}
    return {"_meta": {"hostvars": hostvars}, "vms": {"hosts": sorted(vms)}}


KEYS = {"alice", "bob", "carol", "dave", "erin", "operator"}


def test_hints_name_those_who_may_log_in_there() -> None:
    found = hints.logins(
        platform(
            blog00=[person("alice"), person("bob", "locked"), person("carol")],
            # Neither who was removed, nor who may see figures only, nor somebody without a key here.
            shop00=[
                person("bob", "removed"),
                person("alice", "active", "stats", "wheel"),
                person("zoe"),
                person("dave"),
            ],
            shop01=[person("bob", "locked")],
        ),
        KEYS,
        " LAB=open",
    )
    assert found == [
        "make ssh LAB=open VM=blog00 AS=alice   # or carol",
        "make ssh LAB=open VM=shop00 AS=dave",
        "make ssh LAB=open VM=shop01 AS=operator   # root; nobody of its project may log in",
    ]


def test_a_hint_shows_how_a_manager_with_a_key_asks() -> None:
    found = platform(
        blog00=[person("zoe", "active", "manager"), person("bob")], shop00=[person("dave", "active", "manager")]
    )
    for name, host in found["_meta"]["hostvars"].items():
        host["ringmaster_project"] = name[:-2]
    assert hints.requests(found, KEYS, " LAB=open") == []
    found["service_steward"] = {"hosts": ["ctl0"]}
    assert hints.requests(found, KEYS, " LAB=open") == [
        'make ringctl LAB=open AS=dave CMD="order-vm --project shop --wait"'
    ]


def test_hints_are_one_line_for_each_vm_that_runs() -> None:
    many = platform(one00=[person(name) for name in sorted(KEYS)], one01=[person("alice")], one02=[person("alice")])
    found = hints.logins({**many, "unallocated": {"hosts": ["one01"]}, "state_stopped": {"hosts": ["one02"]}}, KEYS, "")
    assert found == [
        "make ssh VM=one00 AS=alice   # or bob, carol, dave and 2 more",
        "one02 is described as stopped",
    ]


@pytest.mark.parametrize(
    ("lab", "folder", "words"),
    [
        ("ringmaster-lab", "/r/example/platform", ""),
        ("open", "/r/example/platform", " LAB=open"),
        ("ringmaster-lab", "/r/example/two-hypervisors", " PLATFORM=example/two-hypervisors"),
        ("open", "/elsewhere/my platform", " LAB=open PLATFORM='/elsewhere/my platform'"),
    ],
)
def test_what_make_has_to_be_told(lab: str, folder: str, words: str) -> None:
    assert hints.words(lab, Path(folder), Path("/r")) == words


def test_pages_are_told_with_a_way_from_elsewhere() -> None:
    found = links.of(inventory(), "ringmaster-lab")
    ports = {"status": 8400, "webmail-post00": 8402}
    assert "\n".join(hints.pages(found, Forward(ports, "digest", "secret"), "", "anna@controller")) == (
        """Open in a browser on this machine:
  http://status.localhost:8400/          status pages
  http://status.localhost:8400/all/      all projects and machines, for operators: user operator,
                                         password secret (printed this once, and kept nowhere)
  http://webmail-post00.localhost:8402/  webmail of post00
From a laptop, the same addresses, while this runs there:
  ssh -N -L 8400:127.0.0.1:8400 -L 8402:127.0.0.1:8402 anna@controller
If a browser insists on https or does not find the names: the same with 127.0.0.1 in place of the name."""
    )
    again = "\n".join(hints.pages(found[:1], Forward(ports, "digest"), " LAB=b", "anna@controller"))
    assert "password as printed when it was made; 'make open LAB=b PASSWORD=new' makes another" in again
    assert "printed this once" not in again


@pytest.mark.parametrize(
    ("environment", "words"),
    [
        ({}, "root@box"),
        ({"USER": "root", "SUDO_USER": "anna"}, "anna@box"),
        ({"USER": "root", "SSH_CONNECTION": "192.0.2.1 50000 192.0.2.9 22"}, "root@192.0.2.9"),
        ({"USER": "root", "SSH_CONNECTION": "2001:db8::1 5 2001:db8::2 2222"}, "-p 2222 root@2001:db8::2"),
        ({"USER": "a b", "SSH_CONNECTION": "nonsense"}, "'a b@box'"),
    ],
)
def test_the_way_here_is_that_of_this_session(environment: dict[str, str], words: str) -> None:
    assert hints.way_here(environment, "box") == words
