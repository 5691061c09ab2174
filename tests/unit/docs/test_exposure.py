# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every service that we ship has a limit for what it may do, and keeps it, by systemd's own figures."""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from programs import load

REFERENCE = Path(__file__).parents[3] / "docs/reference"
sys.path.insert(0, str(REFERENCE))  # the pages' modules import each other
exposure = load(REFERENCE / "exposure.py")
sandboxes = load(REFERENCE / "sandboxes.py")
SERVICES = exposure.services()
BY_NAME = {service.name: service for service in SERVICES}
FIGURES = exposure.measure(SERVICES)


@pytest.mark.parametrize("name", sorted(BY_NAME))
def test_a_service_has_a_limit_and_keeps_it(name: str) -> None:
    assert (name in exposure.KINDS) is not (name in exposure.UNLIMITED), (
        f"give {name} a kind in docs/reference/exposure.py"
    )
    if name in exposure.KINDS:
        limit = exposure.LIMITS[exposure.KINDS[name]]
        assert FIGURES[name] <= limit, f"systemd-analyze security gives {name} {FIGURES[name]}, its limit is {limit}"


def test_systemd_knows_every_setting(tmp_path: Path) -> None:
    """What it does not know it ignores, and says so in the journal only."""
    exposure.write(tmp_path, [*SERVICES, exposure.Service("wrong.service", "", "[Service]\nProtectHoem=yes\n")])
    names = [service.unit for service in SERVICES]
    argv = ["systemd-analyze", "verify", "--man=no", "--recursive-errors=no", f"--root={tmp_path}", *names]
    said = subprocess.run([*argv, "wrong.service"], capture_output=True, text=True, check=False).stderr
    assert re.findall(r"/([^/:]+):\d+: Unknown key (?:name )?'(\w+)'", said) == [("wrong.service", "ProtectHoem")]
    assert re.findall(r"/([^/:]+):\d+: Failed to parse (.*)", said) == []


def test_no_limit_is_for_a_service_that_is_gone() -> None:
    assert {*exposure.KINDS, *exposure.UNLIMITED} == set(BY_NAME)
    assert {name for name, _path, _text in exposure.drop_ins()} == {*exposure.OF_DEBIAN, *exposure.RESTARTS_ONLY}


def test_every_file_with_a_service_is_measured() -> None:
    """Found by what is in it, whatever it is called."""
    roles = exposure.machines.ROLES
    found = {
        path.relative_to(exposure.machines.ROOT).as_posix()
        for path in [*roles.glob("*/files/**/*"), *roles.glob("*/templates/*")]
        if path.is_file()
        and not path.is_symlink()
        and path.suffix not in (".py", ".pyc")
        and re.search(r"^\[Service\]$", path.read_text(errors="replace"), re.MULTILINE)
    }
    known = {service.source for service in SERVICES}
    known |= {path.relative_to(exposure.machines.ROOT).as_posix() for _name, path, _text in exposure.drop_ins()}
    assert len(found) > 50
    assert found - known == set()


def test_a_service_of_debian_that_a_role_runs_has_a_sandbox_or_a_reason() -> None:
    have = {(service.source.split("/")[1], service.name.split(" ")[0]) for service in SERVICES}
    named = set(exposure.named_services())
    assert len(named) > 30
    lack = {(role, name) for role, name in named - have if not {name, f"{name} ({role})"} & {*exposure.LEFT}}
    assert lack == set(), "give it a drop-in, or say in LEFT of docs/reference/exposure.py why it has none"
    known = {name for _role, name in named} | {f"{name} ({role})" for role, name in named}
    assert {*exposure.LEFT} <= known


@pytest.mark.parametrize("name", sorted(set(exposure.KINDS) & set(BY_NAME)))
def test_a_service_without_its_sandbox_is_noticed(name: str) -> None:
    kept = ("[", "Description", "Type", "User", "Group", "DefaultDependencies")
    bare = "".join(f"{line}\n" for line in BY_NAME[name].text.splitlines() if line.startswith(kept))
    (figure,) = exposure.measure([replace(BY_NAME[name], text=bare)]).values()
    assert figure > exposure.LIMITS[exposure.KINDS[name]]


def test_user_namespaces_stay_possible_where_projects_run_what_is_theirs() -> None:
    """Rootless containers are their matter, also in checks of theirs."""
    assert "RestrictNamespaces=user " in BY_NAME["ringmaster-check-own.service"].text
    settings = [path for path in exposure.machines.ROLES.glob("*/**/*") if path.suffix in (".yml", ".j2", ".conf")]
    texts = "".join(path.read_text() for path in settings if path.is_file() and not path.is_symlink())
    assert "arp_announce" in texts
    assert not re.search(r"max_user_namespaces|unprivileged_userns_clone|apparmor_restrict_unprivileged_userns", texts)


def test_what_units_have_in_common_is_current() -> None:
    renewed = sandboxes.renewed()
    assert len(renewed) > 20
    assert [path for path, text in renewed.items() if (exposure.machines.ROOT / path).read_text() != text] == []


def test_what_lies_between_the_mark_and_the_next_section_is_replaced_and_nothing_else() -> None:
    old = f"[Service]\nUser=x\n{sandboxes.MARK}Outdated=yes\nProtectClock=no\n\n[Install]\nWantedBy=y\n"
    assert sandboxes.BLOCK.sub("", old) == "[Service]\nUser=x\n\n[Install]\nWantedBy=y\n"
    own = f"{sandboxes.MARK}Outdated=yes\n# Its own:\nUMask=0077\n"
    assert sandboxes.BLOCK.sub("", own) == "# Its own:\nUMask=0077\n"
