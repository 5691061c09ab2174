# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The forward into a lab, for which a namespace stands: pages open by their names on loopback, nothing else does."""

from __future__ import annotations

import base64
import contextlib
import ctypes
import http.client
import http.server
import json
import os
import signal
import socket
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.ringmaster.hosting.plugins.module_utils.lab import forward
from ansible_collections.ringmaster.hosting.plugins.module_utils.lab.links import Link
from ansible_collections.ringmaster.hosting.plugins.module_utils.lab.network import LabNetwork, absent
from ansible_collections.ringmaster.hosting.plugins.module_utils.lab.run import LabError, run

ROOT = Path(__file__).resolve().parents[3]
TEMPLATE = (ROOT / "roles/lab/templates/forward.cfg.j2").read_text()
CLONE_NEWNET = 0x40000000
SITE, OUTSIDE, OTHER = "10.77.0.20", "198.18.0.7", "10.77.0.30"
STATUS = Link("status", "status pages", "status.test.example", SITE, OUTSIDE, operators="/all/", operators_address=SITE)
WEBMAIL = Link("webmail-post00", "webmail", "mail.test.example", SITE, OUTSIDE)


class Page(http.server.BaseHTTPRequestHandler):
    """Answers with what it was asked."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        body = json.dumps({"path": self.path, "from": self.client_address[0], "headers": {**self.headers}}).encode()
        if self.path.startswith("/folder"):
            self.send_response(301)
            self.send_header("Location", f"https://{self.headers['Host']}{self.path}/")
        else:
            self.send_response(200)
        self.send_header("Strict-Transport-Security", "max-age=600")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_GET

    def log_message(self, *_words: object) -> None:
        pass


@dataclass
class Site:
    """A lab's namespace with a site in it, and what is open of it."""

    name: str
    state: Path
    authorities: str
    opened: forward.Forward = field(default_factory=forward.Forward)

    def open(self, *links: Link, new_password: bool = False, authorities: str = "") -> forward.Forward:
        self.opened = forward.present(
            self.name, self.state, links, TEMPLATE, authorities or self.authorities, new_password=new_password
        )
        return self.opened

    def pids(self) -> list[int]:
        return forward._pids(forward.folder(self.state))

    def ask(self, path: str = "/", name: str = "status", **headers: str) -> tuple[int, dict[str, str], str]:
        """Ask on this machine's loopback; the name is that of a link, the host is the browser's."""
        port = self.opened.ports[name]
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        sent = {key.replace("_", "-"): value for key, value in headers.items()}
        connection.request("GET", path, headers={"Host": f"{name}.localhost:{port}", **sent})
        answer = connection.getresponse()
        return answer.status, {key.lower(): value for key, value in answer.getheaders()}, answer.read().decode()

    def raw(self, request: str) -> str:
        """Send text as it is; return what comes back, until the end."""
        with socket.create_connection(("127.0.0.1", self.opened.ports["status"]), timeout=15) as connection:
            connection.sendall(request.encode())
            connection.shutdown(socket.SHUT_WR)
            with contextlib.suppress(ConnectionResetError):
                return b"".join(iter(lambda: connection.recv(65536), b"")).decode(errors="replace")
        return ""


@contextlib.contextmanager
def inside(name: str) -> Iterator[None]:
    """Make sockets in a namespace."""
    libc = ctypes.CDLL(None, use_errno=True)
    with Path("/proc/self/ns/net").open() as own, Path(f"/run/netns/{name}").open() as other:
        assert libc.setns(other.fileno(), CLONE_NEWNET) == 0
        try:
            yield
        finally:
            assert libc.setns(own.fileno(), CLONE_NEWNET) == 0


def certificates(folder: Path) -> str:
    """Make a CA and a certificate of the site; return the CA's."""
    run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"),
            *("-keyout", str(folder / "ca.key"), "-out", str(folder / "ca.pem"), "-days", "2", "-subj", "/CN=test CA"),
        ]
    )
    run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"),
            *("-CA", str(folder / "ca.pem"), "-CAkey", str(folder / "ca.key"), "-days", "2", "-subj", "/CN=site"),
            *("-addext", f"subjectAltName=DNS:{STATUS.host},DNS:{WEBMAIL.host}"),
            *("-addext", "basicConstraints=critical,CA:FALSE"),
            *("-keyout", str(folder / "key.pem"), "-out", str(folder / "site.pem")),
        ]
    )
    return (folder / "ca.pem").read_text()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("links")
    name = f"rm-links-{os.getpid()}"
    site = Site(name, folder / "state", certificates(folder))
    site.state.mkdir()
    run(["ip", "netns", "add", name])
    server = None
    try:
        run(["ip", "link", "set", "lo", "up"], lab=name)
        for address in (SITE, OUTSIDE, OTHER):
            run(["ip", "address", "add", f"{address}/32", "dev", "lo"], lab=name)
        with inside(name):
            server = http.server.ThreadingHTTPServer((SITE, 443), Page)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(folder / "site.pem", folder / "key.pem")
        server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        site.open(STATUS, WEBMAIL)
        yield site
    finally:
        absent(LabNetwork(name, site.state))
        if server is not None:
            server.shutdown()
            server.server_close()


@pytest.fixture
def password(site: Site) -> str:
    """Return a new password of the operators."""
    return site.open(STATUS, WEBMAIL, new_password=True).password


def basic(password: str, user: str = forward.OPERATOR) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def test_a_page_opens_by_its_name_and_the_site_sees_a_stranger(site: Site) -> None:
    status, headers, body = site.ask("/projects/x/?y=1", X_Forwarded_For="10.77.0.1", X_Real_IP="1", Forwarded="for=1")
    seen = json.loads(body)
    assert status == 200
    assert seen["path"] == "/projects/x/?y=1"
    assert seen["from"] == OUTSIDE
    assert seen["headers"]["host"] == "status.test.example"
    assert not {"x-forwarded-for", "x-real-ip", "forwarded"} & {*map(str.lower, seen["headers"])}
    assert "strict-transport-security" not in headers
    assert json.loads(site.ask(name="webmail-post00")[2])["headers"]["host"] == "mail.test.example"


def test_a_form_of_a_page_comes_from_the_site_and_a_strangers_from_the_stranger(site: Site) -> None:
    """Sites take forms from their own pages only, and compare the Origin that a browser says with their name."""
    port = site.opened.ports["status"]

    def arrives(origin: str, **headers: str) -> str:
        return json.loads(site.ask(Origin=origin, **headers)[2])["headers"]["origin"]

    own = f"http://status.localhost:{port}"
    assert arrives(own) == "https://status.test.example"
    assert arrives(f"http://127.0.0.1:{port}", Host=f"127.0.0.1:{port}") == "https://status.test.example"
    strangers = ("null", "https://evil.example", f"{own}.evil.example", f"http://127.0.0.1:{port}")
    for origin in (*strangers, f"https://status.localhost:{port}", "http://status.localhost", own.upper()):
        assert arrives(origin) == origin


def test_a_redirect_stays_at_the_link(site: Site) -> None:
    assert site.ask("/folder/a")[1]["location"] == "/folder/a/"


@pytest.mark.parametrize("host", ["127.0.0.1:{}", "localhost:{}", "[::1]:{}", "STATUS.localhost:{}", "localhost"])
def test_a_browser_that_knows_no_such_names_has_another_way(site: Site, host: str) -> None:
    assert site.ask(Host=host.format(site.opened.ports["status"]))[0] == 200


@pytest.mark.parametrize(
    "host",
    ["evil.example", "status.test.example", "status.localhost.evil.example", "other.localhost", "", "."],
)
def test_other_names_get_nothing(site: Site, host: str) -> None:
    """So a stranger's site whose name points here, or comes to do so, reads no page."""
    status, _headers, body = site.ask(Host=host)
    assert status == 421
    assert body == "Only status.localhost, localhost, 127.0.0.1, [::1] are here.\n"


@pytest.mark.parametrize(
    "request_line",
    [
        "CONNECT status.localhost:443 HTTP/1.1",
        "CONNECT 10.77.0.30:22 HTTP/1.1",
        "GET http://status.localhost/ HTTP/1.1",
        "GET https://status.test.example/ HTTP/1.1",
        "GET http://10.77.0.30/ HTTP/1.1",
        "OPTIONS * HTTP/1.1",
        "PRI * HTTP/2.0",
    ],
)
def test_it_is_no_proxy(site: Site, request_line: str) -> None:
    target = request_line.split()[1].removeprefix("http://").removeprefix("https://").strip("/")
    for host in ("status.localhost", target):
        answer = site.raw(f"{request_line}\r\nHost: {host}\r\nConnection: close\r\n\r\n")
        assert answer.startswith("HTTP/1.1 400 "), answer


def test_a_request_that_wants_another_protocol_is_refused(site: Site) -> None:
    assert site.raw("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").startswith("HTTP/1.1 400 ")


@pytest.mark.parametrize(
    "lines",
    [
        ["Host: evil.example", "Host: status.localhost"],
        ["Host: status.localhost", "Host: evil.example"],
        ["Host: status.localhost", "Content-Length: 5", "Transfer-Encoding: chunked"],
        ["Host : status.localhost"],
    ],
)
def test_what_two_programs_might_read_differently_is_refused(site: Site, lines: list[str]) -> None:
    answer = site.raw("\r\n".join(["POST / HTTP/1.1", *lines, "Connection: close", "", "0", "", ""]))
    # A length beside chunks is dropped, as RFC 9112 says, and never passed on.
    assert answer.startswith("HTTP/1.1 400 ") or '"content-length"' not in answer


def test_a_browser_that_speaks_tls_is_told_at_once(site: Site) -> None:
    context = ssl._create_unverified_context()
    with (
        socket.create_connection(("127.0.0.1", site.opened.ports["status"]), timeout=10) as plain,
        pytest.raises(ssl.SSLError),
    ):
        context.wrap_socket(plain, server_hostname="status.localhost")


def test_operators_pages_want_the_password(site: Site, password: str) -> None:
    status, headers, _body = site.ask("/all/")
    assert (status, headers["www-authenticate"]) == (401, 'Basic realm="Operators of the lab"')
    for wrong in ("", "x", password.swapcase(), password + "x"):
        assert site.ask("/all/x.html", Authorization=basic(wrong))[0] == 401
    assert site.ask("/all/", Authorization=basic(password, "root"))[0] == 401
    status, _headers, body = site.ask("/all/x.html", Authorization=basic(password))
    seen = json.loads(body)
    assert status == 200
    # Asked from a management network now; the password stays here.
    assert seen["from"] == SITE
    assert "authorization" not in map(str.lower, seen["headers"])


@pytest.mark.parametrize("path", ["//all/", "/./all/", "/%61ll/", "/x/../all/", "/all", "/ALL/"])
def test_other_spellings_of_their_path_are_asked_for_as_a_stranger_does(site: Site, path: str) -> None:
    """The site itself refuses strangers, whatever it takes for the path."""
    status, _headers, body = site.ask(path)
    assert status == 200
    assert json.loads(body)["from"] == OUTSIDE


def test_passwords_of_the_sites_own_go_through(site: Site) -> None:
    assert json.loads(site.ask("/projects/x/", Authorization=basic("y", "bob"))[2])["headers"]["authorization"]


def test_a_second_run_changes_nothing_and_prints_no_password(site: Site) -> None:
    before, ports = site.pids(), site.opened.ports
    again = site.open(STATUS, WEBMAIL)
    assert len(before) == 1
    assert (site.pids(), again.ports, again.password) == (before, ports, "")


def test_a_new_password_ends_the_old_one_and_ports_stay(site: Site, password: str) -> None:
    ports = site.opened.ports
    new = site.open(STATUS, WEBMAIL, new_password=True)
    assert new.ports == ports
    assert site.ask("/all/", Authorization=basic(password))[0] == 401
    assert site.ask("/all/", Authorization=basic(new.password))[0] == 200
    kept = "".join(path.read_text() for path in forward.folder(site.state).iterdir())
    assert new.password not in kept


def test_what_comes_and_goes_in_the_description(site: Site) -> None:
    port = site.opened.ports["status"]
    assert site.open(STATUS).ports == {"status": port}
    assert len(site.pids()) == 1
    again = site.open(WEBMAIL, STATUS)
    assert again.ports["status"] == port
    assert site.ask()[0] == 200
    assert site.ask(name="webmail-post00")[0] == 200


@pytest.mark.parametrize("signal_number", [signal.SIGKILL, signal.SIGTERM])
def test_who_is_killed_comes_back(site: Site, signal_number: int) -> None:
    ports = site.opened.ports
    for pid in site.pids():
        os.kill(pid, signal_number)
    assert site.open(STATUS, WEBMAIL).ports == ports
    assert site.ask()[0] == 200
    assert len(site.pids()) == 1


def test_two_labs_at_once(site: Site, tmp_path: Path) -> None:
    other = Site(site.name, tmp_path / "other", site.authorities)
    other.state.mkdir()
    link = Link("status.b", "status pages", STATUS.host, SITE)
    try:
        other.open(link)
        assert not {*other.opened.ports.values()} & {*site.opened.ports.values()}
        assert other.ask(name="status.b")[0] == 200
        # A name of one lab is none of the other.
        assert other.ask(name="status.b", Host="status.localhost")[0] == 421
    finally:
        assert forward.stop(other.state) == ["links"]
    assert site.ask()[0] == 200


def test_it_has_no_rights_and_no_network_but_the_labs(site: Site) -> None:
    (pid,) = site.pids()
    status = dict(
        line.split(":\t", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines() if ":\t" in line
    )
    assert "0" not in status["Uid"].split()
    assert int(status["CapEff"], 16) == 0
    assert Path(f"/proc/{pid}/root").readlink() == Path("/var/lib/haproxy")
    assert Path(f"/proc/{pid}/ns/net").stat().st_ino == Path(f"/run/netns/{site.name}").stat().st_ino
    listening = run(["ss", "-Hltn"]).stdout
    for port in site.opened.ports.values():
        local = {line.split()[3] for line in listening.splitlines() if line.split()[3].endswith(f":{port}")}
        assert local <= {f"127.0.0.1:{port}", f"[::1]:{port}"}
        assert local
    # And in the lab nobody listens there.
    assert f":{port} " not in run(["ss", "-Hltn"], lab=site.name).stdout


@pytest.mark.parametrize(
    ("spoil", "code"),
    [
        (lambda folder: {"authorities": certificates(folder)}, 503),
        (lambda folder: {"link": Link("status", "", "other.test.example", SITE)}, 503),
        (lambda folder: {"link": Link("status", "", STATUS.host, OTHER)}, 503),
        (lambda folder: {"link": Link("status", "", STATUS.host, SITE, is_verified=False)}, 200),
    ],
    ids=["another CA", "another name", "nobody there", "not to be verified"],
)
def test_only_the_site_itself_is_believed(
    site: Site, tmp_path: Path, spoil: Callable[[Path], dict[str, Any]], code: int
) -> None:
    spoilt = spoil(tmp_path)
    site.open(spoilt.pop("link", STATUS), **spoilt)
    try:
        status, _headers, body = site.ask()
    finally:
        site.open(STATUS, WEBMAIL)
    assert status == code
    assert code == 200 or body == "The machine in the lab does not answer: 'make status' may tell why.\n"


def test_a_configuration_that_is_refused_is_told(site: Site) -> None:
    with pytest.raises(LabError, match=r"(?s)the links cannot be opened: haproxy .*no_such_word"):
        forward.present(site.name, site.state, [STATUS], TEMPLATE + "no_such_word\n", site.authorities)
    site.open(STATUS, WEBMAIL)


def test_a_namespace_that_was_made_again_gets_a_process_of_its_own(site: Site, tmp_path: Path) -> None:
    name = f"{site.name}b"
    other = Site(name, tmp_path / "again", site.authorities)
    other.state.mkdir()
    try:
        run(["ip", "netns", "add", name])
        other.open(STATUS)
        before = other.pids()
        run(["ip", "netns", "del", name])
        run(["ip", "netns", "add", name])
        assert forward.running(name, other.state) is None
        other.open(STATUS)
        assert len(other.pids()) == 1
        assert other.pids() != before
        # And it goes with the lab also when the namespace went behind its back.
        run(["ip", "netns", "del", name])
        assert "links" in absent(LabNetwork(name, other.state))
        assert other.pids() == []
    finally:
        forward.stop(other.state)
        run(["ip", "netns", "del", name], check=False)


def test_it_goes_with_the_lab(site: Site, tmp_path: Path) -> None:
    name = f"{site.name}c"
    other = Site(name, tmp_path / "down", site.authorities)
    other.state.mkdir()
    run(["ip", "netns", "add", name])
    other.open(STATUS)
    network = LabNetwork(name, other.state)
    assert "links" in absent(network, dry_run=True)
    assert len(other.pids()) == 1
    assert "links" in absent(network)
    assert other.pids() == []
    with pytest.raises(ConnectionRefusedError):
        other.ask()
    assert "links" not in absent(network)


def test_a_browser_opens_it_by_name(site: Site, tmp_path: Path) -> None:
    url = f"http://status.localhost:{site.opened.ports['status']}/"
    done = subprocess.run(
        [
            *("chromium", "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path}"),
            *("--virtual-time-budget=5000", "--dump-dom", url),
        ],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert "status.test.example" in done.stdout, done.stdout + done.stderr
