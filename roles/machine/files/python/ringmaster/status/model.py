# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Put together what is known of projects and machines at one moment. Pure: the result is what the JSON files hold."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from ringmaster.maintenance.window import Window
from ringmaster.status import answers
from ringmaster.status.fetch import NotAgreed
from ringmaster.status.history import SPANS, History
from ringmaster.status.sources import NOT_AGREED

STATES = ("OK", "WARNING", "CRITICAL", "UNKNOWN")
# Worst first; as the check runner orders them.
ORDER = ("CRITICAL", "UNKNOWN", "WARNING", "OK")
# The page that says what to do, and its place for checks that projects declare themselves.
RUNBOOKS, OWN_CHECKS = "checks.html", "project-checks"
OF_PROJECTS = ("project", "local", "jobs")
SILENT = "The machine does not hand out its results"
OLD = 300.0  # seconds after which a machine's results say nothing about now
AHEAD = 300.0  # seconds that its clock may be ahead; results of the future would never be old
GRACE = 600.0  # seconds in which what is new need not answer yet
SERVICES = {
    "backup": ("backup_server/",),
    "dns": ("dns/",),
    "gateway": ("hypervisor/bridges",),
    "monitoring": ("monitoring/", "prometheus/"),
    "status": ("nginx/", "certificates/"),
    "virtual machines": ("hypervisor/",),
}
"""Which checks of its machine a service's state comes from, by what their names begin with."""
OF_ALL = ("host/reachable", "monitoring_agent/results")
"""Checks that tell whether anything is known of a machine, and so of every service on it."""


@dataclass
class Figures:
    """What was measured: everything by machine, empty where Prometheus gave no answer."""

    results: dict[str, Any] = field(default_factory=dict)
    """Machine -> what it answered, or the reason (a string) why there is nothing."""
    known: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Machine -> ``{first, answer}``: since when it is known (Unix time), and what it answered last."""
    vms: dict[str, Any] = field(default_factory=dict)
    """VM -> what the hypervisor on which it shall be says of it."""
    probes: list[tuple[Mapping[str, str], float]] = field(default_factory=list)
    maintenance: set[str] = field(default_factory=set)
    alerts: list[dict[str, Any]] = field(default_factory=list)
    trouble: str = ""
    """Why there are no figures of Prometheus; empty when there are."""

    def probes_of(self, name: str) -> list[tuple[Mapping[str, str], float]]:
        """Return the probes of a machine."""
        return self._by_instance.get(name, [])

    @cached_property
    def _by_instance(self) -> dict[str, list[tuple[Mapping[str, str], float]]]:
        found: dict[str, list[tuple[Mapping[str, str], float]]] = {}
        for labels, value in self.probes:
            found.setdefault(labels.get("instance", ""), []).append((labels, value))
        return found


def remember(known: Mapping[str, Any], found: Mapping[str, Any], now: float) -> dict[str, dict[str, Any]]:
    """Return what is kept of machines until the next time: when each was seen first, and what it answered last."""
    result = {}
    for name, answer in found.items():
        earlier = known.get(name)
        before: Mapping[str, Any] = earlier if isinstance(earlier, Mapping) else {}
        first = before.get("first")
        kept = answer if isinstance(answer, Mapping) else before.get("answer")
        result[name] = {
            "first": first if isinstance(first, (int, float)) and first <= now else now,
            "answer": kept if isinstance(kept, Mapping) else None,
        }
    return result


def services(machines: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return each service once: its state, and that of each machine it runs on with the sentences of what is wrong."""
    found: dict[str, list[dict[str, Any]]] = {}
    for machine in machines:
        for service in [*machine["services"], *(["virtual machines"] if machine["hypervisor"] else [])]:
            own = [check for check in machine["checks"] if _is_of(service, check)]
            found.setdefault(service, []).append(
                {
                    "name": machine["name"],
                    "state": "OK" if machine["maintained"] else worst(check["state"] for check in own),
                    "wrong": [] if machine["maintained"] else [check for check in own if check["state"] != "OK"],
                }
            )
    return [
        {"name": service, "state": worst(one["state"] for one in on), "machines": on} for service, on in found.items()
    ]


def _is_of(service: str, check: Mapping[str, Any]) -> bool:
    name = f"{check['component']}/{check['check']}"
    return name in OF_ALL or (service not in SERVICES) or name.startswith(SERVICES[service])


def worst(states: Iterable[str]) -> str:
    """Return the worst of many states; OK when there is none."""
    found = set(states)
    return next((state for state in ORDER if state in found), "OK")


def build(described: Mapping[str, Any], figures: Figures, history: History, now: float) -> dict[str, Any]:
    """Return the whole platform as the pages show it."""
    projects = [_project(project, figures, history, now) for project in described["projects"]]
    machines = [_machine(machine, figures, history, now) for machine in described["machines"]]
    return {
        "made": iso(now),
        "domain": described["domain"],
        "trouble": figures.trouble,
        "state": worst([*(item["state"] for item in projects), *(item["state"] for item in machines)]),
        "projects": projects,
        "machines": machines,
        "services": services(machines),
        "incidents": [_incident(incident, now) for incident in described["incidents"]],
    }


def _project(project: Mapping[str, Any], figures: Figures, history: History, now: float) -> dict[str, Any]:
    vms = [_vm(vm, project["name"], figures, history, now) for vm in project["vms"]]
    urls = [_url(url, project["name"], figures) for url in project["urls"]]
    return {
        "name": project["name"],
        "description": project["description"],
        "public": project["public"],
        "contacts": project["contacts"],
        "state": worst([*(vm["state"] for vm in vms), *(url["state"] for url in urls)]),
        "urls": urls,
        "vms": vms,
    }


def _vm(vm: Mapping[str, Any], project: str, figures: Figures, history: History, now: float) -> dict[str, Any]:
    if vm["state"] == "running":
        found = _watched(vm["name"], figures, history, now)
    else:
        found = {"state": "OK", "reachable": None, "maintained": False, "checks": [], "uptime": {}, "curves": {}}
    on_hypervisor = figures.vms.get(vm["name"]) or {}
    judged = _judged(figures.results.get(vm["name"]))
    return {
        **found,
        "name": vm["name"],
        "project": project,
        "wanted": vm["state"],
        "configuration": {
            key: value
            for key, value in vm.items()
            if key not in ("name", "state", "limits", "maintenance", "results", "digest")
        },
        "pending_restart": on_hypervisor.get("pending_restart", []),
        "maintenance": _maintenance(vm["maintenance"], now),
        "planned": judged.get("planned", []),
        "convergence": convergence(vm, judged),
    }


def _machine(machine: Mapping[str, Any], figures: Figures, history: History, now: float) -> dict[str, Any]:
    found = _watched(machine["name"], figures, history, now)
    told = {key: machine[key] for key in ("name", "hypervisor", "services")}
    return {**found, **told, "convergence": convergence(machine, _judged(figures.results.get(machine["name"])))}


def _watched(name: str, figures: Figures, history: History, now: float) -> dict[str, Any]:
    known = figures.known.get(name) or {}
    young = now - known.get("first", 0.0) < GRACE
    checks = [*_reachable(name, figures), *_latest(figures.results.get(name, "it was not asked"), known, now)]
    if young:
        # Nothing is wrong with what nobody knows yet.
        checks = [{**check, "state": "OK"} if check["state"] == "UNKNOWN" else check for check in checks]
    checks += _alerts(name, figures)
    checks.sort(key=lambda check: (ORDER.index(check["state"]), check["component"], check["check"]))
    answers = [value for _labels, value in figures.probes_of(name)]
    maintained = name in figures.maintenance
    return {
        "state": "OK" if maintained else worst(check["state"] for check in checks),
        "reachable": bool(max(answers)) if answers else None,
        "maintained": maintained,
        "checks": checks,
        "uptime": {span: share for span in SPANS if (share := history.uptime.get(name, {}).get(span)) is not None},
        "curves": {curve: found[name] for curve, found in history.curves.items() if name in found},
    }


def _reachable(name: str, figures: Figures) -> list[dict[str, Any]]:
    """Make one check of all probes from outside."""
    found = figures.probes_of(name)
    if not found:
        sentence = figures.trouble or "It has not been tried yet."
        return [_check("host", "reachable", "UNKNOWN", sentence)]
    silent = [_way(labels) for labels, value in found if not value]
    ways = [_way(labels) for labels, _value in found]
    if len(silent) == len(found):
        return [_check("host", "reachable", "CRITICAL", f"It does not answer in any way ({', '.join(ways)}).")]
    if silent:
        state = "CRITICAL" if "SSH" in silent else "WARNING"
        return [_check("host", "reachable", state, f"No answer by {', '.join(silent)}.")]
    return [_check("host", "reachable", "OK", f"It answers by {', '.join(ways)}.")]


def _way(labels: Mapping[str, str]) -> str:
    if labels.get("job") == "ssh":
        return "SSH"
    family = {"ipv4": "IPv4", "ipv6": "IPv6"}.get(labels.get("family", ""), "")
    return f"{family} on {labels.get('network', '?')}"


def _latest(answer: Any, known: Mapping[str, Any], now: float) -> list[dict[str, Any]]:
    """Return the checks of a machine; those of its last answer for as long as they count, when it does not answer."""
    last = known.get("answer")
    if not isinstance(answer, str) or not last:
        return _results(answer, now)
    found = _results(last, now)
    if any((check["component"], check["check"]) == ("monitoring_agent", "results") for check in found):
        return _results(answer, now)  # too old
    age = now - last["time"]
    sentence = f"It did not answer just now ({answers.UNPRINTABLE.sub(' ', answer)}); what is shown is {age:.0f} s old."
    return [*found, _check("monitoring_agent", "results", "OK", sentence)]


def _results(answer: Any, now: float) -> list[dict[str, Any]]:
    try:
        if isinstance(answer, str):
            why = answers.UNPRINTABLE.sub(" ", answer)
            told = f"The machine {why}." if why.startswith(NOT_AGREED) else f"{SILENT}: {why}."
            return [_check("monitoring_agent", "results", "UNKNOWN", told)]
        judged = answers.results(answer)
    except NotAgreed as error:
        return [_check("monitoring_agent", "results", "UNKNOWN", f"The machine {NOT_AGREED}{error}.")]
    found = [_of_item(item) for item in judged["checks"]]
    age = now - judged["time"]
    if -AHEAD <= age <= OLD:
        return found
    for check in found:
        check["state"] = "UNKNOWN"
    if age > OLD:
        text = f"No check has run for {age / 60:.0f} minutes; what is shown is from then."
    else:
        text = f"Its clock is {-age / 60:.0f} minutes ahead, so nobody knows when its checks have run."
    return [*found, _check("monitoring_agent", "results", "CRITICAL", text, since=judged["time"])]


def _of_item(item: Mapping[str, Any]) -> dict[str, Any]:
    """Return a check; what has failed once is asked again before it counts."""
    state, sentence = STATES[item["status"]], item["output"]
    if state != "OK" and item["attempt"] < answers.SURE:
        state, sentence = "OK", f"It has failed once, and is asked again: {sentence}"
    return _check(item["component"], item["check"], state, sentence, since=item["since"])


def _alerts(name: str, figures: Figures) -> list[dict[str, Any]]:
    """Alerts that no check stands for, such as figures of an exporter."""
    found = []
    for alert in figures.alerts:
        labels = alert.get("labels") or {}
        told = labels.get("severity") in ("warning", "critical") and alert.get("state") == "firing"
        if not told or labels.get("instance") != name or labels.get("check"):
            continue
        sentence = (alert.get("annotations") or {}).get("summary", "")
        state = str(labels["severity"]).upper()
        component = labels.get("component", "alert")
        alert_name = labels.get("alertname", "?")
        check = _check(component, alert_name, state, sentence, since=moment(alert["activeAt"]))
        found.append({**check, "runbook": f"{RUNBOOKS}#{alert_name}"})
    return found


def _url(url: Mapping[str, str], project: str, figures: Figures) -> dict[str, Any]:
    for labels, value in figures.probes:
        if labels.get("job") == "http" and labels.get("project") == project and labels.get("check") == url["name"]:
            state = "OK" if value else "CRITICAL"
            return {**url, "state": state, "sentence": "It answers." if value else "It does not answer as it should."}
    return {**url, "state": "UNKNOWN", "sentence": figures.trouble or "It has not been tried yet."}


def _check(component: str, check: str, state: str, sentence: str, since: float | None = None) -> dict[str, Any]:
    return {
        "component": component,
        "check": check,
        "state": state,
        "since": iso(since) if since is not None else None,
        "sentence": sentence,
        "runbook": f"{RUNBOOKS}#{OWN_CHECKS if component in OF_PROJECTS else f'{component}-{check}'}",
    }


def _maintenance(record: Mapping[str, Any], now: float) -> dict[str, Any]:
    """Say when the machine may be worked on: the rule, whether that is now, and the next time."""
    if not record:
        return {}
    window = Window.from_mapping(record)
    here = datetime.datetime.fromtimestamp(now, datetime.UTC)
    running, following = window.current(here), window.following(here)
    return {
        **record,
        "open_until": iso(running.end.timestamp()) if running else None,
        "next_begin": iso(following.begin.timestamp()) if following else None,
        "next_end": iso(following.end.timestamp()) if following else None,
    }


def _judged(answer: Any) -> dict[str, Any]:
    """Return what a machine answered as far as it was agreed; nothing when it did not answer so."""
    try:
        return answers.results(answer)
    except NotAgreed:
        return {}


def convergence(described: Mapping[str, Any], answer: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``{behind, commit, at}``: whether a machine is something else than what is described.

    It is so while its digest differs from the wanted one. ``behind`` is None while nobody knows: where the machine did
    not answer (``answer`` is empty then), or shall not run. ``at`` says when a complete run brought it to where it is;
    None when none has.
    """
    wanted = described.get("digest")
    if not wanted or described.get("state", "running") != "running" or not answer:
        return {"behind": None, "commit": "", "at": None}
    found = answer.get("convergence") or {}
    moment_of = iso(found["at"]) if found else None
    return {"behind": found.get("digest") != wanted, "commit": found.get("commit", ""), "at": moment_of}


def _incident(incident: Mapping[str, Any], now: float) -> dict[str, Any]:
    begin, end = moment(incident["begin"]), moment(incident["end"]) if incident.get("end") else None
    when = "planned" if begin > now else "running" if end is None or end > now else "over"
    return {**incident, "when": when}


def moment(text: str) -> float:
    """Turn a date and time with zone into Unix seconds."""
    # Prometheus writes nanoseconds, which Python does not read.
    head, dot, tail = text.replace("Z", "+00:00").partition(".")
    if dot:
        zone = tail.lstrip("0123456789")
        head += zone
    return datetime.datetime.fromisoformat(head).timestamp()


def iso(seconds: float) -> str:
    """Write a moment as programs and people read it, in UTC."""
    return datetime.datetime.fromtimestamp(seconds, datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
