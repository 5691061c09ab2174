# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The style sheet keeps what it promises: contrast, colours that are told apart, a word and a shape for every state."""

from __future__ import annotations

import itertools
import math
import re
from pathlib import Path
from xml.etree import ElementTree

import colours
import pytest
from ringmaster.look import blocks

SHEET = (blocks.STATIC / blocks.SHEET).read_text()
RULES = re.sub(r"/\*.*?\*/", "", SHEET, flags=re.DOTALL)
TOKENS = colours.tokens(SHEET)
NOW = 1795600000.0  # 2026-11-25 09:46:40 UTC
EVIL = "<script>alert(1)</script> & \"quotes\" <!--# echo var='x' -->"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("front", "back", "least"), colours.PAIRS)
def test_what_is_read_has_contrast(scheme: str, front: str, back: str, least: float) -> None:
    found = colours.contrast(TOKENS[scheme][front], TOKENS[scheme][back])
    assert found >= least, f"--{front} on --{back}, {scheme}: {found:.2f}, and {least} is asked for"


def test_contrast_is_computed_as_the_guidelines_do() -> None:
    assert round(colours.contrast("#000000", "#ffffff"), 2) == 21
    assert round(colours.contrast("#777777", "#ffffff"), 2) == 4.48
    assert colours.contrast("#123456", "#123456") == 1


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_colour_is_a_token_of_both_schemes_that_a_pair_holds(scheme: str) -> None:
    values = {name for name, value in TOKENS["light"].items() if value.startswith("#")}
    assert values == {name for name, value in TOKENS[scheme].items() if value.startswith("#")}
    assert values == {name for pair in colours.PAIRS for name in pair[:2]} | {"line"}, "line is decoration only"
    rules = RULES.partition("/* ground */")[2] or SHEET.partition("/* ground */")[2]
    assert set(re.findall(r"var\(--([a-z0-9-]+)\)", SHEET)) <= {*TOKENS["light"], "series"}
    assert not re.findall(r"#[0-9a-f]{3,8}\b(?!;?\s*\})", rules.partition("@media print")[0]), (
        "a colour without a token"
    )


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("eye", sorted(colours.EYES))
def test_series_are_told_apart_by_every_eye(scheme: str, eye: str) -> None:
    series = [value for name, value in TOKENS[scheme].items() if name.startswith("series-")]
    assert len(series) == 5
    for one, other in itertools.combinations(series, 2):
        found = math.dist(colours.seen(one, eye), colours.seen(other, eye))
        assert found >= colours.APART, (one, other, round(found, 3))


def test_colours_that_look_alike_to_some_are_found() -> None:
    red, green = "#c83c3c", "#6e7d22"
    assert math.dist(colours.seen(red, "usual"), colours.seen(green, "usual")) > 2 * colours.APART
    assert math.dist(colours.seen(red, "deuteranopia"), colours.seen(green, "deuteranopia")) < colours.APART


def test_every_state_has_a_word_and_a_shape_of_its_own() -> None:
    shapes = {}
    for kind in (*(name for name, _word in blocks.STATES.values()), "off", "work", "waits"):
        (rule,) = re.findall(rf"(?m)^\.state\.{kind}::before \{{ (.*) \}}$", RULES)
        shapes[kind] = re.sub(r"border-radius: 2px;|transform: [^;]+;", "", rule).strip()
        html = blocks.state(kind, "Some word")
        assert f'class="state {kind}"' in html and ">Some word<" in html
    assert len(set(shapes.values())) == len(shapes) == 7
    icons = [(blocks.STATIC / f"{kind}.svg").read_text() for kind, _word in blocks.STATES.values()]
    assert len({ElementTree.fromstring(icon)[0].get("d") for icon in icons}) == len(icons)


@pytest.mark.parametrize(
    ("moment", "told"),
    [
        ("2026-11-25T09:46:40Z", "just now"),
        ("2026-11-25T09:46:10Z", "just now"),
        ("2026-11-25T09:39:40Z", "7 min ago"),
        ("2026-11-25T09:39:40+00:00", "7 min ago"),
        ("2026-11-25T08:00:00Z", "106 min ago"),
        ("2026-11-25T07:46:40Z", "2 h ago"),
        ("2026-11-24T09:46:40Z", "24 h ago"),
        ("2026-11-23T09:46:40Z", "2 days ago"),
        ("2025-11-25T09:46:40Z", "365 days ago"),
        ("2026-11-25T12:46:40Z", "in 3 h"),
        ("2026-11-28T12:46:40Z", "in 3 days"),
    ],
)
def test_times_are_told_from_the_page_with_the_moment_on_hover(moment: str, told: str) -> None:
    html = blocks.when(moment, NOW)
    assert f">{told}</time>" in html
    exact = re.fullmatch(r'<time datetime="([^"]+)" title="([^"]+)">.*</time>', html)
    assert exact and exact[1].endswith("Z") and exact[2][:3].isalpha() and exact[2].endswith(" UTC")
    assert blocks.when(None, NOW) == blocks.NOTHING


def test_text_is_escaped_by_every_block_that_takes_text() -> None:
    made = [
        blocks.state("OK", EVIL),
        blocks.state(EVIL),
        blocks.box(EVIL, EVIL, ""),
        blocks.verdict(EVIL, EVIL, ""),
        blocks.table(EVIL, ((EVIL, "rest"), (EVIL, "rest")), [("a", "b")]),
        blocks.facts([(EVIL, "")]),
        blocks.tally({"OK": 1}, {"OK": EVIL}),
        blocks.tiles([(EVIL, EVIL, EVIL, EVIL)]),
        blocks.copy(EVIL),
        blocks.meter(0.5, EVIL),
        blocks.page(EVIL, "", root="", brand=EVIL, mark=EVIL, links=[(EVIL, EVIL)], way=[(EVIL, EVIL)]),
    ]
    for html in made:
        assert "&lt;script&gt;" in html and "<script" not in html and '"quotes"' not in html and "<!--" not in html


def test_a_meter_stays_within_its_frame() -> None:
    assert ['width="0"' in blocks.meter(-1, ""), 'width="100"' in blocks.meter(7, "")] == [True, True]


def test_docs_show_every_block() -> None:
    text = (Path(__file__).parents[4] / "docs/reference/look.md").read_text()
    for token, value in TOKENS["light"].items():
        if value.startswith("#"):
            assert f"`--{token}`" in text, token
