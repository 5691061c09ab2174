# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Dump, prove and restore: mailboxes, changed passwords, DKIM keys, what the spam filter learned, and Roundcube's data.

A message of a Maildir never changes, so a dump holds further names (hard links) of the same files: it costs no space,
takes seconds, and is what a mailbox was at that moment. What changes in place is copied; indexes are left out, Dovecot
makes them again. Their account reads mail from everywhere, so root goes through mailboxes by descriptors.
"""

from __future__ import annotations

import json
import os
import pwd
import secrets
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ringmaster.core import below
from ringmaster.core.below import Folder
from ringmaster.core.component import Wish
from ringmaster.core.report import Failure, counted
from ringmaster.core.systemd import systemctl
from ringmaster.mailserver.places import Places, run

REDIS = "ringmaster-mail-redis.service"
REDIS_DATA = Path("/var/lib/ringmaster-mail-redis/dump.rdb")
REDIS_SOCKET = "/run/ringmaster-mail-redis/redis.sock"
WEBMAIL = Path("/var/lib/dbconfig-common/sqlite3/roundcube/roundcube")
MESSAGES = ("cur", "new")
#: Folders of a mailbox lie side by side; Dovecot makes nothing as deep.
DEPTH = 16
# The database of Roundcube is read and written as the account that it belongs to, from input and to output.
WEBMAIL_ACCOUNT = "www-data"
READ_DATABASE = """import sqlite3, sys
memory = sqlite3.connect(":memory:")
sqlite3.connect(f"file:{sys.argv[1]}?mode=ro", uri=True).backup(memory)
sys.stdout.buffer.write(memory.serialize())
"""
# Roundcube's database has a write-ahead log, which one in memory cannot have: two bytes of its head say so.
LOAD_DATABASE = """import sqlite3, sys
memory = sqlite3.connect(":memory:")
data = bytearray(sys.stdin.buffer.read())
data[18:20] = b"\\1\\1"
memory.deserialize(data)
"""
CHECK_DATABASE = f"""{LOAD_DATABASE}
print(memory.execute("PRAGMA integrity_check").fetchone()[0])
"""
WRITE_DATABASE = f"""{LOAD_DATABASE}
memory.backup(sqlite3.connect(sys.argv[1]))
"""
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
    counts = {}
    with below.opened(places.mail) as mail, below.opened(folder) as root, root.make("mail") as target:
        for domain in _folders(mail):
            with mail.folder(domain) as source, target.make(domain) as place:
                for name in _folders(source):
                    with source.folder(name) as home, place.make(name) as copy:
                        counts[f"{name}@{domain}"] = _mirror(home, copy)
    (folder / "manifest.json").write_text(json.dumps({"messages": counts}, indent=1) + "\n")
    if places.passwords.exists():
        shutil.copy2(places.passwords, folder / "passwords.json")
    if places.keys.exists():
        shutil.copytree(places.keys, folder / "dkim")
    if WEBMAIL.exists():
        with (folder / "roundcube.sqlite").open("xb") as stream:
            _of_webmail(READ_DATABASE, str(WEBMAIL), stdout=stream)
    run("redis-cli", "-s", REDIS_SOCKET, "SAVE")
    if REDIS_DATA.exists():
        with (
            below.opened(REDIS_DATA.parent) as data,
            data.stream(REDIS_DATA.name) as stream,
            below.opened(folder) as root,
        ):
            root.write("spam-filter.rdb", stream)
    return len(counts)


def prove(places: Places, folder: Path) -> str:
    """Let Dovecot read every mailbox of a copy, and compare with what the dump counted."""
    counts = _manifest(folder)
    account = pwd.getpwnam("vmail")
    # Dovecot's account owns the mailboxes in it, and its own folder; the others are root's.
    scratch = Path(tempfile.mkdtemp(prefix="mailserver-proof-", dir=places.mail.parent))
    try:
        scratch.chmod(0o711)
        (scratch / "dovecot.conf").write_text(SCRATCH.format(folder=scratch))
        (scratch / "dovecot.conf").chmod(0o644)
        with below.opened(scratch) as root, root.make("mail", mode=0o711) as mail:
            root.make("run", account=account).close()
            for address, wanted in counts.items():
                name, _at, domain = address.partition("@")
                with mail.make(domain, mode=0o711) as place:
                    _bring(folder, address, place, name, account)
                found = _messages(scratch / "dovecot.conf", scratch / "mail" / domain / name, address)
                if found != wanted:
                    raise Failure(f"the dump of {address} has {counted(found, 'readable message')}, not {wanted}")
                mail.remove(domain)
    finally:
        below.remove(scratch)
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
    present = [address for address in counts if _is_there(places, address)]
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
        with (folder / "roundcube.sqlite").open("rb") as stream:
            _of_webmail(WRITE_DATABASE, str(WEBMAIL), stdin=stream)
    if (folder / "spam-filter.rdb").exists() and (replace or not REDIS_DATA.exists()):
        systemctl("stop", REDIS)
        with (folder / "spam-filter.rdb").open("rb") as stream, below.opened(REDIS_DATA.parent) as data:
            data.write(REDIS_DATA.name, stream, account=pwd.getpwnam("_rspamd"))
        systemctl("start", REDIS)


def _restore_mailbox(places: Places, folder: Path, address: str, target: str, replace: bool) -> None:
    domain, name = _home(target)
    account = pwd.getpwnam("vmail")
    with below.opened(places.mail) as mail:
        place = mail.make(domain, account=account) if mail.status(domain) is None else mail.folder(domain)
        with place:
            if _has_mail(place, name) and not replace:
                raise Failure(f"{target} has mail: --replace replaces it, --as puts it into another mailbox")
            old = f".{name}.old"
            for left in (old, f".{name}.new"):  # of a restore that was killed
                place.remove(left)
            _bring(folder, address, place, f".{name}.new", account)
            if place.status(name) is not None:
                place.move(name, place, old)
            place.move(f".{name}.new", place, name)
            place.remove(old)
    # Clients that are logged in have the old mailbox open.
    subprocess.run(["doveadm", "kick", target], capture_output=True, check=False)


def _bring(folder: Path, address: str, place: Folder, name: str, account: pwd.struct_passwd) -> None:
    """Put a copy of a mailbox of a dump into a folder, where the account gets it when it is whole.

    Never links: a restored mailbox must not share with a dump.
    """
    of_name, _at, of_domain = address.partition("@")
    arriving = f".arriving-{secrets.token_hex(6)}"
    with below.opened(folder / "mail" / of_domain / of_name) as source:
        try:
            with place.make(arriving) as new:
                _mirror(source, new, account=account)
                os.fchown(new.descriptor, account.pw_uid, account.pw_gid)
            place.move(arriving, place, name)
        except BaseException:
            place.remove(arriving)
            raise


def _folders(folder: Folder) -> Iterator[str]:
    for name in folder.names():
        status = folder.status(name)
        if status is not None and stat.S_ISDIR(status.st_mode) and not name.startswith("."):
            yield name


def _home(address: str) -> tuple[str, str]:
    """Return the folder of the domain, and that of the mailbox in it."""
    name, at, domain = address.partition("@")
    if not at or "/" in address or address.startswith(".") or domain.startswith("."):
        raise Failure(f"'{address}' is no address")
    return domain, name


def _has_mail(place: Folder, name: str) -> bool:
    """Whether a mailbox holds a message, in any of its folders."""
    status = place.status(name)
    if status is None:
        return False
    with place.folder(name) as home:
        return bool(home.find("-path", "./Maildir/*", "(", "-path", "*/cur/*", "-o", "-path", "*/new/*", ")"))


def _manifest(folder: Path) -> dict[str, int]:
    try:
        return json.loads((folder / "manifest.json").read_text())["messages"]
    except (OSError, ValueError, KeyError) as error:
        raise Failure(f"{folder} is not a dump of a mail server: {error}") from error


def _is_there(places: Places, address: str) -> bool:
    domain, name = _home(address)
    with below.opened(places.mail) as mail:
        if mail.status(domain) is None:
            return False
        with mail.folder(domain) as place:
            return _has_mail(place, name)


def _mirror(source: Folder, target: Folder, *, account: pwd.struct_passwd | None = None, depth: int = 0) -> int:
    """Copy a mailbox; return the number of messages. Without an account for the copy, messages are linked.

    What is neither a file nor a folder is left out: Dovecot makes nothing else.
    """
    if depth > DEPTH:
        raise Failure(f"{source.path}: folders lie deeper than in any mailbox")
    number = 0
    for name in source.names():
        try:
            status = source.status(name)
            if status is None or name.startswith("dovecot.index") or name.endswith(".lock"):
                continue
            if stat.S_ISDIR(status.st_mode):
                with source.folder(name) as inner, target.make(name) as copy:
                    if name != "tmp":
                        number += _mirror(inner, copy, account=account, depth=depth + 1)
                    if account is not None:
                        os.fchown(copy.descriptor, account.pw_uid, account.pw_gid)
            elif stat.S_ISREG(status.st_mode):
                is_message = source.path.name in MESSAGES
                if not (is_message and account is None and _link(source, target, name)):
                    # Messages have further names: in other folders, and in dumps.
                    owner = os.fstat(source.descriptor).st_uid if account is None else None
                    with source.stream(name, owner, names=None if is_message or account else 1) as stream:
                        target.write(name, stream, account=account, like=status)
                number += is_message
        except (FileNotFoundError, below.Refused):
            continue  # moved or deleted meanwhile: it is under its new name, or gone
    return number


def _link(source: Folder, target: Folder, name: str) -> bool:
    """Give a file a further name in a folder of root's; return whether that is possible."""
    try:
        os.link(name, name, src_dir_fd=source.descriptor, dst_dir_fd=target.descriptor, follow_symlinks=False)
    except FileNotFoundError:
        raise
    except OSError:  # another file system
        return False
    linked = target.status(name)
    if linked is not None and stat.S_ISREG(linked.st_mode) and linked.st_uid == os.fstat(source.descriptor).st_uid:
        return True
    target.remove(name)
    raise below.Refused(source.path / name, "it was exchanged")


def _messages(configuration: Path, home: Path, address: str) -> int:
    """Let Dovecot count the messages of all folders, as the account of the mailboxes."""
    done = below.as_account(
        "vmail",
        ["doveadm", "-c", str(configuration), "-f", "tab", "mailbox", "status", "--no-userdb-lookup", "messages", "*"],
        env={"USER": address, "HOME": str(home)},
    )
    if done.returncode:
        raise Failure(f"Dovecot cannot read the dump of {address}: {done.stderr.strip()[-300:]}")
    return sum(int(line.split("\t")[-1]) for line in done.stdout.splitlines()[1:])


def _of_webmail(script: str, *words: str, **options: Any) -> str:
    """Run a script on Roundcube's database as its account; return what it prints. Raises Failure."""
    done = below.as_account(WEBMAIL_ACCOUNT, ["/usr/bin/python3", "-I", "-c", script, *words], **options)
    if done.returncode:
        said = (done.stderr or "").strip().splitlines() or [f"exit code {done.returncode}"]
        raise Failure(f"the database of Roundcube: {said[-1][:300]}")
    return done.stdout or ""


def _prove_database(path: Path) -> None:
    with path.open("rb") as stream:
        answer = _of_webmail(CHECK_DATABASE, stdin=stream).strip()
    if answer != "ok":
        raise Failure(f"Roundcube's database in the dump is damaged: {answer}")
