# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A small Debian and rosters for it."""

from __future__ import annotations

import base64
import datetime
from pathlib import Path
from typing import Any

from ansible_collections.ringmaster.hosting.plugins.module_utils.accounts import roster as rosters
from ansible_collections.ringmaster.hosting.plugins.module_utils.accounts.model import Options, Paths, Roster
from ansible_collections.ringmaster.hosting.plugins.module_utils.accounts.run import Result, run

TODAY = datetime.date(2026, 11, 24)
SYSTEM = {
    "passwd": """root:x:0:0:root:/root:/bin/bash
daemon:x:1:1:daemon:/usr/sbin:/usr/sbin/nologin
postgres:x:101:105:PostgreSQL,,,:/var/lib/postgresql:/bin/bash
operator:x:1000:1000:Op:/home/operator:/bin/bash
""",
    "shadow": """root:*:20000:0:99999:7:::
daemon:*:20000:0:99999:7:::
postgres:!:20000::::::
operator:$y$j9T$secret:20000:0:99999:7:::
""",
    "group": """root:x:0:
daemon:x:1:
adm:x:4:operator
users:x:100:
postgres:x:105:
operator:x:1000:
""",
    "gshadow": """root:*::
daemon:*::
adm:*::operator
users:*::
postgres:!::
operator:!::
""",
}


def key(name: str, kind: str = "ssh-ed25519") -> str:
    """Make a public key that differs by name."""
    blob = b"".join(len(part).to_bytes(4, "big") + part for part in (kind.encode(), name.encode().ljust(32)))
    return f"{kind} {base64.b64encode(blob).decode()} {name}"


def person(name: str, uid: int, *permissions: str, state: str = "active", **more: Any) -> dict[str, Any]:
    return {
        "name": name,
        "uid": uid,
        "full_name": name.title(),
        "state": state,
        "permissions": list(permissions or ("login",)),
        "ssh_keys": [key(name)],
        **more,
    }


ALICE = person("alice", 20100, "login", "sudo-srv", "wheel", "manager")
BOB = person("bob", 20101, "login", "sudo-srv")
S_MYAPP = {"name": "s-myapp", "uid": 20102}


def raw(*people: dict[str, Any], generation: int = 1, **more: Any) -> dict[str, Any]:
    return {
        "format": 1,
        "project": "myapp",
        "generation": generation,
        "hash": "unused",
        "people": list(people),
        "service_users": [S_MYAPP],
        **more,
    }


def roster(*people: dict[str, Any], generation: int = 1, **more: Any) -> Roster:
    return rosters.parse(raw(*people, generation=generation, **more))


def machine(root: Path) -> Paths:
    """Lay out the files of a small Debian below a folder."""
    for folder in ("etc/skel", "etc/ssh", "etc/sudoers.d", "home", "srv", "var/spool/cron/crontabs", "run"):
        (root / folder).mkdir(parents=True)
    for name, text in SYSTEM.items():
        (root / "etc" / name).write_text(text)
        (root / "etc" / name).chmod(0o640 if "shadow" in name else 0o644)
    (root / "etc/skel/.bashrc").write_text("# skeleton\n")
    (root / "etc/login.defs").write_text("UID_MIN 1000\nUID_MAX\t\t\t60000\nGID_MAX 60000\n")
    (root / "etc/adduser.conf").write_text("#LAST_UID=59999\n")
    return Paths(root)


def apply(paths: Paths, wanted: Roster, *, check: bool = False, today: datetime.date = TODAY, **options: Any) -> Result:
    return run(wanted, Options(**options), check_mode=check, paths=paths, today=today)


def snapshot(root: Path) -> dict[str, tuple[object, ...]]:
    """Return every path with kind, owner, mode and content, without the lock files."""
    found: dict[str, tuple[object, ...]] = {}
    for path in sorted(root.rglob("*")):
        if path.name in (".pwd.lock", "ringmaster-accounts.lock"):
            continue
        status = path.lstat()
        content = path.read_bytes() if path.is_file() and not path.is_symlink() else b""
        found[str(path.relative_to(root))] = (oct(status.st_mode), status.st_uid, status.st_gid, content)
    return found
