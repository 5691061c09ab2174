# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who is not read because they make series without an end; the real Prometheus is in tests/integration/monitoring."""

from __future__ import annotations

import json
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from ringmaster.core.checks import CRITICAL, OK, WARNING
from ringmaster.series import accounting, checks, cut, main

TARGETS = [
    {"targets": ["172.20.1.1:9100"], "labels": {"instance": "a00", "vm": "a00", "job": "node"}},
    {"targets": ["172.20.1.1:9121"], "labels": {"instance": "a00", "vm": "a00", "job": "redis"}},
    {"targets": ["[2001:db8::2]:9100"], "labels": {"instance": "b00", "vm": "b00", "job": "node"}},
    {"targets": ["10.77.0.2:9100"], "labels": {"instance": "hv0", "project": "platform", "job": "node"}},
]


@pytest.fixture
def targets(tmp_path: Path) -> Path:
    path = tmp_path / "exporters.json"
    path.write_text(json.dumps(TARGETS))
    return path


class Prometheus:
    """Answers as Prometheus would: what was added, what is there, and what came with readings that broke off."""

    def __init__(
        self, added: dict[str, float], there: dict[str, float], broken: dict[str, float] | None = None
    ) -> None:
        self.added, self.there, self.broken = added, there, broken or {}
        self.asked: list[str] = []

    def __call__(self, query: str) -> dict[str, float]:
        self.asked.append(query)
        if "vm!=" in query:
            limit = float(query.rpartition(">")[2])
            return {name: value for name, value in self.added.items() if value > limit}
        found = self.broken if "up{" in query else self.there
        if any(value < 0 for value in found.values()):
            raise accounting.TooMany("query processing would load too many samples into memory")
        return found


def test_only_vms_are_counted_and_each_with_all_its_exporters(targets: Path) -> None:
    assert accounting.endpoints(targets) == {
        "a00": [("172.20.1.1", 9100), ("172.20.1.1", 9121)],
        "b00": [("2001:db8::2", 9100)],
    }


@pytest.mark.parametrize(
    ("prometheus", "found"),
    [
        (Prometheus({"a00": 100}, {"a00": 100}), {}),
        (Prometheus({"a00": 101}, {"a00": 101}), {"a00": 101}),
        # Prometheus was restarted again and again: what it read again is counted again, and is not more.
        (Prometheus({"a00": 5000}, {"a00": 90}), {}),
        (Prometheus({"a00": 5000}, {}, {"a00": 4000}), {"a00": 4000}),
        (Prometheus({"a00": 5000}, {"a00": 60}, {"a00": 60}), {"a00": 120}),
        # So many that it does not count them.
        (Prometheus({"a00": 5000}, {"a00": -1}), {"a00": 5000}),
        (Prometheus({"a00": 5000}, {"a00": 1}, {"a00": -1}), {"a00": 5000}),
        # Not a machine of the list of targets.
        (Prometheus({"hv0": 5000, "zzz": 5000, '"} or {x="': 5000}, {"hv0": 5000, "zzz": 5000}), {}),
    ],
)
def test_who_is_over_the_limit(targets: Path, prometheus: Prometheus, found: dict[str, int]) -> None:
    assert accounting.over(prometheus, 100, accounting.endpoints(targets)) == found


def test_nothing_more_is_asked_while_all_is_well(targets: Path) -> None:
    prometheus = Prometheus({"a00": 7}, {})
    assert accounting.over(prometheus, 100, accounting.endpoints(targets)) == {}
    assert len(prometheus.asked) == 1


def test_who_was_over_the_limit_is_not_read_for_a_while_and_then_judged_again() -> None:
    first = cut.held({}, {"a00": 500}, 1000.0, seconds=60)
    assert first == {"a00": cut.Cut(500, 1060.0)}
    assert cut.held(first, {}, 1059.0, seconds=60) == first
    assert cut.held(first, {"a00": 400}, 1059.0, seconds=60) == first  # not for ever by what is still counted
    assert cut.held(first, {}, 1060.0, seconds=60) == {}
    assert cut.held(first, {"a00": 600}, 1060.0, seconds=60) == {"a00": cut.Cut(600, 1120.0)}


def test_the_packet_filter_holds_the_exporters_of_those_and_of_nobody_else(targets: Path) -> None:
    endpoints = accounting.endpoints(targets)
    assert cut.script(endpoints, ["a00", "b00", "gone"]).splitlines() == [
        "flush set inet ringmaster_series ipv4",
        "add element inet ringmaster_series ipv4 { 172.20.1.1 . 9100, 172.20.1.1 . 9121 }",
        "flush set inet ringmaster_series ipv6",
        "add element inet ringmaster_series ipv6 { 2001:db8::2 . 9100 }",
    ]
    assert "add" not in cut.script(endpoints, [])


def look(targets: Path, tmp_path: Path, prometheus: Any, before: dict[str, cut.Cut], now: float) -> dict[str, cut.Cut]:
    settings = tmp_path / "series.json"
    settings.write_text('{"limit": 100}\n')
    words = ["--settings", str(settings), "--targets", str(targets), "--state", str(tmp_path / "cut.json")]
    return main.look(prometheus, main.parser().parse_args(words), before, now)


def test_a_look_holds_prometheus_to_it_and_tells_the_check(
    targets: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    scripts: list[str] = []
    monkeypatch.setattr(cut, "apply", scripts.append)
    monkeypatch.setattr(checks.time, "time", lambda: 1000.0)
    state = str(tmp_path / "cut.json")
    assert checks.machines(state)[0] == WARNING  # nobody has counted yet
    assert look(targets, tmp_path, Prometheus({}, {}), {}, 1000.0) == {}
    assert checks.machines(state) == (OK, "No machine makes more than 100 series within three hours.")
    cuts = look(targets, tmp_path, Prometheus({"b00": 5000}, {"b00": 4711}), {}, 1000.0)
    assert "2001:db8::2 . 9100" in scripts[-1]
    status, sentence = checks.machines(state)
    assert status == CRITICAL
    assert sentence.startswith("Prometheus does not read b00 (4,711 series, until ")
    assert "b00 is not read for a day: 4711 series" in capfd.readouterr().err
    look(targets, tmp_path, Prometheus({}, {}), cuts, 1060.0)
    assert "2001:db8::2 . 9100" in scripts[-1]  # again, for whoever has emptied the filter
    assert not capfd.readouterr().err
    monkeypatch.setattr(checks.time, "time", lambda: 5000.0)
    assert checks.machines(state)[0] == CRITICAL
    look(targets, tmp_path, Prometheus({}, {}), {}, 1000.0)
    assert checks.machines(state) == (
        WARNING,
        "Series of machines were counted 67 minutes ago; ringmaster-series.service is late.",
    )


def test_a_filter_that_cannot_be_changed_ends_the_program(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its unit starts it again, and makes the table first."""
    monkeypatch.setattr(cut, "TABLE", "inet ringmaster_none")
    with pytest.raises((subprocess.CalledProcessError, FileNotFoundError)):
        cut.apply(cut.script({}, []))


ANSWERS = {
    "good": (200, {"data": {"result": [{"metric": {"instance": "a00"}, "value": [1, "7"]}]}}),
    "many": (422, {"status": "error", "error": "query processing would load too many samples into memory in query"}),
    "odd": (200, ["no", "object"]),
    "ringmaster_converged_timestamp_seconds": (
        200,
        {
            "data": {
                "result": [
                    {"metric": {"instance": name, "digest": digest}, "value": [1, "7"]}
                    for name, digest in (
                        ("b00", "b" * 20),
                        ("a00", "a" * 20),
                        ("two", "a" * 20),
                        ("two", "b" * 20),
                        ("odd", "{{ 1 }}"),
                        ("", "a" * 20),
                    )
                ]
            }
        },
    ),
    "busy": (503, {"status": "error"}),
}


@pytest.fixture
def port() -> Iterator[int]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, answer = ANSWERS[self.path.partition("=")[2]]
            self.send_response(status)
            self.end_headers()
            self.wfile.write(json.dumps(answer).encode())

        def log_message(self, *_words: Any) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_port
    server.shutdown()
    server.server_close()


def test_what_prometheus_answers(port: int) -> None:
    assert accounting.ask("good", port) == {"a00": 7.0}
    with pytest.raises(accounting.TooMany, match="too many samples"):
        accounting.ask("many", port)
    for query in ("odd", "busy"):
        with pytest.raises(accounting.Silence):
            accounting.ask(query, port)
    with pytest.raises(accounting.Silence):
        accounting.ask("good", 1)


def test_who_says_what_they_were_converged_with(port: int, capsys: pytest.CaptureFixture[str]) -> None:
    """One that says two things, or nothing of the kind, is left out, and others are heard."""
    assert main.main(["--converged", "--port", str(port)]) == 0
    assert json.loads(capsys.readouterr().out) == {"a00": "a" * 20, "b00": "b" * 20}
    assert main.main(["--converged", "--port", "1"]) == 1
    assert "does not answer" in capsys.readouterr().err
