# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who asked for what: the whole judgement, with honest people and with a queue that lies."""

from __future__ import annotations

import datetime
import json
from collections.abc import Callable
from typing import Any

import pytest
import signers
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform.language import ssh_keys
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform.model import Description
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform.proofs import judge, statements
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform.proofs.judge import Place, Proven
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform.proofs.statements import ProofError
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform.verbs import policy
from signers import HOST, NOW, ORIGIN, Passkey, SecurityKey, SshKey, altered, signed

pytestmark = pytest.mark.thorough

HOUR = datetime.timedelta(hours=1)
PLACE = Place(HOST, (ORIGIN,), HOST)
ORDER = ("order_vm", {"project": "myapp"})
RETIRE = ("retire_vm", {"vm": "myapp00"})
Refused = Callable[..., str]


@pytest.fixture(scope="module")
def alice(tmp_path_factory: pytest.TempPathFactory) -> SshKey:
    return SshKey(tmp_path_factory.mktemp("alice"))


@pytest.fixture(scope="module")
def bob(tmp_path_factory: pytest.TempPathFactory) -> SshKey:
    return SshKey(tmp_path_factory.mktemp("bob"))


@pytest.fixture(scope="module")
def carol(tmp_path_factory: pytest.TempPathFactory) -> SshKey:
    """Somebody who is not in the description yet."""
    return SshKey(tmp_path_factory.mktemp("carol"))


@pytest.fixture(scope="module")
def laptop() -> Passkey:
    return Passkey()


@pytest.fixture
def town(platform, alice: SshKey, bob: SshKey, laptop: Passkey) -> Any:
    """The example platform, where Alice has an SSH key and a passkey, and Bob an SSH key."""

    def keys(name: str, line: str, **more: Any) -> None:
        platform.edit(f"users/{name}.yml", lambda user: {**user, "ssh_keys": [line], **more})

    keys("alice", alice.line, passkeys=[laptop.record])
    keys("bob", bob.line)
    return platform


@pytest.fixture
def found(town) -> Description:
    return town.read()


def judged(found: Description, asked: Any, *proofs: Any, now: datetime.datetime = NOW) -> Proven:
    return judge.of_request(found, PLACE, asked, list(proofs), now)


def code(found: Description, asked: Any, *proofs: Any, now: datetime.datetime = NOW) -> str:
    with pytest.raises(ProofError) as refused:
        judged(found, asked, *proofs, now=now)
    return refused.value.code


def test_a_request_is_proven_by_either_key(found: Description, alice: SshKey, laptop: Passkey) -> None:
    asked = signers.asks(ORDER, RETIRE)
    for by, key in ((alice, ssh_keys.fingerprint(alice.line)), (laptop, laptop.record["id"])):
        proven = judged(found, asked, signed(by, signers.request(asked)))
        assert (proven.person, proven.kind, proven.key) == ("alice", "request", key)
        assert proven.digest == proven.statements[0]["sha256"]
        assert judge.still(found, proven) == ""


def test_a_session_is_enough_for_what_lets_nobody_in_and_destroys_nothing(found: Description, alice: SshKey) -> None:
    proof = signed(alice, signers.session())
    assert judged(found, signers.asks(ORDER), proof).kind == "session"
    for change in (
        RETIRE,
        ("change_vm", {"vm": "myapp00", "protected": False}),
        ("set_permissions", {"project": "myapp", "user": "bob", "permissions": ["login", "sudo-srv", "wheel"]}),
        ("approve", {"request": "01J", "sha256": "0" * 64}),
    ):
        assert code(found, signers.asks(change), proof) == "needs"
        assert code(found, signers.asks(ORDER, change), proof) == "needs"


def test_keys_of_the_key_folder_count(found: Description, carol: SshKey) -> None:
    found.extra_keys["alice"] = [carol.line]
    asked = signers.asks(ORDER)
    assert judged(found, asked, signed(carol, signers.request(asked))).person == "alice"


@pytest.mark.parametrize("kind", ["ed25519", "ecdsa"])
def test_a_security_key_of_the_description_counts(town, kind: str) -> None:
    token = SecurityKey(kind)
    town.edit("users/alice.yml", lambda user: {**user, "ssh_keys": [token.line]})
    asked = signers.asks(RETIRE)
    assert judged(town.read(), asked, signed(token, signers.request(asked))).person == "alice"
    token.flags = 0
    assert code(town.read(), asked, signed(token, signers.request(asked))) == "signature"


# A queue that lies.


def test_nobody_signs_for_somebody_else(found: Description, bob: SshKey, carol: SshKey) -> None:
    asked = signers.asks(ORDER)
    for by in (bob, carol, Passkey()):
        assert code(found, asked, signed(by, signers.request(asked))) == "key"
    assert code(found, asked, signed(carol, signers.request(asked, "carol"))) == "person"
    for name in ("*", "-alice", "alice,bob", "{{ alice }}", "../alice", "", "ALICE", "alice\n", "!alice", "root"):
        assert code(found, asked, signed(bob, signers.request(asked, name))) == "person"


def test_the_person_in_a_statement_cannot_be_exchanged(found: Description, bob: SshKey) -> None:
    asked = signers.asks(ORDER)
    proof = signed(bob, signers.request(asked, "bob"))
    forged = altered(
        signers.statements.read(proof["statement"]), person="alice", about="alice asks: order_vm project=myapp"
    )
    assert code(found, asked, {**proof, "statement": forged}) == "key"


@pytest.mark.parametrize(
    "change",
    [
        ("order_vm", {"project": "myapp", "memory": "64GiB"}),
        ("order_vm", {"project": "shop"}),
        ("retire_vm", {"vm": "myapp00"}),
        ("order_vm", {"project": ["myapp"]}),
        ("order_vm", {"project": "myapp", "comment": ""}),
    ],
)
def test_altered_arguments_are_found(found: Description, alice: SshKey, change: Any) -> None:
    proof = signed(alice, signers.request(signers.asks(ORDER)))
    assert code(found, signers.asks(change), proof) == "request"
    assert code(found, signers.asks(ORDER, change), proof) == "request"
    more = {**signers.asks(ORDER), "expect": [{"file": "projects/myapp.yml", "path": [], "value": None}]}
    assert code(found, more, proof) == "request"


def test_words_that_lie_are_refused_though_they_were_signed(found: Description, alice: SshKey) -> None:
    asked = signers.asks(RETIRE)
    lie = altered(signers.request(asked), about="alice asks: restart_vm vm=myapp00")
    assert code(found, asked, signed(alice, lie)) == "request"


def test_another_host_is_refused(found: Description, alice: SshKey, laptop: Passkey) -> None:
    asked = signers.asks(ORDER)
    for host in ("evil.example", "my.ringmaster.example.", "*"):
        assert code(found, asked, signed(alice, signers.request(asked, host=host))) == "host"
    for space in ("request@evil.example", f"session@{HOST}", "file"):
        assert code(found, asked, signed(alice, signers.request(asked), namespace=space)) == "signature"
    other = Passkey()
    other.__dict__.update(laptop.__dict__ | {"origin": "https://myapp00.ringmaster.example"})
    assert code(found, asked, signed(other, signers.request(asked))) == "host"


def test_kinds_are_not_exchanged(found: Description, alice: SshKey) -> None:
    asked = signers.asks(ORDER)
    told = {"email": "carol@example.org", "project": "myapp", "permissions": ["login"]}
    invitation = statements.make("invitation", HOST, "alice", now=NOW, **told)
    possession = statements.make("possession", HOST, "alice", now=NOW, key="x", email="", invitation="")
    for statement in (invitation, possession):
        assert code(found, asked, signed(alice, statement)) == "kind"
    assert code(found, asked, signed(alice, signers.session(), namespace=f"request@{HOST}")) == "signature"


@pytest.mark.parametrize("hours", [-1, 25])
def test_a_clock_that_is_off_is_named(found: Description, alice: SshKey, hours: int) -> None:
    asked = signers.asks(ORDER)
    assert code(found, asked, signed(alice, signers.request(asked)), now=NOW + hours * HOUR) == "time"


@pytest.mark.parametrize("state", ["locked", "removed", "pending"])
def test_who_was_locked_since_has_no_say(town, alice: SshKey, laptop: Passkey, state: str) -> None:
    asked = signers.asks(ORDER)
    proofs = [signed(by, signers.request(asked)) for by in (alice, laptop)]
    proven = judged(town.read(), asked, proofs[0])
    town.edit("users/alice.yml", lambda user: {**user, "state": state})
    later = town.read()
    for proof in proofs:
        assert code(later, asked, proof) == "person"
    assert "no account" in judge.still(later, proven)


def test_a_key_that_was_revoked_since_has_no_say(town, alice: SshKey, laptop: Passkey, carol: SshKey) -> None:
    asked = signers.asks(ORDER)
    by_key, by_passkey = (signed(by, signers.request(asked)) for by in (alice, laptop))
    proven = [judged(town.read(), asked, proof) for proof in (by_key, by_passkey)]
    town.edit("users/alice.yml", lambda user: {**user, "ssh_keys": [carol.line]})
    later = town.read()
    assert code(later, asked, by_key) == "key"
    assert judged(later, asked, by_passkey)
    assert [bool(judge.still(later, one)) for one in proven] == [True, False]
    town.edit("users/alice.yml", lambda user: {**user, "passkeys": []})
    assert code(town.read(), asked, by_passkey) == "key"
    assert judge.still(town.read(), proven[1])


HOSTILE = [
    "{{ lookup('pipe', 'id') }}",
    "{% raw %}",
    "-oProxyCommand=id",
    "--help",
    "'; rm -rf /; '",
    "$(id)",
    "`id`",
    "\x1b]0;x\a",
    "\u202e",
    "\0",
    "a\nRequest: 01J",
    "../../etc/passwd",
    "!unsafe x",
    "&a [*a]",
]


@pytest.mark.parametrize("value", HOSTILE)
def test_hostile_words_stay_words(found: Description, alice: SshKey, value: str) -> None:
    """They may be signed; who reads the arguments judges them, and whoever did not sign them is refused."""
    asked = signers.asks(("order_vm", {"project": "myapp", "comment": value}))
    proof = signed(alice, signers.request(asked))
    assert proof["statement"].isprintable() and proof["statement"].isascii()
    assert judged(found, asked, proof)
    assert code(found, signers.asks(ORDER), proof) == "request"
    assert code(found, signers.asks((value, {})), proof) == "form"
    odd = signers.asks(("order_vm", {"project": "myapp", value: "x"}))
    assert judged(found, odd, signed(alice, signers.request(odd)))
    assert not policy.judge(found, "alice", "order_vm", {"project": "myapp", value: "x"})


@pytest.mark.parametrize(
    "asked",
    [
        None,
        [],
        "x",
        {},
        {"changes": []},
        {"changes": {}},
        {"changes": [{}]},
        {"changes": [{"verb": "order_vm"}]},
        {"changes": [{"verb": "order_vm", "arguments": []}]},
        {"changes": [{"verb": ["order_vm"], "arguments": {}}]},
        {"changes": [{"verb": "place_vm", "arguments": {}}]},
        {"changes": [{"verb": "site", "arguments": {}}]},
        {"changes": [{"verb": "order_vm", "arguments": {"cores": 1.5}}]},
        {"changes": [{"verb": "order_vm", "arguments": {}, "person": "bob"}]},
        {"changes": [{"verb": "order_vm", "arguments": {}}], "person": "bob"},
        {"changes": [{"verb": "order_vm", "arguments": {}}] * 51},
    ],
)
def test_what_is_no_request_is_refused(found: Description, alice: SshKey, asked: Any) -> None:
    assert code(found, asked, signed(alice, signers.session())) == "form"


def test_ten_megabytes_are_refused(found: Description, alice: SshKey) -> None:
    large = "x" * 10 * 2**20
    session = signers.session()
    proof = signed(alice, session)
    assert code(found, signers.asks(("order_vm", {"project": "myapp", "comment": large})), proof) == "size"
    assert code(found, signers.asks(ORDER), {**proof, "statement": altered(session)[:-1] + large + '"}'}) == "form"
    assert code(found, signers.asks(ORDER), {**proof, "signature": {"ssh": large}}) == "form"
    deep = json.loads("[" * 900 + "]" * 900)
    assert code(found, signers.asks(("order_vm", {"project": deep})), proof) == "form"


@pytest.mark.parametrize(
    "proofs",
    [
        None,
        [],
        {},
        ["x"],
        [{}],
        [{"statement": "x"}],
        [{"statement": "x", "signature": "x"}],
        [{"statement": "x", "signature": {}}],
        [{"statement": "x", "signature": {"pgp": "x"}}],
        [{"statement": "x", "signature": {"ssh": "x", "passkey": {}}}],
        [{"statement": "{}", "signature": {"ssh": "x"}}],
        [{"statement": "x", "signature": {"ssh": "x"}, "person": "bob"}],
        [None] * 60,
    ],
)
def test_what_is_no_proof_is_refused(found: Description, proofs: Any) -> None:
    with pytest.raises(ProofError) as refused:
        judge.of_request(found, PLACE, signers.asks(ORDER), proofs, NOW)
    assert refused.value.code == "form"


def test_nothing_more_is_signed_than_is_needed(found: Description, alice: SshKey) -> None:
    asked = signers.asks(ORDER)
    first, second = (signed(alice, signers.request(asked)) for _number in range(2))
    assert code(found, asked, first, second) == "possession"


# Keys of one's own, and newcomers.


def possession(person: str, key: str, *, email: str = "", invitation: str = "") -> statements.Statement:
    return statements.make("possession", HOST, person, now=NOW, key=key, email=email, invitation=invitation)


def test_a_new_key_of_ones_own_signs_too(found: Description, alice: SshKey, bob: SshKey, carol: SshKey) -> None:
    asked = signers.asks(("add_ssh_key", {"user": "alice", "ssh_key": carol.line}))
    main = signed(alice, signers.request(asked))
    key = ssh_keys.key_blob(carol.line)
    proven = judged(found, asked, main, signed(carol, possession("alice", key)))
    assert [one.kind for one in proven.statements] == ["request", "possession"]
    assert code(found, asked, main) == "possession"
    assert code(found, asked, main, signed(alice, possession("alice", key))) == "key"
    assert code(found, asked, main, signed(carol, possession("bob", key))) == "possession"
    assert code(found, asked, main, signed(carol, possession("alice", carol.line))) == "possession"
    assert code(found, asked, main, signed(bob, possession("alice", ssh_keys.key_blob(bob.line)))) == "possession"
    assert code(found, asked, main, signed(carol, signers.session())) == "kind"


def test_a_new_passkey_of_ones_own_signs_too(found: Description, alice: SshKey) -> None:
    new = Passkey(name="phone")
    told = {"passkey": "phone", "passkey_id": new.record["id"], "passkey_key": new.record["key"]}
    asked = signers.asks(("add_passkey", {"user": "alice", **told}))
    main, key = signed(alice, signers.request(asked)), f"passkey {new.record['id']} {new.record['key']}"
    assert judged(found, asked, main, signed(new, possession("alice", key)))
    assert code(found, asked, main, signed(Passkey(), possession("alice", key))) == "key"
    assert code(found, asked, main, signed(alice, possession("alice", key))) == "form"
    new.flags = 1
    assert code(found, asked, main, signed(new, possession("alice", key))) == "signature"


@pytest.mark.parametrize("key", ["", "?", "ssh-rsa AAAA", "passkey", "passkey x y", "passkey  ", "ssh-ed25519", "-h x"])
def test_junk_in_the_place_of_a_new_key_is_refused(found: Description, alice: SshKey, key: str) -> None:
    change = ("add_ssh_key", {"user": "alice", "ssh_key": key})
    if key.startswith("passkey"):
        _word, identity, public = [*key.split(" "), "", ""][:3]
        change = ("add_passkey", {"user": "alice", "passkey": "x", "passkey_id": identity, "passkey_key": public})
    asked = signers.asks(change)
    proofs = [signed(alice, signers.request(asked)), signed(alice, possession("alice", key))]
    assert code(found, asked, *proofs) == "possession"


def newcomer(
    found: Description, inviter: SshKey, new: SshKey, *, now: datetime.datetime = NOW, **changed: Any
) -> judge.Newcomer:
    told = {"email": "carol@example.org", "project": "myapp", "permissions": changed.pop("permissions", ["login"])}
    invitation = statements.make("invitation", HOST, changed.pop("claims", "alice"), now=NOW, **told)
    key = ssh_keys.key_blob(new.line)
    shown = {"email": told["email"], "invitation": invitation.digest, **changed}
    given = {
        "full_name": "Carol Example",
        "invitation": signed(inviter, invitation),
        "possession": signed(new, possession("carol", key, **shown)),
    }
    return judge.of_newcomer(found, PLACE, given, now)


def test_a_newcomer_gets_what_was_promised_in_the_inviters_name(town, alice: SshKey, carol: SshKey) -> None:
    found = town.read()
    got = newcomer(found, alice, carol)
    assert (got.person, got.inviter.person, got.confirm) == ("carol", "alice", "")
    assert got.fingerprint == ssh_keys.fingerprint(carol.line)
    assert [verb for verb, _arguments in got.changes] == ["invite_user", "accept_user"]
    assert policy.judge(found, "alice", *got.changes[0]).answer == policy.ALLOW
    assert [one.kind for one in got.statements] == ["invitation", "possession"]


def test_power_waits_for_the_inviter_to_confirm_the_key(found: Description, alice: SshKey, carol: SshKey) -> None:
    for permissions, words in ((["login", "wheel"], "wheel"), (["manager", "wheel"], "wheel and manager")):
        confirm = newcomer(found, alice, carol, permissions=permissions).confirm
        assert ssh_keys.fingerprint(carol.line) in confirm and words in confirm
    assert newcomer(found, alice, carol, permissions=["login", "sudo-srv", "stats"]).confirm == ""


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"email": "mallory@example.org"}, "invitation"),
        ({"email": ""}, "invitation"),
        ({"invitation": ""}, "invitation"),
        ({"invitation": "0" * 64}, "invitation"),
        ({"claims": "bob"}, "key"),
        ({"claims": "carol"}, "person"),
        ({"now": NOW + 25 * HOUR}, "time"),
        ({"now": NOW - HOUR}, "time"),
    ],
)
def test_an_invitation_is_bound(found: Description, alice: SshKey, carol: SshKey, changed: Any, expected: str) -> None:
    with pytest.raises(ProofError) as refused:
        newcomer(found, alice, carol, **changed)
    assert refused.value.code == expected


def test_an_invitation_of_somebody_who_was_locked_is_void(town, alice: SshKey, carol: SshKey) -> None:
    town.edit("users/alice.yml", lambda user: {**user, "state": "locked"})
    with pytest.raises(ProofError) as refused:
        newcomer(town.read(), alice, carol)
    assert refused.value.code == "person"


def test_a_newcomer_shows_the_key_that_signs(found: Description, alice: SshKey, bob: SshKey, carol: SshKey) -> None:
    told = {"email": "carol@example.org", "project": "myapp", "permissions": ["login"]}
    invitation = statements.make("invitation", HOST, "alice", now=NOW, **told)
    shown = possession("carol", ssh_keys.key_blob(carol.line), email=told["email"], invitation=invitation.digest)
    given = {"full_name": "C", "invitation": signed(alice, invitation), "possession": signed(bob, shown)}
    with pytest.raises(ProofError) as refused:
        judge.of_newcomer(found, PLACE, given, NOW)
    assert refused.value.code == "key"


@pytest.mark.parametrize(
    "given", [None, [], {}, {"full_name": "x"}, {"full_name": 7, "invitation": {}, "possession": {}}]
)
def test_what_is_no_newcomer_is_refused(found: Description, given: Any) -> None:
    with pytest.raises(ProofError) as refused:
        judge.of_newcomer(found, PLACE, given, NOW)
    assert refused.value.code == "form"


# Signing in.


def test_signing_in_is_fresh(found: Description, alice: SshKey, laptop: Passkey) -> None:
    for by in (alice, laptop):
        proof = signed(by, signers.session())
        assert judge.of_session(found, PLACE, proof, NOW).person == "alice"
        for minutes, good in ((4, True), (6, False)):
            later = NOW + datetime.timedelta(minutes=minutes)
            if good:
                assert judge.of_session(found, PLACE, proof, later)
            else:
                with pytest.raises(ProofError, match="too long ago"):
                    judge.of_session(found, PLACE, proof, later)
    with pytest.raises(ProofError) as refused:
        judge.of_session(found, PLACE, signed(alice, signers.request(signers.asks(ORDER))), NOW)
    assert refused.value.code == "kind"


def test_who_only_looks_is_signed_in(found: Description, alice: SshKey, bob: SshKey) -> None:
    assert judge.in_session(found, PLACE, signed(alice, signers.session()), NOW + HOUR).person == "alice"
    asked = signers.asks(ORDER)
    for proof, now in (
        (signed(alice, signers.request(asked)), NOW),
        (signed(bob, signers.session()), NOW),
        (signed(alice, signers.session()), NOW + 13 * HOUR),
    ):
        with pytest.raises(ProofError):
            judge.in_session(found, PLACE, proof, now)
