# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the kinds of machines are, what is put on each before an upgrade, and what must be the same after it.

A later issue that brings a daemon, a component or an inbox adds it here and in `platform/`.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass

USER = "s-upg"
STATIC = "/srv/s-upg/static"


@dataclass(frozen=True)
class Fact:
    """How something is put on a machine, by shell as root, how it is asked for, and the answer. {n} is a number."""

    put: str
    ask: str
    answer: str

    def at(self, number: int) -> Fact:
        """Return the fact with its number."""
        return Fact(*(text.replace("{n}", str(number)) for text in (self.put, self.ask, self.answer)))


@dataclass(frozen=True)
class Kind:
    """A kind of machine, by the name of the one that stands for it."""

    machine: str
    daemons: tuple[str, ...]
    """Services that must be there, to be sure of the list; none that runs may restart, apart from MAY_RESTART."""
    data: tuple[Fact, ...] = ()
    inboxes: tuple[Fact, ...] = ()
    """Drop-ins with a number: another number is another drop-in."""
    stays: tuple[str, ...] = ()
    """Files and folders of data that keep their inode, owner and mode."""
    backed_up: bool = True


def drop_in(path: str, text: str, ask: str, answer: str = "{n}") -> Fact:
    """Return a drop-in that the service user writes below /etc/local."""
    write = f"printf %s {shlex.quote(text)} > /etc/local/{path}"
    return Fact(f"sudo -u {USER} sh -c {shlex.quote(write)}", ask, answer)


def check_drop_in() -> Fact:
    """Return a drop-in of the check runner, which every VM takes."""
    text = '{"name": "drill", "command": ["/bin/echo", "number {n}"]}'
    find = "import json, sys; print(*[c['output'] for c in json.load(sys.stdin)['checks'] if c['check'] == 'drill'])"
    return drop_in(
        "checks/drill.json", text, f"ringmaster-check --now --json | python3 -c {shlex.quote(find)}", "number {n}"
    )


def firewall_drop_in() -> Fact:
    """Return a drop-in of the firewall, which every VM takes."""
    ask = "nft list table inet ringmaster | grep -o 'tcp dport 70[0-9]* accept'"
    return drop_in("firewall/drill.nft", "tcp dport 70{n} accept\n", ask, "tcp dport 70{n} accept")


def written(path: str, text: str = "kept", owner: str = USER) -> Fact:
    """Return a file."""
    put = f"install -d -o {owner} $(dirname {path}); printf %s {shlex.quote(text)} > {path}; chown {owner} {path}"
    return Fact(put, f"cat {path}; stat -c %U {path}", f"{text}\n{owner}")


REDIS = ". /etc/ringmaster/credentials/redis/app.env; REDISCLI_AUTH=$REDIS_PASSWORD redis-cli --user app -h $REDIS_HOST"
REDIS_MONITOR = (
    ". /etc/ringmaster/monitoring/redis.env; "
    "REDISCLI_AUTH=$REDIS_PASSWORD redis-cli --user $REDIS_USERNAME info clients | tr -d '\r' | grep ^maxclients"
)
PSQL = "psql -XAtq -U postgres -d app -c"
SITE = "curl -sk --resolve '*:443:172.20.1.1' https://"
APPLICATION = (
    "[Service]\nExecStart=/usr/bin/python3 -m http.server -d /srv/s-upg/www 8080\nUser=s-upg\n"
    "[Install]\nWantedBy=multi-user.target\n"
)
MAIL = "doveadm fetch -u anna@post.example hdr.subject mailbox INBOX"
PROMETHEUS = "curl -s 'http://127.0.0.1:9090/api/v1/query?query=ringmaster_drill'"

KINDS = (
    Kind(
        "upg00",
        ("redis-server", "prometheus-redis-exporter", "haproxy", "nginx", "prometheus-nginx-exporter"),
        data=(
            written("/srv/s-upg/kept"),
            written(f"{STATIC}/index.html", "a page"),
            Fact(f"{REDIS} set drill kept", f"{REDIS} get drill", "kept"),
            Fact("", f"{SITE}static.upgrade.example/", "a page"),
        ),
        inboxes=(
            drop_in(
                "redis/drill.conf",
                "maxclients 5{n}\n",
                REDIS_MONITOR,
                "maxclients:5{n}",
            ),
            drop_in(
                "nginx/drill.conf",
                "server {\n server_name static.upgrade.example;\n location /drill { return 200 'number {n}'; }\n}\n",
                f"{SITE}static.upgrade.example/drill",
                "number {n}",
            ),
            drop_in(
                "haproxy/drill.cfg",
                "backend app\n http-response set-header X-Drill {n}\n",
                f"{SITE}app.upgrade.example/ -o /dev/null -w '%header{{x-drill}}'",
            ),
        ),
        stays=("/var/lib/redis", "/srv/s-upg/kept"),
    ),
    Kind(
        "upg01",
        (
            "postgresql@17-main",
            "prometheus-postgres-exporter",
            "mariadb",
            "prometheus-mysqld-exporter",
            "postfix",
            "app",
        ),
        data=(
            written("/srv/s-upg/kept"),
            written("/srv/s-upg/www/index.html", "an application"),
            Fact(
                f"printf {shlex.quote(APPLICATION)} > /etc/systemd/system/app.service; systemctl enable -q --now app",
                "systemctl is-active app",
                "active",
            ),
            Fact(f"{PSQL} \"create table drill as select 'kept' as it\"", f"{PSQL} 'select it from drill'", "kept"),
            Fact(
                "mariadb shop -e \"create table drill as select 'kept' as it\"",
                "mariadb shop -NBe 'select it from drill'",
                "kept",
            ),
        ),
        inboxes=(
            drop_in("postgresql/drill.conf", "work_mem = 1{n}kB\n", f"{PSQL} 'show work_mem'", "1{n}kB"),
            drop_in(
                "mysql/drill.cnf",
                "[mariadbd]\nmax_connect_errors = {n}\n",
                "mariadb -NBe 'select @@global.max_connect_errors'",
            ),
        ),
        stays=(
            "/var/lib/postgresql/17/main",
            "/var/lib/postgresql/17/main/PG_VERSION",
            "/var/lib/mysql",
            "/var/lib/mysql/ibdata1",
        ),
    ),
    Kind(
        "upg02",
        ("postfix", "dovecot", "rspamd", "ringmaster-mail-redis", "unbound", "nginx"),
        data=(
            written("/srv/s-upg/kept"),
            Fact(
                "printf 'Subject: kept\\n\\nA message.\\n' | doveadm save -u anna@post.example",
                f"{MAIL} subject kept",
                "hdr.subject: kept",
            ),
        ),
        inboxes=(
            drop_in("postfix/drill.conf", "message_size_limit = 200{n}\n", "postconf -h message_size_limit", "200{n}"),
            drop_in(
                "dovecot/drill.conf", "mail_max_userip_connections = {n}\n", "doveconf -h mail_max_userip_connections"
            ),
        ),
    ),
    Kind(
        "svc0",
        (
            *(
                "named",
                "prometheus-bind-exporter",
                "prometheus",
                "prometheus-alertmanager",
                "prometheus-blackbox-exporter",
            ),
            *("nginx", "restic-rest-server", "apt-cacher-ng"),
        ),
        data=(Fact("", "getent ahostsv4 localhost | head -1 | cut -d' ' -f1", "127.0.0.1"),),
        stays=("/var/lib/ringmaster-backup",),
    ),
    Kind("hv0", ("virtlogd",), backed_up=False),
)
OF_EVERY_MACHINE = ("ssh", "prometheus-node-exporter")
OF_EVERY_VM = (check_drop_in(), firewall_drop_in())

MAY_RESTART = {
    "user@0": "root's own manager comes and goes with Ansible's logins",
    "libvirtd": "ends by itself when nobody asked for two minutes",
    "systemd-hostnamed": "ends by itself when nobody asks",
    "systemd-machined": "ends by itself when nobody asks",
    "systemd-timedated": "ends by itself when nobody asks",
    "systemd-timesyncd": "does not run in light machines for long",
}
"""Services that may restart or end, and why."""

MAY_DIFFER = {
    r"/etc/ringmaster/[a-z]+/accepted/.*": "drop-ins that this drill has put there",
    r"/etc/ringmaster/mailserver/accepted/.*": "drop-ins that this drill has put there",
    r".*/__pycache__/.*": "made as programs are used; that of a program which is gone has a folder that is seen",
}
"""Paths, as regular expressions, that a fresh machine need not have as one that was upgraded, and why."""
