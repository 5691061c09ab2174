# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The managed components: what there is to know of each, once.

The words of the description, firewalls, monitoring, credentials, the machine's program, the check for what runs but is
not described, and the pages are made from it. A test goes through all places that a component has.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from . import database_faults, mail_faults, web_faults
from .faults import Fault, Surroundings
from .mailserver import MAILSERVER
from .mysql import MYSQL
from .postgresql import POSTGRESQL
from .redis import REDIS
from .users import ComponentUsers

DUMPS = "/var/backups/ringmaster"
"""Where the newest dump of each component lies on its machine."""
AT_ONCE = "at once"
RELOAD = "with a reload, which cuts no connection"
RESTART = "by a restart, in the window or when asked for"
EMPTIES = f"{RESTART}, which empties the cache"


def nothing_more(_options: Mapping[str, Any], _around: Surroundings) -> Iterator[Fault]:
    """Judge options that cannot be wrong together: each is judged by its type and limits."""
    return iter(())


class Port(NamedTuple):
    """A port that a component answers on; whether it is open to everybody on a closed frontend."""

    protocol: str
    number: str
    frontend: bool = False


class Exporter(NamedTuple):
    """What the monitoring reads of it: the job's name, and the port on the server network."""

    job: str
    port: int


@dataclass(frozen=True)
class Part:
    """Of a component, what is switched off and taken away when it goes.

    ``units`` are stopped and disabled in this order. ``files`` are paths or patterns of what makes a component act or
    lets somebody in: its checks, its entry in the backup, credentials, units of ours. Configuration and data stay.
    """

    units: tuple[str, ...]
    files: tuple[str, ...]


@dataclass(frozen=True)
class Shared:
    """A daemon that several components use, each with a path that ``users`` matches; it goes with the last of them."""

    name: str
    users: str
    part: Part


@dataclass(frozen=True)
class Support:
    """Until when others mend it: its version in Debian 13, the last day of that, and who says so."""

    version: str
    until: str
    source: str


@dataclass(frozen=True)
class Component:
    """One managed component. It has the same name as a role, a scenario and a page.

    ``daemon`` is the unit that shows whether it runs, ``other_daemons`` those that may run in its place. ``data`` is
    what stays when it goes. ``judge`` yields what is wrong with its options, ``tuning`` names its formulas, ``parts``
    the parts of the machine's program that it needs. ``certificates`` are the names of its certificates; ``site`` is
    the file that names more of them. ``takes_over`` says how changes of options come into force, ``waits`` which of
    them come otherwise. ``packages`` are patterns of those whose upgrade restarts it, ``guarded`` of services: both
    wait for the maintenance window. ``clients`` are packages that all VMs of its project get.
    """

    name: str
    title: str
    judge: Callable[[Mapping[str, Any], Surroundings], Iterator[Fault]]
    daemon: str
    part: Part
    data: tuple[str, ...]
    support: Support
    parts: tuple[str, ...]
    packages: tuple[str, ...]
    guarded: tuple[str, ...] = ()
    clients: tuple[str, ...] = ()
    other_daemons: tuple[str, ...] = ()
    ports: tuple[Port, ...] = ()
    exporters: tuple[Exporter, ...] = ()
    tuning: tuple[str, ...] = ()
    users: ComponentUsers | None = None
    is_dumped: bool = True
    has_drop_ins: bool = True
    needs_no_options: bool = False
    certificates: tuple[str, ...] = ()
    site: str = ""
    shared: tuple[Shared, ...] = ()
    takes_over: str = AT_ONCE
    waits: Mapping[str, str] = field(default_factory=dict)

    @property
    def daemons(self) -> tuple[str, ...]:
        """The units one of which runs where the component does; there may be stars in their names."""
        return (self.daemon, *self.other_daemons)

    @property
    def definition(self) -> str:
        """The definitions of its checks on a machine, which everybody may see: where they are, we have set it up."""
        return f"/usr/lib/ringmaster/checks.d/{self.name}.json"


NGINX = Shared(
    "nginx",
    "/etc/ringmaster/nginx/sites/*",
    Part(
        units=("ringmaster-nginx-inbox.path", "prometheus-nginx-exporter.service", "nginx.service"),
        files=(
            "/usr/lib/ringmaster/checks.d/nginx.json",
            "/etc/ringmaster/htpasswd/*",
            "/etc/systemd/system/ringmaster-nginx-inbox.path",
            "/etc/systemd/system/ringmaster-nginx-inbox.service",
        ),
    ),
)

_ALL = (
    Component(
        "postgresql",
        "PostgreSQL",
        judge=database_faults.of_postgresql,
        daemon="postgresql@*-main.service",
        part=Part(
            units=(
                "ringmaster-postgresql-inbox.path",
                "ringmaster-postgresql-backup.timer",
                "prometheus-postgres-exporter.service",
                "postgresql@*-main.service",
                "postgresql.service",
            ),
            files=(
                "/usr/lib/ringmaster/checks.d/postgresql.json",
                "/etc/ringmaster/backup.d/postgresql.json",
                "/etc/ringmaster/monitoring/postgresql.env",
                "/etc/ringmaster/postgresql/component.json",
                "/etc/systemd/system/ringmaster-postgresql-*",
            ),
        ),
        data=("/var/lib/postgresql", "/var/lib/pgbackrest", "/etc/local/postgresql"),
        support=Support("17", "2029-11-08", "PostgreSQL's versioning policy"),
        parts=("postgresql",),
        packages=("postgresql-*",),
        clients=("postgresql-client",),
        guarded=("postgresql*",),
        ports=(Port("tcp", "5432"),),
        exporters=(Exporter("postgresql", 9187),),
        tuning=("postgresql",),
        users=POSTGRESQL,
        certificates=("postgresql",),
        waits={
            "version": "by playbooks/upgrade_postgresql.yml",
            "memory_share": RESTART,
            "settings": f"{AT_ONCE}, or {RESTART}",
            "pitr": RESTART,
        },
    ),
    Component(
        "mysql",
        "MariaDB",
        judge=database_faults.of_mysql,
        daemon="mariadb.service",
        part=Part(
            units=("ringmaster-mysql-inbox.path", "prometheus-mysqld-exporter.service", "mariadb.service"),
            files=(
                "/usr/lib/ringmaster/checks.d/mysql.json",
                "/etc/ringmaster/backup.d/mysql.json",
                "/etc/ringmaster/monitoring/mysql.cnf",
                "/etc/ringmaster/mysql/objects.json",
                "/etc/systemd/system/ringmaster-mysql-*",
            ),
        ),
        data=("/var/lib/mysql", "/var/lib/mysql-files", "/etc/local/mysql"),
        support=Support("11.8", "2028-06-04", "MariaDB's maintenance policy"),
        parts=("mysql",),
        packages=("mariadb-*",),
        clients=("mariadb-client",),
        guarded=("mariadb*",),
        ports=(Port("tcp", "3306"),),
        exporters=(Exporter("mysql", 9104),),
        tuning=("mysql",),
        users=MYSQL,
        certificates=("mysql",),
        waits={"memory_share": f"{AT_ONCE}, or {RESTART}", "settings": f"{AT_ONCE}, or {RESTART}"},
    ),
    Component(
        "redis",
        "Redis",
        judge=database_faults.of_redis,
        daemon="redis-server.service",
        other_daemons=("valkey-server.service",),
        part=Part(
            units=(
                "ringmaster-redis-inbox.path",
                "prometheus-redis-exporter.service",
                "redis-server.service",
                "valkey-server.service",
            ),
            files=(
                "/usr/lib/ringmaster/checks.d/redis.json",
                "/etc/ringmaster/backup.d/redis.json",
                "/etc/ringmaster/monitoring/redis.env",
                "/etc/ringmaster/redis/admin.env",
                "/etc/ringmaster/redis/users.acl",
                "/etc/systemd/system/ringmaster-redis-*",
            ),
        ),
        data=("/var/lib/redis", "/var/lib/valkey", "/etc/local/redis"),
        support=Support("Redis 8.0, Valkey 8.1", "2028-08-09", "Debian's security support of trixie"),
        parts=("redis",),
        packages=("redis-*", "valkey-*"),
        clients=("redis-tools",),
        guarded=("redis*", "valkey*"),
        ports=(Port("tcp", "6379"), Port("tcp", "6380")),
        exporters=(Exporter("redis", 9121),),
        tuning=("redis",),
        users=REDIS,
        certificates=("redis",),
        waits={"settings": f"{AT_ONCE}, or {RESTART}", "engine": "at once, and never beside data of the other one"},
    ),
    Component(
        "memcached",
        "memcached",
        judge=nothing_more,
        daemon="memcached.service",
        part=Part(
            units=("memcached.service",),
            files=("/usr/lib/ringmaster/checks.d/memcached.json", "/etc/ringmaster/memcached"),
        ),
        data=(),
        support=Support("1.6", "2028-08-09", "Debian's security support of trixie"),
        parts=("memcached",),
        packages=("memcached",),
        guarded=("memcached*",),
        # No login: the firewall lets the project's VMs in, and nobody else.
        ports=(Port("tcp", "11211"),),
        tuning=("memcached",),
        is_dumped=False,
        has_drop_ins=False,
        waits={"connections": EMPTIES, "item_kib": EMPTIES},
    ),
    Component(
        "webgateway",
        "Web gateway",
        judge=web_faults.of_webgateway,
        daemon="haproxy.service",
        part=Part(
            units=("ringmaster-webgateway-inbox.path", "haproxy.service"),
            files=(
                "/usr/lib/ringmaster/checks.d/webgateway.json",
                "/etc/ringmaster/haproxy/declared.cfg",
                "/etc/ringmaster/nginx/sites/webgateway",
                "/etc/systemd/system/ringmaster-webgateway-*",
            ),
        ),
        data=("/etc/local/haproxy", "/etc/local/nginx", "/etc/ringmaster/haproxy/raw", "/etc/ringmaster/nginx/raw"),
        support=Support("haproxy 3.0, nginx 1.26", "2028-08-09", "Debian's security support of trixie"),
        parts=("nginx", "webgateway"),
        packages=("haproxy*", "nginx*"),
        ports=(Port("tcp", "80", frontend=True), Port("tcp", "443", frontend=True)),
        exporters=(Exporter("haproxy", 9101), Exporter("nginx", 9113)),
        tuning=("haproxy", "nginx"),
        is_dumped=False,
        site="/etc/ringmaster/nginx/sites/webgateway/site.json",
        shared=(NGINX,),
        takes_over=RELOAD,
    ),
    Component(
        "mailserver",
        "Mail server",
        judge=mail_faults.of_mailserver,
        daemon="dovecot.service",
        part=Part(
            units=(
                "ringmaster-mailserver-inbox.path",
                "ringmaster-mail-metrics.timer",
                "ringmaster-mail-password.service",
                "php8.4-fpm.service",
                "ringmaster-mail-antivirus.path",
                "postfix.service",
                "dovecot.service",
                "rspamd.service",
                "ringmaster-mail-redis.service",
                "postsrsd.service",
                "unbound.service",
                "clamav-daemon.socket",
                "clamav-daemon.service",
                "clamav-freshclam.service",
            ),
            files=(
                "/usr/lib/ringmaster/checks.d/mailserver.json",
                "/etc/ringmaster/backup.d/mailserver.json",
                "/etc/ringmaster/monitoring/mailserver.env",
                "/etc/ringmaster/mailserver/objects.json",
                "/etc/ringmaster/nginx/sites/mailserver",
                "/etc/systemd/system/ringmaster-mail-*",
                "/etc/systemd/system/ringmaster-mailserver-*",
                "/run/ringmaster/textfile/mailserver.prom",
            ),
        ),
        data=(
            "/var/vmail",
            "/var/lib/ringmaster/mailserver",
            "/var/lib/ringmaster-mail-redis",
            "/var/lib/dbconfig-common/sqlite3/roundcube",
            "/var/spool/postfix",
            "/etc/local/postfix",
            "/etc/local/dovecot",
        ),
        support=Support("Postfix 3.10, Dovecot 2.4", "2028-08-09", "Debian's security support of trixie"),
        parts=("mailserver", "nginx"),
        packages=("postfix*", "dovecot-*"),
        guarded=("postfix*", "dovecot*"),
        ports=tuple(Port("tcp", number, frontend=True) for number in ("25", "80", "443", "465", "587", "993", "4190")),
        # Those of Postfix and rspamd come with the machine's own, see role mailserver.
        exporters=(Exporter("dovecot", 9166),),
        users=MAILSERVER,
        certificates=("mailserver",),
        site="/etc/ringmaster/nginx/sites/mailserver/site.json",
        shared=(NGINX,),
        takes_over=RELOAD,
    ),
    Component(
        "mailstub",
        "Mail stub",
        judge=mail_faults.of_mailstub,
        daemon="postfix.service",
        part=Part(
            units=("postfix.service",),
            files=("/usr/lib/ringmaster/checks.d/mailstub.json", "/etc/ringmaster/mailstub"),
        ),
        data=("/var/spool/postfix",),
        support=Support("Postfix 3.10", "2028-08-09", "Debian's security support of trixie"),
        parts=("mailstub",),
        packages=("postfix*",),
        guarded=("postfix*",),
        is_dumped=False,
        has_drop_ins=False,
        needs_no_options=True,
        takes_over="by a restart, at once; mail waits in the queue meanwhile",
    ),
)
COMPONENTS: Mapping[str, Component] = {one.name: one for one in _ALL}
"""By name, in the order of the documentation."""
WITH_USERS: tuple[ComponentUsers, ...] = tuple(
    one.users for _name, one in sorted(COMPONENTS.items()) if one.users is not None
)
"""Those that hand out credentials."""
PORTS: Mapping[str, tuple[Port, ...]] = {name: one.ports for name, one in sorted(COMPONENTS.items()) if one.ports}
