# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The web gateway (web00) with two members (web01, web02), as visitors, its project and an attacker see it."""

from __future__ import annotations

import base64
import functools
import json
import os
import re
import shlex
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from steps import check_of, checks_of
from testinfra.host import Host

ROOT = Path(__file__).parents[3]
CA = ROOT / ".lab/keys/ca.pem"
NGINX = "/etc/local/nginx"
HAPROXY = "/etc/local/haproxy"
FAMILIES = pytest.mark.parametrize("family", ["ipv4", "ipv6"])
Eventually = Callable[..., None]
Machine = Callable[[str], Host]


@pytest.fixture(scope="module")
def gateway(machine: Machine) -> Host:
    """Return the machine with the web gateway."""
    return machine("web00")


class Outside:
    """A visitor from the Internet."""

    def __init__(self, variables: dict[str, Any]) -> None:
        self.addresses = {family: variables[f"ringmaster_fe_{family}"] for family in ("ipv4", "ipv6")}

    def curl(self, url: str, *more: str, family: str = "ipv4") -> tuple[int, dict[str, str], str]:
        """Return code, headers in lower case, and body. The certificate must be good."""
        name, address = url.split("/")[2], self.addresses[family]
        where = f"[{address}]" if ":" in address else address
        resolve = [word for port in (80, 443) for word in ("--resolve", f"{name}:{port}:{where}")]
        done = subprocess.run(
            ["curl", "-sS", "--max-time", "10", "--cacert", str(CA), *resolve, "-D-", *more, url],
            capture_output=True,
            check=False,
        )
        if done.returncode:
            raise ConnectionError(done.stderr.decode().strip())
        head, _, body = done.stdout.decode().partition("\r\n\r\n")
        status, *lines = head.split("\r\n")
        headers = {key.lower(): value for key, value in (line.split(": ", 1) for line in lines)}
        return int(status.split()[1]), {**headers, "": status}, body

    def code(self, url: str, *more: str) -> int:
        """Return the code only; 0 when there is no answer."""
        try:
            return self.curl(url, *more)[0]
        except ConnectionError:
            return 0


@pytest.fixture(scope="module")
def outside(hostvars: dict[str, dict[str, Any]]) -> Outside:
    """Return a visitor."""
    return Outside(hostvars["web00"])


def put(host: Host, path: str, text: str) -> None:
    """Write a file as the service user does."""
    host.check_output(f"sudo -u s-web sh -c {shlex.quote(f'printf %s {shlex.quote(text)} > {path}')}")


PARTS = {"nginx": "nginx", "haproxy": "webgateway"}
"""What the machine's program calls who converges a daemon."""


def refused(host: Host, daemon: str) -> dict[str, str]:
    return json.loads(host.check_output(f"cat /var/lib/ringmaster/{daemon}.json"))["refused"]


@pytest.fixture
def empty_inboxes(gateway: Host, eventually: Eventually) -> Iterator[None]:
    yield
    gateway.check_output(f"rm -f {NGINX}/*.conf {HAPROXY}/*.cfg")
    for component in ("nginx", "haproxy"):
        eventually(lambda component=component: refused(gateway, component) == {})
        eventually(lambda component=component: gateway.check_output(f"ls /etc/ringmaster/{component}/accepted") == "")


@FAMILIES
def test_static_page_over_https(outside: Outside, family: str) -> None:
    code, headers, body = outside.curl("https://static.web.example/", "--http2", family=family)
    assert (code, body) == (200, "a static page\n")
    assert headers[""].startswith("HTTP/2")
    assert headers["strict-transport-security"] == "max-age=31536000"
    assert headers["server"] == "nginx"
    assert outside.curl("https://www.web.example/none", family=family)[::2] == (404, "our own page\n")


@FAMILIES
def test_http_leads_to_https(outside: Outside, family: str) -> None:
    code, headers, _body = outside.curl("http://static.web.example/a?b=c", family=family)
    assert (code, headers["location"]) == (301, "https://static.web.example/a?b=c")
    code, headers, _body = outside.curl("https://moved.web.example/a?b=c", family=family)
    assert (code, headers["location"]) == (301, "https://static.web.example/a?b=c")


@pytest.mark.contract("data go there and back over IPv4 and IPv6")
@FAMILIES
def test_application_behind_haproxy_sees_the_visitor(outside: Outside, family: str) -> None:
    members = set()
    for _number in range(6):
        answer = outside.curl("https://app.web.example/x", "-H", "X-Forwarded-For: 192.0.2.66", family=family)[2]
        told = json.loads(answer)
        members.add(told["host"])
        headers = {key.lower(): value for key, value in told["headers"].items()}
        assert (":" in headers["x-forwarded-for"]) == (family == "ipv6")
        assert headers["x-forwarded-for"] == headers["x-real-ip"] != "192.0.2.66"
        assert (headers["host"], headers["x-forwarded-proto"]) == ("app.web.example", "https")
    assert members == {"web01", "web02"}


def evil() -> list[str]:
    """Return words for curl: each header that only a gateway may write, as a visitor sends it."""
    names = yaml.safe_load((ROOT / "roles/nginx/vars/main.yml").read_text())["__nginx_not_from_visitors"]
    names += ["X-Real-IP", "X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host", "X-Forwarded-Port"]
    # As Python and PHP would read it, too.
    names += ["X_Forwarded_For", "Remote_User", "X.Forwarded.For"]
    return [word for name in names for word in ("-H", f"{name}: evil")]


KNOWN = {
    *("host", "x-real-ip", "x-forwarded-for", "x-forwarded-proto", "x-forwarded-host", "x-forwarded-port"),
    *("user-agent", "accept", "connection", "x-fine"),
}


@pytest.mark.parametrize("name", ["app", "direct"])
def test_a_visitor_does_not_pose_as_a_gateway(outside: Outside, name: str) -> None:
    url = f"https://{name}.web.example/x"
    for words in (evil(), ["--http1.1", *evil()]):
        headers = json.loads(outside.curl(url, *words, "-H", "X-Fine: yes")[2])["headers"]
        assert "evil" not in headers.values()
        told = {key.lower(): value for key, value in headers.items()}
        assert told.keys() <= KNOWN
        assert (told["x-forwarded-port"], told["x-fine"]) == ("443", "yes")


@pytest.mark.usefixtures("empty_inboxes")
def test_a_drop_in_with_headers_of_its_own_lets_nothing_through(
    gateway: Host, outside: Outside, eventually: Eventually
) -> None:
    text = "server { server_name www.web.example;\n"
    text += "location /mine/ { proxy_pass http://direct; proxy_set_header X-Mine 1; }\n"
    text += "location /snippet/ { include proxy_params; proxy_pass http://app; }\n"
    text += "location /prefix/ { proxy_pass http://app; proxy_set_header X-Forwarded-Prefix /prefix; } }\n"
    put(gateway, f"{NGINX}/mine.conf", text)
    eventually(lambda: outside.code("https://static.web.example/mine/") == 200)
    found = {}
    for place in ("mine", "snippet", "prefix"):
        answer = outside.curl(f"https://static.web.example/{place}/", *evil())[2]
        found[place] = {key.lower(): value for key, value in json.loads(answer)["headers"].items()}
        assert "evil" not in found[place].values()
        assert found[place]["x-forwarded-for"] == found[place]["x-real-ip"]
    assert (found["mine"]["x-mine"], found["prefix"]["x-forwarded-prefix"]) == ("1", "/prefix")


@pytest.mark.parametrize("name", ["app", "direct"])
def test_large_headers(outside: Outside, name: str) -> None:
    """As many as applications send, and browsers with many cookies; what is larger is refused as a whole."""
    url = f"https://{name}.web.example"
    code, _headers, body = outside.curl(f"{url}/kib/28")
    assert (code, json.loads(body)["path"]) == (200, "/kib/28")
    assert outside.code(f"{url}/kib/60") == 502
    cookies = [word for number in range(4) for word in ("-H", f"X-Long-{number}: {'x' * 7000}")]
    assert outside.code(f"{url}/x", "--http1.1", *cookies) == 200
    assert outside.code(f"{url}/x", "--http1.1", "-H", f"X-Long: {'x' * 40000}") == 400


def test_an_applications_own_error_stays_unless_said_otherwise(outside: Outside) -> None:
    for code in (404, 503):
        answer = outside.curl(f"https://app.web.example/code/{code}")
        assert (answer[0], json.loads(answer[2])["path"]) == (code, f"/code/{code}")
    assert outside.curl("https://strict.web.example/code/404")[::2] == (404, "our own page\n")
    assert json.loads(outside.curl("https://strict.web.example/code/409")[2])["path"] == "/code/409"


@pytest.mark.usefixtures("empty_inboxes")
def test_what_haproxy_refuses_shows_the_declared_page(gateway: Host, outside: Outside, eventually: Eventually) -> None:
    put(gateway, f"{HAPROXY}/deny.cfg", "backend app\n  http-request deny deny_status 404 if { path /refused }\n")
    eventually(lambda: outside.curl("https://app.web.example/refused")[::2] == (404, "our own page\n"))


def test_an_error_page_asks_for_no_password(outside: Outside) -> None:
    url = "https://people.web.example/"
    assert outside.curl(url)[::2] == (401, "come in\n")
    where = ["--resolve", f"people.web.example:443:{outside.addresses['ipv4']}"]
    head = subprocess.run(["curl", "-sSkI", *where, url], capture_output=True, text=True, check=True).stdout
    assert head.lower().count("www-authenticate:") == 1
    assert outside.curl(url, "-u", "willi:right")[0] == 200


def test_what_brings_something_is_redirected_with_it(outside: Outside) -> None:
    for url in ("http://app.web.example/form", "https://moved.web.example/form"):
        code, headers, _body = outside.curl(url, "-d", "a=b")
        assert (code, headers["location"].rpartition("/")[2]) == (308, "form")
    told = json.loads(outside.curl("https://app.web.example/form", "-H", "Transfer-Encoding: chunked", "-d", "a=b")[2])
    assert (told["method"], told["got"]) == ("POST", 3)


@pytest.mark.parametrize(
    "path",
    [
        *("internal", "internal/x", "%69nternal/x", "internal%2fx", "/internal/x", "x/../internal/x", "./internal/"),
        "internal/?a",
    ],
)
def test_who_is_refused_is_refused_however_he_writes_it(outside: Outside, path: str) -> None:
    assert outside.code(f"https://app.web.example/{path}", "--path-as-is") == 403


def test_a_path_reaches_the_application_as_it_was_written(outside: Outside) -> None:
    path = "/a%2Fb//c/../d%20e?x=%26&y=/../"
    assert json.loads(outside.curl(f"https://app.web.example{path}", "--path-as-is")[2])["path"] == path


@pytest.mark.parametrize(
    ("path", "place"),
    [
        *(("", "root"), ("a", "root"), ("ab", "root"), ("A/", "root"), ("a/", "a"), ("a/x", "a"), ("a/bc", "a")),
        *(("a/b/", "b"), ("a/b/c/d", "b"), ("exact", "exact"), ("exact/", "root"), ("Exact", "root")),
    ],
)
def test_the_longest_location_answers(outside: Outside, path: str, place: str) -> None:
    headers = outside.curl(f"https://paths.web.example/{path}")[1]
    assert headers["location"] == f"https://static.web.example/{place}"


def test_a_wildcard_is_for_one_label(outside: Outside) -> None:
    """nginx takes further labels as well, for which there is no certificate."""
    assert outside.code("https://one.strict.web.example/x") == 200
    assert outside.code("https://strict.web.example/x") == 200
    with pytest.raises(ConnectionError, match=r"subject name|certificate"):
        outside.curl("https://two.one.strict.web.example/x")


@pytest.mark.parametrize(
    "head",
    [
        "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n",
        "Content-Length: 4\r\nContent-Length: 5\r\n",
        "Transfer-Encoding: chunked, identity\r\n",
        "Host: other.example\r\n",
        "Content-Length: +4\r\n",
    ],
)
def test_what_two_servers_could_read_in_two_ways_is_refused(outside: Outside, head: str) -> None:
    context = ssl.create_default_context(cafile=str(CA))
    with socket.create_connection((outside.addresses["ipv4"], 443), 10) as plain:
        connection = context.wrap_socket(plain, server_hostname="app.web.example")
        with connection:
            connection.sendall(f"POST /x HTTP/1.1\r\nHost: app.web.example\r\n{head}\r\n0\r\n\r\n".encode())
            assert connection.recv(100).split()[1] in (b"400", b"501")


def test_uploads_end_at_the_limit(outside: Outside, tmp_path: Path) -> None:
    for mib, wanted in ((20, 200), (65, 413)):
        file = tmp_path / "upload"
        with file.open("wb") as upload:
            upload.truncate(mib << 20)
        done = outside.curl("https://direct.web.example/x", "--http1.1", "-T", str(file), "-X", "POST")
        assert done[0] == wanted
        assert wanted != 200 or json.loads(done[2])["got"] == mib << 20


def test_what_changes_something_is_not_asked_for_twice(outside: Outside) -> None:
    def done() -> int:
        told = [json.loads(outside.curl("https://direct.web.example/x")[2]) for _number in range(6)]
        return sum({one["host"]: one["vanished"] for one in told}.values())

    for name in ("app", "direct"):
        before = done()
        assert outside.code(f"https://{name}.web.example/vanish", "-d", "order=1") == 502
        assert done() == before + 1, name


def test_straight_to_the_members(outside: Outside) -> None:
    hosts = {json.loads(outside.curl("https://direct.web.example/x")[2])["host"] for _number in range(6)}
    assert hosts == {"web01", "web02"}


@pytest.mark.contract("refused to strangers")
def test_passwords_by_permission(outside: Outside) -> None:
    url = "https://app.web.example/manager/"
    found = [outside.code(url, "-u", login) for login in ("wanda:right", "wanda:wrong", "willi:right", "nobody:right")]
    assert [outside.code(url), *found] == [401, 200, 401, 401, 401]
    assert outside.code("https://app.web.example/internal/x") == 403


@FAMILIES
def test_websocket(outside: Outside, family: str) -> None:
    context = ssl.create_default_context(cafile=str(CA))
    with socket.create_connection((outside.addresses[family], 443), 10) as plain:
        connection = context.wrap_socket(plain, server_hostname="app.web.example")
        with connection:
            key = base64.b64encode(os.urandom(16)).decode()
            connection.sendall(
                f"GET /echo HTTP/1.1\r\nHost: app.web.example\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
            )
            head = b""
            while not head.endswith(b"\r\n\r\n"):
                head += connection.recv(1)
            assert head.startswith(b"HTTP/1.1 101")
            connection.sendall(b"\x81\x85\x00\x00\x00\x00hello")
            assert connection.recv(100) == b"\x81\x85\x00\x00\x00\x00hello"


@FAMILIES
def test_unknown_names_get_nothing(outside: Outside, family: str) -> None:
    with pytest.raises(ConnectionError):
        outside.curl("https://other.example/", "-k", family=family)
    with pytest.raises(ConnectionError):
        outside.curl("http://other.example/", family=family)


@pytest.mark.parametrize(("versions", "works"), [("1.1", False), ("1.2", True), ("1.3", True)])
def test_old_tls_is_refused(outside: Outside, versions: str, works: bool) -> None:
    options = ["--tls-max", versions, f"--tlsv{versions}", "--ciphers", "DEFAULT@SECLEVEL=0"]
    assert (outside.code("https://static.web.example/", *options) == 200) is works


def test_listens_where_asked_and_nowhere_else(gateway: Host, hostvars: dict[str, dict[str, Any]]) -> None:
    mine = {hostvars["web00"][f"ringmaster_{net}_{family}"] for net in ("fe", "srv") for family in ("ipv4", "ipv6")}
    found: dict[str, set[str]] = {}
    for line in gateway.check_output("ss -lntpH").splitlines():
        if "nginx" in line or "haproxy" in line:
            address, port = line.split()[3].rsplit(":", 1)
            found.setdefault(port, set()).add(address.strip("[]"))
    srv = hostvars["web00"]["ringmaster_srv_ipv4"]
    assert found == {"80": mine, "443": mine, "81": {"127.0.0.1", "::1"}, "9101": {srv}}


def test_figures_on_the_server_network(hostvars: dict[str, dict[str, Any]]) -> None:
    srv = hostvars["web00"]["ringmaster_srv_ipv4"]
    for port, wanted in (
        (9113, "nginx_up 1"),
        (9101, 'haproxy_server_status{proxy="app",server="web01",state="UP"} 1'),
    ):
        argv = ["curl", "-sS", "--max-time", "10", f"http://{srv}:{port}/metrics"]
        assert wanted in subprocess.run(argv, capture_output=True, text=True, check=True).stdout


def test_addresses_are_not_logged_in_full(gateway: Host, outside: Outside) -> None:
    for family in ("ipv4", "ipv6"):
        outside.curl("https://static.web.example/", "-A", f"mark-{family}", family=family)
    log = gateway.check_output("grep mark- /var/log/nginx/static.web.example.access.log")
    assert re.search(r"^198\.51\.100\.0 .*mark-ipv4", log, re.M)
    assert re.search(r"^2001:db8:2:: .*mark-ipv6", log, re.M)
    assert gateway.run("grep -rE '198.51.100.1 |2001:db8:2::1 ' /var/log/nginx/").rc == 1


def test_keys_and_passwords_are_for_nginx_only(gateway: Host) -> None:
    folder = "/etc/ringmaster/certificates/app.web.example"
    key = gateway.file(f"{folder}/privkey.pem")
    assert (gateway.file(gateway.check_output(f"realpath {folder}/privkey.pem")).mode, key.user) == (0o640, "root")
    assert gateway.run(f"sudo -u s-web cat {folder}/privkey.pem").rc != 0
    assert gateway.run("sudo -u s-web cat /etc/ringmaster/htpasswd/login").rc != 0
    gateway.check_output(f"openssl verify {folder}/fullchain.pem")


def test_link_to_what_only_nginx_may_read_is_not_followed(gateway: Host, outside: Outside) -> None:
    gateway.check_output("sudo -u s-web ln -sf /etc/ringmaster/htpasswd/login /srv/s-web/static/secret")
    assert outside.code("https://static.web.example/secret") == 403


@pytest.mark.contract("a drop-in is taken over, and a bad one left out")
@pytest.mark.usefixtures("empty_inboxes")
def test_drop_in_of_nginx(gateway: Host, outside: Outside, eventually: Eventually) -> None:
    text = "server {\n  server_name www.web.example;\n  location /new/ { return 200 'from a drop-in;'; }\n"
    text += "  location /own/ { proxy_pass http://app; }\n}\n"
    put(gateway, f"{NGINX}/mine.conf", text)
    eventually(lambda: outside.code("https://static.web.example/new/") == 200)
    assert outside.curl("https://static.web.example/new/")[2] == "from a drop-in;"
    assert json.loads(outside.curl("https://static.web.example/own/x")[2])["path"] == "/own/x"
    gateway.check_output(f"rm {NGINX}/mine.conf")
    eventually(lambda: outside.code("https://static.web.example/new/") == 404)


@pytest.mark.contract("a drop-in is taken over, and a bad one left out")
@pytest.mark.usefixtures("empty_inboxes")
def test_bad_drop_ins_of_nginx_are_left_out(gateway: Host, outside: Outside, eventually: Eventually) -> None:
    server = "server { server_name static.web.example; %s }\n"
    put(gateway, f"{NGINX}/evil.conf", server % "location /e/ { alias /etc/; }")
    put(gateway, f"{NGINX}/twice.conf", server % "location / { return 200; }")  # only nginx itself can tell
    put(gateway, f"{NGINX}/broken.conf", "server { server_name static.web.example;")
    put(gateway, f"{NGINX}/good.conf", server % "location /good/ { return 204; }")
    gateway.check_output(f"sudo -u s-web ln -sf /etc/shadow {NGINX}/link.conf")
    eventually(lambda: set(refused(gateway, "nginx")) == {"evil.conf", "twice.conf", "broken.conf", "link.conf"})
    reasons = refused(gateway, "nginx")
    assert "below /srv" in reasons["evil.conf"]
    assert "duplicate location" in reasons["twice.conf"]
    assert "not closed" in reasons["broken.conf"]
    # nginx's new workers answer a moment after the reload.
    eventually(lambda: outside.code("https://static.web.example/good/") == 204)
    assert outside.code("https://static.web.example/e/passwd") == 404
    check = check_of(gateway, "nginx/drop-ins")
    assert (check["status"], "evil.conf" in check["output"]) == (1, True)


@pytest.mark.contract("a drop-in is taken over, and a bad one left out")
@pytest.mark.usefixtures("empty_inboxes")
def test_drop_ins_of_haproxy(gateway: Host, outside: Outside, eventually: Eventually) -> None:
    url = "https://app.web.example/x"
    put(gateway, f"{HAPROXY}/good.cfg", "backend app\n  http-response set-header X-From drop-in\n")
    put(gateway, f"{HAPROXY}/evil.cfg", "backend app\n  http-request return status 200 file /etc/passwd\n")
    put(gateway, f"{HAPROXY}/broken.cfg", "backend app\n  timeout server fast\n")  # only haproxy itself can tell
    eventually(lambda: set(refused(gateway, "haproxy")) == {"evil.cfg", "broken.cfg"})
    eventually(lambda: outside.curl(url)[1].get("x-from") == "drop-in")
    assert check_of(gateway, "webgateway/drop-ins")["status"] == 1


def test_a_member_that_dies_is_left_out(
    gateway: Host, machine: Machine, outside: Outside, eventually: Eventually
) -> None:
    machine("web01").check_output("systemctl stop app.service")
    codes = []
    try:
        end = time.monotonic() + 5
        while time.monotonic() < end:
            codes.append(outside.code("https://app.web.example/x"))
        check = check_of(gateway, "webgateway/backends")
        assert (check["status"], "web01 of app is down" in check["output"]) == (1, True)
        machine("web02").check_output("systemctl stop app.service")
        eventually(lambda: check_of(gateway, "webgateway/backends")["status"] == 2, 30)
        assert check_of(gateway, "nginx/vhosts")["status"] == 2
        # haproxy's error has the virtual host's page.
        assert outside.curl("https://app.web.example/x")[::2] == (503, "back soon\n")
        assert outside.code("https://direct.web.example/x") == 502
    finally:
        for name in ("web01", "web02"):
            machine(name).check_output("systemctl start app.service")
    assert set(codes) == {200}
    eventually(lambda: check_of(gateway, "webgateway/backends")["status"] == 0, 30)


@pytest.mark.contract("kill -9 is survived")
@pytest.mark.parametrize("service", ["nginx", "haproxy"])
def test_kill(gateway: Host, outside: Outside, eventually: Eventually, service: str) -> None:
    gateway.check_output(f"pkill -9 -x {service}")
    eventually(lambda: outside.code("https://app.web.example/x") == 200, 15)
    gateway.check_output(f"systemctl stop {service}")
    try:
        name = {"nginx": "nginx/workers", "haproxy": "webgateway/backends"}[service]
        assert check_of(gateway, name)["status"] == 2
        assert check_of(gateway, "nginx/vhosts")["status"] == 2
    finally:
        gateway.check_output(f"systemctl start {service}")
    eventually(lambda: outside.code("https://app.web.example/x") == 200)


@pytest.mark.contract("a trial start before anything is used")
def test_broken_configuration_is_told_and_does_no_harm(gateway: Host, outside: Outside) -> None:
    bad = "/etc/ringmaster/nginx/raw/bad.conf"
    gateway.check_output(f"echo 'no_such_thing on;' > {bad}")
    try:
        done = gateway.run("/usr/bin/ringmaster nginx converge")
        assert done.rc == 1
        assert "no_such_thing" in done.stderr
        assert check_of(gateway, "nginx/configuration")["status"] == 2
        assert outside.code("https://static.web.example/") == 200
        gateway.check_output(f"touch -d '10 minutes ago' {bad}; systemctl restart ringmaster-check.timer")
    finally:
        gateway.check_output(f"rm {bad}")
    assert json.loads(gateway.check_output("/usr/bin/ringmaster nginx converge"))["steps"] == []


def test_drained_member_gets_nothing_new(gateway: Host, outside: Outside) -> None:
    program = "/usr/bin/ringmaster webgateway"
    assert json.loads(gateway.check_output(f"{program} drain web01"))["changed"]
    try:
        assert not json.loads(gateway.check_output(f"{program} drain web01"))["changed"]
        hosts = {json.loads(outside.curl("https://app.web.example/x")[2])["host"] for _number in range(4)}
        assert hosts == {"web02"}
        refusal = gateway.run(f"{program} drain web02")
        assert (refusal.rc, "no member left" in refusal.stderr) == (1, True)
        assert "is no member" in gateway.run(f"{program} drain web09").stderr
        assert "web01" in check_of(gateway, "webgateway/drained")["output"]
    finally:
        gateway.check_output(f"{program} drain web01 --undo")
    assert gateway.check_output("cat /etc/ringmaster/haproxy/drained.json") == "{}"


def test_reloads_under_load_lose_nothing(gateway: Host, outside: Outside) -> None:
    """Four visitors ask within the lab, over a new connection each time; nginx and haproxy reload three times each."""
    context = ssl.create_default_context(cafile=str(CA))
    codes: list[object] = []
    is_over = threading.Event()

    def visit() -> None:
        while not is_over.is_set():
            try:
                plain = socket.create_connection((outside.addresses["ipv4"], 443), 10)
                with context.wrap_socket(plain, server_hostname="app.web.example") as connection:
                    connection.sendall(b"GET /x HTTP/1.1\r\nHost: app.web.example\r\nConnection: close\r\n\r\n")
                    answer = b"".join(iter(functools.partial(connection.recv, 65536), b""))
                codes.append(answer[9:12] if answer.endswith(b"}") else answer)
            except OSError as error:
                codes.append(error)

    visitors = [threading.Thread(target=visit) for _number in range(4)]
    for visitor in visitors:
        visitor.start()
    try:
        for number in range(3):
            for component, suffix in (("nginx", "conf"), ("haproxy", "cfg")):
                gateway.check_output(f"echo '# {number}' > /etc/ringmaster/{component}/raw/touch.{suffix}")
                told = gateway.check_output(f"ringmaster {PARTS[component]} converge")
                assert json.loads(told)["steps"] == [f"reload {component}.service"]
    finally:
        is_over.set()
        for visitor in visitors:
            visitor.join()
        for component in ("nginx", "haproxy"):
            gateway.check_output(f"rm -f /etc/ringmaster/{component}/raw/touch.*")
            gateway.check_output(f"ringmaster {PARTS[component]} converge")
    assert len(codes) > 50
    assert set(codes) == {b"200"}


def test_all_checks_are_good(gateway: Host, eventually: Eventually) -> None:
    def bad() -> list[str]:
        checks = checks_of(gateway)
        ours = [check for check in checks if check["component"] in ("nginx", "webgateway", "certificates")]
        assert len(ours) >= 9
        return [f"{check['check']}: {check['output']}" for check in ours if check["status"]]

    eventually(lambda: bad() == [], 30)
