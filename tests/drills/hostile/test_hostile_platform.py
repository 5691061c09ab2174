# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A whole platform on which an enemy has VMs: all that is done inside of machines, and every verb that talks to them.

Tests tell one story. The lies, and what becomes of them, are those of tests/integration/hostile.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from hostile_site import HIDDEN, PWNED, HostileSite, Run
from lies import OWN_FAULT, REFUSED, WELL

OF_THE_ENEMY = {
    "mailserver": {"domains": [{"name": "bad.example"}]},
    "postgresql": {},
    "webgateway": {"listen": ["srv"], "vhosts": [{"name": "www.bad.example", "root": "/srv/s-bad"}]},
}
"""What verbs ask it for; it never brings it up."""
REPOSITORY = Path(__file__).resolve().parents[3]
NOT_HERE = ("-e", "machine_hosts=svc0", "-e", "monitoring_hosts=svc0", "-e", "withdrawn_hosts=vms:svc0")
"""The hypervisor of the platform is not there: VMs are light machines."""
SHORT = ("-e", "ringmaster_answer_seconds=180")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HostileSite]:
    PWNED.unlink(missing_ok=True)
    site = HostileSite(
        f"rm-hod-{os.getpid()}",
        Path(os.environ.get("HOSTILE_FOLDER") or tmp_path_factory.mktemp("hostile")),
        (*REFUSED, *OWN_FAULT),
        WELL,
        ("good00", "good01"),
        {"redis": {}},
        OF_THE_ENEMY,
    )
    with site.standing():
        for name in ("svc0", *site.good, *site.machines):
            site.root(name, "echo force-unsafe-io >/etc/dpkg/dpkg.cfg.d/drill")
        guarded = site.play("../tests/drills/hostile/guard.yml")
        assert guarded.code == 0, guarded.text
        site.break_in()
        yield site


@pytest.fixture(scope="module")
def whole(site: HostileSite) -> Run:
    """Return the run of all plays of site.yml for machines."""
    return site.play("set_up.yml", *NOT_HERE)


def unharmed(site: HostileSite, run: Run, *names: str) -> None:
    """See that others got theirs, and that nothing was shown or run here."""
    for name in names or (*site.good, "svc0"):
        figures = run.recap(name)
        assert figures, run.text[-3000:]
        assert figures["failed"] == figures["unreachable"] == 0, f"{name}\n{run.text[-6000:]}"
    harmless(site, run)


def harmless(site: HostileSite, run: Run) -> None:
    """See that nothing was shown that moves a terminal, and that nothing of the enemy was run here or next door."""
    assert not HIDDEN.findall(run.text)
    assert not PWNED.exists()
    for name in (*site.good, "svc0"):
        site.root(name, f"test ! -e {PWNED}")


def test_the_good_ones_converge(site: HostileSite, whole: Run) -> None:
    assert whole.code == 2
    unharmed(site, whole)
    again = site.play("set_up.yml", *NOT_HERE)
    unharmed(site, again)
    assert [again.recap(name)["changed"] for name in (*site.good, "svc0")] == [0, 0, 0], again.text


def test_each_lie_costs_its_machine_its_part(site: HostileSite, whole: Run) -> None:
    for name, lie in site.lies.items():
        figures = whole.recap(name)
        assert (figures["failed"], figures["unreachable"]) == (lie not in WELL, 0), f"{name} {lie}"


def test_checks_name_them_where_people_look(site: HostileSite, whole: Run) -> None:
    assert whole.code == 2
    assert {site.lies[name] for name in site.refused()} == set(REFUSED)
    checks = json.loads(site.root("svc0", "ringmaster-check --now --json"))["checks"]
    found = {f"{one['component']}/{one['check']}": one for one in checks}
    assert found["monitoring/answers"]["status"] == 2
    make = "systemctl start ringmaster-status.service"
    pages = site.root("svc0", f"{make}; find /var/lib/ringmaster-status/ -name '*.html' -exec cat {{}} +")
    assert "Answers of 9 machines were refused" in pages
    assert "<script>alert" not in pages
    assert "\x1b" not in pages


def test_names_of_good_ones_are_served(site: HostileSite, whole: Run) -> None:
    assert whole.code == 2
    for name in site.good:
        for record, address in (("A", "ringmaster_srv_ipv4"), ("AAAA", "ringmaster_srv_ipv6")):
            said = site.root("svc0", f"dig +short @172.20.0.20 {name}.molecule.example {record}")
            assert said == site.hosts[name][address]
    assert "PWNED" not in site.root("svc0", "cat /etc/ringmaster/dns/zones/*/*")


VERBS: dict[str, tuple[str, ...]] = {
    "machine.yml": ("-e", "machine_hosts=svc0"),
    "dns.yml": (),
    "base.yml": (),
    "accounts.yml": (),
    "certificates.yml": (),
    "components.yml": (),
    "backup.yml": (),
    "monitoring.yml": ("-e", "monitoring_hosts=svc0"),
    "withdrawn.yml": ("-e", "withdrawn_hosts=vms:svc0"),
    "backup_now.yml": ("-e", "backup_hosts=vms", *SHORT),
    "backup_platform.yml": (),
    "list_backups.yml": (),
    "restore_component.yml": ("-e", "vm=good00", "-e", "component=redis", "-e", "replace=true"),
    "rotate_secret.yml": ("-e", "vm=good00", "-e", "component=redis", "-e", "object=app"),
    # The enemy is first, and two of it are last: when more than a fifth have failed, who comes then is left alone.
    "update.yml": (
        "-e",
        "package=hostname",
        "-e",
        "package_hosts=bad00:good00:good01:svc0:bad50:bad06",
        "-e",
        "batch=1",
        *SHORT,
    ),
    "set_permissions.yml": ("-e", "project=good", "-e", "user=alice", "-e", "permissions=login,sudo-srv"),
    "validate.yml": (),
}
WHO = {
    "machine.yml": ("svc0",),
    "dns.yml": ("svc0",),
    "base.yml": ("good00", "good01"),
    "components.yml": ("good00", "good01"),
    "monitoring.yml": ("svc0",),
    "withdrawn.yml": (),
    "backup_now.yml": ("good00", "good01"),
    "backup_platform.yml": ("svc0",),
    "list_backups.yml": ("svc0",),
    "restore_component.yml": ("good00",),
    "rotate_secret.yml": ("localhost", "good00", "good01"),
    "set_permissions.yml": ("localhost",),
    "validate.yml": ("localhost",),
}


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_serves_the_others(site: HostileSite, whole: Run, verb: str) -> None:
    assert whole.code == 2
    run = site.play(verb, *VERBS[verb])
    for name in WHO.get(verb, (*site.good, "svc0")):
        unharmed(site, run, name)
    harmless(site, run)


def test_who_is_asked_by_the_enemy(site: HostileSite, whole: Run) -> None:
    """The asker of another project is one of the enemy's."""
    assert whole.code == 2
    run = site.play("network_check.yml", "-e", "vm=good00", *SHORT)
    assert "answers are as the description says (from the controller, good01, bad00)" in run.text
    assert "asked_nothing" in run.text
    # The gateway of light machines is this machine, which has no guard: nothing else is wrong.
    wrong = re.findall(r'^ +"(.* is not on the list .*)"', run.text, re.MULTILINE)
    assert not [one for one in wrong if not one.startswith("the gateway ")]
    harmless(site, run)


SHOWN: dict[str, tuple[str, ...]] = {
    "mail_selftest.yml": (),
    "reset_mail_password.yml": ("-e", "vm=bad00", "-e", "mailbox=a@bad.example"),
    "restore_files.yml": ("-e", "vm=bad50", "-e", "path=/etc/hostname"),
    "restore_vm.yml": ("-e", "vm=bad50", "-e", "replace=true"),
    "drain_member.yml": ("-e", "member=bad50"),
    "upgrade_postgresql.yml": ("-e", "vm=bad00", "-e", "step=check", "-e", "version=18"),
    "network_check.yml": ("-e", "vm=bad50"),
    "show_firewall.yml": (),
}


@pytest.mark.parametrize("verb", SHOWN)
def test_what_a_verb_shows_of_the_enemy_is_harmless(site: HostileSite, whole: Run, verb: str) -> None:
    assert whole.code == 2
    run = site.play(verb, *SHOWN[verb], *SHORT)
    # It got as far as to machines.
    assert "PLAY RECAP" in run.text
    harmless(site, run)


def test_a_key_is_revoked_although_the_enemy_has_machines(site: HostileSite, whole: Run) -> None:
    assert whole.code == 2
    key = (site.folder / "alice.pub").read_text().strip()
    assert key.split()[1] in site.root("good00", "cat /etc/ssh/authorized_keys.d/alice")
    run = site.play("revoke_key.yml", "-e", "user=alice", "-e", json.dumps({"ssh_key": key, "even_if_last": True}))
    unharmed(site, run, "localhost", *site.good)
    for name in site.good:
        assert key.split()[1] not in site.root(name, "cat /etc/ssh/authorized_keys.d/alice || true")


NEEDS_A_HYPERVISOR = """
change_vm converge_vm delete_retired_vms evacuate move_vm order_vm provision remove_component restart_vm retire_vm
snapshot_vm start_vm stop_vm vm_image
"""
"""What they ask hypervisors; of VMs, at most whether they answer, and then set_up.yml."""
OF_THE_DESCRIPTION = """
accept_user add_passkey add_project add_service_user add_ssh_key add_user change_project change_user clear_web_password
decline_user invite_user remove_passkey remove_project remove_service_user remove_user set_web_password unlock_user
allocate lab what_if
"""
"""They talk to no machine, as set_permissions.yml."""
IN_PARTS = """
behind browse_backup mail maintain_vm maintenance maintenance_plan package_cache set_up set_up_vms site steward
"""
"""Parts of them are here, or run on service machines only."""


def test_no_playbook_is_forgotten() -> None:
    known = {"network_check.yml", "revoke_key.yml", "lock_user.yml", *VERBS, *SHOWN}
    known |= {f"{name}.yml" for name in f"{NEEDS_A_HYPERVISOR} {OF_THE_DESCRIPTION} {IN_PARTS}".split()}
    assert known == {path.name for path in (REPOSITORY / "playbooks").glob("*.yml")}


def test_all_is_well_when_the_enemy_is_gone(site: HostileSite, whole: Run) -> None:
    assert whole.code == 2
    site.give_up()
    run = site.play("accounts.yml")
    assert run.code == 0, run.text[-6000:]
    assert site.refused() == {}
