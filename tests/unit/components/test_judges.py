# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Judges of components look at lists as a whole: order says nothing, and what they take, the machine's part takes."""

from __future__ import annotations

from collections import Counter
from typing import Any

from ansible_collections.ringmaster.hosting.plugins.module_utils.components import mailserver, postgresql
from ansible_collections.ringmaster.hosting.plugins.module_utils.components.catalogue import COMPONENTS
from ansible_collections.ringmaster.hosting.plugins.module_utils.components.faults import Surroundings
from hypothesis import given, settings
from hypothesis import strategies as st

AROUND = Surroundings("a00", {"a00": ["mailserver", "postgresql"]}, "a00.fe.example")
SECRET = "s" * 40
HASH = "$6$saltsalt$" + "a" * 86
VM = {"inventory_hostname": "a00", "ringmaster_project": "a", "ringmaster_fqdn": "a00.example"}
ADDRESS = st.sampled_from([f"{name}@{domain}" for name in "abc" for domain in ("x.example", "y.example")])
TARGET = st.one_of(ADDRESS, st.sampled_from(["A+tag@x.example", "o@elsewhere.example"]))
MAIL = st.fixed_dictionaries(
    {
        "domains": st.lists(
            st.builds(
                lambda name, to: {"name": name, "catch_all": to},
                st.sampled_from(["x.example", "y.example", "a00.fe.example"]),
                st.lists(TARGET, max_size=1),
            ),
            max_size=3,
        ),
        "mailboxes": st.lists(
            st.builds(
                lambda address, aliases: {"address": address, "aliases": aliases, "password_hash": HASH},
                ADDRESS,
                st.lists(ADDRESS, max_size=1),
            ),
            max_size=3,
        ),
        "forwards": st.lists(
            st.builds(lambda address, to: {"address": address, "to": to}, ADDRESS, st.lists(TARGET, max_size=2)),
            max_size=4,
        ),
    }
)
DATABASES = st.lists(
    st.fixed_dictionaries(
        {"name": st.sampled_from(["a", "b", "c-d", "postgres"])},
        optional={
            "state": st.sampled_from(["present", "absent"]),
            "allow_drop": st.booleans(),
            "connection_limit": st.integers(-1, 3),
        },
    ),
    max_size=4,
)
USERS = st.lists(
    st.fixed_dictionaries(
        {"name": st.sampled_from(["a", "u", "a_owner", "all"])},
        optional={"databases": st.lists(st.sampled_from(["a", "b"]), max_size=2)},
    ),
    max_size=3,
)


def said(component: str, options: dict[str, Any]) -> Counter[str]:
    return Counter(fault.message for fault in COMPONENTS[component].judge(options, AROUND))


@settings(max_examples=150)
@given(MAIL, st.randoms(use_true_random=False))
def test_the_order_of_mail_objects_says_nothing(options: dict[str, Any], random) -> None:
    turned = {name: random.sample(listed, len(listed)) for name, listed in options.items()}
    assert bool(said("mailserver", options)) == bool(said("mailserver", turned))


@settings(max_examples=150)
@given(MAIL)
def test_mail_objects_that_are_taken_can_be_made(options: dict[str, Any]) -> None:
    if not said("mailserver", options):
        whole = {"hostname": "a00.fe.example", "users": [], "quota": "2GiB", "is_publicly_trusted": False, **options}
        made = mailserver.objects(whole, SECRET, VM)
        assert set(made["forwards"]) == {one["address"] for one in options["forwards"]}


@settings(max_examples=150)
@given(DATABASES, USERS, st.randoms(use_true_random=False))
def test_databases_are_taken_in_any_order_and_then_made(databases, users, random) -> None:
    options = {"databases": databases, "users": users}
    found = said("postgresql", options)
    turned = {name: random.sample(listed, len(listed)) for name, listed in options.items()}
    assert bool(found) == bool(said("postgresql", turned))
    if not found:
        made = postgresql.objects(users, databases, SECRET, VM)
        assert {one["name"] for one in made["databases"]}.isdisjoint(made["drop_databases"])
