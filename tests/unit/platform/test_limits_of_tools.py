# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Texts of a description in the tools that they go to: the longest that is accepted fits, and a longer one is refused.

No name of a unit and no description of one has text of a description: a person's slice has a number.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.ringmaster.hosting.plugins.module_utils.services import alerting

FOUR_BYTES = "\U0001f600"
USER = "users/alice.yml"
PROJECT = "projects/myapp.yml"


def longest(platform, name: str, key: str, texts: list[str]) -> str:
    """Return the longest of some texts that validation accepts for a key of a file."""
    accepted = ""
    for text in sorted(texts, key=len):
        platform.edit(name, lambda data, text=text: {**data, key: text})
        if not platform.mistakes():
            accepted = text
    assert accepted
    assert accepted != max(texts, key=len)
    return accepted


@pytest.mark.thorough
@pytest.mark.skipif(shutil.which("pwck") is None, reason="pwck is not installed")
def test_the_longest_name_of_a_person_is_a_gecos_field(platform, tmp_path: Path) -> None:
    name = longest(platform, USER, "full_name", [FOUR_BYTES * number for number in (1, 99, 100, 101, 250)])
    assert len(name.encode()) == 400
    line = f"alice:x:20100:20100:{name}:{tmp_path}:/bin/sh"
    (tmp_path / "passwd").write_text(f"root:x:0:0::/root:/bin/sh\n{line}\n")
    (tmp_path / "shadow").write_text("root:*:1::::::\nalice:*:1::::::\n")
    argv = [str(shutil.which("pwck")), "-r", str(tmp_path / "passwd"), str(tmp_path / "shadow")]
    done = subprocess.run(argv, capture_output=True, text=True, check=False, env={"LC_ALL": "C"})
    assert "invalid" not in done.stdout + done.stderr
    assert "delete line" not in done.stdout


@pytest.mark.parametrize("most", [3, 40, 200])
def test_no_line_of_a_message_is_longer_than_mail_allows(most: int) -> None:
    contacts = [f"{'a' * 60}@{number}.{'b' * 60}.example" for number in range(most)]
    mail = {"smarthost": "x:25", "from": "a@x.example"}
    receiver = alerting.configuration([], {"contacts": contacts}, mail)["receivers"][1]
    lines = [one["to"] for one in receiver["email_configs"]]
    assert ", ".join(lines).split(", ") == contacts
    assert all(len(f"To: {line}") <= 998 for line in lines)
    assert len(lines) == -(-most // 7)


@pytest.mark.thorough
@pytest.mark.skipif(shutil.which("amtool") is None, reason="amtool is not installed")
def test_the_longest_contacts_and_webhooks_are_read_by_alertmanager(platform, tmp_path: Path) -> None:
    local, host = "a" * 64, ".".join(["b" * 4] * 50)
    contacts = [f"{local}@{host[65 - number :]}" for number in (71, 201, 254, 256)]
    taken = [one for one in contacts if not mistakes_with(platform, "contacts", [one])]
    assert [len(one) for one in taken] == [71, 201, 254]
    assert not mistakes_with(platform, "contacts", taken)
    hooks = [f"https://hook.example/{'c' * (number - 21)}" for number in (100, 2000, 2001)]
    kept = [one for one in hooks if not mistakes_with(platform, "webhooks", [one])]
    assert [len(one) for one in kept] == [100, 2000]
    told: dict[str, Any] = {"name": "myapp", "contacts": taken * 20, "webhooks": kept}
    found = alerting.configuration([told], {"contacts": taken}, {"smarthost": "x:25", "from": "a@x.example"})
    path = tmp_path / "alertmanager.yml"
    path.write_text(yaml.safe_dump({**found, "templates": []}))
    done = subprocess.run(["amtool", "check-config", str(path)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.thorough
@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed")
def test_the_longest_addresses_of_checks_are_labels_of_prometheus(platform, tmp_path: Path) -> None:
    """A value of a label is any UTF-8 (data model of Prometheus); its length is ours."""
    name = "c" * 41
    urls = [f"https://shop.example/{'c' * (number - 21)}" for number in (100, 2000, 2001)]
    taken = [one for one in urls if not mistakes_with(platform, "checks", [{"name": name, "url": one}])]
    assert [len(one) for one in taken] == [100, 2000]
    assert mistakes_with(platform, "checks", [{"name": f"{name}c", "url": urls[0]}])
    targets = [{"targets": ["shop.example:443"], "labels": {"check": name, "url": one}} for one in taken]
    (tmp_path / "targets.json").write_text(json.dumps(targets))
    jobs = [{"job_name": "urls", "file_sd_configs": [{"files": [str(tmp_path / "targets.json")]}]}]
    path = tmp_path / "prometheus.yml"
    path.write_text(yaml.safe_dump({"scrape_configs": jobs}))
    done = subprocess.run(["promtool", "check", "config", str(path)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def mistakes_with(platform, key: str, value: Any) -> list[str]:
    """Return what is wrong with a project's file that has a value for a key."""
    platform.edit(PROJECT, lambda data: {**data, key: value})
    return [mistake.render() for mistake in platform.mistakes()]


@pytest.mark.parametrize(
    ("name", "key"),
    [(PROJECT, "description"), (USER, "email"), (USER, "full_name"), ("platform.yml", "domain")],
)
def test_no_text_of_a_description_is_without_end(platform, name: str, key: str) -> None:
    platform.edit(name, lambda data: {**data, key: "a" * 70000})
    assert any(key in mistake.message for mistake in platform.mistakes())
