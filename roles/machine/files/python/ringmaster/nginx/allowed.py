# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a drop-in of a project may say: directives of a location and of a server, and what their words may be.

Nothing that names a file outside /srv, a program, a log, a key, an address to listen on or another server than the
declared backends and loopback. Whatever can carry a client's own text (``$arg_…``, ``$http_…``) must not become a
path: nginx does not look for ``..`` in it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from ringmaster.core.inbox import Refused
from ringmaster.core.report import printable
from ringmaster.nginx.syntax import Directive, SyntaxMistake, parse


@dataclass(frozen=True)
class Rules:
    """What this machine has: names of virtual hosts (aliases too) to their names, and backends."""

    vhosts: dict[str, str]
    backends: frozenset[str]
    permissions: frozenset[str] = frozenset()
    roots: tuple[str, ...] = ("/srv",)


# Directives whose words may be anything: they end up in headers, texts, limits and switches.
PLAIN = frozenset(
    [
        "absolute_redirect",
        "add_header",
        "allow",
        "auth_basic",
        "autoindex",
        "autoindex_exact_size",
        "autoindex_format",
        "autoindex_localtime",
        "break",
        "charset",
        "charset_types",
        "chunked_transfer_encoding",
        "client_body_buffer_size",
        "client_body_timeout",
        "client_max_body_size",
        "default_type",
        "deny",
        "etag",
        "expires",
        "gunzip",
        "gzip",
        "gzip_comp_level",
        "gzip_min_length",
        "gzip_proxied",
        "gzip_static",
        "gzip_types",
        "gzip_vary",
        "if_modified_since",
        "internal",
        "keepalive_requests",
        "keepalive_timeout",
        "limit_except",
        "limit_rate",
        "limit_rate_after",
        "lingering_close",
        "lingering_timeout",
        "log_not_found",
        "log_subrequest",
        "max_ranges",
        "merge_slashes",
        "override_charset",
        "port_in_redirect",
        "proxy_buffer_size",
        "proxy_buffering",
        "proxy_buffers",
        "proxy_busy_buffers_size",
        "proxy_connect_timeout",
        "proxy_cookie_domain",
        "proxy_cookie_flags",
        "proxy_cookie_path",
        "proxy_force_ranges",
        "proxy_hide_header",
        "proxy_http_version",
        "proxy_ignore_client_abort",
        "proxy_ignore_headers",
        "proxy_intercept_errors",
        "proxy_limit_rate",
        "proxy_max_temp_file_size",
        "proxy_method",
        "proxy_next_upstream",
        "proxy_next_upstream_timeout",
        "proxy_next_upstream_tries",
        "proxy_pass_header",
        "proxy_pass_request_body",
        "proxy_pass_request_headers",
        "proxy_read_timeout",
        "proxy_redirect",
        "proxy_request_buffering",
        "proxy_send_timeout",
        "proxy_set_header",
        "fastcgi_buffer_size",
        "fastcgi_buffering",
        "fastcgi_buffers",
        "fastcgi_connect_timeout",
        "fastcgi_hide_header",
        "fastcgi_index",
        "fastcgi_intercept_errors",
        "fastcgi_param",
        "fastcgi_read_timeout",
        "fastcgi_request_buffering",
        "fastcgi_send_timeout",
        "fastcgi_split_path_info",
        "recursive_error_pages",
        "reset_timedout_connection",
        "return",
        "satisfy",
        "send_timeout",
        "server_name_in_redirect",
        "sub_filter",
        "sub_filter_last_modified",
        "sub_filter_once",
        "sub_filter_types",
        "tcp_nodelay",
        "tcp_nopush",
        "types_hash_max_size",
        "uninitialized_variable_warn",
    ]
)
VARIABLE = re.compile(r"\$(\{[A-Za-z0-9_]+\}|[A-Za-z0-9_]+)")
FOLDER = re.compile(r"(/[A-Za-z0-9._@+-]+)+/?")
URI = re.compile(r"/[A-Za-z0-9._~@:+,%/-]*")
LOOPBACK = re.compile(r"http://(127\.0\.0\.1|\[::1\]|localhost):([0-9]{4,5})(/[A-Za-z0-9._~@:+,%/-]*)?")
BY_NAME = re.compile(r"http://([a-z][a-z0-9_-]{0,31})(/[A-Za-z0-9._~@:+,%/-]*)?")
# Groups that begin at a slash and end at a slash or at the end: parts that nginx has cleaned of '..'.
_CHARS = r"(?:[^()\\]|\\[^()])*"
WHOLE_PARTS = re.compile(rf"\^?{_CHARS}(?:(?:(?<=/)|(?<=\A\^))\((?!\?){_CHARS}\)(?=/(?![?*+{{])|\$\Z){_CHARS})+")
SETTABLE = re.compile(r"\$[a-z][a-z0-9_]{0,63}")
# The platform's own ports on loopback are not for drop-ins.
LOWEST_PORT = 1024
# Set by nginx from a path that it has cleaned of '..'.
CLEAN = frozenset({"$uri", "$document_uri", "$scheme", "$server_name"})
OWN_VARIABLES = re.compile(r"\$(arg_|http_|cookie_|sent_|upstream_|proxy_|ssl_|limit_|realip_)")


def judge(text: str, rules: Rules) -> dict[str, list[Directive]]:
    """Return what a drop-in adds to each virtual host; raises Refused."""
    try:
        blocks = parse(text)
    except SyntaxMistake as mistake:
        raise Refused(str(mistake)) from mistake
    result: dict[str, list[Directive]] = {}
    for server in blocks:
        if server.name != "server" or server.words or server.block is None:
            raise _refuse(server, f"'{_shown(server.name)}' is not allowed here; a drop-in holds server {{ … }} only")
        names = [one for one in server.block if one.name == "server_name"]
        if len(names) != 1 or not names[0].words or names[0].block is not None:
            raise _refuse(server, "a server needs one server_name, which says what virtual host it belongs to")
        body = [one for one in server.block if one.name != "server_name"]
        for directive in body:
            _judge(directive, rules)
        for name in names[0].words:
            if name not in rules.vhosts:
                known = ", ".join(sorted(set(rules.vhosts.values()))[:5]) or "none"
                raise _refuse(names[0], f"there is no virtual host '{_shown(name)}'; declared: {known}")
        for vhost in dict.fromkeys(rules.vhosts[name] for name in names[0].words):
            result.setdefault(vhost, []).extend(body)
    return result


def _judge(directive: Directive, rules: Rules, *, location: list[str] | None = None) -> None:
    """Judge a directive and what its braces hold; ``location`` are the words of the location it stands in."""
    name = directive.name
    if name in ("location", "if", "limit_except"):
        if directive.block is None:
            raise _refuse(directive, f"'{name}' needs braces")
        _JUDGES.get(name, _nothing)(directive, rules)
        for inner in directive.block:
            _judge(inner, rules, location=directive.words if name == "location" else location)
        return
    if name == "types":
        _types(directive)
        return
    if directive.block is not None:
        raise _refuse(directive, f"'{_shown(name)}' with braces is not allowed here")
    if name == "alias":
        _alias(directive, rules, location or [])
    elif name in _JUDGES:
        _JUDGES[name](directive, rules)
    elif name not in PLAIN:
        raise _refuse(directive, f"the directive '{_shown(name)}' is not allowed here")


def _types(directive: Directive) -> None:
    for one in directive.block or []:
        if one.block is not None or not re.fullmatch(r"[a-z]+/[a-z0-9.+-]+", one.name):
            raise _refuse(one, "types takes lines such as: text/plain txt;")


def _nothing(_directive: Directive, _rules: Rules) -> None:
    pass


def _condition(directive: Directive, _rules: Rules) -> None:
    if any("(?" in word for word in directive.words):
        raise _refuse(directive, "named groups and other '(?' are not allowed in a condition")


def _location(directive: Directive, _rules: Rules) -> None:
    if any("(?<" in word or "(?P" in word or "(?'" in word for word in directive.words):
        raise _refuse(directive, "named groups are not allowed in a location")
    if any(".well-known/acme" in word for word in directive.words):
        raise _refuse(directive, "this place belongs to the platform")


def _folder(directive: Directive, rules: Rules) -> None:
    text = directive.words[0] if len(directive.words) == 1 else ""
    below = any(text == root or text.startswith(f"{root}/") for root in rules.roots)
    if not FOLDER.fullmatch(text) or ".." in text.split("/") or not below:
        raise _refuse(directive, f"{directive.name} takes a folder below {' or '.join(rules.roots)}, without variables")


def _alias(directive: Directive, rules: Rules, location: list[str]) -> None:
    """Without both slashes, /x../secret of a location /x would leave the folder."""
    _folder(directive, rules)
    prefix = location[-1] if len(location) == 1 or location[:1] in (["^~"], ["="]) else ""
    if not prefix.endswith("/") or not directive.words[0].endswith("/"):
        raise _refuse(directive, "alias needs a location without a pattern, and a slash at the end of both")


def _try_files(directive: Directive, _rules: Rules) -> None:
    for word in directive.words:
        plain = word.replace("$uri", "")
        if not (word.startswith(("$uri", "/", "=", "@")) and re.fullmatch(r"[A-Za-z0-9._/=@-]*", plain)):
            raise _refuse(directive, "try_files takes $uri, paths and =code; other variables may hold '..'")
        if ".." in word:
            raise _refuse(directive, "'..' is not allowed in a path")


def _rewrite(directive: Directive, _rules: Rules) -> None:
    if len(directive.words) < 2:
        raise _refuse(directive, "rewrite takes a pattern and a replacement")
    pattern, target = directive.words[:2]
    if target.startswith(("http://", "https://")):
        return
    path = target.split("?", 1)[0]
    for variable in _variables(path):
        if variable not in CLEAN and not re.fullmatch(r"\$[1-9]", variable):
            raise _refuse(directive, f"a path made of '{_shown(variable)}' may hold '..'")
    if ".." in path or ".$" in path or (re.search(r"\$\{?[1-9]", path) and not WHOLE_PARTS.fullmatch(pattern)):
        raise _refuse(
            directive,
            "the new path may hold '..': groups must be whole parts between slashes, such as ^/old/(.*)$",
        )


def _uris(directive: Directive, _rules: Rules) -> None:
    """Judge error_page, index and auth_request: plain words, no variables."""
    for word in directive.words:
        if "$" in word or ".." in word.split("/") or not re.fullmatch(r"[A-Za-z0-9._~@:/=-]+", word):
            raise _refuse(directive, f"{directive.name} takes no variables and no '..'")


def _set(directive: Directive, _rules: Rules) -> None:
    if len(directive.words) != 2 or not SETTABLE.fullmatch(directive.words[0]):
        raise _refuse(directive, "set takes a variable in lower case and a value")
    if OWN_VARIABLES.match(directive.words[0]) or directive.words[0] in CLEAN | {"$args", "$limit_rate"}:
        raise _refuse(directive, f"'{directive.words[0]}' is nginx's own")


def _pass(directive: Directive, rules: Rules) -> None:
    text = directive.words[0] if len(directive.words) == 1 else ""
    named = BY_NAME.fullmatch(text)
    local = LOOPBACK.fullmatch(text)
    if (named and named[1] in rules.backends) or (local and LOWEST_PORT <= int(local[2]) <= 65535):
        return
    known = ", ".join(f"http://{name}" for name in sorted(rules.backends)) or "none is declared"
    raise _refuse(directive, f"proxy_pass goes to a declared backend ({known}) or to http://127.0.0.1:PORT")


def _fastcgi(directive: Directive, _rules: Rules) -> None:
    text = directive.words[0] if len(directive.words) == 1 else ""
    found = re.fullmatch(r"(127\.0\.0\.1|\[::1\]|localhost):([0-9]{4,5})", text)
    if not found or not LOWEST_PORT <= int(found[2]) <= 65535:
        raise _refuse(directive, "fastcgi_pass goes to 127.0.0.1:PORT")


def _include(directive: Directive, _rules: Rules) -> None:
    if directive.words not in (["fastcgi_params"], ["proxy_params"]):
        raise _refuse(directive, "only 'include fastcgi_params;' and 'include proxy_params;' are allowed")
    directive.words = [f"/etc/nginx/{directive.words[0]}"]


def _user_file(directive: Directive, rules: Rules) -> None:
    text = directive.words[0] if len(directive.words) == 1 else ""
    if text.removeprefix("/etc/ringmaster/htpasswd/") in rules.permissions:
        directive.words = [f"/etc/ringmaster/htpasswd/{text.removeprefix('/etc/ringmaster/htpasswd/')}"]
        return
    _folder(directive, rules)


def _access_log(directive: Directive, _rules: Rules) -> None:
    if directive.words != ["off"]:
        raise _refuse(directive, "access_log can be switched off only; its place and form are the platform's")


_JUDGES: dict[str, Callable[[Directive, Rules], None]] = {
    "access_log": _access_log,
    "auth_basic_user_file": _user_file,
    "auth_request": _uris,
    "error_page": _uris,
    "fastcgi_pass": _fastcgi,
    "if": _condition,
    "include": _include,
    "index": _uris,
    "location": _location,
    "proxy_pass": _pass,
    "rewrite": _rewrite,
    "root": _folder,
    "set": _set,
    "try_files": _try_files,
}


def _variables(text: str) -> list[str]:
    return [found.group().replace("{", "").replace("}", "") for found in VARIABLE.finditer(text)]


def _refuse(directive: Directive, reason: str) -> Refused:
    return Refused(f"line {directive.line}: {reason}")


def _shown(text: str) -> str:
    return printable(text)[:40]
