# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two VMs that stand in for each other, and the service that gives them turns: announced, and one after the other."""

from __future__ import annotations

import base64
import json
import shlex
import time
from collections.abc import Callable, Iterator
from email.message import Message
from pathlib import Path
from typing import Any

import pytest
from mailbox_of_catcher import caught
from steps import check_of
from testinfra.host import Host

CATCHER = "out0.mailed.example"
CA = Path(__file__).parents[3] / ".lab/keys/ca.pem"
UNIT = "ringmaster-maintenance.service"
EVENTS = "/var/lib/ringmaster-maintenance/events.jsonl"
ASK = """
import http.client, json, ssl, sys
connection = http.client.HTTPSConnection("172.20.0.20", 8001, timeout=20,
    context=ssl.create_default_context(cafile="/etc/ringmaster/certificates/ca.pem"))
connection.request("POST", sys.argv[1], sys.argv[2], {"Authorization": sys.argv[3]} if sys.argv[3] else {})
print(connection.getresponse().status)
"""
JUDGE = """
import icalendar, json, sys
found = icalendar.Calendar.from_ical(sys.stdin.buffer.read())
print(json.dumps([{str(key): str(one[key]) for key in one} | {"begin": one["DTSTART"].dt.isoformat()}
    for one in found.walk("VEVENT")]))
"""


def mails(word: str) -> list[Message]:
    """Return the messages whose subject has a word, as people read them."""
    return caught(CATCHER, word)


@pytest.fixture(scope="module")
def service(machine: Callable[[str], Host]) -> Host:
    return machine("svc0")


@pytest.fixture(scope="module")
def pair(machine: Callable[[str], Host]) -> list[Host]:
    return [machine("pair00"), machine("pair01")]


def events(service: Host, *kinds: str) -> list[dict[str, Any]]:
    lines = service.check_output(f"cat {EVENTS}").splitlines()
    return [one for one in map(json.loads, lines) if not kinds or one["kind"] in kinds]


def need_a_restart(host: Host) -> None:
    host.check_output("touch /run/reboot-required /run/started")


def has_restarted(host: Host) -> bool:
    return host.run("test -e /run/started; echo $?").stdout.strip() == "1"


def planned(host: Host) -> dict[str, Any]:
    return json.loads(host.check_output("cat /run/ringmaster/maintenance.json"))


@pytest.fixture
def fresh(pair: list[Host], service: Host, eventually: Callable[..., None]) -> Iterator[None]:
    """Let each test begin with machines that are well and need nothing."""
    for host in pair:
        host.check_output("systemctl stop ringmaster-updates-window.timer")
        host.check_output("rm -f /run/reboot-required; ringmaster-check --now >/dev/null || true")
        eventually(
            lambda host=host: not host.run("systemctl is-active ringmaster-updates-arrived").stdout.startswith("active")
        )
        host.check_output("ringmaster updates window")
    service.check_output("ringmaster maintenance-server resume")
    yield
    for host in pair:
        host.run(
            "rm -f /run/reboot-required /etc/local/maintenance/enter.d/[0-9]* /etc/local/maintenance/leave.d/[0-9]*"
        )
        host.run("ringmaster updates window")


pytestmark = pytest.mark.usefixtures("fresh")


def test_without_the_service_nothing_is_restarted_and_security_updates_go_on(pair: list[Host], service: Host) -> None:
    host = pair[0]
    service.check_output(f"systemctl stop {UNIT}")
    try:
        need_a_restart(host)
        host.check_output("ringmaster updates window")
        assert not has_restarted(host)
        assert "has not answered" in check_of(host, "updates/turn")["output"]
        host.check_output("ringmaster updates security")
        refused = host.run("ringmaster maintenance now")
        assert refused.rc == 1 and "does not answer" in refused.stderr
    finally:
        service.check_output(f"systemctl start {UNIT}")
    host.check_output("ringmaster updates window")
    assert "has not answered" not in check_of(host, "updates/turn")["output"]


def test_people_are_told_ahead_by_one_mail_with_a_calendar(
    pair: list[Host], service: Host, machine: Callable[[str], Host], eventually: Callable[..., None]
) -> None:
    for host in pair:
        need_a_restart(host)
        host.check_output("ringmaster updates window")
    eventually(lambda: len(events(service, "announced")) >= 2)
    host = pair[0]
    host.check_output("ringmaster updates window")
    assert planned(host)["state"] == "announced" and planned(host)["reboot"]
    begins = [one["begin"] for one in events(service, "scheduled")[-2:]]
    assert begins[0] != begins[1] and all(begin >= time.time() + 3000 for begin in begins)
    eventually(lambda: mails("Maintenance of pair on"))
    found = mails("Maintenance of pair on")[-1]
    assert found["To"] == "team@elsewhere.example"
    text, calendar = found.get_payload()
    assert "restart of pair0" in text.get_payload(decode=True).decode()
    sent = base64.b64encode(calendar.get_payload(decode=True)).decode()
    judged = machine("out0").run(f"printf %s {sent} | base64 -d | python3 -c {shlex.quote(JUDGE)}")
    assert judged.rc == 0, judged.stderr
    assert {one["X-MAINTNOTE-OBJECT-ID"] for one in json.loads(judged.stdout)} <= {"pair00", "pair01"}
    said = host.check_output("sudo -u nobody ringmaster maintenance list")
    assert "restart of the machine (a package asks for it)" in said and "not announced" not in said


def test_who_may_say_when(pair: list[Host], service: Host) -> None:
    host = pair[0]
    need_a_restart(host)
    host.check_output("ringmaster updates window")
    before = time.time()
    for person, verb in (("max", "now"), ("ada", "postpone")):
        assert host.run(f"sudo -u {person} sudo -n ringmaster maintenance {verb}").rc != 0
    for _time in range(2):
        assert "It is postponed." in host.check_output("sudo -u max sudo -n ringmaster maintenance postpone")
    assert events(service, "postponed")[-1]["by"] == "max"
    assert events(service, "scheduled")[-1]["begin"] > before + 24 * 3600
    assert "stays as planned" in host.check_output("sudo -u max sudo -n ringmaster maintenance postpone")


def test_one_is_restarted_and_the_other_one_when_the_first_is_well(
    pair: list[Host], service: Host, eventually: Callable[..., None]
) -> None:
    hook = "printf '#!/bin/sh\\nid -un >> ~/hooks\\necho $MAINTENANCE >> ~/hooks\\n' > {0} && chmod 755 {0}"
    for moment in ("enter", "leave"):
        path = f"/etc/local/maintenance/{moment}.d/10-note"
        pair[0].check_output(f"sudo -u s-pair sh -c {shlex.quote(hook.format(path))}")
    # Of root, and so nobody's: it is left out.
    pair[0].check_output("printf '#!/bin/sh\\ntouch /run/run-by-root' > /etc/local/maintenance/enter.d/20-root")
    pair[0].check_output("chmod 755 /etc/local/maintenance/enter.d/20-root")
    first = len(events(service))
    for host in pair:
        need_a_restart(host)
        host.check_output("ringmaster updates window")
        assert "as soon as the others are well" in host.check_output("sudo -u ada sudo -n ringmaster maintenance now")
    for host in pair:
        host.check_output("systemctl start --no-block ringmaster-updates-window.service")
    # The service is killed on the way, and goes on where it was.
    eventually(lambda: [one for one in events(service, "running") if one["n"] > first], 120)
    service.check_output(f"systemctl kill -s KILL {UNIT}")
    for host in pair:
        eventually(lambda host=host: has_restarted(host), 300)
    eventually(lambda: len([one for one in events(service, "done") if one["n"] > first]) == 2, 240)
    order = [
        (one["kind"], one["machine"])
        for one in events(service, "running", "settling", "done", "failed")
        if one["n"] > first
    ]
    (one,) = {name for _kind, name in order[:3]}
    (other,) = {name for _kind, name in order[3:]}
    assert {one, other} == {"pair00", "pair01"}
    assert [kind for kind, _name in order] == ["running", "settling", "done"] * 2
    assert pair[0].check_output("cat /srv/s-pair/hooks").split() == ["s-pair", "enter", "s-pair", "leave"]
    assert not pair[0].file("/run/run-by-root").exists


def test_while_the_other_one_is_not_well_nobody_goes(pair: list[Host], service: Host) -> None:
    bad = '[{"name": "shop", "command": ["/bin/false-2"], "interval": 10}]'
    script = "#!/bin/sh\\necho it is down; exit 2\\n"
    pair[1].check_output(f"printf '{script}' > /usr/local/bin/down && chmod 755 /usr/local/bin/down")
    pair[1].check_output(
        f"printf %s {shlex.quote(bad.replace('/bin/false-2', '/usr/local/bin/down'))} > /etc/local/checks/shop.json"
    )
    try:
        pair[1].check_output("ringmaster-check --now > /dev/null || true")
        pair[1].check_output("ringmaster updates window")
        need_a_restart(pair[0])
        pair[0].check_output("ringmaster updates window")
        pair[0].check_output("ringmaster maintenance now")
        access = pair[0].check_output(
            'python3 -c \'import json,base64; a=json.load(open("/etc/ringmaster/turns.json"));'
            ' print("Basic "+base64.b64encode((a["name"]+":"+a["password"]).encode()).decode())\''
        )
        body = json.dumps({"need": {"units": [], "reboot": True}})
        script = ASK.replace(".status)", ".read().decode())")
        said = pair[0].check_output(shlex.join(["python3", "-c", script, "/v1/turn", body, access]))
        assert "pair01 has the critical check local/shop" in json.loads(said)["wait"]
        assert not has_restarted(pair[0])
    finally:
        pair[1].check_output("rm -f /etc/local/checks/shop.json; ringmaster-check --now > /dev/null || true")


@pytest.mark.parametrize("authorization", ["", "Basic eDp5", "Basic cGFpcjAwOndyb25n", "Bearer pair00"])
def test_who_does_not_show_who_they_are_is_told_nothing(pair: list[Host], authorization: str) -> None:
    said = pair[0].check_output(shlex.join(["python3", "-c", ASK, "/v1/turn", "{}", authorization]))
    assert said == "401"


def test_a_second_service_is_refused_and_the_words_are_nobodys(service: Host, pair: list[Host]) -> None:
    twice = service.run("timeout 20 ringmaster maintenance-server serve")
    assert twice.rc == 1 and "is used by another process" in twice.stderr
    for host, path in (
        (service, "/etc/ringmaster/maintenance_server/passwords.json"),
        (pair[0], "/etc/ringmaster/turns.json"),
    ):
        assert host.run(f"sudo -u nobody cat {path}").rc != 0
    assert service.run(f"sudo -u nobody cat {EVENTS}").rc != 0


def test_what_is_going_to_happen_is_shown_and_changes_nothing(
    service: Host, pair: list[Host], play: Callable[..., Any], tmp_path: Path
) -> None:
    need_a_restart(pair[0])
    pair[0].check_output("ringmaster updates window")
    # It plans and announces every two seconds by itself.
    service.check_output(f"systemctl stop {UNIT}")
    try:
        before = service.check_output(f"sha256sum {EVENTS}")
        done = play("maintenance_plan", None, words=["--check"], calendar=str(tmp_path / "plan.ics"))
        after = service.check_output(f"sha256sum {EVENTS}")
    finally:
        service.check_output(f"systemctl start {UNIT}")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "pair00 (pair): restart of pair00" in done.stdout and "changed=0" in done.stdout
    assert (tmp_path / "plan.ics").read_bytes().startswith(b"BEGIN:VCALENDAR\r\n")
    assert after == before


def test_operators_may_say_when_from_their_controller(
    service: Host, pair: list[Host], play: Callable[..., Any]
) -> None:
    need_a_restart(pair[0])
    pair[0].check_output("ringmaster updates window")
    for step, said, changed in (("postpone", "It is postponed.", 1), ("resume", "Nothing was stopped.", 0)):
        done = play("maintain_vm", None, vm="pair00", step=step)
        assert done.returncode == 0, done.stdout + done.stderr
        assert said in done.stdout and f"changed={changed}" in done.stdout
    assert events(service, "postponed")[-1]["by"] == "root"


def test_the_service_is_well(service: Host) -> None:
    for name in ("answers", "stopped", "needs"):
        assert check_of(service, f"maintenance_server/{name}")["state"] == "ok"
    figures = service.check_output("cat /run/ringmaster/textfile/figures.prom")
    assert "ringmaster_maintenance_campaign_frozen 0" in figures
