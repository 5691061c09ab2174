# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Backups as they are lived through. bak00 is backed up, svc0 keeps the backups, bak01 restores what bak00 lost."""

from __future__ import annotations

import json
import shlex
import subprocess
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from steps import check_of, small_disk
from testinfra.host import Host

Eventually = Callable[..., None]
Play = Callable[..., subprocess.CompletedProcess[str]]
STATE = "/var/lib/ringmaster/backup.json"
CONFIGURATION = "/etc/ringmaster/backup/backup.json"
REPOSITORY = "/var/lib/ringmaster-backup/bak00"
HOME = "/srv/s-bak"
COUNT = "python3 -c 'import json, sys; print(len(json.load(sys.stdin)))'"
# What restic and curl need to talk to the repository as bak00 does.
AS_BAK00 = f"""eval "$(python3 - <<'END'
import json, shlex
c = json.load(open("{CONFIGURATION}"))
for name, value in {{"RESTIC_REPOSITORY": c["repository"], "RESTIC_REST_USERNAME": c["username"],
                    "RESTIC_PASSWORD": c["password"], "RESTIC_REST_PASSWORD": c["access_password"],
                    "RESTIC_CACERT": c["ca"], "URL": c["repository"].removeprefix("rest:")}}.items():
    print(f"export {{name}}={{shlex.quote(value)}}")
END
)"; """


@pytest.fixture(scope="module")
def vm(machine: Callable[[str], Host]) -> Host:
    return machine("bak00")


@pytest.fixture(scope="module")
def server(machine: Callable[[str], Host]) -> Host:
    return machine("svc0")


@pytest.fixture(scope="module", autouse=True)
def first_backup(vm: Host) -> dict[str, Any]:
    """Give the service user some data and make a backup."""
    vm.check_output(
        f"rm -rf {HOME}/app {HOME}/app.restored-* /run/link; mkdir -p {HOME}/app/deep && cd {HOME}/app"
        " && head -c 2000000 /dev/urandom > data && echo value > 'deep/$odd [name]*'"
        " && touch left-out.tmp && ln -s data link"
        f" && chown -R s-bak:service {HOME}/app && chmod 0750 {HOME}/app/deep"
    )
    return backup(vm)


def backup(vm: Host) -> dict[str, Any]:
    """Make a backup as the timer does, in the unit's sandbox."""
    vm.check_output("systemctl start ringmaster-backup.service")
    return state(vm)["run"]


def state(vm: Host) -> dict[str, Any]:
    return json.loads(vm.check_output(f"cat {STATE}"))


def configure(vm: Host, **values: Any) -> None:
    script = (
        f"import json; p = '{CONFIGURATION}'; c = json.load(open(p)); c.update({values!r}); json.dump(c, open(p, 'w'))"
    )
    vm.check_output(f"python3 -c {shlex.quote(script)}")


@pytest.fixture
def configuration(vm: Host) -> Iterator[Callable[..., None]]:
    """Return a function that changes the machine's configuration until the end of the test."""
    before = vm.check_output(f"cat {CONFIGURATION}")
    yield lambda **values: configure(vm, **values)
    vm.check_output(f"printf %s {shlex.quote(before)} > {CONFIGURATION}")


def test_timers_wait_for_the_night_and_for_one_day_of_the_week(vm: Host) -> None:
    calendar = vm.check_output("systemctl show -p TimersCalendar ringmaster-backup.timer ringmaster-backup-proof.timer")
    assert "*-*-*" in calendar
    assert any(f"OnCalendar={day} " in calendar for day in ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"))
    assert vm.service("ringmaster-backup.timer").is_enabled
    assert vm.file(CONFIGURATION).mode == 0o600


def test_where_none_was_written_nothing_runs(machine: Callable[[str], Host]) -> None:
    without = machine("bak01")
    assert not without.file(CONFIGURATION).exists
    assert not without.service("ringmaster-backup.timer").is_running
    assert "role backup has not run" in without.run("ringmaster-backup run").stderr


def test_the_second_backup_adds_only_what_changed(vm: Host, first_backup: dict[str, Any]) -> None:
    assert first_backup["result"] == "ok"
    vm.check_output(f"head -c 300000 /dev/urandom > {HOME}/app/more")
    second = backup(vm)
    assert second["files"] == first_backup["files"] + 1
    assert second["files_new"] == 1
    assert 300_000 < second["bytes_added"] < 400_000
    assert check_of(vm, "backup/age")["status"] == 0
    assert check_of(vm, "backup/result")["status"] == 0
    assert "ringmaster_backup_last_run_success 1" in vm.check_output("cat /run/ringmaster/textfile/backup.prom")


def test_what_is_backed_up_and_what_is_not(vm: Host) -> None:
    listed = vm.check_output(f"{AS_BAK00} restic ls {backup(vm)['snapshot']}").splitlines()
    assert {"/opt/bak/data", "/etc/local", f"{HOME}/app/data", "/etc/ringmaster"} <= set(listed)
    assert not [path for path in listed if path.endswith(".tmp") or path.startswith("/etc/ringmaster/backup/")]


def test_a_deleted_home_comes_back_in_place_as_it_was(vm: Host) -> None:
    show = f"cd {HOME}/app && find . -printf '%p %u %g %m %T@ %l\\n' && find . -type f -exec sha256sum {{}} +"
    backup(vm)
    before = vm.check_output(show).replace("./left-out.tmp", "")
    vm.check_output(f"rm -rf {HOME}/app")
    report = json.loads(vm.check_output(f"ringmaster-backup restore-files {HOME}/app --in-place"))
    assert report["kept_files"] == 0
    wanted = {
        line for line in before.splitlines() if "left-out" not in line and not line.startswith((" s-bak", "e3b0c442"))
    }
    assert wanted <= set(vm.check_output(show).splitlines())


def test_newer_files_stay_and_the_side_folder_has_the_old_ones(vm: Host) -> None:
    backup(vm)
    vm.check_output(f"echo newer > {HOME}/app/data")
    report = json.loads(vm.check_output(f"ringmaster-backup restore-files {HOME}/app --in-place"))
    assert report["kept"] == [f"{HOME}/app/data"]
    assert vm.check_output(f"cat {HOME}/app/data") == "newer"
    beside = json.loads(vm.check_output(f"ringmaster-backup restore-files {HOME}/app"))
    assert beside["place"].startswith(f"{HOME}/app.restored-2")
    assert vm.file(f"{beside['place']}/data").size == 2_000_000
    again = vm.run(f"ringmaster-backup restore-files {HOME}/app")
    assert (again.rc, "is there already" in again.stderr) == (1, True)
    json.loads(vm.check_output(f"ringmaster-backup restore-files {HOME}/app --in-place --replace"))
    assert vm.file(f"{HOME}/app/data").size == 2_000_000
    vm.check_output(f"rm -rf {HOME}/app.restored-*")


def test_one_file_with_an_odd_name(vm: Host) -> None:
    name = f"{HOME}/app/deep/$odd [name]*"
    vm.check_output(f"rm {shlex.quote(name)}")
    vm.check_output(f"ringmaster-backup restore-files {shlex.quote(name)} --in-place")
    assert vm.check_output(f"cat {shlex.quote(name)}") == "value"


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ("/srv/none", "holds no /srv/none"),
        ("srv", "not an absolute path"),
        (f"{HOME}/app --snapshot 123456", "no snapshot '123456'"),
        (f"{HOME}/app --replace", "--replace belongs to --in-place"),
    ],
)
def test_restores_that_make_no_sense_say_why(vm: Host, arguments: str, expected: str) -> None:
    done = vm.run(f"ringmaster-backup restore-files {arguments}")
    assert done.rc == 1
    assert expected in done.stderr
    assert "Traceback" not in done.stderr


def test_a_service_user_cannot_lead_a_restore_astray(vm: Host) -> None:
    """Its folder is now a link to one of root's: what root restores there must not land in the link's target."""
    vm.check_output(
        f"mv {HOME}/app/deep {HOME}/app/deep.away && mkdir -p /root/target && ln -s /root/target {HOME}/app/deep"
    )
    done = vm.run(f"ringmaster-backup restore-files '{HOME}/app/deep/$odd [name]*' --in-place")
    assert "a link or no folder" in done.stderr
    vm.check_output(f"ringmaster-backup restore-files {HOME}/app/deep --in-place --replace")
    assert vm.check_output("ls -A /root/target") == ""
    assert vm.file(f"{HOME}/app/deep").is_directory
    assert not vm.file(f"{HOME}/app/deep").is_symlink
    vm.check_output(f"rm -rf {HOME}/app/deep.away /root/target")


def test_a_machine_that_was_broken_into_cannot_touch_its_past(vm: Host, server: Host) -> None:
    """Everything that root of bak00 can try with its own credentials, by restic and by plain HTTP."""
    everything = f"find {REPOSITORY} -type f ! -path '*/locks/*' -exec sha256sum {{}} +"
    before = set(server.check_output(everything).splitlines())
    assert "403 Forbidden" in vm.run(f"{AS_BAK00} restic forget latest --prune").stderr
    snapshot, data, key = (
        server.check_output(f"find {REPOSITORY}/{kind} -type f -printf '%f\\n' | head -1")
        for kind in ("snapshots", "data", "keys")
    )
    curl = (
        "curl -s -o /dev/null -w '%{http_code} ' --path-as-is --cacert $RESTIC_CACERT"
        " -u $RESTIC_REST_USERNAME:$RESTIC_REST_PASSWORD"
    )
    tries = [
        f"-X {method} --data garbage ${{URL}}{kind}/{name}"
        for method in ("DELETE", "POST", "PUT")
        for kind, name in (("snapshots", snapshot), ("data", data), ("keys", key))
    ]
    tries += [
        "-X DELETE ${URL}config",
        "-X POST --data garbage ${URL}config",
        "-X DELETE ${URL}",
        f"-X DELETE ${{URL}}locks/../snapshots/{snapshot}",
        f"-X DELETE ${{URL}}locks/..%2fsnapshots%2f{snapshot}",
        "-X POST ${URL}../svc0/?create=true",
        "${URL%bak00/}svc0/config",
        "-X DELETE ${URL%bak00/}svc0/config",
    ]
    answers = vm.check_output(AS_BAK00 + "; ".join(f"{curl} {one}" for one in tries)).split()
    assert len(answers) == len(tries)
    assert not [answer for answer in answers if answer.startswith("2")], list(zip(tries, answers, strict=True))
    # What restic wanted to exchange for the old was added, which is allowed; the old is there.
    assert before <= set(server.check_output(everything).splitlines())
    server.check_output("ringmaster-backup-server maintain --everything bak00")
    assert (
        vm.run(
            "curl -s -o /dev/null -w '%{http_code}' --cacert /etc/ringmaster/certificates/ca.pem"
            " https://172.20.0.20:8000/bak00/config"
        ).stdout
        == "401"
    )


def test_dates_that_a_machine_claims_do_not_make_the_server_forget(vm: Host, server: Host) -> None:
    honest = set(server.check_output(f"ls {REPOSITORY}/snapshots").split())
    years = " ".join(f"{year}-01-01" for year in range(2027, 2033))
    vm.check_output(
        f'{AS_BAK00} for y in {years}; do restic backup -q --host bak00 --time "$y 00:00:00" /etc/hostname; done'
    )
    server.check_output("ringmaster-backup-server maintain bak00")
    assert honest <= set(server.check_output(f"ls {REPOSITORY}/snapshots").split())
    assert check_of(vm, "backup/age")["status"] == 0
    # Restores take what was backed up last, not what claims the latest date.
    report = json.loads(vm.check_output(f"ringmaster-backup restore-files {HOME}/app/link --to /run"))
    assert report["files"] == 1


def test_the_proof_restores_and_compares(vm: Host, server: Host) -> None:
    """All of it in the sandboxes of the units; and files have bits and attributes that not everybody may give."""
    odd = f"{HOME}/app/odd"
    script = f"import os; os.setxattr('{odd}', 'trusted.kept', b'yes'); os.chmod('{odd}', 0o6750)"
    vm.check_output(f"echo odd > {odd} && chown s-bak:service {odd} && python3 -c {shlex.quote(script)}")
    backup(vm)
    vm.check_output("systemctl start ringmaster-backup-proof.service")
    server.check_output("systemctl start ringmaster-backup-server.service")
    vm.check_output(f"ringmaster-backup restore-files {odd} --to /run")
    came = "import os; print(os.getxattr('/run/odd', 'trusted.kept'), oct(os.stat('/run/odd').st_mode))"
    assert vm.check_output(f"python3 -c {shlex.quote(came)}") == "b'yes' 0o106750"
    vm.check_output(f"rm {odd} /run/odd")
    proof = state(vm)["proof"]
    assert proof["result"] == "ok"
    assert "are as they were backed up" in proof["files"]["sentence"]
    assert "dump of 2 keys" in proof["components"]["demo"]["sentence"]
    assert check_of(vm, "backup/proof-age")["status"] == 0
    assert not vm.file("/var/lib/ringmaster/proof").exists


def test_a_dump_that_cannot_be_restored_fails_the_proof(vm: Host) -> None:
    vm.check_output("touch /var/lib/demo/rotten")
    backup(vm)
    assert vm.run("ringmaster-backup prove").rc == 1
    check = check_of(vm, "backup/proof-age")
    assert (check["status"], "the dump is rotten" in check["output"]) == (2, True)
    vm.check_output("rm /var/lib/demo/rotten")
    backup(vm)
    vm.check_output("ringmaster-backup prove")


def test_a_dump_that_fails_leaves_the_rest_backed_up(vm: Host) -> None:
    vm.check_output("touch /var/lib/demo/broken")
    assert vm.run("ringmaster-backup run").rc == 1
    run = state(vm)["run"]
    assert (run["result"], run["dumps"]["demo"]["ok"]) == ("partial", False)
    assert run["files"] > 5
    check = check_of(vm, "backup/result")
    assert (check["status"], "dump of demo: it is broken" in check["output"]) == (1, True)
    vm.check_output("rm /var/lib/demo/broken")
    backup(vm)


def test_a_component_comes_back_but_never_over_live_data_unasked(vm: Host) -> None:
    backup(vm)
    refused = vm.run("ringmaster-backup restore-component demo")
    assert (refused.rc, "there is live data" in refused.stderr) == (1, True)
    vm.check_output("rm /var/lib/demo/data")
    report = json.loads(vm.check_output("ringmaster-backup restore-component demo"))
    assert report["component"] == "demo"
    assert vm.check_output("cat /var/lib/demo/data") == "one\ntwo"
    vm.check_output("echo three >> /var/lib/demo/data; ringmaster-backup restore-component demo --replace")
    assert vm.check_output("cat /var/lib/demo/data") == "one\ntwo"
    assert "it has: demo" in vm.run("ringmaster-backup restore-component none").stderr


def test_a_wrong_key_is_told_apart(vm: Host, configuration: Callable[..., None]) -> None:
    configuration(access_password="wrong")
    assert "refuses this machine's password (401)" in vm.run("ringmaster-backup run").stdout
    check = check_of(vm, "backup/result")
    assert (check["status"], "401" in check["output"]) == (2, True)
    good = json.loads(vm.check_output(f"cat {CONFIGURATION}"))
    configuration(access_password=good["access_password"], password="wrong")


def test_a_wrong_repository_password(vm: Host, configuration: Callable[..., None]) -> None:
    configuration(password="wrong")
    assert "does not open with this machine's password" in vm.run("ringmaster-backup run").stdout


def test_another_machine_in_the_servers_place_gets_nothing(vm: Host, configuration: Callable[..., None]) -> None:
    configuration(ca="/etc/ssl/certs/ca-certificates.crt.none")
    vm.check_output(
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout /dev/null"
        " -out /run/other-ca.pem -days 2 -subj /CN=other 2>/dev/null"
    )
    configuration(ca="/run/other-ca.pem")
    assert "certificate is not accepted" in vm.run("ringmaster-backup run").stdout


def test_the_server_away_is_retried_then_red_then_well(vm: Host, server: Host, eventually: Eventually) -> None:
    server.check_output("systemctl stop restic-rest-server")
    try:
        done = vm.run("ringmaster-backup run")
        assert done.rc == 1
        assert done.stdout.count("trying again in 1 s") == 2
        check = check_of(vm, "backup/result")
        assert check["status"] == 2
        assert "does not answer: Connection refused (tried 3 times)" in check["output"]
        assert check_of(server, "backup_server/answer")["status"] == 2
    finally:
        server.check_output("systemctl start restic-rest-server")
    eventually(lambda: vm.run("ringmaster-backup run").rc == 0)
    assert check_of(vm, "backup/result")["status"] == 0


def test_the_server_full_is_red_and_goes_on_when_there_is_room(vm: Host, server: Host, eventually: Eventually) -> None:
    before = set(server.check_output(f"ls {REPOSITORY}/snapshots").split())
    vm.check_output(
        f"head -c 12000000 /dev/urandom > {HOME}/app/big; systemctl reset-failed full-backup 2>/dev/null; true"
    )
    repositories = REPOSITORY.rpartition("/")[0]
    with small_disk(server, "restic-rest-server", repositories, 40) as fill:
        assert check_of(server, "backup_server/disk")["status"] < 2
        fill(0)
        vm.check_output("systemd-run --quiet --unit=full-backup ringmaster-backup run")
        eventually(lambda: check_of(server, "backup_server/disk")["status"] == 2)
        assert int(check_of(server, "backup_server/disk")["output"].split(" % of the disk are in use")[0]) >= 95
        vm.check_output("sleep 5")
        assert vm.run("systemctl is-active full-backup").stdout == "active\n"
        assert set(server.check_output(f"ls {REPOSITORY}/snapshots").split()) == before
        server.check_output(f"rm {repositories}/ballast")
        eventually(lambda: vm.run("systemctl is-active full-backup").stdout != "active\n", 180)
    assert (state(vm)["run"]["result"], state(vm)["run"]["errors"]) == ("ok", [])
    server.check_output("ringmaster-backup-server maintain --everything bak00")
    vm.check_output(f"rm {HOME}/app/big")


def test_two_at_once(vm: Host) -> None:
    vm.check_output("touch /var/lib/demo/slow")
    first = vm.run("ringmaster-backup run & sleep 0.6; ringmaster-backup run; echo second: $?; wait $!; echo first: $?")
    assert "another backup is running: process" in first.stderr
    assert "second: 1" in first.stdout
    assert "first: 0" in first.stdout
    vm.check_output("rm /var/lib/demo/slow")


def test_a_killed_backup_is_told_and_the_next_one_is_whole(vm: Host, server: Host) -> None:
    vm.check_output(f"head -c 60000000 /dev/urandom > {HOME}/app/big")
    vm.check_output(
        "sh -c 'ringmaster-backup run & sleep 0.8; kill -9 $!; for p in $(pidof restic); do kill -9 $p; done'"
    )
    check = check_of(vm, "backup/result")
    assert (check["status"], "was killed" in check["output"]) == (1, True)
    assert backup(vm)["result"] == "ok"
    server.check_output("ringmaster-backup-server maintain --everything bak00")
    vm.check_output(f"rm {HOME}/app/big")
    assert check_of(vm, "backup/result")["status"] == 0


def test_a_damaged_repository_is_noticed_by_both_sides(vm: Host, server: Host) -> None:
    """A byte of each large pack, so that one with data of the home is among them."""
    backup(vm)
    packs = f"$(find {REPOSITORY}/data -type f -size +200k)"
    server.check_output(f"mkdir /root/packs && cp -a {packs} /root/packs")
    server.check_output(f"for p in {packs}; do printf XXXX | dd of=$p bs=1 seek=5000 conv=notrunc 2>/dev/null; done")
    try:
        vm.check_output("rm -rf /var/cache/ringmaster-backup")
        for _attempt in range(6):  # the proof takes a home by chance
            if vm.run("ringmaster-backup prove").rc:
                break
        assert check_of(vm, "backup/proof-age")["status"] == 2
        assert server.run("ringmaster-backup-server maintain --everything bak00").rc == 1
        check = check_of(server, "backup_server/repositories")
        assert (check["status"], "bak00" in check["output"]) == (2, True)
    finally:
        server.check_output(
            f"cd /root/packs && for p in *; do cp -a $p {REPOSITORY}/data/$(echo $p | cut -c1-2)/; done"
            " && rm -r /root/packs"
        )
    server.check_output("ringmaster-backup-server maintain --everything bak00")
    vm.check_output("ringmaster-backup prove")
    assert check_of(server, "backup_server/repositories")["status"] == 0


def test_the_verbs_restore_on_another_vm(vm: Host, machine: Callable[[str], Host], play: Play) -> None:
    """bak01 has no password for bak00's backups, and asks for none: the access travels with the verb."""
    other = machine("bak01")
    backup(vm)
    other.check_output(f"rm -rf {HOME}/app; echo precious > /var/lib/demo/data; echo mine > {HOME}/.bashrc")
    done = play("restore_component", vm="bak00", to="bak01", component="demo")
    assert (done.returncode, "there is live data" in done.stdout) == (2, True), done.stdout
    assert other.check_output("cat /var/lib/demo/data") == "precious"
    done = play("restore_vm", vm="bak00", to="bak01")
    assert done.returncode == 0, done.stdout
    assert other.check_output("cat /var/lib/demo/data") == "one\ntwo"
    assert other.file(f"{HOME}/app/data").size == 2_000_000
    assert "mine" not in other.check_output(f"cat {HOME}/.bashrc")
    # What the platform itself keeps on bak01 is bak01's.
    assert not other.file(CONFIGURATION).exists
    secret = json.loads(vm.check_output(f"cat {CONFIGURATION}"))["password"]
    assert secret not in done.stdout + done.stderr


def test_a_smaller_disk_is_told_before_anything_is_written(
    vm: Host, machine: Callable[[str], Host], play: Play
) -> None:
    other = machine("bak01")
    backup(vm)
    other.check_output(
        "echo mine > /opt/bak/data; echo precious > /var/lib/demo/data; mount -t tmpfs -o size=1M tmpfs /srv"
    )
    try:
        done = play("restore_vm", vm="bak00", to="bak01")
        assert (done.returncode, "the disk is too small: /srv needs" in done.stdout) == (2, True), done.stdout
        assert "nothing was restored" in done.stdout
        assert other.check_output("cat /opt/bak/data /var/lib/demo/data") == "mine\nprecious"
        assert other.check_output("ls -A /srv") == ""
    finally:
        other.check_output("umount /srv")
    place = "/var/lib/ringmaster/restore"
    other.check_output(
        f"mkdir -p {place}; mount -t tmpfs -o size=4k tmpfs {place}; dd if=/dev/zero of={place}/x 2>&1; true"
    )
    try:
        done = play("restore_component", vm="bak00", to="bak01", component="demo", replace="true")
        assert (done.returncode, "the disk is too small" in done.stdout) == (2, True), done.stdout
        assert other.check_output("cat /var/lib/demo/data") == "precious"
    finally:
        other.check_output(f"umount {place}; rmdir {place}")


def test_a_clock_that_was_wrong_is_told(vm: Host) -> None:
    """A backup of next year does not look fresh for a year."""
    backup(vm)
    before = vm.check_output(f"cat {STATE}")
    values = json.loads(before) | {"last_success": state(vm)["last_success"] + 365 * 86400}
    vm.check_output(f"printf %s {shlex.quote(json.dumps(values))} > {STATE}")
    check = check_of(vm, "backup/age")
    assert (check["status"], "of the future: was the clock wrong?" in check["output"]) == (1, True)
    assert backup(vm)["result"] == "ok"
    assert check_of(vm, "backup/age")["status"] == 0


@pytest.mark.usefixtures("vm")
def test_a_vm_that_has_a_life_is_not_overwritten(play: Play) -> None:
    done = play("restore_vm", vm="bak00", snapshot="latest")
    assert (done.returncode, "say replace=true" in done.stdout) == (2, True), done.stdout


@pytest.mark.parametrize("what", ["repository", "access"])
def test_passwords_are_rotated_and_the_backups_stay(vm: Host, server: Host, play: Play, what: str) -> None:
    backup(vm)
    old = vm.check_output(AS_BAK00 + "env | grep ^RESTIC_")
    show = f"restic snapshots --json --no-lock | {COUNT}"
    before = int(vm.check_output(AS_BAK00 + show))
    words = {"hosts": "project_bak", "backup_server_machines": ["bak00", "bak01", "svc0"]}
    done = play("rotate_secret", vm="bak00", component="backup", object=what, **words)
    assert done.returncode == 0, done.stdout
    refused = vm.run(f"env {' '.join(map(shlex.quote, old.splitlines()))} restic snapshots --no-lock")
    assert refused.rc != 0
    assert ("wrong password" if what == "repository" else "401") in refused.stderr
    backup(vm)
    assert int(vm.check_output(AS_BAK00 + show)) == before + 1
    vm.check_output("ringmaster-backup prove")
    server.check_output("ringmaster-backup-server maintain bak00")
    again = server.check_output("/usr/bin/ringmaster backup_server converge")
    assert json.loads(again)["changed"] is False


def test_backups_are_listed_as_they_arrived(vm: Host, play: Play) -> None:
    newest = backup(vm)["snapshot"][:8]
    done = play("list_backups", vm="bak00")
    assert done.returncode == 0, done.stdout
    assert newest in [line for line in done.stdout.splitlines() if " MiB " in line][-1]
    assert "no backups are kept of bak09" in play("list_backups", vm="bak09").stdout


def test_the_server_knows_who_is_silent(server: Host) -> None:
    assert check_of(server, "backup_server/received")["status"] == 0
    server.check_output(f"find {REPOSITORY}/snapshots -type f -exec touch -d '4 days ago' {{}} +")
    check = check_of(server, "backup_server/received")
    assert (check["status"], "bak00 (none for 4.0 days)" in check["output"]) == (2, True)
    server.check_output(f"find {REPOSITORY}/snapshots -type f -exec touch {{}} +")
