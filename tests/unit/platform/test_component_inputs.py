# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options of components, as the roles of this collection have them: what is refused, where, and what arrives."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.ringmaster.hosting.plugins.module_utils.components import catalogue
from ansible_collections.ringmaster.hosting.plugins.module_utils.components.faults import Surroundings
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform import component_options
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform.language.errors import DescriptionError
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform.schema.common import COMPONENTS
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform.verbs import edit
from hypothesis import given, settings
from hypothesis import strategies as st

ROLES = component_options.roles_folder() or Path("roles")
PROJECT = "projects/myapp.yml"
HASH = "$6$saltsalt$" + "a" * 86
MAIL = "mailserver: {domains: [{name: a.example}, {name: b.example}], "


@pytest.fixture
def roles():
    """Those of the collection, in place of the conftest's small ones."""
    return ROLES


def vhost(more: str) -> str:
    return f"webgateway: {{vhosts: [{{name: w.example, root: /srv/s-myapp/www, {more}}}]}}"


def box(name: str, more: str = "") -> str:
    return f"{{address: {name}, password_hash: {HASH}{more}}}"


# what is refused: options of components of myapp00 (^ stands before the place), and what is said
REFUSED = {
    # YAML 1.1 in component options
    "sexagesimal": (
        "mysql: {settings: {default_time_zone: ^+10:00}}",
        ["found:   +10:00, which YAML reads as 600", 'put it in quotes: "+10:00"'],
    ),
    "octal": ("mysql: {settings: {secret: ^0755}}", ["reads as 493", 'put it in quotes: "0755"']),
    "underscores": ("postgresql: {settings: {work_mem: ^1_000}}", ["reads as 1000", "put it in quotes"]),
    "hexadecimal": ("postgresql: {settings: {work_mem: ^0x10}}", ["reads as 16", "put it in quotes"]),
    "binary": ("postgresql: {settings: {work_mem: ^0b11}}", ["reads as 3", "put it in quotes"]),
    "number that loses a sign": ("postgresql: {settings: {x: ^1.10}}", ["reads as 1.1", 'put it in quotes: "1.10"']),
    "no number": ("postgresql: {settings: {x: ^.nan}}", ["reads as nan", "put it in quotes"]),
    "a word for false": ("mysql: {settings: {x: ^no}}", ["reads as false", 'put it in quotes: "no"']),
    "false for text": ("mysql: {databases: [{name: a, collation: ^off}]}", ["is not text", 'put it in quotes: "off"']),
    "false in a list of texts": ("postgresql: {databases: [{name: a, extensions: [^no]}]}", ["put it in quotes"]),
    "octal for text": ("mysql: {databases: [{name: ^0755}]}", ["is not text", 'put it in quotes: "0755"']),
    "octal for a number": (
        "webgateway: {backends: [{name: a, project: true, port: ^010}]}",
        ["decimal digits", "reads it as 8"],
    ),
    "boolean in a header": (vhost("headers: {X-Robots: ^off}"), ["is not text", 'put it in quotes: "off"']),
    "nothing in a header": (vhost("headers: {X-Robots: ^}"), ["has no value", "in quotes"]),
    "null as a key": ("postgresql: {settings: {^null: 1}}", ["null is no text as a key", 'put it in quotes: "null"']),
    "boolean as a key": ("postgresql: {settings: {^on: 1}}", ["on is no text as a key", 'put it in quotes: "on"']),
    "nothing as a setting": ("redis: {settings: {maxclients: ^}}", ["has no value", "in quotes"]),
    "nothing in a list": ("redis: {users: [^null]}", ["has no value"]),
    "5,000 digits": ("postgresql: {settings: {x: ^" + "9" * 5000 + "}}", ["is not a number"]),
    # versions
    "a version in quotes": (
        'postgresql: {version: ^"15"}',
        ['found:   "15"', "15, 16, 17 or 18", "write 15 without quotes"],
    ),
    "a minor version": ("postgresql: {version: ^15.4}", ["is not a whole number", "found:   15.4", "version alone"]),
    "a version with a zero": ("postgresql: {version: ^015}", ["decimal digits", "found:   015", "reads it as 13"]),
    "a version with an underscore": ("postgresql: {version: ^1_5}", ["found:   1_5", "reads it as 15"]),
    "a version in hexadecimal": ("postgresql: {version: ^0x11}", ["found:   0x11", "15, 16, 17 or 18"]),
    "a version with a sign": ("postgresql: {version: ^+17}", ["found:   +17"]),
    "a version of before": ("postgresql: {version: ^14}", ["found:   14", "15, 16, 17 or 18", "Debian 13 has 17"]),
    "a version of nobody": ("postgresql: {version: ^19}", ["found:   19", "15, 16, 17 or 18", "base_apt_sources"]),
    "a version far away": ("postgresql: {version: ^99}", ["15, 16, 17 or 18"]),
    "no version": ("postgresql: {version: ^0}", ["15, 16, 17 or 18"]),
    "a version of text": ("postgresql: {version: ^trixie}", ["is not a whole number", "found:   trixie"]),
    "an empty version": ("postgresql: {version: ^''}", ["is not a whole number", 'found:   ""']),
    "versions": ("postgresql: {version: ^[17]}", ["is not a whole number", "[17]"]),
    "true in quotes": ('redis: {appendonly: ^"true"}', ['found:   "true"', "write true without quotes"]),
    "a half in quotes": ("redis: {memory_share: ^'0.5'}", ["write 0.5 without quotes"]),
    # falsy values, and numbers of no sense
    "less than none": ("postgresql: {users: [{name: a, connection_limit: ^-5}]}", ["from -1 to 262142"]),
    "less than none of a database": ("postgresql: {databases: [{name: a, connection_limit: ^-2}]}", ["from -1 to"]),
    "no share": ("redis: {memory_share: ^0}", ["0 is out of range", "above 0 and at most 1"]),
    "more than all": ("mysql: {memory_share: ^1.5}", ["1.5 is out of range"]),
    "codes the wrong way round": (
        "webgateway: {backends: [{name: a, vms: [myapp00], port: 80, check_codes: ^'200,420-151'}]}",
        ["has the range '420-151', which holds no code; write '151-420'"],
    ),
    "no requests": (vhost("requests_per_second: ^0"), ["0 is out of range", "from 1 to"]),
    "no connections": (vhost("connections_per_client: ^0"), ["0 is out of range"]),
    "no time": (vhost("timeout: ^0"), ["0 is out of range"]),
    "port 0": ("webgateway: {backends: [{name: a, project: true, port: ^0}]}", ["0 is out of range", "1 to 65535"]),
    "port above all": ("webgateway: {backends: [{name: a, project: true, port: ^65536}]}", ["out of range"]),
    "half a step": (
        "memcached: {item_kib: ^1000}",
        ["1000 is out of range", "from 512 to 32768 and a multiple of 512"],
    ),
    "percent": ("redis: {memory_warning: ^101}", ["101 is out of range"]),
    "warning after the end by default": ("redis: {memory_warning: ^96}", ["warns later", "96 and 95"]),
    "end before the warning by default": ("postgresql: {wal_critical_gib: ^4}", ["warns later", "8 and 4"]),
    "warning after the end of mail": ("mailserver: {queue_warning: ^10, queue_critical: 5}", ["warns later"]),
    "warning after the end": ("redis: {memory_warning: ^96, memory_critical: 95}", ["warns later"]),
    # emptiness
    "no keys": ("redis: {users: [{name: a, keys: ^[]}]}", ["is empty", "the user would have all keys"]),
    "no senders": ("mailserver: {users: [{name: a, senders: ^[]}]}", ["is empty", "could write as everybody"]),
    "no permission": (vhost("auth: ^''"), ["is empty", "everybody could come in"]),
    "nowhere": ("webgateway: {listen: ^[]}", ["is empty", "nobody could reach the gateway"]),
    # found late
    "a hyphen in PostgreSQL": (
        "postgresql: {databases: [{name: ^crm-export}]}",
        ["'crm-export' is no name for a database", "did you mean 'crm_export'?"],
    ),
    "own name": ("postgresql: {databases: [{name: app}, ^{name: postgres}]}", ["PostgreSQL's own"]),
    "name of a system's group": (
        "postgresql: {databases: [^{name: pg_crm}]}",
        ["begins with pg_", "a group such as pg_crm_owner"],
    ),
    "long name": ("postgresql: {databases: [{name: ^" + "a" * 41 + "}]}", ["longer than 40 bytes"]),
    "long name in MariaDB": ("mysql: {databases: [{name: ^" + "a" * 64 + "}]}", ["longer than 63 bytes"]),
    "extension": ("postgresql: {databases: [^{name: a, extensions: [plpython3u]}]}", ["asks for the extension"]),
    "user of a group": ("postgresql: {users: [{name: ^app_owner}]}", ["the name of a group"]),
    "user of no database": ("postgresql: {users: [{name: a, databases: [^shop]}]}", ["'shop' is not declared", "app"]),
    "managed setting": ("postgresql: {settings: {^port: 1}}", ["the platform decides about port"]),
    "where Redis looks for its data": ("redis: {settings: {^dbfilename: new.rdb}}", ["the platform decides about"]),
    "a copy of another Redis": ("redis: {settings: {^replicaof: other 6379}}", ["the platform decides about"]),
    "managed setting with hyphens": ("mysql: {settings: {^bind-address: x}}", ["the platform decides about"]),
    "setting in two lines": ('redis: {settings: {x: ^"a\\nb"}}', ["line break"]),
    "quotes of its own": ("mysql: {settings: {sql_mode: ^\"'ANSI'\"}}", ["quotes of its own", "allowed: ANSI"]),
    "comment in a setting": ("mysql: {settings: {init_connect: ^'SET x=1 # y'}}", ["reads a comment"]),
    "snapshots": ("redis: {save: ^hourly}", ["pairs of seconds and changes"]),
    "binary logs": ("mysql: {binary_log_size: ^2GiB}", ["no size of MariaDB"]),
    "upload": (vhost("body_limit: ^512MB"), ["body_limit cannot be '512MB'"]),
    "location twice": (
        vhost("locations: [{path: /a, deny: true}, {path: ^/a, root: /srv/x}]"),
        ["the location '/a' is declared twice"],
    ),
    "location of nothing": (vhost("locations: [^{path: /a}]"), ["needs exactly one of"]),
    "folder": ("webgateway: {vhosts: [{name: a.example, root: ^/etc}]}", ["below /srv only"]),
    "permission of nobody": (vhost("auth: ^admins"), ["auth is 'admins'", "allowed: login, manager, stats"]),
    "backend": ("webgateway: {vhosts: [{name: a.example, backend: ^app}]}", ["there is no backend 'app'"]),
    "member": ("webgateway: {backends: [{name: a, port: 80, vms: ^[myapp07]}]}", ["'myapp07' is no VM"]),
    "component without a VM": ("webgateway: {backends: [^{name: a, port: 80, component: mysql}]}", ["there is no VM"]),
    "host name": ("webgateway: {vhosts: [{name: ^a b.example, root: /srv/x}]}", ["is not a host name"]),
    "wildcard by ACME": (vhost("tls: acme, aliases: [x.example, ^'*.example']"), ["proves whole names only"]),
    "mailbox's size": ("mailserver: {quota: ^512M}", ["write 512MiB"]),
    "hash": (MAIL + "mailboxes: [{address: a@a.example, password_hash: ^secret}]}", ["openssl passwd -6"]),
    "domain that is not declared": (
        MAIL + f"mailboxes: [{{address: ^a@c.example, password_hash: {HASH}}}]}}",
        ["declared: "],
    ),
    "stub without a server": ("^mailstub: {}", ["there is no mail server in the project"]),
    "a language that ICU has not": (
        "postgresql: {databases: [^{name: a, icu_locale: xx-YY}]}",
        ["has the language 'xx', which ICU of Debian 13 does not know"],
    ),
    "a character set of no server": (
        "mysql: {databases: [^{name: a, character_set: utf9}]}",
        ["the character set 'utf9' is none of MariaDB 11.8: armscii8"],
    ),
    "a collation of another set": (
        "mysql: {databases: [^{name: a, character_set: latin1, collation: utf8mb4_bin}]}",
        ["the collation 'utf8mb4_bin' is none of the character set 'latin1'"],
    ),
    "a way out for mail": ("mailserver: {relayhost: ^'smtp host'}", ["is no server", "[host]:port"]),
    "a policy that is none": (
        "mailserver: {tls_policies: {b.example: ^strict}}",
        ["'strict' is no policy of Postfix", "dane"],
    ),
    "a policy for nobody": ("mailserver: {tls_policies: {^'a b': may}}", ["is no domain or server"]),
    "a way out by no port": ("mailserver: {relayhost: ^'a.example:65536'}", ["is no server"]),
    "a way out by no name": ("mailserver: {relayhost: ^a..example}", ["is no server"]),
    "a way out by no address": ("mailserver: {relayhost: ^'[999.1.1.1]:25'}", ["is no server"]),
    "a way out by no IPv6 address": ("mailserver: {relayhost: ^'[:::]'}", ["is no server"]),
    "a way out that leads in": (
        "mailserver: {hostname: m.example, relayhost: ^'[M.example]:25'}",
        ["m.example is this server", "come back"],
    ),
    "a relay that leads in": (
        "mailserver: {hostname: m.example, relays: [{host: ^m.example}]}",
        ["m.example is this server", "come back"],
    ),
    "a policy with a word of nobody": (
        "mailserver: {tls_policies: {b.example: ^'encrypt bogus=1'}}",
        ["has 'bogus=1'", "Postfix sends no mail there", "protocols="],
    ),
    "a policy with an empty word": ("mailserver: {tls_policies: {b.example: ^'verify match='}}", ["has 'match='"]),
    "a policy with a file": ("mailserver: {tls_policies: {b.example: ^'verify tafile=/etc/x'}}", ["has 'tafile="]),
    "a policy that compares nothing": ("mailserver: {tls_policies: {b.example: ^fingerprint}}", ["no fingerprint"]),
    "a policy that looks at no certificate": (
        "mailserver: {tls_policies: {b.example: ^'may match=x'}}",
        ["compares certificates, which may does not look at"],
    ),
    "a policy that is never found": (
        "mailserver: {tls_policies: {^B.example: dane}}",
        ["Postfix looks for b.example, and never finds B.example"],
    ),
    "a password of no relay": (
        "mailserver: {relays: [{host: r.example}], relay_passwords: {^x.example: word}}",
        ["'x.example' is no relay's host", "r.example"],
    ),
    "a postmaster who is the postmaster": (
        "mailserver: {hostname: m.example, postmaster: ^root@m.example}",
        ["goes to the postmaster, and would go round"],
    ),
    "a forward that comes back by the postmaster": (
        MAIL
        + "hostname: m.example, postmaster: a@a.example, forwards: [{address: a@a.example, to: ^[root@m.example]}]}",
        ["comes back to a@a.example"],
    ),
    "a forward to nobody on the server": (
        MAIL + "hostname: m.example, forwards: [{address: a@a.example, to: [^x@m.example]}]}",
        ["nobody on the server itself has x@m.example", "postmaster, root"],
    ),
    "a hostname of every machine": ("mailserver: {hostname: ^localhost.localdomain}", ["of every machine"]),
    "a domain of the checks": (
        "mailserver: {hostname: m.example, domains: [{name: ^check.m.example}]}",
        ["the server's own checks write"],
    ),
    "a header of the connection": (vhost("headers: {^Content-Length: '5'}"), ["nginx sends Content-Length itself"]),
    "a header in two cases": (vhost("headers: {x-a: 1, ^X-A: 2}"), ["the header X-A would be sent twice"]),
    "a header that HSTS sends": (
        vhost("hsts: true, headers: {^Strict-Transport-Security: max-age=1}"),
        ["would be sent twice"],
    ),
    "a way round": (
        "webgateway: {vhosts: [{name: w.example, aliases: [x.example], redirect: ^'https://X.example'}]}",
        ["leads back to where it begins"],
    ),
    "a way round over HTTP": (
        "webgateway: {vhosts: [{name: w.example, redirect: ^'http://w.example/x'}]}",
        ["leads back to where it begins"],
    ),
    "a way round of a location": (
        vhost("locations: [{path: /a, redirect: ^'https://w.example/a/b'}]"),
        ["leads back to where it begins"],
    ),
    "a way round of one page": (
        vhost("locations: [{path: = /a, redirect: ^'https://w.example/a'}]"),
        ["leads back to where it begins"],
    ),
    "a way to no port": (
        "webgateway: {vhosts: [{name: w.example, redirect: ^'https://x.example:99999/'}]}",
        ["is no URL"],
    ),
    "the place of proofs": (
        vhost("locations: [{path: ^/.well-known/acme-challenge/, deny: true}]"),
        ["is for the proofs of certificates"],
    ),
    "a name of signs alone": (
        "webgateway: {vhosts: [{name: w.example, aliases: [^_], root: /srv/x}]}",
        ["is no name that anybody can ask for", "default: true"],
    ),
    "a code of nothing": (vhost("wanted_code: ^99"), ["99 is out of range", "from 100 to 599"]),
    "a title of two lines": ('mailserver: {webmail_title: ^"a\\nb"}', ["line break"]),
    "a long title": ("mailserver: {webmail_title: ^" + "ü" * 101 + "}", ["longer than 200 bytes", "202 bytes"]),
    "a long address": (MAIL + "postmaster: ^" + "a" * 64 + "@" + "b" * 60 + "." + "c" * 130 + "}", ["254 bytes"]),
    "a former name": ("postgresql: {settings: {^sort_mem: 4MB}}", ["PostgreSQL calls sort_mem work_mem today"]),
    "another page size of InnoDB": (
        "mysql: {settings: {^innodb-page-size: 8k}}",
        ["the platform decides about innodb-page-size"],
    ),
    "what lets nobody in": ("postgresql: {settings: {^pre_auth_delay: 9}}", ["the platform decides about"]),
    # lists as a whole
    "kept and dropped": (
        "postgresql: {databases: [{name: x}, {name: ^x, state: absent, allow_drop: true}]}",
        ["'x' is declared twice", "databases.0.name"],
    ),
    "dropped and kept": (
        "postgresql: {databases: [{name: x, state: absent, allow_drop: true}, {name: ^x}]}",
        ["'x' is declared twice"],
    ),
    "kept and dropped in MariaDB": (
        "mysql: {databases: [{name: x}, {name: ^x, state: absent, allow_drop: true}]}",
        ["'x' is declared twice"],
    ),
    "user twice": ("mysql: {users: [{name: x}, {name: ^x, state: absent}]}", ["the user 'x' is declared twice"]),
    "name of two hosts": (
        "webgateway: {vhosts: [{name: a.example, root: /srv/a}, "
        "{name: b.example, aliases: [^A.example.], root: /srv/a}]}",
        ["'a.example' is declared twice"],
    ),
    "two defaults": (
        "webgateway: {vhosts: [{name: a.example, root: /srv/a, default: true}, "
        "{name: b.example, root: /srv/a, default: ^true}]}",
        ["only one virtual host"],
    ),
    "member twice": (
        "webgateway: {backends: [{name: a, port: 80, vms: [myapp00, ^myapp00]}]}",
        ["vms.1: stands twice in the list", "each once"],
    ),
    "name twice in two forms": (
        "webgateway: {vhosts: [{name: a.example, aliases: [b.example, ^B.Example.], root: /srv/x}]}",
        ["aliases.1: stands twice in the list"],
    ),
    "sender twice": ("mailserver: {users: [{name: a, senders: ['@a.example', ^'@a.example']}]}", ["stands twice"]),
    "backend twice": (
        "webgateway: {backends: [{name: a, port: 80, vms: [myapp00]}, {name: ^a, port: 81, vms: [myapp00]}]}",
        ["'a' is declared twice"],
    ),
    "forward to itself": (MAIL + "forwards: [{address: a@a.example, to: ^[a@a.example]}]}", ["comes back"]),
    "forward to itself with a tag": (
        MAIL + "forwards: [{address: a@a.example, to: ^[A+x@a.example]}]}",
        ["comes back"],
    ),
    "forward to nobody": (MAIL + "forwards: [{address: a@a.example, to: [^z@b.example]}]}", ["there is no mailbox"]),
    "mailbox that is emptied": (
        MAIL + f"mailboxes: [{box('a@a.example')}], forwards: [{{address: a@a.example, to: ^[x@c.example]}}]}}",
        ["would get nothing any more", "a@a.example itself"],
    ),
    "address twice": (
        MAIL + f"mailboxes: [{box('a@a.example')}, {box('b@a.example', ', aliases: [^a@a.example]')}]}}",
        ["declared twice"],
    ),
    "domain of the server's own name": (
        "mailserver: {domains: [{name: ^myapp00.fe.ringmaster.example}]}",
        ["the mail server's own name", "would bounce"],
    ),
    "domain of the name it was given": (
        "mailserver: {hostname: A.example, domains: [{name: ^a.example.}]}",
        ["the mail server's own name"],
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_refused_where_and_with_which_words(platform, case: str) -> None:
    text, said = REFUSED[case]
    before, _sign, after = text.partition("^")
    platform.replace(PROJECT, "redis: {}", before + after)
    assert len(found := platform.mistakes()) == 1, [mistake.render() for mistake in found]
    for part in said:
        assert part in found[0].render()
    assert found[0].column == 7 + len(before), found[0].render()


STUBS = {
    "{users: [{name: shop}]}": ("{}", ["has no account 'app' to log in as", "allowed: shop"]),
    "{users: []}": ("{user: shop}", ["has no account 'shop'", "it declares no user"]),
    "{trust_project: true, users: []}": ("{login: true}", ["has no account 'app'"]),
    "{}": ("{login: false}", ["only where it has trust_project: true"]),
    "{users: [{name: shop}], trust_project: true}": ("{}", []),
    "{users: [{name: app}]}": ("{}", []),
    "{hostname: mail.example}": ("{user: app}", []),
}


@pytest.mark.parametrize("server", STUBS)
def test_a_stub_and_its_server_are_looked_at_together(platform, server: str) -> None:
    stub, said = STUBS[server]
    platform.replace(PROJECT, "redis: {}", f"mailstub: {stub}")
    platform.edit(PROJECT, lambda data: {**data, "vms": {**data["vms"], "myapp07": {"components": {}}}})
    platform.edit(
        PROJECT, lambda data: data["vms"]["myapp07"].update(components={"mailserver": yaml.safe_load(server)})
    )
    found = [mistake.render() for mistake in platform.mistakes()]
    assert len(found) == bool(said), found
    assert all(part in found[0] for part in said)


@pytest.mark.parametrize("turned", [False, True])
def test_a_circle_of_forwards_is_found_in_any_order(platform, turned: bool) -> None:
    circle = ["{address: a@a.example, to: [b@b.example]}", "{address: b@b.example, to: [x@c.example, a@a.example]}"]
    platform.replace(PROJECT, "redis: {}", MAIL + f"forwards: [{', '.join(circle[::-1] if turned else circle)}]}}")
    assert ["comes back" in mistake.message for mistake in platform.mistakes()] == [True, True]


# what is taken: options, and what arrives
TAKEN: dict[str, tuple[str, dict[str, Any]]] = {
    "no connection": (
        "postgresql: {users: [{name: a, connection_limit: 0}]}",
        {"users": [{"name": "a", "connection_limit": 0}]},
    ),
    "upload of any size": (
        "webgateway: {vhosts: [{name: a.example, root: /srv/x, body_limit: 0}]}",
        {"vhosts": [{"name": "a.example", "root": "/srv/x", "body_limit": "0"}]},
    ),
    "upload in capitals": (
        "webgateway: {vhosts: [{name: a.example, root: /srv/x, body_limit: 512M}]}",
        {"vhosts": [{"name": "a.example", "root": "/srv/x", "body_limit": "512M"}]},
    ),
    "a word of a list that YAML reads as false": (
        "webgateway: {vhosts: [{name: a.example, root: /srv/x, tls: off}]}",
        {"vhosts": [{"name": "a.example", "root": "/srv/x", "tls": "off"}]},
    ),
    "settings": (
        "postgresql: {settings: {jit: off, work_mem: 64MB, max_connections: 20, random_page_cost: 1.1, x.y: '+1:0'}}",
        {
            "settings": {
                "jit": False,
                "work_mem": "64MB",
                "max_connections": 20,
                "random_page_cost": 1.1,
                "x.y": "+1:0",
            }
        },
    ),
    "names as people write them": (
        "webgateway: {vhosts: [{name: Bücher.Example., aliases: ['*.BÜCHER.example'], root: /srv/x}]}",
        {"vhosts": [{"name": "xn--bcher-kva.example", "aliases": ["*.xn--bcher-kva.example"], "root": "/srv/x"}]},
    ),
    "mail of a domain beyond ASCII": (
        "mailserver: {domains: [{name: Bücher.example}], "
        "forwards: [{address: info@bücher.example, to: [x@c.example]}]}",
        {
            "domains": [{"name": "xn--bcher-kva.example"}],
            "forwards": [{"address": "info@xn--bcher-kva.example", "to": ["x@c.example"]}],
        },
    ),
}
ALSO_TAKEN = {
    "forwards in this order": MAIL
    + "forwards: [{address: team@a.example, to: [all@a.example]}, {address: all@a.example, to: [b@c.example]}]}",
    "forwards in that order": MAIL
    + "forwards: [{address: all@a.example, to: [b@c.example]}, {address: team@a.example, to: [all@a.example]}]}",
    "a copy that stays": MAIL
    + f"mailboxes: [{box('a@a.example')}], forwards: [{{address: a@a.example, to: [a@a.example, b@c.example]}}]}}",
    "addresses elsewhere": MAIL + "forwards: [{address: a@a.example, to: [Ops+tag@C.example, o'hara@c.example]}]}",
    "sorting": "postgresql: {databases: [{name: a, icu_locale: de-DE-u-co-phonebk}, {name: b, icu_locale: de_AT}]}",
    "sorting in MariaDB": "mysql: {databases: [{name: a, character_set: utf8, collation: utf8_general_ci}, "
    "{name: b, collation: uca1400_german2_as_ci}, {name: c, collation: latin1_german2_ci}]}",
    "long names": "webgateway: {vhosts: [{name: "
    + ".".join(["a" * 40, "b" * 40, "example"])
    + ", aliases: ["
    + ".".join(["c" * 60] * 4)
    + "], root: /srv/x}]}",
    "limits": "redis: {memory_share: 1, memory_warning: 1}",
    "a half": "redis: {memory_share: .5}",
    "no limit in haproxy": "webgateway: {backends: [{name: a, port: 80, vms: [myapp00], max_connections: 0}]}",
    "codes of a check": "webgateway: {backends: [{name: a, vms: [myapp00], port: 80, check_codes: '200-200,401'}]}",
    "ways out": "mailserver: {relayhost: '[2001:db8::1]:587'}",
    "policies": "mailserver: {tls_policies: {b.example: 'secure match=nexthop,dot-nexthop ciphers=high', "
    "'[mx.b.example]:587': 'fingerprint match=aa:bb|cc:dd', .c.example: 'encrypt protocols=>=TLSv1.2', "
    "d.example: dane}}",
    "mail to the server's own": MAIL
    + "hostname: m.example, postmaster: x@c.example, forwards: [{address: a@a.example, to: [root@m.example]}]}",
    "ways on": "webgateway: {vhosts: [{name: w.example, redirect: 'https://x.example'}, "
    "{name: y.example, root: /srv/x, locations: [{path: /a, redirect: 'https://y.example/b'}, "
    "{path: = /c, redirect: 'https://y.example/c/'}]}, "
    "{name: z.example, tls: off, redirect: 'https://z.example'}, {name: v.example, redirect: 'https://v.example:8443/'}]}",
    "the oldest version": "postgresql: {version: 15}",
    "the newest version": "postgresql: {version: 18}",
    "a mailbox without limit": "mailserver: {quota: 0}",
    "no binary log": "mysql: {binary_log_days: 0}",
}


@pytest.mark.parametrize("case", TAKEN)
def test_what_is_taken_arrives_as_it_is_meant(platform, case: str) -> None:
    text, arrives = TAKEN[case]
    platform.replace(PROJECT, "redis: {}", text)
    (options,) = platform.read().vms["myapp00"].components.values()
    assert options == arrives


@pytest.mark.parametrize("case", ALSO_TAKEN)
def test_what_is_taken(platform, case: str) -> None:
    platform.replace(PROJECT, "redis: {}", ALSO_TAKEN[case])
    assert [mistake.render() for mistake in platform.mistakes()] == []


BARE = st.from_regex(r"[+-]?[0-9][0-9_.:xob]{0,6}|0x[0-9a-f]{1,4}|[yYnNoOtTfF][a-zA-Z]{0,4}|~|\.inf", fullmatch=True)


@settings(max_examples=300)
@given(BARE)
def test_no_bare_word_becomes_another(text: str) -> None:
    """Whatever YAML makes of a setting: it is refused, or writing it gives the word that stood there."""
    source = component_options.load.read(ROLES, f"settings: {{x: {text} }}\n")
    if source.mistakes:
        return
    values = component_options.load.plain(source, source.root, "x")
    faults = list(component_options.Roles(ROLES).problems("postgresql", values, source, source.root))
    arrived = values["settings"]["x"]
    if not faults and not source.mistakes:
        words = {"true": True, "on": True, "false": False, "off": False}
        assert str(arrived) == text or words.get(text.lower()) is arrived


def numbers(specs: dict[str, Any], path: str = "") -> list[tuple[str, dict[str, Any]]]:
    found = []
    for name, spec in specs.items():
        if spec.get("type") in ("int", "float"):
            found.append((path + name, spec))
        found += numbers(spec.get("options") or {}, f"{path}{name}[].")
    return found


@pytest.mark.parametrize("role", [*COMPONENTS, "hypervisor"])
def test_every_number_has_a_least_and_a_most_and_its_default_lies_between(role: str) -> None:
    for name, spec in numbers(component_options.Roles(ROLES).options(role) or {}):
        limits = spec.get("limits") or {}
        if spec.get("choices"):
            limits = {"minimum": min(spec["choices"]), "maximum": max(spec["choices"])}
        assert ("minimum" in limits or "above" in limits) and "maximum" in limits, f"{role}: {name}"
        if spec.get("default") is not None:
            assert list(component_options.value_problems(spec, spec["default"])) == [], f"{role}: {name}"


def texts(specs: dict[str, Any], path: str = "") -> list[tuple[str, dict[str, Any]]]:
    """Return the limits of each text that somebody may write: of an option, of items, of a map's values."""
    found = []
    for name, spec in specs.items():
        kind, where = spec.get("type", "str"), "limits"
        if kind == "list":
            kind, where = spec.get("elements", "str"), "each"
        if kind in ("str", "path") and not spec.get("choices"):
            found.append((path + name, spec.get(where) or {}))
        if kind == "dict" and not spec.get("options") and name not in FREE:
            found.append((path + name, spec.get("each") or {}))
        found += texts(spec.get("options") or {}, f"{path}{name}.")
    return found


FREE = {"settings", "bridge_ports"}
"""Maps that the judge of a component knows better, or the schema of the platform."""


@pytest.mark.parametrize("role", [*COMPONENTS, "hypervisor"])
def test_every_text_has_a_most_in_bytes(role: str) -> None:
    """Whoever reads it has room for so much, and reads no more than that."""
    for name, limits in texts(component_options.Roles(ROLES).options(role) or {}):
        assert "bytes" in limits, f"{role}: {name}"


@pytest.mark.parametrize("role", [*COMPONENTS, "hypervisor"])
def test_limits_say_what_is_understood(role: str) -> None:
    for name, limits in yaml.safe_load((ROLES / role / "meta/limits.yml").read_text()).items():
        assert set(limits) <= set(component_options.LIMITS), name
        assert limits.get("kind", "host") in ("host", "address", "text"), name


def test_every_component_has_a_judge_who_takes_an_empty_description() -> None:
    around = Surroundings("myapp00", {"myapp00": ["mailserver"], "myapp01": []}, "myapp00.fe.example")
    for component in catalogue.COMPONENTS.values():
        assert component.needs_no_options or list(component.judge({}, around)) == []


@pytest.mark.parametrize(
    ("asked", "arrives"),
    [
        ("{mysql: {settings: {default_time_zone: +10:00, x: 1_000}}}", {"default_time_zone": "+10:00", "x": "1_000"}),
        ("{mysql: {settings: {x: 0755, y: 5, z: 1.5, w: off}}}", {"x": "0755", "y": 5, "z": 1.5, "w": False}),
    ],
)
def test_a_verb_asks_for_what_was_typed(platform, asked: str, arrives: dict[str, Any]) -> None:
    edit.apply(platform.options, "change_vm", {"vm": "myapp00", "components": asked})
    assert platform.read().vms["myapp00"].components["mysql"]["settings"] == arrives


@pytest.mark.parametrize("asked", ["{mysql: {settings: {x: " + "9" * 5000 + "}}}", "{mysql: [}", "{a: &a [*a]}"])
def test_a_verb_refuses_what_cannot_be_read(platform, asked: str) -> None:
    with pytest.raises(DescriptionError):
        edit.apply(platform.options, "change_vm", {"vm": "myapp00", "components": asked})
