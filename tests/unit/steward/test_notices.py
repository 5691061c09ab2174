# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""People are told by mail what was written that concerns them, once, and however long the way is closed."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest
import yaml
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform import operations
from ansible_collections.ringmaster.hosting.plugins.module_utils.steward import outbox, seed
from ansible_collections.ringmaster.hosting.plugins.module_utils.steward.outbox import Courier, Mail, Outbox
from desks import git

pytestmark = pytest.mark.thorough
NEW = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGzQpU9+OHNJ2csusWyqCmNc5dPnJJipRGTPQDtlQt4Q new@lab"
DAY = 86400.0


@pytest.fixture
def checkout(tmp_path: Path, platform: Any) -> Path:
    """A clone of a steward's repository."""
    platform.allocate()
    seed.seed(platform.options, tmp_path / "bare.git")
    git(tmp_path, "clone", "-q", str(tmp_path / "bare.git"), "checkout")
    return tmp_path / "checkout"


@pytest.fixture
def courier(checkout: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Courier:
    """One whose mail machine is a list: what was sent is its ``sent``."""
    options = operations.options_of(checkout / "platform.ringmaster.yml", None)
    made = Courier(options, tmp_path / "state", {"server": "", "port": 0, "sender": "n@x.example", "authority": ""})
    sent: list[Mail] = []

    def send(_self: Any, mails: list[Mail], kept: Outbox, now: float) -> None:
        for mail in mails:
            sent.append(mail)
            kept.ended(mail, "sent", now)

    monkeypatch.setattr(outbox.Relay, "send", send)
    made.sent = sent  # type: ignore[attr-defined]
    made.work(0.0)
    return made


def change(checkout: Path, name: str, message: str = "A request\n\nRequested-By: alice", **more: Any) -> None:
    path = checkout / name
    record = yaml.safe_load(path.read_text())
    for key, value in more.items():
        record[key] = value(record.get(key)) if callable(value) else value
    path.write_text(yaml.safe_dump(record, sort_keys=False))
    git(checkout, "commit", "-qam", message)


def test_a_new_key_is_told_to_its_owner_by_fingerprint(courier: Any, checkout: Path) -> None:
    change(checkout, "users/alice.yml", ssh_keys=lambda keys: [*keys, NEW])
    courier.work(1.0)
    (mail,) = courier.sent
    assert mail.address == yaml.safe_load((checkout / "users/alice.yml").read_text())["email"]
    assert "new:        SHA256:" in mail.text
    assert "new@lab" not in mail.text
    assert "(alice) asked for it" in mail.text
    courier.work(2.0)
    assert len(courier.sent) == 1


def test_who_becomes_root_is_told_and_so_are_the_managers(courier: Any, checkout: Path) -> None:
    change(checkout, "projects/myapp.yml", permissions={"alice": ["login", "manager"], "bob": ["login"]})
    courier.work(1.0)
    courier.sent.clear()
    change(checkout, "projects/myapp.yml", permissions={"alice": ["login", "manager"], "bob": ["login", "wheel"]})
    courier.work(2.0)
    subjects = {one.address.partition("@")[0]: one.subject for one in courier.sent}
    assert subjects == {"bob": "You can do more in myapp", "alice": "Somebody can do more in myapp"}
    change(checkout, "projects/myapp.yml", "By hand", permissions={"alice": ["login", "manager"], "bob": ["login"]})
    courier.work(3.0)
    assert courier.sent[-1].subject == "You can do less in myapp"
    assert "The people who run the platform did it." in courier.sent[-1].text


def test_a_vm_that_is_retired_is_told_with_the_way_back(courier: Any, checkout: Path) -> None:
    def retire(vms: dict[str, Any]) -> dict[str, Any]:
        return {**vms, "myapp00": {**vms["myapp00"], "state": "retiring", "delete_after": "2026-12-24"}}

    change(checkout, "projects/myapp.yml", vms=retire, contacts=["team@elsewhere.example"])
    courier.work(1.0)
    assert "team@elsewhere.example" in {one.address for one in courier.sent}
    assert all("after 2026-12-24" in one.text and "--vm myapp00 --undo=true" in one.text for one in courier.sent)
    courier.sent.clear()
    change(
        checkout,
        "projects/myapp.yml",
        vms=lambda vms: {
            **vms,
            "myapp00": {k: v for k, v in vms["myapp00"].items() if k not in ("state", "delete_after")},
        },
    )
    courier.work(2.0)
    assert {one.subject for one in courier.sent} == {"myapp00 stays"}


def test_commits_that_came_while_nobody_looked_are_told_each_and_one_with_mistakes_by_the_next(
    courier: Any, checkout: Path
) -> None:
    change(checkout, "users/alice.yml", ssh_keys=lambda keys: [*keys, NEW])
    change(checkout, "projects/myapp.yml", nonsense=1)
    change(checkout, "projects/myapp.yml", nonsense=lambda _one: None)
    change(checkout, "users/alice.yml", ssh_keys=lambda keys: [key for key in keys if key != NEW])
    whole = yaml.safe_load((checkout / "projects/myapp.yml").read_text())
    del whole["nonsense"]
    (checkout / "projects/myapp.yml").write_text(yaml.safe_dump(whole))
    git(checkout, "commit", "-qam", "Right again")
    courier.work(1.0)
    assert ["new: " in one.text for one in courier.sent] == [True, False]


def test_on_a_new_machine_nobody_is_told_of_what_was_long_ago(checkout: Path, tmp_path: Path) -> None:
    options = operations.options_of(checkout / "platform.ringmaster.yml", None)
    settings = {"server": "127.0.0.1", "port": 9, "sender": "n@x.example", "authority": ""}
    other = Courier(options, tmp_path / "other", settings)
    other.work(1.0)
    assert other.outbox.waiting() == (0, 0.0)


def kept(folder: Path, number: int, address: str = "a@x.example") -> Outbox:
    made = Outbox(folder)
    found = [outbox.notices.Notice(address, f"{n}", "text") for n in range(number)]
    made.put("f" * 40, found, 0.0)
    return made


def test_an_address_gets_so_many_an_hour_and_the_rest_waits(tmp_path: Path) -> None:
    made = kept(tmp_path, outbox.PER_ADDRESS + 3)
    due = made.due(1.0)
    assert len(due) == outbox.PER_ADDRESS
    for mail in due:
        made.ended(mail, "sent", 1.0)
    assert made.due(2.0) == []
    assert made.waiting()[0] == 3
    assert len(made.due(3700.0)) == 3


def test_what_is_not_taken_is_tried_again_more_and_more_seldom_and_given_up_in_the_end(tmp_path: Path) -> None:
    made, now, tries = kept(tmp_path, 1), 0.0, 0
    while made.waiting()[0] and now < 10 * DAY:
        for mail in made.due(now):
            made.later(mail, "away", now)
            tries += 1
        now += 10.0
    assert 5 * DAY <= now < 5 * DAY + 7200
    assert 100 < tries < 200
    # As it was after a restart as well.
    assert Outbox(tmp_path).waiting() == (0, 0.0)


@contextmanager
def mail_machine(*answers: str) -> Iterator[int]:
    """Answer on a port, line by line, as a mail machine without TLS does that is broken: yields the port."""
    ready, loop = Event(), asyncio.new_event_loop()
    ports: list[int] = []

    async def serve() -> None:
        async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            for one in answers:
                writer.write(f"{one}\r\n".encode())
                await writer.drain()
                await reader.readline()
            writer.close()

        server = await asyncio.start_server(talk, "127.0.0.1", 0)
        ports.append(server.sockets[0].getsockname()[1])
        ready.set()

    loop.run_until_complete(serve())
    thread = Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        yield ports[0]
    finally:
        loop.call_soon_threadsafe(loop.stop)


@pytest.mark.parametrize("answers", [(), ("554 go away",), ("220 hello", "250 hello")])
def test_a_mail_machine_that_is_away_or_speaks_no_tls_gets_nothing(tmp_path: Path, answers: tuple[str, ...]) -> None:
    made = kept(tmp_path, 2)
    with mail_machine(*answers) as port:
        outbox.Relay("127.0.0.1", port, "n@x.example", "").send(made.due(1.0), made, 1.0)
    assert made.waiting()[0] == 2
    assert made.due(2.0) == []


def test_a_mail_is_the_same_one_however_often_it_is_sent(tmp_path: Path) -> None:
    (mail,) = kept(tmp_path, 1).due(1.0)
    relay = outbox.Relay("x", 25, "notices@x.example", "")
    first = relay.message(mail)
    assert first.as_bytes() == relay.message(mail).as_bytes()
    assert first["Message-ID"] == f"<{'f' * 20}.0@x.example>"
    assert (first["To"], first["Auto-Submitted"]) == ("a@x.example", "auto-generated")
