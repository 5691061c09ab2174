# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What machines answer, judged: nothing that root of a VM can send ends the program or touches another one's page."""

from __future__ import annotations

import copy
import json
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from ringmaster.status import answers, main, model
from ringmaster.status.fetch import NotAgreed
from ringmaster.status.history import History
from status_samples import HOST, NOW, described, figures, history, results

KEYS = st.sampled_from(["time", "checks", "planned", "format", "component", "check", "status", "output", "since", "x"])
TEXTS = st.text(st.characters(exclude_categories=()), max_size=30) | st.sampled_from(
    ["host", "disk", "\ud800", "\x1b["]
)
NUMBERS = st.integers() | st.floats() | st.sampled_from([float("inf"), -1e300, 1e308, 10**400, NOW, 2, True])
ANYTHING = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS | TEXTS, inner, max_size=6),
    max_leaves=20,
)
CHECK = st.fixed_dictionaries(
    {}, optional=dict.fromkeys(("component", "check", "status", "output", "since", "x"), ANYTHING)
)
NEARLY = st.fixed_dictionaries(
    {"time": st.just(NOW) | NUMBERS, "checks": st.lists(CHECK | st.just(HOST[0]), max_size=3)},
    optional={"planned": ANYTHING, "format": ANYTHING, "convergence": ANYTHING},
)


def made(answer: Any) -> tuple[dict[str, Any], dict[str, str]]:
    """Make all pages with a machine's answer; return the model and the pages as they are written."""
    found = figures()
    found.results["myapp00"] = answer
    with tempfile.TemporaryDirectory() as folder:
        built = model.build(described(), found, history(Path(folder)), NOW)
        main.write(Path(folder), main.STATIC, built, NOW)
        site = Path(folder) / "site"
        written = [path for path in site.rglob("*") if path.suffix in (".json", ".html")]
        return built, {str(path.relative_to(site)): path.read_text(encoding="utf-8") for path in written}


@pytest.fixture(scope="module")
def others() -> dict[str, str]:
    """The pages of another project, where every machine answers well."""
    return {path: text for path, text in made(results(*HOST))[1].items() if path.startswith("projects/shop/")}


@given(ANYTHING | NEARLY)
@example("\x7f")
@settings(max_examples=60)
def test_no_answer_ends_the_program_or_touches_another_projects_page(others: dict[str, str], answer: Any) -> None:
    _built, written = made(answer)
    assert others and others.items() <= written.items()
    for path, text in written.items():
        if path.endswith(".json"):
            json.loads(text, parse_constant=pytest.fail)
            assert not answers.UNPRINTABLE.search(text)


@given(st.binary() | ANYTHING.map(lambda value: json.dumps(value).encode()))
def test_any_bytes_are_read_or_refused(content: bytes) -> None:
    try:
        found = answers.parse(content)
        answers.results(found)
    except NotAgreed as error:
        assert str(error).isprintable() and len(str(error)) < 200
    try:
        answers.vms(answers.parse(content))
    except NotAgreed as error:
        assert str(error).isprintable() and len(str(error)) < 200


GOOD = json.dumps(
    results(*HOST, planned=["reboot"], convergence={"digest": "0123456789abcdef0123", "commit": "abc1234+", "at": 1})
)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"\xff\xfe", "it is not UTF-8"),
        (b"", "it is no JSON"),
        (b'\xef\xbb\xbf{"a": 1}', "it is no JSON"),
        (b"[" * 500_000, "it is nested too deeply"),
        (b'{"a":' * 100_000, "it is nested too deeply"),
        (b"[" * 20 + b"]" * 20, "it is nested too deeply"),
        (b'{"time": NaN}', "it has a number that is none"),
        (b'{"time": -Infinity}', "it has a number that is none"),
        (b'{"time": 1e999}', "it has a number that is too large"),
        (b'{"time": ' + b"9" * 21 + b"}", "it has a number that is too large"),
        (b'{"time": ' + b"9" * 100_000 + b"}", "it has a number that is too large"),
        (rb'{"x": "\ud800"}', "it has characters that cannot be shown"),
        (rb'{"\udfff": 1}', "it has characters that cannot be shown"),
        (rb'{"x": "a\u001b[31m"}', "it has characters that cannot be shown"),
        ('{"x": "\u202egnp.exe"}'.encode(), "it has characters that cannot be shown"),
        (b'{"time": 1, "time": 2}', "it says something twice"),
        (b"[" + b"0," * 200_000 + b"0]", "it has more than 100000 parts"),
    ],
)
def test_what_is_no_answer_is_named(content: bytes, why: str) -> None:
    with pytest.raises(NotAgreed) as caught:
        answers.parse(content)
    assert str(caught.value) == why


@pytest.mark.parametrize(
    ("path", "value", "why"),
    [
        ([], [], "the results are no object"),
        (["format"], 2, "unknown form"),
        (["time"], None, "'time' is no moment"),
        (["time"], True, "'time' is no moment"),
        (["time"], "1", "'time' is no moment"),
        (["time"], float("nan"), "'time' is no moment"),
        (["time"], float("inf"), "'time' is no moment"),
        (["time"], -1, "'time' is no moment"),
        (["time"], 1e18, "'time' is no moment"),
        (["checks"], {}, "'checks' is no list"),
        (["checks"], [HOST[0]] * 1001, "more than 1000 checks"),
        (["checks"], [HOST[0], HOST[0]], "a check is there twice"),
        (["checks", 1], 3, "check 2 is no object"),
        (["checks", 1, "status"], 4, "'status' of check 2 is none of 0 to 3"),
        (["checks", 1, "status"], -1, "'status' of check 2 is none of 0 to 3"),
        (["checks", 1, "status"], True, "'status' of check 2 is none of 0 to 3"),
        (["checks", 1, "status"], 1.0, "'status' of check 2 is none of 0 to 3"),
        (["checks", 1, "component"], "Host", "'component' of check 2 is no name"),
        (["checks", 1, "check"], "a\n", "'check' of check 2 is no name"),
        (["checks", 1, "check"], ["a"], "'check' of check 2 is no name"),
        (["checks", 1, "output"], 5, "'output' of check 2 is no text"),
        (["checks", 1, "output"], "x" * 1001, "longer than 1000 characters"),
        (["checks", 1, "output"], "\ud800", "cannot be shown"),
        (["checks", 1, "since"], -1e300, "'since' of check 2 is no moment"),
        (["checks", 1, "since"], float("-inf"), "'since' of check 2 is no moment"),
        (["planned"], "reboot", "'planned' is no list"),
        (["planned"], [3], "what is planned is no text"),
        (["planned"], ["x"] * 201, "more than 200 things are planned"),
        (["convergence"], "yes", "'convergence' is no object"),
        (["convergence", "digest"], None, "the digest of what it was converged with is none"),
        (["convergence", "digest"], "0123456789ABCDEF", "the digest of what it was converged with is none"),
        (["convergence", "commit"], "main", "the commit that it was converged at is none"),
        (["convergence", "at"], "now", "'at' of the convergence is no moment"),
    ],
)
def test_what_is_not_agreed_is_said_on_the_machines_page(path: list[Any], value: Any, why: str) -> None:
    answer: Any = json.loads(GOOD)
    if path:
        place = answer
        for step in path[:-1]:
            place = place[step]
        place[path[-1]] = value
    else:
        answer = value
    built, _pages = made(answer)
    (vm,) = [vm for vm in built["projects"][0]["vms"] if vm["name"] == "myapp00"]
    (told,) = [check for check in vm["checks"] if check["component"] == "monitoring_agent"]
    assert told["state"] == "UNKNOWN"
    assert told["sentence"].startswith("The machine did not answer as agreed: ") and why in told["sentence"]
    assert vm["planned"] == []


def test_a_good_answer_passes_and_passes_again() -> None:
    once = answers.results(answers.parse(GOOD.encode()))
    assert [check["check"] for check in once["checks"]] == ["disk", "memory", "failed-units", "firewall"]
    assert answers.results(dict(copy.deepcopy(once))) == once
    # What came from elsewhere is judged, whatever it looks like; what was judged is not judged again.
    with pytest.raises(NotAgreed):
        answers.results({**once, "checks": "none"})
    assert answers.results(once) is once


def test_results_of_the_future_are_never_fresh() -> None:
    built, _pages = made(results(*HOST, age=-86400))
    (vm,) = [vm for vm in built["projects"][0]["vms"] if vm["name"] == "myapp00"]
    found = {check["check"]: check for check in vm["checks"]}
    assert found["disk"]["state"] == "UNKNOWN"
    assert found["results"]["sentence"].startswith("Its clock is 1440 minutes ahead")


def test_history_of_any_form_is_asked_for_again(tmp_path: Path) -> None:
    for text in ("[]", '{"uptime": 1, "curves": {}, "asked": {}}', "[" * 100_000, '{"uptime": {"a": 3}}', "\x00"):
        (tmp_path / "history.json").write_text(text)
        assert History(tmp_path / "history.json").uptime == {}
    kept = {"uptime": {"a": {"24 h": float("nan"), "7 days": 1}}, "curves": {"cpu": {"a": {"900": "x"}}}, "asked": {}}
    (tmp_path / "history.json").write_text(json.dumps(kept))
    found = History(tmp_path / "history.json")
    assert found.uptime == {"a": {"7 days": 1}} and found.curves == {"cpu": {"a": {}}}


def test_every_alert_of_a_machine_is_shown(tmp_path: Path) -> None:
    found = figures()
    second = copy.deepcopy(found.alerts[0])
    second["labels"]["alertname"] = "RedisOther"
    found.alerts.append(second)
    built = model.build(described(), found, history(tmp_path), NOW)
    (vm,) = [vm for vm in built["projects"][0]["vms"] if vm["name"] == "myapp00"]
    assert sum(check["check"].startswith("Redis") for check in vm["checks"]) == 2
