# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is fetched for a project: its own and public addresses, judged for each connection, whatever names say."""

from __future__ import annotations

import http.server
import json
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jinja2
import pytest
from ansible_collections.ringmaster.hosting.plugins.module_utils.services import fetching
from hypothesis import given
from hypothesis import strategies as st
from ringmaster.fetch import proxy, rules

pytestmark = pytest.mark.thorough

ROLES = Path(__file__).parents[4] / "roles"
PLATFORM = {
    "ringmaster_networks": {
        "frontend": {"ipv4": "198.51.100.0/24", "ipv6": "2001:db8:2::/64"},
        "server": {"ipv4": "172.20.0.0/22", "ipv6": "2001:db8:3::/64"},
    },
    "ringmaster_management_networks": ["10.77.0.0/24", "203.0.113.0/24"],
}
MACHINES: list[dict[str, Any]] = [
    {"ringmaster_project": "myapp", "ringmaster_srv_ipv4": "172.20.1.1", "ringmaster_srv_ipv6": "2001:db8:3::1001"},
    {"ringmaster_project": "shop", "ringmaster_srv_ipv4": "172.20.1.2", "ringmaster_fe_ipv4": "198.51.100.9"},
    {"ansible_host": "203.0.114.9", "ringmaster_srv_ipv4": "172.20.0.20"},
    {"ansible_host": "hv0.example.org"},
]


def made(tmp_path: Path, **more: Any) -> rules.Rules:
    content = fetching.rules(MACHINES, PLATFORM)
    content["projects"].update(more)
    path = tmp_path / "fetch.json"
    path.write_text(json.dumps(content))
    return rules.load(path)


REFUSED = [
    *("127.0.0.1", "127.8.9.1", "0.0.0.0", "10.77.0.20", "10.1.1.1", "192.168.1.1", "172.16.0.1", "100.64.0.1"),
    *("169.254.169.254", "224.0.0.1", "255.255.255.255", "172.20.1.2", "172.20.0.20", "172.20.3.200", "203.0.113.5"),
    *("203.0.114.9", "::1", "::", "fe80::1", "fe80::1%eth0", "fd00:ec2::254", "ff02::1", "2001:db8:3::1002"),
    *("::ffff:127.0.0.1", "::ffff:169.254.169.254", "::ffff:172.20.1.2", "::127.0.0.1", "64:ff9b::7f00:1"),
    *("64:ff9b::a9fe:a9fe", "64:ff9b:1::1", "2002:7f00:1::", "2002:a9fe:a9fe::1", "2001:0:1::1", "fec0::1"),
]
FETCHED = [
    *("93.184.216.34", "2606:4700::1111", "198.51.100.9", "2001:db8:2::77", "172.20.1.1", "2001:db8:3::1001"),
    *("::ffff:172.20.1.1", "::ffff:93.184.216.34"),
]


@pytest.mark.parametrize("address", REFUSED)
def test_refused(tmp_path: Path, address: str) -> None:
    assert made(tmp_path).refusal("myapp", address, 443)


@pytest.mark.parametrize("address", FETCHED)
def test_fetched(tmp_path: Path, address: str) -> None:
    assert made(tmp_path).refusal("myapp", address, 443) == ""


def test_further_addresses_are_their_projects_and_public_ones_of_others_are_closed(tmp_path: Path) -> None:
    """On the server network the monitoring host may ask exporters: of others it must not, by whichever address."""
    networks = {**PLATFORM["ringmaster_networks"], "server_public": {"ipv4": "192.0.2.0/24", "ipv6": ""}}
    further = {"ringmaster_fe_extra_ipv4": ["198.51.100.10"], "ringmaster_srv_public_ipv4": ["192.0.2.9"]}
    content = fetching.rules([{**MACHINES[0], **further}, MACHINES[1]], {**PLATFORM, "ringmaster_networks": networks})
    path = tmp_path / "fetch.json"
    path.write_text(json.dumps(content))
    found = rules.load(path)
    assert found.refusal("myapp", "192.0.2.9", 9100) == ""
    assert found.refusal("shop", "192.0.2.9", 443)
    assert found.refusal("myapp", "192.0.2.10", 443)
    assert "198.51.100.10" in content["projects"]["myapp"]


def test_own_addresses_are_of_the_project_that_asks(tmp_path: Path) -> None:
    found = made(tmp_path)
    assert found.refusal("shop", "172.20.1.1", 80) and found.refusal("nobody", "172.20.1.1", 80)
    assert found.refusal("shop", "172.20.1.2", 80) == ""


@pytest.mark.parametrize("port", [0, 22, 25, 53, 110, 143, 445, 1023, 65536, -1])
def test_ports_of_other_services_are_refused(tmp_path: Path, port: int) -> None:
    assert "no port of web pages" in made(tmp_path).refusal("myapp", "93.184.216.34", port)


@given(st.ip_addresses(v=4))
def test_an_address_is_judged_the_same_in_each_of_its_forms(address: Any) -> None:
    found = rules.Rules(
        {},
        frozenset(),
        *[
            tuple(map(rules.ipaddress.ip_network, nets))
            for nets in (["10.77.0.0/24"], ["198.51.100.0/24"], fetching.SPECIAL.split())
        ],
    )
    assert bool(found.refusal("x", str(address), 80)) == bool(found.refusal("x", f"::ffff:{address}", 80))
    for prefix in ("64:ff9b::", "::"):
        packed = rules.ipaddress.IPv6Address(int(rules.ipaddress.IPv6Address(prefix)) + int(address))
        assert found.refusal("x", str(packed), 80)


def nft(tmp_path: Path) -> str:
    environment = jinja2.Environment(trim_blocks=True)
    environment.filters["comment"] = lambda text: f"# {text}"
    text = environment.from_string((ROLES / "monitoring/templates/fetch.nft.j2").read_text()).render(
        ansible_managed="Test", __monitoring_texts={"wall": fetching.wall(fetching.rules(MACHINES, PLATFORM))}
    )
    return text.replace('"ringmaster-fetch"', '"daemon"')


def test_the_kernel_refuses_what_is_refused_to_all(tmp_path: Path) -> None:
    """The wall behind the program: packets of its account, in a network namespace where every address is near."""
    (tmp_path / "wall.nft").write_text(nft(tmp_path))
    program = (
        "import socket, sys, os\n"
        "os.setgid(1); os.setuid(1)\n"
        "for address in sys.argv[1:]:\n"
        "    s = socket.socket(socket.AF_INET6 if ':' in address else socket.AF_INET, socket.SOCK_DGRAM)\n"
        "    s.connect((address.partition('%')[0], 4433))\n"
        "    try: s.send(b'x'); s.settimeout(0.3); s.recv(1); said = 'way'\n"
        "    except TimeoutError: said = 'way'\n"
        "    except OSError as error: said = 'wall'\n"
        "    print(address, said)\n"
    )
    near = [
        one for one in [*REFUSED, *FETCHED] if not one.startswith(("::ffff:", "fe80", "ff", "::", "0.", "224", "255"))
    ]
    script = f"""
        ip link set lo up; ip link add d0 type veth peer name d1; ip link set d0 up; ip link set d1 up
        ip addr add 192.0.2.1/32 dev d0; ip -6 addr add 2001:db8:ffff::1/128 dev d0 nodad
        ip route add default dev d0; ip -6 route add default dev d0
        nft -f {tmp_path}/wall.nft
        exec python3 -c "$1" {" ".join(near)}
    """
    done = subprocess.run(
        ["unshare", "--net", "sh", "-ec", script, "sh", program],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    said = dict(line.split() for line in done.stdout.splitlines())
    assert set(said) == set(near), done.stderr
    # To the kernel all projects are one; that an address is another project's is for the program to know.
    refused = set(near) & set(REFUSED) - {"172.20.1.2"}
    assert {one: said[one] for one in refused if said[one] != "wall"} == {}
    assert {one: said[one] for one in near if one in FETCHED and said[one] != "way"} == {}


def test_the_wall_is_for_one_account_only(tmp_path: Path) -> None:
    """Connections of others on this machine, whose answers are in part the kernel's own."""
    (tmp_path / "wall.nft").write_text(nft(tmp_path))
    program = (
        "import socket, threading\n"
        "for family, host in ((socket.AF_INET, '127.0.0.1'), (socket.AF_INET6, '::1')):\n"
        "    with socket.create_server((host, 9090), family=family) as server:\n"
        "        threading.Thread(target=lambda: server.accept()[0].sendall(b'figures'), daemon=True).start()\n"
        "        print(socket.create_connection((host, 9090), 3).recv(9))\n"
        "    try: socket.create_connection((host, 9), 3)\n"
        "    except ConnectionRefusedError: print('refused')\n"
    )
    script = f'ip link set lo up; nft -f {tmp_path}/wall.nft; exec python3 -c "$1"'
    argv = ["unshare", "--net", "sh", "-ec", script, "sh", program]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert done.stdout.split() == ["b'figures'", "refused"] * 2, done.stderr


class Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        target = self.path.partition("?to=")[2]
        self.send_response(302 if target else 200)
        if target:
            self.send_header("Location", target)
        body = f"{self.headers.get('Host')} {'Proxy-Authorization' in self.headers}".encode()
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(self.rfile.read(int(self.headers["Content-Length"])))

    def log_message(self, *_words: object) -> None:
        """Say nothing."""


@pytest.fixture
def page() -> Iterator[int]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Page) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


@pytest.fixture
def curl(tmp_path: Path) -> Iterator[Callable[..., tuple[str, str]]]:
    """Ask by the proxy as programs do, with redirects; return status and text. 127.0.0.1 is a machine of myapp here."""
    with proxy.Proxy(("127.0.0.1", 0), made(tmp_path, myapp=["127.0.0.1"])) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()

        def ask(*words: str, project: str = "myapp") -> tuple[str, str]:
            way = f"http://{project}:-@127.0.0.1:{server.server_address[1]}"
            argv = [
                "curl",
                "-sL",
                "-m",
                "20",
                "--noproxy",
                "",
                "-x",
                way,
                "-w",
                "\n%{http_code} %{http_connect}",
                *words,
            ]
            *text, code = subprocess.run(argv, capture_output=True, text=True, check=False).stdout.split("\n")
            return code, "\n".join(text)

        yield ask
        server.shutdown()


def test_a_good_page_is_fetched_and_does_not_see_the_project(curl: Callable[..., tuple[str, str]], page: int) -> None:
    assert curl(f"http://127.0.0.1:{page}/") == ("200 000", f"127.0.0.1:{page} False")
    assert curl("-p", f"http://127.0.0.1:{page}/") == ("200 200", f"127.0.0.1:{page} False")
    assert curl(f"http://127.0.0.1:{page}/?to=http://127.0.0.1:{page}/x")[0] == "200 000"
    assert curl("-d", "an alert", f"http://127.0.0.1:{page}/")[1] == "an alert"


@pytest.mark.parametrize(
    "target",
    [
        *(
            "http://127.0.0.2:9090/",
            "http://169.254.169.254/latest/meta-data",
            "http://[::1]:9090/",
            "http://10.77.0.20/",
        ),
        *(
            "http://172.20.1.2/",
            "http://localhost6:9090/",
            "http://[::ffff:127.0.0.2]:9090/",
            "http://0/",
            "http://127.2:9/",
        ),
        *(
            "http://2130706434:9090/",
            "http://0x7f.0.0.2:9090/",
            "http://[64:ff9b::a9fe:a9fe]/",
            "http://[fe80::1%25lo]/",
        ),
    ],
)
@pytest.mark.parametrize("tunnel", [False, True])
def test_a_redirect_to_others_is_refused(
    curl: Callable[..., tuple[str, str]], page: int, target: str, tunnel: bool
) -> None:
    words = ["-p"] if tunnel else []
    for url in (target, f"http://127.0.0.1:{page}/?to={target}"):
        code, text = curl(*words, url)
        assert code.split()[0] != "200" and "False" not in text
        assert tunnel or "ringmaster: " in text or code.startswith("000")


def test_who_is_no_project_fetches_nothing(curl: Callable[..., tuple[str, str]], page: int) -> None:
    assert curl(f"http://127.0.0.1:{page}/", project="shop")[0] == "403 000"
    assert curl(f"http://127.0.0.1:{page}/", project="other")[0] == "407 000"


def test_names_are_judged_by_what_they_are_and_no_second_time(
    curl: Callable[..., tuple[str, str]], page: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    real = socket.getaddrinfo

    def rebind(host: Any, port: Any, *words: Any, **more: Any) -> Any:
        if host != "rebind.example":
            return real(host, port, *words, **more)
        asked.append(host)
        address = "127.0.0.1" if len(asked) == 1 else "127.0.0.2"
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))]

    monkeypatch.setattr(proxy.socket, "getaddrinfo", rebind)
    assert curl(f"http://rebind.example:{page}/")[0] == "200 000"
    assert asked == ["rebind.example"]
    assert curl(f"http://rebind.example:{page}/")[0] == "403 000"


@pytest.mark.parametrize(
    "question",
    [
        *(b"\r\n\r\n", b"GET / HTTP/1.1\r\n\r\n", b"GET ftp://x/ HTTP/1.1\r\n\r\n", b"CONNECT x HTTP/1.1\r\n\r\n"),
        *(b"CONNECT [::1 HTTP/1.1\r\n\r\n", b"GET http://[x/ HTTP/1.1\r\n\r\n", b"\xff" * 99 + b"\r\n\r\n"),
        *(b"GET http://a:99999999/ HTTP/1.1\r\n\r\n", b"X: y\r\n" * 20_000),
    ],
)
def test_odd_questions_are_refused_and_the_next_one_answered(tmp_path: Path, page: int, question: bytes) -> None:
    with proxy.Proxy(("127.0.0.1", 0), made(tmp_path)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        with socket.create_connection(server.server_address, 10) as asking:
            asking.sendall(question)
            assert asking.recv(100).startswith(b"HTTP/1.1 4")
        server.shutdown()


def test_one_project_leaves_room_for_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server = proxy.Proxy(("127.0.0.1", 0), made(tmp_path))
    try:
        for _number in range(proxy.OF_ONE_PROJECT):
            server.enter("myapp")
        with pytest.raises(proxy.Refused):
            server.enter("myapp")
        server.enter("shop")
        server.leave("myapp")
        server.enter("myapp")
    finally:
        server.server_close()


def test_an_answer_without_an_end_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proxy, "SECONDS", 2.0)
    with (
        socket.create_server(("127.0.0.1", 0)) as slow,
        proxy.Proxy(("127.0.0.1", 0), made(tmp_path, myapp=["127.0.0.1"])) as server,
    ):
        threading.Thread(target=server.serve_forever, daemon=True).start()
        begun = time.monotonic()
        with socket.create_connection(server.server_address, 10) as asking:
            head = (
                f"CONNECT 127.0.0.1:{slow.getsockname()[1]} HTTP/1.1\r\nProxy-Authorization: Basic bXlhcHA6LQ==\r\n\r\n"
            )
            asking.sendall(head.encode())
            assert asking.recv(100).startswith(b"HTTP/1.1 200")
            assert asking.recv(100) == b""
        assert 1 < time.monotonic() - begun < 6
        server.shutdown()
