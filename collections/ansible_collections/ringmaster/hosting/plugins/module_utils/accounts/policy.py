# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The files that go with the accounts: who may become whom, who may start things at boot, and the timer."""

from __future__ import annotations

import re
from collections.abc import Iterable

from . import timer
from .model import Limits, Options, Roster
from .work import HEADER, WantedFile

SUDOERS_PATH = "/etc/sudoers.d/ringmaster-accounts"
SUDOERS = f"""# {HEADER}
# Every use of sudo is logged to the journal with the name of the person.
Defaults:%sudo-srv,%wheel !lecture
# sudo-srv: become any service user, for example: sudo -u s-myapp -i
%sudo-srv ALL = (%service) NOPASSWD: ALL
# ... and read the logs of managed components: ringmaster logs
%sudo-srv ALL = (root) NOPASSWD: /usr/bin/ringmaster logs *
# wheel: root without a password
%wheel ALL = (ALL:ALL) NOPASSWD: ALL
"""

POLKIT_PATH = "/etc/polkit-1/rules.d/10-ringmaster-accounts.rules"
POLKIT = f"""// {HEADER}
// Lingering lets programs start at boot: it is for service users; only root switches it for others.
polkit.addRule(function(action, subject) {{
    if (action.id == "org.freedesktop.login1.set-user-linger" && subject.user != "root") {{
        return polkit.Result.NO;
    }}
    if (action.id == "org.freedesktop.login1.set-self-linger" && subject.user != "root"
            && !subject.isInGroup("service")) {{
        return polkit.Result.NO;
    }}
    return polkit.Result.NOT_HANDLED;
}});
"""

CRON_ALLOW_PATH = "/etc/cron.allow"
AT_ALLOW_PATH = "/etc/at.allow"

PROFILE_PATH = "/etc/profile.d/ringmaster-xdg.sh"
PROFILE = f"""# {HEADER}
# "sudo -u s-myapp -i" opens no session of its own: point it to the user manager that runs already, so that
# "systemctl --user" works; and never use the one of the user who called.
if [ -O "/run/user/$(id -u)" ]; then
    XDG_RUNTIME_DIR="/run/user/$(id -u)"
    DBUS_SESSION_BUS_ADDRESS="unix:path=$XDG_RUNTIME_DIR/bus"
    export XDG_RUNTIME_DIR DBUS_SESSION_BUS_ADDRESS
elif [ -n "$XDG_RUNTIME_DIR" ] && [ ! -O "$XDG_RUNTIME_DIR" ]; then
    unset XDG_RUNTIME_DIR DBUS_SESSION_BUS_ADDRESS
fi
"""

LOGIN_DEFS_PATH = "/etc/login.defs"
ADDUSER_PATH = "/etc/adduser.conf"
LOCAL_ID_MAX = 19999
"""Accounts that somebody makes by hand stay below our range: an unknown uid inside it counts as removed."""


def files(roster: Roster, options: Options) -> list[WantedFile]:
    """Return the whole files for a roster (those that are edited in place are in `edits`)."""
    service_users = sorted(account.name for account in roster.accounts.values() if account.service)
    allowed = "".join(f"{name}\n" for name in ["root", *service_users])
    wanted = [
        WantedFile(SUDOERS_PATH, SUDOERS, 0o440),
        WantedFile(POLKIT_PATH, POLKIT),
        WantedFile(CRON_ALLOW_PATH, allowed),
        WantedFile(AT_ALLOW_PATH, allowed),
        WantedFile(PROFILE_PATH, PROFILE),
    ]
    for account in roster.accounts.values():
        if account.service:
            path = limits_path(account.uid)
            text = slice_limits(options.limits.get(account.name, Limits()))
            wanted.append(WantedFile(path, text, reload_systemd=True))
    return [*wanted, *timer.files(options.self_heal)]


def paths(roster: Roster, options: Options, uids: Iterable[int]) -> list[str]:
    """Return where the files of `files` and `edits` are, and where limits of any of these uids would be."""
    whole = [each.path for each in files(roster, options)]
    return list(dict.fromkeys([*whole, *map(limits_path, uids), *edits()]))


def limits_path(uid: int | str) -> str:
    """Return the drop-in that limits everything a user runs."""
    return f"/etc/systemd/system/user-{uid}.slice.d/50-ringmaster.conf"


def slice_limits(limits: Limits) -> str | None:
    """Render the limits of a user's slice, or None when there are none."""
    pairs = [
        ("MemoryHigh", limits.memory_high),
        ("MemoryMax", limits.memory_max),
        ("CPUQuota", limits.cpu_quota),
        ("TasksMax", limits.tasks_max),
    ]
    lines = [f"{key}={value}" for key, value in pairs if value]
    return "\n".join([f"# {HEADER}", "[Slice]", *lines, ""]) if lines else None


def edits() -> dict[str, dict[str, str]]:
    """Return path -> key -> value for files that belong to Debian and of which we own single settings."""
    top = str(LOCAL_ID_MAX)
    return {
        LOGIN_DEFS_PATH: {"UID_MAX": top, "GID_MAX": top},
        ADDUSER_PATH: {"LAST_UID": top, "LAST_GID": top},
    }


def edit(path: str, text: str, values: dict[str, str]) -> str:
    """Set values in the text of login.defs (`KEY value`) or adduser.conf (`KEY=value`)."""
    separator = "=" if path == ADDUSER_PATH else "\t\t\t"
    for key, value in values.items():
        line = f"{key}{separator}{value}"
        pattern = re.compile(rf"^{key}\b[ \t=]*(.*)$", re.MULTILINE)
        found = pattern.findall(text)
        if [each.strip().strip('"') for each in found] == [value]:
            continue
        if found:
            text = pattern.sub(line, text, count=1)
        else:
            text = text + ("" if text.endswith("\n") or not text else "\n") + line + "\n"
    return text
