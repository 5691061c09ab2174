# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pages of graphs: what is drawn, gaps, limits, marks, tables; what is asked for; and what hostile figures can do."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import graph_samples
import html5lib
import pytest
from graph_samples import NOW, Prometheus, answered
from ringmaster.status import main
from ringmaster.status.graphs import catalogue, figures, make, query, svg, units
from ringmaster.status.graphs import events as happened
from ringmaster.status.graphs.events import Event
from ringmaster.status.graphs.kinds import BYTES, DAY, HOUR, MOST, SHARE, SPANS, STEP, Graph, Limit, Span, Time, one
from ringmaster.status.graphs.svg import Drawn, Level
from ringmaster.status.markup import FRESH_MINUTES

MACHINES = ["myapp00", "shop00", "hv0", "svc0", "myapp01"]
ALL = catalogue.GRAPHS
GAP = query.GAP
SMALL = Span("24h", "24 hours", 8 * STEP, STEP, STEP, 4 * STEP)
WHEN = Time(SMALL, 1_764_000_000)
PLAIN = Graph("plain", "Plain", BYTES, one("x"))
PARTED = Graph("parted", "Parted", BYTES, (catalogue.GRAPHS[-1].lines[0],))


@pytest.fixture(autouse=True)
def shortened(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make some graphs of a day only, of which nothing was known before; the shared site is whole."""
    some = ("cpu", "disk", "network", "users_memory", "redis_memory")
    monkeypatch.setattr(catalogue, "GRAPHS", tuple(graph for graph in ALL if graph.name in some))
    monkeypatch.setattr(make, "SPANS", SPANS[:1])
    monkeypatch.setattr(happened, "KEPT", DAY)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with all pages of all spans."""
    folder = tmp_path_factory.mktemp("whole")
    found = Prometheus(answered(MACHINES))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(happened, "KEPT", 8 * DAY)
        assert run(folder / make.FOLDER, found) == ""
    found.stop()
    return folder


@pytest.fixture
def prometheus() -> Iterator[Prometheus]:
    found = Prometheus(answered(MACHINES))
    yield found
    found.stop()


def run(folder: Path, prometheus: Prometheus, now: float = NOW) -> str:
    return make.run(graph_samples.described(), folder, prometheus.endpoint, now)


def page(folder: Path, machine: str = "projects/myapp/graphs/24h/myapp00") -> str:
    return (folder / "pages" / f"{machine}.html").read_text()


def draw(*lines: Drawn, limits: tuple[Level, ...] = (), events: tuple[Event, ...] = (), graph: Graph = PLAIN) -> str:
    return svg.draw(graph, WHEN, lines, limits, events)


def single(*values: float) -> Drawn:
    return Drawn("", values, values, values)


def test_every_machine_has_a_valid_page_for_each_span(whole: Path) -> None:
    pages = whole / make.FOLDER / "pages"
    made = {str(path.relative_to(pages)) for path in pages.rglob("*.html")}
    own = [f"all/graphs/{span.name}/{name}.html" for span in SPANS for name in ("hv0", "svc0")]
    vms = [
        f"projects/{name}.html"
        for span in SPANS
        for name in (f"myapp/graphs/{span.name}/myapp00", f"shop/graphs/{span.name}/shop00")
    ]
    assert made >= {*own, *vms}
    assert not [name for name in made if "myapp02" in name], "it shall not run"
    for name in made:
        html = (pages / name).read_text()
        parsed = html5lib.HTMLParser(strict=True, namespaceHTMLElements=False).parse(html)
        ids = [element.get("id") for element in parsed.iter() if element.get("id")]
        assert len(ids) == len(set(ids)), name
        assert "style=" not in html and "<script" not in html, name
        head, _, body = html.partition("</head>")
        assert 'href="../../../' in head and "graphs.css" in head and 'rel="stylesheet"' not in body, name
        assert "no figures" not in html, name
    for graph in ALL:
        assert f'<figure class="graph" id="{graph.name}">' in page(whole / make.FOLDER)
    assert 'id="redis_memory"' not in page(whole / make.FOLDER, "projects/shop/graphs/24h/shop00")


def test_a_page_says_the_same_to_programs(whole: Path) -> None:
    told = json.loads((whole / make.FOLDER / "pages/projects/myapp/graphs/24h/myapp00.json").read_text())
    cpu = told["graphs"]["cpu"]
    assert cpu["columns"] == ["lowest", "mean", "highest"] and len(cpu["rows"]) == 24
    assert all(row[1] <= row[2] <= row[3] for row in cpu["rows"])
    assert [row[0] - cpu["rows"][1][0] for row in cpu["rows"][:2]] == [HOUR, 0]
    assert told["graphs"]["disk"]["limits"] == {"warning": 0.7, "critical": 0.95}, "the VM's own, and the role's"
    assert {event["kind"] for event in told["events"]} == {"restart", "maintenance", "alert", "backup", "change"}
    assert {event["words"] for event in told["events"] if event["kind"] == "alert"} == {"redis/memory"}


def test_pages_link_to_each_other_and_the_machine_to_them(whole: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(make, "SPANS", SPANS)
    main.write(whole, main.STATIC, graph_samples.status_samples.platform(whole), NOW)
    site = whole / "site"
    for path in [*site.rglob("graphs/*/*.html"), site / "projects/myapp/myapp00.html", site / "all/index.html"]:
        for address in re.findall(r'href="([^"#?]+)', path.read_text()):
            target = (path.parent / address).resolve()
            assert target.exists(), (path, address)
    assert 'href="graphs/7d/myapp00.html"' in (site / "projects/myapp/myapp00.html").read_text()
    operators = (site / "all/index.html").read_text()
    for name in ("hv0", "svc0"):
        back = re.search(r'href="\.\./\.\./#([^"]+)"', (site / f"all/graphs/24h/{name}.html").read_text())
        assert f'href="graphs/90d/{name}.html"' in operators
        assert back is not None and f'id="{back[1]}"' in operators
    assert "graphs/" not in (site / "index.html").read_text(), "they are for operators"
    # The next site has the same files, without a copy.
    one_of_them = site / "projects/myapp/graphs/24h/myapp00.html"
    assert one_of_them.stat().st_nlink > 1


def test_only_what_is_new_is_asked_for(tmp_path: Path, prometheus: Prometheus) -> None:
    run(tmp_path, prometheus)
    assert run(tmp_path, prometheus) == ""
    asked = len(prometheus.asked)
    assert run(tmp_path, prometheus, NOW + 60) == "" and len(prometheus.asked) == asked, "nothing is due"
    before = page(tmp_path)
    assert run(tmp_path, prometheus, NOW + 2 * STEP) == ""
    fresh = [(query, moments) for query, moments in prometheus.asked[asked:] if "graph_cpu:" in query]
    assert [len(moments) for _query, moments in fresh] == [2]
    assert page(tmp_path) != before
    run(tmp_path / "other", prometheus, NOW + 2 * STEP)
    drawn = [re.findall(r'<path class="(?:line|band).*?/>', page(place)) for place in (tmp_path, tmp_path / "other")]
    assert drawn[0] == drawn[1], "what was kept and what is new are as if all were new"


def test_one_question_is_for_all_machines_and_no_question_for_too_much(
    tmp_path: Path, prometheus: Prometheus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(query, "POINTS", 1500)
    run(tmp_path, prometheus)
    for asked, moments in prometheus.asked:
        assert not re.search(r"instance[=!]", asked)
        if "graph_" in asked:
            graph = graph_samples.BY_RECORD[re.search(r"ringmaster:graph_\w+:5m", asked)[0]]
            assert len(moments) * len(graph.bands) * graph.most * (1 if graph.component else 5) <= 1500
        else:
            assert len(moments) * len(MACHINES) <= 1500
    lengths = [len(moments) for asked, moments in prometheus.asked if "graph_cpu:5m[300s]" in asked]
    assert len(lengths) > 2 and sum(lengths) == 288


def test_what_has_no_time_is_asked_the_next_time(
    tmp_path: Path, prometheus: Prometheus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(make, "BUDGET", 0.0)
    assert run(tmp_path, prometheus) == make.CATCHING_UP
    assert make.CATCHING_UP in page(tmp_path) and prometheus.asked == []
    monkeypatch.setattr(make, "BUDGET", 60.0)
    assert run(tmp_path, prometheus, NOW + make.AGAIN) == ""
    assert "Some figures are missing" not in page(tmp_path)


def test_without_an_answer_the_pages_show_what_was_known_and_say_so(tmp_path: Path, prometheus: Prometheus) -> None:
    run(tmp_path, prometheus)
    prometheus.stop()
    assert "does not answer" in run(tmp_path, prometheus, NOW + 2 * HOUR)
    html = page(tmp_path)
    assert "Some figures are missing: Prometheus does not answer" in html
    told = json.loads((tmp_path / "pages/projects/myapp/graphs/24h/myapp00.json").read_text())["graphs"]["cpu"]
    newest = told["rows"][0][0]
    assert newest <= NOW - HOUR < NOW + 2 * HOUR, "the newest two hours are a gap"
    assert re.search(r"<b>CPU</b> <span>\u2013</span>", html)


HOSTILE = {
    "no JSON": b"<html>",
    "infinite numbers": b'{"status": "success", "data": {"resultType": "matrix", "result": [NaN]}}',
    "twice": b'{"status": "success", "status": "success"}',
    "no success": b'{"status": "error", "error": "<script>"}',
    "a vector": b'{"status": "success", "data": {"resultType": "vector", "result": []}}',
    "no list": b'{"status": "success", "data": {"resultType": "matrix", "result": {"a": 1}}}',
    "a list": b"[]",
    "deep": b'{"status": ' + b"[" * 5000 + b"]" * 5000 + b"}",
}


@pytest.mark.parametrize("body", HOSTILE.values(), ids=list(HOSTILE))
def test_an_answer_that_is_none_costs_nothing_but_figures(tmp_path: Path, prometheus: Prometheus, body: bytes) -> None:
    prometheus.body = body
    assert "did not answer as agreed" in run(tmp_path, prometheus)
    assert "<script" not in page(tmp_path) and "no figures of these 24 hours" in page(tmp_path)


def series(values: list[Any], **labels: Any) -> dict[str, Any]:
    return {"metric": {"instance": "myapp00", "band": "avg", **labels}, "values": values}


@pytest.mark.parametrize(
    "bad",
    [
        series([[NOW, "1"]]),
        series([["1", "1"]]),
        series([[True, "1"]]),
        series([[1]]),
        series([[300, 1]]),
        series([[300, "1" * 500]]),
        series([[300, "one"]]),
        series([[300, "1"]] * 10_000),
        series("values"),
        {"metric": [], "values": []},
        {"metric": {"instance": 1}, "values": []},
        "series",
    ],
)
def test_series_that_are_none_are_refused(bad: Any) -> None:
    answer = {"status": "success", "data": {"resultType": "matrix", "result": [bad]}}
    with pytest.raises(query.NotAgreed):
        list(query._series(answer, 300, 10, 300))


@pytest.mark.parametrize("text", ["NaN", "+Inf", "-Inf", "1e300", "-1e19"])
def test_values_that_cannot_be_drawn_are_gaps(text: str) -> None:
    answer = {"status": "success", "data": {"resultType": "matrix", "result": [series([[600, text], [900, "2"]])]}}
    ((_labels, row),) = query._series(answer, 300, 3, 300)
    assert [str(value) for value in row] == ["nan", "nan", "2.0"]


def test_labels_of_others_and_of_nobody_are_left_out_and_names_are_escaped(tmp_path: Path) -> None:
    evil = '"><script>alert(1)</script><!--# echo var="x" -->'
    good = answered(["myapp00"])

    def answer(asked: str, moments: list[int]) -> list[dict[str, Any]]:
        values = [[at, "0.5"] for at in moments]
        extra = [
            {"metric": {"instance": name, "line": line, "band": band}, "values": values}
            for name in ("myapp00", "nobody", evil)
            for line in ("", evil, *(f"user{number}" for number in range(20)))
            for band in ("avg", evil)
        ]
        return [*good(asked, moments), *extra] if "graph_" in asked else good(asked, moments)

    prometheus = Prometheus(answer)
    assert run(tmp_path, prometheus) == ""
    prometheus.stop()
    html = page(tmp_path)
    assert "<script" not in html and "<!--# echo" not in html
    assert html.count('class="line') <= len(catalogue.GRAPHS) * MOST
    assert "user19" not in page(tmp_path, "projects/myapp/graphs/24h/myapp01")
    kept = (tmp_path / "series/24h/cpu.bin").read_bytes().partition(b"\n")[0].decode()
    assert "nobody" not in kept and "script" not in json.loads(kept)["keys"][0]


def test_a_gap_parts_a_line_and_one_point_is_a_dot() -> None:
    drawn = draw(single(1, 2, GAP, GAP, 3, GAP, 4, 4))
    line = re.search(r'class="line l0" d="([^"]*)"', drawn)
    assert line is not None
    assert [part[0] for part in re.findall(r"(\d+) \d+(l|h)", line[1])] == ["0", "4", "6"] or line[1].count("M") == 3
    assert "h.01" in line[1] and line[1].count("M") == 3
    assert draw(single(*[1.0] * 8)).count("M0 ") >= 1


def test_the_band_ends_where_either_edge_has_a_gap() -> None:
    low, high = [1.0, 1, GAP, 1, 1, 1, 1, 1], [2.0, 2, 2, 2, 2, 2, GAP, 2]
    band = re.search(r'class="band" d="([^"]*)"', draw(Drawn("", high, low, high)))
    assert band is not None and band[1].count("M") == 2 and band[1].count("z") == 2


def test_points_are_where_their_moments_and_values_are() -> None:
    drawn = draw(single(0, 4, 2, 0, 0, 0, 0, 4))
    path = re.search(r'class="line l0" d="([^"]*)"', drawn)
    assert path is not None and path[1] == "M0 200l1-200 1 100 1 100 1 0 1 0 1 0 1-200"
    assert 'viewBox="0 0 7 200"' in drawn


@pytest.mark.parametrize("value", [1e17, -1e17, 1e-17, 0.0])
def test_any_number_can_be_drawn(value: float) -> None:
    drawn = draw(single(*[value] * 8))
    assert "nan" not in drawn and "inf" not in drawn
    assert all(0 <= int(number) <= 200 for number in re.findall(r'd="M0 (\d+)l', drawn))


def test_limits_are_drawn_where_they_are_and_named_where_they_are_not() -> None:
    near = draw(single(*[5.0] * 8), limits=(Level("warning", 8.0), Level("critical", 1e9)))
    assert near.count('class="limit') == 1 and "warning from 8 B" in near
    graph = Graph("x", "X", BYTES, one("x"), limits=(Limit("a_warning", "warning", 1.0),))
    html, _told = figures.figure(graph, WHEN, {("", "avg"): [1.0] * 8}, {"a_warning": 100}, ())
    assert 'class="limit warning"><title' not in html and "warning from 100 B" in html
    for setting in ("many", None, True, [1]):
        assert figures.limits_of(graph, {"a_warning": setting}) == []


def test_a_limit_that_the_check_does_not_look_at_is_not_drawn() -> None:
    graph = next(graph for graph in catalogue.GRAPHS if graph.name == "redis_memory")
    limits = {"redis_memory_warning": 80, "redis_memory_critical": 95}
    assert [limit.value for limit in figures.limits_of(graph, limits)] == pytest.approx([0.8, 0.95])
    assert figures.limits_of(graph, {**limits, "redis_maxmemory_policy": "allkeys-lru"}) == []


def test_what_happened_is_marked_where_it_happened() -> None:
    end = WHEN.end
    events = (
        Event("restart", end - 2 * STEP),
        Event("maintenance", end - 4 * STEP, end - 2 * STEP),
        Event("alert", end - 9 * STEP, end - 8 * STEP, '"><script>'),
        Event("change", end - 20 * STEP, None, "commit 123"),
    )
    drawn = draw(single(*[1.0] * 8), events=events)
    assert 'class="mark restart"' in drawn and "<title>Restart, " in drawn
    shade = re.search(r'class="event maintenance" x="(\d+)" y="14" width="(\d+)"', drawn)
    assert shade is not None and (int(shade[1]), int(shade[2])) == (178, 89)
    assert "change" not in drawn, "that was before"
    assert "script" not in drawn


def test_very_many_events_cost_little_and_say_how_many() -> None:
    events = tuple(Event("backup", WHEN.end - number * 20.0) for number in range(110))
    drawn = draw(single(*[1.0] * 8), events=events)
    assert len(drawn) < 4000 and "the list says when" in drawn


def test_the_table_says_what_is_drawn() -> None:
    rows = {("", "avg"): [1.0, 2, 3, 4, GAP, GAP, GAP, 8], ("", "min"): [0.0] * 8, ("", "max"): [9.0] * 8}
    html, told = figures.figure(PLAIN, WHEN, rows, {}, ())
    assert told["rows"] == [[WHEN.end - 4 * STEP, 0.0, 8.0, 9.0], [WHEN.end - 8 * STEP, 0.0, 2.5, 9.0]]
    assert "<td>2.5 B</td>" in html and "<b>Plain</b> <span>8 B</span>" in html


def test_nothing_at_all_is_said_in_a_line() -> None:
    for rows in ({}, {("", "avg"): [GAP] * 8}):
        html, told = figures.figure(PLAIN, WHEN, rows, {}, ())
        assert "no figures of these 24 hours" in html and "<svg" not in html and told["rows"] == []


@pytest.mark.parametrize(
    ("value", "unit", "shown"),
    [
        (0.6, SHARE, "60 %"),
        (0.004567, SHARE, "0.46 %"),
        (1024**3, BYTES, "1 GiB"),
        (1536 * 1024, "B/s", "1.5 MiB/s"),
        (1234, "/s", "1.23 k/s"),
        (0.25, "s", "250 ms"),
        (12, "", "12"),
        (0, "B/s", "0 B/s"),
    ],
)
def test_values_are_shown_short(value: float, unit: str, shown: str) -> None:
    assert units.shown(value, unit) in (shown, shown.replace("1.23", "1.2"))


def test_a_page_of_graphs_is_fresh_until_it_should_have_been_made_again(whole: Path) -> None:
    for span in SPANS:
        html = page(whole / make.FOLDER, f"projects/myapp/graphs/{span.name}/myapp00")
        fresh = re.search(r"\$date_gmt = /\^\(([0-9|]*)\)/", html)
        assert fresh is not None
        moments = fresh[1].split("|")
        assert len(html) < 500_000 and len(moments) <= 61
        assert f'http-equiv="refresh" content="{span.pause}"' in html
    assert FRESH_MINUTES == 3


def test_a_long_page_of_a_day_has_days_and_the_shortest_hours() -> None:
    day = [label for _moment, label in units.ticks(10 * DAY, 11 * DAY, 6 * HOUR)]
    assert day == ["Sun 11", "06:00", "12:00", "18:00", "Mon 12"]
