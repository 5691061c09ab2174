# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is updated and restarted when, and which VMs are never worked on together."""

from __future__ import annotations

import datetime
import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.ringmaster.hosting.plugins.module_utils.services import maintenance
from hypothesis import given
from hypothesis import strategies as st
from ringmaster.maintenance.window import Window as MaintenanceWindow
from ringmaster.updates import checks, decisions, hardware, main
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
    ("due", "now", "window"),
    [
        ((), ("cron.service",), ("postgresql@17-main.service",)),
        (("mysql.service",), ("cron.service",), ("postgresql@17-main.service",)),
        (("postgresql@17-main.service",), ("cron.service", "postgresql@17-main.service"), ()),
    ],
)
def test_what_is_restarted(due: tuple[str, ...], now: tuple[str, ...], window: tuple[str, ...]) -> None:
    names = ("postgresql@17-main", "cron", "dbus")
    printed = "NEEDRESTART-VER: 3.8\n" + "".join(f"NEEDRESTART-SVC: {name}.service\n" for name in names)
    services = decisions.services_to_restart(printed)
    found = decisions.sort_services(services, ["postgresql*"], due)
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
    found = decisions.sort_services(names, defaults["updates_guarded_services"])
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


def gateway(number: int, **backend: Any) -> dict[str, Any]:
    return {**vm(number, ["webgateway"]), "webgateway_backends": [{"name": "shop", "port": 8080, **backend}]}


def test_a_gateway_and_the_members_behind_it_get_slots_of_their_own() -> None:
    """The documented example: two application servers without any managed component."""
    assert slots(gateway(0, vms=["myapp01", "myapp02"]), vm(1, []), vm(2, []), vm(3, [])) == {
        "myapp00": (0, 3),
        "myapp01": (1, 3),
        "myapp02": (2, 3),
        "myapp03": (0, 3),
    }
    whole = slots(gateway(0, project=True), vm(1, []), vm(2, ["redis"]), vm(3, ["redis"]))
    assert sorted(slot for slot, _slots in whole.values()) == [0, 1, 2, 3]
    assert slots(gateway(0, component="redis"), vm(1, ["redis"]), vm(2, []))["myapp01"] == (1, 2)
    # What is wrong with a backend, the gateway's role says.
    assert slots(gateway(0, vms=["nobody"]), vm(1, [])) == {"myapp00": (0, 1), "myapp01": (0, 1)}


def test_many_members_in_a_short_window_share_slots_rather_than_have_no_window() -> None:
    short = [vm(number, [], hours=1) for number in range(1, 6)]
    entry = {**gateway(0, project=True), "ringmaster_maintenance": {**WINDOW, "hours": 1}}
    assert set(slots(entry, *short).values()) == {(0, 1)}
    assert {part for _slot, part in slots(entry, *short[:3]).values()} == {4}


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


def test_vms_that_a_project_keeps_in_service_get_slots_of_their_own() -> None:
    keep = {"ringmaster_maintenance_keep": [{"vms": ["myapp00", "myapp02", "gone00"], "in_service": None}]}
    members = [vm(number, []) | keep for number in range(3)]
    assert slots(*members) == {"myapp00": (0, 2), "myapp01": (0, 2), "myapp02": (1, 2)}
    with pytest.raises(ValueError, match=r"have myapp00, myapp02 by maintenance\.keep both"):
        slots(*members[:2], vm(2, [], start="00:00") | keep)


@pytest.mark.parametrize(("declared", "expected"), [(None, 2), (1, 1), (9, 2)])
def test_groups_are_components_backends_and_what_is_declared(declared: int | None, expected: int) -> None:
    members = [gateway(0, vms=["myapp01", "myapp02"]), vm(1, ["redis"]), vm(2, ["redis"]), vm(3, ["mysql"])]
    keep = {"ringmaster_maintenance_keep": [{"vms": ["myapp01", "myapp02", "myapp03"], "in_service": declared}]}
    found = maintenance.groups([{**one, **keep, "ringmaster_project": "myapp"} for one in members])
    assert [(group.name, group.members, group.in_service) for group in found] == [
        ("redis in myapp", ("myapp01", "myapp02"), 1),
        ("the backend shop of myapp00", ("myapp00", "myapp01", "myapp02"), 2),
        ("myapp01, myapp02, myapp03 by maintenance.keep", ("myapp01", "myapp02", "myapp03"), expected),
    ]


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


class Window:
    """A run in the maintenance window, with programs that are made up."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder, self.asked, self.fails = folder, [], ""
        self.reason, self.services = "", []
        self.configuration: dict[str, Any] = {
            "automatic": True,
            "window": self.now(60),
            "guarded_packages": [],
            "guarded_services": [],
            "security_labels": [],
            "notice_hours": 24,
            "work_seconds": 300,
            "reboot_seconds": 600,
            "announce_seconds": 0,
        }
        for name in ("CONFIGURATION", "STATE", "RUNNING", "METRICS", "PLANNED", "REBOOT_FLAG"):
            monkeypatch.setattr(main, name, folder / name)
        monkeypatch.setattr(main, "LOCK", folder / "lock")
        monkeypatch.setattr(main, "_run", self.run)
        monkeypatch.setattr(main, "_reboot_reason", lambda: self.reason)
        monkeypatch.setattr(main, "_lists_of", lambda: 0.0)

    @staticmethod
    def now(minutes_left: float) -> dict[str, Any]:
        """Return a window of an hour that has so many minutes left."""
        begin = datetime.datetime.now(datetime.UTC) + datetime.timedelta(minutes=minutes_left - 60)
        days = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
        # Windows begin at whole minutes.
        return {"days": [days[begin.weekday()]], "start": f"{begin:%H:%M}", "hours": 1, "timezone": "Etc/UTC"}

    def run(self, argv: list[str], *, check: bool = True) -> str:
        self.asked.append(" ".join(argv))
        if "install" in argv and self.fails == "apt":
            raise SystemExit(1)
        if "install" in argv and self.fails == "signal":
            raise KeyboardInterrupt
        if argv[0] == "needrestart":
            return "".join(f"NEEDRESTART-SVC: {name}\n" for name in self.services)
        return "Inst nano [8.4-1] (8.4-1+deb13u1 Debian:13.2/stable [amd64])\n" if "--simulate" in argv else ""

    def work(self) -> None:
        (self.folder / "CONFIGURATION").write_text(json.dumps(self.configuration))
        main.main(["window"])

    @property
    def is_said_to_run(self) -> bool:
        return (self.folder / "RUNNING").read_text() == "ringmaster_maintenance_running 1\n"

    @property
    def has_installed(self) -> bool:
        return any("install" in line for line in self.asked)


@pytest.fixture
def maintained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Window:
    return Window(tmp_path, monkeypatch)


@pytest.mark.parametrize(("fails", "error"), [("apt", SystemExit), ("signal", KeyboardInterrupt)])
def test_work_that_fails_does_not_keep_the_machines_alerts_quiet(maintained: Window, fails: str, error: type) -> None:
    maintained.fails = fails
    with pytest.raises(error):
        maintained.work()
    assert maintained.has_installed and not maintained.is_said_to_run


def test_after_the_window_nothing_is_said_to_run(maintained: Window) -> None:
    (maintained.folder / "RUNNING").write_text("ringmaster_maintenance_running 1\n")
    maintained.configuration["window"] = maintained.now(-120)
    maintained.work()
    assert not maintained.has_installed and not maintained.is_said_to_run


@pytest.mark.parametrize(("minutes", "begins"), [(58, True), (7, True), (3, False)])
def test_work_does_not_begin_when_it_would_run_into_the_neighbours_part(
    maintained: Window, minutes: float, begins: bool
) -> None:
    maintained.configuration["window"] = maintained.now(minutes)
    maintained.work()
    assert maintained.has_installed is begins and not maintained.is_said_to_run


def hours_ago(hours: float) -> float:
    return datetime.datetime.now(datetime.UTC).timestamp() - hours * 3600


@pytest.mark.parametrize(("known", "acts"), [(30, True), (24.5, False), (0.3, False), (None, False)])
@pytest.mark.parametrize(
    ("what", "done"),
    [
        ("the machine", "systemctl reboot"),
        ("postgresql@17-main.service", "systemctl try-restart postgresql@17-main.service"),
        ("nano", "install --only-upgrade nano"),
    ],
)
def test_nothing_is_restarted_that_was_not_announced_in_time(
    maintained: Window, what: str, done: str, known: float | None, acts: bool
) -> None:
    """The window of an hour began half an hour ago: the day's notice has been kept from 24.5 hours ago on."""
    maintained.configuration |= {
        "window": maintained.now(30),
        "guarded_packages": ["nano"] if what == "nano" else [],
        "guarded_services": ["postgresql*"],
    }
    maintained.reason = "a package asks for it" if what == "the machine" else ""
    maintained.services = [what] if what.endswith(".service") else []
    kept = {} if known is None else {what: hours_ago(known)}
    (maintained.folder / "STATE").write_text(json.dumps({"seen": {}, "restarts": kept}))
    maintained.work()
    assert any(done in line for line in maintained.asked) is acts
    if not acts:
        planned = json.loads((maintained.folder / "PLANNED").read_text())
        assert any(line.startswith(f"restart of {what}, from ") for line in planned), planned
        assert f'{{what="{what}"}}' in (maintained.folder / "METRICS").read_text()
    # It is done in the next window at the latest, which begins a week after this one.
    maintained.asked.clear()
    state = json.loads((maintained.folder / "STATE").read_text())
    (maintained.folder / "STATE").write_text(json.dumps({**state, "restarts": {what: hours_ago(7 * 24)}}))
    maintained.work()
    assert any(done in line for line in maintained.asked)


def test_a_vm_whose_size_was_changed_is_restarted_once(maintained: Window, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the hypervisor does not make a restart of it, the next window does not try again."""
    wanted = {"memory_max_mib": 4096, "cores": 2}
    maintained.configuration |= {"hardware": wanted, "window": maintained.now(30)}
    monkeypatch.setattr(hardware, "memory_mib", lambda *_none: 1024)
    monkeypatch.setattr(hardware, "most_cores", lambda *_none: 1)
    monkeypatch.setattr(hardware, "CONTAINER", maintained.folder / "container")
    (maintained.folder / "STATE").write_text(json.dumps({"seen": {}, "restarts": {main.MACHINE: hours_ago(48)}}))
    maintained.work()
    said = json.loads((maintained.folder / "PLANNED").read_text())[0]
    assert said.endswith(": it brings 4096 MiB of memory instead of 1024 and 2 cores instead of 1")
    assert "systemctl reboot" in maintained.asked
    maintained.asked.clear()
    maintained.work()
    assert "systemctl reboot" not in maintained.asked
    assert json.loads((maintained.folder / "STATE").read_text())["restarts"] == {}
    # Another size is another matter.
    wanted["cores"] = 3
    maintained.work()
    assert main.MACHINE in json.loads((maintained.folder / "STATE").read_text())["restarts"]


def memory_device(size: int, extended: int = 0) -> bytes:
    table = bytearray(0x54)
    table[0:2] = (17, 0x54)
    table[0x0C:0x0E] = size.to_bytes(2, "little")
    table[0x1C:0x20] = extended.to_bytes(4, "little")
    return bytes(table)


@pytest.mark.parametrize(
    ("devices", "possible", "found"),
    [
        ([memory_device(2048)], "0-3", (2048, 4)),
        ([memory_device(16384), memory_device(16384), memory_device(0)], "0", (32768, 1)),
        ([memory_device(0x7FFF, 131072)], "0-1,4-5", (131072, 4)),
        ([memory_device(0x8000 | 2048), memory_device(0xFFFF)], "0-7", (2, 8)),
        ([b"\x11\x08"], None, (0, 0)),
    ],
)
def test_what_the_machine_was_started_with(
    tmp_path: Path, devices: list[bytes], possible: str | None, found: tuple[int, int]
) -> None:
    for number, device in enumerate(devices):
        (tmp_path / f"firmware/dmi/entries/17-{number}").mkdir(parents=True)
        (tmp_path / f"firmware/dmi/entries/17-{number}/raw").write_bytes(device)
    if possible is not None:
        (tmp_path / "devices/system/cpu").mkdir(parents=True)
        (tmp_path / "devices/system/cpu/possible").write_text(f"{possible}\n")
    assert (hardware.memory_mib(tmp_path), hardware.most_cores(tmp_path)) == found


def test_only_a_vm_has_a_size_that_waits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hardware, "memory_mib", lambda *_none: 1024)
    monkeypatch.setattr(hardware, "most_cores", lambda *_none: 4)
    monkeypatch.setattr(hardware, "CONTAINER", tmp_path / "container")
    assert hardware.waiting({}) == ""
    assert hardware.waiting({"memory_max_mib": 1024, "cores": 2}) == "", "cores come and go while it runs"
    assert hardware.waiting({"memory_max_mib": 512, "cores": 2}) == "it brings 512 MiB of memory instead of 1024"
    (tmp_path / "container").touch()
    assert hardware.waiting({"memory_max_mib": 512, "cores": 2}) == ""


def test_only_the_windows_own_run_restarts_what_is_due(maintained: Window) -> None:
    """The hourly run for security comes in a window as well, and says nothing of maintenance."""
    maintained.configuration |= {"guarded_services": ["postgresql*"]}
    maintained.services = ["postgresql@17-main.service"]
    kept = {"postgresql@17-main.service": hours_ago(100)}
    (maintained.folder / "STATE").write_text(json.dumps({"seen": {}, "restarts": kept}))
    (maintained.folder / "CONFIGURATION").write_text(json.dumps(maintained.configuration))
    main.main(["security"])
    assert not [line for line in maintained.asked if "try-restart" in line]


def test_what_needs_no_restart_any_more_is_not_announced(maintained: Window) -> None:
    kept = {"the machine": hours_ago(3), "postgresql@17-main.service": hours_ago(3)}
    (maintained.folder / "STATE").write_text(json.dumps({"seen": {}, "restarts": kept}))
    maintained.work()
    assert json.loads((maintained.folder / "STATE").read_text())["restarts"] == {}
    assert "restart_planned" not in (maintained.folder / "METRICS").read_text()


def test_a_newer_version_keeps_the_announcement_of_the_one_before() -> None:
    assert decisions.since_when({"postgresql-17": 2000.0}, {"postgresql-17": 1000.0}) == {"postgresql-17": 1000.0}
    assert decisions.since_when({"postgresql-17": 500.0}, {}) == {"postgresql-17": 500.0}
    assert decisions.since_when({}, {"postgresql-17": 1000.0}) == {}


def test_a_look_keeps_what_nobody_asked_about(maintained: Window) -> None:
    """Only who restarts asks which services use replaced code: it takes seconds."""
    kept = {"postgresql@17-main.service": hours_ago(3)}
    (maintained.folder / "STATE").write_text(json.dumps({"seen": {}, "restarts": kept}))
    (maintained.folder / "CONFIGURATION").write_text(json.dumps(maintained.configuration))
    main.main(["look"])
    assert json.loads((maintained.folder / "STATE").read_text())["restarts"] == kept


DAYS = st.lists(st.sampled_from(["mon", "tue", "wed", "thu", "fri", "sat", "sun"]), min_size=1, unique=True)


WINDOWS = st.builds(
    MaintenanceWindow,
    DAYS.map(tuple),
    st.times().map(lambda time: f"{time:%H:%M}"),
    st.integers(1, 12),
    st.sampled_from(["Etc/UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe"]),
)


@given(WINDOWS, st.floats(0, 240), st.integers(0, 366 * 24 * 60), st.integers(0, 60 * 24 * 60))
def test_the_notice_is_kept_whatever_the_window(
    window: MaintenanceWindow, notice: float, minute: int, later: int
) -> None:
    """Also over changes of the clock: never sooner than promised, and there always is a time."""
    known = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC) + datetime.timedelta(minutes=minute)
    now = known + datetime.timedelta(minutes=later)
    found = decisions.appointment(window, known.timestamp(), notice, now)
    assert found is not None
    assert found.begin - known > datetime.timedelta(hours=notice) - datetime.timedelta(seconds=1)
    assert found.end > now
