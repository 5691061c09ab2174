# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``ringctl`` against a server that judges what it signs by the real judge, on the example platform."""

from __future__ import annotations

import datetime
import json
import os
import pty
import re
import secrets
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform.language import ssh_keys
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform.model import Description
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform.proofs import canonical, client, judge
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform.proofs import statements as statements_
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform.proofs.statements import ProofError
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform.verbs import policy, table
from ansible_collections.ringmaster.hosting.plugins.module_utils.values import sealing
from hypothesis import given
from hypothesis import strategies as st
from programs import load

ROOT = Path(__file__).parents[3]
PROGRAM = ROOT / "bin/ringctl"
HOST = "my.ringmaster.example"

ringctl = load(PROGRAM)
PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


@given(PLAIN)
def test_the_client_writes_what_the_steward_reads(value: Any) -> None:
    assert ringctl.canonical(value) == canonical.write(value)
    assert ringctl.digest(value) == canonical.digest(value)


@given(st.dictionaries(st.text(max_size=8), st.text(max_size=300) | PLAIN, max_size=4))
def test_the_client_says_it_in_the_same_words(arguments: dict[str, Any]) -> None:
    request = {"changes": [{"verb": "order_vm", "arguments": arguments}, {"verb": "x", "arguments": {}}]}
    assert ringctl.words(request) == statements_.request_words(request)


@pytest.mark.thorough
@pytest.mark.parametrize("bits", [3072, 4096])
def test_what_the_client_seals_opens(tmp_path: Path, bits: int) -> None:
    path = tmp_path / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "rsa", "-b", str(bits), "-N", "", "-f", path], check=True)
    public = path.with_suffix(".pub").read_text()
    for value in (b"", b"x", bytes(range(256)) * 5, b"a" * (bits // 8 - 66), b"a" * (bits // 8 - 65), b"z" * 16384):
        sealed = ringctl.seal(public, "myapp/key", value)
        assert sealing.opened([path.read_bytes()], "myapp/key", sealed) == value
    with pytest.raises(sealing.SealError):
        sealing.opened([path.read_bytes()], "myapp/other", sealed)


def test_every_answer_of_a_hostile_server_is_shown_harmlessly() -> None:
    assert ringctl.shown("a\x1b]0;x\a\u202eb\n") == "a\\x1b]0;x\\x07\\u202eb\\n"


# A small server, with the real judge.


class Platform:
    """What the server knows: the description, sessions, requests, and how each request goes on."""

    def __init__(self, found: Description, host: str) -> None:
        self.found = found
        self.place = judge.Place(host)
        self.sessions: dict[str, str] = {}
        self.requests: list[dict[str, Any]] = []
        self.course: list[dict[str, Any]] = [{"state": "applied"}]
        self.bodies: list[Any] = []
        self.told = client.told(found, "test")
        self.away = 0

    def answer(self, method: str, path: str, query: str, body: Any, token: str) -> tuple[int, Any]:
        now = datetime.datetime.now(datetime.UTC)
        self.bodies.append(body)
        if self.away:
            self.away -= 1
            return 503, {"detail": "the steward is away"}
        if (method, path) == ("GET", "client"):
            return 200, self.told
        if (method, path) == ("POST", "sessions"):
            proven = judge.of_session(self.found, self.place, body["proof"], now)
            token = secrets.token_urlsafe()
            self.sessions[token] = proven.person
            return 201, {"token": token, "person": proven.person, "not_after": proven.statements[0]["not_after"]}
        person = self.sessions.get(token)
        if person is None:
            return 401, {"detail": "there is no such session"}
        if path == "me":
            return 200, {"person": person, "operator": False, "projects": {"myapp": ["login", "manager"]}}
        if (method, path) == ("DELETE", "sessions/current"):
            del self.sessions[token]
            return 204, None
        if (method, path) == ("POST", "requests"):
            return self.ask(body, query, person, now)
        if path == "requests":
            return 200, {"items": self.requests[::-1], "next": None}
        _word, number, *more = path.split("/")
        found = next((one for one in self.requests if one["id"] == number), None)
        if found is None:
            return 404, {"detail": f"there is no request {number}"}
        if more:
            found |= {"state": "cancelled"}
        elif query and self.course:
            found |= {**self.course.pop(0), "version": found["version"] + 1}
        return 200, found

    def ask(self, body: Any, query: str, person: str, now: datetime.datetime) -> tuple[int, Any]:
        (change,) = body["request"]["changes"]
        if query:
            verdict = policy.judge(self.found, person, change["verb"], change["arguments"])
            diff = [{"path": "projects/myapp.yml", "diff": "+  myapp01:\n"}]
            said = {"verdict": verdict.answer, "reasons": list(verdict.reasons), "who": [], "files": diff}
            return 200, {**said, "signature": "", "allocated": ["vm_ids myapp01: 4097"], "warnings": []}
        proven = judge.of_request(self.found, self.place, body["request"], body["proofs"], now)
        request = {
            "id": f"01J{len(self.requests):04}",
            "version": 1,
            "person": proven.person,
            "state": "submitted",
            "about": "",
            "changes": body["request"]["changes"],
            "request": body["request"],
            "steps": [],
        }
        self.requests.append(request)
        return 202, request


@pytest.fixture
def served(platform, tmp_path: Path) -> Iterator[tuple[Platform, str]]:
    for name in ("alice", "bob"):
        key = tmp_path / f"{name}_key"
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", key], check=True)
        line = key.with_suffix(".pub").read_text().strip()
        platform.edit(f"users/{name}.yml", lambda user, line=line: {**user, "ssh_keys": [line]})
    platform.edit("platform.yml", lambda found: {**found, "portal": {"host": HOST}})
    it = Platform(platform.read(), HOST)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length)) if length else None
            path, _mark, query = self.path.removeprefix("/api/v1/").partition("?")
            token = (self.headers.get("Authorization") or "").removeprefix("Bearer ")
            try:
                status, said = it.answer(self.command, path, query, body, token)
            except ProofError as error:
                status, said = 403, {"type": f"/problems/{error.code}", "detail": str(error)}
            data = b"" if said is None else json.dumps(said).encode()
            self.send_response(status)
            if isinstance(said, dict) and "to" in said:
                self.send_header("Location", said["to"])
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_POST = do_DELETE = do_GET

        def log_message(self, *_arguments: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield it, f"http://localhost:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


class Person:
    """Somebody with a home, who runs ringctl."""

    def __init__(self, folder: Path, server: str, name: str) -> None:
        self.home = folder / f"home-{name}"
        self.home.mkdir()
        self.key = folder / f"{name}_key"
        self.environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.home),
            "PYTHONDONTWRITEBYTECODE": "1",
            "NO_PROXY": "*",
        }
        done = self.run("setup", "--server", server, "--person", name, "--key", str(self.key), "--host", HOST)
        assert done.returncode == 0, done.stderr

    def run(self, *argv: str, given: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-I", PROGRAM, *argv],
            input=given,
            capture_output=True,
            text=True,
            env={**self.environment, **environment},
            timeout=60,
            check=False,
        )


@pytest.fixture
def alice(served: tuple[Platform, str], tmp_path: Path) -> Person:
    return Person(tmp_path, served[1], "alice")


thorough = pytest.mark.thorough


@thorough
def test_a_vm_is_ordered_and_its_steps_are_told(served: tuple[Platform, str], alice: Person) -> None:
    it, _url = served
    steps = [{"n": 1, "text": "Creating the disk", "host": "hv0", "state": "ok", "ms": 1200}]
    it.course = [
        {"state": "applying", "steps": [{**steps[0], "state": "running", "ms": None}], "left": 40},
        {"state": "applying", "steps": [*steps, {"n": 2, "text": "Starting", "host": "hv0", "state": "running"}]},
        {"state": "applied", "steps": [*steps, {"n": 2, "text": "Starting", "host": "hv0", "state": "ok", "ms": 5000}]},
    ]
    done = alice.run("order-vm", "--project", "myapp", "--memory", "1GiB", "--wait")
    assert done.returncode == 0, done.stderr
    assert "01J0000  applied     order_vm memory=1GiB project=myapp" in done.stdout
    lines = done.stdout.splitlines()
    assert "  done    Creating the disk  hv0  1.2 s" in lines and "  done    Starting  hv0  5.0 s" in lines
    assert re.search(r"01J0000  applied", done.stdout)
    assert it.requests[0]["request"] == {
        "changes": [{"verb": "order_vm", "arguments": {"project": "myapp", "memory": "1GiB"}}]
    }
    assert alice.run("status", "01J0000").stdout.startswith("01J0000  applied")
    assert "01J0000" in alice.run("list").stdout
    assert json.loads(alice.run("list", "--json").stdout)["items"][0]["id"] == "01J0000"


@thorough
def test_on_a_terminal_the_running_step_is_shown(served: tuple[Platform, str], alice: Person) -> None:
    it, _url = served
    running = {"n": 1, "text": "Creating the disk", "host": "hv0", "state": "running"}
    it.course = [{"state": "applying", "steps": [running], "left": 40}, {"state": "applied"}]
    leader, follower = pty.openpty()
    argv = [sys.executable, PROGRAM, "order-vm", "--project", "myapp", "--wait"]
    process = subprocess.Popen(argv, env=alice.environment, stdout=follower, stdin=subprocess.DEVNULL)
    os.close(follower)
    said = b""
    while True:
        try:
            part = os.read(leader, 4096)
        except OSError:
            break
        if not part:
            break
        said += part
    os.close(leader)
    assert process.wait(30) == 0
    assert "…       Creating the disk  hv0  about 40 s left" in said.decode()


@thorough
@pytest.mark.parametrize("state", ["failed", "refused", "cancelled", "expired"])
def test_what_ends_badly_has_an_exit_code_and_a_sentence(
    served: tuple[Platform, str], alice: Person, state: str
) -> None:
    served[0].course = [{"state": state, "problem": "hv0 does not answer"}]
    done = alice.run("restart-vm", "--vm", "myapp00", "--wait")
    assert done.returncode == 1 and "hv0 does not answer" in done.stdout


@thorough
def test_a_dry_run_signs_no_request(served: tuple[Platform, str], alice: Person) -> None:
    it, _url = served
    done = alice.run("order-vm", "--project", "myapp", "--dry-run")
    assert done.returncode == 0
    assert "would be done" in done.stdout and "+  myapp01:" in done.stdout and "vm_ids myapp01: 4097" in done.stdout
    assert it.requests == [] and not any("proofs" in body for body in it.bodies if body)
    refused = alice.run("order-vm", "--project", "nowhere", "--dry-run")
    assert refused.returncode == 1 and "would be refused" in refused.stdout


@thorough
def test_one_signs_in_once_and_again_when_the_session_ends(served: tuple[Platform, str], alice: Person) -> None:
    it, _url = served
    assert "alice" in alice.run("signin").stdout
    assert alice.run("whoami").returncode == alice.run("list").returncode == 0
    assert len(it.sessions) == 1
    it.sessions.clear()
    assert alice.run("whoami").returncode == 0 and len(it.sessions) == 1
    assert alice.run("signout").returncode == 0 and not it.sessions
    session = alice.home / ".config/ringctl/session"
    assert not session.exists()
    alice.run("whoami")
    assert session.stat().st_mode & 0o777 == 0o600


@thorough
def test_a_new_key_of_ones_own_signs_too(served: tuple[Platform, str], alice: Person, tmp_path: Path) -> None:
    it, _url = served
    new = tmp_path / "new"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "new", "-f", new], check=True)
    done = alice.run("add-ssh-key", "--ssh-key", f"@{new}.pub")
    assert done.returncode == 0, done.stderr
    (change,) = it.requests[0]["request"]["changes"]
    line = new.with_suffix(".pub").read_text().strip()
    assert change == {"verb": "add_ssh_key", "arguments": {"user": "alice", "ssh_key": line}}
    assert "name its file" in alice.run("add-ssh-key", "--ssh-key", line).stderr


@thorough
def test_who_signs_with_a_foreign_key_is_told(served: tuple[Platform, str], alice: Person, tmp_path: Path) -> None:
    done = alice.run("whoami", RINGCTL_KEY=str(tmp_path / "bob_key"))
    line = (tmp_path / "bob_key.pub").read_text()
    assert done.returncode == 1 and f"{ssh_keys.fingerprint(line)}, which is no key of alice" in done.stderr


@thorough
def test_keys_in_an_agent_sign(served: tuple[Platform, str], alice: Person, tmp_path: Path) -> None:
    started = subprocess.run(["ssh-agent", "-s"], capture_output=True, text=True, check=True).stdout
    variables = dict(re.findall(r"(SSH_\w+)=([^;]+);", started))
    try:
        away = tmp_path / "away"
        away.mkdir()
        subprocess.run(["ssh-add", "-q", alice.key], env={**os.environ, **variables}, check=True, capture_output=True)
        alice.key.rename(away / "key")
        public = {"RINGCTL_KEY": f"{alice.key}.pub"}
        assert alice.run("whoami", **public).returncode == 1
        assert alice.run("whoami", **variables, **public).returncode == 0
    finally:
        subprocess.run(["ssh-agent", "-k"], env={**os.environ, **variables}, check=True, capture_output=True)


@thorough
def test_consent_is_a_signature_over_what_was_shown(
    served: tuple[Platform, str], alice: Person, tmp_path: Path
) -> None:
    it, url = served
    bob = Person(tmp_path, url, "bob")
    assert bob.run("restart-vm", "--vm", "myapp00").returncode == 0
    done = alice.run("approve", "01J0000", given="n\n")
    assert done.returncode == 1 and "bob asks: restart_vm vm=myapp00" in done.stdout and len(it.requests) == 1
    assert alice.run("approve", "01J0000", given="y\n").returncode == 0
    digest = canonical.digest(it.requests[0]["request"])
    (change,) = it.requests[1]["request"]["changes"]
    assert change == {"verb": "approve", "arguments": {"request": "01J0000", "sha256": digest}}
    assert alice.run("decline", "01J0000", "--yes").returncode == 0
    assert alice.run("cancel", "01J0000").returncode == 1


@thorough
def test_what_failed_is_run_again_by_a_signature(served: tuple[Platform, str], alice: Person) -> None:
    it, _url = served
    assert alice.run("restart-vm", "--vm", "myapp00").returncode == 0
    assert alice.run("retry", "01J0000").returncode == 0
    assert it.requests[1]["request"]["changes"] == [{"verb": "retry", "arguments": {"request": "01J0000"}}]


@thorough
def test_a_sealing_key_that_changes_is_not_taken(served: tuple[Platform, str], alice: Person, tmp_path: Path) -> None:
    it, _url = served
    done = alice.run("seal", "myapp/token", given="s3cret")
    assert done.returncode == 1 and "no sealing key" in done.stderr
    for name in ("one", "two"):
        subprocess.run(["ssh-keygen", "-q", "-t", "rsa", "-b", "3072", "-N", "", "-f", tmp_path / name], check=True)
    it.told["sealing_key"] = (tmp_path / "one.pub").read_text()
    done = alice.run("seal", "myapp/token", given="s3cret")
    assert sealing.opened([(tmp_path / "one").read_bytes()], "myapp/token", done.stdout.strip()) == b"s3cret"
    it.told["sealing_key"] = (tmp_path / "two.pub").read_text()
    done = alice.run("seal", "myapp/token", given="s3cret")
    assert done.returncode == 1 and "another one now" in done.stderr and not done.stdout
    (mark,) = re.findall(r"--sealing-key (\S+)", done.stderr)
    assert alice.run("setup", "--sealing-key", mark).returncode == 0
    assert alice.run("seal", "myapp/token", given="s3cret").returncode == 0


@thorough
def test_values_come_from_files_and_flags_are_true(served: tuple[Platform, str], alice: Person, tmp_path: Path) -> None:
    it, _url = served
    text = tmp_path / "components"
    text.write_text('{"redis": {}}\n')
    assert alice.run("order-vm", "--project", "myapp", "--components", f"@{text}", "--protected").returncode == 0
    assert alice.run("change-vm", "--vm", "myapp00", "--protected=false", "--comment", "it's {x} 100 %").returncode == 0
    first, second = (one["request"]["changes"][0]["arguments"] for one in it.requests)
    assert first == {"project": "myapp", "components": '{"redis": {}}', "protected": "true"}
    assert second == {"vm": "myapp00", "protected": "false", "comment": "it's {x} 100 %"}
    assert "no such file" in alice.run("order-vm", "--project", "@/nowhere").stderr.lower()


@thorough
def test_every_verb_is_a_command_with_its_arguments(served: tuple[Platform, str], alice: Person) -> None:
    listed = alice.run("--help").stdout
    for name in table.VERBS:
        assert f" {name.replace('_', '-')} " in listed.replace("\n", " ")
    said = alice.run("restore-files", "--help").stdout
    for argument in table.VERBS["restore_files"].types:
        assert f"--{argument.replace('_', '-')}" in said
    done = alice.run("retire-vm")
    assert done.returncode == 2 and "--vm" in done.stderr


@thorough
@pytest.mark.parametrize(
    ("argv", "environment", "code", "sentence"),
    [
        (["list"], {"RINGCTL_SERVER": "http://my.ringmaster.example"}, 2, "https"),
        (["list"], {"RINGCTL_SERVER": "ftp://x"}, 2, "https"),
        (["list"], {"RINGCTL_SERVER": "http://localhost:1"}, 3, "does not answer"),
        (["signin"], {"RINGCTL_HOST": "other.example"}, 1, "you sign for other.example"),
        (["signin"], {"RINGCTL_KEY": "/nowhere"}, 1, "could not sign"),
        (["signin"], {"RINGCTL_CA": "/nowhere", "RINGCTL_SERVER": "https://localhost:1"}, 2, "/nowhere"),
        (["signin"], {"RINGCTL_PERSON": "carol"}, 1, "no account"),
        (["status", "../me"], {}, 1, "no request"),
        (["frobnicate"], {}, 2, "invalid choice"),
    ],
)
def test_mistakes_are_said(
    alice: Person, argv: list[str], environment: dict[str, str], code: int, sentence: str
) -> None:
    done = alice.run(*argv, **environment)
    assert done.returncode == code and sentence in done.stderr, done
    assert "Traceback" not in done.stderr


@thorough
def test_without_a_setup_it_says_what_to_do(tmp_path: Path) -> None:
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, PROGRAM, "list"], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2 and "ringctl setup --server" in done.stderr


@thorough
def test_a_server_sends_nobody_elsewhere(served: tuple[Platform, str], alice: Person, monkeypatch) -> None:
    it, _url = served
    alice.run("signin")
    monkeypatch.setattr(it, "answer", lambda *_arguments: (307, {"to": "http://localhost:1/", "detail": "go there"}))
    done = alice.run("list")
    assert done.returncode == 1 and "go there" in done.stderr


@thorough
def test_a_server_that_is_away_for_a_while_is_waited_for(served: tuple[Platform, str], alice: Person) -> None:
    it, _url = served
    assert alice.run("order-vm", "--project", "myapp").returncode == 0
    it.away = 2
    done = alice.run("status", "01J0000", "--wait")
    assert done.returncode == 3
    done = alice.run("whoami")
    assert done.returncode == 3 and "steward is away" in done.stderr
    original, it.course = it.answer, [{"state": "applying"}, {"state": "applied"}]
    calls = iter(range(100))

    def now_and_then(*arguments: Any) -> tuple[int, Any]:
        return (503, {"detail": "away"}) if next(calls) in (1, 2) else original(*arguments)

    it.answer = now_and_then  # type: ignore[method-assign]
    done = alice.run("status", "01J0000", "--wait")
    assert done.returncode == 0 and "applied" in done.stdout
