# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whom machines ask, and what was found open, against the description."""

from __future__ import annotations

from ansible_collections.ringmaster.hosting.plugins.module_utils.services import reach


def test_who_asks_whom() -> None:
    running = ["shop00", "shop01", "shop02", "mail00", "blog00"]
    assert reach.targets_of("shop00", running)[0] == "shop01"
    assert reach.targets_of("shop02", running)[0] == "shop00"
    for name in running:
        foreign = reach.targets_of(name, running)[-1]
        assert foreign[:-2] != name[:-2]
    assert len(reach.targets_of("mail00", running)) == 1  # no other of its own project
    assert reach.targets_of("svc0", running, everybody=True) == sorted(running)
    assert reach.targets_of("svc0", running) == []


VMS = {
    "shop00": {"inventory_hostname": "shop00", "ringmaster_srv_ipv4": "172.20.0.5", "ringmaster_fe_ipv4": ""},
    "shop01": {"inventory_hostname": "shop01", "ringmaster_srv_ipv4": "172.20.0.6"},
}


def test_a_machine_asks_its_neighbour_where_both_have_addresses() -> None:
    asked = reach.questions(VMS, "shop00", list(VMS), [22, 5432])
    assert asked == [{"vm": "shop01", "address": "172.20.0.6", "open": [22], "closed": [5432]}]
    assert reach.questions(VMS, "shop00", list(VMS), []) == []


def test_answers_are_compared_by_address() -> None:
    def answer(port: int, said: str, source: str = "172.20.0.5") -> dict[str, object]:
        return {"address": "172.20.0.6", "port": port, "answer": said, "source": source}

    answers = {
        "shop00": [answer(22, "open"), answer(5432, "open"), answer(80, "no way there"), answer(443, "silent", "")]
    }
    assert reach.compare(VMS, answers, ["shop01"]) == {
        "asked": 2,
        "wrong": [
            "shop00 (172.20.0.5) to shop01 ethsrv 172.20.0.6 port 5432: reached (open), and the description"
            " does not allow it"
        ],
    }


def test_answers_at_further_addresses_are_compared_by_their_interface() -> None:
    further = {"ringmaster_fe_extra_ipv4": ["198.51.100.7"], "ringmaster_srv_public_ipv4": ["192.0.2.9"]}
    answers = {
        "the controller": [
            {"address": address, "port": 5432, "answer": "open", "source": "198.18.0.7"}
            for address in ("198.51.100.7", "192.0.2.9")
        ]
    }
    found = reach.compare({**VMS, "shop01": {**VMS["shop01"], **further}}, answers, ["shop01"])
    # Everybody may ask everything on an open frontend, and not on the server network.
    assert found["asked"] == 2
    assert [sentence.partition(" port ")[0] for sentence in found["wrong"]] == [
        "the controller (198.18.0.7) to shop01 ethsrv 192.0.2.9"
    ]
