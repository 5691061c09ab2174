# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Mail of VMs and service machines leaves through the service `mail`, and is read where it arrives, by IMAP."""

from __future__ import annotations

import json
import secrets
import shlex
import socket
from collections.abc import Callable, Iterator
from email.message import Message
from pathlib import Path

import mailbox_of_catcher as mailbox
import pytest
from steps import check_of, checks_of
from testinfra.host import Host

CATCHER = ("172.20.0.30", "out0.mailed.example")
RELAYS = ("172.20.0.20", "2001:db8:3::20")
CA = Path(__file__).parents[3] / ".lab/keys/ca.pem"
#: Speaks SMTP with the service as a program on a VM may, with no stub between; prints the answers.
PROGRAM = """
import smtplib, ssl, sys
address, sender, receivers, text = sys.argv[1], sys.argv[2], sys.argv[3].split(","), sys.argv[4]
context = ssl.create_default_context()
client = smtplib.SMTP(timeout=20)
client._host = "svc0.mailed.example"
client.connect(address, 25)
if "plain" not in sys.argv: client.starttls(context=context)
client.ehlo()
print(*client.mail(sender))
for receiver in receivers: print(*client.rcpt(receiver))
if text: print(*client.data(text.replace("~", "\\r\\n").encode()))
"""


@pytest.fixture(scope="module")
def relay(machine: Callable[[str], Host]) -> Host:
    return machine("svc0")


@pytest.fixture(scope="module")
def vm(machine: Callable[[str], Host]) -> Host:
    return machine("app00")


@pytest.fixture(scope="module")
def other(machine: Callable[[str], Host]) -> Host:
    return machine("oth00")


@pytest.fixture(autouse=True)
def full_buckets(relay: Host) -> None:
    """Let each test begin with nothing sent."""
    relay.check_output("systemctl restart ringmaster-mail-out")


@pytest.fixture
def smarthost_away(machine: Callable[[str], Host]) -> Iterator[Callable[[], None]]:
    """Let the smarthost be away; return what brings it back."""
    out = machine("out0")
    out.check_output("systemctl stop postfix")
    yield lambda: out.check_output("systemctl start postfix")
    out.check_output("systemctl start postfix")


def caught(token: str) -> list[Message]:
    """Return the messages whose subject has a token."""
    return mailbox.caught(CATCHER[1], token)


def speak(host: Host, sender: str, receivers: str, text: str = "", address: str = RELAYS[0], *words: str) -> list[str]:
    argv = shlex.join(["python3", "-c", PROGRAM, address, sender, receivers, text, *words])
    done = host.run(argv)
    return [*done.stdout.splitlines(), *done.stderr.strip().splitlines()[-1:]]


def message(token: str, sender: str) -> str:
    return f"From: {sender}~Subject: {token}~~text"


def sendmail(host: Host, token: str, sender: str, receiver: str = "friend@elsewhere.example") -> None:
    text = f"From: {sender}\nTo: {receiver}\nSubject: {token}\n\ntext\n"
    host.check_output(
        f"printf %s {shlex.quote(text)} | /usr/sbin/sendmail -f {shlex.quote(sender)} {shlex.quote(receiver)}"
    )


def token() -> str:
    return secrets.token_hex(8)


def test_mail_of_a_program_on_a_vm_is_read_by_imap(vm: Host, eventually: Callable[..., None]) -> None:
    name = token()
    sendmail(vm, name, "shop@app00.mailed.example")
    eventually(lambda: len(caught(name)) == 1)
    (found,) = caught(name)
    assert found["To"] == "friend@elsewhere.example"
    assert found["X-Ringmaster-Machine"] == "app00"
    # From the VM to the service under TLS, and from there to the smarthost, too.
    received = " ".join(found.get_all("Received") or [])
    assert received.count("with ESMTPS") >= 2


def test_what_a_vm_prints_at_night_comes_to_its_projects_contacts(
    vm: Host, other: Host, machine: Callable[[str], Host], eventually: Callable[..., None]
) -> None:
    for host, reader in ((vm, "team@elsewhere.example"), (other, "operators@elsewhere.example")):
        name = token()
        host.check_output(f"printf 'Subject: {name}\\n\\ntext\\n' | /usr/sbin/sendmail root")
        eventually(lambda name=name: len(caught(name)) == 1)
        # The catcher's journal says for whom each message was.
        message_id = str(caught(name)[0]["Message-ID"])
        journal = machine("out0").check_output(
            "journalctl -u 'postfix*' -o cat | grep -F"
            f" $(journalctl -u 'postfix*' -o cat | grep -F 'message-id={message_id}'"
            " | head -1 | grep -o '\\b[0-9A-Za-z]*: message-id' | cut -d: -f1) | grep orig_to"
        )
        assert f"orig_to=<{reader}>" in journal


def test_service_machines_send_by_it(relay: Host, eventually: Callable[..., None]) -> None:
    """Alertmanager mails an alert, with nothing set for it."""
    name = token()
    alert = [
        {"labels": {"alertname": name, "severity": "critical", "instance": "svc0"}, "annotations": {"summary": name}}
    ]
    program = (
        "import sys, urllib.request; urllib.request.urlopen(urllib.request.Request("
        "'http://127.0.0.1:9093/api/v2/alerts', sys.argv[1].encode(), {'Content-Type': 'application/json'}))"
    )
    relay.check_output(shlex.join(["python3", "-c", program, json.dumps(alert)]))
    eventually(lambda: caught(name), 120)
    found = caught(name)[0]
    assert found["From"] == "monitoring@mailed.example"
    assert "operators@elsewhere.example" in str(found["To"])


@pytest.mark.parametrize("address", RELAYS)
def test_a_vm_that_sends_as_somebody_else_is_refused(vm: Host, other: Host, address: str) -> None:
    own = "x@app00.mailed.example"
    assert speak(vm, own, "friend@elsewhere.example", "", address)[1].startswith("250")
    for sender in ("x@deep.app00.mailed.example", "x@app.mailed.example", "x@shop.mailed.example", ""):
        assert speak(vm, sender, "friend@elsewhere.example", "", address)[:1][0].startswith("250"), sender
    for sender in (
        *("x@oth00.mailed.example", "monitoring@mailed.example", "x@svc0.mailed.example", "x@elsewhere.example"),
        *(
            "x@notapp00.mailed.example",
            "x@app00.mailed.example.elsewhere.example",
            "x@shop.mailed.example@elsewhere.example",
        ),
    ):
        assert speak(vm, sender, "friend@elsewhere.example", "", address)[0].startswith("5"), sender
    # What the other project was given is not this one's.
    assert speak(other, "x@shop.mailed.example", "friend@elsewhere.example", "", address)[0].startswith("550")


def test_nobody_writes_in_the_name_of_others_in_a_header(vm: Host, eventually: Callable[..., None]) -> None:
    own = "x@app00.mailed.example"
    for header in (
        *("monitoring@mailed.example", '"monitoring@mailed.example" <x@app00.mailed.example>'),
        *("x@app00.mailed.example, boss@mailed.example", "x@app00.mailed.example~From: boss@mailed.example"),
        *("=?utf-8?q?boss?=~ <boss@mailed.example>", "nobody at all"),
    ):
        assert speak(vm, own, "friend@elsewhere.example", message(token(), header))[2].startswith("550"), header
    name = token()
    assert speak(vm, own, "friend@elsewhere.example", message(name, f"A Shop <{own}>"))[2].startswith("250")
    eventually(lambda: len(caught(name)) == 1)


def test_nobody_else_is_let_in(vm: Host) -> None:
    assert speak(vm, "x@app00.mailed.example", "friend@elsewhere.example", "", RELAYS[0], "plain")[0].startswith("530")
    # The gateway's address, which is no machine of the description; the guard closes all others.
    with socket.create_connection((RELAYS[0], 25), 10, source_address=("172.20.0.1", 0)) as client:
        stream = client.makefile("rb")
        greeting = stream.readline()
        client.sendall(b"EHLO x\r\n")
        assert greeting.startswith(b"554") or stream.readline().startswith(b"5")


def test_a_flood_is_limited_and_the_others_go_on(
    vm: Host, other: Host, relay: Host, eventually: Callable[..., None]
) -> None:
    receivers = ",".join(f"r{number}@elsewhere.example" for number in range(40))
    answers = speak(vm, "x@app00.mailed.example", receivers)
    codes = [line[:3] for line in answers[1:41]]
    assert codes.count("250") == 30
    assert codes.count("451") == 10
    name = token()
    sendmail(other, name, "x@oth00.mailed.example")
    eventually(lambda: len(caught(name)) == 1)
    eventually(lambda: check_of(relay, "mail_out/refused")["status"] == 1)
    said = check_of(relay, "mail_out/refused")
    assert "app00: more than 30 receivers an hour" in said["output"]
    assert "oth00" not in said["output"]
    # The next run of the checks writes figures.
    wanted = 'ringmaster_mail_out_limited_total{machine="app00"} 10'
    eventually(lambda: wanted in relay.check_output("cat /run/ringmaster/textfile/figures.prom"), 90)


def test_mail_waits_for_the_smarthost_and_the_check_turns_red(
    vm: Host, relay: Host, smarthost_away: Callable[[], None], eventually: Callable[..., None]
) -> None:
    names = [token() for _number in range(7)]
    for name in names:
        sendmail(vm, name, "x@app00.mailed.example")
    eventually(lambda: check_of(relay, "mail_out/queue")["status"] == 2, 60)
    assert "7 messages wait, the oldest for 0 min" in check_of(relay, "mail_out/queue")["output"]
    assert check_of(relay, "mail_out/smarthost")["status"] == 2
    assert not caught(names[0])
    smarthost_away()
    relay.check_output("postqueue -f")
    eventually(lambda: all(caught(name) for name in names), 90)
    eventually(lambda: check_of(relay, "mail_out/queue")["status"] == 0)


def test_without_the_judge_mail_waits_on_the_vm(vm: Host, relay: Host, eventually: Callable[..., None]) -> None:
    name = token()
    relay.check_output("systemctl stop ringmaster-mail-out.socket ringmaster-mail-out.service")
    try:
        sendmail(vm, name, "x@app00.mailed.example")
        eventually(lambda: "friend@elsewhere.example" in vm.check_output("mailq"), 60)
        assert check_of(vm, "mailstub/queue")["output"].startswith("1 message waits")
    finally:
        relay.check_output("systemctl start ringmaster-mail-out.socket ringmaster-mail-out.service")
    vm.check_output("postqueue -f")
    eventually(lambda: len(caught(name)) == 1)


def test_the_judge_comes_back_and_may_do_little(relay: Host, eventually: Callable[..., None]) -> None:
    show = "systemctl show -P {} ringmaster-mail-out"
    process = relay.check_output(show.format("MainPID"))
    relay.check_output(f"kill -9 {process}")
    eventually(lambda: relay.check_output(show.format("MainPID")) not in ("0", process))

    def status() -> dict[str, str]:
        lines = relay.check_output(f"cat /proc/$({show.format('MainPID')})/status").splitlines()
        return dict(line.split(":\t", 1) for line in lines if ":\t" in line)

    # systemd takes everything away a moment after it has begun the process.
    eventually(lambda: int(status()["CapBnd"], 16) == 0)
    said = status()
    assert (said["NoNewPrivs"], said["Seccomp"]) == ("1", "2")


def test_all_checks_are_well_and_the_password_is_nobodys(
    vm: Host, relay: Host, eventually: Callable[..., None]
) -> None:
    checks = [one for one in checks_of(relay) if one["component"] == "mail_out" and one["check"] != "refused"]
    assert {one["check"] for one in checks} == {"answers", "queue", "smarthost"}
    assert [one for one in checks if one["status"]] == []
    assert [one for one in checks_of(vm) if one["component"] == "mailstub" and one["status"]] == []
    assert relay.file("/etc/ringmaster/mail_out/account").mode == 0o600
    assert relay.run("grep -r caught-secret-1 /etc --exclude=account").rc == 1
