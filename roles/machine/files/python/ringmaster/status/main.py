# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Make the status pages once, or the graphs that are due. Timers do so every half a minute, and every minute."""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ringmaster.core.files import publish
from ringmaster.look import blocks
from ringmaster.status import model, pages, sources
from ringmaster.status.graphs import make as graphs
from ringmaster.status.history import History

STATIC = Path(__file__).parent / "static"


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    result = argparse.ArgumentParser(prog="ringmaster status", description=__doc__)
    result.add_argument("what", nargs="?", choices=("pages", "graphs"), default="pages", help="what is made (pages)")
    result.add_argument("--description", type=Path, default=Path("/etc/ringmaster/status/platform.json"))
    result.add_argument("--folder", type=Path, default=Path("/var/lib/ringmaster-status"))
    result.add_argument("--static", type=Path, default=STATIC)
    result.add_argument("--prometheus", default="http://127.0.0.1:9090")
    return result


def main(words: Sequence[str] | None = None) -> int:
    """Do what the words say; return an exit code."""
    options = parser().parse_args(words)
    described = json.loads(options.description.read_text())
    now = time.time()
    if options.what == "graphs":
        return _tell(graphs.run(described, options.folder / graphs.FOLDER, sources.endpoint(options.prometheus), now))
    history = History(options.folder / "history.json")
    figures = gather(described, options, history, now)
    platform = model.build(described, figures, history, now)
    write(options.folder, options.static, platform, now)
    publish(options.folder / "convergence.prom", metrics(platform))
    return _tell(figures.trouble)


def _tell(trouble: str) -> int:
    if trouble:
        print(f"<4>{trouble.rstrip('.')}.", file=sys.stderr)  # the journal reads the priority
    return 0


def gather(described: Mapping[str, Any], options: argparse.Namespace, history: History, now: float) -> model.Figures:
    """Ask Prometheus and all machines. What is not answered is missing, and the pages say so."""
    machines = [
        *described["machines"],
        *(vm for project in described["projects"] for vm in project["vms"] if vm["state"] == "running"),
    ]
    figures = model.Figures(results=sources.results((machine["name"], machine["results"]) for machine in machines))
    figures.known = known(options.folder / "known.json", figures.results, now)
    figures.vms = of_hypervisors(described)
    prometheus = sources.Prometheus(options.prometheus)
    try:
        figures.probes = prometheus.now('probe_success{job=~"ping|ssh|http"}')
        figures.maintenance = {
            labels["instance"] for labels, value in prometheus.now("ringmaster_maintenance_running") if value
        }
        figures.alerts = prometheus.alerts()
        history.refresh(prometheus, [machine["name"] for machine in machines], now)
    except sources.NoFigures as reason:
        figures.trouble = str(reason)
    return figures


def known(path: Path, found: Mapping[str, Any], now: float) -> dict[str, dict[str, Any]]:
    """Return what is known of machines, from now and from the times before, and keep it for the next time."""
    try:
        before = json.loads(path.read_text())
    except (OSError, ValueError, RecursionError):
        before = {}
    result = model.remember(before if isinstance(before, dict) else {}, found, now)
    publish(path, json.dumps(result))
    return result


def of_hypervisors(described: Mapping[str, Any]) -> dict[str, Any]:
    """Return what hypervisors say, each of the VMs that shall be on it and of no others."""
    said = sources.vms(
        (machine["name"], machine["results"]) for machine in described["machines"] if machine["hypervisor"]
    )
    return {
        vm["name"]: records[vm["name"]]
        for project in described["projects"]
        for vm in project["vms"]
        if isinstance(records := said.get(vm["hypervisor"]), dict) and vm["name"] in records
    }


def metrics(platform: Mapping[str, Any]) -> str:
    """Return which machines are behind what is described, for node exporter's textfile collector."""
    machines = [*platform["machines"], *(vm for project in platform["projects"] for vm in project["vms"])]
    return "".join(
        [
            "# HELP ringmaster_behind Whether the machine is something else than what is described.\n",
            "# TYPE ringmaster_behind gauge\n",
            *(
                f'ringmaster_behind{{machine="{machine["name"]}"}} {int(machine["convergence"]["behind"])}\n'
                for machine in machines
                if machine["convergence"]["behind"] is not None
            ),
        ]
    )


def write(folder: Path, static: Path, platform: Mapping[str, Any], now: float) -> None:
    """Write the whole site beside the present one, and exchange them at once."""
    fresh = Path(tempfile.mkdtemp(prefix="site-", dir=folder))
    folders = {fresh}
    try:
        for path, html, part in pages.site(platform, now):
            place = fresh / path
            if place.parent not in folders:
                place.parent.mkdir(parents=True, exist_ok=True)
                folders.add(place.parent)
            Path(f"{place}.html").write_text(html, encoding="utf-8")
            Path(f"{place}.json").write_text(json.dumps(part, ensure_ascii=False), encoding="utf-8")
        graphs.put(folder / graphs.FOLDER, fresh, platform)
        # What the look has comes last: an older version had files of the same names beside ours.
        for asset in (*static.iterdir(), *blocks.STATIC.iterdir()):
            shutil.copyfile(asset, fresh / asset.name)
        for name in [fresh, *(path for path in fresh.rglob("*") if path.is_dir())]:
            name.chmod(0o755)
        link, site = folder / ".site.new", folder / "site"
        link.unlink(missing_ok=True)
        link.symlink_to(fresh.name)
        link.replace(site)
    except BaseException:
        shutil.rmtree(fresh, ignore_errors=True)
        raise
    # Requests that still read the last site may end; the one before it goes.
    sites = sorted(folder.glob("site-*"), key=lambda path: path.stat().st_mtime)
    for old in sites[:-2]:
        shutil.rmtree(old, ignore_errors=True)
