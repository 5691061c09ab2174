# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Machines on loopback that answer by HTTP whatever they like, and a good one among them."""

from __future__ import annotations

import contextlib
import gzip
import itertools
import json
import socket
import socketserver
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from ringmaster.status import answers, main, sources
from status_samples import HOST, described, results

Send = Callable[[bytes], None]
GOOD = json.dumps(results(*HOST)).encode()
OK = b"HTTP/1.0 200 OK\r\nContent-Type: application/json\r\n\r\n"


def slowly(send: Send) -> None:
    for byte in OK + GOOD:
        send(bytes([byte]))
        time.sleep(0.2)


def endlessly(content: bytes) -> Callable[[Send], None]:
    def answer(send: Send) -> None:
        send(content[:20])
        while True:
            send(content[20:] * 100)

    return answer


def silently(_send: Send) -> None:
    time.sleep(30)


def plain(content: bytes) -> Callable[[Send], None]:
    return lambda send: send(content)


def body(content: bytes, *headers: str) -> Callable[[Send], None]:
    head = "".join(f"{header}\r\n" for header in headers)
    return plain(b"HTTP/1.1 200 OK\r\n" + head.encode() + b"\r\n" + content)


MANY = [{"component": "a", "check": f"c{number}", "status": 0, "output": "", "since": 1} for number in range(15_000)]
LATE = "timed out"
AGREED = sources.NOT_AGREED
HOSTILE: dict[str, tuple[Callable[[Send], None], str]] = {
    "slow bytes": (slowly, LATE),
    "silence": (silently, LATE),
    "endless body": (endlessly(OK + b"[" * 1000), f"{AGREED}it is longer than 1024 KiB"),
    "endless spaces": (endlessly(OK + b" " * 1000), f"{AGREED}it is longer than 1024 KiB"),
    "endless header": (
        endlessly(b"HTTP/1.0 200 OK\r\nX: " + b"x" * 1000),
        f"{AGREED}its headers are longer than 16 KiB",
    ),
    "endless headers": (
        endlessly(b"HTTP/1.0 200 OK\r\n" + b"X: y\r\n" * 200),
        f"{AGREED}its headers are longer than 16 KiB",
    ),
    "endless greetings": (
        endlessly(b"HTTP/1.1 100 Continue\r\n\r\n"),
        f"{AGREED}its status is 100",
    ),
    "gzip bomb": (
        body(gzip.compress(b" " * 20_000_000), "Content-Encoding: gzip"),
        f"{AGREED}it is encoded, and plain text was asked for",
    ),
    "chunks": (
        body(b"ffffffffffffffff\r\n" + GOOD, "Transfer-Encoding: chunked"),
        f"{AGREED}it is encoded, and plain text was asked for",
    ),
    "length of another": (body(GOOD, "Content-Length: 9999999"), f"{AGREED}it is longer than 1024 KiB"),
    "length that is none": (body(GOOD, "Content-Length: -1"), f"{AGREED}its length is no number"),
    "two lengths": (body(GOOD, "Content-Length: 2", "Content-Length: 3"), f"{AGREED}its length is no number"),
    "shorter than it says": (body(GOOD, "Content-Length: 99999"), f"{AGREED}it is shorter than it says"),
    "hangs up": (plain(b""), f"{AGREED}it ends within its headers"),
    "no HTTP": (plain(b"SSH-2.0-OpenSSH\r\n\r\n"), f"{AGREED}it is no HTTP"),
    "HTTP 0.9": (plain(GOOD + b"\r\n\r\n"), f"{AGREED}it is no HTTP"),
    "error": (plain(b"HTTP/1.0 500 \x1b[31m\r\n\r\n" + GOOD), f"{AGREED}its status is 500"),
    "deep": (body(b"[" * 900_000), f"{AGREED}it is nested too deeply"),
    "many checks": (
        body(json.dumps({"time": 1, "checks": MANY[:9000]}).encode()),
        f"{AGREED}there are more than 1000 checks",
    ),
    "a million zeros": (body(b"[" + b"0," * 500_000 + b"0]"), f"{AGREED}it has more than 100000 parts"),
    "infinite": (body(b'{"time": 1e999, "checks": []}'), f"{AGREED}it has a number that is too large"),
    "half a character": (
        body(json.dumps(results({**HOST[0], "output": "\ud83d"})).encode()),
        f"{AGREED}it has characters that cannot be shown",
    ),
}


class Machines:
    """Listeners on loopback, each a thread."""

    def __init__(self) -> None:
        self.servers: list[socketserver.ThreadingTCPServer] = []
        self.asked: list[bytes] = []

    def start(self, answer: Callable[[Send], None]) -> str:
        asked = self.asked

        class Handler(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                asked.append(self.request.recv(4096))
                with contextlib.suppress(OSError):
                    answer(self.request.sendall)

        socketserver.ThreadingTCPServer.daemon_threads = True
        server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
        server.block_on_close = False
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        self.servers.append(server)
        return f"127.0.0.1:{server.server_address[1]}"


@pytest.fixture
def machines(monkeypatch: pytest.MonkeyPatch) -> Iterator[Machines]:
    monkeypatch.setattr(sources, "MACHINE_TIMEOUT", 1.0)
    found = Machines()
    yield found
    for server in found.servers:
        server.shutdown()
        server.server_close()


def test_each_hostile_machine_is_told_of_and_the_good_one_is_heard(machines: Machines) -> None:
    asked = {name: machines.start(answer) for name, (answer, _told) in HOSTILE.items()}
    asked["good"] = machines.start(plain(OK + GOOD))
    begun = time.monotonic()
    found = sources.results(asked.items())
    assert time.monotonic() - begun < 10
    assert found.pop("good") == answers.results(json.loads(GOOD))
    assert found == {name: told for name, (_answer, told) in HOSTILE.items()}


@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
def test_a_redirect_is_told_and_not_followed(machines: Machines, code: int) -> None:
    good = machines.start(plain(OK + GOOD))
    redirect = f"HTTP/1.1 {code} Found\r\nLocation: http://{good}/checks.json\r\nContent-Length: 0\r\n\r\n"
    found = sources.results([("evil", machines.start(plain(redirect.encode())))])
    assert found == {"evil": f"{AGREED}its status is {code}, and redirects are not followed"}
    assert len(machines.asked) == 1


def test_proxies_of_the_environment_are_not_asked(machines: Machines, monkeypatch: pytest.MonkeyPatch) -> None:
    proxy = machines.start(plain(OK + b"{}"))
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://{proxy}")
    monkeypatch.delenv("no_proxy", raising=False)
    good = machines.start(plain(OK + GOOD))
    assert isinstance(sources.results([("good", good)])["good"], dict)
    assert f"Host: {good}".encode() in machines.asked[0] and len(machines.asked) == 1


def test_many_slow_machines_cost_one_time_limit(machines: Machines) -> None:
    slow, good = machines.start(slowly), machines.start(plain(OK + GOOD))
    begun = time.monotonic()
    found = sources.results([*((f"slow{number}", slow) for number in range(100)), ("good", good)])
    assert isinstance(found["good"], dict) and found["slow99"] == LATE
    assert time.monotonic() - begun < 5


def test_answers_in_pieces_and_over_a_kept_connection_are_whole(machines: Machines) -> None:
    def pieces(send: Send) -> None:
        for piece in itertools.batched(OK + GOOD, 50) if hasattr(itertools, "batched") else [OK, GOOD[:99], GOOD[99:]]:
            send(bytes(piece))

    def kept(send: Send) -> None:
        send(b"HTTP/1.1 200 OK\r\ncontent-LENGTH:  %d \r\nConnection: keep-alive\r\n\r\n" % len(GOOD) + GOOD)
        time.sleep(5)

    found = sources.results([("pieces", machines.start(pieces)), ("kept", machines.start(kept))])
    assert found["pieces"] == found["kept"] == answers.results(json.loads(GOOD))


def test_odd_addresses_are_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        closed = f"127.0.0.1:{server.getsockname()[1]}"
    found = sources.results([("closed", closed), ("odd", "no address"), ("none", ""), ("port", "127.0.0.1:99999")])
    assert found["closed"] == "Connection refused"
    assert all(isinstance(answer, str) and answer for answer in found.values())


def test_a_hypervisor_speaks_of_its_own_vms_only(machines: Machines, monkeypatch: pytest.MonkeyPatch) -> None:
    waits = {"pending_restart": [{"field": "cores", "live": 1, "wanted": 2, "reason": "cold"}]}
    said = {"time": 1, "error": "", "vms": {"myapp00": waits, "shop00": waits, "other": waits}}
    platform: dict[str, Any] = described()
    platform["projects"][1]["vms"][0]["hypervisor"] = "hv1"
    platform["machines"][0]["results"] = machines.start(body(json.dumps(said).encode()))
    assert main.of_hypervisors(platform) == {"myapp00": waits}


def test_the_program_goes_on_with_every_machine_hostile(machines: Machines, tmp_path: Path) -> None:
    platform = described()
    hostile = itertools.cycle([machines.start(answer) for answer, _told in HOSTILE.values()])
    for machine in [*platform["machines"], *(vm for project in platform["projects"] for vm in project["vms"])]:
        machine["results"] = next(hostile)
    prometheus = machines.start(endlessly(OK + b'{"status": "success", "data": {"result": [' + b"[" * 9000))
    (tmp_path / "platform.json").write_text(json.dumps(platform))
    words = ["--description", str(tmp_path / "platform.json"), "--folder", str(tmp_path)]
    assert main.main([*words, "--prometheus", f"http://{prometheus}"]) == 0
    found = json.loads((tmp_path / "site/projects/shop/shop00.json").read_text())
    assert "did not answer as agreed" in found["trouble"] or "Prometheus" in found["trouble"]
