# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a drop-in of a project may add to a declared backend, and how it is read.

What is judged is what haproxy gets: each line is rewritten from the words read here, in single quotes, in which
haproxy expands nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from ringmaster.core.inbox import Refused

WORD = re.compile(r"[^'\"\\\s#]+")
# Words that read a file, run code, ask another machine or show the environment, wherever they stand.
FORBIDDEN = re.compile(
    r"(^|[(,%\[{ ])(map(_[a-z]+)*\(|lua\.|env\(|proc|file$|lf-file$|errorfile|http-errors$|-[fM]$|ca-file|crt)"
)
OPTIONS = frozenset(
    [
        "abortonclose",
        "allbackends",
        "checkcache",
        "forwardfor",
        "http-buffer-request",
        "http-keep-alive",
        "http-no-delay",
        "http-server-close",
        "httpchk",
        "httpclose",
        "nolinger",
        "originalto",
        "persist",
        "prefer-last-server",
        "redispatch",
    ]
)
TIMEOUTS = frozenset({"check", "connect", "http-keep-alive", "http-request", "queue", "server", "tunnel"})
ACTIONS = {
    "http-request": frozenset(
        [
            "add-header",
            "allow",
            "auth",
            "cache-use",
            "capture",
            "del-header",
            "deny",
            "early-hint",
            "normalize-uri",
            "redirect",
            "reject",
            "replace-header",
            "replace-path",
            "replace-pathq",
            "replace-uri",
            "replace-value",
            "return",
            "set-header",
            "set-method",
            "set-path",
            "set-pathq",
            "set-query",
            "set-uri",
            "set-var",
            "strict-mode",
            "tarpit",
            "track-sc0",
            "track-sc1",
            "track-sc2",
            "unset-var",
            "wait-for-body",
        ]
    ),
    "http-response": frozenset(
        [
            "add-header",
            "allow",
            "capture",
            "del-header",
            "deny",
            "redirect",
            "replace-header",
            "replace-value",
            "return",
            "set-header",
            "set-status",
            "set-var",
            "strict-mode",
            "unset-var",
        ]
    ),
}
DEFAULT_SERVER = frozenset(
    [
        "downinter",
        "fall",
        "fastinter",
        "inter",
        "maxconn",
        "maxqueue",
        "minconn",
        "observe",
        "on-error",
        "rise",
        "slowstart",
        "weight",
    ]
)


def judge(text: str, backends: frozenset[str]) -> dict[str, list[str]]:
    """Return the lines a drop-in adds to each backend; raises Refused."""
    result: dict[str, list[str]] = {}
    lines: list[str] | None = None
    for number, line in enumerate(text.split("\n"), start=1):
        words = _words(number, line)
        if not words:
            continue
        if words[0] == "backend":
            if len(words) != 2 or words[1] not in backends:
                known = ", ".join(sorted(backends)) or "none"
                raise Refused(f"line {number}: there is no backend '{' '.join(words[1:])[:40]}'; declared: {known}")
            lines = result.setdefault(words[1], [])
            continue
        if lines is None:
            raise Refused(f"line {number}: a drop-in begins with 'backend <name>'")
        _judge(number, words)
        lines.append(" ".join(f"'{word}'" for word in words))
    return result


def _words(number: int, line: str) -> list[str]:
    """Split a line. Quotes hold a word together, a backslash stands before a blank, a quote or a backslash."""
    words: list[str] = []
    word: list[str] | None = None
    quote = ""
    signs = iter(line)
    for sign in signs:
        if quote:
            if sign == quote:
                quote = ""
            elif sign == "\\" and quote == '"':
                word = [*(word or []), _escaped(number, signs)]
            else:
                word = [*(word or []), sign]
        elif sign in "'\"":
            quote = sign
            word = word or []
        elif sign == "\\":
            word = [*(word or []), _escaped(number, signs)]
        elif sign == "#":
            break
        elif sign.isspace():
            if word is not None:
                words.append("".join(word))
            word = None
        else:
            word = [*(word or []), sign]
    if quote:
        raise Refused(f"line {number}: the quote {quote} is not closed")
    if word is not None:
        words.append("".join(word))
    for one in words:
        if "'" in one or any(not sign.isprintable() for sign in one):
            raise Refused(f"line {number}: a word may not hold a single quote")
    return words


def _escaped(number: int, signs: object) -> str:
    sign = next(signs, "")  # type: ignore[call-overload]
    if sign not in tuple('\\ "#'):
        return f"\\{sign}"
    return str(sign)


def _judge(number: int, words: list[str]) -> None:
    name, rest = words[0], words[1:]
    if name not in _JUDGES:
        raise Refused(f"line {number}: the directive '{name[:40]}' is not allowed here")
    for word in rest:
        if FORBIDDEN.search(word):
            raise Refused(f"line {number}: '{word[:40]}' reads a file, runs code or shows the environment")
    if reason := _JUDGES[name](rest):
        raise Refused(f"line {number}: {reason}")


def _any(_words: list[str]) -> str:
    return ""


def _one_of(what: str, allowed: frozenset[str]) -> Callable[[list[str]], str]:
    def judge_first(words: list[str]) -> str:
        if words and words[0] in allowed:
            return ""
        return f"the {what} '{words[0][:40] if words else ''}' is not allowed; allowed: {', '.join(sorted(allowed))}"

    return judge_first


def _default_server(words: list[str]) -> str:
    names = words[::2]
    bad = [word for word in names if word not in DEFAULT_SERVER]
    if bad or len(words) % 2:
        return f"default-server takes pairs of {', '.join(sorted(DEFAULT_SERVER))} and a value"
    return ""


def _http_check(words: list[str]) -> str:
    if words[:1] and words[0] in ("send", "expect", "disable-on-404"):
        return ""
    return "http-check takes send, expect and disable-on-404"


def _balance(words: list[str]) -> str:
    if words and re.fullmatch(
        r"roundrobin|static-rr|leastconn|first|source|uri|url_param|hash|random(\(\d+\))?", words[0]
    ):
        return ""
    return "balance takes roundrobin, static-rr, leastconn, first, source, uri, url_param, hash and random"


_JUDGES: dict[str, Callable[[list[str]], str]] = {
    "acl": _any,
    "balance": _balance,
    "compression": _any,
    "cookie": _any,
    "default-server": _default_server,
    "description": _any,
    "fullconn": _any,
    "hash-type": _any,
    "http-check": _http_check,
    "http-request": _one_of("action", ACTIONS["http-request"]),
    "http-response": _one_of("action", ACTIONS["http-response"]),
    "http-reuse": _any,
    "no": _one_of("option", frozenset({"option"})),
    "option": _one_of("option", OPTIONS),
    "retries": _any,
    "retry-on": _any,
    "stick": _one_of("rule", frozenset({"on", "match", "store-request", "store-response"})),
    "timeout": _one_of("timeout", TIMEOUTS),
}
