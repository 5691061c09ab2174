# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates over ACME, from pebble: the first issue, renewal with the timer's unit, and a CA that is gone."""

from __future__ import annotations

import json
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pebble import Authority, authority
from steps import check_of
from testinfra.host import Host

NAME = "acme.web.example"
STORE = f"/etc/ringmaster/certificates/{NAME}"
VERSIONS = f"/etc/ringmaster/certificates/versions/{NAME}"
UNIT = "ringmaster-certificates.service"
# A third of it is left when it is renewed.
LIFE = 75


@pytest.fixture(scope="module")
def gateway(machine: Callable[[str], Host]) -> Host:
    """Return the machine with the web gateway."""
    return machine("web00")


@pytest.fixture(scope="module")
def addresses(hostvars: dict[str, dict[str, Any]]) -> tuple[str, str]:
    return hostvars["web00"]["ringmaster_fe_ipv4"], hostvars["web00"]["ringmaster_fe_ipv6"]


@pytest.fixture(scope="module")
def public_ca(addresses: tuple[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Authority]:
    """Return a CA that runs."""
    with authority(tmp_path_factory.mktemp("pebble"), addresses, LIFE) as found:
        yield found


def served(address: str, name: str = NAME, root: Path | None = None) -> dict[str, Any]:
    """Return the certificate that a visitor gets and finds good; raises ssl.SSLError otherwise."""
    context = ssl.create_default_context(cafile=str(root) if root else None)
    with (
        socket.create_connection((address, 443), 10) as plain,
        context.wrap_socket(plain, server_hostname=name) as connection,
    ):
        found = connection.getpeercert()
        assert found
        return found


def trusted(address: str, root: Path) -> bool:
    try:
        served(address, root=root)
    except ssl.SSLCertVerificationError:
        return False
    return True


def meta(gateway: Host) -> dict[str, Any]:
    return json.loads(gateway.check_output(f"cat {STORE}/meta.json"))


def age_check(gateway: Host) -> dict[str, Any]:
    return check_of(gateway, "certificates/age")


def test_before_the_first_issue_it_is_self_signed(gateway: Host, addresses: tuple[str, str]) -> None:
    """The gateway came up without any CA, tried, and said why there is none."""
    assert gateway.check_output("systemctl is-enabled ringmaster-certificates.timer") == "enabled"
    assert gateway.check_output("systemctl is-active ringmaster-certificates.timer") == "active"
    assert meta(gateway)["source"] == "selfsigned"
    with pytest.raises(ssl.SSLError, match="self-signed"):
        served(addresses[0])
    # Why is kept for the check, which waits a while before it warns.
    state = json.loads(gateway.check_output(f"cat {VERSIONS}/acme.json"))
    assert "refused" in state["reason"]


def test_issue(
    gateway: Host, addresses: tuple[str, str], public_ca: Authority, eventually: Callable[..., None]
) -> None:
    master = gateway.check_output("systemctl show -P MainPID nginx")
    # What failed pauses; an operator who has repaired the cause does not wait.
    done = gateway.run("/usr/bin/ringmaster certificates renew --force")
    assert done.rc == 0, done.stderr
    assert f"issue {NAME}: not issued yet" in done.stdout
    assert "reload nginx.service" in done.stdout
    root = public_ca.root()
    # The old workers answer until the new ones have started.
    eventually(lambda: trusted(addresses[0], root))
    for address in addresses:
        names = {value for kind, value in served(address, root=root)["subjectAltName"] if kind == "DNS"}
        assert names == {NAME, f"www.{NAME}"}
    served(addresses[0], f"www.{NAME}", root)
    # Reloaded, not restarted; the account's key and the certificate's key are root's and nginx's.
    assert gateway.check_output("systemctl show -P MainPID nginx") == master
    assert gateway.check_output(f"stat -Lc %a:%U {STORE}/privkey.pem") == "640:root"
    assert gateway.run("sudo -u s-web find /var/lib/ringmaster/acme/account -name private_key.json").stdout == ""


def test_renewal_by_the_timer_loses_no_visitor(
    gateway: Host, addresses: tuple[str, str], public_ca: Authority, eventually: Callable[..., None]
) -> None:
    before = meta(gateway)
    assert gateway.check_output(f"systemctl start {UNIT}; systemctl show -P Result {UNIT}") == "success"
    assert meta(gateway) == before, "renewed before it was due"
    due = before["not_after"] - (before["not_after"] - before["not_before"]) / 3
    time.sleep(max(0.0, due - time.time() + 1))
    root = public_ca.root()
    serials: list[str] = []
    failures: list[OSError] = []
    is_over = threading.Event()

    def visit() -> None:
        while not is_over.is_set():
            try:
                serials.append(served(addresses[0], root=root)["serialNumber"])
            except OSError as error:
                failures.append(error)

    visitor = threading.Thread(target=visit)
    visitor.start()
    try:
        # What the timer starts.
        gateway.check_output(f"systemctl start {UNIT}")
        assert meta(gateway)["fingerprint"] != before["fingerprint"]
        eventually(lambda: len(set(serials)) == 2)
    finally:
        is_over.set()
        visitor.join()
    assert failures == []
    assert len(set(serials)) == 2
    assert gateway.check_output(f"ls {VERSIONS} | wc -l") == "1"


def test_a_ca_that_is_gone_is_told_and_does_no_harm(gateway: Host, addresses: tuple[str, str]) -> None:
    """Fixtures of a module end last, so it asks at a port where there is none."""
    gateway.check_output("sed -i.orig s/:14000/:14009/ /etc/ringmaster/certificates/acme.ini")
    good = meta(gateway)
    try:
        # As if it were due: 10 s of a life of 1,010 s are left.
        now = round(time.time())
        changed = json.dumps({**good, "not_before": now - 1000, "not_after": now + 10})
        gateway.check_output(f"cp {STORE}/meta.json /root/meta.json; echo '{changed}' > {STORE}/meta.json")
        done = gateway.run("/usr/bin/ringmaster certificates renew")
        assert done.rc == 1
        assert NAME in done.stderr
        # It pauses: nothing is asked twice.
        assert gateway.run("/usr/bin/ringmaster certificates renew").rc == 0
        check = age_check(gateway)
        assert check["status"] == 2
        assert f"{NAME} expires in 0.0 days" in check["output"]
        assert "refused" in check["output"]
        with pytest.raises(ssl.SSLError, match="verify failed"):
            served(addresses[0])  # it is still served, by a CA that this visitor does not know
    finally:
        gateway.check_output(f"mv /root/meta.json {STORE}/meta.json")
        gateway.check_output("mv /etc/ringmaster/certificates/acme.ini.orig /etc/ringmaster/certificates/acme.ini")


@pytest.fixture(scope="module", autouse=True)
def leave_a_long_one(
    gateway: Host, addresses: tuple[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[None]:
    """Leave a certificate that lasts, so that the checks of other tests are good."""
    yield
    folder = tmp_path_factory.mktemp("last")
    with authority(folder, addresses, 90 * 86400):
        # This CA does not know the account that the other one had.
        gateway.check_output(f"rm -rf {VERSIONS}/acme.json {STORE}/meta.json /var/lib/ringmaster/acme/account/accounts")
        gateway.check_output("/usr/bin/ringmaster certificates renew --force")
