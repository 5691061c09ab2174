# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Declared virtual hosts and backends: what they become, and how mistakes are reported."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.ringmaster.hosting.plugins.module_utils.components import haproxy, nginx, nginx_site, tuning

SITE = nginx.Site(
    "webgateway",
    ("192.0.2.1", "2001:db8::1"),
    frozenset({"app"}),
    frozenset({"login"}),
    ("/srv",),
)
PROJECT = [
    {"name": "web00", "srv_ipv4": "172.20.1.1", "srv_ipv6": "2001:db8:3::1"},
    {"name": "web01", "srv_ipv4": "172.20.1.2", "srv_ipv6": "2001:db8:3::2"},
    {"name": "web02", "srv_ipv4": "", "srv_ipv6": "2001:db8:3::3"},
]
GROUPS = {"component_redis": ["other00", "web02"]}


def render(**options: Any) -> str:
    return nginx.render([{"name": "www.example", **options}], SITE)["www.example"]


def test_static_site() -> None:
    text = render(root="/srv/s-web/htdocs", aliases=["example"], hsts=True)
    assert text.count("listen 192.0.2.1:443 ssl;") == 1
    assert text.count("listen [2001:db8::1]:80;") == 1
    assert text.count("server_name www.example example;") == 2
    assert "return 301 https://$host$request_uri;" in text
    assert text.count("Strict-Transport-Security") == 1
    assert "ssl_certificate /etc/ringmaster/certificates/www.example/fullchain.pem;" in text


def test_proofs_of_acme_are_served_whatever_the_site_says() -> None:
    for http in ("redirect", "serve"):
        assert "acme-challenge" in render(root="/srv/x", http=http, auth="login").split("443")[0]


def test_all_sources_of_a_page() -> None:
    text = render(
        backend="app",
        websocket=True,
        locations=[
            {"path": "/static/", "root": "/srv/x", "fallback": "/index.html"},
            {"path": "= /gone", "redirect": "https://other.example"},
            {"path": "/private/", "deny": True},
            {"path": "/people/", "backend": "app", "auth": "login"},
        ],
        requests_per_second=5,
        connections_per_client=10,
        tls="off",
    )
    for wanted in (
        "proxy_pass http://app;",
        "proxy_read_timeout 3600s;",
        "try_files $uri $uri/ /index.html;",
        "return 301 https://other.example$request_uri;",
        "return 403;",
        "auth_basic_user_file /etc/ringmaster/htpasswd/login;",
        "limit_req zone=rate_www.example burst=50 nodelay;",
        "limit_conn connections_www.example 10;",
    ):
        assert wanted in text, wanted
    assert "443" not in text


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({}, "needs exactly one of root, backend, redirect, and has none"),
        ({"root": "/srv/x", "backend": "app"}, "has root and backend"),
        ({"root": "/etc"}, "from below /srv only"),
        ({"root": "/srv/../etc"}, "root cannot be"),
        ({"root": "/srv/x;}"}, "root cannot be"),
        ({"root": "/srv/$x"}, "root cannot be"),
        ({"backend": "ap"}, "there is no backend 'ap'; declared: app"),
        ({"redirect": "javascript:1"}, "redirect cannot be"),
        ({"redirect": "https://a;}"}, "redirect cannot be"),
        ({"root": "/srv/x", "auth": "everybody"}, "allowed: login"),
        ({"root": "/srv/x", "aliases": ["a b"]}, "alias 'a b'"),
        ({"root": "/srv/x", "headers": {"X": 'a"; }'}}, "header 'X'"),
        ({"root": "/srv/x", "body_limit": "1 gb"}, "body_limit cannot be"),
        ({"root": "/srv/x", "error_pages": {"200": "/x"}}, "no code of an error"),
        ({"root": "/srv/x", "error_pages": {"499": "/x"}}, "no code of an error"),
        ({"root": "/srv/x", "tls": "letsencrypt"}, "allowed: platform"),
        ({"root": "/srv/x", "rot": 1}, "unknown key 'rot'"),
        ({"root": "/srv/x", "locations": [{"path": "x", "deny": True}]}, "path of a location cannot be"),
        ({"root": "/srv/x", "locations": [{"path": "/", "deny": True}]}, "exclude each other"),
        ({"locations": [{"path": "/", "deny": True, "x": 1}]}, "unknown key 'x'"),
    ],
)
def test_mistakes_are_told(options: dict[str, Any], told: str) -> None:
    with pytest.raises(nginx.VhostError, match=told) as caught:
        render(**options)
    assert "www.example" in str(caught.value)


def block(text: str, location: str) -> list[str]:
    """Return what the last location of this name holds."""
    body = text.rpartition(f"    location {location} {{\n")[2].partition("\n    }")[0]
    return [line.strip() for line in body.splitlines()]


@pytest.mark.parametrize(
    ("options", "page"),
    [
        ({"root": "/srv/x", "error_root": "/srv/e"}, ["auth_basic off;", "allow all;", "root /srv/e;", "internal;"]),
        ({"root": "/srv/x"}, ["auth_basic off;", "allow all;", "root /srv/x;", "index index.html;"]),
        (
            {"locations": [{"path": "/", "backend": "app"}, {"path": "/e/", "root": "/srv/y", "auth": "login"}]},
            ["auth_basic off;", "allow all;", "root /srv/y;", "index index.html;"],
        ),
    ],
)
def test_nobody_is_asked_for_a_password_for_an_error_page(options: dict[str, Any], page: list[str]) -> None:
    text = render(auth="login", error_pages={401: "/e/401.html"}, **options)
    assert "    error_page 401 /e/401.html;" in text
    assert block(text, "= /e/401.html") == page


def test_an_error_page_is_left_alone_where_it_asks_for_no_password() -> None:
    """It would be the second location of this name beside that of a drop-in."""
    assert "location = /e/404.html" not in render(root="/srv/x", error_pages={404: "/e/404.html"})
    declared = {"path": "= /e/401.html", "root": "/srv/y"}
    text = render(root="/srv/x", auth="login", error_pages={401: "/e/401.html"}, locations=[declared])
    assert text.count("location = /e/401.html {") == 1
    with pytest.raises(nginx.VhostError, match=r"'= /e/401\.html' is that of an error page, which lies in error_root"):
        render(root="/srv/x", error_root="/srv/e", error_pages={401: "/e/401.html"}, locations=[declared])


def test_an_error_of_haproxy_is_said_by_nginx() -> None:
    """Each code that haproxy sends on leads to a location that virtual hosts with backends have, and says the code."""
    text = haproxy.render([resolve(project=True)])
    sent = dict(re.findall(r"http-error status (\d+) .* hdr X-Accel-Redirect (@\S+)", text))
    said = dict(re.findall(r"location (@\S+) \{ return (\d+); \}", haproxy.own_error_locations()))
    assert sent.keys() >= {"400", "403", "408", "429", "500", "502", "503", "504"}
    assert {code: said[location] for code, location in sent.items()} == {code: code for code in sent}
    # It asks for a password in a header of its own, which would be lost.
    assert not sent.keys() & {"401", "407"}
    assert "    include backend-errors.conf;" in render(backend="app")
    files = nginx_site.site(
        [{"name": "www.example", "backend": "app"}],
        owner="webgateway",
        addresses=["192.0.2.1"],
        backends=[{"name": "app", "servers": ["unix:/run/haproxy/app.sock"]}],
    )["files"]
    [found] = [one for one in files if one["path"] == "/etc/ringmaster/nginx/backend-errors.conf"]
    assert found["content"] == haproxy.own_error_locations()
    # Of a role without backends, whose virtual hosts have no such file beside them.
    bare = nginx.Site("status", ("192.0.2.1",))
    assert "backend-errors" not in nginx.render([{"name": "a.example", "root": "/srv/x"}], bare)["a.example"]


def test_what_a_backend_answers_is_replaced_only_where_it_is_said() -> None:
    pages = {"error_pages": {404: "/404.html"}, "error_root": "/srv/e", "backend": "app"}
    assert "proxy_intercept_errors" not in render(**pages)
    assert "proxy_intercept_errors on;" in block(render(**pages, error_pages_for_backends=True), "/")


def test_what_brings_something_is_redirected_with_all_of_it() -> None:
    for text, url in (
        (render(root="/srv/x").split("listen 192.0.2.1:443")[0], "https://$host$request_uri"),
        (render(redirect="https://other.example"), "https://other.example$request_uri"),
    ):
        assert block(text, "/") == [f"if ($only_asks) {{ return 301 {url}; }}", f"return 308 {url};"]


def test_who_is_refused_below_a_folder_is_refused_at_it() -> None:
    deny = {"path": "/in/", "deny": True}
    assert block(render(backend="app", locations=[deny]), "= /in") == ["return 403;"]
    own = render(backend="app", locations=[deny, {"path": "= /in", "redirect": "https://a.example"}])
    assert own.count("location = /in {") == own.count("listen 192.0.2.1:443")
    assert "location =  {" not in render(locations=[{"path": "/", "deny": True}])


def test_haproxy_waits_as_long_as_any_site_may_and_longer_than_nginx_keeps_a_connection() -> None:
    role = Path(__file__).parents[3] / "roles/webgateway"
    times = {
        name: int(text)
        for name, text in re.findall(r"timeout (\S+) (\d+)s", (role / "templates/declared.cfg.j2").read_text())
    }
    limits = yaml.safe_load((role / "meta/limits.yml").read_text())
    longest = max(limits[f"webgateway_vhosts[].{where}timeout"]["maximum"] for where in ("", "locations[]."))
    assert min(times["client"], times["server"], times["tunnel"]) >= longest
    kept = re.search(r"keepalive_timeout (\d+)s;", nginx.upstreams([{"name": "app", "servers": ["unix:/x"]}]))
    assert kept
    assert int(kept[1]) < times["http-keep-alive"]
    # A time of its own counts.
    assert "    timeout server 5s" in haproxy.render([resolve(project=True, timeout=5)])


def test_what_changes_something_is_not_asked_for_twice() -> None:
    assert "    http-request disable-l7-retry if ! METH_GET" in haproxy.render([resolve(project=True)])


def test_headers_that_nginx_lets_through_fit_into_what_is_behind_it() -> None:
    of_nginx, of_haproxy = tuning.nginx(1024, 2), tuning.haproxy(1024, 2)
    number, line = re.fullmatch(r"(\d+) (\d+)k", of_nginx["large_client_header_buffers"]).groups()  # type: ignore[union-attr]
    for size in (int(number) * int(line), int(of_nginx["header_size"].removesuffix("k"))):
        # haproxy keeps 1 KiB for itself, and nginx adds some headers.
        assert size * 1024 + 4096 < int(of_haproxy["bufsize"])


def test_a_name_belongs_to_one() -> None:
    vhosts = [
        {"name": "a.example", "root": "/srv/x"},
        {"name": "b.example", "aliases": ["a.example"], "root": "/srv/x"},
    ]
    with pytest.raises(nginx.VhostError, match=r"'a\.example' already belongs to a\.example"):
        nginx.render(vhosts, SITE)


def test_one_site_may_answer_for_all_names() -> None:
    text = render(root="/srv/x", default=True)
    assert text.count(" default_server;") == text.count("    listen ") == 4
    assert "default_server" not in render(root="/srv/x") + nginx.default_servers(SITE.addresses)
    both = [{"name": name, "root": "/srv/x", "default": True} for name in ("a.example", "b.example")]
    with pytest.raises(nginx.VhostError, match=r"not a\.example and b\.example"):
        nginx.render(both, SITE)


def test_check_wants_what_the_site_gives() -> None:
    vhosts = [
        {"name": "a", "redirect": "https://b"},
        {"name": "b", "backend": "app", "check_path": "/up", "wanted_code": 204},
    ]
    assert [(one["code"], one["path"]) for one in nginx.watch(vhosts, SITE)] == [(301, "/"), (204, "/up")]


def resolve(**options: Any) -> haproxy.Backend:
    [backend] = haproxy.resolve([{"name": "app", "port": 8080, **options}], "web00", PROJECT, GROUPS)
    return backend


@pytest.mark.parametrize(
    ("options", "members"),
    [
        ({"vms": ["web01", "web00"]}, [("web01", "172.20.1.2"), ("web00", "127.0.0.1")]),
        ({"project": True}, [("web01", "172.20.1.2"), ("web02", "2001:db8:3::3")]),
        ({"component": "redis"}, [("web02", "2001:db8:3::3")]),
    ],
)
def test_members(options: dict[str, Any], members: list[tuple[str, str]]) -> None:
    assert [(one.name, one.address) for one in resolve(**options).members] == members


def test_haproxy_section() -> None:
    text = haproxy.render(
        [resolve(project=True, sticky=True, proxy_protocol=True, check_path="/up", max_connections=5)]
    )
    assert "bind unix@/run/haproxy/app.sock mode 660 group www-data" in text
    assert "uri /up ver HTTP/1.1" in text
    assert "server web02 [2001:db8:3::3]:8080 check" in text
    assert "maxconn 5 send-proxy-v2 check-send-proxy cookie web02" in text


def test_straight_to_the_members() -> None:
    backend = resolve(project=True, balancer="nginx")
    assert backend.servers() == ["172.20.1.2:8080", "[2001:db8:3::3]:8080"]
    assert haproxy.render([backend]).strip() == ""


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({}, "exactly one of vms, component and project"),
        ({"vms": ["web01"], "project": True}, "exactly one"),
        ({"vms": ["other00"]}, "'other00' is no VM of this project"),
        ({"component": "mysql"}, "no VM of the project with component mysql"),
        ({"project": True, "port": 0}, "port is 0"),
        ({"project": True, "check_path": "/x y"}, "check_path cannot be"),
        ({"project": True, "check_codes": "2xx"}, "check_codes cannot be"),
        ({"project": True, "balance": "luck"}, "allowed: roundrobin"),
        ({"project": True, "balancer": "nginx", "sticky": True}, "need balancer haproxy"),
        ({"project": True, "name": "App"}, "must be named"),
        ({"project": True, "name": "admin"}, "must be named"),
    ],
)
def test_backend_mistakes_are_told(options: dict[str, Any], told: str) -> None:
    with pytest.raises(haproxy.BackendError, match=told):
        resolve(**options)
