# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What applications are told about visitors stays as it is when a drop-in adds a header of its own."""

from __future__ import annotations

from pathlib import Path

import jinja2
import pytest
import yaml
from ansible_collections.ringmaster.hosting.plugins.module_utils.components import nginx
from ringmaster.nginx import converge, forwarded
from ringmaster.nginx.allowed import Rules, judge
from ringmaster.nginx.syntax import Directive, parse

ROLE = Path(__file__).parents[4] / "roles/nginx"
NAMES = yaml.safe_load((ROLE / "vars/main.yml").read_text())["__nginx_not_from_visitors"]
SET = {"Host", "X-Real-IP", "X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host", "X-Forwarded-Port"}


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Directive]]:
    """Return what the role writes, read back as the program reads it."""
    home = tmp_path_factory.mktemp("nginx")
    environment = jinja2.Environment(loader=jinja2.FileSystemLoader(ROLE / "templates"), autoescape=False)
    environment.filters["comment"] = lambda text: f"# {text}"
    for file in forwarded.FILES.values():
        text = environment.get_template(f"{file}.j2").render(ansible_managed="x", __nginx_not_from_visitors=NAMES)
        (home / file).write_text(text)
    return forwarded.read(home)


def bodies(text: str, ours: dict[str, list[Directive]]) -> list[Directive]:
    rules = Rules({"www.example": "www.example"}, frozenset({"app"}))
    found = judge(f"server {{ server_name www.example; {text} }}", rules)["www.example"]
    return forwarded.completed(found, ours)


def headers(body: list[Directive], name: str = "proxy_set_header") -> dict[str, str]:
    found = [one for one in body if one.name == name]
    keys = [one.words[0].lower() for one in found]
    assert len(keys) == len(set(keys)), "a header is there twice"
    return {one.words[0].lower(): one.words[1] for one in found}


def test_the_list_has_what_others_gateways_write_and_nothing_that_we_write() -> None:
    assert len(NAMES) == len({name.lower() for name in NAMES})
    lower = {name.lower() for name in NAMES}
    for name in (
        *("Forwarded", "X-Forwarded-Prefix", "X-Forwarded-Ssl", "X-Original-URL", "X-Rewrite-URL", "Remote-User"),
        *("X-Remote-User", "X-Client-IP", "True-Client-IP", "Client-Cert", "SSL-Client-Verify", "X-Accel-Mapping"),
        "Proxy",
    ):
        assert name.lower() in lower, name
    assert not lower & {name.lower() for name in SET}


def test_both_files_know_the_same_headers(ours: dict[str, list[Directive]]) -> None:
    over_http = set(headers(ours["proxy_set_header"])) - {"host", "upgrade", "connection"}
    over_fastcgi = {
        name.removeprefix("http_").replace("_", "-") for name in headers(ours["fastcgi_param"], "fastcgi_param")
    }
    assert over_http == over_fastcgi
    assert over_http == {name.lower() for name in (*NAMES, *SET)} - {"host"}
    # What is empty is not even sent.
    assert all(one.words[2:] == (["if_not_empty"] if one.words[1] == "" else []) for one in ours["fastcgi_param"])


@pytest.mark.parametrize(
    "text",
    [
        "location /a/ { proxy_pass http://app; proxy_set_header X-Mine yes; }",
        "location /a/ { location /a/b/ { proxy_pass http://app; proxy_set_header x-MINE yes; } }",
    ],
)
def test_a_header_of_ones_own_lets_nothing_of_visitors_through(text: str, ours: dict[str, list[Directive]]) -> None:
    block = bodies(text, ours)[0].block or []
    found = headers(block if any(one.name == "proxy_pass" for one in block) else block[0].block or [])
    assert found["x-mine"] == "yes"
    assert found["x-forwarded-for"] == "$remote_addr"
    assert {found[name.lower()] for name in NAMES} == {""}


def test_what_a_drop_in_sets_is_its_own(ours: dict[str, list[Directive]]) -> None:
    text = "proxy_set_header X-Forwarded-Prefix /app; proxy_set_header host other.example; location / { return 200; }"
    body = bodies(text, ours)
    found = headers(body)
    assert (found["x-forwarded-prefix"], found["host"]) == ("/app", "other.example")
    assert found["remote-user"] == ""
    assert [one.name for one in body][-1] == "location"


def test_debians_snippet_does_not_let_visitors_say_where_they_come_from(ours: dict[str, list[Directive]]) -> None:
    block = bodies("location / { include proxy_params; proxy_pass http://app; }", ours)[0].block or []
    assert not [one for one in block if one.name == "include"]
    assert headers(block)["x-forwarded-for"] == "$remote_addr"


def test_programs_behind_fastcgi_are_told_the_same(ours: dict[str, list[Directive]]) -> None:
    block = bodies(
        "location / { include fastcgi_params; fastcgi_param HTTP_X_HOST mine; fastcgi_pass 127.0.0.1:9000; }", ours
    )
    found = block[0].block or []
    parameters = headers(found, "fastcgi_param")
    assert (parameters["http_x_forwarded_for"], parameters["http_proxy"]) == ("$remote_addr", "")
    assert parameters["http_x_host"] == "mine"
    assert [one.words for one in found if one.name == "include"] == [["/etc/nginx/fastcgi_params"]]


def test_a_block_without_headers_of_its_own_stays_as_it_is(ours: dict[str, list[Directive]]) -> None:
    text = "location / { proxy_pass http://app; } types { text/markdown md; }"
    assert [line for one in bodies(text, ours) for line in one.render("")] == [
        line for one in parse(text) for line in one.render("")
    ]


def test_buffers_of_ones_own_fit_with_the_one_for_headers(ours: dict[str, list[Directive]]) -> None:
    """nginx refuses a total that is smaller than twice the buffer for headers."""
    [location] = bodies("location / { proxy_pass http://app; proxy_buffers 8 8k; }", ours)
    assert ["4k"] in [one.words for one in location.block or [] if one.name == "proxy_buffer_size"]
    [location] = bodies("location / { proxy_buffers 8 32k; proxy_buffer_size 64k; }", ours)
    assert [one.words for one in location.block or [] if one.name == "proxy_buffer_size"] == [["64k"]]


def test_without_the_roles_files_nothing_is_added(tmp_path: Path) -> None:
    [location] = bodies("location / { proxy_set_header X-Mine yes; }", forwarded.read(tmp_path))
    assert headers(location.block or []) == {"x-mine": "yes"}


def test_nginx_reads_again_when_what_applications_are_told_changes(tmp_path: Path) -> None:
    """As often as when its main file changes."""
    places = converge.Places(home=tmp_path)
    for name in ("nginx.conf", *forwarded.FILES.values(), nginx.BACKEND_ERRORS):
        (tmp_path / name).write_text("")
    assert {path.name for path in converge.configuration_files(places)} == {path.name for path in tmp_path.iterdir()}
