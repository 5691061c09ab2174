# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What roles write from their defaults alone: rendered as Ansible does, without a machine."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar, trust_as_template

ROLES = Path(__file__).parents[3] / "roles"


def templar(role: str, **changes: Any) -> Templar:
    """Return a templar with the variables of a role, and with changes in place of some."""
    loader = DataLoader()
    variables: dict[str, Any] = {"role_path": str(ROLES / role), "ansible_managed": "Managed"}
    for name in ("defaults", "vars"):
        path = ROLES / role / name / "main.yml"
        if path.exists():
            variables |= loader.load_from_file(str(path), trusted_as_template=True) or {}
    return Templar(loader, variables=variables | changes)


def rendered(role: str, template: str, **changes: Any) -> list[str]:
    text = (ROLES / role / "templates" / template).read_text()
    return templar(role, **changes).template(trust_as_template(text)).splitlines()


def variable(role: str, name: str) -> Any:
    return templar(role).template(trust_as_template(f"{{{{ {name} }}}}"))


def test_kernel_settings_of_the_operator_lie_over_those_of_the_role() -> None:
    assert "-net.ipv4.conf.all.rp_filter = 2" in rendered("base", "sysctl.conf.j2")
    lines = rendered("base", "sysctl.conf.j2", base_sysctls={"net.ipv4.conf.all.rp_filter": 1, "vm.swappiness": 10})
    settings = dict(line.removeprefix("-").split(" = ") for line in lines if " = " in line)
    assert (settings["net.ipv4.conf.all.rp_filter"], settings["vm.swappiness"]) == ("1", "10")
    assert settings["net.ipv6.conf.all.accept_ra"] == "0"
    # Where a container refuses one, the others are set all the same.
    assert [line for line in lines if " = " in line and not line.startswith("-")] == []


def test_kernel_settings_of_every_machine_weaken_nothing() -> None:
    strictest = {"fs.protected_fifos": "2", "fs.protected_hardlinks": "1", "fs.protected_regular": "2"}
    strictest |= {"fs.protected_symlinks": "1", "fs.suid_dumpable": "0", "dev.tty.ldisc_autoload": "0"}
    strictest |= {"kernel.dmesg_restrict": "1", "kernel.unprivileged_bpf_disabled": "1"}
    found = {}
    for path in (ROLES / "machine/files/rootfs/etc/sysctl.d").iterdir():
        lines = [line for line in path.read_text().splitlines() if not line.startswith("#")]
        assert [line for line in lines if not line.startswith("-")] == [], "where one is refused, the others are set"
        found[path.name] = dict(line.removeprefix("-").split(" = ") for line in lines)
    # After Debian's (50-default.conf), and so where nothing stricter can have been asked for.
    assert found.pop("60-ringmaster-kernel.conf") == strictest
    # Before all others: whoever asks for more gets it.
    assert found == {"10-ringmaster-kernel.conf": {"kernel.yama.ptrace_scope": "1", "kernel.kptr_restrict": "1"}}


def test_the_journal_has_a_size_and_an_age() -> None:
    lines = rendered("base", "journald.conf.j2", base_journal_max_use="7M", base_journal_max_retention="3day")
    assert {"SystemMaxUse=7M", "MaxRetentionSec=3day"} <= set(lines)
    lines = rendered("base", "journald.conf.j2")
    assert [line for line in lines if line.endswith("=")] == []


@pytest.mark.parametrize(("role", "name"), [("vm_image", "vm_image_packages"), ("lab", "lab_tree_packages")])
def test_what_every_vm_has_is_in_the_image_and_in_the_tree_of_a_lab(role: str, name: str) -> None:
    text = yaml.safe_load((ROLES / role / "defaults/main.yml").read_text())[name]
    found = re.search(r"lookup\('ansible.builtin.file', role_path ~ '/(\S+)'\) \| from_yaml\)\.(\w+)", text)
    assert found, text
    assert len(yaml.safe_load((ROLES / role / found[1]).read_text())[found[2]]) > 20
    assert found[2] == "base_packages"


def test_an_account_sends_so_many_messages_in_an_hour_and_no_more_at_once() -> None:
    lines = rendered("mailserver", "ratelimit.conf.j2", mailserver_messages_per_account_and_hour=7)
    assert {"burst = 7;", 'rate = "7 / 1h";'} <= {line.strip() for line in lines}


def test_figures_are_kept_for_a_time_and_up_to_a_size() -> None:
    (line,) = (line for line in rendered("monitoring", "prometheus.conf.j2") if line.startswith("ExecStart=/"))
    words = dict(word.split("=", 1) for word in line.split() if word.startswith("--storage.tsdb.retention"))
    assert words == {
        f"--storage.tsdb.retention.{word}": variable("monitoring", name)
        for word, name in (("time", "monitoring_retention"), ("size", "monitoring_retention_size"))
    }


MIB = 1024**2
# The file of each who looks at a message, how it says the largest one, and what its unit is: rspamd's M is 10^6.
WHO_LOOKS = {
    "dovecot.conf.j2": (r"quota_mail_size = (\d+)(M)", {"M": MIB}),
    "options.inc.j2": (r"max_message = (\d+)(Mb?);", {"M": 10**6, "Mb": MIB}),
    "clamd.conf.j2": (r"StreamMaxLength (\d+)(M)", {"M": MIB}),
}


@pytest.mark.parametrize("template", WHO_LOOKS)
@pytest.mark.parametrize("mib", [1, 50, 2047])
def test_whatever_postfix_takes_the_others_take_with_what_is_added(template: str, mib: int) -> None:
    role: dict[str, Any] = {"mailserver_message_size_mib": mib, "mailserver_hostname": "mail.example"}
    role |= dict.fromkeys(("ringmaster_srv_ipv4", "ringmaster_srv_ipv6"), "2001:db8::1")
    pattern, units = WHO_LOOKS[template]
    found = re.search(pattern, "\n".join(rendered("mailserver", template, **role)))
    assert found
    # Postfix takes no more than 100 KiB of headers, of which some are added.
    assert int(found[1]) * units[found[2]] >= mib * MIB + 102400


def test_no_address_stands_where_postfix_reads_its_own_signs() -> None:
    """In main.cf, ``$x`` is a parameter and braces hold lists; in a table both are letters of an address."""
    known = {"ringmaster_fqdn": "a.srv.example", "mailstub_server": "b", "mailstub_login": True}
    known |= {
        "__mailstub_address": "192.0.2.1",
        "__mailstub_hostname": "mail.example",
        "__mailstub_fqdn": "b.srv.example",
    }
    known |= {"__mailstub_message_size_mib": 50, "__mailstub_account": "app word"}
    address = "o'a$yw{x}.b}=#@c.example"
    assert address not in "\n".join(rendered("mailstub", "main.cf.j2", mailstub_local_mail=address, **known))
    (task,) = [one for one in tasks("mailstub") if "ringmaster.hosting.files" in one]
    (file,) = [one for one in task["ringmaster.hosting.files"]["files"] if one["path"].endswith("/aliases")]
    text = templar("mailstub", mailstub_local_mail=address, **known).template(trust_as_template(file["content"]))
    assert text == f"@a.srv.example {address}\n@localhost {address}\n"
    assert f"virtual_alias_maps = texthash:{file['path']}" in rendered("mailstub", "main.cf.j2", **known)


def tasks(role: str) -> list[dict[str, Any]]:
    return list(yaml.safe_load((ROLES / role / "tasks/main.yml").read_text()))
