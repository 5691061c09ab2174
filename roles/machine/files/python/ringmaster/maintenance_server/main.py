# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Appointments of the platform's machines: serve them, and for operators show, plan and resume them.

serve    answer machines, announce what is planned (by ringmaster-maintenance.service)
list     what is planned and what is stopped
plan     the next days as JSON, by a policy on standard input or the present one; nothing is changed
resume   go on after failures, of one machine or of all
now, postpone   the same as on the machine itself
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import json
import os
import pwd
import signal
import smtplib
import socket
import ssl
import sys
import threading
import time
import urllib.request
from collections.abc import Sequence
from email.message import EmailMessage
from pathlib import Path
from typing import Any

from ringmaster.core.files import publish
from ringmaster.maintenance_server import announce, ics, mail, schedule
from ringmaster.maintenance_server.ledger import Ledger, LedgerError, read
from ringmaster.maintenance_server.model import DAY, Event, Policy, State, fold, policy
from ringmaster.maintenance_server.server import listen
from ringmaster.maintenance_server.service import BEGINS, POSTPONED, Service

ACCOUNT = "ringmaster-maintenance"
CONFIGURATION = Path("/etc/ringmaster/maintenance_server/configuration.json")
PASSWORDS = Path("/etc/ringmaster/maintenance_server/passwords.json")
FOLDER = Path("/var/lib/ringmaster-maintenance")
RUN = Path("/run/ringmaster-maintenance")
TICK_SECONDS = 30
NOT_STOPPED = "Nothing was stopped."
SHOWN = 200
"""Endings that calendars go on to show."""


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    result = argparse.ArgumentParser(
        prog="ringmaster maintenance-server", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    result.add_argument("verb", choices=["serve", "list", "plan", "resume", "now", "postpone"])
    result.add_argument("machine", nargs="?", default="")
    result.add_argument("--days", type=int, default=14, help="how far ahead plan looks")
    result.add_argument("--configuration", type=Path, default=CONFIGURATION)
    result.add_argument("--passwords", type=Path, default=PASSWORDS)
    result.add_argument("--folder", type=Path, default=FOLDER)
    result.add_argument("--run", type=Path, default=RUN)
    return result


def main(words: Sequence[str] | None = None) -> int:
    """Do what the words say; return an exit code."""
    options = parser().parse_args(words)
    if os.geteuid() == 0:  # root never works in the folder of the service
        account = pwd.getpwnam(ACCOUNT)
        os.setgroups([])
        os.setgid(account.pw_gid)
        os.setuid(account.pw_uid)
    if options.verb == "serve":
        return _serve(options)
    if options.verb in ("list", "plan"):
        configuration = json.loads(options.configuration.read_text())
        if options.verb == "plan" and not sys.stdin.isatty():
            configuration |= json.loads(sys.stdin.read() or "{}")
        found = plan(policy(configuration), options.folder / "events.jsonl", time.time(), options.days)
        if options.verb == "plan":
            text = ics.calendar("Maintenance", str(configuration["domain"]), found.entries)
            print(json.dumps({"lines": found.lines(), "calendar": text.split("\r\n")[:-1]}))
            return 0
        print("\n".join(found.lines() or ["Nothing is planned."]))
        return 0
    if options.verb != "resume" and not options.machine:
        print("Which machine?", file=sys.stderr)
        return 2
    answer = _ask(options.run / "control.sock", f"/v1/{options.verb}", {"machine": options.machine})
    if "error" in answer:
        print(answer["error"], file=sys.stderr)
        return 1
    print(json.dumps(said(answer)))
    return 0


def said(answer: dict[str, Any]) -> dict[str, Any]:
    """Return what operators read of the service's answer, and whether anything has changed by it."""
    if "resumed" in answer:
        number = int(answer["resumed"])
        after = f"Turns go on after {number} failure{'s' * (number > 1)}."
        return {"said": after if number else NOT_STOPPED, "changed": number > 0}
    return {"said": str(answer["said"]), "changed": answer["said"] in (POSTPONED, BEGINS)}


class Plan:
    """What is going to happen: what is planned, and what would be planned for what waits."""

    def __init__(self, present: Policy, state: State, now: float, days: int) -> None:
        """Let the schedule decide, and keep what lies within so many days."""
        events = schedule.schedule(now, present, state)
        for number, event in enumerate(events, start=state.number + 1):
            state.apply({"n": number, "at": now, **event})
        held = sorted(state.appointments.values(), key=lambda one: (one.begin, one.machine))
        within = [one for one in held if one.begin < now + days * DAY and one.machine in present.machines]
        self.entries = [ics.Entry(one, present.machines[one.machine].project, now) for one in within]
        self.rows = [
            {
                "machine": one.machine,
                "project": present.machines[one.machine].project,
                "begin": round(one.begin),
                "seconds": round(one.seconds),
                "state": one.state,
                "what": ics.what(one),
                "reason": one.need.reason,
            }
            for one in within
        ]
        self.stopped = {
            name: reason for name in sorted(state.needs) if (reason := schedule.frozen(present, state, name))
        }

    def lines(self) -> list[str]:
        """Return it for people."""
        found = [
            f"{time.strftime('%Y-%m-%d %H:%M UTC', time.gmtime(float(str(row['begin']))))}  {row['state']:<9}  "
            f"{row['machine']} ({row['project']}): {row['what']}"
            for row in self.rows
        ]
        return found + [f"stopped: {name}: {reason}" for name, reason in self.stopped.items()]


def plan(present: Policy, events: Path, now: float, days: int) -> Plan:
    """Return what is going to happen, by events that the service may be adding to."""
    return Plan(present, fold(read(events)), now, days)


class _Local(http.client.HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=30)
        self.path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(30)
        self.sock.connect(str(self.path))


def _ask(path: Path, question: str, body: dict[str, Any]) -> dict[str, Any]:
    connection = _Local(path)
    try:
        connection.request("POST", question, json.dumps(body))
        found = json.loads(connection.getresponse().read(1 << 20))
    except OSError as error:
        return {"error": f"the service does not answer: {error.strerror or error}"}
    finally:
        connection.close()
    return found if isinstance(found, dict) else {"error": "the service answers something else"}


def _serve(options: argparse.Namespace) -> int:
    """Serve until the process is ended."""
    configuration = json.loads(options.configuration.read_text())
    try:
        ledger = Ledger(options.folder / "events.jsonl")
    except LedgerError as error:
        print(f"<2>{error}", file=sys.stderr)
        return 1
    present = policy(configuration)
    service = Service(present, ledger, lambda: alerts(str(configuration.get("alertmanager", ""))))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(
        f"{configuration['certificate']}/fullchain.pem", f"{configuration['certificate']}/privkey.pem"
    )
    addresses = [(str(one), int(configuration["port"])) for one in configuration["listen"]]
    ends = listen(service, json.loads(options.passwords.read_text()), addresses, context, options.run / "control.sock")
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_none: stop.set())
    keeper = Keeper(service, configuration, options.run)
    while not stop.is_set():
        keeper.tick(time.time())
        stop.wait(float(configuration.get("tick_seconds", TICK_SECONDS)))
    for end in ends:
        end()
    ledger.close()
    return 0


class Keeper:
    """Does what is to be done from time to time: plan, tell people, write calendars and figures."""

    def __init__(self, service: Service, configuration: dict[str, Any], run: Path) -> None:
        """Remember all of it."""
        self.service, self.run = service, run
        self.domain = str(configuration["domain"])
        self.feeds: dict[str, str] = configuration.get("feeds") or {}
        self.post = mail.Post.of(self.domain, configuration.get("mail") or {})
        self.mail_fails = ""

    def tick(self, now: float) -> None:
        """Do it; what fails is tried again the next time."""
        try:
            self.service.tick(now)
            self.tell(now)
            self.write(now)
        except OSError as error:
            print(f"<3>{error}", file=sys.stderr)

    def tell(self, now: float) -> None:
        """Tell people what is planned, and what did not go as planned."""
        present = self.service.policy
        for batch in announce.due(now, present, self.service.appointments()):
            timezone = present.machines[batch.appointments[0].machine].window.timezone
            if self._send(batch.project, mail.announcement(self.post, batch, timezone, now)):
                self.service.announced([one.machine for one in batch.appointments], now)
        for event in self.service.untold():
            if not self._tell_of(event, now):
                break
            self.service.told(event["n"], now)

    def _tell_of(self, event: Event, now: float) -> bool:
        """Tell people how an appointment has ended, if that is not as planned; return whether they are told."""
        held, machine = event["appointment"], self.service.policy.machines.get(event["machine"])
        if machine is None:
            return True
        if event["kind"] == "failed":
            return self._send(machine.project, mail.failure(self.post, machine.project, held, event["sentence"], now))
        if event["kind"] == "cancelled" and held.announced:
            entry = ics.Entry(held, machine.project, now, "cancelled")
            return self._send(machine.project, mail.withdrawn(self.post, machine.project, [entry], event["why"], now))
        return True

    def _send(self, project: str, message: EmailMessage) -> bool:
        """Send a message where somebody reads it; return whether all are told who can be."""
        if not self.post.relay or not self.post.readers(project):
            return True
        try:
            mail.send(self.post, [message])
        except smtplib.SMTPRecipientsRefused as error:
            print(f"<4>nobody of {project} takes mail: {error}", file=sys.stderr)
        except (OSError, smtplib.SMTPException) as error:
            if not self.mail_fails:
                print(f"<4>mail cannot be sent: {error}", file=sys.stderr)
            self.mail_fails = str(error) or type(error).__name__
            return False
        self.mail_fails = ""
        return True

    def write(self, now: float) -> None:
        """Write calendars for people, and figures for the checks."""
        with self.service.lock:
            self._write(now)

    def _write(self, now: float) -> None:
        present, state = self.service.policy, self.service.ledger.state
        entries = [
            ics.Entry(one, present.machines[one.machine].project, one.made)
            for one in self.service.appointments()
            if one.machine in present.machines
        ]
        entries += [
            ics.Entry(event["appointment"], present.machines[event["machine"]].project, event["at"], event["kind"])
            for event in state.ended[-SHOWN:]
            if event["machine"] in present.machines and event["kind"] != "overtaken"
        ]
        for project, token in self.feeds.items():
            own = [entry for entry in entries if not project or entry.project == project]
            name = f"Maintenance of {project}" if project else "Maintenance of all projects"
            _write(self.run / "calendars" / f"{token}.ics", ics.calendar(name, self.domain, own))
        _write(self.run / "state.json", json.dumps(figures(self.service, now, self.mail_fails)) + "\n")


def figures(service: Service, now: float, mail_fails: str) -> dict[str, Any]:
    """Return what checks and figures are made of."""
    present, state = service.policy, service.ledger.state
    held = service.appointments()
    stopped = {name: reason for name in present.machines if (reason := schedule.frozen(present, state, name))}
    away = {one.machine for one in held if one.is_open}
    return {
        "written": now,
        "appointments": {
            kind: sum(one.state == kind for one in held) for kind in ("scheduled", "announced", "running", "settling")
        },
        "oldest_need": min((need.since for need in state.needs.values()), default=0.0),
        "counts": {
            kind: state.counts.get(kind, 0) for kind in ("done", "failed", "postponed", "overtaken", "cancelled")
        },
        "denied": dict(service.denied),
        "group_in_service": min(
            (len(group.members) - len(away & set(group.members)) - group.in_service for group in present.groups),
            default=0,
        ),
        "failures": {one.machine: one.sentence for one in state.failures.values()},
        "stopped": len(stopped),
        "is_frozen": any(reason.startswith("everything") for reason in stopped.values()),
        "heard": len(service.health),
        "machines": len(present.machines),
        "mail_fails": mail_fails,
        "planned_seconds": {one.machine: one.seconds for one in held},
        "took_seconds": {name: took[-1] for name, took in state.took.items() if name in present.machines and took},
    }


def _write(path: Path, text: str) -> None:
    with contextlib.suppress(FileNotFoundError):
        if path.read_text(encoding="utf-8") == text:
            return
    publish(path, text)


def alerts(url: str) -> dict[str, str]:
    """Return projects with a critical alert, by Alertmanager, where it is asked; who is silent has none."""
    if not url:
        return {}
    try:
        with urllib.request.urlopen(f"{url}/api/v2/alerts?silenced=false&inhibited=false", timeout=10) as answer:
            found = json.loads(answer.read(1 << 24))
    except (OSError, ValueError) as error:
        print(f"<4>Alertmanager does not answer: {error}", file=sys.stderr)
        return {}
    return {
        str(one["labels"]["project"]): str(one["labels"].get("alertname", ""))
        for one in found
        if one.get("labels", {}).get("severity") == "critical" and one["labels"].get("project")
    }
