# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Drop-ins of nginx: what is accepted, what is refused, and that nginx gets what was judged."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ringmaster.core.inbox import Refused
from ringmaster.nginx.allowed import Rules, judge
from ringmaster.nginx.syntax import Directive, SyntaxMistake, parse, quote

RULES = Rules({"www.example": "www.example", "alias.example": "www.example"}, frozenset({"app"}), frozenset({"login"}))


def lines(body: str) -> list[str]:
    found = judge(f"server {{\n    server_name www.example;\n    {body}\n}}\n", RULES)
    return [line for directive in found["www.example"] for line in directive.render("")]


@pytest.mark.parametrize(
    "body",
    [
        "location /old/ { return 301 /new/; }",
        "location = /x { return 200 'it is; fine {'; default_type text/plain; }",
        'location ~ \\.(png|jpe?g)$ { expires 7d; add_header Cache-Control "public"; }',
        "location /d/ { root /srv/s-web/public; autoindex on; }",
        "location /e/ { alias /srv/s-web/e/; try_files $uri $uri/ /index.html =404; }",
        "location /api/ { proxy_pass http://app; proxy_read_timeout 300s; }",
        "location /own/ { proxy_pass http://127.0.0.1:8000/; }",
        "location ~ \\.php$ { fastcgi_pass 127.0.0.1:9000; include fastcgi_params; }",
        "location /in/ { auth_basic in; auth_basic_user_file login; }",
        "location /up/ { limit_except GET { deny all; } client_max_body_size 1g; }",
        "if ($http_user_agent ~* bot) { return 403; }",
        "rewrite ^/a/(.*)$ /b/$1 last;",
        "rewrite ^/([^/]+)/x/([0-9]+)$ /$2/$1? break;",
        "rewrite ^(/.*)$ /app$1 break;",
        "rewrite ^ /index.html last;",
        "rewrite ^ https://other.example$request_uri? permanent;",
        'set $mine "$arg_x";',
        "types { text/markdown md; }",
        "error_page 404 /errors/404.html;",
        "# a comment with } and ;\n    gzip off;",
    ],
)
def test_what_sites_need_is_accepted(body: str) -> None:
    assert lines(body)


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ("include /etc/shadow;", "include fastcgi_params"),
        ("load_module modules/x.so;", "'load_module' is not allowed"),
        ("error_log /etc/cron.d/mine debug;", "'error_log' is not allowed"),
        ("error_log /var/log/nginx/error.log debug;", "'error_log' is not allowed"),
        ("access_log /etc/cron.d/x full;", "switched off only"),
        ("listen 8080;", "'listen' is not allowed"),
        ("ssl_certificate /srv/x;", "'ssl_certificate' is not allowed"),
        ("location /x { alias /etc/; }", "below /srv"),
        ("location /x { root /; }", "below /srv"),
        ("location /x { root /srv/../etc; }", "below /srv"),
        ("location /x { root /srvevil; }", "below /srv"),
        ("location /x { root /srv/$arg_x; }", "without variables"),
        ("location ~ /(.*) { alias /srv/x/$1/; }", "without variables"),
        ("location ~ (?<uri>.*) { return 200; }", "named groups"),
        ("location /x { try_files $arg_f =404; }", "may hold"),
        ("location /x { try_files /../../etc/passwd =404; }", "'..'"),
        ("rewrite ^ /$arg_f last;", "may hold"),
        ("rewrite ^ /$http_x last;", "may hold"),
        ("set $x $arg_f; rewrite ^ /$x last;", "may hold"),
        ("rewrite ^ /$1 last;", "may hold"),
        ("rewrite (.)(.) /.$1/x last;", "may hold"),
        ("rewrite ^/x(.*)$ /$1 last;", "may hold"),
        ("rewrite ^/x/(.+?)y /$1/etc last;", "may hold"),
        ("rewrite ^/x/(..) /$1/etc last;", "may hold"),
        ("rewrite ^/(..)/?x /$1/etc last;", "may hold"),
        ("rewrite '^/x\\\\^(..)$' /$1/etc last;", "may hold"),
        ("rewrite '^/(?:x)(..)$' /$1 last;", "may hold"),
        ("rewrite ^ /a/..$uri last;", "may hold"),
        ("location /x { try_files $uri../etc/passwd =404; }", "'..'"),
        ("location /x { alias /srv/x/; }", "alias needs a location"),
        ("location /x/ { alias /srv/x; }", "alias needs a location"),
        ("location ~ /x/ { alias /srv/x/; }", "alias needs a location"),
        ("location /x { if ($slow) { alias /srv/x/; } }", "alias needs a location"),
        ("if ($args ~ (?<uri>.*)) { return 200; }", "named groups"),
        ("location /x { proxy_pass http://169.254.169.254/; }", "declared backend"),
        ("location /x { proxy_pass http://unix:/run/haproxy/admin.sock; }", "declared backend"),
        ("location /x { proxy_pass http://127.0.0.1:81/nginx_status; }", "declared backend"),
        ("location /x { proxy_pass http://$host; }", "declared backend"),
        ("location /x { proxy_pass http://app@evil/; }", "declared backend"),
        ("location /x { fastcgi_pass unix:/run/php/root.sock; }", "127.0.0.1:PORT"),
        ("location /x { auth_basic_user_file /etc/shadow; }", "below /srv"),
        ("location /x { content_by_lua 'os.execute(1)'; }", "not allowed"),
        ("location /x { perl 'sub { system(1) }'; }", "'perl' is not allowed"),
        ("location /x { dav_methods PUT; }", "'dav_methods' is not allowed"),
        ("location /x { proxy_store /srv/x; }", "'proxy_store' is not allowed"),
        ("location /x { client_body_temp_path /etc/cron.d; }", "not allowed"),
        ("location /.well-known/acme-challenge/ { return 200; }", "belongs to the platform"),
        ("disable_symlinks off;", "'disable_symlinks' is not allowed"),
        ("set_real_ip_from 0.0.0.0/0;", "not allowed"),
        ("set $uri /x;", "nginx's own"),
        ("index ../../etc/passwd;", "no variables and no"),
        ("error_page 404 /$arg_x;", "no variables"),
        ("server { return 200; }", "with braces is not allowed"),
        ("location /x { gzip on; ", "not closed"),
        ("gzip on", "';' is missing"),
        ("return 200 'open;", "is not closed"),
        ("} server { listen 1;", "needs one server_name"),
        ("}}", "unexpected"),
        ("gzip\non;;", "unexpected ';'"),
    ],
)
def test_what_leads_out_is_refused(body: str, told: str) -> None:
    with pytest.raises(Refused, match=told.replace("(", r"\(").replace(".", r"\.").replace("$", r"\$")):
        lines(body)


@pytest.mark.parametrize(
    "text",
    [
        "gzip on;",
        "http { }",
        "server { gzip on; }",
        "server { server_name other.example; }",
        "user root;",
        "server x { }",
    ],
)
def test_only_servers_with_a_declared_name(text: str) -> None:
    with pytest.raises(Refused):
        judge(text, RULES)


def test_an_alias_means_its_virtual_host() -> None:
    found = judge("server { server_name alias.example www.example; gzip off; }", RULES)
    assert list(found) == ["www.example"]
    assert len(found["www.example"]) == 1


def test_it_is_written_anew_in_quotes() -> None:
    assert lines('location /a { return 200 "x\\"; } include /etc/shadow; #"; }') == [
        'location "/a" {',
        '    return "200" "x\\"; } include /etc/shadow; #";',
        "}",
    ]


def strip(directives: list[Directive]) -> list[tuple[str, list[str], object]]:
    return [(one.name, one.words, None if one.block is None else strip(one.block)) for one in directives]


WORDS = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), max_size=12)
DIRECTIVES = st.recursive(
    st.builds(Directive, st.just("return"), st.lists(WORDS, max_size=3), st.just(1), st.none()),
    lambda inner: st.builds(
        Directive, st.just("location"), st.lists(WORDS, max_size=3), st.just(1), st.lists(inner, max_size=3)
    ),
    max_leaves=6,
)


@given(st.lists(DIRECTIVES, max_size=4))
def test_what_is_written_reads_back_the_same(directives: list[Directive]) -> None:
    text = "\n".join(line for directive in directives for line in directive.render(""))
    assert strip(parse(text)) == strip(directives)


@given(st.text(max_size=80))
def test_no_text_breaks_the_reader(text: str) -> None:
    try:
        parse(text)
    except SyntaxMistake as mistake:
        assert str(mistake).startswith("line ")


@given(st.text("{}; \"'\\$#\nabserver_name www.example /srv", max_size=60))
def test_no_text_gets_past_the_judge_but_by_the_rules(text: str) -> None:
    try:
        found = judge(text, RULES)
    except Refused:
        return
    for directives in found.values():
        rendered = "\n".join(line for one in directives for line in one.render(""))
        assert strip(parse(rendered)) == strip(directives)


def test_quote_keeps_backslashes() -> None:
    assert quote('a\\d"') == '"a\\\\d\\""'
