# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Dump, prove and restore: mailboxes, changed passwords, DKIM keys, what the spam filter learned, and Roundcube's data.

A message of a Maildir never changes, so a dump holds further names (hard links) of the same files: it costs no space,
takes seconds, and is what a mailbox was at that moment. What changes in place is copied; indexes are left out, Dovecot
makes them again.
"""

from __future__ import annotations

import json
import os
import pwd
import shutil
import sqlite3
import stat
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from ringmaster.core.component import Wish
from ringmaster.core.report import Failure, counted
from ringmaster.core.systemd import systemctl
from ringmaster.mailserver.places import Places, run

REDIS = "ringmaster-mail-redis.service"
REDIS_DATA = Path("/var/lib/ringmaster-mail-redis/dump.rdb")
REDIS_SOCKET = "/run/ringmaster-mail-redis/redis.sock"
WEBMAIL = Path("/var/lib/dbconfig-common/sqlite3/roundcube/roundcube")
MESSAGES = ("cur", "new")
SCRATCH = """dovecot_config_version = 2.4.0
dovecot_storage_version = 2.4.0
base_dir = {folder}/run
log_path = /dev/stderr
mail_driver = maildir
mail_home = {folder}/mail/%{{user | domain}}/%{{user | username}}
mail_path = ~/Maildir
mail_index_path = MEMORY
namespace inbox {{
  inbox = yes
  separator = /
}}
"""


def dump(places: Places, folder: Path) -> int:
    """Fill the folder; return the number of mailboxes."""
    mail = folder / "mail"
    mail.mkdir(mode=0o700)
    counts = {}
    for home in _homes(places.mail):
        address = _address(home)
        counts[address] = _snapshot(home, mail / home.parent.name / home.name)
    (folder / "manifest.json").write_text(json.dumps({"messages": counts}, indent=1) + "\n")
    if places.passwords.exists():
        shutil.copy2(places.passwords, folder / "passwords.json")
    if places.keys.exists():
        shutil.copytree(places.keys, folder / "dkim")
    if WEBMAIL.exists():
        _copy_database(WEBMAIL, folder / "roundcube.sqlite")
    run("redis-cli", "-s", REDIS_SOCKET, "SAVE")
    if REDIS_DATA.exists():
        shutil.copy2(REDIS_DATA, folder / "spam-filter.rdb")
    return len(counts)


def prove(places: Places, folder: Path) -> str:
    """Let Dovecot read every mailbox of a copy, and compare with what the dump counted."""
    counts = _manifest(folder)
    account = pwd.getpwnam("vmail")
    scratch = Path(tempfile.mkdtemp(prefix="mailserver-proof-", dir=places.mail.parent))
    try:
        os.chown(scratch, account.pw_uid, account.pw_gid)
        (scratch / "dovecot.conf").write_text(SCRATCH.format(folder=scratch))
        for address, wanted in counts.items():
            name, domain = address.split("@")
            home = scratch / "mail" / domain / name
            _copy(folder / "mail" / domain / name, home)
            found = _messages(scratch / "dovecot.conf", home, address)
            if found != wanted:
                raise Failure(f"the dump of {address} has {counted(found, 'readable message')}, not {wanted}")
            shutil.rmtree(home)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    keys = sorted((folder / "dkim").glob("*.key")) if (folder / "dkim").exists() else []
    for key in keys:
        run("openssl", "rsa", "-in", str(key), "-check", "-noout")
    if (folder / "passwords.json").exists():
        json.loads((folder / "passwords.json").read_text())
    if (folder / "roundcube.sqlite").exists():
        _prove_database(folder / "roundcube.sqlite")
    total = sum(counts.values())
    whole = counted(len(keys), "DKIM key is", "DKIM keys are")
    return f"Dovecot read {_messages_of(total, len(counts))}; {whole} whole."


def restore(places: Places, folder: Path, wish: Wish) -> str:
    """Bring back one mailbox (also into another one) or everything; over mail that is there only with ``replace``."""
    counts = _manifest(folder)
    if wish.object:
        if wish.object not in counts:
            raise Failure(f"the dump has no mailbox {wish.object}; it has {', '.join(sorted(counts)[:20])}")
        target = wish.name or wish.object
        _restore_mailbox(places, folder, wish.object, target, wish.replace)
        return f"Brought back into {target}: {counted(counts[wish.object], 'message')} of {wish.object}."
    present = [address for address in counts if _has_mail(_home(places, address))]
    if present and not wish.replace:
        raise Failure(f"mail is there, of {', '.join(present[:3])}{', …' * (len(present) > 3)}: --replace replaces it")
    for address in counts:
        _restore_mailbox(places, folder, address, address, wish.replace)
    _restore_rest(places, folder, wish.replace)
    return f"Brought back {_messages_of(sum(counts.values()), len(counts))}, with passwords, keys and the filter."


def _messages_of(messages: int, mailboxes: int) -> str:
    return f"{counted(messages, 'message')} of {counted(mailboxes, 'mailbox', 'mailboxes')}"


def _restore_rest(places: Places, folder: Path, replace: bool) -> None:
    places.data.mkdir(mode=0o755, parents=True, exist_ok=True)
    if (folder / "passwords.json").exists() and (replace or not places.passwords.exists()):
        shutil.copy2(folder / "passwords.json", places.passwords)
    if (folder / "dkim").exists():
        group = pwd.getpwnam("_rspamd").pw_gid
        places.keys.mkdir(mode=0o750, exist_ok=True)
        os.chown(places.keys, 0, group)
        for key in (folder / "dkim").iterdir():
            if replace or not (places.keys / key.name).exists():
                shutil.copy2(key, places.keys / key.name)
                os.chown(places.keys / key.name, 0, group)
    if (folder / "roundcube.sqlite").exists() and WEBMAIL.exists() and replace:
        owner = WEBMAIL.stat()
        _copy_database(folder / "roundcube.sqlite", WEBMAIL)
        os.chown(WEBMAIL, owner.st_uid, owner.st_gid)
    if (folder / "spam-filter.rdb").exists() and (replace or not REDIS_DATA.exists()):
        systemctl("stop", REDIS)
        shutil.copy2(folder / "spam-filter.rdb", REDIS_DATA)
        account = pwd.getpwnam("_rspamd")
        os.chown(REDIS_DATA, account.pw_uid, account.pw_gid)
        systemctl("start", REDIS)


def _restore_mailbox(places: Places, folder: Path, address: str, target: str, replace: bool) -> None:
    name, domain = address.split("@")
    home = _home(places, target)
    if _has_mail(home) and not replace:
        raise Failure(f"{target} has mail: --replace replaces it, --as puts it into another mailbox")
    new = home.with_name(f".{home.name}.new")
    old = home.with_name(f".{home.name}.old")
    for path in (new, old):
        shutil.rmtree(path, ignore_errors=True)
    _folder_of_domain(home.parent)
    _copy(folder / "mail" / domain / name, new)
    if home.exists():
        home.rename(old)
    new.rename(home)
    shutil.rmtree(old, ignore_errors=True)
    # Clients that are logged in have the old mailbox open.
    subprocess.run(["doveadm", "kick", target], capture_output=True, check=False)


def _folder_of_domain(path: Path) -> None:
    account = pwd.getpwnam("vmail")
    if not path.exists():
        path.mkdir(mode=0o700, parents=True)
        os.chown(path, account.pw_uid, account.pw_gid)


def _homes(mail: Path) -> Iterator[Path]:
    for domain in sorted(mail.iterdir()):
        if domain.is_dir() and not domain.is_symlink():
            for home in sorted(domain.iterdir()):
                if home.is_dir() and not home.is_symlink() and not home.name.startswith("."):
                    yield home


def _address(home: Path) -> str:
    return f"{home.name}@{home.parent.name}"


def _home(places: Places, address: str) -> Path:
    name, at, domain = address.partition("@")
    if not at or "/" in address or address.startswith(".") or domain.startswith("."):
        raise Failure(f"'{address}' is no address")
    return places.mail / domain / name


def _has_mail(home: Path) -> bool:
    return any(entry.is_file() for name in MESSAGES for entry in home.glob(f"Maildir/**/{name}/*"))


def _manifest(folder: Path) -> dict[str, int]:
    try:
        return json.loads((folder / "manifest.json").read_text())["messages"]
    except (OSError, ValueError, KeyError) as error:
        raise Failure(f"{folder} is not a dump of a mail server: {error}") from error


def _snapshot(source: Path, target: Path) -> int:
    """Make a copy of a mailbox of links and small copies; return the number of messages."""
    number = 0
    target.mkdir(mode=0o700, parents=True)
    for parent, folders, names in os.walk(source, followlinks=False):
        place = target / Path(parent).relative_to(source)
        is_messages = Path(parent).name in MESSAGES
        for folder in folders:
            if not (Path(parent) / folder).is_symlink():
                (place / folder).mkdir(mode=0o700)
        folders[:] = [folder for folder in folders if (place / folder).is_dir()]
        for name in names:
            path = Path(parent) / name
            if name.startswith("dovecot.index") or name.endswith(".lock") or Path(parent).name == "tmp":
                continue
            try:
                if not stat.S_ISREG(path.lstat().st_mode):
                    continue
                if is_messages:
                    _link(path, place / name)
                    number += 1
                else:
                    shutil.copy2(path, place / name, follow_symlinks=False)
            except FileNotFoundError:
                continue  # moved or deleted meanwhile: it is under its new name, or gone
    return number


def _link(source: Path, target: Path) -> None:
    try:
        os.link(source, target, follow_symlinks=False)
    except OSError:  # another file system
        shutil.copy2(source, target, follow_symlinks=False)


def _copy(source: Path, target: Path) -> None:
    """Copy a mailbox for the account of the mailboxes. Never links: a restored mailbox must not share with a dump."""
    shutil.copytree(source, target, symlinks=True)
    account = pwd.getpwnam("vmail")
    for parent, _folders, names in os.walk(target):
        for path in (Path(parent), *(Path(parent) / name for name in names)):
            os.chown(path, account.pw_uid, account.pw_gid, follow_symlinks=False)


def _messages(configuration: Path, home: Path, address: str) -> int:
    """Let Dovecot count the messages of all folders, as the account of the mailboxes."""
    account = pwd.getpwnam("vmail")
    done = subprocess.run(
        ["doveadm", "-c", str(configuration), "-f", "tab", "mailbox", "status", "--no-userdb-lookup", "messages", "*"],
        env={"USER": address, "HOME": str(home), "PATH": "/usr/bin:/bin"},
        user=account.pw_uid,
        group=account.pw_gid,
        extra_groups=[],
        capture_output=True,
        text=True,
        check=False,
        cwd="/",
    )
    if done.returncode:
        raise Failure(f"Dovecot cannot read the dump of {address}: {done.stderr.strip()[-300:]}")
    return sum(int(line.split("\t")[-1]) for line in done.stdout.splitlines()[1:])


def _copy_database(source: Path, target: Path) -> None:
    """Copy an SQLite database as it is at one moment, also while it is written."""
    with sqlite3.connect(f"file:{source}?mode=ro", uri=True) as old, sqlite3.connect(target) as new:
        old.backup(new)
    new.close()
    old.close()


def _prove_database(path: Path) -> None:
    with sqlite3.connect(f"file:{path}?mode=ro&immutable=1", uri=True) as database:
        answer = database.execute("PRAGMA integrity_check").fetchone()[0]
    database.close()
    if answer != "ok":
        raise Failure(f"Roundcube's database in the dump is damaged: {answer}")
