# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keys of a project's file, but for its VMs and its firewall."""

from __future__ import annotations

from ..language.containers import Key, ListOf, MapOf, Record
from ..language.types import Boolean, Choice, Integer, Name, OrWord, Size, Text
from .backup import BACKUP
from .common import DEFAULTS, DNS_RECORDS, EMAIL, PACKAGES, PERMISSIONS, PROJECT_MAINTENANCE, URL
from .firewall import FIREWALL
from .job import JOB
from .vm import VM

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
        Key("url", URL, "Fetched by the monitoring host; an answer of 200 to 299 is good."),
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
        Key(
            "vms",
            ListOf(Name("VM", refers=True), filled="all VMs would run it", hint="leave it out for all of them"),
            "VMs that run the command.",
            default_text="all of the project",
        ),
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

QUOTA = Record(
    "quota",
    (
        Key("vms", Integer(0, 100000), "VMs, also stopped ones and those that are yet to be deleted."),
        Key("memory", Size(0), "Memory of all VMs together; `memory_max` counts where a VM has it.", example="32GiB"),
        Key("cores", Integer(0, 1000000), "Virtual CPUs of all VMs together."),
        Key("disk", Size(0), "Root disks of all VMs together; swap and /tmp come on top.", example="200GiB"),
        Key("ipv4", Integer(0, 1000000), "Public IPv4 addresses of all VMs together."),
    ),
    "What all VMs of the project may have together; there is no limit for what is not named.",
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
        Key(
            "packages",
            PACKAGES,
            "Debian packages for all VMs of the project, beside the clients of its components. None of their services "
            "is started.",
            default=[],
            example="[nodejs, build-essential]",
        ),
        Key("firewall", FIREWALL, "What is allowed beyond the standard.", default={}),
        DNS_RECORDS,
        Key("maintenance", PROJECT_MAINTENANCE, "When VMs may be restarted.", default={}),
        Key(
            "backup",
            OrWord("none", BACKUP),
            "What is backed up and kept of each VM; `none` to go without.",
            default_text="each night",
        ),
        Key("contacts", ListOf(EMAIL), "Who is told about maintenance and trouble.", default=[]),
        Key("webhooks", ListOf(URL), "Where alerts of the project are posted, as Alertmanager does.", default=[]),
        Key("checks", ListOf(CHECK), "The project's own checks, beside those of the platform.", default=[]),
        Key("jobs", ListOf(JOB), "What its VMs do at times of the calendar, watched as checks are.", default=[]),
        Key(
            "status_page",
            Choice(("private", "public")),
            "`private`: only people of the project with a web password see its status pages.",
            default="private",
        ),
        Key("production", Boolean(), "Whether the project's VMs serve users.", default=True),
        Key("defaults", DEFAULTS, "Sizes for the project's VMs that give none.", default={}),
        Key("quota", QUOTA, "How much the project may have; only operators change it.", default={}),
        Key("requested_by", Name("person", refers=True), "Who asked for the project."),
        Key("vms", MapOf(Name("VM"), VM), "The project's VMs.", default={}),
    ),
    "A project. The file's name is the project's name.",
)
