# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the status pages look like: states without colour, nothing beside the style sheet, how much they weigh."""

from __future__ import annotations

import gzip
import re

import large_samples
import pytest
from ringmaster.look import blocks
from ringmaster.status import main, pages
from status_samples import NOW

SHEET = (blocks.STATIC / blocks.SHEET).read_text()
LIMIT = 60 * 1024
"""Bytes that a page may have for a browser that has seen nothing yet, compressed: itself, style sheet and icon."""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    built = large_samples.platform(tmp_path_factory.mktemp("site"))
    found = {path: html for path, html, _part in pages.site(built, NOW)}
    return {
        **found,
        **{f"empty/{path}": html for path, html, _part in pages.site(large_samples.empty(), NOW)},
        "checks": (main.STATIC / "checks.html").read_text(),
    }


def test_a_state_on_a_page_is_never_a_colour_alone(site: dict[str, str]) -> None:
    for path, html in site.items():
        for kind, content in re.findall(r'<(?:span|a)[^>]*class="state ([a-z ]+)"[^>]*>(.*?)</(?:span|a)>', html):
            assert re.sub("<[^>]+>", "", content).strip(), (path, kind)
        # In tiles the name stands beside the shape; whoever does not see it hears the word.
        for kind, content in re.findall(r'<li><a class="state ([a-z]+)"[^>]*>(.*?)</a>', html):
            assert kind == "ok" or '<span class="hidden"> ' in content, (path, kind)
    # Stripes of a day differ in height.
    assert {
        re.search(f'class="{kind}"[^>]*height="([0-9]+)"', site["projects/myapp/myapp02"])[1]
        for kind in ("ok", "warning", "critical")
    } == {"8", "16", "24"}


def test_no_page_has_a_script_or_a_style_of_its_own(site: dict[str, str]) -> None:
    for path, html in site.items():
        assert not re.search(r"<script|<style|\sstyle=|\son[a-z]+=|javascript:|(?:src|href)=.(?:https?:)?//", html), (
            path
        )
    assert "url(" not in SHEET and "@import" not in SHEET
    for icon in blocks.STATIC.glob("*.svg"):
        assert "style" not in icon.read_text() and "script" not in icon.read_text()


def test_every_class_of_a_page_is_one_of_the_style_sheet(site: dict[str, str]) -> None:
    known = set(re.findall(r"\.([a-z][a-z0-9-]*)", SHEET))
    for path, html in site.items():
        used = {word for found in re.findall(r'class="([^"]+)"', html) for word in found.split()}
        assert used <= known | {"now"}, path


def test_a_page_of_200_vms_weighs_little(site: dict[str, str]) -> None:
    once = len(gzip.compress(SHEET.encode())) + max(len(icon.read_bytes()) for icon in blocks.STATIC.glob("*.svg"))
    assert site["projects/shop/index"].count('<th scope="row">') == 200
    for path, html in site.items():
        assert len(gzip.compress(html.encode())) + once <= LIMIT, path
        assert len(html) <= 4 * LIMIT, path


def test_the_worst_is_said_first(site: dict[str, str]) -> None:
    for path in ("index", "projects/shop/index", "projects/myapp/myapp01"):
        said = site[path].partition('id="wrong"')[2].partition("</section>")[0]
        order = [("critical", "unknown", "warning").index(kind) for kind in re.findall(r'class="state (\w+)"', said)]
        assert order == sorted(order) and len(set(order)) == 2, path


def test_names_are_sorted_as_people_do() -> None:
    names = [{"name": name} for name in ("shop10", "shop2", "blog1", "shop100")]
    assert [one["name"] for one in sorted(names, key=pages.parts.by_name)] == ["blog1", "shop2", "shop10", "shop100"]


def test_what_the_address_says_is_compared_and_never_shown(site: dict[str, str]) -> None:
    for path, html in site.items():
        commands = re.findall(r"<!--#(.*?)-->", html)
        assert path == "checks" or any("$arg_still = 1" in command for command in commands), path
        assert {command.split()[0] for command in commands} <= {"config", "if", "else", "endif"}, path
        renewed = re.search(r'<!--# if expr="\$arg_still = 1" --><!--# else -->(.*?)<!--# endif -->', html)
        assert path == "checks" or (renewed and renewed[1] == '<meta http-equiv="refresh" content="60">'), path
