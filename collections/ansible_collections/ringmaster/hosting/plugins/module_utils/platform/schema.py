# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The only definition of every key of the platform description.

The tables below drive the checks, the generated JSON Schema and the reference page. A new key goes here and
into ``example/platform`` in the same commit.
"""

from __future__ import annotations

from . import backup, checks, sizes
from .containers import Key, ListOf, MapOf, Record
from .types import Anything, Boolean, Choice, Integer, Name, OrWord, Size, Text

COMPONENTS = ("postgresql", "mysql", "redis", "webgateway", "mailserver", "mailstub")
SERVICES = ("gateway", "dns", "monitoring", "status", "backup")
PERMISSIONS = ("login", "sudo-srv", "wheel", "manager", "stats")
USER_STATES = ("pending", "active", "locked", "removed")
VM_STATES = ("running", "stopped", "retiring")
RELEASES = ("trixie",)
DNS_TYPES = ("A", "AAAA", "CAA", "CNAME", "MX", "NS", "SRV", "TLSA", "TXT")
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

_URL = Text("an http or https URL", check=checks.url, format="uri")
_EMAIL = Text("a mail address such as bob@example.org", check=checks.email, format="email")
_TIMEZONE = Text("a name of the time zone database such as Europe/Berlin", check=checks.timezone)
_DATE = Text("a date such as 2026-11-24", pattern=r"^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$")
_MOMENT = Text(
    "a date and time with zone such as 2026-11-24T10:00:00Z",
    pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}(:[0-9]{2})?(Z|[+-][0-9]{2}:[0-9]{2})$",
)
SSH_KEY = Text("a line of an OpenSSH .pub file: ed25519, ECDSA or RSA with 3072 bits or more", check=checks.ssh_key)
_INTERFACE = Text("a network interface, at most 15 characters", pattern=r"^[a-z][a-z0-9._-]{0,14}$")
_IPV4 = Text("an IPv4 address", check=checks.ipv4_address)
_IPV6 = Text("an IPv6 address", check=checks.ipv6_address)
_DOMAIN = Text(
    "a domain in lower case such as ringmaster.example",
    pattern=r"^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]([a-z0-9-]{0,61}[a-z0-9])?$",
)

DNS_RECORD = Record(
    "record",
    (
        Key(
            "name",
            Text(
                "a name below the zone such as www, or @ for the zone itself",
                pattern=r"^(@|(\*\.)?[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?){0,9}|\*)$",
            ),
            "Name below the zone; `@` is the zone itself.",
            required=True,
            example="www",
        ),
        Key("zone", _DOMAIN, "One of `dns_zones`.", default_text="the platform's domain"),
        Key("vm", Name("VM", refers=True), "A and AAAA records with this VM's frontend addresses."),
        Key("type", Choice(DNS_TYPES), "Or records of this type."),
        Key("values", ListOf(Text(), one_is_enough=True), "Their values, as in a zone file; TXT without quotes."),
        Key("ttl", Integer(30, 604800), "Seconds that others may remember the records.", default_text="300"),
    ),
)
_DNS_RECORDS = Key(
    "dns_records",
    ListOf(DNS_RECORD),
    "DNS records beside those of machines, which are made by themselves.",
    default=[],
)

NETWORK = Record(
    "network",
    (
        Key(
            "ipv4",
            Text("an IPv4 network such as 172.20.0.0/22", check=checks.ipv4_network),
            "IPv4 network. Without it there is no IPv4 here.",
        ),
        Key("ipv4_gateway", _IPV4, "IPv4 address of the gateway.", default_text="the network's first address"),
        Key(
            "ipv4_pool",
            Text("a range such as 172.20.1.1-172.20.3.254", check=checks.ipv4_range),
            "Addresses that VMs may get. Keep the rest for machines.",
            default_text="the whole network",
        ),
        Key(
            "ipv6",
            Text("an IPv6 network such as 2001:db8:3::/64", check=checks.ipv6_network),
            "IPv6 network. The host part of every VM is its id, from ::1000 on.",
            required=True,
            example="2001:db8:3::/64",
        ),
        Key("ipv6_gateway", _IPV6, "IPv6 address of the gateway.", default_text="the network's first address"),
        Key("mtu", Integer(1280, 9216), "Largest packet in bytes.", default=1500),
    ),
)

NETWORKS = Record(
    "networks",
    (
        Key("frontend", NETWORK, "The network that faces the Internet (interface ethfe).", required=True),
        Key("server", NETWORK, "The network between VMs and services (interface ethsrv).", required=True),
    ),
)

_HOST_KEYS = (
    Key(
        "address",
        Text("an IP address", check=checks.address),
        "Address by which Ansible reaches the machine.",
        required=True,
        example="10.77.0.10",
    ),
    Key(
        "connection",
        Choice(("ssh", "local")),
        "`local` when the machine is the controller itself.",
        default="ssh",
    ),
    Key("srv_ipv4", _IPV4, "Its IPv4 address on the server network."),
    Key("srv_ipv6", _IPV6, "Its IPv6 address on the server network; host part below ::1000."),
    Key("apt_proxy", _URL, "Package cache as seen from this machine.", default_text="the platform's"),
)

HYPERVISOR = Record(
    "hypervisor",
    (
        *_HOST_KEYS,
        Key("memory", Size(1024), "Memory that may be promised to VMs.", required=True, example="16GiB"),
        Key("disk", Size(1024), "Disk space that may be promised to VMs.", required=True, example="200GiB"),
        Key("accepts_vms", Boolean(), "Whether new VMs may be placed here.", default=True),
        Key(
            "pool",
            Text("the name of a libvirt storage pool", pattern=r"^[a-z][a-z0-9_-]{0,30}$"),
            "libvirt storage pool for the disks.",
            default="ringmaster",
        ),
        Key("bridge_frontend", _INTERFACE, "Bridge of the frontend network.", default="br-fe"),
        Key("bridge_server", _INTERFACE, "Bridge of the server network.", default="br-srv"),
        Key(
            "bridge_ports",
            MapOf(_INTERFACE, _INTERFACE),
            "Interface behind each bridge; `eno1.12` is made as VLAN 12 of `eno1`.",
            default={},
            example="{br-fe: eno2, br-srv: eno3}",
        ),
        Key(
            "options",
            Anything("a map: variables of role hypervisor without the prefix"),
            "Further variables of role `hypervisor`.",
            default={},
        ),
    ),
)

MACHINE = Record("machine", _HOST_KEYS)

IMAGE = Record(
    "image",
    (
        Key("build", Choice(RELEASES), "Build our own image of this Debian release."),
        Key("url", _URL, "Or fetch a cloud image from here."),
        Key("path", Text("an absolute path", pattern=r"^/[^\s]+$"), "Or take a file on the controller."),
        Key(
            "sha512",
            Text("128 hexadecimal digits", pattern=r"^[0-9a-f]{128}$"),
            "Digest of the file; needed with `url`.",
        ),
    ),
)

MAINTENANCE = Record(
    "maintenance",
    (
        Key("days", ListOf(Choice(DAYS)), "Days on which a window begins.", default=list(DAYS)),
        Key(
            "start",
            Text("a time such as 02:00", pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$"),
            "Begin of the window.",
            default="02:00",
        ),
        Key("hours", Integer(1, 24), "Length of the window in hours.", default=4),
        Key("timezone", _TIMEZONE, "Time zone of `start`.", default_text="the platform's"),
    ),
)

BACKUP = Record(
    "backup",
    (
        *(
            Key(
                f"keep_{period}",
                Integer(1, 3650),
                f"For how many {period.removesuffix('ly').replace('dai', 'day')}s the newest backup of each is kept.",
                default_text=f"the project's, or {number}",
            )
            for period, number in backup.KEPT.items()
        ),
        Key(
            "exclude",
            ListOf(Text("a path or pattern such as /srv/s-myapp/cache or *.iso", pattern=r"^[^!\s].*$")),
            "What is left out.",
            default_text="the project's, or none",
        ),
        Key(
            "paths",
            ListOf(Text("an absolute path", pattern=r"^/[^\s]*$")),
            "What is backed up beside homes, `/etc/local`, `/etc/ringmaster` and the dumps of components.",
            default_text="the project's, or none",
        ),
    ),
    "Every VM is backed up each night unless `backup: none` is written. What a VM does not say, its project says.",
)

_SIZES = (
    Key(
        "memory",
        Size(256),
        "Memory.",
        default_text=f"the project's, the platform's, or {sizes.render(sizes.DEFAULT_MEMORY_MIB)}",
        example="2GiB",
    ),
    Key(
        "cores",
        Integer(1, 256),
        "Virtual CPUs.",
        default_text=f"the project's, the platform's, or {sizes.DEFAULT_CORES}",
        example="2",
    ),
    Key(
        "disk",
        Size(4096, 1024),
        "Size of the root disk.",
        default_text=f"the project's, the platform's, or {sizes.render(sizes.DEFAULT_DISK_MIB)}",
        example="20GiB",
    ),
    Key(
        "image",
        Name("image", refers=True),
        "Name of the image a new VM starts from.",
        default_text="`default`",
    ),
)
DEFAULTS = Record("defaults", _SIZES)

PLATFORM = Record(
    "platform.yml",
    (
        Key(
            "domain",
            _DOMAIN,
            "Domain of all names: `<vm>.<domain>`.",
            required=True,
            example="ringmaster.example",
        ),
        Key(
            "site",
            Integer(0, 255),
            "Number of this site; part of every MAC address.",
            required=True,
            example="1",
        ),
        Key("release", Choice(RELEASES), "Debian release of VMs and machines.", default="trixie"),
        Key("timezone", _TIMEZONE, "Time zone of VMs and of maintenance windows.", default="Etc/UTC"),
        Key("networks", NETWORKS, "The two networks every VM is in.", required=True),
        Key(
            "management_networks",
            ListOf(Text("a network prefix", check=checks.network)),
            "Networks from which operators, that is Ansible, may log in as root.",
            required=True,
            example="[10.77.0.0/24]",
        ),
        Key("operators", ListOf(SSH_KEY), "SSH keys with which Ansible logs in as root.", required=True),
        Key("hypervisors", MapOf(Name("machine"), HYPERVISOR), "Machines that run VMs.", default={}),
        Key("machines", MapOf(Name("machine"), MACHINE), "Other machines, for services.", default={}),
        Key(
            "services",
            Record(
                "services",
                tuple(
                    Key(
                        name,
                        Name("machine", refers=True),
                        f"Where `{name}` runs: a hypervisor, a machine or a VM of project `platform`.",
                    )
                    for name in SERVICES
                ),
            ),
            "Which machine runs which service of the platform.",
            default={},
        ),
        Key(
            "images",
            MapOf(Text("a word", pattern=r"^[a-z][a-z0-9-]{0,30}$"), IMAGE),
            "Images that VMs can start from; `default` is used when a VM names none.",
            default={"default": {"build": "trixie"}},
        ),
        Key("dns_zones", ListOf(_DOMAIN), "Domains served by `services.dns`, beside the platform's own.", default=[]),
        _DNS_RECORDS,
        Key("apt_proxy", _URL, "Package cache for all VMs and machines."),
        Key("contacts", ListOf(_EMAIL), "Who is told about trouble anywhere on the platform.", default=[]),
        Key("webhooks", ListOf(_URL), "Where all alerts are posted, as Alertmanager does.", default=[]),
        Key("defaults", DEFAULTS, "Sizes for VMs that give none.", default={}),
    ),
    "Domain, networks, machines and services of the platform.",
)

USER = Record(
    "users/<name>.yml",
    (
        Key(
            "full_name",
            Text("a name in one line without colon or comma", pattern=r"^[^:,=]{1,100}$"),
            "Name of the person.",
            required=True,
            example="Bob Example",
        ),
        Key("email", _EMAIL, "Mail address.", required=True, example="bob@example.org"),
        Key("ssh_keys", ListOf(SSH_KEY), "Public SSH keys, one line each.", default=[]),
        Key(
            "state",
            Choice(USER_STATES),
            "`pending`: not verified, has no account; `locked`: cannot log in; `removed`: loses the account.",
            default="active",
        ),
        Key(
            "web_password_hash",
            Text("a crypt hash, for example from mkpasswd", check=checks.crypt_hash),
            "Hash of the password for web pages of the platform.",
        ),
        Key("email_verified_at", _MOMENT, "When the mail address was confirmed."),
        Key("requested_by", Name("person", refers=True), "Who asked for the account."),
    ),
    "A person. The file's name is the account's name.",
)

CHECK = Record(
    "check",
    (
        Key(
            "name",
            Text("lower-case letters, digits, - and _", pattern=r"^[a-z][a-z0-9_-]{0,40}$"),
            "Name of the check.",
            required=True,
            example="shop",
        ),
        Key("url", _URL, "Fetched by the monitoring host; an answer of 200 to 299 is good."),
        Key(
            "command",
            ListOf(Text("a word without line breaks")),
            "Or a command that runs on the VMs and ends as a Nagios plugin does: a sentence, and exit code 0 to 3.",
            example="[/usr/lib/nagios/plugins/check_http, -I, 127.0.0.1]",
        ),
        Key(
            "user",
            Name("service user", refers=True),
            "Service user that runs the command.",
            default_text="one without rights",
        ),
        Key("vms", ListOf(Name("VM", refers=True)), "VMs that run the command.", default_text="all of the project"),
        Key("interval", Integer(60, 86400), "Seconds between two runs of the command.", default=60),
        Key("timeout", Integer(1, 300), "Seconds after which the command is ended.", default=10),
    ),
)

LIMITS = Record(
    "limits",
    (
        Key("memory_high", Size(16), "Memory above which its programs are slowed down and swapped out."),
        Key("memory_max", Size(16), "Memory above which a program of it is killed.", example="2GiB"),
        Key(
            "cpu_quota",
            Text("percent of one core such as 150%", pattern=r"^[1-9][0-9]{0,5}%$"),
            "CPU time in percent of one core.",
        ),
        Key("tasks_max", Integer(1, 4194304), "Processes and threads."),
    ),
    "For everything that the service user runs, taken together.",
)

FIREWALL_RULE = Record(
    "rule",
    (
        Key(
            "from",
            ListOf(
                Text(
                    "any, an address, a network, a project, a VM or a machine",
                    pattern=r"^[A-Za-z0-9:./-]{1,64}$",
                ),
                one_is_enough=True,
            ),
            "Who may connect: `any`, an address, a network, or the name of a project, VM or machine;"
            " `project:`, `vm:` or `machine:` may stand before it.",
            required=True,
            example="any",
        ),
        Key(
            "to",
            ListOf(
                Text(
                    "a port, a range such as 8000-8010, or component:<name>",
                    check=checks.port_or_component,
                    may_be_number=True,
                ),
                one_is_enough=True,
            ),
            "Ports, ranges of ports, or `component:<name>` for the ports of a component on the VMs that have it.",
            required=True,
            example="8080",
        ),
        Key("proto", Choice(("tcp", "udp")), "Protocol.", default="tcp"),
        Key("network", Choice(("frontend", "server", "both")), "Network the rule opens.", default="server"),
        Key("vms", ListOf(Name("VM", refers=True)), "VMs the rule is for.", default_text="all of the project"),
        Key("comment", Text(pattern=r"^[^\"\\]{0,100}$"), "Why the rule is there."),
    ),
)
VM_FIREWALL = Record(
    "firewall of a VM",
    (
        Key("frontend", Choice(("open", "closed")), "As for the project.", default_text="the project's"),
        Key(
            "allow",
            ListOf(Record("rule of a VM", tuple(key for key in FIREWALL_RULE.keys if key.name != "vms"))),
            "Connections that are allowed to this VM, beside those that the project allows.",
            default=[],
        ),
    ),
)
FIREWALL = Record(
    "firewall",
    (
        Key(
            "frontend",
            Choice(("open", "closed")),
            "`closed`: from the Internet only SSH and what components and rules open.",
            default="open",
        ),
        Key("allow", ListOf(FIREWALL_RULE), "Further connections that are allowed.", default=[]),
    ),
)

VM = Record(
    "vm",
    (
        *_SIZES,
        Key(
            "memory_max",
            Size(256),
            "Memory the VM can grow to while it runs; it is booked in full.",
            default_text="the same as memory",
        ),
        Key(
            "frontend_ipv4",
            Boolean(),
            "Whether the VM gets an IPv4 address on the frontend network.",
            default=False,
        ),
        Key(
            "components",
            MapOf(
                Text("a component: " + ", ".join(COMPONENTS), words=COMPONENTS),
                Anything("a map: variables of the component's role without the prefix"),
            ),
            "Managed components with their options.",
            default={},
            example="{redis: {}}",
        ),
        Key("firewall", VM_FIREWALL, "What is allowed to this VM beyond what its project allows.", default={}),
        Key("protected", Boolean(), "Refuse to delete the VM or its disks.", default=False),
        Key(
            "anti_spoofing",
            Boolean(),
            "Whether the VM may send from its own addresses only. `false` is for a VM that routes for others.",
            default=True,
        ),
        Key(
            "state",
            Choice(VM_STATES),
            "`retiring`: stopped, and deleted after `delete_after`.",
            default="running",
        ),
        Key("delete_after", _DATE, "Day after which a retiring VM may be deleted."),
        Key(
            "hypervisor",
            Name("machine", refers=True),
            "Where to place the VM at first. Later it can only be moved.",
            default_text="the best fit",
        ),
        Key("production", Boolean(), "Whether the VM serves users.", default_text="the project's"),
        Key("maintenance", MAINTENANCE, "When the VM may be restarted.", default_text="the project's"),
        Key(
            "backup",
            OrWord("none", BACKUP),
            "What is backed up and kept; `none` to go without.",
            default_text="the project's",
        ),
        Key("requested_by", Name("person", refers=True), "Who ordered the VM."),
        Key("comment", Text(), "What the VM is for."),
    ),
)

PROJECT = Record(
    "projects/<name>.yml",
    (
        Key("description", Text(), "What the project is."),
        Key(
            "permissions",
            MapOf(Name("person", refers=True), ListOf(Choice(PERMISSIONS))),
            "What each person may do on all VMs of the project.",
            default={},
            example="{bob: [login, sudo-srv]}",
        ),
        Key(
            "service_users",
            ListOf(Name("service user")),
            "Accounts that run the application; home in /srv.",
            default=[],
            example="[s-myapp]",
        ),
        Key(
            "service_user_limits",
            MapOf(Name("service user", refers=True), LIMITS),
            "Resource limits of service users.",
            default={},
            example="{s-myapp: {memory_max: 2GiB, cpu_quota: 150%}}",
        ),
        Key("firewall", FIREWALL, "What is allowed beyond the standard.", default={}),
        _DNS_RECORDS,
        Key("maintenance", MAINTENANCE, "When VMs may be restarted.", default={}),
        Key(
            "backup",
            OrWord("none", BACKUP),
            "What is backed up and kept of each VM; `none` to go without.",
            default_text="each night",
        ),
        Key("contacts", ListOf(_EMAIL), "Who is told about maintenance and trouble.", default=[]),
        Key("webhooks", ListOf(_URL), "Where alerts of the project are posted, as Alertmanager does.", default=[]),
        Key("checks", ListOf(CHECK), "The project's own checks, beside those of the platform.", default=[]),
        Key(
            "status_page",
            Choice(("private", "public")),
            "`private`: only people of the project with a web password see its status pages.",
            default="private",
        ),
        Key("production", Boolean(), "Whether the project's VMs serve users.", default=True),
        Key("defaults", DEFAULTS, "Sizes for the project's VMs that give none.", default={}),
        Key("requested_by", Name("person", refers=True), "Who asked for the project."),
        Key("vms", MapOf(Name("VM"), VM), "The project's VMs.", default={}),
    ),
    "A project. The file's name is the project's name.",
)

INCIDENT = Record(
    "incidents/<day>-<words>.yml",
    (
        Key("title", Text(), "What happened, in one line.", required=True, example="Mail was slow"),
        Key("begin", _MOMENT, "When it began.", required=True, example="'2026-11-24T10:00:00Z'"),
        Key("end", _MOMENT, "When it was over.", default_text="it goes on"),
        Key(
            "impact",
            Choice(("outage", "degraded", "maintenance", "information")),
            "How bad it was; `maintenance` may lie ahead.",
            default="degraded",
        ),
        Key(
            "projects",
            ListOf(Name("project", refers=True)),
            "Projects that are concerned; only they see it.",
            default_text="everybody",
        ),
        Key(
            "updates",
            ListOf(
                Record(
                    "update",
                    (
                        Key("at", _MOMENT, "When it was written.", required=True),
                        Key("text", Text(), "What was found or done.", required=True),
                    ),
                )
            ),
            "What was found and done, oldest first.",
            default=[],
        ),
    ),
    "An incident, as the status pages show it. The file's name begins with its day.",
)

LEDGER = Record(
    "allocations.yml",
    (
        Key("format", Integer(1, 1), "Version of the format.", default=1),
        Key("vm_ids", MapOf(Name("VM"), Integer(4096, 0xFFFFFF)), "Ids of VMs.", default={}),
        Key(
            "uids",
            MapOf(Text("an account"), Integer(20100, 59999)),
            "User ids of people and service users.",
            default={},
        ),
        Key("ipv4_frontend", MapOf(Name("VM"), _IPV4), "IPv4 addresses on the frontend network.", default={}),
        Key("ipv4_srv", MapOf(Name("VM"), _IPV4), "IPv4 addresses on the server network.", default={}),
        Key("placements", MapOf(Name("VM"), Name("machine")), "Hypervisor of each VM.", default={}),
        Key(
            "host_keys",
            MapOf(Name("machine"), ListOf(Text("a public SSH host key", check=checks.ssh_key))),
            "SSH host keys.",
            default={},
        ),
        Key(
            "confirmed_addresses",
            MapOf(Name("VM"), Text("four addresses or dashes", pattern=r"^[0-9a-f.:-]+( [0-9a-f.:-]+){3}$")),
            "Addresses that each VM was last reached with: IPv4 and IPv6 of the frontend, then of the server network.",
            default={},
        ),
        Key(
            "generations",
            MapOf(
                Text("roster/<project> or <project>/<vm>/<component>/<object>"),
                Text("a number, for rosters with a hash", pattern=r"^[1-9][0-9]*( [0-9a-f]{64})?$"),
            ),
            "Generations of rosters and secrets.",
            default={},
        ),
        Key(
            "retired",
            MapOf(Name("VM"), _DATE),
            "VMs that were deleted, and when. Their names and numbers are never used again.",
            default={},
        ),
    ),
    "Written by Ringmaster; do not edit.",
)
