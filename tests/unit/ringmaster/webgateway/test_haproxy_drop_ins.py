# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Drop-ins of haproxy, and the whole that is made of them."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ringmaster.core.inbox import Refused
from ringmaster.webgateway.converge import build, reason, within_files
from ringmaster.webgateway.drop_ins import judge

BACKENDS = frozenset({"app"})


def lines(text: str) -> list[str]:
    return judge(f"backend app\n{text}\n", BACKENDS)["app"]


@pytest.mark.parametrize(
    "line",
    [
        "balance leastconn",
        "timeout server 120s # long",
        "option forwardfor",
        "no option http-keep-alive",
        'http-request set-header X-A "b c"',
        "http-request deny if { path_beg /internal }",
        "http-response set-header Cache-Control no-store",
        "http-check expect rstatus ^2",
        "default-server inter 5s fall 3",
        "stick on src",
        "acl is_post method POST",
        "cookie app insert",
        "http-request return status 200 content-type text/plain string ok",
    ],
)
def test_what_backends_need_is_accepted(line: str) -> None:
    assert len(lines(line)) == 1


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("server evil 192.0.2.1:80", "'server' is not allowed"),
        ("errorfile 503 /etc/shadow", "'errorfile' is not allowed"),
        ("lua-load /srv/s-web/root.lua", "'lua-load' is not allowed"),
        ("lua-load-per-thread /srv/s-web/root.lua", "'lua-load-per-thread' is not allowed"),
        ("http-request lua.run", "action 'lua.run'|reads a file"),
        ("http-request use-service prometheus-exporter", "'use-service' is not allowed"),
        ("http-request return status 200 file /etc/passwd", "reads a file"),
        ("http-request return status 200 content-type a lf-file /etc/passwd", "reads a file"),
        ("http-request set-header X %[env(HOME)]", "reads a file"),
        ("http-request set-header X %[src,map(/etc/passwd)]", "reads a file"),
        ("http-request set-header X %[src,map_str(/etc/passwd)]", "reads a file"),
        ("acl x src -f /etc/passwd", "reads a file"),
        ("default-server inter 5s ca-file /etc/x", "reads a file|takes pairs"),
        ("default-server ssl verify", "takes pairs"),
        ("log global", "'log' is not allowed"),
        ("external-check command /bin/sh", "not allowed"),
        ("option external-check", "not allowed"),
        ("filter spoe engine x", "not allowed"),
        ("balance roundrobin 'open", "is not closed"),
        ('balance "a\'b"', "single quote"),
        ("http-check connect addr 192.0.2.1", "http-check takes"),
        ("listen x", "not allowed"),
        ("global", "not allowed"),
    ],
)
def test_what_leads_out_is_refused(line: str, told: str) -> None:
    with pytest.raises(Refused, match=told):
        lines(line)


@pytest.mark.parametrize("text", ["balance source", "backend other\n balance source", "backend\n", "frontend x"])
def test_only_declared_backends(text: str) -> None:
    with pytest.raises(Refused):
        judge(text, BACKENDS)


def test_it_is_written_anew_in_single_quotes() -> None:
    assert lines('http-request set-header X "a \\"b\\" $HOME"') == ["'http-request' 'set-header' 'X' 'a \"b\" $HOME'"]


@given(st.text("abp cekdserv\n'\"\\#%[]{}-", max_size=60))
def test_lines_hold_no_loose_quote(text: str) -> None:
    try:
        found = judge(f"backend app\n{text}", BACKENDS)
    except Refused:
        return
    for line in found["app"]:
        assert line.count("'") == 2 * len(line.split("' '"))


DECLARED = """global
    maxconn 10

frontend app
    default_backend app

backend app
    balance roundrobin
    server web01 192.0.2.1:80 check
    server web02 192.0.2.2:80 check

backend more
    server web01 192.0.2.1:81 check
"""


def test_the_whole_has_drop_ins_and_drained_members_in_their_backend() -> None:
    text = build(DECLARED, {"a.cfg": "backend app\n balance source\n"}, {"app": ["web01"]})
    app, more = text.split("\nbackend app\n")[1].split("\nbackend more\n")
    assert "server web01 192.0.2.1:80 check weight 0" in app
    assert "server web02 192.0.2.2:80 check\n" in app
    assert app.index("'balance' 'source'") > app.index("balance roundrobin")
    assert "weight 0" not in more
    assert build(DECLARED, {}, {}).split() == DECLARED.split()


@pytest.mark.parametrize(
    ("files", "most"),
    [(524288, 30000), (61000, 30000), (60998, 29999), (20000, 9500), (1002, 1), (500, 1), (-1, 30000)],
)
def test_no_more_connections_than_files_that_may_be_open(files: int, most: int) -> None:
    """Those of the whole; what a backend's members may have is another thing. -1 is no limit."""
    text = "global\n    maxconn {}\n\nbackend app\n    maxconn 70000\n    server a 192.0.2.1:80 maxconn 70000\n"
    assert within_files(text.format(30000), files) == text.format(most)


def test_the_role_writes_the_connections_that_are_looked_at() -> None:
    template = Path(__file__).parents[4] / "roles/webgateway/templates/declared.cfg.j2"
    text = template.read_text().replace("{{ __webgateway_tuned.maxconn }}", "30000")
    assert text.count("    maxconn 30000\n") == 1
    assert "    maxconn 9500\n" in within_files(text, 20000).partition("defaults")[0]


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (
            "[NOTICE]   (1) : haproxy version is 3.0.11\n"
            "[ALERT]    (1) : config : parsing [/etc/x/.trial:8] : 'http-check expect' : invalid range '433-322'.\n"
            "[ALERT]    (1) : config : Fatal errors found in configuration.\n",
            "'http-check expect' : invalid range '433-322'.",
        ),
        ("[ALERT]    (1) : config : [/etc/x/.trial:3] : no such ACL\n", "no such ACL"),
        (
            "[ALERT]    (1) : config : parsing [/etc/x/haproxy.cfg:8] : bad\n",
            "parsing [/etc/x/haproxy.cfg:8] : bad",
        ),
        ("killed\n", "killed"),
        ("", "haproxy failed without a word"),
    ],
)
def test_what_haproxy_complains_about(said: str, told: str) -> None:
    assert reason(said) == told
