# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How people get in: sign-ups, invitations, permissions, service users; and what does not get in by these ways."""

from __future__ import annotations

import datetime
import json
import re
import socketserver
import threading
from pathlib import Path
from typing import Any

import pytest
import set_up
import yaml
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform.language.ssh_keys import fingerprint
from callers import Steward
from django.conf import settings
from django.utils import timezone
from portal.pages import joining, mail
from portal.pages.models import Invitation, Mail, SignUp
from portal.queue import models, store
from ringmaster.portal import checks
from visitors import OWN, Visitor, fields, number_of


def public(keys: dict[str, Path], name: str) -> str:
    return keys[name].with_suffix(".pub").read_text().strip()


def wanted(number: str) -> tuple[str, dict[str, Any]]:
    (change,) = json.loads(models.Request.objects.get(id=number).body)["request"]["changes"]
    return change["verb"], change["arguments"]


def signed_up(keys: dict[str, Path], email: str = "carol@town.example", **more: str) -> Visitor:
    carol = Visitor("carol", keys["carol"])
    carol.open("/sign-up")
    given = {"full_name": "Carol Example", "email": email, "ssh_key": public(keys, "carol"), **more}
    carol.press("Sign up", **given)
    return carol


def code() -> str:
    found = re.search(r"^    ([A-Z0-9]{4}-[A-Z0-9]{4})$", Mail.objects.order_by("id").last().body, re.M)  # type: ignore[union-attr]
    assert found
    return found[1]


def test_a_stranger_signs_up_and_an_operator_lets_her_in(
    portal: Steward, keys: dict[str, Path], olga: Visitor, example: dict[str, str]
) -> None:
    carol = signed_up(keys, note="Alice knows me. <b>Hello</b>")
    assert carol.page.title == "Look into your mail"
    assert carol.press("Confirm", code="AAAA-AAAA").status == 422
    carol.press("Confirm", code=f" {code().lower()} ")
    assert carol.page.title == "Choose a name"
    carol.press("Continue", user="carol")
    assert fingerprint(public(keys, "carol")) in carol.page.words
    assert "this key is to belong to the account carol at my.town.example" in carol.page.words
    carol.press("Finish", possession_signature=carol.sign())
    assert carol.page.title == "We will get in touch"
    told = Mail.objects.get(to="olga@town.example")
    assert "carol@town.example" in told.body and "Alice knows" not in told.subject
    assert not models.Request.objects.exists(), "nothing of a stranger gets as far as the queue"

    page = olga.open("/sign-ups")
    assert "Alice knows me. <b>Hello</b>" in page.words and fingerprint(public(keys, "carol")) in page.words
    page = olga.press("Let carol in…")
    assert "is described, with the state active" in page.words
    page = olga.press("Let carol in", request_signature=olga.sign())
    verb, given = wanted(number_of(page))
    assert (verb, given["user"], given["ssh_keys"]) == ("add_user", "carol", [public(keys, "carol")])

    record = {"full_name": "Carol Example", "email": "carol@town.example", "ssh_keys": [public(keys, "carol")]}
    _hand_over(portal, example, carol=record)
    joining.settle()
    assert Mail.objects.filter(to="carol@town.example", subject="Your account is there").exists()
    assert carol.open(carol.page.address).title == "You are in"
    assert carol.sign_in().title == "Hello, Carol Example"
    assert "No project yet" in carol.page.words


def _hand_over(portal: Steward, example: dict[str, str], **people: dict[str, Any]) -> None:
    """Hand over the description with further people in it."""
    files = {**example, **{f"users/{name}.yml": yaml.safe_dump(record) for name, record in people.items()}}
    files = set_up.allocated(files)
    answer = portal.call("snapshot", generation=portal.generation, commit="f" * 40, files=files)
    assert answer.status_code == 200


def test_an_operator_declines_with_a_note(keys: dict[str, Path], olga: Visitor) -> None:
    carol = signed_up(keys)
    carol.press("Confirm", code=code())
    carol.press("Continue", user="carol")
    carol.press("Finish", possession_signature=carol.sign())
    olga.open("/sign-ups")
    olga.press("Decline carol", note="We do not know you.")
    assert "We do not know you." in Mail.objects.filter(to="carol@town.example").order_by("-id")[0].body
    assert carol.open(carol.page.address).title == "Not this time"


def test_sign_ups_are_for_operators(alice: Visitor) -> None:
    assert alice.open("/sign-ups").status == 404
    assert "Sign-ups" not in alice.open("/").words


def test_an_address_that_has_an_account_gets_a_mail_and_the_page_is_the_same(
    portal: Steward, keys: dict[str, Path]
) -> None:
    known, new = signed_up(keys, "ALICE@town.example"), signed_up(keys)
    assert known.page.words.replace("ALICE@", "carol@") == new.page.words
    assert "has an account already: alice" in Mail.objects.get(to="ALICE@town.example").body
    assert known.press("Confirm", code="AAAA-AAAA").words.replace("ALICE@", "…") == new.press(
        "Confirm", code="AAAA-AAAA"
    ).words.replace("carol@", "…")


def test_codes_are_not_guessed(portal: Steward, keys: dict[str, Path]) -> None:
    carol = signed_up(keys)
    right = code()
    for _time in range(5):
        carol.press("Confirm", code="AAAA-AAAA")
    assert "tried too often" in carol.press("Confirm", code=right).words
    carol.press("Send a new code")
    assert carol.press("Confirm", code=right).status == 422, "an old one is none any more"
    assert carol.press("Confirm", code=code()).title == "Choose a name"
    assert code() not in str(SignUp.objects.values()), "codes are kept as digests"


def test_logs_name_no_address_that_is_a_secret(
    alice: Visitor, keys: dict[str, Path], caplog: pytest.LogCaptureFixture
) -> None:
    carol = signed_up(keys, "dora@town.example")
    link = invited(alice, "login")
    with caplog.at_level("DEBUG", logger=""):
        assert carol.press("Confirm", code="AAAA-AAAA").status == 422
        other = Visitor()
        other.open(link)
        assert other.press("Continue", full_name="C", user="root", ssh_key=public(keys, "carol")).status == 422
    secrets = (carol.page.address.rpartition("/")[2], link.rpartition("/")[2])
    assert not [one for one in secrets if one in caplog.text]


def test_looking_at_a_page_changes_nothing(portal: Steward, keys: dict[str, Path]) -> None:
    """Scanners of mail open links: what is in them only shows a page."""
    carol = signed_up(keys)
    before = list(SignUp.objects.values())
    Visitor().open(carol.page.address)
    Visitor().open(f"{carol.page.address}?code={code()}")
    assert list(SignUp.objects.values()) == before


def test_one_address_and_one_network_are_not_flooded(portal: Steward, keys: dict[str, Path]) -> None:
    for _time in range(6):
        signed_up(keys)
    assert Mail.objects.filter(to="carol@town.example").count() == mail.BUDGET
    assert SignUp.objects.filter(email="carol@town.example").count() == 1
    carol = Visitor()
    for number in range(joining.SIGN_UPS_OF_NETWORK + 1):
        carol.open("/sign-up")
        sent = fields(carol.page.form("Sign up"))
        sent |= {"full_name": "C", "email": f"c{number}@town.example", "ssh_key": public(keys, "carol")}
        answer = carol.client.post("/sign-up", sent, headers={**OWN, "x-real-ip": f"198.51.100.{number}"}, secure=True)
        assert answer.status_code == (302 if number < joining.SIGN_UPS_OF_NETWORK else 429)
    assert "198.51.100.0/24" in {one.network for one in SignUp.objects.all()}, "and no address is kept"


@pytest.mark.parametrize("name", ["alice", "a1ice", "root", "myapp", "s-carol", "Carol", "ringmaster", "b0b"])
def test_names_that_are_taken_or_look_so_are_refused(portal: Steward, keys: dict[str, Path], name: str) -> None:
    carol = signed_up(keys)
    carol.press("Confirm", code=code())
    assert carol.press("Continue", user=name).status == 422
    assert not SignUp.objects.exclude(user="").exists()


@pytest.mark.parametrize(
    "field, value, said",
    [
        ("email", "-oQ@town.example", "mail"),
        ("email", "carol@t\u0430wn.example", "mail"),
        ("email", "carol@town.example\nBcc: x@y.example", "mail"),
        ("ssh_key", "-----BEGIN OPENSSH PRIVATE KEY-----", "private"),
        ("ssh_key", "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAAQQ", "damaged"),
        ("full_name", "Carol \u0415xample", "alphabet"),
    ],
)
def test_what_the_description_would_not_take_is_told_at_its_field(
    portal: Steward, keys: dict[str, Path], field: str, value: str, said: str
) -> None:
    carol = signed_up(keys, **{"email": "carol@town.example", field: value})
    assert carol.page.status == 422 and said in carol.page.words
    assert not Mail.objects.exists() and not SignUp.objects.exists()


def test_another_key_does_not_show_that_this_one_is_hers(portal: Steward, keys: dict[str, Path]) -> None:
    carol = signed_up(keys)
    carol.press("Confirm", code=code())
    carol.press("Continue", user="carol")
    page = carol.press("Finish", possession_signature=carol.sign(key=keys["spare"]))
    assert page.status == 422 and not SignUp.objects.exclude(proof=None).exists()


def invited(alice: Visitor, *permissions: str) -> str:
    """Invite carol, and return the link of the mail."""
    alice.open("/projects/myapp/people")
    sent = {**fields(alice.page.form("Invite…")), "email": "carol@town.example", "permissions": list(permissions)}
    alice.page = type(alice.page)(alice.client.post("/projects/myapp/people", sent, headers=OWN, secure=True))
    form = alice.page.form("Send the invitation")
    sent = {**fields(form), "permissions": list(permissions), "invitation-signature": alice.sign()}
    answer = alice.client.post("/projects/myapp/people", sent, headers=OWN, secure=True)
    assert answer.status_code == 302, answer.content.decode()
    found = re.search(r"https://my\.town\.example(/join/\S+)", Mail.objects.get(to="carol@town.example").body)
    assert found
    return found[1]


def test_who_is_invited_is_in_without_an_operator(
    alice: Visitor, portal: Steward, keys: dict[str, Path], example: dict[str, str]
) -> None:
    link = invited(alice, "login", "sudo-srv")
    assert "carol@town.example" in alice.open("/projects/myapp/people").words
    carol = Visitor("carol", keys["carol"])
    page = carol.open(link)
    assert "Alice Example invites you: login, sudo-srv in myapp" in page.words
    carol.press("Continue", full_name="Carol Example", user="carol", ssh_key=public(keys, "carol"))
    carol.press("Join", possession_signature=carol.sign())
    assert "Your account is made" in carol.page.words
    request = models.Request.objects.get()
    (handed,) = portal.next().json()["requests"]
    assert set(json.loads(handed["body"])["newcomer"]) == {"full_name", "invitation", "possession"}
    assert request.person == "carol"
    record = {"full_name": "Carol Example", "email": "carol@town.example", "ssh_keys": [public(keys, "carol")]}
    _hand_over(portal, example, carol=record)
    assert "You are in" in carol.open(link).words
    assert Visitor().open(link).words.count("Continue") == 0, "it is followed once"


def test_an_invitation_is_withdrawn(alice: Visitor, keys: dict[str, Path]) -> None:
    link = invited(alice, "login")
    alice.open("/projects/myapp/people")
    alice.press("Withdraw")
    assert Visitor().open(link).title == "This link is no longer good"
    link_ = Visitor()
    Invitation.objects.create(
        token=store.digest("x"), person="alice", email="c@town.example", project="myapp", permissions=[], proof={},
        made=timezone.now(), not_after=timezone.now() - datetime.timedelta(days=1),
    )  # fmt: skip
    assert link_.open("/join/x").status == 410


def test_who_is_no_manager_invites_nobody(bob: Visitor) -> None:
    assert bob.open("/projects/myapp/people").status == 404
    bob.open("/")
    sent = {**fields(bob.page.form("Sign out")), "what": "invite", "email": "x@town.example", "permissions": "login"}
    assert bob.client.post("/projects/myapp/people", sent, headers=OWN, secure=True).status_code == 404
    assert not Mail.objects.exists()


def test_wheel_is_said_to_need_an_operator(alice: Visitor) -> None:
    alice.open("/projects/myapp/people")
    sent = {**fields(alice.page.form("Invite…")), "email": "carol@town.example", "permissions": ["login", "wheel"]}
    answer = alice.client.post("/projects/myapp/people", sent, headers=OWN, secure=True)
    assert b"an operator lets people become root" in answer.content and b"olga will be asked" in answer.content


def test_a_manager_changes_what_somebody_may(alice: Visitor) -> None:
    alice.open("/projects/myapp/people")
    form = next(one for one in alice.page.all("form") if one.get("aria-label") == "Permissions of bob")
    sent = {**fields(form), "permissions": ["login"]}
    answer = alice.client.post("/projects/myapp/people", sent, headers=OWN, secure=True)
    alice.page = type(alice.page)(answer)
    assert "loses sudo-srv in myapp" in alice.page.words
    page = alice.press("Change what bob may do in myapp")
    verb, given = wanted(number_of(page))
    assert (verb, given["permissions"]) == ("set_permissions", ["login"])


def test_who_gets_much_waits_for_whoever_invited_and_for_the_key(
    alice: Visitor, portal: Steward, keys: dict[str, Path], example: dict[str, str]
) -> None:
    record = {"full_name": "Carol Example", "email": "carol@town.example", "ssh_keys": [public(keys, "carol")]}
    record |= {"state": "pending", "requested_by": "alice"}
    files = {**example, "projects/myapp.yml": example["projects/myapp.yml"].replace(
        "  bob: [login, sudo-srv]\n", "  bob: [login, sudo-srv]\n  carol: [login, manager]\n"
    )}  # fmt: skip
    _hand_over(portal, files, carol=record)
    page = alice.open("/projects/myapp/people")
    assert "Waits to be let in" in page.words and fingerprint(public(keys, "carol")) in page.words
    alice.press("Let carol in…")
    page = alice.press("Let carol in", request_signature=alice.sign())
    assert wanted(number_of(page)) == ("accept_user", {"user": "carol", "ssh_keys": [public(keys, "carol")]})
    alice.open("/projects/myapp/people")
    assert alice.press("Decline carol…").title == "Decline carol"


def test_a_service_user_is_registered(alice: Visitor) -> None:
    alice.open("/projects/myapp/people")
    assert alice.press("Register…", service_user="My App!").status == 422
    page = alice.press("Register…", service_user="worker")
    assert "gains s-worker" in page.words
    page = alice.press("Register s-worker")
    assert wanted(number_of(page)) == ("add_service_user", {"project": "myapp", "service_user": "s-worker"})


def test_a_further_key_is_added_with_two_signatures(alice: Visitor, keys: dict[str, Path]) -> None:
    alice.open("/account")
    assert "known key type" in alice.press("Add key…", ssh_key="hello").words
    page = alice.press("Add key…", ssh_key=public(keys, "spare"))
    assert "can log in with the key" in page.words
    new = alice.sign(1, keys["spare"], "path-of-the-new-key")
    page = alice.press("Add a key", request_signature=alice.sign(), possession0_signature=new)
    verb, given = wanted(number_of(page))
    assert (verb, given["ssh_key"]) == ("add_ssh_key", public(keys, "spare"))
    assert len(json.loads(models.Request.objects.get().body)["proofs"]) == 2


def test_the_last_key_stays(alice: Visitor) -> None:
    alice.open("/account")
    assert "last way in" in alice.press("Revoke…").words


def test_mail_leaves_later_when_its_server_is_away(portal: Steward, keys: dict[str, Path]) -> None:
    signed_up(keys)
    nowhere = {"server": "127.0.0.1", "port": 9, "from": "portal@town.example"}
    assert mail.send(nowhere) == 0
    (one,) = Mail.objects.all()
    assert (one.tries, bool(one.problem)) == (1, True) and one.due and one.due > timezone.now()
    for _time in range(len(mail.PAUSES)):
        Mail.objects.update(due=timezone.now())
        mail.send(nowhere)
    assert Mail.objects.get().due is None, "it is given up in the end"


class Refusing(socketserver.StreamRequestHandler):
    """A mail server that knows carol alone, and is not ready for dave yet."""

    def handle(self) -> None:
        self.wfile.write(b"220 here\r\n")
        for line in self.rfile:
            if line.upper().startswith(b"RCPT") and b"carol@" not in line:
                self.wfile.write(b"451 come back later\r\n" if b"dave@" in line else b"550 no such user\r\n")
            elif line.upper().startswith(b"DATA"):
                self.wfile.write(b"354 go on\r\n")
                for part in self.rfile:
                    if part == b".\r\n":
                        break
                self.wfile.write(b"250 taken\r\n")
            else:
                self.wfile.write(b"250 well\r\n")


def test_an_address_that_is_refused_is_told_from_a_server_that_is_away(portal: Steward) -> None:
    mail.put("nobody@town.example", "Hello", "text")
    mail.put("carol@town.example", "Hello", "text")
    mail.put("dave@town.example", "Hello", "text")
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Refusing) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            assert mail.send({"server": "127.0.0.1", "port": server.server_address[1], "from": "my@town.example"}) == 1
        finally:
            server.shutdown()
    assert Mail.objects.get(to__startswith="nobody").problem.startswith(checks.REFUSED)
    assert not Mail.objects.get(to__startswith="dave").problem.startswith(checks.REFUSED), "it waits, as others do"
    Mail.objects.filter(to__startswith="dave").delete()
    database = settings.DATABASES["default"]["NAME"]
    said = "0 mails wait, 1 left within a day; the mail server refuses the addresses of 1."
    assert checks.mail(database=str(database)) == (0, said)
    mail.put("carol@town.example", "Hello", "text")
    mail.send({"server": "127.0.0.1", "port": 9, "from": "my@town.example"})
    Mail.objects.filter(tries=1, due__isnull=False).update(made=timezone.now() - datetime.timedelta(minutes=20))
    level, said = checks.mail(database=str(database))
    assert level == 1 and "for 20 minutes: the mail server takes no connections" in said


def test_old_mail_is_forgotten_unless_it_is_to_leave(portal: Steward) -> None:
    mail.put("carol@town.example", "Hello", "waits")
    mail.put("carol@town.example", "Hello", "has left")
    mail.put("carol@town.example", "Hello", "has left just now")
    Mail.objects.exclude(body__startswith="waits").update(due=None)
    Mail.objects.exclude(body__contains="just now").update(made=timezone.now() - datetime.timedelta(days=15))
    mail.swept()
    assert [one.body.split("\n")[0] for one in Mail.objects.order_by("id")] == ["waits", "has left just now"]


def test_mail_has_one_line_headers(portal: Steward) -> None:
    one = Mail(to="a@town.example\nBcc: b@town.example", subject="x", body="y", made=timezone.now())
    with pytest.raises(ValueError, match="linefeed"):
        mail.message(one, "portal@town.example")
