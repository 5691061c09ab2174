# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What every managed component owes, as one class whose hooks a scenario fills in.

A scenario has one class that derives from ``Contract`` and is called ``TestContract``. It stands in the last of the
scenario's files, since it takes the component away and brings it back. Tests of the scenario that show another subject
of the contract say so by ``@pytest.mark.contract("<subject>")``. docs/reference/contract.md is made of both.
"""

from __future__ import annotations

import json
import shlex
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import real_exporters
import yaml
from ansible_collections.ringmaster.hosting.plugins.module_utils.components import leaving
from ansible_collections.ringmaster.hosting.plugins.module_utils.components.catalogue import COMPONENTS, Component
from steps import check_of, checks_of
from testinfra.host import Host

ROOT = Path(__file__).parents[1]
PLATFORM = ROOT / "molecule/platform"
Play = Callable[..., "subprocess.CompletedProcess[str]"]
SUBJECTS = (
    "data go there and back over IPv4 and IPv6",
    "refused to strangers",
    "a drop-in is taken over, and a bad one left out",
    "a trial start before anything is used",
    "a restart only when asked for",
    "kill -9 is survived",
    "a dump is proven and restored",
)
"""What each scenario shows by tests of its own; the class has the others."""
NOT_OWED = {
    ("memcached", "a drop-in is taken over, and a bad one left out"): "has none",
    ("memcached", "a dump is proven and restored"): "nothing to dump",
    ("webgateway", "a restart only when asked for"): "reloads are enough",
    ("webgateway", "a dump is proven and restored"): "nothing to dump",
    ("mailserver", "a restart only when asked for"): "reloads are enough",
}
"""Of a component, subjects that it does not have, and why."""


class Description:
    """A copy of the scenarios' description, so that a test can change it by verbs."""

    def __init__(self, folder: Path) -> None:
        """Copy it; keys of the lab are named by absolute paths then."""
        self.folder = folder / "platform"
        shutil.copytree(PLATFORM, self.folder)
        self.source = self.folder / "platform.ringmaster.yml"
        self.source.write_text(self.source.read_text().replace("../../.lab", str(ROOT / ".lab")))

    def options_of(self, vm: str, component: str) -> Any:
        """Return what the description says of a component; None where the key is gone."""
        for path in (self.folder / "projects").glob("*.yml"):
            vms = yaml.safe_load(path.read_text())["vms"]
            if vm in vms:
                return (vms[vm].get("components") or {}).get(component)
        raise KeyError(vm)


class Contract:
    """The subjects that are the same for all; ``write`` and ``is_there`` say what its data are, where it has some."""

    name: ClassVar[str]
    vm: ClassVar[str]
    members: ClassVar[str]
    """The group whose machines run in the scenario."""
    before: ClassVar[set[str]]
    """What was switched on before it went."""

    def write(self, host: Host) -> None:
        """Put a piece of data there, by what the component is for."""

    def is_there(self, host: Host) -> bool:
        """Tell whether the piece of data is there."""
        return True

    def make_room(self, play: Play, description: Description) -> None:
        """Change the description so that the component may go."""

    @property
    def component(self) -> Component:
        """The component's entry in the catalogue."""
        return COMPONENTS[self.name]

    def converge(self, play: Play, description: Description, *words: str, **variables: Any) -> str:
        """Run what brings components to a VM, and return what it printed."""
        # As molecule passes them on: .config/molecule/config.yml, and what the scenario says beside its hosts.
        said = yaml.safe_load((ROOT / f"molecule/{self.name}/hosts.yml").read_text())
        own = {name: value for name, value in said.items() if not name.endswith("_hosts")}
        variables = {"lab_folder": str(ROOT / ".lab"), **own, **variables}
        done = play("components", self.members, source=description.source, words=words, **variables)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr

    def verb(self, play: Play, description: Description, name: str, **variables: Any) -> None:
        """Change the description."""
        asked = {"vm": self.vm, "stop_after": "description", **variables}
        done = play(name, None, source=description.source, **asked)
        assert done.returncode == 0, done.stdout + done.stderr

    def runs(self, host: Host) -> bool:
        """Tell whether the component's daemon runs."""
        return bool(self.units(host))

    def units(self, host: Host) -> list[str]:
        """Return the units of the component's daemon that run."""
        listed = f"systemctl list-units --state=active --plain --no-legend {shlex.join(self.component.daemons)}"
        return [line.split()[0] for line in host.check_output(listed).splitlines()]

    def own_checks(self, host: Host) -> list[str]:
        """Return the names of the component's checks."""
        return [name for name, _state, _said in self.said(host)]

    def said(self, host: Host) -> list[tuple[str, str, str]]:
        """Return name, state and sentence of each of the component's checks."""
        return [(one["check"], one["state"], one["output"]) for one in checks_of(host) if one["component"] == self.name]

    def all_is_well(self, host: Host, seconds: float) -> None:
        """Wait until all of the component's checks are good; what they say is shown when they are not in time."""
        end = time.monotonic() + seconds
        while not (found := self.said(host)) or any(state != "ok" for _name, state, _said in found):
            assert time.monotonic() < end, [one for one in found if one[1] != "ok"] or "it has no checks"
            time.sleep(0.2)

    def switched_on(self, host: Host) -> set[str]:
        """Return, of the units that go with the component, those that run, and those that do at the next boot."""
        parts = (self.component.part, *(one.part for one in self.component.shared))
        patterns = shlex.join(unit for part in parts for unit in part.units)
        running = host.check_output(f"systemctl list-units --state=active --plain --no-legend {patterns}")
        at_boot = host.run(f"systemctl list-unit-files --state=enabled --no-legend {patterns}").stdout
        return {
            f"{line.split()[0]} {state}"
            for state, listed in (("runs", running), ("is enabled", at_boot))
            for line in listed.splitlines()
        }

    def ports(self, host: Host) -> set[str]:
        """Return those of the component's ports that something listens on."""
        listening = {line.split()[3].rpartition(":")[2] for line in host.check_output("ss -Hltn").splitlines()}
        return {port.number for port in self.component.ports} & listening

    def kept(self, host: Host) -> dict[str, str]:
        """Return the data that are there, with a sum of their names."""
        paths = [path for path in self.component.data if host.file(path).exists]
        return {path: host.check_output(f"find {path} -xdev | wc -l") for path in paths}

    def test_each_of_its_graphs_has_figures(self, hostvars: dict[str, dict[str, Any]], tmp_path: Path) -> None:
        """By the names that its exporter has."""
        with real_exporters.prometheus(tmp_path, {"inventory_hostname": self.vm, **hostvars[self.vm]}) as ask:
            assert real_exporters.without_figures(real_exporters.of_component(self.name), self.vm, ask) == []

    def test_a_stopped_service_turns_a_check_red(
        self, machine: Callable[[str], Host], eventually: Callable[..., None]
    ) -> None:
        host = machine(self.vm)

        names = " ".join(self.units(host))
        host.check_output(f"systemctl stop {names}")
        try:
            eventually(lambda: "critical" in {state for _name, state, _said in self.said(host)}, 60)
        finally:
            host.check_output(f"systemctl start {names}")
        self.all_is_well(host, 120)

    def test_what_would_go_is_shown_and_nothing_goes(
        self, machine: Callable[[str], Host], play: Play, description: Description
    ) -> None:
        host = machine(self.vm)
        self.write(host)
        type(self).before = self.switched_on(host)
        assert self.before
        assert self.own_checks(host)
        self.make_room(play, description)
        self.verb(play, description, "remove_component", component=self.name)
        shown = self.converge(play, description, "--check", "--diff")
        if self.component.data:
            assert f"{self.component.title} would go, and its data stay in" in " ".join(shown.split())
        assert f"+remove /usr/lib/ringmaster/checks.d/{self.name}.json" in shown
        assert self.runs(host)
        assert self.is_there(host)

    def test_it_goes_in_one_piece_and_its_data_stay(
        self, machine: Callable[[str], Host], play: Play, description: Description
    ) -> None:
        host = machine(self.vm)
        said = " ".join(self.converge(play, description).split())
        assert f"{self.component.title} is gone; its data stay in" in said or not self.component.data
        assert not self.runs(host)
        assert self.own_checks(host) == []
        assert self.ports(host) == set()
        assert not host.file(f"/etc/ringmaster/backup.d/{self.name}.json").exists
        assert not host.file(f"/etc/ringmaster/credentials/{self.name}").exists
        assert check_of(host, "host/components")["state"] == "ok"
        assert check_of(host, "host/failed-units")["state"] == "ok"
        assert self.kept(host) or not self.component.data
        if self.component.is_dumped:
            assert host.file(f"/var/backups/ringmaster/{self.name}").is_directory
        again = self.converge(play, description)
        assert "is gone" not in again

    def test_what_runs_but_is_not_described_is_a_warning_and_is_not_touched(
        self, machine: Callable[[str], Host], play: Play, description: Description
    ) -> None:
        """As after its key was deleted by hand: here by starting what was set up before."""
        host = machine(self.vm)
        self.verb(play, description, "change_vm", components=self.name)
        self.converge(play, description)
        assert self.runs(host)
        definitions = "/usr/lib/ringmaster/checks.d/host.json"
        others = leaving.undescribed([])
        found = json.loads(host.check_output(f"cat {definitions}"))
        (check,) = (one for one in found if one["name"] == "components")
        assert self.name not in check["arguments"]["others"]
        check["arguments"]["others"] = others
        host.check_output(f"cp {definitions} /root/host.json; cat > {definitions} <<'END'\n{json.dumps(found)}\nEND")
        try:
            result = check_of(host, "host/components")
            assert result["state"] == "warning"
            assert f"{self.component.title} ({self.name}) runs here" in result["output"]
            assert self.runs(host)
        finally:
            host.check_output(f"mv /root/host.json {definitions}")

    def test_back_again_it_finds_its_data(
        self, machine: Callable[[str], Host], play: Play, description: Description, eventually: Callable[..., None]
    ) -> None:
        host = machine(self.vm)
        assert "state" not in (description.options_of(self.vm, self.name) or {})
        eventually(lambda: self.is_there(host), 60)
        self.all_is_well(host, 90)
        assert self.before - self.switched_on(host) == set()
