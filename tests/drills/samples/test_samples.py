# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Any description that validation accepts gives components that start: 50 drawn ones, on one light machine.

    SAMPLES_SEED=7 SAMPLES_ONLY=3,19 SAMPLES_FOLDER=/tmp/samples pytest -x -s tests/drills/samples

draws those of seed 7 and applies two of them. With a folder the machines stay, for the next run, and so does each
sample that fails, in a file; SAMPLES_AGAIN=a.yml,b.yml applies such files, whatever would be drawn by now.
"""

from __future__ import annotations

import json
import os
import random
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import drawn
import pytest
import yaml
from ansible_collections.ringmaster.hosting.plugins.module_utils.network import networkd
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform import component_options, operations
from ansible_collections.ringmaster.hosting.plugins.module_utils.values import collations

ROOT = Path(__file__).resolve().parents[3]
HERE = Path(__file__).resolve().parent
NUMBER = 50
SEED = int(os.environ.get("SAMPLES_SEED") or random.randrange(1, 10**6) * 100)
PATIENCE = 25 * 60
VMS = {"smp00": ["postgresql", "mysql", "redis", "memcached", "webgateway", "mailserver"], "smp01": ["mailstub"]}
"""The components of each machine. A mail stub stands where no mail server is."""
SOURCE = "plugin: ringmaster.hosting.platform\nkey_directory: {keys}\nprivate_key_file: {keys}/operator\n"
PLATFORM = """domain: molecule.example
site: 9
networks:
  frontend: {ipv4: 198.51.100.0/24, ipv6: "2001:db8:2::/64"}
  server: {ipv4: 172.20.0.0/22, ipv4_pool: 172.20.1.1-172.20.3.254, ipv6: "2001:db8:3::/64"}
management_networks: [10.77.0.0/24, 172.20.0.1/32, "2001:db8:3::1/128"]
operators: []
hypervisors:
  hv0: {address: 10.77.0.10, memory: 64GiB, disk: 1000GiB}
images:
  default: {build: trixie}
"""
VARIABLES = """network_match_mac: false
updates_automatic: false
monitoring_agent_asked_ports: []
base_resolvers: []
"""


@dataclass
class Site:
    """Two light machines, and the description that they follow."""

    folder: Path
    lab: str
    addresses: dict[str, str] = field(default_factory=dict)

    @property
    def platform(self) -> Path:
        """The folder of the description."""
        return self.folder / "platform"

    @property
    def source(self) -> Path:
        """The inventory."""
        return self.platform / "platform.ringmaster.yml"

    def describe(self, components: dict[str, dict[str, Any]]) -> None:
        """Let the VMs have these components."""
        vms = {name: {"memory": "4GiB", "frontend_ipv4": True, "components": components[name]} for name in components}
        content = {"description": "Samples", "service_users": ["s-smp"], "vms": vms}
        (self.platform / "projects/smp.yml").write_text(yaml.safe_dump(content, allow_unicode=True))

    def mistakes(self) -> list[str]:
        """Return what `validate.yml` says of the description."""
        found = operations.validate(operations.options_of(self.source, ROOT / "roles"))
        return [mistake.render() for mistake in found.mistakes]

    def up(self) -> None:
        """Start the machines, with what all samples need and plain components."""
        for name in ("projects", "users", "group_vars"):
            (self.platform / name).mkdir(parents=True, exist_ok=True)
        self.source.write_text(SOURCE.format(keys=ROOT / ".lab/keys"))
        (self.platform / "platform.yml").write_text(PLATFORM)
        (self.platform / "group_vars/all.yml").write_text(VARIABLES)
        self.describe({vm: {name: {} for name in names} for vm, names in VMS.items()})
        argv = [str(ROOT / ".venv/bin/ansible-playbook"), "-i", str(self.source), "playbooks/allocate.yml"]
        self._run(argv)
        self._lab("-e", json.dumps({"lab_light": True, "lab_hosts": "vms"}), "up", "--machines-only")
        self.play("machine.yml", "-e", "machine_hosts=vms")
        for playbook in ("accounts.yml", "certificates.yml", "components.yml"):
            self.play(playbook)

    def play(self, playbook: str, *words: str) -> str:
        """Run a playbook; return what is said of what failed, nothing when all went well."""
        return self._lab("play", playbook, *words, fails="apply.yml" in playbook)

    def unsettled(self, vm: str, component: str) -> str:
        """Return what a second converge of a component would change; nothing is right."""
        command = f"ringmaster {component} converge --check" if component != "mailstub" else "postfix check"
        done = self.root(vm, command)
        if done.returncode:
            return f"{vm} {component}: {done.stderr}"
        steps = json.loads(done.stdout)["steps"] if done.stdout.startswith("{") else []
        return f"{vm} {component} would do again: {steps}" if steps else ""

    def root(self, vm: str, command: str) -> subprocess.CompletedProcess[str]:
        """Run a command on a machine as root."""
        address = self.addresses.get(vm) or self._addresses()[vm]
        argv = ["nsenter", f"--net=/run/netns/{self.lab}", "ssh", "-F", "none", "-i", str(ROOT / ".lab/keys/operator")]
        argv += ["-o", "BatchMode=yes", "-o", f"UserKnownHostsFile={self.platform}/known_hosts", f"root@{address}"]
        return subprocess.run(
            [*argv, command], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=300
        )

    def _addresses(self) -> dict[str, str]:
        ledger = yaml.safe_load((self.platform / "allocations.yml").read_text())
        self.addresses = dict(ledger["ipv4_srv"])
        return self.addresses

    def down(self) -> None:
        """Remove the machines."""
        self._lab("down")

    def _lab(self, *words: str, fails: bool = False) -> str:
        argv = [str(ROOT / ".venv/bin/python"), str(ROOT / "bin/lab"), "--lab", self.lab]
        return self._run([*argv, "--platform", str(self.platform), *words], fails)

    def _run(self, argv: list[str], fails: bool = False) -> str:
        done = subprocess.run(
            argv,
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=PATIENCE,
        )
        with (self.folder / "all.log").open("a") as log:
            log.write(f"\n##### {' '.join(argv)}\n{done.stdout}\n##### {done.returncode}\n")
        assert fails or done.returncode == 0, done.stdout[-5000:]
        said = re.findall(r"^(?:fatal|failed): .*$|^\[ERROR\].*$", done.stdout, re.MULTILINE)
        return "\n".join(said) or (done.stdout[-2000:] if done.returncode else "")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    kept = os.environ.get("SAMPLES_FOLDER")
    site = Site(Path(kept or tmp_path_factory.mktemp("samples")), "rm-smp")
    site.folder.mkdir(exist_ok=True)
    try:
        site.up()
        yield site
    finally:
        if not kept:
            site.down()
            shutil.rmtree(site.folder, ignore_errors=True)


LANGUAGES = """SELECT DISTINCT split_part(replace(collname, '-x-icu', ''), '-', 1) FROM pg_collation
    WHERE collprovider = 'i'"""
COLLATIONS = """SELECT full_collation_name FROM information_schema.collation_character_set_applicability
    WHERE character_set_name IS NOT NULL"""


def test_lists_of_the_controller_are_those_of_the_machine(site: Site) -> None:
    """Controllers of another release say what is allowed, and never ask their own libraries."""
    languages = site.root("smp00", f'runuser -u postgres -- psql -XAtc "{LANGUAGES}"').stdout.split()
    assert set(languages) == collations.ICU_LANGUAGES
    names = site.root("smp00", f'mariadb -BNe "{COLLATIONS}"').stdout.split()
    assert set(names) == {one for of_set in collations.COLLATIONS.values() for one in of_set}


LABEL = "l" * 61
LONG = [".".join([letter * 60, LABEL, "example"])[:128] for letter in "ab"]
LONGEST = [".".join([letter * 60] * 4) for letter in "abcdefghij"]
HASH = "$6$anna1234$kR0BlQbm2LWPuzopJJqzx.A7BrMRwFDZlEQE.RRDjUOhf6VAiC5LWYE1K7OOkyFa/1Ka.y0RXwtLxzjmJYcUU."


def apply(site: Site, **components: dict[str, Any]) -> None:
    """Let the first machine have components with options, beside plain ones, twice: the second run changes nothing."""
    plain: dict[str, dict[str, Any]] = {name: {} for name in VMS["smp00"]}
    site.describe({"smp00": {**plain, **components}, "smp01": {"mailstub": {}}})
    assert site.mistakes() == []
    assert site.play(str(HERE / "apply.yml")) == ""
    assert [site.unsettled("smp00", name) for name in components] == [""] * len(components)


def test_names_as_long_as_they_may_be(site: Site) -> None:
    """nginx sorts them into buckets of a fixed size, and does not start with one that does not fit."""
    vhosts = [
        {"name": name, "aliases": LONGEST[number::2], "root": "/srv/s-smp/www", "http": "serve"}
        for number, name in enumerate(LONG)
    ]
    apply(site, webgateway={"vhosts": vhosts})
    for name in (*LONG, *LONGEST):
        ask = f"curl -s -o /dev/null -w '%{{http_code}}' -H 'Host: {name}' http://198.51.100.2/"
        assert site.root("smp00", ask).stdout in ("403", "404"), name


def test_a_mailbox_that_forwards_keeps_a_copy(site: Site) -> None:
    boxes = [{"address": f"{name}@copy.example", "password_hash": HASH} for name in ("anna", "ben")]
    forwards = [{"address": "anna@copy.example", "to": ["anna@copy.example", "ben@copy.example"]}]
    options = {"domains": [{"name": "copy.example"}], "mailboxes": boxes, "forwards": forwards, "greylisting": False}
    apply(site, mailserver=options)
    site.root("smp00", "printf 'From: root\\nSubject: kept\\n\\ntext\\n' | sendmail -f root anna@copy.example")
    count = "doveadm -f flow mailbox status -u {} messages INBOX | sed 's/.*messages=//'"
    end = time.monotonic() + 60
    while True:
        counts = [site.root("smp00", count.format(one["address"])).stdout.strip() for one in boxes]
        if counts == ["1", "1"] or time.monotonic() > end:
            break
        time.sleep(1)
    assert counts == ["1", "1"]


@pytest.mark.parametrize("gateways", [("fe80::1", "203.0.113.1"), ("2001:db8:ffff::1", "192.0.2.1")])
def test_a_gateway_outside_of_its_network_is_reached(site: Site, gateways: tuple[str, str]) -> None:
    """By systemd-networkd of the machine, with a file as VMs have it, for an interface of the test's own."""
    network = {
        "ipv6": "2001:db8:77::/64",
        "ipv4": "192.0.2.0/29",
        **dict(zip(("ipv6_gateway", "ipv4_gateway"), gateways, strict=True)),
    }
    vm: dict[str, Any] = {"ringmaster_networks": {"frontend": network}}
    vm |= {"ringmaster_fe_ipv6": "2001:db8:77::1000", "ringmaster_fe_ipv4": "192.0.2.2"}
    text = networkd.render(vm)["10-ethfe.network"].replace("Name=ethfe", "Name=drill0").replace("1002", "1902")
    place = "/run/systemd/network/05-drill.network"
    make = f"mkdir -p /run/systemd/network && cat >{place} <<'END'\n{text}\nEND\n"
    make += "ip link add drill0 type veth peer name drill1"
    try:
        site.root("smp01", f"{make} && ip link set drill1 up && networkctl reload")
        wait = "timeout 30 sh -c 'until networkctl status drill0 | grep -q configured; do sleep 0.2; done'"
        assert site.root("smp01", wait).returncode == 0
        routes = site.root("smp01", "ip -6 route show table 1902; ip -4 route show table 1902").stdout
        for gateway in gateways:
            (line,) = [line for line in routes.splitlines() if f"default via {gateway} " in line]
            assert ("onlink" in line) == (gateway in ("203.0.113.1", "2001:db8:ffff::1"))
    finally:
        site.root("smp01", f"ip link del drill1; rm {place}; networkctl reload")


def test_what_validation_accepts_starts(site: Site) -> None:
    """In the machine's own judgement, and running: each sample on what the one before it left."""
    samples = chosen()
    faults: dict[str, str] = {}
    refused: dict[str, list[str]] = {}
    for name, sample in samples.items():
        site.describe(sample)
        if mistakes := site.mistakes():
            refused[name] = mistakes
            continue
        begun = time.monotonic()
        said = site.play(str(HERE / "apply.yml"))
        said = said or "".join(site.unsettled(vm, one) for vm, components in sample.items() for one in components)
        print(f"{name}: {time.monotonic() - begun:.0f} s {said}", flush=True)
        if said:
            faults[name] = said
            (site.folder / f"{name}.yml").write_text(yaml.safe_dump(sample, allow_unicode=True))
    print(f"{len(samples) - len(refused)} applied; refused by the description as a whole: {refused}")
    assert faults == {}
    assert len(refused) <= NUMBER // 10


def chosen() -> dict[str, dict[str, Any]]:
    """Return the samples to apply, by seed and number: ``700-3`` is that of SAMPLES_SEED=700 SAMPLES_ONLY=3."""
    if again := os.environ.get("SAMPLES_AGAIN"):
        return {Path(file).stem: yaml.safe_load(Path(file).read_text()) for file in again.split(",")}
    samples = drawn.samples(NUMBER, SEED, component_options.Roles(ROOT / "roles"), VMS)
    print(f"seed {SEED}, {NUMBER} samples", flush=True)
    numbers = [int(one) for one in os.environ.get("SAMPLES_ONLY", "").split(",") if one] or range(NUMBER)
    return {f"{SEED}-{number}": samples[number] for number in numbers}
