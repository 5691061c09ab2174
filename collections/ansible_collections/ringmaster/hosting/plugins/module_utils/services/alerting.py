# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who is told about which alert: the configuration of Alertmanager from the contacts of projects and platform."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from .exporters import PLATFORM
from .fetching import proxy_of

#: Waiting times: alerts of one machine that come together make one message.
GROUPING = {
    "group_by": ["instance", "component"],
    "group_wait": "30s",
    "group_interval": "5m",
    "repeat_interval": "12h",
}
#: Alerts that only say why others are silent; nobody is told.
SILENT = "none"
#: A machine may have as many alerts as it likes; one message holds so many.
ALERTS_AT_ONCE = 100
#: RFC 5322, 2.1.1: a line of mail has 998 characters at most, here with ``To: `` before it.
TO_LENGTH = 990
#: What is announced: no trouble, but people want to know before it happens.
NOTICE = "notice"


def projects(machines: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return ``{name, contacts, webhooks}`` of each project, in the order of its first machine.

    What a project's file says is the same on all of its machines, so that the first one stands for it.

    :param machines: host variables of all machines; those of no project are passed over.
    """
    found: dict[str, dict[str, Any]] = {}
    for machine in machines:
        name = machine.get("ringmaster_project")
        if name is not None and name not in found:
            contacts, webhooks = (machine.get(f"ringmaster_project_{told}", []) for told in ("contacts", "webhooks"))
            found[name] = {"name": name, "contacts": contacts, "webhooks": webhooks}
    return list(found.values())


def configuration(
    projects: Iterable[Mapping[str, Any]], platform: Mapping[str, Any], mail: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the configuration of Alertmanager.

    :param projects: ``{name, contacts, webhooks}`` of each project.
    :param platform: ``{contacts, webhooks}`` of the platform, which hears of everything.
    :param mail: ``{smarthost, from, username, password_file, require_tls}``; without a smarthost there is no mail.
    """
    receivers = [{"name": "nobody"}, _receiver(PLATFORM, platform, mail)]
    routes: list[dict[str, Any]] = [{"receiver": "nobody", "matchers": [f'severity="{SILENT}"']}]
    for project in sorted(projects, key=lambda found: str(found["name"])):
        receiver = _receiver(f"project_{project['name']}", project, mail)
        if len(receiver) > 1:  # somebody is there to be told
            receivers.append(receiver)
            matcher = f'project="{project["name"]}"'
            routes.append({"receiver": receiver["name"], "matchers": [matcher], "continue": True})
    # Notices are for the project alone; everything else the platform hears, too.
    routes.append({"receiver": "nobody", "matchers": [f'severity="{NOTICE}"', f'project!="{PLATFORM}"']})
    routes.append({"receiver": PLATFORM})
    result: dict[str, Any] = {
        "route": {"receiver": PLATFORM, **GROUPING, "routes": routes},
        "receivers": receivers,
        "inhibit_rules": _inhibitions(),
        "templates": ["/etc/ringmaster/monitoring-server/alertmanager/*.tmpl"],
    }
    if mail.get("smarthost"):
        result["global"] = _mail_settings(mail)
    return result


def _receiver(name: str, told: Mapping[str, Any], mail: Mapping[str, Any]) -> dict[str, Any]:
    receiver: dict[str, Any] = {"name": name}
    contacts = [str(contact) for contact in told.get("contacts") or []]
    if contacts and mail.get("smarthost"):
        receiver["email_configs"] = [
            {
                "to": line,
                "send_resolved": True,
                "headers": {"Subject": '{{ template "ringmaster.subject" . }}'},
                "html": "",
                "text": '{{ template "ringmaster.text" . }}',
            }
            for line in _lines(contacts)
        ]
    webhooks = [str(url) for url in told.get("webhooks") or []]
    if webhooks:
        receiver["webhook_configs"] = [
            {"url": url, "send_resolved": True, "max_alerts": ALERTS_AT_ONCE, **_way(told)} for url in webhooks
        ]
    return receiver


def _lines(contacts: Iterable[str]) -> list[str]:
    """Return addresses as lists with commas, each of which fits in a header's line; Alertmanager folds none."""
    lines: list[str] = []
    for contact in contacts:
        if lines and len(lines[-1]) + len(contact) + 2 <= TO_LENGTH:
            lines[-1] += f", {contact}"
        else:
            lines.append(contact)
    return lines


def _way(told: Mapping[str, Any]) -> dict[str, Any]:
    """How webhooks are reached: those of a project by the proxy that judges addresses, the platform's directly."""
    return {"http_config": {"proxy_url": proxy_of(str(told["name"]))}} if "name" in told else {}


def _mail_settings(mail: Mapping[str, Any]) -> dict[str, Any]:
    settings = {
        "smtp_smarthost": mail["smarthost"],
        "smtp_from": mail["from"],
        "smtp_require_tls": bool(mail.get("require_tls")),
    }
    if mail.get("username"):
        settings["smtp_auth_username"] = mail["username"]
        settings["smtp_auth_password_file"] = mail["password_file"]
    return settings


def _inhibitions() -> list[dict[str, Any]]:
    """Alerts that say nothing new while another one is there."""
    return [
        # A machine that does not answer at all has no further troubles of its own.
        {
            "source_matchers": ['alertname="MachineUnreachable"'],
            "target_matchers": ['alertname!="MachineUnreachable"'],
            "equal": ["instance"],
        },
        # While the platform works on a machine, its alerts are what the work does.
        {
            "source_matchers": ['alertname="MaintenanceRunning"'],
            "target_matchers": ['alertname!="MaintenanceRunning"'],
            "equal": ["instance"],
        },
        # What is critical need not be warned of.
        {
            "source_matchers": ['severity="critical"'],
            "target_matchers": ['severity="warning"'],
            "equal": ["instance", "component", "check"],
        },
    ]
