# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""SSH host certificates, as OpenSSH reads them."""

from __future__ import annotations

import base64
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from ansible_collections.ringmaster.hosting.plugins.module_utils.certificates import ssh_host
from ringmaster.host import checks

SECRET = "a secret for tests"


def keygen(*words: object) -> str:
    return subprocess.run(["ssh-keygen", *map(str, words)], capture_output=True, text=True, check=True).stdout


@pytest.fixture(scope="module")
def public_key(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("key") / "key"
    keygen("-q", "-t", "ed25519", "-N", "", "-f", path)
    return path.with_suffix(".pub").read_text()


def test_openssh_reads_it(public_key: str, tmp_path: Path) -> None:
    names = ["vm00.example.org", "", "192.0.2.1", "2001:db8::1", "192.0.2.1"]
    now = 1_800_000_000.0
    text = ssh_host.certificate(SECRET, public_key=public_key, name="vm00", names=names, now=now)
    (tmp_path / "cert.pub").write_text(text)
    (tmp_path / "ca.pub").write_text(ssh_host.authority(SECRET) + "\n")
    shown = keygen("-L", "-f", tmp_path / "cert.pub")
    authority = keygen("-l", "-f", tmp_path / "ca.pub").split()[1]
    assert "ssh-ed25519-cert-v01@openssh.com host certificate" in shown
    assert f"Signing CA: ED25519 {authority}" in shown
    assert 'Key ID: "vm00"' in shown and "Valid: from 20" in shown and "Serial: 0" not in shown
    principals = shown.partition("Principals:")[2].partition("Critical")[0].split()
    assert principals == ["vm00.example.org", "192.0.2.1", "2001:db8::1"]
    assert text == ssh_host.certificate(SECRET, public_key=public_key, name="vm00", names=names, now=now)


def test_it_ends_and_is_made_again_once_in_a_period(public_key: str, tmp_path: Path) -> None:
    def made(now: float) -> str:
        return ssh_host.certificate(SECRET, public_key=public_key, name="vm00", names=["vm00"], now=now)

    begin = 180 * ssh_host.PERIOD
    assert made(begin) == made(begin + ssh_host.PERIOD - 1)
    assert made(begin + ssh_host.PERIOD) != made(begin)
    ends = []
    for now in (begin, begin + ssh_host.PERIOD - 1):
        (tmp_path / "cert.pub").write_text(made(now))
        days = (checks._ends(base64.b64decode(made(now).split()[1])) - now) / ssh_host.DAY
        ends.append(round(days))
    assert ends == [400, 300]


@pytest.mark.parametrize(("left", "level"), [(61, 0), (59, 1), (13, 2), (-1, 2)])
def test_the_check_warns_before_the_end(public_key: str, tmp_path: Path, left: int, level: int) -> None:
    begin = int(time.time()) + left * ssh_host.DAY - ssh_host.PERIODS * ssh_host.PERIOD
    file = tmp_path / "cert.pub"
    text = ssh_host.certificate(SECRET, public_key=public_key, name="a", names=["a"], now=begin)
    end = checks._ends(base64.b64decode(text.split()[1]))
    file.write_text(text)
    assert checks.certificate(str(file), (end - time.time()) / ssh_host.DAY - left + 60, 0)[0] in (0, 1, 2)
    # The end lies where a period does, so the limits are moved instead.
    moved = (end - time.time()) / ssh_host.DAY - left
    assert checks.certificate(str(file), 60 + moved, 14 + moved)[0] == level
    file.write_text("nonsense")
    assert checks.certificate(str(file), 60, 14)[0] == 2
    assert checks.certificate(str(tmp_path / "none"), 60, 14)[0] == 1


def test_a_revoked_key_gets_none(public_key: str) -> None:
    words = {"public_key": public_key, "name": "x", "names": ["x"]}
    with pytest.raises(ssh_host.SshHostError, match="is revoked"):
        ssh_host.certificate(SECRET, **words, revoked=[" ".join([*public_key.split()[:2], "stolen"])])


@pytest.mark.parametrize(
    "change",
    [
        lambda key: f"{key}{key}",
        lambda key: f"{key}@cert-authority * {key}",
        lambda key: f"cert-authority {key}",
        lambda key: key.replace("ssh-ed25519 ", "ssh-ed25519\t", 1),
        lambda key: key.replace("\n", " \u202e\n"),
        lambda key: key.replace("\n", f" {'x' * 300}\n"),
        lambda key: key.replace("ssh-ed25519", "ssh-rsa"),
    ],
)
def test_what_is_not_one_key_in_one_line_is_refused(public_key: str, change: Callable[[str], str]) -> None:
    with pytest.raises(ssh_host.SshHostError) as caught:
        ssh_host.certificate(SECRET, public_key=change(public_key), name="x", names=["x"])
    assert str(caught.value).isprintable()


def test_another_secret_is_another_authority() -> None:
    assert ssh_host.authority(SECRET) != ssh_host.authority(SECRET + "!")


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"names": [""]}, "without names"),
        ({"public_key": "ssh-rsa AAAA"}, "no ssh-ed25519 key"),
        ({"public_key": "nonsense"}, "no ssh-ed25519 key"),
    ],
)
def test_bad_input_is_named(public_key: str, change: dict[str, object], told: str) -> None:
    with pytest.raises(ssh_host.SshHostError, match=told):
        ssh_host.certificate(SECRET, **{"public_key": public_key, "name": "x", "names": ["x"], **change})
    with pytest.raises(ssh_host.SshHostError, match="platform secret"):
        ssh_host.authority("short")
