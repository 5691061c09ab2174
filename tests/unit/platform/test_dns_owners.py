# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Names that a project may use in zones of the platform: its own and what it was given, and nobody else's."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform import (
    component_options,
    description,
    operations,
)
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform.dns_owners import Owners

PROJECT, PLATFORM = "projects/myapp.yml", "platform.yml"
RECORD = "{name: www, type: CNAME, values: myapp00.fe.ringmaster.example}"
GIVEN = "{shop.example: myapp, www.ringmaster.example: myapp}"
OTHER = "description: Another one\nvms: {}\n"


@pytest.fixture
def roles() -> Path:
    return component_options.roles_folder()


def refused(platform) -> list[str]:
    return [mistake.found for mistake in platform.mistakes()]


def record(platform, name: str, zone: str = "", kind: str = "TXT", value: str = "mine") -> None:
    more = f", zone: {zone}" if zone else ""
    platform.replace(PROJECT, RECORD, f'{{name: "{name}"{more}, type: {kind}, values: "{value}"}}')


@pytest.mark.parametrize(
    ("name", "zone"),
    [
        ("myapp", ""),
        ("www.myapp", ""),
        ("*.myapp", ""),
        ("_acme-challenge.myapp", ""),
        ("_dmarc.myapp", ""),
        ("autoconfig.mail.myapp", ""),
        ("_25._tcp.myapp00.fe", ""),
        ("_acme-challenge.myapp00", ""),
        ("www.myapp00", ""),
        # One that was deleted, or is yet to come: its name is never another project's.
        ("www.myapp07.fe", ""),
        ("myapp07", ""),
        ("www", ""),
        ("_acme-challenge.www", ""),
        ("WWW", ""),
        ("@", "shop.example"),
        ("*", "shop.example"),
        ("autoconfig", "shop.example"),
    ],
)
def test_what_a_project_may_write(platform, name: str, zone: str) -> None:
    record(platform, name, zone)
    assert refused(platform) == []


@pytest.mark.parametrize(
    "name",
    [
        *("*", "_acme-challenge", "_acme-challenge.my", "my", "portal", "status", "monitoring", "backup", "dns"),
        *("autoconfig", "autodiscover", "_autodiscover._tcp", "mta-sts", "_mta-sts", "_dmarc", "_domainkey"),
        *("ringmaster._domainkey", "mx", "mail", "smtp", "imap", "ns", "ns1", "anything", "wwww", "myapps"),
        *("_acme-challenge.svc0", "x.svc0", "x.hv0.fe", "_acme-challenge.gateway", "x.fe", "_tcp.fe"),
        *("shop", "www.shop", "shop00", "_acme-challenge.shop00.fe", "a.b.c.shop", "myapp.shop", "xmyapp", "myapp.x"),
    ],
)
def test_what_a_project_may_not_write(platform, name: str) -> None:
    platform.write("projects/shop.yml", OTHER)
    record(platform, name)
    assert f"{name}.ringmaster.example" in refused(platform)


def test_the_zone_itself_is_nobodys(platform) -> None:
    record(platform, "@", kind="MX", value="10 myapp00.fe.ringmaster.example")
    assert refused(platform) == ["ringmaster.example"]


def test_the_mistake_says_where_whose_and_what_to_do(platform) -> None:
    record(platform, "www.shop")
    platform.write("projects/shop.yml", OTHER)
    (mistake,) = platform.mistakes()
    line = (platform.folder / PROJECT).read_text().splitlines()[mistake.line - 1]
    assert line[mistake.column - 1 :].startswith('"www.shop"')
    assert mistake.message == "dns_records[0].name: 'www.shop.ringmaster.example' belongs to project shop"
    assert mistake.allowed.startswith("names below myapp.ringmaster.example and below those of its VMs")
    assert mistake.hint == ""
    platform.replace(PROJECT, "www.shop", "status")
    (mistake,) = platform.mistakes()
    assert mistake.message.endswith("'status.ringmaster.example' belongs to the platform")
    assert "dns_owners: {status.ringmaster.example: myapp}" in mistake.hint
    platform.replace(PLATFORM, GIVEN, f"{{status.ringmaster.example: myapp, {GIVEN[1:]}")
    assert refused(platform) == []


def test_a_zone_that_was_given_to_nobody_is_the_operators(platform) -> None:
    platform.replace(PLATFORM, "{shop.example: myapp, ", "{")
    record(platform, "www", "shop.example")
    assert refused(platform) == ["www.shop.example"]


def test_the_longest_name_counts_and_may_be_of_several(platform) -> None:
    platform.write("projects/shop.yml", OTHER)
    platform.write("projects/third.yml", OTHER)
    platform.replace(PLATFORM, GIVEN, "{shop.example: [myapp, shop], in.shop.example: third, ringmaster.example: shop}")
    owners = Owners(description.read_description(platform.options)[0])
    assert owners.of("shop.example") == ("myapp", "shop")
    assert owners.of("a.in.shop.example") == ("third",)
    # What is given as a whole has neither what belongs to somebody nor what is reserved.
    assert owners.of("new.ringmaster.example") == ("shop",)
    assert owners.of("x.myapp.ringmaster.example") == ("myapp",)
    assert owners.of("mail.ringmaster.example") == ()
    assert owners.of("x.svc0.ringmaster.example") == ()


def test_being_called_like_a_service_gives_no_names(platform) -> None:
    platform.write("projects/mail.yml", "dns_records: [{name: mail, type: TXT, values: x}]\nvms: {}\n")
    assert refused(platform) == ["mail.ringmaster.example"]
    platform.write("projects/mail.yml", "dns_records: [{name: x.mail00, type: TXT, values: x}]\nvms: {}\n")
    assert refused(platform) == []


def test_a_machine_that_is_called_like_a_vm_is_none(platform) -> None:
    platform.replace(PLATFORM, "  svc0:\n", "  shop00: {address: 10.77.0.30}\n  svc0:\n")
    platform.write(
        "projects/shop.yml", "dns_records: [{name: _acme-challenge.shop00, type: TXT, values: x}]\nvms: {}\n"
    )
    assert refused(platform) == ["_acme-challenge.shop00.ringmaster.example"]


def test_the_project_of_the_platform_may_use_all(platform) -> None:
    platform.write("projects/platform.yml", "dns_records: [{name: portal, type: TXT, values: x}]\nvms: {}\n")
    assert refused(platform) == []


MAIL = "mailserver: {domains: [{name: DOMAIN}], mailboxes: [{address: a@DOMAIN, password_hash: $6$anna1234$HASH}]}"
HASH = "kR0BlQbm2LWPuzopJJqzx.A7BrMRwFDZlEQE.RRDjUOhf6VAiC5LWYE1K7OOkyFa/1Ka.y0RXwtLxzjmJYcUU."


@pytest.mark.parametrize(
    ("domain", "taken"),
    [
        ("ringmaster.example", True),
        ("shop.ringmaster.example", True),
        ("mail.ringmaster.example", True),
        ("myapp.ringmaster.example", False),
        ("shop.example", False),
        ("elsewhere.example", False),
    ],
)
def test_mail_of_others_is_not_received(platform, domain: str, taken: bool) -> None:
    """Its records would be published in zones of ours: MX, SPF, DMARC, autoconfig."""
    platform.write("projects/shop.yml", OTHER)
    platform.replace(PROJECT, "redis: {}", MAIL.replace("DOMAIN", domain).replace("HASH", HASH))
    assert refused(platform) == ([domain] if taken else [])
    if taken:
        assert "vms.myapp00.components.mailserver.domains[0].name: " in platform.mistakes()[0].message


def vhosts(options: dict[str, Any]) -> Any:
    def change(data: dict[str, Any]) -> None:
        data["vms"]["myapp00"]["components"] = {"webgateway": {"vhosts": [options]}}

    return change


@pytest.mark.parametrize(
    ("name", "alias", "taken"),
    [
        ("www.shop.ringmaster.example", "a.example", "www.shop.ringmaster.example"),
        ("www.example", "*.ringmaster.example", "*.ringmaster.example"),
        ("www.example", "shop00.fe.ringmaster.example", "shop00.fe.ringmaster.example"),
        ("www.example", "svc0.ringmaster.example", "svc0.ringmaster.example"),
        ("myapp00.fe.ringmaster.example", "*.myapp.ringmaster.example", ""),
        ("shop.example", "www.ringmaster.example", ""),
    ],
)
def test_no_virtual_host_has_the_name_of_others(platform, name: str, alias: str, taken: str) -> None:
    """The platform's CA would sign it."""
    platform.write("projects/shop.yml", OTHER)
    platform.edit(PROJECT, vhosts({"name": name, "aliases": [alias], "redirect": "https://b.example"}))
    assert refused(platform) == ([taken] if taken else [])


def test_what_is_given_away_is_served_here_and_no_machines(platform) -> None:
    platform.replace(PLATFORM, GIVEN, "{elsewhere.example: myapp, myapp00.fe.ringmaster.example: myapp}")
    platform.replace(PROJECT, RECORD, "{name: www.myapp, type: TXT, values: x}")
    assert refused(platform) == ["elsewhere.example", "myapp00.fe.ringmaster.example"]


def test_a_project_that_is_gone_is_a_warning(platform) -> None:
    """Or it could not be removed, and a mistake in its file would keep people from being locked."""
    platform.replace(PLATFORM, "shop.example: myapp", "shop.example: myap")
    outcome = operations.validate(platform.options)
    assert outcome.mistakes == []
    assert "dns_owners.shop.example: the project 'myap' is not known" in outcome.warnings[0]
    assert "did you mean 'myapp'?" in outcome.warnings[0]


def test_what_stands_in_the_commit_before_is_a_warning(platform) -> None:
    platform.replace(PROJECT, RECORD, RECORD.replace("www", "intranet"))
    own = ["-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false"]
    for words in (["init", "-q"], ["add", "--all"], ["commit", "-q", "-m", "x"]):
        subprocess.run(["git", "-C", str(platform.folder), *own, *words], check=True)
    outcome = operations.validate(platform.options)
    assert outcome.mistakes == []
    assert "'intranet.ringmaster.example' belongs to the platform" in outcome.warnings[0]
    platform.replace(PROJECT, RECORD.replace("www", "intranet"), RECORD.replace("www", "my"))
    assert refused(platform) == ["my.ringmaster.example"]
