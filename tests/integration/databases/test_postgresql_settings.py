# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Settings of PostgreSQL: each spelling that it accepts is set once and never again, and what is accepted starts."""

from __future__ import annotations

import os
import pwd
import re
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.ringmaster.hosting.plugins.module_utils.components import postgresql
from ansible_collections.ringmaster.hosting.plugins.module_utils.components.database_faults import of_postgresql
from ansible_collections.ringmaster.hosting.plugins.module_utils.components.faults import Surroundings
from conftest import newest, place
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from ringmaster.core import account, below
from ringmaster.core.inbox import Refused
from ringmaster.core.report import Invalid, Report
from ringmaster.postgresql import converge, objects, sql, trial
from ringmaster.postgresql.allowed import ALLOWED, judge

ROLE = Path(__file__).resolve().parents[3] / "roles/postgresql"
PLAIN = """listen_addresses = ''
port = {port}
unix_socket_directories = '{folder}'
hba_file = '{home}/pg_hba.conf'
ident_file = '{home}/pg_ident.conf'
shared_preload_libraries = 'pg_stat_statements,auto_explain'
fsync = off
"""
INCLUDE = "include_dir '{home}/accepted'\n"
VM = {"inventory_hostname": "myapp00", "ringmaster_project": "myapp"}
SECRET = "a secret for tests, long enough"
DECLARED: dict[str, Any] = postgresql.objects([], [], SECRET, VM)
SETTINGS = """
SELECT json_agg(json_build_object('name', name, 'kind', vartype, 'unit', unit, 'least', min_val, 'most', max_val,
    'choices', enumvals, 'context', context, 'now', current_setting(name))) FROM pg_settings"""
MEMORY = ["'64MB'", "65536kB", "'64 MB'", "67108864B", "'0.0625GB'"]
TIMES = ["'1min'", "60s", "'60 s'", "60000ms", "'0.5h'", "'1d'", "60000000us"]
"""What PostgreSQL's documentation says of units."""
PATIENCE = 10.0
"""Seconds in which a server without data is there."""
BOOLEANS = ["on", "OFF", "true", "False", "yes", "NO", "1", "0", "t", "f", "'on'"]


class Server:
    """A server with a folder as the role makes it, started and reloaded as by its unit."""

    def __init__(self, folder: Path) -> None:
        class Places(sql.Places):
            data = folder / "data"

        self.places = Places(newest(), home=folder / "etc", inbox=folder / "inbox", socket=folder, port=5997)
        self.log = folder / "log"
        self.process: subprocess.Popen[bytes] | None = None
        for path in (self.places.home, self.places.accepted, self.places.inbox):
            path.mkdir(exist_ok=True)
            os.chown(path, 0, pwd.getpwnam("postgres").pw_gid)
            path.chmod(0o2755)
        (self.places.home / "pg_hba.conf").write_text("local all postgres peer map=ringmaster\n")
        (self.places.home / "pg_ident.conf").write_text("ringmaster root postgres\nringmaster postgres postgres\n")
        self.configure("")

    def configure(self, text: str) -> None:
        """Write the configuration, with what a description sets."""
        plain = PLAIN.format(port=self.places.port, folder=self.places.socket, home=self.places.home)
        self.places.configuration.write_text(plain + text + INCLUDE.format(home=self.places.home))

    def start(self) -> None:
        """Start it, and wait until the administrator is let in. Fails with the log of one that does not come up."""
        words = [str(self.places.programs / "postgres"), "-D", str(self.places.data)]
        words += ["-c", f"config_file={self.places.configuration}"]
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                words, stdin=subprocess.DEVNULL, stdout=log, stderr=log, **below.identity("postgres")
            )
        end = time.monotonic() + PATIENCE
        said = ""
        while time.monotonic() < end and self.process.poll() is None:
            try:
                sql.run(self.places, "SELECT 1;")
                return
            except sql.SqlError as error:
                said = str(error)
                time.sleep(0.05)
        text = self.log.read_text()
        self.stop()
        raise AssertionError(f"it does not start: {said}\n{text}")

    def stop(self) -> None:
        """Stop it as its unit does."""
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            self.process.wait(60)

    def step(self, report: Report, check: bool, verb: str, _unit: str) -> None:
        """Do what systemctl would do."""
        assert not check
        report.steps.append(verb)
        if verb == "reload":
            assert self.process
            self.process.send_signal(signal.SIGHUP)
        else:
            self.stop()
            self.start()

    def converge(self, restart: bool = False, wanted: dict[str, Any] = DECLARED) -> Report:
        """Do what the component's program does."""
        return converge.converge(self.places, objects.Objects(**wanted), restart=restart)


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with place("postgres") as folder, pytest.MonkeyPatch.context() as patch:
        found = Server(folder)
        words = [
            str(found.places.programs / "initdb"),
            f"--pgdata={found.places.data}",
            "--locale=C.UTF-8",
            "--no-sync",
        ]
        account.run("postgres", *words)
        patch.setattr(converge.systemd, "prepare", lambda *_words: True)
        patch.setattr(converge.systemd, "step", found.step)
        patch.setattr(converge.cluster, "ensure", lambda *_places, **_check: None)
        patch.setattr(converge.cluster, "guard", lambda *_places: None)
        patch.setattr(converge.state, "remember", lambda *_what: None)
        found.start()
        try:
            yield found
        finally:
            found.stop()


def known(server: Server) -> dict[str, dict[str, Any]]:
    """Return what PostgreSQL says of each of its settings, by name in lower case."""
    return {one["name"].lower(): one for one in sql.ask(server.places, SETTINGS)}


def spellings(one: dict[str, Any]) -> list[str]:
    """Return values of a setting: each kind as PostgreSQL's documentation says that it may be written."""
    kind, now = one["kind"], one["now"]
    if kind == "bool":
        return BOOLEANS
    if kind == "enum":
        words = one["choices"]
        return [
            *words,
            *(word.upper() for word in words),
            f"'{words[0].title()}'",
            *(BOOLEANS if "on" in words else ()),
        ]
    if kind == "string":
        return [f"'{text}'" for text in dict.fromkeys([now, now.lower(), now.upper(), f" {now}", ""])]
    unit, least, most = one["unit"] or "", float(one["least"]), float(one["most"])
    values = MEMORY if unit.endswith("B") else TIMES if unit in ("us", "ms", "s", "min") else []
    plain = ["100", "0x64", "0144", "100.4", "1e2", "'100'", "-1", "0", "1", "2.5", "0.50", ".5", "17"]
    inside = [text for text in plain if "x" in text or least <= float(text.strip("'")) <= min(most, 10**6)]
    return values + inside


def accepted(lines: list[str], judge: Callable[[str], object], given: list[str]) -> list[str]:
    """Return those lines that PostgreSQL accepts together with others; halves of what it does not accept are tried."""
    try:
        judge("\n".join([*given, *lines, ""]))
    except (Invalid, Refused):
        half = len(lines) // 2
        if not half:
            return []
        first = accepted(lines[:half], judge, given)
        return first + accepted(lines[half:], judge, given + first)
    return lines


def test_every_spelling_of_every_setting_is_set_once(server: Server) -> None:
    """A second converge does nothing, neither while something waits for a restart nor after it."""
    about = known(server)
    values = {name: spellings(about[name]) for name in sorted(ALLOWED & about.keys())}
    texts: list[str] = []
    for number in range(max(map(len, values.values()))):
        lines = [
            f"{(name, name.upper(), name.title())[number % 3]}{(' = ', ' ', '=')[number % 3]}{found[number]}"
            for name, found in values.items()
            if len(found) > number
        ]
        good = accepted(lines, judge, [])
        texts.append("\n".join(accepted(good, lambda text: trial.examine(server.places, {"own.conf": text}), [])))
    unsettled: list[object] = []
    dropin = server.places.inbox / "own.conf"
    for text in [*texts, ""]:
        dropin.write_text(text + "\n")
        first = server.converge()
        again = server.converge()
        restarted = server.converge(restart=True)
        after = server.converge()
        assert not first.refused, text
        # What is left waits for a restart, with what it is and what it will be.
        waiting = [(one["setting"], one["live"], one["wanted"]) for one in first.pending_restart]
        unsettled += [("same", one) for one in waiting if one[1] == one[2]]
        if again.steps or again.pending_restart != first.pending_restart:
            unsettled.append(("again", again.as_dict()))
        if bool(restarted.steps) != bool(waiting) or after.steps or after.pending_restart:
            unsettled.append(("restarted", restarted.as_dict(), after.as_dict()))
        written = dict(re.findall(r"(?m)^(\w+)\s*=?\s*'?([^'\n]*)'?$", text.lower()))
        unsettled += [("told", one) for one in waiting if one[0] in written and one[2].lower() != written[one[0]]]
    assert unsettled == []
    assert sum(text.count("\n") for text in texts) > 600


NAMES = st.sampled_from(["select", "table", "user", "public", "all", "pg_x", "none", "app", "a__b", "z9"])
NAME = NAMES | st.from_regex(postgresql.NAME, fullmatch=True)
LOCALES = ["de-DE", "de_DE", "DE-de", "de-DE-u-co-phonebk", "de@collation=phonebook", "und", "en-US-u-va-posix"]
LIMIT = st.none() | st.sampled_from([-1, 0, 1, 262142])


@st.composite
def declared(draw: st.DrawFn) -> dict[str, Any]:
    """Options with databases and users; most are accepted."""
    extensions = st.lists(st.sampled_from(sorted(postgresql.EXTENSIONS)), max_size=4)
    names = draw(st.lists(NAME, min_size=1, max_size=3, unique=True))
    databases = [
        {
            "name": name,
            "extensions": draw(extensions),
            "icu_locale": draw(st.none() | st.sampled_from(LOCALES)),
            "connection_limit": draw(LIMIT),
        }
        for name in names
    ]
    users = [
        {
            "name": name,
            "role": draw(st.sampled_from(["owner", "readwrite", "readonly"])),
            "databases": draw(st.none() | st.lists(st.sampled_from(names), max_size=3)),
            "connection_limit": draw(LIMIT),
            "state": draw(st.sampled_from(["present", "present", "absent"])),
            "allow_drop": draw(st.booleans()),
        }
        for name in draw(st.lists(NAME, max_size=3, unique=True))
    ]
    return {"databases": databases, "users": users}


def around() -> Surroundings:
    managed = yaml.safe_load((ROLE / "vars/main.yml").read_text())["__postgresql_managed_settings"]
    return Surroundings("myapp00", {"myapp00": ["postgresql"]}, managed_settings=frozenset(managed))


@settings(max_examples=25, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@example(options={"databases": [{"name": "pg_x", "extensions": []}], "users": []})
@given(options=declared())
def test_every_object_that_is_accepted_is_made_once(server: Server, options: dict[str, Any]) -> None:
    if list(of_postgresql(options, around())):
        return
    there = set(sql.ask(server.places, "SELECT json_agg(name) FROM pg_available_extensions"))
    for one in options["databases"]:
        one["extensions"] = [name for name in one["extensions"] if name in there]
    wanted = postgresql.objects(options["users"], options["databases"], SECRET, VM)
    (server.places.inbox / "own.conf").unlink(missing_ok=True)
    try:
        server.converge(wanted=wanted)
        assert server.converge(wanted=wanted).steps == []
    finally:
        clean(server)


def clean(server: Server) -> None:
    """Take away what was declared."""
    own = "('postgres', 'template0', 'template1')"
    for name in sql.ask(server.places, f"SELECT json_agg(datname) FROM pg_database WHERE datname NOT IN {own}") or ():
        sql.run(server.places, f"DROP DATABASE {sql.name(name)} WITH (FORCE);")
    roles = "SELECT json_agg(rolname) FROM pg_roles WHERE rolname !~ '^(pg_|postgres$|ringmaster)'"
    for name in sql.ask(server.places, roles) or ():
        sql.run(server.places, f"DROP OWNED BY {sql.name(name)}; DROP ROLE {sql.name(name)};")


TEXTS = [
    "",
    "nothing",
    "/nowhere",
    "a, b",
    "$user",
    "it's",
    "back\\slash",
    "HIGH:!aNULL",
    "TLSv1.3",
    "C.UTF-8",
    "xx_XX",
]
INTERNAL = "internal"


def values(one: dict[str, Any]) -> st.SearchStrategy[str]:
    """Return what a setting is drawn from: all that PostgreSQL says that it may be."""
    if one["kind"] == "bool":
        return st.sampled_from(["on", "off"])
    if one["kind"] == "enum":
        return st.sampled_from(one["choices"])
    if one["kind"] == "string":
        return st.sampled_from([one["now"], *TEXTS]) | st.text(
            st.characters(min_codepoint=32, codec="ascii"), max_size=9
        )
    least, most = float(one["least"]), float(one["most"])
    if one["kind"] == "real":
        return st.sampled_from([least, most]).map(repr) | st.floats(least, min(most, 1000)).map(repr)
    low, high = int(least), int(most)
    return st.one_of(st.sampled_from([low, high]), st.integers(low, min(high, low + 1000)), st.integers(low, high)).map(
        str
    )


def test_what_is_accepted_starts_twice(server: Server) -> None:
    """Whatever a description sets: the judge, the trial, and then the server itself."""
    surroundings = around()
    about = {name: one for name, one in known(server).items() if one["context"] != INTERNAL}
    about = {name: one for name, one in about.items() if name not in surroundings.managed_settings}
    found: list[str] = []
    started = 0

    @settings(max_examples=150, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(st.data())
    def attempt(data: st.DataObject) -> None:
        nonlocal started
        names = data.draw(st.lists(st.sampled_from(sorted(about)), min_size=1, max_size=4, unique=True))
        chosen = {name: data.draw(values(about[name])) for name in names}
        if list(of_postgresql({"settings": chosen}, surroundings)):
            return
        lines = [f"{name} = '{written(value)}'\n" for name, value in chosen.items()]
        server.configure("".join(lines))
        try:
            trial.examine(server.places, {})
        except Invalid:
            return
        started += 1
        for _start in range(2):
            server.stop()
            try:
                server.start()
            except AssertionError as error:
                found.append(f"{chosen}: {error}")
                print(found[-1], flush=True)
                return

    server.stop()
    try:
        attempt()
    finally:
        server.stop()
        server.configure("")
        server.start()
    print(len(found), started)
    print("\n".join(found))
    assert found == []
    assert started > 50


def written(value: str) -> str:
    """Return a text between quotes, as the role's template writes it."""
    return value.replace("\\", "\\\\").replace("'", "''")


BARRED = [
    "session_preload_libraries = 'nothing'",
    "session_preload_libraries = 'auto_explain, nothing'",
    "local_preload_libraries = 'nothing'",
    "shared_preload_libraries = 'nothing'",
    "max_wal_senders = 5\nwal_level = minimal",
    "ssl = on\nssl_cert_file = '/nowhere'",
    "ssl = on\nssl_ciphers = 'nothing'",
    "huge_pages = on\nshared_buffers = 512MB",
]
"""What ends a start, or every login."""


@pytest.mark.parametrize("line", BARRED)
def test_what_ends_a_start_or_a_login_is_refused(server: Server, line: str) -> None:
    trial.examine(server.places, {"own.conf": "session_preload_libraries = 'auto_explain'\n"})
    with pytest.raises(Invalid):
        trial.examine(server.places, {"own.conf": f"{line}\n"})
