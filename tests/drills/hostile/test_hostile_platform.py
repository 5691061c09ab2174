# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A whole platform on which an enemy has VMs: all that is done inside of machines, and every verb that talks to them.

Tests tell one story. The lies, and what becomes of them, are those of tests/integration/hostile.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hostile_site import HIDDEN, PWNED, HostileSite, Run
from lies import OWN_FAULT, REFUSED, WELL

MAILSERVER = {"mailserver": {"domains": [{"name": "bad.example"}]}}
NOT_HERE = ("-e", "machine_hosts=svc0", "-e", "monitoring_hosts=svc0", "-e", "withdrawn_hosts=vms:svc0")
"""The hypervisor of the platform is not there: VMs are light machines."""
SOME = "bad00:bad50:good00:good01:svc0"
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
        MAILSERVER,
    )
    site.prepare()
    try:
        site.up()
        for name in ("svc0", *site.good, *site.machines):
            site.root(name, "echo force-unsafe-io >/etc/dpkg/dpkg.cfg.d/drill")
        site.break_in()
        yield site
    finally:
        site.down()
        site.clean_up()


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
    assert not HIDDEN.findall(run.text)
    assert not PWNED.exists()


def test_the_good_ones_converge(site: HostileSite, whole: Run) -> None:
    assert whole.code == 2
    unharmed(site, whole)
    again = site.play("set_up.yml", *NOT_HERE)
    unharmed(site, again)
    # What monitoring knows of refusals is the run's own; nothing else changes.
    assert [again.recap(name)["changed"] for name in site.good] == [0, 0], again.text


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
    "accounts.yml": (),
    "dns.yml": (),
    "backup.yml": (),
    "certificates.yml": (),
    "components.yml": (),
    "monitoring.yml": ("-e", "monitoring_hosts=svc0"),
    "withdrawn.yml": ("-e", "withdrawn_hosts=vms:svc0"),
    "backup_now.yml": ("-e", "backup_hosts=vms", *SHORT),
    "update.yml": (
        "-e",
        "package=hostname",
        "-e",
        # The enemy is first and fails twice; whoever comes when a fifth have failed is left alone, as in "bad06".
        "package_hosts=bad00:good00:good01:svc0:bad50:bad06",
        "-e",
        "batch=1",
        *SHORT,
    ),
    "set_permissions.yml": ("-e", "project=good", "-e", "user=alice", "-e", "permissions=login,sudo-srv"),
}
WHO = {
    "accounts.yml": ("good00", "good01", "svc0"),
    "components.yml": ("good00", "good01"),
    "dns.yml": ("svc0",),
    "monitoring.yml": ("svc0",),
    "withdrawn.yml": (),
    "backup_now.yml": ("good00", "good01"),
    "set_permissions.yml": ("localhost",),
}


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_serves_the_others(site: HostileSite, whole: Run, verb: str) -> None:
    assert whole.code == 2
    run = site.play(verb, *VERBS[verb])
    for name in WHO.get(verb, (*site.good, "svc0")):
        unharmed(site, run, name)
    assert not HIDDEN.findall(run.text)
    assert not PWNED.exists()


def test_who_is_asked_by_the_enemy(site: HostileSite, whole: Run) -> None:
    """The asker of another project is one of the enemy's."""
    assert whole.code == 2
    run = site.play("network_check.yml", "-e", "vm=good00", *SHORT)
    unharmed(site, run, "good00")
    assert "asked_nothing" in run.text


def test_what_a_verb_shows_of_the_enemy_is_harmless(site: HostileSite, whole: Run) -> None:
    assert whole.code == 2
    for verb, words in {
        "list_backups.yml": (),
        "mail_selftest.yml": (),
        "reset_mail_password.yml": ("-e", "vm=bad00", "-e", "mailbox=a@bad.example"),
        "restore_files.yml": ("-e", "vm=bad50", "-e", "path=/etc/hostname"),
        "show_firewall.yml": (),
    }.items():
        run = site.play(verb, *words, *SHORT)
        assert not HIDDEN.findall(run.text), verb
        assert not PWNED.exists(), verb


def test_all_is_well_when_the_enemy_is_gone(site: HostileSite, whole: Run) -> None:
    assert whole.code == 2
    site.give_up()
    run = site.play("accounts.yml")
    assert run.code == 0, run.text[-6000:]
    assert site.refused() == {}
