# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each key of the schema, changed once: a machine's digest changes, or the key is on the list of those that reach none.

A run leaves machines alone whose digest is the wanted one, so what is in no digest would reach them a week late.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform import (
    convergence,
    inventory,
    reference,
    schema,
)
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform.language.containers import Record

ROLES = Path(__file__).parents[3] / "roles"
PLATFORM, PROJECT, ALICE, INCIDENT = (
    "platform.yml",
    "projects/myapp.yml",
    "users/alice.yml",
    "incidents/2026-11-24-mail.yml",
)
FRONTEND, SERVER, PUBLIC = (("networks", name) for name in ("frontend", "server", "server_public"))
HV0, SVC0, VM = ("hypervisors", "hv0"), ("machines", "svc0"), ("vms", "myapp00")
VMS_LEAVING = ("vms", "myapp02")
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHVY2dpk3Tq4H9vlpK9yM9bnSYmB7lB5k1Z9m6wZ8E0S new@example.org"
RULE = {"from": "any", "to": 8081}
HASH = "$6$anna1234$kR0BlQbm2LWPuzopJJqzx.A7BrMRwFDZlEQE.RRDjUOhf6VAiC5LWYE1K7OOkyFa/1Ka.y0RXwtLxzjmJYcUU."

# key of the schema: file, place in it, another value
CHANGES: dict[str, tuple[str, tuple[str | int, ...], Any]] = {
    "platform.domain": (PLATFORM, ("domain",), "other.example"),
    "platform.site": (PLATFORM, ("site",), 2),
    "platform.timezone": (PLATFORM, ("timezone",), "Europe/Oslo"),
    "platform.networks.frontend.ipv4": (PLATFORM, (*FRONTEND, "ipv4"), "198.51.100.0/25"),
    "platform.networks.frontend.ipv4_gateway": (PLATFORM, (*FRONTEND, "ipv4_gateway"), "198.51.100.250"),
    "platform.networks.frontend.ipv6": (PLATFORM, (*FRONTEND, "ipv6"), "2001:db8:2::/63"),
    "platform.networks.frontend.ipv6_gateway": (PLATFORM, (*FRONTEND, "ipv6_gateway"), "2001:db8:2::9"),
    "platform.networks.frontend.mtu": (PLATFORM, (*FRONTEND, "mtu"), 1400),
    "platform.networks.server.ipv4": (PLATFORM, (*SERVER, "ipv4"), "172.20.0.0/21"),
    "platform.networks.server.ipv4_gateway": (PLATFORM, (*SERVER, "ipv4_gateway"), "172.20.0.250"),
    "platform.networks.server.ipv6": (PLATFORM, (*SERVER, "ipv6"), "2001:db8:3::/63"),
    "platform.networks.server.ipv6_gateway": (PLATFORM, (*SERVER, "ipv6_gateway"), "2001:db8:3::9"),
    "platform.networks.server.mtu": (PLATFORM, (*SERVER, "mtu"), 1400),
    "platform.networks.server_public.ipv4": (PLATFORM, (*PUBLIC, "ipv4"), "198.19.0.0/25"),
    "platform.networks.server_public.ipv4_gateway": (PLATFORM, (*PUBLIC, "ipv4_gateway"), "198.19.0.250"),
    "platform.management_networks": (PLATFORM, ("management_networks",), ["10.77.0.0/24", "10.78.0.0/24"]),
    "platform.operators": (PLATFORM, ("operators",), [KEY]),
    "platform.revoked_host_keys": (PLATFORM, ("revoked_host_keys",), [KEY.rpartition(" ")[0]]),
    "platform.hypervisors.address": (PLATFORM, (*HV0, "address"), "10.77.0.11"),
    "platform.hypervisors.srv_ipv4": (PLATFORM, (*HV0, "srv_ipv4"), "172.20.0.30"),
    "platform.hypervisors.srv_ipv6": (PLATFORM, (*HV0, "srv_ipv6"), "2001:db8:3::30"),
    "platform.hypervisors.apt_proxy": (PLATFORM, (*HV0, "apt_proxy"), "http://10.77.0.21:3142"),
    "platform.hypervisors.memory": (PLATFORM, (*HV0, "memory"), "32GiB"),
    "platform.hypervisors.disk": (PLATFORM, (*HV0, "disk"), "400GiB"),
    "platform.hypervisors.accepts_vms": (PLATFORM, (*HV0, "accepts_vms"), False),
    "platform.hypervisors.pool": (PLATFORM, (*HV0, "pool"), "other"),
    "platform.hypervisors.bridge_frontend": (PLATFORM, (*HV0, "bridge_frontend"), "br-x"),
    "platform.hypervisors.bridge_server": (PLATFORM, (*HV0, "bridge_server"), "br-y"),
    "platform.hypervisors.bridge_ports": (PLATFORM, (*HV0, "bridge_ports"), {"br-fe": "eno1", "br-srv": "eno2"}),
    "platform.hypervisors.options": (PLATFORM, (*HV0, "options"), {"disk_cache": "none"}),
    "platform.machines.address": (PLATFORM, (*SVC0, "address"), "10.77.0.21"),
    "platform.machines.srv_ipv4": (PLATFORM, (*SVC0, "srv_ipv4"), "172.20.0.21"),
    "platform.machines.srv_ipv6": (PLATFORM, (*SVC0, "srv_ipv6"), "2001:db8:3::21"),
    "platform.machines.srv_interface": (PLATFORM, (*SVC0, "srv_interface"), "eno2"),
    "platform.machines.fe_interface": (PLATFORM, (*SVC0, "fe_interface"), "eno1"),
    "platform.machines.fe_ipv4": (PLATFORM, (*SVC0, "fe_ipv4"), "198.51.100.21"),
    "platform.machines.fe_ipv6": (PLATFORM, (*SVC0, "fe_ipv6"), "2001:db8:2::21"),
    "platform.machines.apt_proxy": (PLATFORM, (*SVC0, "apt_proxy"), "http://10.77.0.21:3142"),
    **{f"platform.services.{name}": (PLATFORM, ("services", name), "svc1") for name in
       ("gateway", "dns", "monitoring", "status", "backup", "mail", "maintenance", "portal", "steward")},
    "platform.images.build": (PLATFORM, ("images", "default"), {"path": "/srv/image.qcow2"}),
    "platform.images.url": (
        PLATFORM, ("images", "more"), {"url": "https://example.org/image.qcow2", "sha512": "a" * 128}
    ),
    "platform.images.path": (PLATFORM, ("images", "more"), {"path": "/srv/image.qcow2"}),
    "platform.images.sha512": (PLATFORM, ("images", "web", "sha512"), "b" * 128),
    "platform.dns_zones": (PLATFORM, ("dns_zones",), ["shop.example", "more.example", "third.example"]),
    "platform.dns_records.name": (PLATFORM, ("dns_records", 0, "name"), "mail"),
    "platform.dns_records.zone": (PLATFORM, ("dns_records", 0, "zone"), "more.example"),
    "platform.dns_records.vm": (PLATFORM, ("dns_records", 2), {"name": "app", "vm": "myapp01"}),
    "platform.dns_records.type": (PLATFORM, ("dns_records", 1), {"name": "@", "type": "CAA", "values": '0 issue ";"'}),
    "platform.dns_records.values": (PLATFORM, ("dns_records", 1, "values"), "v=spf1 ~all"),
    "platform.dns_records.ttl": (PLATFORM, ("dns_records", 1, "ttl"), 600),
    "platform.packages_denied": (PLATFORM, ("packages_denied",), {"docker*": "no"}),
    "platform.apt_proxy": (PLATFORM, ("apt_proxy",), "http://172.20.0.21:3142"),
    "platform.contacts": (PLATFORM, ("contacts",), ["other@ringmaster.example"]),
    "platform.webhooks": (PLATFORM, ("webhooks",), ["https://example.org/hook"]),
    "platform.defaults.memory": (PLATFORM, ("defaults", "memory"), "3GiB"),
    "platform.defaults.cores": (PLATFORM, ("defaults", "cores"), 3),
    "platform.defaults.disk": (PLATFORM, ("defaults", "disk"), "30GiB"),
    "platform.defaults.image": (PLATFORM, ("defaults", "image"), "web"),
    "user.full_name": (ALICE, ("full_name",), "Alice Other"),
    "user.ssh_keys": (ALICE, ("ssh_keys",), [KEY]),
    "user.state": (ALICE, ("state",), "locked"),
    "user.web_password_hash": (ALICE, ("web_password_hash",), HASH),
    "project.description": (PROJECT, ("description",), "Another one"),
    "project.permissions": (PROJECT, ("permissions", "bob"), ["login"]),
    "project.service_users": (PROJECT, ("service_users",), ["s-myapp", "s-more", "s-third"]),
    "project.service_user_limits.memory_high": (PROJECT, ("service_user_limits", "s-myapp", "memory_high"), "1GiB"),
    "project.service_user_limits.memory_max": (PROJECT, ("service_user_limits", "s-myapp", "memory_max"), "1GiB"),
    "project.service_user_limits.cpu_quota": (PROJECT, ("service_user_limits", "s-myapp", "cpu_quota"), "50%"),
    "project.service_user_limits.tasks_max": (PROJECT, ("service_user_limits", "s-myapp", "tasks_max"), 100),
    "project.packages": (PROJECT, ("packages",), ["jq"]),
    **{
        f"project.jobs.{name}": (PROJECT, ("jobs", 0, name), value)
        for name, value in (
            ("name", "reports"), ("command", "bin/y"), ("user", "s-more"), ("when", "daily"), ("timeout", 60),
            ("vms", ["myapp00"]), ("once", True), ("on_failure", ["bob@example.org"]),
        )
    },
    "project.firewall.frontend": (PROJECT, ("firewall", "frontend"), "closed"),
    "project.firewall.allow.from": (PROJECT, ("firewall", "allow", 0, "from"), "any"),
    "project.firewall.allow.to": (PROJECT, ("firewall", "allow", 0, "to"), 8081),
    "project.firewall.allow.proto": (PROJECT, ("firewall", "allow", 0, "proto"), "udp"),
    "project.firewall.allow.network": (PROJECT, ("firewall", "allow", 0, "network"), "frontend"),
    "project.firewall.allow.vms": (PROJECT, ("firewall", "allow", 0, "vms"), ["myapp00"]),
    "project.dns_records.name": (PROJECT, ("dns_records", 0, "name"), "web"),
    "project.dns_records.zone": (PROJECT, ("dns_records", 0, "zone"), "more.example"),
    "project.dns_records.vm": (PROJECT, ("dns_records", 0), {"name": "www", "vm": "myapp01", "zone": "shop.example"}),
    "project.dns_records.type": (
        PROJECT, ("dns_records", 0), {"name": "www", "type": "TXT", "values": "x", "zone": "shop.example"}
    ),
    "project.dns_records.values": (PROJECT, ("dns_records", 0, "values"), "myapp01.fe.ringmaster.example"),
    "project.dns_records.ttl": (PROJECT, ("dns_records", 0, "ttl"), 600),
    "project.maintenance.days": (PROJECT, ("maintenance", "days"), ["sun"]),
    "project.maintenance.start": (PROJECT, ("maintenance", "start"), "03:00"),
    "project.maintenance.hours": (PROJECT, ("maintenance", "hours"), 5),
    "project.maintenance.timezone": (PROJECT, ("maintenance", "timezone"), "Europe/Oslo"),
    "project.maintenance.notice_hours": (PROJECT, ("maintenance", "notice_hours"), 48),
    **{
        f"project.maintenance.exclusions.{name}": (PROJECT, ("maintenance", "exclusions", 0, name), value)
        for name, value in (("from", "2026-12-23"), ("to", "2027-01-04"), ("reason", "Another one"))
    },
    "project.maintenance.keep.vms": (PROJECT, ("maintenance", "keep", 0, "vms"), ["myapp00", "myapp02"]),
    "project.maintenance.keep.in_service": (PROJECT, ("maintenance", "keep", 0), {"vms": ["myapp00", "myapp01"]}),
    "project.maintenance.ignore_checks": (PROJECT, ("maintenance", "ignore_checks"), ["redis/memory"]),
    "project.backup.keep_daily": (PROJECT, ("backup", "keep_daily"), 20),
    "project.backup.keep_weekly": (PROJECT, ("backup", "keep_weekly"), 20),
    "project.backup.keep_monthly": (PROJECT, ("backup", "keep_monthly"), 7),
    "project.backup.exclude": (PROJECT, ("backup", "exclude"), ["/srv/s-myapp/tmp"]),
    "project.backup.paths": (PROJECT, ("backup", "paths"), ["/data"]),
    "project.contacts": (PROJECT, ("contacts",), ["other@example.org"]),
    "project.webhooks": (PROJECT, ("webhooks",), ["https://example.org/hook"]),
    "project.checks.name": (PROJECT, ("checks", 0, "name"), "other"),
    "project.checks.url": (PROJECT, ("checks", 0), {"name": "shop", "url": "https://example.org/"}),
    "project.checks.command": (PROJECT, ("checks", 0, "command"), ["/bin/true"]),
    "project.checks.user": (PROJECT, ("checks", 0, "user"), "s-myapp"),
    "project.checks.vms": (PROJECT, ("checks", 0, "vms"), ["myapp00"]),
    "project.checks.interval": (PROJECT, ("checks", 0, "interval"), 600),
    "project.checks.timeout": (PROJECT, ("checks", 0, "timeout"), 20),
    "project.status_page": (PROJECT, ("status_page",), "private"),
    "project.production": (PROJECT, ("production",), False),
    "project.defaults.memory": (PROJECT, ("defaults", "memory"), "3GiB"),
    "project.defaults.cores": (PROJECT, ("defaults", "cores"), 3),
    "project.defaults.disk": (PROJECT, ("defaults", "disk"), "30GiB"),
    "project.defaults.image": (PROJECT, ("defaults", "image"), "web"),
    "project.vms.memory": (PROJECT, (*VM, "memory"), "3GiB"),
    "project.vms.cores": (PROJECT, (*VM, "cores"), 3),
    "project.vms.disk": (PROJECT, (*VM, "disk"), "30GiB"),
    "project.vms.image": (PROJECT, (*VM, "image"), "web"),
    "project.vms.memory_max": (PROJECT, (*VM, "memory_max"), "4GiB"),
    "project.vms.frontend_ipv4": (PROJECT, (*VM, "frontend_ipv4"), False),
    "project.vms.frontend_extra_ipv4": (PROJECT, (*VM, "frontend_extra_ipv4"), 1),
    "project.vms.server_public_ipv4": (PROJECT, (*VM, "server_public_ipv4"), 1),
    "project.vms.components": (PROJECT, (*VM, "components"), {"redis": {"port": 6380}}),
    "project.vms.firewall.frontend": (PROJECT, (*VM, "firewall"), {"frontend": "closed"}),
    **{
        f"project.vms.firewall.allow.{name}": (PROJECT, (*VM, "firewall", "allow", 0, name), value)
        for name, value in (("from", "svc0"), ("to", 8082), ("proto", "udp"), ("network", "frontend"))
    },
    "project.vms.packages": (PROJECT, (*VM, "packages"), ["jq"]),
    "project.vms.protected": (PROJECT, (*VM, "protected"), True),
    "project.vms.anti_spoofing": (PROJECT, (*VM, "anti_spoofing"), False),
    "project.vms.state": (PROJECT, (*VM, "state"), "stopped"),
    "project.vms.delete_after": (PROJECT, (*VMS_LEAVING, "delete_after"), "2031-01-02"),
    "project.vms.production": (PROJECT, (*VM, "production"), False),
    "project.vms.maintenance.days": (PROJECT, (*VM, "maintenance"), {"days": ["mon"]}),
    "project.vms.maintenance.start": (PROJECT, (*VM, "maintenance"), {"start": "05:00"}),
    "project.vms.maintenance.hours": (PROJECT, (*VM, "maintenance"), {"hours": 6}),
    "project.vms.maintenance.timezone": (PROJECT, (*VM, "maintenance"), {"timezone": "Europe/Oslo"}),
    "project.vms.maintenance.notice_hours": (PROJECT, (*VM, "maintenance"), {"notice_hours": 2}),
    **{
        f"project.vms.maintenance.exclusions.{name}": (PROJECT, (*VM, "maintenance"), {"exclusions": [
            {"from": "2026-12-22", "to": "2026-12-30", "reason": "x"} | {name: value}
        ]})
        for name, value in (("from", "2026-12-23"), ("to", "2027-01-04"), ("reason", "Another one"))
    },
    "project.vms.backup.keep_daily": (PROJECT, (*VM, "backup"), {"keep_daily": 21}),
    "project.vms.backup.keep_weekly": (PROJECT, (*VM, "backup"), {"keep_weekly": 21}),
    "project.vms.backup.keep_monthly": (PROJECT, (*VM, "backup"), {"keep_monthly": 8}),
    "project.vms.backup.exclude": (PROJECT, (*VM, "backup"), {"exclude": ["/srv/x"]}),
    "project.vms.backup.paths": (PROJECT, (*VM, "backup"), {"paths": ["/data"]}),
    "incident.title": (INCIDENT, ("title",), "Mail was late"),
    "incident.begin": (INCIDENT, ("begin",), "2026-11-24T09:00:00Z"),
    "incident.end": (INCIDENT, ("end",), "2026-11-24T12:00:00Z"),
    "incident.impact": (INCIDENT, ("impact",), "outage"),
    "incident.projects": (INCIDENT, ("projects",), ["myapp"]),
    "incident.updates.at": (INCIDENT, ("updates", 0, "at"), "2026-11-24T10:31:00Z"),
    "incident.updates.text": (INCIDENT, ("updates", 0, "text"), "It is slow."),
}  # fmt: skip

POOL = "addresses are taken from it when they are given out, and an address counts"
REACHED = "it says how the controller reaches the machine"
VERBS = "verbs and the portal ask for it on the controller"
NO_MACHINE = {
    "platform.networks.frontend.ipv4_pool": POOL,
    "platform.networks.server.ipv4_pool": POOL,
    "platform.networks.server_public.ipv4_pool": POOL,
    "platform.hypervisors.connection": REACHED,
    "platform.machines.connection": REACHED,
    "platform.release": "there is one release; another one is another collection, which is in every digest",
    "platform.dns_owners": "it says whose records may have a name; the records themselves count",
    "platform.sealing_key": VERBS,
    "platform.portal.host": VERBS,
    "platform.portal.operators": VERBS,
    "platform.portal.sign_up": VERBS,
    "platform.portal.approvals": VERBS,
    "platform.portal.wheel": VERBS,
    "user.email": VERBS,
    "user.passkeys.name": VERBS,
    "user.passkeys.id": VERBS,
    "user.passkeys.key": VERBS,
    "user.passkeys.added": VERBS,
    "user.email_verified_at": VERBS,
    "user.requested_by": VERBS,
    "project.requested_by": VERBS,
    "project.vms.requested_by": VERBS,
    "project.quota.vms": VERBS,
    "project.quota.memory": VERBS,
    "project.quota.cores": VERBS,
    "project.quota.disk": VERBS,
    "project.quota.ipv4": VERBS,
    "project.firewall.allow.comment": "for people who read the description",
    "project.vms.firewall.allow.comment": "for people who read the description",
    "project.vms.comment": "for people who read the description",
    "project.vms.hypervisor": "it counts when the VM is placed, and the ledger's place does not change a VM",
}


def keys(record: Record, place: tuple[str, ...]) -> Iterator[str]:
    """Yield every key that has a value of its own, with those around it."""
    for key in record.keys:
        inner = reference._inner(key.type)
        if inner is None:
            yield ".".join((*place, key.name))
        else:
            yield from keys(inner, (*place, key.name))


def test_every_key_is_tried_or_has_a_reason() -> None:
    assert sorted([*CHANGES, *NO_MACHINE]) == sorted(
        key for name, record in schema.FILES.items() for key in keys(record, (name,))
    )


@pytest.fixture
def described(platform):
    def more(data: dict[str, Any]) -> None:
        data["services"].update(mail="svc0", maintenance="svc0", portal="svc0", steward="svc0")
        data["machines"]["svc1"] = {"address": "10.77.0.22", "srv_ipv4": "172.20.0.22", "srv_ipv6": "2001:db8:3::22"}
        data["images"]["web"] = {"url": "https://example.org/web.qcow2", "sha512": "a" * 128}
        data["dns_records"].insert(2, {"name": "app", "vm": "myapp00"})
        data["dns_zones"].append("more.example")
        data["dns_owners"] = {"shop.example": "myapp", "more.example": "myapp"}

    platform.edit(PLATFORM, more)
    for part in ("meta", "defaults"):
        shutil.copytree(ROLES / "mailstub" / part, platform.roles / "mailstub" / part)

    def vms(data: dict[str, Any]) -> None:
        data["vms"]["myapp00"]["firewall"] = {"allow": [dict(RULE)]}
        data["dns_records"][0]["zone"] = "shop.example"
        data["vms"]["myapp01"] = {"frontend_ipv4": True}
        data["vms"]["myapp02"] = {"state": "retiring", "delete_after": "2031-01-01"}
        data["maintenance"] |= {
            "exclusions": [{"from": "2026-12-22", "to": "2026-12-30", "reason": "Christmas"}],
            "keep": [{"vms": ["myapp00", "myapp01"], "in_service": 1}],
        }
        data["service_users"].append("s-more")
        for vm in data["vms"].values():
            vm.setdefault("components", {})["mailstub"] = {}
        data["jobs"] = [{"name": "invoices", "command": "bin/x", "user": "s-myapp", "when": "03:10"}]

    platform.edit(PROJECT, vms)
    (platform.folder / "incidents").mkdir(exist_ok=True)
    platform.write(
        INCIDENT,
        "{title: Mail was slow, begin: '2026-11-24T10:00:00Z', end: '2026-11-24T11:00:00Z',\n"
        "updates: [{at: '2026-11-24T10:30:00Z', text: We look.}]}\n",
    )
    platform.allocate()
    return platform


def digests(platform) -> dict[str, str]:
    hosts = inventory.build(platform.read()).hosts
    return {name: variables[convergence.VARIABLE] for name, variables in hosts.items()}


@pytest.mark.thorough
@pytest.mark.parametrize("key", CHANGES)
def test_a_key_that_changes_changes_a_digest(described, key) -> None:
    file, (*place, last), value = CHANGES[key]
    before = digests(described)

    def change(data: Any) -> None:
        for step in place:
            data = data[step] if isinstance(step, int) else data.setdefault(step, {})
        data[last] = value

    described.edit(file, change)
    assert not described.mistakes()
    described.allocate()
    assert digests(described) != before
