# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""SSH host certificates, as OpenSSH reads them."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from ansible_collections.ringmaster.hosting.plugins.module_utils.certificates import ssh_host

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
    text = ssh_host.certificate(SECRET, public_key=public_key, name="vm00", names=names)
    (tmp_path / "cert.pub").write_text(text)
    (tmp_path / "ca.pub").write_text(ssh_host.authority(SECRET) + "\n")
    shown = keygen("-L", "-f", tmp_path / "cert.pub")
    authority = keygen("-l", "-f", tmp_path / "ca.pub").split()[1]
    assert "ssh-ed25519-cert-v01@openssh.com host certificate" in shown
    assert f"Signing CA: ED25519 {authority}" in shown
    assert 'Key ID: "vm00"' in shown and "Valid: forever" in shown
    principals = shown.partition("Principals:")[2].partition("Critical")[0].split()
    assert principals == ["vm00.example.org", "192.0.2.1", "2001:db8::1"]
    assert text == ssh_host.certificate(SECRET, public_key=public_key, name="vm00", names=names)


def test_another_secret_is_another_authority() -> None:
    assert ssh_host.authority(SECRET) != ssh_host.authority(SECRET + "!")


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"names": [""]}, "without names"),
        ({"public_key": "ssh-rsa AAAA"}, "no ssh-ed25519 key"),
        ({"public_key": "nonsense"}, "no public key"),
    ],
)
def test_bad_input_is_named(public_key: str, change: dict[str, object], told: str) -> None:
    with pytest.raises(ssh_host.SshHostError, match=told):
        ssh_host.certificate(SECRET, **{"public_key": public_key, "name": "x", "names": ["x"], **change})
    with pytest.raises(ssh_host.SshHostError, match="platform secret"):
        ssh_host.authority("short")
