# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Accounts on a running machine: who may do what, and who is out is out."""

from __future__ import annotations

import base64
import subprocess
import time
from collections.abc import Iterator
from typing import Any

import pytest
from light_machine import REPOSITORY, LightMachine

APP = """[Service]
ExecStart=/bin/sleep 100000
[Install]
WantedBy=default.target
"""


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LightMachine]:
    started = LightMachine.start(tmp_path_factory.mktemp("machine"))
    try:
        started.root("printf '#!/bin/sh\\n' > /usr/bin/ringmaster; chmod 755 /usr/bin/ringmaster")
        assert started.apply(roster(started), "--check"), "the first run is clean in check mode"
        assert started.apply(roster(started))
        assert not started.apply(roster(started)), "the second run changes nothing"
        yield started
    finally:
        started.stop()


@pytest.fixture(scope="module")
def app(machine: LightMachine) -> None:
    """Bob deploys an application for s-myapp: a user unit that starts at boot."""
    encoded = base64.b64encode(APP.encode()).decode()
    for command in (
        "sudo -n -u s-myapp -i mkdir -p .config/systemd/user",
        f"echo {encoded} | base64 -d | sudo -n -u s-myapp -i tee .config/systemd/user/app.service",
        "sudo -n -u s-myapp -i systemctl --user enable --now app",
    ):
        done = machine.ssh("bob", command)
        assert done.returncode == 0, done.stderr


PERMISSIONS = {
    "alice": ["login", "sudo-srv", "wheel", "manager"],
    "bob": ["login", "sudo-srv"],
    "carol": ["login"],
    "dave": ["stats"],
}


def roster(machine: LightMachine, **states: str) -> dict[str, Any]:
    """Return the roster with some people in other states; whenever these change, the generation grows."""
    if states != machine.states:
        machine.states = states
        machine.generation += 1
    generation = machine.generation
    people = [
        {
            "name": name,
            "uid": 20100 + number,
            "full_name": name.title(),
            "state": states.get(name, "active"),
            "permissions": permissions,
            "ssh_keys": [machine.key(name)],
        }
        for number, (name, permissions) in enumerate(PERMISSIONS.items())
    ]
    service_users = [{"name": "s-myapp", "uid": 20110}, {"name": "s-other", "uid": 20111}]
    content = {"format": 1, "project": "myapp", "people": people, "service_users": service_users}
    return content | {"generation": generation, "hash": str(generation)}


@pytest.mark.parametrize(
    ("user", "key", "enters"),
    [
        ("alice", "alice", True),
        ("bob", "bob", True),
        ("carol", "carol", True),
        ("dave", "dave", False),
        ("s-myapp", "bob", False),
        ("nobody", "bob", False),
        ("mallory", "mallory", False),
        ("bob", "mallory", False),
        ("root", "alice", False),
        ("root", "operator", True),
    ],
)
def test_who_may_log_in(machine, user, key, enters):
    done = machine.ssh(user, "id -un", key=key)
    assert (done.returncode == 0) is enters
    assert done.stdout.strip() == (user if enters else "")


AS_SERVICE = "sudo -n -u s-myapp -i "
MATRIX = [
    # becoming somebody else
    ("alice bob", "sudo -n -u s-myapp -i true", "carol service"),
    ("alice bob", "sudo -n -u s-other true", "carol service"),
    ("alice", "sudo -n true", "bob carol service"),
    ("alice bob", "sudo -n /usr/bin/ringmaster logs redis", "carol service"),
    ("alice", "sudo -n /usr/bin/ringmaster check", "bob carol service"),
    ("alice", "sudo -n -u daemon true", "bob carol service"),
    ("alice", "sudo -n -u bob true", "bob carol service"),
    ("", "sudo -n -u '#0' true", "bob carol service"),
    ("", "sudo -n -g root -u s-myapp true", "bob carol service"),
    ("", "su -c true", "bob carol service"),
    ("", "su -c true s-myapp", "bob carol"),
    # starting at boot
    ("", "loginctl enable-linger", "alice bob carol service"),
    ("", "loginctl enable-linger bob", "alice bob carol service"),
    ("service", "loginctl enable-linger s-myapp", "alice bob carol"),
    ("", "loginctl enable-linger s-other", "bob carol service"),
    ("service", "echo '@reboot true' | crontab - && crontab -r", "alice bob carol"),
    ("", "echo '@reboot root true' > /etc/cron.d/mine", "bob carol service"),
    ("", "echo '@reboot true' > /var/spool/cron/crontabs/$(id -un)", "bob carol service"),
    ("", "touch /var/lib/systemd/linger/$(id -un)", "bob carol service"),
    # units and logs: one's own, nobody else's
    ("service", "systemctl --user daemon-reload", ""),
    ("service alice bob carol", "journalctl --user -n 1 -q --no-pager", ""),
    ("", "journalctl -q --no-pager -n 1 _PID=1 | grep .", "bob carol service"),
    ("", "systemctl restart ssh", "bob carol service"),
    ("", "systemd-run -q true", "bob carol service"),
    ("", "systemctl edit --runtime --stdin ssh </dev/null", "bob carol service"),
    (
        "",
        'test "$(busctl call org.freedesktop.login1 /org/freedesktop/login1 '
        'org.freedesktop.login1.Manager CanReboot)" = \'s "yes"\'',
        "bob carol service",
    ),
    # files
    ("", "cat /etc/shadow", "bob carol service"),
    ("", "ls /home/alice", "bob carol service"),
    ("alice bob carol service", "ls /srv/s-myapp", ""),
    ("", "touch /srv/s-myapp/planted", "bob carol"),
    ("", "touch /srv/s-other/planted", "service bob carol"),
    ("", "echo x >> /etc/ssh/authorized_keys.d/$(id -un)", "bob carol service"),
    ("", "ln -s /tmp/x /etc/ssh/authorized_keys.d/mallory", "bob carol service"),
    (
        "",
        "ls /etc/sudoers.d/ringmaster-accounts && cat /etc/sudoers.d/ringmaster-accounts",
        "bob carol service",
    ),
    ("", "cat /var/lib/ringmaster/accounts/roster.json", "bob carol service"),
    ("", "echo x > /usr/lib/ringmaster/accounts.pyz", "bob carol service"),
    # one's own record
    ("", "chsh -s /bin/sh", "bob carol service"),
    ("", "chfn -f Root", "bob carol service"),
    ("", "printf 'x\\nx\\n' | passwd", "bob carol service"),
]


@pytest.mark.parametrize(("allowed", "command", "denied"), MATRIX, ids=[row[1][:60] for row in MATRIX])
def test_who_may_do_what(machine, allowed, command, denied):
    for who in (allowed + " " + denied).split():
        if who == "service":
            quoted = command.replace("'", "'\\''")
            done = machine.quick("bob", f"sudo -n -u s-myapp -i sh -c '{quoted}'")
        else:
            done = machine.quick(who, command)
        found = done.stdout + done.stderr
        assert (done.returncode == 0) is (who in allowed.split()), f"{who}: {command}: {found}"
        assert done.returncode not in (126, 127), f"{who}: {command} was not tried: {found}"


def test_only_keys_of_the_platform_count(machine):
    machine.ssh("bob", f"mkdir -p -m 700 .ssh && echo '{machine.key('mallory')}' > .ssh/authorized_keys")
    assert machine.ssh("bob", "true", key="mallory").returncode != 0


def test_root_by_wheel_is_logged_with_the_name(machine):
    assert machine.ssh("alice", "sudo -n ls /root/marker-in-the-log").returncode != 0
    log = machine.root("journalctl -q --no-pager _COMM=sudo")
    assert "alice" in log and "COMMAND=/usr/bin/ls /root/marker-in-the-log" in log


def test_files_travel_both_ways(machine, tmp_path):
    (tmp_path / "there").write_text("content")
    argv = machine.ssh_argv("bob")
    target = argv.pop()
    argv[argv.index("ssh")] = "scp"
    subprocess.run([*argv, str(tmp_path / "there"), f"{target}:copy"], check=True, capture_output=True)
    subprocess.run([*argv, f"{target}:copy", str(tmp_path / "back")], check=True, capture_output=True)
    assert (tmp_path / "back").read_text() == "content"


def test_a_user_unit_of_a_service_user_starts_at_boot(machine, app):
    machine.reboot()
    assert machine.root("systemctl --user -M s-myapp@ is-active app") == "active"
    assert machine.ssh("bob", "sudo -n -u s-myapp -i systemctl --user restart app").returncode == 0
    assert "XDG_RUNTIME_DIR=/run/user/20110" in machine.ssh("bob", "sudo -n -u s-myapp -i env").stdout
    assert not machine.apply(roster(machine)), "a reboot is no drift"


BROKEN = """[Service]
ExecStart=/bin/false
"""


def test_a_failed_unit_of_a_service_user_is_seen(machine, app):
    """The real check with real managers: the machine's own list of units says nothing of them."""
    program = REPOSITORY / "roles/machine/files/python/ringmaster"
    packed = subprocess.run(["tar", "-C", str(program.parent), "-c", "ringmaster"], check=True, capture_output=True)
    unpack = [*machine.ssh_argv("root", key="operator"), "mkdir -p /run/program && tar -x -C /run/program"]
    subprocess.run(unpack, check=True, input=packed.stdout)
    check = "cd /run/program && python3 -c 'from ringmaster.host.checks import user_units; print(user_units())'"
    assert machine.root(check) == "(0, 'No unit of a service user has failed.')"
    encoded = base64.b64encode(BROKEN.encode()).decode()
    machine.root(
        f"echo {encoded} | base64 -d > ~s-myapp/.config/systemd/user/broken.service;"
        " systemctl --user -M s-myapp@ daemon-reload; systemctl --user -M s-myapp@ start --no-block broken; sleep 2"
    )
    assert machine.root(check) == "(1, '1 unit of s-myapp has failed: broken.service.')"
    assert "broken" not in machine.root("systemctl list-units --state=failed")
    machine.root("rm ~s-myapp/.config/systemd/user/broken.service; systemctl --user -M s-myapp@ reset-failed")
    assert machine.root(check).startswith("(0, ")


def test_drift_is_repaired_without_the_controller(machine):
    machine.root(
        "echo evil >> /etc/ssh/authorized_keys.d/bob; gpasswd -a carol wheel; touch /var/lib/systemd/linger/carol"
    )
    assert machine.ssh("carol", "sudo -n true").returncode == 0
    machine.root("systemctl start ringmaster-accounts.service")
    assert machine.ssh("carol", "sudo -n true").returncode != 0
    assert machine.root("ls /var/lib/systemd/linger").split() == ["s-myapp", "s-other"]
    log = machine.root("journalctl -q --no-pager -o cat -u ringmaster-accounts")
    assert "repaired: group wheel: changed" in log and "repaired: person bob: changed" in log
    assert machine.root("systemctl is-active ringmaster-accounts.timer") == "active"


def test_a_broken_rule_of_somebody_else_is_told_and_harms_nobody(machine):
    machine.root("echo 'broken (' > /etc/sudoers.d/project; echo >> /etc/sudoers.d/ringmaster-accounts")
    done = machine.play(roster(machine))
    machine.root("rm /etc/sudoers.d/project")
    assert done.returncode == 0
    assert "another file below /etc/sudoers.d is broken" in " ".join((done.stdout + done.stderr).split())
    assert machine.ssh("alice", "sudo -n true").returncode == 0


@pytest.mark.parametrize("state", ["locked", "removed"])
def test_who_is_out_is_out_at_once(machine, app, state):
    old = roster(machine)
    stubborn = "trap '' TERM HUP INT; while :; do sleep 1; done"
    command = f'setsid sh -c "{stubborn}" & {stubborn}'
    session = subprocess.Popen([*machine.ssh_argv("carol"), command], stdin=subprocess.DEVNULL)
    other = subprocess.Popen(
        [*machine.ssh_argv("bob"), "sudo -n -u s-myapp sleep 4242"],
        stdin=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    machine.ssh("carol", "systemd-run --user -q sleep 4243")
    deadline = time.monotonic() + 20
    while machine.root("pgrep -c -u carol sleep; pgrep -c -f 'sleep 424[2]' ; true").split() < ["3", "1"]:
        assert time.monotonic() < deadline
        time.sleep(0.2)
    machine.root(
        "echo '* * * * * true' > /var/spool/cron/crontabs/carol && chown carol:crontab /var/spool/cron/crontabs/carol"
        " && chmod 600 /var/spool/cron/crontabs/carol && touch /var/lib/systemd/linger/carol"
    )

    assert machine.apply(roster(machine, carol=state, bob=state))

    assert machine.root("ps -o pid= -u carol,bob; pgrep -f 'sleep 424[2]'; true") == ""
    deadline = time.monotonic() + 20
    while machine.root("loginctl list-users --no-legend | grep -E 'carol|bob'; true"):
        # logind forgets an ended user after ten seconds.
        assert time.monotonic() < deadline
        time.sleep(0.5)
    assert machine.root("ls /var/spool/cron/crontabs") == ""
    assert session.wait(10) != 0 and other.wait(10) != 0
    for name in ("carol", "bob"):
        assert machine.ssh(name, "true").returncode != 0
    assert machine.root("stat -c %U:%a /home/carol") == ("carol:700" if state == "locked" else "root:700")
    assert machine.root("systemctl --user -M s-myapp@ is-active app") == "active", "the application runs on"
    assert not machine.apply(roster(machine, carol=state, bob=state))

    late = machine.play(old)
    assert late.returncode != 0
    assert f"The roster has generation {old['generation']}" in late.stdout + late.stderr
    machine.root("systemctl start ringmaster-accounts.service")
    assert machine.ssh("carol", "true").returncode != 0

    assert machine.apply(roster(machine))
    assert machine.ssh("carol", "cat copy || true").returncode == 0


def test_the_sessions_of_a_stolen_key_end_and_the_person_may_come_back(machine):
    wanted = roster(machine)
    machine.apply(wanted)
    session = subprocess.Popen([*machine.ssh_argv("bob"), "sleep 4245"], stdin=subprocess.DEVNULL)
    deadline = time.monotonic() + 20
    while not machine.root("pgrep -f 'sleep 424[5]'; true"):
        assert time.monotonic() < deadline
        time.sleep(0.2)
    assert machine.apply(wanted, accounts_end_sessions=["bob", "somebody"])
    assert session.wait(10) != 0
    assert machine.root("pgrep -u bob; true") == ""
    assert machine.ssh("bob", "true").returncode == 0


def test_what_is_left_in_a_slice_is_found_later(machine):
    """A run was killed after the account files were in place: the next one ends what it did not get to."""
    machine.ssh("bob", "sudo -n -u s-myapp sh -c 'sleep 4244 >/dev/null 2>&1 &'")
    machine.root("usermod -e 1970-01-02 bob; pkill -9 -u bob; sleep 0.5; systemctl reset-failed")
    assert machine.root("pgrep -u s-myapp -c -f 'sleep 424[4]'") == "1"
    assert machine.apply(roster(machine, bob="locked"))
    assert machine.root("pgrep -f 'sleep 424[4]'; true") == ""
    assert machine.apply(roster(machine))


def test_what_goes_on_without_bob_is_told_and_ends_when_asked(machine, app):
    machine.apply(roster(machine))
    # Other tests took the right from him and gave it back: what lies there must be newer than that.
    machine.root("touch /srv/s-myapp/.config/systemd/user/app.service")
    for command in (
        "systemd-run --user -q sleep 4246",
        "sh -c 'setsid sleep 4247 >/dev/null 2>&1 </dev/null &'",
        "systemctl --user restart app",
    ):
        done = machine.ssh("bob", f"sudo -n -u s-myapp -i {command}")
        assert done.returncode == 0, done.stderr
    spool = "/var/spool/cron/crontabs/s-myapp"
    machine.root(f"echo '0 0 1 1 * true' > {spool} && chown s-myapp:crontab {spool} && chmod 600 {spool}")
    wanted = roster(machine)
    machine.generation += 1
    without = wanted | {"generation": machine.generation, "hash": str(machine.generation)}
    without["people"] = [
        each | {"permissions": ["login"]} if each["name"] == "bob" else each for each in wanted["people"]
    ]
    for words in (["--check"], []):
        done = machine.play(without, *words)
        assert done.returncode == 0, done.stdout + done.stderr
        told = " ".join((done.stdout + done.stderr).split())
        assert "bob loses sudo-srv on myapp00" in told
        assert "s-myapp (" in told and "a crontab" in told
        # Ansible breaks the lines of a warning, and paths at any letter.
        whole = told.replace(" ", "")
        assert spool in whole and "/srv/s-myapp/.config/systemd/user/app.service" in whole
    assert machine.root("pgrep -c -f 'sleep 424[67]'") == "2", "it is told, not ended"
    pid = machine.root("systemctl --user -M s-myapp@ show -P MainPID app")
    assert machine.apply(without, end_service_sessions=True)
    assert machine.root("pgrep -f 'sleep 424[67]'; true") == ""
    assert machine.root("systemctl --user -M s-myapp@ is-active app") == "active"
    assert machine.root("systemctl --user -M s-myapp@ show -P MainPID app") != pid
    assert not machine.apply(without)
    machine.root(f"rm {spool}")
    machine.states = None
    assert machine.apply(roster(machine))


def test_the_last_administrator_is_not_thrown_out_unasked(machine):
    refused = machine.play(roster(machine, alice="removed"))
    assert refused.returncode != 0
    assert "nobody would be left with permission wheel" in refused.stdout + refused.stderr
    assert machine.ssh("alice", "sudo -n true").returncode == 0
    assert machine.apply(roster(machine, alice="removed"), accounts_confirm_removal=True)
    assert machine.ssh("alice", "true").returncode != 0


def test_the_account_files_are_whole(machine):
    complaints = machine.root("LC_ALL=C pwck -r | grep -v 'does not exist$'; LC_ALL=C grpck -r; true")
    assert complaints == "pwck: no changes"
    leftovers = machine.root("find /etc /home /srv /var/lib/ringmaster -name '*.ringmaster-new'")
    assert leftovers == ""


def test_nothing_failed_on_the_way(machine):
    assert machine.root("systemctl --failed --no-legend") == ""
    log = machine.root(
        "journalctl -q --no-pager -o cat -b -u ringmaster-accounts | grep -c could.not.be.repaired; true"
    )
    assert log == "0"
