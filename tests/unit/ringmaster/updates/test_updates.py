# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is updated and restarted when, and which VMs are never worked on together."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.ringmaster.hosting.plugins.module_utils.services import maintenance
from ringmaster.updates import checks, decisions, main
from ringmaster.updates.decisions import Update

ROLES = Path(__file__).parents[4] / "roles"
SIMULATED = """\
Reading package lists...
Inst libssl3t64 [3.5.1-1] (3.5.1-1+deb13u1 Debian-Security:13/stable-security [amd64]) []
Inst nano [8.4-1] (8.4-1+deb13u1 Debian:13.2/stable [amd64])
Inst curl [8.1-1] (8.1-2 Debian:13.2/stable, Debian-Security:13/stable-security [amd64])
Inst brand-new (1.0 Debian:13.2/stable [amd64])
Conf libssl3t64 (3.5.1-1+deb13u1 Debian-Security:13/stable-security [amd64])
"""
OPENSSL = Update("libssl3t64", "3.5.1-1", "3.5.1-1+deb13u1", True)


def test_what_apt_prints() -> None:
    assert decisions.pending(SIMULATED, ["Debian-Security"]) == [
        OPENSSL,
        Update("nano", "8.4-1", "8.4-1+deb13u1", False),
        Update("curl", "8.1-1", "8.1-2", True),
    ]


@pytest.mark.parametrize(
    ("in_window", "now", "window"),
    [
        (False, ("cron.service",), ("postgresql@17-main.service",)),
        (True, ("cron.service", "postgresql@17-main.service"), ()),
    ],
)
def test_what_is_restarted(in_window: bool, now: tuple[str, ...], window: tuple[str, ...]) -> None:
    names = ("postgresql@17-main", "cron", "dbus")
    printed = "NEEDRESTART-VER: 3.8\n" + "".join(f"NEEDRESTART-SVC: {name}.service\n" for name in names)
    services = decisions.services_to_restart(printed)
    found = decisions.sort_services(services, ["postgresql*"], in_window)
    assert (found.now, found.window, found.reboot) == (now, window, ("dbus.service",))


def test_what_the_role_leaves_to_the_window() -> None:
    """Those with data, mail or VMs; what is back in a moment is restarted at once."""
    defaults = yaml.safe_load((ROLES / "updates/defaults/main.yml").read_text())
    guarded = [
        "dovecot",
        "libvirtd",
        "mariadb",
        "memcached",
        "postfix@-",
        "postgresql@17-main",
        "redis-server",
        "virtqemud",
    ]
    names = tuple(f"{name}.service" for name in (*guarded, "haproxy", "nginx"))
    found = decisions.sort_services(names, defaults["updates_guarded_services"], False)
    assert (sorted(found.window), sorted(found.now)) == (sorted(names[:-2]), sorted(names[-2:]))


def test_time_to_patched() -> None:
    state, patched = decisions.remember({}, [OPENSSL], 1000.0)
    assert patched == [] and state["seen"][OPENSSL.key]["since"] == 1000.0
    state, patched = decisions.remember(state, [OPENSSL], 2000.0)
    assert state["seen"][OPENSSL.key]["since"] == 1000.0
    state, patched = decisions.remember(state, [], 4600.0)
    assert [(update.package, seconds) for update, seconds in patched] == [("libssl3t64", 3600.0)]
    assert state["seen"] == {} and state["patched"][0]["seconds"] == 3600.0
    assert "ringmaster_updates_longest_time_to_patched_seconds 3600" in main.metrics(state, [], "", 0, 5000)


def test_a_newer_version_is_not_a_patch() -> None:
    newer = Update("libssl3t64", "3.5.1-1", "3.5.1-1+deb13u2", True)
    state, _none = decisions.remember({}, [OPENSSL], 1000.0)
    state, patched = decisions.remember(state, [newer], 2000.0)
    assert patched == [] and list(state["seen"]) == [newer.key]


WINDOW = {"days": ["sat"], "start": "02:00", "hours": 4, "timezone": "Europe/Berlin"}


def vm(number: int, components: list[str], **window: Any) -> dict[str, Any]:
    return {
        "inventory_hostname": f"myapp{number:02d}",
        "ringmaster_vm_id": 4096 + number,
        "ringmaster_components": components,
        "ringmaster_maintenance": {**WINDOW, **window},
    }


def slots(*vms: dict[str, Any]) -> dict[str, tuple[int, int]]:
    found = maintenance.windows(vms)
    return {name: (record["slot"], record["slots"]) for name, record in found.items()}


def test_vms_with_the_same_component_get_slots_of_their_own() -> None:
    assert slots(vm(0, ["redis"]), vm(1, ["redis"]), vm(2, ["mysql"]), vm(3, [])) == {
        "myapp00": (0, 2),
        "myapp01": (1, 2),
        "myapp02": (0, 2),
        "myapp03": (0, 2),
    }
    assert slots(vm(0, ["redis", "mysql"]), vm(1, ["redis"]), vm(2, ["mysql"]))["myapp02"] == (1, 2)
    assert slots(vm(0, []), vm(1, [])) == {"myapp00": (0, 1), "myapp01": (0, 1)}


def test_a_window_that_is_too_short_for_its_slots_is_refused() -> None:
    with pytest.raises(ValueError, match="too short: 5 VMs with the same component share 1 hours"):
        slots(*(vm(number, ["redis"], hours=1) for number in range(5)))


def test_different_windows_of_one_component_must_never_meet() -> None:
    slots(vm(0, ["redis"]), vm(1, ["redis"], days=["sun"]))
    with pytest.raises(ValueError, match="myapp00 and myapp01 have redis both and could be restarted together"):
        slots(vm(0, ["redis"]), vm(1, ["redis"], start="00:00"))
    slots(vm(0, ["redis"]), vm(1, ["mysql"], start="00:00"))


def test_windows_that_meet_for_two_weeks_a_year_are_found() -> None:
    """Their slots touch, but for the weeks between the changes of the clock in America and Europe."""
    with pytest.raises(ValueError, match="could be restarted together"):
        slots(
            vm(0, ["redis"], days=["sun"], start="14:00", hours=2, timezone="America/New_York"),
            vm(1, ["redis"], days=["sun"], start="18:00", hours=2, timezone="Europe/Berlin"),
        )


def test_packages_without_an_archive() -> None:
    lines = ("Listing...", "foo/now 1.0 all [installed,local]", "linux-image-6.12.1-amd64/now 6.12.1 amd64 [local]")
    assert decisions.orphans("\n".join(lines)) == ["foo"]


@pytest.mark.parametrize(
    ("days", "status", "said"),
    [(400, 0, "(400 days)"), (364, 1, "(364 days)"), (0, 1, "(0 days)"), (-1, 2, "has had no security updates since")],
)
def test_the_end_of_support_is_told(
    days: int, status: int, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checks.platform, "freedesktop_os_release", lambda: {"VERSION_ID": "13"})
    monkeypatch.setattr(checks, "STATE", tmp_path / "updates.json")
    end = (datetime.date.today() + datetime.timedelta(days=days)).isoformat()
    found = checks.supported({"13": end}, 365)
    assert found[0] == status and said in found[1] and end in found[1]
    (tmp_path / "updates.json").write_text('{"orphans": ["old-library"]}')
    assert "old-library" in checks.supported({"13": end}, 365)[1]
    monkeypatch.setattr(checks, "DATES", tmp_path / "debian.csv")
    assert checks.supported({}, 365)[0] == 3
    # As Debian writes it: a release has no end while it is being made, then one, and later that of long-term support.
    for dates, expected in ((",,", 3), (f"{end},,", found[0]), (f"2001-01-01,{end},2100-01-01", found[0])):
        rows = f"version,codename,series,created,release,eol,eol-lts,eol-elts\n13,Trixie,trixie,2023-06-10,,{dates}\n"
        (tmp_path / "debian.csv").write_text(rows)
        assert checks.supported({}, 365)[0] == expected
