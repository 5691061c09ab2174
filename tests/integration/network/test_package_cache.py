# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A real apt-cacher-ng with the configuration of role package_cache: it is no way to what only its machine reaches."""

from __future__ import annotations

import contextlib
import functools
import http.server
import os
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path
from typing import Any

import pytest
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar, trust_as_template
from namespaces import Network

ROOT = Path(__file__).parents[3]
ROLE = ROOT / "roles/package_cache"
CACHE = shutil.which("apt-cacher-ng", path="/usr/sbin:/usr/bin") or ""
needs_cache = pytest.mark.skipif(not CACHE or os.geteuid() != 0, reason="needs package apt-cacher-ng and root")

SERVER, SECRET, MIRROR = "172.20.0.20", "10.77.0.7", "198.18.0.80"
PACKAGE = "pool/main/a/a/a_1_all.deb"
INDEX = "dists/x/Release"


@pytest.fixture(scope="module")
def network() -> Iterator[Network]:
    """Have a mirror and a machine in a management network; both answer whatever one asks."""
    made = Network(f"rmacng{os.getpid()}")
    made.add("all")
    made.batch("all", ["link set lo up", *(f"addr add {one}/32 dev lo" for one in (SERVER, SECRET, MIRROR))])
    yield made
    made.remove()


class Everything(http.server.BaseHTTPRequestHandler):
    """Answers every question with its own address, and remembers who was asked for what."""

    asked: list[tuple[str, str]] = []

    def do_GET(self) -> None:
        host = self.server.server_address[0]
        self.asked.append((str(host), self.path))
        to = f"http://{SECRET}/{PACKAGE}" if "redirected" in self.path else ""
        body = f"from {host}".encode()
        self.send_response(302 if to else 200)
        if to:
            self.send_header("Location", to)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Last-Modified", "Sun, 29 Nov 2026 07:00:00 GMT")
        self.end_headers()
        self.wfile.write(body)

    do_HEAD = do_GET

    def log_message(self, *_arguments: Any) -> None:
        pass


@pytest.fixture
def cache(network: Network, tmp_path: Path) -> Iterator[None]:
    loader = DataLoader()
    variables = loader.load_from_file(str(ROLE / "defaults/main.yml"), trusted_as_template=True)
    variables |= {"ansible_managed": "Managed", "package_cache_repositories": [f"http://{MIRROR}/more"]}
    text = (ROLE / "templates/ringmaster.conf.j2").read_text()
    folder = tmp_path / "configuration"
    shutil.copytree("/etc/apt-cacher-ng", folder, ignore=shutil.ignore_patterns("security.conf"))
    for name in ("cache", "log"):
        (tmp_path / name).mkdir()
    (folder / "zz_ringmaster.conf").write_text(
        str(Templar(loader, variables=variables).template(trust_as_template(text)))
        + f"CacheDir: {tmp_path}/cache\nLogDir: {tmp_path}/log\n"
    )
    (folder / "backends_debian").write_text(f"http://{MIRROR}/debian\n")
    Everything.asked = []
    with network.inside("all"), contextlib.ExitStack() as stack:
        for address in (SECRET, MIRROR):
            for port in (80, 8080):
                server = http.server.ThreadingHTTPServer((address, port), Everything)
                stack.callback(server.server_close)
                stack.callback(server.shutdown)
                threading.Thread(target=server.serve_forever, daemon=True).start()
        running = subprocess.Popen([CACHE, "-c", str(folder), "ForeGround=1"])
        stack.callback(running.wait)
        stack.callback(running.terminate)
        for _attempt in range(100):
            with contextlib.suppress(OSError):
                socket.create_connection((SERVER, 3142), timeout=1).close()
                break
            time.sleep(0.1)
        yield


def say(words: str, host: str = "x") -> str:
    """Say something to the cache and return the beginning of its answer."""
    with socket.create_connection((SERVER, 3142), timeout=20) as client:
        client.sendall(f"{words} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
        answer = b""
        with contextlib.suppress(TimeoutError):
            while piece := client.recv(4096):
                answer += piece
    return answer.decode(errors="replace")


@needs_cache
@pytest.mark.parametrize(
    "words",
    [
        f"GET http://{SECRET}/{PACKAGE}",
        f"GET http://{SECRET}/{INDEX}",
        f"GET http://{SECRET}/",
        f"GET http://{SECRET}/api/v1/secret.json",
        f"HEAD http://{SECRET}/{PACKAGE}",
        f"POST http://{SECRET}/{PACKAGE}",
        f"GET /{SECRET}/{PACKAGE}",
        f"GET //{SECRET}/{PACKAGE}",
        f"GET http://{SECRET}:8080/{PACKAGE}",
        f"GET http://{MIRROR}:8080/debian/{PACKAGE}",
        f"GET http://{MIRROR}/other/{PACKAGE}",
        f"GET http://{MIRROR}@{SECRET}/debian/{PACKAGE}",
        f"GET http://{SECRET}#@{MIRROR}/debian/{PACKAGE}",
        f"GET http://{SECRET}?@{MIRROR}/debian/{PACKAGE}",
        f"GET http://HTTPS///{SECRET}/{PACKAGE}",
        f"GET https://{SECRET}/{PACKAGE}",
        f"GET ftp://{SECRET}/{PACKAGE}",
        f"GET http://0x0a4d0007/{PACKAGE}",
        f"GET http://172.20.0.20:3142/{SECRET}/{PACKAGE}",
        f"GET http://localhost/{PACKAGE}",
        f"GET http://[::ffff:{SECRET}]/{PACKAGE}",
        f"GET http://169.254.169.254/{INDEX}",
        f"CONNECT {SECRET}:80",
        f"CONNECT {SECRET}:443",
        f"CONNECT {MIRROR}:80",
        f"GET /acng-report.html?doTraceStart=1&url=http://{SECRET}/{PACKAGE}",
    ],
)
def test_nothing_is_fetched_from_where_no_repository_is(cache: None, words: str) -> None:
    answer = say(words)
    assert f"from {SECRET}" not in answer
    # It says that all is well to HEAD, of a length of -1, and asks nobody.
    assert words.startswith("HEAD") or not answer.startswith(("HTTP/1.1 200", "HTTP/1.0 200"))
    assert [asked for asked in Everything.asked if asked[0] == SECRET] == []


@needs_cache
@pytest.mark.parametrize("path", [f"debian/{PACKAGE}", f"debian/{INDEX}"])
@pytest.mark.parametrize("host", ["deb.debian.org", "ftp.de.debian.org"])
def test_packages_come_from_the_mirror(cache: None, host: str, path: str) -> None:
    assert f"from {MIRROR}" in say(f"GET http://{host}/{path}", host)
    assert {asked[0] for asked in Everything.asked} == {MIRROR}


@needs_cache
def test_a_further_repository_is_known_by_its_url(cache: None) -> None:
    assert f"from {MIRROR}" in say(f"GET http://{MIRROR}/more/{PACKAGE}", MIRROR)


@needs_cache
def test_a_mirror_that_redirects_leads_nowhere(cache: None) -> None:
    answer = say("GET http://deb.debian.org/debian/pool/redirected_1_all.deb", "deb.debian.org")
    assert f"from {SECRET}" not in answer
    assert {asked[0] for asked in Everything.asked} == {MIRROR}


@functools.cache
def program() -> Any:
    path = str(ROLE / "files/rootfs/usr/lib/ringmaster/package-cache")
    loader = SourceFileLoader("package_cache_program", path)
    spec = spec_from_loader(loader.name, loader)
    assert spec is not None
    module = module_from_spec(spec)
    import sys  # noqa: PLC0415

    sys.modules[loader.name] = module
    loader.exec_module(module)
    return module


GIB = 1 << 30
AGES = "1000000"
"""Days that have not passed for any file."""


@pytest.mark.parametrize(
    ("taken", "limit", "total", "free", "expected"),
    [
        (30, 40, 100, 50, 0),
        (40, 40, 100, 50, 0),
        (50, 40, 100, 50, 14),  # down to nine tenths, so that not each package removes another
        (30, 40, 100, 4, 6),  # others need room
        (3, 40, 100, 1, 3),  # and the cache has not so much
        (0, 40, 100, 0, 0),
        (50, 40, 100, 4, 14),
    ],
)
def test_how_much_has_to_go(taken: int, limit: int, total: int, free: int, expected: int) -> None:
    assert program().too_much(taken * GIB, limit * GIB, total * GIB, free * GIB, 10) == expected * GIB


def test_what_was_not_used_for_longest_goes_first(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    kept_elsewhere = tmp_path / "elsewhere"
    kept_elsewhere.write_bytes(bytes(2 << 20))
    folder = tmp_path / "cache/debian/pool"
    folder.mkdir(parents=True)
    for number in range(10):
        file = folder / f"{number}.deb"
        file.write_bytes(os.urandom(1 << 20))
        os.utime(file, (1000 + number, 1000))
    (folder / "link").symlink_to(kept_elsewhere)
    (folder / "folder").symlink_to(tmp_path)
    program().main(str(tmp_path / "cache"), str(5 / 1024), "0", AGES)
    assert sorted(path.name for path in folder.iterdir() if path.suffix) == ["6.deb", "7.deb", "8.deb", "9.deb"]
    assert kept_elsewhere.exists()
    assert "removed 6 files" in capsys.readouterr().out
    program().main(str(tmp_path / "cache"), "40", "0", AGES)
    assert capsys.readouterr().out == ""


def test_what_nobody_asked_for_within_its_days_goes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    day = 24 * 3600
    for name, fetched, read in (("old", 40, 31), ("read", 40, 29), ("fetched", 29, 40), ("new", 0, 0)):
        file = tmp_path / f"{name}.deb"
        file.write_bytes(b"package")
        os.utime(file, (time.time() - read * day, time.time() - fetched * day))
    program().main(str(tmp_path), "40", "0", "30")
    assert sorted(path.stem for path in tmp_path.iterdir()) == ["fetched", "new", "read"]
    assert "removed 1 file" in capsys.readouterr().out
