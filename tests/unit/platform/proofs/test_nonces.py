# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which statements were used: once each, over kill -9, copies, restores and clocks that go back."""

from __future__ import annotations

import datetime
import errno
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import signers
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform.proofs import nonces, statements
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform.proofs.nonces import Store, StoreError
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform.proofs.statements import ProofError
from signers import NOW

HOUR = datetime.timedelta(hours=1)
LATER = NOW + datetime.timedelta(minutes=1)
ASKED = signers.asks(("restart_vm", {"vm": "myapp00"}))


class Place:
    """A folder with a store, which may be opened again and again."""

    def __init__(self, folder: Path) -> None:
        self.path, self.marker = folder / "used", folder / "here"
        self.store: Store | None = None

    def open(self, now: datetime.datetime = NOW) -> Store:
        if self.store:
            self.store.close()
        self.store = None
        self.store = Store(self.path, self.marker, now)
        return self.store


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def request(now: datetime.datetime = LATER, **more: object) -> statements.Statement:
    return signers.request(ASKED, now=now, **more)


def refused(store: Store, statement: statements.Statement, use: str = "other") -> str:
    with pytest.raises(ProofError) as error:
        store.spend([statement], use)
    return error.value.code


def test_a_statement_counts_for_one_use(place: Place) -> None:
    store, statement = place.open(), request()
    store.spend([statement], "r1")
    store.spend([statement], "r1")
    assert refused(store, statement, "r2") == "used"
    store = place.open()
    store.spend([statement], "r1")
    assert refused(store, statement, "r2") == "used"
    store.spend([request()], "r2")


def test_all_or_none_are_spent(place: Place) -> None:
    store, first, second = place.open(), request(), request()
    store.spend([first], "r1")
    with pytest.raises(ProofError):
        store.spend([second, first], "r2")
    store.spend([second], "r3")


def test_a_session_counts_until_it_is_ended(place: Place) -> None:
    store, session = place.open(), signers.session(now=LATER)
    store.spend([session], "r1")
    store.spend([session], "r2")
    store.end_session(session)
    assert refused(store, session) == "used"
    assert refused(place.open(), session) == "used"


@pytest.mark.parametrize("use", ["", "with blank", "with\nline", "ä", "a" * 201, nonces.ENDED])
def test_a_use_is_a_word(place: Place, use: str) -> None:
    with pytest.raises(ValueError, match="no word"):
        place.open().spend([request()], use)


def test_a_second_process_is_refused(place: Place) -> None:
    place.open()
    with pytest.raises(StoreError, match="another process"):
        Store(place.path, place.marker, NOW)


def test_ended_statements_are_dropped_and_stay_refused_by_any_clock(place: Place) -> None:
    short, long = request(lasts=HOUR), request()
    place.open().spend([short, long], "r1")
    store = place.open(NOW + 3 * HOUR)
    assert short.digest not in place.path.read_text() and long.digest in place.path.read_text()
    # The clock goes back three hours: the statement would hold again.
    statements.check(short, ["request"], signers.HOST, NOW, "restart_vm vm=myapp00")
    assert refused(store, short) == "time"
    assert refused(place.open(NOW), short) == "time"
    assert refused(store, long) == "used"


def test_a_restored_store_takes_nothing_old(place: Place, tmp_path: Path) -> None:
    used_before, used_after, unused = request(), request(), request()
    place.open().spend([used_before], "r1")
    shutil.copy(place.path, tmp_path / "backup")
    place.open().spend([used_after], "r2")
    shutil.copy(tmp_path / "backup", place.path)
    store = place.open(NOW + HOUR)
    for statement in (used_before, used_after, unused, signers.session(now=LATER)):
        assert refused(store, statement) == "used"
    store = place.open(NOW + HOUR)
    assert refused(store, used_after) == "used"
    store.spend([request(NOW + HOUR + statements.LEEWAY)], "r3")
    assert refused(place.open(NOW + 2 * HOUR), used_after) == "used"


def test_on_another_machine_it_counts_as_restored(place: Place) -> None:
    """The marker is in no backup, so a new machine has none."""
    statement = request()
    place.open().spend([statement], "r1")
    place.marker.unlink()
    assert refused(place.open(NOW + HOUR), request()) == "used"


def test_a_store_that_is_gone_counts_as_restored(place: Place) -> None:
    place.open().spend([request()], "r1")
    place.path.unlink()
    assert refused(place.open(NOW + HOUR), request()) == "used"
    place.path.unlink()
    place.marker.unlink()
    assert refused(place.open(NOW + HOUR), request()) == "used"


def test_a_new_store_takes_what_is_signed_from_then_on(place: Place) -> None:
    place.open().spend([request(NOW)], "r1")
    assert refused(place.open(), request(NOW - HOUR)) == "used"


@pytest.mark.parametrize("tail", ["", "ab", "f" * 64, "f" * 64 + " 2026-", "\0\0\0", "\0\0\n", "x\ny\n"])
def test_lines_that_were_cut_off_are_forgotten(place: Place, tail: str) -> None:
    statement, other = request(), request()
    place.open().spend([statement], "r1")
    with place.path.open("a") as file:
        file.write(tail)
    store = place.open()
    store.spend([other], "r2")
    store = place.open()
    assert refused(store, statement) == refused(store, other) == "used"
    store.spend([request()], "r3")


@pytest.mark.parametrize(
    "change",
    [
        lambda text: "x" + text,
        lambda text: text.replace("nonces ", "other ", 1),
        lambda text: text.replace("\n", "\nx\n", 1),
        lambda text: text.replace("2026-", "20x6-", 1),
        lambda text: text.replace("\n", "", 1),
        lambda text: "\0" * len(text),
    ],
)
def test_a_damaged_store_is_not_used(place: Place, change) -> None:
    store = place.open()
    store.spend([request()], "r1")
    store.spend([request()], "r2")
    place.path.write_text(change(place.path.read_text()))
    with pytest.raises(StoreError, match="damaged"):
        place.open()


def test_a_full_disk_leaves_no_half_line(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    store, first, second = place.open(), request(), request()
    write = os.write
    monkeypatch.setattr(os, "write", lambda file, data: write(file, data[:20]))
    with pytest.raises(OSError, match="full"):
        store.spend([first], "r1")

    def full(*_arguments: object) -> int:
        raise OSError(errno.ENOSPC, "no space")

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(OSError, match="no space"):
        store.spend([first], "r1")
    monkeypatch.setattr(os, "write", write)
    store.spend([first], "r2")
    store.spend([second], "r3")
    store = place.open()
    assert refused(store, first) == refused(store, second) == "used"


PROGRAM = """
import datetime, sys
from pathlib import Path
sys.path[:0] = {path!r}
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform.proofs import nonces, statements
import signers
store = nonces.Store(Path({used!r}), Path({here!r}), signers.NOW)
for number in range(100000):
    statement = signers.request({asked!r}, now={now})
    store.spend([statement], f"r{{number}}")
    print(statement.text, flush=True)
"""


@pytest.mark.thorough
def test_what_was_told_survives_kill_9(place: Place) -> None:
    """Each statement that the killed program has told of is refused by the next one."""
    now = "signers.NOW + datetime.timedelta(minutes=1)"
    program = PROGRAM.format(path=sys.path, used=str(place.path), here=str(place.marker), asked=ASKED, now=now)
    for _round in range(4):
        told: list[statements.Statement] = []
        with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout
            for line in process.stdout:
                told.append(statements.read(line.rstrip("\n")))
                if len(told) == 25:
                    process.send_signal(signal.SIGKILL)
                    break
        store = place.open()
        assert all(refused(store, one) == "used" for one in told)
        store.spend([request()], "fresh")
        store.close()
        place.store = None
