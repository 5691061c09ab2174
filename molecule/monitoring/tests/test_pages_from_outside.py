# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The status pages as the Internet has them, over IPv4 and IPv6: with a certificate for their name, and only they."""

from __future__ import annotations

import http.client
import json
import socket
import ssl
from collections.abc import Callable
from pathlib import Path

import pytest
from pebble import authority
from steps import playbook
from testinfra.host import Host

ROOT = Path(__file__).parents[3]
CA = ROOT / ".lab/keys/ca.pem"
NAME = "status.molecule.example"
FRONTEND = ("198.51.100.200", "2001:db8:2::200")
#: Of this namespace, and of no network of the platform or of its management.
OUTSIDE = ("198.18.0.7", "fd77::1")
FAMILIES = list(zip(FRONTEND, OUTSIDE, strict=True))
#: SSH, the backup server, the package cache, Prometheus, Alertmanager, exporters, results of checks.
INSIDE = (22, 3142, 8000, 9090, 9093, 9100, 9115, 9990)


class Connection(http.client.HTTPSConnection):
    """A visitor who was sent to an address by the name, and believes one CA only."""

    def __init__(self, address: str, source: str, name: str = NAME, ca: Path = CA) -> None:
        super().__init__(name, context=ssl.create_default_context(cafile=str(ca)), timeout=10)
        self.place, self.source = address, source

    def connect(self) -> None:
        plain = socket.create_connection((self.place, 443), 10, source_address=(self.source, 0))
        self.sock = self._context.wrap_socket(plain, server_hostname=self.host)


def fetched(path: str, address: str, source: str, ca: Path = CA) -> tuple[int, str]:
    connection = Connection(address, source, ca=ca)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


def is_trusted(address: str, source: str, ca: Path) -> bool:
    try:
        return fetched("/", address, source, ca)[0] == 200
    except ssl.SSLCertVerificationError:
        return False


@pytest.mark.parametrize(("address", "source"), FAMILIES)
def test_pages_have_a_certificate_for_their_name(address: str, source: str) -> None:
    status, text = fetched("/", address, source)
    assert status == 200
    assert "<h1" in text
    with pytest.raises(ssl.SSLCertVerificationError):
        Connection(address, source, "status.example.org").connect()
    connection = http.client.HTTPConnection(address, 80, timeout=10, source_address=(source, 0))
    connection.request("GET", "/checks.html", headers={"Host": NAME})
    answer = connection.getresponse()
    assert (answer.status, answer.headers["Location"]) == (308, f"https://{NAME}/checks.html")
    connection.close()


@pytest.mark.parametrize(("address", "source"), FAMILIES)
def test_what_is_for_operators_and_projects_stays_theirs(address: str, source: str) -> None:
    assert fetched("/all/", address, source)[0] == 403
    assert fetched("/projects/mon/", address, source)[0] == 401


@pytest.mark.parametrize(("address", "source"), FAMILIES)
def test_nothing_else_answers(address: str, source: str) -> None:
    for port in INSIDE:
        with pytest.raises(TimeoutError):
            socket.create_connection((address, port), 1, source_address=(source, 0)).close()


def test_operators_see_their_pages_there_as_well() -> None:
    assert fetched("/all/", FRONTEND[0], "10.77.0.1")[0] == 200


def show(**variables: object) -> None:
    """Set the pages up as the role does, with some variables of the description's folder."""
    words = ["-e", f"@{ROOT / 'molecule/monitoring/hosts.yml'}", "-e", json.dumps(variables)]
    done = playbook(str(Path(__file__).with_name("pages.yml")), *words)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_certificate_that_every_browser_knows(
    machine: Callable[[str], Host], tmp_path: Path, eventually: Callable[..., None]
) -> None:
    """From a CA of the Internet, which asks for the name over both families."""
    server = machine("svc0")
    with authority(tmp_path, FRONTEND, 3600) as public_ca:
        try:
            show(
                status_certificate_source="acme",
                certificates_acme_directory="https://198.51.100.1:14000/dir",
                certificates_acme_ca=CA.read_text(),
            )
            server.check_output("/usr/bin/ringmaster certificates renew --force")
            root = public_ca.root()

            for place in FAMILIES:
                eventually(lambda place=place: is_trusted(*place, root))
        finally:
            show()
    eventually(lambda: is_trusted(*FAMILIES[0], CA))
