# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Virtual hosts of nginx: declared values to configuration, all of them in one go.

Every value is checked against a pattern before it is written, so that none can end a directive and begin another.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .faults import given

CERTIFICATES = "/etc/ringmaster/certificates"
HTPASSWD = "/etc/ringmaster/htpasswd"
ACME_ROOT = "/var/lib/ringmaster/acme/webroot"
HSTS = "max-age=31536000"
# Included by virtual hosts of those who have backends; beside nginx.conf.
BACKEND_ERRORS = "backend-errors.conf"

_NAME = re.compile(r"([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?\.)*[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?")
_ALIAS = re.compile(r"(\*\.)?" + _NAME.pattern)
_FOLDER = re.compile(r"(/[A-Za-z0-9._@+-]+)+")
_LOCATION = re.compile(r"(= )?/[A-Za-z0-9._~@:+,%/-]*")
_URL = re.compile(r"https?://[A-Za-z0-9.:\[\]-]+(/[A-Za-z0-9._~@:+,%/?&=#-]*)?")
_URI = re.compile(r"/[A-Za-z0-9._~@:+,%/-]*")
_FILE = re.compile(r"[A-Za-z0-9._-]+")
_SIZE = re.compile(r"[0-9]{1,12}|[0-9]{1,6}[kmgKMG]")
_BACKEND = re.compile(r"[a-z][a-z0-9_-]{0,31}")
_PERMISSION = re.compile(r"[a-z][a-z0-9-]{0,31}")
_HEADER = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,63}")
_HEADER_VALUE = re.compile(r"[^\"\\$\x00-\x1f\x7f]{0,2000}")
_SERVER = re.compile(r"(unix:/[A-Za-z0-9._/-]+|[0-9.]+:[0-9]{1,5}|\[[0-9a-f:.]+\]:[0-9]{1,5})")

HANDLERS = ("root", "backend", "redirect")
KEYS = frozenset(
    [
        "name",
        "aliases",
        "tls",
        "http",
        "hsts",
        "default",
        "root",
        "backend",
        "redirect",
        "auth",
        "websocket",
        "timeout",
        "body_limit",
        "requests_per_second",
        "connections_per_client",
        "headers",
        "error_pages",
        "error_root",
        "error_pages_for_backends",
        "access_log",
        "locations",
        "index",
        "fallback",
        "check_path",
        "wanted_code",
        "raw",
    ]
)
LOCATION_KEYS = frozenset({"path", *HANDLERS, "deny", "auth", "index", "fallback", "websocket", "timeout"})
TLS = ("platform", "acme", "own", "selfsigned", "off")


class VhostError(ValueError):
    """A declared virtual host that cannot be; the text names it and says what is allowed.

    ``path`` is where below the virtual host it is wrong.
    """

    path: tuple[str | int, ...] = ()

    def at(self, *path: str | int) -> VhostError:
        """Return the error with its place."""
        self.path = path
        return self


@dataclass(frozen=True)
class Site:
    """What the virtual hosts of one owner share.

    ``addresses`` are those nginx listens on, ``backends`` the names that may be used, ``roots`` folders below which
    files may be served; empty: everywhere.
    """

    owner: str
    addresses: tuple[str, ...]
    backends: frozenset[str] = frozenset()
    permissions: frozenset[str] = frozenset()
    roots: tuple[str, ...] = ()
    tls: str = "platform"


def certificates(vhosts: Iterable[Mapping[str, Any]], site: Site) -> list[dict[str, Any]]:
    """Return what role certificates is to give: one certificate for each virtual host with TLS."""
    return [
        {
            "name": str(vhost["name"]),
            "source": _tls(vhost, site),
            "names": [str(vhost["name"]), *map(str, vhost.get("aliases") or [])],
            "reload": ["nginx.service"],
        }
        for vhost in vhosts
        if _tls(vhost, site) != "off"
    ]


def render(vhosts: Iterable[Mapping[str, Any]], site: Site) -> dict[str, str]:
    """Return the configuration of each virtual host by name; raise VhostError for the first mistake."""
    result: dict[str, str] = {}
    names: dict[str, str] = {}
    defaults: list[str] = []
    for vhost in vhosts:
        name = str(vhost.get("name", ""))
        if not _NAME.fullmatch(name):
            raise VhostError(f"the virtual host '{name}' must be named by a DNS name in lower case").at("name")
        _known(f"virtual host {name}", vhost, KEYS)
        for index, one in enumerate([name, *map(str, vhost.get("aliases") or [])]):
            if not _ALIAS.fullmatch(one):
                text = f"virtual host {name}: the alias '{one}' is not a DNS name in lower case"
                raise VhostError(text).at("aliases", index - 1)
            if one in names:
                text = f"virtual host {name}: '{one}' already belongs to {names[one]}"
                raise VhostError(text).at(*(("aliases", index - 1) if index else ("name",)))
            names[one] = name
        if vhost.get("default"):
            defaults.append(name)
        result[name] = _Vhost(name, vhost, site).text()
    if len(defaults) > 1:
        raise VhostError(f"only one virtual host can be the default, not {' and '.join(defaults)}")
    return result


def _known(where: str, found: Mapping[str, Any], keys: frozenset[str]) -> None:
    for key in found:
        if key not in keys:
            raise VhostError(f"{where} has the unknown key '{key}'; allowed: {', '.join(sorted(keys))}")


def watch(vhosts: Iterable[Mapping[str, Any]], site: Site) -> list[dict[str, Any]]:
    """Return what the check asks each virtual host for. Code 0 stands for anything but an error of the server."""
    result = []
    for vhost in vhosts:
        wanted = int(given(vhost, "wanted_code", 0))
        path = str(given(vhost, "check_path", "/"))
        if not _URI.fullmatch(path):
            text = f"virtual host {vhost['name']}: the check_path '{path}' is not a path"
            raise VhostError(text).at("check_path")
        if not wanted and vhost.get("redirect"):
            wanted = 301
        result.append(
            {"name": str(vhost["name"]), "tls": _tls(vhost, site) != "off", "path": path, "code": wanted or 0}
        )
    return result


def default_servers(addresses: Iterable[str]) -> str:
    """Return the servers for names that nobody declared: they are refused, except for proofs of ACME.

    They are read before all others, which makes them the default where no virtual host says that it is.
    """
    lines = ["# Names that nobody declared: closed without an answer."]
    lines += ["server {", *(f"    listen {_listen(address, 80)};" for address in addresses)]
    lines += ['    server_name "";', *_acme(), "    location / {", "        return 444;", "    }", "}"]
    lines += ["server {", *(f"    listen {_listen(address, 443)} ssl;" for address in addresses)]
    lines += ['    server_name "";', "    ssl_reject_handshake on;", "}"]
    return "\n".join(lines) + "\n"


def upstreams(backends: Iterable[Mapping[str, Any]]) -> str:
    """Return the upstreams of all backends. One with a single server never counts it as failed."""
    lines: list[str] = []
    for backend in backends:
        name = str(backend.get("name", ""))
        servers = [str(server) for server in backend.get("servers") or []]
        if not _BACKEND.fullmatch(name):
            raise VhostError(f"the backend '{name}' must be named with lower-case letters, digits, '-' and '_'")
        if not servers or not all(_SERVER.fullmatch(server) for server in servers):
            raise VhostError(f"backend {name}: servers are unix:/path or address:port, not {servers}")
        more = " max_fails=0" if len(servers) == 1 else " max_fails=2 fail_timeout=5s"
        lines += [f"upstream {name} {{", f"    zone {name} 128k;"]
        lines += [f"    server {server}{more};" for server in servers]
        # haproxy closes after 60 s: who asks just then over an old connection would get an error.
        lines += ["    keepalive 32;", "    keepalive_timeout 50s;", "}"]
    return "\n".join(lines) + "\n"


def _tls(vhost: Mapping[str, Any], site: Site) -> str:
    chosen = str(given(vhost, "tls", site.tls))
    if chosen not in TLS:
        text = f"virtual host {vhost.get('name')}: tls is '{chosen}'; allowed: {', '.join(TLS)}"
        raise VhostError(text).at("tls")
    return chosen


def _listen(address: str, port: int) -> str:
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def _moved(url: str, indent: str) -> list[str]:
    """Send visitors on, those who bring something (a form, a file) with all of it: with 301 it would be lost."""
    return [f"{indent}if ($only_asks) {{ return 301 {url}; }}", f"{indent}return 308 {url};"]


def _acme() -> list[str]:
    return [
        "    location ^~ /.well-known/acme-challenge/ {",
        f"        root {ACME_ROOT};",
        "        auth_basic off;",
        "        default_type text/plain;",
        "    }",
    ]


def _block(path: str, body: Iterable[str]) -> list[str]:
    return [f"    location {path} {{", *(f"        {line}" for line in body), "    }"]


class _Vhost:
    def __init__(self, name: str, options: Mapping[str, Any], site: Site) -> None:
        self.name = name
        self.options = options
        self.site = site
        self.tls = _tls(options, site)

    def text(self) -> str:
        http = str(given(self.options, "http", "redirect"))
        if http not in ("redirect", "serve", "off"):
            raise self.error(f"http is '{http}'; allowed: redirect, serve, off", "http")
        if self.tls == "off" and http != "serve":
            http = "serve"
        lines = [*self.zones()]
        if http == "redirect":
            lines += self.server(80, self.redirect_to_tls())
        if http == "serve":
            lines += self.server(80, [*_acme(), *self.content()])
        if self.tls != "off":
            folder = f"{CERTIFICATES}/{self.name}"
            secure = [
                "    http2 on;",
                f"    ssl_certificate {folder}/fullchain.pem;",
                f"    ssl_certificate_key {folder}/privkey.pem;",
            ]
            lines += self.server(443, [*secure, *self.content(hsts=bool(self.options.get("hsts")))])
        return "\n".join(lines) + "\n"

    def error(self, what: str, *path: str | int) -> VhostError:
        return VhostError(f"virtual host {self.name}: {what}").at(*path)

    def number(self, key: str) -> int | None:
        """Return a number of 1 and more, or None when it is not given."""
        found = given(self.options, key, None)
        if found is not None and int(found) < 1:
            raise self.error(f"{key} is {found}; allowed: 1 and more, or leave it out", key)
        return None if found is None else int(found)

    def zones(self) -> list[str]:
        lines = []
        if rate := self.number("requests_per_second"):
            lines.append(f"limit_req_zone $binary_remote_addr zone=rate_{self.name}:2m rate={rate}r/s;")
        if self.number("connections_per_client"):
            lines.append(f"limit_conn_zone $binary_remote_addr zone=connections_{self.name}:2m;")
        return lines

    def server(self, port: int, body: list[str]) -> list[str]:
        ssl = " ssl" if port == 443 else ""
        default = " default_server" if self.options.get("default") else ""
        names = " ".join([self.name, *map(str, self.options.get("aliases") or [])])
        return [
            "server {",
            *(f"    listen {_listen(address, port)}{ssl}{default};" for address in self.site.addresses),
            f"    server_name {names};",
            *self.logs(),
            *body,
            "}",
        ]

    def logs(self) -> list[str]:
        kind = str(given(self.options, "access_log", "anonymised"))
        if kind not in ("anonymised", "full", "off"):
            raise self.error(f"access_log is '{kind}'; allowed: anonymised, full, off", "access_log")
        place = f"/var/log/nginx/{self.name}"
        access = "off" if kind == "off" else f"{place}.access.log {kind}"
        return [f"    access_log {access};", f"    error_log {place}.error.log;"]

    def redirect_to_tls(self) -> list[str]:
        lines = _moved("https://$host$request_uri", "        ")
        return [*_acme(), "    location / {", *lines, "    }"]

    def content(self, *, hsts: bool = False) -> list[str]:
        lines = [f"    client_max_body_size {self.word('body_limit', _SIZE, '64m')};"]
        if hsts:
            lines.append(f'    add_header Strict-Transport-Security "{HSTS}" always;')
        for header, value in (self.options.get("headers") or {}).items():
            if not _HEADER.fullmatch(str(header)) or not _HEADER_VALUE.fullmatch(str(value)):
                why = f"the header '{header}' has a name or a value that nginx cannot take"
                raise self.error(why, "headers", str(header))
            lines.append(f'    add_header {header} "{value}" always;')
        lines += self.limits()
        lines += self.authentication(self.options.get("auth"), "    ")
        if self.site.backends:
            lines.append(f"    include {BACKEND_ERRORS};")
        lines += [f"    {line}" for line in str(self.options.get("raw") or "").splitlines()]
        declared = list(self.options.get("locations") or [])
        if not any(str(one.get("path")) == "/" for one in declared):
            declared.append({**{key: self.options.get(key) for key in (*HANDLERS, "fallback")}, "path": "/"})
        elif any(self.options.get(key) for key in HANDLERS):
            raise self.error(
                "the location '/' and root, backend or redirect of the virtual host exclude each other", "locations"
            )
        paths: list[str] = []
        bodies: list[list[str]] = []
        for index, location in enumerate(declared):
            try:
                bodies.append(self.location(location))
            except VhostError as error:
                is_declared = index < len(self.options.get("locations") or [])
                raise error.at(*(("locations", index, *error.path) if is_declared else error.path)) from None
            path = str(location["path"])
            if path in paths:
                raise self.error(f"the location '{path}' is declared twice", "locations", index, "path")
            paths.append(path)
        lines += self.error_pages(declared)
        for location, path, body in zip(declared, paths, bodies, strict=True):
            lines += _block(path, body)
            # Who is refused below a folder is refused at it as well: applications often take both for the same.
            exact = f"= {path.rstrip('/')}"
            if location.get("deny") and re.fullmatch("/.+/", path) and exact not in paths:
                lines += _block(exact, body)
        lines.append(f"    include active/{self.name}.conf*;")
        return lines

    def word(self, key: str, pattern: re.Pattern[str], default: str = "", found: Any = None) -> str:
        text = str(found if found is not None else given(self.options, key, default))
        if not pattern.fullmatch(text) or "/../" in f"{text}/":
            raise self.error(f"{key} cannot be '{text}'", *((key,) if " " not in key else ("path",)))
        return text

    def limits(self) -> list[str]:
        lines = []
        if rate := self.number("requests_per_second"):
            lines.append(f"    limit_req zone=rate_{self.name} burst={10 * rate} nodelay;")
        if number := self.number("connections_per_client"):
            lines.append(f"    limit_conn connections_{self.name} {number};")
        return lines

    def authentication(self, permissions: Any, indent: str) -> list[str]:
        if permissions is None:
            return []
        permission = str(permissions)
        known = self.site.permissions
        if not _PERMISSION.fullmatch(permission) or (known and permission not in known):
            raise self.error(f"auth is '{permission}'; allowed: {', '.join(sorted(known)) or 'a permission'}", "auth")
        return [f'{indent}auth_basic "{self.name}";', f"{indent}auth_basic_user_file {HTPASSWD}/{permission};"]

    def error_pages(self, locations: Sequence[Mapping[str, Any]]) -> list[str]:
        """Return which page stands for which code, and the pages' own locations where they need some.

        A page is for those who were refused, too: it asks for no password, and no address is refused at it.
        """
        lines = []
        pages: dict[str, list[str]] = {}
        for code, page in (self.options.get("error_pages") or {}).items():
            # nginx takes no others, and says 499 itself to nobody.
            if not re.fullmatch(r"[345][0-9]{2}", str(code)) or str(code) == "499":
                raise self.error(f"error_pages has '{code}', which is no code of an error", "error_pages", str(code))
            path = self.word("error_pages", _URI, found=page)
            lines.append(f"    error_page {code} {path};")
            pages[path] = []
        declared = {str(one.get("path")) for one in locations}
        for path in pages:
            if self.options.get("error_root"):
                if f"= {path}" in declared:
                    why = f"the location '= {path}' is that of an error page, which lies in error_root"
                    raise self.error(why, "error_pages")
                pages[path] = [f"root {self.folder('error_root', self.options['error_root'])};", "internal;"]
            elif f"= {path}" not in declared:
                nearest = max(
                    (one for one in locations if path.startswith(str(one.get("path")))),
                    key=lambda one: len(str(one["path"])),
                    default={},
                )
                if self.options.get("auth") is not None or nearest.get("auth") is not None:
                    pages[path] = self.location({key: nearest[key] for key in nearest if key != "auth"})
        for path, body in pages.items():
            if body:
                lines += _block(f"= {path}", ["auth_basic off;", "allow all;", *body])
        return lines

    def folder(self, key: str, found: Any) -> str:
        text = self.word(key, _FOLDER, found=found)
        roots = self.site.roots
        if roots and not any(text == root or text.startswith(f"{root}/") for root in roots):
            raise self.error(f"{key} is {text}; files are served from below {' or '.join(roots)} only", key)
        return text

    def location(self, location: Mapping[str, Any]) -> list[str]:
        path = self.word("the path of a location", _LOCATION, found=location.get("path") or "")
        _known(f"virtual host {self.name}: '{path}'", location, LOCATION_KEYS)
        chosen = [key for key in HANDLERS if location.get(key)]
        if location.get("deny"):
            chosen.append("deny")
        if len(chosen) != 1:
            found = " and ".join(chosen) or "none"
            raise self.error(f"'{path}' needs exactly one of {', '.join(HANDLERS)}, and has {found}")
        body = {"root": self.static, "backend": self.proxy, "redirect": self.redirect, "deny": self.deny}[chosen[0]](
            location
        )
        return self.authentication(location.get("auth"), "") + body

    def static(self, location: Mapping[str, Any]) -> list[str]:
        lines = [f"root {self.folder('root', location['root'])};"]
        index = given(location, "index", given(self.options, "index", ["index.html"])) or [""]
        lines.append(f"index {' '.join(self.word('index', _FILE, found=one) for one in index)};")
        if fallback := location.get("fallback"):
            lines.append(f"try_files $uri $uri/ {self.word('fallback', _URI, found=fallback)};")
        return lines

    def proxy(self, location: Mapping[str, Any]) -> list[str]:
        name = str(location["backend"])
        if not _BACKEND.fullmatch(name) or name not in self.site.backends:
            known = ", ".join(sorted(self.site.backends)) or "none"
            raise self.error(f"there is no backend '{name}'; declared: {known}", "backend")
        websocket = location.get("websocket", self.options.get("websocket"))
        standard = 3600 if websocket else 60
        seconds = int(given(location, "timeout", given(self.options, "timeout", standard)))
        if seconds < 1:
            raise self.error(f"timeout is {seconds}; allowed: seconds, 1 and more", "timeout")
        lines = [f"proxy_pass http://{name};", f"proxy_read_timeout {seconds}s;", f"proxy_send_timeout {seconds}s;"]
        if self.options.get("error_pages_for_backends"):
            lines.append("proxy_intercept_errors on;")
        return [*lines, *(["proxy_buffering off;"] if websocket else [])]

    def redirect(self, location: Mapping[str, Any]) -> list[str]:
        url = self.word("redirect", _URL, found=location["redirect"])
        keeps_path = "/" not in url.split("://", 1)[1]
        return _moved(f"{url}{'$request_uri' if keeps_path else ''}", "")

    def deny(self, _location: Mapping[str, Any]) -> list[str]:
        return ["return 403;"]
