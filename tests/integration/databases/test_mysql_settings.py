# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Settings of MariaDB: what is accepted starts, twice, and what was set once is never set again."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from conftest import place
from ringmaster.core import account, below
from ringmaster.core.report import Failure, Invalid, Report
from ringmaster.mysql import settings, trial, zones
from ringmaster.mysql.client import Client, root
from ringmaster.mysql.converge import apply
from ringmaster.mysql.options import ALIASES, ALLOWED


def wanted(text: str) -> dict[str, settings.Live]:
    """Return what a converge compares: both judges, as ``converge`` asks them."""
    values = settings.meaning(text)
    return settings.together(trial.start(text, values[settings.TIME_ZONE]), values)


class DoesNotStart(Exception):
    """What the server wrote in its log."""


@contextmanager
def server(folder: Path, configuration: Path) -> Iterator[Client]:
    """Run a server on the data of ``folder`` with a configuration."""
    words = ["/usr/sbin/mariadbd", f"--defaults-file={configuration}", f"--socket={folder}/socket"]
    words += [f"--pid-file={folder}/pid", "--skip-networking"]
    with (folder / "log").open("ab") as log:
        process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=log, stderr=log, **below.identity("mysql"))
    try:
        ping = ["mariadb-admin", "--no-defaults", f"--socket={folder}/socket", "--user=root", "ping"]
        end = time.monotonic() + 60
        while subprocess.run(ping, capture_output=True, check=False).returncode:
            if process.poll() is not None or time.monotonic() > end:
                raise DoesNotStart((folder / "log").read_text())
            time.sleep(0.1)
        yield root(f"{folder}/socket")
    finally:
        process.terminate()
        process.wait(60)


@pytest.fixture
def data() -> Iterator[Path]:
    """Give a folder with new data of a server that never ran."""
    with place("mysql") as folder:
        words = ["mariadb-install-db", "--no-defaults", f"--datadir={folder}/data", "--skip-test-db"]
        account.run("mysql", *words, "--auth-root-authentication-method=socket", "--auth-root-socket-user=root")
        yield folder


FATAL = [
    "default_time_zone = Europe/Nowhere",
    "default_time_zone = ../../../etc/hostname",
    "default_time_zone = +25:00",
    "default_storage_engine = nothing",
    "default_tmp_storage_engine = nothing",
    "lc_time_names = xx_XX",
    "collation_server = latin1_bin",
    "character_set_server = nothing",
    "innodb_data_file_path = nonsense",
    "innodb_page_size = 5k",
    # It starts, and then runs no statement of ours.
    "max_session_mem_used = 8192",
    "ssl_cert = /nowhere\nssl_key = /nowhere",
    "tls_version = TLSv9",
]


@pytest.mark.parametrize("line", FATAL)
def test_what_ends_a_start_is_refused(line: str) -> None:
    head = "[mariadbd]\ncharacter_set_server = utf8mb4\n"
    wanted(head)
    with pytest.raises(Invalid):
        wanted(f"{head}{line}\n")
    assert not list(trial.PARENT.glob(f"{trial.PREFIX}*"))


def test_the_trial_opens_nothing_of_the_real_server(tmp_path: Path) -> None:
    """Whatever the configuration names, also where the account may write."""
    with place("mysql") as folder:
        names = ["datadir", "tmpdir", "innodb_data_home_dir", "innodb_log_group_home_dir", "innodb_undo_directory"]
        lines = [f"{name} = {folder}" for name in [*names, "aria_log_dir_path"]]
        files = ["log_bin", "log_error", "log_slow_query_file", "general_log_file", "pid_file", "socket"]
        lines += [f"{name} = {folder}/{name}" for name in files]
        lines += ["general_log = ON", "log_slow_query = ON", "long_query_time = 0", "server_id = 1"]
        wanted("\n".join(["[mariadbd]", *lines, ""]))
        assert not list(folder.iterdir())


def test_a_time_zone_by_name_starts_twice_and_is_set_live(data: Path, tmp_path: Path) -> None:
    configuration = data / "my.cnf"
    configuration.write_text(f"[mariadbd]\ndatadir = {data}/data\ndefault_time_zone = Europe/Berlin\n")
    wanted(configuration.read_text())
    with pytest.raises(DoesNotStart, match="unknown default time zone"), server(data, configuration):
        pass
    zones.fill(configuration)
    stamp = tmp_path / "zones"
    for _start in range(2):
        with server(data, configuration) as client:
            assert client.one("SELECT CONVERT_TZ('2026-07-01', 'UTC', @@time_zone)") == "2026-07-01 02:00:00"
            for expected in (["load the time zones"], [], []) if not stamp.exists() else ([], []):
                report = Report()
                zones.settle(client, report, check=False, loaded=stamp)
                assert report.steps == expected
            assert apply(client, wanted(configuration.read_text()), {}) == ([], [])
            # Another one, none, and back: each once, and at once.
            for line, name in (("= Asia/Tokyo", "Asia/Tokyo"), ("= +1:00", "+01:00"), ("", "SYSTEM")):
                text = f"[mariadbd]\ndefault_time_zone {line}\n" if line else "[mariadbd]\n"
                assert apply(client, wanted(text), {})[0] != []
                assert client.one("SELECT @@GLOBAL.time_zone") == name
                assert apply(client, wanted(text), {}) == ([], [])


def test_zones_that_cannot_be_loaded_are_told(data: Path) -> None:
    configuration = data / "my.cnf"
    configuration.write_text(f"[mariadbd]\ndatadir = {data}/nothing\n")
    with pytest.raises(Failure, match=r"the time zones cannot be loaded: .*nothing"):
        zones.fill(configuration)


def spellings(client: Client) -> dict[str, list[str]]:
    """Return, for each variable that a drop-in may set, lines that set it: each kind of value as MariaDB takes it."""
    what = "variable_type, numeric_min_value, numeric_max_value, enum_value_list, global_value"
    rows = client.run([f"SELECT LOWER(variable_name), {what} FROM information_schema.system_variables"])
    found: dict[str, list[str]] = {}
    for name, kind, least, most, choices, now in rows:
        if name not in ALLOWED:
            continue
        values: list[str] = []
        words = choices.split(",")
        if kind == "BOOLEAN":
            values = ["ON", "off", "TRUE", "false", "1", "0"]
        elif kind == "ENUM":
            values = [*(word.lower() for word in words), *words, *map(str, range(len(words)))]
        elif kind == "SET":
            values = [",".join(reversed([word.lower() for word in words[:3]])), words[-1], "3"]
        elif kind == "FLAGSET":
            values = [f"{words[0].lower()}=off", f"{words[1].upper()}=ON,{words[0]}=off"]
        elif kind == "DOUBLE":
            values = ["0.5", "2", "1.50", "1e1"]
        elif kind in ("INT", "INT UNSIGNED", "BIGINT", "BIGINT UNSIGNED"):
            sizes = {"8K": 2**13, "0x4000": 2**14, "1m": 2**20, "64M": 2**26, "007": 7, "12": 12, "0": 0}
            values = [text for text, number in sizes.items() if int(least) <= number <= min(int(most), 2**26)]
        elif kind == "VARCHAR":
            values = [now.lower(), now.upper()]
        found[name] = [f"{name} = {value}" for value in values]
    found["sql_mode"] += ["sql_mode = ", "sql_mode = ansi", "sql_mode = Traditional", "sql_mode = ANSI,no_zero_date"]
    found["character_set_server"] = [f"character_set_server = {one}" for one in ("utf8", "UTF8MB4", "latin1", "binary")]
    found["collation_server"] = [
        f"character_set_server = {one}\ncollation_server = {other}"
        for one, other in (("utf8mb4", "UTF8MB4_bin"), ("latin1", "latin1_german2_ci"), ("utf8", "utf8_general_ci"))
    ]
    found["lc_time_names"] = [f"lc_time_names = {one}" for one in ("de_DE", "de_de", "EN_US", "4")]
    found["default_storage_engine"] = [f"default-storage-engine = {one}" for one in ("aria", "MyISAM", "INNODB")]
    found["default_tmp_storage_engine"] = [f"default-tmp-storage-engine = {one}" for one in ("aria", "InnoDB")]
    zones_ = ("SYSTEM", "system", "+2:00", "-03:30", "+00:00")
    found["default_time_zone"] = [f"default_time_zone = {one}" for one in zones_]
    found |= {name: [*found.get(name, []), f"{name}\n"] for name in ("event_scheduler", "slow_query_log", "userstat")}
    for other, name in ALIASES.items():
        found[other] = [line.replace(name, other) for line in found.get(name, [])]
    return found


def accepted(lines: list[str], judge: Callable[[str], object], given: list[str]) -> list[str]:
    """Return those lines that MariaDB accepts together with others; halves of what it does not accept are tried."""
    try:
        judge("\n".join(["[mariadbd]", *given, *lines, ""]))
    except Invalid:
        half = len(lines) // 2
        if not half:
            return []
        first = accepted(lines[:half], judge, given)
        return first + accepted(lines[half:], judge, given + first)
    return lines


def test_every_spelling_of_every_setting_is_set_once(data: Path) -> None:
    """Live, and by the next start; what MariaDB refuses is refused, and never accepted and set for ever."""
    plain, one = data / "plain.cnf", data / "one.cnf"
    plain.write_text(f"[mariadbd]\ndatadir = {data}/data\n")
    rounds, texts, unsettled = [], [], []
    with server(data, plain) as client:
        known = spellings(client)
        for number in range(max(map(len, known.values()))):
            for names in (known.keys() - ALIASES.keys(), ALIASES.keys()):
                rounds.append(sorted(known[name][number] for name in names if len(known[name]) > number))
        for lines in rounds:
            good = accepted(accepted(lines, settings.meaning, []), wanted, [])
            if not good:
                continue
            texts.append("\n".join(["[mariadbd]", f"datadir = {data}/data", *good, ""]))
            for text in (texts[-1], plain.read_text()):
                then = wanted(text)
                _steps, left = apply(client, then, {})
                again = apply(client, then, {})
                unsettled += [again] if again != ([], left) else []
    for text in texts:
        one.write_text(text)
        with server(data, one) as client:
            found = apply(client, wanted(text), {})
            unsettled += [found] if found != ([], []) else []
    assert sum(text.count("\n") for text in texts) > 450
    assert unsettled == []
